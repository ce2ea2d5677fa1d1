/*
 * http_stream: an HTTP request of a script whose bodies move in pieces, as userdata. What came and
 * was not read waits in a buffer; when that is full the other side is not read any more, which
 * holds it back. A piece that is sent returns when there is room.
 *
 * A stream lives until it is closed, its variable's block is left, or it is collected. Whoever only
 * holds it for too long loses it: so a forgotten one takes no connection for good.
 *
 *     one task reads (head, read), one writes; each waits in an op of its own. A callback of the
 * call notes what happened and wakes whom it concerns; a task that is cancelled while it waits
 * leaves the stream as it is.
 */
#include "core/script/http_stream.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/http/client.h"
#include "core/script/fields.h"
#include "core/script/http_plan.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define WINDOW      (64u * 1024) /* bytes that wait to be read before the other side is held back */
#define HELD        (128u * 1024) /* what a stream counts as, besides the piece on its way */
#define PATIENCE_MS (600 * 1000)  /* how long a stream nobody waits for is kept */

enum { READS, WRITES };

struct http_stream {
    struct call call;
    struct arena arena; /* host and request head, response head */
    struct pool_addr to;
    struct str request; /* its head */
    struct vm *vm;
    struct wait *waits[2]; /* who waits, by what for: READS, WRITES */
    struct buf in;         /* came, and was not read */
    const struct head *head;
    struct timer timer; /* nothing moves */
    uint64_t timeout;   /* ms */
    size_t leaving;     /* bytes of the piece that has not left yet, counted by vm_hold */
    int status;
    int code;                    /* 0 or why it failed */
    bool open;                   /* it holds a call */
    bool last;                   /* the answer's end has come */
    bool paused;                 /* the other side is held back */
    bool full;                   /* there is no room for more of the body */
    bool sent;                   /* the body is complete */
    bool starting, stale, again; /* see lib_http.c: a kept connection that was dead */
    char text[256];
};

struct wait {
    struct op op;
    struct http_stream *s;
    int slot;
    bool for_head;
};

/* ---- what happens ------------------------------------------------------------------------------
 */

static bool is_there(const struct http_stream *s, const struct wait *w) {
    if (s->code < 0) return true;
    if (w->slot == WRITES) return !s->full || s->last;
    return w->for_head ? s->head != NULL : s->in.n > 0 || s->last;
}

static void wake(struct http_stream *s) {
    for (int slot = READS; slot <= WRITES; slot++) {
        struct wait *w = s->waits[slot];
        if (!w || !is_there(s, w)) continue;
        s->waits[slot] = NULL;
        op_finish(&w->op);
    }
}

/* Something moved, or somebody begins to wait: from here on counts how long nothing does. While the
 * script has yet to say more of the body, it is not the other side that lets wait. Arming a timer
 * that is in the heap cannot fail. */
static void moved(struct http_stream *s) {
    bool waited_for = s->waits[WRITES] || (s->waits[READS] && s->sent);
    if (!s->open || s->code < 0) return;
    if (s->last)
        timer_disarm(s->call.worker, &s->timer);
    else
        timer_arm(s->call.worker, &s->timer, waited_for ? s->timeout : PATIENCE_MS + s->timeout);
}

static void fail(struct http_stream *s, int code, const char *text) {
    s->code = code;
    snprintf(s->text, sizeof s->text, "%s", text);
    wake(s);
}

static void on_head(struct call *c, const struct head *h) {
    struct http_stream *s = c->data;
    if (h->status < 200) return;
    s->head = h;
    s->status = h->status;
    moved(s);
    wake(s);
}

static void on_body(struct call *c, const char *p, size_t n, bool last) {
    struct http_stream *s = c->data;
    buf_add(&s->in, p, n);
    s->last = last;
    if (!buf_ok(&s->in)) {
        call_cancel(c);
        fail(s, -ENOMEM, "out of memory");
        return;
    }
    if (!last && s->in.n >= WINDOW && !s->paused) {
        s->paused = true;
        call_pause(c);
    }
    moved(s);
    wake(s);
}

static void piece_left(struct http_stream *s) {
    s->full = false;
    vm_release(s->vm, s->leaving);
    s->leaving = 0;
}

