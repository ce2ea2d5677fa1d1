/*
 * lib: the C modules that scripts can require, one lib_*.c each, and how they document themselves.
 *
 * The table beside a binding is the source of the LuaCATS stubs in lua/types/ and of the check that
 * every function is documented and tested.
 */
#ifndef LIB_H
#define LIB_H

#include <lauxlib.h>
#include <lua.h>

#include "core/base/str.h"

struct lib_doc {
    const char *name;      /* "sleep", or "Stream:read" for a method; NULL ends the table */
    const char *signature; /* LuaCATS: "fun(seconds: number): true" */
    const char *text;      /* one or two sentences: shapes, units, errors */
};

enum lib_trust {
    LIB_ALL,
    LIB_PLATFORM,
    LIB_TRUSTED
}; /* every service; embedded platform services; CLI and specs */

struct lib {
    const char *name;   /* what require takes */
    lua_CFunction open; /* pushes the module table */
    const struct lib_doc *docs;
    enum lib_trust trust;
};

extern const struct lib lib_all[]; /* ended by name = NULL; in lib.c */

/* Misuse raises through luaL_arg*; what can happen returns nil, message, code (op_fail). */

/* Registers a metatable with methods, __index, __close and __gc from `methods`; name like
 * "host.stream". */
void lib_class(lua_State *L, const char *name, const luaL_Reg *methods);
struct str lib_str(lua_State *L, int i); /* luaL_checklstring as a slice: borrowed */
struct str lib_opt_str(lua_State *L, int i, struct str def);

#endif
