/* json: numbers, exactly, in both directions. */
#include "spec/core/script/json_state.h"

/* ---- numbers ------------------------------------------------------------------------------ */

static void assert_integer(const char *text, int64_t expected) {
    assert_decodes(text);
    assert_true(lua_isinteger(L, -1));
    assert_true(lua_tointeger(L, -1) == expected);
    lua_pop(L, 1);
}

static void assert_float(const char *text, double expected) {
    assert_decodes(text);
    assert_false(lua_isinteger(L, -1));
    double v = lua_tonumber(L, -1);
    if (memcmp(&v, &expected, sizeof v) != 0) fail_msg("%s is %a, not %a", text, v, expected);
    lua_pop(L, 1);
}

static void integers_of_64_bits_stay_integers(void **state) {
    assert_integer("0", 0);
    assert_integer("-0", 0);
    assert_integer("9007199254740993", 9007199254740993);
    assert_integer("-9007199254740993", -9007199254740993);
    assert_integer("999999999999999999", 999999999999999999);
    assert_integer("1000000000000000000", 1000000000000000000);
    assert_integer("9223372036854775807", INT64_MAX);
    assert_integer("-9223372036854775808", INT64_MIN);
    assert_round_trip("[9223372036854775807,-9223372036854775808,9007199254740993,-1]",
                      "[9223372036854775807,-9223372036854775808,9007199254740993,-1]");
}

static void larger_integers_become_floats(void **state) {
    assert_float("9223372036854775808", 9223372036854775808.0);
    assert_float("-9223372036854775809", -9223372036854775808.0);
    assert_float("18446744073709551616", 18446744073709551616.0);
    assert_float("100000000000000000000000000000000000000000", 1e41);
    assert_float("9223372036854775809000", 9223372036854775809000.0);
}

static void fractions_and_exponents_are_floats(void **state) {
    assert_float("1.0", 1.0);
    assert_float("1e0", 1.0);
    assert_float("1E+2", 100.0);
    assert_float("-0.0", -0.0);
    assert_float("-0e5", -0.0);
    assert_float("0.1", 0.1);
    assert_float("0.30000000000000004", 0.1 + 0.2);
    assert_integer("123456789012345678", 123456789012345678);
}

static void the_nearest_double_is_read(void **state) {
    static const char *hard[] = {
        "2.2250738585072011e-308", /* the famous endless loop */
        "2.2250738585072014e-308",
        "4.9e-324",
        "5e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "9007199254740993.0",
        "9007199254740992.999999999999999999999999",
        "9007199254740991.0",
        "9007199254740993.00000000000000000000000000000000001",
        "1e23",
        "8.41e21",
        "9.5e-5",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "3.5e-310",
        "1e-400",
        "0e9999",
        "0.000000000000000000000000000000000000000000000000000000000000000000000001e72",
        "123456789012345678901234567890.5e-20",
        "0.99999999999999994448884876874217",
        "6.9294956446009195e15",
        "1e-323",
        "8.98846567431158e307",
        "1.8446744073709551616e19",
        "7.2057594037927933e16",
        "1.5e00000000000000000000000000000000000003",
        "100000000000000000000000000000000e-32",
        "1e-0000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        assert_float(hard[i], strtod(hard[i], NULL));
        assert_true(decimal_parse(str_of(hard[i])) == strtod(hard[i], NULL));
    }
    /* Half-way between two doubles, told apart by the 770th digit. */
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%.767g", 2.2250738585072009e-308 + 4.94e-324);
    for (int i = 0; i < 3; i++) {
        buf_str(&b, i == 0 ? STR("") : STR("1"));
        char *z = mem_dup(buf_view(&b));
        assert_true(decimal_parse(str_of(z)) == strtod(z, NULL));
        mem_free(z);
    }
    buf_free(&b);
}

static void a_number_that_no_double_can_hold_is_refused(void **state) {
    assert_invalid_at(STR("1e400"), 0);
    assert_invalid_at(STR("[1,-1e309]"), 3);
    assert_invalid_at(STR("1.7976931348623159e308"), 0);
    assert_invalid_at(STR("1e99999999999999999999"), 0);
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 400; i++)
        buf_char(&b, '9');
    assert_invalid_at(buf_view(&b), 0);
    buf_free(&b);
    assert_float("1e-99999999999999999999", 0.0);
    assert_float("0e99999999999999999999", 0.0);
}

/* How many significant digits a number's text has. */
static int significant(const char *text) {
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0')) continue;
        n++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return n - zeros;
}

static void assert_shortest(double v) {
    char out[DECIMAL_MAX + 1], other[40];
    size_t n = decimal_write(v, out);
    assert_true(n <= DECIMAL_MAX);
    out[n] = '\0';
    double back = decimal_parse(str_of(out));
    if (memcmp(&back, &v, sizeof v) != 0 || strtod(out, NULL) != v) fail_msg("%a: %s", v, out);
    assert_non_null(strpbrk(out, ".e"));
    int digits = significant(out);
    if (digits < 2) return;
    snprintf(other, sizeof other, "%.*e", digits - 2, v);
    if (strtod(other, NULL) == v) fail_msg("%s is shorter than %s", other, out);
}

