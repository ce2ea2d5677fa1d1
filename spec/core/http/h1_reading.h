/*
 * h1_reading: a message read into a line of text, however its bytes are cut. Included by the tests
 * of h1: every case runs whole, byte by byte and cut in two at every place.
 */
#ifndef H1_READING_H
#define H1_READING_H

#include "core/http/h1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/mem.h"

static const struct h1_limits roomy = {.line = 16384, .header = 32768, .fields = 100};

/* ---- reading a message into a line of text -------------------------------------------------- */

/* Feeds the bytes of one message, `piece` at a time but for the first cut at `first`, as a
 * connection would: input that was not taken is shown again with what follows. */
struct reading {
    struct h1 h1;
    struct arena arena;
    struct buf text; /* what came, described */
    struct buf body;
    bool over;
};

static inline void describe_head(struct reading *r) {
    const struct head *h = &r->h1.head;
    if (h->status)
        buf_printf(&r->text, "%d [%.*s]", h->status, STR_FMT(h->reason));
    else
        buf_printf(&r->text, "%.*s %.*s path=%.*s host=%.*s", STR_FMT(h->method),
                   STR_FMT(h->target), STR_FMT(h->path), STR_FMT(h->host));
    if (h->query.p) buf_printf(&r->text, " query=%.*s", STR_FMT(h->query));
    buf_printf(&r->text, " 1.%d len=%lld%s%s%s%s%s%s", h->minor, (long long)h->length,
               h->chunked ? " chunked" : "", h->keep_alive ? " keep" : "",
               h->expect ? " expect" : "", h->expect_other ? " expect-other" : "",
               h->upgrade ? " upgrade" : "", h->is_head ? " head" : "");
    for (int i = 0; i < h->n_fields; i++)
        buf_printf(&r->text, " |%.*s=%.*s", STR_FMT(h->fields[i].name),
                   STR_FMT(h->fields[i].value));
    buf_str(&r->text, STR("\n"));
}

/* Shows the parser `in`; returns how much it took for good. */
static inline size_t show(struct reading *r, struct str in) {
    size_t taken = 0;
    while (!r->over) {
        struct h1_step s = h1_next(&r->h1, str_from(in, taken));
        assert_true(s.taken <= in.n - taken);
        taken += s.taken;
        switch (s.event) {
        case H1_MORE:
            assert_int_equal(taken, in.n);
            return taken;
        case H1_HEAD:
            describe_head(r);
            break;
        case H1_BODY:
            assert_true(s.body.n > 0);
            assert_true(s.body.p >= in.p && s.body.p + s.body.n <= in.p + in.n);
            buf_str(&r->body, s.body);
            break;
        case H1_END:
            buf_printf(&r->text, "body=%.*s end", STR_FMT(buf_view(&r->body)));
            r->over = true;
            break;
        case H1_BAD:
            assert_non_null(r->h1.error);
            buf_printf(&r->text, "bad %d", r->h1.status);
            r->over = true;
            break;
        }
    }
    return taken;
}

/* The description of what the bytes are; the caller frees it. Each piece is a heap block of its
 * own, so that reading outside of it is seen. */
static inline char *reading(enum h1_kind kind, const struct h1_limits *limits, bool to_head,
                            struct str bytes, size_t first, size_t piece) {
    struct reading r = {0};
    arena_init(&r.arena, 256);
    h1_init(&r.h1, kind, limits, &r.arena);
    if (to_head) h1_expect_no_body(&r.h1);
    size_t at = 0;
    while (at < bytes.n && !r.over) {
        size_t n = at == 0 && first ? first : piece;
        if (n > bytes.n - at) n = bytes.n - at;
        char *copy = malloc(n);
        memcpy(copy, bytes.p + at, n);
        at += show(&r, str_make(copy, n));
        free(copy);
    }
    if (!r.over) { /* the peer closes here */
        int rc = h1_eof(&r.h1);
        if (rc == 0) show(&r, STR_NONE);
        if (rc == 0 && !r.over) buf_str(&r.text, STR("nothing"));
        if (rc < 0)
            buf_printf(&r.text, "body=%.*s cut", STR_FMT(buf_view(&r.body)));
        else if (r.h1.head.length < 0 && !r.h1.head.chunked)
            buf_str(&r.text, STR(" (eof)"));
    }
    if (bytes.n > at) buf_printf(&r.text, " rest=%zu", bytes.n - at);
    buf_char(&r.text, 0);
    assert_true(buf_ok(&r.text));
    arena_free(&r.arena);
    buf_free(&r.body);
    return buf_take(&r.text, &(size_t){0});
}

static inline void must_read(enum h1_kind kind, const struct h1_limits *limits, bool to_head,
                             struct str bytes, const char *want) {
    for (size_t first = 0; first <= bytes.n; first++) {
        /* 0: byte by byte; bytes.n: whole */
        size_t piece = first == 0 ? 1 : bytes.n;
        char *got = reading(kind, limits, to_head, bytes, first, piece);
        if (strcmp(got, want) != 0)
            fail_msg("input <%.*s> cut at %zu\nread as <%s>\n  not as <%s>", STR_FMT(bytes), first,
                     got, want);
        mem_free(got);
    }
}

static inline void must_be_refused(enum h1_kind kind, struct str bytes, int status) {
    char want[16];
    snprintf(want, sizeof want, "bad %d", status);
    for (size_t first = 0; first <= bytes.n; first++) {
        char *got = reading(kind, &roomy, false, bytes, first, first == 0 ? 1 : bytes.n);
        const char *last = strrchr(got, '\n');
        if (strncmp(last ? last + 1 : got, want, strlen(want)) != 0)
            fail_msg("input <%.*s> cut at %zu\nread as <%s>\n  not as <%s>", STR_FMT(bytes), first,
                     got, want);
        mem_free(got);
    }
}

/* A string literal with everything in it, NUL included. */
#define B(lit) STR(lit)

struct refused {
    struct str bytes;
    int status;
};

#define REFUSED(kind, table) \
    for (size_t i_ = 0; i_ < sizeof(table) / sizeof *(table); i_++) \
    must_be_refused(kind, (table)[i_].bytes, (table)[i_].status)

#define G "GET / HTTP/1.1\r\n"
#define H "Host: h\r\n"
#define P "POST / HTTP/1.1\r\nHost: h\r\n"
#define C P "Transfer-Encoding: chunked\r\n\r\n"

#endif
