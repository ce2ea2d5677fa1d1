/*
 * plan: CORS, time budgets, bearer tokens and the questions of policy.h. Runs on the worker of the
 * exchange, before any handler; never blocks and never enters Lua itself.
 *
 * A token that expired is replaced on the way: by what an earlier request got for it, or by asking
 * the refresher that the script layer installed. Per worker there is one memory of replacements
 * (old token's SHA-256 -> new token, least recently used goes) and one list of refreshes under way.
 */
#include "core/http/plan.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/http/conn.h"
#include "core/http/door.h"
#include "core/http/policy.h"
#include "core/secure/seal.h"
#include "core/secure/token.h"

#define REPLACEMENTS  1024 /* kept per worker */
#define REFRESHES     4096 /* under way per worker; more are answered 503 */
#define SECONDS_LEFT  5    /* a replacement with less life is not used */
#define REFRESH_BROKE "token refresh failed: 500 Internal Server Error"

/* What came in place of an expired token. */
struct replacement {
    struct list link; /* the least recently used first */
    unsigned char old[SEAL_SHA_LEN];
    size_t n;
    char token[];
};

/* One question to the refresher, and its answer. */
struct refresh {
    unsigned char old[SEAL_SHA_LEN];
    const struct plan_refresher *by;
    void *state;         /* the refresher's */
    struct list waiting; /* struct exchange.refresh_link; the first one asked */
    bool starting;       /* inside by->start */
    bool answered;       /* token and why are known */
    char *token;         /* NULL = refused */
    char why[200];       /* then */
};

struct plan_memory {
    struct map replaced; /* SHA-256 -> struct replacement */
    struct list recent;
    struct map under_way; /* SHA-256 -> struct refresh */
};

static const struct plan_refresher *_Atomic refresher;

void plan_set_refresher(const struct plan_refresher *r) {
    atomic_store(&refresher, r);
}

/* ---- memory --------------------------------------------------------------------------------- */

static struct plan_memory *memory_of(const struct exchange *x) {
    struct http *h = x->conn->server->http;
    if (h->plan) return h->plan;
    struct plan_memory *m = mem_zalloc(sizeof *m);
    if (!m) return NULL;
    map_init(&m->replaced, REPLACEMENTS);
    map_init(&m->under_way, REFRESHES);
    list_init(&m->recent);
    h->plan = m;
    return m;
}

static struct str key_of(const unsigned char sha[SEAL_SHA_LEN]) {
    return str_make((const char *)sha, SEAL_SHA_LEN);
}

static void forget(struct plan_memory *m, struct replacement *r) {
    map_del(&m->replaced, key_of(r->old));
    list_unlink(&r->link);
    mem_free(r);
}

/* Remembering is a favour: without memory the next request asks again. */
static void remember(struct plan_memory *m, const unsigned char old[SEAL_SHA_LEN],
                     struct str token) {
    struct replacement *r = map_get(&m->replaced, key_of(old));
    if (r) forget(m, r);
    if (m->replaced.n >= REPLACEMENTS)
        forget(m, LIST_ENTRY(m->recent.next, struct replacement, link));
    r = mem_alloc(sizeof *r + token.n);
    if (!r) return;
    memcpy(r->old, old, SEAL_SHA_LEN);
    memcpy(r->token, token.p, token.n);
    r->n = token.n;
    if (map_put(&m->replaced, key_of(old), r) < 0)
        mem_free(r);
    else
        list_push(&m->recent, &r->link);
}

void plan_memory_free(struct plan_memory *m) {
    if (!m) return;
    while (!list_empty(&m->recent))
        forget(m, LIST_ENTRY(m->recent.next, struct replacement, link));
    map_free(&m->replaced);
    map_free(&m->under_way);
    mem_free(m);
}

static enum plan_result no_memory(struct exchange *x) {
    exchange_error(x, 503, "out of memory");
    return PLAN_ANSWERED;
}

/* ---- CORS ----------------------------------------------------------------------------------- */

