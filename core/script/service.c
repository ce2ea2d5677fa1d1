/*
 * service: the list of Lua services: what is in service, where it lives, how it starts and stops.
 * How a new generation comes into service is reload.c's business. The control thread owns the list
 * and drives every change; a worker touches only its own `struct local`. Messages carry all that
 * crosses. Called by main, admin, and by the workers for the few functions that say so. Must never
 * run a handler on the control thread.
 */
#include "core/script/service.h"

#include <stdio.h>
#include <strings.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/metric.h"
#include "core/base/stat.h"
#include "core/script/outbox.h"
#include "core/script/pack.h"
#include "core/script/rebuild.h"
#include "core/script/routes.h"
#include "core/script/serve.h"
#include "core/script/service_list.h"
#include "core/secure/seal.h"

struct list service_list = {&service_list, &service_list};
struct worker *service_control;
char service_root[1024];
bool service_stopping;

#define RETRY_MAX 8 /* seconds between starts that fail */

static int n_services;

/* ---- any thread ------------------------------------------------------------------------------ */

struct str service_host(const struct service *s) {
    return str_of(s->host);
}

bool service_is_platform(const struct service *s) {
    return s->platform;
}

const char *service_id(const struct service *s) {
    return s->id;
}

void service_spent(struct service *s, const struct worker *w, uint64_t ns) {
    s->locals[w->index].cpu += ns;
}

struct outbox *service_outbox(const struct service *s, const struct worker *w) {
    return s->locals[w->index].outbox;
}

struct metric_owner *service_metrics(const struct service *s) {
    return s->metrics;
}

static struct service *find(const struct route_view *v, struct str host) {
    struct route *r = map_get(&v->table->names, host);
    return r && r->handler == &service_handler ? r->data : NULL;
}

struct service *service_find(struct worker *w, struct str host) {
    struct route_view *v = route_view_take(w);
    if (!v) return NULL;
    struct service *s = find(v, host);
    struct str id, rest;
    if (!s && str_cut(host, '.', &id, &rest)) {
        s = find(v, rest);
        if (s && !str_eq(id, str_of(s->id))) s = NULL;
    }
    route_view_give(v);
    return s;
}

static struct resident *find_resident(struct service *s, struct worker *w, struct err *e) {
    struct local *l = &s->locals[w->index];
    if (!l->resident) {
        if (!l->gen) {
            err_set(e, ERR_CLOSED, "%s is not in service", s->host);
            return NULL;
        }
        l->resident = resident_new(l->gen, w, e);
        if (l->resident) l->resident->service = s;
    }
    return l->resident;
}

struct resident *service_here(struct service *s, struct worker *w, struct err *e) {
    if (!atomic_load(&s->down)) return find_resident(s, w, e);
    err_set(e, ERR_CLOSED, "%s has not started; the log says why", s->host);
    return NULL;
}

struct resident *service_resident(struct service *s, struct worker *w, uint64_t serial) {
    struct local *l = &s->locals[w->index];
    if (l->resident && l->resident->serial == serial) return l->resident;
    LIST_EACH(&l->retiring, it) {
        struct resident *r = LIST_ENTRY(it, struct resident, link);
        if (r->serial == serial) return r;
    }
    return NULL;
}

/* ---- the list -------------------------------------------------------------------------------- */

int service_each(int (*each)(void *arg, struct service *s, unsigned flags, struct str topics),
                 void *arg) {
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (s->removed) continue;
        unsigned flags = ROUTE_TOKEN | (s->platform ? ROUTE_CORS : ROUTE_ORIGIN);
        int rc = each(arg, s, flags, s->current->topics);
        if (rc < 0) return rc;
    }
    return 0;
}

unsigned service_asks(void) {
    unsigned asks = 0;
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (!s->removed) asks |= s->current->asks | s->coming;
    }
    return asks;
}

bool service_is_gone(const struct service *s) {
    return s->removed && !s->unchecked;
}

struct service *service_by_host(struct str host) {
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (str_eq(str_of(s->host), host)) return s;
    }
    return NULL;
}

/* A folder may have had another service before: one that is there goes first. */
struct service *service_by_folder(struct str folder) {
    struct service *gone = NULL;
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (!str_eq(str_of(s->folder), folder)) continue;
        if (!service_is_gone(s)) return s;
        gone = s;
    }
    return gone;
}

