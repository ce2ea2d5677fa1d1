/* lib_shared: the map that all workers share. Keys of a service begin with its host name: services
 * do not meet here. */
#include "core/script/lib_shared.h"

#include "core/base/mem.h"
#include "core/script/host.h"
#include "core/script/lib.h"
#include "core/script/resident.h"
#include "core/script/task.h"

struct str own_key(lua_State *L, enum own_space space, struct str key, int arg,
                   char room[OWN_KEY_ROOM]) {
    struct vm *vm = vm_of(L);
    struct resident *r = vm->owner;
    const char *owner = r && r->host[0] ? r->host : vm->options.name;
    size_t n = strlen(owner);
    luaL_argcheck(L, key.n <= OWN_KEY_MAX && n + 1 + key.n <= OWN_KEY_ROOM, arg,
                  "the key is longer than 512 bytes");
    memcpy(room, owner, n);
    room[n++] = (char)space;
    memcpy(room + n, key.p, key.n);
    return str_make(room, n + key.n);
}

/* The first argument as a key. */
static struct str first_key(lua_State *L, char room[OWN_KEY_ROOM]) {
    return own_key(L, OWN_SHARED, lib_str(L, 1), 1, room);
}

static uint64_t ttl(lua_State *L, int index) {
    lua_Number seconds = luaL_optnumber(L, index, 0);
    luaL_argcheck(L, seconds >= 0 && seconds < 1e9, index, "seconds, 0 or more");
    return (uint64_t)(seconds * 1000 + 0.5);
}

static int outcome(lua_State *L, int rc) {
    if (rc < 0)
        return op_fail(L, rc,
                       rc == ERR_EXISTS     ? "the key is taken"
                       : rc == ERR_CONFLICT ? "the value is another one"
                       : rc == -ENOENT      ? "no such key"
                                            : err_name(rc));
    lua_pushboolean(L, 1);
    if (rc == 0) return 1;
    lua_pushliteral(L, "evicted");
    return 2;
}

/* A text or a number, which comes back as such. */
static struct shared_value value_at(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TNUMBER && lua_isinteger(L, index))
        return (struct shared_value){.kind = SHARED_INTEGER, .integer = lua_tointeger(L, index)};
    if (lua_type(L, index) == LUA_TNUMBER)
        return (struct shared_value){.kind = SHARED_REAL, .real = lua_tonumber(L, index)};
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "a value is a text or a number, not a %s; json.encode makes a text of it",
                   luaL_typename(L, index));
    return (struct shared_value){.kind = SHARED_BYTES, .bytes = lib_str(L, index)};
}

static int l_set(lua_State *L) {
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    if (lua_isnil(L, 2)) {
        shared_del(host.shared, key);
        return outcome(L, 0);
    }
    struct shared_value value = value_at(L, 2);
    return outcome(L, shared_set_value(host.shared, key, &value, ttl(L, 3)));
}

static int l_add(lua_State *L) {
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    struct shared_value value = value_at(L, 2);
    return outcome(L, shared_add_value(host.shared, key, &value, ttl(L, 3)));
}

static int l_get(lua_State *L) {
    static _Thread_local struct buf got;
    struct shared_value value;
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    int rc = shared_get_value(host.shared, key, &value, lib_buf(&got));
    if (rc == -ENOENT) return 0;
    if (rc < 0) return luaL_error(L, "not enough memory");
    switch (value.kind) {
    case SHARED_INTEGER:
        lua_pushinteger(L, value.integer);
        break;
    case SHARED_REAL:
        lua_pushnumber(L, value.real);
        break;
    case SHARED_BYTES:
        lua_pushlstring(L, value.bytes.n ? value.bytes.p : "", value.bytes.n);
        break;
    }
    return 1;
}

/* shared.incr(key, by [, ttl [, initial]]) -> the new value */
static int l_incr(lua_State *L) {
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    int64_t result = 0;
    int rc = shared_incr(host.shared, key, luaL_optinteger(L, 2, 1), luaL_optinteger(L, 4, 0),
                         ttl(L, 3), &result);
    if (rc < 0) return op_fail(L, rc, rc == -EINVAL ? "the value is no integer" : err_name(rc));
    lua_pushinteger(L, result);
    return 1;
}

static int l_cas(lua_State *L) {
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    struct shared_value expected = value_at(L, 2), value = value_at(L, 3);
    return outcome(L, shared_cas_value(host.shared, key, &expected, &value, ttl(L, 4)));
}

static int l_del(lua_State *L) {
    char room[OWN_KEY_ROOM];
    lua_pushboolean(L, shared_del(host.shared, first_key(L, room)));
    return 1;
}

static int l_del_prefix(lua_State *L) {
    char room[OWN_KEY_ROOM];
    lua_pushinteger(L, shared_del_prefix(host.shared, first_key(L, room)));
    return 1;
}

const struct lib_doc lib_shared_docs[] = {
    {"get", l_get, "fun(key: string): string|number|nil", "The value as it was set, or counted."},
    {"set", l_set,
     "fun(key: string, value: string|number|nil, ttl?: number): true?, string?, string?",
     "Sets a text or a number for ttl seconds (0 = for ever); nil deletes. \"evicted\" as second "
     "result when "
     "others had to go."},
    {"add", l_add, "fun(key: string, value: string|number, ttl?: number): true?, string?, string?",
     "Sets it only when it is not there: else \"exists\"."},
    {"incr", l_incr,
     "fun(key: string, by?: integer, ttl?: number, initial?: integer): integer?, string?, string?",
     "Adds to an integer; a missing one begins at initial and gets the ttl. The new value."},
    {"cas", l_cas,
     "fun(key: string, expected: string|number, value: string|number, ttl?: number): true?, "
     "string?, "
     "string?",
     "Sets it only when it is `expected`, which no text is of a number: else \"conflict\"."},
    {"del", l_del, "fun(key: string): boolean", "Deletes; whether it was there."},
    {"del_prefix", l_del_prefix, "fun(prefix: string): integer",
     "Deletes all keys that begin so; how many."},
    {NULL, NULL, NULL, NULL},
};

int lib_shared(lua_State *L) {
    lib_functions(L, lib_shared_docs);
    return 1;
}
