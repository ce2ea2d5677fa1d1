/*
 * pool: see pool.h. Called by client.c alone (and by whoever opens and closes a worker).
 *
 *   peer ── idle:  connections at rest, the latest first
 *        ├─ asks:  takers for whom a connection is being made (name, then address after address)
 *        └─ queue: takers in line because POOL_OPEN connections are open already
 *
 * An ask ends in exactly one ready(), or is cancelled. Its memory is gone before ready() runs, so
 * ready() may take, give and drop as it likes. A peer lives as long as something points to it.
 * Nothing here may look at what is sent or received.
 */
#include "core/http/pool.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/stat.h"

#define RECENT 64

/* One worker's connections to everywhere. */
struct pool {
    struct worker *worker;
    struct map peers;                 /* key -> struct pool_peer */
    struct pool_peer *recent[RECENT]; /* asked for lately: spares most look-ups their hash */
    int alive;                        /* pool_conn structures not freed yet */
    int busy;                         /* pool_close is at work */
    bool closing; /* nothing is taken any more; freed with the last connection */
};

/* One upstream: a host and a port. */
struct pool_peer {
    struct pool *pool;
    struct list idle;  /* struct pool_conn.link, last in first */
    struct list asks;  /* struct pool_ask.link */
    struct list queue; /* struct pool_ask.link, first in first */
    int n_idle;
    int n_open;              /* idle and in use */
    int n_asks;              /* being made */
    int n_queue;             /* in line */
    int holds;               /* functions on the stack that still need it */
    bool moving;             /* line_move is at work */
    int port;                /* of every connection */
    size_t n_key;            /* bytes of key */
    char key[POOL_HOST + 3]; /* host, then the port as two bytes */
};

/* A look-up. It outlives its ask when that is cancelled, until dns is through with it. */
struct pool_name {
    struct dns_query query; /* first: dns frees it by this address */
    struct pool_ask *ask;
};

/* A taker without a connection yet. */
struct pool_ask {
    struct list link; /* asks or queue of its peer */
    struct pool_peer *peer;
    struct pool_wait *wait;
    struct pool_name *name; /* look-up in progress, or its answer */
    struct pool_conn *conn; /* connect in progress */
    struct timer timer;     /* ends the current attempt */
    uint64_t deadline;      /* loop ms by which one address must have answered */
    int next;               /* address to try next */
    int error;              /* why the last one failed */
    bool resolved;          /* name holds addresses */
    bool line;              /* in the queue, not among the asks */
    bool fresh;             /* in line: wants no used connection */
};

static struct pool_peer *peer_get(struct pool *pool, const struct pool_addr *addr, bool make);
static void peer_settle(struct pool_peer *peer);
static struct pool_conn *idle_pop(struct pool_peer *peer);
static void idle_remove(struct pool_conn *c);
static bool conn_fit(const struct pool_conn *c);
static bool conn_silent(struct pool_conn *c);
static void conn_part(struct pool_conn *c);
static int ask_new(struct pool_peer *peer, struct pool_wait *wait, bool fresh, bool line);
static int ask_start(struct pool_ask *ask);
static void ask_free(struct pool_ask *ask);
static int ask_fail(struct pool_ask *ask, int code);
static void ask_ready(struct pool_ask *ask, struct pool_conn *c);
static void line_move(struct pool_peer *peer);
static void pool_free(struct pool *pool);
static const struct stream_ops idle_ops, gone_ops;

static struct pool *pool_of(const struct worker *w) {
    return w->slot[WORKER_POOL];
}

/* Refuses a taker on the spot. */
static int refuse(struct pool_wait *wait, int code, const char *why) {
    struct err e = {0};
    err_set(&e, code, "%s", why);
    wait->state = NULL;
    wait->ready(wait, NULL, &e);
    return 1;
}

int pool_open(struct worker *w) {
    assert(!pool_of(w));
    struct pool *pool = mem_zalloc(sizeof *pool);
    if (!pool) return -ENOMEM;
    pool->worker = w;
    map_init(&pool->peers, POOL_PEERS);
    w->slot[WORKER_POOL] = pool;
    return 0;
}