struct service *service_named(struct str name) {
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (strlen(s->host) == name.n && strncasecmp(s->host, name.p, name.n) == 0) return s;
    }
    return service_by_folder(name);
}

/* Its metrics tell its version from now on. */
static struct metric_owner *tell_metrics(const struct service *s, const struct generation *g) {
    char version[24];
    snprintf(version, sizeof version, "%lld", (long long)g->version);
    return metric_owner(str_of(s->host), str_of(version), str_of(s->id));
}

void service_adopt(struct service *s, struct generation *g, const char *who, double ms) {
    tell_metrics(s, g);
    g->number = s->current ? s->current->number + 1 : 1;
    history_keep(&s->history, g, who, ms);
    generation_give(s->current);
    s->current = generation_take(g);
}

/* Those that came first and listen at its host do so no more: routes.c. */
static int warn_guest(void *arg, struct service *s, unsigned flags, struct str topics) {
    const struct service *owner = arg;
    (void)flags;
    for (struct str topic; topics.n;) {
        str_cut(topics, '\n', &topic, &topics);
        if (s == owner || !str_starts(topic, STR("//"))) continue;
        if (!str_eq(str_from(topic, 2), str_of(owner->host))) continue;
        log_warn("endpoints at the host of another service are out of reach",
                 LOGZ("service", s->host), LOGZ("host", owner->host), LOGZ("owner", owner->folder));
    }
    return 0;
}

void service_tell_new(struct service *s) {
    (void)service_each(warn_guest, s);
    stat_add(STAT_RELOADS, 1);
    stat_add(STAT_RELOAD_MICROSECONDS, (int64_t)(s->history.kept[0].ms * 1000));
    log_info("service loaded", LOGZ("service", s->host), LOGZ("folder", s->folder),
             LOGB("embedded", s->current->embedded));
}

static void retry(struct timer *t);

/* Ten characters of base 32, as replicas are called on the bus. */
static void make_id(char id[11]) {
    unsigned char bytes[10];
    seal_random(bytes, sizeof bytes);
    for (int i = 0; i < 10; i++)
        id[i] = "0123456789abcdefghijklmnopqrstuv"[bytes[i] % 32];
    id[10] = 0;
}

static bool open_outboxes(struct service *s, const char *host) {
    snprintf(s->host, sizeof s->host, "%s", host);
    for (int i = 0; i < worker_count; i++)
        if (!(s->locals[i].outbox = outbox_new(s->host))) return false;
    return true;
}

static void free_parts(struct service *s) {
    for (int i = 0; s->locals && i < worker_count; i++)
        outbox_free(s->locals[i].outbox);
    mem_free(s->locals);
    mem_free(s->figures);
    mem_free(s);
}

struct service *service_new(struct generation *g, const char *host, bool in_force, struct err *e) {
    if (n_services == SERVICES_MAX) {
        err_set(e, ERR_LIMIT,
                "more than %d services since the host started, removed ones included; restart it",
                SERVICES_MAX);
        return NULL;
    }
    struct service *s = mem_zalloc(sizeof *s);
    if (s) s->locals = mem_zalloc((size_t)worker_count * sizeof *s->locals);
    if (s) s->figures = mem_zalloc((size_t)worker_count * sizeof *s->figures);
    if (!s || !s->locals || !s->figures || !open_outboxes(s, host)) {
        if (s) free_parts(s);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    snprintf(s->folder, sizeof s->folder, "%s", g->folder.p);
    make_id(s->id);
    timer_init(&s->retry, retry);
    buf_init(&s->handed);
    s->metrics = tell_metrics(s, g);
    s->platform = g->platform;
    s->home = (int)(map_hash(str_of(s->host)) % (uint64_t)worker_count);
    for (int i = 0; i < worker_count; i++) {
        list_init(&s->locals[i].retiring);
        rebuild_init(&s->locals[i]);
        if (in_force) s->locals[i].gen = generation_take(g);
    }
    s->removed = !in_force;
    list_push(&service_list, &s->link);
    n_services++;
    return s;
}

void service_report(struct buf *out) {
    const char *sep = "";
    buf_char(out, '[');
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (s->removed) continue;
        buf_printf(out, "%s{\"host\":", sep);
        buf_json(out, str_of(s->host));
        buf_str(out, STR(",\"folder\":"));
        buf_json(out, str_of(s->folder));
        buf_printf(out, ",\"embedded\":%s,\"generation\":%llu,\"hash\":\"%s\",\"loaded\":%lld}",
                   s->current->embedded ? "true" : "false", (unsigned long long)s->current->number,
                   s->current->hash, (long long)s->current->loaded_at);
        sep = ",";
    }
    buf_char(out, ']');
}

