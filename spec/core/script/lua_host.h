/*
 * lua_host: a host for the tests of services: two workers with a front door each, an in-memory
 * store, services in a temporary folder, and the control worker on the calling thread. Clients are
 * blocking sockets of that thread. Every test has its own host and ends with lua_host_close, which
 * checks that nothing is left behind.
 */
#ifndef SPEC_LUA_HOST_H
#define SPEC_LUA_HOST_H

#include "spec/core/script/folder.h"
#include "spec/core/script/heartbeat.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/pool.h"
#include "core/loop/dns.h"
#include "core/script/host.h"
#include "core/script/routes.h"
#include "core/script/service.h"
#include "core/script/watchdog.h"
#include "core/secure/seal.h"

#define WORKERS 2

static struct worker control;
static struct server *doors[WORKERS];
static int ports[WORKERS];
static char report[8192]; /* of the last reload */
static int null_device = -1;
static void (*tune)(void); /* settings of a test, before the workers start; NULL = none */

/* ThreadSanitizer delivers a signal at the next call of the C library, so under it loops have to
 * allocate. And it does not see that libuv closes descriptors, so that it takes the next file with
 * the number of a connection for that connection. */
#if defined(__SANITIZE_THREAD__)
#define LATE_SIGNALS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LATE_SIGNALS 1
#endif
#endif
#ifdef LATE_SIGNALS
#define FOREVER "while true do local t = {} end "
#else
#define FOREVER "while true do end "
#endif

const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race:^__interceptor_close\n"
           "race:^__interceptor_fstat\n"
           "race:^__interceptor_open\n"
           "race:^__interceptor_read$\n"
           "race:^__interceptor_recv\n"
           "race:^__interceptor_send\n"
           "race:^__interceptor_socket\n";
}

/* ---- on workers ----------------------------------------------------------------------------- */

/* Something to be done on a worker while the test waits for it. */
struct errand {
    struct message msg;
    void (*fn)(struct worker *w, void *arg);
    void *arg;
    sem_t done;
};

static inline void deliver_errand(struct message *m) {
    struct errand *e = LIST_ENTRY(m, struct errand, msg);
    e->fn(worker_self(), e->arg);
    sem_post(&e->done);
}

static inline void on_worker(int index, void (*fn)(struct worker *w, void *arg), void *arg) {
    struct errand e = {.fn = fn, .arg = arg};
    sem_init(&e.done, 0, 0);
    e.msg.deliver = deliver_errand;
    worker_post(workers[index], &e.msg);
    while (sem_wait(&e.done) < 0)
        assert_int_equal(errno, EINTR);
    sem_destroy(&e.done);
}

/* The control loop, until it is so. */
static inline void control_until(const bool *flag) {
    while (!*flag)
        uv_run(&control.loop, UV_RUN_ONCE);
}

/* ---- services ------------------------------------------------------------------------------- */

/* A service with the host name "<folder>.example". `sections` is what follows `general`. */
static inline void write_service(const char *folder, const char *sections, const char *lua) {
    char path[256], yaml[16384];
    snprintf(path, sizeof path, "%s/service.yaml", folder);
    snprintf(yaml, sizeof yaml, "general:\n  host: %s.example\n%s", folder, sections);
    folder_write(path, yaml);
    snprintf(path, sizeof path, "%s/service.lua", folder);
    folder_write(path, lua);
}

/* In place of the binary's own, so that tests are about their own services only. */
static inline void write_platform(void) {
    static const char *const hosts[][2] = {
        {"user", "user-svc"},
        {"registry", "registry-svc"},
        {"configurator", "configurator.core"},
        {"egress", "http.egress.core"},
        {"metrics", "metrics.core"},
        {"openapiportal", "openapiportal.core"},
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char path[64], yaml[512];
        bool configs = strcmp(hosts[i][0], "configurator") == 0;
        snprintf(path, sizeof path, "%s/service.yaml", hosts[i][0]);
        snprintf(yaml, sizeof yaml, "general:\n  host: %s\n%s", hosts[i][1],
                 configs ? "functions:\n"
                           "  - signature: Values(names []string) (values map[string]string)\n"
                         : "");
        folder_write(path, yaml);
        snprintf(path, sizeof path, "%s/service.lua", hosts[i][0]);
        folder_write(path, configs ? "local svc = require 'service' (...)\n"
                                     "function svc.Values() return {} end\n"
                                     "return svc\n"
                                   : "return require 'service' (...)\n");
    }
}

static inline void reloaded(void *arg, int result, struct str text) {
    int *rc = arg;
    snprintf(report, sizeof report, "%.*s", STR_FMT(text));
    *rc = result;
}

/* service_reload and the wait for it; its result, the text is in `report`. */
static inline int reload_as(const struct reload_request *q) {
    int rc = 1;
    service_reload(q, reloaded, &rc);
    while (rc == 1)
        uv_run(&control.loop, UV_RUN_ONCE);
    return rc;
}

static inline int reload(const char *name) {
    return reload_as(&(struct reload_request){.name = str_of(name), .who = "command"});
}

