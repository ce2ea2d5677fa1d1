/*
 * reload: how a new generation of a service comes into service. Files are read and tried on the
 * control thread; then every worker that runs the old generation builds the new one; then all
 * switch, or all go on with the old one. A folder that is gone takes its service out the same way.
 * Called by service.c, admin and the file watcher, on the control thread. Must never run a handler
 * there: trials only load files.
 */
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/metric.h"
#include "core/base/stat.h"
#include "core/script/routes.h"
#include "core/script/serve.h"
#include "core/script/service_list.h"
#include "core/script/values.h"

#define RELOADS_MAX 16 /* at work or waiting */

/* One reload, from its looking at the files to its report. */
struct reload {
    struct list link;    /* in `reloads` */
    char name[256];      /* folder or host; empty = all */
    struct list changes; /* struct change.link: found, still to be done */
    struct buf report;   /* text for people */
    struct buf why;      /* of the failure at hand, in full: a file can have many errors */
    int result;          /* 0 or of the last thing that failed */
    bool routes;         /* the set of services changed */
    bool first;          /* the host opens: nothing is started or switched yet */
    void (*done)(void *arg, int result, struct str report);
    void *arg;
};

enum step { STEP_BUILD, STEP_COMMIT, STEP_DROP, STEP_RETIRE };

/* A step of a change on one worker, and its answer. */
struct change_step {
    struct message msg;
    struct change *change;
    struct worker *worker;
    enum step what;
    struct err err;
};

/* One service that gets a new generation, or goes out of service. */
struct change {
    struct list link; /* in reload.changes */
    struct reload *reload;
    struct service *service;
    struct generation *gen; /* NULL = its folder is gone */
    uint64_t began;
    int waiting; /* workers that have not answered */
    bool failed;
    struct err err;
    struct change_step steps[]; /* one per worker, used again for the next step */
};

static struct list reloads = {&reloads, &reloads};
static int n_reloads;

static void reload_go(struct reload *r);

/* ---- what it tells --------------------------------------------------------------------------- */

static void report(struct reload *r, const char *folder, const char *what) {
    buf_printf(&r->report, "%s: %s\n", folder, what);
}

/* The error in full, on as many lines as it has, until the next one. */
static struct str why(struct reload *r, const struct err *e) {
    struct str full = buf_view(&r->why);
    return e->full && full.n ? full : str_of(e->text);
}

/* Files that could not be read or tried. */
static void failed(struct reload *r, const char *folder, const struct err *e) {
    r->result = e->code;
    buf_printf(&r->report, "%s: %.*s\n", folder, STR_FMT(why(r, e)));
    stat_add(STAT_RELOADS_FAILED, 1);
    log_error("service not loaded", LOGZ("folder", folder), LOGS("error", why(r, e)));
}

static void change_failed(struct change *c) {
    struct reload *r = c->reload;
    r->result = -EINVAL;
    stat_add(STAT_RELOADS_FAILED, 1);
    struct str text = why(r, &c->err);
    buf_printf(&r->report, "%s: %.*s\n", c->service->folder, STR_FMT(text));
    log_error(c->service->removed ? "reload refused" : "reload refused; the old generation goes on",
              LOGZ("service", c->service->host), LOGS("error", text));
}

static void change_done(struct change *c) {
    char text[128];
    double ms = (double)(uv_hrtime() - c->began) / 1e6;
    if (!c->gen) {
        report(c->reload, c->service->folder, "removed");
        metric_forget(c->service->metrics);
        values_forget(str_of(c->service->host));
        log_info("service removed", LOGZ("service", c->service->host));
        return;
    }
    stat_add(STAT_RELOADS, 1);
    snprintf(text, sizeof text, "generation %llu in service after %.1f ms",
             (unsigned long long)c->gen->number, ms);
    report(c->reload, c->service->folder, text);
    log_info("reloaded", LOGZ("service", c->service->host), LOGI("generation", c->gen->number),
             LOGS("hash", str_make(c->gen->hash, 12)), LOGF("ms", ms));
}

/* ---- on a worker ----------------------------------------------------------------------------- */

