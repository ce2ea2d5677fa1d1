/*
 * utf8: telling valid UTF-8 (RFC 3629) from bytes that only look like it. Header-only, no memory.
 *
 * Inline, for the inner loops of the readers and writers of JSON; str_utf8 of str.h is for those
 * who replace what is invalid. Overlong forms, surrogates and code points above U+10FFFF are
 * invalid.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length (1 to 4) of the valid sequence at `p`, of which n > 0 bytes may be read; 0 = invalid. */
static inline size_t utf8_step(const char *p, size_t n) {
    const unsigned char *s = (const unsigned char *)p;
    unsigned char lead = s[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    if (n < 2) return 0;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) return 0;
    if (lead < 0xe0) return 2;
    if (n < 3 || (s[2] & 0xc0) != 0x80) return 0;
    if (lead < 0xf0) return 3;
    if (n < 4 || (s[3] & 0xc0) != 0x80) return 0;
    return 4;
}

/* Writes a code point (no surrogate, at most U+10FFFF) as 1 to 4 bytes; returns how many. */
static inline size_t utf8_put(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

#endif
