/*
 * h1: HTTP/1.1 messages as bytes become messages: llhttp in strict mode, plus a validator for what
 * it lets through.
 *
 * Pull style: h1_next() looks at the input and says what comes next. The head is copied once into
 * the caller's arena and everything in `struct head` points there; body slices point into the
 * input. Limits and strictness (RFC 9112, see the lists in h1.c and h1_head.c) are applied here,
 * once, before anything else sees the message. Knows nothing of connections.
 */
#ifndef H1_H
#define H1_H

#include <llhttp/llhttp.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

/* Header fields that the host itself looks at. X(ID, "Name as we spell it") */
/* clang-format off */
#define H1_FIELDS(X) \
    X(HOST, "Host") \
    X(CONNECTION, "Connection") \
    X(KEEP_ALIVE, "Keep-Alive") \
    X(PROXY_CONNECTION, "Proxy-Connection") \
    X(TE, "TE") \
    X(TRAILER, "Trailer") \
    X(TRANSFER_ENCODING, "Transfer-Encoding") \
    X(UPGRADE, "Upgrade") \
    X(CONTENT_LENGTH, "Content-Length") \
    X(CONTENT_TYPE, "Content-Type") \
    X(CONTENT_ENCODING, "Content-Encoding") \
    X(EXPECT, "Expect") \
    X(DATE, "Date") \
    X(VIA, "Via") \
    X(AUTHORIZATION, "Authorization") \
    X(ORIGIN, "Origin") \
    X(X_FORWARDED_FOR, "X-Forwarded-For") \
    X(X_FORWARDED_PROTO, "X-Forwarded-Proto") \
    X(X_FORWARDED_HOST, "X-Forwarded-Host") \
    X(X_FORWARDED_PORT, "X-Forwarded-Port") \
    X(X_REQUEST_ID, "X-Request-Id") \
    X(MAX_FORWARDS, "Max-Forwards") \
    X(ACCEPT_ENCODING, "Accept-Encoding") \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization") \
    X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key") \
    X(RETRY_AFTER, "Retry-After") \
    X(SERVER, "Server") \
    X(VARY, "Vary") \
    X(LOCATION, "Location") \
    X(SET_COOKIE, "Set-Cookie") \
    X(COOKIE, "Cookie") \
    X(ACCEPT_LANGUAGE, "Accept-Language") \
    X(REQUEST_TIMEOUT, "Request-Timeout")
/* clang-format on */
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
                          to its path; "*"; host:port of a CONNECT) */
    struct str path;   /* target up to '?' */
    struct str query;  /* behind '?', without it; p = NULL when there is none */
    struct str host;   /* authority: from Host, or from an absolute-form target; empty without */
    /* of a response */
    int status;
    struct str reason;
    /* of both */
    uint8_t minor; /* HTTP/1.minor */
    struct field
        *fields; /* in the order received; a repeated identical Content-Length is dropped */
    int n_fields;
    int64_t length; /* of the body: Content-Length, 0 when there is none, -1 when only the end tells
                       (chunked, EOF). Of a response to HEAD or a 304, which have no body: what
                       Content-Length says, or -1 */
    bool chunked;   /* the body came chunked */
    bool keep_alive;          /* the connection may serve another message after this one */
    bool expect;              /* Expect: 100-continue from an HTTP/1.1 client */
    bool expect_other;        /* an Expect from an HTTP/1.1 client that nobody here can meet */
    bool upgrade;             /* Connection: upgrade with an Upgrade field, in HTTP/1.1 */
    bool connection_names;    /* Connection names fields (more than close, keep-alive, upgrade) */
    bool is_head, is_connect; /* method is HEAD / CONNECT */
};

enum h1_kind { H1_REQUEST, H1_RESPONSE };

struct h1_limits {
    size_t line;   /* start line, bytes */
    size_t header; /* whole head, bytes; also all trailers of a chunked body */
    int fields;    /* header fields; also trailer fields */
};

enum h1_event {
    H1_MORE, /* all input taken, nothing complete: feed more */
    H1_HEAD, /* p->head is complete (also for 1xx responses, which have no body and are followed by
                another head; a 101 is followed by H1_END: what comes then is another protocol) */
    H1_BODY, /* step.body holds decoded body bytes, pointing into the input */
    H1_END,  /* the message is complete; input behind it belongs to the next one, for which h1_init
                is called again */
    H1_BAD,  /* malformed or over a limit: p->error and p->status (what to answer: 400, 414, 431,
                501, 505, or 503 when out of memory; of a response always 502 or 503). Stays so */
};

struct h1_step {
    enum h1_event event;
    size_t taken;    /* bytes of the input that are used up */
    struct str body; /* of H1_BODY */
};

struct h1 {
    llhttp_t llhttp;  /* framing of the body; not used for messages without one */
    struct head head; /* valid from H1_HEAD until the arena is reset or the next H1_HEAD */
    struct h1_limits limits;
    struct arena *arena;
    char *block;               /* the bytes of an incomplete head so far */
    size_t block_n, block_cap; /* used, room */
    size_t line_n;             /* of them, bytes of the line that is not complete yet */
    int lines;                 /* complete lines of the head; trailer fields later */
    struct str span;           /* body bytes that llhttp just found */
    uint64_t chunk;            /* size of the current chunk */
    size_t aside;              /* bytes of chunk extensions and trailers that were thrown away */
    int status;                /* of H1_BAD */
    uint8_t kind, state;       /* enum h1_kind; internal */
    uint8_t blanks;            /* empty lines skipped before the start line */
    bool to_head;              /* response to a HEAD request: no body whatever the head says */
    bool interim;              /* a 1xx came, so a response is owed */
    bool chunk_done;           /* llhttp just saw the end of a chunk */
    bool saw_end;              /* llhttp saw the end of the message */
    const char *error;         /* of H1_BAD: a sentence, static */
};

void h1_init(struct h1 *p, enum h1_kind kind, const struct h1_limits *limits, struct arena *arena);
/* For a response: the method of its request was HEAD, so it has no body. Before the first h1_next.
 */
void h1_expect_no_body(struct h1 *p);
/* With an empty input it says what it knows already: H1_END after the last body byte, else H1_MORE.
 */
struct h1_step h1_next(struct h1 *p, struct str input);
/* The peer closed. 0 = the message is complete now (a body that only the end delimits) or none had
 * begun; negative = it was cut short. */
int h1_eof(struct h1 *p);
/* Has any byte of a message been taken in? (Empty lines before it count.) */
bool h1_begun(const struct h1 *p);

/* The field's value; the first one when there are several; p = NULL when there is none. By id or
 * by name in any case. */
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
