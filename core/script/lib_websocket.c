/*
 * lib_websocket: WebSockets of handlers: `req:upgrade()` answers the handshake, the object receives
 * and sends messages. Pings are answered here, a client that is silent is asked whether it is still
 * there, and one that breaks the protocol is told so; scripts see messages only.
 *
 * Messages wait in the inbox until the script receives them. What a client sends meanwhile is read
 * up to a limit; then TCP holds the client back. Bytes come in socket_bytes (server callback, no
 * Lua) and meet the task in an op.
 */
#include <math.h>

#include "core/base/mem.h"
#include "core/http/ws.h"
#include "core/script/lib.h"
#include "core/script/outbox.h"
#include "core/script/serve.h"

#define PING         30.0    /* seconds of silence */
#define MESSAGE      1048576 /* bytes of a message, unless the handler says otherwise */
#define MESSAGE_MAX  (64 << 20)
#define INBOX        65536 /* bytes of messages that nobody received: more of them are not read */
#define PROTOCOLS    32    /* that a handler may speak */
#define PROTOCOL_MAX 256   /* bytes of the name of one */

/* What waits in the inbox: `bytes` has complete messages one behind the other, then what has come
 * of the next one; `marks` has a uint32_t for each complete one: its length * 2, + 1 for text. */
struct inbox {
    struct buf bytes, marks;
    size_t bytes_at, marks_at; /* so much of them was received */
    size_t held;               /* bytes that the vm counts */
};

struct receive {
    struct op op;
    struct timer timer;
    struct task_id id; /* of the task whose socket it is: a detached one may outlive it */
    bool late;
};

struct socket {
    struct ws ws;
    struct inbox in;
    struct receive *receiving; /* a task that waits for a message */
    bool choked; /* the client does not take our answers to its pings: it is not read */
    bool asked;  /* a ping is out and nothing came since */
    int code;    /* of the close, from either side; 0 = none yet */
    size_t reason_n;
    char reason[WS_REASON];
};

static struct serving *serving_at(struct worker *w, struct task_id id) {
    struct task *t = task_find(w, id);
    struct serving *s = t ? t->data : NULL;
    return s && s->socket ? s : NULL;
}

/* ---- the inbox ------------------------------------------------------------------------------- */

static bool has_message(const struct inbox *in) {
    return in->marks_at < in->marks.n;
}

static bool is_full(const struct inbox *in) {
    return has_message(in) && in->bytes.n + in->marks.n - in->bytes_at - in->marks_at > INBOX;
}

static void add_mark(struct inbox *in, uint64_t size, bool text) {
    uint32_t mark = (uint32_t)size << 1 | text;
    buf_add(&in->marks, (const char *)&mark, sizeof mark);
}

/* Room of what was received is used again once that is most of it. */
static void compact(struct buf *b, size_t *at) {
    if (*at < b->n && *at < b->n / 2 + 4096) return;
    buf_consume(b, *at);
    if (b->n == 0 && b->cap > INBOX) buf_free(b);
    *at = 0;
}

/* The vm knows what the inbox holds. False = it may not hold that much. */
static bool account(struct vm *vm, struct inbox *in) {
    size_t now = in->bytes.n + in->marks.n;
    bool allowed = now <= in->held || vm_hold(vm, now - in->held);
    if (now < in->held) vm_release(vm, in->held - now);
    if (allowed) in->held = now;
    return allowed;
}

/* Pushes the first message and its kind, then takes it out. */
static int push_message(lua_State *L, struct inbox *in) {
    uint32_t mark;
    memcpy(&mark, in->marks.p + in->marks_at, sizeof mark);
    size_t n = mark >> 1;
    lua_pushlstring(L, n ? in->bytes.p + in->bytes_at : "", n);
    lua_pushstring(L, mark & 1 ? "text" : "binary");
    in->marks_at += sizeof mark;
    in->bytes_at += n;
    compact(&in->bytes, &in->bytes_at);
    compact(&in->marks, &in->marks_at);
    account(vm_of(L), in);
    return 2;
}

/* ---- the connection -------------------------------------------------------------------------- */

void socket_wake(struct serving *s) {
    struct receive *r = s->socket->receiving;
    s->socket->receiving = NULL;
    if (!r) return;
    timer_disarm(r->op.vm->worker, &r->timer);
    op_finish(&r->op);
}

