/*
 * h1_reader: reads one message from bytes that are shown in pieces, writes down what came, and
 * checks what must be true of every head that was accepted. Included by the fuzzers of h1.
 */
#ifndef H1_READER_H
#define H1_READER_H

#include <stdlib.h>

#include "core/http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(what) \
    do { \
        if (!(what)) abort(); \
    } while (0)

struct reader {
    struct h1 h1;
    struct arena arena;
    struct buf heads; /* what was accepted, one line each */
    struct buf body;
    enum h1_event last;
    size_t taken; /* bytes of the message */
    bool broken;  /* it ended in H1_BAD or was cut short */
};

static const struct h1_limits reader_limits = {.line = 2000, .header = 4000, .fields = 20};

/* Nothing that another program could read in another way got through. */
static inline void reader_check(const struct reader *r) {
    const struct head *h = &r->h1.head;
    int lengths = 0, codings = 0, hosts = 0;
    MUST(h->minor <= 1 && h->n_fields <= reader_limits.fields && h->length >= -1);
    for (int i = 0; i < h->n_fields; i++) {
        const struct field *f = &h->fields[i];
        MUST(h1_valid_name(f->name) && h1_valid_value(f->value));
        MUST(f->id == h1_field_id(f->name));
        MUST(str_trim(f->value).n == f->value.n);
        lengths += f->id == H1_CONTENT_LENGTH;
        codings += f->id == H1_TRANSFER_ENCODING;
        hosts += f->id == H1_HOST;
    }
    MUST(lengths + codings <= 1);
    if (r->h1.kind == H1_RESPONSE) {
        MUST(h->status >= 100 && h->status < 600 && h1_valid_value(h->reason));
        return;
    }
    MUST(h1_valid_name(h->method) && (h->minor == 0 || hosts == 1) && hosts <= 1);
    MUST(h->chunked == (codings == 1) && (h->length >= 0 || h->chunked));
    MUST(h->is_connect || h->path.p[0] == '/' || str_eq(h->path, STR("*")));
    for (size_t i = 0; i < h->target.n; i++)
        MUST(h->target.p[i] > 0x20 && h->target.p[i] < 0x7f && h->target.p[i] != '#' &&
             h->target.p[i] != '\\');
    MUST(h->query.p ? h->path.n + 1 + h->query.n == h->target.n : str_eq(h->path, h->target));
}

/* In the bytes of a head CR and LF come as a pair, and no other control byte but HTAB comes. */
static inline void reader_check_raw(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool cr = p[i] == '\r', lf = p[i] == '\n';
        if (cr) MUST(i + 1 < n && p[i + 1] == '\n');
        if (lf) MUST(i > 0 && p[i - 1] == '\r');
        MUST(cr || lf || p[i] == '\t' || ((uint8_t)p[i] >= 0x20 && p[i] != 0x7f));
    }
}

static inline void reader_write_down(struct reader *r) {
    const struct head *h = &r->h1.head;
    buf_printf(&r->heads, "%.*s %.*s|%.*s|%.*s|%.*s|%d %.*s|%d %lld %d%d%d%d%d%d%d%d\n",
               STR_FMT(h->method), STR_FMT(h->target), STR_FMT(h->path), STR_FMT(h->query),
               STR_FMT(h->host), h->status, STR_FMT(h->reason), h->minor, (long long)h->length,
               h->chunked, h->keep_alive, h->expect, h->expect_other, h->upgrade,
               h->connection_names, h->is_head, h->is_connect);
    for (int i = 0; i < h->n_fields; i++) {
        buf_str(&r->heads, h->fields[i].name);
        buf_char(&r->heads, ':');
        buf_str(&r->heads, h->fields[i].value);
        buf_char(&r->heads, '\n');
    }
}

/* Shows one piece, in memory of its own so that reading beyond it is seen. */
static inline void reader_show(struct reader *r, const uint8_t *p, size_t n) {
    char *piece = malloc(n);
    size_t at = 0;
    if (n) memcpy(piece, p, n);
    do {
        struct h1_step s = h1_next(&r->h1, str_make(piece + at, n - at));
        MUST(s.taken <= n - at);
        at += s.taken;
        r->last = s.event;
        if (s.event == H1_HEAD) {
            if (r->taken == 0 && r->heads.n == 0) reader_check_raw(piece, at);
            reader_check(r);
            reader_write_down(r);
        }
        if (s.event == H1_BODY) {
            MUST(s.body.n > 0 && s.body.p >= piece && s.body.p + s.body.n <= piece + n);
            buf_str(&r->body, s.body);
        }
        if (s.event == H1_BAD) MUST(r->h1.error && r->h1.status >= 400);
        /* llhttp never sees another body than the validator; it only dislikes HTAB around a
         * Content-Length. */
        if (s.event == H1_BAD && r->taken == 0 && !memchr(p, '\t', n))
            MUST(strcmp(r->h1.error, "the length of the body is not clear") != 0);
        if (s.event == H1_MORE) MUST(at == n);
    } while (r->last == H1_HEAD || r->last == H1_BODY);
    r->taken += at;
    free(piece);
}

static inline bool reader_over(const struct reader *r) {
    return r->last == H1_END || r->last == H1_BAD;
}

static inline void reader_init(struct reader *r, enum h1_kind kind, bool to_head) {
    *r = (struct reader){.last = H1_MORE};
    arena_init(&r->arena, 512);
    h1_init(&r->h1, kind, &reader_limits, &r->arena);
    if (to_head) h1_expect_no_body(&r->h1);
}

/* No more comes. */
static inline void reader_end(struct reader *r) {
    if (!reader_over(r)) r->broken = h1_eof(&r->h1) != 0;
    if (r->last == H1_BAD) r->broken = true;
    if (!r->broken && h1_begun(&r->h1) && r->heads.n) {
        struct h1_step s = h1_next(&r->h1, STR_NONE);
        MUST(s.event == H1_END);
    }
}

static inline void reader_free(struct reader *r) {
    arena_free(&r->arena);
    buf_free(&r->heads);
    buf_free(&r->body);
}

/* llhttp alone over the same head: when it takes it, it must mean the same body. */
static int reader_stop(llhttp_t *l) {
    return HPE_PAUSED;
}

static inline void reader_compare(const struct reader *r, const uint8_t *data, size_t n) {
    static const llhttp_settings_t settings = {.on_headers_complete = reader_stop};
    const struct head *h = &r->h1.head;
    llhttp_t l;
    llhttp_init(&l, r->h1.kind == H1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    if (llhttp_execute(&l, (const char *)data, n) != HPE_PAUSED) return;
    bool chunked = (l.flags & F_CHUNKED) != 0;
    if (h->status == 204 || (h->status && h->status < 200)) return; /* it looks at fields only */
    MUST(chunked == h->chunked);
    if (l.flags & F_CONTENT_LENGTH) MUST((int64_t)l.content_length == h->length);
    MUST((l.flags & F_CONTENT_LENGTH) != 0 || h->length <= 0);
}

#endif
