/* json: Lua values to text, and what has no text. */
#include "spec/core/script/json_state.h"

/* ---- encoding ----------------------------------------------------------------------------- */

static void lists_and_objects_are_told_apart(void **state) {
    static const struct {
        const char *value, *text;
    } all[] = {
        {"{}", "{}"},
        {"json.list()", "[]"},
        {"json.list{}", "[]"},
        {"{ 1, 2, 3 }", "[1,2,3]"},
        {"{ [1] = 1, [2] = 2 }", "[1,2]"},
        {"{ [3] = 3, [2] = 2, [1] = 1 }", "[1,2,3]"},
        {"{ a = 1 }", "{\"a\":1}"},
        {"{ {}, { {} }, json.list() }", "[{},[{}],[]]"},
        {"json.list{ 'a', json.null, false }", "[\"a\",null,false]"},
        {"{ ['1'] = 1 }", "{\"1\":1}"},
        {"{ [''] = { ['a\"b'] = true } }", "{\"\":{\"a\\\"b\":true}}"},
        {"(function() local t = {} for i = 1, 5 do t[i] = i end t[5] = nil return t end)()",
         "[1,2,3,4]"},
        {"(function() local t = { 1, 2, 3, 4, 5, 6, 7, 8 } for i = 8, 2, -1 do t[i] = nil end "
         "return t end)()",
         "[1]"},
        {"setmetatable({ 1 }, { __index = function() return 7 end, __len = function() return 9 "
         "end })",
         "[1]"},
        {"nil", "null"},
        {"json.null", "null"},
        {"'\\b\\f\\n\\r\\t\\0\\x1f\\x7f/\"\\\\'", "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/\\\"\\\\\""},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        eval(all[i].value);
        assert_encodes(all[i].text);
    }
}

static void what_has_no_json_form_is_refused_with_its_place(void **state) {
    assert_encode_fails("print", -EINVAL, "", "functions");
    assert_encode_fails("{ a = { print } }", -EINVAL, "a[1]", "functions");
    assert_encode_fails("{ coroutine.create(print) }", -EINVAL, "[1]", "coroutines");
    assert_encode_fails("{ f = io.stdout }", -EINVAL, "f", "userdata");
    assert_encode_fails("{ x = { 1, 2, a = 3 } }", -EINVAL, "x", "named members");
    assert_encode_fails("{ { 1, nil, 3 } }", -EINVAL, "[1][2]", "holes");
    assert_encode_fails("{ [2] = 1 }", -EINVAL, "", "a name must be a string");
    assert_encode_fails("{ y = { [1.5] = 1 } }", -EINVAL, "y", "a name must be a string");
    assert_encode_fails("{ y = { [true] = 1 } }", -EINVAL, "y", "a name must be a string");
    assert_encode_fails("{ 1, 2, [5] = 5 }", -EINVAL, "", "1 to n");
    assert_encode_fails("{ 1, [0] = 5 }", -EINVAL, "", "1 to n");
    assert_encode_fails("json.list{ a = 1 }", -EINVAL, "", "named members");
    assert_encode_fails("json.list{ [3] = 1 }", -EINVAL, "", "1 to n");
    assert_encode_fails("{ ['not a word'] = { ['9'] = print } }", -EINVAL,
                        "[\"not a word\"][\"9\"]", "functions");
    assert_encode_fails("{ a = { b = 'x\\xff' } }", -EINVAL, "a.b", "UTF-8");
    assert_encode_fails("{ a = { ['\\xff'] = 1 } }", -EINVAL, "a[\"\xef\xbf\xbd\"]", "UTF-8");
    assert_encode_fails("{ [('n'):rep(100)] = print }", -EINVAL,
                        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...",
                        "functions");
}

static void a_table_inside_itself_ends_at_the_limit_of_depth(void **state) {
    assert_true_in_lua("v = {} v.v = v");
    struct buf out, path;
    buf_init(&out);
    buf_init(&path);
    struct json_limits limits = json_default;
    limits.depth = 3;
    lua_getglobal(L, "v");
    assert_int_equal(json_encode(L, -1, &out, &limits, &path, NULL), ERR_LIMIT);
    assert_true(str_eq(buf_view(&path), STR("v.v.v")));
    lua_settop(L, 0);
    buf_free(&out);
    buf_free(&path);
}

static void encoding_appends_and_uses_the_room_there_is(void **state) {
    for (size_t cap = 1; cap < 80; cap++) {
        struct buf out;
        buf_init(&out);
        buf_room(&out, cap);
        buf_str(&out, STR(">"));
        eval("{ 'abc', 12, { a = 'x\"\\n' }, true, 1.5, json.null, json.list(), {} }");
        assert_int_equal(json_encode(L, -1, &out, NULL, NULL, NULL), 0);
        assert_true(
            str_eq(buf_view(&out), STR(">[\"abc\",12,{\"a\":\"x\\\"\\n\"},true,1.5,null,[],{}]")));
        lua_settop(L, 0);
        buf_free(&out);
    }
}

static void any_stack_index_can_be_encoded(void **state) {
    eval("{ 1 }");
    eval("{ 2 }");
    struct buf out;
    buf_init(&out);
    assert_int_equal(json_encode(L, 1, &out, NULL, NULL, NULL), 0);
    assert_int_equal(json_encode(L, -1, &out, NULL, NULL, NULL), 0);
    assert_true(str_eq(buf_view(&out), STR("[1][2]")));
    assert_int_equal(lua_gettop(L), 2);
    lua_settop(L, 0);
    buf_free(&out);
}

static void the_pretty_form_has_lines_and_names_in_order(void **state) {
    eval("{ b = { 1, json.list(), {} }, a = 'x', c = { z = 1, y = { 2 } } }");
    struct buf out;
    buf_init(&out);
    assert_int_equal(json_encode_pretty(L, -1, &out, NULL, 2, NULL, NULL), 0);
    assert_true(str_eq(buf_view(&out), STR("{\n"
                                           "  \"a\": \"x\",\n"
                                           "  \"b\": [\n"
                                           "    1,\n"
                                           "    [],\n"
                                           "    {}\n"
                                           "  ],\n"
                                           "  \"c\": {\n"
                                           "    \"y\": [\n"
                                           "      2\n"
                                           "    ],\n"
                                           "    \"z\": 1\n"
                                           "  }\n"
                                           "}")));
    lua_settop(L, 0);
    buf_clear(&out);
    assert_true_in_lua("v = {} for i = 1, 500 do v['k' .. (i * 7919) % 1000] = i end");
    lua_getglobal(L, "v");
    assert_int_equal(json_encode_pretty(L, -1, &out, NULL, 1, NULL, NULL), 0);
    struct str rest = buf_view(&out), line, last = STR_NONE;
    int lines = 0;
    while (str_cut(rest, '\n', &line, &rest)) {
        if (lines++ > 1)
            assert_true(str_cmp(last, str_first(line, (size_t)str_index(line, ':'))) < 0);
        if (lines > 1) last = str_first(line, (size_t)str_index(line, ':'));
    }
    assert_int_equal(lines, 501);
    lua_settop(L, 0);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_objects_are_told_apart),
        cmocka_unit_test(what_has_no_json_form_is_refused_with_its_place),
        cmocka_unit_test(a_table_inside_itself_ends_at_the_limit_of_depth),
        cmocka_unit_test(encoding_appends_and_uses_the_room_there_is),
        cmocka_unit_test(any_stack_index_can_be_encoded),
        cmocka_unit_test(the_pretty_form_has_lines_and_names_in_order),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
