/*
 * log: see log.h. Each thread that logs owns a ring of bytes with one producer (itself) and one
 * consumer (the writer thread).
 *
 *     thread A --> ring A --\
 *     thread B --> ring B ---+--> writer: merge by time --> one write() per batch --> fd
 *     thread C --> ring C --/                          \--> the last megabyte, for log_recent
 *
 * A producer never waits: no room means that the line is dropped and counted. It makes a system
 * call only to wake a sleeping writer, and the writer naps for a moment after each batch before it
 * sleeps, so that a busy host wakes it some hundred times a second and not once per line.
 *
 * Rings are linked and freed under `rings.lock`. A ring is freed by the writer when its thread has
 * ended and it is empty; by the ending thread itself when there is no writer. Not for signal
 * handlers.
 */
#include "core/base/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/list.h"
#include "core/base/log_dev.h"
#include "core/base/log_line.h"
#include "core/base/mem.h"
#include "core/base/stat.h"

#define RING_SIZE    ((size_t)256 * 1024)
#define BATCH_SIZE   ((size_t)512 * 1024)
#define RECENT_SIZE  ((size_t)1024 * 1024)
#define NAP_MS       2
#define STOP_WAIT_MS 3000
#define INTERRUPT    SIGURG /* ignored unless somebody handles it, and nobody here does */

struct record {
    uint64_t time;  /* monotonic nanoseconds: what the merge goes by */
    uint32_t n;     /* bytes of the line that follows */
    uint32_t level; /* enum log_level, for its colour */
};

struct ring {
    struct list link;               /* in rings.all */
    struct buf line;                /* where the owner formats */
    atomic_bool ended;              /* the owner is gone; set under rings.lock */
    atomic_bool busy;               /* the owner is between "is there a writer?" and "published" */
    atomic_size_t head;             /* bytes ever written; the owner's */
    alignas(64) atomic_size_t tail; /* bytes ever read; the writer's */
    char bytes[RING_SIZE];          /* struct record and line, again and again, wrapping anywhere */
};

static struct {
    pthread_mutex_t lock;
    struct list all; /* every ring */
    bool writer;     /* somebody drains the rings */
} rings = {.lock = PTHREAD_MUTEX_INITIALIZER, .all = {&rings.all, &rings.all}};

static _Thread_local struct ring *mine;
static _Thread_local int ends; /* times that thread_ends ran for this thread */
static pthread_key_t at_end;
static int at_end_error;
static pthread_once_t at_end_once = PTHREAD_ONCE_INIT;

/* What log_start was told; readable at any time. */
static struct {
    atomic_int level, format, fd;
    atomic_bool colour;  /* paint levels on fd */
    atomic_bool running; /* lines go to the rings */
} cfg = {.level = LOG_INFO, .format = LOG_AUTO, .fd = STDERR_FILENO};

enum idle { BUSY, NAPPING, ASLEEP };

