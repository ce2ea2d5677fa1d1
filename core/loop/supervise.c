/*
 * supervise: see supervise.h. Called by main only.
 *
 * All signals that matter are blocked and taken with sigwaitinfo: there are no handlers, no races
 * between looking and waiting, and it works the same as process 1 of a container, where it also
 * collects the orphans. Host and supervisor tell each other things by one shared page.
 *
 * Every host begins as a copy of the supervisor before its first host: what is written here between
 * two hosts must not matter to them.
 */
#include "core/loop/supervise.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"

#define DELAY_MAX_MS 30000
#define HEALTHY_MS   60000 /* a host that served for so long is not one that fails at once */
#define LOG_WAIT_MS  1000  /* a reader of the log that does not read holds nothing up */

static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

/* The shared page; NULL without a supervisor. */
static struct {
    _Atomic bool served;
    char last_words[256];
} * page;

static struct {
    pid_t self;
    sigset_t signals;  /* what this process waits for */
    sigset_t before;   /* what was blocked when it began */
    sigset_t passed;   /* what the host was given */
    bool stopping;     /* one of them asks it to end */
    bool served;       /* some host did */
    int failures;      /* in a row */
    int restarts;      /* ever */
    uint64_t began_ms; /* the present host */
} super;

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the host's side ------------------------------------------------------------------------- */

int supervise_restarts(void) {
    return super.restarts;
}

void supervise_served(void) {
    if (page) atomic_store(&page->served, true);
}

void supervise_last_words(const char *why) {
    if (page) snprintf(page->last_words, sizeof page->last_words, "%s", why);
}

/* The parent may have died before prctl: then nobody will send the signal. */
static _Noreturn void become_host(int (*host)(void)) {
    setpgid(0, 0);
    signal(SIGHUP, SIG_IGN);  /* until it knows how to reload: it loads everything anyway */
    signal(SIGTTOU, SIG_IGN); /* the log may go to a terminal that `stty tostop` guards */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != super.self) _exit(1);
    sigprocmask(SIG_SETMASK, &super.before, NULL);
    exit(host());
}

/* ---- signals --------------------------------------------------------------------------------- */

static void block_signals(void) {
    sigemptyset(&super.signals);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        sigaddset(&super.signals, passed_on[i]);
    sigaddset(&super.signals, SIGCHLD);
    sigaddset(&super.signals, SIGTSTP);
    sigaddset(&super.signals, SIGCONT);
    sigprocmask(SIG_BLOCK, &super.signals, &super.before);
    signal(SIGCHLD, SIG_DFL); /* whoever ignores it never hears of a child */
    signal(SIGPIPE, SIG_IGN);
}

static bool asks_to_stop(int number) {
    return number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

/* `host` is 0 while there is none. */
static void handle(int number, pid_t host) {
    if (asks_to_stop(number)) super.stopping = true;
    if (number == SIGTSTP) {
        if (host) kill(host, SIGSTOP);
        raise(SIGSTOP);
        return;
    }
    sigaddset(&super.passed, number);
    if (host) kill(host, number);
}

/* Collects whatever has ended. True = the host, whose *status is known then. */
static bool collect(pid_t host, int *status) {
    bool ended = false;
    int one;
    for (pid_t pid; (pid = waitpid(-1, &one, WNOHANG)) > 0;) {
        if (pid != host) continue;
        *status = one;
        ended = true;
    }
    return ended;
}

static int watch(pid_t host) {
    int status = 0;
    for (;;) {
        int number = sigwaitinfo(&super.signals, NULL);
        if (number == SIGCHLD) {
            if (collect(host, &status)) return status;
        } else if (number > 0) {
            handle(number, host);
        }
    }
}

/* Between two hosts. */
static void rest(uint64_t ms) {
    uint64_t until = now_ms() + ms;
    for (uint64_t now; !super.stopping && (now = now_ms()) < until;) {
        uint64_t left = until - now;
        struct timespec t = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};
        int status, number = sigtimedwait(&super.signals, NULL, &t);
        if (number == SIGCHLD)
            collect(0, &status);
        else if (number > 0)
            handle(number, 0);
    }
}

/* ---- what becomes of a host ------------------------------------------------------------------ */

static bool is_final(int status) {
    if (super.stopping || !super.served) return true;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
    return sigismember(&super.passed, WTERMSIG(status)) == 1;
}

static const char *describe(int status, char out[400]) {
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(out, 400, "killed by SIG%s%s", name ? name : "?",
                 WCOREDUMP(status) ? " (core dumped)" : "");
    } else {
        snprintf(out, 400, "exit code %d", WEXITSTATUS(status));
    }
    if (!page->last_words[0]) return out;
    size_t n = strlen(out);
    snprintf(out + n, 400 - n, ": %s", page->last_words);
    return out;
}

static bool log_is_read(void) {
    struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&pfd, 1, LOG_WAIT_MS) > 0;
}

/* Milliseconds until the next one may start. */
static uint64_t next_delay(void) {
    if (now_ms() - super.began_ms >= HEALTHY_MS) super.failures = 0;
    int n = super.failures++;
    if (n == 0) return 0;
    return n > 5 ? DELAY_MAX_MS : (uint64_t)1000 << (n - 1);
}

static void report(pid_t host, int status, uint64_t delay) {
    char why[400];
    if (!log_is_read()) return;
    log_error("the host broke and is started again", LOGZ("why", describe(status, why)),
              LOGI("pid", host), LOGI("restarts", super.restarts), LOGI("wait_ms", delay));
}

static void report_no_fork(int code, uint64_t delay) {
    if (!log_is_read()) return;
    log_error("the host cannot be started again yet", LOGZ("error", strerror(code)),
              LOGI("wait_ms", delay));
}

/* Its pid or a negative errno. */
static pid_t start(int (*host)(void)) {
    atomic_store(&page->served, false);
    page->last_words[0] = '\0';
    super.began_ms = now_ms();
    sigemptyset(&super.passed);
    pid_t pid = fork();
    if (pid == 0) become_host(host);
    return pid < 0 ? -errno : pid;
}

int supervise(int (*host)(void), struct err *e) {
    super.self = getpid();
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        page = NULL;
        return err_set(e, -errno, "cannot share memory with the host: %s", strerror(errno));
    }
    block_signals();
    for (;;) {
        pid_t pid = start(host);
        if (pid < 0 && !super.served)
            return err_set(e, pid, "cannot start the host: %s", strerror(-pid));
        int status = pid < 0 ? 0 : watch(pid);
        if (pid > 0) {
            super.served = super.served || atomic_load(&page->served);
            if (is_final(status)) return status;
            super.restarts++;
        }
        uint64_t delay = next_delay();
        if (pid < 0)
            report_no_fork(-pid, delay);
        else
            report(pid, status, delay);
        rest(delay);
        if (super.stopping) return 0; /* nothing was running, nothing is left to do */
    }
}

/* Process 1 is not killed by its own signals. The host has dumped core already if it should. */
void supervise_leave(int status) {
    if (!WIFSIGNALED(status)) exit(WEXITSTATUS(status));
    int number = WTERMSIG(status);
    sigset_t one;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    raise(number);
    exit(128 + number);
}
