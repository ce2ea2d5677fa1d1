/*
 * pool: connections to upstreams, per worker, kept alive between requests. Last in, first out.
 *
 * An idle connection is watched: any byte or EOF closes it. One with unread bytes, or whose
 * response said Connection: close, or that is too old, is never given back. Names are resolved by
 * dns; all addresses are tried. At most POOL_OPEN connections per upstream and worker; whoever
 * comes later waits in line, at most POOL_QUEUE of them. Everything runs on the worker that owns
 * the pool.
 */
#ifndef POOL_H
#define POOL_H

#include "core/base/list.h"
#include "core/base/str.h"
#include "core/loop/dns.h"
#include "core/loop/io.h"
#include "core/loop/worker.h"

/* Bounds of one worker's pool. Times in ms. */
enum {
    POOL_OPEN = 1024,              /* connections per upstream */
    POOL_QUEUE = 1024,             /* takers in line per upstream */
    POOL_PEERS = 4096,             /* upstreams */
    POOL_HOST = 255,               /* longest host name */
    POOL_AGE = 60 * 60 * 1000,     /* life of a connection: names move to other addresses */
    POOL_SURPLUS = 1000,           /* rest of those above upstream_idle: a busy moment needs them */
    POOL_LOOK = 1000,              /* rest after which a connection is looked at before use */
    POOL_LINGER_BYTES = 64 * 1024, /* what pool_finish still takes from the upstream */
    POOL_LINGER_TIME = 5000,       /* how long pool_finish waits for its end */
};

struct pool_addr {
    struct str host; /* name or literal, without brackets */
    int port;
};

struct call;
struct pool;
struct pool_peer;
struct pool_ask;

struct pool_conn {
    struct stream stream;
    struct list link; /* idle list of its peer */
    struct pool *pool;
    struct pool_peer *peer;
    struct pool_ask *ask;       /* who it is being dialed for; NULL once connected */
    struct stream_connect dial; /* the connect in progress */
    struct call *call;          /* who uses it; NULL = idle */
    struct timer timer;         /* idle life */
    int requests;               /* sent on it so far; counted by whoever sends */
    uint64_t born;              /* loop ms */
    uint64_t rested;            /* loop ms when it became idle */
};

/* A request for a connection. ready() is called once: with a connection, or with an error. The
 * taker sets c->call and c->stream.ops; the stream is reading already. */
struct pool_wait {
    void (*ready)(struct pool_wait *w, struct pool_conn *c, const struct err *e);
    void *state; /* internal; NULL once ready() was called */
};

/* 1 = ready() was called already; 0 = it will be. fresh = a new connection even if idle ones exist.
 * The host is copied. */
int pool_take(struct worker *w, const struct pool_addr *addr, bool fresh, struct pool_wait *wait);
void pool_take_cancel(struct pool_wait *wait); /* no ready() any more; fine when it was called */
/* Idle again, or handed to the next in line. Drops one that cannot serve again (bytes waiting, its
 * end seen, too old). No callback of the giver's follows. */
void pool_give(struct pool_conn *c);
void pool_drop(struct pool_conn *c);   /* close it */
void pool_reset(struct pool_conn *c);  /* RST: the upstream must see that the transfer broke */
void pool_finish(struct pool_conn *c); /* close it once what waits is written */
void pool_drop_peer(struct worker *w,
                    const struct pool_addr *addr); /* close what is idle: the instance went away */
int pool_open(struct worker *w);                   /* 0 or -ENOMEM */
/* Closes all idle connections, refuses all waits (ERR_CANCELED) and whoever comes later; run the
 * loop until they are gone. Connections in use close when they are given back. */
void pool_close(struct worker *w);

#endif