static struct {
    pthread_t thread;
    int wake;                     /* eventfd: ends a nap or a sleep */
    atomic_int idle;              /* enum idle */
    atomic_bool stop;             /* write what is left, then end */
    atomic_bool abandon;          /* do not even write what is left */
    atomic_uint_fast64_t dropped; /* lines since the writer last mentioned it */
    char *batch;                  /* what goes out next; BATCH_SIZE */
    size_t n;                     /* bytes in it */
    uint64_t lines;               /* lines from the rings in it */
    pthread_mutex_t lock;         /* of `done` */
    pthread_cond_t ended;         /* `done` has changed */
    bool done;                    /* the thread has written everything */
} writer = {.wake = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* In front of each of the last lines. */
struct memory {
    uint64_t time;  /* when it was written: ns since the epoch */
    uint32_t n;     /* bytes of the line that follows */
    uint32_t level; /* enum log_level */
};

/* The last lines: struct memory and the bytes of each, wrapping anywhere. */
static struct {
    pthread_mutex_t lock;
    size_t head, tail; /* bytes ever written, bytes ever forgotten */
    uint64_t newest;   /* sequence number of the last line */
    uint64_t kept;     /* lines between tail and head */
    char bytes[RECENT_SIZE];
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t clock_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* == Rings ===================================================================================== */

/* Copies into a ring of `size` (a power of two) bytes at the running position `at`. */
static void wrap_in(char *ring, size_t size, size_t at, const void *from, size_t n) {
    size_t start = at & (size - 1), first = n < size - start ? n : size - start;
    memcpy(ring + start, from, first);
    memcpy(ring, (const char *)from + first, n - first);
}

static void wrap_out(const char *ring, size_t size, size_t at, void *to, size_t n) {
    size_t start = at & (size - 1), first = n < size - start ? n : size - start;
    memcpy(to, ring + start, first);
    memcpy((char *)to + first, ring, n - first);
}

static void ring_free(struct ring *r) {
    list_unlink(&r->link);
    buf_free(&r->line);
    mem_free(r);
}

static void thread_ends(void *arg) {
    struct ring *r = arg;
    mine = NULL;
    ends++;
    pthread_mutex_lock(&rings.lock);
    if (rings.writer)
        atomic_store(&r->ended, true);
    else
        ring_free(r);
    pthread_mutex_unlock(&rings.lock);
}

static void make_key(void) {
    at_end_error = pthread_key_create(&at_end, thread_ends);
}

/* The calling thread's ring; NULL when there is no memory for one, or when the thread is so far in
 * its end that nobody would give the ring back. */
static struct ring *ring_mine(void) {
    if (mine) return mine;
    pthread_once(&at_end_once, make_key);
    if (at_end_error || ends >= PTHREAD_DESTRUCTOR_ITERATIONS - 1) return NULL;
    struct ring *r = mem_alloc(sizeof *r);
    if (!r) return NULL;
    list_init(&r->link);
    buf_init(&r->line);
    atomic_init(&r->ended, false);
    atomic_init(&r->busy, false);
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    if (pthread_setspecific(at_end, r)) {
        mem_free(r);
        return NULL;
    }
    pthread_mutex_lock(&rings.lock);
    list_push(&rings.all, &r->link);
    pthread_mutex_unlock(&rings.lock);
    return mine = r;
}

/* One line finds no room. */
static void drop(void) {
    stat_add(STAT_LOG_DROPPED, 1);
    atomic_fetch_add_explicit(&writer.dropped, 1, memory_order_relaxed);
}

static void wake_writer(void) {
    if (atomic_exchange(&writer.idle, BUSY) == BUSY) return;
    uint64_t one = 1;
    while (write(writer.wake, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* Publishes r->line. The order of the sequentially consistent head and idle here, and idle and head
 * in writer_main, is what makes a lost wake-up impossible. */
static void ring_push(struct ring *r, enum log_level level, uint64_t order) {
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t used = head - atomic_load_explicit(&r->tail, memory_order_acquire);
    struct record rec = {.time = order, .n = (uint32_t)r->line.n, .level = level};
    if (!buf_ok(&r->line) || r->line.n > RING_SIZE - used ||
        sizeof rec > RING_SIZE - used - r->line.n) {
        drop();
    } else {
        wrap_in(r->bytes, RING_SIZE, head, &rec, sizeof rec);
        wrap_in(r->bytes, RING_SIZE, head + sizeof rec, r->line.p, r->line.n);
        atomic_store(&r->head, head + sizeof rec + r->line.n);
    }
    int idle = atomic_load(&writer.idle);
    if (idle == ASLEEP || (idle == NAPPING && used > RING_SIZE / 2)) wake_writer();
}

/* == Writing =================================================================================== */

static void remember(const char *line, uint32_t n, enum log_level level) {
    struct memory old, m = {clock_ns(CLOCK_REALTIME), n, level};
    pthread_mutex_lock(&recent.lock);
    while (recent.head + sizeof m + n - recent.tail > RECENT_SIZE) {
        wrap_out(recent.bytes, RECENT_SIZE, recent.tail, &old, sizeof old);
        recent.tail += sizeof old + old.n;
        recent.kept--;
    }
    wrap_in(recent.bytes, RECENT_SIZE, recent.head, &m, sizeof m);
    wrap_in(recent.bytes, RECENT_SIZE, recent.head + sizeof m, line, n);
    recent.head += sizeof m + n;
    recent.newest++;
    recent.kept++;
    pthread_mutex_unlock(&recent.lock);
}

uint64_t log_select(struct buf *out, const struct log_wanted *wanted) {
    pthread_mutex_lock(&recent.lock);
    uint64_t newest = recent.newest, seq = newest - recent.kept;
    uint64_t after = wanted->after > newest ? 0 : wanted->after;
    for (size_t at = recent.tail; at != recent.head;) {
        struct memory m;
        wrap_out(recent.bytes, RECENT_SIZE, at, &m, sizeof m);
        if (++seq > after && m.level >= wanted->level && m.time >= wanted->since) {
            char *to = buf_room(out, m.n);
            if (!to) break;
            wrap_out(recent.bytes, RECENT_SIZE, at + sizeof m, to, m.n);
            out->n += m.n;
        }
        at += sizeof m + m.n;
    }
    pthread_mutex_unlock(&recent.lock);
    return newest;
}

uint64_t log_recent(struct buf *out, uint64_t after) {
    return log_select(out, &(struct log_wanted){.after = after});
}

uint64_t log_newest(void) {
    pthread_mutex_lock(&recent.lock);
    uint64_t newest = recent.newest;
    pthread_mutex_unlock(&recent.lock);
    return newest;
}

/* Everything or a negative errno. A descriptor that somebody made non-blocking is waited for. */
static int write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t done = write(fd, p, n);
        int why = errno;
        if (done < 0 && (why == EAGAIN || why == EWOULDBLOCK)) {
            struct pollfd pfd = {.fd = fd, .events = POLLOUT};
            why = poll(&pfd, 1, -1) < 0 ? errno : EINTR;
        }
        if (done >= 0) {
            p += done;
            n -= (size_t)done;
        } else if (why != EINTR) {
            return -why;
        } else if (atomic_load(&writer.abandon)) {
            return -ECANCELED;
        }
    }
    return 0;
}

/* Copies a text line with its level painted; returns the bytes used. */
static size_t paint(char *to, const char *line, size_t n, enum log_level level) {
    static const struct str colours[] = {
        {"\033[90m", 5}, {"\033[32m", 5}, {"\033[33m", 5}, {"\033[31m", 5}};
    static const struct str off = {"\033[0m", 4};
    const size_t level_end = LOG_LINE_LEVEL_AT + LOG_LINE_LEVEL_N;
    char *p = to;
    p = mempcpy(p, line, LOG_LINE_LEVEL_AT);
    p = mempcpy(p, colours[level].p, colours[level].n);
    p = mempcpy(p, line + LOG_LINE_LEVEL_AT, LOG_LINE_LEVEL_N);
    p = mempcpy(p, off.p, off.n);
    p = mempcpy(p, line + level_end, n - level_end);
    return (size_t)(p - to);
}

#define PAINT_N ((size_t)9) /* what paint() adds */

static enum log_format format_now(void) {
    return (enum log_format)atomic_load_explicit(&cfg.format, memory_order_relaxed);
}

/* A line with marks, as it is shown; remembered without them. */
static void show_marked(struct buf *out, const char *line, size_t n, enum log_level level) {
    bool colour = atomic_load_explicit(&cfg.colour, memory_order_relaxed);
    size_t start = out->n;
    log_dev_show(out, line, n, false);
    if (buf_ok(out)) remember(out->p + start, (uint32_t)(out->n - start), level);
    if (!colour) return;
    out->n = start;
    log_dev_show(out, line, n, true);
}

static bool batch_fits(size_t n) {
    return n + (format_now() == LOG_DEV ? LOG_DEV_GROWTH : PAINT_N) <= BATCH_SIZE - writer.n;
}

/* The same for a line of the batch. Without memory it goes out as it is: its marks do not show. */
static void batch_keep_marked(char *line, uint32_t n, enum log_level level) {
    struct buf shown;
    buf_init(&shown);
    show_marked(&shown, line, n, level);
    if (buf_ok(&shown)) memcpy(line, shown.p, shown.n);
    writer.n += buf_ok(&shown) ? shown.n : n;
    buf_free(&shown);
}

/* The line that starts at the end of the batch becomes part of it. */
static void batch_keep(uint32_t n, enum log_level level) {
    char *line = writer.batch + writer.n;
    if (format_now() == LOG_DEV) {
        batch_keep_marked(line, n, level);
        return;
    }
    remember(line, n, level);
    if (!atomic_load_explicit(&cfg.colour, memory_order_relaxed)) {
        writer.n += n;
        return;
    }
    char start[LOG_LINE_LEVEL_AT + LOG_LINE_LEVEL_N];
    memcpy(start, line, sizeof start);
    memmove(line + sizeof start + PAINT_N, line + sizeof start, n - sizeof start);
    writer.n += paint(line, start, sizeof start, level) + n - sizeof start;
}

/* Lines that could not be written are counted but not mentioned: the mention would go the same way,
 * and would be one more. */
static void batch_write(void) {
    if (writer.n && write_all(atomic_load(&cfg.fd), writer.batch, writer.n))
        stat_add(STAT_LOG_DROPPED, (int64_t)writer.lines);
    writer.n = 0;
    writer.lines = 0;
}

/* The next record of a ring, if there is one. */
static bool ring_peek(struct ring *r, struct record *rec) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (atomic_load(&r->head) == tail) return false;
    wrap_out(r->bytes, RING_SIZE, tail, rec, sizeof *rec);
    return true;
}

static void ring_pop(struct ring *r, const struct record *rec) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed) + sizeof *rec;
    wrap_out(r->bytes, RING_SIZE, tail, writer.batch + writer.n, rec->n);
    batch_keep(rec->n, (enum log_level)rec->level);
    writer.lines++;
    atomic_store_explicit(&r->tail, tail + rec->n, memory_order_release);
}

