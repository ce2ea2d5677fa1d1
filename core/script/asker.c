/*
 * asker: see asker.h. A question is a task in the resident of the service whose policy it is, on
 * the worker of the exchange. It runs at once; when it does not wait, its answer is there before
 * the plan goes on. Called by policy.c; ended() by the scheduler. Must never touch a state outside
 * of its tasks.
 *
 * An exchange that has asked once asks the same generation again: its record knows the serial
 * number of the resident, which lives on until the grace time is over, while exchanges still need
 * it. So what proxy.request began, proxy.response of the same file ends.
 */
#include "core/script/asker.h"

#include <math.h>
#include <stdio.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/metric_std.h"
#include "core/script/host.h"
#include "core/script/lib.h"
#include "core/script/lib_shared.h"
#include "core/script/measure.h"
#include "core/script/service.h"

#define QUIET_MS 60000   /* between two lines about the same function */
#define COUNT_MS 3600000 /* that what was not told is counted: generations come and go */

#define HASH_SHOWN      12 /* bytes of the hash of its files that tell a generation from others */
#define BUCKET_KEY_ROOM (OWN_KEY_ROOM + HASH_SHOWN)

/* The functions, in the order of enum policy_row. */
static const struct {
    const char *host, *folder, *function, *name, *instead;
} rows[POLICY_ROWS] = {
    {"proxy-svc", "proxy", "limit", "proxy.limit", "denied"},
    {"proxy-svc", "proxy", "request", "proxy.request", "denied"},
    {"registry-svc", "registry", "choose", "registry.choose", "a built-in chooser answered"},
    {"proxy-svc", "proxy", "response", "proxy.response", "the response goes on as it came"},
};

/* What an exchange remembers. In its arena. */
struct record {
    uint64_t serial;       /* of the resident of proxy-svc that it asks; 0 = none yet */
    struct service *proxy; /* whose it is */
    struct asked *open;    /* that waits, or NULL */
};

/* ---- functions of a generation -------------------------------------------------------------- */

void asker_load(lua_State *L, struct resident *r) {
    if (!r->gen->platform || !generation_file(r->gen, STR("policy.lua")).p) return;
    bool any = false;
    for (int i = 0; i < POLICY_ROWS; i++)
        any = any || str_eq(r->gen->folder, str_of(rows[i].folder));
    if (!any) return;
    asker_view_open(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "policies");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "user");
    for (int i = 0; i < POLICY_ROWS; i++) {
        if (!str_eq(r->gen->folder, str_of(rows[i].folder))) continue;
        if (lua_getfield(L, -1, rows[i].function) != LUA_TFUNCTION) {
            lua_pop(L, 1);
            continue;
        }
        r->policies[i] = ref_take(L);
        if (!r->gen->sealed) r->gen->asks |= policy_flag((enum policy_row)i);
    }
    lua_pop(L, 2);
}

void asker_unload(struct resident *r) {
    for (int i = 0; i < RESIDENT_POLICIES; i++)
        ref_drop(r->vm, r->policies[i]);
}

_Static_assert(RESIDENT_POLICIES == POLICY_ROWS, "a place for every function");

/* ---- failures ------------------------------------------------------------------------------- */

static const char *code_of(const struct task *t) {
    static const char *const codes[] = {[TASK_RETURNED] = "answer",
                                        [TASK_FAILED] = "error",
                                        [TASK_CANCELED] = "timeout",
                                        [TASK_NO_MEMORY] = "memory",
                                        [TASK_OVERRUN] = "overrun"};
    return codes[t->end];
}

/* The key of a fact about a function in the shared map, where lua/policies/binding.lua has its own:
 * a minute is a minute of all workers, and begins anew with other files. */
static struct str fact(const struct asked *q, const char *what, char out[100]) {
    const char *files = q->resident ? q->resident->gen->hash : "";
    int n = snprintf(out, 100, "%s%cpolicies:%s:%s:%.*s", rows[q->row].host, (char)OWN_SHARED, what,
                     rows[q->row].name, HASH_SHOWN, files);
    return str_make(out, (size_t)n);
}