static inline void reported(const char *part) {
    if (!strstr(report, part)) fail_msg("the report has no '%s': %s", part, report);
}

/* ---- start and stop ------------------------------------------------------------------------- */

static inline int open_worker(struct worker *w, struct err *e) {
    int rc = task_open(w);
    return rc < 0 ? rc : pool_open(w);
}

static inline void open_door(struct worker *w, void *arg) {
    doors[w->index] = server_open(w, "127.0.0.1:0", NULL, arg);
    if (doors[w->index]) ports[w->index] = server_port(doors[w->index]);
}

static inline void settings(void) {
    struct err e = {0};
    int n = 0;
    if (conf_load(0, NULL, NULL, &n, &e) < 0) fail_msg("%s", e.text);
    conf.dev = false;
    conf.log_access = false;
    conf.max_body = 100000;
    conf.write_high = 65536;
    conf.reload_grace = 20u * 1000000000ull;
    conf.lua_memory = 16u << 20;
    conf.lua_deadline = 60u * 1000000000ull;
    conf.lua_cpu = 800u * 1000000ull;
    if (tune) tune();
    tune = NULL;
}

/* The workers and all that they need, but no services yet. */
static inline void lua_host_prepare(void) {
    struct err e = {0};
    struct store_options o = {
        .prefix = "", .readers = 1, .queue = 100, .max_result = 1 << 20, .relaxed = true};
    alarm(120); /* a test that hangs says so */
    folder_open();
    settings();
    null_device = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(log_start(LOG_INFO, LOG_JSON, null_device), 0);
    if (seal_start(&e) < 0) fail_msg("%s", e.text);
    host.store = store_open(&o, &e);
    if (!host.store) fail_msg("%s", e.text);
    host.shared = shared_new(4 << 20);
    assert_non_null(host.shared);
    assert_int_equal(dns_start(), 0);
    assert_int_equal(watchdog_start(&e), 0);
    assert_int_equal(worker_init(&control, -1, &e), 0);
    worker_adopt(&control);
    assert_int_equal(task_open(&control), 0);
    heartbeat_start(&control.loop);
    workers = mem_zalloc(WORKERS * sizeof *workers);
    worker_count = WORKERS;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = mem_zalloc(sizeof *workers[i]);
        assert_int_equal(worker_init(workers[i], i, &e), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(worker_start(workers[i], "spec", open_worker, &e), 0);
    routes_open(&control);
    write_platform();
}

/* Services are loaded and served, nothing was started yet. */
static inline void lua_host_serve(void) {
    struct err e = {0};
    if (service_open_all(&control, folder_root, &e) < 0) fail_msg("%s", e.text);
    for (int i = 0; i < WORKERS; i++) {
        on_worker(i, open_door, &e);
        if (!doors[i]) fail_msg("%s", e.text);
    }
}

static inline void all_started(void *arg, int result, const char *why) {
    if (result < 0) fail_msg("%s", why);
    *(bool *)arg = true;
}

static inline void start_services(void) {
    bool done = false;
    service_start_all(all_started, &done);
    control_until(&done);
}

static inline void set_flag(void *arg) {
    *(bool *)arg = true;
}

/* Asks a door to close; the semaphore is posted when nothing is open on it any more. */
static inline void door_drained(struct server *s, void *arg) {
    sem_post(arg);
}

static inline void drain_door(struct worker *w, void *arg) {
    server_abort(doors[w->index]);
    server_drain(doors[w->index], door_drained, arg);
}

static inline void close_worker(struct worker *w, void *arg) {
    if (doors[w->index]) server_close(doors[w->index]);
    doors[w->index] = NULL;
    pool_close(w);
    task_close(w);
}

static inline void nothing_is_left(void) {
    assert_int_equal(stat_get(STAT_TASKS_OPEN), 0);
    assert_int_equal(stat_get(STAT_OPS_OPEN), 0);
    assert_int_equal(stat_get(STAT_REFS_OPEN), 0);
    assert_int_equal(stat_get(STAT_STATES_OPEN), 0);
    assert_int_equal(stat_get(STAT_STATE_BYTES), 0);
    assert_int_equal(stat_get(STAT_CONNECTIONS_OPEN), 0);
    assert_int_equal(stat_get(STAT_REQUESTS_OPEN), 0);
}

static inline void lua_host_close(void) {
    bool closed = false;
    sem_t drained;
    sem_init(&drained, 0, 0);
    service_stop_all();
    for (int i = 0; i < WORKERS; i++) {
        if (!doors[i]) continue;
        on_worker(i, drain_door, &drained);
        while (sem_wait(&drained) < 0)
            assert_int_equal(errno, EINTR);
    }
    sem_destroy(&drained);
    service_close_all(set_flag, &closed);
    control_until(&closed);
    for (int i = 0; i < WORKERS; i++)
        on_worker(i, close_worker, NULL);
    watchdog_stop();
    dns_stop();
    for (int i = 0; i < WORKERS; i++) {
        worker_stop(workers[i]);
        worker_free(workers[i]);
        mem_free(workers[i]);
    }
    heartbeat_stop();
    task_close(&control);
    worker_free(&control);
    service_free_all();
    routes_close();
    route_publish(NULL);
    shared_free(host.shared);
    store_close(host.store);
    mem_free(workers);
    workers = NULL;
    worker_count = 0;
    conf_free();
    log_stop();
    close(null_device);
    folder_close();
    nothing_is_left();
    alarm(0);
}

static inline int prepare(void **state) {
    lua_host_prepare();
    return 0;
}

static inline int finish(void **state) {
    lua_host_close();
    return 0;
}

/* ---- clients -------------------------------------------------------------------------------- */

struct reply {
    int status;
    bool complete; /* the whole body came, by its framing */
    size_t n;      /* bytes of the body */
    char head[8192];
    char body[4 << 20];
};

static struct reply reply;

static inline int dial(int worker) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)ports[worker]),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {30, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

/* Goes away with a reset. A plain close looks to the server like a client that has said all. */
static inline void leave(int fd) {
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static inline void say_bytes(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) fail_msg("send: %s", strerror(errno));
        p += sent;
        n -= (size_t)sent;
    }
}

