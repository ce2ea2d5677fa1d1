/*
 * timer: the heap behind the deadlines of one worker.
 *
 * `queued` is the heap's key and never later than `deadline`. A deadline that moved back is noticed
 * when its old place comes up: the timer is put where it belongs and does not fire. A disarmed
 * timer is thrown out at the same moment. So the common life of a connection's timeout (armed,
 * pushed back a thousand times, disarmed) costs two heap operations in all, and no system call
 * ever.
 */
#include "core/loop/timer.h"

#include <assert.h>
#include <errno.h>

#include "core/base/mem.h"
#include "core/loop/worker.h"

#define FIRST_ROOM 64

static void due(uv_timer_t *uv);

int timers_init(struct timers *ts, uv_loop_t *loop) {
    *ts = (struct timers){0};
    int r = uv_timer_init(loop, &ts->uv);
    ts->uv.data = ts;
    return r;
}

void timers_close(struct timers *ts) {
    ts->uv_due = 0;
    if (!uv_is_closing((uv_handle_t *)&ts->uv)) uv_close((uv_handle_t *)&ts->uv, NULL);
}

void timers_free(struct timers *ts) {
    for (size_t i = 0; i < ts->n; i++) {
        ts->heap[i]->slot = 0;
        ts->heap[i]->deadline = 0;
    }
    mem_free(ts->heap);
    ts->heap = NULL;
    ts->n = ts->cap = 0;
}

static void place(struct timers *ts, size_t i, struct timer *t) {
    ts->heap[i] = t;
    t->slot = i + 1;
}

static void sift_up(struct timers *ts, size_t i) {
    struct timer *t = ts->heap[i];
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (ts->heap[parent]->queued <= t->queued) break;
        place(ts, i, ts->heap[parent]);
        i = parent;
    }
    place(ts, i, t);
}

static void sift_down(struct timers *ts, size_t i) {
    struct timer *t = ts->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= ts->n) break;
        if (child + 1 < ts->n && ts->heap[child + 1]->queued < ts->heap[child]->queued) child++;
        if (t->queued <= ts->heap[child]->queued) break;
        place(ts, i, ts->heap[child]);
        i = child;
    }
    place(ts, i, t);
}

/* Takes a timer out of the middle: the last one takes its place and finds its own. */
static void take_out(struct timers *ts, struct timer *t) {
    size_t i = t->slot - 1;
    struct timer *last = ts->heap[--ts->n];
    t->slot = 0;
    if (last == t) return;
    place(ts, i, last);
    sift_up(ts, i);
    sift_down(ts, last->slot - 1);
}

static int put_in(struct timers *ts, struct timer *t) {
    if (ts->n == ts->cap) {
        size_t cap = ts->cap ? 2 * ts->cap : FIRST_ROOM;
        struct timer **heap = mem_realloc(ts->heap, cap * sizeof *heap);
        if (!heap) return -ENOMEM;
        ts->heap = heap;
        ts->cap = cap;
    }
    ts->heap[ts->n++] = t;
    sift_up(ts, ts->n - 1);
    return 0;
}

/* Sets the kernel timer when the first deadline came nearer. One that moved away is left alone:
 * waking up once for nothing is cheaper than moving it each time. */
static void schedule(struct timers *ts, uint64_t now) {
    if (ts->n == 0) {
        if (ts->uv_due) uv_timer_stop(&ts->uv);
        ts->uv_due = 0;
        return;
    }
    uint64_t first = ts->heap[0]->queued;
    if (ts->uv_due && ts->uv_due <= first) return;
    int r = uv_timer_start(&ts->uv, due, first > now ? first - now : 0, 0);
    assert(r == 0 || uv_is_closing((uv_handle_t *)&ts->uv));
    ts->uv_due = r == 0 ? first : 0;
}

/* The next timer that is really due, taken out; those that moved back are put in their place. */
static struct timer *next_due(struct timers *ts, uint64_t now) {
    while (ts->n > 0 && ts->heap[0]->queued <= now) {
        struct timer *t = ts->heap[0];
        if (t->deadline > t->queued) {
            t->queued = t->deadline;
            sift_down(ts, 0);
            continue;
        }
        take_out(ts, t);
        if (t->deadline) return t;
    }
    return NULL;
}

static void due(uv_timer_t *uv) {
    struct timers *ts = uv->data;
    worker_enter(uv->loop->data);
    uint64_t now = uv_now(uv->loop);
    ts->uv_due = 0;
    /* Ends: whatever is armed from here on is due after `now`. */
    for (struct timer *t; (t = next_due(ts, now));) {
        t->deadline = 0;
        t->fired(t);
    }
    schedule(ts, uv_now(uv->loop));
}

int timer_arm(struct worker *w, struct timer *t, uint64_t milliseconds) {
    uint64_t now = uv_now(&w->loop);
    /* Loop time is cut to milliseconds, hence the 1: without it we could be a fraction early. */
    uint64_t deadline = milliseconds < UINT64_MAX - now ? now + milliseconds + 1 : UINT64_MAX;
    if (t->slot && deadline >= t->queued) {
        t->deadline = deadline;
        return 0;
    }
    uint64_t before = t->queued;
    t->queued = deadline;
    if (t->slot) {
        sift_up(&w->timers, t->slot - 1);
    } else if (put_in(&w->timers, t) < 0) {
        t->queued = before;
        return -ENOMEM;
    }
    t->deadline = deadline;
    schedule(&w->timers, now);
    return 0;
}

void timer_disarm(struct worker *w, struct timer *t) {
    (void)w;
    t->deadline = 0;
}

void timer_remove(struct worker *w, struct timer *t) {
    t->deadline = 0;
    if (!t->slot) return;
    take_out(&w->timers, t);
    if (w->timers.n == 0) schedule(&w->timers, 0);
}
