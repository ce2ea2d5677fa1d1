/* lib_json: the module for scripts, and memory that runs out anywhere. */
#include "spec/core/script/json_state.h"

/* ---- the module --------------------------------------------------------------------------- */

static void a_script_decodes_and_encodes(void **state) {
    assert_true_in_lua("local v = json.decode('{\"a\":[1,2.5,null]}') "
                       "assert(v.a[3] == json.null and json.encode(v) == '{\"a\":[1,2.5,null]}') "
                       "assert(json.decode('null') == json.null) "
                       "assert(json.encode(nil) == 'null' and json.encode('x') == '\"x\"') "
                       "assert(json.encode({ b = 1, a = {} }, { indent = 1 }) == "
                       "'{\\n \"a\": {},\\n \"b\": 1\\n}')");
}

static void what_follows_the_first_value_is_ignored_when_asked(void **state) {
    assert_true_in_lua("local v = json.decode('{\"a\":1} {\"b\":2} x', { first = true }) "
                       "assert(v.a == 1 and v.b == nil) "
                       "assert(json.decode('7]', { first = true }) == 7) "
                       "assert(json.decode('[7', { first = true }) == nil) "
                       "assert(json.decode('7]', { first = false }) == nil)");
}

static void null_has_a_name_and_is_the_one_of_cjson(void **state) {
    assert_true_in_lua("assert(tostring(json.null) == 'null' and type(json.null) == 'userdata') "
                       "assert(json.encode{ json.null } == '[null]') "
                       "assert(getmetatable(json.null) == false)");
    lua_pushlightuserdata(L, NULL);
    lua_getglobal(L, "json");
    lua_getfield(L, -1, "null");
    assert_true(lua_rawequal(L, -1, 1));
    lua_settop(L, 0);
    lua_pushlightuserdata(L, L);
    assert_string_equal(luaL_tolstring(L, 1, NULL), "userdata");
    struct buf out;
    buf_init(&out);
    assert_int_equal(json_encode(L, 1, &out, NULL, NULL, NULL), -EINVAL);
    buf_free(&out);
    lua_settop(L, 0);
}

static void a_list_carries_its_mark(void **state) {
    assert_true_in_lua(
        "local t = {} assert(not json.is_list(t) and json.list(t) == t and json.is_list(t)) "
        "assert(json.is_list(json.list()) and not json.is_list('x') and not json.is_list(nil)) "
        "assert(json.encode(json.list()) == '[]' and json.encode{} == '{}') "
        "assert(tostring(json.list()):find('^json.list: ')) "
        "assert(getmetatable(json.decode('[]')) == getmetatable(json.list())) "
        "local l = json.decode('[3,1,2]') table.sort(l) table.insert(l, 4) "
        "assert(json.encode(l) == '[1,2,3,4]' and json.is_list(l)) "
        "assert(not pcall(json.list, 1) and not pcall(json.is_list))");
}

static void a_decoding_error_names_line_and_column(void **state) {
    assert_true_in_lua(
        "local v, why, code = json.decode('{\\n  \"a\": 1,\\n  \"\xc3\xa9\xe2\x82\xac\": x\\n}') "
        "assert(v == nil and code == 'invalid', code) "
        "assert(why == 'line 3 column 9: a value was expected here', why) "
        "v, why, code = json.decode('[1,2', { size = 3 }) "
        "assert(v == nil and code == 'limit' and why == 'line 1 column 1: the text is too long') "
        "v, why, code = json.decode('[[1]]', { depth = 1 }) "
        "assert(v == nil and code == 'limit' and why:find('nested too deeply')) "
        "v, why, code = json.decode('[1,2]', { nodes = 2 }) "
        "assert(v == nil and code == 'limit' and why:find('too many values'))");
}

static void an_encoding_error_is_raised_with_its_place(void **state) {
    assert_true_in_lua(
        "local ok, why = pcall(json.encode, { a = { b = { 1, print } } }) "
        "assert(not ok and why == 'cannot encode: in a.b[2]: JSON has no functions', why) "
        "ok, why = pcall(json.encode, 0/0) "
        "assert(not ok and why == 'cannot encode: JSON has no NaN and no infinity', why) "
        "ok, why = pcall(json.encode, { ['%s%d'] = print }, { indent = 2 }) "
        "assert(not ok and why:find('in [\"%s%d\"]: JSON', 1, true), why) "
        "local v, why, code = json.encode({ { { 1 } } }, { depth = 2 }) "
        "assert(v == nil and why == 'in [1][1]: nested too deeply' and code == 'limit', why) "
        "v, why, code = json.encode(('x'):rep(100), { size = 50 }) "
        "assert(v == nil and why == 'the text would be too long' and code == 'limit')");
}

static void misuse_of_the_module_raises(void **state) {
    assert_true_in_lua(
        "assert(not pcall(json.decode) and not pcall(json.decode, {}) and not pcall(json.encode)) "
        "assert(not pcall(json.decode, '1', 5) and not pcall(json.decode, '1', { depth = -1 })) "
        "assert(not pcall(json.decode, '1', { depth = 513 }) and not pcall(json.decode, '1', { "
        "size = 'x' })) "
        "assert(not pcall(json.encode, 1, { indent = 17 }) and not pcall(json.encode, 1, { nodes "
        "= 1.5 }))");
}

