/*
 * service: the list of Lua services and the way a new generation comes into service. The control
 * thread owns the list and drives every change; a worker touches only its own `struct local`.
 * Messages carry all that crosses. Called by main, admin and the file watcher. Must never run a
 * handler on the control thread: trials only load files.
 */
#include "core/script/service.h"

#include <stdio.h>
#include <strings.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/routes.h"

#define MAX_SERVICES 1000
#define KEPT         3 /* generations kept for a rollback */

/* A service as one worker sees it. Only that worker touches it once the service is routed. */
struct local {
    struct generation *gen;    /* in force here; owns a reference */
    struct resident *resident; /* its state; NULL until first used */
    struct resident *next;     /* built for a generation that is not in force yet */
    struct list retiring;      /* struct resident.link */
};

struct service {
    struct list link;
    char host[256];
    char folder[256];
    bool removed;                  /* its folder is gone: not routed any more */
    int home;                      /* index of the worker that runs its tickers */
    struct generation *current;    /* owns a reference */
    struct generation *kept[KEPT]; /* newest first, current included; own references */
    struct local *locals;          /* one per worker */
};

static struct list services = {&services, &services};
static int n_services;
static char root[1024];
static bool stopping;

struct str service_host(const struct service *s) {
    return str_of(s->host);
}

bool service_is_platform(const struct service *s) {
    return s->current->platform;
}

struct service *service_find(struct worker *w, struct str host) {
    struct route_view *v = route_view_take(w);
    if (!v) return NULL;
    struct route *r = map_get(&v->table->names, host);
    struct service *s = r && r->handler == &service_handler ? r->data : NULL;
    route_view_give(v);
    return s;
}

int service_each(int (*each)(void *arg, struct service *s, unsigned flags), void *arg) {
    LIST_EACH(&services, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (s->removed) continue;
        int rc = each(arg, s, ROUTE_TOKEN | (s->current->platform ? ROUTE_CORS : 0u));
        if (rc < 0) return rc;
    }
    return 0;
}

/* ---- on a worker ---- */

