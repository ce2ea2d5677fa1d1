/*
 * fuzz_h1_chunked: any bytes as a chunked body, against a reader that is written for clarity: what
 * both take is the same body and ends at the same byte, and what one refuses the other does too.
 */
#include "h1_reader.h"

/* Inputs up to this size stay below the bounds on chunk lines and trailers, which are not modelled
 * here. */
#define INPUT_MAX 900

struct plain {
    const uint8_t *p;
    size_t n, at;
    struct buf body;
};

enum verdict { GOOD, WRONG, CUT };

static int hex(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool text(uint8_t c) {
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static enum verdict crlf(struct plain *r) {
    for (int i = 0; i < 2; i++, r->at++) {
        if (r->at == r->n) return CUT;
        if (r->p[r->at] != "\r\n"[i]) return WRONG;
    }
    return GOOD;
}

static enum verdict size_line(struct plain *r, uint64_t *size) {
    size_t digits = 0;
    for (*size = 0; r->at < r->n && hex(r->p[r->at]) >= 0; r->at++, digits++) {
        if (*size >> 60) return WRONG; /* no room for another digit */
        *size = *size * 16 + (uint64_t)hex(r->p[r->at]);
    }
    if (r->at == r->n) return CUT;
    if (digits == 0) return WRONG;
    if (r->p[r->at] == ';')
        while (r->at < r->n && text(r->p[r->at]))
            r->at++;
    enum verdict v = crlf(r);
    return v == GOOD && *size > INT64_MAX ? WRONG : v;
}

static enum verdict trailers(struct plain *r) {
    for (int lines = 0;; lines++) {
        if (r->at == r->n) return CUT;
        if (r->p[r->at] == '\r') return crlf(r);
        if (lines == reader_limits.fields) return WRONG;
        size_t name = 0;
        while (r->at < r->n && h1_valid_name(str_make((const char *)r->p + r->at, 1)))
            r->at++, name++;
        if (r->at == r->n) return CUT;
        if (name == 0 || r->p[r->at] != ':') return WRONG;
        r->at++;
        while (r->at < r->n && text(r->p[r->at]))
            r->at++;
        enum verdict v = crlf(r);
        if (v != GOOD) return v;
    }
}

static enum verdict plain(struct plain *r) {
    for (;;) {
        uint64_t size;
        enum verdict v = size_line(r, &size);
        if (v != GOOD) return v;
        if (size == 0) return trailers(r);
        size_t there = r->n - r->at, n = size < there ? (size_t)size : there;
        buf_add(&r->body, (const char *)r->p + r->at, n);
        r->at += n;
        if (n < size) return CUT;
        v = crlf(r);
        if (v != GOOD) return v;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char head[] = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (n > INPUT_MAX) return 0;
    struct reader r;
    struct plain want = {.p = data, .n = n};
    reader_init(&r, H1_REQUEST, false);
    reader_show(&r, (const uint8_t *)head, sizeof head - 1);
    MUST(r.heads.n > 0 && r.last == H1_MORE);
    size_t before = r.taken;
    reader_show(&r, data, n);
    enum verdict v = plain(&want);
    MUST((r.last == H1_END) == (v == GOOD));
    MUST((r.last == H1_BAD) == (v == WRONG));
    if (v != WRONG) MUST(str_eq(buf_view(&r.body), buf_view(&want.body)));
    if (v == GOOD) MUST(r.taken - before == want.at);
    reader_end(&r);
    reader_free(&r);
    buf_free(&want.body);
    return 0;
}
