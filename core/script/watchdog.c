/*
 * watchdog: the thread that looks at the workers, the signal, and the hook.
 *
 *     watchdog thread                worker, inside lua_resume
 *     turn 7, met before: +5 ms
 *     over soft: SIGUSR2 ----------> handler: lua_sethook(active)
 *                                    next instruction: hook: yield, or raise, or nothing
 *
 * What the two tell each other is in struct watchdog_mark, all of it atomic; no lock is taken on a
 * worker except to say which thread it is. A signal that comes late finds another turn, or none:
 * the hook looks at the turn again and takes itself away.
 *
 * The same thread and signal serve to find loops that do not turn: stuck.c.
 *
 * lua_sethook is the one function of Lua that a signal handler may call (lua.c does). Of the hooks,
 * count hooks may yield, and they fire in Lua code only: a C function must not take long by itself
 * (see sandbox.c).
 */
#include "core/script/watchdog.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/stat.h"
#include "core/script/profile.h"
#include "core/script/slow.h"
#include "core/script/task.h"

/* Looks without any worker inside Lua until the thread goes to sleep. */
#define QUIET_LOOKS 50
#define TICK_MIN_NS 500000
/* Between two looks more time may pass than it asked for. What is longer than this was a pause of
 * the whole process, or of the machine, and does not count as time without a turn. */
#define LATE_NS 250000000

_Thread_local struct watchdog_mark *watchdog_mine;
_Atomic bool watchdog_asleep;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* signalled to stop and to end a sleep */
    struct list marks;   /* struct watchdog_mark.link */
    pthread_t thread;    /* while `running` */
    bool running, stop;  /* under `lock` */
    uint64_t tick;       /* ns between looks */
    uint64_t looked;     /* when it looked last, and the wait that it asked for before */
    uint64_t asked;
    void (*leave)(const char *why); /* see stuck_start */
    uint64_t soft, hard, cpu;       /* limits in ns; constant while running */
    uint64_t first;                 /* ns of a turn after which the hook has something to do */
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .marks = {&dog.marks, &dog.marks}};

/* ---- the worker's side ----------------------------------------------------------------------- */

/* Two ways to stop a task that is over its limit. Where it may yield it does, and is never resumed:
 * nothing can catch that, and its <close> variables run when its coroutine is closed. Inside a C
 * call it cannot, so an error is raised, again at every instruction, until the C call has been left
 * and a yield is possible, or the coroutine is dead. While an error that a hook raised is on its
 * way, Lua keeps hooks switched off; whatever ran then could not be stopped. So message handlers of
 * xpcall are not called (sandbox.c), and a coroutine that died of it is not closed by running its
 * <close> variables (CORO_KILLED) but left to the collector.
 */

bool watchdog_spent(struct task *t, uint64_t more) {
    bool over = false;
    for (struct task *p = t; p; p = p->parent) {
        uint64_t most = p->cpu_most && p->cpu_most < dog.cpu ? p->cpu_most : dog.cpu;
        if (p->cpu + more <= most + p->cpu_rested) continue;
        p->overrun = over = true;
    }
    if (over) t->overrun = true;
    return over;
}

/* `at` may be NULL: nobody knows. */
static void remember_where(struct watchdog_mark *m, lua_State *L, lua_Debug *at) {
    if (m->killing) return;
    m->killing = true;
    snprintf(m->where, sizeof m->where, "?");
    if (at && lua_getinfo(L, "Sl", at))
        snprintf(m->where, sizeof m->where, "%s:%d", at->short_src, at->currentline);
}

/* Raised in C, it leaves hooks on: the first instruction that is reached raises again. */
void watchdog_check(lua_State *L) {
    struct vm *vm = vm_of(L);
    struct watchdog_mark *m = watchdog_of(vm->worker);
    struct task *t = vm->running;
    bool running = t && t->state == TASK_RUNNING;
    if (!m->killing) {
        uint64_t turn = atomic_load_explicit(&m->turn, memory_order_relaxed);
        if (atomic_load_explicit(&m->seen, memory_order_acquire) != turn) return;
        uint64_t spent = atomic_load_explicit(&m->spent, memory_order_relaxed);
        uint64_t sampled = atomic_load_explicit(&m->sampled, memory_order_relaxed);
        if (running) slow_look(L, t, spent);
        if (spent < dog.hard && !(running && watchdog_spent(t, sampled))) return;
    }
    lua_Debug at;
    remember_where(m, L, lua_getstack(L, 1, &at) ? &at : NULL);
    if (running) t->overrun = true;
    watchdog_arm(L);
    lua_pushstring(L, WATCHDOG_MESSAGE);
    lua_error(L);
}

/* In a hook lua_yield returns, and the yield happens when the hook has returned. */
static void force_yield(lua_State *L, struct vm *vm, lua_Debug *at) {
    lua_sethook(L, NULL, 0, 0);
    lua_getinfo(L, "l", at);
    vm->running->gave_way = at->currentline;
    vm->host_yield = true;
    lua_yield(L, 0);
}

