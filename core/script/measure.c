/*
 * measure: hands what happened to the standard metrics of the service that it happened to.
 */
#include "core/script/measure.h"

#include "core/script/lib.h"
#include "core/script/service.h"

/* What is known of an exchange's endpoint; in its arena, because the service's state may be gone
 * before the client has taken everything. */
struct measured {
    struct metric_owner *owner;
    struct str handler;
};

struct metric_owner *measure_owner(const struct vm *vm) {
    const struct resident *r = vm->owner;
    return r && r->service ? service_metrics(r->service) : NULL;
}

static double seconds_since(uint64_t began) {
    return (double)(uv_hrtime() - began) / 1e9;
}

static uint32_t port_of(int port) {
    return port > 0 ? (uint32_t)port : 443;
}

static void over(struct exchange *x) {
    const struct measured *m = x->free_data;
    if (x->status == 0) return; /* the client left before there was an answer */
    metric_response(m->owner, m->handler, port_of(x->port), x->h1.head.method, (uint32_t)x->status,
                    seconds_since(x->started), x->sent);
}

void measure_exchange(struct exchange *x, struct resident *r) {
    struct measured *m = arena_zalloc(&x->arena, sizeof *m);
    if (!m) return;
    m->owner = measure_owner(r->vm);
    x->free_data = m;
    x->on_free = over;
}

void measure_handler(struct exchange *x, struct str handler) {
    struct measured *m = x->free_data;
    if (m) m->handler = arena_str(&x->arena, handler);
}

void measure_call(const struct vm *from, const struct service *to,
                  const struct measure_label *label, int status, uint64_t began, size_t bytes) {
    struct str method = str_of(label->method ? label->method : "POST");
    uint32_t port = label->handler ? label->port : 443, code = (uint32_t)status;
    struct metric_owner *caller = measure_owner(from);
    if (label->handler)
        metric_response(service_metrics(to), str_of(label->handler), port, method, code,
                        seconds_since(began), bytes);
    metric_request(caller, method, service_host(to), port, code);
}

void measure_refused(const struct vm *from, struct str host, int status) {
    metric_request(measure_owner(from), STR("POST"), host, 443, (uint32_t)status);
}

int measure_callback(lua_State *L) {
    struct str name = lib_str(L, 1);
    metric_callback(measure_owner(vm_of(L)), name, luaL_checknumber(L, 2), lua_toboolean(L, 3));
    return 0;
}

int measure_policy(lua_State *L) {
    struct str policy = lib_str(L, 1), code = lib_str(L, 2);
    metric_policy(measure_owner(vm_of(L)), policy, code);
    return 0;
}