struct resident *service_here(struct service *s, struct worker *w, struct err *e) {
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

/* What start() of a service is answered to. */
struct starting {
    struct message msg;
    struct service *service;
    int result;
    char why[256];
    void (*done)(struct starting *st); /* control thread; frees */
    void *arg;
};

static struct worker *control;

static void started(struct task *t, enum task_end end, int nresults) {
    struct starting *st = t->data;
    if (end == TASK_FAILED || end == TASK_NO_MEMORY || end == TASK_OVERRUN) {
        struct buf trace, message;
        buf_init(&trace);
        buf_init(&message);
        if (end == TASK_FAILED)
            task_error(t, &trace, &message);
        else
            buf_str(&message,
                    end == TASK_OVERRUN ? STR("it ran too long") : STR("it ran out of memory"));
        log_error("on_start failed", LOGZ("service", st->service->host),
                  LOGS("error", buf_view(&message)), LOGS("traceback", buf_view(&trace)));
        st->result = -EINVAL;
        snprintf(st->why, sizeof st->why, "%.*s", STR_FMT(buf_view(&message)));
        buf_free(&trace);
        buf_free(&message);
    } else if (end == TASK_CANCELED) {
        st->result = ERR_CANCELED;
    }
    worker_post(control, &st->msg);
}

static void deliver_started(struct message *m) {
    struct starting *st = LIST_ENTRY(m, struct starting, msg);
    st->done(st);
}

static int push_start(lua_State *co, void *arg) {
    struct resident *r = arg;
    ref_push(co, r->vm, r->start);
    return 0;
}

/* Home worker: runs the start entry of the generation in force, once per generation. */
static void start_here(struct starting *st) {
    struct worker *w = worker_self();
    struct err e = {0};
    st->msg.deliver = deliver_started;
    struct resident *r = service_here(st->service, w, &e);
    struct task *t = NULL;
    if (r && !r->started) {
        r->started = true;
        t = resident_task(r, push_start, r, &e);
        if (t) {
            t->data = st;
            t->ended = started;
            task_start(t);
            return;
        }
    }
    if (e.code) {
        st->result = e.code;
        snprintf(st->why, sizeof st->why, "%s", e.text);
        log_error("cannot start", LOGZ("service", st->service->host), LOGZ("error", e.text));
    }
    worker_post(control, &st->msg);
}

static void deliver_start(struct message *m) {
    start_here(LIST_ENTRY(m, struct starting, msg));
}

static void post_start(struct service *s, void (*done)(struct starting *), void *arg) {
    struct starting *st = mem_zalloc(sizeof *st);
    if (!st) {
        log_error("cannot start: out of memory", LOGZ("service", s->host));
        return;
    }
    st->service = s;
    st->done = done;
    st->arg = arg;
    st->msg.deliver = deliver_start;
    worker_post(workers[s->home], &st->msg);
}

/* ---- the list ---- */

static void list_generation(struct service *s, struct generation *g) {
    generation_give(s->kept[KEPT - 1]);
    memmove(s->kept + 1, s->kept, (KEPT - 1) * sizeof s->kept[0]);
    s->kept[0] = generation_take(g);
    g->number = s->current ? s->current->number + 1 : 1;
    generation_give(s->current);
    s->current = generation_take(g);
}

static struct service *by_host(struct str host) {
    LIST_EACH(&services, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (str_eq(str_of(s->host), host)) return s;
    }
    return NULL;
}

static struct service *by_folder(struct str folder) {
    LIST_EACH(&services, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (str_eq(str_of(s->folder), folder)) return s;
    }
    return NULL;
}

static struct service *service_new(struct generation *g, const char *host, struct err *e) {
    if (n_services == MAX_SERVICES) {
        err_set(e, ERR_LIMIT, "more than %d services", MAX_SERVICES);
        return NULL;
    }
    struct service *s = mem_zalloc(sizeof *s);
    if (s) s->locals = mem_zalloc((size_t)worker_count * sizeof *s->locals);
    if (!s || !s->locals) {
        mem_free(s);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    snprintf(s->host, sizeof s->host, "%s", host);
    snprintf(s->folder, sizeof s->folder, "%s", g->folder.p);
    s->home = (int)(map_hash(str_of(s->host)) % (uint64_t)worker_count);
    for (int i = 0; i < worker_count; i++) {
        list_init(&s->locals[i].retiring);
        s->locals[i].gen = generation_take(g);
    }
    list_generation(s, g);
    list_push(&services, &s->link);
    n_services++;
    return s;
}

/* Builds the generation once where nothing serves from it, to see whether it loads, and learns its
 * host name. */
static int trial(struct generation *g, char host[256], struct err *e) {
    struct resident *r = resident_new(g, control, e);
    if (!r) return e->code;
    snprintf(host, 256, "%s", r->host);
    resident_free(r);
    return 0;
}

/* ---- reload ---- */

struct reload {
    struct list link;
    char name[256];      /* empty = all */
    struct list changes; /* struct change.link: found, still to be done */
    struct change *current;
    struct buf report;
    int result;
    bool routes; /* the set of services changed */
    void (*done)(void *arg, int result, struct str report);
    void *arg;
};

/* One service getting a new generation. */
struct change {
    struct list link;
    struct reload *reload;
    struct service *service;
    struct generation *gen;
    uint64_t began;
    int waiting; /* workers that have not answered */
    bool failed, commit;
    struct err err;
};

enum step { STEP_BUILD, STEP_COMMIT, STEP_DROP };

/* A step of a change on one worker, and its answer. */
struct change_step {
    struct message msg;
    struct change *change;
    struct worker *worker;
    enum step what;
    struct err err;
};

static struct list reloads = {&reloads, &reloads};
static int n_reloads;
static void reload_next(struct reload *r);
static void change_answered(struct message *m);

static void step_build(struct change_step *step) {
    struct service *s = step->change->service;
    struct local *l = &s->locals[step->worker->index];
    if (!l->resident && step->worker->index != s->home) return; /* built on first use */
    l->next = resident_new(step->change->gen, step->worker, &step->err);
    if (l->next) l->next->service = s;
}

static void step_commit(struct change_step *step) {
    struct local *l = &step->change->service->locals[step->worker->index];
    struct resident *old = l->resident;
    struct generation *old_gen = l->gen;
    l->gen = generation_take(step->change->gen);
    l->resident = l->next;
    l->next = NULL;
    if (old) {
        list_push(&l->retiring, &old->link);
        resident_retire(old, conf.reload_grace / 1000000);
    }
    generation_give(old_gen);
}

static void step_drop(struct change_step *step) {
    struct local *l = &step->change->service->locals[step->worker->index];
    if (l->next) resident_free(l->next);
    l->next = NULL;
}

static void deliver_step(struct message *m) {
    struct change_step *step = LIST_ENTRY(m, struct change_step, msg);
    switch (step->what) {
    case STEP_BUILD:
        step_build(step);
        break;
    case STEP_COMMIT:
        step_commit(step);
        break;
    case STEP_DROP:
        step_drop(step);
        break;
    }
    step->msg.deliver = change_answered;
    worker_post(control, &step->msg);
}

/* All workers or, when memory is out, none. */
static int post_steps(struct change *c, enum step what) {
    struct change_step **steps = mem_zalloc((size_t)worker_count * sizeof(struct change_step *));
    if (!steps) return -ENOMEM;
    int n = 0;
    for (; n < worker_count; n++) {
        steps[n] = mem_zalloc(sizeof *steps[n]);
        if (!steps[n]) break;
        steps[n]->change = c;
        steps[n]->worker = workers[n];
        steps[n]->what = what;
        steps[n]->msg.deliver = deliver_step;
    }
    int rc = n == worker_count ? 0 : -ENOMEM;
    if (rc == 0) c->waiting = worker_count;
    for (int i = 0; i < n; i++) {
        if (rc == 0)
            worker_post(workers[i], &steps[i]->msg);
        else
            mem_free(steps[i]);
    }
    mem_free(steps);
    return rc;
}

static void report(struct reload *r, const char *folder, const char *what) {
    buf_printf(&r->report, "%s: %s\n", folder, what);
}

static void change_over(struct change *c) {
    struct reload *r = c->reload;
    if (c->failed) {
        r->result = -EINVAL;
        stat_add(STAT_RELOADS_FAILED, 1);
        report(r, c->service->folder, c->err.text);
        log_error("reload refused; the old generation goes on", LOGZ("service", c->service->host),
                  LOGZ("error", c->err.text));
    } else {
        char text[128];
        double ms = (double)(uv_hrtime() - c->began) / 1e6;
        stat_add(STAT_RELOADS, 1);
        snprintf(text, sizeof text, "generation %llu in service after %.1f ms",
                 (unsigned long long)c->service->current->number, ms);
        report(r, c->service->folder, text);
        log_info("reloaded", LOGZ("service", c->service->host),
                 LOGI("generation", c->service->current->number),
                 LOGS("hash", str_make(c->gen->hash, 12)), LOGF("ms", ms));
    }
    generation_give(c->gen);
    mem_free(c);
    r->current = NULL;
    reload_next(r);
}

static void restarted(struct starting *st) {
    mem_free(st);
}

/* Control thread: one worker did its step. The last one moves the change on. */
static void change_answered(struct message *m) {
    struct change_step *step = LIST_ENTRY(m, struct change_step, msg);
    struct change *c = step->change;
    enum step what = step->what;
    if (step->err.code) {
        c->failed = true;
        c->err = step->err;
    }
    mem_free(step);
    if (--c->waiting) return;
    if (what == STEP_BUILD) {
        c->commit = !c->failed;
        if (post_steps(c, c->commit ? STEP_COMMIT : STEP_DROP) == 0) return;
        /* Nothing was switched; what was built stays until the next change drops or replaces it. */
        c->failed = true;
        err_set(&c->err, -ENOMEM, "out of memory");
    } else if (c->commit) {
        list_generation(c->service, c->gen);
        if (!stopping) post_start(c->service, restarted, NULL);
    }
    change_over(c);
}

static void change_begin(struct change *c) {
    c->began = uv_hrtime();
    char host[256];
    int rc = trial(c->gen, host, &c->err);
    if (rc == 0 && strcasecmp(host, c->service->host) != 0)
        rc = err_set(
            &c->err, -EINVAL,
            "services/%s/service.yaml: host changed from %s to %s; restart to rename a service",
            c->service->folder, c->service->host, host);
    if (rc == 0) rc = post_steps(c, STEP_BUILD);
    if (rc == 0) return;
    if (!c->err.code) err_set(&c->err, rc, "out of memory");
    c->failed = true;
    change_over(c);
}

static void reload_over(struct reload *r) {
    list_unlink(&r->link);
    n_reloads--;
    if (r->routes) routes_rebuild();
    r->done(r->arg, r->result, buf_view(&r->report));
    buf_free(&r->report);
    mem_free(r);
    if (!list_empty(&reloads)) reload_next(LIST_ENTRY(reloads.next, struct reload, link));
}

static bool wanted(const struct reload *r, const char *folder, const char *host) {
    return !r->name[0] || strcmp(r->name, folder) == 0 || (host && strcasecmp(r->name, host) == 0);
}

static void failed(struct reload *r, const char *folder, const struct err *e) {
    r->result = e->code;
    report(r, folder, e->text);
    stat_add(STAT_RELOADS_FAILED, 1);
    log_error("service not loaded", LOGZ("folder", folder), LOGZ("error", e->text));
}

/* A folder without a service yet. */
static void add_service(struct reload *r, struct generation *g) {
    struct err e = {0};
    char host[256];
    struct service *s = NULL;
    if (trial(g, host, &e) == 0) {
        struct service *other = by_host(str_of(host));
        if (other && !other->removed)
            err_set(&e, -EEXIST, "services/%s declares host %s, which services/%s has already",
                    g->folder.p, host, other->folder);
        else if (other)
            err_set(&e, -EEXIST,
                    "services/%s declares host %s, whose folder was services/%s; restart to move a "
                    "service",
                    g->folder.p, host, other->folder);
        else
            s = service_new(g, host, &e);
    }
    if (!s) {
        failed(r, g->folder.p, &e);
        return;
    }
    r->routes = true;
    stat_add(STAT_RELOADS, 1);
    report(r, s->folder, "in service");
    log_info("service loaded", LOGZ("service", s->host), LOGZ("folder", s->folder),
             LOGB("embedded", g->embedded));
    if (r->done && workers[s->home]->running) post_start(s, restarted, NULL);
}

static void add_change(struct reload *r, struct service *s, struct generation *g) {
    struct change *c = mem_zalloc(sizeof *c);
    if (!c) {
        struct err e;
        err_set(&e, -ENOMEM, "out of memory");
        failed(r, s->folder, &e);
        return;
    }
    c->reload = r;
    c->service = s;
    c->gen = generation_take(g);
    list_push(&r->changes, &c->link);
}

static void compare(struct reload *r, struct generation *g) {
    struct service *s = by_folder(g->folder);
    if (!s) {
        add_service(r, g);
    } else if (s->removed || strcmp(s->current->hash, g->hash) != 0) {
        if (s->removed) r->routes = true;
        s->removed = false;
        add_change(r, s, g);
    }
}

static int found_in_folder(void *arg, struct str folder) {
    struct reload *r = arg;
    struct err e = {0};
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_FMT(folder));
    struct service *s = by_folder(folder);
    if (!wanted(r, name, s ? s->host : NULL)) return 0;
    struct generation *g = generation_read(root, folder, &e);
    if (!g) {
        failed(r, name, &e);
        return 0;
    }
    compare(r, g);
    generation_give(g);
    return 0;
}

/* The embedded one serves when the user's tree has no folder of that name. */
static int found_embedded(void *arg, struct str folder) {
    struct reload *r = arg;
    char path[1200], name[256];
    snprintf(path, sizeof path, "%s/%.*s/service.yaml", root, STR_FMT(folder));
    snprintf(name, sizeof name, "%.*s", STR_FMT(folder));
    struct service *s = by_folder(folder);
    if (!wanted(r, name, s ? s->host : NULL) || access(path, F_OK) == 0) return 0;
    struct err e = {0};
    struct generation *g = generation_embedded(folder, &e);
    if (!g) {
        failed(r, name, &e);
        return 0;
    }
    compare(r, g);
    generation_give(g);
    return 0;
}

static int is_embedded(void *arg, struct str folder) {
    return str_eq(str_of(arg), folder);
}

/* Services whose folder is gone are not routed any more; their states stay for what is in flight.
 */
static void find_removed(struct reload *r) {
    LIST_EACH(&services, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        char path[1200];
        snprintf(path, sizeof path, "%s/%s/service.yaml", root, s->folder);
        if (s->removed || !wanted(r, s->folder, s->host) || access(path, F_OK) == 0 ||
            generation_scan_embedded(is_embedded, s->folder))
            continue;
        s->removed = true;
        r->routes = true;
        report(r, s->folder, "removed");
        log_info("service removed", LOGZ("service", s->host));
    }
}

static void look_for_changes(struct reload *r) {
    find_removed(r);
    int rc = generation_scan(root, found_in_folder, r);
    if (rc < 0 && rc != -ENOENT) {
        struct err e;
        err_set(&e, rc, "cannot read the services folder %s: %s", root, strerror(-rc));
        failed(r, root, &e);
    }
    generation_scan_embedded(found_embedded, r);
}

static void reload_next(struct reload *r) {
    struct list *next = list_pop(&r->changes);
    if (!next) {
        reload_over(r);
        return;
    }
    r->current = LIST_ENTRY(next, struct change, link);
    change_begin(r->current);
}

void service_reload(struct str name, void (*done)(void *arg, int result, struct str report),
                    void *arg) {
    if (stopping || n_reloads >= 16) {
        done(arg, ERR_BUSY,
             stopping ? STR("the host is stopping\n") : STR("too many reloads wait\n"));
        return;
    }
    struct reload *r = mem_zalloc(sizeof *r);
    if (!r) {
        done(arg, -ENOMEM, STR("out of memory\n"));
        return;
    }
    snprintf(r->name, sizeof r->name, "%.*s", STR_FMT(name));
    list_init(&r->changes);
    buf_init(&r->report);
    r->done = done;
    r->arg = arg;
    list_push(&reloads, &r->link);
    if (++n_reloads > 1) return;
    look_for_changes(r);
    if (r->name[0] && !r->report.n && list_empty(&r->changes) && !by_folder(str_of(r->name)) &&
        !by_host(str_of(r->name))) {
        r->result = -ENOENT;
        report(r, r->name, "no such service");
    }
    reload_next(r);
}

/* ---- start and stop ---- */

static int is_missing(void *arg, struct str folder) {
    return by_folder(folder) == NULL;
}

int service_open_all(struct worker *w, const char *folder, struct err *e) {
    control = w;
    snprintf(root, sizeof root, "%s", folder);
    struct reload r = {.result = 0};
    list_init(&r.changes);
    buf_init(&r.report);
    look_for_changes(&r);
    /* What the binary brings must load; what a user brings may fail and be mended while the host
     * runs. */
    int rc = generation_scan_embedded(is_missing, NULL);
    if (rc)
        rc = err_set(e, -EINVAL, "a platform service does not load: %.*s",
                     STR_FMT(buf_view(&r.report)));
    else
        rc = routes_rebuild();
    buf_free(&r.report);
    return rc;
}

/* Counts the platform services that have not answered yet. */
struct start_all {
    int waiting;
    int result;
    char why[512];
    void (*done)(void *arg, int result, const char *why);
    void *arg;
};

static void started_one(struct starting *st) {
    struct start_all *all = st->arg;
    if (st->result < 0 && service_is_platform(st->service) && all->result == 0) {
        all->result = st->result;
        snprintf(all->why, sizeof all->why, "%s: %s", st->service->host, st->why);
    }
    mem_free(st);
    if (--all->waiting) return;
    all->done(all->arg, all->result, all->why);
    mem_free(all);
}

void service_start_all(void (*done)(void *arg, int result, const char *why), void *arg) {
    struct start_all *all = mem_zalloc(sizeof *all);
    if (!all) {
        done(arg, -ENOMEM, "out of memory");
        return;
    }
    all->done = done;
    all->arg = arg;
    LIST_EACH(&services, it) {
        all->waiting++;
    }
    if (all->waiting == 0) {
        done(arg, -ENOENT, "no services");
        mem_free(all);
        return;
    }
    LIST_EACH(&services, it) {
        post_start(LIST_ENTRY(it, struct service, link), started_one, all);
    }
}

/* Asks every worker for something and calls done when all have answered. */
struct sweep {
    struct message msg;
    struct worker *worker;
    bool close;
    struct timer timer;
    int *waiting;
    void (*done)(void *arg);
    void *arg;
};

static void swept(struct message *m) {
    struct sweep *s = LIST_ENTRY(m, struct sweep, msg);
    if (--*s->waiting == 0) {
        mem_free(s->waiting);
        if (s->done) s->done(s->arg);
    }
    mem_free(s);
}

static void sweep_answer(struct sweep *s) {
    s->msg.deliver = swept;
    worker_post(control, &s->msg);
}

static void close_poll(struct timer *t) {
    struct sweep *s = LIST_ENTRY(t, struct sweep, timer);
    LIST_EACH(&services, it) {
        struct local *l = &LIST_ENTRY(it, struct service, link)->locals[s->worker->index];
        if (l->resident || !list_empty(&l->retiring)) {
            if (timer_arm(s->worker, t, 5) == 0) return;
        }
    }
    timer_remove(s->worker, t);
    sweep_answer(s);
}

static void deliver_sweep(struct message *m) {
    struct sweep *s = LIST_ENTRY(m, struct sweep, msg);
    LIST_EACH(&services, it) {
        struct service *service = LIST_ENTRY(it, struct service, link);
        struct local *l = &service->locals[s->worker->index];
        if (!s->close) {
            if (l->resident) task_cancel_all(l->resident->vm, true);
            continue;
        }
        LIST_EACH(&l->retiring, old) {
            LIST_ENTRY(old, struct resident, link)->give_up = 0;
        }
        if (l->resident) {
            list_push(&l->retiring, &l->resident->link);
            resident_retire(l->resident, 0);
            l->resident = NULL;
        }
        generation_give(l->gen);
        l->gen = NULL;
    }
    if (!s->close) {
        sweep_answer(s);
        return;
    }
    timer_init(&s->timer, close_poll);
    close_poll(&s->timer);
}

static void sweep_all(bool close, void (*done)(void *arg), void *arg) {
    int *waiting = mem_zalloc(sizeof *waiting);
    if (!waiting) {
        log_error("out of memory while stopping");
        if (done) done(arg);
        return;
    }
    *waiting = worker_count;
    for (int i = 0; i < worker_count; i++) {
        struct sweep *s = mem_zalloc(sizeof *s);
        if (!s) {
            (*waiting)--;
            continue;
        }
        s->worker = workers[i];
        s->close = close;
        s->waiting = waiting;
        s->done = done;
        s->arg = arg;
        s->msg.deliver = deliver_sweep;
        worker_post(s->worker, &s->msg);
    }
    if (*waiting == 0) {
        mem_free(waiting);
        if (done) done(arg);
    }
}

void service_stop_all(void) {
    stopping = true;
    sweep_all(false, NULL, NULL);
}

void service_close_all(void (*done)(void *arg), void *arg) {
    stopping = true;
    sweep_all(true, done, arg);
}

void service_free_all(void) {
    for (struct list *it; (it = list_pop(&services));) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        for (int i = 0; i < KEPT; i++)
            generation_give(s->kept[i]);
        for (int i = 0; i < worker_count; i++)
            generation_give(s->locals[i].gen);
        generation_give(s->current);
        mem_free(s->locals);
        mem_free(s);
    }
    n_services = 0;
    stopping = false;
}

void service_report(struct buf *out) {
    const char *sep = "";
    buf_char(out, '[');
    LIST_EACH(&services, it) {
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
