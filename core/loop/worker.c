/*
 * worker: the thread, its loop, its clock and its slabs. See worker.h for what it is for.
 *
 * One iteration of libuv's loop, and where a turn begins and ends in it:
 *
 *     timers, pending write callbacks     still the turn that the last poll began
 *     prepare                             runs `turns`, then turn_started = 0
 *     poll                                blocks, unless `spin` is active
 *     I/O callbacks                       the first one begins the turn (worker_enter)
 *     check                               begins it if no I/O did (a timeout); runs `turns`
 *     close callbacks
 *
 * `turns` run once per poll while they are busy: when check's run left more to do, prepare skips
 * its own, so that sockets are served between two rounds. turn_started is therefore never 0 while
 * code of ours runs, and never older than the last poll.
 */
#include "core/loop/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"

/* Messages delivered in one go: a flood must not keep the loop from its sockets. */
#define DELIVER_MAX 1024
/* Loop turns that worker_free grants to closes that close something else. */
#define CLOSE_TURNS 64
/* That a thread takes for its heap; the states of the platform's services alone fill 3 MB. */
#define HEAP_ROOM ((size_t)8 * 1024 * 1024)

struct worker **workers;
int worker_count;

static _Thread_local struct worker *self;

struct worker *worker_self(void) {
    return self;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void write_date(struct worker *w, int64_t second) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)second;
    struct tm tm;
    if (!gmtime_r(&t, &tm)) memset(&tm, 0, sizeof tm);
    /* Four digits of year are all that the format has room for. */
    snprintf(w->date, sizeof w->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[(unsigned)tm.tm_wday % 7], tm.tm_mday, months[(unsigned)tm.tm_mon % 12],
             (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    w->date_second = second;
}

/* From the loop's own clock, which it read after poll. The wall clock is asked once per second. */
static void tick(struct worker *w) {
    w->now_ms = uv_now(&w->loop);
    if (w->now_ms < w->date_due) return;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    if (wall.tv_sec != w->date_second) write_date(w, wall.tv_sec);
    w->date_due = w->now_ms + 1000 - (uint64_t)wall.tv_nsec / 1000000;
}

void worker_clock(struct worker *w) {
    uv_update_time(&w->loop);
    tick(w);
}

void worker_turn_begin(struct worker *w) {
    atomic_store_explicit(&w->turn_started, uv_hrtime(), memory_order_relaxed);
    tick(w);
}

static void turn_end(struct worker *w) {
    atomic_store_explicit(&w->turn_started, 0, memory_order_relaxed);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void spin(uv_idle_t *idle) {
    (void)idle; /* being active is all it is for */
}

/* Runs every turn that is there now, once. A turn may add or remove any: the list is walked by
 * rotating it past a mark, so no pointer is held across a call. */
static void run_turns(struct worker *w) {
    struct list mark;
    bool more = false;
    w->soon = false;
    list_push(&w->turns, &mark);
    for (struct list *node; (node = w->turns.next) != &mark;) {
        list_unlink(node);
        list_push(&w->turns, node);
        struct worker_turn *t = LIST_ENTRY(node, struct worker_turn, link);
        if (t->run(t)) more = true;
    }
    list_unlink(&mark);
    w->more = more || w->soon;
    if (w->more)
        uv_idle_start(&w->spin, spin);
    else
        uv_idle_stop(&w->spin);
}

static void before_poll(uv_prepare_t *prepare) {
    struct worker *w = prepare->loop->data;
    worker_enter(w);
    if (!w->more) run_turns(w);
    turn_end(w);
}

static void after_poll(uv_check_t *check) {
    struct worker *w = check->loop->data;
    worker_enter(w);
    run_turns(w);
}

void worker_turn_add(struct worker *w, struct worker_turn *t) {
    list_push(&w->turns, &t->link);
}

void worker_turn_remove(struct worker_turn *t) {
    list_unlink(&t->link);
}

void worker_turn_soon(struct worker *w) {
    /* No need to touch the loop: prepare or check comes before it can block. */
    w->soon = true;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Not inlined: gcc 12 with link-time optimization warns about receivers that are NULL before they
 * are set. */
__attribute__((noinline)) void worker_post(struct worker *to, struct message *m) {
    if (mailbox_push(&to->mailbox, m)) uv_async_send(&to->wake);
}

static int deliver(struct worker *w, int most) {
    int n = 0;
    for (struct message *m; n < most && (m = mailbox_pop(&w->mailbox)); n++)
        m->deliver(m);
    stat_add(STAT_MESSAGES, n);
    return n;
}

static void woken(uv_async_t *wake) {
    struct worker *w = wake->loop->data;
    worker_enter(w);
    if (deliver(w, DELIVER_MAX) == DELIVER_MAX) uv_async_send(&w->wake);
    if (atomic_load_explicit(&w->stopping, memory_order_acquire)) uv_stop(&w->loop);
}

/* ---- slabs ----------------------------------------------------------------------------------- */

char *worker_slab_take(struct worker *w) {
    struct list *spare = list_pop(&w->slabs);
    char *fresh = (char *)spare;
    if (spare)
        w->spare_slabs--;
    else
        fresh = mem_alloc(WORKER_SLAB);
    if (!fresh) return NULL;
    char *taken = w->slab;
    w->slab = fresh;
    return taken;
}

void worker_slab_give(struct worker *w, char *slab) {
    if (!slab) return;
    if (slab == w->lent) {
        w->lent_back = true;
    } else if (w->spare_slabs >= WORKER_SPARES) {
        mem_free(slab);
    } else {
        list_push_front(&w->slabs, (struct list *)(void *)slab);
        w->spare_slabs++;
    }
}

void worker_slab_lend(struct worker *w, char *slab) {
    assert(!w->lent);
    w->lent = slab;
    w->lent_back = false;
}

void worker_slab_lent(struct worker *w) {
    char *slab = w->lent;
    w->lent = NULL;
    if (w->lent_back) worker_slab_give(w, slab);
    w->lent_back = false;
}

static void free_slabs(struct worker *w) {
    for (struct list *spare; (spare = list_pop(&w->slabs));)
        mem_free(spare);
    mem_free(w->slab);
    w->slab = NULL;
    w->spare_slabs = 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void ignore_sigpipe(void) {
    signal(SIGPIPE, SIG_IGN);
}

int worker_init(struct worker *w, int index, struct err *e) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ignore_sigpipe);
    memset(w, 0, sizeof *w);
    w->index = index;
    list_init(&w->turns);
    list_init(&w->slabs);
    mailbox_init(&w->mailbox);
    w->slab = mem_alloc(WORKER_SLAB);
    if (!w->slab) return err_set(e, -ENOMEM, "out of memory for an event loop");
    int r = uv_loop_init(&w->loop);
    if (r < 0) goto no_loop;
    w->loop.data = w;
    r = uv_async_init(&w->loop, &w->wake, woken);
    if (r < 0) goto no_wake;
    /* These cannot fail: they only link the handles into the loop. */
    timers_init(&w->timers, &w->loop);
    uv_prepare_init(&w->loop, &w->prepare);
    uv_prepare_start(&w->prepare, before_poll);
    uv_check_init(&w->loop, &w->check);
    uv_check_start(&w->check, after_poll);
    uv_idle_init(&w->loop, &w->spin);
    worker_clock(w);
    if (index < 0) self = w;
    return 0;
no_wake:
    uv_loop_close(&w->loop);
no_loop:
    free_slabs(w);
    return err_set(e, r, "cannot make an event loop: %s", uv_strerror(r));
}

void worker_run(struct worker *w) {
    self = w;
    worker_clock(w);
    worker_enter(w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    turn_end(w);
    atomic_store_explicit(&w->stopping, false, memory_order_relaxed);
}

void worker_adopt(struct worker *w) {
    self = w;
}

void worker_stop(struct worker *w) {
    atomic_store_explicit(&w->stopping, true, memory_order_release);
    uv_async_send(&w->wake);
}

int worker_thread(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&blocked, faults[i]);
    /* Blocked before it exists: a signal that is meant for the main thread never finds it. */
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int r = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) return -r;
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(*thread, cut);
    return 0;
}

/* What worker_start and the new thread tell each other; on worker_start's stack. */
struct start {
    struct worker *w;
    int (*on_start)(struct worker *w, struct err *e);
    struct err *e;
    uv_sem_t started; /* posted once on_start is through; the thread forgets the struct then */
    int result;
};

static void *thread_main(void *arg) {
    struct start *s = arg;
    struct worker *w = s->w;
    sigset_t watchdog;
    sigemptyset(&watchdog);
    sigaddset(&watchdog, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &watchdog, NULL);
    self = w;
    mem_make_room(HEAP_ROOM);
    worker_clock(w);
    int result = s->on_start ? s->on_start(w, s->e) : 0;
    s->result = result;
    uv_sem_post(&s->started);
    if (result >= 0) worker_run(w);
    return NULL;
}

int worker_start(struct worker *w, const char *name,
                 int (*on_start)(struct worker *w, struct err *e), struct err *e) {
    assert(!w->running);
    struct start s = {.w = w, .on_start = on_start, .e = e};
    int r = uv_sem_init(&s.started, 0);
    if (r < 0) return err_set(e, r, "cannot start thread %s: %s", name, uv_strerror(r));
    r = worker_thread(&w->thread, name, thread_main, &s);
    if (r < 0) {
        uv_sem_destroy(&s.started);
        return err_set(e, r, "cannot start thread %s: %s", name, uv_strerror(r));
    }
    uv_sem_wait(&s.started);
    uv_sem_destroy(&s.started);
    if (s.result < 0)
        pthread_join(w->thread, NULL);
    else
        w->running = true;
    return s.result;
}

/* Closes what worker_init opened and lets the loop finish every close that is under way. */
static int close_loop(struct worker *w) {
    timers_close(&w->timers);
    uv_close((uv_handle_t *)&w->prepare, NULL);
    uv_close((uv_handle_t *)&w->check, NULL);
    uv_close((uv_handle_t *)&w->spin, NULL);
    uv_close((uv_handle_t *)&w->wake, NULL);
    int r = UV_EBUSY;
    for (int i = 0; i < CLOSE_TURNS && r == UV_EBUSY; i++) {
        while (deliver(w, DELIVER_MAX) > 0) {
        }
        uv_run(&w->loop, UV_RUN_NOWAIT);
        r = uv_loop_close(&w->loop);
    }
    return r;
}

void worker_free(struct worker *w) {
    if (w->running) pthread_join(w->thread, NULL);
    w->running = false;
    struct worker *before = self;
    self = w;
    int r = close_loop(w);
    turn_end(w);
    if (r != 0) {
        uv_print_all_handles(&w->loop, stderr);
        log_error("handles were left open on a worker", LOGI("worker", w->index));
        assert(!"handles were left open on a worker");
    }
    timers_free(&w->timers);
    free_slabs(w);
    self = before == w ? NULL : before;
}
