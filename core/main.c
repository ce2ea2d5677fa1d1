/*
 * main: the order in which the parts of a host start, and the reverse in which they stop, nothing
 * else. `moonbus run` is the host; every other word is a command of the CLI, which is Lua.
 *
 *     prepare()     home folder, addresses, sockets: what outlives a host
 *     supervise()   forks; begins again when the host breaks
 *     run_host()    threads, database, services: what dies with it
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/door.h"
#include "core/http/pool.h"
#include "core/http/proxy.h"
#include "core/http/trust.h"
#include "core/loop/dns.h"
#include "core/loop/io.h"
#include "core/loop/supervise.h"
#include "core/loop/watch.h"
#include "core/script/admin.h"
#include "core/script/asker.h"
#include "core/script/cli.h"
#include "core/script/dev.h"
#include "core/script/home.h"
#include "core/script/host.h"
#include "core/script/refresh.h"
#include "core/script/repl.h"
#include "core/script/routes.h"
#include "core/script/service.h"
#include "core/script/values.h"
#include "core/script/watchdog.h"
#include "core/secure/pass.h"
#include "core/secure/seal.h"
#include "core/secure/token.h"

#define CUT_MS 5000 /* from cutting what is open to the end of the process */
/* A service manager may signal every process of a group, and the supervisor passes its own on: what
 * comes again within this time is the same request. */
#define SAME_SIGNAL_NS 200000000

/* The running host, as the control thread sees it. */
static struct {
    struct worker control;
    struct server **doors; /* front door of each worker; that worker's */
    struct server *admin;
    struct watch *watches[2]; /* services, policies */
    uv_signal_t signals[3];
    int n_signals;
    struct timer drain_timer;
    struct timer cut_timer; /* runs from the cut to the end */
    int port;               /* of the front door */
    int reserved[2];        /* keep front door and admin address until all listen; -1 = none */
    int *sockets;           /* of the front door, one per worker */
    int admin_socket;
    uint64_t stop_asked; /* uv_hrtime() of the first signal to stop */
    char url[256], admin_url[64];
    bool fresh;       /* this start made the database */
    bool opening;     /* the workers have been asked to listen */
    bool stop_wanted; /* a signal came meanwhile */
    bool stopping, cut;
    int waiting;        /* workers that have not answered the current question */
    void (*next)(void); /* once all have */
    struct err err;     /* what made it fail */
    uint64_t began;
} run = {.reserved = {-1, -1}, .admin_socket = -1};

/* ---- asking every worker ---- */

/* A question to one worker. answered() brings it back. */
struct question {
    struct message msg;
    struct worker *worker;
    void (*ask)(struct question *q); /* on the worker; must lead to answer() */
    struct err err;
};

static void deliver_answer(struct message *m) {
    struct question *q = LIST_ENTRY(m, struct question, msg);
    if (q->err.code && !run.err.code) run.err = q->err;
    mem_free(q);
    if (--run.waiting == 0 && run.next) run.next();
}

static void answer(struct question *q) {
    q->msg.deliver = deliver_answer;
    worker_post(&run.control, &q->msg);
}

static void deliver_question(struct message *m) {
    struct question *q = LIST_ENTRY(m, struct question, msg);
    q->ask(q);
}

static void ask_all(void (*ask)(struct question *q), void (*next)(void)) {
    run.next = next;
    run.waiting = worker_count;
    for (int i = 0; i < worker_count; i++) {
        struct question *q = mem_zalloc(sizeof *q);
        if (!q) {
            log_error("out of memory");
            exit(1);
        }
        q->worker = workers[i];
        q->ask = ask;
        q->msg.deliver = deliver_question;
        worker_post(workers[i], &q->msg);
    }
}

/* ---- stopping ---- */

static void admin_drained(struct server *s, void *arg) {
    (void)arg;
    server_close(s);
    run.admin = NULL;
    worker_stop(&run.control);
}

static void workers_stopped(void) {
    if (!run.admin) {
        worker_stop(&run.control);
        return;
    }
    server_drain(run.admin, admin_drained, NULL);
    if (run.admin) server_abort(run.admin);
}

static void ask_close(struct question *q) {
    struct worker *w = q->worker;
    if (run.doors[w->index]) server_close(run.doors[w->index]);
    run.doors[w->index] = NULL;
    proxy_close(w);
    pool_close(w);
    task_close(w);
    token_worker_close(w);
    answer(q);
}

