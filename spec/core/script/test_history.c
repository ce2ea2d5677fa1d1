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

/* ---- on_check -------------------------------------------------------------------------------- */

static void a_check_that_raises_refuses_the_reload_and_says_where(void **state) {
    GIVES("/lab.example/who", 200, "one");
    int64_t states = stat_get(STAT_STATES_OPEN);
    write_version("lab", "two", "function svc.on_check() error 'no license' end");
    assert_true(reload("") < 0);
    reported("on_check failed: services/lab/service.lua:5: no license");
    until_states(states);
    GIVES("/lab.example/who", 200, "one");
    assert_true(try_out("") < 0);
    reported("services/lab/service.lua:5: no license");
    write_version("lab", "two",
                  "function svc.on_check() require 'errors'.raise(503, 'far away') end");
    assert_true(reload("") < 0);
    reported("on_check failed: far away");
    reported("services/lab/service.lua:5: in ");
    until_states(states);
}

static void quick_check(void) {
    conf.reload_check = 50u * 1000000ull;
}

static int with_a_quick_check(void **state) {
    tune = quick_check;
    return with_lab(state);
}

static void a_check_that_takes_too_long_refuses_the_reload(void **state) {
    GIVES("/lab.example/who", 200, "one");
    int64_t states = stat_get(STAT_STATES_OPEN);
    write_version("lab", "two",
                  "function svc.on_check()\n"
                  "  time.sleep(60)\n"
                  "end");
    assert_true(reload("") < 0);
    reported("on_check took longer than the setting reload_check");
    reported("services/lab/service.lua:6:");
    until_states(states);
    GIVES("/lab.example/who", 200, "one");
}

static void a_check_may_wait_and_runs_once_before_anything_is_switched(void **state) {
    write_version("lab", "two",
                  "local bus = require 'bus'\n"
                  "function svc.on_check(ctx)\n"
                  "  time.sleep(0.01)\n"
                  "  shared.incr('checks')\n"
                  "  local page = bus.request(ctx, { url = 'https://lab.example/who' })\n"
                  "  shared.set('seen', page.body)\n"
                  "end\n"
                  "function svc.Who() return ('two %s %s'):format(shared.get('checks'), "
                  "shared.get('seen')) end");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "two 1 one");
}

static void what_a_check_left_running_ends_with_it(void **state) {
    GIVES("/lab.example/who", 200, "one");
    int64_t states = stat_get(STAT_STATES_OPEN);
    write_version("lab", "two",
                  "local task = require 'task'\n"
                  "function svc.on_check()\n"
                  "  task.spawn(function() time.sleep(60) end)\n"
                  "  error 'no'\n"
                  "end");
    assert_true(reload("") < 0);
    until_states(states);
    assert_int_equal(stat_get(STAT_TASKS_OPEN), 0);
}

static void a_new_service_whose_check_fails_is_not_routed_until_it_passes(void **state) {
    write_version("late", "one", "function svc.on_check() error 'not yet' end");
    assert_true(reload("") < 0);
    reported("late: on_check failed: services/late/service.lua:5: not yet");
    GIVES("/late.example/who", 404, "no instances found");
    write_version("late", "two", "");
    assert_int_equal(reload(""), 0);
    reported("late: in service");
    GIVES("/late.example/who", 200, "two");
}

static void at_the_first_load_a_check_decides_what_is_routed(void **state) {
    write_version("bad", "one",
                  "function svc.on_check() error 'never' end\n"
                  "function svc.on_start() shared.incr('starts') end");
    write_version("good", "one",
                  "function svc.on_check() time.sleep(0.01) shared.incr('checks') end\n"
                  "function svc.on_start() shared.incr('starts') end\n"
                  "function svc.Who() return shared.get('checks') .. shared.get('starts') end");
    lua_host_serve();
    GIVES("/good.example/who", 404, "no instances found");
    int64_t failed = stat_get(STAT_RELOADS_FAILED);
    start_services();
    GIVES("/good.example/who", 200, "11");
    GIVES("/bad.example/who", 404, "no instances found");
    assert_int_equal(stat_get(STAT_RELOADS_FAILED), failed + 1);
    write_version("bad", "two", "");
    assert_int_equal(reload(""), 0);
    GIVES("/bad.example/who", 200, "two");
}

static void start_of_all(void *arg, int result, const char *why) {
    snprintf(report, sizeof report, "%s", why);
    *(int *)arg = result;
}

