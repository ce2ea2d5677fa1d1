/*
 * require: finds a module, runs it once per state and remembers what it returned. Called by scripts
 * through the global `require`. A module's top level declares things: it cannot wait, because
 * require is a C call, and side effects are refused by name in the load phase.
 *
 * Upvalues of the function: 1 = modules by name, 2 = names being loaded, in order and as keys.
 */
#include "core/script/require.h"

#include "core/script/embed.h"
#include "core/script/lib.h"
#include "core/script/sandbox.h"
#include "core/script/vm.h"

#define NAME_MAX_BYTES 200
#define GUARD          "host.loading"

enum { LOADED = 1, LOADING = 2 };

/* Letters, digits, '_' and '-' in parts that are separated by single dots. */
static bool name_ok(struct str name) {
    bool part = false;
    if (name.n == 0 || name.n > NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
        if (!word && (c != '.' || !part)) return false;
        part = word;
    }
    return part;
}

/* ---- cycles ---------------------------------------------------------------------------------- */

/* The guard on the stack while a module loads is closed on every way out, errors included. It
 * carries the list of names (user value 1) and takes the last one off. */
static int leave(lua_State *L) {
    lua_getiuservalue(L, 1, 1);
    lua_Integer n = luaL_len(L, -1);
    if (n == 0) return 0;
    lua_rawgeti(L, -1, n);
    lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pushnil(L);
    lua_rawseti(L, -2, n);
    return 0;
}

static int cycle(lua_State *L, const char *name) {
    luaL_Buffer b;
    lua_Integer n = luaL_len(L, lua_upvalueindex(LOADING));
    bool inside = false;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, lua_upvalueindex(LOADING), i);
        inside = inside || strcmp(lua_tostring(L, -1), name) == 0;
        if (!inside) {
            lua_pop(L, 1);
            continue;
        }
        luaL_addvalue(&b);
        luaL_addstring(&b, " -> ");
    }
    luaL_addstring(&b, name);
    luaL_pushresult(&b);
    return luaL_error(L, "modules require each other: %s", lua_tostring(L, -1));
}

/* Notes that `name` is being loaded; pushes the guard and marks it to be closed. */
static void enter(lua_State *L, const char *name) {
    lua_getfield(L, lua_upvalueindex(LOADING), name);
    if (!lua_isnil(L, -1)) cycle(L, name);
    lua_pop(L, 1);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, lua_upvalueindex(LOADING));
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, GUARD);
    /* Room first: from the moment the name is noted nothing may fail until the guard is marked. */
    luaL_checkstack(L, 4, "too many modules");
    lua_pushstring(L, name);
    lua_rawseti(L, lua_upvalueindex(LOADING), luaL_len(L, lua_upvalueindex(LOADING)) + 1);
    lua_toclose(L, -1);
    lua_pushboolean(L, true);
    lua_setfield(L, lua_upvalueindex(LOADING), name);
}

/* ---- the three places ------------------------------------------------------------------------ */

static bool allowed(const struct vm_options *o, enum lib_trust trust) {
    switch (trust) {
    case LIB_ALL:
        return true;
    case LIB_PLATFORM:
        return o->platform || o->trusted;
    case LIB_TRUSTED:
        return o->trusted;
    }
    return false;
}

/* Pushes the module when `name` is a library. */
static bool from_lib(lua_State *L, struct vm *vm, const char *name) {
    for (const struct lib *lib = lib_all; lib->name; lib++) {
        if (strcmp(lib->name, name) != 0) continue;
        if (!allowed(&vm->options, lib->trust))
            luaL_error(L, "module '%s' is not for this service", name);
        lua_pushcfunction(L, lib->open);
        lua_call(L, 0, 1);
        if (!vm->options.trusted) sandbox_readonly(L, lib->name);
        return true;
    }
    return false;
}

/* Pushes the compiled file and its path. */
static bool from_files(lua_State *L, struct vm *vm, const char *path) {
    const struct vm_files *files = &vm->options.files;
    struct str source = files->read ? files->read(files->arg, str_of(path)) : STR_NONE;
    if (!source.p) return false;
    if (vm_load(L, vm, str_of(path), source) != LUA_OK) lua_error(L);
    lua_pushstring(L, path);
    return true;
}

/* Of lua/, or of gen/ where the name begins with it. A service has a folder gen/ as well: what the
 * host does not have there is looked for among its files. */
static bool from_embedded(lua_State *L, const char *path) {
    lua_pushfstring(L, "%s%s", strncmp(path, "gen/", 4) == 0 ? "" : "lua/", path);
    struct str name = lib_str(L, -1), source = embed_find(name);
    if (!source.p) {
        lua_pop(L, 1);
        return false;
    }
    if (vm_load_named(L, name, source) != LUA_OK) lua_error(L);
    lua_insert(L, -2);
    return true;
}

/* Pushes the compiled client stub of another service, for a module name such as
 * services.calculator.api, and its path. */
static bool from_other(lua_State *L, struct vm *vm, const char *path) {
    const struct vm_files *files = &vm->options.files;
    struct str name = str_of(path);
    if (!files->other || !str_starts(name, STR("services/")) || !str_ends(name, STR("/api.lua")))
        return false;
    struct str folder = str_from(str_first(name, name.n - (sizeof "/api.lua" - 1)), 9);
    lua_pushlstring(L, folder.p, folder.n);
    lua_pushfstring(L, "services/%s/gen/api.lua", lua_tostring(L, -1));
    struct str place = lib_str(L, -1), source = files->other(files->arg, str_from(place, 9));
    if (!source.p)
        luaL_error(L, "there is no %s: moonbus gen makes it, or there is no such service", place.p);
    if (vm_load_named(L, place, source) != LUA_OK) lua_error(L);
    lua_insert(L, -3);
    lua_remove(L, -2);
    return true;
}

/* Pushes the module. The host goes first: a service cannot put a file of its own in place of
 * `service` or `errors`. */
static void load(lua_State *L, struct vm *vm, const char *name) {
    if (from_lib(L, vm, name)) return;
    lua_pushfstring(L, "%s.lua", luaL_gsub(L, name, ".", "/"));
    const char *path = lua_tostring(L, -1);
    if (!from_embedded(L, path) && !from_files(L, vm, path) && !from_other(L, vm, path))
        luaL_error(L, "module '%s' not found: no library, no file %s of the service or of the host",
                   name, path);
    lua_pushstring(L, name);
    lua_insert(L, -2);
    lua_call(L, 2, 1);
    if (!lua_istable(L, -1))
        luaL_error(L, "module '%s' must return a table, it returned %s", name,
                   lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1));
}

static int require(lua_State *L) {
    struct str name = lib_str(L, 1);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(LOADED)) != LUA_TNIL) return 1;
    if (!name_ok(name)) return luaL_error(L, "bad module name '%s'", name.p);
    enter(L, name.p);
    int guard = lua_gettop(L);
    load(L, vm_of(L), name.p);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(LOADED));
    lua_closeslot(L, guard);
    return 1;
}

void require_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", leave}, {NULL, NULL}};
    lib_class(L, GUARD, NULL, meta);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushcclosure(L, require, 2);
    lua_setglobal(L, "require");
}
