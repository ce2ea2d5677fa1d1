/* re2 and lib_regex: how patterns are said again for PCRE2, and memory that runs out anywhere. */
#include "spec/core/script/script.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/script/re2.h"

extern const struct lib_doc lib_regex_docs[];

/* ---- translation ----------------------------------------------------------------------------- */

struct translation {
    struct buf text, places;
    struct err e;
};

static int translate(struct translation *t, const char *pattern) {
    memset(t, 0, sizeof *t);
    buf_init(&t->text);
    buf_init(&t->places);
    return re2_translate(str_of(pattern), &t->text, &t->places, &t->e);
}

static void done(struct translation *t) {
    buf_free(&t->text);
    buf_free(&t->places);
}

static void becomes(const char *pattern, const char *expected) {
    struct translation t;
    if (translate(&t, pattern) < 0) fail_msg("%s: %s", pattern, t.e.text);
    if (!str_eq(buf_view(&t.text), str_of(expected)))
        fail_msg("%s: expected %s, got %.*s", pattern, expected, STR_FMT(buf_view(&t.text)));
    done(&t);
}

static void is_refused(const char *pattern, int code, const char *why) {
    struct translation t;
    assert_int_equal(translate(&t, pattern), code);
    if (strcmp(t.e.text, why) != 0) fail_msg("%s: expected '%s', got '%s'", pattern, why, t.e.text);
    done(&t);
}

static void plain_patterns_stay_what_they_are(void **state) {
    becomes("", "");
    becomes("abc1", "abc1");
    becomes("(?:a|b){2,3}|^.", "(?:a|b){2,3}|^.");
    becomes("\\d\\D\\w\\W\\b\\B\\A\\z", "\\d\\D\\w\\W\\b\\B\\A\\z");
    becomes("[a-z0-9]", "[a-z0-9]");
    becomes("[^a]", "[^a]");
    becomes("[[:alpha:][:^digit:]]", "[[:alpha:][:^digit:]]");
    becomes("\\pL\\PN\\p{Lu}\\p{^Lu}\\P{^Lu}\\p{Any}", "\\p{L}\\P{N}\\p{Lu}\\P{Lu}\\p{Lu}\\p{Any}");
}

static void what_pcre2_reads_in_another_way_is_written_in_its_words(void **state) {
    becomes("- #_\\-\xc3\xa9", "\\x{2d}\\x{20}\\x{23}\\x{5f}\\x{2d}\\x{e9}");
    becomes("\\s\\S", "[\\t\\n\\f\\r\\x20][^\\t\\n\\f\\r\\x20]");
    becomes("[\\s][\\S]", "[\\t\\n\\f\\r\\x20][\\S\\x0b]");
    becomes("\\v\\a\\012\\12\\0\\x41\\x{1F600}", "\\x{b}\\x{7}\\x{a}\\x{a}\\x{0}A\\x{1f600}");
    becomes("a{,2}{x}{01}{", "a\\{\\x{2c}2\\x{7d}\\{x\\x{7d}\\{01\\x{7d}\\{");
    becomes("[]a][^]a][a-][-a][[a]", "[\\x{5d}a][^\\x{5d}a][a\\x{2d}][\\x{2d}a][\\x{5b}a]");
    becomes("\\Qa.b\\E*\\Q*", "a\\x{2e}b{0}b*\\x{2a}");
    becomes("(a)(?:b)(?P<n>c)(?<n>d)", "(?:a)(?:b)(?:c)(?:d)");
    becomes("(?i)a(?U)b(?s-mU:c)(?-i:d)(?)", "(?i)a(?)b(?s-m:c)(?-i:d)(?)");
    becomes("^*\\b+\\B{2}", "(?:^){0,}(?:\\b){1,}(?:\\B){2,2}");
    becomes("^\\Q\\E*", "(?:^){0,}");
    becomes("a$|(?m:b$)|c$|(?m)d$", "a\\z|(?m:b$)|c\\z|(?m)d$");
    becomes("((?m)a$)$(?m)$(?-m:$)$", "(?:(?m)a$)\\z(?m)$(?-m:\\z)$");
}

static void quantifiers_are_written_so_that_nothing_is_counted_without_bound(void **state) {
    becomes("a?(b)?", "a{0,1}(?:b){0,1}");
    becomes("a{2}b{2,3}(c){2,3}", "a{2,2}b{2,3}(?:c){2,3}");
    becomes("ba*(c)*", "ba{0}a*(?:c){0,}");
    becomes("b[xy]+(c)+", "b[xy]{1}[xy]*(?:c){1,}");
    becomes("\\s{3,}", "[\\t\\n\\f\\r\\x20]{3}[\\t\\n\\f\\r\\x20]*");
    becomes("\\Qab\\E+a\\Q\\E+", "ab{1}b*a{1}a*");
    becomes("a*?b+?c??d{2}?", "a{0}a*b{1}b*c{0,1}d{2,2}");
}

