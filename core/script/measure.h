/*
 * measure: what the host counts and times of every service: requests that it answered, over HTTP
 * and over the bus, calls that it made, its callbacks. Called by those who serve, on the worker.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include "core/base/metric_std.h"
#include "core/http/server.h"
#include "core/script/service.h"

/* What an endpoint is called in metrics. Its texts belong to the task that answers. */
struct measure_label {
    const char *handler; /* host:port/path as declared; NULL = none was found */
    const char *method;
    uint32_t port;
};

/* The owner of a state's metrics; NULL in trials and specs. */
struct metric_owner *measure_owner(const struct vm *vm);
/* Measures an exchange that a service answers, when it is over. */
void measure_exchange(struct exchange *x, struct resident *r);
/* The endpoint that answers it. */
void measure_handler(struct exchange *x, struct str handler);
/* A call that `to` has answered with a status; `began` is uv_hrtime(). */
void measure_call(const struct vm *from, const struct service *to,
                  const struct measure_label *label, int status, uint64_t began, size_t bytes);
/* A call that nobody answered, because there was nobody, or no time. */
void measure_refused(const struct vm *from, struct str host, int status);
/* [protected] request.callback(name, seconds, failed) */
int measure_callback(lua_State *L);
/* [protected] request.policy_failed(policy, code) */
int measure_policy(lua_State *L);

#endif
