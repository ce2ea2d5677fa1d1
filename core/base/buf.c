/*
 * buf: see buf.h. One growing allocation; the room doubles, so appending n bytes one by one costs
 * O(n).
 *
 * After a failed append every later one is ignored, so that the text never has a hole in it.
 */
#include "core/base/buf.h"

#include <assert.h>
#include <stdio.h>

#include "core/base/mem.h"

#define ROOM_MIN ((size_t)64)

void buf_init(struct buf *b) {
    *b = (struct buf){0};
}

void buf_free(struct buf *b) {
    mem_free(b->p);
    buf_init(b);
}

void buf_clear(struct buf *b) {
    b->n = 0;
    b->failed = false;
}

/* Doubles until `need` bytes fit. */
static bool grow(struct buf *b, size_t need) {
    size_t cap = b->cap ? b->cap : ROOM_MIN;
    while (cap < need)
        cap = cap > PTRDIFF_MAX / 2 ? need : cap * 2;
    char *p = mem_realloc(b->p, cap);
    if (!p) return false;
    b->p = p;
    b->cap = cap;
    return true;
}

char *buf_room(struct buf *b, size_t n) {
    if (b->failed) return NULL;
    if (!b->p || n > b->cap - b->n) {
        size_t need;
        if (__builtin_add_overflow(b->n, n, &need) || !grow(b, need)) {
            b->failed = true;
            return NULL;
        }
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, const char *p, size_t n) {
    char *to = n ? buf_room(b, n) : NULL;
    if (!to) return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_str(struct buf *b, struct str s) {
    buf_add(b, s.p, s.n);
}

void buf_char(struct buf *b, char c) {
    buf_add(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

/* Tries the room that is there, then once more with what it turned out to need. */
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) {
    char *to = buf_room(b, ROOM_MIN);
    if (!to) return;
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(to, b->cap - b->n, fmt, ap);
    if (n >= 0 && (size_t)n >= b->cap - b->n) {
        to = buf_room(b, (size_t)n + 1);
        n = to ? vsnprintf(to, (size_t)n + 1, fmt, again) : -1;
    }
    va_end(again);
    if (n < 0)
        b->failed = true;
    else
        b->n += (size_t)n;
}

/* Bytes at the start of s that stand for themselves inside a JSON string: ASCII but for quote,
 * backslash and control characters. */
static size_t json_plain(struct str s) {
    size_t i = 0;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
        i++;
    }
    return i;
}

static void json_escape(struct buf *b, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    char seq[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    switch (c) {
    case '"':
    case '\\':
        seq[1] = (char)c;
        break;
    case '\b':
        seq[1] = 'b';
        break;
    case '\f':
        seq[1] = 'f';
        break;
    case '\n':
        seq[1] = 'n';
        break;
    case '\r':
        seq[1] = 'r';
        break;
    case '\t':
        seq[1] = 't';
        break;
    default:
        buf_add(b, seq, 6);
        return;
    }
    buf_add(b, seq, 2);
}

/* The one character at the start of s that cannot simply be copied; returns its length. */
static size_t json_special(struct buf *b, struct str s) {
    size_t bad, n = str_utf8(s, &bad);
    if (n == 0)
        buf_str(b, STR("\xEF\xBF\xBD"));
    else if (n == 1)
        json_escape(b, (unsigned char)s.p[0]);
    else
        buf_add(b, s.p, n);
    return n ? n : bad;
}

void buf_json(struct buf *b, struct str s) {
    buf_room(b, s.n + 2 > s.n ? s.n + 2 : s.n);
    buf_char(b, '"');
    while (s.n) {
        size_t n = json_plain(s);
        buf_add(b, s.p, n);
        s = str_from(s, n);
        if (s.n) s = str_from(s, json_special(b, s));
    }
    buf_char(b, '"');
}

void buf_consume(struct buf *b, size_t n) {
    assert(n <= b->n);
    b->n -= n;
    if (n && b->n) memmove(b->p, b->p + n, b->n);
}

char *buf_take(struct buf *b, size_t *n) {
    char *end = buf_room(b, 1);
    char *p = end ? b->p : NULL;
    if (n) *n = p ? b->n : 0;
    if (p) {
        *end = 0;
        buf_init(b);
    } else {
        buf_free(b);
    }
    return p;
}
