/*
 * asker: answers the questions of core/http/policy.h with the functions of the user's policies:
 * proxy.limit, proxy.request and proxy.response in the states of proxy-svc, registry.choose in
 * those of registry-svc. asker.c asks and uses the answers; asker_view.c is what a function sees of
 * the request, and how it changes it.
 *
 * Which functions there are is known since the generation was tried: it becomes flags of routes
 * (routes.c), so that a request that no policy concerns meets nothing of this.
 */
#ifndef ASKER_H
#define ASKER_H

#include "core/http/policy.h"
#include "core/script/resident.h"

/* Once, before anything serves. */
void asker_open(void);

/* [protected] Takes the functions that the user's policies of this service define. The generation
 * that is on trial gets their flags. */
void asker_load(lua_State *L, struct resident *r);
void asker_unload(struct resident *r);

/* ---- between asker.c and asker_view.c ---- */

/* A question that a task answers. In the arena of its exchange; the task forgets it (data = NULL)
 * when the exchange leaves first. */
struct asked {
    struct exchange *x;
    enum policy_row row;
    struct task *task;
    struct resident *resident;
    bool asking; /* ask() is on the stack and takes the answer from here */
    bool over;
    bool failed;
    /* the answer */
    bool answers; /* of proxy.request: itself */
    int status;
    struct field *fields;
    int n_fields;
    struct str body;
    struct policy_limit limit; /* of proxy.limit */
    bool limited;
};

/* [protected] Register what is pushed below. */
void asker_view_open(lua_State *L);
/* [protected] The request, the response of POLICY_RESPONSE, the instances of POLICY_CHOOSE. */
void asker_push_request(lua_State *L, struct task_id id);
void asker_push_response(lua_State *L, struct task_id id);
void asker_push_instances(lua_State *L, const struct upstreams *list);
/* [protected] Takes the answer of proxy.request from the results 1 to 2 on the stack. */
void asker_take_answer(lua_State *L, struct asked *q);

#endif
