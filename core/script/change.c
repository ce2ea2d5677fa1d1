/*
 * change: how a new generation of one service comes into service. It is tried on the control
 * thread; then every worker that runs the old generation builds the new one; then all switch, or
 * all go on with the old one. A service whose folder is gone goes out of service the same way.
 * Called by reload.c on the control thread; steps on workers come and answer by message. Must never
 * run a handler on the control thread: trials only load files.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/metric.h"
#include "core/base/stat.h"
#include "core/script/reload.h"
#include "core/script/routes.h"
#include "core/script/serve.h"
#include "core/script/values.h"

enum step { STEP_BUILD, STEP_CHECK, STEP_COMMIT, STEP_DROP, STEP_RETIRE };

/* A step of a change on one worker, and its answer. */
struct change_step {
    struct message msg;
    struct change *change;
    struct worker *worker;
    enum step what;
    struct resident *old; /* that is taken out of service */
    struct err err;
};

/* One service that gets a new generation, or goes out of service. */
struct change {
    struct list link; /* in reload.changes */
    struct reload *reload;
    struct service *service;
    struct generation *gen; /* NULL = its folder is gone */
    uint64_t began;
    uint64_t from; /* number that it had before a rollback */
    int waiting;   /* workers that have not answered */
    bool tried;    /* change_try has been there */
    bool checks;   /* there is an on_check */
    bool failed;
    struct err err;
    struct buf state; /* what the old generation hands over, packed; from its home worker */
    struct buf lost;  /* why it hands nothing over; else empty */
    struct change_step steps[]; /* one per worker, used again for the next step */
};

/* ---- what it tells --------------------------------------------------------------------------- */

static double milliseconds(const struct change *c) {
    return (double)(uv_hrtime() - c->began) / 1e6;
}

static void tell_failure(struct change *c) {
    struct reload *r = c->reload;
    if (service_stopping) { /* whatever was cut short by that: nothing is wrong with the files */
        r->result = ERR_BUSY;
        reload_report(r, c->service->folder, "the host is stopping");
        return;
    }
    struct str text = reload_why(r, &c->err);
    r->result = -EINVAL;
    reload_tell(r, c->service->folder, c->gen, text);
    if (r->check) return;
    history_fail(&c->service->history, c->gen ? c->gen->hash : "", r->who, milliseconds(c), text);
    stat_add(STAT_RELOADS_FAILED, 1);
}

static void tell_removal(struct change *c) {
    reload_report(c->reload, c->service->folder, "removed");
    reload_mended(c->service->folder);
    metric_forget(c->service->metrics);
    values_forget(str_of(c->service->host));
    log_info("service removed", LOGZ("service", c->service->host),
             LOGZ("folder", c->service->folder));
}

static void tell_lost(struct change *c) {
    struct str why = buf_view(&c->lost);
    stat_add(STAT_HANDOVERS_LOST, 1);
    buf_printf(&c->reload->report, "%s: warning: on_unload hands nothing over: %.*s\n",
               c->service->folder, STR_FMT(why));
    log_warn("on_unload hands nothing over", LOGZ("service", c->service->host), LOGS("error", why));
}

static void tell_success(struct change *c) {
    char text[128];
    double ms = milliseconds(c);
    bool mended = reload_mended(c->service->folder);
    if (c->gen->number == 1) {
        reload_report(c->reload, c->service->folder, "in service");
        service_tell_new(c->service);
        return;
    }
    stat_add(STAT_RELOADS, 1);
    stat_add(STAT_RELOAD_MICROSECONDS, (int64_t)(ms * 1000));
    if (c->lost.n) tell_lost(c);
    int n = snprintf(text, sizeof text, "generation %llu in service after %.1f ms",
                     (unsigned long long)c->gen->number, ms);
    if (c->reload->back)
        snprintf(text + n, sizeof text - (size_t)n, ", with the files of generation %llu",
                 (unsigned long long)c->from);
    reload_report(c->reload, c->service->folder, text);
    log_info("reloaded", LOGZ("service", c->service->host), LOGI("generation", c->gen->number),
             LOGS("hash", str_make(c->gen->hash, 12)), LOGF("ms", ms),
             LOGZ("mended", mended ? "true" : NULL));
}

static void tell(struct change *c) {
    if (c->failed)
        tell_failure(c);
    else if (c->reload->check)
        reload_report(c->reload, c->service->folder, c->gen ? "fine" : "would be removed");
    else if (c->gen)
        tell_success(c);
    else
        tell_removal(c);
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
    if (l->next) resident_discard(l->next, &l->retiring);
    l->next = NULL;
}

