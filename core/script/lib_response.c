/*
 * lib_response: the answer as a handler makes it: whole (answer, json) or in pieces (write, with
 * back-pressure). Field names and values are checked here, so that no script can split a response.
 * Used by lua/service.lua and web handlers.
 */
#include "core/base/mem.h"
#include "core/http/proxy.h"
#include "core/script/json.h"
#include "core/script/lib.h"
#include "core/script/outbox.h"
#include "core/script/serve.h"

#define MAX_PARTS 16 /* strings of one write */

/* ---- status and fields ---- */

static int l_status(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_RESPONSE);
    lua_Integer status = luaL_checkinteger(L, 2);
    luaL_argcheck(L, status >= 200 && status <= 599, 2, "a status is 200 to 599");
    if (s->x->begun) return luaL_error(L, "the response has begun: its status is sent");
    s->status = (int)status;
    lua_settop(L, 1);
    return 1;
}

/* One more field. Most answers have one or two: room is made as they come. */
static void add_field(lua_State *L, struct serving *s, struct field f) {
    if (s->n_fields == SERVE_FIELDS) luaL_error(L, "more than %d headers", SERVE_FIELDS);
    if (s->n_fields == s->room) {
        int room = s->room ? 2 * s->room : 4;
        struct field *moved = arena_alloc(&s->x->arena, (size_t)room * sizeof *moved);
        if (!moved) vm_throw_memory(L);
        if (s->n_fields) memcpy(moved, s->fields, (size_t)s->n_fields * sizeof *moved);
        s->fields = moved;
        s->room = room;
    }
    s->fields[s->n_fields++] = f;
}

static bool replaces(const struct field *f, struct str name) {
    return str_ieq(f->name, name) && f->id != H1_SET_COOKIE;
}

/* res:header(name, value): replaces a field of that name, but for Set-Cookie, which is added. nil
 * takes it away. */
static int l_header(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_RESPONSE);
    struct str name = lib_str(L, 2);
    luaL_argcheck(L, h1_valid_name(name), 2, "not a header name");
    struct str value = lua_isnoneornil(L, 3) ? STR_NONE : lib_str(L, 3);
    luaL_argcheck(L, h1_valid_value(value), 3, "a header value has no control characters");
    if (s->x->begun) return luaL_error(L, "the response has begun: its headers are sent");
    int at = 0;
    while (at < s->n_fields && !replaces(&s->fields[at], name))
        at++;
    if (!value.p) {
        if (at < s->n_fields) s->fields[at] = s->fields[--s->n_fields];
    } else {
        s->field_bytes += name.n + value.n; /* until the request is over */
        if (s->field_bytes > SERVE_FIELD_BYTES)
            return luaL_error(L,
                              "the headers of an answer have at most %d KB, those that were "
                              "replaced included",
                              SERVE_FIELD_BYTES / 1024);
        struct field f = {arena_str(&s->x->arena, name), arena_str(&s->x->arena, value),
                          h1_field_id(name)};
        if (!f.name.p || (value.n && !f.value.p)) return luaL_error(L, "not enough memory");
        if (at < s->n_fields)
            s->fields[at] = f;
        else
            add_field(L, s, f);
    }
    lua_settop(L, 1);
    return 1;
}

/* res:has(name): whether that header was set. */
static int l_has(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_RESPONSE);
    struct str name = lib_str(L, 2);
    bool found = false;
    for (int i = 0; i < s->n_fields && !found; i++)
        found = str_ieq(s->fields[i].name, name);
    lua_pushboolean(L, found);
    return 1;
}

bool response_has(const struct serving *s, uint8_t id) {
    for (int i = 0; i < s->n_fields; i++)
        if (s->fields[i].id == id) return true;
    return false;
}

void response_set(lua_State *L, struct serving *s, struct field f) {
    int n = 0;
    for (int i = 0; i < s->n_fields; i++)
        if (!str_ieq(s->fields[i].name, f.name)) s->fields[n++] = s->fields[i];
    s->n_fields = n;
    add_field(L, s, f);
}

static void default_type(lua_State *L, struct serving *s, struct str type) {
    if (type.n == 0 || response_has(s, H1_CONTENT_TYPE) || s->n_fields == SERVE_FIELDS) return;
    add_field(L, s, (struct field){STR("Content-Type"), type, H1_CONTENT_TYPE});
}

/* ---- in one piece ---- */

static void give(lua_State *L, struct serving *s, int status, struct str body, struct str type) {
    if (!exchange_has_room(s->x, body.n)) serve_raise(L, 503, STR(OUTBOX_FULL));
    default_type(L, s, type);
    exchange_answer_fields(serve_part(s), status, s->fields, s->n_fields, body);
}

