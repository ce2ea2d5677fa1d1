/*
 * stuck: see stuck.h. Called by the watchdog, under its lock.
 *
 *     watchdog thread                        the stuck thread
 *     ASKED, SIGUSR2  ---------------------> handler: ANSWERING
 *                                            service, task; stacks, if it is the end
 *     reads `answer`  <--------------------- ANSWERED
 *
 * The stuck thread describes itself in its signal handler: what it works on cannot go away
 * meanwhile, and no other thread touches its states. Names of service and task are plain memory of
 * ours. A Lua stack is not: the signal may have come in the middle of a change to it. So it is read
 * only when the process leaves anyway, and a fault while reading ends the reading, nothing else.
 */
#include "core/script/stuck.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/script/task.h"
#include "core/script/watchdog.h"

#define WARN_SHARE   5 /* of `stuck_after` */
#define LOOK_SHARE   5 /* looks within that time, at least */
#define LOOK_MIN_NS  50000000
#define LOOK_MAX_NS  1000000000
#define ANSWER_MS    100 /* a thread that runs at all answers within microseconds */
#define LEAVE_S      10  /* reporting may need a lock that the stuck thread holds */
#define LEVELS       24  /* of a Lua stack */
#define FRAMES       32  /* of a C stack */
#define HANDLER_SELF 2   /* C frames that are the handler's own */

enum asking { NOTHING, ASKED, ANSWERING, ANSWERED };

static struct {
    void (*leave)(const char *why);
    uint64_t after, warn; /* ns; `after` 0 = never */
} stuck;

/* One question at a time. */
static struct {
    _Atomic int state;          /* enum asking */
    struct watchdog_mark *whom; /* written before ASKED */
    bool stacks;                /* the same */
    char service[64], what[128], request[64];
    char lua[3000];
    size_t lua_n;
    void *frames[FRAMES];
    int n_frames;
} answer;

/* ---- the stuck thread's side ----------------------------------------------------------------- */

static _Thread_local bool reading;
static sigjmp_buf fault;

static void put(const char *text) {
    size_t room = sizeof answer.lua - 1 - answer.lua_n, n = strnlen(text, room);
    memcpy(answer.lua + answer.lua_n, text, n);
    answer.lua_n += n;
    answer.lua[answer.lua_n] = '\0';
}

static void put_number(int number) {
    char digits[12];
    int at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0 && at > 0);
    put(digits + at);
}

/* As luaL_traceback writes it, which would allocate. */
static void put_stack(lua_State *L) {
    lua_Debug at;
    for (int level = 0; level < LEVELS && lua_getstack(L, level, &at); level++) {
        if (!lua_getinfo(L, "Sln", &at)) return;
        put(level == 0 ? "" : "\n");
        put(at.short_src);
        if (at.currentline > 0) {
            put(":");
            put_number(at.currentline);
        }
        if (at.name) {
            put(": in function '");
            put(at.name);
            put("'");
        } else {
            put(*at.what == 'm' ? ": in main chunk" : ": in function");
        }
    }
}

/* Another thread's fault is its own: it happens again, without a handler. */
static void on_fault(int number) {
    if (reading) siglongjmp(fault, 1);
    signal(number, SIG_DFL);
}

static void read_lua(lua_State *L, const struct task *t) {
    static const int faults[] = {SIGSEGV, SIGBUS};
    struct sigaction action = {.sa_handler = on_fault}, before[2];
    sigset_t both;
    sigemptyset(&action.sa_mask);
    sigemptyset(&both);
    for (int i = 0; i < 2; i++) {
        sigaddset(&both, faults[i]);
        sigaction(faults[i], &action, &before[i]);
    }
    pthread_sigmask(SIG_UNBLOCK, &both, NULL); /* a fault while it is blocked ends the process */
    if (sigsetjmp(fault, 1) == 0) {
        reading = true;
        put_stack(L);
        if (t && t->co != L) {
            put("\n(resumed by)\n");
            put_stack(t->co);
        }
    } else {
        put("\n(cannot be read any further)");
    }
    reading = false;
    for (int i = 0; i < 2; i++)
        sigaction(faults[i], &before[i], NULL);
}

