/*
 * profile: where the processor time of Lua code goes. While a profile is taken, each worker gets a
 * signal per 1/99 s of processor time that its thread uses; the watchdog's hook then notes the Lua
 * stack. Nothing of this exists at other times.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <lua.h>
#include <stdatomic.h>

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/loop/worker.h"

#define PROFILE_HZ 99

struct service;
struct task;
struct watchdog_mark;

/* The samples of one worker. Its own thread's while it is being taken. */
struct profile {
    struct service *only;   /* stacks of others are not noted; NULL = of all */
    _Atomic uint64_t ticks; /* signals: processor time of the thread, in Lua or not */
    uint64_t taken;         /* of them, those that met Lua code, of any service */
    struct map stacks;      /* "service;file:function:line;…" to how often, as a pointer */
    size_t bytes;           /* of their names */
    uint64_t others;        /* samples for whose stacks there was no room */
    struct buf line;        /* where a stack is put together */
    void *timer;            /* timer_t, which may be NULL: the first of a process is */
    bool timed;             /* it runs */
};

/* [the worker's thread] Begins and ends to take samples of this thread. 0 or negative errno. */
int profile_begin(struct profile *p, struct worker *w, struct service *only);
void profile_end(struct profile *p, struct worker *w);
/* Any thread, after profile_end. */
void profile_free(struct profile *p);
/* Adds the stacks and figures of `from`. 0 or -ENOMEM. */
int profile_merge(struct profile *to, const struct profile *from);
/* Folded stacks, a line each: "service;file:function:line;file:function:line 12", the outermost
 * first. What is no Lua code is "(host)", unless one service was asked for. */
void profile_print(const struct profile *p, struct buf *out);

/* [signal handler] */
static inline void profile_tick(struct profile *p) {
    atomic_fetch_add_explicit(&p->ticks, 1, memory_order_relaxed);
}
/* [hook] The stack of `L`, which `t` runs, or the host when it is NULL. */
void profile_take(struct profile *p, lua_State *L, const struct task *t);

#endif