static struct str type_of(struct str body) {
    return body.n ? STR("text/plain; charset=utf-8") : STR("");
}

/* status, body and type from stack index `at` on */
static int answer(lua_State *L, struct serving *s, int at) {
    lua_Integer status = luaL_optinteger(L, at, s->status ? s->status : 200);
    luaL_argcheck(L, status >= 200 && status <= 599, at, "a status is 200 to 599");
    struct str body = lib_opt_str(L, at + 1, STR(""));
    struct str type = lib_opt_str(L, at + 2, type_of(body));
    if (s->x->begun) return luaL_error(L, "the response has begun");
    give(L, s, (int)status, body, type);
    return 0;
}

/* The running task's own request: what the runtime answers without making an object. NULL when it
 * is over. */
static struct serving *find_running(lua_State *L) {
    struct task *t = task_running(L);
    struct serving *s = t && t->exchange ? t->data : NULL;
    return s && s->x ? s : NULL;
}

static struct serving *running(lua_State *L) {
    struct serving *s = find_running(L);
    if (!s) luaL_error(L, "this request is over");
    return s;
}

int response_direct_answer(lua_State *L) {
    return answer(L, running(L), 1);
}

/* The usual cases of lua/service/answer.lua; what it says of values counts for these, too. */
int response_direct_settle(lua_State *L) {
    struct serving *s = find_running(L);
    bool mine = lua_isnoneornil(L, 1) || lua_type(L, 1) == LUA_TSTRING;
    if (mine && s && !s->x->begun) {
        struct str body = lib_opt_str(L, 1, STR(""));
        give(L, s, s->status ? s->status : 200, body, type_of(body));
    }
    lua_pushboolean(L, mine);
    return 1;
}

/* res:answer([status [, body [, type]]]): the whole answer. The task may go on, the request is
 * over. */
static int l_answer(lua_State *L) {
    return answer(L, serve_check(L, SERVE_RESPONSE), 2);
}

/* Encodes once more, to say which part of the value has no JSON form. */
static int say_where(lua_State *L, int at) {
    static _Thread_local struct buf encoded;
    char where[128];
    struct buf path;
    const char *why = "it has no JSON form";
    buf_init(&path);
    json_encode(L, at, lib_buf(&encoded), &json_default, &path, &why);
    snprintf(where, sizeof where, "%.*s", STR_FMT(buf_view(&path)));
    buf_free(&path);
    return luaL_error(L, "the answer cannot be JSON: %s%s%s", where, *where ? ": " : "", why);
}

/* value and status from stack index `at` on */
static int answer_json(lua_State *L, struct serving *s, int at) {
    lua_Integer status = luaL_optinteger(L, at + 1, s->status ? s->status : 200);
    luaL_argcheck(L, status >= 200 && status <= 599, at + 1, "a status is 200 to 599");
    luaL_checkany(L, at);
    if (s->x->begun) return luaL_error(L, "the response has begun");
    static _Thread_local struct buf encoded;
    struct buf *out = lib_buf(&encoded);
    const char *why = NULL;
    if (json_encode(L, at, out, &json_default, NULL, &why) < 0) return say_where(L, at);
    give(L, s, (int)status, buf_view(out), STR("application/json"));
    return 0;
}

int response_direct_json(lua_State *L) {
    return answer_json(L, running(L), 1);
}

/* res:json(value [, status]): the whole answer as JSON. */
static int l_json(lua_State *L) {
    return answer_json(L, serve_check(L, SERVE_RESPONSE), 2);
}

/* res:nowhere(): nothing answers here, as for a path that no service has. */
static int l_nowhere(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_RESPONSE);
    if (s->x->begun) return luaL_error(L, "the response has begun");
    struct exchange *x = serve_part(s);
    x->cors = false;
    exchange_nowhere(x);
    return 0;
}

/* ---- in pieces ---- */

bool drain_cancel(struct op *op) {
    list_unlink(&((struct drain *)op)->link);
    return true;
}

static int drain_done(lua_State *L, struct op *op) {
    lua_pushboolean(L, !((struct drain *)op)->gone);
    return 1;
}

static const struct op_kind drain_kind = {
    .name = "res:write",
    .size = sizeof(struct drain),
    .done = drain_done,
    .cancel = drain_cancel,
};

static bool is_event_stream(const struct serving *s) {
    for (int i = 0; i < s->n_fields; i++)
        if (s->fields[i].id == H1_CONTENT_TYPE)
            return str_starts(s->fields[i].value, STR("text/event-stream"));
    return false;
}

/* A stream is exempt from the deadline of its handler: it lives as long as the client takes what is
 * written. */