int pool_take(struct worker *w, const struct pool_addr *addr, bool fresh, struct pool_wait *wait) {
    struct pool *pool = pool_of(w);
    wait->state = NULL;
    if (!pool || pool->closing) return refuse(wait, ERR_CANCELED, "the host is stopping");
    if (addr->host.n == 0 || addr->host.n > POOL_HOST || addr->port < 1 || addr->port > 65535)
        return refuse(wait, -EINVAL, "not an address to connect to");
    struct pool_peer *peer = peer_get(pool, addr, true);
    if (!peer) return refuse(wait, -ENOMEM, "no memory for another upstream");

    struct pool_conn *c = fresh ? NULL : idle_pop(peer);
    if (c) {
        stat_add(STAT_UPSTREAM_REUSED, 1);
        wait->ready(wait, c, NULL);
        return 1;
    }
    if (peer->n_open + peer->n_asks >= POOL_OPEN && fresh && !list_empty(&peer->idle))
        pool_drop(LIST_ENTRY(peer->idle.prev, struct pool_conn, link));
    bool line = peer->n_open + peer->n_asks >= POOL_OPEN;
    if (line && peer->n_queue >= POOL_QUEUE)
        return refuse(wait, ERR_BUSY, "too many requests wait for a connection to the upstream");
    int rc = ask_new(peer, wait, fresh, line);
    if (rc >= 0) return rc;
    peer_settle(peer);
    return refuse(wait, rc, "no memory for another connection");
}

void pool_take_cancel(struct pool_wait *wait) {
    struct pool_ask *ask = wait->state;
    if (!ask) return;
    struct pool_peer *peer = ask->peer;
    ask_free(ask);
    line_move(peer);
}

void pool_give(struct pool_conn *c) {
    struct pool_peer *peer = c->peer;
    c->call = NULL;
    c->stream.ops = &idle_ops;
    if (peer->pool->closing || !conn_fit(c)) {
        pool_drop(c);
        return;
    }
    if (!list_empty(&peer->queue)) {
        struct pool_ask *ask = LIST_ENTRY(peer->queue.next, struct pool_ask, link);
        if (ask->fresh) {
            pool_drop(c); /* makes room, which moves the line */
        } else {
            stat_add(STAT_UPSTREAM_REUSED, 1);
            ask_ready(ask, c);
        }
        return;
    }
    struct worker *w = peer->pool->worker;
    uint64_t ms = conf.upstream_keepalive / 1000000;
    /* Under load more than the set number may rest between two requests: closing them at once would
     * mean a new connection for every other request. */
    if (peer->n_idle >= conf.upstream_idle && ms > POOL_SURPLUS) ms = POOL_SURPLUS;
    if (conf.upstream_idle == 0 || timer_arm(w, &c->timer, ms) < 0) {
        pool_drop(c);
        return;
    }
    c->rested = w->now_ms;
    stream_read(&c->stream);
    list_push_front(&peer->idle, &c->link);
    peer->n_idle++;
    stat_add(STAT_UPSTREAM_IDLE, 1);
}

void pool_drop(struct pool_conn *c) {
    struct pool_peer *peer = c->peer;
    conn_part(c);
    stream_close(&c->stream);
    line_move(peer);
}

void pool_reset(struct pool_conn *c) {
    struct pool_peer *peer = c->peer;
    conn_part(c);
    stream_reset(&c->stream);
    line_move(peer);
}

void pool_finish(struct pool_conn *c) {
    struct pool_peer *peer = c->peer;
    conn_part(c);
    stream_linger(&c->stream, POOL_LINGER_BYTES, POOL_LINGER_TIME);
    line_move(peer);
}

void pool_drop_peer(struct worker *w, const struct pool_addr *addr) {
    struct pool *pool = pool_of(w);
    struct pool_peer *peer = pool ? peer_get(pool, addr, false) : NULL;
    if (!peer) return;
    peer->holds++;
    while (!list_empty(&peer->idle))
        pool_drop(LIST_ENTRY(peer->idle.next, struct pool_conn, link));
    peer->holds--;
    peer_settle(peer);
}

void pool_close(struct worker *w) {
    struct pool *pool = pool_of(w);
    if (!pool || pool->closing) return;
    pool->closing = true;
    pool->busy = 1;
    for (;;) { /* the map changes below the hands: look for work from the start each time */
        size_t it = 0;
        struct pool_peer *peer = NULL;
        struct str key;
        void *value;
        while (map_next(&pool->peers, &it, &key, &value)) {
            peer = value;
            if (!list_empty(&peer->idle) || !list_empty(&peer->queue) || !list_empty(&peer->asks))
                break;
            peer = NULL;
        }
        if (!peer) break;
        struct list *waits = list_empty(&peer->queue) ? &peer->asks : &peer->queue;
        if (!list_empty(waits))
            ask_fail(LIST_ENTRY(waits->next, struct pool_ask, link), ERR_CANCELED);
        else
            pool_drop(LIST_ENTRY(peer->idle.next, struct pool_conn, link));
    }
    pool->busy = 0;
    pool_free(pool);
}

