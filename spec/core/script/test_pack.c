/* Values that go from one state into another as bytes. */
#include "spec/core/script/script.h"

#include "core/script/json.h"
#include "core/script/pack.h"

/* Two states of one worker: values go from one to the other. */
static struct script here;
static struct vm *other;

static int open_states(void **state) {
    struct vm_options o = {.name = "spec", .memory = 256 << 20, .max_tasks = 10};
    struct err e = {0};
    script_open_with(&here, &o);
    other = vm_new(&here.w, &o, &e);
    return other ? 0 : -1;
}

static int close_states(void **state) {
    vm_free(other);
    script_close(&here);
    return 0;
}

/* ---- a value is made by Lua code, packed, unpacked, and described by Lua code ---------------- */

struct making {
    const char *code;
    struct buf *bytes;
    int rc;
    const char *why;
};

/* [protected] Runs the code and packs what it returns. */
static int make_value(lua_State *L) {
    struct making *m = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "json");
    lua_call(L, 1, 1);
    if (vm_load_named(L, STR("value"), str_of(m->code)) != LUA_OK) return lua_error(L);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    int top = lua_gettop(L);
    m->rc = pack_value(L, -1, m->bytes, &m->why);
    assert_int_equal(lua_gettop(L), top);
    return 0;
}

static const char DESCRIBE[] =
    "local json, value = ...\n"
    "local function show(v)\n"
    "  if v == json.null then return 'null' end\n"
    "  if type(v) == 'string' then return ('%q'):format(v) end\n"
    "  if type(v) ~= 'table' then return (math.type(v) or type(v)) .. ':' .. tostring(v) end\n"
    "  local parts = {}\n"
    "  for k, x in next, v do parts[#parts + 1] = show(k) .. '=' .. show(x) end\n"
    "  table.sort(parts)\n"
    "  return (json.is_list(v) and '[' or '{') .. table.concat(parts, ' ') .. '}'\n"
    "end\n"
    "return show(value)\n";

struct reading {
    struct str *in; /* NULL: the value is on the stack of `making` */
    const char *code;
    struct buf text;
};

/* [protected] Unpacks, or makes, a value and describes it. */
static int read_value(lua_State *L) {
    struct reading *r = lua_touserdata(L, 1);
    if (vm_load_named(L, STR("describe"), STR(DESCRIBE)) != LUA_OK) return lua_error(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "json");
    lua_call(L, 1, 1);
    if (r->in) {
        pack_push(L, r->in);
    } else {
        if (vm_load_named(L, STR("value"), str_of(r->code)) != LUA_OK) return lua_error(L);
        lua_pushvalue(L, -2);
        lua_call(L, 1, 1);
    }
    lua_call(L, 2, 1);
    vm_text(L, -1, &r->text);
    return 0;
}

static void describe(struct vm *vm, struct str *in, const char *code, struct buf *text) {
    struct reading r = {.in = in, .code = code};
    struct err e = {0};
    buf_init(&r.text);
    if (vm_protect(vm, read_value, &r, &e) < 0) fail_msg("%s: %s", code, e.text);
    buf_char(&r.text, 0);
    *text = r.text;
}

static int pack(const char *code, struct buf *bytes, const char **why) {
    struct making m = {.code = code, .bytes = bytes};
    struct err e = {0};
    buf_init(bytes);
    if (vm_protect(here.vm, make_value, &m, &e) < 0) fail_msg("%s: %s", code, e.text);
    *why = m.why;
    return m.rc;
}

/* What arrives in the other state looks like what was sent. */
static void travels(const char *code) {
    struct buf bytes, before, after;
    const char *why = NULL;
    if (pack(code, &bytes, &why) < 0) fail_msg("%s: %s", code, why);
    struct str in = buf_view(&bytes);
    describe(here.vm, NULL, code, &before);
    describe(other, &in, code, &after);
    assert_int_equal(in.n, 0);
    assert_string_equal(after.p, before.p);
    buf_free(&bytes);
    buf_free(&before);
    buf_free(&after);
}

static void refused(const char *code, int rc, const char *part) {
    struct buf bytes;
    const char *why = NULL;
    assert_int_equal(pack(code, &bytes, &why), rc);
    if (!strstr(why, part)) fail_msg("%s: '%s' has no '%s'", code, why, part);
    buf_free(&bytes);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void plain_values_arrive_as_what_they_were(void **state) {
    travels("return nil");
    travels("return true");
    travels("return false");
    travels("return 0");
    travels("return math.mininteger");
    travels("return math.maxinteger");
    travels("return 1.0");
    travels("return -0.0");
    travels("return 1e308");
    travels("return 1/0");
    travels("return 5e-324");
    travels("return ''");
    travels("return 'a\\0b\\xff'");
    travels("return ('x'):rep(100000)");
}

static void tables_arrive_with_all_kinds_of_keys(void **state) {
    travels("return {}");
    travels("return { 1, 2, 3 }");
    travels("return { a = 1, [1.5] = 2, [true] = 3, [-7] = 4, [''] = 5 }");
    travels("return { { { { a = { 'deep' } } } } }");
    travels("return { nil, 2, nil, 4 }");
}

static void lists_stay_lists_even_when_they_are_empty(void **state) {
    travels("return (...).list {}");
    travels("return (...).list { 1, (...).list {} }");
    travels("return { a = (...).list {}, b = {} }");
}

static void null_stays_null(void **state) {
    travels("return (...).null");
    travels("return { (...).null, a = (...).null }");
}

static void metatables_are_neither_sent_nor_asked(void **state) {
    travels("return setmetatable({ 1 }, { __index = error, __len = error, __pairs = error })");
}

static void values_that_follow_each_other_are_read_one_by_one(void **state) {
    struct buf all, one, text;
    const char *why, *codes[] = {"return 1", "return { 'a' }", "return nil", "return 'end'"};
    buf_init(&all);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pack(codes[i], &one, &why), 0);
        buf_str(&all, buf_view(&one));
        buf_free(&one);
    }
    struct str in = buf_view(&all);
    const char *seen[] = {"integer:1", "{integer:1=\"a\"}", "nil:nil", "\"end\""};
    for (int i = 0; i < 4; i++) {
        describe(other, &in, codes[i], &text);
        assert_string_equal(text.p, seen[i]);
        buf_free(&text);
    }
    assert_int_equal(in.n, 0);
    buf_free(&all);
}

