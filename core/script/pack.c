/*
 * pack: one tag byte per value, numbers in memory form, lengths in front of bytes. Called by the
 * bus on both sides of a call between services. Must never run a metamethod.
 */
#include "core/script/pack.h"

#include <errno.h>
#include <lauxlib.h>

#include "core/script/json.h"

enum tag {
    TAG_NIL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_INT,
    TAG_FLOAT,
    TAG_STRING,
    TAG_TABLE,
    TAG_LIST,
    TAG_END,
    TAG_NULL
};

static void add_length(struct buf *out, size_t n) {
    buf_add(out, (const char *)&n, sizeof n);
}

static int add(lua_State *L, int index, struct buf *out, int depth, const char **why);

static int add_table(lua_State *L, int index, struct buf *out, int depth, const char **why) {
    if (depth >= PACK_DEPTH || !lua_checkstack(L, 4)) {
        *why = "the value is nested too deeply, or contains itself";
        return -EINVAL;
    }
    buf_char(out, json_is_list(L, index) ? TAG_LIST : TAG_TABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        int top = lua_gettop(L);
        int rc = add(L, top - 1, out, depth + 1, why);
        if (rc == 0) rc = add(L, top, out, depth + 1, why);
        if (rc < 0) {
            lua_settop(L, top - 2);
            return rc;
        }
        lua_settop(L, top - 1);
    }
    buf_char(out, TAG_END);
    return 0;
}

static int add(lua_State *L, int index, struct buf *out, int depth, const char **why) {
    if (json_is_null(L, index)) {
        buf_char(out, TAG_NULL);
        return 0;
    }
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        buf_char(out, TAG_NIL);
        break;
    case LUA_TBOOLEAN:
        buf_char(out, lua_toboolean(L, index) ? TAG_TRUE : TAG_FALSE);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            lua_Integer i = lua_tointeger(L, index);
            buf_char(out, TAG_INT);
            buf_add(out, (const char *)&i, sizeof i);
        } else {
            lua_Number n = lua_tonumber(L, index);
            buf_char(out, TAG_FLOAT);
            buf_add(out, (const char *)&n, sizeof n);
        }
        break;
    case LUA_TSTRING: {
        size_t n;
        const char *p = lua_tolstring(L, index, &n);
        buf_char(out, TAG_STRING);
        add_length(out, n);
        buf_add(out, p, n);
        break;
    }
    case LUA_TTABLE: {
        int rc = add_table(L, index, out, depth, why);
        if (rc < 0) return rc;
        break;
    }
    default:
        *why = "only nil, booleans, numbers, strings and tables of them can be sent to another "
               "service";
        return -EINVAL;
    }
    if (!buf_ok(out)) {
        *why = "out of memory";
        return -ENOMEM;
    }
    if (out->n > PACK_SIZE) {
        *why = "the message is larger than 16 MB";
        return -EMSGSIZE;
    }
    return 0;
}

int pack_value(lua_State *L, int index, struct buf *out, const char **why) {
    if (!lua_checkstack(L, 4)) {
        *why = "out of memory";
        return -ENOMEM;
    }
    return add(L, lua_absindex(L, index), out, 0, why);
}

static void take(struct str *in, void *to, size_t n) {
    memcpy(to, in->p, n);
    *in = str_from(*in, n);
}

void pack_push(lua_State *L, struct str *in) {
    luaL_checkstack(L, 4, "message");
    char tag = in->p[0];
    *in = str_from(*in, 1);
    switch (tag) {
    case TAG_NIL:
        lua_pushnil(L);
        break;
    case TAG_FALSE:
    case TAG_TRUE:
        lua_pushboolean(L, tag == TAG_TRUE);
        break;
    case TAG_INT: {
        lua_Integer i;
        take(in, &i, sizeof i);
        lua_pushinteger(L, i);
        break;
    }
    case TAG_FLOAT: {
        lua_Number n;
        take(in, &n, sizeof n);
        lua_pushnumber(L, n);
        break;
    }
    case TAG_STRING: {
        size_t n;
        take(in, &n, sizeof n);
        lua_pushlstring(L, in->p, n);
        *in = str_from(*in, n);
        break;
    }
    case TAG_NULL:
        json_push_null(L);
        break;
    default:
        lua_newtable(L);
        while (in->p[0] != TAG_END) {
            pack_push(L, in);
            pack_push(L, in);
            lua_rawset(L, -3);
        }
        *in = str_from(*in, 1);
        if (tag == TAG_LIST) json_mark_list(L, -1);
    }
}
