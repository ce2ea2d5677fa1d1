/*
 * ws: the WebSocket protocol (RFC 6455) as a server speaks it: is this request a handshake, what
 * the frames of a client say, and how frames to a client look. Bytes in, bytes out: no connection,
 * no time. Extensions are never agreed to.
 */
#ifndef WS_H
#define WS_H

#include "core/base/buf.h"
#include "core/http/h1.h"

#define WS_CONTROL 125 /* most bytes of a ping, a pong, or a close with its code */
#define WS_REASON  123 /* most bytes of a close's reason */

enum ws_opcode {
    WS_OP_MORE = 0,
    WS_OP_TEXT = 1,
    WS_OP_BINARY = 2,
    WS_OP_CLOSE = 8,
    WS_OP_PING = 9,
    WS_OP_PONG = 10
};

/* Codes of a close (RFC 6455 section 7.4). */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL = 1002,
    WS_NO_CODE = 1005,  /* never sent: the close had none */
    WS_VANISHED = 1006, /* never sent: there was no close */
    WS_NOT_UTF8 = 1007,
    WS_TOO_BIG = 1009,
    WS_FAILED = 1011,
    WS_TRY_LATER = 1013
};

/* ---- the handshake ---- */

/* 0 when the request asks for a WebSocket that can be had; else the status to refuse it with, and
 * *why. A 426 carries `Upgrade: websocket` and `Sec-WebSocket-Version: 13`. */
int ws_check(const struct head *h, const char **why);
/* Whether the client offers that subprotocol. */
bool ws_offers(const struct head *h, struct str protocol);
/* Appends the value of Sec-WebSocket-Accept. */
void ws_accept(struct buf *out, struct str key);

/* ---- frames of a client ---- */

enum ws_event {
    WS_MORE,   /* all input taken, nothing complete: feed more */
    WS_TEXT,   /* a message is complete: the last w->size bytes of the buffer; valid UTF-8 */
    WS_BINARY, /* the same, any bytes */
    WS_PING,   /* to be answered by a pong with step.data */
    WS_PONG,
    WS_CLOSE, /* w->code, WS_NO_CODE without one; step.data = the reason. Nothing more comes */
    WS_BAD,   /* w->code to close with, w->error: a sentence. Stays so */
};

struct ws_step {
    enum ws_event event;
    size_t taken;    /* bytes of the input that are used up */
    struct str data; /* of control frames: valid until the next ws_next */
};

/* Text that may end inside of a character. */
struct ws_utf8 {
    uint8_t need;      /* bytes that the character lacks */
    uint8_t low, high; /* what the next of them may be */
};

struct ws {
    uint64_t max;  /* bytes of a message */
    uint64_t size; /* of the message so far; after WS_TEXT and WS_BINARY of all of it */
    uint64_t left; /* bytes of the frame that are still to come */
    const char *error;
    int code;
    struct ws_utf8 utf8;
    uint8_t head[14]; /* of the frame */
    uint8_t head_n;
    uint8_t mask_at;   /* the byte of the mask that is next */
    uint8_t control_n; /* bytes of the control frame so far */
    uint8_t message;   /* opcode of the message that is under way, 0 = none */
    bool open;         /* inside of a frame: its head is complete */
    bool over;         /* WS_CLOSE or WS_BAD */
    char control[WS_CONTROL];
};

void ws_init(struct ws *w, uint64_t max);
/* One step. Bytes of messages are appended to *out as they come, unmasked. */
struct ws_step ws_next(struct ws *w, struct str in, struct buf *out);

/* ---- frames to a client ---- */

/* The head of a frame that is all of its message; `n` bytes follow it. */
struct str ws_head(char out[10], enum ws_opcode opcode, size_t n);
/* Whether an application may close with that code. */
bool ws_valid_code(int code);
/* What follows the head of a close; the reason is cut to what fits, between characters. */
struct str ws_close_data(char out[WS_CONTROL], int code, struct str reason);
/* Whether all of it is UTF-8. */
bool ws_is_text(struct str s);

#endif