static void a_platform_service_whose_check_fails_is_told(void **state) {
    int rc = 1;
    folder_write("user/service.lua", "local svc = require 'service' (...)\n"
                                     "function svc.on_check() error 'no database' end\n"
                                     "return svc\n");
    lua_host_serve();
    service_start_all(start_of_all, &rc);
    while (rc == 1)
        uv_run(&control.loop, UV_RUN_ONCE);
    assert_int_equal(rc, -EINVAL);
    reported("user-svc: on_check failed: services/user/service.lua:2: no database");
}

static void a_host_that_stops_does_not_wait_for_a_check(void **state) {
    static int rc;
    write_version("lab", "two",
                  "function svc.on_check() shared.set('checking', 1) time.sleep(600) end");
    conf.reload_check = 600u * 1000000000ull;
    service_reload(&(struct reload_request){.who = "command"}, reloaded, &rc);
    struct buf b;
    buf_init(&b);
    while (shared_get(host.shared, STR("lab.example\0checking"), &b) < 0)
        uv_run(&control.loop, UV_RUN_NOWAIT);
    buf_free(&b); /* finish() closes the host */
}

/* ---- on_unload and on_load ------------------------------------------------------------------- */

static const char TICKER[] = "webs:\n  - signature: Who()\n"
                             "tickers:\n  - signature: Tick()\n    interval: 1ms\n";

/* A service that notes in order what happens to it. */
static void write_life(const char *name, const char *more) {
    char lua[4096];
    snprintf(lua, sizeof lua,
             "local shared = require 'shared'\n"
             "local time = require 'time'\n"
             "local json = require 'json'\n"
             "local svc = require 'service' (...)\n"
             "local function note(what)\n"
             "  shared.set('notes', (shared.get('notes') or '') .. '%s' .. what .. ' ')\n"
             "end\n"
             "function svc.Tick() shared.incr('ticks') end\n"
             "function svc.Who() return shared.get('notes') end\n"
             "function svc.on_check() note 'check' end\n"
             "function svc.on_start() note 'start' end\n"
             "function svc.on_stop() note 'stop' end\n"
             "function svc.on_load(_, state) note('load' .. json.encode(state)) end\n"
             "%s\n"
             "return svc\n",
             name, more);
    write_service("lab", TICKER, lua);
}

static const char UNLOAD[] = "function svc.on_unload() note 'unload' return { n = 7 } end";

static void a_generation_hands_over_to_the_next_one_in_order(void **state) {
    write_life("a-", UNLOAD);
    lua_host_serve();
    start_services();
    write_life("b-", "");
    assert_int_equal(reload(""), 0);
    start_services(); /* comes after the start that the reload asked for */
    GIVES("/lab.example/who", 200,
          "a-check a-start b-check a-unload a-stop b-load{\"n\":7} b-start ");
    write_life("c-", "");
    assert_int_equal(reload(""), 0);
    start_services();
    GIVES(
        "/lab.example/who", 200,
        "a-check a-start b-check a-unload a-stop b-load{\"n\":7} b-start c-check b-stop c-start ");
}

static void tickers_have_ended_when_the_hand_over_begins(void **state) {
    write_life("", "function svc.on_unload()\n"
                   "  local before = shared.get('ticks')\n"
                   "  time.sleep(0.05)\n"
                   "  note(shared.get('ticks') == before and 'quiet' or 'ticking')\n"
                   "end");
    lua_host_serve();
    start_services();
    write_life("", "");
    assert_int_equal(reload(""), 0);
    start_services();
    GIVES("/lab.example/who", 200, "check start check quiet stop start ");
}

/* The hand-over fails, the reload does not. */
static void nothing_comes_of(const char *unload, const char *why) {
    write_life("", unload);
    assert_int_equal(reload(""), 0);
    start_services();
    write_life("", "-- next");
    assert_int_equal(reload(""), 0);
    reported("lab: warning: on_unload hands nothing over: ");
    reported(why);
    start_services();
    reply = *get(0, "/lab.example/who");
    assert_null(strstr(reply.body, "load"));
}

static void what_cannot_be_handed_over_is_told_and_dropped(void **state) {
    write_life("", "");
    lua_host_serve();
    start_services();
    nothing_comes_of("function svc.on_unload() return { f = print } end", "only nil, booleans");
    nothing_comes_of("function svc.on_unload() return 7 end", "it returned a number, not a table");
    nothing_comes_of("function svc.on_unload() return { ('x'):rep(1100000) } end",
                     "the table is larger than 1 MB");
    nothing_comes_of("function svc.on_unload() error 'lost' end",
                     "services/lab/service.lua:14: lost");
}

