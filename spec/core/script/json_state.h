/*
 * json_state: what the tests of the JSON codec share: a Lua state whose allocations can be made to
 * fail, and short ways to decode, encode and compare.
 */
#ifndef SPEC_JSON_STATE_H
#define SPEC_JSON_STATE_H

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/script/decimal.h"
#include "core/script/json.h"
#include "core/script/lib.h"

extern int lib_json(lua_State *L);
extern const struct lib_doc lib_json_docs[];

/* ---- a state whose allocations can fail --------------------------------------------------- */

static inline void *alloc(void *arg, void *p, size_t old, size_t n) {
    if (n == 0) {
        mem_free(p);
        return NULL;
    }
    void *fresh = mem_realloc(p, n);
    return fresh || !p || n > old ? fresh : p; /* Lua counts on shrinking */
}

static lua_State *L;

static inline int open_state(void **state) {
    L = lua_newstate(alloc, NULL);
    if (!L) return -1;
    luaL_openlibs(L);
    luaL_requiref(L, "json", lib_json, 1);
    lua_settop(L, 0);
    return 0;
}

static inline int close_state(void **state) {
    lua_close(L);
    return 0;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static inline int decode(struct str text, const struct json_limits *limits, size_t *at) {
    const char *why = NULL;
    int top = lua_gettop(L), rc = json_decode(L, text, limits, NULL, at, &why);
    assert_int_equal(lua_gettop(L), top + (rc == 0));
    assert_int_equal(rc == 0, why == NULL);
    return rc;
}

static inline void assert_decodes(const char *text) {
    size_t at;
    if (decode(str_of(text), NULL, &at) != 0) fail_msg("does not decode at %zu: %s", at, text);
}

static inline void assert_invalid_at(struct str text, size_t expected) {
    size_t at = 0;
    if (decode(text, NULL, &at) != -EINVAL) fail_msg("decodes: %.*s", STR_FMT(text));
    if (at != expected) fail_msg("at %zu, not %zu: %.*s", at, expected, STR_FMT(text));
}

/* The value on top of the stack as text; pops it. */
static inline struct buf encoded(void) {
    struct buf out;
    buf_init(&out);
    const char *why = NULL;
    int top = lua_gettop(L), rc = json_encode(L, -1, &out, NULL, NULL, &why);
    if (rc < 0) fail_msg("%s", why);
    assert_int_equal(lua_gettop(L), top);
    lua_pop(L, 1);
    return out;
}

static inline void assert_encodes(const char *expected) {
    struct buf out = encoded();
    if (!str_eq(buf_view(&out), str_of(expected)))
        fail_msg("expected %s, not %.*s", expected, STR_FMT(buf_view(&out)));
    buf_free(&out);
}

static inline void assert_round_trip(const char *text, const char *expected) {
    assert_decodes(text);
    assert_encodes(expected);
}

/* Pushes what a Lua expression gives. */
static inline void eval(const char *expression) {
    char code[600];
    snprintf(code, sizeof code, "return %s", expression);
    if (luaL_dostring(L, code)) fail_msg("%s", lua_tostring(L, -1));
}

static inline void assert_true_in_lua(const char *code) {
    if (luaL_dostring(L, code)) fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static inline void assert_encode_fails(const char *expression, int code, const char *path,
                                       const char *why) {
    for (int indent = 0; indent <= 2; indent += 2) {
        eval(expression);
        struct buf out, where;
        buf_init(&out);
        buf_init(&where);
        buf_str(&out, STR("kept"));
        const char *said = "";
        int top = lua_gettop(L);
        assert_int_equal(json_encode_pretty(L, -1, &out, NULL, indent, &where, &said), code);
        assert_int_equal(lua_gettop(L), top);
        assert_true(str_eq(buf_view(&out), STR("kept")));
        if (!strstr(said, why)) fail_msg("expected \"%s\" in \"%s\"", why, said);
        if (!str_eq(buf_view(&where), str_of(path)))
            fail_msg("expected %s, not %.*s", path, STR_FMT(buf_view(&where)));
        buf_free(&out);
        buf_free(&where);
        lua_settop(L, 0);
    }
}

/* ---- random numbers --- */

static uint64_t seed = 88172645463325252;
static inline uint64_t any(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

#endif
