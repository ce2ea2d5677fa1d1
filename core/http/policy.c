/*
 * policy: see policy.h. Called by plan and proxy with questions, by the asker with answers, all on
 * the worker of the exchange. What is said lies in the exchange's arena and ends with it.
 */
#include "core/http/policy.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/http/h1_head.h"

static const struct policy_asker *_Atomic asker;

void policy_set_asker(const struct policy_asker *a) {
    atomic_store(&asker, a);
}

/* ---- asking --------------------------------------------------------------------------------- */

enum plan_result policy_deny(struct exchange *x) {
    exchange_plain(x, 503, "a rule of this host could not be checked; try again later");
    return PLAN_ANSWERED;
}

static bool decides(enum policy_row row) {
    return row == POLICY_LIMIT || row == POLICY_REQUEST;
}

static struct policy *policy_of(struct exchange *x) {
    if (!x->policy) x->policy = arena_zalloc(&x->arena, sizeof *x->policy);
    return x->policy;
}

enum plan_result policy_ask(struct exchange *x, enum policy_row row,
                            void (*go_on)(struct exchange *x)) {
    if (!x->route || !(x->route->flags & policy_flag(row))) return PLAN_NEXT;
    const struct policy_asker *a = atomic_load(&asker);
    if (!a || !policy_of(x)) return decides(row) ? policy_deny(x) : PLAN_NEXT;
    x->policy->go_on = go_on;
    enum plan_result r = a->ask(x, row);
    if (r == PLAN_LATER) x->policy->waiting = true;
    return r;
}

void policy_restore(struct exchange *x) {
    struct policy *p = x->policy;
    if (p->n_came > 0) memcpy(p->fields, p->came, (size_t)p->n_came * sizeof *p->came);
    p->n_fields = p->n_came;
}

enum plan_result policy_ask_response(struct exchange *x, int status, const struct field *fields,
                                     int n, void (*go_on)(struct exchange *x)) {
    struct policy *p = policy_of(x);
    size_t room = (size_t)n + POLICY_FIELDS;
    struct field *copy = p ? arena_alloc(&x->arena, room * sizeof *copy) : NULL;
    if (!copy) return PLAN_ANSWERED;
    p->status = status;
    p->came = fields;
    p->n_came = n;
    p->fields = copy;
    p->room = (int)room;
    policy_restore(x);
    return policy_ask(x, POLICY_RESPONSE, go_on);
}

void policy_ready(struct exchange *x) {
    x->policy->waiting = x->waiting = false;
}

void policy_go_on(struct exchange *x) {
    x->policy->go_on(x);
}

void policy_cancel(struct exchange *x) {
    if (!x->policy || !x->policy->waiting) return;
    x->policy->waiting = false;
    atomic_load(&asker)->cancel(x);
}

void policy_over(struct exchange *x) {
    const struct policy_asker *a = atomic_load(&asker);
    policy_cancel(x);
    if (a) a->over(x);
}

/* ---- limits --------------------------------------------------------------------------------- */

/* The three fields of draft-ietf-httpapi-ratelimit-headers-06 ("RateLimit Fields for HTTP"). */
static void say_limit(struct policy *p, const struct policy_limit *l) {
    static const struct str names[] = {
        {"RateLimit-Limit", 15}, {"RateLimit-Remaining", 19}, {"RateLimit-Reset", 15}};
    const uint64_t numbers[] = {l->limit, l->remaining, l->reset};
    for (int i = 0; i < 3; i++) {
        int n = snprintf(p->rate_text[i], sizeof p->rate_text[i], "%llu",
                         (unsigned long long)numbers[i]);
        p->rate[i] = (struct field){names[i], str_make(p->rate_text[i], (size_t)n), H1_OTHER};
    }
    p->limited = true;
}