static inline void say(int fd, const char *text) {
    say_bytes(fd, text, strlen(text));
}

/* Up to `n` bytes; 0 at the end, also when the connection was reset. */
static inline size_t hear(int fd, char *p, size_t n) {
    for (;;) {
        ssize_t got = recv(fd, p, n, 0);
        if (got >= 0) return (size_t)got;
        if (errno == ECONNRESET) return 0;
        if (errno != EINTR) fail_msg("no answer: %s", strerror(errno));
    }
}

static inline const char *field(const struct reply *r, const char *name) {
    static char value[1024];
    size_t n = strlen(name);
    for (const char *line = strchr(r->head, '\n'); line; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':') continue;
        line += n + 1 + strspn(line + n + 1, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
        return value;
    }
    return NULL;
}

/* Takes the chunks of `raw` apart into the body. */
static inline void take_chunks(struct reply *r, const char *raw, size_t n) {
    const char *end = raw + n;
    while (raw < end) {
        char *after;
        size_t size = strtoul(raw, &after, 16);
        const char *data = after + 2;
        if (size == 0) {
            r->complete = after > raw && end - after >= 4;
            return;
        }
        if (data + size > end) size = (size_t)(end - data);
        memcpy(r->body + r->n, data, size);
        r->n += size;
        raw = data + size + 2;
    }
}

/* Reads what comes until the other side closes. */
static inline struct reply *listen_to(int fd) {
    static char raw[5 << 20];
    size_t n = 0;
    for (size_t got; (got = hear(fd, raw + n, sizeof raw - 1 - n)) > 0;)
        n += got;
    close(fd);
    raw[n] = 0;
    memset(&reply, 0, offsetof(struct reply, head));
    reply.head[0] = reply.body[0] = 0;
    char *end = strstr(raw, "\r\n\r\n");
    if (!end) return &reply;
    snprintf(reply.head, sizeof reply.head, "%.*s", (int)(end - raw), raw);
    sscanf(raw, "HTTP/1.1 %d", &reply.status);
    size_t rest = n - (size_t)(end + 4 - raw);
    const char *length = field(&reply, "content-length");
    if (field(&reply, "transfer-encoding")) {
        take_chunks(&reply, end + 4, rest);
    } else {
        memcpy(reply.body, end + 4, rest);
        reply.n = rest;
        reply.complete = !length || strtoul(length, NULL, 10) == rest;
    }
    reply.body[reply.n] = 0;
    return &reply;
}

static inline int begin(int worker, const char *method, const char *path, const char *fields,
                        const char *body) {
    char head[4096];
    int fd = dial(worker);
    if (body)
        snprintf(head, sizeof head,
                 "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
                 method, path, strlen(body), fields);
    else
        snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n",
                 method, path, fields);
    say(fd, head);
    if (body) say(fd, body);
    return fd;
}

static inline struct reply *ask(int worker, const char *method, const char *path,
                                const char *fields, const char *body) {
    return listen_to(begin(worker, method, path, fields, body));
}

static inline struct reply *get(int worker, const char *path) {
    return ask(worker, "GET", path, "", NULL);
}

static inline struct reply *post_json(int worker, const char *path, const char *body) {
    return ask(worker, "POST", path, "Content-Type: application/json\r\n", body);
}

static inline void check_reply(const struct reply *r, int status, const char *body, int line) {
    if (r->status != status || strcmp(r->body, body) != 0 || !r->complete)
        fail_msg("line %d: expected %d '%s', got %d '%.500s'%s\n%s", line, status, body, r->status,
                 r->body, r->complete ? "" : " (cut)", r->head);
}

#define IS(reply, status, body) check_reply(reply, status, body, __LINE__)
#define GIVES(path, status, body) \
    do { \
        for (int w_ = 0; w_ < WORKERS; w_++) \
            IS(get(w_, path), status, body); \
    } while (0)

#define T(f) cmocka_unit_test_setup_teardown(f, prepare, finish)

#endif
