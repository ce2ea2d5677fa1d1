/*
 * watchdog: stops Lua code that runs too long, at no cost while nothing does.
 *
 * A thread looks at every worker a few times per soft limit. A task that overran its turn gets a
 * signal on its worker's thread; the handler arms a count hook, nothing else. The hook yields (soft
 * limit) when the coroutine may yield, and raises when it may not or when the hard limit or the
 * task's processor budget is spent; that error is raised again at every further instruction, so
 * pcall cannot swallow it.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include "core/base/err.h"
#include "core/script/task.h"

int watchdog_start(struct err *e);
void watchdog_stop(void);
/* Around every lua_resume, by task.c. `L` is the coroutine that will run. */
void watchdog_enter(struct worker *w, struct task *t, lua_State *L);
void watchdog_leave(struct worker *w);
/* Inner coroutines: the one that really runs now. */
void watchdog_switch(struct worker *w, lua_State *L);

#endif