static void step_build(struct change_step *step) {
    struct service *s = step->change->service;
    struct local *l = &s->locals[step->worker->index];
    if (l->closed) {
        err_set(&step->err, ERR_CANCELED, "the host is stopping");
        return;
    }
    if (!l->resident && step->worker->index != s->home) return; /* built on first use */
    l->next = resident_new(step->change->gen, step->worker, &step->err);
    if (l->next) l->next->service = s;
}

static void step_drop(struct change_step *step) {
    struct local *l = &step->change->service->locals[step->worker->index];
    if (l->next) resident_free(l->next);
    l->next = NULL;
}

static void answer_step(void *arg);

/* What was in force goes; what was built, or nothing, takes its place. True: the answer comes when
 * on_stop of the old one has ended, so that on_start of the new one comes after it. */
static bool step_commit(struct change_step *step) {
    struct local *l = &step->change->service->locals[step->worker->index];
    if (l->closed) {
        step_drop(step);
        return false;
    }
    struct resident *old = l->resident;
    struct generation *old_gen = l->gen, *gen = step->change->gen;
    l->gen = gen ? generation_take(gen) : NULL;
    l->resident = l->next;
    l->next = NULL;
    bool later = old && resident_stop(old, answer_step, step);
    if (old) {
        list_push(&l->retiring, &old->link);
        resident_retire(old, conf.reload_grace / 1000000);
        if (!gen) serve_hang_up(old);
    }
    generation_give(old_gen);
    return later;
}

static void change_answered(struct message *m);

static void answer_step(void *arg) {
    struct change_step *step = arg;
    step->msg.deliver = change_answered;
    worker_post(service_control, &step->msg);
}

static void deliver_step(struct message *m) {
    struct change_step *step = LIST_ENTRY(m, struct change_step, msg);
    switch (step->what) {
    case STEP_BUILD:
        step_build(step);
        break;
    case STEP_DROP:
        step_drop(step);
        break;
    case STEP_COMMIT:
    case STEP_RETIRE:
        if (step_commit(step)) return;
        break;
    }
    answer_step(step);
}

/* ---- one change ------------------------------------------------------------------------------ */

static void post_steps(struct change *c, enum step what) {
    c->waiting = worker_count;
    for (int i = 0; i < worker_count; i++) {
        struct change_step *step = &c->steps[i];
        step->change = c;
        step->worker = workers[i];
        step->what = what;
        step->msg.deliver = deliver_step;
        worker_post(workers[i], &step->msg);
    }
}

static void restarted(struct starting *st) {
    mem_free(st); /* the log has told when it failed */
}

/* All workers have switched. */
static void committed(struct change *c) {
    struct service *s = c->service;
    if (s->removed || !str_eq(s->current->topics, c->gen->topics)) c->reload->routes = true;
    service_adopt(s, c->gen);
    s->removed = false;
    if (!service_stopping) service_start(s, restarted, NULL);
}

static void change_over(struct change *c) {
    if (c->failed)
        change_failed(c);
    else
        change_done(c);
    generation_give(c->gen);
    mem_free(c);
}

/* Control thread: one worker did its step. The last one moves the change on. */
static void change_answered(struct message *m) {
    struct change_step *step = LIST_ENTRY(m, struct change_step, msg);
    struct change *c = step->change;
    struct reload *r = c->reload;
    enum step what = step->what;
    if (step->err.code) {
        c->failed = true;
        c->err = step->err;
    }
    if (--c->waiting) return;
    if (what == STEP_BUILD) {
        post_steps(c, c->failed ? STEP_DROP : STEP_COMMIT);
        return;
    }
    if (what == STEP_COMMIT) committed(c);
    change_over(c);
    reload_go(r);
}

/* Builds the generation once where nothing serves from it, to see whether it loads, and learns its
 * host name. */
static int trial(struct reload *r, struct generation *g, char host[256], struct err *e) {
    struct resident *on_trial = resident_new(g, service_control, e);
    if (!on_trial) return e->code;
    snprintf(host, 256, "%s", on_trial->host);
    g->sealed = true;
    struct str warnings = buf_view(&on_trial->warnings), line;
    while (str_cut(warnings, '\n', &line, &warnings)) {
        log_warn("service is odd", LOGZ("service", host), LOGS("warning", line));
        buf_printf(&r->report, "%s: warning: %.*s\n", g->folder.p, STR_FMT(line));
    }
    resident_free(on_trial);
    return 0;
}

