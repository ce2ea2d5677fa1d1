/* lib_metric: what a service defines while it loads, what states see of each other, and memory that
 * runs out anywhere. The rest of the module is tested in Lua: spec/lua/metric_spec.lua. */
#include "spec/core/script/script.h"

#include "core/base/metric.h"

static void open_loading(struct script *s, const char *name) {
    struct vm_options o = {.name = name, .memory = 32 << 20, .max_tasks = 100, .load_phase = true};
    script_open_with(s, &o);
}

static int freeze(lua_State *L) {
    lib_metric_publish(L);
    vm_freeze(L);
    return 0;
}

static void is_rendered(const char *host, const char *words, bool wanted) {
    struct buf b;
    buf_init(&b);
    metric_render(&b, str_of(host));
    assert_true(buf_ok(&b));
    if ((str_find(buf_view(&b), str_of(words)) >= 0) != wanted)
        fail_msg("\"%s\" %s in \"%.*s\"", words, wanted ? "is not" : "is", STR_FMT(buf_view(&b)));
    buf_free(&b);
}

#define DEFINE "require('metric').define{name='a_total', kind='counter', labels={'l'}}; "
#define ADD    "require('metric').add('a_total', 1, 'x'); "

static void a_service_defines_while_it_loads_and_measures_later(void **state) {
    struct script s;
    open_loading(&s, "load.test");
    check(&s, DEFINE, "");
    check_error(&s, ADD, "metric.add: not while a service is loading");
    check_error(&s, "require('metric').set('a', 1)", "metric.set: not while");
    check_error(&s, "require('metric').observe('a', 1)", "metric.observe: not while");
    check_error(&s, "require('metric').render()", "metric.render: not while");
    check_error(&s, "require('metric').uptime()", "metric.uptime: not while");
    is_rendered("load.test", "uptime", false);
    assert_int_equal(vm_protect(s.vm, freeze, NULL, NULL), 0);
    check(&s, ADD, "");
    is_rendered("load.test", "l=\"x\",service=\"load.test\",ver=\"\"} 1\n", true);
    check(&s,
          "require('metric').define{name='late', kind='gauge'}; require('metric').set('late', 2)",
          "");
    is_rendered("load.test", "late{id=\"\",service=\"load.test\",ver=\"\"} 2\n", true);
    script_close(&s);
    is_rendered("load.test", "a_total", false);
}

static void states_of_a_service_count_together(void **state) {
    struct script a, b;
    struct vm_options o = {.name = "both.test", .memory = 32 << 20, .max_tasks = 100};
    script_open_with(&a, &o);
    check(&a, DEFINE ADD, "");
    open_loading(&b, "both.test");
    check(&b, DEFINE, "");
    assert_int_equal(vm_protect(b.vm, freeze, NULL, NULL), 0);
    check(&b, ADD, "");
    is_rendered("both.test", "ver=\"\"} 2\n", true);
    vm_free(a.vm);
    task_close(&a.w);
    worker_free(&a.w);
    check(&b, ADD, "");
    is_rendered("both.test", "ver=\"\"} 3\n", true);
    script_close(&b);
    is_rendered("both.test", "a_total", false);
}

static void a_trial_leaves_no_trace(void **state) {
    struct script on, trial;
    struct vm_options o = {.name = "trial.test", .memory = 32 << 20, .max_tasks = 100};
    script_open_with(&on, &o);
    check(&on, DEFINE ADD, "");
    open_loading(&trial, "trial.test");
    check(&trial, "require('metric').define{name='a_total', kind='gauge', labels={'l'}}", "");
    is_rendered("trial.test", "# TYPE a_total counter", true);
    vm_free(trial.vm);
    task_close(&trial.w);
    worker_free(&trial.w);
    is_rendered("trial.test", "ver=\"\"} 1\n", true);
    script_close(&on);
}

static void the_metrics_of_others_are_for_the_platform(void **state) {
    struct script s;
    struct vm_options o = {.name = "mine.test", .memory = 32 << 20, .max_tasks = 100};
    script_open_with(&s, &o);
    check(&s, DEFINE ADD "return #require('metric').render('mine.test') > 0", "true");
    check_error(&s, "require('metric').render('all')", "for platform services only");
    check_error(&s, "require('metric').render('other.test')", "for platform services only");
    script_close(&s);
}

static int work(lua_State *L) {
    const char *code = "local metric = require 'metric'\n"
                       "metric.declare{{name='m', kind='histogram', labels={'l'}, buckets={...}}}\n"
                       "metric.observe('m', 1, 'x')\n"
                       "assert(#metric.render() > 0)";
    if (luaL_loadstring(L, code) != LUA_OK) lua_error(L);
    lua_pushinteger(L, *(long *)lua_touserdata(L, 1));
    lua_call(L, 1, 0);
    return 0;
}

static void running_out_of_memory_anywhere_leaks_nothing(void **state) {
    struct script s;
    script_open(&s);
    int failures = 0;
    bool fired = true;
    for (long n = 1; fired; n++) {
        struct err e = {0};
        mem_fail_at(n, true);
        int rc = vm_protect(s.vm, work, &n, &e);
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (rc < 0 && rc != -ENOMEM) fail_msg("%s", e.text);
        failures += rc < 0;
    }
    assert_true(failures > 10);
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_defines_while_it_loads_and_measures_later),
        cmocka_unit_test(states_of_a_service_count_together),
        cmocka_unit_test(a_trial_leaves_no_trace),
        cmocka_unit_test(the_metrics_of_others_are_for_the_platform),
        cmocka_unit_test(running_out_of_memory_anywhere_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
