/*
 * json: the typed codec between Lua values and JSON text (RFC 8259), in C so that others can use it
 * without a call.
 *
 * Decoding: integers that fit in 64 bits stay integers, other numbers are the nearest float and one
 * that is none (1e400) is an error; arrays are sequences that remember that they are lists (so `[]`
 * comes back as `[]`); null is json.null, at the top too; of members with the same name the last
 * one counts. Encoding: shortest floats that read back the same and keep their point (1.0), no NaN
 * or infinity; tables with the list mark or with keys 1..n are arrays, others objects with string
 * keys; an empty unmarked table is `{}`; metamethods are not asked. Text is UTF-8 on both sides:
 * bytes that are not are an error, never replaced. Bounded in depth, nodes and size. Nothing leaks
 * when memory runs out half-way: there is no allocation but Lua's and the caller's buffer.
 */
#ifndef JSON_H
#define JSON_H

#include <lua.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

#define JSON_DEPTH_MAX 512 /* no limit may be higher */

struct json_limits {
    int depth;   /* nesting */
    int nodes;   /* values in all, containers and nulls included */
    size_t size; /* bytes of text */
};
extern const struct json_limits json_default; /* 64 levels, 1,000,000 nodes, 16 MB */

/* Pushes the value. 0, or negative with *at = byte offset and *why = a static sentence (nothing
 * pushed): -EINVAL, ERR_LIMIT, -ENOMEM. `limits`, `rest`, `at`, `why` may be NULL. `rest` not NULL:
 * bytes behind the first value are allowed and their offset goes there. The text must stay where it
 * is until the end (a Lua string: on the stack). May throw out-of-memory. */
int json_decode(lua_State *L, struct str text, const struct json_limits *limits, size_t *rest,
                size_t *at, const char **why);

/* Appends the value at `index`. 0, or negative with *why = a static sentence and `out` as long as
 * it was: -EINVAL, ERR_LIMIT, -ENOMEM. `path` gets where ("a.b[3]", empty for the value itself).
 * `limits`, `path`, `why` may be NULL. Does not throw. */
int json_encode(lua_State *L, int index, struct buf *out, const struct json_limits *limits,
                struct buf *path, const char **why);

/* The same for people: `indent` blanks per level, members in the order of their names. May throw
 * out-of-memory: `out` and `path` must have an owner that survives it. */
int json_encode_pretty(lua_State *L, int index, struct buf *out, const struct json_limits *limits,
                       int indent, struct buf *path, const char **why);

/* The list mark, a metatable that all lists of a state share; marking replaces a metatable that the
 * table has. May throw out-of-memory. */
void json_mark_list(lua_State *L, int index);
/* Pushes a metatable for objects whose members are written in the order of the names at `names`;
 * others of their members are left out. Protected context. */
void json_push_order(lua_State *L, int names);
/* Pushes the names that the table at `index` was given so; false = none, nothing is pushed. */
bool json_push_names(lua_State *L, int index);
bool json_is_list(lua_State *L, int index);
const void *json_list_mark(lua_State *L); /* lua_topointer of that metatable; NULL = none yet */
/* json.null is the light userdata NULL, the same that lua-cjson uses. */
void json_push_null(lua_State *L);
bool json_is_null(lua_State *L, int index);

#endif