static void a_start_that_is_tried_again_gets_what_was_handed_over_again(void **state) {
    write_life("a-", UNLOAD);
    lua_host_serve();
    start_services();
    write_life("b-", "function svc.on_start()\n"
                     "  if shared.incr('tries') == 1 then error 'once' end\n"
                     "  note 'start'\n"
                     "end");
    assert_int_equal(reload(""), 0);
    struct buf b;
    buf_init(&b);
    while (shared_get(host.shared, STR("lab.example\0tries"), &b) < 0 ||
           !str_eq(buf_view(&b), STR("2"))) {
        buf_clear(&b);
        uv_run(&control.loop, UV_RUN_NOWAIT);
    }
    buf_free(&b);
    start_services();
    GIVES("/lab.example/who", 200,
          "a-check a-start b-check a-unload a-stop b-load{\"n\":7} b-load{\"n\":7} b-start ");
}

static void a_host_that_stops_does_not_wait_for_a_hand_over(void **state) {
    static int rc;
    write_life("", "function svc.on_unload() shared.set('unloading', 1) time.sleep(600) end");
    lua_host_serve();
    start_services();
    write_life("", "");
    service_reload(&(struct reload_request){.who = "command"}, reloaded, &rc);
    struct buf b;
    buf_init(&b);
    while (shared_get(host.shared, STR("lab.example\0unloading"), &b) < 0)
        uv_run(&control.loop, UV_RUN_NOWAIT);
    buf_free(&b);
}

/* ---- rollbacks ------------------------------------------------------------------------------- */

static int roll_back(uint64_t number) {
    return reload_as(&(struct reload_request){
        .name = STR("LAB.example"), .who = "rollback", .back = true, .number = number});
}

static const char *told(void) {
    static char text[65536];
    struct buf b;
    buf_init(&b);
    assert_true(service_history(STR("lab"), &b));
    snprintf(text, sizeof text, "%.*s", STR_FMT(buf_view(&b)));
    buf_free(&b);
    return text;
}

static void tells(const char *part) {
    if (!strstr(told(), part)) fail_msg("no '%s' in %s", part, told());
}

static void come(const char *version) {
    write_version("lab", version, "");
    assert_int_equal(reload("lab"), 0);
    GIVES("/lab.example/who", 200, version);
}

static void a_rollback_puts_the_files_before_into_service(void **state) {
    int64_t rollbacks = stat_get(STAT_ROLLBACKS), reloads = stat_get(STAT_RELOADS);
    come("two");
    assert_int_equal(roll_back(0), 0);
    reported("lab: generation 3 in service after ");
    reported(", with the files of generation 1\n");
    GIVES("/lab.example/who", 200, "one");
    tells("\"generations\":[{\"number\":3,");
    tells("\"who\":\"rollback\"");
    assert_int_equal(stat_get(STAT_ROLLBACKS), rollbacks + 1);
    assert_int_equal(stat_get(STAT_RELOADS), reloads + 2);
    assert_true(stat_get(STAT_RELOAD_MICROSECONDS) > 0);
}

static void files_that_were_rolled_back_from_wait_until_they_change(void **state) {
    come("two");
    assert_int_equal(roll_back(0), 0);
    assert_int_equal(reload(""), 0);
    reported("lab: not changed since the rollback; --force takes it all the same");
    GIVES("/lab.example/who", 200, "one");
    assert_int_equal(try_out(""), 0);
    assert_string_equal(report, "lab: fine\n");
    come("three");
    come("two");
    assert_int_equal(roll_back(0), 0);
    GIVES("/lab.example/who", 200, "three");
    assert_int_equal(
        reload_as(&(struct reload_request){.name = STR("lab"), .who = "command", .force = true}),
        0);
    GIVES("/lab.example/who", 200, "two");
    assert_int_equal(reload(""), 0);
    assert_string_equal(report, "");
}

static void one_can_roll_back_twice_and_forward_by_number(void **state) {
    come("two");
    come("three");
    assert_int_equal(roll_back(0), 0);
    GIVES("/lab.example/who", 200, "two");
    assert_int_equal(roll_back(0), 0);
    GIVES("/lab.example/who", 200, "one");
    assert_true(roll_back(0) < 0);
    reported("lab: no older generation is kept to roll back to");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "one");
    assert_int_equal(roll_back(3), 0);
    GIVES("/lab.example/who", 200, "three");
}

static void the_same_files_are_kept_once(void **state) {
    come("two");
    for (int i = 0; i < 3; i++)
        assert_int_equal(reload_as(&(struct reload_request){
                             .name = STR("lab"), .who = "command", .force = true}),
                         0);
    assert_int_equal(roll_back(0), 0);
    GIVES("/lab.example/who", 200, "one");
}

