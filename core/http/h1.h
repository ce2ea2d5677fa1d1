/*
 * h1: HTTP/1.1 messages as bytes become messages: llhttp in strict mode, plus a validator for what
 * it lets through.
 *
 * Pull style: h1_next() looks at the input and says what comes next. The head is copied once into
 * the caller's arena and everything in `struct head` points there; body slices point into the
 * input. Limits and strictness (RFC 9112, see the list in h1.c) are applied here, once, before
 * anything else sees the message. Knows nothing of sockets.
 */
#ifndef H1_H
#define H1_H

#include <llhttp/llhttp.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

/* Header fields that the host itself looks at. X(ID, "lower-case-name") */
#define H1_FIELDS(X) \
    X(HOST, "host") \
    X(CONNECTION, "connection") X(KEEP_ALIVE, "keep-alive") X(PROXY_CONNECTION, \
                                                              "proxy-connection") X(TE, "te") \
        X(TRAILER, "trailer") X(TRANSFER_ENCODING, "transfer-encoding") X(UPGRADE, "upgrade") \
            X(CONTENT_LENGTH, "content-length") X(CONTENT_TYPE, "content-type") X( \
                CONTENT_ENCODING, "content-encoding") X(EXPECT, "expect") X(DATE, "date") \
                X(VIA, "via") X(AUTHORIZATION, "authorization") X(ORIGIN, "origin") X( \
                    X_FORWARDED_FOR, "x-forwarded-for") X(X_FORWARDED_PROTO, "x-forwarded-proto") \
                    X(X_FORWARDED_HOST, "x-forwarded-host") \
                        X(X_FORWARDED_PORT, "x-forwarded-port") X(X_REQUEST_ID, "x-request-id") \
                            X(MAX_FORWARDS, "max-forwards") X(ACCEPT_ENCODING, "accept-encoding") \
                                X(PROXY_AUTHORIZATION, "proxy-authorization") \
                                    X(SEC_WEBSOCKET_KEY, "sec-websocket-key") \
                                        X(RETRY_AFTER, "retry-after") X(SERVER, "server") \
                                            X(VARY, "vary") X(LOCATION, "location") \
                                                X(SET_COOKIE, "set-cookie") X(COOKIE, "cookie") \
                                                    X(ACCEPT_LANGUAGE, "accept-language")
#define H1_ENUM(id, name) H1_##id,
enum h1_field_id { H1_OTHER, H1_FIELDS(H1_ENUM) H1_FIELD_COUNT };

struct field {
    struct str name;  /* as sent */
    struct str value; /* without the blanks around it */
    uint8_t id;       /* enum h1_field_id */
};

struct head {
    /* of a request */
    struct str method; /* as sent: case matters */
    struct str target; /* the request-target as sent (origin-form; absolute-form is already cut down
                          to its path) */
    struct str path;   /* target up to '?' */
    struct str query;  /* behind '?', without it; p = NULL when there is none */
    struct str host;   /* authority: from Host, or from an absolute-form target */
    /* of a response */
    int status;
    struct str reason;
    /* of both */
    uint8_t minor; /* HTTP/1.minor */
    struct field *fields;
    int n_fields;
    int64_t length; /* of the body: Content-Length, 0 when there is none, -1 when only the end tells
                       (chunked, EOF) */
    bool chunked;   /* the body came chunked */
    bool keep_alive;          /* the connection may serve another message after this one */
    bool expect;              /* Expect: 100-continue from an HTTP/1.1 client */
    bool upgrade;             /* Connection: upgrade with an Upgrade field */
    bool is_head, is_connect; /* method is HEAD / CONNECT */
};

enum h1_kind { H1_REQUEST, H1_RESPONSE };

struct h1_limits {
    size_t line;   /* start line, bytes */
    size_t header; /* whole head, bytes */
    int fields;    /* header fields */
};

enum h1_event {
    H1_MORE, /* all input taken, nothing complete: feed more */
    H1_HEAD, /* p->head is complete (also for 1xx responses, which have no body and are followed by
                another head) */
    H1_BODY, /* step.body holds decoded body bytes, pointing into the input */
    H1_END,  /* the message is complete; input behind it belongs to the next one */
    H1_BAD,  /* malformed or over a limit: p->error and p->status (what to answer: 400, 413, 414,
                431, 501, 505) */
};

struct h1_step {
    enum h1_event event;
    size_t taken;    /* bytes of the input that are used up */
    struct str body; /* of H1_BODY */
};

struct h1 {
    llhttp_t llhttp;
    struct head head; /* valid from H1_HEAD until the arena is reset */
    struct h1_limits limits;
    struct arena *arena;
    char *block; /* the head's bytes so far */
    size_t block_n, block_cap;
    struct str span;     /* body bytes that llhttp just found */
    int status;          /* of H1_BAD */
    uint8_t kind, state; /* internal */
    bool to_head;        /* response to a HEAD request: no body whatever the head says */
    bool saw_end;        /* internal */
    const char *error;   /* of H1_BAD: a sentence, static */
};

void h1_init(struct h1 *p, enum h1_kind kind, const struct h1_limits *limits, struct arena *arena);
/* For a response: the method of its request was HEAD, so it has no body. Before the first h1_next.
 */
void h1_expect_no_body(struct h1 *p);
struct h1_step h1_next(struct h1 *p, struct str input);
/* The peer closed. 0 = the message is complete now (a body that only the end delimits) or none had
 * begun; negative = it was cut short. */
int h1_eof(struct h1 *p);

/* The field's value; the first one when there are several; p = NULL when there is none. By id or
 * lower-case name. */
struct str head_get(const struct head *h, enum h1_field_id id);
struct str head_find(const struct head *h, struct str name);
uint8_t h1_field_id(struct str name);
struct str h1_field_name(uint8_t id); /* canonical spelling for sending ("Content-Type") */
const char *h1_reason(int status);    /* "Not Found"; "" when unknown */

bool h1_valid_name(struct str s);  /* a token (RFC 9110 section 5.6.2) */
bool h1_valid_value(struct str s); /* no CR, LF, NUL or other control bytes but HTAB */

/* Hop by hop (RFC 9110 section 7.6.1): true when a gateway must not forward this field of `h`.
 * Fields named in Connection count, except those that a client must not be able to remove (Host,
 * Authorization, X-Forwarded-*, …). */
bool h1_hop_by_hop(const struct head *h, const struct field *f);

#endif
