/*
 * json: the typed codec between Lua values and JSON text (RFC 8259), in C so that others can use it
 * without a call.
 *
 * Decoding: integers that fit in 64 bits stay integers, other numbers are floats; arrays are
 * sequences that remember that they are lists (so `[]` comes back as `[]`); null is json.null
 * inside containers. Encoding: shortest floats that read back the same, no NaN or infinity, tables
 * with the list mark or with consecutive integer keys are arrays, others objects with string keys;
 * an empty unmarked table is `{}`. Bounded in depth, nodes and size. Runs protected; nothing leaks
 * when memory runs out half-way.
 */
#ifndef JSON_H
#define JSON_H

#include <lua.h>

#include "core/base/buf.h"
#include "core/base/str.h"

struct json_limits {
    int depth;   /* nesting */
    int nodes;   /* values in all */
    size_t size; /* bytes */
};
extern const struct json_limits json_default; /* 64 levels, 1,000,000 nodes, 16 MB */

/* Pushes the value. 0, or negative with *at = byte offset and *why = a static sentence (nothing
 * pushed). `rest` not NULL: bytes behind the first value are allowed and their offset goes there.
 * May throw out-of-memory. */
int json_decode(lua_State *L, struct str text, const struct json_limits *limits, size_t *rest,
                size_t *at, const char **why);
/* Appends the value at `index`. 0, or negative with *why = a static sentence; `path` (may be NULL)
 * gets where ("a.b[3]"). */
int json_encode(lua_State *L, int index, struct buf *out, const struct json_limits *limits,
                struct buf *path, const char **why);
/* The list mark, and json.null. */
void json_mark_list(lua_State *L, int index);
bool json_is_list(lua_State *L, int index);
void json_push_null(lua_State *L);
bool json_is_null(lua_State *L, int index);

#endif