static void what_belongs_to_a_state_is_refused(void **state) {
    refused("return print", -EINVAL, "only nil, booleans");
    refused("return { a = { print } }", -EINVAL, "only nil, booleans");
    refused("return { [print] = 1 }", -EINVAL, "only nil, booleans");
    refused("return coroutine.create(print)", -EINVAL, "only nil, booleans");
}

static void depth_is_bounded_and_a_table_inside_itself_is_too_deep(void **state) {
    char code[200];
    const char *make = "local t = {} for _ = 2, %d do t = { t } end return t";
    snprintf(code, sizeof code, make, PACK_DEPTH);
    travels(code);
    snprintf(code, sizeof code, make, PACK_DEPTH + 1);
    refused(code, -EINVAL, "nested too deeply");
    refused("local t = {} t.t = t return t", -EINVAL, "contains itself");
    refused("local t = {} t[t] = 1 return t", -EINVAL, "contains itself");
}

static void size_is_bounded(void **state) {
    struct buf bytes;
    const char *why;
    assert_int_equal(pack("return ('x'):rep((16 << 20) - 100)", &bytes, &why), 0);
    buf_free(&bytes);
    refused("return ('x'):rep((16 << 20) + 1)", -EMSGSIZE, "larger than 16 MB");
    refused("local s = ('x'):rep(1 << 20) local t = {} for i = 1, 17 do t[i] = s end return t",
            -EMSGSIZE, "larger than 16 MB");
}

/* Random values of a fixed seed, all kinds mixed. */
static void random_values_arrive_as_what_they_were(void **state) {
    static const char CODE[] = "local json = ...\n"
                               "local seed = %d\n"
                               "local function roll(n) seed = (seed * 1103515245 + 12345) %% "
                               "2147483648; return seed // 65536 %% n end\n"
                               "local function value(depth)\n"
                               "  local kind = roll(depth > 5 and 6 or 9)\n"
                               "  if kind == 0 then return roll(2) == 1 end\n"
                               "  if kind == 1 then return roll(32768) - 16384 end\n"
                               "  if kind == 2 then return roll(32768) / 7 end\n"
                               "  if kind == 3 then return json.null end\n"
                               "  if kind < 6 then\n"
                               "    local t = {}\n"
                               "    for i = 1, roll(20) do t[i] = string.char(roll(256)) end\n"
                               "    return table.concat(t)\n"
                               "  end\n"
                               "  local t = {}\n"
                               "  if kind == 6 then for i = 1, roll(6) do t[i] = value(depth + 1) "
                               "end return json.list(t) end\n"
                               "  for _ = 1, roll(6) do\n"
                               "    local key = value(9)\n"
                               "    if key ~= json.null then t[key] = value(depth + 1) end\n"
                               "  end\n"
                               "  return t\n"
                               "end\n"
                               "return { value(1), value(1), value(1) }\n";
    char code[sizeof CODE + 32];
    for (int seed = 1; seed <= 300; seed++) {
        snprintf(code, sizeof code, CODE, seed);
        travels(code);
    }
}

/* An allocation of the buffer that fails is told, and leaves nothing behind. */
static void without_memory_for_the_bytes_it_says_so(void **state) {
    struct buf bytes;
    const char *why = NULL;
    struct making m = {.code = "return ('x'):rep(1000)", .bytes = &bytes};
    buf_init(&bytes);
    bytes.failed = true;
    assert_int_equal(vm_protect(here.vm, make_value, &m, NULL), 0);
    assert_int_equal(m.rc, -ENOMEM);
    assert_string_equal(m.why, "out of memory");
    (void)why;
    buf_free(&bytes);
}

/* The reader may run out of memory anywhere: it raises, and the state goes on. */
static void without_memory_for_the_value_reading_raises(void **state) {
    struct buf bytes;
    const char *why;
    const char *code = "return { a = { 1, 2, 'three', { b = 'four' } }, [5] = ('x'):rep(100) }";
    assert_int_equal(pack(code, &bytes, &why), 0);
    int failures = 0;
    for (long n = 1;; n++) {
        struct str in = buf_view(&bytes);
        struct reading r = {.in = &in, .code = code};
        buf_init(&r.text);
        mem_fail_at(n, true);
        int rc = vm_protect(other, read_value, &r, NULL);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        buf_free(&r.text);
        if (!fired) break;
        failures += rc < 0;
    }
    assert_true(failures > 5);
    travels("return { 'still', 'alive' }");
    buf_free(&bytes);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_states, close_states)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(plain_values_arrive_as_what_they_were),
        T(tables_arrive_with_all_kinds_of_keys),
        T(lists_stay_lists_even_when_they_are_empty),
        T(null_stays_null),
        T(metatables_are_neither_sent_nor_asked),
        T(values_that_follow_each_other_are_read_one_by_one),
        T(what_belongs_to_a_state_is_refused),
        T(depth_is_bounded_and_a_table_inside_itself_is_too_deep),
        T(size_is_bounded),
        T(random_values_arrive_as_what_they_were),
        T(without_memory_for_the_bytes_it_says_so),
        T(without_memory_for_the_value_reading_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
