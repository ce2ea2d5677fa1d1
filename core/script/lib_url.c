/*
 * lib_url: percent-encoding, query strings and the parts of URLs for scripts. Pure functions.
 */
#include "core/http/url.h"

#include "core/script/lib.h"
#include "core/script/lib_url.h"
#include "core/script/task.h"

#define MAX_PAIRS 1000 /* names in one query */

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

ssize_t url_decode(struct str s, bool plus, char *out) {
    ssize_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (high < 0 || low < 0) return -1;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    return n;
}

/* Pushes the decoded text; false (nothing pushed) for a broken escape. */
static bool push_decoded(lua_State *L, struct str s, bool plus) {
    luaL_Buffer b;
    ssize_t n = url_decode(s, plus, luaL_buffinitsize(L, &b, s.n));
    luaL_pushresultsize(&b, n < 0 ? 0 : (size_t)n);
    if (n < 0) lua_pop(L, 1);
    return n >= 0;
}

/* A broken escape stands for itself: what a form or query means by it is for the reader to say. */
static void push_lenient(lua_State *L, struct str s) {
    if (!push_decoded(L, s, true)) lua_pushlstring(L, s.p, s.n);
}

void url_push_query(lua_State *L, struct str query) {
    struct str pair;
    int n = 0;
    lua_newtable(L);
    while (query.n && n++ < MAX_PAIRS) {
        struct str name, value;
        str_cut(query, '&', &pair, &query);
        if (pair.n == 0) continue;
        str_cut(pair, '=', &name, &value);
        push_lenient(L, name);
        push_lenient(L, value);
        lua_rawset(L, -3);
    }
}

static int l_parse_query(lua_State *L) {
    url_push_query(L, lib_str(L, 1));
    return 1;
}

/* Like parse_query, with a list for every name. */
static int l_parse_query_all(lua_State *L) {
    struct str query = lib_str(L, 1), pair;
    int n = 0;
    lua_newtable(L);
    while (query.n && n++ < MAX_PAIRS) {
        struct str name, value;
        str_cut(query, '&', &pair, &query);
        if (pair.n == 0) continue;
        str_cut(pair, '=', &name, &value);
        push_lenient(L, name);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TTABLE) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, -5);
        }
        push_lenient(L, value);
        lua_rawseti(L, -2, luaL_len(L, -2) + 1);
        lua_pop(L, 2);
    }
    return 1;
}

static int l_decode(lua_State *L) {
    if (push_decoded(L, lib_str(L, 1), false)) return 1;
    return op_fail(L, -EINVAL, "broken percent-encoding");
}

static bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* url.encode(text): everything but unreserved characters (RFC 3986 section 2.3) is escaped. */
static int l_encode(lua_State *L) {
    static const char digits[] = "0123456789ABCDEF";
    struct str s = lib_str(L, 1);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, s.n * 3);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (unreserved(s.p[i])) {
            out[n++] = s.p[i];
        } else {
            out[n++] = '%';
            out[n++] = digits[(unsigned char)s.p[i] >> 4];
            out[n++] = digits[(unsigned char)s.p[i] & 15];
        }
    }
    luaL_pushresultsize(&b, n);
    return 1;
}

static void set(lua_State *L, const char *name, struct str s) {
    if (!s.p) return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

static int l_parse(lua_State *L) {
    struct url u;
    struct err e = {0};
    int rc = url_parse(lib_str(L, 1), &u, &e);
    if (rc < 0) return op_fail(L, rc, e.text);
    lua_createtable(L, 0, 6);
    set(L, "scheme", u.scheme);
    set(L, "authority", u.authority);
    set(L, "host", u.host);
    set(L, "path", u.path);
    set(L, "query", u.query);
    lua_pushinteger(L, u.port);
    lua_setfield(L, -2, "port");
    return 1;
}

const struct lib_doc lib_url_docs[] = {
    {"parse", l_parse,
     "fun(text: string): { scheme: string, authority: string, host: string, port: integer, path: "
     "string, query: string? }?, string?, string?",
     "The parts of an absolute http or https URL (RFC 3986)."},
    {"parse_query", l_parse_query, "fun(text: string): table<string, string>",
     "The names and values of a query or form body; of a repeated name the last one."},
    {"parse_query_all", l_parse_query_all, "fun(text: string): table<string, string[]>",
     "The same with a list of values for each name."},
    {"encode", l_encode, "fun(text: string): string",
     "Percent-encodes everything but unreserved characters."},
    {"decode", l_decode, "fun(text: string): string?, string?, string?",
     "Undoes percent-encoding."},
    {NULL, NULL, NULL, NULL},
};

int lib_url(lua_State *L) {
    lib_functions(L, lib_url_docs);
    return 1;
}
