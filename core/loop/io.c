/*
 * io: streams. (The listeners are in listen.c.)
 *
 * Used by the HTTP layer for clients and upstreams alike. A write goes straight to the socket from
 * the caller's memory; nothing is allocated, queued or polled for unless the socket is full. What
 * it did not take becomes chunks: a large piece of the worker's slab moves over with the slab
 * itself, anything else is copied. One uv_write is in the air at a time; uv_try_write is never
 * called while chunks wait, so order is kept by construction.
 *
 * FIN is sent by shutdown(2) itself once nothing waits. uv_shutdown would need a request per stream
 * and would make uv_tcp_close_reset refuse.
 */
#include "core/loop/io.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/loop/worker.h"

#define SLICES     16   /* handed to the socket in one system call */
#define COPY_MAX   4096 /* leftovers up to this size are copied: a slab would be a waste */
#define CHUNK_STEP 1024 /* copied chunks come in these sizes, so that small writes share one */

struct stream_chunk {
    struct stream_chunk *next;
    const char *p; /* in `bytes` or in a slab */
    size_t n;
    size_t room;    /* bytes that fit behind the n in `bytes`; 0 for a slab */
    char *slab;     /* given back together with this chunk; NULL = not ours, or not a slab */
    bool flying;    /* libuv has it */
    uv_write_t req; /* of a batch that begins with this chunk */
    char bytes[];
};

struct stream_linger {
    struct timer timer;
    struct stream *stream;
    size_t left; /* bytes that may still be discarded */
};

/* Its own piece of memory, so that the caller's op may go while libuv still holds the request. */
struct stream_dial {
    uv_connect_t req;
    struct stream_connect *op; /* not to be touched once the stream is closing */
};

static struct worker *worker_of(const struct stream *s) {
    return s->tcp.loop->data;
}

static struct stream *stream_of(const void *tcp) {
    return LIST_ENTRY(tcp, struct stream, tcp);
}

int stream_init(struct stream *s, const struct stream_ops *ops) {
    struct worker *w = worker_self();
    assert(w);
    memset(s, 0, sizeof *s);
    s->ops = ops;
    s->out_tail = &s->out;
    return uv_tcp_init(&w->loop, &s->tcp);
}

/* ---- whose memory it is ---------------------------------------------------------------------- */

struct stream_payer *stream_payer_new(size_t most) {
    struct stream_payer *p = mem_alloc(sizeof *p);
    if (p) *p = (struct stream_payer){.most = most, .users = 1};
    return p;
}

void stream_payer_give(struct stream_payer *p) {
    if (!p || --p->users > 0) return;
    assert(p->bytes == 0);
    mem_free(p);
}

