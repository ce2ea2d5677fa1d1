/*
 * lib_watch: waits until files below some folders change, for commands that go on when they do.
 * Over core/loop/watch.c, so that nothing is polled. For the command line only.
 */
#include "core/base/mem.h"
#include "core/loop/watch.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define CLASS       "host.watch"
#define FOLDERS_MAX 64

/* What one userdata stands for; the watches tell it. */
struct watching {
    struct watch *list[FOLDERS_MAX];
    int n;
    bool changed;           /* since the last wait */
    struct waiting *waiter; /* the task that waits, or NULL */
};

struct waiting {
    struct op op;
    struct watching *on; /* NULL: it was closed meanwhile */
};

static void stop_all(struct watching *w) {
    while (w->n > 0)
        watch_stop(w->list[--w->n]);
}

static void changed(struct watch *watch, void *arg) {
    struct watching *w = arg;
    (void)watch;
    w->changed = true;
    struct waiting *o = w->waiter;
    w->waiter = NULL;
    if (o) op_finish(&o->op);
}

static bool cancel(struct op *op) {
    struct waiting *o = (struct waiting *)op;
    if (o->on) o->on->waiter = NULL;
    return true;
}

static int done(lua_State *L, struct op *op) {
    struct waiting *o = (struct waiting *)op;
    if (!o->on) return luaL_error(L, "the watch was closed");
    o->on->changed = false;
    lua_pushboolean(L, true);
    return 1;
}

static const struct op_kind wait_kind = {"watch.wait", sizeof(struct waiting), done, cancel, NULL,
                                         NULL};

/* Watch:wait() */
static int l_wait(lua_State *L) {
    struct watching **box = luaL_checkudata(L, 1, CLASS);
    if (!*box) return luaL_error(L, "the watch is closed");
    if ((*box)->waiter) return luaL_error(L, "somebody waits for this watch already");
    struct waiting *o = op_new(L, &wait_kind);
    o->on = *box;
    if (o->on->changed)
        op_finish(&o->op);
    else
        o->on->waiter = o;
    return op_await(L, &o->op);
}

static int l_close(lua_State *L) {
    struct watching **box = luaL_checkudata(L, 1, CLASS), *w = *box;
    if (!w) return 0;
    *box = NULL;
    stop_all(w);
    if (w->waiter) {
        w->waiter->on = NULL;
        op_finish(&w->waiter->op);
    }
    mem_free(w);
    return 0;
}

/* watch.open(folders) -> Watch; or nil, message, code */
static int l_open(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n >= 1 && n <= FOLDERS_MAX, 1, "1 to 64 folders");
    struct watching **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    luaL_setmetatable(L, CLASS);
    struct watching *w = mem_zalloc(sizeof *w);
    if (!w) vm_throw_memory(L);
    *box = w;
    for (lua_Integer i = 1; i <= n; i++) {
        struct err e = {0};
        lua_rawgeti(L, 1, i);
        const char *folder = luaL_checkstring(L, -1);
        w->list[w->n] = watch_start(vm_of(L)->worker, folder, 0, changed, w, &e);
        if (!w->list[w->n]) return op_fail(L, e.code, e.text);
        w->n++;
        lua_pop(L, 1);
    }
    return 1;
}

const struct lib_doc lib_watch_docs[] = {
    {"open", l_open, "fun(folders: string[]): Watch?, string?, string?",
     "Watches files at and below 1 to 64 folders; hidden ones and editors' temporary files are "
     "left out."},
    {"Watch", NULL, "class", "What watch.open gives: folders that are watched."},
    {"Watch:wait", l_wait, "fun(self: Watch): true",
     "Returns when something changed since the last time, once it has been quiet for a moment."},
    {"Watch:close", l_close, "fun(self: Watch)",
     "Ends it; the end of a <close> variable does the same."},
    {NULL, NULL, NULL, NULL},
};

int lib_watch(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", l_close}, {"__gc", l_close}, {NULL, NULL}};
    lib_class(L, CLASS, lib_watch_docs, meta);
    lib_functions(L, lib_watch_docs);
    return 1;
}
