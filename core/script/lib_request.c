/*
 * lib_request: the request as a handler sees it. Nothing is built that the script does not touch:
 * fields come straight from the parsed head, tables are made on demand. Used by lua/service.lua,
 * which hands the object to web handlers. Body bytes arrive in request_bytes (server callback, no
 * Lua) and meet the task in an op.
 */
#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/http/coding.h"
#include "core/http/trust.h"
#include "core/script/fields.h"
#include "core/script/lib.h"
#include "core/script/lib_url.h"
#include "core/script/measure.h"
#include "core/script/serve.h"
#include "core/secure/token.h"

/* Waiting for body bytes. */
struct body_read {
    struct op op;
    struct task_id id; /* of the task that serves the request: a detached one may outlive it */
};

static struct serving *serving_of(struct op *op) {
    struct task *t = task_find(op->vm->worker, ((struct body_read *)op)->id);
    return t ? t->data : NULL;
}

static void push_str(lua_State *L, struct str s) {
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushnil(L);
}

/* ---- body ---- */

static bool read_cancel(struct op *op) {
    struct serving *s = serving_of(op);
    if (!s) return true;
    s->waiting = NULL;
    if (s->x) exchange_pause(s->x);
    return true;
}

void request_wake(struct serving *s) {
    struct op *op = s->waiting;
    s->waiting = NULL;
    if (op) op_finish(op);
}

/* What came and was not taken counts as memory of the service, all its requests together. */
static bool hold(struct serving *s, size_t n) {
    if (!vm_hold(s->resident->vm, n)) return false;
    s->held += n;
    return true;
}

static void release(struct serving *s) {
    vm_release(s->resident->vm, s->held);
    s->held = 0;
}

void request_free(struct serving *s) {
    release(s);
    buf_free(&s->body);
}

void request_bytes(struct serving *s, const char *p, size_t n, bool last) {
    if (s->whole && s->body.n + n > conf.max_body)
        s->too_large = true;
    else if (!hold(s, n))
        s->no_room = true;
    else
        buf_add(&s->body, p, n);
    s->body_done = last;
    bool ready = last || s->too_large || s->no_room || !buf_ok(&s->body) || (!s->whole && n > 0);
    if (!ready) return;
    if (!last) exchange_pause(s->x);
    request_wake(s);
}

static void check_body(lua_State *L, struct serving *s) {
    if (!s) luaL_error(L, "this request is over");
    if (s->too_large) serve_raise(L, 413, STR("the request body is too large"));
    if (s->no_room)
        serve_raise(L, 503,
                    STR("the service has too many request bodies under way; try again "
                        "later"));
    if (!buf_ok(&s->body)) serve_raise(L, 503, STR("out of memory for the request body"));
}

/* What was sent takes the place of how it was sent. */
static void undo_coding(lua_State *L, struct serving *s) {
    struct buf plain;
    buf_init(&plain);
    int rc = coding_gunzip(buf_view(&s->body), conf.max_body, &plain);
    buf_free(&s->body);
    if (rc == 0) {
        s->body = plain;
        return;
    }
    buf_free(&plain);
    if (rc == -EINVAL) serve_raise(L, 400, STR("the request body is not what gzip makes"));
    s->too_large = rc == ERR_LIMIT;
    if (!s->too_large) vm_throw_memory(L);
    check_body(L, s);
}

static int whole_done(lua_State *L, struct op *op) {
    struct serving *s = serving_of(op);
    check_body(L, s);
    if (s->gzip) undo_coding(L, s);
    lua_pushlstring(L, s->body.p ? s->body.p : "", s->body.n);
    request_free(s);
    return 1;
}

static const struct op_kind whole_kind = {
    .name = "req:body",
    .size = sizeof(struct body_read),
    .done = whole_done,
    .cancel = read_cancel,
};

static int wait_body(lua_State *L, struct serving *s, const struct op_kind *kind) {
    struct body_read *r = op_new(L, kind);
    r->id = s->task->id;
    s->waiting = &r->op;
    if (s->body_done)
        request_wake(s);
    else
        exchange_read(s->x);
    return op_await(L, &r->op);
}

/* req:body() -> string: all of it, read once, content coding undone. Raises 413 above max_body, 415
 * for a coding that is not known. */
