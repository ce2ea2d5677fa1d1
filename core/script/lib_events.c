/*
 * lib_events: server-sent events (WHATWG HTML, section 9.2): an answer that tells things as they
 * happen. `res:events()` begins it; the object sends events for as long as the client listens.
 * Called by handlers, through the response. The writes wait for room as those of res:write do.
 */
#include "core/base/conf.h"
#include "core/script/json.h"
#include "core/script/lib.h"
#include "core/script/serve.h"

#define KEEP_ALIVE 15.0 /* seconds */

static _Thread_local struct buf text, encoded;

/* ---- sending --------------------------------------------------------------------------------- */

static int sent(lua_State *L, struct op *op) {
    lua_pushboolean(L, !((struct drain *)op)->gone);
    return 1;
}

static const struct op_kind send_kind = {
    .name = "events:send",
    .size = sizeof(struct drain),
    .done = sent,
    .cancel = drain_cancel,
};

/* What was built, or nothing when nobody listens any more. */
static int deliver(lua_State *L) {
    if (!buf_ok(&text)) vm_throw_memory(L);
    struct serving *s = serve_find(L, SERVE_EVENTS);
    struct str part = buf_view(&text);
    if (s) response_check_room(L, s, &part, 1);
    if (s) return response_send(L, s, &send_kind, &part, 1);
    lua_pushboolean(L, 0);
    return 1;
}

/* Each line of `s` behind `field`. CR, LF and CRLF end a line. */
static void add_lines(struct buf *out, struct str field, struct str s) {
    for (size_t start = 0, i = 0;; i++) {
        if (i < s.n && s.p[i] != '\r' && s.p[i] != '\n') continue;
        buf_str(out, field);
        buf_add(out, s.p + start, i - start);
        buf_char(out, '\n');
        if (i >= s.n) return;
        if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') i++;
        start = i + 1;
    }
}

/* A name or id at stack index `at`: one line. */
static void add_field(lua_State *L, struct buf *out, struct str field, int at, bool zero) {
    if (lua_isnoneornil(L, at)) return;
    struct str s = lib_str(L, at);
    luaL_argcheck(L, str_index(s, '\n') < 0 && str_index(s, '\r') < 0, at, "it has a line break");
    luaL_argcheck(L, zero || str_index(s, 0) < 0, at, "it has a NUL byte");
    buf_str(out, field);
    buf_str(out, s);
    buf_char(out, '\n');
}

/* A string or number as it is, a table as JSON. */
static struct str data_at(lua_State *L, int at) {
    if (lua_type(L, at) != LUA_TTABLE) return lib_str(L, at);
    struct buf *json = lib_buf(&encoded);
    const char *why = NULL;
    if (json_encode(L, at, json, &json_default, NULL, &why) < 0)
        luaL_error(L, "the event cannot be JSON: %s", why);
    return buf_view(json);
}

/* events:send(name, data [, id]): one event. Returns when the client has room; false once it is
 * gone. */
static int l_send(lua_State *L) {
    luaL_checkudata(L, 1, SERVE_EVENTS);
    struct buf *out = lib_buf(&text);
    add_field(L, out, STR("event: "), 2, true);
    add_field(L, out, STR("id: "), 4, false);
    add_lines(out, STR("data: "), data_at(L, 3));
    buf_char(out, '\n');
    return deliver(L);
}

/* events:comment(text): what clients skip. */
static int l_comment(lua_State *L) {
    luaL_checkudata(L, 1, SERVE_EVENTS);
    struct buf *out = lib_buf(&text);
    add_lines(out, STR(": "), lib_opt_str(L, 2, STR("")));
    buf_char(out, '\n');
    return deliver(L);
}

/* events:retry(seconds): how long the client waits before it connects again. */
static int l_retry(lua_State *L) {
    luaL_checkudata(L, 1, SERVE_EVENTS);
    lua_Number seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 86400, 2, "seconds from 0 to 86400");
    struct buf *out = lib_buf(&text);
    buf_printf(out, "retry: %.0f\n\n", seconds * 1000);
    return deliver(L);
}

/* events:last_id() -> the id of the last event that the client got before it had to connect again;
 * nil when it is new. */
static int l_last_id(lua_State *L) {
    luaL_checkudata(L, 1, SERVE_EVENTS);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

/* events:close(): the end of the stream. */
static int l_close(lua_State *L) {
    struct serving *s = serve_find(L, SERVE_EVENTS);
    if (s) exchange_end(serve_part(s));
    return 0;
}

static int to_string(lua_State *L) {
    lua_pushliteral(L, "events");
    return 1;
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* Something in between knows that the stream is alive, and we learn that the client is not. */
static void beat(struct timer *t) {
    struct serving *s = LIST_ENTRY(t, struct serving, beat);
    struct worker *w = s->resident->worker;
    uint64_t due = s->said + s->beat_ms;
    if (w->now_ms >= due && list_empty(&s->drains)) {
        exchange_write(s->x, ":\n\n", 3);
        s->said = w->now_ms;
    }
    uint64_t next = w->now_ms < due ? due - w->now_ms : s->beat_ms;
    if (timer_arm(w, t, next) < 0) log_error("out of memory");
}

static struct field field(uint8_t id, const char *name, const char *value) {
    return (struct field){.name = str_of(name), .value = str_of(value), .id = id};
}

int response_events(lua_State *L) {
    struct serving *s = serve_check(L, SERVE_RESPONSE);
    lib_options(L, 2, "keep_alive");
    uint64_t ms = serve_option_ms(L, 2, "keep_alive", KEEP_ALIVE);
    if (s->x->begun) return luaL_error(L, "the response has begun");
    serve_check_leaving(L, s);
    response_set(L, s, field(H1_CONTENT_TYPE, "Content-Type", "text/event-stream"));
    response_set(L, s, field(H1_OTHER, "Cache-Control", "no-store"));
    serve_push(L, s, SERVE_EVENTS);
    struct str last = head_find(&s->x->h1.head, STR("Last-Event-ID"));
    if (last.n) {
        lua_pushlstring(L, last.p, last.n);
        lua_setiuservalue(L, -2, 1);
    }
    serve_stream(s, ms, beat);
    exchange_begin(s->x, 200, s->fields, s->n_fields, -1);
    if (s->x->no_body) exchange_end(serve_part(s)); /* HEAD: nobody listens */
    return 1;
}

const struct lib_doc lib_events_docs[] = {
    {"Events", NULL, "class", "A stream of server-sent events: what res:events() gives."},
    {"Events:send", l_send,
     "fun(self: Events, name: string?, data: string|table, id?: string): boolean",
     "Sends an event; a table goes as JSON. Returns when the client has room, false once it is "
     "gone."},
    {"Events:comment", l_comment, "fun(self: Events, text?: string): boolean",
     "Sends a comment, which clients skip."},
    {"Events:retry", l_retry, "fun(self: Events, seconds: number): boolean",
     "Tells the client how long to wait before it connects again."},
    {"Events:last_id", l_last_id, "fun(self: Events): string?",
     "The id of the last event that the client had got when it connected again."},
    {"Events:close", l_close, "fun(self: Events)",
     "Ends the stream; leaving its block does so, too."},
    {NULL, NULL, NULL, NULL},
};

void events_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", l_close}, {"__tostring", to_string}, {NULL, NULL}};
    lib_class(L, SERVE_EVENTS, lib_events_docs, meta);
}
