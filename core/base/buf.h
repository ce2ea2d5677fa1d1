/*
 * buf: a growable byte string that owns its memory. For text that is built piece by piece.
 *
 * An append that cannot get memory sets `failed` and leaves what was there; later ones are ignored,
 * so callers may append many times and check once at the end (buf_ok). Not thread-safe.
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>

#include "core/base/str.h"

struct buf {
    char *p;     /* bytes; NULL until the first append */
    size_t n;    /* used */
    size_t cap;  /* room */
    bool failed; /* an append had no memory */
};

void buf_init(struct buf *b);
void buf_free(struct buf *b);
void buf_clear(struct buf *b);           /* keeps the room; a failure is forgotten */
char *buf_room(struct buf *b, size_t n); /* at least n writable bytes at the end, or NULL */
void buf_add(struct buf *b, const char *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_json(struct buf *b,
              struct str s); /* as a quoted JSON string; bytes that are not UTF-8 become U+FFFD */
void buf_consume(struct buf *b, size_t n); /* drops the first n bytes */
/* The memory, NUL-terminated, is now the caller's (mem_free); *n (may be NULL) its length. NULL
 * when an append had failed or there is no memory. The buf is empty afterwards in any case. */
char *buf_take(struct buf *b, size_t *n);
static inline bool buf_ok(const struct buf *b) {
    return !b->failed;
}
static inline struct str buf_view(const struct buf *b) {
    return (struct str){b->p, b->n};
}

#endif
