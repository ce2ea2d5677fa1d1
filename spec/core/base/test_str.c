/* What str.h promises. */
#include "spec.h"

#include <errno.h>

#define N(table) (sizeof(table) / sizeof((table)[0]))

static void empty_slices_without_memory_are_fine_everywhere(void **state) {
    struct str head, tail, rest = STR_NONE;
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_ieq(STR_NONE, STR_NONE));
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_starts(STR_NONE, STR_NONE) && str_ends(STR_NONE, STR_NONE));
    assert_false(str_starts(STR_NONE, STR("a")) || str_ends(STR_NONE, STR("a")));
    assert_int_equal(str_trim(STR_NONE).n, 0);
    assert_int_equal(str_from(STR_NONE, 3).n, 0);
    assert_int_equal(str_first(STR_NONE, 3).n, 0);
    assert_int_equal(str_index(STR_NONE, 'a'), -1);
    assert_int_equal(str_find(STR_NONE, STR("a")), -1);
    assert_false(str_cut(STR_NONE, ',', &head, &tail));
    assert_int_equal(head.n + tail.n, 0);
    assert_false(str_list_next(&rest, &head));
    assert_int_equal(str_of(NULL).n, 0);
}

static void case_is_folded_for_ascii_letters_only(void **state) {
    assert_true(str_ieq(STR("Content-LENGTH"), STR("content-length")));
    assert_false(str_ieq(STR("@[`{"), STR("`{@[")));
    assert_false(str_ieq(STR("\xC4"), STR("\xE4")));
    assert_false(str_ieq(STR("ab"), STR("abc")));
    assert_false(str_eq(STR("a"), STR("A")));
}

