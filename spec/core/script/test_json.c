/* json: text to Lua values: what decodes to what, and what is refused where. */
#include "spec/core/script/json_state.h"

/* ---- decoding ----------------------------------------------------------------------------- */

static void every_kind_of_value_decodes(void **state) {
    assert_decodes(" { \"a\" : [ 1 , -2.5e1 , \"x\" , true , false , null , { } , [ ] ] } \r\n\t");
    lua_setglobal(L, "v");
    assert_true_in_lua("local json = require 'json' local a = v.a "
                       "assert(#a == 8 and a[1] == 1 and math.type(a[1]) == 'integer') "
                       "assert(a[2] == -25.0 and math.type(a[2]) == 'float' and a[3] == 'x') "
                       "assert(a[4] == true and a[5] == false and a[6] == json.null) "
                       "assert(next(a[7]) == nil and not json.is_list(a[7])) "
                       "assert(#a[8] == 0 and json.is_list(a[8]) and json.is_list(a))");
}

static void scalars_decode_at_the_top(void **state) {
    assert_round_trip("1", "1");
    assert_round_trip(" \"x\" ", "\"x\"");
    assert_round_trip("true", "true");
    assert_round_trip("false", "false");
    assert_decodes("null");
    assert_true(json_is_null(L, -1));
    assert_encodes("null");
}