static void answer_step(void *arg);

static void checked(void *arg, const struct hook_end *end) {
    struct change_step *step = arg;
    if (end->end != TASK_RETURNED) {
        step->err.full = &step->change->reload->why;
        err_set(&step->err, -EINVAL, "on_check %s: %.*s", resident_verdict(end), STR_FMT(end->why));
    }
    answer_step(step);
}

/* True: the answer comes when on_check has ended. */
static bool step_check(struct change_step *step) {
    struct local *l = &step->change->service->locals[step->worker->index];
    if (l->next) return resident_check(l->next, false, checked, step);
    err_set(&step->err, ERR_CANCELED, "the host is stopping");
    return false;
}

/* The old one runs on_stop, if any, and what is left of it ends within the grace time. */
static bool step_stop(struct change_step *step) {
    struct local *l = &step->change->service->locals[step->worker->index];
    struct resident *old = step->old;
    uint64_t grace = l->closed ? 0 : conf.reload_grace / 1000000;
    bool last = !step->change->gen; /* the step may be over before resident_stop returns */
    bool later = resident_stop(old, answer_step, step);
    resident_retire(old, grace);
    if (last) serve_hang_up(old); /* nothing comes after it */
    return later;
}

static void unloaded(void *arg, const struct hook_end *end) {
    struct change_step *step = arg;
    struct change *c = step->change;
    buf_str(&c->state, end->state);
    buf_str(&c->lost, end->why);
    if (!buf_ok(&c->state)) {
        buf_clear(&c->state);
        buf_str(&c->lost, STR("out of memory"));
    }
    if (!step_stop(step)) answer_step(step);
}

/* The last that is heard of a state that was replaced. */
static void left(struct resident *r) {
    atomic_fetch_sub(&r->service->leaving, 1);
}

/* What was in force goes: its tickers, then on_unload and on_stop. What was built, or nothing,
 * takes its place. True: the answer comes when on_stop of the old one has ended, so that on_start
 * of the new one comes after it. */
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
    generation_give(old_gen);
    if (!old) return false;
    list_push(&l->retiring, &old->link);
    atomic_fetch_add(&step->change->service->leaving, 1);
    old->gone = left;
    task_cancel_all(old->vm, true);
    step->old = old;
    return (gen && resident_unload(old, unloaded, step)) || step_stop(step);
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
    case STEP_CHECK:
        if (step_check(step)) return;
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

/* ---- its way --------------------------------------------------------------------------------- */

static void post_step(struct change *c, enum step what, int worker) {
    struct change_step *step = &c->steps[worker];
    step->change = c;
    step->worker = workers[worker];
    step->what = what;
    step->msg.deliver = deliver_step;
    worker_post(workers[worker], &step->msg);
}

/* On all workers, but a check on the home worker only. */
static void post_steps(struct change *c, enum step what) {
    c->waiting = what == STEP_CHECK ? 1 : worker_count;
    for (int i = 0; i < worker_count; i++)
        if (what != STEP_CHECK || i == c->service->home) post_step(c, what, i);
}

static void restarted(struct starting *st) {
    starting_free(st); /* the log has told when it failed */
}

/* Policies that come are asked from the switch on, worker by worker: routes that lead to both the
 * old and the new functions are there before it. */
static int prepare(struct change *c) {
    struct service *s = c->service;
    unsigned before = service_asks();
    s->coming = c->gen ? c->gen->asks : 0;
    if (service_asks() == before) return 0;
    int rc = routes_rebuild();
    if (rc == 0) return 0;
    s->coming = 0;
    return err_set(&c->err, rc, "cannot be put into service: out of memory");
}

/* All workers have switched. */
static void committed(struct change *c) {
    struct service *s = c->service;
    s->coming = 0;
    if (s->current && s->current->asks != c->gen->asks) c->reload->routes = true;
    if (s->removed || !str_eq(s->current->topics, c->gen->topics)) c->reload->routes = true;
    if (c->reload->back) {
        c->from = c->gen->number;
        stat_add(STAT_ROLLBACKS, 1);
        history_leave(&s->history);
    } else {
        history_go_on(&s->history);
    }
    service_adopt(s, c->gen, c->reload->who, milliseconds(c));
    s->removed = s->unchecked = false;
    if (c->state.n) {
        buf_free(&s->handed);
        s->handed = c->state;
        buf_init(&c->state);
    }
    if (!service_stopping) service_start(s, restarted, NULL);
}

