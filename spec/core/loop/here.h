/* here: what the tests of this layer share. A worker of the test's own thread, and patience that
 * ends: a test that waits for something that never comes is killed by SIGALRM, it does not sleep.
 */
#ifndef HERE_H
#define HERE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/loop/worker.h"

#define PATIENCE_S 240

static struct worker *here;

static inline int here_open(void **state) {
    (void)state;
    struct err e = {0};
    alarm(PATIENCE_S);
    here = calloc(1, sizeof *here);
    return worker_init(here, -1, &e);
}

static inline int here_close(void **state) {
    (void)state;
    worker_free(here);
    free(here);
    here = NULL;
    alarm(0);
    return 0;
}

/* Looks after every round of callbacks whether the test has what it waits for. */
struct here_watch {
    struct worker_turn turn;
    const bool *flag;
    const int *count;
    int n;
};

static inline bool here_look(struct worker_turn *t) {
    struct here_watch *k = (struct here_watch *)(void *)t;
    if (k->flag ? *k->flag : *k->count >= k->n) uv_stop(&here->loop);
    return false;
}

static inline void here_run(struct here_watch k) {
    k.turn.run = here_look;
    worker_turn_add(here, &k.turn);
    uv_run(&here->loop, UV_RUN_DEFAULT);
    worker_turn_remove(&k.turn);
}

/* Turns the loop until `*flag`. */
static inline void here_until(const bool *flag) {
    here_run((struct here_watch){.flag = flag});
}

/* Turns the loop until `*count` reaches `n`. */
static inline void here_until_n(const int *count, int n) {
    here_run((struct here_watch){.count = count, .n = n});
}

static inline void here_turns(int n) {
    while (n-- > 0)
        uv_run(&here->loop, UV_RUN_NOWAIT);
}

#endif