static int l_body(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_REQUEST);
    if (s->body_taken) return luaL_error(L, "the request body was read already");
    int64_t length = s->x->h1.head.length;
    if (length > 0 && (uint64_t)length > conf.max_body)
        return serve_raise(L, 413, STR("the request body is too large"));
    enum coding coding = coding_of(head_get(&s->x->h1.head, H1_CONTENT_ENCODING));
    if (coding == CODING_UNKNOWN)
        return serve_raise(L, 415, STR("the request body may have no Content-Encoding but gzip"));
    s->gzip = coding == CODING_GZIP;
    s->body_taken = true;
    s->whole = true;
    if (length == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    return wait_body(L, s, &whole_kind);
}

static int chunk_done(lua_State *L, struct op *op) {
    struct serving *s = serving_of(op);
    check_body(L, s);
    if (s->body.n == 0) return 0;
    lua_pushlstring(L, s->body.p, s->body.n);
    buf_clear(&s->body);
    release(s);
    return 1;
}

static const struct op_kind chunk_kind = {
    .name = "req:chunks",
    .size = sizeof(struct body_read),
    .done = chunk_done,
    .cancel = read_cancel,
};

static int next_chunk(lua_State *L) {
    lib_iterated(L);
    struct serving *s = serve_check(L, SERVE_REQUEST);
    if (s->body_done && s->body.n == 0) return 0;
    return wait_body(L, s, &chunk_kind);
}

/* for chunk in req:chunks() do: strings as they come, with back-pressure. */
static int l_chunks(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_REQUEST);
    if (s->body_taken) return luaL_error(L, "the request body was read already");
    s->body_taken = true;
    if (s->x->h1.head.length == 0) s->body_done = true;
    return lib_iterator(L, next_chunk);
}

/* ---- fields ---- */

static int l_header(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_REQUEST);
    push_str(L, head_find(&s->x->h1.head, lib_str(L, 2)));
    return 1;
}

/* The verified caller, or nil. */
static void push_account(lua_State *L, const struct exchange *x) {
    if (x->auth)
        lib_push_claims(L, x->auth);
    else
        lua_pushnil(L);
}

static bool is(struct str key, const char *name) {
    return str_eq(key, str_of(name));
}

