/*
 * err: what went wrong, as a code for programs and a sentence for people.
 *
 * Functions that can fail for reasons worth telling take a `struct err *` (may be NULL) and return
 * a negative code. Codes are negative errno values; ERR_* below name the ones of our own. A
 * sentence says what is wrong and, where it can, what to do.
 */
#ifndef ERR_H
#define ERR_H

#include <errno.h>

#define ERR_CONFLICT (-10001) /* somebody else changed it meanwhile: try again */
#define ERR_EXISTS   (-10002) /* a unique value is taken */
#define ERR_BUSY     (-10003) /* a bounded queue is full: try later */
#define ERR_CANCELED (-10004) /* the caller went away */
#define ERR_LIMIT    (-10005) /* over a configured bound */
#define ERR_PROTOCOL (-10006) /* the peer broke the protocol */
#define ERR_CLOSED   (-10007) /* the peer ended the connection */
#define ERR_TIMEOUT  (-10008) /* it took too long */

struct buf;

/* Zero it before its first use: struct err e = {0}. */
struct err {
    int code;         /* 0 = none */
    struct buf *full; /* NULL, or where the whole sentence goes, with its lines; who asks sets it */
    char text[256];   /* one line, no trailing newline, cut when it is longer */
};

/* Fills `e` (if any) and returns `code`, so that `return err_set(e, -EINVAL, "…")` reads well. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the text that is there; returns the code that is there. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A short stable word for a code ("timeout", "refused", "busy", …), what Lua gets as its third
 * value. */
const char *err_name(int code);

#endif
