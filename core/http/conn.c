/*
 * conn: one client connection. Feeds the bytes of its stream to the exchange of the moment, keeps
 * what nobody takes yet, watches the time, and decides what becomes of the connection. Called by
 * the stream's callbacks, by server and by exchange.
 *
 * One loop does the work: advance() takes one step (begin a request, read its head, hand out some
 * body, skip what the handler did not want) until no step is possible. Handlers are called inside
 * it and may end the exchange there, so nobody holds on to c->x across a call. When they end it
 * later, the same loop is run again on the input that was held back: requests are answered in
 * order, one at a time, without recursion.
 */
#include "core/http/conn.h"

#include <assert.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "core/base/conf.h"
#include "core/base/mem.h"

/* Input up to this size is copied when it must be kept: a slab would be a waste. */
#define COPY_MAX 8192
/* How long, and how many bytes, a client may go on sending after its last answer. */
#define LINGER_MS    2000
#define LINGER_BYTES ((size_t)64 << 20)
/* While nothing is read from a client, how often one looks whether it is still there. */
#define HELD_LOOK_MS 1000

static const struct stream_ops stream_ops;

static struct conn *conn_of(struct stream *s) {
    return LIST_ENTRY(s, struct conn, stream);
}

static uint64_t ms_of(uint64_t nanoseconds) {
    return nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
}

/* ---- endings -------------------------------------------------------------------------------- */

/* Nothing is read, answered or timed any more; on_closed frees. */
static void shut(struct conn *c) {
    c->state = CONN_CLOSED;
    timer_remove(c->server->http->worker, &c->timer);
}

static void close_now(struct conn *c) {
    assert(!c->x);
    if (c->state == CONN_CLOSED) return;
    shut(c);
    stream_close(&c->stream);
}

static void reset_now(struct conn *c) {
    assert(!c->x);
    if (c->state == CONN_CLOSED) return;
    shut(c);
    stream_reset(&c->stream);
}

/* The last answer is given: once it is written, FIN, and the client may take its time to read. */
static void finish(struct conn *c) {
    assert(!c->x);
    if (c->state == CONN_CLOSED) return;
    c->state = CONN_FINISHING;
    if (c->broken) {
        close_now(c);
    } else if (c->stream.pending == 0) {
        shut(c);
        stream_linger(&c->stream, LINGER_BYTES, LINGER_MS);
    }
}

static void over(struct conn *c, bool close) {
    exchange_over(c->x);
    if (close || c->server->draining) finish(c);
}

/* What the client gets after handler->gone, when it can still get something. */
static void say_why(struct conn *c, int code) {
    struct exchange *x = c->x;
    x->ended = x->handling = x->cors = false;
    if (code == ERR_TIMEOUT)
        exchange_refuse(x, 408, "the request body did not arrive in time");
    else
        exchange_refuse(x, 400, x->h1.error);
}

void conn_lost(struct conn *c, int code) {
    struct exchange *x = c->x;
    bool tell = !x->begun && (code == ERR_TIMEOUT || code == ERR_PROTOCOL) && !c->broken;
    bool begun = x->begun;
    x->ended = true;
    stat_add(STAT_REQUESTS_ABORTED, 1);
    if (x->waiting) plan_cancel(x);
    if (x->handling && x->handler->gone) x->handler->gone(x, code);
    if (tell) {
        say_why(c, code);
        return;
    }
    exchange_over(x);
    if (begun)
        reset_now(c);
    else
        close_now(c);
}

void conn_break(struct conn *c, int code) {
    if (!c->broken) c->broken = code;
    if (!c->x)
        close_now(c);
    else if (list_empty(&c->x->later))
        list_push(&c->server->http->later, &c->x->later);
}

void conn_reset(struct conn *c) {
    exchange_over(c->x);
    reset_now(c);
}

void conn_answered(struct conn *c) {
    struct exchange *x = c->x;
    if (c->broken) {
        exchange_over(x);
        close_now(c);
    } else if (x->close || x->all_in) {
        over(c, x->close);
    }
    conn_settle(c);
}

void conn_cut(struct conn *c) {
    if (c->x) {
        struct exchange *x = c->x;
        bool told = x->ended;
        x->ended = true;
        if (!told && x->waiting) plan_cancel(x);
        if (!told && x->handling && x->handler->gone) x->handler->gone(x, ERR_CANCELED);
        exchange_over(x);
    }
    if (c->state != CONN_CLOSED) shut(c);
    stream_reset(&c->stream); /* even one that lingers */
}

void conn_drain(struct conn *c) {
    if (!c->x && c->state == CONN_OPEN && c->stream.pending == 0) close_now(c);
}

/* ---- time ----------------------------------------------------------------------------------- */

