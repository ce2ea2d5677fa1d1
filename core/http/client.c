/*
 * client: see client.h. Called by the proxy and by the Lua http client, calls pool, io and h1.
 *
 * A call is a request half and a response half that meet only in the connection:
 *
 *   request:  call_write -> [out, until there is a connection] -> stream
 *   response: stream -> gather (h1) -> head(), body() -> [rest and raw, while paused]
 *
 * Any callback may end the call and even reuse its memory for the next one, so whoever touches the
 * call after a callback does so through a frame (frame_enter, frame_leave). Once a call is over
 * nothing here touches it. Must never repeat a request, and never take bytes that come behind a
 * response for another one.
 */
#include "core/http/client.h"

#include <assert.h>
#include <stdio.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"

/* What one look at the received bytes found. */
struct batch {
    struct str part[CALL_PARTS]; /* decoded body bytes, in place */
    int n;
    size_t bytes; /* sum of the parts */
    bool interim; /* a 1xx head, and nothing else */
    bool head;    /* the head came first */
    bool end;     /* the response ends with these parts */
    bool more;    /* there may be more to find: look again */
    bool bad;     /* the response is malformed */
};

/* A function on the stack that wants to touch the call after a callback. */
struct frame {
    bool gone;   /* the call ended meanwhile: hands off */
    bool *outer; /* the frame above, if any */
};

static void launch(struct call *c, const struct pool_addr *addr, const struct str *head, int n);
static void on_ready(struct pool_wait *w, struct pool_conn *conn, const struct err *e);
static int send_out(struct call *c, const struct str *head, int n_head);
static int put(struct call *c, const char *p, size_t n, bool last);
static bool feed(struct call *c, struct str in);
static bool deliver(struct call *c, const struct str *parts, int n, bool last);
static bool deliver_saved(struct call *c);
static int touch(struct call *c);
static void end_call(struct call *c);
static int fail(struct call *c, const struct err *e, bool clean);
static int failf(struct call *c, int code, bool clean, const char *what);
static void on_timer(struct timer *t);
static const struct stream_ops call_stream;

static const struct h1_limits limits = {CALL_LINE, CALL_HEADER, CALL_FIELDS};

static void frame_enter(struct call *c, struct frame *f) {
    *f = (struct frame){.gone = false, .outer = c->gone};
    c->gone = &f->gone;
}

/* False when the call ended below: it must not be touched, and the frame above is told. */
static bool frame_leave(struct call *c, struct frame *f) {
    if (!f->gone) {
        c->gone = f->outer;
        return true;
    }
    if (f->outer) *f->outer = true;
    return false;
}

void call_start(struct call *c, const struct pool_addr *addr, const struct str *head, int n_head,
                int64_t length) {
    c->length = c->left = length;
    c->request_done = length == 0;
    c->holding = true;
    c->want_drain = c->paused = false;
    c->out_head = 0;
    buf_clear(&c->out);
    launch(c, addr, head, n_head);
}

bool call_held(const struct call *c) {
    return c->holding;
}

void call_again(struct call *c, const struct pool_addr *addr, const struct str *head, int n_head) {
    assert(c->over && c->holding);
    buf_consume(&c->out, c->out_head);
    c->out_head = 0;
    launch(c, addr, head, n_head);
}

int call_write(struct call *c, const char *p, size_t n) {
    return put(c, p, n, false);
}

int call_write_last(struct call *c, const char *p, size_t n) {
    return put(c, p, n, true);
}

void call_end(struct call *c) {
    put(c, NULL, 0, true);
}

void call_flush(struct call *c) {
    c->cork = false;
    if (c->over || !c->unsent) return;
    c->unsent = false;
    send_out(c, NULL, 0);
}

void call_pause(struct call *c) {
    if (c->over || c->paused) return;
    c->paused = true;
    if (c->conn && (c->got_head || c->tunnel)) stream_pause(&c->conn->stream);
    if (c->got_head) timer_disarm(c->worker, &c->timer);
}

void call_resume(struct call *c) {
    if (c->over || !c->paused) return;
    c->paused = false;
    if (c->conn) stream_read(&c->conn->stream);
    if (touch(c) < 0 || c->delivering) return; /* the frame that delivers goes on by itself */
    deliver_saved(c);
}