/* Whether this failure is told; then also how many were not since the last one that was. */
static bool is_news(const struct asked *q, int64_t *left_out) {
    char told[100], silent[100];
    struct str count = fact(q, "left-out", silent);
    *left_out = 0;
    if (shared_add(host.shared, fact(q, "told", told), STR("1"), QUIET_MS) == ERR_EXISTS) {
        shared_incr(host.shared, count, 1, 0, COUNT_MS, left_out);
        return false;
    }
    shared_incr(host.shared, count, 0, 0, COUNT_MS, left_out);
    shared_del(host.shared, count);
    return true;
}

static void tell(const struct asked *q, struct metric_owner *owner, const char *code,
                 struct str error, struct str trace) {
    int64_t left_out;
    metric_policy(owner, str_of(rows[q->row].name), str_of(code));
    if (!is_news(q, &left_out)) return;
    log_error("a policy failed", LOGS("request_id", q->x->id), LOGZ("policy", rows[q->row].name),
              LOGZ("code", code), LOGS("error", error), LOGZ("result", rows[q->row].instead),
              LOGI("not_told", left_out), LOGS("traceback", trace));
}

static void failed(struct asked *q, struct task *t) {
    struct buf trace, message;
    buf_init(&trace);
    buf_init(&message);
    task_error(t, &trace, &message);
    q->failed = true;
    tell(q, measure_owner(t->vm), code_of(t), buf_view(&message), buf_view(&trace));
    buf_free(&trace);
    buf_free(&message);
}

/* It could not even be asked. */
static void not_asked(struct asked *q, const struct err *e) {
    q->failed = true;
    tell(q, NULL, "refused", str_of(e->code ? e->text : "out of memory"), STR_NONE);
}

/* ---- answers -------------------------------------------------------------------------------- */

static lua_Number number(lua_State *L, int at, const char *what, lua_Number fallback) {
    if (fallback > 0 && lua_isnoneornil(L, at)) return fallback;
    if (lua_type(L, at) != LUA_TNUMBER)
        luaL_error(L, "proxy.limit answers key, rate, burst and perhaps cost: %s is a %s", what,
                   luaL_typename(L, at));
    return lua_tonumber(L, at);
}

/* The key of a bucket in the shared map. Other files have other buckets, which are full: what a
 * client lacks of a limit that was wrong must not keep it out once the limit is mended. */
static struct str bucket_key(lua_State *L, const struct asked *q, char room[BUCKET_KEY_ROOM]) {
    if (lua_type(L, 1) != LUA_TSTRING)
        luaL_error(L, "proxy.limit answers a text as the key, not a %s", luaL_typename(L, 1));
    struct str key = lib_str(L, 1);
    if (key.n > OWN_KEY_MAX) luaL_error(L, "the key of proxy.limit is longer than 512 bytes");
    struct str own = own_key(L, OWN_LIMITS, key, 1, room);
    memcpy(room + own.n, q->resident->gen->hash, HASH_SHOWN);
    return str_make(room, own.n + HASH_SHOWN);
}

/* Nothing: there is no limit. Else key, rate, burst, cost. */
static void take_limit(lua_State *L, struct asked *q) {
    char room[BUCKET_KEY_ROOM];
    struct shared_left left;
    if (lua_isnil(L, 1)) return;
    struct str key = bucket_key(L, q, room);
    const struct shared_bucket b = {number(L, 2, "the rate", 0), number(L, 3, "the burst", 0)};
    lua_Number cost = number(L, 4, "the cost", 1);
    int rc = shared_take(host.shared, key, &b, cost, uv_hrtime(), &left);
    if (rc == -EINVAL)
        luaL_error(
            L,
            "proxy.limit: rate %g, burst %g, cost %g make no limit: the rate is above 0 and at "
            "most a million a second, the burst at least 1, the cost at most the burst, and an "
            "empty bucket is full again within 31 days",
            b.rate, b.burst, cost);
    if (rc < 0) luaL_error(L, "proxy.limit: %s", err_name(rc));
    q->limited = true;
    q->limit = (struct policy_limit){
        .limit = (uint64_t)b.burst,
        .remaining = (uint64_t)left.tokens,
        .reset = (uint64_t)ceil((double)left.full_ns / 1e9),
        .retry = left.taken ? 0 : (uint64_t)ceil((double)left.enough_ns / 1e9),
    };
}

