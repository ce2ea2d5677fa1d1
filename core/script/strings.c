/*
 * strings: arguments and results of the functions that match patterns. Called by sandbox.c once per
 * state; what is called later comes from scripts.
 *
 * A short pattern is read into the C stack, a long one into userdata, so that a throw leaks
 * nothing and the state's memory cap holds.
 */
#include "core/script/strings.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "core/script/lib.h"
#include "core/script/pattern.h"
#include "core/script/watchdog.h"

#define SHORT 40 /* bytes of a pattern */

/* Where a pattern is read into. */
struct room {
    struct pattern pattern;
    struct pattern_item items[SHORT + 1];
    struct pattern_set sets[SHORT / 3];
};

/* Pushes userdata when the room is too small. */
static struct pattern *read_pattern(lua_State *L, struct room *room, struct str text) {
    struct pattern_item *items = room->items;
    struct pattern_set *sets = room->sets;
    if (text.n > SHORT) {
        size_t n = pattern_items_max(text.n);
        items =
            lua_newuserdatauv(L, n * sizeof *items + pattern_sets_max(text.n) * sizeof *sets, 0);
        sets = (struct pattern_set *)(items + n);
    }
    pattern_read(&room->pattern, text, true, items, sets);
    return &room->pattern;
}

/* ---- captures -------------------------------------------------------------------------------- */

/* The i-th capture; of a pattern that has none the first one is all that was found. */
static void push_capture(struct pattern *p, int i, struct str found) {
    lua_State *L = p->L;
    if (i >= p->n_captures) {
        if (i > 0) luaL_error(L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(L, found.p, found.n);
        return;
    }
    const struct pattern_capture *c = &p->captures[i];
    if (c->n == PATTERN_OPEN) luaL_error(L, "unfinished capture");
    if (c->n == PATTERN_POSITION)
        lua_pushinteger(L, c->from - p->begin + 1);
    else
        lua_pushlstring(L, c->from, (size_t)c->n);
}

static int push_captures(struct pattern *p, struct str found, int at_least) {
    int n = p->n_captures > at_least ? p->n_captures : at_least;
    luaL_checkstack(p->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(p, i, found);
    return n;
}

/* ---- find and match -------------------------------------------------------------------------- */

/* The offset that a position means, which may be any number; it may lie behind the end. */
static size_t offset(lua_Integer position, size_t n) {
    if (position > 0) return (size_t)position - 1;
    if (position == 0 || position < -(lua_Integer)n) return 0;
    return n - (size_t)-position;
}

/* Nothing in it means anything but itself. */
static bool is_plain(struct str pattern) {
    for (size_t i = 0; i < pattern.n; i++)
        if (pattern.p[i] && strchr("^$*+?.([%-", pattern.p[i])) return false;
    return true;
}

/* In linear time. What begins with a rare byte is found without memmem's preparations. */
static const char *find_text(struct str s, struct str what) {
    for (int i = 0; i < 4 && what.n > 0 && s.n >= what.n; i++) {
        const char *at = memchr(s.p, what.p[0], s.n - what.n + 1);
        if (!at || memcmp(at, what.p, what.n) == 0) return at;
        s = str_from(s, (size_t)(at + 1 - s.p));
    }
    return memmem(s.p, s.n, what.p, what.n);
}

static int find_plain(lua_State *L, struct str s, size_t from, struct str what) {
    watchdog_check(L);
    const char *at = find_text(str_from(s, from), what);
    if (!at) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, at - s.p + 1);
    lua_pushinteger(L, at - s.p + (lua_Integer)what.n);
    return 2;
}

static int find_or_match(lua_State *L, bool find) {
    struct str s = lib_str(L, 1), text = lib_str(L, 2), found;
    size_t from = offset(luaL_optinteger(L, 3, 1), s.n);
    struct room room;
    if (from > s.n) {
        luaL_pushfail(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || is_plain(text))) return find_plain(L, s, from, text);
    struct pattern *p = read_pattern(L, &room, text);
    pattern_begin(p, L, s);
    if (!pattern_search(p, s.p + from, NULL, &found)) {
        luaL_pushfail(L);
        return 1;
    }
    if (!find) return push_captures(p, found, 1);
    lua_pushinteger(L, found.p - s.p + 1);
    lua_pushinteger(L, found.p - s.p + (lua_Integer)found.n);
    return 2 + push_captures(p, found, 0);
}

static int strings_find(lua_State *L) {
    return find_or_match(L, true);
}

static int strings_match(lua_State *L) {
    return find_or_match(L, false);
}

/* ---- gmatch ---------------------------------------------------------------------------------- */

/* One loop. Its subject and its pattern are upvalues beside it. */
struct walk {
    struct pattern pattern;
    const char *at;   /* where the next search begins; behind the end when it is over */
    const char *last; /* the end of the match before, or NULL */
    struct pattern_item items[];
};

static int gmatch_next(lua_State *L) {
    struct walk *w = lua_touserdata(L, lua_upvalueindex(3));
    struct str s = lib_str(L, lua_upvalueindex(1)), found;
    if (w->at > s.p + s.n) return 0;
    pattern_begin(&w->pattern, L, s);
    if (!pattern_search(&w->pattern, w->at, w->last, &found)) return 0;
    w->at = w->last = found.p + found.n;
    return push_captures(&w->pattern, found, 1);
}

static int strings_gmatch(lua_State *L) {
    struct str s = lib_str(L, 1), text = lib_str(L, 2);
    size_t from = offset(luaL_optinteger(L, 3, 1), s.n);
    size_t n = pattern_items_max(text.n);
    lua_settop(L, 2);
    struct walk *w = lua_newuserdatauv(
        L, sizeof *w + n * sizeof *w->items + pattern_sets_max(text.n) * sizeof(struct pattern_set),
        0);
    pattern_read(&w->pattern, text, false, w->items, (struct pattern_set *)(w->items + n));
    w->at = s.p + (from > s.n ? s.n + 1 : from);
    w->last = NULL;
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}

/* ---- gsub ------------------------------------------------------------------------------------ */

/* The replacement is text: %0 is all that was found, %1 to %9 are captures, %% is %. A capture may
 * be empty, so that the length of the result bounds nothing here. */
static void add_text(struct pattern *p, luaL_Buffer *b, struct str found) {
    struct str text;
    const char *escape;
    text.p = lua_tolstring(p->L, 3, &text.n);
    while ((escape = memchr(text.p, '%', text.n)) != NULL) {
        size_t before = (size_t)(escape - text.p);
        char c = before + 1 < text.n ? escape[1] : 0;
        pattern_spend(p, 1);
        luaL_addlstring(b, text.p, before);
        if (c == '%') {
            luaL_addchar(b, '%');
        } else if (c == '0') {
            luaL_addlstring(b, found.p, found.n);
        } else if (c >= '1' && c <= '9') {
            push_capture(p, c - '1', found);
            luaL_addvalue(b);
        } else {
            luaL_error(p->L, "invalid use of '%%' in replacement string");
        }
        text = str_from(text, before + 2);
    }
    luaL_addlstring(b, text.p, text.n);
}

/* The value for what was found, on top. It may be any. */
static void push_value(struct pattern *p, struct str found) {
    lua_State *L = p->L;
    if (lua_type(L, 3) == LUA_TTABLE) {
        push_capture(p, 0, found);
        lua_gettable(L, 3);
    } else {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(p, found, 1), 1);
    }
    watchdog_check(L);
}

