/*
 * dev: see dev.h. Called by main and, for what it knows, by reload.c. Must never write a file
 * itself and never hold the control thread while a generator runs, but for the first time, when
 * nothing serves yet.
 *
 * It is told that something changed, never what, and looks for itself: of each service it knows a
 * hash of the three files as they were before the generator ran. What the generator writes into
 * them makes another hash, so it runs once more, changes nothing, and that is the end; should it
 * ever not be, RUNS_MAX is. Texts that somebody is still writing are left alone: the generator
 * replaces files as a whole, and what came later would go into the one that was replaced.
 */
#include "core/script/dev.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/arena.h"
#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/loop/worker.h"
#include "core/secure/seal.h"

#define SERVICES 1000
#define RUNS_MAX 4   /* in a row that wrote into the files they read */
#define LATER_MS 250 /* until the next look at a file that is being written */
#define LATER_MAX \
    4                           /* looks for a service.lua that went (editors rename), and for one \
                                   that is being written, before the reload goes on without */
#define RUN_MS      60000       /* that the generator may take */
#define OUTPUT_MAX  (64 * 1024) /* bytes of what it says */
#define BAD_SERVICE 2           /* its exit code for errors in declarations */

static const char *const sources[] = {"service.yaml", "types.lua", "service.lua"};
#define SOURCES (sizeof sources / sizeof sources[0])

/* A service below the user's folder. */
struct known {
    char hash[65]; /* of its sources when the generator last looked at them; empty = never */
    char now[65];  /* of those that it is to look at */
    bool seen;     /* by the current look */
    bool coded;    /* it had a service.lua */
    int waits;     /* looks in which that was gone */
    int runs;      /* of the generator in a row that changed the sources */
    char *why;     /* what the generator has against `hash`, or NULL */
    char folder[]; /* below services/; key in dev.services */
};

/* What the generator says on one stream. */
struct output {
    uv_pipe_t pipe;
    struct buf text;
    char chunk[4096];
};

static struct {
    uv_loop_t *loop;       /* that of the control thread, or for the first time one of its own */
    struct worker *worker; /* NULL for the first time */
    struct timer later;    /* until the next look */
    uv_process_t process;
    uv_timer_t patience; /* with the running generator */
    struct output out, err;
    struct map services; /* folder -> struct known */
    struct known **todo; /* for which it runs */
    int n_todo, next;    /* of them; -1 = all at once, else each alone, this one next */
    int open;            /* handles of the running process, the process included */
    int code;            /* that it ended with */
    uint64_t began;
    bool running, again, closed;
    bool waiting; /* the current look put something off */
    int put_off;  /* reloads in a row that wait for that */
    void (*done)(void);
} dev;

/* ---- looking --------------------------------------------------------------------------------- */

static int hash_sources(const struct generation *g, char hash[65]) {
    unsigned char digest[32];
    struct buf all;
    buf_init(&all);
    for (size_t i = 0; i < SOURCES; i++) {
        struct str text = generation_file(g, str_of(sources[i]));
        buf_printf(&all, "%zu:%d:", text.n, text.p != NULL);
        buf_str(&all, text);
    }
    int rc = buf_ok(&all) ? 0 : -ENOMEM;
    if (rc == 0) {
        seal_sha256(buf_view(&all), digest);
        seal_hex(digest, sizeof digest, hash);
        hash[64] = 0;
    }
    buf_free(&all);
    return rc;
}

/* Whether another process has the file open for writing: a lease for reading is refused then. Where
 * there are no leases nobody can tell; an empty file is taken for one that is being filled. */
static bool being_written(const char *folder, const char *name) {
    char path[1400];
    int n = snprintf(path, sizeof path, "%s/%s/%s", conf.services, folder, name);
    int fd = n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0) return false;
    bool written;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        written = false;
    } else {
        written = errno == EAGAIN || lseek(fd, 0, SEEK_END) == 0;
    }
    close(fd);
    return written;
}

/* Whether its files are not to be touched now. */
static bool wait_for(struct known *k, const struct generation *g) {
    for (size_t i = 0; i < SOURCES; i++)
        if (being_written(k->folder, sources[i])) return true;
    bool coded = generation_file(g, STR("service.lua")).p != NULL;
    if (k->coded && !coded && k->waits++ < LATER_MAX) return true;
    k->coded = coded;
    k->waits = 0;
    return false;
}

