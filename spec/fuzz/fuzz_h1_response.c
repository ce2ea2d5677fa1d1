/*
 * fuzz_h1_response: any bytes as what an upstream sends, 1xx included. The first byte says whether
 * the request was HEAD. Every refusal is a 502.
 */
#include "h1_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct reader r;
    if (n == 0) return 0;
    bool to_head = data[0] & 1;
    reader_init(&r, H1_RESPONSE, to_head);
    reader_show(&r, data + 1, n - 1);
    if (r.last == H1_BAD) MUST(r.h1.status == 502);
    if (r.heads.n > 0 && !to_head && !r.h1.interim) reader_compare(&r, data + 1, n - 1);
    if (to_head || r.h1.head.status == 204 || r.h1.head.status == 304) MUST(r.body.n == 0);
    reader_end(&r);
    reader_free(&r);
    return 0;
}
