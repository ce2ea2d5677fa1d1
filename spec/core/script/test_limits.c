/* Services that misbehave: each fails alone. */
#include "spec/core/script/lua_host.h"

static const char WEBS[] = "webs:\n"
                           "  - signature: Hello()\n"
                           "  - signature: Loop()\n"
                           "  - signature: Stuck()\n"
                           "  - signature: Swallow()\n"
                           "  - signature: Hog()\n"
                           "  - signature: Sleep()\n"
                           "  - signature: Stream()\n"
                           "  - signature: Read()\n"
                           "  - signature: Spawn()\n"
                           "  - signature: Deep()\n"
                           "  - signature: Pattern()\n"
                           "  - signature: Patterns()\n";

static const char PAGES[] =
    "local shared = require 'shared'\n"
    "local task = require 'task'\n"
    "local time = require 'time'\n"
    "local svc = require 'service' (...)\n"
    "local function guard(word)\n"
    "  return setmetatable({}, { __close = function() shared.incr(word) end })\n"
    "end\n"
    "function svc.Hello() return 'hello' end\n"
    "function svc.Loop() local _ <close> = guard 'loop' " FOREVER " end\n"
    "function svc.Stuck() table.sort({ 3, 1, 2 }, function() " FOREVER " end) end\n"
    "function svc.Swallow()\n"
    "  while true do pcall(function() " FOREVER " end) end\n"
    "end\n"
    "function svc.Hog()\n"
    "  local t = {}\n"
    "  while true do t[#t + 1] = ('x'):rep(1 << 16) .. #t end\n"
    "end\n"
    "function svc.Sleep()\n"
    "  local _ <close> = guard 'slept'\n"
    "  shared.incr('sleeping')\n"
    "  time.sleep(3600)\n"
    "end\n"
    "function svc.Stream(_, _, res)\n"
    "  local _ <close> = guard 'streamed'\n"
    "  while true do res:write(('x'):rep(10000)) end\n"
    "end\n"
    "function svc.Read(_, req)\n"
    "  local _ <close> = guard 'read'\n"
    "  shared.incr('reading')\n"
    "  return #req:body()\n"
    "end\n"
    "function svc.Spawn()\n"
    "  task.spawn(function() local _ <close> = guard 'spawned' time.sleep(3600) end)\n"
    "  task.yield()\n"
    "  return 'spawned'\n"
    "end\n"
    "function svc.Deep() local function f() return 1 + f() end return f() end\n"
    "function svc.Pattern() return ('a'):rep(5000):match '.-.-.-b' end\n"
    "function svc.Patterns()\n"
    "  local text = (('a'):rep(300) .. ':a-a-b;'):rep(10000)\n"
    "  while true do pcall(string.gsub, text, '(a+):([^;]+);', string.find) end\n"
    "end\n"
    "return svc\n";

static int with_webs(void **state) {
    lua_host_prepare();
    write_service("lab", WEBS, PAGES);
    lua_host_serve();
    return 0;
}

static void short_deadline(void) {
    conf.lua_deadline = 50u * 1000000ull;
}

static int with_a_short_deadline(void **state) {
    tune = short_deadline;
    return with_webs(state);
}

static void three_tasks(void) {
    conf.lua_tasks = 3;
}

static int with_three_tasks(void **state) {
    tune = three_tasks;
    return with_webs(state);
}

static int64_t shared_number(const char *name) {
    char key[64];
    struct buf b;
    int64_t n = 0;
    int len = snprintf(key, sizeof key, "lab.example%c%s", 0, name);
    buf_init(&b);
    if (shared_get(host.shared, str_make(key, (size_t)len), &b) == 0) str_i64(buf_view(&b), &n);
    buf_free(&b);
    return n;
}

static void until_shared(const char *name, int64_t n) {
    while (shared_number(name) < n)
        usleep(1000);
}

/* ---- processor time ------------------------------------------------------------------------- */

static void an_endless_loop_is_stopped_while_others_are_answered(void **state) {
    int loop = begin(0, "GET", "/lab.example/loop", "", NULL);
    /* On the same worker; the first may meet the loop before its first forced yield. */
    for (int i = 0; i < 5; i++)
        IS(get(0, "/lab.example/hello"), 200, "hello");
    struct reply *r = listen_to(loop);
    assert_int_equal(r->status, 503);
    assert_non_null(strstr(r->body, "the handler ran too long"));
    until_shared("loop", 1);
    GIVES("/lab.example/hello", 200, "hello");
}

static void a_loop_that_cannot_give_way_is_stopped_at_the_hard_limit(void **state) {
    struct reply *r = get(0, "/lab.example/stuck");
    assert_int_equal(r->status, 503);
    GIVES("/lab.example/hello", 200, "hello");
}

static void a_loop_cannot_swallow_being_stopped(void **state) {
    struct reply *r = get(0, "/lab.example/swallow");
    assert_int_equal(r->status, 503);
    GIVES("/lab.example/hello", 200, "hello");
}