/* ---- the pool and its peers ------------------------------------------------------------------ */

/* Frees a closing pool once nothing is left of it. */
static void pool_free(struct pool *pool) {
    if (!pool->closing || pool->busy || pool->alive > 0) return;
    assert(pool->peers.n == 0);
    pool->worker->slot[WORKER_POOL] = NULL;
    map_free(&pool->peers);
    mem_free(pool);
}

static struct str peer_host(const struct pool_peer *peer) {
    return str_make(peer->key, peer->n_key - 2);
}

static struct pool_peer **recent_of(struct pool *pool, struct str host, int port) {
    return &pool->recent[((size_t)port ^ host.n ^ (unsigned char)host.p[host.n - 1]) % RECENT];
}

static struct pool_peer *peer_get(struct pool *pool, const struct pool_addr *addr, bool make) {
    size_t n = addr->host.n;
    if (n == 0 || n > POOL_HOST) return NULL;
    struct pool_peer **recent = recent_of(pool, addr->host, addr->port), *peer = *recent;
    if (peer && peer->port == addr->port && str_eq(peer_host(peer), addr->host)) return peer;

    char key[POOL_HOST + 3];
    memcpy(key, addr->host.p, n);
    key[n++] = (char)(addr->port >> 8);
    key[n++] = (char)(addr->port & 0xff);
    peer = map_get(&pool->peers, str_make(key, n));
    if (peer) *recent = peer;
    if (peer || !make) return peer;

    peer = mem_zalloc(sizeof *peer);
    if (!peer) return NULL;
    peer->pool = pool;
    peer->port = addr->port;
    peer->n_key = n;
    memcpy(peer->key, key, n);
    list_init(&peer->idle);
    list_init(&peer->asks);
    list_init(&peer->queue);
    if (map_put(&pool->peers, str_make(key, n), peer) < 0) {
        mem_free(peer);
        return NULL;
    }
    return peer;
}

/* Frees a peer that nothing needs any more. */
static void peer_settle(struct pool_peer *peer) {
    if (peer->holds || peer->n_open || peer->n_asks || peer->n_queue) return;
    assert(list_empty(&peer->idle));
    struct pool_peer **recent = recent_of(peer->pool, peer_host(peer), peer->port);
    if (*recent == peer) *recent = NULL;
    map_del(&peer->pool->peers, str_make(peer->key, peer->n_key));
    mem_free(peer);
}

/* Room may have been made: whoever is first in line gets a connection made. Settles the peer. */
static void line_move(struct pool_peer *peer) {
    if (peer->moving) return; /* asks that fail at once come by here again */
    peer->moving = true;
    peer->holds++;
    while (!list_empty(&peer->queue) && peer->n_open + peer->n_asks < POOL_OPEN) {
        struct pool_ask *ask = LIST_ENTRY(list_pop(&peer->queue), struct pool_ask, link);
        peer->n_queue--;
        peer->n_asks++;
        ask->line = false;
        list_push(&peer->asks, &ask->link);
        ask_start(ask);
    }
    peer->holds--;
    peer->moving = false;
    peer_settle(peer);
}

/* ---- connections ----------------------------------------------------------------------------- */

/* The latest idle connection that still lives. */
static struct pool_conn *idle_pop(struct pool_peer *peer) {
    struct pool_conn *found = NULL;
    peer->holds++;
    while (!found && !list_empty(&peer->idle)) {
        struct pool_conn *c = LIST_ENTRY(peer->idle.next, struct pool_conn, link);
        if (conn_silent(c)) {
            idle_remove(c);
            found = c;
        } else {
            pool_drop(c);
        }
    }
    peer->holds--;
    return found;
}

static void idle_remove(struct pool_conn *c) {
    list_unlink(&c->link);
    c->peer->n_idle--;
    stat_add(STAT_UPSTREAM_IDLE, -1);
    timer_disarm(c->peer->pool->worker, &c->timer);
}

/* Can it serve another request? */
static bool conn_fit(const struct pool_conn *c) {
    const struct stream *s = &c->stream;
    return !s->eof && !s->closing && !s->shutting && !s->failed && stream_pending(s) == 0 &&
           c->peer->pool->worker->now_ms - c->born < POOL_AGE;
}

