/*
 * sandbox: what scripts find in the global environment.
 *
 * Untrusted states (services) get the standard libraries without what could reach the machine, the
 * host's memory or other services, or keep a worker busy inside one C call; trusted ones (command
 * line, specs) get them whole. What differs from stock Lua is listed in README.md.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "core/script/vm.h"

/* Fills the globals of a new state. Protected context. */
void sandbox_open(lua_State *L, struct vm *vm);
/* From now on new globals cannot be made and reading one that is not there raises. Protected
 * context. */
void sandbox_freeze(lua_State *L);
/* Refuses a compiled file (the function on top) that assigns to a global of the host. 0, or the
 * function is replaced by a message with file and line and the result is LUA_ERRSYNTAX. May throw
 * out-of-memory. */
int sandbox_check(lua_State *L, struct str file);
/* Replaces the table on top of the stack by a read-only view of it; `name` is for messages. Reading
 * through the view costs one table lookup more. */
void sandbox_readonly(lua_State *L, const char *name);
/* Pushes the value at `index` as text and returns it: like luaL_tolstring, but addresses are
 * masked. Runs __tostring. */
const char *sandbox_tostring(lua_State *L, int index, size_t *n);

#endif