static void a_pattern_that_backtracks_forever_is_an_error_like_any_other(void **state) {
    int fd = begin(0, "GET", "/lab.example/pattern", "", NULL);
    for (int i = 0; i < 5; i++)
        IS(get(0, "/lab.example/hello"), 200, "hello");
    assert_int_equal(listen_to(fd)->status, 500);
}

static void patterns_one_after_the_other_are_stopped_like_a_loop(void **state) {
    int fd = begin(0, "GET", "/lab.example/patterns", "", NULL);
    for (int i = 0; i < 5; i++)
        IS(get(0, "/lab.example/hello"), 200, "hello");
    assert_int_equal(listen_to(fd)->status, 503);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void whoever_takes_all_memory_gets_503_and_the_next_one_an_answer(void **state) {
    for (int i = 0; i < 3; i++) {
        struct reply *r = get(0, "/lab.example/hog");
        assert_int_equal(r->status, 503);
        assert_non_null(strstr(r->body, "out of memory"));
        GIVES("/lab.example/hello", 200, "hello");
    }
}

static void endless_recursion_is_an_error_like_any_other(void **state) {
    struct reply *r = get(0, "/lab.example/deep");
    assert_true(r->status == 500 || r->status == 503);
    GIVES("/lab.example/hello", 200, "hello");
}

/* ---- time ----------------------------------------------------------------------------------- */

static void a_request_that_takes_too_long_is_504(void **state) {
    struct reply *r = get(0, "/lab.example/sleep");
    assert_int_equal(r->status, 504);
    assert_non_null(strstr(r->body, "the service took too long"));
    assert_int_equal(shared_number("slept"), 1);
}

static void a_stream_may_take_longer_than_a_request(void **state) {
    int fd = begin(0, "GET", "/lab.example/stream", "", NULL);
    char some[4096];
    for (int i = 0; i < 20; i++) {
        usleep(10000);
        assert_true(hear(fd, some, sizeof some) > 0);
    }
    leave(fd);
    until_shared("streamed", 1);
}

/* ---- clients that leave --------------------------------------------------------------------- */

static void a_client_that_leaves_ends_the_handler_that_sleeps(void **state) {
    int fd = begin(0, "GET", "/lab.example/sleep", "", NULL);
    until_shared("sleeping", 1);
    assert_int_equal(shared_number("slept"), 0);
    leave(fd);
    until_shared("slept", 1);
}

static void a_client_that_leaves_ends_the_handler_that_writes(void **state) {
    int fd = begin(0, "GET", "/lab.example/stream", "", NULL);
    char some[100];
    assert_true(hear(fd, some, sizeof some) > 0);
    leave(fd);
    until_shared("streamed", 1);
}

static void a_client_that_leaves_ends_the_handler_that_reads(void **state) {
    int fd = dial(0);
    say(fd, "POST /lab.example/read HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nsome");
    until_shared("reading", 1);
    leave(fd);
    until_shared("read", 1);
}

static void children_of_a_handler_end_with_it(void **state) {
    GIVES("/lab.example/spawn", 200, "spawned");
    until_shared("spawned", WORKERS);
}

/* ---- too many ------------------------------------------------------------------------------- */

static void more_tasks_than_allowed_are_503_at_once(void **state) {
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = begin(0, "GET", "/lab.example/sleep", "", NULL);
    until_shared("sleeping", 3);
    struct reply *r = get(0, "/lab.example/hello");
    assert_int_equal(r->status, 503);
    assert_non_null(strstr(r->body, "cannot take another request now"));
    IS(get(1, "/lab.example/hello"), 200, "hello");
    for (int i = 0; i < 3; i++)
        leave(fds[i]);
    until_shared("slept", 3);
    GIVES("/lab.example/hello", 200, "hello");
}

#define W(f)    cmocka_unit_test_setup_teardown(f, with_webs, finish)
#define S(f, s) cmocka_unit_test_setup_teardown(f, s, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        W(an_endless_loop_is_stopped_while_others_are_answered),
        W(a_loop_that_cannot_give_way_is_stopped_at_the_hard_limit),
        W(a_loop_cannot_swallow_being_stopped),
        W(a_pattern_that_backtracks_forever_is_an_error_like_any_other),
        W(patterns_one_after_the_other_are_stopped_like_a_loop),
        W(whoever_takes_all_memory_gets_503_and_the_next_one_an_answer),
        W(endless_recursion_is_an_error_like_any_other),
        S(a_request_that_takes_too_long_is_504, with_a_short_deadline),
        S(a_stream_may_take_longer_than_a_request, with_a_short_deadline),
        W(a_client_that_leaves_ends_the_handler_that_sleeps),
        W(a_client_that_leaves_ends_the_handler_that_writes),
        W(a_client_that_leaves_ends_the_handler_that_reads),
        W(children_of_a_handler_end_with_it),
        S(more_tasks_than_allowed_are_503_at_once, with_three_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
