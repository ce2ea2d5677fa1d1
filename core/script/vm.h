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

/* The files of this state: where `require` looks after libraries and the embedded lua/ and gen/.
 * Paths are relative to the service's folder ("service.lua", "gen/api.lua"). */
struct vm_files {
    /* The text of a file, p = NULL when there is none. */
    struct str (*read)(void *arg, struct str path);
    /* Files of other services, by their path below services/: what generation_import gives. May be
     * NULL. */
    struct str (*other)(void *arg, struct str path);
    /* Appends the paths that begin with `prefix`, each followed by a NUL, in any order. May be
     * NULL: no files. */
    void (*list)(void *arg, struct str prefix, struct buf *out);
    void *arg;
};

struct vm_options {
    const char *name; /* for messages and chunk names: the service's folder name, or "cli" */
    struct vm_files files;
    size_t memory;   /* cap in bytes, 0 = none */
    int max_tasks;   /* 0 = no limit */
    bool trusted;    /* CLI and specs: the libraries of Lua as they are, and io */
    bool platform;   /* may require what only platform services may (LIB_PLATFORM) */
    bool load_phase; /* start with the load-time API only: awaiting and side effects fail by name */
};

struct vm {
    lua_State *L;              /* main thread of the state */
    struct worker *worker;     /* the only thread that ever touches it */
    struct vm_options options; /* `name` is a copy of the vm's own */
    size_t used;               /* bytes the state holds */
    size_t reported;           /* of them, bytes that STAT_STATE_BYTES knows of */
    size_t held;               /* bytes kept outside of it: see vm_hold */
    uint64_t out_of_memory;    /* allocations refused by the cap */
    uint32_t big;              /* allocations above VM_BIG: a coroutine's stack may have grown */
    uint8_t starve;            /* refuse this many growths: see vm_throw_memory */
    struct task *running;      /* the task inside lua_resume now */
    struct list tasks;         /* struct task.link: alive */
    struct list ready;         /* struct task.ready: those that can go on, in order */
    struct list turn;          /* among the worker's states with such tasks */
    struct list idle;          /* recycled tasks with their coroutine */
    int n_tasks, n_idle;       /* length of the two lists */
    int n_ops, n_refs;         /* outstanding, for leak checks */
    int depth;                 /* inner coroutines being resumed right now, one inside the other */
    int barrier;               /* of these resumes, how many have a caller that may not wait */
    int closers;               /* coroutines being closed right now, one inside the other */
    bool host_yield;    /* the yield under way is ours (a wait, a forced yield), no script's */
    bool loading;       /* load phase: vm_freeze was not called yet */
    bool closing;       /* no new tasks but children of those that are left */
    bool unsubscribed;  /* no subscriptions any more: see topics_end */
    struct buf warning; /* the pieces of what Lua is warning of */
    /* A task ended for want of memory, and so did what it was part of: told once for each request,
     * call or beat. `lost`: one that runs all the time, like a ticker. May be NULL; builds nothing
     * now. */
    void (*starved)(struct vm *vm, bool lost);
    void *owner;        /* the generation's per-worker record, or whatever made this vm */
    uint64_t log_since; /* loop ms in which its second began to be counted: lib_log.c */
    size_t log_bytes;   /* written since then */
    uint64_t cpu;       /* nanoseconds spent in its tasks, sampled by the watchdog */
    uint64_t late;      /* of these, after tasks had ended and not forgiven yet: task.c */
    uint64_t late_at;   /* uv_hrtime at which `late` was right */
};

/* An allocation of so many bytes may have been a coroutine's stack: it is not recycled then. */
#define VM_BIG ((size_t)16 * 1024)

/* Opens the libraries, sandbox and module loader. NULL + *e on failure (also when memory runs out
 * half-way). The worker must have had its task_open. */
struct vm *vm_new(struct worker *w, const struct vm_options *o, struct err *e);
/* No tasks may be alive and no ops outstanding (assert). Finalizers run now, and must
 * not look for the owner. */
void vm_free(struct vm *vm);

/* The state that a thread of it belongs to. Three low bits of the word are coro.c's. */
static inline struct vm *vm_of(lua_State *L) {
    return (struct vm *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)7);
}

/* Runs fn(L) protected, with `arg` as its only argument (light userdata). 0, or negative: -ENOMEM,
 * or -EINVAL with the error's text and position in *e. Restores the stack. Scripts that fn calls
 * may not wait; the watchdog stops them at the hard limit. No task starts meanwhile (task_start
 * makes it ready). */
int vm_protect(struct vm *vm, lua_CFunction fn, void *arg, struct err *e);
/* Compiles text (never bytecode) and leaves the function on the stack; luaL_loadbufferx's result.
 * For the text of an embedded file there is what the build compiled of it.
 * Chunk names are "@services/<name>/<path>" so that messages carry file and line, and
 * "@policies/<name>.lua" for the user's policies. A byte order mark and a first line that begins
 * with '#' are skipped. */
int vm_load(lua_State *L, struct vm *vm, struct str path, struct str source);
/* The same with the whole name, for files of the embedded tree: "lua/service.lua". */
int vm_load_named(lua_State *L, struct str name, struct str source);
/* After the load phase: the full API from now on, globals and library tables frozen. Protected
 * context only. */
void vm_freeze(lua_State *L);
/* The traceback of the coroutine, each line indented, into out; `line` as in trace.h. Allocates
 * nothing in the state: any context. */
void vm_traceback(lua_State *co, int line, struct buf *out);
/* The value at `index` as text for people, whatever it is; runs __tostring. Protected context. */
void vm_text(lua_State *L, int index, struct buf *out);

/* Bytes outside the state that its ops keep for a script (bodies on their way): all of them
 * together have the same cap as the state. False = that is reached, nothing was counted. Any
 * context. */
bool vm_hold(struct vm *vm, size_t bytes);
void vm_release(struct vm *vm, size_t bytes); /* what vm_hold counted */
/* Raises what Lua raises when an allocation fails, so that the task ends with TASK_NO_MEMORY. For
 * bindings whose mem_alloc failed. */
_Noreturn void vm_throw_memory(lua_State *L);
/* Raises "<what>: not while a service is loading" in the load phase. First line of bindings with
 * side effects that do not wait (op_new does it for those that do). */
void vm_live(lua_State *L, const char *what);

#endif
