/*
 * asker_view: what a policy of the proxy sees: the request, the response, the instances. Nothing is
 * built that the function does not touch; what it changes goes through policy.h, which refuses what
 * is not its to change. Used by asker.c, inside tasks only.
 */
#include <stdatomic.h>

#include "core/http/trust.h"
#include "core/script/asker.h"
#include "core/script/fields.h"
#include "core/script/json.h"
#include "core/script/lib.h"
#include "core/script/lib_url.h"

#define REQUEST  "policy.request"
#define RESPONSE "policy.response"
#define HEADERS  "policy.headers"

/* What a userdata holds: the task, not a pointer, so that an object that is kept is refused. */
struct view {
    struct task_id id;
    bool response; /* of headers: whose */
};

static struct asked *question(lua_State *L, const char *class, struct view **out) {
    struct view *v = luaL_checkudata(L, 1, class);
    struct task *t = task_find(vm_of(L)->worker, v->id);
    struct asked *q = t ? t->data : NULL;
    if (!q) luaL_error(L, "this request is over, or was decided already");
    if (out) *out = v;
    return q;
}

static void push_view(lua_State *L, struct task_id id, const char *class, bool response) {
    struct view *v = lua_newuserdatauv(L, sizeof *v, 0);
    *v = (struct view){id, response};
    luaL_setmetatable(L, class);
}

static void push_str(lua_State *L, struct str s) {
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushnil(L);
}

/* ---- header fields -------------------------------------------------------------------------- */

static struct head head_of(const struct asked *q, bool response) {
    const struct policy *p = q->x->policy;
    if (!response) return *policy_head(q->x);
    return (struct head){.fields = p->fields, .n_fields = p->n_fields};
}

/* Several fields of one name are joined as fields_push does it. */
static void push_field(lua_State *L, const struct head *h, struct str name) {
    int n = 0;
    lua_settop(L, 2);
    for (int i = 0; i < h->n_fields; i++) {
        const struct field *f = &h->fields[i];
        if (!str_ieq(f->name, name)) continue;
        if (n > 0) lua_pushstring(L, f->id == H1_SET_COOKIE ? "\n" : ", ");
        lua_pushlstring(L, f->value.n ? f->value.p : "", f->value.n);
        if (n++ > 0) lua_concat(L, 3);
    }
    if (n == 0) lua_pushnil(L);
}

static int headers_index(lua_State *L) {
    struct view *v;
    const struct asked *q = question(L, HEADERS, &v);
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    struct head h = head_of(q, v->response);
    push_field(L, &h, lib_str(L, 2));
    return 1;
}

static int next_field(lua_State *L) {
    lua_settop(L, 2);
    return lua_next(L, 1) ? 2 : 0;
}

static int headers_pairs(lua_State *L) {
    struct view *v;
    const struct asked *q = question(L, HEADERS, &v);
    struct head h = head_of(q, v->response);
    lua_pushcfunction(L, next_field);
    fields_push(L, &h);
    return 2;
}

static bool changes(const struct asked *q, bool response) {
    return q->row == (response ? POLICY_RESPONSE : POLICY_REQUEST);
}

static void check_edit(lua_State *L, enum policy_edit e, const char *what) {
    switch (e) {
    case POLICY_DONE:
        return;
    case POLICY_OWNED:
        luaL_error(L, "%s is the host's: a policy cannot change it", what);
        break;
    case POLICY_INVALID:
        luaL_error(L, "%s: this is not allowed there, or too long", what);
        break;
    case POLICY_MANY:
        luaL_error(L, "%s: a policy adds at most %d header fields", what, POLICY_FIELDS);
        break;
    case POLICY_MUCH:
        luaL_error(L,
                   "%s: a policy writes at most %d texts and %d KB to one message, those that it "
                   "replaces included; does it run in a loop?",
                   what, POLICY_TEXTS, POLICY_BYTES / 1024);
        break;
    case POLICY_NO_MEMORY:
        vm_throw_memory(L);
    }
}