void service_policies(struct buf *out) {
    const char *sep = "";
    buf_char(out, '[');
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (s->removed || !s->current->rules.n) continue;
        buf_printf(out, "%s{\"host\":", sep);
        buf_json(out, str_of(s->host));
        buf_str(out, STR(",\"folder\":"));
        buf_json(out, str_of(s->folder));
        buf_printf(out,
                   ",\"generation\":%llu,\"policies\":", (unsigned long long)s->current->number);
        buf_str(out, s->current->rules);
        buf_char(out, '}');
        sep = ",";
    }
    buf_char(out, ']');
}

bool service_history(struct str name, struct buf *out) {
    const struct service *s = service_named(name);
    if (!s) return false;
    buf_str(out, STR("{\"host\":"));
    buf_json(out, str_of(s->host));
    buf_str(out, STR(",\"folder\":"));
    buf_json(out, str_of(s->folder));
    buf_char(out, ',');
    history_list(&s->history, s->removed ? NULL : s->current, out);
    buf_char(out, '}');
    return true;
}

/* ---- starting one ---------------------------------------------------------------------------- */

void starting_free(struct starting *st) {
    buf_free(&st->state);
    buf_free(&st->full);
    mem_free(st);
}

static void retried(struct starting *st) {
    starting_free(st);
}

static void retry(struct timer *t) {
    struct service *s = LIST_ENTRY(t, struct service, retry);
    if (!s->removed && !s->starting && !service_stopping) service_start(s, retried, NULL);
}

/* A service that has never started answers nothing; one that has goes on as it is. Either is tried
 * again: what it needs may come. */
static void start_over(struct service *s, int result) {
    s->starting = false;
    if (result == 0) {
        s->begun = true;
        s->tries = 0;
        atomic_store(&s->down, false);
        return;
    }
    if (result == ERR_CANCELED || service_stopping) return;
    if (!s->begun) atomic_store(&s->down, true);
    int seconds = s->tries < 3 ? 1 << s->tries : RETRY_MAX;
    s->tries++;
    log_warn(s->begun ? "on_start will be tried again"
                      : "service has not started; it will be tried again",
             LOGZ("service", s->host), LOGI("seconds", seconds));
    if (timer_arm(service_control, &s->retry, (uint64_t)seconds * 1000) < 0)
        log_error("out of memory");
}

/* Its first load is refused: it stays out of service until its files change or a reload asks. */
static void refused(struct starting *st) {
    struct service *s = st->service;
    s->starting = false;
    if (!s->unchecked || s->current->number != st->number) return; /* something newer came */
    s->unchecked = false;
    stat_add(STAT_RELOADS_FAILED, 1);
    double ms = (double)(uv_hrtime() - st->began) / 1e6;
    history_drop(&s->history);
    history_fail(&s->history, s->current->hash, "start", ms, buf_view(&st->full));
    log_error("service not loaded", LOGZ("service", s->host), LOGS("error", buf_view(&st->full)));
}

/* A start that failed is tried again with the same state. */
static void keep_state(struct starting *st) {
    struct service *s = st->service;
    if (st->result == 0 || s->handed.n || s->current->number != st->number) return;
    s->handed = st->state;
    buf_init(&st->state);
}

static void deliver_started(struct message *m) {
    struct starting *st = LIST_ENTRY(m, struct starting, msg);
    struct service *s = st->service;
    keep_state(st);
    if (st->refused)
        refused(st);
    else
        start_over(s, st->result);
    bool again = s->again && st->result == 0; /* else it is tried again in any case */
    st->done(st);
    s->again = false;
    if (again) service_start_again(s);
}