/* A frame of ours that no task sends. */
static void say(struct serving *s, enum ws_opcode opcode, struct str data) {
    char head[10];
    struct str parts[] = {ws_head(head, opcode, data.n), data};
    s->said = s->resident->worker->now_ms;
    if (exchange_write2(s->x, parts, 2) != 1 || opcode == WS_OP_CLOSE) return;
    s->socket->choked = true;
    exchange_pause(s->x);
}

static void go_on(struct serving *s) {
    struct socket *k = s->socket;
    if (s->x && !s->x->reading && !k->choked && !is_full(&k->in)) exchange_read(s->x);
}

/* The first one to close says why. */
static void remember(struct socket *k, int code, struct str reason) {
    if (k->code) return;
    k->code = code;
    k->reason_n = reason.n < sizeof k->reason ? reason.n : sizeof k->reason;
    if (k->reason_n) memcpy(k->reason, reason.p, k->reason_n);
}

void socket_close(struct serving *s, int code, struct str reason) {
    char data[WS_CONTROL];
    struct str payload = ws_close_data(data, code, reason);
    remember(s->socket, code, str_from(payload, 2));
    say(s, WS_OP_CLOSE, payload);
    exchange_end(serve_part(s)); /* and what comes now is read and thrown away for a while */
}

void socket_drained(struct serving *s) {
    s->socket->choked = false;
    go_on(s);
}

/* The client is gone and did not say so. May free `s`. */
static void vanished(struct serving *s) {
    remember(s->socket, WS_VANISHED, STR(""));
    exchange_abort(serve_part(s));
    task_cancel(s->task);
}

static void on_event(struct serving *s, const struct ws_step *step) {
    struct socket *k = s->socket;
    switch (step->event) {
    case WS_TEXT:
    case WS_BINARY:
        add_mark(&k->in, k->ws.size, step->event == WS_TEXT);
        break;
    case WS_PING:
        say(s, WS_OP_PONG, step->data);
        break;
    case WS_CLOSE:
        socket_close(s, k->ws.code, step->data);
        break;
    case WS_BAD:
        socket_close(s, k->ws.code, str_of(k->ws.error));
        break;
    case WS_PONG:
    case WS_MORE:
        break;
    }
}

void socket_bytes(struct serving *s, const char *p, size_t n, bool last) {
    struct socket *k = s->socket;
    struct str in = {p, n};
    struct ws_step step;
    s->heard = s->resident->worker->now_ms;
    k->asked = false;
    if (last) {
        vanished(s);
        return;
    }
    do {
        step = ws_next(&k->ws, in, &k->in.bytes);
        in = str_from(in, step.taken);
        on_event(s, &step);
    } while (s->x && step.event != WS_MORE);
    bool room = account(s->resident->vm, &k->in) && buf_ok(&k->in.marks);
    if (s->x && !room) socket_close(s, WS_TRY_LATER, STR("the service has no room for it"));
    if (s->x && is_full(&k->in)) exchange_pause(s->x);
    if (has_message(&k->in)) socket_wake(s);
}

/* A client that says nothing is asked; one that does not answer is gone. One that is not read has
 * no way to answer. */
static void beat(struct timer *t) {
    struct serving *s = LIST_ENTRY(t, struct serving, beat);
    struct socket *k = s->socket;
    struct worker *w = s->resident->worker;
    uint64_t due = s->heard + s->beat_ms;
    if (w->now_ms >= due && s->x->reading) {
        if (k->asked) {
            vanished(s);
            return;
        }
        say(s, WS_OP_PING, STR(""));
        k->asked = true;
    }
    uint64_t next = w->now_ms < due ? due - w->now_ms : s->beat_ms;
    if (timer_arm(w, t, next) < 0) log_error("out of memory");
}

