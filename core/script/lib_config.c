/*
 * lib_config: the config values of a service as the runtime sees them, texts by name. Called by
 * lua/service/config.lua; a service reaches its own values only. What a text means, and whether it
 * may be one, is decided there.
 */
#include "core/script/lib.h"
#include "core/script/pack.h"
#include "core/script/resident.h"
#include "core/script/task.h"
#include "core/script/values.h"

#define NAMES_MAX 1000 /* configs of one service */

/* Whose values: the service of this state, and no other. Specs have none and say at `index` whom
 * they stand for. */
static struct str own_host(lua_State *L, int index) {
    struct vm *vm = vm_of(L);
    struct resident *r = vm->owner;
    return r ? str_of(r->host) : lib_opt_str(L, index, str_of(vm->options.name));
}

static int l_version(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)values_version());
    return 1;
}

/* While a service loads it is not known yet whose values to read: those of version -1, which no
 * later question finds in force. */
static int l_values(lua_State *L) {
    static _Thread_local struct buf got;
    uint64_t version = 0;
    if (vm_of(L)->loading) {
        lua_pushnil(L);
        lua_pushinteger(L, -1);
        return 2;
    }
    struct buf *bytes = lib_buf(&got);
    int rc = values_get(own_host(L, 1), bytes, &version);
    if (rc == -ENOMEM) vm_throw_memory(L);
    struct str in = buf_view(bytes);
    if (rc == 0)
        pack_push(L, &in);
    else
        lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)version);
    return 2;
}

static void check_values(lua_State *L, int index) {
    int n = 0;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        bool texts = lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
        luaL_argcheck(L, texts, index, "texts by name are expected");
        luaL_argcheck(L, ++n <= NAMES_MAX, index, "more than 1000 values");
        lua_pop(L, 1);
    }
}

/* config.publish(values [, seen [, host]]) -> true, or nil, message, code */
static int l_publish(lua_State *L) {
    static _Thread_local struct buf packed;
    const char *why = NULL;
    vm_live(L, "config.publish");
    check_values(L, 1);
    lua_Integer seen = luaL_optinteger(L, 2, -1);
    struct str host = own_host(L, 3);
    struct buf *bytes = lib_buf(&packed);
    if (pack_value(L, 1, bytes, &why) < 0) return luaL_error(L, "config.publish: %s", why);
    if (!buf_ok(bytes)) vm_throw_memory(L);
    int rc = values_put(host, buf_view(bytes), seen < 0 ? VALUES_ANY : (uint64_t)seen);
    if (rc < 0)
        return op_fail(L, rc,
                       rc == ERR_CONFLICT ? "the values were changed by others"
                       : rc == ERR_LIMIT  ? "the values are larger than 1 MB, or too many services"
                                          : err_name(rc));
    lua_pushboolean(L, 1);
    return 1;
}

const struct lib_doc lib_config_docs[] = {
    {"version", l_version, "fun(): integer",
     "Grows whenever values of any service change; one atomic load."},
    {"values", l_values, "fun(host?: string): table<string, string>?, integer",
     "The values of this service, nil when none were published, and the version that they belong "
     "to (-1 while the service loads: no version). `host` counts in specs only."},
    {"publish", l_publish,
     "fun(values: table<string, string>, seen?: integer, host?: string): true?, string?, string?",
     "Replaces the values of this service on all workers; \"conflict\" when they changed after "
     "version `seen`, \"limit\" when they are larger than 1 MB. `host` counts in specs only."},
    {NULL, NULL, NULL, NULL},
};

int lib_config(lua_State *L) {
    lib_functions(L, lib_config_docs);
    return 1;
}
