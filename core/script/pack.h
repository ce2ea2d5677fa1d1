/*
 * pack: Lua values as bytes, to carry them from one state into another.
 *
 * nil, booleans, integers, floats, strings, json.null and tables (keys: strings, integers, floats,
 * booleans); lists stay lists. Functions, userdata, cycles beyond the depth and anything larger
 * than the limits are errors. A value is written by one state and read by another of the same
 * process: the form is never stored and never leaves the process.
 */
#ifndef PACK_H
#define PACK_H

#include <lua.h>

#include "core/base/buf.h"

#define PACK_DEPTH 64
#define PACK_SIZE  (16u << 20)

/* Appends the value at `index`. 0, or negative with a static sentence. Never throws. */
int pack_value(lua_State *L, int index, struct buf *out, const char **why);
/* Pushes the next value of *in and moves on. May throw out-of-memory: protected context only. */
void pack_push(lua_State *L, struct str *in);

#endif