static void order_is_bytewise_and_shorter_comes_first(void **state) {
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("ab"), STR("abc")) < 0);
    assert_true(str_cmp(STR("abc"), STR("ab")) > 0);
    assert_true(str_cmp(STR("\xFF"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
}

static void slices_stay_inside_the_text(void **state) {
    struct str s = STR("hello");
    assert_str_is(str_from(s, 2), "llo");
    assert_str_is(str_from(s, 5), "");
    assert_str_is(str_from(s, 99), "");
    assert_str_is(str_first(s, 2), "he");
    assert_str_is(str_first(s, 99), "hello");
    assert_true(str_starts(s, STR("he")) && str_ends(s, STR("lo")));
    assert_false(str_starts(s, STR("hello!")) || str_ends(s, STR("!hello")));
}

static void trim_takes_blanks_and_tabs_and_nothing_else(void **state) {
    assert_str_is(str_trim(STR(" \t a b \t")), "a b");
    assert_str_is(str_trim(STR("\r\na\v")), "\r\na\v");
    assert_str_is(str_trim(STR(" \t ")), "");
}

static void positions_are_those_of_the_first_hit(void **state) {
    assert_int_equal(str_index(STR("abcb"), 'b'), 1);
    assert_int_equal(str_index(STR("abc"), 'z'), -1);
    assert_int_equal(str_index(STR("a\0b"), 'b'), 2);
    assert_int_equal(str_find(STR("ababc"), STR("abc")), 2);
    assert_int_equal(str_find(STR("ab"), STR("abc")), -1);
    assert_int_equal(str_find(STR("ab"), STR("")), 0);
}

static void a_cut_is_at_the_first_separator(void **state) {
    struct str head, tail;
    assert_true(str_cut(STR("a=b=c"), '=', &head, &tail));
    assert_str_is(head, "a");
    assert_str_is(tail, "b=c");
    assert_true(str_cut(STR("="), '=', &head, &tail));
    assert_str_is(head, "");
    assert_str_is(tail, "");
    assert_false(str_cut(STR("abc"), '=', &head, &tail));
    assert_str_is(head, "abc");
    assert_str_is(tail, "");
}

static void a_list_skips_empty_members_and_trims_the_others(void **state) {
    struct str rest = STR(" ,a , , b\t,,\"x, \\\",y\" , c"), member;
    assert_true(str_list_next(&rest, &member));
    assert_str_is(member, "a");
    assert_true(str_list_next(&rest, &member));
    assert_str_is(member, "b");
    assert_true(str_list_next(&rest, &member));
    assert_str_is(member, "\"x, \\\",y\"");
    assert_true(str_list_next(&rest, &member));
    assert_str_is(member, "c");
    assert_false(str_list_next(&rest, &member));
    assert_false(str_list_next(&rest, &member));
}

static void a_quote_that_never_ends_swallows_the_rest_of_the_list(void **state) {
    struct str rest = STR("a, \"b, c\\"), member;
    assert_true(str_list_next(&rest, &member));
    assert_true(str_list_next(&rest, &member));
    assert_str_is(member, "\"b, c\\");
    assert_false(str_list_next(&rest, &member));
}

static void u64_takes_digits_and_nothing_else(void **state) {
    static const struct {
        const char *text;
        int rc;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999999", -ERANGE, 0},
        {"99999999999999999999999999x", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
        {"1.0", -EINVAL, 0},
        {"\xD9\xA1", -EINVAL, 0},
    };
    for (size_t i = 0; i < N(cases); i++) {
        uint64_t v = 42;
        assert_int_equal(str_u64(str_of(cases[i].text), &v), cases[i].rc);
        assert_int_equal(v, cases[i].rc ? 42 : cases[i].value);
    }
    assert_int_equal(str_u64(str_make("1\0", 2), &(uint64_t){0}), -EINVAL);
}

static void i64_takes_the_whole_range_and_not_one_more(void **state) {
    static const struct {
        const char *text;
        int rc;
        int64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"-12", 0, -12},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", -ERANGE, 0},
        {"-9223372036854775809", -ERANGE, 0},
        {"-99999999999999999999", -ERANGE, 0},
        {"-", -EINVAL, 0},
        {"--1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"1-", -EINVAL, 0},
        {"", -EINVAL, 0},
    };
    for (size_t i = 0; i < N(cases); i++) {
        int64_t v = 42;
        assert_int_equal(str_i64(str_of(cases[i].text), &v), cases[i].rc);
        assert_int_equal(v, cases[i].rc ? 42 : cases[i].value);
    }
}

static void hex_takes_digits_without_prefix(void **state) {
    static const struct {
        const char *text;
        int rc;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"ff", 0, 255},
        {"DeadBeef", 0, 0xDEADBEEF},
        {"ffffffffffffffff", 0, UINT64_MAX},
        {"0000000000000000000001", 0, 1},
        {"10000000000000000", -ERANGE, 0},
        {"ffffffffffffffffg", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
        {"1;", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"@", -EINVAL, 0},
        {"`", -EINVAL, 0},
    };
    for (size_t i = 0; i < N(cases); i++) {
        uint64_t v = 42;
        assert_int_equal(str_hex(str_of(cases[i].text), &v), cases[i].rc);
        assert_int_equal(v, cases[i].rc ? 42 : cases[i].value);
    }
}

static void booleans_are_four_pairs_of_words(void **state) {
    static const char *const yes[] = {"true", "1", "yes", "on", "TRUE", "Yes", "oN"};
    static const char *const no[] = {"false", "0", "no", "off", "FALSE", "No", "oFF"};
    static const char *const bad[] = {"", "t", "2", "truee", " true", "enabled", "-1", "01"};
    bool v;
    for (size_t i = 0; i < N(yes); i++) {
        v = false;
        assert_int_equal(str_bool(str_of(yes[i]), &v), 0);
        assert_true(v);
    }
    for (size_t i = 0; i < N(no); i++) {
        v = true;
        assert_int_equal(str_bool(str_of(no[i]), &v), 0);
        assert_false(v);
    }
    for (size_t i = 0; i < N(bad); i++)
        assert_int_equal(str_bool(str_of(bad[i]), &v), -EINVAL);
}

static void durations_are_sums_of_decimals_with_units(void **state) {
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"2us", 2000},
        {"2\xC2\xB5s", 2000},
        {"2\xCE\xBCs", 2000},
        {"250ms", 250000000},
        {"10s", 10000000000},
        {"5m", 300000000000},
        {"5m0s", 300000000000},
        {"1h30m", 5400000000000},
        {"1h15m30.918273645s", 4530918273645},
        {"1.5s", 1500000000},
        {"0.5h", 1800000000000},
        {"1.0000000009s", 1000000000},
        {"0.333333333333333333333333333h", 1199999999999},
        {"1ms1ms", 2000000},
        {"18446744073709551615ns", UINT64_MAX},
    };
    for (size_t i = 0; i < N(cases); i++) {
        uint64_t v = 42;
        assert_int_equal(str_duration(str_of(cases[i].text), &v), 0);
        assert_int_equal(v, cases[i].ns);
    }
}

static void durations_that_make_no_sense_are_refused(void **state) {
    static const char *const bad[] = {"",     "5",    "00",  "0.0",       ".5s",   "1.s", "1..5s",
                                      "s",    "1 s",  " 1s", "1s ",       "1d",    "1S",  "1h30",
                                      "+1s",  "1e3s", "-",   "--1s",      "1m-1s", "-5",  "1,5s",
                                      "1s\n", "0x1s", "1hh", "\xC2\xB5s", "1\xC2s"};
    static const char *const range[] = {"-1s",
                                        "-0",
                                        "-0s",
                                        "18446744073709551616ns",
                                        "5124096h",
                                        "18446744073709551615ns1ns",
                                        "99999999999999999999999999999h",
                                        "18446744073709551615.9us"};
    for (size_t i = 0; i < N(bad); i++)
        assert_int_equal(str_duration(str_of(bad[i]), &(uint64_t){0}), -EINVAL);
    for (size_t i = 0; i < N(range); i++)
        assert_int_equal(str_duration(str_of(range[i]), &(uint64_t){0}), -ERANGE);
}

static void sizes_are_binary_multiples(void **state) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"512", 512},
        {"512b", 512},
        {"64k", 65536},
        {"64K", 65536},
        {"1kb", 1024},
        {"1KiB", 1024},
        {"1m", 1048576},
        {"100M", 104857600},
        {"2g", 2147483648},
        {"1T", 1099511627776},
        {"0g", 0},
        {"16777215t", 18446742974197923840u},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < N(cases); i++) {
        uint64_t v = 42;
        assert_int_equal(str_size(str_of(cases[i].text), &v), 0);
        assert_int_equal(v, cases[i].bytes);
    }
}

