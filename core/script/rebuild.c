/*
 * rebuild: fresh states for services that ran out of memory. Called when a task did (resident.c) or
 * could not begin (serve.c, lib_bus.c), on its worker, and by service.c. Nothing is built inside
 * the end of a task: a timer does it.
 */
#include "core/script/rebuild.h"

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/vm.h"

#define WINDOW_MS   60000 /* in which so many requests must have failed */
#define BACKOFF_MS  10000 /* until the next rebuilding, doubled each time ... */
#define RETRY_MS    1000  /* until what is due and may not be done is looked at again */
#define BACKOFF_MAX 60000 /* ... up to this */

/* Tells the control thread that the home worker has a state that was not started. */
struct rebuilt {
    struct message msg;
    struct service *service;
};

/* ---- on_stop of the old one, then the start of the new one ----------------------------------- */

bool rebuild_holds(struct local *l, struct starting *st) {
    if (!l->stopping) return false;
    list_push(&l->held, &st->link);
    return true;
}

/* Home worker: on_stop is over. */
static void stopped(void *arg) {
    struct local *l = arg;
    l->stopping = false;
    for (struct list *it; (it = list_pop(&l->held));)
        worker_post(worker_self(), &LIST_ENTRY(it, struct starting, link)->msg);
}

static void deliver_rebuilt(struct message *m) {
    struct rebuilt *b = LIST_ENTRY(m, struct rebuilt, msg);
    service_start_again(b->service);
    mem_free(b);
}

/* ---- building -------------------------------------------------------------------------------- */

static void retire(struct local *l, struct resident *old) {
    bool at_home = old->started;
    list_push(&l->retiring, &old->link);
    task_cancel_all(old->vm, true);
    l->stopping = at_home; /* it may be over before resident_stop returns */
    if (!at_home || !resident_stop(old, stopped, l)) l->stopping = false;
    resident_retire(old, conf.reload_grace / 1000000);
}

static void tell(const struct local *l, const struct resident *old, double ms) {
    stat_add(STAT_STATES_REBUILT, 1);
    log_warn("the service ran out of memory; its state was built anew", LOGZ("service", old->host),
             LOGI("worker", old->worker->index),
             LOGB("ticker_ended", old->serial == l->rebuild_due), LOGI("bytes", old->vm->used),
             LOGI("limit", old->vm->options.memory), LOGF("ms", ms),
             LOGI("not_again_for_seconds", l->backoff / 1000));
}

static void back_off(struct local *l, uint64_t now) {
    bool calm = now - l->rebuild_after > 2 * BACKOFF_MAX; /* it helped */
    uint64_t next = calm || !l->backoff ? BACKOFF_MS : 2 * l->backoff;
    l->backoff = next < BACKOFF_MAX ? next : BACKOFF_MAX;
    l->rebuild_after = now + l->backoff;
    for (int i = 0; i < REBUILD_FAILURES; i++)
        l->starved[i] = 0;
}

/* At most two states of a generation live at once, and what a reload replaces anyway is left to
 * it. */
static bool may_rebuild(struct local *l, const struct resident *r) {
    if (l->closed || l->next || !r || l->resident != r || r->gen != l->gen) return false;
    LIST_EACH(&l->retiring, it) {
        if (LIST_ENTRY(it, struct resident, link)->gen == l->gen) return false;
    }
    return r->worker->now_ms >= l->rebuild_after;
}

/* What is due is done when what stands in its way is gone. */
static void look_again(struct local *l) {
    const struct resident *r = l->resident;
    if (l->closed || !r || r->serial != l->rebuild_due) return;
    if (timer_arm(r->worker, &l->rebuild, RETRY_MS) < 0) log_error("out of memory");
}

static void rebuild(struct timer *t) {
    struct local *l = LIST_ENTRY(t, struct local, rebuild);
    struct resident *old = l->resident;
    if (!may_rebuild(l, old)) {
        look_again(l);
        return;
    }
    struct service *s = old->service;
    struct worker *w = old->worker;
    struct err e = {0};
    struct rebuilt *b = mem_zalloc(sizeof *b);
    uint64_t began = uv_hrtime();
    struct resident *fresh = b ? resident_new(l->gen, w, &e) : NULL;
    back_off(l, w->now_ms);
    if (!fresh) {
        mem_free(b);
        log_error("the service ran out of memory; its state could not be built anew",
                  LOGZ("service", s->host), LOGZ("error", e.code ? e.text : "out of memory"));
        return;
    }
    fresh->service = s;
    l->resident = fresh;
    tell(l, old, (double)(uv_hrtime() - began) / 1e6);
    bool home = w->index == s->home;
    retire(l, old);
    if (!home) {
        mem_free(b);
        return;
    }
    b->service = s;
    b->msg.deliver = deliver_rebuilt;
    worker_post(service_control, &b->msg);
}

/* ---- when ------------------------------------------------------------------------------------ */

/* NULL: it is going already, or was never in service. */
static struct local *local_of(const struct resident *r) {
    struct local *l = r->service ? &r->service->locals[r->worker->index] : NULL;
    return l && l->resident == r ? l : NULL;
}

void rebuild_lost(struct resident *r) {
    struct local *l = local_of(r);
    if (!l || l->closed) return;
    l->rebuild_due = r->serial;
    if (timer_arm(r->worker, &l->rebuild, 0) < 0) log_error("out of memory");
}

void rebuild_starved(struct resident *r) {
    struct local *l = local_of(r);
    if (!l) return;
    uint64_t now = r->worker->now_ms;
    for (int i = 1; i < REBUILD_FAILURES; i++)
        l->starved[i - 1] = l->starved[i];
    l->starved[REBUILD_FAILURES - 1] = now;
    bool often = l->starved[0] && now - l->starved[0] < WINDOW_MS;
    if (!often || !may_rebuild(l, r) || timer_armed(&l->rebuild)) return;
    if (timer_arm(r->worker, &l->rebuild, 0) < 0) log_error("out of memory");
}

void rebuild_init(struct local *l) {
    timer_init(&l->rebuild, rebuild);
    list_init(&l->held);
}

void rebuild_close(struct local *l, struct worker *w) {
    timer_remove(w, &l->rebuild);
}