static void services_closed(void *arg) {
    (void)arg;
    timer_remove(&run.control, &run.drain_timer);
    timer_remove(&run.control, &run.cut_timer);
    ask_all(ask_close, workers_stopped);
}

static void prompts_closed(void) {
    service_close_all(services_closed, NULL);
}

static void all_drained(void) {
    repl_close(prompts_closed);
}

static void door_drained(struct server *s, void *arg) {
    (void)s;
    answer(arg);
}

static void ask_drain(struct question *q) {
    struct server *s = run.doors[q->worker->index];
    if (s)
        server_drain(s, door_drained, q);
    else
        answer(q);
}

static void deliver_cut(struct message *m) {
    struct server *s = run.doors[worker_self()->index];
    if (s) server_abort(s);
    mem_free(m);
}

/* A worker that does not even turn cannot be stopped in order. The database loses nothing by that.
 */
static void give_up(struct timer *t) {
    (void)t;
    log_error("a worker does not end; leaving without it");
    log_stop();
    home_close();
    _exit(1);
}

/* What is still open has had its time. */
static void cut(void) {
    if (run.cut) return;
    run.cut = true;
    timer_init(&run.cut_timer, give_up);
    if (timer_arm(&run.control, &run.cut_timer, CUT_MS) < 0) log_error("out of memory");
    for (int i = 0; i < worker_count; i++) {
        struct message *m = mem_zalloc(sizeof *m);
        if (!m) continue;
        m->deliver = deliver_cut;
        worker_post(workers[i], m);
    }
}

static void drain_late(struct timer *t) {
    (void)t;
    log_warn("requests in flight are cut: drain_timeout is over");
    cut();
}

static void stop(void) {
    run.stopping = true;
    host.ready = false;
    log_info("stopping", LOGZ("url", run.url));
    service_stop_all();
    timer_init(&run.drain_timer, drain_late);
    if (timer_arm(&run.control, &run.drain_timer, conf.drain_timeout / 1000000) < 0) cut();
    ask_all(ask_drain, all_drained);
}

static void reloaded(void *arg, int result, struct str report) {
    (void)arg, (void)result, (void)report; /* the log has told */
}

static void on_signal(uv_signal_t *handle, int number) {
    (void)handle;
    uint64_t now = uv_hrtime();
    if (number == SIGHUP) {
        service_reload(&(struct reload_request){.who = "signal"}, reloaded, NULL);
        return;
    }
    if (run.stop_asked && now - run.stop_asked < SAME_SIGNAL_NS) return;
    if (!run.stop_asked) run.stop_asked = now;
    if (run.stopping)
        cut();
    else if (run.opening)
        run.stop_wanted = true; /* one question at a time: serving() comes at once */
    else
        stop();
}

static void reload_changed(void) {
    service_reload(&(struct reload_request){.who = "watch"}, reloaded, NULL);
}

/* Nothing is closed in order: the thread that does not turn may hold what that would wait for. What
 * was acknowledged is in the database. */
static void leave_stuck(const char *why) {
    supervise_last_words(why);
    log_stop();
    home_close();
    _exit(SUPERVISE_STUCK);
}

static void on_change(struct watch *w, void *arg) {
    (void)w, (void)arg;
    if (conf.dev)
        dev_changed();
    else
        reload_changed();
}

/* ---- what outlives a host ---- */