static int index_request(lua_State *L) {
    struct str key = lib_str(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1; /* a method */
    struct serving *s = serve_check(L, SERVE_REQUEST);
    struct exchange *x = s->x;
    const struct head *h = &x->h1.head;
    if (is(key, "method"))
        push_str(L, h->method);
    else if (is(key, "path"))
        push_str(L, h->path);
    else if (is(key, "query_string"))
        push_str(L, h->query);
    else if (is(key, "target"))
        push_str(L, h->target);
    else if (is(key, "headers"))
        fields_push(L, h);
    else if (is(key, "host"))
        push_str(L, h->host);
    else if (is(key, "id"))
        push_str(L, x->id);
    else if (is(key, "peer"))
        push_str(L, exchange_peer(x));
    else if (is(key, "client"))
        push_str(L, trust_client(exchange_peer(x), h));
    else if (is(key, "account"))
        push_account(L, x);
    else if (is(key, "token"))
        push_str(L, x->token.n ? x->token : STR_NONE);
    else if (is(key, "query"))
        url_push_query(L, h->query);
    else if (is(key, "args"))
        lua_getiuservalue(L, 1, 1);
    else if (is(key, "length"))
        lua_pushinteger(L, h->length);
    else
        lua_pushnil(L);
    return 1;
}

static int to_string(lua_State *L) {
    lua_pushliteral(L, "request");
    return 1;
}

/* request.current() -> request, response of the running task. */
static int l_current(lua_State *L) {
    struct task *t = task_running(L);
    struct serving *s = t && t->exchange ? t->data : NULL;
    if (!s) return luaL_error(L, "this task serves no request");
    serve_push(L, s, SERVE_REQUEST);
    serve_push(L, s, SERVE_RESPONSE);
    return 2;
}

/* The fields that do not know a request: [platform runtime] the caller as a table without making a
 * request object, over calls between services, too. */
static int l_account(lua_State *L) {
    const struct exchange *x = serve_origin(task_running(L));
    if (!x) return 0;
    push_account(L, x);
    return 1;
}

/* The client's address, over calls between services, too. */
static int l_client(lua_State *L) {
    const struct exchange *x = serve_origin(task_running(L));
    if (!x) return 0;
    push_str(L, trust_client(exchange_peer(x), &x->h1.head));
    return 1;
}

/* request.query() -> table of names and values, nil without a query; request.has_body() */
static int l_query(lua_State *L) {
    struct task *t = task_running(L);
    if (!t || !t->exchange || !t->exchange->h1.head.query.n) return 0;
    url_push_query(L, t->exchange->h1.head.query);
    return 1;
}

static int l_has_body(lua_State *L) {
    struct task *t = task_running(L);
    lua_pushboolean(L, t && t->exchange && t->exchange->h1.head.length != 0);
    return 1;
}

static int l_token(lua_State *L) {
    const struct exchange *x = serve_origin(task_running(L));
    if (!x || !x->token.n) return 0;
    push_str(L, x->token);
    return 1;
}

/* request.id() -> of the request that the running task works for, or the task's own. */
static int l_id(lua_State *L) {
    struct task *t = task_running(L);
    if (!t || !t->request_id.n) return 0;
    push_str(L, t->request_id);
    return 1;
}

/* request.left() -> seconds that the running task has left, or nil */
static int l_left(lua_State *L) {
    uint64_t left = task_left(task_running(L));
    if (left == UINT64_MAX) return 0;
    lua_pushnumber(L, (lua_Number)left / 1000);
    return 1;
}

/* request.field(name) -> the first header field of the request that the running task works for */
static int l_field(lua_State *L) {
    struct str name = lib_str(L, 1);
    const struct exchange *x = serve_origin(task_running(L));
    if (!x) return 0;
    push_str(L, head_find(&x->h1.head, name));
    return 1;
}

/* request.query_string() -> of the running task's request, as it came, or nil */
static int l_query_string(lua_State *L) {
    struct task *t = task_running(L);
    if (!t || !t->exchange || !t->exchange->h1.head.query.n) return 0;
    push_str(L, t->exchange->h1.head.query);
    return 1;
}

/* request.set_args(request, table): [platform runtime] path arguments. */
static int l_set_args(lua_State *L) {
    serve_check(L, SERVE_REQUEST);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, 1);
    return 0;
}