static void every_byte_knows_where_it_comes_from(void **state) {
    const char *pattern = "ab\xc3\xa9[x-\\x{7a}]*(?:\\s|\\Q.,\\E)$";
    struct translation t;
    uint32_t place, before = 0;
    assert_int_equal(translate(&t, pattern), 0);
    assert_int_equal(t.places.n, t.text.n * sizeof place);
    for (size_t i = 0; i < t.text.n; i++) {
        memcpy(&place, t.places.p + i * sizeof place, sizeof place);
        assert_true(place >= before && place < strlen(pattern));
        before = place;
    }
    done(&t);
}

static void what_re2_does_not_know_is_refused_with_its_place(void **state) {
    is_refused("a\\1", -EINVAL, "offset 1: backreferences are not supported: \\1");
    is_refused("(?P<n>a)(?P=n)", -EINVAL, "offset 8: backreferences are not supported: (?P=");
    is_refused("ab(?=c)", -EINVAL, "offset 2: lookaround is not supported: (?=");
    is_refused("(?!c)", -EINVAL, "offset 0: lookaround is not supported: (?!");
    is_refused("(?<=c)", -EINVAL, "offset 0: lookaround is not supported: (?<=");
    is_refused("(?<!c)", -EINVAL, "offset 0: lookaround is not supported: (?<!");
    is_refused("(?>a)", -EINVAL, "offset 0: this kind of group is not supported: (?>");
    is_refused("(?#a)", -EINVAL, "offset 0: this kind of group is not supported: (?#");
    is_refused("(?R)", -EINVAL, "offset 0: this kind of group is not supported: (?R");
    is_refused("(?x)a", -EINVAL, "offset 0: this kind of group is not supported: (?x");
    is_refused("(?i--m)", -EINVAL, "offset 0: this kind of group is not supported: (?i--");
    is_refused("(?i-)", -EINVAL, "offset 0: this kind of group is not supported: (?i-)");
    is_refused("(?i", -EINVAL, "offset 0: this kind of group is not supported: (?i");
    is_refused("(?<1", -EINVAL, "offset 0: invalid name of a group: (?<1");
    is_refused("a*+", -EINVAL, "offset 2: a quantifier cannot follow a quantifier: +");
    is_refused("a**", -EINVAL, "offset 2: a quantifier cannot follow a quantifier: *");
    is_refused("a{2}{3}", -EINVAL, "offset 4: a quantifier cannot follow a quantifier: {3}");
    is_refused("*a", -EINVAL, "offset 0: there is nothing to repeat before *");
    is_refused("(*ACCEPT)", -EINVAL, "offset 1: there is nothing to repeat before *");
    is_refused("a|{2}", -EINVAL, "offset 2: there is nothing to repeat before {2}");
    is_refused("a{1001}", -EINVAL, "offset 1: invalid repeat count {1001}");
    is_refused("a{99999999999999}", -EINVAL, "offset 1: invalid repeat count {99999999999999}");
    is_refused("a{3,2}", -EINVAL, "offset 1: invalid repeat count {3,2}");
    is_refused("a(b", -EINVAL, "offset 1: the closing ) of this group is missing");
    is_refused("a)b", -EINVAL, "offset 1: this ) closes nothing");
    is_refused("a[b", -EINVAL, "offset 1: the closing ] of this class is missing");
    is_refused("[", -EINVAL, "offset 0: the closing ] of this class is missing");
    is_refused("[]", -EINVAL, "offset 0: the closing ] of this class is missing");
    is_refused("[z-a]", -EINVAL, "offset 1: the range runs backwards: z-a");
    is_refused("[a-\\d]", -EINVAL, "offset 3: invalid escape sequence \\d");
    is_refused("[\\b]", -EINVAL, "offset 1: invalid escape sequence \\b");
    is_refused("[[:word:][:nope:]]", -EINVAL,
               "offset 9: there is no such class of characters: [:nope:]");
    is_refused("[[:alpha alpha:]]", -EINVAL,
               "offset 1: there is no such class of characters: [:alpha alpha:]");
    is_refused("a\\", -EINVAL, "offset 1: the backslash at the end escapes nothing");
    is_refused("[a\\", -EINVAL, "offset 2: the backslash at the end escapes nothing");
    is_refused("\\Z", -EINVAL, "offset 0: invalid escape sequence \\Z");
    is_refused("\\K", -EINVAL, "offset 0: invalid escape sequence \\K");
    is_refused("\\R", -EINVAL, "offset 0: invalid escape sequence \\R");
    is_refused("\\C", -EINVAL, "offset 0: invalid escape sequence \\C");
    is_refused("\\E", -EINVAL, "offset 0: invalid escape sequence \\E");
    is_refused("\\x4", -EINVAL, "offset 0: invalid escape sequence \\x4");
    is_refused("\\x{}", -EINVAL, "offset 0: invalid escape sequence \\x{");
    is_refused("\\x{110000}", -EINVAL, "offset 0: invalid escape sequence \\x{110000}");
    is_refused("\\\xc3\xa9", -EINVAL, "offset 0: invalid escape sequence \\\xc3\xa9");
    is_refused("\\p", -EINVAL, "offset 0: invalid escape sequence \\p");
    is_refused("\\p{Greek", -EINVAL, "offset 0: a closing } is missing: \\p{");
    is_refused("\\p{}", -EINVAL, "offset 0: there is no such class of characters: \\p{}");
    is_refused("\\p{L&}", -EINVAL, "offset 0: there is no such class of characters: \\p{L&}");
    is_refused("ab\xff", -EINVAL, "offset 2: not UTF-8");
}