enum plan_result policy_limited(struct exchange *x, const struct policy_limit *l) {
    char seconds[24], text[96];
    say_limit(x->policy, l);
    if (l->retry == 0) return PLAN_NEXT;
    int n = snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)l->retry);
    int m = snprintf(text, sizeof text, "{\"error\": \"too many requests; try again in %s s\"}",
                     seconds);
    const struct field fields[] = {
        {STR("Content-Type"), STR("application/json"), H1_CONTENT_TYPE},
        {STR("Retry-After"), str_make(seconds, (size_t)n), H1_RETRY_AFTER},
    };
    exchange_answer_fields(x, 429, fields, 2, str_make(text, (size_t)m));
    return PLAN_ANSWERED;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* Who sends a message and how it is framed is the host's to say. */
static bool of_connection(uint8_t id) {
    switch (id) {
    case H1_HOST:
    case H1_CONNECTION:
    case H1_KEEP_ALIVE:
    case H1_PROXY_CONNECTION:
    case H1_TE:
    case H1_TRAILER:
    case H1_TRANSFER_ENCODING:
    case H1_UPGRADE:
    case H1_CONTENT_LENGTH:
    case H1_EXPECT:
    case H1_VIA:
    case H1_X_REQUEST_ID:
    case H1_MAX_FORWARDS:
    case H1_PROXY_AUTHORIZATION:
        return true;
    default:
        return false;
    }
}

static bool of_origin(struct str name) {
    return str_ieq(str_first(name, 12), STR("x-forwarded-")) || str_ieq(name, STR("forwarded")) ||
           str_ieq(name, STR("x-real-ip"));
}

/* A list of fields that is being changed. */
struct fields {
    struct field *list;
    int *n;
    int room;
};

/* The request gets a head of its own. What concerns this connection only is left out now, so that
 * nothing a client names in Connection can take away what a policy sets; a token that was refreshed
 * takes its place. */
static struct head *own_head(struct exchange *x) {
    struct policy *p = x->policy;
    const struct head *h = &x->h1.head;
    if (p->edited) return &p->head;
    size_t room = (size_t)h->n_fields + POLICY_FIELDS;
    struct field *list = arena_alloc(&x->arena, room * sizeof *list);
    if (!list) return NULL;
    p->head = *h;
    p->head.fields = list;
    p->head.n_fields = 0;
    p->head.connection_names = false;
    for (int i = 0; i < h->n_fields; i++) {
        struct field f = h->fields[i];
        if (h1_hop_by_hop(h, &f)) continue;
        if (f.id == H1_AUTHORIZATION && x->auth_text.n) f.value = x->auth_text;
        list[p->head.n_fields++] = f;
    }
    p->edited = true;
    return &p->head;
}

static bool fields_of(struct exchange *x, bool response, struct fields *out) {
    struct policy *p = x->policy;
    if (response) {
        *out = (struct fields){p->fields, &p->n_fields, p->room};
        return true;
    }
    struct head *h = own_head(x);
    if (h) *out = (struct fields){h->fields, &h->n_fields, x->h1.head.n_fields + POLICY_FIELDS};
    return h != NULL;
}

static enum policy_edit check(struct str name, struct str value, bool response) {
    if (name.n > POLICY_NAME || !h1_valid_name(name)) return POLICY_INVALID;
    if (value.n > POLICY_VALUE || !h1_valid_value(value)) return POLICY_INVALID;
    bool owned = of_connection(h1_field_id(name)) || (!response && of_origin(name));
    return owned ? POLICY_OWNED : POLICY_DONE;
}

static void drop(struct fields *f, struct str name) {
    int n = 0;
    for (int i = 0; i < *f->n; i++)
        if (!str_ieq(f->list[i].name, name)) f->list[n++] = f->list[i];
    *f->n = n;
}

/* What is replaced stays in the arena until the exchange ends: so there is an end to it. */
static bool too_much(struct exchange *x, bool response, size_t bytes) {
    struct policy_written *w = &x->policy->written[response];
    if (w->texts == POLICY_TEXTS || bytes > POLICY_BYTES - w->bytes) return true;
    w->texts++;
    w->bytes += bytes;
    return false;
}