void stream_charge(struct stream *s, struct stream_payer *p) {
    assert(!s->out);
    if (s->payer == p) return;
    stream_payer_give(s->payer);
    s->payer = p;
    if (p) p->users++;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

/* What it takes up, the same for as long as it lives. Of a slab that is the part in use. */
static size_t cost(const struct stream_chunk *c) {
    return sizeof *c + c->n + c->room;
}

static void drop_first(struct stream *s) {
    struct stream_chunk *c = s->out;
    if (s->payer) s->payer->bytes -= cost(c);
    s->out = c->next;
    if (!s->out) s->out_tail = &s->out;
    s->pending -= (uint32_t)c->n;
    worker_slab_give(worker_of(s), c->slab);
    mem_free(c);
}

/* Only while libuv has none of them. */
static void drop_all(struct stream *s) {
    assert(!s->out || !s->out->flying);
    while (s->out)
        drop_first(s);
}

static struct stream_chunk *chunk_add(struct stream *s, size_t room) {
    struct stream_chunk *c = mem_alloc(sizeof *c + room);
    if (!c) return NULL;
    *c = (struct stream_chunk){.p = c->bytes, .room = room};
    *s->out_tail = c;
    s->out_tail = &c->next;
    return c;
}

static struct stream_chunk *last_chunk(const struct stream *s) {
    return s->out ? LIST_ENTRY(s->out_tail, struct stream_chunk, next) : NULL;
}

static int keep_copy(struct stream *s, const char *p, size_t n) {
    struct stream_chunk *c = last_chunk(s);
    if (!c || c->flying || c->room < n) {
        c = chunk_add(s, (n + CHUNK_STEP - 1) / CHUNK_STEP * CHUNK_STEP);
        if (!c) return -ENOMEM;
        if (s->payer) s->payer->bytes += cost(c);
    }
    memcpy(c->bytes + c->n, p, n);
    c->n += n;
    c->room -= n;
    s->pending += (uint32_t)n;
    return 0;
}

/* A piece of a slab that was taken. The youngest chunk of a slab gives it back: chunks go in order,
 * so that is the last one that needs it. */
static struct stream_chunk *keep_slab(struct stream *s, const char *p, size_t n, char *slab,
                                      struct stream_chunk *older) {
    struct stream_chunk *c = chunk_add(s, 0);
    if (!c) return NULL;
    c->p = p;
    c->n = n;
    c->slab = slab;
    if (s->payer) s->payer->bytes += cost(c);
    if (older) older->slab = NULL;
    s->pending += (uint32_t)n;
    return c;
}

static bool lies_in(const char *slab, const char *p) {
    return (uintptr_t)p >= (uintptr_t)slab && (uintptr_t)p - (uintptr_t)slab < WORKER_SLAB;
}

static bool affordable(const struct stream *s, const struct str *parts, int n, size_t skip) {
    size_t bytes = 0;
    if (!s->payer) return true;
    for (int i = 0; i < n; i++)
        bytes += parts[i].n;
    return stream_payer_has_room(s->payer, bytes - skip);
}

/* Keeps what the socket did not take: all of `parts` but the first `skip` bytes. */
static int keep(struct stream *s, const struct str *parts, int n, size_t skip) {
    struct worker *w = worker_of(s);
    char *slab = NULL;
    struct stream_chunk *holder = NULL;
    if (!affordable(s, parts, n, skip)) {
        if (s->payer->full) s->payer->full(s->payer);
        return ERR_LIMIT;
    }
    for (int i = 0; i < n; i++, skip = 0) {
        if (parts[i].n == skip) continue; /* an empty slice may be NULL */
        const char *p = parts[i].p + skip;
        size_t len = parts[i].n - skip;
        if (len > STREAM_PENDING_MAX - s->pending) return ERR_LIMIT;
        bool large = len > COPY_MAX;
        if (!slab && large && worker_slab_holds(w, p)) slab = worker_slab_take(w);
        if (slab && large && lies_in(slab, p)) {
            struct stream_chunk *c = keep_slab(s, p, len, slab, holder);
            if (!c && !holder) worker_slab_give(w, slab);
            if (!c) return -ENOMEM;
            holder = c;
        } else if (keep_copy(s, p, len) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void wrote(uv_write_t *req, int status);

/* Hands the first chunks to libuv. */
static int send_batch(struct stream *s) {
    uv_buf_t bufs[SLICES] = {{0}};
    unsigned n = 0;
    size_t bytes = 0;
    struct stream_chunk *c = s->out;
    for (; c && n < SLICES; c = c->next) {
        bufs[n++] = (uv_buf_t){.base = (char *)(uintptr_t)c->p, .len = c->n};
        bytes += c->n;
    }
    int r = uv_write(&s->out->req, (uv_stream_t *)&s->tcp, bufs, n, wrote);
    if (r < 0) return r;
    s->flying = (uint32_t)bytes;
    for (c = s->out; n > 0; c = c->next, n--)
        c->flying = true;
    return 0;
}

/* FIN. An error means that the connection is gone: reading tells so too. */
static void fin(struct stream *s) {
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&s->tcp, &fd) == 0) shutdown(fd, SHUT_WR);
}

static void broke(struct stream *s, int code) {
    drop_all(s);
    if (s->linger) {
        stream_close(s);
    } else if (!s->failed) {
        s->failed = true;
        s->ops->on_error(s, code);
    }
}

static void wrote(uv_write_t *req, int status) {
    struct stream *s = stream_of(req->handle);
    while (s->out && s->out->flying)
        drop_first(s);
    s->flying = 0;
    if (s->closing) {
        drop_all(s);
        return;
    }
    worker_enter(worker_of(s));
    if (status == 0 && s->out) status = send_batch(s);
    if (status < 0) {
        broke(s, status);
    } else if (!s->out) {
        if (s->shutting) fin(s);
        if (s->linger) {
            if (s->eof) stream_close(s);
        } else if (s->ops->on_drain) {
            s->ops->on_drain(s);
        }
    }
}

/* Offers everything to the socket. Returns how many parts it took whole; *skip = bytes that it took
 * of the next one. Negative when the socket is broken. */
static int offer(struct stream *s, const struct str *parts, int n, size_t *skip) {
    int done = 0;
    *skip = 0;
    while (done < n) {
        uv_buf_t bufs[SLICES];
        unsigned m = 0;
        size_t bytes = 0;
        int next = done;
        for (; next < n && m < SLICES; next++) {
            if (parts[next].n == 0) continue;
            bufs[m++] = (uv_buf_t){.base = (char *)(uintptr_t)parts[next].p, .len = parts[next].n};
            bytes += parts[next].n;
        }
        if (m == 0) return n;
        int r = uv_try_write((uv_stream_t *)&s->tcp, bufs, m);
        if (r < 0 && r != UV_EAGAIN) return r;
        size_t taken = r < 0 ? 0 : (size_t)r;
        if (taken == bytes) {
            done = next;
            continue;
        }
        while (taken >= parts[done].n)
            taken -= parts[done++].n;
        *skip = taken;
        return done;
    }
    return done;
}

ssize_t stream_write(struct stream *s, const struct str *parts, int n) {
    if (s->closing || s->shutting || s->failed) return -EPIPE;
    int done = 0;
    size_t skip = 0;
    int r = 0;
    bool idle = !s->out;
    if (idle && !s->connecting) {
        done = offer(s, parts, n, &skip);
        if (done == n) return 0;
        r = done;
    }
    if (r >= 0) r = keep(s, parts + done, n - done, skip);
    if (r >= 0 && idle && s->out) r = send_batch(s);
    if (r >= 0) return (ssize_t)s->pending;
    s->failed = true;
    if (idle) drop_all(s);
    return r;
}

void stream_shutdown(struct stream *s) {
    if (s->closing || s->shutting) return;
    s->shutting = true;
    if (!s->out && !s->connecting && !s->failed) fin(s);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)suggested;
    struct worker *w = handle->loop->data;
    *buf = (uv_buf_t){.base = w->slab, .len = WORKER_SLAB};
}

/* What arrives while lingering is thrown away. */
static void discard(struct stream *s, ssize_t n) {
    if (n == UV_EOF) {
        s->eof = true;
        s->reading = false;
        if (!s->out) stream_close(s);
    } else if (n < 0 || (size_t)n > s->linger->left) {
        stream_close(s);
    } else {
        s->linger->left -= (size_t)n;
    }
}

/* libuv says EOF for a reset that came together with the last bytes (it looks at POLLHUP instead of
 * reading once more), and a broken transfer would pass for a whole one. So the socket is asked: 0
 * for a true end, else the error. Once per connection. */
static int true_end(const struct stream *s) {
    uv_os_fd_t fd;
    char byte;
    int r = uv_fileno((const uv_handle_t *)&s->tcp, &fd);
    if (r < 0) return r;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0) return 0;
    return n > 0 || errno == EAGAIN ? -ECONNRESET : -errno;
}

