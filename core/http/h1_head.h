/*
 * h1_head: a complete raw head (start line, fields, empty line) becomes a struct head, or is
 * refused. Called by h1 only.
 */
#ifndef H1_HEAD_H
#define H1_HEAD_H

#include "core/http/h1.h"

/* Bytes that must be readable behind the head, whatever they hold. */
#define H1_HEAD_PAD 8

/* `block` holds n bytes ending in the empty line, every line ended by CRLF; it is the parser's own
 * and may be changed. Fills p->head, whose slices point into it; `fields` has room for every line.
 * *raw gets the field lines with the empty line at the end, as they should be shown to llhttp.
 * 0, or -1 with p->status and p->error set. */
int h1_head_parse(struct h1 *p, char *block, size_t n, struct field *fields, struct str *raw);

/* Says why; of a response every violation is 502. Returns -1. */
int h1_refuse(struct h1 *p, int status, const char *error);

/* Character classes, shared with the body's line reader. */
enum {
    H1_C_TOKEN = 1,  /* tchar (RFC 9110 section 5.6.2) */
    H1_C_HEX = 2,    /* hexadecimal digit */
    H1_C_TARGET = 4, /* may stand in a request target; '%' only before two hex digits */
    H1_C_HOST = 8,   /* may stand in a registered name; '%' as above */
    H1_C_TEXT = 16,  /* may stand in a field value: no control byte but HTAB */
};
extern const uint8_t h1_class[256];
static inline bool h1_is(char c, uint8_t mask) {
    return (h1_class[(unsigned char)c] & mask) != 0;
}
/* Not 0 when one of eight bytes is a control byte (HTAB counts). */
static inline uint64_t h1_controls(uint64_t w) {
    const uint64_t ones = 0x0101010101010101u;
    uint64_t del = w ^ (ones * 0x7f);
    return (((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & (ones * 0x80);
}

#endif