/* False when what was found stays as it is. */
static bool add_value(struct pattern *p, luaL_Buffer *b, struct str found) {
    lua_State *L = p->L;
    if (lua_isstring(L, 3)) {
        add_text(p, b, found);
        return true;
    }
    push_value(p, found);
    if (lua_isstring(L, -1)) {
        luaL_addvalue(b);
        return true;
    }
    if (lua_toboolean(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    lua_pop(L, 1);
    luaL_addlstring(b, found.p, found.n);
    return false;
}

static void check_replacement(lua_State *L) {
    int type = lua_type(L, 3);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
}

static int strings_gsub(lua_State *L) {
    struct str s = lib_str(L, 1), text = lib_str(L, 2), found;
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)s.n + 1), n = 0;
    check_replacement(L);
    struct room room;
    luaL_Buffer b;
    bool changed = false;
    struct pattern *p = read_pattern(L, &room, text);
    pattern_begin(p, L, s);
    luaL_buffinit(L, &b);
    const char *at = s.p, *last = NULL;
    while (n < most && pattern_search(p, at, last, &found)) {
        n++;
        luaL_addlstring(&b, at, (size_t)(found.p - at));
        if (add_value(p, &b, found)) changed = true;
        at = last = found.p + found.n;
        if (p->anchored) break;
    }
    if (changed) {
        luaL_addlstring(&b, at, (size_t)(p->end - at));
        luaL_pushresult(&b);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, n);
    return 2;
}

void strings_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", strings_find}, {"gmatch", strings_gmatch},
        {"gsub", strings_gsub}, {"match", strings_match},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