static void change_free(struct change *c) {
    generation_give(c->gen);
    buf_free(&c->state);
    buf_free(&c->lost);
    mem_free(c);
}

static void change_over(struct change *c) {
    tell(c);
    change_free(c);
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
        step->err.code = 0;
    }
    if (--c->waiting) return;
    if (what == STEP_BUILD && c->checks && !c->failed) {
        post_steps(c, STEP_CHECK);
        return;
    } else if (what == STEP_BUILD || what == STEP_CHECK) {
        if (!c->failed && !r->check) c->failed = prepare(c) < 0;
        post_steps(c, c->failed || r->check ? STEP_DROP : STEP_COMMIT);
        return;
    }
    if (what == STEP_COMMIT) committed(c);
    change_over(c);
    reload_go(r);
}

/* ---- before it ------------------------------------------------------------------------------- */

int change_try(struct reload *r, struct generation *g, struct trial *t, struct err *e) {
    struct resident *on_trial = resident_new(g, service_control, e);
    if (!on_trial) return e->code;
    snprintf(t->host, sizeof t->host, "%s", on_trial->host);
    t->checks = on_trial->check != LUA_REFNIL;
    g->sealed = true;
    struct str warnings = buf_view(&on_trial->warnings), line;
    while (str_cut(warnings, '\n', &line, &warnings)) {
        log_warn("service is odd", LOGZ("service", t->host), LOGS("warning", line));
        buf_printf(&r->report, "%s: warning: %.*s\n", g->folder.p, STR_FMT(line));
    }
    resident_free(on_trial);
    return 0;
}

int change_topics(const struct generation *g, const char *host, struct err *e) {
    struct str rest = g->topics, topic;
    while (rest.n) {
        str_cut(rest, '\n', &topic, &rest);
        if (!str_starts(topic, STR("//"))) continue;
        struct service *other = service_by_host(str_from(topic, 2));
        if (other && !service_is_gone(other) && strcmp(other->host, host) != 0)
            return err_set(e, -EEXIST, "services/%s listens at host %s, which services/%s has",
                           g->folder.p, other->host, other->folder);
    }
    return 0;
}

static int check_generation(struct change *c) {
    struct trial t = {0};
    c->err.full = &c->reload->why;
    int rc = c->tried ? 0 : change_try(c->reload, c->gen, &t, &c->err);
    if (c->tried)
        snprintf(t.host, sizeof t.host, "%s", c->service->host);
    else
        c->checks = t.checks;
    if (rc == 0) rc = change_topics(c->gen, t.host, &c->err);
    if (rc < 0 || strcmp(t.host, c->service->host) == 0) return rc;
    return err_set(
        &c->err, -EINVAL,
        "services/%s/service.yaml: host changed from %s to %s; restart to rename a service",
        c->service->folder, c->service->host, t.host);
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
    if (c->gen) return check_generation(c);
    return c->reload->check ? 0 : unroute(c);
}

bool change_begin(struct reload *r) {
    struct change *c = LIST_ENTRY(list_pop(&r->changes), struct change, link);
    c->began = uv_hrtime();
    c->failed = change_check(c) < 0;
    if (!c->failed && (c->gen || !r->check)) {
        post_steps(c, c->gen ? STEP_BUILD : STEP_RETIRE);
        return true;
    }
    change_over(c);
    return false;
}

int change_add(struct reload *r, struct service *s, struct generation *g, const struct trial *t) {
    struct change *c = mem_zalloc(sizeof *c + (size_t)worker_count * sizeof(struct change_step));
    if (!c) return -ENOMEM;
    c->reload = r;
    c->service = s;
    c->tried = t != NULL;
    c->checks = t && t->checks;
    buf_init(&c->state);
    buf_init(&c->lost);
    c->gen = g ? generation_take(g) : NULL;
    list_push(&r->changes, &c->link);
    return 0;
}

struct service *change_crowded(struct reload *r) {
    LIST_EACH(&r->changes, it) {
        struct change *c = LIST_ENTRY(it, struct change, link);
        struct service *s = c->service;
        if (!c->gen || atomic_load(&s->leaving) == 0) continue;
        list_unlink(&c->link);
        change_free(c);
        return s;
    }
    return NULL;
}

bool change_waits(const struct reload *r, const struct service *s) {
    LIST_EACH(&r->changes, it) {
        if (LIST_ENTRY(it, struct change, link)->service == s) return true;
    }
    return false;
}