/* For the profile that is being taken. A signal that came in another turn asked for another stack.
 */
static void sample(lua_State *L, struct watchdog_mark *m, uint64_t turn) {
    uint64_t wanted = atomic_exchange_explicit(&m->sample, 0, memory_order_relaxed);
    struct profile *p = atomic_load_explicit(&m->profile, memory_order_relaxed);
    if (p && wanted == turn) profile_take(p, L, vm_of(L)->running);
}

static void hook(lua_State *L, lua_Debug *at) {
    struct vm *vm = vm_of(L);
    struct watchdog_mark *m = watchdog_of(vm->worker);
    struct task *t = vm->running;
    uint64_t turn = atomic_load_explicit(&m->turn, memory_order_relaxed);
    bool met = atomic_load_explicit(&m->seen, memory_order_acquire) == turn;
    uint64_t spent = met ? atomic_load_explicit(&m->spent, memory_order_relaxed) : 0;
    uint64_t sampled = met ? atomic_load_explicit(&m->sampled, memory_order_relaxed) : 0;
    bool running = t && t->state == TASK_RUNNING;
    bool may_yield = vm->barrier == 0 && lua_isyieldable(L);

    if (atomic_load_explicit(&m->sample, memory_order_relaxed)) sample(L, m, turn);
    if (m->killing || (met && (spent >= dog.hard || (running && watchdog_spent(t, sampled))))) {
        remember_where(m, L, at);
        if (running) t->overrun = true;
        if (running && may_yield) {
            force_yield(L, vm, at);
            return;
        }
        watchdog_arm(L);
        lua_pushstring(L, WATCHDOG_MESSAGE);
        lua_error(L);
    }
    /* Off until the watchdog says so again: at its next look if this turn is still the same. */
    lua_sethook(L, NULL, 0, 0);
    if (met && running) slow_look(L, t, spent);
    if (!met || spent < dog.soft || !running || !may_yield) return;
    stat_add(STAT_TASK_YIELDS, 1);
    t->stretch += spent;
    force_yield(L, vm, at);
}

void watchdog_arm(lua_State *L) {
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

/* Sent by the watchdog, or by the timer of a profile. */
static void on_signal(int number, siginfo_t *info, void *context) {
    struct watchdog_mark *m = watchdog_mine;
    if (!m || stuck_answer(m)) return; /* whoever sent it: signals of two may come as one */
    bool timer = info->si_code == SI_TIMER;
    struct profile *p = timer ? atomic_load_explicit(&m->profile, memory_order_relaxed) : NULL;
    if (p) profile_tick(p);
    uint64_t turn = atomic_load_explicit(&m->turn, memory_order_relaxed);
    if (!(turn & 1)) return;
    if (p) atomic_store_explicit(&m->sample, turn, memory_order_relaxed);
    lua_State *L = atomic_load_explicit(&m->active, memory_order_relaxed);
    if (L) watchdog_arm(L);
}

void watchdog_charge(struct watchdog_mark *m, struct vm *vm, struct task *t) {
    atomic_thread_fence(memory_order_acquire);
    uint64_t ns = atomic_load_explicit(&m->sampled, memory_order_relaxed);
    vm->cpu += ns;
    for (; t; t = t->parent)
        t->cpu += ns;
}

void watchdog_adopt(struct watchdog_mark *m) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, WATCHDOG_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_mutex_lock(&dog.lock);
    m->thread = pthread_self();
    m->tid = gettid();
    m->known = true;
    if (pthread_getcpuclockid(m->thread, &m->clock) != 0) m->clock = CLOCK_MONOTONIC;
    watchdog_mine = m;
    pthread_mutex_unlock(&dog.lock);
}

void watchdog_wake(void) {
    pthread_mutex_lock(&dog.lock);
    atomic_store_explicit(&watchdog_asleep, false, memory_order_relaxed);
    pthread_cond_broadcast(&dog.wake);
    pthread_mutex_unlock(&dog.lock);
}

void watchdog_open(struct watchdog_mark *m, struct worker *w) {
    m->worker = w;
    if (worker_self() == w) watchdog_adopt(m);
    pthread_mutex_lock(&dog.lock);
    list_push(&dog.marks, &m->link);
    pthread_mutex_unlock(&dog.lock);
}

