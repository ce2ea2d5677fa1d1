/*
 * tables: `concat insert move remove sort unpack` as services have them. Results and messages are
 * those of Lua; no call of one can keep a worker busy.
 */
#ifndef TABLES_H
#define TABLES_H

#include <lua.h>

/* Replaces functions of the library on top of the stack. Protected context. */
void tables_open(lua_State *L);

#endif
