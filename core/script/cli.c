/*
 * cli: runs lua/cli/main.lua as one task of a trusted state on the main thread, with the same loop,
 * HTTP client and modules that services have, and gives its result to the shell. Called by main.
 * Must leave nothing open when it returns.
 */
#include "core/script/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/http/pool.h"
#include "core/loop/dns.h"
#include "core/script/home.h"
#include "core/script/lib.h"
#include "core/script/project.h"
#include "core/script/task.h"
#include "core/script/watchdog.h"
#include "core/secure/pass.h"
#include "core/secure/seal.h"
#include "core/secure/token.h"

/* Of the watchdog over specs, in ns of processor time: a turn's length after which a test gives
 * way, after which it is stopped where it cannot; what a file may take has no limit but the time of
 * its tests. */
#define SPEC_SOFT 200000000ull
#define SPEC_HARD 5000000000ull
#define SPEC_CPU  (1000 * 86400 * 1000000000ull)

/* The one command of this process. */
static struct {
    struct worker worker;
    struct vm *vm;
    int argc;
    char **argv;
    int code;
    uv_signal_t interrupt; /* Ctrl-C, while there are specs */
    bool specs; /* the command is `test`: it gets what a host has, in a home folder of its own */
} cli;

/* [protected] require "cli.main" and its arguments */
static int push(lua_State *co, void *arg) {
    (void)arg;
    lua_getglobal(co, "require");
    lua_pushliteral(co, "cli.main");
    lua_call(co, 1, 1);
    lua_getfield(co, -1, "run");
    lua_remove(co, -2);
    luaL_checkstack(co, cli.argc, "arguments");
    for (int i = 1; i < cli.argc; i++)
        lua_pushstring(co, cli.argv[i]);
    return cli.argc > 1 ? cli.argc - 1 : 0;
}

static void say_failure(struct task *t) {
    struct buf trace, message;
    buf_init(&trace);
    buf_init(&message);
    int status = task_error(t, &trace, &message);
    fprintf(stderr, "moonbus: %.*s\n", STR_FMT(buf_view(&message)));
    /* An error value is something to tell; anything else is a fault of ours. */
    if (status < 100) fprintf(stderr, "%.*s\n", STR_FMT(buf_view(&trace)));
    buf_free(&trace);
    buf_free(&message);
}

static void ended(struct task *t, enum task_end end, int nresults) {
    if (end == TASK_RETURNED) {
        cli.code = nresults > 0 ? (int)lua_tointeger(t->co, -nresults) : 0;
    } else {
        cli.code = 1;
        if (end == TASK_FAILED)
            say_failure(t);
        else
            fprintf(stderr, "moonbus: stopped\n");
    }
    worker_stop(&cli.worker);
}

/* A test that computes for ever gives way, so that its time runs out as if it waited, and Ctrl-C is
 * heard. Where it cannot give way, inside a C call such as table.sort, it is stopped. */
static int watch_specs(struct err *e) {
    conf.lua_turn_soft = SPEC_SOFT;
    conf.lua_turn_hard = SPEC_HARD;
    conf.lua_cpu = SPEC_CPU;
    conf.slow_turn = 0;
    return watchdog_start(e);
}

/* What specs of platform services meet: cheap password hashes, the well-known signing key, a home
 * folder that goes away. */
static int start_specs(struct err *e) {
    conf.test = true;
    int rc = home_open(e);
    if (rc == 0) rc = pass_start(1, (int)conf.pass_queue, true, e);
    if (rc == 0) rc = token_start(e);
    if (rc == 0) rc = token_use(token_test_key(), e);
    if (rc == 0) rc = watch_specs(e);
    return rc;
}

/* The temporary folder must not stay behind. It ends as it would have without us, so that a shell
 * sees why; the second time at once. */
static void interrupted(uv_signal_t *handle, int number) {
    (void)handle;
    fflush(stdout);
    home_close();
    signal(number, SIG_DFL);
    raise(number);
}

static void stop_specs(void) {
    watchdog_stop();
    token_stop();
    pass_stop();
    home_close();
}

static int start(struct err *e) {
    if (conf_load(0, NULL, NULL, NULL, e) < 0) return -EINVAL;
    signal(SIGPIPE, SIG_IGN);
    int rc = seal_start(e);
    if (rc == 0 && cli.specs) rc = start_specs(e);
    if (rc == 0) rc = worker_init(&cli.worker, -1, e);
    if (rc == 0 && (rc = dns_start()) < 0) err_set(e, rc, "cannot start the name resolver");
    if (rc == 0 && ((rc = task_open(&cli.worker)) < 0 || (rc = pool_open(&cli.worker)) < 0))
        err_set(e, rc, "out of memory");
    if (rc < 0) return rc;
    if (cli.specs) {
        uv_signal_init(&cli.worker.loop, &cli.interrupt);
        uv_signal_start_oneshot(&cli.interrupt, interrupted, SIGINT);
    }
    struct vm_options o = {.name = "cli",
                           .memory = (size_t)1 << 30,
                           .max_tasks = 1000,
                           .trusted = true,
                           .platform = true};
    cli.vm = vm_new(&cli.worker, &o, e);
    return cli.vm ? 0 : e->code;
}

/* A descriptor that was closed by the caller would be given to the next socket, and what is printed
 * to a stranger. What takes its place fails as a closed one does. */
static void fill_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* What could not be written was not said: that is a failure, too. The command itself has told about
 * what it noticed; a reader who left has seen enough and is told nothing. */
static int flush_output(int code) {
    if (fflush(stdout) == 0 || code != 0) return code;
    if (errno != EPIPE) fprintf(stderr, "moonbus: cannot write the output: %s\n", strerror(errno));
    return 1;
}

/* The word behind the flags that may stand in front of it; two of these take the next word. */
static const char *command_of(char **word) {
    for (word++; *word && **word == '-'; word++) {
        bool takes = !strcmp(*word, "-e") || !strcmp(*word, "--server") || !strcmp(*word, "--home");
        if (takes && word[1]) word++;
    }
    return *word ? *word : "";
}

static bool about_files(const char *command) {
    static const char *const list[] = {"check", "gen", "new", "policy", "test"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(command, list[i]) == 0) return true;
    return false;
}

int cli_main(int argc, char **argv) {
    struct err e = {0};
    fill_descriptors();
    cli.argc = argc;
    cli.argv = argv;
    const char *command = argc > 0 ? command_of(argv) : "";
    cli.specs = strcmp(command, "test") == 0;
    if (about_files(command)) project_enter();
    log_start(LOG_WARN, LOG_TEXT, STDERR_FILENO);
    if (start(&e) < 0) {
        fprintf(stderr, "moonbus: %s\n", e.text);
        if (cli.specs) home_close();
        log_stop();
        return 2;
    }
    struct task *t = task_new(cli.vm, push, NULL, &e);
    if (t) {
        t->ended = ended;
        task_start(t);
        worker_run(&cli.worker);
    } else {
        fprintf(stderr, "moonbus: %s\n", e.text);
        cli.code = 1;
    }
    task_cancel_all(cli.vm, false);
    vm_free(cli.vm);
    pool_close(&cli.worker);
    task_close(&cli.worker);
    token_worker_close(&cli.worker);
    dns_stop();
    if (cli.specs) stop_specs();
    if (cli.specs) uv_close((uv_handle_t *)&cli.interrupt, NULL);
    worker_free(&cli.worker); /* last: threads may still have sent it something */
    conf_free();
    log_stop();
    return flush_output(cli.code);
}