static const struct upstream *by_id(const struct upstreams *list, struct str id) {
    for (int i = 0; i < list->n; i++)
        if (str_eq(list->list[i].id, id)) return &list->list[i];
    return NULL;
}

/* "hash" may come with what it hashes. */
static bool take_chooser(lua_State *L, struct policy *p) {
    if (!choose_named(lib_str(L, 1), &p->how)) return false;
    p->chosen = true;
    if (p->how != CHOOSE_HASH || lua_isnil(L, 2)) return true;
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_error(L, "registry.choose answers \"hash\" and a text, not a %s", luaL_typename(L, 2));
    p->key = choose_hash(lib_str(L, 2));
    p->keyed = true;
    return true;
}

/* An instance, its id or its place in the list; or the name of a built-in chooser. Nothing: the
 * settings say which. */
static void take_choice(lua_State *L, struct asked *q) {
    const struct upstreams *list = q->x->route->data;
    struct policy *p = q->x->policy;
    if (lua_isnil(L, 1)) return;
    if (lua_istable(L, 1)) {
        lua_getfield(L, 1, "id");
        lua_replace(L, 1);
    }
    if (lua_isinteger(L, 1)) {
        lua_Integer i = lua_tointeger(L, 1);
        if (i >= 1 && i <= list->n) p->to = &list->list[i - 1];
    } else if (lua_type(L, 1) == LUA_TSTRING && !take_chooser(L, p)) {
        p->to = by_id(list, lib_str(L, 1));
    }
    if (!p->to && !p->chosen)
        luaL_error(L,
                   "registry.choose answers an instance, its id, its place in the list, or "
                   "\"round_robin\", \"least_outstanding\" or \"hash\": %s is none of them",
                   luaL_tolstring(L, 1, NULL));
}

/* The function has returned: in its coroutine, where an answer that is none raises. */
static int returned(lua_State *L, int status, lua_KContext context) {
    struct asked *q = task_running(L)->data;
    (void)status, (void)context;
    lua_settop(L, 4);
    if (!q) return 0;
    switch (q->row) {
    case POLICY_LIMIT:
        take_limit(L, q);
        break;
    case POLICY_REQUEST:
        asker_take_answer(L, q);
        break;
    case POLICY_CHOOSE:
        take_choice(L, q);
        break;
    case POLICY_RESPONSE:
    case POLICY_ROWS:
        break;
    }
    return 0;
}

/* The task: calls its argument with (request), (request, response) or (instances, request). */
static int run(lua_State *L) {
    const struct task *t = task_running(L);
    const struct asked *q = t->data;
    if (q->row == POLICY_CHOOSE) asker_push_instances(L, q->x->route->data);
    asker_push_request(L, t->id);
    if (q->row == POLICY_RESPONSE) asker_push_response(L, t->id);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, returned);
    return returned(L, LUA_OK, 0);
}

/* Uses the answer. */
static enum plan_result conclude(struct asked *q) {
    struct exchange *x = q->x;
    switch (q->row) {
    case POLICY_LIMIT:
        if (q->failed) return policy_deny(x);
        return q->limited ? policy_limited(x, &q->limit) : PLAN_NEXT;
    case POLICY_REQUEST:
        if (q->failed) return policy_deny(x);
        if (!q->answers) return PLAN_NEXT;
        exchange_answer_fields(x, q->status, q->fields, q->n_fields, q->body);
        return PLAN_ANSWERED;
    case POLICY_RESPONSE:
        if (q->failed) policy_restore(x);
        break;
    case POLICY_CHOOSE:
    case POLICY_ROWS:
        break;
    }
    return PLAN_NEXT;
}

/* ---- asking --------------------------------------------------------------------------------- */