/* A host that belongs to another service cannot be listened at. */
static int check_topics(const struct generation *g, const char *host, struct err *e) {
    struct str rest = g->topics, topic;
    while (rest.n) {
        str_cut(rest, '\n', &topic, &rest);
        if (!str_starts(topic, STR("//"))) continue;
        struct service *other = service_by_host(str_from(topic, 2));
        if (other && !other->removed && strcmp(other->host, host) != 0)
            return err_set(e, -EEXIST, "services/%s listens at host %s, which services/%s has",
                           g->folder.p, other->host, other->folder);
    }
    return 0;
}

static int check_host(struct change *c) {
    char host[256];
    c->err.full = &c->reload->why;
    int rc = trial(c->reload, c->gen, host, &c->err);
    if (rc == 0) rc = check_topics(c->gen, host, &c->err);
    if (rc < 0 || strcmp(host, c->service->host) == 0) return rc;
    return err_set(
        &c->err, -EINVAL,
        "services/%s/service.yaml: host changed from %s to %s; restart to rename a service",
        c->service->folder, c->service->host, host);
}

/* Nobody finds the service any more before its states go. */
static int unroute(struct change *c) {
    c->service->removed = true;
    int rc = routes_rebuild();
    if (rc == 0) return 0;
    c->service->removed = false;
    return err_set(&c->err, rc, "cannot be taken out of service: out of memory");
}

static int change_check(struct change *c) {
    if (service_stopping) return err_set(&c->err, ERR_BUSY, "the host is stopping");
    return c->gen ? check_host(c) : unroute(c);
}

/* Whether it goes on in change_answered; else it is over. */
static bool change_begin(struct change *c) {
    c->began = uv_hrtime();
    if (change_check(c) == 0) {
        post_steps(c, c->gen ? STEP_BUILD : STEP_RETIRE);
        return true;
    }
    c->failed = true;
    change_over(c);
    return false;
}

/* `g` = NULL: it goes out of service. */
static void add_change(struct reload *r, struct service *s, struct generation *g) {
    size_t size = sizeof(struct change) + (size_t)worker_count * sizeof(struct change_step);
    struct change *c = r->first ? NULL : mem_zalloc(size);
    if (!c) {
        struct err e = {0};
        if (r->first)
            err_set(&e, ERR_CONFLICT, "the folder changed while it was read");
        else
            err_set(&e, -ENOMEM, "out of memory");
        failed(r, s->folder, &e);
        return;
    }
    c->reload = r;
    c->service = s;
    c->gen = g ? generation_take(g) : NULL;
    list_push(&r->changes, &c->link);
}

/* ---- looking at the files -------------------------------------------------------------------- */

static bool wanted(const struct reload *r, const char *folder, const char *host) {
    return !r->name[0] || strcmp(r->name, folder) == 0 || (host && strcasecmp(r->name, host) == 0);
}

