/*
 * lib: the table of modules in C, and what their bindings share. Called by require.c and by the
 * bindings.
 */
#include "core/script/lib.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/script/task.h"

/* X("module", symbol, trust): lib_<symbol>.c. Sorted, please. */
#define LIBS(X) \
    X("bus.core", bus, LIB_ALL) \
    X("cache.core", cache, LIB_ALL) \
    X("cli", cli, LIB_TRUSTED) \
    X("config.core", config, LIB_ALL) \
    X("files", files, LIB_ALL) \
    X("folder", folder, LIB_TRUSTED) \
    X("host", host, LIB_PLATFORM) \
    X("http.core", http, LIB_ALL) \
    X("json", json, LIB_ALL) \
    X("log", log, LIB_ALL) \
    X("metric", metric, LIB_ALL) \
    X("modules", modules, LIB_TRUSTED) \
    X("net", net, LIB_PLATFORM) \
    X("pass", pass, LIB_PLATFORM) \
    X("regex", regex, LIB_ALL) \
    X("request", request, LIB_ALL) \
    X("seal", seal, LIB_ALL) \
    X("shared", shared, LIB_ALL) \
    X("spec.core", spec, LIB_TRUSTED) \
    X("store.core", store, LIB_ALL) \
    X("task", task, LIB_ALL) \
    X("terminal", terminal, LIB_TRUSTED) \
    X("time", time, LIB_ALL) \
    X("token", token, LIB_ALL) \
    X("topics", topics, LIB_ALL) \
    X("url", url, LIB_ALL) \
    X("watch", watch, LIB_TRUSTED) \
    X("yaml", yaml, LIB_ALL)

#define LIB_DECLARE(name, symbol, trust) \
    int lib_##symbol(lua_State *L); \
    extern const struct lib_doc lib_##symbol##_docs[];
LIBS(LIB_DECLARE)

#define FILE_OF(symbol) "core/script/lib_" #symbol ".c"
#define LIB_ROW(name, symbol, trust) \
    {name, FILE_OF(symbol), lib_##symbol, lib_##symbol##_docs, trust},
const struct lib lib_all[] = {LIBS(LIB_ROW){NULL, NULL, NULL, NULL, LIB_ALL}};

/* X(symbol): what other modules hand out, in a file of its own. */
#define CLASSES(X) X(events) X(response) X(websocket)

#define CLASS_DECLARE(symbol) extern const struct lib_doc lib_##symbol##_docs[];
CLASSES(CLASS_DECLARE)

#define CLASS_ROW(symbol) {#symbol, FILE_OF(symbol), NULL, lib_##symbol##_docs, LIB_ALL},
const struct lib lib_classes[] = {CLASSES(CLASS_ROW){NULL, NULL, NULL, NULL, LIB_ALL}};

/* ---- buffers of threads ---------------------------------------------------------------------- */

#define BUFS_MAX 32           /* bindings that have one */
#define BUF_KEPT (256 * 1024) /* bytes that one may keep between calls */

/* The buffers of a thread that own memory, for its end. */
struct bufs {
    struct buf *list[BUFS_MAX];
    int n;
};

static pthread_key_t bufs_key;

static void free_bufs(void *arg) {
    struct bufs *b = arg;
    for (int i = 0; i < b->n; i++)
        buf_free(b->list[i]);
}

static void make_key(void) {
    if (pthread_key_create(&bufs_key, free_bufs) != 0) abort();
}

static void know(struct buf *mine) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local struct bufs bufs;
    for (int i = 0; i < bufs.n; i++)
        if (bufs.list[i] == mine) return;
    assert(bufs.n < BUFS_MAX);
    if (bufs.n == 0) {
        pthread_once(&once, make_key);
        pthread_setspecific(bufs_key, &bufs);
    }
    bufs.list[bufs.n++] = mine;
}

struct buf *lib_buf(struct buf *mine) {
    if (mine->cap > BUF_KEPT || mine->failed) buf_free(mine);
    if (!mine->p) know(mine);
    buf_clear(mine);
    return mine;
}

/* ---- classes and arguments ------------------------------------------------------------------- */

static void add(lua_State *L, const struct lib_doc *docs, bool methods) {
    lua_newtable(L);
    for (const struct lib_doc *d = docs; d && d->name; d++) {
        const char *method = strchr(d->name, ':');
        if (!d->function || (method != NULL) != methods) continue;
        lua_pushcfunction(L, d->function);
        lua_setfield(L, -2, method ? method + 1 : d->name);
    }
}

void lib_functions(lua_State *L, const struct lib_doc *docs) {
    add(L, docs, false);
}

void lib_methods(lua_State *L, const struct lib_doc *docs) {
    add(L, docs, true);
}

/* It is registered when it is complete: where memory ran out half-way, the next call makes it
 * anew. */
void lib_class(lua_State *L, const char *name, const struct lib_doc *docs, const luaL_Reg *meta) {
    bool there = luaL_getmetatable(L, name) != LUA_TNIL;
    lua_pop(L, 1);
    if (there) return;
    lua_createtable(L, 0, 8);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lib_methods(L, docs);
    lua_setfield(L, -2, "__index");
    luaL_setfuncs(L, meta, 0);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setfield(L, LUA_REGISTRYINDEX, name);
}

/* Whether the word is one of the list. */
static bool is_listed(struct str word, const char *list) {
    struct str rest = str_of(list), one;
    while (rest.n > 0) {
        str_cut(rest, ' ', &one, &rest);
        if (str_eq(one, word)) return true;
    }
    return false;
}

void lib_options(lua_State *L, int i, const char *known) {
    if (lua_isnoneornil(L, i)) return;
    if (!lua_istable(L, i)) lib_error(L, "options are a table, not a %s", luaL_typename(L, i));
    lua_pushnil(L);
    while (lua_next(L, i)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING || !is_listed(lib_str(L, -1), known))
            lib_error(L, "there is no option %s; there are: %s", luaL_tolstring(L, -1, NULL),
                      known);
    }
}

int lib_iterator(lua_State *L, lua_CFunction next) {
    lua_settop(L, 1);
    lua_pushcclosure(L, next, 1);
    return 1;
}

void lib_iterated(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
}

struct str lib_str(lua_State *L, int i) {
    size_t n;
    const char *p = luaL_checklstring(L, i, &n);
    return str_make(p, n);
}

struct str lib_opt_str(lua_State *L, int i, struct str def) {
    return lua_isnoneornil(L, i) ? def : lib_str(L, i);
}

/* "file:line: " of whoever called into the host. */
static void push_where(lua_State *L) {
    lua_Debug at;
    for (int level = 1; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        bool ours = strncmp(at.short_src, "lua/", 4) == 0 || strncmp(at.short_src, "gen/", 4) == 0;
        if (at.currentline <= 0 || ours) continue;
        lua_pushfstring(L, "%s:%d: ", at.short_src, at.currentline);
        return;
    }
    luaL_where(L, 1);
}

int lib_error(lua_State *L, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    push_where(L);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    return lua_error(L);
}
