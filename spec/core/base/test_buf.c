/* What buf.h promises. */
#include "spec.h"

#include <stdio.h>

static void text_is_built_piece_by_piece(void **state) {
    struct buf b;
    buf_init(&b);
    assert_int_equal(buf_view(&b).n, 0);
    buf_add(&b, "ab", 2);
    buf_str(&b, STR("cd"));
    buf_char(&b, 'e');
    buf_u64(&b, 0);
    buf_u64(&b, UINT64_MAX);
    buf_printf(&b, "-%s-%d", "x", -5);
    buf_add(&b, NULL, 0);
    assert_true(buf_ok(&b));
    assert_str_is(buf_view(&b), "abcde018446744073709551615-x--5");
    buf_free(&b);
    assert_null(b.p);
}

static void growth_keeps_every_byte(void **state) {
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < 100000; i++)
        buf_char(&b, (char)(i % 251));
    assert_int_equal(b.n, 100000);
    for (size_t i = 0; i < b.n; i++)
        assert_int_equal((unsigned char)b.p[i], i % 251);
    buf_free(&b);
}

static void printf_of_any_length_fits(void **state) {
    struct buf b;
    buf_init(&b);
    for (int n = 1; n < 300; n++) {
        size_t before = b.n;
        buf_printf(&b, "%0*d", n, 7);
        assert_int_equal(b.n - before, n);
        assert_int_equal(b.p[b.n - 1], '7');
    }
    buf_printf(&b, "%s", "");
    assert_true(buf_ok(&b));
    buf_free(&b);
}

static void room_is_writable_and_not_counted(void **state) {
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("x"));
    char *p = buf_room(&b, 1000);
    assert_non_null(p);
    memset(p, 'y', 1000);
    assert_int_equal(b.n, 1);
    b.n += 3;
    assert_str_is(buf_view(&b), "xyyy");
    assert_non_null(buf_room(&b, 0));
    buf_free(&b);
}

static void clear_keeps_the_room(void **state) {
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("something"));
    char *p = b.p;
    size_t cap = b.cap;
    buf_clear(&b);
    assert_int_equal(b.n, 0);
    assert_ptr_equal(b.p, p);
    assert_int_equal(b.cap, cap);
    buf_free(&b);
}

