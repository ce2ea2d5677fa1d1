/*
 * sandbox: opens the standard libraries and takes out or replaces what untrusted scripts must not
 * have. Called once per state by vm.c, and again when its load phase ends.
 *
 * Replacements check first and then run the library's own C function in the same frame (upvalue 1),
 * so that names in messages, costs and results stay those of the original.
 *
 * No C function of a library may be able to run for long: instruction hooks, by which the watchdog
 * stops scripts, do not fire inside one. Loops over something that Lua holds are bounded by the
 * state's memory; loops over numbers that a script merely claims are bounded here, and matching
 * patterns is ours (strings.c). Where elements come from metamethods, these may be C functions,
 * too: loops over such elements are in tables.c and look at the watchdog's limits each time.
 */
#include "core/script/sandbox.h"

#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "core/base/log.h"
#include "core/base/map.h"
#include "core/script/embed.h"
#include "core/script/globals.h"
#include "core/script/lib.h"
#include "core/script/sched.h"
#include "core/script/strings.h"
#include "core/script/tables.h"

/* Values of one `format`, bytes of them when some are quoted, bytes of a format of `date`: what is
 * slow in C may not be much. */
#define FORMAT_VALUES 4096
#define QUOTED_MAX    ((size_t)1 << 20)
#define DATE_MAX      ((size_t)4096)
/* Source text that `load` takes. */
#define LOAD_MAX ((size_t)64 * 1024)

static const char VIEW; /* address: key of the viewed table in a view's metatable */
static const char OWN;  /* address: registry key of the globals that the service made */

static int original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- views ----------------------------------------------------------------------------------- */

static int view_write(lua_State *L) {
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    return luaL_error(L, "%s is read-only (writing '%s')", lua_tostring(L, lua_upvalueindex(1)),
                      key);
}

/* The iterator carries the table itself: a loop must not get hold of what it may not write. */
static int view_next(lua_State *L) {
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_replace(L, 1);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

static int view_pairs(lua_State *L) {
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_pushnil(L);
    return 3;
}

/* A view is an empty table; its metatable reads from the table that was on top. */
void sandbox_readonly(lua_State *L, const char *name) {
    int table = lua_gettop(L);
    lua_newtable(L);
    lua_createtable(L, 0, 6);
    lua_pushvalue(L, table);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, table);
    lua_rawsetp(L, -2, &VIEW);
    lua_pushstring(L, name);
    lua_pushcclosure(L, view_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, table);
    lua_pushcclosure(L, view_next, 1);
    lua_pushcclosure(L, view_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_replace(L, table);
}

/* Pushes the table behind the view at `index`; false, and nothing pushed, when it is none. */
static bool view_target(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
    if (lua_rawgetp(L, -1, &VIEW) == LUA_TTABLE) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 2);
    return false;
}

/* Looks through a view, and through that of the globals at the service's own, too. */
static int safe_rawget(lua_State *L) {
    if (!view_target(L, 1)) return original(L);
    lua_replace(L, 1);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, 1) != LUA_TNIL) return 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (!lua_rawequal(L, 1, -1) || lua_rawgetp(L, LUA_REGISTRYINDEX, &OWN) != LUA_TTABLE) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

static int safe_rawset(lua_State *L) {
    if (view_target(L, 1)) return luaL_error(L, "this table is read-only");
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (lua_rawequal(L, 1, -1) && !vm_of(L)->loading) return luaL_error(L, "globals are read-only");
    lua_pop(L, 1);
    return original(L);
}

/* ---- text without addresses ------------------------------------------------------------------ */

const char *sandbox_tostring(lua_State *L, int index, size_t *n) {
    index = lua_absindex(L, index);
    if (luaL_callmeta(L, index, "__tostring")) {
        watchdog_check(L); /* it may have been C, and who asks may do so in a loop */
        if (!lua_isstring(L, -1)) luaL_error(L, "'__tostring' must return a string");
        return lua_tolstring(L, -1, n);
    }
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
    case LUA_TBOOLEAN:
    case LUA_TNIL:
        return luaL_tolstring(L, index, n);
    default:
        break;
    }
    /* Still unique and stable, but nobody learns where anything is. */
    const void *address = lua_topointer(L, index);
    char masked[24];
    snprintf(masked, sizeof masked, "%016llx",
             (unsigned long long)map_hash(str_make((const char *)&address, sizeof address)));
    int named = luaL_getmetafield(L, index, "__name");
    lua_pushfstring(L, "%s: 0x%s",
                    named == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, index), masked);
    if (named != LUA_TNIL) lua_remove(L, -2);
    return lua_tolstring(L, -1, n);
}

