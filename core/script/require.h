/*
 * require: how scripts get modules: libraries in C (lib.h), files of their own service, embedded
 * files of lua/, in this order.
 */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <lua.h>

/* Makes the global function `require` of a new state. Protected context. */
void require_open(lua_State *L);

#endif
