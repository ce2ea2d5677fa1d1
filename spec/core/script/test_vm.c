/*
 * States: memory, protection, uses of globals, require.
 */
#include "spec/core/script/vm_files.h"

#include "core/script/globals.h"

static void open_files(struct script *s) {
    struct vm_options o = options();
    script_open_with(s, &o);
}

/* ---- life and protection --------------------------------------------------------------------- */

static void a_state_gives_back_all_its_memory(void **state) {
    struct script s;
    script_open(&s);
    assert_true(s.vm->used > 10000);
    assert_int_equal(stat_get(STAT_STATES_OPEN), 1);
    script_close(&s);
}

static int fail_with_text(lua_State *L) {
    return luaL_error(L, "broken %d", 7);
}

static int fail_with_table(lua_State *L) {
    (void)luaL_dostring(L, "error(setmetatable({}, {__tostring = function() return 'told' end}))");
    return lua_error(L);
}

static int fail_with_bad_table(lua_State *L) {
    (void)luaL_dostring(L, "error(setmetatable({}, {__tostring = function() error 'again' end}))");
    return lua_error(L);
}

static int fail_with_nil(lua_State *L) {
    lua_pushnil(L);
    return lua_error(L);
}

static int eat_memory(lua_State *L) {
    for (int i = 0; i < 100000; i++) {
        luaL_checkstack(L, 2, NULL);
        lua_newuserdatauv(L, 1 << 20, 0);
    }
    return 0;
}

static int see_arg(lua_State *L) {
    *(int *)lua_touserdata(L, 1) += 1;
    for (int i = 0; i < 15; i++)
        lua_pushinteger(L, i);
    return 3;
}

