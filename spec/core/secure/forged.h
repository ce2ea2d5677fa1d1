/*
 * For the specs of tokens: the test key, and tokens that are right or wrong.
 */
#ifndef SPEC_FORGED_H
#define SPEC_FORGED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/secure/token.h"

#define NOW    1700000000.5
#define HEADER "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"
#define CLAIMS \
    "{\"1ui\":\"usr-a\",\"1ai\":\"app-b\",\"1sl\":\"joe\",\"1ro\":[\"user-svc:user\",\"x:admin\"]" \
    "," \
    "\"1de\":\"cli\",\"1ao\":\"org-c\",\"exp\":1700000300,\"iat\":1700000000,\"jti\":\"abc\"}"

static struct buf good_token(void) {
    struct buf t;
    buf_init(&t);
    struct err e = {0};
    assert_int_equal(token_sign_now(STR(CLAIMS), &t, &e), 0);
    return t;
}

static void assert_refused(struct str token, const char *words) {
    const struct claims *c = (const struct claims *)&c;
    struct err e = {0};
    assert_int_equal(token_verify(token, NOW, &c, &e), TOKEN_INVALID);
    assert_null(c);
    assert_true(e.code < 0);
    if (!strstr(e.text, words)) fail_msg("expected \"%s\" in \"%s\"", words, e.text);
}

static void assert_status(struct str token, double now, enum token_status expected) {
    const struct claims *c;
    struct err e = {0};
    int status = (int)token_verify(token, now, &c, &e);
    if (status != (int)expected) fail_msg("%s", e.text);
    token_claims_give(c);
}

static void assert_str(struct str s, const char *expected) {
    assert_true(str_eq(s, str_of(expected)));
}

#endif