static struct known *known(struct str folder) {
    struct known *k = map_get(&dev.services, folder);
    if (k) return k;
    k = mem_zalloc(sizeof *k + folder.n + 1);
    if (!k) return NULL;
    memcpy(k->folder, folder.p, folder.n);
    if (map_put(&dev.services, str_of(k->folder), k) == 0) return k;
    mem_free(k);
    return NULL;
}

static void forgive(struct known *k) {
    mem_free(k->why);
    k->why = NULL;
}

static void later(void) {
    if (!dev.worker || dev.closed) return; /* the first time nobody is at work on them */
    dev.waiting = true;
    if (timer_arm(dev.worker, &dev.later, LATER_MS) < 0) log_error("out of memory");
}

static int look_at(void *arg, struct str folder) {
    (void)arg;
    struct known *k = known(folder);
    struct generation *g = k ? generation_read(conf.services, NULL, folder, NULL) : NULL;
    if (k) k->seen = true;
    if (!g) return 0; /* the reload says why */
    if (hash_sources(g, k->now) == 0 && strcmp(k->now, k->hash) != 0 && dev.n_todo < SERVICES) {
        if (wait_for(k, g))
            later();
        else
            dev.todo[dev.n_todo++] = k;
    }
    generation_give(g);
    return 0;
}

static void forget(struct known *k) {
    map_del(&dev.services, str_of(k->folder));
    forgive(k);
    mem_free(k);
}

/* One that the last look did not see. The map must not change while it is walked. */
static struct known *find_gone(void) {
    struct str key;
    void *value;
    for (size_t it = 0; map_next(&dev.services, &it, &key, &value);)
        if (!((struct known *)value)->seen) return value;
    return NULL;
}

static void look(void) {
    struct str key;
    void *value;
    dev.n_todo = 0;
    dev.waiting = false;
    for (size_t it = 0; map_next(&dev.services, &it, &key, &value);)
        ((struct known *)value)->seen = false;
    generation_scan(conf.services, look_at, NULL);
    for (struct known *k; (k = find_gone());)
        forget(k);
}

/* ---- what the generator said ----------------------------------------------------------------- */

static void tell_written(void) {
    struct str rest = buf_view(&dev.out.text), line;
    double ms = (double)(uv_hrtime() - dev.began) / 1e6;
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        if (line.n && str_find(line, STR(": up to date,")) < 0)
            log_info("generated", LOGS("what", line), LOGF("ms", ms));
    }
}

/* Its errors, without the sentence that counts them. */
static void keep_errors(struct known *k) {
    struct str rest = buf_view(&dev.err.text), line;
    struct buf why;
    buf_init(&why);
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        if (!line.n || str_starts(line, STR("moonbus: "))) continue;
        if (why.n) buf_char(&why, '\n');
        buf_str(&why, line);
    }
    if (!why.n) buf_str(&why, str_trim(buf_view(&dev.err.text)));
    k->why = buf_take(&why, NULL);
}

static void tell_warnings(void) {
    struct str rest = buf_view(&dev.err.text), line;
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        if (line.n) log_warn("the generator warns", LOGS("warning", line));
    }
}

/* It ended for one service, or for all that had changed. */
static void settle(struct known *k) {
    struct generation *g = generation_read(conf.services, NULL, str_of(k->folder), NULL);
    char after[65] = "";
    if (g) hash_sources(g, after);
    generation_give(g);
    bool same = strcmp(after, k->now) == 0;
    k->runs = same ? 0 : k->runs + 1;
    memcpy(k->hash, k->runs < RUNS_MAX ? k->now : after, sizeof k->hash);
    forgive(k);
    if (dev.code == BAD_SERVICE)
        keep_errors(k);
    else if (dev.code != 0 && same) /* else somebody saved meanwhile, and it runs again */
        log_error("cannot generate", LOGZ("service", k->folder),
                  LOGS("error", str_trim(buf_view(&dev.err.text))));
    if (!same) dev.again = true;
}

/* ---- the process ----------------------------------------------------------------------------- */

static void run_next(void);