static void ended(struct task *t, enum task_end end, int nresults) {
    struct asked *q = t->data;
    (void)nresults;
    t->data = NULL;
    if (!q) return; /* the client has left */
    if (end != TASK_RETURNED) failed(q, t);
    q->over = true;
    if (q->asking) return;
    struct record *record = q->x->policy->asker;
    record->open = NULL;
    policy_ready(q->x);
    if (conclude(q) == PLAN_NEXT) policy_go_on(q->x);
}

static int push(lua_State *co, void *arg) {
    const struct asked *q = arg;
    lua_pushcfunction(co, run);
    ref_push(co, q->resident->vm, q->resident->policies[q->row]);
    return 1;
}

/* The resident stays until the exchange is over. */
static void pin(struct record *record, struct service *s, struct resident *r) {
    record->serial = r->serial;
    record->proxy = s;
    r->pins++;
}

/* Who answers: the generation that this exchange has asked before, else the one in force. */
static struct resident *find(struct record *record, const struct asked *q, struct err *e) {
    struct worker *w = q->x->worker;
    if (q->row != POLICY_CHOOSE && record->serial) {
        struct resident *r = service_resident(record->proxy, w, record->serial);
        if (!r) err_set(e, ERR_CLOSED, "the generation that was asked before is gone");
        return r;
    }
    struct service *s = service_find(w, str_of(rows[q->row].host));
    struct resident *r = s ? service_here(s, w, e) : NULL;
    if (!s) err_set(e, ERR_CLOSED, "%s is not in service", rows[q->row].host);
    if (r && q->row != POLICY_CHOOSE) pin(record, s, r);
    return r;
}

/* What is left of the client's patience bounds it, too. */
static uint64_t deadline(const struct exchange *x) {
    uint64_t ms = conf.policy_timeout / 1000000, most = conf.lua_deadline / 2000000;
    uint64_t age = (uv_hrtime() - x->started) / 1000000;
    if (most < ms) ms = most;
    if (x->budget_ms && x->budget_ms <= age + ms) ms = x->budget_ms > age ? x->budget_ms - age : 0;
    return ms ? ms : 1;
}

static int start(struct asked *q, struct err *e) {
    struct task *t = resident_task_late(q->resident, push, q, e);
    if (!t) return e->code;
    q->task = t;
    t->data = q;
    t->ended = ended;
    t->what = rows[q->row].name;
    t->request_id = arena_str(&t->arena, q->x->id);
    t->cpu_most = conf.policy_cpu < conf.lua_cpu / 2 ? conf.policy_cpu : conf.lua_cpu / 2;
    task_deadline(t, deadline(q->x));
    q->asking = true;
    task_start(t);
    q->asking = false;
    return 0;
}

static enum plan_result ask(struct exchange *x, enum policy_row row) {
    struct policy *p = x->policy;
    struct err e = {0};
    if (!p->asker) p->asker = arena_zalloc(&x->arena, sizeof(struct record));
    struct record *record = p->asker;
    struct asked *q = record ? arena_zalloc(&x->arena, sizeof *q) : NULL;
    if (!q) return row == POLICY_LIMIT || row == POLICY_REQUEST ? policy_deny(x) : PLAN_NEXT;
    q->x = x;
    q->row = row;
    q->resident = find(record, q, &e);
    /* While a generation with other functions comes, routes have the flags of both. */
    if (q->resident && q->resident->policies[row] == LUA_NOREF) return PLAN_NEXT;
    if (!q->resident || start(q, &e) < 0)
        not_asked(q, &e);
    else if (!q->over) {
        record->open = q;
        return PLAN_LATER;
    }
    return conclude(q);
}

static void cancel(struct exchange *x) {
    struct record *record = x->policy->asker;
    struct asked *q = record->open;
    record->open = NULL;
    q->task->data = NULL;
    task_cancel(q->task);
}

static void over(struct exchange *x) {
    const struct record *record = x->policy->asker;
    if (!record || !record->serial) return;
    struct resident *r = service_resident(record->proxy, x->worker, record->serial);
    if (r) r->pins--;
}

void asker_open(void) {
    static const struct policy_asker asker = {ask, cancel, over};
    policy_set_asker(&asker);
}
