/* How services end: on_stop when the host stops and when a new generation takes over, and a host
 * that stops in the middle of a reload. */
#include "spec/core/script/lua_host.h"

#include <sys/mman.h>

static int log_file = -1;

/* The log of this host goes where the test can read it. */
static int with_log(void **state) {
    lua_host_prepare();
    log_stop();
    log_file = memfd_create("log", MFD_CLOEXEC);
    assert_int_equal(log_start(LOG_INFO, LOG_JSON, log_file), 0);
    return 0;
}

static int finish_log(void **state) {
    finish(state);
    close(log_file);
    return 0;
}

static void until_logged(const char *part) {
    static char text[1 << 20];
    for (;;) {
        ssize_t n = pread(log_file, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = 0;
        if (strstr(text, part)) return;
        usleep(1000);
    }
}

/* A service that writes down what happens to it. */
static void write_diary(const char *version, const char *on_stop) {
    char lua[2048];
    snprintf(
        lua, sizeof lua,
        "local shared = require 'shared'\n"
        "local task = require 'task'\n"
        "local time = require 'time'\n"
        "local svc = require 'service' (...)\n"
        "local function note(text) shared.set('diary', (shared.get 'diary' or '') .. text) end\n"
        "function svc.on_start() note ' start-%s' end\n"
        "function svc.on_stop(ctx) %s note ' stop-%s' end\n"
        "return svc\n",
        version, on_stop, version);
    write_service("lab", "", lua);
}

static void diary(const char *expected) {
    struct buf b;
    buf_init(&b);
    shared_get(host.shared, STR("lab.example\0diary"), &b);
    if (!str_eq(buf_view(&b), str_of(expected)))
        fail_msg("it says '%.*s', not '%s'", STR_FMT(buf_view(&b)), expected);
    buf_free(&b);
}

static void until_noted(const char *part) {
    struct buf b;
    buf_init(&b);
    do {
        uv_run(&control.loop, UV_RUN_NOWAIT);
        usleep(1000);
        buf_clear(&b);
        shared_get(host.shared, STR("lab.example\0diary"), &b);
    } while (str_find(buf_view(&b), str_of(part)) < 0);
    buf_free(&b);
}

static void stop_services(void) {
    bool closed = false;
    service_stop_all();
    service_close_all(set_flag, &closed);
    control_until(&closed);
}

static void it_runs_once_when_the_host_stops(void **state) {
    write_diary("a", "");
    lua_host_serve();
    start_services();
    get(0, "/lab.example/x");
    get(1, "/lab.example/x"); /* a state on each worker */
    stop_services();
    diary(" start-a stop-a");
}

static void it_does_not_run_where_nothing_was_started(void **state) {
    write_diary("a", "");
    lua_host_serve();
    get(0, "/lab.example/x");
    stop_services();
    diary("");
}

static void it_may_wait_and_start_tasks(void **state) {
    write_diary("a", "task.all { function() time.sleep(0.02) note ' waited' end }");
    lua_host_serve();
    start_services();
    stop_services();
    diary(" start-a waited stop-a");
}

static void it_ends_before_the_next_generation_starts(void **state) {
    write_diary("a", "task.all { function() time.sleep(0.05) end }");
    lua_host_serve();
    start_services();
    write_diary("b", "");
    assert_int_equal(reload(""), 0);
    until_noted("start-b");
    diary(" start-a stop-a start-b");
    stop_services();
    diary(" start-a stop-a start-b stop-b");
}

static void it_runs_when_the_service_is_removed(void **state) {
    write_diary("a", "time.sleep(0.02)");
    lua_host_serve();
    start_services();
    folder_remove("lab");
    assert_int_equal(reload(""), 0);
    diary(" start-a stop-a");
}

static void it_has_an_end_even_if_it_waits_for_ever(void **state) {
    write_diary("a", "note ' stopping' time.sleep(3600)");
    lua_host_serve();
    start_services();
    stop_services();
    diary(" start-a stopping");
    until_logged("on_stop failed");
}

static void one_that_fails_is_logged_and_nothing_waits_for_it(void **state) {
    write_diary("a", "error 'cannot stop'");
    lua_host_serve();
    start_services();
    write_diary("b", "error 'neither'");
    assert_int_equal(reload(""), 0);
    until_noted("start-b");
    until_logged("cannot stop");
    stop_services();
    until_logged("neither");
    diary(" start-a start-b");
}

/* ---- a reload that is under way ------------------------------------------------------------- */

struct told {
    int times, result;
};

static void tell(void *arg, int result, struct str text) {
    struct told *told = arg;
    told->times++;
    told->result = result;
}

static void a_reload_is_over_before_the_host_is(void **state) {
    struct told one = {0}, waits = {0};
    write_diary("a", "note ' stopping' time.sleep(3600)");
    lua_host_serve();
    start_services();
    write_diary("b", "");
    service_reload(&(struct reload_request){.who = "command"}, tell, &one);
    service_reload(&(struct reload_request){.who = "command"}, tell, &waits);
    until_noted("stopping");
    stop_services();
    assert_int_equal(one.times, 1);
    assert_int_equal(waits.times, 1);
    assert_int_equal(waits.result, ERR_BUSY);
    diary(" start-a stopping");
}

static void what_a_reload_had_still_to_do_is_left(void **state) {
    struct told one = {0};
    write_diary("a", "note ' stopping' time.sleep(3600)");
    write_service("other", "", "return require 'service' (...)\n");
    write_service("another", "", "return require 'service' (...)\n");
    lua_host_serve();
    start_services();
    write_diary("b", "");
    folder_write("other/more.lua", "");
    folder_write("another/more.lua", "");
    service_reload(&(struct reload_request){.who = "command"}, tell, &one);
    until_noted("stopping");
    stop_services();
    assert_int_equal(one.times, 1);
}

static void a_reload_that_has_just_begun_ends_with_the_host(void **state) {
    struct told one = {0};
    write_diary("a", "");
    lua_host_serve();
    start_services();
    write_diary("b", "");
    service_reload(&(struct reload_request){.who = "command"}, tell, &one);
    stop_services();
    assert_int_equal(one.times, 1);
}

#define S(f) cmocka_unit_test_setup_teardown(f, with_log, finish_log)

int main(void) {
    const struct CMUnitTest tests[] = {
        S(it_runs_once_when_the_host_stops),
        S(it_does_not_run_where_nothing_was_started),
        S(it_may_wait_and_start_tasks),
        S(it_ends_before_the_next_generation_starts),
        S(it_runs_when_the_service_is_removed),
        S(it_has_an_end_even_if_it_waits_for_ever),
        S(one_that_fails_is_logged_and_nothing_waits_for_it),
        S(a_reload_is_over_before_the_host_is),
        S(what_a_reload_had_still_to_do_is_left),
        S(a_reload_that_has_just_begun_ends_with_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
