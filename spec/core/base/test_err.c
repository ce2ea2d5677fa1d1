/* What err.h promises. */
#include "spec.h"

#include "core/base/err.h"

static void set_fills_and_returns_the_code(void **state) {
    struct err e = {0};
    assert_int_equal(err_set(&e, -EINVAL, "%s is %d", "x", 5), -EINVAL);
    assert_int_equal(e.code, -EINVAL);
    assert_string_equal(e.text, "x is 5");
    assert_int_equal(err_set(NULL, ERR_BUSY, "%s", "nobody listens"), ERR_BUSY);
}

static void wrap_puts_a_prefix_and_keeps_the_code(void **state) {
    struct err e = {0};
    err_set(&e, ERR_TIMEOUT, "it took too long");
    assert_int_equal(err_wrap(&e, "service %s", "a"), ERR_TIMEOUT);
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_string_equal(e.text, "service a: it took too long");
    assert_int_equal(err_wrap(NULL, "x"), 0);
}

static void a_long_sentence_is_cut_at_a_character(void **state) {
    struct err e = {0};
    char text[600];
    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA4", 2);
    for (size_t start = 0; start < 2; start++) {
        text[598] = 0;
        err_set(&e, -EINVAL, "%s%s", start ? "x" : "", text);
        struct str s = str_of(e.text);
        assert_in_range(s.n, 250, sizeof e.text - 1);
        for (size_t i = 0, bad; i < s.n;) {
            size_t n = str_utf8(str_from(s, i), &bad);
            assert_true(n > 0);
            i += n;
        }
    }
    memset(text, 'p', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(err_wrap(&e, "%s", text), -EINVAL);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void a_sentence_is_one_line_without_control_characters(void **state) {
    struct err e = {0};
    err_set(&e, -EIO, "a\nb\r\tc\x1b[31m\n\n");
    assert_string_equal(e.text, "a b  c [31m");
    err_set(&e, -EIO, "%s", "");
    assert_string_equal(e.text, "");
    err_set(&e, -EIO, "\n");
    assert_string_equal(e.text, "");
    err_set(&e, -EIO, "tail \xC3\xA4\n");
    assert_string_equal(e.text, "tail \xC3\xA4");
}

static void names_are_stable_words(void **state) {
    static const struct {
        int code;
        const char *name;
    } cases[] = {
        {0, "ok"},
        {ERR_CONFLICT, "conflict"},
        {ERR_EXISTS, "exists"},
        {ERR_BUSY, "busy"},
        {ERR_CANCELED, "canceled"},
        {ERR_LIMIT, "limit"},
        {ERR_PROTOCOL, "protocol"},
        {ERR_CLOSED, "closed"},
        {ERR_TIMEOUT, "timeout"},
        {-ETIMEDOUT, "timeout"},
        {-ECONNREFUSED, "refused"},
        {-ECONNRESET, "reset"},
        {-ENOENT, "not_found"},
        {-EINVAL, "invalid"},
        {-ENOMEM, "no_memory"},
        {-EACCES, "denied"},
        {-EADDRINUSE, "in_use"},
        {-4095, "closed"},
        {-3008, "unresolved"},
        {-3000, "unresolved"},
        {-3014, "unresolved"},
        {-2999, "error"},
        {-3015, "error"},
        {-123456, "error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(err_name(cases[i].code), cases[i].name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_and_returns_the_code),
        cmocka_unit_test(wrap_puts_a_prefix_and_keeps_the_code),
        cmocka_unit_test(a_long_sentence_is_cut_at_a_character),
        cmocka_unit_test(a_sentence_is_one_line_without_control_characters),
        cmocka_unit_test(names_are_stable_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