static enum conn_phase phase_now(const struct conn *c) {
    const struct exchange *x = c->x;
    if (c->state == CONN_CLOSED || c->broken) return PHASE_NONE;
    if (c->stream.pending > 0) return PHASE_WRITE;
    if (c->state == CONN_FINISHING) return PHASE_NONE;
    if (!x) return PHASE_IDLE;
    if (!x->routed) return PHASE_HEADER;
    if (c->held && !x->ended) return PHASE_HELD;
    if (x->tunnel) return PHASE_NONE;
    if (x->all_in) return c->eof ? PHASE_HALF : PHASE_NONE;
    return x->reading || x->ended ? PHASE_BODY : PHASE_NONE;
}

/* What reached the client's machine. The kernel's own buffer counts as not taken: a slow client
 * empties it for a long time before the socket asks for more. */
static uint64_t taken_by_client(const struct conn *c) {
    uv_os_fd_t fd;
    int queued = 0;
    bool known = uv_fileno((const uv_handle_t *)&c->stream.tcp, &fd) == 0 &&
                 ioctl(fd, SIOCOUTQ, &queued) == 0;
    return c->out - stream_pending(&c->stream) - (known ? (uint64_t)queued : 0);
}

/* How the kernel sees the connection. Reading is paused, so nobody tells us that the client ended
 * its side (TCP_CLOSE_WAIT) or reset the connection (TCP_CLOSE). */