void call_tunnel(struct call *c) {
    assert(c->conn && !c->tunnel);
    c->tunnel = true;
    c->request_done = false;
    c->length = c->left = -1;
    timer_disarm(c->worker, &c->timer);
    /* A peer that vanished without a word would hold the tunnel for ever. */
    int rc = uv_tcp_keepalive(&c->conn->stream.tcp, 1, CALL_KEEPALIVE);
    if (rc < 0) log_warn("cannot watch a tunnel for a silent peer", LOGZ("error", uv_strerror(rc)));
}

void call_cancel(struct call *c) {
    if (c->over) return;
    struct pool_conn *conn = c->conn;
    end_call(c);
    if (conn) pool_reset(conn);
}

void call_free(struct call *c) {
    assert(c->over || !c->ops);
    if (c->timer.fired) timer_remove(c->worker, &c->timer);
    buf_free(&c->out);
    buf_free(&c->rest);
    buf_free(&c->raw);
}

/* ---- the request ----------------------------------------------------------------------------- */

/* Begins an attempt: whatever belongs to a connection starts anew, the request body stays. */
static void launch(struct call *c, const struct pool_addr *addr, const struct str *head, int n) {
    c->conn = NULL;
    c->wait = (struct pool_wait){.ready = on_ready};
    c->sent = c->received = 0;
    c->whole = -1;
    c->interim = 0;
    c->connected = c->reused = c->unsent = c->muted = false;
    c->response_done = c->tunnel = c->got_bytes = c->got_head = false;
    c->over = c->delivering = c->rest_last = false;
    c->gone = NULL;
    buf_clear(&c->rest);
    buf_clear(&c->raw);
    h1_init(&c->h1, H1_RESPONSE, &limits, c->arena);
    if (c->to_head) h1_expect_no_body(&c->h1);
    if (!c->timer.fired) timer_init(&c->timer, on_timer);
    stat_add(STAT_UPSTREAM_REQUESTS, 1);
    if (touch(c) < 0) return;

    struct frame f;
    frame_enter(c, &f);
    c->head = head;
    c->n_head = n;
    pool_take(c->worker, addr, c->fresh, &c->wait);
    if (!frame_leave(c, &f)) return;
    c->head = NULL;
    c->n_head = 0;
    if (c->conn && !c->unsent) return;

    /* The head has to wait: in front of what is there of the body. */
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += head[i].n;
    char *room = buf_room(&c->out, bytes);
    if (!room) {
        failf(c, -ENOMEM, true, "no memory for the request");
        return;
    }
    memmove(c->out.p + bytes, c->out.p, c->out.n);
    room = c->out.p;
    for (int i = 0; i < n; i++) {
        memcpy(room, head[i].p, head[i].n);
        room += head[i].n;
    }
    c->out.n += bytes;
    c->out_head = bytes;
}

static void on_ready(struct pool_wait *w, struct pool_conn *conn, const struct err *e) {
    struct call *c = LIST_ENTRY(w, struct call, wait);
    if (!conn) {
        fail(c, e, true);
        return;
    }
    conn->call = c;
    conn->stream.ops = &call_stream;
    c->conn = conn;
    c->connected = true;
    c->reused = conn->requests++ > 0;
    if (c->head && c->cork && !c->request_done) {
        c->unsent = true;
        return;
    }
    send_out(c, c->head, c->n_head);
}

/* Whether body bytes are kept after they were sent: only where a repeat would be allowed. */
static bool holdable(const struct call *c, size_t more) {
    return c->holding && c->idempotent && c->reused && !c->got_bytes &&
           c->out.n - c->out_head + more <= CALL_HELD;
}

static void let_go(struct call *c) {
    c->holding = false;
    c->out_head = 0;
    buf_clear(&c->out);
}

/* Hands slices to the connection. 0, 1 or negative like call_write. */
static int transmit(struct call *c, const struct str *parts, int n) {
    ssize_t waiting = stream_write(&c->conn->stream, parts, n);
    if (waiting < 0) {
        if (c->tunnel) return failf(c, (int)waiting, false, "the tunnel broke");
        if (c->sent == stream_pending(&c->conn->stream) && !c->got_bytes)
            return failf(c, (int)waiting, true, "the connection was closed before use");
        c->muted = true; /* an answer may be there all the same; reading tells */
        return 1;
    }
    for (int i = 0; i < n; i++)
        c->sent += parts[i].n;
    if ((uint64_t)waiting <= conf.write_high) return 0;
    c->want_drain = true;
    return 1;
}