static void protected_code_returns_its_error_as_text(void **state) {
    struct script s;
    struct err e = {0};
    int seen = 0, top;
    script_open(&s);
    top = lua_gettop(s.vm->L);
    assert_int_equal(vm_protect(s.vm, see_arg, &seen, &e), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(vm_protect(s.vm, fail_with_text, NULL, &e), -EINVAL);
    assert_string_equal(e.text, "broken 7");
    assert_int_equal(vm_protect(s.vm, fail_with_table, NULL, &e), -EINVAL);
    assert_string_equal(e.text, "told");
    assert_int_equal(vm_protect(s.vm, fail_with_bad_table, NULL, &e), -EINVAL);
    assert_string_equal(e.text, "an error that has no text");
    assert_int_equal(vm_protect(s.vm, fail_with_nil, NULL, &e), -EINVAL);
    assert_string_equal(e.text, "nil");
    assert_int_equal(vm_protect(s.vm, eat_memory, NULL, &e), -ENOMEM);
    assert_non_null(strstr(e.text, "out of memory"));
    assert_int_equal(vm_protect(s.vm, fail_with_nil, NULL, NULL), -EINVAL);
    assert_int_equal(lua_gettop(s.vm->L), top);
    script_close(&s);
}

static void the_cap_is_counted_and_the_state_goes_on(void **state) {
    struct script s;
    struct vm_options o = options();
    o.memory = 2 << 20;
    script_open_with(&s, &o);
    int64_t before = stat_get(STAT_STATE_OUT_OF_MEMORY);
    check_run(&s, "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", TASK_NO_MEMORY,
              "out of memory", __LINE__);
    assert_true(s.vm->out_of_memory > 0);
    assert_true(stat_get(STAT_STATE_OUT_OF_MEMORY) > before);
    assert_true(s.vm->used <= o.memory);
    check(&s, "local ok, e = pcall(string.rep, 'x', 3 << 20) return ok, e",
          "false|resulting string too large");
    check(&s, "local ok, e = pcall(string.rep, 'x', (2 << 20) - 1) return ok, e",
          "false|not enough memory");
    check(&s, "return #('x'):rep(100000)", "100000");
    script_close(&s);
}

static void what_ops_keep_outside_has_a_cap_of_its_own(void **state) {
    struct script s;
    struct vm_options o = options();
    o.memory = 2 << 20;
    script_open_with(&s, &o);
    assert_true(vm_hold(s.vm, 1 << 20));
    assert_false(vm_hold(s.vm, (1 << 20) + 1));
    assert_false(vm_hold(s.vm, SIZE_MAX));
    assert_true(vm_hold(s.vm, 1 << 20));
    vm_release(s.vm, 2 << 20);
    assert_int_equal(s.vm->held, 0);
    script_close(&s);
}

static int released; /* finalizers that came to their end */

static int release(lua_State *L) {
    lua_newtable(L);
    for (int i = 0; i < 50; i++) {
        lua_newtable(L);
        lua_rawseti(L, -2, i);
    }
    released++;
    return 0;
}

static int make_resources(lua_State *L) {
    static const luaL_Reg methods[] = {{"__gc", release}, {NULL, NULL}};
    lib_class(L, "spec.resource", NULL, methods);
    for (int i = 0; i < 20; i++) {
        lua_newuserdatauv(L, 8, 0);
        luaL_setmetatable(L, "spec.resource");
        lua_pop(L, 1);
    }
    vm_of(L)->options.memory = vm_of(L)->used + 64;
    return 0;
}

static void finalizers_of_the_host_run_when_memory_is_out(void **state) {
    for (int injected = 0; injected < 2; injected++) {
        struct script s;
        script_open(&s);
        released = 0;
        assert_int_equal(vm_protect(s.vm, make_resources, NULL, NULL), 0);
        if (injected) {
            s.vm->options.memory = 0;
            mem_fail_at(1, true);
        }
        vm_protect(s.vm, script_collect, NULL, NULL);
        mem_fail_at(0, false);
        assert_int_equal(released, 20);
        s.vm->options.memory = 0;
        script_close(&s);
    }
}

static int throw_memory(lua_State *L) {
    vm_throw_memory(L);
}

static void a_binding_can_say_that_memory_is_out(void **state) {
    struct script s;
    struct err e = {0};
    script_open(&s);
    assert_int_equal(vm_protect(s.vm, throw_memory, NULL, &e), -ENOMEM);
    assert_int_equal(s.vm->starve, 0);
    check(&s, "return {1, 2}", "{1,2}");
    script_close(&s);
}

/* For n = 1, 2, ... the n-th allocation fails while a state is made and runs a task. */
static void no_failed_allocation_leaks_or_crashes(void **state) {
    static const char code[] =
        "local time, task, types = require 'time', require 'task', require 'types'\n"
        "local g = coroutine.wrap(function() time.sleep(0) coroutine.yield(types.name) end)\n"
        "local h = task.spawn(function() time.sleep(0) return 'h' end)\n"
        "local a, b = task.all{function() return g() end, function() return h:join() end}\n"
        "local c = task.timeout(5, function(x) time.sleep(0) return x end, 'c')\n"
        "return a .. b .. c";
    int done = 0;
    for (long n = 1; done < 2; n++) {
        struct script s;
        struct run r = {.s = &s, .code = code};
        struct err e = {0};
        memset(&s, 0, sizeof s);
        assert_int_equal(worker_init(&s.w, -1, &e), 0);
        buf_init(&r.text);
        buf_init(&r.trace);
        mem_fail_at(n, false);
        if (task_open(&s.w) == 0) {
            struct vm_options o = options();
            s.vm = vm_new(&s.w, &o, &e);
            struct task *t = s.vm ? task_new(s.vm, run_push, &r, &e) : NULL;
            if (t) {
                t->data = &r;
                t->ended = run_ended;
                task_start(t);
                while (!r.over)
                    script_turn(&s);
                if (r.end == TASK_RETURNED && r.text.p) assert_string_equal(r.text.p, "typeshc");
            } else {
                assert_true(e.code < 0 && e.text[0]);
            }
            bool fired = mem_fail_fired();
            mem_fail_at(0, false);
            done += !fired;
            if (s.vm) {
                assert_int_equal(s.vm->n_tasks, 0);
                assert_int_equal(s.vm->n_ops, 0);
                vm_protect(s.vm, script_collect, NULL, NULL);
                assert_int_equal(s.vm->n_refs, 0);
                check(&s, "return 'still here'", "still here");
                vm_free(s.vm);
            }
            task_close(&s.w);
        }
        mem_fail_at(0, false);
        worker_free(&s.w);
        run_free(&r);
        assert_int_equal(stat_get(STAT_STATE_BYTES), 0);
        assert_int_equal(stat_get(STAT_TASKS_OPEN), 0);
        assert_int_equal(stat_get(STAT_OPS_OPEN), 0);
        assert_int_equal(stat_get(STAT_REFS_OPEN), 0);
    }
}

/* ---- globals.h ------------------------------------------------------------------------------- */

struct seen {
    char text[2048];
    int left; /* uses until each() stops */
};

static int note_use(void *arg, const struct globals_use *use) {
    struct seen *seen = arg;
    size_t n = strlen(seen->text);
    snprintf(seen->text + n, sizeof seen->text - n, "%s%.*s:%d ", use->write ? "!" : "",
             STR_FMT(use->name), use->line);
    return --seen->left == 0 ? 7 : 0;
}

static const char USES[] = "local a = b\n"
                           "function c(d) e = d.f; return g() + a end\n"
                           "return function()\n"
                           "  local _ENV = {}\n"
                           "  h = i\n"
                           "end, function(...)\n"
                           "  return function() j.k = l[m] end\n"
                           "end\n";

static int list_uses(lua_State *L) {
    struct seen *seen = lua_touserdata(L, 1);
    assert_int_equal(luaL_loadstring(L, USES), LUA_OK);
    int top = lua_gettop(L), r = globals_each(L, note_use, seen);
    assert_int_equal(lua_gettop(L), top);
    lua_pushinteger(L, r);
    return r == 0 ? 0 : luaL_error(L, "stopped with %d", r);
}

static int list_far_lines(lua_State *L) {
    struct seen *seen = lua_touserdata(L, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 0; i < 2000; i++)
        luaL_addstring(&b, "do local x = 1 end\n");
    luaL_addstring(&b, "far = 1");
    luaL_pushresult(&b);
    assert_int_equal(luaL_loadstring(L, lua_tostring(L, -1)), LUA_OK);
    assert_int_equal(globals_each(L, note_use, seen), 0);
    return 0;
}

static void uses_of_globals_are_found_with_their_lines(void **state) {
    struct script s;
    struct err e = {0};
    struct seen seen = {.left = 100};
    script_open(&s);
    assert_int_equal(vm_protect(s.vm, list_uses, &seen, &e), 0);
    assert_string_equal(seen.text, "!e:2 g:2 j:7 l:7 m:7 b:1 !c:2 ");
    seen = (struct seen){.left = 2};
    assert_int_equal(vm_protect(s.vm, list_uses, &seen, &e), -EINVAL);
    assert_string_equal(e.text, "stopped with 7");
    seen = (struct seen){.left = 100};
    assert_int_equal(vm_protect(s.vm, list_far_lines, &seen, &e), 0);
    assert_string_equal(seen.text, "!far:2001 ");
    for (int n = 1; n < 20; n++) {
        mem_fail_at(n, false);
        seen = (struct seen){.left = 100};
        vm_protect(s.vm, list_uses, &seen, &e);
        mem_fail_at(0, false);
    }
    script_close(&s);
}

static void the_load_phase_refuses_to_wait_by_name(void **state) {
    struct script s;
    struct vm_options o = options();
    o.load_phase = true;
    script_open_with(&s, &o);
    check_error(&s, "require 'time'.sleep(0.001)", "time.sleep: not while a service is loading");
    check_error(&s, "require 'task'.spawn(print)", "task.spawn: not while a service is loading");
    check_error(&s, "require 'task'.all{print}", "task.all: not while a service is loading");
    assert_int_equal(vm_protect(s.vm, freeze, NULL, NULL), 0);
    check(&s, "return require 'time'.sleep(0.001)", "true");
    script_close(&s);
}

/* ---- require --------------------------------------------------------------------------------- */

static void modules_are_found_in_libraries_embedded_files_and_the_service(void **state) {
    struct script s;
    open_files(&s);
    check(&s, "local t = require 'types' return t.name, t.path", "types|types.lua");
    check(&s, "return require('gen.api').api", "gen.api");
    check(&s, "return require('gen.names').kebab('GenNames'), require('gen.names').api",
          "gen-names|nil");
    check(&s, "return type(require('time').now)", "function");
    check(&s, "return require('types') == require('types'), require('time') == require('time')",
          "true|true");
    check(&s, "require 'counted' return require 'counted'.n", "1");
    check(&s, "return require('bom').line:match('bom.lua:2') ~= nil", "true");
    script_close(&s);
}

/* Files of the binary were compiled by the build: no difference is to be seen, and none of a
 * service's own files come so. */
static void errors_of_embedded_files_name_file_and_line(void **state) {
    struct script s;
    open_files(&s);
    check(&s, "return require('gen.names').kebab('GenNames')", "gen-names");
    check_error(&s, "require('gen.duration').seconds({})", "gen/duration.lua:");
    check_error(&s, "require 'bytecode'", "attempt to load a binary chunk");
    script_close(&s);
}

static void a_missing_or_bad_module_says_what_is_wrong(void **state) {
    struct script s;
    open_files(&s);
    check_error(&s, "require 'missing.one'",
                "module 'missing.one' not found: no library, no file missing/one.lua");
    check_error(&s, "require 'nothing'",
                "module 'nothing' must return a table, it returned nothing");
    check_error(&s, "require 'text'", "module 'text' must return a table, it returned string");
    check_error(&s, "require 'empty'", "module 'empty' must return a table");
    check_error(&s, "require 'raises'", "services/spec/raises.lua:3: at load");
    check_error(&s, "require 'broken'", "services/spec/broken.lua:2: unexpected symbol near");
    check_error(&s, "require 'deep'", "services/spec/deep.lua: nested too deeply");
    check_error(&s, "require 'bytecode'", "attempt to load a binary chunk");
    check_error(&s, "require 'waits'", "time.sleep cannot wait here");
    check_error(&s, "require '../secret'", "bad module name '../secret'");
    check_error(&s, "require '/etc/passwd'", "bad module name");
    check_error(&s, "require 'a..b'", "bad module name");
    check_error(&s, "require '.a'", "bad module name");
    check_error(&s, "require 'a.'", "bad module name");
    check_error(&s, "require ''", "bad module name");
    check_error(&s, "require(('a'):rep(300))", "bad module name");
    check_error(&s, "require 'a\\0b'", "bad module name");
    check_error(&s, "require {}", "string expected");
    script_close(&s);
}

static void modules_that_require_each_other_are_refused_with_the_chain(void **state) {
    struct script s;
    open_files(&s);
    check_error(&s, "require 'a'", "modules require each other: b -> c.d -> b");
    check_error(&s, "require 'a'", "modules require each other: b -> c.d -> b");
    check_error(&s, "require 'itself'", "modules require each other: itself -> itself");
    check(&s, "pcall(require, 'raises') return select(2, pcall(require, 'raises'))",
          "services/spec/raises.lua:3: at load");
    check(&s, "return require 'types'.name", "types");
    script_close(&s);
}

static void libraries_of_the_platform_are_for_the_platform(void **state) {
    const struct lib *platform = NULL, *trusted = NULL;
    for (const struct lib *l = lib_all; l->name; l++) {
        if (l->trust == LIB_PLATFORM) platform = l;
        if (l->trust == LIB_TRUSTED) trusted = l;
    }
    for (int level = 0; level < 3; level++) {
        struct script s;
        struct vm_options o = options();
        char code[100];
        o.platform = level == 1;
        o.trusted = level == 2;
        script_open_with(&s, &o);
        if (platform) {
            snprintf(code, sizeof code, "return type(require '%s')", platform->name);
            if (level == 0)
                check_error(&s, code, "is not for this service");
            else
                check(&s, code, "table");
        }
        if (trusted) {
            snprintf(code, sizeof code, "return type(require '%s')", trusted->name);
            if (level < 2)
                check_error(&s, code, "is not for this service");
            else
                check(&s, code, "table");
        }
        script_close(&s);
    }
}

static bool documented(const struct lib *lib, const char *name) {
    for (const struct lib_doc *d = lib->docs; d->name; d++)
        if (strcmp(d->name, name) == 0) return true;
    return false;
}

/* The functions of one library against its table. */
static int compare_docs(lua_State *L) {
    const struct lib *lib = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, lib->name);
    lua_call(L, 1, 1);
    lua_pushnil(L);
    while (lua_next(L, 2)) {
        const char *name = lua_tostring(L, -2);
        if (lua_isfunction(L, -1) && !documented(lib, name))
            return luaL_error(L, "%s.%s is not documented", lib->name, name);
        lua_pop(L, 1);
    }
    for (const struct lib_doc *d = lib->docs; d->name; d++) {
        if (!d->signature || !*d->signature || strlen(d->text) < 6)
            return luaL_error(L, "the document of %s.%s says too little", lib->name, d->name);
        if (strchr(d->name, ':') || strchr(d->name, '.')) continue; /* of a class */
        if (strcmp(d->signature, "class") == 0) continue;
        bool function = strncmp(d->signature, "fun(", 4) == 0;
        if ((lua_getfield(L, 2, d->name) == LUA_TFUNCTION) != function || lua_isnil(L, -1))
            return luaL_error(L, "%s.%s is documented and not there", lib->name, d->name);
        lua_pop(L, 1);
    }
    return 0;
}