void service_start_again(struct service *s) {
    s->again = s->starting;
    if (!s->starting && !s->removed && !service_stopping) service_start(s, retried, NULL);
}

static void start_failed(struct starting *st, struct str why, struct str trace) {
    st->result = -EINVAL;
    snprintf(st->why, sizeof st->why, "%.*s", STR_FMT(why));
    log_error("start failed", LOGZ("service", st->service->host), LOGS("error", why),
              LOGS("traceback", trace));
}

static void started(struct task *t, enum task_end end, int nresults) {
    struct starting *st = t->data;
    struct buf trace, message;
    buf_init(&trace);
    buf_init(&message);
    (void)nresults;
    if (end == TASK_CANCELED) {
        st->result = ERR_CANCELED;
    } else if (end != TASK_RETURNED) {
        task_error(t, &trace, &message);
        start_failed(st, buf_view(&message), buf_view(&trace));
    }
    if (end != TASK_RETURNED) resident_of(t->vm)->started = false;
    buf_free(&trace);
    buf_free(&message);
    worker_post(service_control, &st->msg);
}

static void deliver_checked(struct message *m);

/* Home worker: on_check of the first load ended. */
static void checked(void *arg, const struct hook_end *end) {
    struct starting *st = arg;
    struct service *s = st->service;
    struct local *l = &s->locals[s->home];
    st->msg.deliver = end->end == TASK_RETURNED ? deliver_checked : deliver_started;
    if (end->end != TASK_RETURNED) {
        buf_printf(&st->full, "on_check %s: %.*s", resident_verdict(end), STR_FMT(end->why));
        snprintf(st->why, sizeof st->why, "%.*s", STR_FMT(buf_view(&st->full)));
        st->refused = !l->closed;
        st->result = l->closed ? ERR_CANCELED : -EINVAL;
    }
    if (st->refused && l->resident && !l->resident->started) {
        list_push(&l->retiring, &l->resident->link);
        resident_retire(l->resident, 0);
        l->resident = NULL;
    }
    worker_post(service_control, &st->msg);
}

/* What a start needs: the state and what it gets. */
struct start_args {
    struct resident *r;
    struct str state;
};

static int push_start(lua_State *co, void *arg) {
    struct start_args *a = arg;
    ref_push(co, a->r->vm, a->r->start);
    if (!a->state.n) return 0;
    pack_push(co, &a->state);
    return 1;
}

/* Home worker: runs the start entry of the generation in force, once per generation. */
static void deliver_start(struct message *m) {
    struct starting *st = LIST_ENTRY(m, struct starting, msg);
    struct local *l = &st->service->locals[st->service->home];
    struct err e = {0};
    if (rebuild_holds(l, st)) return;
    st->msg.deliver = deliver_started;
    if (l->closed) {
        st->result = ERR_CANCELED;
        worker_post(service_control, &st->msg);
        return;
    }
    struct resident *r = find_resident(st->service, worker_self(), &e);
    if (r && st->check && resident_check(r, true, checked, st)) return;
    struct task *t = NULL;
    if (r && !r->started) {
        struct start_args args = {r, buf_view(&st->state)};
        r->started = true;
        t = resident_task(r, push_start, &args, &e);
        if (t) {
            t->data = st;
            t->kind = "start";
            t->own = true;
            t->ended = started;
            task_start(t);
            return;
        }
    }
    if (e.code) start_failed(st, str_of(e.text), STR_NONE);
    worker_post(service_control, &st->msg);
}

/* It passed the check of its first load: now it is routed, and starts. */
static void deliver_checked(struct message *m) {
    struct starting *st = LIST_ENTRY(m, struct starting, msg);
    struct service *s = st->service;
    st->check = false;
    if (s->unchecked && s->current->number == st->number) {
        s->removed = s->unchecked = false;
        service_tell_new(s);
        if (routes_rebuild() < 0)
            log_error("service is not routed: out of memory", LOGZ("service", s->host));
    }
    st->msg.deliver = deliver_start;
    worker_post(workers[s->home], &st->msg);
}