static void malformed_text_is_refused_where_it_goes_wrong(void **state) {
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {
        {"", 0},
        {"   ", 3},
        {"nul", 0},
        {"nulL", 0},
        {"True", 0},
        {"NaN", 0},
        {"Infinity", 0},
        {"-Infinity", 1},
        {"'a'", 0},
        {"[", 1},
        {"[1", 2},
        {"[1,", 3},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[1}", 2},
        {"]", 0},
        {"{", 1},
        {"{}}", 2},
        {"{\"a\"", 4},
        {"{\"a\":", 5},
        {"{\"a\":1", 6},
        {"{\"a\":1,", 7},
        {"{\"a\":1,}", 7},
        {"{\"a\" 1}", 5},
        {"{a:1}", 1},
        {"{1:1}", 1},
        {"{\"a\":1]", 6},
        {"{,}", 1},
        {"1 2", 2},
        {"[] []", 3},
        {"01", 0},
        {"-01", 1},
        {"-", 1},
        {"+1", 0},
        {"1.", 2},
        {".5", 0},
        {"1.e5", 2},
        {"1e", 2},
        {"1e+", 3},
        {"1.5.5", 3},
        {"0x10", 1},
        {"1_000", 1},
        {"--1", 1},
        {"[1,2,3", 6},
        {"\"", 1},
        {"\"abc", 4},
        {"\"a\\", 3},
        {"\"\\x\"", 1},
        {"\"\\u12\"", 1},
        {"\"\\u12G4\"", 1},
        {"\"\\ud800\"", 1},
        {"\"a\\udc00\"", 2},
        {"\"\\ud800\\u0041\"", 1},
        {"\"\\ud800\\n\"", 1},
        {"\"\\", 2},
        {"\"a\nb\"", 2},
        {"\"a\tb\"", 2},
        {"\"\x01\"", 1},
        {"/* */1", 0},
        {"1//", 1},
        {"\"\\'\"", 1},
        {"[1]]", 3},
        {"\"\\u\"", 1},
        {"truefalse", 4},
        {"\xef\xbb\xbf[]", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        /* In memory of its own size, so that a sanitizer sees a byte read too far. */
        struct str text = str_of(bad[i].text);
        char *copy = malloc(text.n + 1);
        memcpy(copy, text.p, text.n);
        char *exact = realloc(copy, text.n ? text.n : 1);
        assert_invalid_at(str_make(exact, text.n), bad[i].at);
        free(exact);
    }
    assert_invalid_at(str_make("\"a\0b\"", 5), 2);
    assert_invalid_at(str_make("[1]\0", 4), 3);
    assert_invalid_at(STR(""), 0);
    assert_int_equal(decode(STR_NONE, NULL, NULL), -EINVAL);
}

static void every_beginning_of_a_document_is_refused(void **state) {
    struct str text = STR("{\"a\":[1,-2.5e3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",true,false,null,"
                          "{\"bb\":{}},[[]]],\"longer name here\":\"longer than sixteen bytes\"}");
    assert_int_equal(decode(text, NULL, NULL), 0);
    lua_settop(L, 0);
    for (size_t n = 0; n < text.n; n++) {
        char *exact = malloc(n ? n : 1);
        memcpy(exact, text.p, n);
        assert_int_equal(decode(str_make(exact, n), NULL, NULL), -EINVAL);
        free(exact);
    }
}

static void strings_decode_with_all_their_escapes(void **state) {
    assert_decodes("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000z\"");
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    struct str expected = STR("\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z");
    assert_true(str_eq(str_make(s, n), expected));
    lua_settop(L, 0);
    assert_decodes("{\"\\u0061\":1,\"b\\n\":2}");
    lua_setglobal(L, "v");
    assert_true_in_lua("assert(v.a == 1 and v['b\\n'] == 2)");
}

static void strings_of_every_length_and_escape_position_round_trip(void **state) {
    for (size_t n = 0; n < 70; n++) {
        for (size_t at = 0; at <= n; at++) {
            char plain[80], special[] = "\"\\\n\x01\x7f";
            memset(plain, 'a', n);
            if (at < n) plain[at] = special[(n + at) % 5];
            lua_pushlstring(L, plain, n);
            struct buf out = encoded();
            assert_int_equal(decode(buf_view(&out), NULL, NULL), 0);
            size_t m;
            const char *s = lua_tolstring(L, -1, &m);
            assert_true(str_eq(str_make(s, m), str_make(plain, n)));
            lua_settop(L, 0);
            buf_free(&out);
        }
    }
}

static void long_strings_with_escapes_decode(void **state) {
    struct buf b;
    buf_init(&b);
    buf_char(&b, '"');
    for (int i = 0; i < 5000; i++)
        buf_str(&b, STR("0123456789\\n"));
    buf_char(&b, '"');
    assert_int_equal(decode(buf_view(&b), NULL, NULL), 0);
    assert_int_equal(lua_rawlen(L, -1), 55000);
    struct buf again = encoded();
    assert_true(str_eq(buf_view(&again), buf_view(&b)));
    buf_free(&again);
    buf_free(&b);
}

static void text_that_is_no_utf8_is_refused_on_both_sides(void **state) {
    static const char *bad[] = {"\x80",
                                "\xbf",
                                "\xc0\xaf",
                                "\xc1\xbf",
                                "\xc3",
                                "\xc3(",
                                "\xe0\x80\x80",
                                "\xe0\x9f\xbf",
                                "\xe2\x82",
                                "\xe2(\xa1",
                                "\xed\xa0\x80",
                                "\xed\xbf\xbf",
                                "\xf0\x80\x80\x80",
                                "\xf0\x8f\xbf\xbf",
                                "\xf4\x90\x80\x80",
                                "\xf5\x80\x80\x80",
                                "\xff",
                                "\xfe",
                                "\xf0\x9f\x98",
                                "\xf0\x9f(\x80"};
    static const char *good[] = {"\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",
                                 "\xed\x9f\xbf",     "\xee\x80\x80",     "\xef\xbf\xbf",
                                 "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x7f"};
    static const char *around[] = {"", "a", "long enough for sixteen bytes at once "};
    char text[200], inner[150];
    for (size_t a = 0; a < 3; a++) {
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            snprintf(inner, sizeof inner, "%s%s%s", around[a], bad[i], around[a]);
            snprintf(text, sizeof text, "\"%s\"", inner);
            assert_invalid_at(str_of(text), 1 + strlen(around[a]));
            snprintf(text, sizeof text, "\"\\n%s\"", inner);
            assert_invalid_at(str_of(text), 3 + strlen(around[a]));
            lua_pushstring(L, inner);
            struct buf out;
            buf_init(&out);
            assert_int_equal(json_encode(L, -1, &out, NULL, NULL, NULL), -EINVAL);
            assert_int_equal(out.n, 0);
            buf_free(&out);
            lua_settop(L, 0);
        }
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
            snprintf(text, sizeof text, "\"%s%s%s\"", around[a], good[i], around[a]);
            assert_round_trip(text, text);
        }
    }
    assert_invalid_at(STR("{\"a\xff\":1}"), 3);
}

