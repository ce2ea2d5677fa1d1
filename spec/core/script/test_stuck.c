/*
 * Loops that do not turn: told of, told that it is over, or the end of the process, with what can
 * be said about where they are. Here a thread can be made stuck: tests are C.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spec/core/script/script.h"

#define AFTER ((uint64_t)200000000)
#define NEVER ((uint64_t)3600 * 1000000000)

static int log_fd = -1;
static _Atomic bool left; /* the process would have ended */
static char last_words[200];

/* Where the watchdog ends the process, the thread gets unstuck. */
static void leave(const char *why) {
    alarm(0);
    snprintf(last_words, sizeof last_words, "%s", why);
    atomic_store(&left, true);
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void stay_until_it_leaves(void) {
    while (!atomic_load(&left))
        nap();
}

static void stay_until_it_is_told_of(void) {
    struct buf list;
    for (int n = 0; n == 0; nap()) {
        buf_init(&list);
        n = watchdog_stuck(&list);
        if (n) assert_non_null(strstr(list.p, "{\"worker\":-1,\"ms\":"));
        buf_free(&list);
    }
}

static void (*stay)(void) = stay_until_it_leaves; /* what `stall` does */

static int l_stall(lua_State *L) {
    stay();
    return 0;
}

static int add_stall(lua_State *L) {
    lua_register(L, "stall", l_stall);
    return 0;
}

static void open_watched(struct script *s, uint64_t after) {
    struct err e = {0};
    conf.lua_turn_soft = conf.lua_turn_hard = conf.lua_cpu = NEVER;
    conf.stuck_after = after;
    atomic_store(&left, false);
    stay = stay_until_it_leaves;
    *last_words = '\0';
    log_fd = memfd_create("log", MFD_CLOEXEC);
    log_direct(LOG_INFO, LOG_JSON, log_fd);
    script_open(s);
    assert_int_equal(vm_protect(s->vm, add_stall, NULL, NULL), 0);
    watchdog_on_stuck(leave);
    if (watchdog_start(&e) < 0) fail_msg("%s", e.text);
}

static void close_watched(struct script *s) {
    watchdog_stop();
    script_close(s);
    log_direct(LOG_INFO, LOG_JSON, STDERR_FILENO);
    close(log_fd);
}

static const char *logged(void) {
    static char text[65536];
    ssize_t n = pread(log_fd, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void assert_logged(const char *part) {
    if (!strstr(logged(), part)) fail_msg("no %s in:\n%s", part, logged());
}

static void deliver_stall(struct message *m) {
    (void)m;
    stay();
}

/* A callback of the loop, without any Lua. */
static void stall_the_loop(struct script *s) {
    struct message m = {.deliver = deliver_stall};
    worker_post(&s->w, &m);
    script_turn(s);
}

static void a_callback_that_does_not_return_is_the_end(void **state) {
    struct script s;
    open_watched(&s, AFTER);
    stall_the_loop(&s);
    watchdog_stop();
    assert_int_equal(strncmp(last_words, "the control thread did not turn for ", 36), 0);
    assert_logged("\"level\":\"warn\",\"msg\":\"a thread does not turn\"");
    assert_logged("\"level\":\"error\",\"msg\":\"a thread is stuck; leaving\"");
    assert_logged("\"backtrace\":\"");
    assert_null(strstr(logged(), "\"service\""));
    close_watched(&s);
}

static void a_binding_that_does_not_return_is_told_of_with_the_lua_stack(void **state) {
    struct script s;
    struct run r = {0};
    open_watched(&s, AFTER);
    worker_enter(&s.w);
    run_start(&s, &r,
              "local function deep() stall() return 1 end\n"
              "local co = coroutine.wrap(function()\n"
              "  local x = deep()\n"
              "  return x\n"
              "end)\n"
              "return co()");
    run_wait(&r);
    assert_int_equal(r.end, TASK_RETURNED);
    assert_logged("\"service\":\"spec\"");
    assert_logged("[C]: in function 'stall'\\n");
    assert_logged(":1: in function 'deep'\\n");
    assert_logged(":3: in function\\n(resumed by)\\n");
    assert_logged(":6: in ");
    run_free(&r);
    close_watched(&s);
}

/* What reading a stack in the middle of a change may run into. */
static struct script *broken;

static void stay_with_a_broken_stack(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct watchdog_mark *m = watchdog_of(&broken->w);
    char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    lua_State *real = atomic_load(&m->active), *bad = (lua_State *)(void *)(p + page);
    memcpy(lua_getextraspace(bad), lua_getextraspace(real), LUA_EXTRASPACE);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    atomic_store(&m->active, bad);
    stay_until_it_leaves();
    atomic_store(&m->active, real);
    munmap(p, 2 * page);
}

static void a_stack_that_cannot_be_read_is_not_the_end_of_the_report(void **state) {
    struct script s;
    struct run r = {0};
    struct sigaction before, after;
    open_watched(&s, AFTER);
    broken = &s;
    stay = stay_with_a_broken_stack;
    sigaction(SIGSEGV, NULL, &before);
    worker_enter(&s.w);
    run_start(&s, &r, "stall()");
    run_wait(&r);
    sigaction(SIGSEGV, NULL, &after);
    assert_ptr_equal(before.sa_sigaction, after.sa_sigaction);
    assert_logged("(cannot be read any further)");
    assert_logged("\"backtrace\":\"");
    run_free(&r);
    close_watched(&s);
}

static void stay_deaf(void) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    stay_until_it_leaves();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void a_thread_that_takes_no_signal_is_the_end_all_the_same(void **state) {
    struct script s;
    open_watched(&s, AFTER);
    stay = stay_deaf;
    stall_the_loop(&s);
    watchdog_stop();
    assert_logged("\"stack\":\"cannot be had: the thread takes no signal\"");
    assert_true(*last_words);
    close_watched(&s);
}

static void a_loop_that_turns_again_is_told_of(void **state) {
    struct script s;
    struct buf list;
    open_watched(&s, 30 * AFTER);
    stay = stay_until_it_is_told_of;
    stall_the_loop(&s);
    while (!strstr(logged(), "the thread turns again")) {
        script_turn(&s);
        nap();
    }
    assert_logged("a thread does not turn");
    assert_false(atomic_load(&left));
    buf_init(&list);
    assert_int_equal(watchdog_stuck(&list), 0);
    assert_int_equal(list.n, 0);
    buf_free(&list);
    close_watched(&s);
}

static void stay_for_a_while(void) {
    for (int i = 0; i < 300; i++)
        nap();
}

static void nothing_is_watched_for_when_nobody_wants_it(void **state) {
    struct script s;
    open_watched(&s, 0);
    stay = stay_for_a_while;
    stall_the_loop(&s);
    watchdog_stop();
    watchdog_on_stuck(NULL);
    conf.stuck_after = 1000000;
    assert_int_equal(watchdog_start(NULL), 0);
    stall_the_loop(&s);
    close_watched(&s);
    assert_false(atomic_load(&left));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_that_does_not_return_is_the_end),
        cmocka_unit_test(a_binding_that_does_not_return_is_told_of_with_the_lua_stack),
        cmocka_unit_test(a_stack_that_cannot_be_read_is_not_the_end_of_the_report),
        cmocka_unit_test(a_thread_that_takes_no_signal_is_the_end_all_the_same),
        cmocka_unit_test(a_loop_that_turns_again_is_told_of),
        cmocka_unit_test(nothing_is_watched_for_when_nobody_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