static enum policy_edit append(struct exchange *x, bool response, struct fields *f, struct str name,
                               struct str value) {
    if (*f->n == f->room) return POLICY_MANY;
    if (too_much(x, response, name.n + value.n)) return POLICY_MUCH;
    struct field add = {arena_str(&x->arena, name), value.n ? arena_str(&x->arena, value) : STR(""),
                        h1_field_id(name)};
    if (!add.name.p || !add.value.p) return POLICY_NO_MEMORY;
    f->list[(*f->n)++] = add;
    return POLICY_DONE;
}

enum policy_edit policy_set(struct exchange *x, bool response, struct str name, struct str value) {
    struct fields f;
    enum policy_edit e = check(name, value, response);
    if (e != POLICY_DONE) return e;
    if (!fields_of(x, response, &f)) return POLICY_NO_MEMORY;
    drop(&f, name);
    return value.p ? append(x, response, &f, name, value) : POLICY_DONE;
}

enum policy_edit policy_add(struct exchange *x, bool response, struct str name, struct str value) {
    struct fields f;
    enum policy_edit e = check(name, value, response);
    if (e != POLICY_DONE) return e;
    return fields_of(x, response, &f) ? append(x, response, &f, name, value) : POLICY_NO_MEMORY;
}

const struct head *policy_head(const struct exchange *x) {
    return x->policy && x->policy->edited ? &x->policy->head : &x->h1.head;
}

/* ---- the target ----------------------------------------------------------------------------- */

/* What a client could have sent itself. */
static bool valid_target(struct str s, bool query) {
    for (size_t i = 0; i < s.n; i++) {
        if (!h1_is(s.p[i], H1_C_TARGET) || (!query && s.p[i] == '?')) return false;
        if (s.p[i] != '%') continue;
        if (i + 2 >= s.n || !h1_is(s.p[i + 1], H1_C_HEX) || !h1_is(s.p[i + 2], H1_C_HEX))
            return false;
    }
    return s.n <= POLICY_TARGET;
}

enum policy_edit policy_set_path(struct exchange *x, struct str path) {
    if (path.n == 0 || path.p[0] != '/' || !valid_target(path, false)) return POLICY_INVALID;
    if (too_much(x, false, path.n)) return POLICY_MUCH;
    struct str copy = arena_str(&x->arena, path);
    if (!copy.p) return POLICY_NO_MEMORY;
    x->policy->path = copy;
    return POLICY_DONE;
}

enum policy_edit policy_set_query(struct exchange *x, struct str query) {
    if (!valid_target(query, true)) return POLICY_INVALID;
    if (too_much(x, false, query.n)) return POLICY_MUCH;
    struct str copy = query.n ? arena_str(&x->arena, query) : STR("");
    if (!copy.p) return POLICY_NO_MEMORY;
    x->policy->no_query = !query.p;
    x->policy->query = copy;
    return POLICY_DONE;
}

/* Instances know nothing of the port that may stand behind the service's name. */
struct str policy_path(struct exchange *x) {
    if (x->policy && x->policy->path.p) return x->policy->path;
    if (!x->port) return x->h1.head.path;
    return arena_printf(&x->arena, "/%.*s%.*s", STR_FMT(x->segment), STR_FMT(x->rest));
}

struct str policy_query(const struct exchange *x) {
    if (!x->policy || !x->policy->query.p) return x->h1.head.query;
    return x->policy->no_query ? STR_NONE : x->policy->query;
}

struct str policy_target(struct exchange *x) {
    bool edited = x->policy && (x->policy->path.p || x->policy->query.p);
    if (!edited && !x->port) return STR("");
    struct str path = policy_path(x), query = policy_query(x);
    if (!path.p) return STR_NONE;
    return arena_printf(&x->arena, "%.*s%s%.*s", STR_FMT(path), query.p ? "?" : "", STR_FMT(query));
}