static void long_and_deep_patterns_are_refused(void **state) {
    struct translation t;
    char text[RE2_MAX_PATTERN + 2];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    is_refused(text, ERR_LIMIT, "offset 10000: the pattern is too long");
    text[RE2_MAX_PATTERN] = 0;
    assert_int_equal(translate(&t, text), 0);
    done(&t);
    memset(text, '(', RE2_MAX_NESTING);
    memset(text + RE2_MAX_NESTING, ')', RE2_MAX_NESTING);
    text[2 * RE2_MAX_NESTING] = 0;
    assert_int_equal(translate(&t, text), 0);
    done(&t);
    text[RE2_MAX_NESTING] = '(';
    is_refused(text, ERR_LIMIT, "offset 200: nested too deeply");
}

/* ---- the module ------------------------------------------------------------------------------ */

static void every_function_is_documented(void **state) {
    struct script s;
    script_open(&s);
    check(&s,
          "local regex, names = require 'regex', {}\n"
          "for name in pairs(regex) do table.insert(names, name) end\n"
          "return #names, type(regex.compile), type(regex.compile('a').matches)",
          "1|function|function");
    assert_string_equal(lib_regex_docs[0].name, "compile");
    assert_string_equal(lib_regex_docs[1].name, "Regex");
    assert_string_equal(lib_regex_docs[2].name, "Regex:matches");
    assert_null(lib_regex_docs[3].name);
    script_close(&s);
}

static void misuse_raises(void **state) {
    struct script s;
    script_open(&s);
    check_error(&s, "require 'regex'.compile()", "string expected");
    check_error(&s, "require 'regex'.compile({})", "string expected");
    check_error(&s, "require 'regex'.compile('a'):matches()", "string expected");
    check_error(&s, "require 'regex'.compile('a').matches('a')", "host.regex expected");
    script_close(&s);
}

static void what_patterns_hold_is_counted(void **state) {
    struct script s;
    script_open(&s);
    check(&s, "kept = require 'regex'.compile('(ab?){50}') return kept:matches('b')", "false");
    assert_true(s.vm->held > 200);
    check(&s, "kept = nil", "");
    assert_int_equal(vm_protect(s.vm, script_collect, NULL, NULL), 0);
    assert_int_equal(s.vm->held, 0);
    script_close(&s);
}