static void ended(struct stream *s, int code) {
    s->eof = true;
    s->reading = false;
    if (code == UV_EOF) code = true_end(s);
    if (code == 0)
        s->ops->on_eof(s);
    else
        s->ops->on_error(s, code == UV_ETIMEDOUT ? ERR_TIMEOUT : code);
}

static void arrived(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf) {
    struct stream *s = stream_of(tcp);
    if (n == 0) return; /* a read that found nothing */
    struct worker *w = worker_of(s);
    worker_enter(w);
    if (s->linger) {
        discard(s, n);
    } else if (n > 0) {
        worker_slab_lend(w, buf->base);
        s->ops->on_data(s, buf->base, (size_t)n);
        worker_slab_lent(w); /* s may be gone by now, w is not */
    } else {
        ended(s, (int)n);
    }
}

void stream_read(struct stream *s) {
    if (s->reading || s->eof || s->closing) return;
    int r = uv_read_start((uv_stream_t *)&s->tcp, lend, arrived);
    assert(r == 0); /* fails only on a stream that was never connected or accepted */
    s->reading = r == 0;
}

void stream_pause(struct stream *s) {
    if (!s->reading || s->closing) return;
    uv_read_stop((uv_stream_t *)&s->tcp);
    s->reading = false;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void dialed(uv_connect_t *req, int status) {
    struct stream_dial *dial = LIST_ENTRY(req, struct stream_dial, req);
    struct stream_connect *c = dial->op;
    struct stream *s = stream_of(req->handle);
    mem_free(dial);
    s->connecting = false;
    if (s->closing) return;
    worker_enter(worker_of(s));
    c->dial = NULL;
    if (status < 0)
        s->failed = true;
    else if (s->shutting && !s->out)
        fin(s);
    c->connected(c, status == UV_ETIMEDOUT ? ERR_TIMEOUT : status);
}

int stream_connect(struct stream_connect *c, struct stream *s, const struct sockaddr *addr,
                   void (*connected)(struct stream_connect *c, int status)) {
    *c = (struct stream_connect){.stream = s, .connected = connected};
    struct stream_dial *dial = mem_alloc(sizeof *dial);
    if (!dial) return -ENOMEM;
    dial->op = c;
    uv_tcp_nodelay(&s->tcp, 1); /* only notes it: there is no socket yet */
    int r = uv_tcp_connect(&dial->req, &s->tcp, addr, dialed);
    if (r < 0) {
        mem_free(dial);
        s->failed = true;
        return r;
    }
    c->dial = dial;
    s->connecting = true;
    return 0;
}

void stream_connect_cancel(struct stream_connect *c) {
    if (!c->dial) return;
    c->dial = NULL;
    stream_close(c->stream);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void closed(uv_handle_t *handle) {
    struct stream *s = stream_of(handle);
    drop_all(s);
    stream_charge(s, NULL);
    if (s->ops->on_closed) s->ops->on_closed(s);
}

static void stop_linger(struct stream *s) {
    if (!s->linger) return;
    timer_remove(worker_of(s), &s->linger->timer);
    mem_free(s->linger);
    s->linger = NULL;
}

static bool begin_close(struct stream *s) {
    if (s->closing) return false;
    s->closing = true;
    s->reading = false;
    stop_linger(s);
    return true;
}

void stream_close(struct stream *s) {
    if (begin_close(s)) uv_close((uv_handle_t *)&s->tcp, closed);
}

void stream_reset(struct stream *s) {
    if (!begin_close(s)) return;
    /* Refused when there is no socket (yet): then nobody is there to see a reset. */
    if (uv_tcp_close_reset(&s->tcp, closed) < 0) uv_close((uv_handle_t *)&s->tcp, closed);
}

static void lingered(struct timer *t) {
    stream_close(LIST_ENTRY(t, struct stream_linger, timer)->stream);
}

void stream_linger(struct stream *s, size_t limit, uint64_t ms) {
    if (s->closing || s->linger) return;
    if (s->failed || (s->eof && !s->out)) {
        stream_close(s);
        return;
    }
    struct stream_linger *l = mem_alloc(sizeof *l);
    if (l) {
        *l = (struct stream_linger){.stream = s, .left = limit};
        timer_init(&l->timer, lingered);
    }
    if (!l || timer_arm(worker_of(s), &l->timer, ms) < 0) {
        mem_free(l);
        stream_close(s); /* no memory to be polite with */
        return;
    }
    s->linger = l;
    stream_shutdown(s);
    stream_read(s);
}

/* ---- who is there ---------------------------------------------------------------------------- */

size_t stream_peer(const struct stream *s, char *out, size_t cap, int *port) {
    struct sockaddr_storage sa;
    int len = sizeof sa;
    if (port) *port = 0;
    if (cap > 0) out[0] = '\0';
    if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&sa, &len) < 0) return 0;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&sa;
    bool mapped = sa.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    const void *bytes = sa.ss_family == AF_INET ? (const void *)&v4->sin_addr
                        : mapped                ? (const void *)&v6->sin6_addr.s6_addr[12]
                                                : (const void *)&v6->sin6_addr;
    int family = mapped ? AF_INET : sa.ss_family;
    if (cap == 0 || !inet_ntop(family, bytes, out, (socklen_t)cap)) return 0;
    if (port) *port = ntohs(sa.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    return strlen(out);
}