/* The ring with the oldest line up to `cut`; *until is the time up to which it stays the one. */
static struct ring *oldest_ring(uint64_t cut, uint64_t *until) {
    struct ring *best = NULL;
    uint64_t best_time = cut;
    *until = cut;
    LIST_EACH(&rings.all, it) {
        struct ring *r = LIST_ENTRY(it, struct ring, link);
        struct record rec;
        if (!ring_peek(r, &rec) || rec.time > cut) continue;
        if (!best || rec.time < best_time) {
            *until = best_time;
            best = r;
            best_time = rec.time;
        } else if (rec.time < *until) {
            *until = rec.time;
        }
    }
    return best;
}

/* Moves lines into the batch, the oldest first, until it is full or the rings are empty. Lines
 * younger than the start of this pass stay for the next one: a ring looked at early may have got an
 * older line meanwhile. */
static void gather(void) {
    uint64_t until, cut = clock_ns(CLOCK_MONOTONIC);
    struct record rec;
    pthread_mutex_lock(&rings.lock);
    for (struct ring *r; (r = oldest_ring(cut, &until));) {
        while (ring_peek(r, &rec) && rec.time <= until && batch_fits(rec.n))
            ring_pop(r, &rec);
        if (ring_peek(r, &rec) && !batch_fits(rec.n)) break;
    }
    pthread_mutex_unlock(&rings.lock);
}

