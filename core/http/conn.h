/*
 * conn: what server, conn, exchange and plan share: a client connection between the bytes of its
 * stream and the exchange that it is having. Only they and plan include this.
 */
#ifndef CONN_H
#define CONN_H

#include "core/base/stat.h"
#include "core/http/plan.h"
#include "core/http/server.h"
#include "core/loop/io.h"

/* What one worker keeps for HTTP. Made by its first server, freed with its last. */
struct http {
    struct worker *worker;
    int servers;
    struct list open;        /* struct exchange.link */
    struct list later;       /* struct exchange.later */
    struct list spare;       /* struct exchange.link of exchanges to be used again, arena and all */
    int n_spare;             /* bounded by SPARE_MAX */
    struct worker_turn turn; /* works off `later` */
    uint64_t id_seed;        /* random */
    struct plan_memory *plan; /* NULL until a token was refreshed */
    uint64_t ids;             /* request ids made so far */
};

struct server {
    struct listener listener;
    struct http *http;
    const struct handler *fixed; /* answers everything; NULL = routes do */
    struct list conns;           /* struct conn.link */
    int n_conns;
    bool draining;
    bool listening;
    void (*drained)(struct server *s, void *arg); /* NULL unless draining */
    void *arg;
};

enum conn_state {
    CONN_OPEN,      /* requests are read and answered */
    CONN_FINISHING, /* the last answer is on its way; nothing more is read */
    CONN_CLOSED,    /* the stream is lingering or closing */
};

/* What the one timer of a connection is watching. */
enum conn_phase {
    PHASE_NONE,
    PHASE_IDLE,
    PHASE_HEADER,
    PHASE_BODY,
    PHASE_WRITE,
    PHASE_HELD,
    PHASE_HALF
};

/* An idle one holds nothing but itself: a few hundred bytes, of which libuv's handle is half. */
struct conn {
    struct stream stream;
    struct list link; /* among the server's connections */
    struct server *server;
    struct exchange *x; /* NULL between requests */
    struct timer timer;
    char *held; /* input that nobody takes now: one slab at most, and reading pauses meanwhile */
    uint32_t held_at, held_end; /* the part of it that is left */
    uint32_t requests;          /* that came over this connection */
    uint64_t out;               /* bytes given to the stream */
    uint64_t mark;              /* bytes the client had taken when PHASE_WRITE was armed; bytes
                                   given to the stream when PHASE_HALF was, and those received
                                   in PHASE_HELD */
    uint32_t quiet_ms;          /* that nothing moved in PHASE_HELD */
    int broken;                 /* negative: nothing can be written any more */
    uint8_t state, phase;       /* enum conn_state, enum conn_phase */
    uint8_t depth;              /* how many of our loops are on the stack: they go on, not we */
    bool held_slab;             /* `held` is a slab of the worker */
    bool more;                  /* input lies behind what is being looked at */
    bool eof;                   /* the client ended its side */
    uint8_t peer_n;
    char peer[46]; /* address of the client as text */
};

/* conn.c */
int conn_open(struct server *s);    /* accepts a connection; 0 or negative: it is not ours */
void conn_drain(struct conn *c);    /* closes it when it is idle */
void conn_cut(struct conn *c);      /* resets it, whatever it does */
void conn_settle(struct conn *c);   /* lets it go on with what it holds; sets its timer */
void conn_answered(struct conn *c); /* the response of c->x is complete: x is over, or discards */
void conn_reset(struct conn *c);    /* the response of c->x broke off; x is over */
void conn_lost(struct conn *c, int code); /* nobody takes the answer of c->x any more */
/* Nothing can be written any more: handler->gone is called at the end of the turn, or the
 * connection is closed now when no exchange is open. */
void conn_break(struct conn *c, int code);
/* Bytes went to the stream; `waiting` of them are still there. */
void conn_wrote(struct conn *c, size_t n, size_t waiting);
/* The client has the whole response, and may not have sent all of its request. */
#define CONN_DISCARD 262144 /* bytes of an unread request body that are read for a next request */

/* exchange.c */
struct exchange *exchange_new(struct conn *c); /* NULL when out of memory */
void exchange_dispatch(struct exchange *x);    /* the head is complete: to plan and handler */
void exchange_over(struct exchange *x);        /* logged, counted, released; c->x = NULL */
void exchange_flush(struct exchange *x);       /* end of the turn: a head that waited leaves */
void exchange_refuse(struct exchange *x, int status, const char *why); /* answers and closes */
void exchange_free_spare(struct http *h);

/* server.c */
void server_left(struct server *s); /* a connection is gone */

#endif