static int safe_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    sandbox_tostring(L, 1, NULL);
    return 1;
}

/* Does a format have a conversion of this kind? */
static bool converts(struct str format, char kind) {
    for (size_t i = 0; i < format.n; i++) {
        if (format.p[i] != '%') continue;
        for (i++; i < format.n && strchr("-+#0 .123456789", format.p[i]) && format.p[i]; i++) {
        }
        if (i < format.n && format.p[i] == kind) return true;
    }
    return false;
}

/* What `%p` would show is refused; what `%s` would show of a table or function is masked. A number
 * may take ten microseconds, a byte of `%q` a tenth of one: of these there are limits. */
static int safe_format(lua_State *L) {
    struct str format = lib_str(L, 1);
    if (converts(format, 'p')) return luaL_error(L, "invalid conversion '%%p' to 'format'");
    int n = lua_gettop(L);
    if (n > FORMAT_VALUES) return luaL_error(L, "too many values to 'format'");
    size_t quoted = 0, most = converts(format, 'q') ? QUOTED_MAX : SIZE_MAX;
    for (int i = 2; i <= n; i++) {
        int type = lua_type(L, i);
        if (type == LUA_TSTRING && (quoted += lua_rawlen(L, i)) > most)
            return luaL_error(L, "values are too long for '%%q'");
        if (type < LUA_TTABLE && type != LUA_TLIGHTUSERDATA) continue;
        sandbox_tostring(L, i, NULL);
        lua_replace(L, i);
    }
    return original(L);
}

/* print("a", 1) is log.info("a\t1"). */
static int print_to_log(lua_State *L) {
    luaL_Buffer b;
    int n = lua_gettop(L);
    watchdog_check(L); /* who calls may be a C function in a loop */
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&b, '\t');
        sandbox_tostring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lib_log_line(L, LOG_INFO, lib_str(L, -1), 0);
    return 0;
}

/* ---- base ------------------------------------------------------------------------------------ */

static int safe_collectgarbage(lua_State *L) {
    if (strcmp(luaL_optstring(L, 1, "collect"), "count") != 0)
        return luaL_error(L, "collectgarbage: only \"count\" is available");
    return original(L);
}

static int safe_setmetatable(lua_State *L) {
    if (lua_type(L, 2) == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "__gc is not available: use a <close> variable");
        lua_pop(L, 1);
    }
    return original(L);
}

/* A message handler runs inside the error. That of the watchdog must not be held up. */
static int handle_error(lua_State *L) {
    if (watchdog_of(vm_of(L)->worker)->killing) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int safe_xpcall(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!lua_iscfunction(L, 2)) {
        lua_pushvalue(L, 2);
        lua_pushcclosure(L, handle_error, 1);
        lua_replace(L, 2);
    }
    return original(L);
}

/* Pushes the whole text that a reader function gives, piece by piece. */
static void read_pieces(lua_State *L) {
    luaL_Buffer b;
    size_t total = 0, n;
    luaL_buffinit(L, &b);
    for (;;) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) break;
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "reader function must return a string");
        lua_tolstring(L, -1, &n);
        if (n == 0) break;
        total += n;
        if (total > LOAD_MAX) luaL_error(L, "chunk is too long");
        luaL_addvalue(&b);
    }
    lua_pop(L, 1);
    luaL_pushresult(&b);
}

