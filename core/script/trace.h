/*
 * trace: where a coroutine is, for people. vm_traceback (vm.h) is here, too.
 */
#ifndef TRACE_H
#define TRACE_H

#include <lua.h>

#include "core/base/buf.h"
#include "core/base/str.h"

struct vm;

/* A line of a chunk by its number, trimmed and cut; empty when it is not known. `chunk` is the name
 * that Lua has for it: "@services/lab/service.lua". */
struct str trace_line(const struct vm *vm, struct str chunk, int number);
/* The frames as a JSON array, the innermost first: objects of `at`, `what` and, where it is known,
 * `line`, or of `left`, which stands for so many frames.
 *
 * `line` is that of the innermost frame, 0 = where Lua says. Of a coroutine that gave way in a hook
 * Lua tells the instruction before, which may be of any line (task.gave_way). */
void trace_json(lua_State *co, int line, struct buf *out);

#endif