/* A text or a number at `index`. */
static struct str value_at(lua_State *L, int index, const char *name) {
    if (lua_type(L, index) != LUA_TSTRING && lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "the header %s is a text, a list of texts, or nil; not a %s", name,
                   luaL_typename(L, index));
    return lib_str(L, index);
}

/* All of a list, in order, in place of what there was. */
static void set_list(lua_State *L, struct asked *q, bool response, struct str name) {
    check_edit(L, policy_set(q->x, response, name, STR_NONE), name.p);
    lua_Integer n = luaL_len(L, 3);
    if (n > POLICY_FIELDS) check_edit(L, POLICY_MANY, name.p);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 3, i);
        struct str value = value_at(L, -1, name.p);
        check_edit(L, policy_add(q->x, response, name, value), name.p);
        lua_pop(L, 1);
    }
}

/* headers[name] = text | number | list of them | nil */
static int headers_newindex(lua_State *L) {
    struct view *v;
    struct asked *q = question(L, HEADERS, &v);
    luaL_argcheck(L, lua_type(L, 2) == LUA_TSTRING, 2, "a header name is a text");
    struct str name = lib_str(L, 2);
    if (!changes(q, v->response))
        luaL_error(L, "the headers can only be read here: proxy.request changes those of requests, "
                      "proxy.response those of responses");
    if (lua_istable(L, 3)) {
        set_list(L, q, v->response, name);
        return 0;
    }
    struct str value = lua_isnil(L, 3) ? STR_NONE : value_at(L, 3, name.p);
    check_edit(L, policy_set(q->x, v->response, name, value), name.p);
    return 0;
}

/* add_header(self, name, value): others of that name stay. */
static int add_header(lua_State *L, const char *class, bool response) {
    struct asked *q = question(L, class, NULL);
    struct str name = lib_str(L, 2);
    struct str value = value_at(L, 3, name.p);
    if (!changes(q, response)) luaL_error(L, "headers can only be read here");
    check_edit(L, policy_add(q->x, response, name, value), name.p);
    lua_settop(L, 1);
    return 1;
}

static int request_add_header(lua_State *L) {
    return add_header(L, REQUEST, false);
}

static int response_add_header(lua_State *L) {
    return add_header(L, RESPONSE, true);
}

/* ---- the request ---------------------------------------------------------------------------- */

static bool is(struct str key, const char *name) {
    return str_eq(key, str_of(name));
}

static void push_path(lua_State *L, struct exchange *x) {
    struct str path = policy_path(x);
    if (!path.p) vm_throw_memory(L);
    push_str(L, path);
}

static int request_index(lua_State *L) {
    struct view *v;
    struct asked *q = question(L, REQUEST, &v);
    struct exchange *x = q->x;
    const struct head *h = &x->h1.head;
    struct str key = lib_str(L, 2);
    if (is(key, "headers"))
        push_view(L, v->id, HEADERS, false);
    else if (is(key, "path"))
        push_path(L, x);
    else if (is(key, "method"))
        push_str(L, h->method);
    else if (is(key, "service"))
        push_str(L, x->segment);
    else if (is(key, "address"))
        push_str(L, trust_client(exchange_peer(x), h));
    else if (is(key, "account"))
        x->auth ? lib_push_claims(L, x->auth) : lua_pushnil(L);
    else if (is(key, "query"))
        url_push_query(L, policy_query(x));
    else if (is(key, "query_string"))
        push_str(L, policy_query(x));
    else if (is(key, "id"))
        push_str(L, x->id);
    else if (is(key, "host"))
        push_str(L, h->host);
    else if (is(key, "peer"))
        push_str(L, exchange_peer(x));
    else if (is(key, "length"))
        lua_pushinteger(L, h->length);
    else if (is(key, "add_header"))
        lua_pushcfunction(L, request_add_header);
    else
        lua_pushnil(L);
    return 1;
}