static void begin(struct serving *s) {
    if (s->x->begun) return;
    if (is_event_stream(s)) s->x->streaming = true;
    task_deadline(s->task, 0);
    exchange_begin(s->x, s->status ? s->status : 200, s->fields, s->n_fields, -1);
}

/* A large piece of which something would have to wait, and there is no room: 503, which ends the
 * answer unless the script catches it. */
void response_check_room(lua_State *L, const struct serving *s, const struct str *parts, int n) {
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += parts[i].n;
    if (!exchange_has_room(s->x, bytes)) serve_raise(L, 503, STR(OUTBOX_FULL));
}

int response_send(lua_State *L, struct serving *s, const struct op_kind *kind,
                  const struct str *parts, int n) {
    struct drain *d = op_new(L, kind);
    list_init(&d->link);
    begin(s);
    s->said = s->resident->worker->now_ms;
    int rc = exchange_write2(s->x, parts, n);
    if (rc == 1) {
        list_push(&s->drains, &d->link);
        return op_await(L, &d->op);
    }
    d->gone = rc < 0;
    int results = kind->done(L, &d->op);
    op_discard(&d->op);
    return results;
}

/* The response, unless it is somebody else's to write to: of events, or of a WebSocket. */
static struct serving *check_plain(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_RESPONSE);
    if (!list_empty(&s->link)) luaL_error(L, "the response has become a stream: write to that");
    return s;
}

/* res:write(...): strings and numbers, in order. Returns when the client has room. */
static int l_write(lua_State *L) {
    struct serving *s = check_plain(L);
    int n = lua_gettop(L) - 1;
    luaL_argcheck(L, n <= MAX_PARTS, n + 1, "too many strings in one write");
    struct str parts[MAX_PARTS];
    for (int i = 0; i < n; i++)
        parts[i] = lib_str(L, i + 2);
    response_check_room(L, s, parts, n);
    return response_send(L, s, &drain_kind, parts, n);
}

/* res:finish(): the answer in pieces is complete. It also ends when the handler returns. */
static int l_finish(lua_State *L) {
    struct serving *s = check_plain(L);
    begin(s);
    exchange_end(serve_part(s));
    return 0;
}

static int l_begun(lua_State *L) {
    struct serving *s = serve_find(L, SERVE_RESPONSE);
    lua_pushboolean(L, !s || s->x->begun);
    return 1;
}

static int to_string(lua_State *L) {
    lua_pushliteral(L, "response");
    return 1;
}

const struct lib_doc lib_response_docs[] = {
    {"Response", NULL, "class", "The answer that a web handler is to give."},
    {"Response:status", l_status, "fun(self: Response, status: integer): Response",
     "Sets the status of the answer."},
    {"Response:header", l_header, "fun(self: Response, name: string, value: string?): Response",
     "Sets a header of the answer; Set-Cookie is added, others are replaced; nil takes it away."},
    {"Response:has", l_has, "fun(self: Response, name: string): boolean",
     "Whether that header of the answer was set."},
    {"Response:answer", l_answer,
     "fun(self: Response, status?: integer, body?: string, type?: string)",
     "Sends the whole answer."},
    {"Response:json", l_json, "fun(self: Response, value: any, status?: integer)",
     "Sends the value as JSON, as the whole answer."},
    {"Response:nowhere", l_nowhere, "fun(self: Response)",
     "Answers as if no service had this path."},
    {"Response:write", l_write, "fun(self: Response, ...: string|number): boolean",
     "Sends a piece of the body; returns when the client has room."},
    {"Response:finish", l_finish, "fun(self: Response)",
     "Completes an answer that was sent in pieces."},
    {"Response:events", response_events,
     "fun(self: Response, options?: { keep_alive?: number }): Events",
     "Begins a stream of server-sent events. `keep_alive`: seconds of silence after which a "
     "comment "
     "is sent, 15 unless said, 0 = never."},
    {"Response:begun", l_begun, "fun(self: Response): boolean",
     "Whether any of the answer was sent, or can be sent no more."},
    /* Written in Lua: lua/service/endpoint.lua */
    {"Response:file", NULL, "fun(self: Response, name: string)",
     "Answers with a file of resources/: its type, an Etag, 304 for who has it already, one range "
     "of "
     "it; raises 404 when there is none."},
    {NULL, NULL, NULL, NULL},
};

void response_open(lua_State *L) {
    if (luaL_newmetatable(L, SERVE_RESPONSE)) {
        lib_methods(L, lib_response_docs);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, to_string);
        lua_setfield(L, -2, "__tostring");
        lua_pushliteral(L, "locked");
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    events_open(L);
}