/* load(text or reader, name, mode, env): text only, whatever the mode says. */
static int safe_load(lua_State *L) {
    bool text = lua_type(L, 1) == LUA_TSTRING;
    if (!text) luaL_checktype(L, 1, LUA_TFUNCTION);
    const char *name = luaL_optstring(L, 2, text ? NULL : "=(load)");
    luaL_optstring(L, 3, NULL);
    bool env = !lua_isnone(L, 4);
    lua_settop(L, 4);
    if (text)
        lua_pushvalue(L, 1);
    else
        read_pieces(L);
    struct str source = lib_str(L, -1);
    if (source.n > LOAD_MAX) return luaL_error(L, "chunk is too long");
    int status = luaL_loadbufferx(L, source.p, source.n, name ? name : source.p, "t");
    if (status == LUA_OK && !env) status = sandbox_check(L, STR("chunk"));
    if (status != LUA_OK) {
        luaL_pushfail(L);
        lua_insert(L, -2);
        return 2;
    }
    if (env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

/* ---- string and date ------------------------------------------------------------------------- */

/* Repeating nothing would loop without making anything. */
static int safe_rep(lua_State *L) {
    size_t text, sep;
    luaL_checklstring(L, 1, &text);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &sep);
    size_t limit = vm_of(L)->options.memory, unit = text + sep;
    if (limit == 0) limit = (size_t)INT32_MAX;
    if (n <= 0 || unit == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (unit < text || (lua_Unsigned)n > limit / unit)
        return luaL_error(L, "resulting string too large");
    return original(L);
}

static int safe_date(lua_State *L) {
    size_t n;
    luaL_optlstring(L, 1, "", &n);
    luaL_argcheck(L, n <= DATE_MAX, 1, "the format is too long");
    return original(L);
}

/* ---- putting it together --------------------------------------------------------------------- */

/* Replaces `name` of the table on top by `fn`, which finds what was there in upvalue 1. */
static void replace(lua_State *L, const char *name, lua_CFunction fn) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, -2, name);
}

static void drop(lua_State *L, const char *name) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

/* The library on top becomes a table of only these functions of its. */
static void keep(lua_State *L, const char *const *names) {
    lua_newtable(L);
    for (; *names; names++) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_remove(L, -2);
}

/* A generator of its own for every state, from the system's. */
static void seed(lua_State *L) {
    lua_Integer seeds[2];
    if (getrandom(seeds, sizeof seeds, 0) != (ssize_t)sizeof seeds)
        luaL_error(L, "no random numbers");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, seeds[0]);
    lua_pushinteger(L, seeds[1]);
    lua_call(L, 2, 0);
}

static void limit_base(lua_State *L) {
    drop(L, "dofile");
    drop(L, "loadfile");
    replace(L, "collectgarbage", safe_collectgarbage);
    replace(L, "load", safe_load);
    replace(L, "print", print_to_log);
    replace(L, "rawget", safe_rawget);
    replace(L, "rawset", safe_rawset);
    replace(L, "setmetatable", safe_setmetatable);
    replace(L, "tostring", safe_tostring);
    replace(L, "xpcall", safe_xpcall);
}

static void limit_string(lua_State *L) {
    drop(L, "dump");
    replace(L, "format", safe_format);
    replace(L, "rep", safe_rep);
    strings_open(L);
}

static void limit_os(lua_State *L) {
    static const char *const names[] = {"clock", "date", "difftime", "time", NULL};
    keep(L, names);
    replace(L, "date", safe_date);
}

static void limit_debug(lua_State *L) {
    static const char *const names[] = {"traceback", NULL};
    keep(L, names);
}

static const struct {
    const char *name;           /* the global; "_G" is the table of globals itself */
    lua_CFunction open;         /* stock library */
    void (*limit)(lua_State *); /* what untrusted states get of it; NULL = all */
    bool trusted;               /* only trusted states have it */
} libraries[] = {
    {LUA_GNAME, luaopen_base, limit_base, false},
    {LUA_STRLIBNAME, luaopen_string, limit_string, false},
    {LUA_TABLIBNAME, luaopen_table, tables_open, false},
    {LUA_MATHLIBNAME, luaopen_math, NULL, false},
    {LUA_UTF8LIBNAME, luaopen_utf8, NULL, false},
    {LUA_COLIBNAME, coro_open, NULL, false},
    {LUA_OSLIBNAME, luaopen_os, limit_os, false},
    {LUA_DBLIBNAME, luaopen_debug, limit_debug, false},
    {LUA_IOLIBNAME, luaopen_io, NULL, true},
};

static void lock_strings(lua_State *L) {
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Lua makes the metatable of its long buffers when the first one is needed. If memory ended in the
 * midst of that, the state could never build a long text again. */
static void prepare_buffers(lua_State *L) {
    luaL_Buffer b;
    luaL_buffinitsize(L, &b, 2 * LUAL_BUFFERSIZE);
    luaL_pushresultsize(&b, 0);
    lua_pop(L, 1);
}

void sandbox_open(lua_State *L, struct vm *vm) {
    bool trusted = vm->options.trusted;
    prepare_buffers(L);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        if (libraries[i].trusted && !trusted) continue;
        luaL_requiref(L, libraries[i].name, libraries[i].open, 1);
        if (libraries[i].open == luaopen_math) seed(L);
        if (!trusted) {
            if (libraries[i].limit) libraries[i].limit(L);
            if (libraries[i].open != luaopen_base) sandbox_readonly(L, libraries[i].name);
            lua_setglobal(L, libraries[i].name);
        } else {
            lua_pop(L, 1);
        }
    }
    if (!trusted) lock_strings(L);
}