static void run_over(void) {
    bool all = dev.next < 0;
    if (dev.code == 0) tell_written();
    if (dev.code == 0) tell_warnings();
    if (dev.code != 0 && all && dev.n_todo > 1) {
        dev.next = 0; /* nothing was written: one of them is to blame */
    } else {
        for (int i = all ? 0 : dev.next; i < (all ? dev.n_todo : dev.next + 1); i++)
            settle(dev.todo[i]);
        dev.next = all ? dev.n_todo : dev.next + 1;
    }
    run_next();
}

static void handle_closed(uv_handle_t *h) {
    (void)h;
    if (dev.worker) worker_enter(dev.worker);
    if (--dev.open > 0) return;
    dev.running = false;
    if (!dev.closed) run_over();
}

static void close_handle(void *handle) {
    if (!uv_is_closing(handle)) uv_close(handle, handle_closed);
}

static void on_room(uv_handle_t *h, size_t wanted, uv_buf_t *buf) {
    struct output *o = h->data;
    (void)wanted;
    *buf = uv_buf_init(o->chunk, sizeof o->chunk);
}

static void on_text(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    struct output *o = stream->data;
    if (dev.worker) worker_enter(dev.worker);
    if (n > 0 && o->text.n < OUTPUT_MAX) buf_add(&o->text, buf->base, (size_t)n);
    if (n < 0) close_handle(stream);
}

static void on_ended(uv_process_t *process, int64_t status, int signal) {
    if (dev.worker) worker_enter(dev.worker);
    dev.code = signal ? 128 + signal : (int)status;
    close_handle(process);
    close_handle(&dev.patience);
}

static void too_long(uv_timer_t *timer) {
    (void)timer;
    if (!uv_is_closing((uv_handle_t *)&dev.process)) uv_process_kill(&dev.process, SIGKILL);
}

static void open_output(struct output *o) {
    uv_pipe_init(dev.loop, &o->pipe, 0);
    o->pipe.data = o;
    buf_clear(&o->text);
    dev.open++;
}

/* The environment with the folder of services in force. NULL without memory. */
static char **environment(char *services, size_t cap) {
    extern char **environ;
    size_t n = 0, m = 0;
    while (environ[n])
        n++;
    char **env = mem_zalloc((n + 2) * sizeof *env);
    if (!env) return NULL;
    snprintf(services, cap, "MOONBUS_SERVICES=%s", conf.services);
    for (size_t i = 0; i < n; i++)
        if (!str_starts(str_of(environ[i]), STR("MOONBUS_SERVICES="))) env[m++] = environ[i];
    env[m] = services;
    return env;
}

/* [paths of services] as words behind `moonbus gen --`; one arena of text. */
static char **words(struct arena *arena) {
    int from = dev.next < 0 ? 0 : dev.next, to = dev.next < 0 ? dev.n_todo : dev.next + 1, n = 0;
    char **argv = arena_zalloc(arena, (size_t)(to - from + 4) * sizeof *argv);
    if (!argv) return NULL;
    argv[n++] = arena_dup(arena, STR("moonbus"));
    argv[n++] = arena_dup(arena, STR("gen"));
    argv[n++] = arena_dup(arena, STR("--"));
    for (int i = from; i < to; i++) {
        struct str path = arena_printf(arena, "%s/%s", conf.services, dev.todo[i]->folder);
        argv[n++] = path.p ? arena_dup(arena, path) : NULL;
    }
    for (int i = 0; i < n; i++)
        if (!argv[i]) return NULL;
    return argv;
}

static int spawn(struct arena *arena) {
    char services[1100];
    char **argv = words(arena), **env = environment(services, sizeof services);
    if (!argv || !env) {
        mem_free(env);
        return -ENOMEM;
    }
    dev.running = true;
    open_output(&dev.out);
    open_output(&dev.err);
    uv_timer_init(dev.loop, &dev.patience);
    dev.open += 2; /* the timer and the process, whose handle is one also when it fails */
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&dev.out.pipe},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&dev.err.pipe},
    };
    const uv_process_options_t options = {
        .exit_cb = on_ended,
        .file = "/proc/self/exe",
        .args = argv,
        .env = env,
        .stdio = stdio,
        .stdio_count = 3,
    };
    int rc = uv_spawn(dev.loop, &dev.process, &options);
    mem_free(env);
    if (rc < 0) {
        close_handle(&dev.out.pipe);
        close_handle(&dev.err.pipe);
        close_handle(&dev.patience);
        close_handle(&dev.process);
        return rc;
    }
    uv_timer_start(&dev.patience, too_long, RUN_MS, 0);
    uv_read_start((uv_stream_t *)&dev.out.pipe, on_room, on_text);
    uv_read_start((uv_stream_t *)&dev.err.pipe, on_room, on_text);
    return 0;
}