static int tcp_state(const struct conn *c) {
    uv_os_fd_t fd;
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (uv_fileno((const uv_handle_t *)&c->stream.tcp, &fd) < 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return TCP_CLOSE;
    return info.tcpi_state;
}

static uint64_t progress(const struct conn *c) {
    return c->out + c->x->received;
}

static void held_begins(struct conn *c) {
    c->mark = progress(c);
    c->quiet_ms = 0;
}

/* True when the client has gone, or ended its side and nothing moves any more. */
static bool held_in_vain(struct conn *c) {
    int state = tcp_state(c);
    if (state == TCP_CLOSE) return true;
    if (state != TCP_CLOSE_WAIT || progress(c) != c->mark) {
        held_begins(c);
        return false;
    }
    c->quiet_ms += HELD_LOOK_MS;
    bool answering = c->x->all_in && !c->x->tunnel;
    return c->quiet_ms >= ms_of(answering ? conf.half_close_timeout : conf.body_timeout);
}

/* Sets the timer for what the connection waits for. `fresh`: something came from the client. The
 * time for a head runs from its first byte; the others start over when something happens. */
static void watch(struct conn *c, bool fresh) {
    enum conn_phase phase = phase_now(c);
    bool same = phase == c->phase;
    uint64_t ns = 0;
    c->phase = (uint8_t)phase;
    switch (phase) {
    case PHASE_NONE:
        if (!same) timer_disarm(c->server->http->worker, &c->timer);
        return;
    case PHASE_IDLE:
        ns = conf.idle_timeout;
        break;
    case PHASE_HEADER:
        ns = conf.header_timeout;
        break;
    case PHASE_BODY:
        ns = conf.body_timeout;
        same = same && !fresh;
        break;
    case PHASE_WRITE:
        ns = conf.write_timeout;
        c->mark = same ? c->mark : taken_by_client(c);
        break;
    case PHASE_HELD:
        if (!same) held_begins(c);
        ns = HELD_LOOK_MS * (uint64_t)1000000;
        break;
    case PHASE_HALF:
        ns = conf.half_close_timeout;
        c->mark = same ? c->mark : c->out;
        break;
    }
    if (same) return;
    if (timer_arm(c->server->http->worker, &c->timer, ms_of(ns)) < 0) conn_break(c, -ENOMEM);
}

static void timed_out(struct timer *t) {
    struct conn *c = LIST_ENTRY(t, struct conn, timer);
    enum conn_phase phase = c->phase;
    c->phase = PHASE_NONE;
    if (phase == PHASE_IDLE) close_now(c);
    if (phase == PHASE_IDLE || phase == PHASE_NONE) return;
    if (phase == PHASE_HELD && !held_in_vain(c)) {
        c->phase = PHASE_HELD;
        if (timer_arm(c->server->http->worker, t, HELD_LOOK_MS) < 0) conn_break(c, -ENOMEM);
        return;
    }
    if ((phase == PHASE_WRITE && taken_by_client(c) != c->mark) ||
        (phase == PHASE_HALF && c->out != c->mark)) {
        watch(c, false);
        return;
    }
    if (phase == PHASE_HALF || phase == PHASE_HELD) {
        conn_lost(c, ERR_CLOSED);
        return;
    }
    stat_add(STAT_CLIENT_TIMEOUTS, 1);
    if (phase == PHASE_HEADER) {
        bool silent = c->x->h1.block_n == 0; /* only empty lines came */
        if (silent)
            over(c, true);
        else
            exchange_refuse(c->x, 408, "the request head did not arrive in time");
    } else if (phase == PHASE_BODY) {
        if (c->x->ended)
            over(c, true);
        else
            conn_lost(c, ERR_TIMEOUT);
    } else {
        c->broken = ERR_TIMEOUT;
        if (c->x && !c->x->ended)
            conn_lost(c, ERR_TIMEOUT);
        else if (c->x)
            exchange_over(c->x);
        reset_now(c);
    }
}

/* ---- input that waits ----------------------------------------------------------------------- */

static void let_go(struct conn *c) {
    if (!c->held) return;
    if (c->held_slab)
        worker_slab_give(c->server->http->worker, c->held);
    else
        mem_free(c->held);
    c->held = NULL;
    c->held_at = c->held_end = 0;
}

/* Keeps bytes of the worker's slab that nobody takes now. */
static void hold(struct conn *c, struct str in) {
    struct worker *w = c->server->http->worker;
    char *slab = NULL;
    if (in.n > COPY_MAX && worker_slab_holds(w, in.p)) slab = worker_slab_take(w);
    c->held_slab = slab != NULL;
    c->held = slab ? slab : mem_alloc(in.n);
    if (!c->held) {
        conn_break(c, -ENOMEM);
        return;
    }
    c->held_at = slab ? (uint32_t)(in.p - slab) : 0;
    c->held_end = c->held_at + (uint32_t)in.n;
    if (!slab) memcpy(c->held, in.p, in.n);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void deliver(struct exchange *x, const char *p, size_t n, bool last) {
    if (x->handling && x->handler->body) x->handler->body(x, p, n, last);
}

/* The first byte of a request: only now does the connection cost more than itself. */
static bool begin(struct conn *c, struct str *in) {
    /* A client that does not take its answers gets no more of them. */
    if (in->n == 0 || c->stream.pending > 0) return false;
    if (!exchange_new(c)) {
        conn_break(c, -ENOMEM);
        return false;
    }
    timer_disarm(c->server->http->worker, &c->timer);
    c->phase = PHASE_NONE;
    return true;
}

static bool read_head(struct conn *c, struct exchange *x, struct str *in) {
    if (in->n == 0) return false;
    struct h1_step s = h1_next(&x->h1, *in);
    *in = str_from(*in, s.taken);
    c->more = in->n > 0;
    if (s.event == H1_MORE) return false;
    if (s.event == H1_HEAD) {
        x->routed = true;
        x->all_in = h1_next(&x->h1, STR_NONE).event == H1_END;
        c->requests++;
        exchange_dispatch(x);
    } else {
        stat_add(STAT_REQUESTS_BAD, 1);
        exchange_refuse(x, x->h1.status, x->h1.error);
    }
    return true;
}

static bool read_body(struct conn *c, struct exchange *x, struct str *in) {
    if (x->all_in) {
        if (x->request_done) return false;
        x->request_done = true;
        deliver(x, NULL, 0, true);
        return true;
    }
    struct h1_step s = h1_next(&x->h1, *in);
    *in = str_from(*in, s.taken);
    c->more = in->n > 0;
    switch (s.event) {
    case H1_BODY:
        x->received += s.body.n;
        deliver(x, s.body.p, s.body.n, false);
        return true;
    case H1_END:
        x->all_in = true;
        return true;
    case H1_BAD:
        stat_add(STAT_REQUESTS_BAD, 1);
        conn_lost(c, ERR_PROTOCOL);
        return true;
    default:
        return false;
    }
}

/* The answer was complete before the request: its rest is skipped, so that the next one is found
 * (RFC 9112 section 9.3). */
static bool discard(struct conn *c, struct exchange *x, struct str *in) {
    struct h1_step s = h1_next(&x->h1, *in);
    *in = str_from(*in, s.taken);
    switch (s.event) {
    case H1_BODY:
        x->received += s.body.n;
        x->discarded += s.body.n;
        if (x->discarded > CONN_DISCARD) over(c, true);
        return true;
    case H1_END:
        over(c, false);
        return true;
    case H1_BAD:
        over(c, true);
        return true;
    default:
        return false;
    }
}

static bool pass_through(struct conn *c, struct exchange *x, struct str *in) {
    struct str bytes = *in;
    if (bytes.n > 0) {
        *in = str_from(bytes, bytes.n);
        c->more = false;
        x->received += bytes.n;
        deliver(x, bytes.p, bytes.n, false);
        return true;
    }
    if (!c->eof || x->request_done) return false;
    x->request_done = true;
    deliver(x, NULL, 0, true);
    return true;
}

/* One step; false when none is possible. What is taken leaves *in. */
static bool advance(struct conn *c, struct str *in) {
    struct exchange *x = c->x;
    if (c->state != CONN_OPEN || c->broken) {
        *in = str_from(*in, in->n);
        return false;
    }
    if (!x) return begin(c, in);
    if (x->ended) return discard(c, x, in);
    if (!x->routed) return read_head(c, x, in);
    if (!x->reading) return false;
    return x->tunnel && x->all_in ? pass_through(c, x, in) : read_body(c, x, in);
}

static void advance_all(struct conn *c, struct str *in) {
    c->depth++;
    do
        c->more = in->n > 0;
    while (advance(c, in));
    c->more = in->n > 0;
    c->depth--;
}

void conn_settle(struct conn *c) {
    if (c->depth > 0) return;
    struct str in = str_make(c->held ? c->held + c->held_at : NULL, c->held_end - c->held_at);
    advance_all(c, &in);
    if (in.n == 0)
        let_go(c);
    else
        c->held_at = c->held_end - (uint32_t)in.n;
    if (c->state == CONN_CLOSED) return;
    if (!c->held) stream_read(&c->stream);
    watch(c, false);
}

/* ---- callbacks of the stream ---------------------------------------------------------------- */

static void on_data(struct stream *s, char *p, size_t n) {
    struct conn *c = conn_of(s);
    struct str in = {p, n};
    assert(!c->held && c->depth == 0);
    stat_add(STAT_BYTES_IN, (int64_t)n);
    advance_all(c, &in);
    if (c->state == CONN_CLOSED) return;
    if (in.n > 0) {
        stream_pause(s);
        hold(c, in);
    }
    if (c->state != CONN_CLOSED) watch(c, true);
}

/* The client will send no more. It may have gone, or only ended its own side: nothing tells before
 * something is written to it. So what it asked for in full is still answered, if that does not take
 * long. */
static void on_eof(struct stream *s) {
    struct conn *c = conn_of(s);
    struct exchange *x = c->x;
    c->eof = true;
    if (!x) {
        finish(c);
    } else if (x->ended || !x->routed) {
        over(c, true);
    } else if (x->tunnel) {
        conn_settle(c);
    } else if (!x->all_in) {
        conn_lost(c, ERR_CLOSED);
    } else {
        x->close = true;
    }
    if (c->state != CONN_CLOSED) watch(c, false);
}

static void on_error(struct stream *s, int code) {
    struct conn *c = conn_of(s);
    c->broken = code;
    if (c->x && c->x->routed && !c->x->ended)
        conn_lost(c, code);
    else if (c->x)
        exchange_over(c->x);
    close_now(c);
}

static void on_drain(struct stream *s) {
    struct conn *c = conn_of(s);
    struct exchange *x = c->x;
    if (c->state == CONN_FINISHING) {
        finish(c);
        return;
    }
    if (x && x->want_drain && !x->ended) {
        x->want_drain = false;
        c->depth++;
        if (x->handling && x->handler->drained) x->handler->drained(x);
        c->depth--;
    }
    conn_settle(c);
    if (c->server->draining) conn_drain(c);
}

static void on_closed(struct stream *s) {
    struct conn *c = conn_of(s);
    struct server *server = c->server;
    assert(!c->x);
    let_go(c);
    list_unlink(&c->link);
    mem_free(c);
    stat_add(STAT_CONNECTIONS_OPEN, -1);
    server_left(server);
}

static const struct stream_ops stream_ops = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

void conn_wrote(struct conn *c, size_t n, size_t waiting) {
    c->out += n;
    stat_add(STAT_BYTES_OUT, (int64_t)n);
    if (waiting > 0 && c->phase != PHASE_WRITE) watch(c, false);
}

int conn_open(struct server *s) {
    struct conn *c = mem_zalloc(sizeof *c);
    if (!c) return -ENOMEM;
    c->server = s;
    list_init(&c->link);
    timer_init(&c->timer, timed_out);
    int rc = stream_init(&c->stream, &stream_ops);
    if (rc < 0) {
        mem_free(c);
        return rc;
    }
    list_push(&s->conns, &c->link);
    s->n_conns++;
    stat_add(STAT_CONNECTIONS_OPEN, 1);
    if (listener_accept(&s->listener, &c->stream) < 0) {
        close_now(c); /* it was closed by the listener, but the stream's handle is ours to end */
        return 0;
    }
    stat_add(STAT_CONNECTIONS_ACCEPTED, 1);
    c->peer_n = (uint8_t)stream_peer(&c->stream, c->peer, sizeof c->peer, NULL);
    stream_read(&c->stream);
    watch(c, true);
    return 0;
}