/* req.path = …, req.query_string = … */
static int request_newindex(lua_State *L) {
    struct asked *q = question(L, REQUEST, NULL);
    struct str key = lib_str(L, 2);
    bool path = is(key, "path"), query = is(key, "query_string");
    if (!path && !query)
        luaL_error(L, "req.%s cannot be set: path and query_string can, and fields of req.headers",
                   key.p);
    if (!changes(q, false)) luaL_error(L, "req.%s can only be set in proxy.request", key.p);
    if (path)
        check_edit(L, policy_set_path(q->x, lib_str(L, 3)), "req.path");
    else
        check_edit(L, policy_set_query(q->x, lib_opt_str(L, 3, STR_NONE)), "req.query_string");
    return 0;
}

void asker_push_request(lua_State *L, struct task_id id) {
    push_view(L, id, REQUEST, false);
}

/* ---- the response --------------------------------------------------------------------------- */

static int response_index(lua_State *L) {
    struct view *v;
    const struct asked *q = question(L, RESPONSE, &v);
    struct str key = lib_str(L, 2);
    if (is(key, "headers"))
        push_view(L, v->id, HEADERS, true);
    else if (is(key, "status"))
        lua_pushinteger(L, q->x->policy->status);
    else if (is(key, "add_header"))
        lua_pushcfunction(L, response_add_header);
    else
        lua_pushnil(L);
    return 1;
}

static int response_newindex(lua_State *L) {
    return luaL_error(L, "res.%s cannot be set: only fields of res.headers can",
                      luaL_tolstring(L, 2, NULL));
}

void asker_push_response(lua_State *L, struct task_id id) {
    push_view(L, id, RESPONSE, true);
}

/* ---- an answer in place of the instance's ---------------------------------------------------- */

static void out_of_memory_unless(lua_State *L, bool fine) {
    if (!fine) vm_throw_memory(L);
}

static void answer_field(lua_State *L, struct asked *q, struct str name, struct str value) {
    if (!h1_valid_name(name) || !h1_valid_value(value) || value.n > POLICY_VALUE)
        luaL_error(L, "the answer of proxy.request has an invalid header %s", name.p);
    if (q->n_fields == POLICY_FIELDS) check_edit(L, POLICY_MANY, name.p);
    struct field f = {arena_str(&q->x->arena, name),
                      value.n ? arena_str(&q->x->arena, value) : STR(""), h1_field_id(name)};
    out_of_memory_unless(L, f.name.p && f.value.p);
    q->fields[q->n_fields++] = f;
}

/* The headers of the table at `at`: texts, numbers and lists of them by their names. */
static void answer_headers(lua_State *L, struct asked *q, int at) {
    lua_pushnil(L);
    while (lua_next(L, at)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "headers of the answer of proxy.request are texts by their names");
        struct str name = lib_str(L, -2);
        lua_Integer n = lua_istable(L, -1) ? luaL_len(L, -1) : 0;
        if (!lua_istable(L, -1)) {
            lua_pushvalue(L, -1); /* a number becomes text here, not in the caller's table */
            answer_field(L, q, name, value_at(L, -1, name.p));
            lua_pop(L, 1);
        }
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, -1, i);
            answer_field(L, q, name, value_at(L, -1, name.p));
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

static bool has_type(const struct asked *q) {
    for (int i = 0; i < q->n_fields; i++)
        if (q->fields[i].id == H1_CONTENT_TYPE) return true;
    return false;
}

/* A text, or what becomes JSON. */
static void answer_body(lua_State *L, struct asked *q, int at) {
    static _Thread_local struct buf encoded;
    const char *why = NULL;
    struct str type = STR("text/plain; charset=utf-8"), body = STR("");
    if (lua_istable(L, at)) {
        struct buf *out = lib_buf(&encoded);
        if (json_encode(L, at, out, &json_default, NULL, &why) < 0)
            luaL_error(L, "the answer of proxy.request cannot be JSON: %s", why);
        type = STR("application/json");
        body = buf_view(out);
    } else if (!lua_isnil(L, at)) {
        if (lua_type(L, at) != LUA_TSTRING)
            luaL_error(L, "the body that proxy.request answers is a text or a table, not a %s",
                       luaL_typename(L, at));
        body = lib_str(L, at);
    }
    if (body.n == 0) return;
    q->body = arena_str(&q->x->arena, body);
    out_of_memory_unless(L, q->body.p);
    if (!has_type(q)) answer_field(L, q, STR("Content-Type"), type);
}

