/*
 * refresh: the one step of the plan that needs the control plane. A task in the account service's
 * state on the same worker mints the new token; the exchange waits for it. Called by plan.c.
 */
#include "core/script/refresh.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/http/plan.h"
#include "core/script/service.h"
#include "core/secure/token.h"

#define ACCOUNTS "user-svc"

/* A refresh under way. */
struct refresh {
    struct exchange *x; /* NULL once the client left */
    struct task *task;
    struct resident *resident;
    struct str token; /* the expired one; in x's arena */
};

/* call(host, platform, known, frame, "Refresh", token) */
static int push(lua_State *co, void *arg) {
    struct refresh *r = arg;
    ref_push(co, r->resident->vm, r->resident->call);
    lua_pushliteral(co, "proxy-svc");
    lua_pushboolean(co, 1);
    lua_pushboolean(co, 0);
    lua_pushnil(co);
    lua_pushliteral(co, "Refresh");
    lua_pushlstring(co, r->token.p, r->token.n);
    return 6;
}

static void refused(struct refresh *r, struct task *t, enum task_end end) {
    struct buf trace, message;
    buf_init(&trace);
    buf_init(&message);
    int status = end == TASK_FAILED ? task_error(t, &trace, &message) : 500;
    if (status < 400 || status >= 500)
        log_error("token refresh failed", LOGS("request_id", r->x->id),
                  LOGS("error", buf_view(&message)), LOGS("traceback", buf_view(&trace)));
    buf_free(&trace);
    buf_free(&message);
    plan_refreshed(r->x, STR_NONE, "token refresh failed: 500 Internal Server Error");
}

static void ended(struct task *t, enum task_end end, int nresults) {
    struct refresh *r = t->data;
    size_t n = 0;
    const char *token = NULL;
    if (end == TASK_RETURNED && nresults == 1 && lua_type(t->co, -1) == LUA_TSTRING)
        token = lua_tolstring(t->co, -1, &n);
    if (!r->x)
        ;
    else if (token && n <= TOKEN_MAX)
        plan_refreshed(r->x, str_make(token, n), NULL);
    else
        refused(r, t, end);
    mem_free(r);
}

static void start(struct exchange *x, void **state) {
    struct err e = {0};
    struct service *s = service_find(x->worker, STR(ACCOUNTS));
    struct refresh *r = s ? mem_zalloc(sizeof *r) : NULL;
    if (r) {
        r->x = x;
        r->token = x->token;
        r->resident = service_here(s, x->worker, &e);
    }
    struct task *t = r && r->resident ? resident_task(r->resident, push, r, &e) : NULL;
    if (!t) {
        log_error("token refresh not started", LOGS("request_id", x->id), LOGZ("error", e.text));
        mem_free(r);
        plan_refreshed(x, STR_NONE, "token refresh failed: 503 Service Unavailable");
        return;
    }
    r->task = t;
    t->data = r;
    t->ended = ended;
    *state = r;
    task_deadline(t, 10000);
    task_start(t);
}

static void canceled(void *state) {
    struct refresh *r = state;
    r->x = NULL;
    task_cancel(r->task);
}

void refresh_open(void) {
    static const struct plan_refresher refresher = {start, canceled};
    plan_set_refresher(&refresher);
}
