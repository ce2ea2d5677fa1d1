/*
 * pool: connections to upstreams, per worker, kept alive between requests. Last in, first out.
 *
 * An idle connection is watched: any byte or EOF closes it. One with unread bytes, or whose
 * response said Connection: close, or that is too old, is never given back. Names are resolved by
 * dns; all addresses are tried.
 */
#ifndef POOL_H
#define POOL_H

#include "core/base/list.h"
#include "core/base/str.h"
#include "core/loop/dns.h"
#include "core/loop/io.h"
#include "core/loop/worker.h"

struct pool_addr {
    struct str host; /* name or literal, without brackets */
    int port;
};

struct call;
struct pool_peer;

struct pool_conn {
    struct stream stream;
    struct list link; /* idle list of its peer */
    struct pool_peer *peer;
    struct call *call;  /* who uses it; NULL = idle */
    struct timer timer; /* idle life */
    int requests;
    uint64_t born; /* loop ms */
};

/* A request for a connection. ready() is called once: with a connection, or with an error. */
struct pool_wait {
    void (*ready)(struct pool_wait *w, struct pool_conn *c, const struct err *e);
    void *state; /* internal */
};

/* 1 = ready() was called already; 0 = it will be. fresh = a new connection even if idle ones exist.
 */
int pool_take(struct worker *w, const struct pool_addr *addr, bool fresh, struct pool_wait *wait);
void pool_take_cancel(struct pool_wait *wait);
void pool_give(struct pool_conn *c); /* idle again */
void pool_drop(struct pool_conn *c); /* close it */
void pool_drop_peer(struct worker *w,
                    const struct pool_addr *addr); /* close what is idle: the instance went away */
void pool_open(struct worker *w);
void pool_close(
    struct worker *w); /* closes all idle connections; run the loop until they are gone */

#endif