/* Whether the user's tree has that folder. */
static bool has_folder(const char *folder) {
    char path[1400];
    int n = snprintf(path, sizeof path, "%s/%s/service.yaml", service_root, folder);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static int is_folder(void *arg, struct str folder) {
    return str_eq(str_of(arg), folder);
}

static bool is_gone(struct service *s) {
    return !has_folder(s->folder) && !generation_scan_embedded(is_folder, s->folder);
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

/* A folder without a service yet. */
static void add_service(struct reload *r, struct generation *g) {
    struct err e = {.full = &r->why};
    char host[256];
    struct service *s = NULL, *other = NULL;
    if (trial(r, g, host, &e) == 0 && check_topics(g, host, &e) == 0) {
        other = service_by_host(str_of(host));
        if (!other)
            s = service_new(g, host, &e);
        else if (is_gone(other) && other->platform == g->platform)
            snprintf(other->folder, sizeof other->folder, "%s", g->folder.p); /* it was moved */
        else
            err_set(&e, -EEXIST, "services/%s declares host %s, which services/%s has already",
                    g->folder.p, host, other->folder);
    }
    if (e.code) {
        failed(r, g->folder.p, &e);
    } else if (other) {
        add_change(r, other, g);
    } else {
        r->routes = true;
        (void)service_each(warn_guest, s);
        stat_add(STAT_RELOADS, 1);
        report(r, s->folder, "in service");
        log_info("service loaded", LOGZ("service", s->host), LOGZ("folder", s->folder),
                 LOGB("embedded", g->embedded));
        if (!r->first) service_start(s, restarted, NULL);
    }
}

static void compare(struct reload *r, struct generation *g) {
    struct service *s = service_by_folder(g->folder);
    if (!s)
        add_service(r, g);
    else if (s->removed || strcmp(s->current->hash, g->hash) != 0 ||
             generation_outdated(s->current))
        add_change(r, s, g);
}

static int found(struct reload *r, struct str folder, bool embedded) {
    struct err e = {.full = &r->why};
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_FMT(folder));
    struct service *s = service_by_folder(folder);
    /* The embedded one serves when the user's tree has no folder of that name. */
    if (!wanted(r, name, s ? s->host : NULL) || (embedded && has_folder(name))) return 0;
    struct generation *g = embedded ? generation_embedded(service_root, folder, &e)
                                    : generation_read(service_root, folder, &e);
    if (g)
        compare(r, g);
    else
        failed(r, name, &e);
    generation_give(g);
    return 0;
}

static int found_in_folder(void *arg, struct str folder) {
    return found(arg, folder, false);
}

static int found_embedded(void *arg, struct str folder) {
    return found(arg, folder, true);
}

static void find_removed(struct reload *r) {
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (!s->removed && wanted(r, s->folder, s->host) && is_gone(s)) add_change(r, s, NULL);
    }
}

/* The platform's own come first, so that nobody takes a host from them. Folders that are gone come
 * last: one that was moved is not gone. */
static void look(struct reload *r) {
    struct err e = {0};
    generation_scan_embedded(found_embedded, r);
    int rc = generation_scan(service_root, found_in_folder, r);
    if (rc < 0 && rc != -ENOENT) {
        err_set(&e, rc, "cannot read the services folder %s: %s", service_root, err_name(rc));
        failed(r, service_root, &e);
    }
    find_removed(r);
}

/* ---- reloads, one at a time ------------------------------------------------------------------ */

static void reload_begin(struct reload *r) {
    if (service_stopping) {
        r->result = ERR_BUSY;
        buf_str(&r->report, STR("the host is stopping\n"));
    } else {
        look(r);
        bool known = service_by_folder(str_of(r->name)) || service_by_host(str_of(r->name));
        if (r->name[0] && !known && !r->report.n && list_empty(&r->changes)) {
            r->result = -ENOENT;
            report(r, r->name, "no such service");
        }
    }
    reload_go(r);
}

static void reload_over(struct reload *r) {
    list_unlink(&r->link);
    n_reloads--;
    if (r->routes && routes_rebuild() < 0) {
        r->result = -ENOMEM;
        report(r, "services", "what changed is not routed: out of memory");
    }
    r->done(r->arg, r->result, buf_view(&r->report));
    buf_free(&r->report);
    buf_free(&r->why);
    mem_free(r);
    if (!list_empty(&reloads))
        reload_begin(LIST_ENTRY(reloads.next, struct reload, link));
    else
        service_reloaded();
}

/* Until one change has to wait for the workers, or all are done. */
static void reload_go(struct reload *r) {
    for (struct list *next; (next = list_pop(&r->changes));)
        if (change_begin(LIST_ENTRY(next, struct change, link))) return;
    reload_over(r);
}

bool reload_busy(void) {
    return n_reloads > 0;
}

void service_reload(struct str name, void (*done)(void *arg, int result, struct str report),
                    void *arg) {
    if (service_stopping || n_reloads >= RELOADS_MAX) {
        done(arg, ERR_BUSY,
             service_stopping ? STR("the host is stopping\n") : STR("too many reloads wait\n"));
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
    buf_init(&r->why);
    r->done = done;
    r->arg = arg;
    list_push(&reloads, &r->link);
    if (++n_reloads == 1) reload_begin(r);
}

/* Before anything serves there is nothing to switch: new services are all that can be found. */
void reload_first(struct buf *out) {
    struct reload r = {.first = true};
    list_init(&r.changes);
    buf_init(&r.report);
    buf_init(&r.why);
    look(&r);
    buf_str(out, buf_view(&r.report));
    buf_free(&r.report);
    buf_free(&r.why);
}