/* A table with other fields is a mistake, such as { code = 403 }: it must not become a 200. */
static void check_answer_fields(lua_State *L, int at) {
    bool any = false;
    lua_pushnil(L);
    while (lua_next(L, at)) {
        lua_pop(L, 1);
        struct str name = lua_type(L, -1) == LUA_TSTRING ? lib_str(L, -1) : STR("");
        if (!is(name, "status") && !is(name, "headers") && !is(name, "body"))
            luaL_error(L, "the answer of proxy.request has status, headers and body, and no %s",
                       name.n ? name.p : "list");
        any = true;
    }
    if (!any) luaL_error(L, "the answer of proxy.request is a table with nothing in it");
}

/* Nothing: it goes on. Else status and body, or { status =, headers =, body = }. */
void asker_take_answer(lua_State *L, struct asked *q) {
    if (lua_isnil(L, 1)) return;
    q->fields = arena_alloc(&q->x->arena, POLICY_FIELDS * sizeof *q->fields);
    out_of_memory_unless(L, q->fields);
    q->n_fields = 0;
    if (lua_istable(L, 1)) {
        lua_settop(L, 1);
        check_answer_fields(L, 1);
        lua_getfield(L, 1, "body"); /* 2 */
        if (lua_getfield(L, 1, "headers") == LUA_TTABLE)
            answer_headers(L, q, 3);
        else if (!lua_isnil(L, 3))
            luaL_error(L, "headers of the answer of proxy.request are a table");
        if (lua_getfield(L, 1, "status") == LUA_TNIL) lua_pushinteger(L, 200);
        lua_replace(L, 1);
        lua_settop(L, 2);
    }
    int is_integer;
    lua_Integer status = lua_tointegerx(L, 1, &is_integer);
    if (lua_type(L, 1) != LUA_TNUMBER || !is_integer || status < 200 || status > 599)
        luaL_error(L, "proxy.request answers nothing, or a status from 200 to 599 and a body");
    answer_body(L, q, 2);
    q->status = (int)status;
    q->answers = true;
}

/* ---- the instances -------------------------------------------------------------------------- */

void asker_push_instances(lua_State *L, const struct upstreams *list) {
    lua_createtable(L, list->n, 0);
    for (int i = 0; i < list->n; i++) {
        const struct upstream *u = &list->list[i];
        lua_createtable(L, 0, 4);
        push_str(L, u->id);
        lua_setfield(L, -2, "id");
        push_str(L, u->url);
        lua_setfield(L, -2, "url");
        lua_pushboolean(L, u->healthy);
        lua_setfield(L, -2, "healthy");
        lua_pushinteger(L, u->load ? atomic_load(&u->load->open) : 0);
        lua_setfield(L, -2, "outstanding");
        lua_rawseti(L, -2, i + 1);
    }
}

void asker_view_open(lua_State *L) {
    static const luaL_Reg request[] = {
        {"__index", request_index}, {"__newindex", request_newindex}, {NULL, NULL}};
    static const luaL_Reg response[] = {
        {"__index", response_index}, {"__newindex", response_newindex}, {NULL, NULL}};
    static const luaL_Reg headers[] = {{"__index", headers_index},
                                       {"__newindex", headers_newindex},
                                       {"__pairs", headers_pairs},
                                       {NULL, NULL}};
    lib_class(L, REQUEST, NULL, request);
    lib_class(L, RESPONSE, NULL, response);
    lib_class(L, HEADERS, NULL, headers);
}
