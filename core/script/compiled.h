/*
 * compiled: the Lua files of the binary, compiled once per process. Each state of each service
 * loads the same ones, and compiling them is most of what making a state costs.
 *
 * This is the only place where compiled code is loaded. It is made here, of the binary's own files,
 * and never leaves the process: nothing that a script or a file says gets there.
 */
#ifndef COMPILED_H
#define COMPILED_H

#include <lua.h>

#include "core/script/embed.h"

/* Leaves the function of an embedded Lua file on the stack, with the chunk name "@<path>"; what
 * luaL_loadbufferx returns. Protected context. */
int compiled_load(lua_State *L, const struct embed_file *file);
/* At the end of the process, when no thread loads anything any more. */
void compiled_free(void);

#endif