static void of_members_with_one_name_the_last_counts(void **state) {
    assert_round_trip("{\"a\":1,\"a\":2}", "{\"a\":2}");
    assert_round_trip("{\"a\":{\"x\":1},\"\\u0061\":[]}", "{\"a\":[]}");
    /* In objects inside an array, and in ones with very many members, too. */
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("[{\"a\":0,\"b\":0,\"c\":0},{\"a\":1,\"a\":2,\"a\":3},{"));
    for (int i = 0; i < 1000; i++)
        buf_str(&b, STR("\"a\":0,\"b\":0,"));
    buf_str(&b, STR("\"a\":4,\"pad\":\"                                          "
                    "                                                                 \"}]"));
    assert_int_equal(decode(buf_view(&b), NULL, NULL), 0);
    lua_setglobal(L, "v");
    assert_true_in_lua("assert(v[2].a == 3 and v[2].b == nil and v[3].a == 4 and v[3].b == 0)");
    buf_free(&b);
}

static void objects_in_an_array_may_differ(void **state) {
    const char *text =
        "[{\"id\":1,\"name\":\"a\",\"tags\":[{\"k\":1},{\"k\":2}]},{\"id\":2,\"nam\":\"b\"},{},"
        "{\"name\":\"c\",\"id\":3},{\"id\":4,\"name\":\"d\",\"tags\":[],\"more\":{\"id\":5,\"x\":"
        "{\"id\":6}}},{\"id\":7},{\"i\\u0064\":8,\"name "
        "\":9},[{\"id\":10}],{\"id\":11,\"name\":12}]";
    assert_decodes(text);
    lua_setglobal(L, "v");
    assert_true_in_lua(
        "assert(#v == 9 and v[1].id == 1 and v[1].name == 'a' and v[1].tags[2].k == 2) "
        "assert(v[2].id == 2 and v[2].nam == 'b' and v[2].name == nil and next(v[3]) == nil) "
        "assert(v[4].name == 'c' and v[4].id == 3 and v[5].more.x.id == 6 and v[6].id == 7) "
        "assert(v[7].id == 8 and v[7]['name '] == 9 and v[8][1].id == 10 and v[9].name == 12)");
}

static void containers_of_every_size_round_trip(void **state) {
    for (int n = 0; n < 1200; n += n < 300 ? 1 : 97) {
        struct buf b;
        buf_init(&b);
        buf_str(&b, STR("[["));
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s%d", i ? "," : "", i);
        buf_str(&b, STR("],{"));
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s\"k%d\":[%d]", i ? "," : "", i, i);
        buf_str(&b, STR("}]"));
        assert_int_equal(decode(buf_view(&b), NULL, NULL), 0);
        lua_setglobal(L, "v");
        lua_pushinteger(L, n);
        lua_setglobal(L, "n");
        assert_true_in_lua("assert(#v == 2 and #v[1] == n) local count = 0 "
                           "for i = 1, n do assert(v[1][i] == i - 1 and v[2]['k' .. i - 1][1] == "
                           "i - 1) end for _ in pairs(v[2]) do count = count + 1 end "
                           "assert(count == n)");
        lua_getglobal(L, "v");
        struct buf out = encoded();
        assert_int_equal(out.n, b.n);
        buf_free(&out);
        buf_free(&b);
    }
}

static void bytes_behind_the_value_are_left_when_asked_for(void **state) {
    size_t rest = 0;
    struct str text = STR(" {\"a\":1} tail");
    assert_int_equal(json_decode(L, text, NULL, &rest, NULL, NULL), 0);
    assert_int_equal(rest, 8);
    assert_int_equal(json_decode(L, STR("12,"), NULL, &rest, NULL, NULL), 0);
    assert_int_equal(rest, 2);
    assert_int_equal(json_decode(L, STR("[1"), NULL, &rest, NULL, NULL), -EINVAL);
    assert_int_equal(lua_gettop(L), 2);
    lua_settop(L, 0);
}

/* ---- limits ------------------------------------------------------------------------------- */

