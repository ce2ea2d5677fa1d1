/*
 * fuzz_token: any bytes as a token, as a header and as claims. Nothing may crash, and no input of a
 * fuzzer can carry a good signature.
 */
#include <stdlib.h>

#include "core/secure/claims.h"
#include "core/secure/seal.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    if (seal_start(NULL) < 0 || token_use(token_test_key(), NULL) < 0) abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct str text = str_make((const char *)data, n);
    const struct claims *verified;
    struct err e = {0};
    if (token_verify(text, 1.0, &verified, &e) != TOKEN_INVALID) abort();
    if (e.code >= 0 || e.text[0] == '\0') abort();
    if (n > TOKEN_MAX) return 0;
    claims_header(text, &e);
    const struct claims *c = claims_parse(text, &e);
    if (!c) return 0;
    /* What was accepted reads the same a second time. */
    const struct claims *again = claims_parse(c->payload, &e);
    if (!again || !str_eq(again->slug, c->slug) || again->n_roles != c->n_roles) abort();
    if (again->expires != c->expires || !str_eq(c->payload, text)) abort();
    token_claims_give(again);
    token_claims_give(c);
    return 0;
}
