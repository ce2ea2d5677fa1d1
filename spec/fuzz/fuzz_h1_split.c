/*
 * fuzz_h1_split: the same bytes whole and cut at places that the input chooses. Everything that is
 * told about them must be the same. First byte: what kind of message; second: how many of the bytes
 * behind are lengths of pieces.
 */
#include "h1_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 2) return 0;
    enum h1_kind kind = data[0] & 1 ? H1_RESPONSE : H1_REQUEST;
    bool to_head = kind == H1_RESPONSE && (data[0] & 2);
    size_t cuts = data[1] & 31;
    if (n < 2 + cuts) return 0;
    const uint8_t *sizes = data + 2, *p = sizes + cuts;
    size_t left = n - 2 - cuts;

    struct reader whole, pieces;
    reader_init(&whole, kind, to_head);
    reader_show(&whole, p, left);
    reader_end(&whole);

    reader_init(&pieces, kind, to_head);
    for (size_t i = 0; left > 0 && !reader_over(&pieces); i++) {
        size_t size = cuts ? sizes[i % cuts] : 1;
        if (size > left || (i > 4 * cuts && size == 0)) size = left;
        reader_show(&pieces, p, size);
        p += size;
        left -= size;
    }
    reader_end(&pieces);

    MUST(whole.broken == pieces.broken);
    MUST(str_eq(buf_view(&whole.heads), buf_view(&pieces.heads)));
    if (!whole.broken) {
        MUST(whole.taken == pieces.taken);
        MUST(str_eq(buf_view(&whole.body), buf_view(&pieces.body)));
    } else if (whole.last == H1_BAD) {
        MUST(whole.h1.status == pieces.h1.status);
        MUST(strcmp(whole.h1.error, pieces.h1.error) == 0);
    }
    reader_free(&whole);
    reader_free(&pieces);
    return 0;
}