static void sizes_that_make_no_sense_are_refused(void **state) {
    static const char *const bad[] = {"",   "k",   "1.5m", "1 k",  "-1",  "1kk", "1ki",
                                      "1p", "1bk", "1ib",  "1kbb", "+1k", "1k ", "0x10"};
    static const char *const range[] = {"16777216t", "18446744073709551616", "18014398509481984k",
                                        "99999999999999999999g"};
    for (size_t i = 0; i < N(bad); i++)
        assert_int_equal(str_size(str_of(bad[i]), &(uint64_t){0}), -EINVAL);
    for (size_t i = 0; i < N(range); i++)
        assert_int_equal(str_size(str_of(range[i]), &(uint64_t){0}), -ERANGE);
}

static void utf8_is_checked_as_the_standard_says(void **state) {
    static const struct {
        const char *text;
        size_t n, bad;
    } cases[] = {
        {"a", 1, 0},
        {"\xC3\xA4", 2, 0},
        {"\xE2\x82\xAC", 3, 0},
        {"\xED\x9F\xBF", 3, 0},
        {"\xF0\x9F\x98\x80", 4, 0},
        {"\xF4\x8F\xBF\xBF", 4, 0},
        {"\x80", 0, 1},
        {"\xC0\xAF", 0, 1},
        {"\xC1\xBF", 0, 1},
        {"\xE0\x9F\xBF", 0, 1},
        {"\xED\xA0\x80", 0, 1},
        {"\xF0\x8F\xBF\xBF", 0, 1},
        {"\xF4\x90\x80\x80", 0, 1},
        {"\xF5\x80\x80\x80", 0, 1},
        {"\xFF", 0, 1},
        {"\xC3", 0, 1},
        {"\xE2\x82", 0, 2},
        {"\xE2\x82z", 0, 2},
        {"\xF0\x9F\x98", 0, 3},
        {"\xF0\x9F\x98\xC3", 0, 3},
    };
    for (size_t i = 0; i < N(cases); i++) {
        size_t bad = 99;
        assert_int_equal(str_utf8(str_of(cases[i].text), &bad), cases[i].n);
        if (!cases[i].n) assert_int_equal(bad, cases[i].bad);
    }
    size_t bad = 99;
    assert_int_equal(str_utf8(STR_NONE, &bad), 0);
    assert_int_equal(bad, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_slices_without_memory_are_fine_everywhere),
        cmocka_unit_test(case_is_folded_for_ascii_letters_only),
        cmocka_unit_test(order_is_bytewise_and_shorter_comes_first),
        cmocka_unit_test(slices_stay_inside_the_text),
        cmocka_unit_test(trim_takes_blanks_and_tabs_and_nothing_else),
        cmocka_unit_test(positions_are_those_of_the_first_hit),
        cmocka_unit_test(a_cut_is_at_the_first_separator),
        cmocka_unit_test(a_list_skips_empty_members_and_trims_the_others),
        cmocka_unit_test(a_quote_that_never_ends_swallows_the_rest_of_the_list),
        cmocka_unit_test(u64_takes_digits_and_nothing_else),
        cmocka_unit_test(i64_takes_the_whole_range_and_not_one_more),
        cmocka_unit_test(hex_takes_digits_without_prefix),
        cmocka_unit_test(booleans_are_four_pairs_of_words),
        cmocka_unit_test(durations_are_sums_of_decimals_with_units),
        cmocka_unit_test(durations_that_make_no_sense_are_refused),
        cmocka_unit_test(sizes_are_binary_multiples),
        cmocka_unit_test(sizes_that_make_no_sense_are_refused),
        cmocka_unit_test(utf8_is_checked_as_the_standard_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
