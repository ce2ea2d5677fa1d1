/*
 * admin: a handful of fixed pages in C. Open to whoever reaches the address: /healthz, /readyz,
 * /metrics. With the bearer secret of the home folder: /services, /policies, /generations, /logs,
 * POST /reload, POST /rollback and /repl, and those of observe.c. Called by the server of the
 * control thread.
 */
#include "core/script/admin.h"

#include <stdio.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/admin_page.h"
#include "core/script/host.h"
#include "core/script/lib_url.h"
#include "core/script/repl.h"
#include "core/script/service_list.h"
#include "core/script/watchdog.h"
#include "core/secure/seal.h"

struct host host;

/* A page. */
struct page {
    const char *method, *path;
    bool secret; /* only for holders of the secret */
    void (*answer)(struct exchange *x);
};

struct str admin_argument(const struct exchange *x, struct str name) {
    struct str rest = x->h1.head.query, pair;
    while (rest.n) {
        struct str key, value;
        str_cut(rest, '&', &pair, &rest);
        str_cut(pair, '=', &key, &value);
        if (str_eq(key, name)) return value;
    }
    return STR_NONE;
}

void admin_answer(struct exchange *x, int status, struct str type, struct buf *body) {
    if (buf_ok(body))
        exchange_answer(x, status, type, buf_view(body));
    else
        exchange_error(x, 503, "out of memory");
    buf_free(body);
}

/* The argument `service`, decoded; false: the answer was given. */
static bool service_name(struct exchange *x, char name[256], struct str *out) {
    struct str text = admin_argument(x, STR("service"));
    ssize_t n = text.n < 256 ? url_decode(text, false, name) : -1; /* none has a longer name */
    if (n >= 0 && !memchr(name, 0, (size_t)n)) {
        *out = str_make(name, (size_t)n);
        return true;
    }
    exchange_error(x, 400, "service must be the name of one");
    return false;
}

bool admin_service(struct exchange *x, struct service **s) {
    char name[256];
    struct str wanted;
    *s = NULL;
    if (!service_name(x, name, &wanted)) return false;
    if (!wanted.n || (*s = service_named(wanted))) return true;
    exchange_error(x, 404, "no such service");
    return false;
}

bool admin_number(struct exchange *x, const char *name, uint64_t min, uint64_t max,
                  uint64_t *value) {
    char why[120];
    struct str text = admin_argument(x, str_of(name));
    uint64_t n;
    if (!text.n) return true;
    if (str_u64(text, &n) == 0 && n >= min && n <= max) {
        *value = n;
        return true;
    }
    snprintf(why, sizeof why, "%s must be a number from %llu to %llu", name,
             (unsigned long long)min, (unsigned long long)max);
    exchange_error(x, 400, why);
    return false;
}

/* Answered by the control thread: when that is the one that is stuck, there is no answer. */
static void healthz(struct exchange *x) {
    struct buf stuck, body;
    buf_init(&stuck);
    if (watchdog_stuck(&stuck) == 0) {
        exchange_answer(x, 200, STR("application/json"), STR("{\"status\":\"ok\"}"));
        return;
    }
    buf_init(&body);
    buf_str(&body, STR("{\"status\":\"stuck\",\"stuck\":["));
    buf_str(&body, buf_view(&stuck));
    buf_str(&body, STR("]}"));
    buf_free(&stuck);
    admin_answer(x, 503, STR("application/json"), &body);
}

static void readyz(struct exchange *x) {
    if (host.ready)
        exchange_answer(x, 200, STR("application/json"), STR("{\"status\":\"ready\"}"));
    else
        exchange_answer(x, 503, STR("application/json"), STR("{\"status\":\"not ready\"}"));
}

static void services(struct exchange *x) {
    struct buf body;
    buf_init(&body);
    service_report(&body);
    admin_answer(x, 200, STR("application/json"), &body);
}

static void policies(struct exchange *x) {
    struct buf body;
    buf_init(&body);
    service_policies(&body);
    admin_answer(x, 200, STR("application/json"), &body);
}

static void reloaded(void *arg, int result, struct str report) {
    struct admin_wait *w = arg;
    struct exchange *x = w->x;
    mem_free(w);
    if (!x) return;
    struct buf body;
    buf_init(&body);
    buf_printf(&body, "{\"ok\":%s,\"report\":", result == 0 ? "true" : "false");
    buf_json(&body, report);
    buf_char(&body, '}');
    int status = result == 0 ? 200 : result == ERR_BUSY ? 503 : result == -ENOENT ? 404 : 422;
    admin_answer(x, status, STR("application/json"), &body);
}