/* Gives back the rings of ended threads. */
static void sweep(void) {
    pthread_mutex_lock(&rings.lock);
    LIST_EACH_SAFE(&rings.all, it, next) {
        struct ring *r = LIST_ENTRY(it, struct ring, link);
        struct record rec;
        if (atomic_load(&r->ended) && !ring_peek(r, &rec)) ring_free(r);
    }
    pthread_mutex_unlock(&rings.lock);
}

static bool rings_empty(void) {
    struct record rec;
    bool empty = true;
    pthread_mutex_lock(&rings.lock);
    LIST_EACH(&rings.all, it)
    if (ring_peek(LIST_ENTRY(it, struct ring, link), &rec)) empty = false;
    pthread_mutex_unlock(&rings.lock);
    return empty;
}

/* In the form that is in force. */
static void put_line(struct buf *out, enum log_level level, uint64_t now, const char *message,
                     const struct log_field *fields) {
    enum log_format format = format_now();
    if (format == LOG_DEV)
        log_dev_line(out, level, now, message, fields);
    else
        log_line(out, format == LOG_TEXT, level, now, message, fields);
}

/* Says in the log itself that lines are missing from it. */
static void mention_dropped(void) {
    uint64_t n = atomic_exchange_explicit(&writer.dropped, 0, memory_order_relaxed);
    if (!n) return;
    struct buf line;
    buf_init(&line);
    put_line(&line, LOG_WARN, clock_ns(CLOCK_REALTIME), "log lines dropped",
             (struct log_field[]){LOGI("count", n), {NULL, LOG_F_INT, {.i = 0}}});
    if (buf_ok(&line) && batch_fits(line.n)) {
        memcpy(writer.batch + writer.n, line.p, line.n);
        batch_keep((uint32_t)line.n, LOG_WARN);
    }
    buf_free(&line);
}

/* Writes what is there; true when there was something. Full batches follow each other at once;
 * after a smaller one it pays to wait until more has come together. */
static bool drain(void) {
    bool any = false, more = true;
    while (more && !atomic_load(&writer.abandon)) {
        gather();
        mention_dropped();
        any |= writer.n > 0;
        more = writer.n > BATCH_SIZE / 4;
        batch_write();
    }
    sweep();
    return any;
}

