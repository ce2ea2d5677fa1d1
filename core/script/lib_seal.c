/* lib_seal: ids, random bytes, hashes, encodings and sealing for scripts. Pure functions but for
 * the random ones. */
#include "core/script/lib.h"
#include "core/script/task.h"
#include "core/secure/seal.h"

/* Results are built in a buffer of the thread, so that nothing is lost when Lua runs out of memory.
 */
static _Thread_local struct buf out;

static int push_out(lua_State *L, bool secret) {
    if (!buf_ok(&out)) return luaL_error(L, "not enough memory");
    lua_pushlstring(L, out.p ? out.p : "", out.n);
    if (secret && out.p) seal_wipe(out.p, out.n);
    return 1;
}

static int l_id(lua_State *L) {
    lib_buf(&out);
    seal_id(&out, lib_opt_str(L, 1, STR("")));
    return push_out(L, false);
}

static int l_uuid(lua_State *L) {
    char text[37];
    seal_uuid(text);
    lua_pushstring(L, text);
    return 1;
}

static int l_random(lua_State *L) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1 && n <= 65536, 1, "1 to 65536 bytes");
    luaL_Buffer b;
    seal_random(luaL_buffinitsize(L, &b, (size_t)n), (size_t)n);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

/* seal.token(bytes): random text that is safe in URLs. */
static int l_token(lua_State *L) {
    unsigned char raw[64];
    lua_Integer n = luaL_optinteger(L, 1, 16);
    luaL_argcheck(L, n >= 8 && n <= 64, 1, "8 to 64 bytes");
    seal_random(raw, (size_t)n);
    lib_buf(&out);
    seal_base64(&out, str_make((const char *)raw, (size_t)n), true);
    return push_out(L, true);
}

static int l_sha256(lua_State *L) {
    unsigned char digest[32];
    char hex[64];
    seal_sha256(lib_str(L, 1), digest);
    seal_hex(digest, sizeof digest, hex);
    lua_pushlstring(L, hex, sizeof hex);
    return 1;
}

static int l_equal(lua_State *L) {
    lua_pushboolean(L, seal_equal(lib_str(L, 1), lib_str(L, 2)));
    return 1;
}

static int l_base64(lua_State *L) {
    struct str s = lib_str(L, 1);
    lib_buf(&out);
    seal_base64(&out, s, lua_toboolean(L, 2));
    return push_out(L, false);
}

static int l_unbase64(lua_State *L) {
    struct str s = lib_str(L, 1);
    lib_buf(&out);
    int rc = seal_unbase64(&out, s, lua_toboolean(L, 2));
    if (rc == -ENOMEM) return luaL_error(L, "not enough memory");
    if (rc < 0) return op_fail(L, rc, "not base64");
    return push_out(L, false);
}

static const unsigned char *key(lua_State *L, int index) {
    struct str k = lib_str(L, index);
    luaL_argcheck(L, k.n == 32, index, "a key has 32 bytes");
    return (const unsigned char *)k.p;
}

static int l_close(lua_State *L) {
    struct str plain = lib_str(L, 1);
    lib_buf(&out);
    int rc = seal_close(&out, key(L, 2), plain);
    if (rc < 0) return op_fail(L, rc, "cannot seal");
    return push_out(L, false);
}

static int l_open(lua_State *L) {
    struct str sealed = lib_str(L, 1);
    lib_buf(&out);
    int rc = seal_open(&out, key(L, 2), sealed);
    if (rc < 0) return op_fail(L, rc, "the sealed text is damaged or the key is another one");
    return push_out(L, true);
}

const struct lib_doc lib_seal_docs[] = {
    {"id", l_id, "fun(prefix?: string): string",
     "A new unique id, \"prefix-\" and about ten characters, growing with time."},
    {"uuid", l_uuid, "fun(): string", "A random UUID (RFC 9562, version 4)."},
    {"random", l_random, "fun(n: integer): string", "n random bytes, 1 to 65536."},
    {"token", l_token, "fun(bytes?: integer): string",
     "Random text for URLs, of 8 to 64 random bytes (16 unless told)."},
    {"sha256", l_sha256, "fun(text: string): string", "SHA-256 as 64 hexadecimal digits."},
    {"equal", l_equal, "fun(a: string, b: string): boolean",
     "Compares in a time that does not tell where they differ."},
    {"base64", l_base64, "fun(text: string, url?: boolean): string",
     "Base64; url = the alphabet for URLs without padding (RFC 4648)."},
    {"unbase64", l_unbase64, "fun(text: string, url?: boolean): string?, string?, string?",
     "Undoes base64; strict."},
    {"close", l_close, "fun(plain: string, key: string): string?, string?, string?",
     "Seals a text with a key of 32 bytes (XChaCha20-Poly1305)."},
    {"open", l_open, "fun(sealed: string, key: string): string?, string?, string?",
     "Opens what close sealed; fails when it was changed."},
    {NULL, NULL, NULL, NULL},
};

int lib_seal(lua_State *L) {
    lib_functions(L, lib_seal_docs);
    return 1;
}