/* ---- freezing --------------------------------------------------------------------------------
 *
 * Globals of the host stay where they are, so that reading them costs nothing more; that nobody
 * assigns to them is checked when code is compiled. Globals that the service made while it loaded
 * move behind the table (__index), where nothing can be written. What remains undefined raises.
 */

/* What sandbox_open and require_open define. */
static const char *const HOST_GLOBALS[] = {
    "_G",     "_VERSION",     "assert",   "collectgarbage", "coroutine",    "debug",
    "error",  "getmetatable", "ipairs",   "load",           "math",         "next",
    "os",     "pairs",        "pcall",    "print",          "rawequal",     "rawget",
    "rawlen", "rawset",       "require",  "select",         "setmetatable", "string",
    "table",  "tonumber",     "tostring", "type",           "utf8",         "warn",
    "xpcall",
};

static bool is_host_global(struct str name) {
    for (size_t i = 0; i < sizeof HOST_GLOBALS / sizeof *HOST_GLOBALS; i++)
        if (str_eq(name, str_of(HOST_GLOBALS[i]))) return true;
    return false;
}

struct violation {
    char name[32];
    int line;
};

static int find_violation(void *arg, const struct globals_use *use) {
    struct violation *v = arg;
    if (!use->write || !is_host_global(use->name)) return 0;
    snprintf(v->name, sizeof v->name, "%.*s", STR_FMT(use->name));
    v->line = use->line;
    return 1;
}

int sandbox_check(lua_State *L, struct str file) {
    struct violation v;
    int r = globals_each(L, find_violation, &v);
    if (r == -ENOMEM) vm_throw_memory(L);
    if (r != 1) return LUA_OK;
    lua_pop(L, 1);
    lua_pushlstring(L, file.p, file.n);
    lua_pushfstring(L, "%s:%d: the global '%s' is the host's: make yours local",
                    lua_tostring(L, -1), v.line, v.name);
    lua_remove(L, -2);
    return LUA_ERRSYNTAX;
}

static const char *key_text(lua_State *L) {
    return lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : sandbox_tostring(L, 2, NULL);
}

/* Is it the name of a module that everybody may require? */
static bool is_module(const char *name) {
    char path[64];
    for (const struct lib *lib = lib_all; lib->name; lib++)
        if (strcmp(lib->name, name) == 0) return lib->trust == LIB_ALL;
    int n = snprintf(path, sizeof path, "lua/%s.lua", name);
    return n > 0 && (size_t)n < sizeof path && embed_find(str_of(path)).p;
}

static int undefined(lua_State *L) {
    const char *name = key_text(L);
    if (!is_module(name)) return luaL_error(L, "undefined global '%s'", name);
    return luaL_error(L, "undefined global '%s': it is a module, local %s = require \"%s\"", name,
                      name, name);
}

static int no_new_global(lua_State *L) {
    return luaL_error(L, "globals are read-only (writing '%s')", key_text(L));
}

/* Moves what is not the host's from the globals at `from` to the new table on top. */
static void move_own(lua_State *L, int from) {
    lua_pushnil(L);
    while (lua_next(L, from)) {
        bool text = lua_type(L, -2) == LUA_TSTRING;
        if (!text || !is_host_global(lib_str(L, -2))) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -4);
            lua_pushvalue(L, -1);
            lua_pushnil(L);
            lua_rawset(L, from); /* clearing a field while walking is allowed */
        } else {
            lua_pop(L, 1);
        }
    }
}

/* Pushes {__index = undefined, ...}, the metatable of the last table that is asked. */
static void push_undefined(lua_State *L) {
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, undefined);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, no_new_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
}

void sandbox_freeze(lua_State *L) {
    lua_pushglobaltable(L);
    int globals = lua_gettop(L);
    push_undefined(L);
    if (!vm_of(L)->options.trusted) {
        lua_newtable(L);
        move_own(L, globals);
        push_undefined(L);
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &OWN);
        lua_setfield(L, -2, "__index");
        lua_pushvalue(L, globals);
        sandbox_readonly(L, LUA_GNAME);
        lua_setfield(L, globals, LUA_GNAME);
    }
    lua_setmetatable(L, globals);
    lua_pop(L, 1);
}
