/*
 * server: client connections and the exchanges on them.
 *
 * An exchange is one request with its response. The server reads and checks the head, routes it,
 * runs the plan and then hands the exchange to a handler (proxy, Lua service, built-in page). From
 * there the handler owns the answer; the server owns framing, keep-alive, pipelining in order,
 * timeouts, limits, Date, access log and counters. Everything runs on the connection's worker.
 * Knows nothing of Lua.
 */
#ifndef SERVER_H
#define SERVER_H

#include "core/base/arena.h"
#include "core/base/list.h"
#include "core/http/h1.h"
#include "core/http/route.h"
#include "core/loop/worker.h"

struct conn;
struct exchange;
struct policy;       /* policy.h */
struct stream_payer; /* loop/io.h */
struct claims;       /* secure/token.h */

/* Who answers. Callbacks may answer, write, end or abort inside. */
struct handler {
    const char *name;
    /* The head is complete and the plan let it through. Must lead to exchange_end or
     * exchange_abort, now or later. */
    void (*request)(struct exchange *x);
    /* Request body, after exchange_read. `last` comes once, with or without bytes. Bytes are
     * borrowed. After exchange_tunnel: raw bytes from the client; last = the client ended its side.
     */
    void (*body)(struct exchange *x, const char *p, size_t n, bool last);
    /* The response buffer is empty again after exchange_write returned 1. */
    void (*drained)(struct exchange *x);
    /* The client is gone, timed out or broke the protocol (code < 0), and nothing can be answered
     * any more. Release what is held for this exchange; it must not be touched afterwards. Not
     * called after exchange_end or exchange_abort. */
    void (*gone)(struct exchange *x, int code);
};

struct exchange {
    struct list link;  /* among the worker's open exchanges */
    struct list later; /* among those with something to do at the end of the turn */
    struct worker *worker;
    struct conn *conn;
    struct arena arena; /* ends with the exchange */
    struct h1 h1;       /* parser; h1.head is the request */
    const struct handler *handler;
    void *data; /* the handler's own */
    struct route_view *view;
    const struct route *route;
    struct str segment;        /* host part of the path, see struct route_place */
    struct str rest;           /* of the path, behind host and port */
    int port;                  /* behind the host; 0 = none given, which means 443 */
    struct str id;             /* request id: the client's X-Request-Id when valid, else ours */
    char id_text[16];          /* ours */
    const struct claims *auth; /* verified caller, or NULL; alive as long as the exchange */
    struct str token;     /* bearer token in force (after a refresh: the new one); empty without */
    struct str origin;    /* of the page that asks, when it may: gets CORS fields */
    struct str auth_text; /* Authorization value to forward instead of the received one; empty = as
                             received */
    struct refresh *refresh;  /* plan: the refresh of a token that it waits for */
    struct list refresh_link; /* among those that wait for the same one */
    struct policy *policy;    /* what policies said; NULL = none was asked */
    uint64_t started;         /* uv_hrtime() when the head was complete */
    uint64_t budget_ms;       /* how long the client waits, counted from `started`; 0 = it did not
                                 say */
    uint64_t received;        /* body bytes */
    uint64_t sent;            /* body bytes */
    uint64_t discarded;       /* body bytes of the request that came after the answer */
    int64_t length;           /* declared response length, -1 = unknown */
    int status;               /* answered, 0 = not yet */
    uint8_t step;             /* next step of the plan */
    bool begun, ended;        /* head of the response built / response complete */
    bool reading;             /* the handler wants the request body */
    bool request_done;        /* the request body was delivered in full */
    bool close;               /* close the connection after this exchange */
    bool chunked;             /* response body is framed in chunks */
    bool no_body;             /* response has no body (HEAD, 204, 304) */
    bool tunnel;              /* both sides are raw bytes now */
    bool want_drain;          /* exchange_write returned 1 */
    bool cors;                /* add CORS fields to the answer */
    bool streaming; /* event stream or the like: no write or deadline timeouts while it is silent */
    bool routed;    /* the request head is complete */
    bool handling;  /* handler->request was called */
    bool waiting;   /* a step of the plan said PLAN_LATER */
    bool all_in;    /* the request's last byte was read */
    bool continued; /* 100 Continue was sent */
    bool unsent;    /* the response head is still in `head` */
    struct buf head;     /* response head, until it goes out with the first body bytes */
    struct str upstream; /* for the access log: who answered */
    void (*on_free)(
        struct exchange *x); /* optional, for whoever needs to know that it is over; may be NULL */
    void *free_data;
};

