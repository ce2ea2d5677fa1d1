/*
 * fuzz_h1_request: any bytes as a request. What is accepted is clean, means the same to llhttp, and
 * reads the same when it is written down again.
 */
#include "h1_reader.h"

static void write_again(struct buf *out, const struct head *h) {
    buf_printf(out, "%.*s %.*s HTTP/1.%d\r\n", STR_FMT(h->method), STR_FMT(h->target), h->minor);
    for (int i = 0; i < h->n_fields; i++) {
        buf_str(out, h->fields[i].name);
        buf_str(out, STR(": "));
        buf_str(out, h->fields[i].value);
        buf_str(out, STR("\r\n"));
    }
    buf_str(out, STR("\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct reader a, b;
    struct buf again;
    reader_init(&a, H1_REQUEST, false);
    reader_init(&b, H1_REQUEST, false);
    buf_init(&again);
    reader_show(&a, data, n);
    if (a.heads.n > 0) {
        reader_compare(&a, data, n);
        write_again(&again, &a.h1.head);
        /* Written with one blank behind each colon a full head may be over the limit. */
        if (again.n <= reader_limits.header) {
            reader_show(&b, (const uint8_t *)again.p, again.n);
            MUST(b.heads.n > 0);
            struct str x = a.h1.head.target, y = b.h1.head.target;
            MUST(str_eq(x, y) && a.h1.head.length == b.h1.head.length);
            MUST(a.h1.head.chunked == b.h1.head.chunked &&
                 a.h1.head.keep_alive == b.h1.head.keep_alive);
        }
    }
    reader_end(&a);
    buf_free(&again);
    reader_free(&a);
    reader_free(&b);
    return 0;
}
