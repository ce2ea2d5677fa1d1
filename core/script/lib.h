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

#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/str.h"

/* What a module has, one row each: the function and what people are told of it. */
struct lib_doc {
    const char *name;       /* "sleep"; "Stream:read", a method; "Stream.id", a field; NULL: end */
    lua_CFunction function; /* NULL: a value, a field, or what `open` puts there with upvalues */
    const char *signature;  /* LuaCATS: "fun(seconds: number): true"; "class" introduces one */
    const char *text;       /* one or two sentences: shapes, units, errors */
};

enum lib_trust {
    LIB_ALL,
    LIB_PLATFORM,
    LIB_TRUSTED
}; /* every service; embedded platform services; CLI and specs */

struct lib {
    const char *name;   /* what require takes */
    const char *file;   /* where it is written */
    lua_CFunction open; /* pushes the module table; NULL of classes */
    const struct lib_doc *docs;
    enum lib_trust trust;
};

extern const struct lib lib_all[];     /* ended by name = NULL; in lib.c */
extern const struct lib lib_classes[]; /* classes that no module of their own gives; the same */

/* lib_<name>.c exports `int lib_<name>(lua_State *L)` and `const struct lib_doc lib_<name>_docs[]`
 * and nothing else; one line of LIBS in lib.c makes it a module. */

/* Misuse raises through luaL_arg*; what can happen returns nil, message, code (op_fail). */

void lib_functions(lua_State *L, const struct lib_doc *docs); /* pushes a table of the functions */
void lib_methods(lua_State *L, const struct lib_doc *docs);   /* the same of the methods */
/* Registers a metatable under `name` ("host.stream"): `meta` has its metamethods, its __index is
 * the methods of `docs`, unless `meta` has one; scripts cannot reach it. `docs` is NULL for what
 * scripts never see. Pushes nothing. May be called again. luaL_setmetatable and luaL_checkudata
 * find it by its name. */
void lib_class(lua_State *L, const char *name, const struct lib_doc *docs, const luaL_Reg *meta);
/* What a method returns whose loop goes over its object, argument 1: one function, which can be
 * handed on. lib_iterated begins `next`: its only argument is then the object, whatever it got. */
int lib_iterator(lua_State *L, lua_CFunction next);
void lib_iterated(lua_State *L);
struct str lib_str(lua_State *L, int i); /* luaL_checklstring as a slice: borrowed */
struct str lib_opt_str(lua_State *L, int i, struct str def);
/* Raises when the table at `i`, which may be none, has other keys than these, in the order that
 * they are told in, with blanks between: a typo is never an option less. */
void lib_options(lua_State *L, int i, const char *known);
/* luaL_error with the position of the nearest code that is not the host's own Lua: a mistake in a
 * query is the caller's line, not one of lua/store.lua. */
int lib_error(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For bindings that build text: a _Thread_local buffer of theirs, emptied. Nothing is lost when
 * making a Lua value of its bytes throws; what is large is given back at the next call, all of it
 * when the thread ends. Use as `struct buf *out = lib_buf(&mine)`. */
struct buf *lib_buf(struct buf *mine);

/* [lib_log.c] A line with the name of the service and the request id of the task; `fields` is the
 * index of a table of strings, numbers and booleans, 0 = none. */
void lib_log_line(lua_State *L, enum log_level level, struct str message, int fields);

/* [lib_token.c] Pushes the table that scripts know a token's claims as. */
struct claims;
void lib_push_claims(lua_State *L, const struct claims *c);

/* [lib_metric.c] Puts the metrics that a service defined while it loaded into the registry: they
 * are the service's from now on. Called once its host name is known, unless it was a trial. */
int lib_metric_publish(lua_State *L);

/* [lib_topics.c] Ends all subscriptions of a state, and refuses new ones: its generation goes out
 * of service. The state's worker. */
struct vm;
void topics_end(struct vm *vm);

/* [lib_time.c] time.sleep, which is task.sleep, too. */
int lib_sleep(lua_State *L);

#endif
