/*
 * globals: which globals a piece of Lua reads and writes, without running it.
 *
 * Read from the compiled code, so it knows exactly what Lua knows: locals, upvalues and `_ENV` are
 * told apart. Called when files are loaded, to refuse writes to what the host provides, and by
 * whoever checks services.
 */
#ifndef GLOBALS_H
#define GLOBALS_H

#include <lua.h>
#include <stdbool.h>

#include "core/base/str.h"

struct globals_use {
    struct str name; /* valid during the call */
    int line;
    bool write; /* assigned, or read */
};

/* Calls each() for every place where the Lua function on top of the stack, or one inside it, names
 * a global; stops when it returns non-zero. each() must not throw. 0, what each() returned,
 * -ENOMEM, or -ENOTSUP when the code is not that of Lua 5.4. Leaves the stack as it was. */
int globals_each(lua_State *L, int (*each)(void *arg, const struct globals_use *use), void *arg);

#endif