static void a_finalizer_may_encode_while_the_pretty_form_is_made(void **state) {
    assert_true_in_lua("collectgarbage('generational') local n = 0 "
                       "local function litter() for i = 1, 50 do setmetatable({}, { __gc = "
                       "function() n = n + #json.encode({ a = ('y'):rep(300) }) + "
                       "#json.encode({ b = 1 }, { indent = 1 }) end }) end end "
                       "local v = {} for i = 1, 300 do v['k' .. i] = { a = { b = i } } end "
                       "local first = json.encode(v, { indent = 2 }) "
                       "for i = 1, 20 do litter() assert(json.encode(v, { indent = 2 }) == first) "
                       "litter() assert(#json.encode(v) < #first) end collectgarbage() "
                       "assert(n > 0) collectgarbage('incremental')");
}

static void every_function_of_the_module_is_documented(void **state) {
    lua_getglobal(L, "json");
    int documented = 0, there = 0;
    for (const struct lib_doc *d = lib_json_docs; d->name; d++, documented++) {
        assert_int_not_equal(lua_getfield(L, 1, d->name), LUA_TNIL);
        lua_pop(L, 1);
        assert_true(d->signature && d->text);
    }
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        there++;
    assert_int_equal(there, documented);
    lua_settop(L, 0);
}

static const char *big_text(void) {
    static char text[3000];
    if (!text[0]) {
        struct buf b;
        buf_init(&b);
        buf_str(&b, STR("{\"list\":["));
        for (int i = 0; i < 40; i++)
            buf_printf(&b, "{\"id\":%d,\"name\":\"some \\\"name\\\" %d\",\"x\":%d.5},", i, i, i);
        buf_str(&b, STR("null],\"long\":\""));
        for (int i = 0; i < 90; i++)
            buf_str(&b, STR("abcde\\u0041"));
        buf_str(&b, STR("\"}"));
        memcpy(text, b.p, b.n);
        buf_free(&b);
    }
    return text;
}

/* ---- memory ------------------------------------------------------------------------------- */

/* decode, encode, encode for people; light userdata arguments: the caller's buffer. */
static int work(lua_State *l) {
    struct buf *out = lua_touserdata(l, 1);
    const char *why = "";
    int rc = json_decode(l, str_of(big_text()), NULL, NULL, NULL, &why);
    if (rc == 0) rc = json_encode(l, -1, out, NULL, NULL, &why);
    if (rc == 0) rc = json_encode_pretty(l, -1, out, NULL, 2, NULL, &why);
    if (rc == -ENOMEM) return luaL_error(l, "not enough memory");
    return rc < 0 ? luaL_error(l, "%s", why) : 0;
}

static void running_out_of_memory_anywhere_leaks_nothing(void **state) {
    big_text(); /* while there is memory */
    for (int n = 1;; n++) {
        struct buf out;
        buf_init(&out);
        lua_gc(L, LUA_GCCOLLECT);
        lua_pushcfunction(L, work);
        lua_pushlightuserdata(L, &out);
        mem_fail_at(n, true);
        int status = lua_pcall(L, 1, 0, 0);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!fired) assert_int_equal(status, LUA_OK);
        if (status != LUA_OK) assert_non_null(strstr(lua_tostring(L, -1), "not enough memory"));
        lua_settop(L, 0);
        buf_free(&out);
        if (!fired) break;
    }
    assert_true_in_lua("assert(json.encode{ 1 } == '[1]')");
}

static void running_out_of_memory_in_a_script_leaks_nothing(void **state) {
    lua_pushstring(L, big_text());
    lua_setglobal(L, "text");
    for (int n = 1;; n++) {
        lua_gc(L, LUA_GCCOLLECT);
        assert_int_equal(luaL_loadstring(L, "local v = json.decode(text) "
                                            "local a, b = json.encode(v), json.encode(v, { indent "
                                            "= 2 }) pcall(json.encode, { a = { print } }) "
                                            "return #a + #b"),
                         LUA_OK);
        mem_fail_at(n, true);
        int status = lua_pcall(L, 0, 1, 0);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!fired) assert_int_equal(status, LUA_OK);
        lua_settop(L, 0);
        if (!fired) break;
    }
}

static int open_lib(lua_State *l) {
    return lib_json(l);
}

static void opening_the_module_without_memory_leaks_nothing(void **state) {
    for (int n = 1;; n++) {
        lua_State *fresh = lua_newstate(alloc, NULL);
        lua_pushcfunction(fresh, open_lib);
        mem_fail_at(n, true);
        int status = lua_pcall(fresh, 0, 0, 0);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        lua_close(fresh);
        assert_int_equal(status, fired ? LUA_ERRMEM : LUA_OK);
        if (!fired) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_decodes_and_encodes),
        cmocka_unit_test(what_follows_the_first_value_is_ignored_when_asked),
        cmocka_unit_test(null_has_a_name_and_is_the_one_of_cjson),
        cmocka_unit_test(a_list_carries_its_mark),
        cmocka_unit_test(a_decoding_error_names_line_and_column),
        cmocka_unit_test(an_encoding_error_is_raised_with_its_place),
        cmocka_unit_test(misuse_of_the_module_raises),
        cmocka_unit_test(a_finalizer_may_encode_while_the_pretty_form_is_made),
        cmocka_unit_test(every_function_of_the_module_is_documented),
        cmocka_unit_test(running_out_of_memory_anywhere_leaks_nothing),
        cmocka_unit_test(running_out_of_memory_in_a_script_leaks_nothing),
        cmocka_unit_test(opening_the_module_without_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
