/*
 * tables: functions of the table library that loop in C, each with a bound. Called by sandbox.c
 * once per state; what is called later comes from scripts.
 *
 * Two things make such a loop long. Its length: the library's functions believe what `#` says, and
 * that may be any number: of a table with a __len, or of one with elements at powers of two. So it
 * is bounded. And its elements: where metamethods stand for them, each may take as long as C
 * functions can (`next` over a large table that is empty, a chain of two thousand __index), or call
 * the loop again from inside itself (__index = pcall, __call = table.unpack). No instruction is
 * executed meanwhile at which a hook could fire, so these loops look at the watchdog's limits at
 * every element. Tables without a metatable go the library's way.
 */
#include "core/script/tables.h"

#include <lauxlib.h>
#include <limits.h>

#include "core/script/vm.h"
#include "core/script/watchdog.h"

/* Elements that one call may touch when the state has no cap; with one it is as many as the cap has
 * room for. */
#define ELEMENTS_MAX ((lua_Integer)1 << 24)
/* Arrays longer than this are sorted with a comparator in Lua, in which the watchdog can act. */
#define SORT_IN_C ((lua_Integer)20000)
#define SORT_TEXT 256 /* bytes of a text that is quickly compared */

/* ---- what they share ------------------------------------------------------------------------- */

/* The library's function, which upvalue 1 is, in this frame. */
static int original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static lua_Integer elements_max(lua_State *L) {
    size_t cap = vm_of(L)->options.memory;
    return cap ? (lua_Integer)(cap / 16) : ELEMENTS_MAX;
}

/* Are there more than may be, from one index to the other? */
static bool too_many(lua_State *L, lua_Integer from, lua_Integer to) {
    return to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= (lua_Unsigned)elements_max(L);
}

/* Do elements come from nowhere but the table? */
static bool is_plain(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return lua_istable(L, index);
    lua_pop(L, 1);
    return false;
}

/* What the library asks of an argument that is no table: that it looks like one. */
static void check_table(lua_State *L, int index, bool reads, bool writes, bool length) {
    if (lua_istable(L, index)) return;
    const char *const wanted[] = {reads ? "__index" : NULL, writes ? "__newindex" : NULL,
                                  length ? "__len" : NULL};
    for (int i = 0; i < 3; i++) {
        if (!wanted[i]) continue;
        if (luaL_getmetafield(L, index, wanted[i]) == LUA_TNIL)
            luaL_checktype(L, index, LUA_TTABLE);
        lua_pop(L, 1);
    }
}

/* to[j] = from[i] */
static void copy(lua_State *L, int from, lua_Integer i, int to, lua_Integer j, bool plain) {
    if (!plain) watchdog_check(L);
    lua_geti(L, from, i);
    lua_seti(L, to, j);
}

/* ---- insert, remove, move -------------------------------------------------------------------- */

static int safe_insert(lua_State *L) {
    check_table(L, 1, true, true, true);
    int n = lua_gettop(L);
    lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1), at = end;
    if (n != 2 && n != 3) return luaL_error(L, "wrong number of arguments to 'insert'");
    if (n == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)end, 2, "position out of bounds");
        luaL_argcheck(L, end <= at || end - at <= elements_max(L), 1, "too many elements");
        bool plain = is_plain(L, 1);
        for (lua_Integer i = end; i > at; i--)
            copy(L, 1, i - 1, 1, i, plain);
    }
    lua_seti(L, 1, at);
    return 0;
}

static int safe_remove(lua_State *L) {
    check_table(L, 1, true, true, true);
    lua_Integer size = luaL_len(L, 1), at = luaL_optinteger(L, 2, size);
    if (at != size)
        luaL_argcheck(L, (lua_Unsigned)at - 1 <= (lua_Unsigned)size, 2, "position out of bounds");
    luaL_argcheck(L, size <= at || size - at <= elements_max(L), 1, "too many elements");
    bool plain = is_plain(L, 1);
    lua_geti(L, 1, at);
    for (; at < size; at++)
        copy(L, 1, at + 1, 1, at, plain);
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

/* Upwards where that overwrites nothing that is still to be read. */
static int safe_move(lua_State *L) {
    lua_Integer from = luaL_checkinteger(L, 2), end = luaL_checkinteger(L, 3);
    lua_Integer to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_argcheck(L, !too_many(L, from, end), 3, "too many elements to move");
    if (end < from || (is_plain(L, 1) && is_plain(L, target))) return original(L);
    check_table(L, 1, true, false, false);
    check_table(L, target, false, true, false);
    lua_Integer n = end - from;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - n, 4, "destination wrap around");
    if (to > end || to <= from || (target != 1 && !lua_compare(L, 1, target, LUA_OPEQ))) {
        for (lua_Integer i = 0; i <= n; i++)
            copy(L, 1, from + i, target, to + i, false);
    } else {
        for (lua_Integer i = n; i >= 0; i--)
            copy(L, 1, from + i, target, to + i, false);
    }
    lua_pushvalue(L, target);
    return 1;
}