static int cores(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

/* An address with the port that was reserved for it. */
static const char *with_port(const char *address, int port, char out[300]) {
    const char *colon = strrchr(address, ':');
    int n = colon ? (int)(colon - address) : 0;
    snprintf(out, 300, "%.*s%s%d", n, address, n ? ":" : "", port);
    return out;
}

/* Before anybody needs the own URL. */
static int take_front_door(struct err *e) {
    char address[300];
    run.reserved[0] = listener_reserve(conf.listen, &run.port, e);
    if (run.reserved[0] < 0) return err_wrap(e, "--listen");
    host.port = run.port;
    if (conf_listening((unsigned)run.port) < 0) return err_set(e, -ENOMEM, "out of memory");
    snprintf(run.url, sizeof run.url, "%s", conf.self_url);
    worker_count = conf.workers ? (int)conf.workers : cores();
    run.sockets = mem_zalloc((size_t)worker_count * sizeof *run.sockets);
    if (!run.sockets) return err_set(e, -ENOMEM, "out of memory");
    with_port(conf.listen, run.port, address);
    for (int i = 0; i < worker_count; i++)
        if ((run.sockets[i] = listener_bind(address, e)) < 0) return err_wrap(e, "--listen");
    return 0;
}

/* When none is set: the port after the front door's, or any. */
static int reserve_admin(int *port, struct err *e) {
    char address[64];
    int reserved = -1;
    if (*conf.admin) return listener_reserve(conf.admin, port, e);
    snprintf(address, sizeof address, "127.0.0.1:%d", run.port + 1);
    if (run.port < 65535) reserved = listener_reserve(address, port, NULL);
    return reserved < 0 ? listener_reserve("127.0.0.1:0", port, e) : reserved;
}

static int take_admin(struct err *e) {
    char address[300];
    int port;
    run.reserved[1] = reserve_admin(&port, e);
    if (run.reserved[1] < 0) return err_wrap(e, "--admin");
    with_port(*conf.admin ? conf.admin : "127.0.0.1:0", port, address);
    if ((run.admin_socket = listener_bind(address, e)) < 0) return err_wrap(e, "--admin");
    host.admin_port = port;
    snprintf(run.admin_url, sizeof run.admin_url, "http://127.0.0.1:%d", port);
    return 0;
}

/* Before the first thread. No memory is touched here that a host alone needs. */
static int prepare(struct err *e) {
    unsigned char secret[16];
    int rc = trust_set(conf.trusted_proxies, e);
    if (rc < 0) return err_wrap(e, "--trusted-proxies");
    if ((rc = door_open(e)) < 0 || (rc = seal_start(e)) < 0 || (rc = home_open(e)) < 0) return rc;
    seal_random(secret, sizeof secret);
    seal_hex(secret, sizeof secret, host.secret);
    if ((rc = take_front_door(e)) < 0 || (rc = take_admin(e)) < 0) return rc;
    return 0;
}

/* ---- starting ---- */

/* What a command must be told to find this host: nothing when its home folder is the usual one. */
static void print_home_flag(void) {
    char usual[1024], here[PATH_MAX], there[PATH_MAX];
    const char *user = getenv("HOME");
    snprintf(usual, sizeof usual, "%s/.moonbus", user ? user : "");
    if (!realpath(conf.home, here) || (realpath(usual, there) && strcmp(here, there) == 0)) return;
    const char *quote = strpbrk(here, " \t\"$&'()*;<>?[\\]`|") ? "'" : "";
    printf(" --home %s%s%s", quote, here, quote);
}

static void banner(void) {
    if (!run.fresh || conf.test) return;
    printf("\n  Moonbus %s is listening on %s\n\n", MOONBUS_VERSION, run.url);
    printf("  admin account   1backend\n");
    if (*conf.admin_password)
        printf("  password        the one you set (admin_password)\n");
    else
        printf("  password        in %s/admin-password\n", conf.home);
    printf("  next            moonbus login 1backend");
    print_home_flag();
    printf("\n\n");
    fflush(stdout);
}

static void watch_folder(int i, const char *folder) {
    struct err e = {0};
    run.watches[i] = watch_start(&run.control, folder, 0, on_change, NULL, &e);
    if (!run.watches[i])
        log_warn("changed files will not be reloaded by themselves", LOGZ("folder", folder),
                 LOGZ("error", e.text));
}

static void serving(void) {
    for (int i = 0; i < 2; i++) {
        listener_release(run.reserved[i]);
        run.reserved[i] = -1;
    }
    run.opening = false;
    if (run.err.code || run.stop_wanted) {
        stop();
        return;
    }
    struct err e = {0};
    if (home_announce(run.url, run.admin_url, &e) < 0)
        log_warn("the CLI will not find this host", LOGZ("error", e.text));
    if (conf.watch) {
        watch_folder(0, conf.services);
        watch_folder(1, conf.policies);
    }
    host.ready = true;
    supervise_served();
    banner(); /* before the line that other programs wait for */
    log_info("Server started", LOGZ("address", run.url), LOGZ("admin", run.admin_url),
             LOGI("workers", worker_count), LOGI("pid", getpid()), LOGZ("version", MOONBUS_VERSION),
             LOGF("ms", (double)(uv_hrtime() - run.began) / 1e6));
}

static void ask_open(struct question *q) {
    int i = q->worker->index;
    run.doors[i] = server_open_on(q->worker, run.sockets[i], NULL, &q->err);
    answer(q);
}

static void services_started(void *arg, int result, const char *why) {
    (void)arg;
    if (run.stopping) return; /* before it served: what was starting is being cancelled */
    if (result < 0) {
        err_set(&run.err, result, "%s", why);
        stop();
        return;
    }
    run.admin = server_open_on(&run.control, run.admin_socket, &admin_handler, &run.err);
    if (!run.admin) {
        stop();
    } else {
        run.opening = true;
        ask_all(ask_open, serving);
    }
}

static int on_worker(struct worker *w, struct err *e) {
    int rc = task_open(w);
    if (rc == 0) rc = pool_open(w);
    return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}

static int open_store(struct err *e) {
    char path[1100];
    if (home_path(path, sizeof path, "moonbus.db") < 0)
        return err_set(e, -ENAMETOOLONG, "the path of the home folder is too long");
    run.fresh = access(path, F_OK) != 0;
    struct store_options o = {
        .path = path,
        .prefix = conf.db_prefix,
        .readers = (int)conf.store_readers,
        .queue = (int)conf.store_queue,
        .max_result = conf.store_result,
        .relaxed = conf.test,
    };
    host.store = store_open(&o, e);
    return host.store ? 0 : e->code;
}

static int open_workers(struct err *e) {
    workers = mem_zalloc((size_t)worker_count * sizeof *workers);
    run.doors = mem_zalloc((size_t)worker_count * sizeof(struct server *));
    if (!workers || !run.doors) return err_set(e, -ENOMEM, "out of memory");
    for (int i = 0; i < worker_count; i++) {
        workers[i] = mem_zalloc(sizeof *workers[i]);
        if (!workers[i]) return err_set(e, -ENOMEM, "out of memory");
        int rc = worker_init(workers[i], i, e);
        if (rc < 0) return rc;
    }
    for (int i = 0; i < worker_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "worker-%d", i);
        int rc = worker_start(workers[i], name, on_worker, e);
        if (rc < 0) return rc;
    }
    return 0;
}

