/*
 * forward: what a gateway changes in a message head, and nothing else.
 *
 * Request heads become bytes for an upstream; response fields become the array that an exchange
 * takes. The rules are RFC 9110 section 7.6 and the list in forward.c. No sockets, no state beyond
 * our own Via pseudonym. Used by the proxy alone.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/http/h1.h"
#include "core/http/proxy.h"

/* What is known about a client besides its request head. The client itself is not believed, unless
 * it is a proxy of ours. */
struct forward_from {
    struct str peer;   /* its address as text */
    bool trusted;      /* what it says about where the request came from goes on */
    struct str scheme; /* "http" or "https": how it reached us */
    int port;          /* where it reached us */
    struct str id;     /* request id */
    struct str auth;   /* Authorization to send in place of the received one; empty = as received */
    struct str target; /* to send in place of the received one; empty = as received */
    bool websocket;    /* ask the upstream to switch to it */
    int64_t max_forwards; /* Max-Forwards to send; -1 = as received */
};

/* Has this request been here before? Our own pseudonym stands in its Via. */
bool forward_loops(const struct head *h);
/* Does the client ask for a WebSocket, in a form that may be forwarded? */
bool forward_websocket(const struct head *h);
/* Max-Forwards of a TRACE or OPTIONS request; -1 = none, or not to be looked at. */
int64_t forward_max(const struct head *h);
/* Is it safe to repeat (RFC 9110 section 9.2.2)? */
bool forward_idempotent(struct str method);

/* Writes the whole request head, framing included, in place of what is in `out`. 0 or -ENOMEM. */
int forward_request(struct buf *out, const struct head *h, const struct upstream *to,
                    const struct forward_from *from);
/* The fields of a response (or 1xx) that go on to the client, in order, with our Via behind them.
 * NULL when out of memory. */
struct field *forward_response(struct arena *arena, const struct head *h, int *n);

#endif