static void copy(char *to, size_t cap, const char *from, size_t n) {
    if (n >= cap) n = cap - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

/* Inside Lua, the state and its task stay what they are until it has come back. */
static void describe(struct watchdog_mark *m) {
    bool inside = atomic_load_explicit(&m->turn, memory_order_relaxed) & 1;
    lua_State *L = atomic_load_explicit(&m->active, memory_order_relaxed);
    if (inside && L) {
        const struct vm *vm = vm_of(L);
        const struct task *t = vm->running;
        copy(answer.service, sizeof answer.service, vm->options.name, strlen(vm->options.name));
        if (t && t->what) copy(answer.what, sizeof answer.what, t->what, strlen(t->what));
        if (t && t->request_id.n)
            copy(answer.request, sizeof answer.request, t->request_id.p, t->request_id.n);
        if (answer.stacks) read_lua(L, t);
    }
    if (answer.stacks) answer.n_frames = backtrace(answer.frames, FRAMES);
}

bool stuck_answer(struct watchdog_mark *m) {
    int asked = ASKED;
    if (atomic_load_explicit(&answer.state, memory_order_acquire) != ASKED) return false;
    if (answer.whom != m || !atomic_compare_exchange_strong(&answer.state, &asked, ANSWERING))
        return false;
    int code = errno;
    describe(m);
    errno = code;
    atomic_store_explicit(&answer.state, ANSWERED, memory_order_release);
    return true;
}

/* ---- the watchdog's side --------------------------------------------------------------------- */

static void forget_answer(void) {
    *answer.service = *answer.what = *answer.request = *answer.lua = '\0';
    answer.lua_n = 0;
    answer.n_frames = 0;
}

/* False = it does not even take a signal; `answer` is empty then. */
static bool ask(struct watchdog_mark *m, bool stacks) {
    if (atomic_load(&answer.state) == ANSWERING) return false; /* somebody never came back */
    forget_answer();
    answer.whom = m;
    answer.stacks = stacks;
    atomic_store_explicit(&answer.state, ASKED, memory_order_release);
    watchdog_signal(m);
    for (int i = 0; i < ANSWER_MS; i++) {
        if (atomic_load_explicit(&answer.state, memory_order_acquire) == ANSWERED) return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    int asked = ASKED;
    bool taken_back = atomic_compare_exchange_strong(&answer.state, &asked, NOTHING);
    return !taken_back && asked == ANSWERED;
}

/* Frames as "moonbus(+0x1234)": what addr2line takes. */
static void write_frames(struct buf *out) {
    char **names = backtrace_symbols(answer.frames, answer.n_frames);
    for (int i = HANDLER_SELF; names && i < answer.n_frames; i++) {
        if (i > HANDLER_SELF) buf_char(out, '\n');
        buf_str(out, str_of(names[i]));
    }
    free(names);
}

static void name_of(const struct watchdog_mark *m, char out[32]) {
    if (m->worker->index < 0)
        snprintf(out, 32, "the control thread");
    else
        snprintf(out, 32, "worker %d", m->worker->index);
}

static void report(struct watchdog_mark *m, enum log_level level, const char *message) {
    char name[32];
    struct buf frames;
    buf_init(&frames);
    name_of(m, name);
    bool answered = ask(m, level == LOG_ERROR);
    if (answered) write_frames(&frames);
    log_at(level, message, LOGZ("thread", name), LOGF("seconds", (double)m->stuck.ns / 1e9),
           LOGZ("service", answered ? answer.service : ""),
           LOGZ("task", answered ? answer.what : ""),
           LOGZ("request_id", answered ? answer.request : ""),
           LOGZ("traceback", answered ? answer.lua : ""), LOGS("backtrace", buf_view(&frames)),
           LOGZ("stack", answered ? "" : "cannot be had: the thread takes no signal"));
    buf_free(&frames);
}

/* The alarm ends the process even if what follows does not. */
static void leave(struct watchdog_mark *m) {
    char name[32], why[128];
    signal(SIGALRM, SIG_DFL);
    alarm(LEAVE_S);
    report(m, LOG_ERROR, "a thread is stuck; leaving");
    name_of(m, name);
    snprintf(why, sizeof why, "%s did not turn for %.1f seconds", name, (double)m->stuck.ns / 1e9);
    stuck.leave(why);
}

void stuck_start(void (*leave_process)(const char *why)) {
    void *frame;
    stuck.leave = leave_process;
    stuck.after = leave_process ? conf.stuck_after : 0;
    stuck.warn = stuck.after / WARN_SHARE;
    if (stuck.after) backtrace(&frame, 1); /* loads its library now, not in a signal handler */
}

uint64_t stuck_look_ns(void) {
    uint64_t ns = stuck.after / LOOK_SHARE;
    if (!ns || ns > LOOK_MAX_NS) return LOOK_MAX_NS;
    return ns < LOOK_MIN_NS ? LOOK_MIN_NS : ns;
}

/* Nanoseconds that the thread spent on a run queue; 0 where the kernel does not tell. */
static uint64_t starved(const struct watchdog_mark *m) {
    char path[64], text[64];
    unsigned long long ran, waited;
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", (int)m->tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

/* What of `ns` counts as time without a turn. Files are read only for loops that are in doubt. */
static uint64_t fed(struct watchdog_mark *m, uint64_t ns) {
    struct stuck *s = &m->stuck;
    if (s->ns < stuck.warn / 2) return ns;
    uint64_t before = s->starved;
    s->starved = starved(m);
    bool first = !s->doubtful;
    s->doubtful = true;
    if (first) return ns;
    uint64_t hungry = s->starved - before;
    return hungry < ns ? ns - hungry : 0;
}

void stuck_look(struct watchdog_mark *m, uint64_t ns) {
    struct stuck *s = &m->stuck;
    uint64_t turn = atomic_load_explicit(&m->worker->turn_started, memory_order_relaxed);
    if (!stuck.after) return;
    if (turn == 0 || turn != s->turn) {
        if (s->warned) log_info("the thread turns again", LOGI("worker", m->worker->index));
        if (s->warned) atomic_store_explicit(&s->since_ms, 0, memory_order_relaxed);
        s->turn = turn;
        s->ns = 0;
        s->warned = s->doubtful = false;
        return;
    }
    s->ns += fed(m, ns);
    if (s->ns < stuck.warn) return;
    atomic_store_explicit(&s->since_ms, (uint32_t)(s->ns / 1000000), memory_order_relaxed);
    if (s->ns >= stuck.after) {
        leave(m);
    } else if (!s->warned) {
        s->warned = true;
        report(m, LOG_WARN, "a thread does not turn");
    }
}