int service_start(struct service *s, void (*done)(struct starting *st), void *arg) {
    struct starting *st = mem_zalloc(sizeof *st);
    if (!st) {
        log_error("cannot start: out of memory", LOGZ("service", s->host));
        return -ENOMEM;
    }
    st->service = s;
    st->began = uv_hrtime();
    st->number = s->current->number;
    st->check = s->unchecked;
    st->state = s->handed;
    buf_init(&s->handed);
    buf_init(&st->full);
    st->done = done;
    st->arg = arg;
    st->msg.deliver = deliver_start;
    timer_disarm(service_control, &s->retry);
    s->starting = true;
    worker_post(workers[s->home], &st->msg);
    return 0;
}

/* ---- opening and starting all ---------------------------------------------------------------- */

/* Asks one worker to stop or to close all services; made early, because stopping must not fail. */
struct sweep {
    struct message msg;
    struct worker *worker;
    bool close;         /* everything; else background tasks only */
    struct timer timer; /* looks whether all states are gone */
};

static struct sweep *sweeps; /* two per worker: to stop, and to close */

static int is_missing(void *arg, struct str folder) {
    (void)arg;
    return service_by_folder(folder) == NULL;
}

int service_open_all(struct worker *control, const char *folder, struct err *e) {
    struct buf report;
    service_control = control;
    snprintf(service_root, sizeof service_root, "%s", folder);
    sweeps = mem_zalloc(2 * (size_t)worker_count * sizeof *sweeps);
    if (!sweeps) return err_set(e, -ENOMEM, "out of memory");
    buf_init(&report);
    reload_first(&report);
    /* What the binary brings must load; what a user brings may fail and be mended while the host
     * runs. */
    int rc = generation_scan_embedded(is_missing, NULL);
    if (rc)
        rc = err_set(e, -EINVAL, "a platform service does not load: %.*s",
                     STR_FMT(buf_view(&report)));
    else if ((rc = routes_rebuild()) < 0)
        err_set(e, rc, "out of memory");
    buf_free(&report);
    return rc;
}

/* Counts the services that have not answered yet. */
struct start_all {
    int waiting;
    int result; /* of the first platform service that failed */
    char why[512];
    void (*done)(void *arg, int result, const char *why);
    void *arg;
};

static void one_is_over(struct start_all *all) {
    if (--all->waiting) return;
    all->done(all->arg, all->result, all->why);
    mem_free(all);
}

static void one_failed(struct start_all *all, const struct service *s, int code, const char *why) {
    if (!s->platform || all->result < 0) return;
    all->result = code;
    snprintf(all->why, sizeof all->why, "%s: %s", s->host, why);
}

static void started_one(struct starting *st) {
    struct start_all *all = st->arg;
    if (st->result < 0) one_failed(all, st->service, st->result, st->why);
    starting_free(st);
    one_is_over(all);
}

void service_start_all(void (*done)(void *arg, int result, const char *why), void *arg) {
    struct start_all *all = mem_zalloc(sizeof *all);
    if (!all) {
        done(arg, -ENOMEM, "out of memory");
        return;
    }
    all->done = done;
    all->arg = arg;
    all->waiting = 1; /* this function */
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (service_start(s, started_one, all) == 0)
            all->waiting++;
        else
            one_failed(all, s, -ENOMEM, "out of memory");
    }
    one_is_over(all);
}

/* ---- stopping all ---------------------------------------------------------------------------- */

static struct {
    int waiting;             /* workers that have not closed everything yet */
    void (*done)(void *arg); /* NULL: nobody waits */
    void *arg;
} closing;

static void closed_if_over(void) {
    void (*done)(void *arg) = closing.done;
    if (!done || closing.waiting > 0 || reload_busy()) return;
    closing.done = NULL;
    done(closing.arg);
}

static void deliver_closed(struct message *m) {
    (void)m;
    closing.waiting--;
    closed_if_over();
}

void service_reloaded(void) {
    closed_if_over();
}

static void close_poll(struct timer *t) {
    struct sweep *s = LIST_ENTRY(t, struct sweep, timer);
    LIST_EACH(&service_list, it) {
        struct local *l = &LIST_ENTRY(it, struct service, link)->locals[s->worker->index];
        if (list_empty(&l->retiring)) continue;
        if (timer_arm(s->worker, t, 5) == 0) return;
    }
    timer_remove(s->worker, t);
    s->msg.deliver = deliver_closed;
    worker_post(service_control, &s->msg);
}

