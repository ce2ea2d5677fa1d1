/*
 * http_plan: an HTTP request as a script describes it, read from a table and checked before
 * anything is started. Called by the bindings of the HTTP client.
 */
#include "core/script/http_plan.h"

#include <errno.h>

#include "core/http/h1.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define MAX_RESPONSE    (16u << 20)
#define DEFAULT_TIMEOUT 30.0

/* Stays on the stack, which keeps the text. */
static struct str option(lua_State *L, const char *name, struct str def) {
    int type = lua_getfield(L, 1, name);
    if (type == LUA_TNIL) return def;
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        lib_error(L, "%s: a text, not a %s", name, luaL_typename(L, -1));
    return lib_str(L, -1);
}

static bool framing(struct str name) {
    uint8_t id = h1_field_id(name);
    return id == H1_HOST || id == H1_CONTENT_LENGTH || id == H1_TRANSFER_ENCODING ||
           id == H1_CONNECTION;
}

static void add_headers(lua_State *L, struct buf *head) {
    if (lua_getfield(L, 1, "headers") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            lib_error(L, "headers: a table of texts by name, not a %s", luaL_typename(L, -1));
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            if (lua_type(L, -2) != LUA_TSTRING) lib_error(L, "header names are strings");
            if (!lua_isstring(L, -1))
                lib_error(L, "header %s: a text, not a %s", lua_tostring(L, -2),
                          luaL_typename(L, -1));
            struct str name = lib_str(L, -2), value = lib_str(L, -1);
            if (!h1_valid_name(name) || !h1_valid_value(value))
                lib_error(L, "not a header: %s", name.p);
            if (!framing(name)) {
                buf_str(head, name);
                buf_str(head, STR(": "));
                buf_str(head, value);
                buf_str(head, STR("\r\n"));
            }
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static bool plain(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f) return false;
    return true;
}

static void build_head(lua_State *L, struct http_plan *p) {
    buf_str(p->head, p->method);
    buf_char(p->head, ' ');
    buf_str(p->head, p->url.path.n ? p->url.path : STR("/"));
    if (p->url.query.p) {
        buf_char(p->head, '?');
        buf_str(p->head, p->url.query);
    }
    buf_str(p->head, STR(" HTTP/1.1\r\nHost: "));
    buf_str(p->head, p->url.authority);
    buf_str(p->head, STR("\r\n"));
    add_headers(L, p->head);
    bool bodyless = str_eq(p->method, STR("GET")) || str_eq(p->method, STR("HEAD"));
    if (p->chunked)
        buf_str(p->head, STR("Transfer-Encoding: chunked\r\n"));
    else if (p->text.n || !bodyless)
        buf_printf(p->head, "Content-Length: %zu\r\n", p->text.n);
    buf_str(p->head, STR("\r\n"));
}

static bool idempotent(struct str method) {
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) ||
           str_eq(method, STR("PUT")) || str_eq(method, STR("DELETE")) ||
           str_eq(method, STR("OPTIONS"));
}

/* The body: a text, or a function that gives its pieces. */
static void read_body(lua_State *L, struct http_plan *p) {
    int kind = lua_getfield(L, 1, "body");
    p->chunked = kind == LUA_TFUNCTION;
    if (kind == LUA_TNIL || p->chunked) return;
    if (kind != LUA_TSTRING && kind != LUA_TNUMBER)
        lib_error(L, "body: a string, or a function that gives the next piece, not a %s",
                  lua_typename(L, kind));
    p->text = lib_str(L, -1);
}

static void read_limits(lua_State *L, struct http_plan *p) {
    int is_number = 1, is_integer = 1;
    p->timeout = DEFAULT_TIMEOUT;
    if (lua_getfield(L, 1, "timeout") != LUA_TNIL) p->timeout = lua_tonumberx(L, -1, &is_number);
    if (!is_number || !(p->timeout > 0 && p->timeout <= 3600))
        lib_error(L, "timeout: a number of seconds, more than 0, at most 3600");
    lua_Integer limit = MAX_RESPONSE;
    if (lua_getfield(L, 1, "limit") != LUA_TNIL) limit = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || limit < 0) lib_error(L, "limit: a whole number of bytes, 0 or more");
    p->limit = (size_t)limit;
}

int http_plan_read(lua_State *L, struct http_plan *p) {
    static _Thread_local struct buf head;
    struct err e = {0};
    if (!lua_istable(L, 1)) lib_error(L, "a request is a table, not a %s", luaL_typename(L, 1));
    lua_settop(L, 1);
    lib_options(L, 1, "url method headers body timeout limit stream");
    *p = (struct http_plan){.method = option(L, "method", STR("GET")), .text = STR("")};
    read_body(L, p);
    struct str url = option(L, "url", STR(""));
    if (url_parse(url, &p->url, &e) < 0) return op_fail(L, e.code, e.text);
    if (!str_ieq(p->url.scheme, STR("http"))) return op_fail(L, -ENOTSUP, "only http is supported");
    if (!h1_valid_name(p->method)) return lib_error(L, "not a method: %s", p->method.p);
    if (!plain(p->url.path) || !plain(p->url.query))
        return op_fail(L, -EINVAL, "the URL has characters that must be percent-encoded");
    read_limits(L, p);
    p->idempotent = idempotent(p->method);
    p->to_head = str_eq(p->method, STR("HEAD"));
    p->head = lib_buf(&head);
    build_head(L, p);
    return buf_ok(p->head) ? 0 : op_fail(L, -ENOMEM, "out of memory");
}