/* As many descriptors as the system allows: each connection is one, a proxied one two. */
static void raise_descriptors(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY) return;
    /* A part is for instances, files and the admin address: idle clients must not take it. */
    int64_t most = (int64_t)(r.rlim_cur - r.rlim_cur / 4) - 64;
    if (most < 16) most = 16;
    if (conf.max_connections <= most) return;
    log_info("max_connections is lowered: the system allows too few descriptors",
             LOGI("max_connections", most), LOGI("descriptors", r.rlim_cur));
    conf.max_connections = most;
}

static int start_threads(struct err *e) {
    int threads = conf.pass_threads ? (int)conf.pass_threads : (cores() + 1) / 2;
    int rc = pass_start(threads, (int)conf.pass_queue, conf.test, e);
    if (rc == 0) rc = token_start(e);
    if (rc == 0 && (rc = dns_start()) < 0) err_set(e, rc, "cannot start the name resolver");
    watchdog_on_stuck(leave_stuck);
    if (rc == 0) rc = watchdog_start(e);
    return rc;
}

static void signal_on(int number) {
    uv_signal_t *s = &run.signals[run.n_signals++];
    uv_signal_init(&run.control.loop, s);
    uv_signal_start(s, on_signal, number);
}

static int start(struct err *e) {
    host.started = (int64_t)time(NULL);
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    int rc = open_store(e);
    if (rc < 0) return rc;
    host.shared = shared_new(conf.shared_size);
    if (!host.shared) return err_set(e, -ENOMEM, "out of memory");
    if ((rc = start_threads(e)) < 0) return rc;
    if ((rc = worker_init(&run.control, -1, e)) < 0) return rc;
    worker_adopt(&run.control);
    if ((rc = task_open(&run.control)) < 0) return err_set(e, rc, "out of memory");
    if ((rc = open_workers(e)) < 0) return rc;
    refresh_open();
    asker_open();
    routes_open(&run.control);
    if (conf.dev && conf.watch && (rc = dev_open(&run.control, reload_changed, e)) < 0) return rc;
    return service_open_all(&run.control, conf.services, e);
}