/* What of the answer the client does not take at once is charged to `p` from now on. */
void exchange_charge(struct exchange *x, struct stream_payer *p);
/* Whether `n` more bytes of the answer may wait for the client. As many as a socket takes at once
 * always may be written: a client who reads gets them, and the connection of one who does not
 * breaks when there is no room for what is left. Tells the payer when not. */
bool exchange_has_room(const struct exchange *x, size_t n);

/* Request body: start or resume delivery through handler->body (also sends "100 Continue" when the
 * client waits for it); may deliver before it returns. Pause: no more until exchange_read. Paused
 * from the start. */
void exchange_read(struct exchange *x);
void exchange_pause(struct exchange *x);

/* Response in pieces. Field values are checked: an invalid name or value is left out and logged.
 * Framing, Date, Connection, X-Request-Id and CORS fields are the server's: Content-Length and
 * Transfer-Encoding given here are ignored. `length` = -1 when unknown. 0, or negative when the
 * exchange is dead. The head leaves with the first bytes of the body, at exchange_end, or at the
 * end of the turn. */
int exchange_begin(struct exchange *x, int status, const struct field *fields, int n,
                   int64_t length);
/* A 1xx of the upstream, passed on to an HTTP/1.1 client. */
int exchange_interim(struct exchange *x, int status, const struct field *fields, int n);
/* 0 = go on, 1 = more than write_high is waiting: stop until handler->drained, negative = the
 * client is gone (handler-> gone has been or will be called). Bytes are copied only when the socket
 * does not take them. Writing more than the declared length is an error that aborts. */
int exchange_write(struct exchange *x, const char *p, size_t n);
int exchange_write2(struct exchange *x, const struct str *parts,
                    int n);              /* several slices as one chunk */
void exchange_end(struct exchange *x);   /* complete; x must not be touched afterwards. Short of its
                                            length = abort */
void exchange_abort(struct exchange *x); /* the client must see a broken transfer; x must not be
                                            touched afterwards */

/* Whole answers. Each is begin + write + end. */
void exchange_answer(struct exchange *x, int status, struct str type, struct str body);
void exchange_answer_fields(struct exchange *x, int status, const struct field *fields, int n,
                            struct str body);
/* {"error": "text"} as application/json, or text/plain for `no instances found` and the like. */
void exchange_error(struct exchange *x, int status, const char *text);
/* The same with a body of its own, and Retry-After: seconds unless that is 0. */
void exchange_error_body(struct exchange *x, int status, struct str body, int retry_after);
void exchange_plain(struct exchange *x, int status, const char *text);
/* What nobody has: 404 `no instances found`. */
void exchange_nowhere(struct exchange *x);
/* An OPTIONS request: what a browser sends beforehand. Failures that the request itself will meet
 * are left to that one. */
bool exchange_preflight(const struct exchange *x);

/* Where the client is: its address as text, alive as long as the exchange; the port it came to. */
struct str exchange_peer(const struct exchange *x);
int exchange_port(const struct exchange *x);

/* After exchange_begin(101): both sides are raw bytes; exchange_write and handler->body carry them.
 */
void exchange_tunnel(struct exchange *x);

/* Runs the plan's remaining steps, then the handler. A step that answered PLAN_LATER calls it when
 * it knows more. */
void exchange_resume(struct exchange *x);

/* One listener per worker. `fixed` != NULL answers everything with that handler and no route (admin
 * address). */
struct server;
struct server *server_open(struct worker *w, const char *address, const struct handler *fixed,
                           struct err *e);
/* On a socket of listener_bind. */
struct server *server_open_on(struct worker *w, int fd, const struct handler *fixed, struct err *e);
int server_port(const struct server *s);
/* Stop accepting, answer with Connection: close, close idle connections. drained() is called once
 * nothing is open. */
void server_drain(struct server *s, void (*drained)(struct server *s, void *arg), void *arg);
void server_abort(struct server *s); /* whatever is still open is cut */
void server_close(struct server *s); /* frees; everything must be closed (drained or aborted and the
                                        loop turned) */
int server_connections(const struct server *s);

#endif