/* Waits for wake_writer, at most `ms` (-1 = for ever). */
static void idle(int ms) {
    uint64_t count;
    struct pollfd pfd = {.fd = writer.wake, .events = POLLIN};
    if (poll(&pfd, 1, ms) > 0) {
        ssize_t n = read(writer.wake, &count, sizeof count);
        (void)n; /* whatever was there is gone now */
    }
    atomic_store(&writer.idle, BUSY);
}

/* After the last look at `running` nobody starts a push; those under way are waited for. */
static void wait_for_producers(void) {
    for (bool busy = true; busy;) {
        busy = false;
        pthread_mutex_lock(&rings.lock);
        LIST_EACH(&rings.all, it)
        if (atomic_load(&LIST_ENTRY(it, struct ring, link)->busy)) busy = true;
        pthread_mutex_unlock(&rings.lock);
        if (busy) sched_yield();
    }
}

static void *writer_main(void *arg) {
    (void)arg;
    while (!atomic_load(&writer.stop)) {
        if (drain()) {
            atomic_store(&writer.idle, NAPPING);
            idle(NAP_MS);
            continue;
        }
        atomic_store(&writer.idle, ASLEEP);
        bool sleep = rings_empty() && !atomic_load(&writer.stop);
        if (sleep)
            idle(-1);
        else
            atomic_store(&writer.idle, BUSY);
    }
    wait_for_producers();
    while (!atomic_load(&writer.abandon) && (drain() || !rings_empty())) {
    }
    pthread_mutex_lock(&writer.lock);
    writer.done = true;
    pthread_cond_signal(&writer.ended);
    pthread_mutex_unlock(&writer.lock);
    return NULL;
}

/* == The public side =========================================================================== */

size_t log_rings(void) {
    size_t n = 0;
    pthread_mutex_lock(&rings.lock);
    LIST_EACH(&rings.all, it)
    n++;
    pthread_mutex_unlock(&rings.lock);
    return n;
}

bool log_enabled(enum log_level level) {
    return (int)level >= atomic_load_explicit(&cfg.level, memory_order_relaxed);
}

static bool wants_colour(int fd, enum log_format format) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return (format == LOG_TEXT || format == LOG_DEV) && isatty(fd) && !(no && *no) &&
           !(term && !strcmp(term, "dumb"));
}

static void configure(enum log_level level, enum log_format format, int fd) {
    if (format == LOG_AUTO) format = isatty(fd) ? LOG_TEXT : LOG_JSON;
    atomic_store(&cfg.level, level);
    atomic_store(&cfg.format, format);
    atomic_store(&cfg.fd, fd);
    atomic_store(&cfg.colour, wants_colour(fd, format));
}

/* Takes the line. */
static void emit_marked(int fd, struct buf *line, enum log_level level) {
    struct buf shown;
    buf_init(&shown);
    show_marked(&shown, line->p, line->n, level);
    bool lost = !buf_ok(line) || !buf_ok(&shown) || write_all(fd, shown.p, shown.n) < 0;
    if (lost) stat_add(STAT_LOG_DROPPED, 1);
    buf_free(&shown);
    buf_free(line);
}

void log_direct(enum log_level level, enum log_format format, int fd) {
    configure(level, format, fd);
}

/* Without a writer: to the descriptor at once. */
static void emit_now(enum log_level level, uint64_t now, const char *message,
                     const struct log_field *fields) {
    struct buf line;
    buf_init(&line);
    int fd = atomic_load(&cfg.fd);
    if (atomic_load(&cfg.format) == LOG_AUTO) {
        configure((enum log_level)atomic_load(&cfg.level), LOG_AUTO, fd);
    }
    put_line(&line, level, now, message, fields);
    if (format_now() == LOG_DEV) {
        emit_marked(fd, &line, level);
        return;
    }
    size_t n = line.n;
    char *painted = atomic_load(&cfg.colour) ? buf_room(&line, n + PAINT_N) : line.p;
    if (!buf_ok(&line)) {
        stat_add(STAT_LOG_DROPPED, 1);
    } else {
        remember(line.p, (uint32_t)n, level);
        if (painted != line.p) n = paint(painted, line.p, n, level);
        if (write_all(fd, painted, n)) stat_add(STAT_LOG_DROPPED, 1);
    }
    buf_free(&line);
}

