/*
 * resident: one generation living on one worker: its state and the entry points that the host
 * calls.
 */
#ifndef RESIDENT_H
#define RESIDENT_H

#include "core/script/generation.h"
#include "core/script/task.h"

struct service;

#define RESIDENT_POLICIES 4 /* functions that asker.c calls */

/* How a hook ended. */
struct hook_end {
    enum task_end end;
    bool late;        /* its time was over */
    struct str why;   /* empty: well; else the error and where, as many lines as it has */
    struct str state; /* what it returned, packed; empty = nothing */
};

/* "failed", or that it took too long: what is wrong with an on_check that did not return. */
static inline const char *resident_verdict(const struct hook_end *end) {
    return end->late ? "took longer than the setting reload_check" : "failed";
}

struct resident {
    struct list link;        /* among the worker's retiring ones */
    struct service *service; /* NULL for a trial */
    struct generation *gen;
    struct worker *worker;
    struct vm *vm;
    int dispatch; /* fn(method, path, host, port): answers an HTTP request */
    int start;    /* fn(state?): fetches configs, runs on_load and on_start, starts tickers */
    int check;    /* fn(first): runs on_check; this and the next two: LUA_REFNIL = none */
    int unload;   /* fn(): runs on_unload, gives the table to hand over */
    int stop;     /* fn(): runs on_stop */
    int call;     /* fn(host, platform, known, frame, name, ...): a call over the bus */
    int policies[RESIDENT_POLICIES]; /* by enum policy_row; LUA_NOREF = none */
    uint64_t serial;                 /* of this process: nobody has it twice */
    int pins;       /* exchanges that asked it and may ask again: it stays for its grace time */
    char host[256]; /* declared hostname */
    struct buf warnings; /* of a trial: what is odd and does not stop it, a line each */
    bool api;            /* answers carry CORS fields */
    bool started;        /* start ran: tickers live here */
    bool first;          /* the check at hand is that of the first load */
    void (*hooked)(void *arg, const struct hook_end *end); /* on_check or on_unload ended */
    void (*stopped)(void *arg);                            /* on_stop ended */
    struct list streams; /* struct serving.link: streams and sockets that are open */
    bool leaving;        /* no new ones of them */
    bool retiring;
    uint64_t give_up;                 /* loop ms when what is left of its tasks is cancelled */
    struct timer timer;               /* while retiring */
    void (*gone)(struct resident *r); /* called right before it is freed; may be NULL */
    void *gone_data;                  /* the gone()'s own */
};

/* Builds the state and runs the service's file in it. The generation gets one more reference. On
 * the control thread, where it is on trial, all its Lua files are compiled first, and what is wrong
 * with any of them is told at once. */
struct resident *resident_new(struct generation *g, struct worker *w, struct err *e);
/* Runs fn(...) of `entry` as a task of this resident; see task_new for `push`. */
struct task *resident_task(struct resident *r, int (*push)(lua_State *co, void *arg), void *arg,
                           struct err *e);
/* The same from one that may be going out of service, for what began before. */
struct task *resident_task_late(struct resident *r, int (*push)(lua_State *co, void *arg),
                                void *arg, struct err *e);
static inline struct resident *resident_of(struct vm *vm) {
    return vm->owner;
}
/* Runs on_check, with the setting reload_check as its limit. `first`: nothing of this service is in
 * service yet, so its configs are fetched before. ended() may come before this returns. False:
 * there is none, ended() will not come. */
bool resident_check(struct resident *r, bool first,
                    void (*ended)(void *arg, const struct hook_end *end), void *arg);
/* Runs on_unload when on_start ran, with a limit of its own; else the same. */
bool resident_unload(struct resident *r, void (*ended)(void *arg, const struct hook_end *end),
                     void *arg);
/* Runs on_stop when on_start ran and there is one, with a limit of its own. False: there is nothing
 * to wait for, ended() will not come. */
bool resident_stop(struct resident *r, void (*ended)(void *arg), void *arg);
/* Background tasks end now, others may finish within `grace_ms`; then the state is freed. Never at
 * once: safe from inside its own tasks. */
void resident_retire(struct resident *r, uint64_t grace_ms);
/* At once; no tasks may be alive. */
void resident_free(struct resident *r);
/* One that is not needed: freed at once, or retired into that list when something of it is alive.
 */
void resident_discard(struct resident *r, struct list *retiring);

#endif