/* Copies the functions of the table at `from` to the one on top. */
static void copy_methods(lua_State *L, int from) {
    lua_pushnil(L);
    while (lua_next(L, from)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

/* request.extend(for requests, for responses): [platform runtime] methods in Lua for the classes of
 * this state. */
static int l_extend(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_getmetatable(L, SERVE_REQUEST);
    lua_getfield(L, -1, "__index");
    lua_getupvalue(L, -1, 1);
    copy_methods(L, 1);
    luaL_getmetatable(L, SERVE_RESPONSE);
    lua_getfield(L, -1, "__index");
    copy_methods(L, 2);
    return 0;
}

/* request.of(response) -> the request that it answers */
static int l_of(lua_State *L) {
    serve_push(L, serve_check(L, SERVE_RESPONSE), SERVE_REQUEST);
    return 1;
}

static void open_class(lua_State *L) {
    if (luaL_newmetatable(L, SERVE_REQUEST)) {
        lib_methods(L, lib_request_docs);
        lua_pushcclosure(L, index_request, 1);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, to_string);
        lua_setfield(L, -2, "__tostring");
        lua_pushliteral(L, "locked");
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}

const struct lib_doc lib_request_docs[] = {
    {"current", l_current, "fun(): Request, Response",
     "The request of the running task and its response."},
    {"account", l_account, "fun(): table?",
     "The verified caller of the running task: id, app, slug, device, organization, roles, "
     "expires; nil when anonymous."},
    {"client", l_client, "fun(): string?",
     "The address of the client behind the running task's request, as trusted proxies say; nil "
     "when there is none."},
    {"token", l_token, "fun(): string?",
     "The bearer token of the running task's request, after a refresh the new one."},
    {"id", l_id, "fun(): string?", "The id of the request that the running task works for."},
    {"field", l_field, "fun(name: string): string?",
     "The first header field of that name, of the request that the running task works for."},
    {"query_string", l_query_string, "fun(): string?",
     "The query of the running task's request, as it came."},
    {"handling", bus_handling, "fun(handler: string, port: integer, method: string)",
     "For the runtime: what the endpoint that answers is called in metrics."},
    {"callback", measure_callback, "fun(name: string, seconds: number, failed: boolean)",
     "For the runtime: a callback has run: startup, shutdown or a ticker."},
    {"policy_failed", measure_policy, "fun(policy: string, code: string)",
     "For the runtime: a policy did not answer: error, overrun, timeout, memory, canceled, "
     "answer."},
    {"left", l_left, "fun(): number?",
     "Seconds until the running task's deadline; nil when it has none."},
    {"query", l_query, "fun(): table<string, string>?",
     "The names and values of the running task's query."},
    {"has_body", l_has_body, "fun(): boolean",
     "Whether the running task's request has, or may have, a body."},
    {"json", response_direct_json, "fun(value: any, status?: integer)",
     "Answers the running task's request with a value as JSON."},
    {"answer", response_direct_answer, "fun(status?: integer, body?: string, type?: string)",
     "Answers the running task's request."},
    {"settle", response_direct_settle, "fun(value?: any): boolean",
     "For the runtime: answers the running task's request with what its handler returned, unless "
     "it has answered by itself; false when that is neither a text nor nothing."},
    {"set_args", l_set_args, "fun(request: Request, args: table)",
     "For the runtime: the path arguments."},
    {"extend", l_extend, "fun(requests: table, responses: table)",
     "For the runtime: methods of requests and responses that are written in Lua."},
    {"of", l_of, "fun(response: Response): Request",
     "For the runtime: the request that it answers."},
    {"Request", NULL, "class", "A request, as a web handler gets it."},
    {"Request.method", NULL, "string", "In upper case."},
    {"Request.path", NULL, "string", "Of the URL, as it came."},
    {"Request.target", NULL, "string", "Path and query, as they came."},
    {"Request.query", NULL, "table<string, string>", "Of a repeated name the last value."},
    {"Request.query_string", NULL, "string?", "The query as it came."},
    {"Request.args", NULL, "table<string, string>", "The arguments of the path."},
    {"Request.headers", NULL, "table<string, string>",
     "By lower-case name; several of one name are joined with \", \"."},
    {"Request.host", NULL, "string?", "What the client calls the host."},
    {"Request.peer", NULL, "string?", "The address of the client."},
    {"Request.id", NULL, "string?", "The id of the request."},
    {"Request.length", NULL, "integer", "Of the body in bytes; -1 when it comes in chunks."},
    {"Request.account", NULL, "table?", "The verified caller; nil when anonymous."},
    {"Request.token", NULL, "string?", "The bearer token, after a refresh the new one."},
    {"Request:body", l_body, "fun(self: Request): string",
     "The whole request body, once. Raises 413 above the setting max_body."},
    {"Request:chunks", l_chunks, "fun(self: Request): fun(): string?",
     "Iterates over the request body as it arrives."},
    {"Request:upgrade", websocket_upgrade,
     "fun(self: Request, options?: { protocols?: string[], max_message?: integer, ping?: number "
     "}): "
     "WebSocket",
     "Answers a WebSocket handshake. `max_message`: bytes, 1 MiB unless said. `ping`: seconds of "
     "silence after which the client is asked whether it is there, 30 unless said, 0 = never. "
     "Raises 400 or 426 for a request that asks for no WebSocket."},
    {"Request:header", l_header, "fun(self: Request, name: string): string?",
     "The first field of that name, in any case."},
    /* Written in Lua: lua/service/body.lua */
    {"Request:json", NULL, "fun(self: Request): any",
     "Decodes the whole body as JSON; raises 400 when it is none."},
    {"Request:form", NULL, "fun(self: Request): table<string, string>",
     "The fields of a form body; of a repeated name the last one."},
    {NULL, NULL, NULL, NULL},
};

int lib_request(lua_State *L) {
    open_class(L);
    response_open(L);
    websocket_open(L);
    lib_functions(L, lib_request_docs);
    return 1;
}