/* API routes: the same for everybody. */
static void api_cors(const struct exchange *x, struct buf *head) {
    struct str origin = head_get(&x->h1.head, H1_ORIGIN);
    buf_str(head, STR("Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"
                      "Access-Control-Allow-Headers: Accept, Content-Type, Content-Length, "
                      "Accept-Encoding, X-CSRF-Token, Authorization, X-Content-Encrypted\r\n"
                      "Access-Control-Allow-Credentials: false\r\n"
                      "Vary: Origin\r\n"
                      "Access-Control-Allow-Origin: "));
    buf_str(head, origin.n > 0 ? origin : STR("*"));
    buf_str(head, STR("\r\n"));
}

static bool says(const struct field *fields, int n, struct str name) {
    for (int i = 0; i < n; i++)
        if (str_ieq(fields[i].name, name)) return true;
    return false;
}

static void add_unless_said(struct buf *head, const struct field *fields, int n, struct str name,
                            struct str value) {
    if (says(fields, n, name)) return;
    buf_str(head, name);
    buf_str(head, STR(": "));
    buf_str(head, value);
    buf_str(head, STR("\r\n"));
}

/* What the handler says itself is not said again. Credentials (cookies) are for origins that
 * somebody listed by name: echoing whatever origin asks and allowing them, too, would let every
 * page of the web act as its visitor. A handler that names the origin decides about them as well.
 */
static void origin_cors(const struct exchange *x, const struct field *fields, int n,
                        struct buf *head) {
    static const struct str all[] = {{"Access-Control-Allow-Methods", 28},
                                     {"Access-Control-Allow-Headers", 28},
                                     {"Access-Control-Expose-Headers", 29}};
    const struct str origin = STR("Access-Control-Allow-Origin");
    buf_str(head, STR("Vary: Origin\r\n")); /* without Origin, too: caches must ask again */
    if (x->origin.n == 0) return;
    if (!says(fields, n, origin) && door_origin(x->origin) == DOOR_LISTED)
        add_unless_said(head, fields, n, STR("Access-Control-Allow-Credentials"), STR("true"));
    add_unless_said(head, fields, n, origin, x->origin);
    for (int i = 0; i < 3; i++)
        add_unless_said(head, fields, n, all[i], STR("*"));
}

void plan_cors(const struct exchange *x, const struct field *fields, int n, struct buf *head) {
    if (x->route && (x->route->flags & ROUTE_ORIGIN))
        origin_cors(x, fields, n, head);
    else
        api_cors(x, head);
}

static enum plan_result step_cors(struct exchange *x) {
    if (!x->route || !(x->route->flags & ROUTE_CORS) || !str_eq(x->h1.head.method, STR("OPTIONS")))
        return PLAN_NEXT;
    exchange_answer(x, 200, STR("application/json"), STR_NONE);
    return PLAN_ANSWERED;
}

/* A preflight. "*" does not cover Authorization, and with credentials it covers nothing (Fetch
 * standard, "CORS protocol and credentials"), so what is asked for is named as well. */
static enum plan_result allow_preflight(struct exchange *x, struct str method) {
    struct str names = head_find(&x->h1.head, STR("Access-Control-Request-Headers"));
    const struct field fields[] = {
        {.name = STR("Access-Control-Allow-Methods"),
         .value = arena_printf(&x->arena, "*, %.*s", STR_FMT(method))},
        {.name = STR("Access-Control-Allow-Headers"),
         .value = arena_printf(&x->arena, "*, %.*s", STR_FMT(names))},
    };
    if (!fields[0].value.p || !fields[1].value.p) return no_memory(x);
    exchange_answer_fields(x, 204, fields, names.n > 0 ? 2 : 1, STR_NONE);
    return PLAN_ANSWERED;
}

