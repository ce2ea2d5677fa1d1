/*
 * fuzz_json: any bytes as JSON text, in a state with little memory. What decodes must encode, and
 * what that gives must decode to the same text again; the library must agree about numbers.
 */
#include <lauxlib.h>
#include <stdlib.h>

#include "core/script/decimal.h"
#include "core/script/json.h"

#define CAP (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t held; /* bytes of the state */

static void *alloc(void *arg, void *p, size_t old, size_t n) {
    if (!p) old = 0;
    if (n > old && held + (n - old) > CAP) return NULL;
    void *fresh = n ? realloc(p, n) : NULL;
    if (n == 0) free(p);
    if (n == 0 || fresh) held += n - old;
    return fresh;
}

/* What is encoded, decoded and encoded again stays the same, but for the order of names. */
static int work(lua_State *L) {
    struct str text = {lua_touserdata(L, 1), (size_t)lua_tointeger(L, 2)};
    struct buf *out = lua_touserdata(L, 3), *again = out + 1;
    size_t at = text.n + 1;
    const char *why = NULL;
    if (json_decode(L, text, NULL, NULL, &at, &why) < 0) {
        if (at > text.n || !why || lua_gettop(L) != 3) abort();
        return 0;
    }
    int rc = json_encode(L, -1, out, NULL, NULL, &why);
    if (rc == ERR_LIMIT || rc == -ENOMEM) return 0;
    if (rc < 0 || json_decode(L, buf_view(out), NULL, NULL, &at, &why) < 0) abort();
    if (lua_type(L, -1) == LUA_TNUMBER) {
        lua_Number v = lua_tonumber(L, -1);
        if (v != strtod(lua_pushlstring(L, out->p, out->n), NULL)) abort();
        lua_pop(L, 1);
    }
    if (json_encode_pretty(L, -1, again, NULL, 0, NULL, NULL) < 0 || again->n != out->n) abort();
    buf_clear(again);
    if (json_encode_pretty(L, -1, again, NULL, 1, NULL, &why) == 0 &&
        json_decode(L, buf_view(again), NULL, NULL, NULL, &why) < 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static lua_State *L;
    struct buf out[2];
    buf_init(&out[0]);
    buf_init(&out[1]);
    if (!L) L = lua_newstate(alloc, NULL);
    lua_pushcfunction(L, work);
    lua_pushlightuserdata(L, (void *)data);
    lua_pushinteger(L, (lua_Integer)n);
    lua_pushlightuserdata(L, out);
    int status = lua_pcall(L, 3, 0, 0);
    if (status != LUA_OK && status != LUA_ERRMEM) abort();
    lua_settop(L, 0);
    buf_free(&out[0]);
    buf_free(&out[1]);
    return 0;
}
