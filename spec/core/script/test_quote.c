/* The lines of a source that an error speaks of. */
#include "spec/core/base/spec.h"

#include "core/script/quote.h"

static struct str files[] = {
    STR("one\ntwo\nthree\nfour\nfive\nsix"),
    STR("\tx\r\n"),
    STR(""),
    STR("return {\n  x\n}\n"),
    STR("\033[2J\177\t\303\274"),
};

static struct str read_file(void *arg, struct str path) {
    static const char *const names[] = {"a.lua", "gen/b.lua", "empty.lua", "policies/shop.lua",
                                        "d.lua"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq(path, str_of(names[i]))) return files[i];
    return STR_NONE;
}

static const struct quote_source shop = {{"shop", 4}, read_file, NULL};

#define QUOTED(expected, text) \
    do { \
        struct buf out; \
        buf_init(&out); \
        quote_errors(&out, STR(text), &shop); \
        buf_char(&out, 0); \
        assert_string_equal(out.p, expected); \
        buf_free(&out); \
    } while (0)

static void the_line_is_marked_among_its_neighbours(void **state) {
    QUOTED("services/shop/a.lua:3: no\n"
           "         1 | one\n"
           "         2 | two\n"
           "    >    3 | three\n"
           "         4 | four\n"
           "         5 | five",
           "services/shop/a.lua:3: no");
    QUOTED("services/shop/a.lua:1: no\n    >    1 | one\n         2 | two\n         3 | three",
           "services/shop/a.lua:1: no");
    QUOTED("services/shop/a.lua:6: no\n         4 | four\n         5 | five\n    >    6 | six",
           "services/shop/a.lua:6: no");
    QUOTED("services/shop/gen/b.lua:1: no\n    >    1 |  x", "services/shop/gen/b.lua:1: no");
}

static void a_column_is_pointed_at(void **state) {
    QUOTED("services/shop/a.lua:1:3: no\n"
           "    >    1 | one\n"
           "           |   ^\n"
           "         2 | two\n"
           "         3 | three",
           "services/shop/a.lua:1:3: no");
}

static void each_error_of_several_has_its_own(void **state) {
    QUOTED("services/shop/gen/b.lua:1: no\n    >    1 |  x\nanother\n"
           "services/shop/gen/b.lua:1: neither\n    >    1 |  x",
           "services/shop/gen/b.lua:1: no\nanother\nservices/shop/gen/b.lua:1: neither");
}

static void what_a_terminal_would_obey_is_not_shown(void **state) {
    QUOTED("services/shop/d.lua:1: near '.[2J'\n    >    1 | .[2J. \303\274",
           "services/shop/d.lua:1: near '\033[2J'");
}

static void what_is_not_there_is_not_quoted(void **state) {
    QUOTED("", "");
    QUOTED("no place", "no place");
    QUOTED("services/shop/none.lua:1: no", "services/shop/none.lua:1: no");
    QUOTED("services/other/a.lua:1: no", "services/other/a.lua:1: no");
    QUOTED("services/shop/a.lua:99: no", "services/shop/a.lua:99: no");
    QUOTED("services/shop/a.lua:0: no", "services/shop/a.lua:0: no");
    QUOTED("services/shop/a.lua:x: no", "services/shop/a.lua:x: no");
    QUOTED("services/shop/a.lua", "services/shop/a.lua");
    QUOTED("services/shop/empty.lua:1: no", "services/shop/empty.lua:1: no");
}

#define TRACED(expected, text, trace) \
    do { \
        struct buf out; \
        buf_init(&out); \
        quote_trace(&out, STR(text), STR(trace), &shop); \
        assert_str_is(buf_view(&out), expected); \
        buf_free(&out); \
    } while (0)

#define TRACE \
    "stack traceback:\n" \
    "    [C]: in global 'error'\n" \
    "    services/other/a.lua:3: in x\n" \
    "    services/shop/gen/b.lua:1: in y\n" \
    "        > x\n" \
    "    services/shop/a.lua:2: in z\n" \
    "        > two"

static void the_line_that_failed_is_shown_once(void **state) {
    TRACED("\n    >    1 |  x\n"
           "stack traceback:\n"
           "    [C]: in global 'error'\n"
           "    services/other/a.lua:3: in x\n"
           "    services/shop/gen/b.lua:1: in y\n"
           "    services/shop/a.lua:2: in z\n"
           "        > two",
           "services/shop/gen/b.lua:1: no", TRACE);
    TRACED("\n         1 | one"
           "\n    >    2 | two"
           "\n         3 | three"
           "\n         4 | four\n"
           "stack traceback:\n"
           "    [C]: in global 'error'\n"
           "    services/other/a.lua:3: in x\n"
           "    services/shop/gen/b.lua:1: in y\n"
           "        > x\n"
           "    services/shop/a.lua:2: in z",
           "services/shop/a.lua:2: no", TRACE);
}

static void an_error_without_a_place_has_the_first_of_its_traceback(void **state) {
    TRACED("\n    >    1 |  x\n    services/shop/gen/b.lua:1: in y", "no",
           "    services/shop/gen/b.lua:1: in y\n        > x");
    TRACED("\nstack traceback:\n    services/other/a.lua:3: in x\n        > x", "no",
           "stack traceback:\n    services/other/a.lua:3: in x\n        > x");
    TRACED("", "no", "");
    struct buf out;
    struct quote_source nothing = {{"shop", 4}, NULL, NULL};
    buf_init(&out);
    quote_trace(&out, STR("services/shop/a.lua:1: no"), STR("x"), &nothing);
    assert_str_is(buf_view(&out), "\nx");
    buf_free(&out);
}

static void the_services_policy_is_quoted_too(void **state) {
    QUOTED("policies/shop.lua:2: no\n         1 | return {\n    >    2 |   x\n         3 | }",
           "policies/shop.lua:2: no");
    QUOTED("policies/other.lua:2: no", "policies/other.lua:2: no");
    TRACED("\n         1 | return {\n    >    2 |   x\n         3 | }"
           "\n    policies/shop.lua:2: in x\n    services/shop/a.lua:1: in y",
           "policies/shop.lua:2: no",
           "    policies/shop.lua:2: in x\n        > x\n    services/shop/a.lua:1: in y");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_marked_among_its_neighbours),
        cmocka_unit_test(a_column_is_pointed_at),
        cmocka_unit_test(each_error_of_several_has_its_own),
        cmocka_unit_test(what_a_terminal_would_obey_is_not_shown),
        cmocka_unit_test(what_is_not_there_is_not_quoted),
        cmocka_unit_test(the_line_that_failed_is_shown_once),
        cmocka_unit_test(an_error_without_a_place_has_the_first_of_its_traceback),
        cmocka_unit_test(the_services_policy_is_quoted_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