void socket_free(struct serving *s) {
    struct socket *k = s->socket;
    s->socket = NULL;
    vm_release(s->resident->vm, k->in.held);
    buf_free(&k->in.bytes);
    buf_free(&k->in.marks);
    mem_free(k);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static int fail_closed(lua_State *L, const struct socket *k) {
    char text[64 + WS_REASON];
    snprintf(text, sizeof text, "the WebSocket is closed: %d%s%.*s", k ? k->code : WS_VANISHED,
             k && k->reason_n ? " " : "", k ? (int)k->reason_n : 0, k ? k->reason : "");
    return op_fail(L, ERR_CLOSED, text);
}

static int receive_done(lua_State *L, struct op *op) {
    struct receive *r = (struct receive *)op;
    struct serving *s = serving_at(op->vm->worker, r->id);
    if (!s) return fail_closed(L, NULL);
    if (has_message(&s->socket->in)) {
        push_message(L, &s->socket->in);
        go_on(s);
        return 2;
    }
    if (r->late) return op_fail(L, ERR_TIMEOUT, "no message came in time");
    return fail_closed(L, s->socket);
}

static bool receive_cancel(struct op *op) {
    struct serving *s = serving_at(op->vm->worker, ((struct receive *)op)->id);
    if (s && s->socket->receiving == (struct receive *)op) s->socket->receiving = NULL;
    return true;
}

static void receive_drop(struct op *op) {
    timer_remove(op->vm->worker, &((struct receive *)op)->timer);
}

static void receive_late(struct timer *t) {
    struct receive *r = LIST_ENTRY(t, struct receive, timer);
    r->late = true;
    receive_cancel(&r->op);
    op_finish(&r->op);
}

static const struct op_kind receive_kind = {
    .name = "ws:receive",
    .size = sizeof(struct receive),
    .done = receive_done,
    .cancel = receive_cancel,
    .drop = receive_drop,
};

/* The socket behind userdata 1, also after its end; NULL when its request is over. */
static struct serving *socket_at(lua_State *L) {
    return serving_at(vm_of(L)->worker, serve_box(L, SERVE_WEBSOCKET));
}

/* ws:receive([timeout]) -> message, "text" or "binary"; nil, message, "closed" or "timeout". */
static int l_receive(lua_State *L) {
    struct serving *s = socket_at(L);
    lua_Number seconds = luaL_optnumber(L, 2, 0);
    bool limited = !lua_isnoneornil(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 2, "a number of seconds");
    if (!s) return fail_closed(L, NULL);
    if (s->socket->receiving) return luaL_error(L, "another task receives from this WebSocket");
    struct receive *r = op_new(L, &receive_kind);
    timer_init(&r->timer, receive_late);
    r->id = s->task->id;
    s->socket->receiving = r;
    if (limited && op_timer(&r->op, &r->timer, seconds) < 0) r->late = true;
    if (has_message(&s->socket->in) || !s->x || r->late) socket_wake(s);
    go_on(s);
    return op_await(L, &r->op);
}

static int next_message(lua_State *L) {
    lib_iterated(L);
    return l_receive(L);
}

/* for message, kind in ws:messages() do: until the WebSocket is closed. */
static int l_messages(lua_State *L) {
    serve_box(L, SERVE_WEBSOCKET);
    return lib_iterator(L, next_message);
}

/* ---- sending --------------------------------------------------------------------------------- */

static int sent(lua_State *L, struct op *op) {
    if (((struct drain *)op)->gone) return op_fail(L, ERR_CLOSED, "the WebSocket is closed");
    lua_pushboolean(L, 1);
    return 1;
}

static const struct op_kind send_kind = {
    .name = "ws:send",
    .size = sizeof(struct drain),
    .done = sent,
    .cancel = drain_cancel,
};

static int send_frame(lua_State *L, enum ws_opcode opcode, struct str data) {
    struct serving *s = socket_at(L);
    if (!s || !s->x) return fail_closed(L, s ? s->socket : NULL);
    if (!exchange_has_room(s->x, data.n)) return op_fail(L, ERR_LIMIT, OUTBOX_FULL);
    char head[10];
    struct str parts[] = {ws_head(head, opcode, data.n), data};
    return response_send(L, s, &send_kind, parts, 2);
}

/* ws:send(text) -> true when the client has room; nil, message, "closed". */
static int l_send(lua_State *L) {
    struct str text = lib_str(L, 2);
    luaL_argcheck(L, ws_is_text(text), 2, "the text is not UTF-8; send_binary takes any bytes");
    return send_frame(L, WS_OP_TEXT, text);
}

static int l_send_binary(lua_State *L) {
    return send_frame(L, WS_OP_BINARY, lib_str(L, 2));
}

/* ws:ping([data]): the client answers with a pong, which is nobody's to see. */
static int l_ping(lua_State *L) {
    struct str data = lib_opt_str(L, 2, STR(""));
    luaL_argcheck(L, data.n <= WS_CONTROL, 2, "at most 125 bytes");
    return send_frame(L, WS_OP_PING, data);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* ws:close([code [, reason]]) */
static int l_close(lua_State *L) {
    struct serving *s = socket_at(L);
    lua_Integer code = luaL_optinteger(L, 2, WS_NORMAL);
    struct str reason = lib_opt_str(L, 3, STR(""));
    bool valid = code >= WS_NORMAL && code <= 4999 && ws_valid_code((int)code);
    luaL_argcheck(L, valid, 2, "no code to close with: 1000 or 3000 to 4999 are");
    luaL_argcheck(L, reason.n <= WS_REASON && ws_is_text(reason), 3,
                  "a reason is UTF-8 of at most 123 bytes");
    if (s && s->x) socket_close(s, (int)code, reason);
    return 0;
}

/* The end of its block: left, by an error, or because the task was cancelled. */
static int close_block(lua_State *L) {
    struct serving *s = socket_at(L);
    if (!s || !s->x) return 0;
    int code = s->task->canceled ? WS_GOING_AWAY : lua_isnoneornil(L, 2) ? WS_NORMAL : WS_FAILED;
    socket_close(s, code, STR(""));
    return 0;
}

/* ws:closed() -> code and reason of the close; nil while it is open. */
static int l_closed(lua_State *L) {
    struct serving *s = socket_at(L);
    if (s && s->x) return 0;
    lua_pushinteger(L, s && s->socket->code ? s->socket->code : WS_VANISHED);
    lua_pushlstring(L, s ? s->socket->reason : "", s ? s->socket->reason_n : 0);
    return 2;
}

/* ws:protocol() -> the subprotocol that was agreed on, or nil. */
static int l_protocol(lua_State *L) {
    serve_box(L, SERVE_WEBSOCKET);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int to_string(lua_State *L) {
    lua_pushliteral(L, "websocket");
    return 1;
}

/* ---- the handshake --------------------------------------------------------------------------- */

static struct field field(const char *name, struct str value) {
    return (struct field){.name = str_of(name), .value = value, .id = h1_field_id(str_of(name))};
}

/* 426 says what to upgrade to, which an error value cannot. */
static int refuse(lua_State *L, struct serving *s, int status, const char *why) {
    if (status == 426) {
        response_set(L, s, field("Upgrade", STR("websocket")));
        response_set(L, s, field("Sec-WebSocket-Version", STR("13")));
        response_set(L, s, field("Content-Type", STR("application/json")));
        struct exchange *x = serve_part(s);
        char body[256];
        int n = snprintf(body, sizeof body, "{\"error\": \"%s\"}", why);
        exchange_answer_fields(x, status, s->fields, s->n_fields, str_make(body, (size_t)n));
    }
    return serve_raise(L, status, str_of(why));
}

static uint64_t option_max_message(lua_State *L, int at) {
    if (lua_isnoneornil(L, at)) return MESSAGE;
    lua_getfield(L, at, "max_message");
    int is_integer = 1;
    lua_Integer max = lua_isnil(L, -1) ? MESSAGE : lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || max < 1 || max > MESSAGE_MAX)
        luaL_error(L, "max_message is a number of bytes from 1 to %d", MESSAGE_MAX);
    lua_pop(L, 1);
    return (uint64_t)max;
}

/* Pushes the first of the handler's protocols that the client offers, or nil. */
static void push_protocol(lua_State *L, int at, const struct head *h) {
    lua_pushnil(L);
    if (lua_isnoneornil(L, at)) return;
    if (lua_getfield(L, at, "protocols") != LUA_TNIL) {
        if (!lua_istable(L, -1)) luaL_error(L, "protocols is a list of names");
        lua_Integer n = luaL_len(L, -1);
        if (n > PROTOCOLS) luaL_error(L, "more than %d protocols", PROTOCOLS);
        for (lua_Integer i = n; i >= 1; i--) {
            lua_rawgeti(L, -1, i);
            struct str name = {NULL, 0};
            if (lua_type(L, -1) == LUA_TSTRING) name.p = lua_tolstring(L, -1, &name.n);
            if (!h1_valid_name(name) || name.n > PROTOCOL_MAX)
                luaL_error(L, "protocols is a list of names, which have no blanks and no commas");
            if (ws_offers(h, name))
                lua_replace(L, -3);
            else
                lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* Fields of the 101; the accept value goes into the exchange's arena. The protocol is on top. */
static void set_fields(lua_State *L, struct serving *s) {
    struct arena *arena = &s->x->arena;
    struct buf accept;
    buf_init(&accept);
    ws_accept(&accept, head_get(&s->x->h1.head, H1_SEC_WEBSOCKET_KEY));
    struct str value = buf_ok(&accept) ? arena_str(arena, buf_view(&accept)) : STR_NONE;
    buf_free(&accept);
    if (!value.p) vm_throw_memory(L);
    response_set(L, s, field("Upgrade", STR("websocket")));
    response_set(L, s, field("Sec-WebSocket-Accept", value));
    if (lua_isnil(L, -1)) return;
    value = arena_str(arena, lib_str(L, -1));
    if (!value.p) vm_throw_memory(L);
    response_set(L, s, field("Sec-WebSocket-Protocol", value));
}

/* req:upgrade([options]) -> the WebSocket. Raises 400 or 426 for a request that asks for none. */
int websocket_upgrade(lua_State *L) {
    const char *why = NULL;
    lua_settop(L, 2);
    struct serving *s = serve_check(L, SERVE_REQUEST);
    if (s->x->begun) return luaL_error(L, "the response has begun");
    lib_options(L, 2, "protocols max_message ping");
    uint64_t ping_ms = serve_option_ms(L, 2, "ping", PING);
    uint64_t max = option_max_message(L, 2);
    push_protocol(L, 2, &s->x->h1.head);
    int status = ws_check(&s->x->h1.head, &why);
    if (status) return refuse(L, s, status, why);
    serve_check_leaving(L, s);
    set_fields(L, s);
    serve_push(L, s, SERVE_WEBSOCKET);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    struct socket *k = mem_zalloc(sizeof *k);
    if (!k) vm_throw_memory(L);
    ws_init(&k->ws, max);
    s->socket = k;
    s->heard = s->resident->worker->now_ms;
    serve_stream(s, ping_ms, beat);
    exchange_begin(s->x, 101, s->fields, s->n_fields, -1);
    exchange_tunnel(s->x);
    go_on(s);
    return 1;
}

const struct lib_doc lib_websocket_docs[] = {
    {"WebSocket", NULL, "class", "What req:upgrade() gives."},
    {"WebSocket:receive", l_receive,
     "fun(self: WebSocket, timeout?: number): string?, string?, string?",
     "The next message and its kind, \"text\" or \"binary\"; or nil, message and \"closed\" or "
     "\"timeout\"."},
    {"WebSocket:messages", l_messages, "fun(self: WebSocket): fun(): string?, string?",
     "Iterates over messages and their kinds until the WebSocket is closed."},
    {"WebSocket:send", l_send, "fun(self: WebSocket, text: string): true?, string?, string?",
     "Sends a text, which is UTF-8. Returns when the client has room; nil, message, \"closed\"."},
    {"WebSocket:send_binary", l_send_binary,
     "fun(self: WebSocket, bytes: string): true?, string?, string?",
     "Sends any bytes, otherwise as send."},
    {"WebSocket:ping", l_ping, "fun(self: WebSocket, data?: string): true?, string?, string?",
     "Sends a ping of at most 125 bytes. Pongs are not seen; the host sends pings by itself."},
    {"WebSocket:close", l_close, "fun(self: WebSocket, code?: integer, reason?: string)",
     "Closes it: with 1000 unless another code is given. Leaving its block does so, too."},
    {"WebSocket:closed", l_closed, "fun(self: WebSocket): integer?, string?",
     "Code and reason of the close, from either side; nil while it is open. 1006: the client is "
     "gone."},
    {"WebSocket:protocol", l_protocol, "fun(self: WebSocket): string?",
     "The subprotocol that was agreed on, or nil."},
    {NULL, NULL, NULL, NULL},
};

void websocket_open(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__close", close_block}, {"__tostring", to_string}, {NULL, NULL}};
    lib_class(L, SERVE_WEBSOCKET, lib_websocket_docs, meta);
}