/* Sends the head (the caller's or the one in `out`) with what is there of the body. */
static int send_out(struct call *c, const struct str *head, int n_head) {
    struct str part[8];
    int n = 0;
    assert(n_head < 8);
    for (; n < n_head; n++)
        part[n] = head[n];
    if (c->out.n) part[n++] = buf_view(&c->out);
    int rc = transmit(c, part, n);
    if (rc < 0) return rc;
    if (c->out.n > c->out_head && !holdable(c, 0)) let_go(c);
    if (rc == 0 && c->want_drain && stream_pending(&c->conn->stream) == 0) {
        c->want_drain = false;
        c->ops->drained(c);
    }
    return rc;
}

/* Appends slices to `out`, all or none. */
static bool keep(struct call *c, const struct str *parts, int n) {
    size_t before = c->out.n;
    for (int i = 0; i < n; i++)
        buf_str(&c->out, parts[i]);
    if (buf_ok(&c->out)) return true;
    c->out.failed = false;
    c->out.n = before;
    return false;
}

/* The framed slices of a piece of the body; `size` is room for a chunk's first line. */
static int frame_body(const struct call *c, const char *p, size_t n, bool last, char size[24],
                      struct str part[3]) {
    int k = 0;
    if (c->length >= 0 || c->tunnel) {
        if (n) part[k++] = str_make(p, n);
        return k;
    }
    if (n) {
        static const char digits[] = "0123456789abcdef";
        char *at = size + 24;
        *--at = '\n';
        *--at = '\r';
        for (size_t v = n; v; v >>= 4)
            *--at = digits[v & 15];
        part[k++] = str_make(at, (size_t)(size + 24 - at));
        part[k++] = str_make(p, n);
        part[k++] = last ? STR("\r\n0\r\n\r\n") : STR("\r\n");
    } else if (last) {
        part[k++] = STR("0\r\n\r\n");
    }
    return k;
}

/* Our side of a tunnel ended. */
static int tunnel_end(struct call *c) {
    struct pool_conn *conn = c->conn;
    c->request_done = true;
    if (!c->response_done) {
        stream_shutdown(&conn->stream);
        return 0;
    }
    end_call(c);
    pool_finish(conn);
    return 0;
}

static int put(struct call *c, const char *p, size_t n, bool last) {
    if (c->over) return ERR_CLOSED;
    if (c->request_done) return 0;
    if (c->length >= 0) {
        if (n > (uint64_t)c->left || (last && n < (uint64_t)c->left))
            return failf(c, ERR_PROTOCOL, false, "the request body is not as long as declared");
        c->left -= (int64_t)n;
    }
    char size[24];
    struct str part[4];
    int k = 1 + frame_body(c, p, n, last, size, part + 1);
    if (last && !c->tunnel) c->request_done = true;

    if (!c->conn) { /* still connecting, or done with this connection */
        if (c->response_done) return 1;
        if (!keep(c, part + 1, k - 1)) return failf(c, -ENOMEM, true, "no memory for the request");
        if (c->out.n - c->out_head <= CALL_EARLY) return 0;
        c->want_drain = true;
        return 1;
    }
    if (c->muted) return 1;

    size_t before = c->out.n;
    bool hold = !c->tunnel && holdable(c, n + sizeof size + 8) && keep(c, part + 1, k - 1);
    struct str *from = part + 1;
    if (c->unsent) { /* the corked head goes first */
        c->unsent = c->cork = false;
        *--from = str_make(c->out.p, before);
    } else {
        k--;
    }
    int rc = k ? transmit(c, from, k) : 0;
    if (rc < 0) return rc;
    if (!hold && (n || last)) let_go(c);
    if (c->tunnel) return last ? tunnel_end(c) : rc;
    return touch(c) < 0 ? ERR_CLOSED : rc;
}

/* ---- the response ---------------------------------------------------------------------------- */

/* Parses up to a 1xx head, the end, or as many body slices as fit. */
static void gather(struct call *c, struct str *in, struct batch *b) {
    int most = c->ops->bodyv ? CALL_PARTS : 1;
    b->n = 0;
    b->bytes = 0;
    b->interim = b->head = b->end = b->more = b->bad = false;
    for (;;) {
        struct h1_step step = h1_next(&c->h1, *in);
        *in = str_from(*in, step.taken);
        switch (step.event) {
        case H1_MORE:
            return;
        case H1_HEAD:
            b->interim = b->more = c->h1.head.status < 200;
            if (b->interim) return;
            b->head = true;
            break;
        case H1_BODY:
            b->part[b->n++] = step.body;
            b->bytes += step.body.n;
            b->more = b->n == most;
            if (b->more) return;
            break;
        case H1_END:
            b->end = true;
            return;
        case H1_BAD:
            b->bad = true;
            return;
        }
    }
}