static void the_shortest_text_of_a_double_reads_back_the_same(void **state) {
    static const double some[] = {0.1,
                                  0.3,
                                  1e-5,
                                  1e-6,
                                  123.456,
                                  1e16,
                                  1e17,
                                  1e22,
                                  1e23,
                                  5e-324,
                                  1.5e-9,
                                  9.5e-5,
                                  2.0 / 3,
                                  1e100,
                                  1e15,
                                  999999.999999,
                                  1e9,
                                  1e9 + 0.5,
                                  4503599627370496.5,
                                  9007199254740993.0,
                                  1.7976931348623157e308,
                                  2.2250738585072014e-308,
                                  4.35,
                                  0.000001,
                                  299792458.0,
                                  6.02214076e23,
                                  1.0000000000000002,
                                  8.589973e9};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        assert_shortest(some[i]);
        assert_shortest(-some[i]);
    }
    for (int e = -1074; e <= 1023; e++) { /* powers of two have an uneven neighbourhood */
        assert_shortest(ldexp(1, e));
        assert_shortest(nextafter(ldexp(1, e), 0) + 0.0);
        assert_shortest(nextafter(ldexp(1, e), INFINITY));
    }
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = any();
        double v;
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v)) assert_shortest(v);
        assert_shortest((double)(int64_t)(any() % 2000000000 - 1000000000) / 1000);
    }
}

static void random_decimals_read_like_the_library_reads_them(void **state) {
    char text[80];
    for (int i = 0; i < 200000; i++) {
        uint64_t m = any() >> any() % 60;
        int e = (int)(any() % 680) - 345;
        if (i % 3 == 0) e = (int)(any() % 60) - 30;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)m, e);
        double expected = strtod(text, NULL);
        assert_true(decimal_make(m, e) == expected);
        assert_true(decimal_parse(str_of(text)) == expected);
        snprintf(text, sizeof text, "0.%019llu%019lluE%d", (unsigned long long)m,
                 (unsigned long long)any(), e);
        assert_true(decimal_parse(str_of(text)) == strtod(text, NULL));
    }
}

static void floats_keep_their_point_and_integers_have_none(void **state) {
    static const struct {
        const char *value, *text;
    } all[] = {
        {"1", "1"},
        {"1.0", "1.0"},
        {"-0.0", "-0.0"},
        {"0.0", "0.0"},
        {"1e15", "1000000000000000.0"},
        {"1e16", "10000000000000000.0"},
        {"1e17", "1e17"},
        {"1.5e300", "1.5e300"},
        {"0.1", "0.1"},
        {"-2.5", "-2.5"},
        {"0.00001", "0.00001"},
        {"0.000001", "1e-6"},
        {"1.25e-7", "1.25e-7"},
        {"100", "100"},
        {"1/3", "0.3333333333333333"},
        {"2^53", "9007199254740992.0"},
        {"123456.789", "123456.789"},
        {"math.mininteger", "-9223372036854775808"},
        {"math.maxinteger", "9223372036854775807"},
        {"5e-324", "5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e308"},
        {"0.1+0.2", "0.30000000000000004"},
        {"-10", "-10"},
        {"99999999999999.98", "99999999999999.98"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        eval(all[i].value);
        assert_encodes(all[i].text);
    }
    char digits[DECIMAL_MAX];
    for (int64_t v = 1; v > 0 && v < INT64_MAX / 10; v *= 10) {
        char expected[32];
        for (int64_t near = v - 1; near <= v + 1; near++) {
            int n = snprintf(expected, sizeof expected, "%lld", (long long)-near);
            assert_int_equal(decimal_int(-near, digits), n);
            assert_memory_equal(digits, expected, (size_t)n);
        }
    }
}

static void nan_and_infinity_are_refused_with_their_place(void **state) {
    assert_encode_fails("0/0", -EINVAL, "", "NaN");
    assert_encode_fails("{ 1, { a = 1/0 } }", -EINVAL, "[2].a", "infinity");
    assert_encode_fails("{ a = { b = { 1, 2, -1/0 } } }", -EINVAL, "a.b[3]", "infinity");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_64_bits_stay_integers),
        cmocka_unit_test(larger_integers_become_floats),
        cmocka_unit_test(fractions_and_exponents_are_floats),
        cmocka_unit_test(the_nearest_double_is_read),
        cmocka_unit_test(a_number_that_no_double_can_hold_is_refused),
        cmocka_unit_test(the_shortest_text_of_a_double_reads_back_the_same),
        cmocka_unit_test(random_decimals_read_like_the_library_reads_them),
        cmocka_unit_test(floats_keep_their_point_and_integers_have_none),
        cmocka_unit_test(nan_and_infinity_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