static void only_what_is_kept_can_come_back(void **state) {
    come("two");
    come("three");
    come("four");
    assert_true(roll_back(1) < 0);
    reported("lab: generation 1 is not kept; there are 4, 3, 2");
    assert_true(roll_back(4) < 0);
    reported("lab: generation 4 is in service");
    assert_int_equal(roll_back(2), 0);
    GIVES("/lab.example/who", 200, "two");
    assert_int_equal(
        reload_as(&(struct reload_request){.name = STR("nobody"), .who = "rollback", .back = true}),
        -ENOENT);
    reported("nobody: no such service");
    folder_remove("lab");
    assert_int_equal(reload(""), 0);
    assert_true(roll_back(0) < 0);
    reported("lab: it is not in service");
}

static void a_rollback_is_checked_like_any_reload(void **state) {
    write_version("lab", "two",
                  "function svc.on_check() if shared.get('closed') then error 'closed' end end");
    assert_int_equal(reload(""), 0);
    come("three");
    assert_true(shared_set(host.shared, STR("lab.example\0closed"), STR("1"), 0) >= 0);
    assert_true(roll_back(0) < 0);
    reported("on_check failed: services/lab/service.lua:5: closed");
    GIVES("/lab.example/who", 200, "three");
    assert_int_equal(reload(""), 0);
    assert_string_equal(report, "");
}

/* ---- what is remembered ---------------------------------------------------------------------- */

static void attempts_that_failed_are_remembered_with_the_reason(void **state) {
    char wrong[64];
    for (int i = 1; i <= 10; i++) {
        snprintf(wrong, sizeof wrong, "error 'wrong %d'", i);
        write_version("lab", "two", wrong);
        assert_true(reload("") < 0);
    }
    assert_true(reload_as(&(struct reload_request){.who = "watch"}) < 0);
    tells("\"failed\":[{\"hash\":\"");
    tells("\"who\":\"watch\"");
    tells("\"times\":2,\"error\":\"services/lab/service.lua:5: wrong 10\"}");
    tells("wrong 3\"");
    assert_null(strstr(told(), "wrong 2\""));
    tells("\"generations\":[{\"number\":1,");
    tells("\"who\":\"start\"");
    tells("\"inService\":true,\"rolledBack\":false}]");
}

static void very_long_reasons_are_cut(void **state) {
    write_version("lab", "two", "error(('x'):rep(100000))");
    assert_true(reload("") < 0);
    assert_true(strlen(told()) < 8192);
}

static void what_never_came_into_service_is_no_generation_to_go_back_to(void **state) {
    write_version("lab", "one", "function svc.on_check() error 'never' end");
    lua_host_serve();
    start_services();
    tells("\"generations\":[],\"failed\":[{");
    tells("\"who\":\"start\"");
    tells("on_check failed: services/lab/service.lua:5: never");
    come("two");
    assert_true(roll_back(0) < 0);
    reported("no older generation is kept");
    struct buf b;
    buf_init(&b);
    assert_false(service_history(STR("nobody"), &b));
    buf_free(&b);
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
        L(a_check_that_raises_refuses_the_reload_and_says_where),
        cmocka_unit_test_setup_teardown(a_check_that_takes_too_long_refuses_the_reload,
                                        with_a_quick_check, finish),
        L(a_check_may_wait_and_runs_once_before_anything_is_switched),
        L(what_a_check_left_running_ends_with_it),
        L(a_new_service_whose_check_fails_is_not_routed_until_it_passes),
        T(at_the_first_load_a_check_decides_what_is_routed),
        T(a_platform_service_whose_check_fails_is_told),
        L(a_host_that_stops_does_not_wait_for_a_check),
        T(a_generation_hands_over_to_the_next_one_in_order),
        T(tickers_have_ended_when_the_hand_over_begins),
        T(what_cannot_be_handed_over_is_told_and_dropped),
        T(a_start_that_is_tried_again_gets_what_was_handed_over_again),
        T(a_host_that_stops_does_not_wait_for_a_hand_over),
        L(a_rollback_puts_the_files_before_into_service),
        L(files_that_were_rolled_back_from_wait_until_they_change),
        L(one_can_roll_back_twice_and_forward_by_number),
        L(the_same_files_are_kept_once),
        L(only_what_is_kept_can_come_back),
        L(a_rollback_is_checked_like_any_reload),
        L(attempts_that_failed_are_remembered_with_the_reason),
        L(very_long_reasons_are_cut),
        T(what_never_came_into_service_is_no_generation_to_go_back_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