static void every_function_of_the_libraries_is_documented(void **state) {
    struct script s;
    struct vm_options o = options();
    struct err e = {0};
    o.trusted = true;
    script_open_with(&s, &o);
    for (const struct lib *l = lib_all; l->name; l++)
        if (vm_protect(s.vm, compare_docs, (void *)l, &e) < 0) fail_msg("%s", e.text);
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_gives_back_all_its_memory),
        cmocka_unit_test(protected_code_returns_its_error_as_text),
        cmocka_unit_test(the_cap_is_counted_and_the_state_goes_on),
        cmocka_unit_test(what_ops_keep_outside_has_a_cap_of_its_own),
        cmocka_unit_test(finalizers_of_the_host_run_when_memory_is_out),
        cmocka_unit_test(a_binding_can_say_that_memory_is_out),
        cmocka_unit_test(no_failed_allocation_leaks_or_crashes),
        cmocka_unit_test(uses_of_globals_are_found_with_their_lines),
        cmocka_unit_test(the_load_phase_refuses_to_wait_by_name),
        cmocka_unit_test(modules_are_found_in_libraries_embedded_files_and_the_service),
        cmocka_unit_test(errors_of_embedded_files_name_file_and_line),
        cmocka_unit_test(a_missing_or_bad_module_says_what_is_wrong),
        cmocka_unit_test(modules_that_require_each_other_are_refused_with_the_chain),
        cmocka_unit_test(libraries_of_the_platform_are_for_the_platform),
        cmocka_unit_test(every_function_of_the_libraries_is_documented),
    };
    conf.lua_turn_soft = 10000000;
    conf.lua_turn_hard = 500000000;
    conf.lua_cpu = 2000000000;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