/* Delivers a 1xx. False when the call ended below. */
static bool interim(struct call *c) {
    if (++c->interim > CALL_INTERIM) {
        failf(c, ERR_PROTOCOL, false, "too many interim responses");
        return false;
    }
    bool switching = c->h1.head.status == 101;
    struct frame f;
    frame_enter(c, &f);
    c->ops->head(c, &c->h1.head);
    if (!frame_leave(c, &f)) return false;
    if (switching && !c->tunnel) {
        failf(c, ERR_PROTOCOL, false, "switched protocols without being asked");
        return false;
    }
    return true;
}

/* Gives the connection back or closes it: the response is complete, `extra` bytes follow it. */
static void part_ways(struct call *c, size_t extra) {
    struct pool_conn *conn = c->conn;
    c->conn = NULL;
    c->response_done = true;
    if (extra) log_warn("upstream sent bytes behind its response", LOGI("bytes", extra));
    if (!c->request_done || c->muted)
        pool_reset(conn);
    else if (extra || !c->h1.head.keep_alive)
        pool_drop(conn);
    else
        pool_give(conn);
}

/* Keeps what a paused call must not be given yet. */
static bool save(struct call *c, const struct batch *b, struct str in) {
    for (int i = 0; i < b->n; i++)
        buf_str(&c->rest, b->part[i]);
    c->rest_last = b->end;
    if (!b->end) buf_str(&c->raw, in);
    if (buf_ok(&c->rest) && buf_ok(&c->raw)) return true;
    failf(c, -ENOMEM, false, "no memory for the response");
    return false;
}

/* Takes received bytes apart. False when the call ended or is not ours any more. */
static bool feed(struct call *c, struct str in) {
    struct batch b;
    b.more = true;
    while (b.more && !c->tunnel) {
        if (c->paused && c->got_head) {
            b.n = 0;
            b.end = false;
            return save(c, &b, in);
        }
        gather(c, &in, &b);
        if (b.bad) {
            int code = c->h1.status == 503 ? -ENOMEM : ERR_PROTOCOL;
            failf(c, code, false, c->h1.error);
            return false;
        }
        if (b.interim) {
            if (!interim(c)) return false;
            continue;
        }
        if (b.head) {
            struct frame f;
            frame_enter(c, &f);
            c->got_head = true;
            c->whole = b.end ? (int64_t)b.bytes : -1;
            c->ops->head(c, &c->h1.head);
            if (!frame_leave(c, &f)) return false;
            if (c->paused && c->conn) stream_pause(&c->conn->stream);
        }
        if (b.end) part_ways(c, in.n);
        if (c->paused && (b.n || b.end)) return save(c, &b, in);
        if ((b.n || b.end) && !deliver(c, b.part, b.n, b.end)) return false;
    }
    if (!c->tunnel || in.n == 0) return true;
    b.n = 1;
    b.end = false;
    b.part[0] = in;
    if (c->paused) return save(c, &b, STR_NONE);
    return deliver(c, b.part, 1, false);
}

/* Hands body bytes to the caller. False when the call ended or is not ours any more. */
static bool deliver(struct call *c, const struct str *parts, int n, bool last) {
    const struct call_ops *ops = c->ops;
    bool over = last && !c->tunnel;
    struct frame f;
    for (int i = 0; i < n; i++)
        c->received += parts[i].n;
    if (over) {
        end_call(c);
    } else {
        frame_enter(c, &f);
        c->delivering = true;
    }
    if (ops->bodyv)
        ops->bodyv(c, parts, n, last);
    else
        ops->body(c, n ? parts[0].p : NULL, n ? parts[0].n : 0, last);
    if (over || !frame_leave(c, &f)) return false;
    c->delivering = false;
    return true;
}

/* Hands over what came while the call was paused, until it is paused again. */
static bool deliver_saved(struct call *c) {
    while (!c->paused && (c->rest.n || c->rest_last || c->raw.n)) {
        bool decoded = c->rest.n || c->rest_last, last = c->rest_last, alive;
        size_t n;
        char *p = buf_take(decoded ? &c->rest : &c->raw, &n);
        struct str bytes = str_make(p, n);
        if (decoded) c->rest_last = false;
        if (decoded)
            alive = deliver(c, &bytes, n ? 1 : 0, last);
        else
            alive = feed(c, bytes);
        mem_free(p);
        if (!alive) return false;
    }
    return true;
}