/* ---- concat and unpack ----------------------------------------------------------------------- */

static void add_element(lua_State *L, luaL_Buffer *b, lua_Integer i) {
    watchdog_check(L);
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
                   (LUAI_UACINT)i);
    luaL_addvalue(b);
}

static int safe_concat(lua_State *L) {
    check_table(L, 1, true, false, true);
    lua_Integer length = luaL_len(L, 1);
    size_t n;
    const char *between = luaL_optlstring(L, 2, "", &n);
    lua_Integer i = luaL_optinteger(L, 3, 1), end = luaL_optinteger(L, 4, length);
    luaL_argcheck(L, !too_many(L, i, end), 1, "too many elements");
    if (is_plain(L, 1)) {
        lua_settop(L, 2);
        lua_pushinteger(L, i);
        lua_pushinteger(L, end);
        return original(L);
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (; i < end; i++) {
        add_element(L, &b, i);
        luaL_addlstring(&b, between, n);
    }
    if (i == end) add_element(L, &b, i);
    luaL_pushresult(&b);
    return 1;
}

static int safe_unpack(lua_State *L) {
    lua_Integer i = luaL_optinteger(L, 2, 1);
    lua_Integer end = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (i > end) return 0;
    lua_Unsigned n = (lua_Unsigned)end - (lua_Unsigned)i;
    if (n >= INT_MAX || !lua_checkstack(L, (int)n + 1))
        return luaL_error(L, "too many results to unpack");
    bool plain = is_plain(L, 1);
    for (lua_Unsigned k = 0; k <= n; k++) {
        if (!plain) watchdog_check(L);
        lua_geti(L, 1, i + (lua_Integer)k);
    }
    return (int)n + 1;
}

/* ---- sort ------------------------------------------------------------------------------------ */

/* Not many elements, and none that takes long to compare. */
static bool cheap_to_sort(lua_State *L) {
    lua_Integer n = luaL_len(L, 1);
    bool cheap = n <= SORT_IN_C;
    for (lua_Integer i = 1; cheap && i <= n; i++) {
        int type = lua_rawgeti(L, 1, i);
        cheap = type == LUA_TNUMBER || (type == LUA_TSTRING && lua_rawlen(L, -1) <= SORT_TEXT);
        lua_pop(L, 1);
    }
    return cheap;
}

/* Upvalue 2: makes a comparator in Lua from a function, or from nil: there the watchdog can act
 * between two comparisons. */
static int safe_sort(lua_State *L) {
    check_table(L, 1, true, true, true);
    lua_settop(L, 2);
    bool in_lua = lua_iscfunction(L, 2);
    if (lua_isnil(L, 2)) {
        bool claimed = luaL_getmetafield(L, 1, "__len") != LUA_TNIL;
        lua_settop(L, 2);
        in_lua = claimed || !cheap_to_sort(L);
    }
    if (in_lua) {
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_insert(L, 2);
        lua_call(L, 1, 1);
    }
    return original(L);
}

static const char COMPARATOR[] = "local less = ...\n"
                                 "if less then return function(a, b) return less(a, b) end end\n"
                                 "return function(a, b) return a < b end\n";

/* ---- the library ----------------------------------------------------------------------------- */

void tables_open(lua_State *L) {
    static const luaL_Reg whole[] = {
        {"insert", safe_insert}, {"remove", safe_remove}, {"unpack", safe_unpack}, {NULL, NULL}};
    static const luaL_Reg checked[] = {{"concat", safe_concat}, {"move", safe_move}, {NULL, NULL}};
    luaL_setfuncs(L, whole, 0);
    for (const luaL_Reg *f = checked; f->name; f++) {
        lua_getfield(L, -1, f->name);
        lua_pushcclosure(L, f->func, 1);
        lua_setfield(L, -2, f->name);
    }
    lua_getfield(L, -1, "sort");
    if (luaL_loadbufferx(L, COMPARATOR, sizeof COMPARATOR - 1, "=sort", "t") != LUA_OK)
        lua_error(L);
    lua_pushcclosure(L, safe_sort, 2);
    lua_setfield(L, -2, "sort");
}