static void on_drained(struct call *c) {
    struct http_stream *s = c->data;
    piece_left(s);
    moved(s);
    wake(s);
}

static void send_again(struct http_stream *s) {
    s->stale = false;
    s->call.fresh = true;
    call_again(&s->call, &s->to, &s->request, 1);
}

static void on_failed(struct call *c, const struct err *e, bool clean) {
    struct http_stream *s = c->data;
    if (!clean || !c->reused || s->again || !call_held(c)) {
        fail(s, e->code, e->text);
        return;
    }
    s->again = s->stale = true;
    if (!s->starting) send_again(s);
}

static const struct call_ops ops = {
    .head = on_head, .body = on_body, .drained = on_drained, .failed = on_failed};

static void too_late(struct timer *t) {
    struct http_stream *s = LIST_ENTRY(t, struct http_stream, timer);
    call_cancel(&s->call);
    fail(s, ERR_TIMEOUT, "nothing moved for too long");
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

static bool stop_waiting(struct op *op) {
    struct wait *w = (struct wait *)op;
    if (w->s->waits[w->slot] == w) w->s->waits[w->slot] = NULL;
    return true;
}

/* The bytes that came, which are taken; then more may come. */
static int push_bytes(lua_State *L, struct http_stream *s) {
    lua_pushlstring(L, s->in.p, s->in.n);
    buf_clear(&s->in);
    if (s->paused && s->open && s->code == 0) {
        s->paused = false;
        call_resume(&s->call);
    }
    return 1;
}

static int push_head(lua_State *L, struct http_stream *s) {
    lua_pushinteger(L, s->status);
    fields_push(L, s->head);
    return 2;
}

/* What is there. Bytes that came before a failure go first. */
static int answer(lua_State *L, struct http_stream *s, int slot, bool for_head) {
    if (slot == READS && for_head && s->head) return push_head(L, s);
    if (slot == READS && !for_head && s->in.n > 0) return push_bytes(L, s);
    if (s->code < 0) return op_fail(L, s->code, s->text);
    if (slot == WRITES)
        lua_pushboolean(L, !s->last);
    else
        lua_pushnil(L);
    return 1;
}

static int done(lua_State *L, struct op *op) {
    struct wait *w = (struct wait *)op;
    moved(w->s);
    return answer(L, w->s, w->slot, w->for_head);
}

static void tell(const struct op *op, struct buf *out) {
    const struct wait *w = (const struct wait *)op;
    const char *what = w->slot == WRITES ? "room for the body of a request to"
                       : w->for_head     ? "the answer of"
                                         : "more of the answer of";
    buf_printf(out, "http: %s %.*s:%d", what, STR_FMT(w->s->to.host), w->s->to.port);
}

static const struct op_kind wait_kind = {"http", sizeof(struct wait), done, stop_waiting, NULL,
                                         tell};

static int wait_for(lua_State *L, struct http_stream *s, int slot, bool for_head) {
    if (s->waits[slot])
        return lib_error(L, "another task %s this stream already",
                         slot == READS ? "reads" : "writes to");
    struct wait *w = op_new(L, &wait_kind);
    w->s = s;
    w->slot = slot;
    w->for_head = for_head;
    s->waits[slot] = w;
    worker_clock(s->call.worker); /* the script may have worked for long */
    moved(s);
    return op_await(L, &w->op);
}

static struct http_stream *check(lua_State *L) {
    return luaL_checkudata(L, 1, HTTP_STREAM);
}

/* ---- the methods -------------------------------------------------------------------------------
 */

static int read_or_wait(lua_State *L, bool for_head) {
    struct http_stream *s = check(L);
    bool there = s->code < 0 || (for_head ? s->head != NULL : s->in.n > 0 || s->last);
    return there ? answer(L, s, READS, for_head) : wait_for(L, s, READS, for_head);
}

int http_stream_head(lua_State *L) {
    return read_or_wait(L, true);
}

int http_stream_read(lua_State *L) {
    return read_or_wait(L, false);
}

/* Whether it was taken: what the other side does not read is kept, so it counts as memory. */
static bool send_piece(struct http_stream *s, struct str piece) {
    if (!vm_hold(s->vm, piece.n)) return false;
    s->leaving = piece.n;
    s->full = call_write(&s->call, piece.p, piece.n) == 1;
    if (!s->full) piece_left(s);
    return true;
}

int http_stream_write(lua_State *L) {
    struct http_stream *s = check(L);
    if (lua_type(L, 2) != LUA_TSTRING)
        return lib_error(L, "a piece of a body is a string, not a %s", luaL_typename(L, 2));
    struct str piece = lib_str(L, 2);
    if (s->sent) return lib_error(L, "the body is complete already");
    if (s->full && s->code == 0 && !s->last) /* its wait was cancelled */
        return op_fail(L, ERR_BUSY, "the piece before has not left yet");
    if (s->code == 0 && !s->last && piece.n > 0 && !send_piece(s, piece))
        return op_fail(L, ERR_LIMIT, "the service has too many bytes of requests under way");
    moved(s);
    return s->full && s->code == 0 ? wait_for(L, s, WRITES, false) : answer(L, s, WRITES, false);
}

int http_stream_finish(lua_State *L) {
    struct http_stream *s = check(L);
    if (!s->sent && s->code == 0 && !s->last) call_end(&s->call);
    s->sent = true;
    moved(s);
    return 0;
}

int http_stream_close(lua_State *L) {
    struct http_stream *s = check(L);
    if (!s->open) return 0;
    s->open = false;
    call_cancel(&s->call);
    timer_remove(s->call.worker, &s->timer);
    call_free(&s->call);
    if (s->code == 0 && !s->last) fail(s, ERR_CLOSED, "the stream was closed");
    buf_free(&s->in);
    arena_free(&s->arena);
    s->head = NULL;
    piece_left(s);
    vm_release(s->vm, HELD);
    return 0;
}

/* ---- the beginning -----------------------------------------------------------------------------
 */

static void start(struct http_stream *s, const struct http_plan *p) {
    s->starting = true;
    call_start(&s->call, &s->to, &s->request, 1, p->chunked ? -1 : (int64_t)p->text.n);
    if (s->stale) send_again(s);
    s->sent = !p->chunked;
    if (s->code == 0 && s->sent && p->text.n)
        call_write_last(&s->call, p->text.p, p->text.n);
    else if (s->code == 0 && s->sent)
        call_end(&s->call);
    if (s->stale) send_again(s);
    s->starting = false;
}

/* The stream on top of the stack, with all that it needs to be closed. */
static struct http_stream *make(lua_State *L, struct vm *vm, const struct http_plan *p) {
    struct http_stream *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    luaL_setmetatable(L, HTTP_STREAM); /* not open yet: its end does nothing */
    if (!vm_hold(vm, HELD)) return NULL;
    s->open = true;
    s->vm = vm;
    s->timeout = (uint64_t)ceil(p->timeout * 1000);
    arena_init(&s->arena, 2048);
    buf_init(&s->in);
    timer_init(&s->timer, too_late);
    s->to = (struct pool_addr){arena_str(&s->arena, p->url.host), p->url.port};
    s->request = arena_str(&s->arena, buf_view(p->head));
    s->call.worker = vm->worker;
    s->call.ops = &ops;
    s->call.data = s;
    s->call.arena = &s->arena;
    s->call.idempotent = p->idempotent;
    s->call.to_head = p->to_head;
    return s;
}

int http_stream_open(lua_State *L) {
    struct http_plan p;
    struct vm *vm = vm_of(L);
    int failed = http_plan_read(L, &p);
    if (failed) return failed;
    if (vm->loading || !vm->running)
        return lib_error(L, "http.request: not while a service is loading");
    struct http_stream *s = make(L, vm, &p);
    if (!s) return op_fail(L, ERR_LIMIT, "the service has too many bytes of requests under way");
    worker_clock(vm->worker);
    s->call.over = true; /* nothing was started */
    if (!s->to.host.p || !s->request.p || timer_arm(vm->worker, &s->timer, s->timeout) < 0) {
        fail(s, -ENOMEM, "out of memory");
        return op_fail(L, s->code, s->text);
    }
    start(s, &p);
    return 1;
}