static enum plan_result step_origin(struct exchange *x) {
    if (!x->route || !(x->route->flags & ROUTE_ORIGIN)) return PLAN_NEXT;
    struct str origin = head_get(&x->h1.head, H1_ORIGIN);
    if (origin.n == 0) return PLAN_NEXT;
    if (door_origin(origin) == DOOR_CLOSED) {
        char text[240];
        snprintf(text, sizeof text, "disallowed origin '%.*s'", STR_FMT(str_first(origin, 200)));
        exchange_error(x, 403, text);
        return PLAN_ANSWERED;
    }
    x->origin = origin;
    struct str method = head_find(&x->h1.head, STR("Access-Control-Request-Method"));
    return exchange_preflight(x) && method.n > 0 ? allow_preflight(x, method) : PLAN_NEXT;
}

/* ---- time budget ---------------------------------------------------------------------------- */

#define BUDGET_MOST 1000000000u /* seconds; more are taken for that many */

static bool digits(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

/* Seconds, 5 or 0.25, as milliseconds, rounded up. 0 = they are no number above 0. */
static uint64_t milliseconds(struct str s) {
    struct str whole, part;
    uint64_t seconds, thousandths = 0;
    bool point = str_cut(s, '.', &whole, &part);
    if (!digits(whole) || (point && !digits(part))) return 0;
    if (str_u64(whole, &seconds) < 0 || seconds > BUDGET_MOST) seconds = BUDGET_MOST;
    for (size_t i = 0; i < 3; i++)
        thousandths = thousandths * 10 + (i < part.n ? (uint64_t)(part.p[i] - '0') : 0);
    for (size_t i = 3; i < part.n; i++) {
        if (part.p[i] == '0') continue;
        thousandths++;
        break;
    }
    return seconds * 1000 + thousandths;
}

static enum plan_result step_budget(struct exchange *x) {
    struct str value = head_get(&x->h1.head, H1_REQUEST_TIMEOUT);
    if (!value.p) return PLAN_NEXT;
    x->budget_ms = milliseconds(value);
    if (x->budget_ms > 0) return PLAN_NEXT;
    exchange_error(x, 400, "Request-Timeout must be a number of seconds above 0, like 5 or 0.25");
    return PLAN_ANSWERED;
}

/* ---- tokens --------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 401 in the form that clients of this path know. */
static enum plan_result unauthorized(struct exchange *x, const char *why) {
    static const struct field fields[] = {
        {.name = {"Content-Type", 12}, .value = {"text/plain; charset=utf-8", 25}},
        {.name = {"WWW-Authenticate", 16}, .value = {"Bearer error=\"invalid_token\"", 28}},
    };
    char text[512];
    struct buf body;
    snprintf(text, sizeof text, "Unauthorized: %s", why);
    buf_init(&body);
    buf_str(&body, STR("{\"error\": "));
    buf_json(&body, str_of(text));
    buf_char(&body, '}');
    struct str s = buf_ok(&body) ? buf_view(&body) : STR("{\"error\": \"Unauthorized\"}");
    exchange_answer_fields(x, 401, fields, 2, s);
    buf_free(&body);
    return PLAN_ANSWERED;
}

/* Lets the exchange go on with `token` in place of the one that came. */
static enum plan_result go_on(struct exchange *x, struct str token, const struct claims *claims) {
    x->auth_text = arena_printf(&x->arena, "Bearer %.*s", STR_FMT(token));
    if (!x->auth_text.p) {
        token_claims_give(claims);
        return no_memory(x);
    }
    x->token = str_from(x->auth_text, 7);
    x->auth = claims;
    return PLAN_NEXT;
}

/* The refresher's answer for one exchange. */
static enum plan_result use_answer(struct exchange *x, struct plan_memory *m,
                                   const struct refresh *r) {
    const struct claims *claims = NULL;
    struct err e = {0};
    struct str token = str_of(r->token);
    if (!r->token) return unauthorized(x, r->why);
    if (token_verify(token, now(), &claims, &e) != TOKEN_OK) {
        if (claims) token_claims_give(claims);
        return unauthorized(x, REFRESH_BROKE);
    }
    remember(m, r->old, token);
    return go_on(x, token, claims);
}

/* ---- refreshing ----------------------------------------------------------------------------- */

static struct exchange *first_of(const struct refresh *r) {
    if (list_empty(&r->waiting)) return NULL;
    return LIST_ENTRY(r->waiting.next, struct exchange, refresh_link);
}

static void leave(struct exchange *x) {
    list_unlink(&x->refresh_link);
    x->refresh = NULL;
    x->waiting = false;
}

static void refresh_free(struct plan_memory *m, struct refresh *r) {
    map_del(&m->under_way, key_of(r->old));
    mem_free(r->token);
    mem_free(r);
}

/* Asks on behalf of the first one. True = the answer is there already. */
static bool ask(struct refresh *r) {
    r->starting = true;
    r->by->start(first_of(r), &r->state);
    r->starting = false;
    return r->answered;
}

/* Hands the answer to everybody who waits. Each may end inside, and new ones may come, so the list
 * is read anew. */
static void answer_all(struct plan_memory *m, struct refresh *r) {
    struct exchange *x;
    while ((x = first_of(r))) {
        leave(x);
        if (use_answer(x, m, r) == PLAN_NEXT) exchange_resume(x);
    }
    refresh_free(m, r);
}

void plan_refreshed(struct exchange *x, struct str token, const char *why) {
    struct refresh *r = x->refresh;
    if (!r || r->answered) return;
    r->answered = true;
    r->token = token.n > 0 ? mem_dup(token) : NULL;
    snprintf(r->why, sizeof r->why, "%s", why && token.n == 0 ? why : REFRESH_BROKE);
    if (!r->starting) answer_all(memory_of(x), r);
}

void plan_cancel(struct exchange *x) {
    struct refresh *r = x->refresh;
    policy_cancel(x);
    if (!r) return;
    bool first = first_of(r) == x;
    struct plan_memory *m = memory_of(x);
    leave(x);
    if (!first || r->answered || r->starting) return;
    r->by->canceled(r->state);
    r->state = NULL;
    if (!first_of(r))
        refresh_free(m, r);
    else if (ask(r))
        answer_all(m, r);
}

/* A new question. */
static struct refresh *refresh_new(struct plan_memory *m, const unsigned char old[SEAL_SHA_LEN]) {
    struct refresh *r = mem_zalloc(sizeof *r);
    if (!r) return NULL;
    memcpy(r->old, old, SEAL_SHA_LEN);
    list_init(&r->waiting);
    r->by = atomic_load(&refresher);
    if (map_put(&m->under_way, key_of(old), r) == 0) return r;
    mem_free(r);
    return NULL;
}

static enum plan_result refresh(struct exchange *x, struct plan_memory *m,
                                const unsigned char old[SEAL_SHA_LEN]) {
    if (!atomic_load(&refresher)) return unauthorized(x, REFRESH_BROKE);
    struct refresh *r = map_get(&m->under_way, key_of(old));
    bool asked = r != NULL;
    if (!r) r = refresh_new(m, old);
    if (!r) {
        exchange_error(x, 503, "too many tokens are being refreshed, try again");
        return PLAN_ANSWERED;
    }
    x->refresh = r;
    list_push(&r->waiting, &x->refresh_link);
    if (asked || !ask(r)) return PLAN_LATER;
    leave(x);
    enum plan_result result = use_answer(x, m, r);
    refresh_free(m, r);
    return result;
}

/* ---- the token step ------------------------------------------------------------------------- */

/* A token that was refreshed a moment ago. False = there is none. */
static bool replaced(struct exchange *x, struct plan_memory *m,
                     const unsigned char old[SEAL_SHA_LEN], enum plan_result *result) {
    struct replacement *r = map_get(&m->replaced, key_of(old));
    if (!r) return false;
    const struct claims *claims = NULL;
    struct err e = {0};
    struct str token = str_make(r->token, r->n);
    double t = now();
    bool good = token_verify(token, t, &claims, &e) == TOKEN_OK &&
                (double)claims->expires - t > SECONDS_LEFT;
    if (!good) {
        if (claims) token_claims_give(claims);
        forget(m, r);
        return false;
    }
    list_unlink(&r->link);
    list_push(&m->recent, &r->link);
    *result = go_on(x, token, claims);
    return true;
}

static enum plan_result expired(struct exchange *x) {
    unsigned char old[SEAL_SHA_LEN];
    enum plan_result result;
    if (conf.token_auto_refresh_off) return PLAN_NEXT;
    struct plan_memory *m = memory_of(x);
    if (!m) return no_memory(x);
    seal_sha256(x->token, old);
    return replaced(x, m, old, &result) ? result : refresh(x, m, old);
}

/* Paths that must work with any token: they are how one gets a good one. */
static bool exempt(const struct exchange *x) {
    if (!str_eq(x->segment, STR("user-svc"))) return false;
    return str_eq(x->rest, STR("/refresh-token")) || str_eq(x->rest, STR("/public-key")) ||
           str_eq(x->rest, STR("/login"));
}

static enum plan_result verify(struct exchange *x) {
    const struct claims *claims = NULL;
    struct err e = {0};
    char why[sizeof e.text + 64];
    switch (token_verify(x->token, now(), &claims, &e)) {
    case TOKEN_OK:
        x->auth = claims;
        return PLAN_NEXT;
    case TOKEN_EXPIRED:
        token_claims_give(claims);
        return expired(x);
    default:
        if (conf.token_auto_refresh_off) return PLAN_NEXT; /* the service's to refuse */
        snprintf(why, sizeof why, "failed to parse JWT: failed to parse JWT: %s", e.text);
        return unauthorized(x, why);
    }
}

/* Finds the Authorization; false when there is more than one. */
static bool one_authorization(const struct head *h, struct str *value) {
    int n = 0;
    *value = STR_NONE;
    for (int i = 0; i < h->n_fields; i++)
        if (h->fields[i].id == H1_AUTHORIZATION && n++ == 0) *value = h->fields[i].value;
    return n <= 1;
}

static enum plan_result step_token(struct exchange *x) {
    struct str value;
    if (!x->route || !(x->route->flags & ROUTE_TOKEN)) return PLAN_NEXT;
    if (!one_authorization(&x->h1.head, &value)) {
        exchange_error(x, 400, "more than one Authorization");
        return PLAN_ANSWERED;
    }
    if (value.n == 0 || str_ieq(value, STR("Bearer"))) return PLAN_NEXT;
    bool bearer = value.n > 7 && str_ieq(str_first(value, 7), STR("Bearer "));
    x->token = bearer ? str_trim(str_from(value, 7)) : value;
    if (!bearer || exempt(x)) return PLAN_NEXT;
    return verify(x);
}

/* ---- policies ------------------------------------------------------------------------------- */

static inline enum plan_result question(struct exchange *x, enum policy_row row) {
    bool asked = x->route && x->route->flags & policy_flag(row);
    return asked ? policy_ask(x, row, exchange_resume) : PLAN_NEXT;
}

static enum plan_result step_limit(struct exchange *x) {
    return question(x, POLICY_LIMIT);
}

static enum plan_result step_request(struct exchange *x) {
    return question(x, POLICY_REQUEST);
}

static enum plan_result step_choose(struct exchange *x) {
    return question(x, POLICY_CHOOSE);
}

/* ---- the door ------------------------------------------------------------------------------- */

enum plan_result plan_run(struct exchange *x) {
    static enum plan_result (*const steps[])(struct exchange *) = {
        step_cors, step_origin, step_budget, step_token, step_limit, step_request, step_choose};
    while (x->step < sizeof steps / sizeof *steps) {
        enum plan_result r = steps[x->step++](x);
        if (r != PLAN_NEXT) return r;
    }
    return PLAN_NEXT;
}