static bool is_set(const struct exchange *x, struct str name) {
    struct str value = admin_argument(x, name);
    return str_eq(value, STR("true")) || str_eq(value, STR("1"));
}

static void reload_by(struct exchange *x, const struct reload_request *q) {
    struct admin_wait *w = mem_zalloc(sizeof *w);
    if (!w) {
        exchange_error(x, 503, "out of memory");
        return;
    }
    w->x = x;
    x->data = w;
    service_reload(q, reloaded, w);
}

static void rollback(struct exchange *x) {
    char name[256];
    struct reload_request q = {.who = "rollback", .back = true};
    struct str number = admin_argument(x, STR("number"));
    if (!service_name(x, name, &q.name)) return;
    if (!q.name.n)
        exchange_error(x, 400, "service must be the name of one");
    else if (number.n && (str_u64(number, &q.number) < 0 || q.number == 0))
        exchange_error(x, 400, "number must be that of a generation");
    else
        reload_by(x, &q);
}

static void generations(struct exchange *x) {
    char name[256];
    struct str wanted;
    struct buf body;
    if (!service_name(x, name, &wanted)) return;
    buf_init(&body);
    if (service_history(wanted, &body)) {
        admin_answer(x, 200, STR("application/json"), &body);
        return;
    }
    buf_free(&body);
    exchange_error(x, 404, "no such service");
}

static void reload(struct exchange *x) {
    char name[256];
    struct reload_request q = {
        .who = "command",
        .check = is_set(x, STR("check")),
        .force = is_set(x, STR("force")),
    };
    if (!service_name(x, name, &q.name)) return;
    if (q.force && !q.name.n)
        exchange_error(x, 400, "force needs a service");
    else
        reload_by(x, &q);
}

static void repl(struct exchange *x) {
    char name[256];
    struct str service;
    if (service_name(x, name, &service)) repl_open_page(x, service);
}

static void repl_wait(struct exchange *x) {
    repl_wait_page(x, admin_argument(x, STR("session")));
}

static void repl_line(struct exchange *x) {
    repl_line_page(x, admin_argument(x, STR("session")));
}

static const struct page pages[] = {
    {"GET", "/healthz", false, healthz},         {"GET", "/readyz", false, readyz},
    {"GET", "/metrics", false, observe_metrics}, {"GET", "/services", true, services},
    {"GET", "/logs", true, logs_page},           {"GET", "/generations", true, generations},
    {"GET", "/tasks", true, observe_tasks},      {"GET", "/trace", true, observe_trace},
    {"GET", "/top", true, observe_top},          {"GET", "/profile", true, observe_profile},
    {"GET", "/policies", true, policies},        {"POST", "/reload", true, reload},
    {"POST", "/rollback", true, rollback},       {"POST", "/repl", true, repl},
    {"GET", "/repl/wait", true, repl_wait},      {"POST", "/repl/line", true, repl_line},
};

static bool has_secret(const struct exchange *x) {
    struct str value = head_get(&x->h1.head, H1_AUTHORIZATION);
    if (!str_starts(value, STR("Bearer "))) return false;
    return seal_equal(str_trim(str_from(value, 7)), str_of(host.secret));
}

static void on_request(struct exchange *x) {
    const struct head *h = &x->h1.head;
    const struct page *found = NULL;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0] && !found; i++) {
        if (!str_eq(h->path, str_of(pages[i].path))) continue;
        found = &pages[i];
        bool same = str_eq(h->method, str_of(found->method)) ||
                    (h->is_head && str_eq(STR("GET"), str_of(found->method)));
        if (!same) {
            struct field allow = {STR("Allow"), str_of(found->method), H1_OTHER};
            exchange_answer_fields(x, 405, &allow, 1, STR(""));
            return;
        }
    }
    if (!found) {
        exchange_error(x, 404, "no such page; there are /healthz, /readyz and /metrics");
    } else if (found->secret && !has_secret(x)) {
        struct field who = {STR("WWW-Authenticate"), STR("Bearer"), H1_OTHER};
        exchange_answer_fields(x, 401, &who, 1, STR(""));
    } else {
        found->answer(x);
    }
}

static void on_body(struct exchange *x, const char *p, size_t n, bool last) {
    (void)x, (void)p, (void)n, (void)last; /* never asked for */
}

static void on_drained(struct exchange *x) {
    (void)x;
}

static void on_gone(struct exchange *x, int code) {
    (void)code;
    struct admin_wait *w = x->data;
    if (!w) return;
    w->x = NULL;
    if (w->gone) w->gone(w);
}

const struct handler admin_handler = {
    .name = "admin",
    .request = on_request,
    .body = on_body,
    .drained = on_drained,
    .gone = on_gone,
};