static int work(lua_State *L) {
    static const char code[] =
        "local regex = require 'regex' local r = assert(regex.compile('^(a|\\\\pL)*x{2,3}$')) "
        "assert(r:matches('aaaxx') and not r:matches('aaax') and not r:matches('\\xff')) "
        "assert(not regex.compile('a(?=b)'))";
    if (luaL_loadstring(L, code) != LUA_OK) lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

static void running_out_of_memory_anywhere_leaks_nothing(void **state) {
    struct script s;
    script_open(&s);
    int failures = 0;
    for (long n = 1;; n++) {
        struct err e = {0};
        mem_fail_at(n, true);
        int rc = vm_protect(s.vm, work, NULL, &e);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (rc < 0 && rc != -ENOMEM) fail_msg("%s", e.text);
        failures += rc < 0;
        assert_int_equal(vm_protect(s.vm, script_collect, NULL, NULL), 0);
        assert_int_equal(s.vm->held, 0);
        if (!fired) {
            assert_int_equal(rc, 0);
            break;
        }
    }
    assert_true(failures > 20);
    script_close(&s);
}

/* ---- the same answers as PCRE2's other matcher ----------------------------------------------- */

static uint32_t seed = 20240917;

static uint32_t any(uint32_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* A pattern that both read alike. */
static void any_pattern(struct buf *out, int depth) {
    static const char *const atoms[] = {"a",   "b",    "c",   ".",   "[ab]", "[^a]",
                                        "\\w", "\\b",  "\\B", "^",   "$",    "[[:alpha:]]",
                                        "\\d", "(?:)", "ab",  "\\z", "\\A",  "(?m)"};
    static const char *const quantifiers[] = {"*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "*?"};
    static const char *const groups[] = {"(", "(?:", "(?m:", "(?-m:"};
    int alternatives = 1 + (int)any(2);
    for (int i = 0; i < alternatives; i++) {
        if (i) buf_char(out, '|');
        for (int n = (int)any(4); n >= 0; n--) {
            bool repeat = any(3) == 0;
            if (depth > 0 && any(3) == 0) {
                buf_str(out, str_of(groups[any(4)]));
                any_pattern(out, depth - 1);
                buf_char(out, ')');
            } else if (repeat) { /* assertions on their own are no items for PCRE2 */
                buf_str(out, str_of(atoms[any(6)]));
            } else {
                buf_str(out, str_of(atoms[any(sizeof atoms / sizeof *atoms)]));
            }
            if (repeat) buf_str(out, str_of(quantifiers[any(8)]));
        }
    }
}

struct trial {
    struct str pattern, text;
    int expected;
};

static int compare(lua_State *L) {
    struct trial *t = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "regex");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "compile");
    lua_pushlstring(L, t->pattern.p, t->pattern.n);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2)) return luaL_error(L, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_getfield(L, -1, "matches");
    lua_insert(L, -2);
    lua_pushlstring(L, t->text.p, t->text.n);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2)) return luaL_error(L, "%s", lua_tostring(L, -1));
    if (lua_toboolean(L, -2) != t->expected) return luaL_error(L, "expected %d", t->expected);
    return 0;
}

static void random_patterns_match_what_a_backtracking_matcher_matches(void **state) {
    struct script s;
    int matched = 0, refused = 0;
    script_open(&s);
    for (int i = 0; i < 3000; i++) {
        struct buf pattern;
        int code;
        size_t at;
        buf_init(&pattern);
        any_pattern(&pattern, 2);
        pcre2_code *other = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                                          PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_CIRCUMFLEX,
                                          &code, &at, NULL);
        if (!other) fail_msg("PCRE2 refuses %.*s: %d", STR_FMT(buf_view(&pattern)), code);
        pcre2_match_data *data = pcre2_match_data_create(1, NULL);
        for (int j = 0; j < 5; j++) {
            char text[12];
            size_t n = any(sizeof text);
            for (size_t k = 0; k < n; k++)
                text[k] = "aaabbc1 \n"[any(9)];
            int rc = pcre2_match(other, (PCRE2_SPTR)text, n, 0, 0, data, NULL);
            if (rc == PCRE2_ERROR_MATCHLIMIT) continue; /* it backtracked too often; we do not */
            struct trial t = {buf_view(&pattern), str_make(text, n), rc >= 0};
            struct err e = {0};
            matched += rc >= 0;
            refused += rc < 0;
            if (vm_protect(s.vm, compare, &t, &e) < 0)
                fail_msg("%.*s on '%.*s': %s", STR_FMT(t.pattern), STR_FMT(t.text), e.text);
        }
        pcre2_match_data_free(data);
        pcre2_code_free(other);
        buf_free(&pattern);
    }
    assert_true(matched > 1000 && refused > 1000);
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_patterns_stay_what_they_are),
        cmocka_unit_test(what_pcre2_reads_in_another_way_is_written_in_its_words),
        cmocka_unit_test(quantifiers_are_written_so_that_nothing_is_counted_without_bound),
        cmocka_unit_test(every_byte_knows_where_it_comes_from),
        cmocka_unit_test(what_re2_does_not_know_is_refused_with_its_place),
        cmocka_unit_test(long_and_deep_patterns_are_refused),
        cmocka_unit_test(every_function_is_documented),
        cmocka_unit_test(misuse_raises),
        cmocka_unit_test(what_patterns_hold_is_counted),
        cmocka_unit_test(running_out_of_memory_anywhere_leaks_nothing),
        cmocka_unit_test(random_patterns_match_what_a_backtracking_matcher_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
