/*
 * client: one HTTP/1.1 request to an upstream, over a pooled connection. Used by the proxy and by
 * Lua's http client.
 *
 * The caller fills in the address and a ready-made request head, then feeds the body; callbacks
 * bring the response. The mirror image of an exchange: the same rules of borrowing and
 * back-pressure. Everything on one worker. Never retries by itself: the failure says whether that
 * would be safe.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "core/base/arena.h"
#include "core/http/h1.h"
#include "core/http/pool.h"
#include "core/loop/worker.h"

struct call;

struct call_ops {
    /* The response head (1xx included, with status < 200: more follow). Fields live in call->arena.
     */
    void (*head)(struct call *c, const struct head *h);
    /* Decoded body bytes, borrowed. `last` comes once, with or without bytes. After call_tunnel:
     * raw bytes. */
    void (*body)(struct call *c, const char *p, size_t n, bool last);
    void (*drained)(struct call *c); /* call_write returned 1 and there is room again */
    /* It failed; the call is over. `clean` = nothing of this request can have been acted upon (not
     * connected, or a reused connection that died before any response byte and the request is
     * idempotent by its method, or no byte was sent). */
    void (*failed)(struct call *c, const struct err *e, bool clean);
};

struct call {
    const struct call_ops *ops;
    void *data; /* the caller's */
    struct worker *worker;
    struct arena *arena;    /* for the response head; the caller's */
    struct h1 h1;           /* response parser */
    struct pool_conn *conn; /* NULL until there is one */
    struct pool_wait wait;  /* while waiting for one */
    struct buf out;         /* request head and early body until the connection is there */
    struct timer timer;
    uint64_t sent, received;
    bool idempotent; /* the method allows a repeat (RFC 9110 section 9.2.2) */
    bool to_head;    /* HEAD request */
    bool fresh;      /* do not use a pooled connection (a retry) */
    bool reused;     /* it went over a pooled connection */
    bool request_done, response_done, paused, tunnel, want_drain, got_bytes, over;
    bool streaming; /* no idle timeout inside the response */
    int64_t length; /* request body: -1 = chunked */
};

/* Sends `head` (complete, ending in the empty line, already carrying the framing that `length`
 * implies: Content-Length or Transfer-Encoding: chunked) to addr. Errors found at once come through
 * failed() before it returns. */
void call_start(struct call *c, const struct pool_addr *addr, const struct str *head, int n_head,
                int64_t length);
int call_write(struct call *c, const char *p,
               size_t n);        /* body; chunked by us when length = -1; 0, 1 or negative */
void call_end(struct call *c);   /* the request body is complete */
void call_pause(struct call *c); /* no body() until call_resume: back-pressure from whoever takes
                                    the response */
void call_resume(struct call *c);
void call_tunnel(struct call *c); /* after a 101: raw bytes both ways */
void call_cancel(
    struct call *c); /* no callbacks any more; the connection is dropped unless the call is over */
/* After the last body() the connection is back in the pool by itself. A call has no memory of its
 * own to free except `out`; call_free releases that, once over or cancelled. */
void call_free(struct call *c);

#endif
