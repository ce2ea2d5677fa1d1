/*
 * require: how scripts get modules: libraries in C (lib.h), embedded files of lua/ and gen/, files
 * of their own service, in this order. A service cannot take the place of what the host provides.
 */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <lua.h>

/* Makes the global function `require` of a new state. Protected context. */
void require_open(lua_State *L);

#endif
