/* What a reload asks of a service before and while it changes, and what is kept of its past. */
#include "spec/core/script/lua_host.h"

static const char WEBS[] = "webs:\n  - signature: Who()\n";

/* A service whose page tells which version it is of; `more` goes before the end of the file. */
static void write_version(const char *folder, const char *version, const char *more) {
    char lua[4096];
    snprintf(lua, sizeof lua,
             "local shared = require 'shared'\n"
             "local time = require 'time'\n"
             "local svc = require 'service' (...)\n"
             "function svc.Who() return '%s' end\n"
             "%s\n"
             "return svc\n",
             version, more);
    write_service(folder, WEBS, lua);
}

static int with_lab(void **state) {
    lua_host_prepare();
    write_version("lab", "one", "");
    lua_host_serve();
    return 0;
}

static int try_out(const char *name) {
    return reload_as(
        &(struct reload_request){.name = str_of(name), .who = "command", .check = true});
}

/* The control loop, until so many states are alive. */
static void until_states(int64_t n) {
    while (stat_get(STAT_STATES_OPEN) != n) {
        uv_run(&control.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* ---- all errors, and checks without a switch ------------------------------------------------- */

static void all_files_that_do_not_compile_are_told_at_once(void **state) {
    folder_write("lab/one.lua", "local x = = 1\n");
    folder_write("lab/deep/two.lua", "\nreturn {\n");
    folder_write("lab/three.lua", "string = 1\n");
    folder_write("lab/spec/other_spec.lua", "no Lua");
    folder_write("lab/resources/page.lua", "no Lua");
    folder_write("lab/data/rows.lua", "no Lua");
    assert_true(reload("lab") < 0);
    reported("services/lab/one.lua:1: ");
    reported("services/lab/deep/two.lua:3: ");
    reported("services/lab/three.lua:1: ");
    assert_null(strstr(report, "no Lua"));
    assert_null(strstr(report, "_spec"));
    GIVES("/lab.example/who", 200, "one");
}

static void errors_of_very_many_files_are_counted(void **state) {
    char name[64];
    for (int i = 0; i < 105; i++) {
        snprintf(name, sizeof name, "lab/bad%d.lua", i);
        folder_write(name, "x =");
    }
    assert_true(reload("lab") < 0);
    if (!strstr(report, "services/lab/bad0.lua:1: ")) fail_msg("%.300s", report);
}

static void a_check_switches_nothing(void **state) {
    GIVES("/lab.example/who", 200, "one");
    int64_t states = stat_get(STAT_STATES_OPEN);
    write_version("lab", "two", "");
    write_version("late", "one", "");
    assert_int_equal(try_out(""), 0);
    reported("lab: fine\n");
    reported("late: fine\n");
    until_states(states);
    GIVES("/lab.example/who", 200, "one");
    GIVES("/late.example/who", 404, "no instances found");
    assert_int_equal(reload(""), 0);
    reported("late: in service");
    GIVES("/lab.example/who", 200, "two");
    GIVES("/late.example/who", 200, "one");
    folder_remove("late");
    assert_int_equal(try_out(""), 0);
    reported("late: would be removed\n");
    GIVES("/late.example/who", 200, "one");
}

static void a_check_says_why_a_reload_would_fail_and_is_no_failed_reload(void **state) {
    int64_t failed = stat_get(STAT_RELOADS_FAILED);
    write_version("lab", "two", "local x = = 1");
    write_service("late", WEBS, "return (");
    assert_true(try_out("") < 0);
    reported("services/lab/service.lua:5: ");
    reported("services/late/service.lua:1: ");
    assert_int_equal(stat_get(STAT_RELOADS_FAILED), failed);
    GIVES("/lab.example/who", 200, "one");
}

static void a_check_of_a_folder_that_was_moved_moves_nothing(void **state) {
    char from[512], to[512];
    snprintf(from, sizeof from, "%s/lab", folder_root);
    snprintf(to, sizeof to, "%s/laboratory", folder_root);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(try_out(""), 0);
    assert_string_equal(report, "lab: fine\n");
    assert_int_equal(reload(""), 0);
    reported("laboratory: generation 2 in service");
}

static void a_forced_reload_builds_anew_what_did_not_change(void **state) {
    assert_int_equal(reload("lab"), 0);
    assert_string_equal(report, "");
    assert_int_equal(
        reload_as(&(struct reload_request){.name = STR("lab"), .who = "command", .force = true}),
        0);
    reported("lab: generation 2 in service");
    GIVES("/lab.example/who", 200, "one");
}

#define L(f) cmocka_unit_test_setup_teardown(f, with_lab, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        L(all_files_that_do_not_compile_are_told_at_once),
        L(errors_of_very_many_files_are_counted),
        L(a_check_switches_nothing),
        L(a_check_says_why_a_reload_would_fail_and_is_no_failed_reload),
        L(a_check_of_a_folder_that_was_moved_moves_nothing),
        L(a_forced_reload_builds_anew_what_did_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