static struct call *call_of(struct stream *s) {
    return LIST_ENTRY(s, struct pool_conn, stream)->call;
}

static void on_data(struct stream *s, char *p, size_t n) {
    struct call *c = call_of(s);
    if (c->sent == 0) {
        failf(c, ERR_PROTOCOL, true, "bytes came before the request was sent");
        return;
    }
    c->got_bytes = true;
    if (feed(c, str_make(p, n))) touch(c);
}

/* Would a repeat be safe after the connection ended now? */
static bool harmless(const struct call *c) {
    if (!c->connected || c->sent == stream_pending(&c->conn->stream)) return true;
    return !c->got_bytes && c->idempotent;
}

/* The upstream ended its side of a tunnel. */
static void tunnel_eof(struct call *c) {
    struct pool_conn *conn = c->conn;
    c->response_done = true;
    if (c->request_done) {
        end_call(c);
        pool_finish(conn);
    }
    if (c->ops->bodyv)
        c->ops->bodyv(c, NULL, 0, true);
    else
        c->ops->body(c, NULL, 0, true);
}

static void on_eof(struct stream *s) {
    struct call *c = call_of(s);
    if (c->tunnel) {
        tunnel_eof(c);
    } else if (!c->got_head) {
        failf(c, ERR_CLOSED, harmless(c), "the connection was closed before an answer");
    } else if (h1_eof(&c->h1) < 0) {
        failf(c, ERR_CLOSED, false, "the connection was closed inside the response");
    } else {
        part_ways(c, 0);
        if (c->paused)
            c->rest_last = true;
        else
            deliver(c, NULL, 0, true);
    }
}

static void on_error(struct stream *s, int code) {
    struct call *c = call_of(s);
    if (!s->eof && !c->tunnel) {
        c->muted = true; /* only writing failed: an answer may be there all the same */
        return;
    }
    failf(c, code, harmless(c),
          c->got_head ? "the connection broke inside the response"
                      : "the connection broke before an answer");
}

static void on_drain(struct stream *s) {
    struct call *c = call_of(s);
    if (!c->want_drain) return;
    c->want_drain = false;
    if (touch(c) < 0) return;
    c->ops->drained(c);
}

/* The pool owns the connection's memory and puts its own callbacks back before it closes one. */
static void on_closed(struct stream *s) {
    assert(call_of(s) == NULL); /* a connection in use was freed */
}

static const struct stream_ops call_stream = {on_data, on_eof, on_error, on_drain, on_closed};

/* ---- time and the end ------------------------------------------------------------------------ */

/* Something moved: the phase's time starts anew. Negative when the call failed over it. */
static int touch(struct call *c) {
    int rc = 0;
    if (c->response_done || c->tunnel || (c->got_head && (c->paused || c->streaming)))
        timer_disarm(c->worker, &c->timer);
    else
        rc =
            timer_arm(c->worker, &c->timer,
                      (c->got_head ? conf.upstream_idle_timeout : conf.upstream_timeout) / 1000000);
    return rc < 0 ? failf(c, rc, !c->connected, "no memory for a timeout") : 0;
}

static void on_timer(struct timer *t) {
    struct call *c = LIST_ENTRY(t, struct call, timer);
    failf(c, ERR_TIMEOUT, !c->connected,
          c->got_head    ? "silence inside the response"
          : c->connected ? "no answer in time"
                         : "no connection in time");
}

/* From here on nothing in this file touches the call, and frames on the stack know it. */
static void end_call(struct call *c) {
    c->over = true;
    c->conn = NULL;
    timer_disarm(c->worker, &c->timer);
    pool_take_cancel(&c->wait);
    if (c->gone) *c->gone = true;
    c->gone = NULL;
}

static int fail(struct call *c, const struct err *e, bool clean) {
    struct pool_conn *conn = c->conn;
    stat_add(STAT_UPSTREAM_ERRORS, 1);
    end_call(c);
    if (conn) pool_reset(conn);
    c->ops->failed(c, e, clean);
    return ERR_CLOSED;
}

static int failf(struct call *c, int code, bool clean, const char *what) {
    struct err e = {0};
    err_set(&e, code, "%s (%s)", what, code <= ERR_CONFLICT ? err_name(code) : uv_strerror(code));
    return fail(c, &e, clean);
}
