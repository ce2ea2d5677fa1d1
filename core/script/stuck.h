/*
 * stuck: what the watchdog does about a loop that does not turn. Scripts cannot do that to a worker
 * (see watchdog.h); a bug in C, a system call that does not return, or memory that has gone to a
 * disk can.
 *
 * A fifth of `stuck_after` without a turn is a warning, all of it an error with the stacks, after
 * which the process leaves. Time is counted in the watchdog's own looks, so that what stops the
 * whole process (a debugger, SIGSTOP, a sleeping laptop) does not count; neither does the time in
 * which the thread wanted a processor and got none.
 */
#ifndef STUCK_H
#define STUCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct watchdog_mark;

/* The watchdog's own of one loop; part of struct watchdog_mark. */
struct stuck {
    uint64_t turn;             /* turn_started at the last look */
    uint64_t ns;               /* how long it has been the same */
    uint64_t starved;          /* ns that the thread had ever waited for a processor by then */
    bool doubtful;             /* it has been the same for a while: `starved` is being read */
    bool warned;               /* this turn was */
    _Atomic uint32_t since_ms; /* the same in milliseconds from the warning on, else 0; anybody's */
};

/* Reads the setting. `leave` ends the process and says why it did; it must not need any other
 * thread. NULL = loops are not watched. */
void stuck_start(void (*leave)(const char *why));
/* Longest time between two looks that finds a stuck loop in time. */
uint64_t stuck_look_ns(void);
/* On the watchdog's thread: `ns` have passed since the last look. May not return. */
void stuck_look(struct watchdog_mark *m, uint64_t ns);
/* In the handler of SIGUSR2, on the thread of `m`: says where it is. False = nobody asked. */
bool stuck_answer(struct watchdog_mark *m);

#endif