static void consume_drops_from_the_front(void **state) {
    struct buf b;
    buf_init(&b);
    buf_consume(&b, 0);
    buf_str(&b, STR("hello"));
    buf_consume(&b, 2);
    assert_str_is(buf_view(&b), "llo");
    buf_consume(&b, 0);
    assert_str_is(buf_view(&b), "llo");
    buf_consume(&b, 3);
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

static void take_hands_over_terminated_memory(void **state) {
    struct buf b;
    size_t n = 99;
    buf_init(&b);
    buf_str(&b, STR("mine"));
    char *p = buf_take(&b, &n);
    assert_int_equal(n, 4);
    assert_string_equal(p, "mine");
    assert_null(b.p);
    assert_int_equal(b.n + b.cap, 0);
    mem_free(p);
    p = buf_take(&b, NULL);
    assert_string_equal(p, "");
    mem_free(p);
}

static struct str as_json(struct buf *b, struct str s) {
    buf_clear(b);
    buf_json(b, s);
    assert_true(buf_ok(b));
    return buf_view(b);
}

static void json_escapes_what_json_must(void **state) {
    struct buf b;
    buf_init(&b);
    assert_str_is(as_json(&b, STR("")), "\"\"");
    assert_str_is(as_json(&b, STR_NONE), "\"\"");
    assert_str_is(as_json(&b, STR("plain / text")), "\"plain / text\"");
    assert_str_is(as_json(&b, STR("\"\\\b\f\n\r\t")), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    assert_str_is(as_json(&b, STR("\0\x01\x1F\x7F")), "\"\\u0000\\u0001\\u001f\x7F\"");
    assert_str_is(as_json(&b, STR("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80")),
                  "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    buf_free(&b);
}

#define FFFD "\xEF\xBF\xBD"

static void json_replaces_what_is_not_utf8(void **state) {
    struct buf b;
    buf_init(&b);
    assert_str_is(as_json(&b, STR("a\xFF"
                                  "b")),
                  "\"a" FFFD "b\"");
    assert_str_is(as_json(&b, STR("\xC0\xAF")), "\"" FFFD FFFD "\"");
    assert_str_is(as_json(&b, STR("\xED\xA0\x80")), "\"" FFFD FFFD FFFD "\"");
    assert_str_is(as_json(&b, STR("\xE2\x82")), "\"" FFFD "\"");
    assert_str_is(as_json(&b, STR("\xF0\x9F\x98\"x")), "\"" FFFD "\\\"x\"");
    assert_str_is(as_json(&b, STR("\xC3\n")), "\"" FFFD "\\n\"");
    buf_free(&b);
}

static void json_survives_every_pair_of_bytes(void **state) {
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 65536; i++) {
        char pair[2] = {(char)(i >> 8), (char)i};
        struct str s = as_json(&b, str_make(pair, 2));
        assert_true(s.n >= 4 && s.p[0] == '"' && s.p[s.n - 1] == '"');
        for (size_t k = 0, bad; k < s.n;) {
            size_t n = str_utf8(str_from(s, k), &bad);
            assert_true(n > 0 && (unsigned char)s.p[k] >= 0x20);
            k += n;
        }
    }
    buf_free(&b);
}

static void after_a_failure_nothing_is_added_until_clear(void **state) {
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("kept"));
    mem_fail_at(1, false);
    assert_null(buf_room(&b, 1000));
    mem_fail_at(0, false);
    assert_false(buf_ok(&b));
    buf_str(&b, STR("x"));
    buf_char(&b, 'x');
    buf_u64(&b, 1);
    buf_printf(&b, "x");
    buf_json(&b, STR("x"));
    assert_str_is(buf_view(&b), "kept");
    buf_clear(&b);
    buf_str(&b, STR("anew"));
    assert_true(buf_ok(&b));
    assert_str_is(buf_view(&b), "anew");
    buf_free(&b);
}

static void a_size_beyond_the_address_space_fails(void **state) {
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("kept"));
    assert_null(buf_room(&b, SIZE_MAX - 1));
    assert_false(buf_ok(&b));
    buf_clear(&b);
    assert_null(buf_room(&b, (size_t)PTRDIFF_MAX + 1));
    buf_clear(&b);
    buf_str(&b, STR("usable"));
    assert_str_is(buf_view(&b), "usable");
    buf_free(&b);
}

static void running_out_of_memory_leaves_a_prefix(void **state) {
    SPEC_EACH_FAILURE(n, {
        struct buf b;
        buf_init(&b);
        for (int i = 0; i < 50; i++) {
            buf_printf(&b, "%d,", i);
            buf_json(&b, STR("\xC3\xA4\n long enough to make it grow again and again"));
        }
        assert_int_equal(buf_ok(&b), !mem_fail_fired());
        if (b.n) assert_true(str_starts(buf_view(&b), STR("0,")));
        size_t len = 99;
        char *p = buf_take(&b, &len);
        if (mem_fail_fired()) {
            assert_null(p);
            assert_int_equal(len, 0);
        }
        mem_free(p);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_built_piece_by_piece),
        cmocka_unit_test(growth_keeps_every_byte),
        cmocka_unit_test(printf_of_any_length_fits),
        cmocka_unit_test(room_is_writable_and_not_counted),
        cmocka_unit_test(clear_keeps_the_room),
        cmocka_unit_test(consume_drops_from_the_front),
        cmocka_unit_test(take_hands_over_terminated_memory),
        cmocka_unit_test(json_escapes_what_json_must),
        cmocka_unit_test(json_replaces_what_is_not_utf8),
        cmocka_unit_test(json_survives_every_pair_of_bytes),
        cmocka_unit_test(after_a_failure_nothing_is_added_until_clear),
        cmocka_unit_test(a_size_beyond_the_address_space_fails),
        cmocka_unit_test(running_out_of_memory_leaves_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
