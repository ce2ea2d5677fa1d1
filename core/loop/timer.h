/*
 * timer: thousands of deadlines on one kernel timer, cheap to push back.
 *
 * A binary heap over one uv_timer_t per worker. Arming an armed timer to a later time only writes
 * the new deadline; the heap learns of it when the old one comes up. Own thread only. Millisecond
 * resolution, never early: a timer fires at the first turn whose loop time has passed the moment of
 * arming by more than what was asked for, so even 0 milliseconds wait for a later turn.
 */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct timer {
    uint64_t deadline;              /* when it is due, in loop milliseconds; 0 = not armed */
    uint64_t queued;                /* where the heap has it, <= deadline */
    size_t slot;                    /* heap index + 1; 0 = not in the heap */
    void (*fired)(struct timer *t); /* disarmed by then; may arm, disarm or remove any timer */
};

struct timers {
    struct timer **heap; /* smallest `queued` first; the children of i are 2i+1 and 2i+2 */
    size_t n, cap;       /* timers in the heap, room for timers */
    uv_timer_t uv;       /* the one kernel timer */
    uint64_t uv_due;     /* what the kernel timer is set to; 0 = stopped */
};

struct worker;

int timers_init(struct timers *ts, uv_loop_t *loop);
void timers_close(
    struct timers *ts); /* closes the uv handle; run the loop once more, then timers_free */
void timers_free(struct timers *ts); /* timers that are still in the heap are taken out */

static inline void timer_init(struct timer *t, void (*fired)(struct timer *t)) {
    *t = (struct timer){.fired = fired};
}
static inline bool timer_armed(const struct timer *t) {
    return t->deadline != 0;
}
/* 0 or -ENOMEM (only when the timer was not in the heap yet). */
int timer_arm(struct worker *w, struct timer *t, uint64_t milliseconds);
void timer_disarm(struct worker *w, struct timer *t); /* stays in the heap until due: O(1) */
void timer_remove(struct worker *w,
                  struct timer *t); /* out of the heap at once: before its memory goes away */

#endif
