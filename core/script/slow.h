/*
 * slow: tells the log where tasks compute for long without waiting. Called by the watchdog's hook,
 * which runs for turns that overran only: what is quick pays nothing.
 */
#ifndef SLOW_H
#define SLOW_H

#include <lua.h>
#include <stdint.h>

struct task;

/* [inside Lua, on its worker] `t`, which runs `L`, has used so many ns in this turn. Reports it
 * once for all it does until it waits, when that is more than the setting slow_turn: per service
 * and function once a minute, with how often it happened since. */
void slow_look(lua_State *L, struct task *t, uint64_t spent);
/* Forgets what was reported; for tests. */
void slow_forget(void);

#endif