static void depth_is_bounded_on_both_sides(void **state) {
    struct buf b, out;
    buf_init(&b);
    buf_init(&out);
    for (int depth = 63; depth <= 65; depth++) {
        buf_clear(&b);
        for (int i = 0; i < depth; i++)
            buf_str(&b, i % 2 ? STR("{\"a\":") : STR("["));
        buf_char(&b, '1');
        for (int i = depth; i-- > 0;)
            buf_char(&b, i % 2 ? '}' : ']');
        size_t at = 0;
        int rc = decode(buf_view(&b), NULL, &at);
        assert_int_equal(rc, depth <= 64 ? 0 : ERR_LIMIT);
        if (rc == 0) {
            buf_clear(&out);
            assert_int_equal(json_encode(L, -1, &out, NULL, NULL, NULL), 0);
            assert_true(str_eq(buf_view(&out), buf_view(&b)));
            lua_newtable(L);
            lua_insert(L, -2);
            lua_setfield(L, -2, "a");
            if (depth == 64)
                assert_int_equal(json_encode(L, -1, &out, NULL, NULL, NULL), ERR_LIMIT);
        }
        lua_settop(L, 0);
    }
    buf_clear(&b);
    for (int i = 0; i < 100000; i++)
        buf_char(&b, '[');
    struct json_limits deep = {.depth = 1000000, .nodes = 1000000, .size = 1u << 20};
    assert_int_equal(decode(buf_view(&b), NULL, NULL), ERR_LIMIT);
    size_t at;
    assert_int_equal(decode(buf_view(&b), &deep, &at), ERR_LIMIT);
    assert_int_equal(at, JSON_DEPTH_MAX);
    buf_free(&b);
    buf_free(&out);
}

static void values_are_counted_on_both_sides(void **state) {
    struct json_limits limits = {.depth = 10, .nodes = 5, .size = 1000};
    assert_int_equal(decode(STR("[1,2,[3]]"), &limits, NULL), 0);
    struct buf out;
    buf_init(&out);
    assert_int_equal(json_encode(L, -1, &out, &limits, NULL, NULL), 0);
    lua_settop(L, 0);
    size_t at;
    assert_int_equal(decode(STR("[1,2,[3],4]"), &limits, &at), ERR_LIMIT);
    assert_int_equal(at, 9);
    eval("{ 1, 2, { 3 }, 4 }");
    assert_int_equal(json_encode(L, -1, &out, &limits, NULL, NULL), ERR_LIMIT);
    lua_settop(L, 0);
    buf_free(&out);
}

static void size_is_bounded_on_both_sides(void **state) {
    struct json_limits limits = {.depth = 10, .nodes = 100, .size = 10};
    assert_int_equal(decode(STR("\"12345678\""), &limits, NULL), 0);
    struct buf out;
    for (size_t cap = 0; cap < 100; cap += 33) {
        buf_init(&out);
        buf_room(&out, cap);
        assert_int_equal(json_encode(L, -1, &out, &limits, NULL, NULL), 0);
        eval("'123456789'");
        assert_int_equal(json_encode(L, -1, &out, &limits, NULL, NULL), ERR_LIMIT);
        eval("('x'):rep(1000)");
        assert_int_equal(json_encode(L, -1, &out, &limits, NULL, NULL), ERR_LIMIT);
        eval("{ 1, 2, 3, 4, 5, 6 }");
        assert_int_equal(json_encode(L, -1, &out, &limits, NULL, NULL), ERR_LIMIT);
        assert_int_equal(out.n, 10);
        lua_settop(L, 1);
        buf_free(&out);
    }
    lua_settop(L, 0);
    assert_int_equal(decode(STR("\"123456789\""), &limits, NULL), ERR_LIMIT);
}

static void ten_megabytes_of_string_round_trip(void **state) {
    size_t n = 10u << 20;
    struct buf b, out;
    buf_init(&b);
    buf_init(&out);
    char *p = buf_room(&b, n + 2);
    memset(p, 'x', n + 2);
    p[0] = p[n + 1] = '"';
    p[n / 2] = '\\';
    p[n / 2 + 1] = 'n';
    b.n = n + 2;
    assert_int_equal(decode(buf_view(&b), NULL, NULL), 0);
    assert_int_equal(lua_rawlen(L, -1), n - 1);
    assert_int_equal(json_encode(L, -1, &out, NULL, NULL, NULL), 0);
    assert_true(str_eq(buf_view(&b), buf_view(&out)));
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    buf_free(&b);
    buf_free(&out);
}

static void a_very_wide_document_uses_little_of_the_stack(void **state) {
    struct buf b;
    buf_init(&b);
    buf_char(&b, '[');
    for (int i = 0; i < 900000; i++)
        buf_str(&b, STR("7,"));
    buf_str(&b, STR("7]"));
    assert_int_equal(decode(buf_view(&b), NULL, NULL), 0);
    assert_int_equal(lua_rawlen(L, -1), 900001);
    struct buf out = encoded();
    assert_true(str_eq(buf_view(&b), buf_view(&out)));
    buf_free(&b);
    buf_free(&out);
    lua_gc(L, LUA_GCCOLLECT);
}