static void close_local(struct local *l) {
    l->closed = true;
    rebuild_close(l, worker_self());
    LIST_EACH(&l->retiring, it) {
        struct resident *old = LIST_ENTRY(it, struct resident, link);
        old->give_up = 0;
        if (!old->retiring) task_cancel_all(old->vm, false); /* it runs on_unload */
    }
    if (l->next) resident_discard(l->next, &l->retiring);
    l->next = NULL;
    if (l->resident) {
        list_push(&l->retiring, &l->resident->link);
        resident_retire(l->resident, 0);
        l->resident = NULL;
    }
    generation_give(l->gen);
    l->gen = NULL;
}

/* Streams would go on for as long as there is time; their clients find another host sooner. */
static void stop_local(struct local *l) {
    LIST_EACH(&l->retiring, old) {
        serve_hang_up(LIST_ENTRY(old, struct resident, link));
    }
    if (!l->resident) return;
    task_cancel_all(l->resident->vm, true);
    serve_hang_up(l->resident);
}

static void deliver_sweep(struct message *m) {
    struct sweep *s = LIST_ENTRY(m, struct sweep, msg);
    LIST_EACH(&service_list, it) {
        struct local *l = &LIST_ENTRY(it, struct service, link)->locals[s->worker->index];
        if (s->close)
            close_local(l);
        else
            stop_local(l);
    }
    if (!s->close) return;
    timer_init(&s->timer, close_poll);
    close_poll(&s->timer);
}

static void sweep_all(bool close) {
    service_stopping = true;
    for (int i = 0; sweeps && i < worker_count; i++) {
        struct sweep *s = &sweeps[2 * i + close];
        s->worker = workers[i];
        s->close = close;
        s->msg.deliver = deliver_sweep;
        worker_post(s->worker, &s->msg);
    }
}

void service_stop_all(void) {
    sweep_all(false);
}

/* Asks one worker to run on_stop of the services that are at home there. */
struct stop {
    struct message msg;
    struct worker *worker;
    int running; /* on_stop of so many services, and who asked */
};

static void deliver_all_stopped(struct message *m) {
    mem_free(LIST_ENTRY(m, struct stop, msg));
    if (--closing.waiting) return;
    closing.waiting = worker_count;
    sweep_all(true);
}

static void one_stopped(void *arg) {
    struct stop *s = arg;
    if (--s->running) return;
    s->msg.deliver = deliver_all_stopped;
    worker_post(service_control, &s->msg);
}

static void deliver_stop(struct message *m) {
    struct stop *s = LIST_ENTRY(m, struct stop, msg);
    s->running = 1;
    LIST_EACH(&service_list, it) {
        struct local *l = &LIST_ENTRY(it, struct service, link)->locals[s->worker->index];
        s->running++; /* it may be over before resident_stop returns */
        if (!l->resident || !resident_stop(l->resident, one_stopped, s)) s->running--;
    }
    one_stopped(s);
}

void service_close_all(void (*done)(void *arg), void *arg) {
    service_stopping = true; /* the workers walk the list now */
    closing.waiting = 1;     /* this function */
    closing.done = done;
    closing.arg = arg;
    if (!sweeps) {
        closing.waiting = 0;
        closed_if_over();
        return;
    }
    for (int i = 0; i < worker_count; i++) {
        struct stop *s = mem_zalloc(sizeof *s);
        if (!s) continue;
        s->worker = workers[i];
        s->msg.deliver = deliver_stop;
        closing.waiting++;
        worker_post(workers[i], &s->msg);
    }
    if (--closing.waiting) return;
    closing.waiting = worker_count;
    sweep_all(true);
}

void service_free_all(void) {
    for (struct list *it; (it = list_pop(&service_list));) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        timer_remove(service_control, &s->retry);
        history_free(&s->history);
        for (int i = 0; i < worker_count; i++)
            generation_give(s->locals[i].gen);
        generation_give(s->current);
        buf_free(&s->handed);
        free_parts(s);
    }
    reload_close();
    mem_free(sweeps);
    sweeps = NULL;
    n_services = 0;
    service_stopping = false;
}
