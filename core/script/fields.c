/*
 * fields: makes the table of header fields that scripts see of requests and of answers of the HTTP
 * client. Called by lib_request and lib_http.
 */
#include "core/script/fields.h"

#include <lauxlib.h>

static void push_lower(lua_State *L, struct str s) {
    luaL_Buffer b;
    char *p = luaL_buffinitsize(L, &b, s.n);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        p[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    luaL_pushresultsize(&b, s.n);
}

void fields_push(lua_State *L, const struct head *h) {
    luaL_checkstack(L, 6, "header fields");
    lua_createtable(L, 0, h->n_fields);
    for (int i = 0; i < h->n_fields; i++) {
        const struct field *f = &h->fields[i];
        push_lower(L, f->name);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TSTRING) {
            lua_pushstring(L, f->id == H1_SET_COOKIE ? "\n" : ", ");
            lua_pushlstring(L, f->value.p ? f->value.p : "", f->value.n);
            lua_concat(L, 3);
        } else {
            lua_pop(L, 1);
            lua_pushlstring(L, f->value.p ? f->value.p : "", f->value.n);
        }
        lua_rawset(L, -3);
    }
}