/* After a long rest the loop may not have heard yet that the upstream hung up, and a request sent
 * now would be lost: look. Short rests are not worth the system call. */
static bool conn_silent(struct pool_conn *c) {
    if (c->peer->pool->worker->now_ms - c->rested < POOL_LOOK) return true;
    uv_os_fd_t fd;
    char byte;
    if (uv_fileno((const uv_handle_t *)&c->stream.tcp, &fd) < 0) return false;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Takes a connection out of all lists and counts before it closes. */
static void conn_part(struct pool_conn *c) {
    struct pool_peer *peer = c->peer;
    if (c->ask) {
        c->ask->conn = NULL;
    } else {
        peer->n_open--;
        stat_add(STAT_UPSTREAM_OPEN, -1);
    }
    if (c->link.next != &c->link) idle_remove(c);
    timer_remove(peer->pool->worker, &c->timer);
    c->peer = NULL;
    c->ask = NULL;
    c->call = NULL;
    c->stream.ops = &gone_ops;
}

static void on_bytes(struct stream *s, char *p, size_t n) {
    log_debug("upstream sent bytes that nobody asked for", LOGI("bytes", n));
    pool_drop(LIST_ENTRY(s, struct pool_conn, stream));
}

static void on_eof(struct stream *s) {
    pool_drop(LIST_ENTRY(s, struct pool_conn, stream));
}

static void on_error(struct stream *s, int code) {
    pool_drop(LIST_ENTRY(s, struct pool_conn, stream));
}

static void on_drain(struct stream *s) {}

static void on_closed(struct stream *s) {
    struct pool_conn *c = LIST_ENTRY(s, struct pool_conn, stream);
    struct pool *pool = c->pool;
    pool->alive--;
    mem_free(c);
    pool_free(pool);
}

static const struct stream_ops idle_ops = {on_bytes, on_eof, on_error, on_drain, on_closed};

/* A connection that is on its way out has nothing to tell but its end. */
static void gone_bytes(struct stream *s, char *p, size_t n) {}

static void gone_eof(struct stream *s) {}

static void gone_error(struct stream *s, int code) {
    stream_close(s);
}

static const struct stream_ops gone_ops = {gone_bytes, gone_eof, gone_error, on_drain, on_closed};

static void on_rested(struct timer *t) {
    pool_drop(LIST_ENTRY(t, struct pool_conn, timer));
}

/* ---- making a connection --------------------------------------------------------------------- */

static int ask_dial(struct pool_ask *ask);
static void on_named(struct dns_query *q);
static void on_connected(struct stream_connect *dial, int status);
static void on_late(struct timer *t);

/* 0 = ready() will be called, 1 = it was, -ENOMEM = there is no ask. */
static int ask_new(struct pool_peer *peer, struct pool_wait *wait, bool fresh, bool line) {
    struct pool_ask *ask = mem_zalloc(sizeof *ask);
    if (!ask) return -ENOMEM;
    ask->peer = peer;
    ask->wait = wait;
    ask->fresh = fresh;
    ask->line = line;
    ask->error = ERR_TIMEOUT;
    timer_init(&ask->timer, on_late);
    wait->state = ask;
    if (line) {
        list_push(&peer->queue, &ask->link);
        peer->n_queue++;
        return 0;
    }
    list_push(&peer->asks, &ask->link);
    peer->n_asks++;
    return ask_start(ask);
}

/* Asks for the addresses. 1 = it is over already. */
static int ask_start(struct pool_ask *ask) {
    struct worker *w = ask->peer->pool->worker;
    uint64_t ms = conf.connect_timeout / 1000000;
    ask->deadline = uv_now(&w->loop) + ms;
    ask->name = mem_zalloc(sizeof *ask->name);
    if (!ask->name || timer_arm(w, &ask->timer, ms) < 0) {
        ask->resolved = true; /* nothing to cancel */
        return ask_fail(ask, -ENOMEM);
    }
    ask->name->ask = ask;
    struct dns_query *q = &ask->name->query;
    int rc = dns_resolve(q, peer_host(ask->peer), ask->peer->port, on_named);
    if (rc == 0) return 0;
    ask->resolved = true;
    if (rc < 0 || q->status < 0) return ask_fail(ask, rc < 0 ? rc : q->status);
    return ask_dial(ask);
}

static void on_named(struct dns_query *q) {
    struct pool_ask *ask = ((struct pool_name *)(void *)q)->ask;
    ask->resolved = true;
    if (q->status < 0)
        ask_fail(ask, q->status);
    else
        ask_dial(ask);
}

/* Tries addresses from ask->next on until one is being connected to. Each gets its share of the
 * time that is left, so that a silent first one does not hide the second. 1 = it is over. */
static int ask_dial(struct pool_ask *ask) {
    struct pool *pool = ask->peer->pool;
    struct worker *w = pool->worker;
    const struct dns_query *q = &ask->name->query;
    while (ask->next < q->n) {
        uint64_t now = uv_now(&w->loop);
        if (now >= ask->deadline) break;
        uint64_t share = (ask->deadline - now) / (uint64_t)(q->n - ask->next);
        const struct sockaddr *sa = (const struct sockaddr *)&q->addr[ask->next++].sa;

        struct pool_conn *c = mem_zalloc(sizeof *c);
        if (!c || timer_arm(w, &ask->timer, share ? share : 1) < 0) {
            mem_free(c);
            return ask_fail(ask, -ENOMEM);
        }
        int rc = stream_init(&c->stream, &idle_ops);
        if (rc < 0) {
            mem_free(c);
            return ask_fail(ask, rc);
        }
        pool->alive++;
        c->pool = pool;
        c->peer = ask->peer;
        c->ask = ask;
        c->born = w->now_ms;
        ask->conn = c;
        list_init(&c->link);
        timer_init(&c->timer, on_rested);
        rc = stream_connect(&c->dial, &c->stream, sa, on_connected);
        if (rc == 0) return 0;
        ask->error = rc;
        conn_part(c);
        stream_close(&c->stream);
    }
    return ask_fail(ask, ask->error);
}

/* The attempt at hand failed. */
static void ask_next(struct pool_ask *ask, int why) {
    struct pool_conn *c = ask->conn;
    ask->error = why;
    conn_part(c);
    stream_close(&c->stream);
    ask_dial(ask);
}

static void on_connected(struct stream_connect *dial, int status) {
    struct pool_conn *c = LIST_ENTRY(dial, struct pool_conn, dial);
    struct pool_ask *ask = c->ask;
    if (!ask) return; /* closed meanwhile */
    if (status < 0) {
        ask_next(ask, status);
        return;
    }
    ask->conn = NULL;
    c->ask = NULL;
    c->peer->n_open++;
    stat_add(STAT_UPSTREAM_CONNECTS, 1);
    stat_add(STAT_UPSTREAM_OPEN, 1);
    stream_read(&c->stream);
    ask_ready(ask, c);
}

static void on_late(struct timer *t) {
    struct pool_ask *ask = LIST_ENTRY(t, struct pool_ask, timer);
    if (ask->conn)
        ask_next(ask, ERR_TIMEOUT);
    else
        ask_fail(ask, ERR_TIMEOUT);
}

/* Undoes whatever the ask has in progress and frees it. The peer stays: the caller settles it. */
static void ask_free(struct pool_ask *ask) {
    struct pool_peer *peer = ask->peer;
    ask->wait->state = NULL;
    list_unlink(&ask->link);
    if (ask->line)
        peer->n_queue--;
    else
        peer->n_asks--;
    timer_remove(peer->pool->worker, &ask->timer);
    if (ask->conn) {
        struct pool_conn *c = ask->conn;
        conn_part(c);
        stream_close(&c->stream);
    }
    if (ask->resolved)
        mem_free(ask->name);
    else if (ask->name)
        dns_cancel(&ask->name->query);
    mem_free(ask);
}

static int ask_fail(struct pool_ask *ask, int code) {
    struct pool_peer *peer = ask->peer;
    struct pool_wait *wait = ask->wait;
    struct err e = {0};
    err_set(&e, code, "cannot connect to %.*s port %d: %s", STR_FMT(peer_host(peer)), peer->port,
            code <= ERR_CONFLICT ? err_name(code) : uv_strerror(code));
    peer->holds++;
    ask_free(ask);
    wait->ready(wait, NULL, &e);
    peer->holds--;
    line_move(peer);
    return 1;
}

/* Hands a connection to the taker. */
static void ask_ready(struct pool_ask *ask, struct pool_conn *c) {
    struct pool_wait *wait = ask->wait;
    ask_free(ask);
    wait->ready(wait, c, NULL);
}