void log_emit(enum log_level level, const char *message, const struct log_field *fields) {
    assert(level >= LOG_DEBUG && level <= LOG_ERROR && message);
    uint64_t now = clock_ns(CLOCK_REALTIME), order = clock_ns(CLOCK_MONOTONIC);
    struct ring *r = atomic_load(&cfg.running) ? ring_mine() : NULL;
    if (!r) {
        if (atomic_load(&cfg.running))
            drop();
        else
            emit_now(level, now, message, fields);
        return;
    }
    buf_clear(&r->line);
    put_line(&r->line, level, now, message, fields);
    atomic_store(&r->busy, true);
    bool running = atomic_load(&cfg.running);
    if (running) ring_push(r, level, order);
    atomic_store(&r->busy, false);
    if (!running) emit_now(level, now, message, fields);
}

/* The writer takes no signals: they are for threads that know what to do, and a closed pipe is an
 * error of write() instead of the end of the process. Except for INTERRUPT, which does nothing
 * until log_stop gives it a handler. */
static int start_thread(void) {
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, INTERRUPT);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int rc = pthread_create(&writer.thread, NULL, writer_main, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -rc;
}

/* Counts and forgets what a writer that gave up left; nothing after an orderly end. */
static void discard(void) {
    pthread_mutex_lock(&rings.lock);
    LIST_EACH(&rings.all, it) {
        struct ring *r = LIST_ENTRY(it, struct ring, link);
        for (struct record rec; ring_peek(r, &rec); writer.lines++)
            atomic_fetch_add(&r->tail, sizeof rec + rec.n);
    }
    pthread_mutex_unlock(&rings.lock);
    stat_add(STAT_LOG_DROPPED, (int64_t)writer.lines);
    atomic_store(&writer.dropped, 0);
}

static void set_writer(bool there) {
    pthread_mutex_lock(&rings.lock);
    rings.writer = there;
    pthread_mutex_unlock(&rings.lock);
}

static void release(void) {
    set_writer(false);
    sweep();
    if (writer.wake >= 0) close(writer.wake);
    writer.wake = -1;
    mem_free(writer.batch);
    writer.batch = NULL;
}

int log_start(enum log_level level, enum log_format format, int fd) {
    if (atomic_load(&cfg.running)) return -EALREADY;
    if (fd < 0) return -EBADF;
    configure(level, format, fd);
    writer.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = writer.wake < 0 ? -errno : 0;
    if (!rc && !(writer.batch = mem_alloc(BATCH_SIZE))) rc = -ENOMEM;
    if (rc) goto fail;
    writer.n = 0;
    writer.lines = 0;
    writer.done = false;
    pthread_cond_init(&writer.ended, NULL);
    atomic_store(&writer.stop, false);
    atomic_store(&writer.idle, BUSY);
    set_writer(true);
    rc = start_thread();
    if (rc) goto fail;
    atomic_store(&cfg.running, true);
    return 0;
fail:
    release();
    return rc;
}

/* Waits until the writer has ended, at most `ms` milliseconds. */
static bool wait_done(long ms) {
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&writer.lock);
    while (!writer.done && rc == 0)
        rc = pthread_cond_timedwait(&writer.ended, &writer.lock, &until);
    bool done = writer.done;
    pthread_mutex_unlock(&writer.lock);
    return done;
}

static void interrupted(int sig) {
    (void)sig;
}

/* Gets the writer out of a write() that does not end. It may be about to enter one: asked again
 * until it is out. */
static void give_up(void) {
    struct sigaction quiet = {.sa_handler = interrupted}, old;
    sigaction(INTERRUPT, &quiet, &old);
    atomic_store(&writer.abandon, true);
    do
        pthread_kill(writer.thread, INTERRUPT);
    while (!wait_done(10));
    sigaction(INTERRUPT, &old, NULL);
}

/* A reader that stopped reading must not keep the process from ending. */
void log_stop(void) {
    if (!atomic_exchange(&cfg.running, false)) return;
    atomic_store(&writer.stop, true);
    uint64_t one = 1;
    while (write(writer.wake, &one, sizeof one) < 0 && errno == EINTR) {
    }
    if (!wait_done(STOP_WAIT_MS)) give_up();
    pthread_join(writer.thread, NULL);
    wait_for_producers();
    discard();
    atomic_store(&writer.abandon, false);
    pthread_cond_destroy(&writer.ended);
    release();
}