static bool is_over(void) {
    return dev.n_todo == 0 || dev.next >= dev.n_todo;
}

/* Whether the reload comes after another look: what is saved right now is generated for first. */
static bool is_put_off(void) {
    if (dev.waiting) return dev.put_off++ < LATER_MAX;
    dev.put_off = 0;
    return false;
}

/* The next run, the next look, or the end. */
static void run_next(void) {
    struct arena arena;
    if (is_over() && dev.again) {
        dev.again = false;
        look();
        dev.next = -1;
    }
    int rc = 0;
    if (!is_over()) {
        arena_init(&arena, 4096);
        dev.began = uv_hrtime();
        dev.code = 1;
        rc = spawn(&arena);
        arena_free(&arena);
    }
    if (rc < 0) {
        log_error("cannot run the generator", LOGZ("error", uv_strerror(rc)));
        for (int i = 0; i < dev.n_todo; i++) /* they come without it */
            memcpy(dev.todo[i]->hash, dev.todo[i]->now, sizeof dev.todo[i]->hash);
    }
    if (!dev.running && dev.worker && !is_put_off()) dev.done();
}

static void look_again(struct timer *t) {
    (void)t;
    dev_changed();
}

/* ---- public ---------------------------------------------------------------------------------- */

bool dev_refuses(const struct generation *g, struct err *e) {
    struct known *k = dev.todo ? map_get(&dev.services, g->folder) : NULL;
    char hash[65];
    if (!k || !k->why || hash_sources(g, hash) < 0 || strcmp(hash, k->hash) != 0) return false;
    err_set(e, -EINVAL, "%s", k->why);
    return true;
}

bool dev_awaits(const struct generation *g) {
    struct known *k = dev.todo && !dev.closed ? map_get(&dev.services, g->folder) : NULL;
    char hash[65];
    if (!k || !dev.worker || dev.put_off > LATER_MAX) return false;
    if (hash_sources(g, hash) < 0 || strcmp(hash, k->hash) == 0) return false;
    later();
    return true;
}

int dev_open(struct worker *control, void (*done)(void), struct err *e) {
    uv_loop_t first;
    signal(SIGIO, SIG_IGN); /* who opens a file for writing breaks the lease on it */
    map_init(&dev.services, SERVICES);
    timer_init(&dev.later, look_again);
    buf_init(&dev.out.text);
    buf_init(&dev.err.text);
    dev.todo = mem_zalloc(SERVICES * sizeof *dev.todo);
    if (!dev.todo || uv_loop_init(&first) < 0) return err_set(e, -ENOMEM, "out of memory");
    dev.loop = &first;
    dev.done = done;
    dev_changed();
    uv_run(&first, UV_RUN_DEFAULT);
    uv_loop_close(&first);
    dev.loop = &control->loop;
    dev.worker = control;
    return 0;
}

void dev_changed(void) {
    if (dev.closed) return;
    if (dev.running) {
        dev.again = true;
        return;
    }
    look();
    dev.next = -1;
    run_next();
}

void dev_close(void) {
    dev.closed = true;
    if (dev.worker) timer_remove(dev.worker, &dev.later);
    if (!dev.running) return;
    uv_process_kill(&dev.process, SIGKILL);
    close_handle(&dev.process);
    close_handle(&dev.patience);
    close_handle(&dev.out.pipe);
    close_handle(&dev.err.pipe);
}

void dev_free(void) {
    struct str key;
    void *value;
    if (!dev.todo) return;
    for (size_t it; it = 0, map_next(&dev.services, &it, &key, &value);)
        forget(value);
    map_free(&dev.services);
    buf_free(&dev.out.text);
    buf_free(&dev.err.text);
    mem_free(dev.todo);
    dev.todo = NULL;
}
