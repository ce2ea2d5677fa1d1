/*
 * fuzz_re2: any bytes as a regular expression. What is translated, PCRE2 must understand, but for
 * what only it can know (size, names of properties, code points that are none), and every byte of
 * it must come from somewhere.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "core/script/re2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void compile(const struct buf *text) {
    int code;
    size_t at;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)text->p, text->n,
                                         PCRE2_UTF | PCRE2_ALT_CIRCUMFLEX, &code, &at, NULL);
    bool only_it_knows = code == PCRE2_ERROR_PATTERN_TOO_LARGE ||
                         code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED ||
                         code == PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY ||
                         code == PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY ||
                         code == PCRE2_ERROR_UNICODE_DISALLOWED_CODE_POINT;
    if (!compiled && !only_it_knows) abort();
    pcre2_code_free(compiled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct buf text, places;
    struct err e = {0};
    buf_init(&text);
    buf_init(&places);
    int rc = re2_translate(str_make((const char *)data, n), &text, &places, &e);
    if (rc == 0 && places.n != text.n * sizeof(uint32_t)) abort();
    if (rc == 0 && text.n > 0) compile(&text);
    if (rc < 0 && (rc != e.code || !str_starts(str_of(e.text), STR("offset ")))) abort();
    buf_free(&text);
    buf_free(&places);
    return 0;
}