void watchdog_close(struct watchdog_mark *m) {
    pthread_mutex_lock(&dog.lock);
    list_unlink(&m->link);
    pthread_mutex_unlock(&dog.lock);
    if (watchdog_mine == m) watchdog_mine = NULL;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void watchdog_signal(const struct watchdog_mark *m) {
    if (m->known) pthread_kill(m->thread, WATCHDOG_SIGNAL);
}

int watchdog_stuck(struct buf *out) {
    int n = 0;
    pthread_mutex_lock(&dog.lock);
    LIST_EACH(&dog.marks, it) {
        const struct watchdog_mark *m = LIST_ENTRY(it, struct watchdog_mark, link);
        uint32_t ms = atomic_load_explicit(&m->stuck.since_ms, memory_order_relaxed);
        if (!ms) continue;
        buf_printf(out, "%s{\"worker\":%d,\"ms\":%u}", n++ ? "," : "", m->worker->index, ms);
    }
    pthread_mutex_unlock(&dog.lock);
    return n;
}

/* True when the worker is inside Lua, or was since the last look. */
static bool look(struct watchdog_mark *m) {
    uint64_t turn = atomic_load_explicit(&m->turn, memory_order_acquire);
    bool changed = turn != m->last;
    m->last = turn;
    if (!(turn & 1)) return changed;
    uint64_t now = clock_ns(m->clock);
    if (turn != atomic_load_explicit(&m->seen, memory_order_relaxed)) {
        m->base = now;
        atomic_store_explicit(&m->spent, 0, memory_order_relaxed);
        atomic_store_explicit(&m->sampled, dog.tick, memory_order_relaxed);
        atomic_store_explicit(&m->seen, turn, memory_order_release);
        return true;
    }
    uint64_t spent = now > m->base ? now - m->base : 0;
    atomic_store_explicit(&m->spent, spent, memory_order_relaxed);
    atomic_store_explicit(&m->sampled, spent + dog.tick, memory_order_relaxed);
    if (spent >= dog.first) pthread_kill(m->thread, WATCHDOG_SIGNAL);
    return true;
}

static bool look_around(void) {
    bool active = false;
    uint64_t now = clock_ns(CLOCK_MONOTONIC), passed = now - dog.looked;
    dog.looked = now;
    if (passed > dog.asked + LATE_NS) passed = dog.asked + LATE_NS;
    LIST_EACH(&dog.marks, it) {
        struct watchdog_mark *m = LIST_ENTRY(it, struct watchdog_mark, link);
        active = look(m) || active;
        stuck_look(m, passed);
    }
    return active;
}

/* Waits with the lock given back. */
static void wait_ns(uint64_t ns) {
    struct timespec t;
    dog.asked = ns;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&dog.wake, &dog.lock, &t);
}

static void set_asleep(bool asleep) {
    atomic_store_explicit(&watchdog_asleep, asleep, memory_order_relaxed);
}

/* Until a worker enters Lua. One that read `watchdog_asleep` just before it was set is seen by the
 * look a tick later. */
static void sleep_until_woken(void) {
    set_asleep(true);
    wait_ns(dog.tick);
    while (!dog.stop && atomic_load_explicit(&watchdog_asleep, memory_order_relaxed)) {
        if (look_around()) break;
        wait_ns(stuck_look_ns());
    }
    set_asleep(false);
}

static void *run(void *arg) {
    pthread_mutex_lock(&dog.lock);
    for (int quiet = 0; !dog.stop;) {
        wait_ns(dog.tick);
        quiet = look_around() ? 0 : quiet + 1;
        if (quiet < QUIET_LOOKS) continue;
        sleep_until_woken();
        quiet = 0;
    }
    pthread_mutex_unlock(&dog.lock);
    return NULL;
}

void watchdog_on_stuck(void (*leave)(const char *why)) {
    dog.leave = leave;
}

static int init_wake(void) {
    pthread_condattr_t attr;
    int r = pthread_condattr_init(&attr);
    if (r != 0) return -r;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    r = pthread_cond_init(&dog.wake, &attr);
    pthread_condattr_destroy(&attr);
    return -r;
}

int watchdog_start(struct err *e) {
    assert(!dog.running);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    if (sigaction(WATCHDOG_SIGNAL, &action, NULL) != 0)
        return err_set(e, -errno, "cannot watch over scripts: %s", strerror(errno));
    int r = init_wake();
    if (r < 0) return err_set(e, r, "cannot watch over scripts: %s", strerror(-r));
    dog.soft = conf.lua_turn_soft;
    dog.hard = conf.lua_turn_hard;
    dog.cpu = conf.lua_cpu;
    stuck_start(dog.leave);
    dog.first = conf.slow_turn && conf.slow_turn < dog.soft ? conf.slow_turn : dog.soft;
    dog.tick = dog.first / 2 > TICK_MIN_NS ? dog.first / 2 : TICK_MIN_NS;
    if (dog.tick > stuck_look_ns()) dog.tick = stuck_look_ns();
    dog.stop = false;
    dog.looked = clock_ns(CLOCK_MONOTONIC);
    r = worker_thread(&dog.thread, "watchdog", run, NULL);
    if (r < 0) {
        pthread_cond_destroy(&dog.wake);
        return err_set(e, r, "cannot start the watchdog's thread: %s", strerror(-r));
    }
    dog.running = true;
    return 0;
}

/* The handler stays: a signal that is still under way must find it. */
void watchdog_stop(void) {
    if (!dog.running) return;
    pthread_mutex_lock(&dog.lock);
    dog.stop = true;
    pthread_cond_broadcast(&dog.wake);
    pthread_mutex_unlock(&dog.lock);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.wake);
    dog.running = false;
}