static enum log_level log_level(void) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(conf.log_level, names[i]) == 0) return (enum log_level)i;
    return LOG_INFO;
}

static enum log_format log_format(void) {
    if (strcmp(conf.log_format, "json") == 0) return LOG_JSON;
    if (conf.dev) return LOG_DEV; /* a person reads along, wherever it goes */
    return strcmp(conf.log_format, "text") == 0 ? LOG_TEXT : LOG_AUTO;
}

/* After the control loop ended: everything is closed but threads and files. */
static void finish(void) {
    /* Pools first: what they still send home is delivered by the workers' last turns. */
    watchdog_stop();
    dns_stop();
    token_stop();
    pass_stop();
    for (int i = 0; i < worker_count && workers && workers[i]; i++) {
        worker_stop(workers[i]);
        worker_free(workers[i]);
        mem_free(workers[i]);
    }
    service_free_all();
    routes_close();
    shared_free(host.shared);
    values_forget_all();
    if (host.store) store_close(host.store);
    door_close();
    mem_free(workers);
    mem_free(run.doors);
    mem_free(run.sockets);
}

static void close_control(void) {
    for (int i = 0; i < run.n_signals; i++)
        uv_close((uv_handle_t *)&run.signals[i], NULL);
    for (int i = 0; i < 2; i++)
        if (run.watches[i]) watch_stop(run.watches[i]);
    dev_close();
    task_close(&run.control);
    worker_free(&run.control);
    dev_free();
}

static int run_host(struct err *e) {
    run.began = uv_hrtime();
    stat_add(STAT_HOST_RESTARTS, supervise_restarts());
    if (log_start(log_level(), log_format(), STDERR_FILENO) < 0)
        return err_set(e, -ENOMEM, "cannot start the log");
    if (conf.dev)
        log_warn(conf.watch ? "development, not for production: services are generated and "
                              "reloaded when you save, callers see errors in full"
                            : "development, not for production: callers see errors in full");
    int rc = start(e);
    if (rc < 0) {
        log_stop(); /* nothing serves yet: what the kernel gives back on exit needs no care */
        return rc;
    }
    signal_on(SIGTERM);
    signal_on(SIGINT);
    signal_on(SIGHUP);
    service_start_all(services_started, NULL);
    worker_run(&run.control);
    finish();
    close_control(); /* last: pools and the store may still have sent it something */
    if (run.err.code)
        *e = run.err;
    else
        log_info("stopped");
    log_stop();
    return run.err.code;
}

static int bad_usage(const struct err *e) {
    fprintf(stderr, "moonbus: %s\n", e->text);
    return 2;
}

static bool asks_for_help(char **words) {
    for (; *words && strcmp(*words, "--") != 0; words++)
        if (strcmp(*words, "--help") == 0 || strcmp(*words, "-h") == 0) return true;
    return false;
}

/* The whole life of a host: its exit code. */
static int live(void) {
    struct err e = {0};
    int rc = run_host(&e);
    if (rc < 0) fprintf(stderr, "moonbus: %s\n", e.text);
    return rc < 0 ? 1 : 0;
}

static int fail(const struct err *e) {
    fprintf(stderr, "moonbus: %s\n", e->text);
    home_close();
    return 1;
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "help";
    const char *rest[2];
    int n_rest = 2;
    struct err e = {0};
    if (strcmp(command, "run") != 0 || asks_for_help(argv + 1)) return cli_main(argc, argv);
    if (conf_load(argc - 2, argv + 2, rest, &n_rest, &e) < 0) return bad_usage(&e);
    if (n_rest > 0) {
        err_set(&e, -EINVAL, "run takes no argument \"%s\"; see moonbus help run", rest[0]);
        return bad_usage(&e);
    }
    if (prepare(&e) < 0) return fail(&e);
    if (!conf.supervise) {
        int code = live();
        home_close();
        return code;
    }
    log_direct(log_level(), log_format(), STDERR_FILENO);
    int status = supervise(live, &e);
    if (status < 0) return fail(&e);
    home_close();
    supervise_leave(status);
}
