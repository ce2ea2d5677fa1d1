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
#include "core/base/buf.h"
#include "core/http/h1.h"
#include "core/http/pool.h"
#include "core/loop/worker.h"

/* Bounds of one call. */
enum {
    CALL_EARLY = 64 * 1024,  /* body bytes kept until there is a connection */
    CALL_HELD = 16 * 1024,   /* body bytes still kept on a used connection, for a retry */
    CALL_INTERIM = 64,       /* 1xx responses before the real one */
    CALL_LINE = 16 * 1024,   /* start line of a response */
    CALL_HEADER = 64 * 1024, /* head of a response */
    CALL_FIELDS = 256,       /* fields of a response */
    CALL_PARTS = 24,         /* body slices delivered at once */
    CALL_KEEPALIVE = 60,     /* seconds between probes of a silent tunnel */
};

struct call;

/* Callbacks may write, pause, cancel and free the call. */
struct call_ops {
    /* The response head (1xx included, with status < 200: more follow). Fields live in call->arena.
     * c->whole says whether the whole body is here already. A 101 must be answered by call_tunnel
     * or call_cancel, or the call fails. */
    void (*head)(struct call *c, const struct head *h);
    /* Decoded body bytes, borrowed. `last` comes once, with or without bytes; the call is over
     * then (not in a tunnel, where it means that the upstream ended its side). After call_tunnel:
     * raw bytes. */
    void (*body)(struct call *c, const char *p, size_t n, bool last);
    /* Optional, instead of body: all slices that one read brought. */
    void (*bodyv)(struct call *c, const struct str *parts, int n, bool last);
    void (*drained)(struct call *c); /* call_write returned 1 and there is room again */
    /* It failed; the call is over. `clean` = nothing of this request can have been acted upon (not
     * connected, or a reused connection that died before any response byte and the request is
     * idempotent by its method, or no byte was sent). */
    void (*failed)(struct call *c, const struct err *e, bool clean);
};

/* The caller zero-fills it once, sets the first group of fields before each call_start, and may use
 * it again for the next call when one is over. */
struct call {
    const struct call_ops *ops;
    void *data;            /* the caller's */
    struct worker *worker; /* whose loop it runs on */
    struct arena *arena;   /* for the response head; the caller's */
    bool idempotent;       /* the method allows a repeat (RFC 9110 section 9.2.2) */
    bool to_head;          /* HEAD request */
    bool fresh;            /* do not use a pooled connection (a retry) */
    bool streaming;        /* no idle timeout inside the response; may be set any time */
    bool cork; /* the head waits for the first call_write or call_end, so that both leave in one
                  packet; the caller promises call_flush for the case that none comes */

    bool connected; /* there was a connection */
    bool reused;    /* it went over a pooled connection */
    int64_t whole;  /* in head(): bytes of the body when all of it is here, else -1 */
    uint64_t sent;  /* bytes handed to the connection, head included */
    uint64_t received;

    /* internal */
    struct h1 h1;           /* response parser */
    struct pool_conn *conn; /* NULL until there is one */
    struct pool_wait wait;  /* while waiting for one */
    struct buf out;         /* request head, then framed body, until sent and not needed again */
    size_t out_head;        /* bytes of the head in `out` */
    struct buf rest;        /* decoded body bytes that came while paused */
    struct buf raw;         /* received bytes behind those, not parsed yet */
    struct timer timer;     /* the phase's timeout */
    const struct str *head; /* the caller's head, during call_start only */
    bool *gone;             /* a flag on the stack: set when the call ends below a callback */
    int64_t length;         /* request body: -1 = chunked */
    int64_t left;           /* of a declared length, bytes still to come */
    int n_head;
    int interim; /* 1xx responses so far */
    bool request_done, response_done, paused, tunnel, want_drain, got_bytes, over;
    bool got_head;   /* the final head was delivered */
    bool holding;    /* `out` has every body byte so far */
    bool unsent;     /* there is a connection, but the head in `out` waits (cork) */
    bool muted;      /* a write failed; only the answer still counts */
    bool delivering; /* inside a callback with bytes */
    bool rest_last;  /* `rest` ends the response */
};

/* Sends `head` (complete, ending in the empty line, already carrying the framing that `length`
 * implies: Content-Length or Transfer-Encoding: chunked) to addr. Both are borrowed for the length
 * of this function. Errors found at once come through failed() before it returns. */
void call_start(struct call *c, const struct pool_addr *addr, const struct str *head, int n_head,
                int64_t length);
/* After a clean failure: true when every body byte given so far is still here, so that call_again
 * may send the same request elsewhere, with another head of the same framing. Where the caller was
 * in the body stays: it goes on with call_write as if nothing had happened. */
bool call_held(const struct call *c);
void call_again(struct call *c, const struct pool_addr *addr, const struct str *head, int n_head);

/* Body; chunked by us when length = -1. 0 = go on, 1 = stop until drained(), negative = the call is
 * over and failed() was called. call_write_last is call_write and call_end in one packet. */
int call_write(struct call *c, const char *p, size_t n);
int call_write_last(struct call *c, const char *p, size_t n);
void call_end(struct call *c);    /* the request body is complete; in a tunnel: our side ended */
void call_flush(struct call *c);  /* sends a corked head now; fine when there is none */
void call_pause(struct call *c);  /* no body() until call_resume: back-pressure from whoever takes
                                     the response */
void call_resume(struct call *c); /* may deliver before it returns */
void call_tunnel(struct call *c); /* inside head() of a 101: raw bytes both ways, no timeouts */
/* No callbacks any more. Unless the call is over its connection is reset: the upstream must not
 * take the request for a complete one. */
void call_cancel(struct call *c);
/* After the last body() the connection is back in the pool by itself. call_free releases what a
 * call keeps between uses (buffers, its timer's place), once over or cancelled. */
void call_free(struct call *c);

#endif
