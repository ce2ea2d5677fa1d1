/*
 * vm: one lua_State, with a memory cap, a sandbox and its own modules. Belongs to one worker and
 * one service for life.
 *
 * The host enters Lua in two ways only: task_* (a coroutine, protected by lua_resume) and
 * vm_protect (a C function under lua_pcall). Everything else that touches `L` runs inside one of
 * the two. libuv callbacks never do.
 */
#ifndef VM_H
#define VM_H

#include <lauxlib.h>
#include <lua.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/str.h"
#include "core/loop/worker.h"

struct task;

/* Where `require` finds the files of this state, before the embedded lua/ tree: returns the source
 * text of a module file path relative to the service's folder ("service.lua", "gen/api.lua"), p =
 * NULL when there is none. */
struct vm_files {
    struct str (*read)(void *arg, struct str path);
    void *arg;
};

struct vm_options {
    const char *name; /* for messages and chunk names: the service's folder name, or "cli" */
    struct vm_files files;
    size_t memory; /* cap in bytes */
    int max_tasks;
    bool trusted;    /* CLI and specs: io, os and the full environment are allowed */
    bool load_phase; /* start with the load-time API only: awaiting and side effects fail by name */
};

struct vm {
    lua_State *L; /* main thread of the state */
    struct worker *worker;
    struct vm_options options;
    size_t used;            /* bytes the state holds */
    size_t foreign;         /* bytes pinned by its userdata */
    uint64_t out_of_memory; /* allocations refused by the cap */
    struct task *running;   /* the task inside lua_resume now */
    struct list tasks;      /* struct task.link: alive */
    struct list idle;       /* recycled tasks with their coroutine */
    int n_tasks, n_idle;
    int n_ops, n_refs; /* outstanding, for leak checks */
    bool closing;      /* no new tasks */
    void *owner;       /* the generation's per-worker record, or whatever made this vm */
    uint64_t cpu;      /* nanoseconds spent in its tasks */
};

/* Opens the libraries, sandbox and module loader. NULL + *e on failure (also when memory runs out
 * half-way). */
struct vm *vm_new(struct worker *w, const struct vm_options *o, struct err *e);
/* No tasks may be alive and no ops outstanding (assert). */
void vm_free(struct vm *vm);
struct vm *vm_of(lua_State *L);

/* Runs fn(L) protected, with `arg` as its only argument (light userdata). 0, or negative: -ENOMEM,
 * or -EINVAL with the error's text and position in *e. Restores the stack. */
int vm_protect(struct vm *vm, lua_CFunction fn, void *arg, struct err *e);
/* Compiles text (never bytecode) and leaves the function on the stack; luaL_loadbufferx's result.
 * Chunk names are
 * "@services/<name>/<path>" so that messages carry file and line. */
int vm_load(lua_State *L, struct vm *vm, struct str path, struct str source);
/* After the load phase: the full API from now on, globals and library tables frozen. Protected
 * context only. */
void vm_freeze(lua_State *L);
/* "file:line: text" plus traceback of the coroutine into out. Protected context or a dead
 * coroutine. */
void vm_traceback(lua_State *co, const char *message, struct buf *out);

#endif