/* ---- properties --------------------------------------------------------------------------- */

/* Appends a random value. */
static void random_value(struct buf *b, int depth) {
    switch (any() % (depth > 0 ? 9 : 7)) {
    case 0:
        buf_printf(b, "%lld", (long long)(any() >> any() % 64));
        break;
    case 1: {
        uint64_t bits = any();
        double v;
        memcpy(&v, &bits, sizeof v);
        char text[DECIMAL_MAX];
        if (!isfinite(v)) v = 0.5;
        buf_add(b, text, decimal_write(v, text));
        break;
    }
    case 2:
        buf_str(b, STR("true"));
        break;
    case 3:
        buf_str(b, STR("null"));
        break;
    case 4:
    case 5: {
        char text[40];
        size_t n = any() % sizeof text;
        for (size_t i = 0; i < n; i++)
            text[i] = "ab \"\\\n\x01z"[any() % 8];
        buf_json(b, str_make(text, n));
        break;
    }
    case 6:
        buf_str(b, any() % 2 ? STR("[]") : STR("{}"));
        break;
    case 7: {
        buf_char(b, '[');
        size_t n = any() % 6 + 1;
        for (size_t i = 0; i < n; i++) {
            if (i) buf_char(b, ',');
            random_value(b, depth - 1);
        }
        buf_char(b, ']');
        break;
    }
    default: /* one member: objects have no order */
        buf_printf(b, "{\"k%d\":", (int)(any() % 4));
        random_value(b, depth - 1);
        buf_char(b, '}');
        break;
    }
}

static void what_was_decoded_encodes_as_it_was(void **state) {
    for (int i = 0; i < 20000; i++) {
        struct buf b;
        buf_init(&b);
        random_value(&b, 6);
        size_t at = 0;
        if (decode(buf_view(&b), NULL, &at) != 0)
            fail_msg("at %zu: %.*s", at, STR_FMT(buf_view(&b)));
        struct buf out = encoded();
        if (!str_eq(buf_view(&b), buf_view(&out)))
            fail_msg("%.*s became %.*s", STR_FMT(buf_view(&b)), STR_FMT(buf_view(&out)));
        buf_free(&out);
        buf_free(&b);
    }
}

static void random_changes_never_decode_to_what_cannot_be_encoded(void **state) {
    for (int i = 0; i < 20000; i++) {
        struct buf b;
        buf_init(&b);
        random_value(&b, 5);
        for (uint64_t n = any() % 3 + 1; n > 0; n--)
            b.p[any() % b.n] = "[]{},:\"\\0e.-tn\x80\xc3"[any() % 16];
        char *exact = malloc(b.n);
        memcpy(exact, b.p, b.n);
        if (decode(str_make(exact, b.n), NULL, NULL) == 0) {
            struct buf out = encoded();
            assert_int_equal(decode(buf_view(&out), NULL, NULL), 0);
            struct buf again = encoded();
            assert_int_equal(again.n, out.n);
            buf_free(&out);
            buf_free(&again);
        }
        free(exact);
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_decodes),
        cmocka_unit_test(scalars_decode_at_the_top),
        cmocka_unit_test(malformed_text_is_refused_where_it_goes_wrong),
        cmocka_unit_test(every_beginning_of_a_document_is_refused),
        cmocka_unit_test(strings_decode_with_all_their_escapes),
        cmocka_unit_test(strings_of_every_length_and_escape_position_round_trip),
        cmocka_unit_test(long_strings_with_escapes_decode),
        cmocka_unit_test(text_that_is_no_utf8_is_refused_on_both_sides),
        cmocka_unit_test(of_members_with_one_name_the_last_counts),
        cmocka_unit_test(objects_in_an_array_may_differ),
        cmocka_unit_test(containers_of_every_size_round_trip),
        cmocka_unit_test(bytes_behind_the_value_are_left_when_asked_for),
        cmocka_unit_test(depth_is_bounded_on_both_sides),
        cmocka_unit_test(values_are_counted_on_both_sides),
        cmocka_unit_test(size_is_bounded_on_both_sides),
        cmocka_unit_test(ten_megabytes_of_string_round_trip),
        cmocka_unit_test(a_very_wide_document_uses_little_of_the_stack),
        cmocka_unit_test(what_was_decoded_encodes_as_it_was),
        cmocka_unit_test(random_changes_never_decode_to_what_cannot_be_encoded),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
