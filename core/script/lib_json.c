/*
 * lib_json: `require "json"`: the typed codec of json.h for scripts.
 *
 * The text of encode is put together in a buffer that each state owns through a userdata, so that
 * nothing is lost when pushing it as a string finds no memory. A small buffer is kept for the next
 * call.
 */
#include <lauxlib.h>

#include "core/script/json.h"
#include "core/script/lib.h"

#define KEEP       (64 * 1024) /* bytes of a buffer that is kept */
#define INDENT_MAX 16
#define SCRATCH    "json.scratch"

/* Memory of encode that a throw cannot lose. */
struct scratch {
    struct buf text;
    struct buf path; /* where an error is; NUL-terminated */
};

static int scratch_gc(lua_State *L) {
    struct scratch *s = lua_touserdata(L, 1);
    buf_free(&s->text);
    buf_free(&s->path);
    return 0;
}

/* Pushes a new one. */
static struct scratch *new_scratch(lua_State *L) {
    struct scratch *s = lua_newuserdatauv(L, sizeof *s, 0);
    buf_init(&s->text);
    buf_init(&s->path);
    if (luaL_newmetatable(L, SCRATCH)) {
        lua_pushcfunction(L, scratch_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, SCRATCH);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return s;
}

/* A whole number of the options at `index`, which may be none. */
static lua_Integer option(lua_State *L, int index, const char *name, lua_Integer def,
                          lua_Integer max) {
    if (lua_isnoneornil(L, index)) return def;
    luaL_checktype(L, index, LUA_TTABLE);
    int whole = 1;
    lua_Integer v = lua_getfield(L, index, name) == LUA_TNIL ? def : lua_tointegerx(L, -1, &whole);
    lua_pop(L, 1);
    if (!whole || v < 0 || v > max)
        luaL_argerror(L, index,
                      lua_pushfstring(L, "%s must be a whole number from 0 to %I", name, max));
    return v;
}

static bool flag_option(lua_State *L, int index, const char *name) {
    if (lua_isnoneornil(L, index)) return false;
    lua_getfield(L, index, name);
    bool v = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

static struct json_limits limit_options(lua_State *L, int index) {
    return (struct json_limits){
        .depth = (int)option(L, index, "depth", json_default.depth, JSON_DEPTH_MAX),
        .nodes = (int)option(L, index, "nodes", json_default.nodes, INT32_MAX),
        .size = (size_t)option(L, index, "size", (lua_Integer)json_default.size, INT32_MAX),
    };
}

static const char *code_name(int code) {
    return code == ERR_LIMIT ? "limit" : "invalid";
}

/* "line L column C: why"; columns count characters. */
static void push_place(lua_State *L, struct str text, size_t at, const char *why) {
    lua_Integer line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    lua_pushfstring(L, "line %I column %I: %s", line, column, why);
}

static int l_decode(lua_State *L) {
    struct str text;
    text.p = luaL_checklstring(L, 1, &text.n);
    struct json_limits limits = limit_options(L, 2);
    bool first = flag_option(L, 2, "first");
    size_t at = 0, behind = 0;
    const char *why = "";
    int rc = json_decode(L, text, &limits, first ? &behind : NULL, &at, &why);
    if (rc == 0) return 1;
    if (rc == -ENOMEM) return luaL_error(L, "%s", why);
    lua_pushnil(L);
    push_place(L, text, at, why);
    lua_pushstring(L, code_name(rc));
    return 3;
}

/* "in a.b[3]: why"; raised when it is a mistake, returned when it is a bound. */
static int encode_failed(lua_State *L, struct scratch *s, int rc, const char *why) {
    buf_char(&s->path, '\0');
    bool inside = buf_ok(&s->path) && s->path.n > 1;
    const char *text = lua_pushfstring(L, "%s%s%s%s", inside ? "in " : "", inside ? s->path.p : "",
                                       inside ? ": " : "", why);
    if (rc != ERR_LIMIT) return luaL_error(L, "cannot encode: %s", text);
    lua_pushnil(L);
    lua_insert(L, -2);
    lua_pushstring(L, code_name(rc));
    return 3;
}

static int l_encode(lua_State *L) {
    luaL_checkany(L, 1);
    struct json_limits limits = limit_options(L, 2);
    int indent = (int)option(L, 2, "indent", 0, INDENT_MAX);
    /* The pretty form may collect garbage, and a finalizer may encode too: a buffer of its own. */
    struct scratch *s = indent > 0 ? new_scratch(L) : lua_touserdata(L, lua_upvalueindex(1));
    buf_clear(&s->text);
    buf_clear(&s->path);
    const char *why = "";
    int rc = json_encode_pretty(L, 1, &s->text, &limits, indent, &s->path, &why);
    if (rc == 0) lua_pushlstring(L, s->text.p, s->text.n);
    if (s->text.cap > KEEP) buf_free(&s->text);
    return rc == 0 ? 1 : encode_failed(L, s, rc, why);
}

static int l_list(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    json_mark_list(L, 1);
    return 1;
}

/* json.order(names) -> metatable */
static int l_order(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    json_push_order(L, 1);
    return 1;
}

static int l_is_list(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, json_is_list(L, 1));
    return 1;
}

static int null_tostring(lua_State *L) {
    lua_pushstring(L, json_is_null(L, 1) ? "null" : "userdata");
    return 1;
}

/* All light userdata of a state share one metatable: it only makes json.null readable. */
static void push_null_with_name(lua_State *L) {
    json_push_null(L);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, null_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

const struct lib_doc lib_json_docs[] = {
    {"decode", l_decode,
     "fun(text: string, options?: { depth?: integer, nodes?: integer, size?: integer, first?: "
     "boolean }): any, "
     "string?, string?",
     "The value of a JSON text. Integers that fit in 64 bits stay integers, null is json.null, "
     "lists keep a mark so that they encode as lists again. Bounded: 64 levels, 1,000,000 values, "
     "16 MB unless told otherwise. With `first` whatever follows the value is ignored. Returns "
     "nil, \"line L column C: why\" and \"invalid\" or "
     "\"limit\"."},
    {"encode", NULL,
     "fun(value: any, options?: { indent?: integer, depth?: integer, nodes?: integer, size?: "
     "integer }): string?, string?, string?",
     "A value as JSON text. Tables with the keys 1 to n and marked lists become lists, others "
     "objects; an empty table is {}. With indent (blanks per level) it has lines and names in "
     "order. Raises when something has no JSON form, and says where; returns nil, message and "
     "\"limit\" when it is too deep, too much or too long."},
    {"list", l_list, "fun(list?: table): table",
     "Marks a table, or a new one, as a list, so that it encodes as [] even when it is empty. "
     "Replaces its metatable."},
    {"order", l_order, "fun(names: string[]): table",
     "A metatable for tables that are written as objects with these members, in this order: "
     "setmetatable(value, order). Members that are nil, and others, are left out."},
    {"is_list", l_is_list, "fun(value: any): boolean",
     "Whether a value carries the mark of json.list."},
    {"null", NULL, "lightuserdata",
     "What stands for null. It is true in conditions: compare with ==."},
    {NULL, NULL, NULL, NULL},
};

int lib_json(lua_State *L) {
    lib_functions(L, lib_json_docs);
    new_scratch(L);
    lua_pushcclosure(L, l_encode, 1);
    lua_setfield(L, -2, "encode");
    push_null_with_name(L);
    lua_setfield(L, -2, "null");
    return 1;
}
