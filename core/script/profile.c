/*
 * profile: see profile.h. The timer counts the processor time of the worker's own thread and
 * signals that thread, so an idle host takes no samples. Memory is bounded: stacks are cut, and
 * when there are too many different ones the rest is only counted.
 */
#include "core/script/profile.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/script/resident.h"
#include "core/script/sched.h"

#define STACKS_MAX 4000
#define BYTES_MAX  (4u << 20)
#define FRAMES_MAX 48 /* of a coroutine, the innermost */
#define NAME_MAX_  80 /* bytes of a function's name */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* ---- taking samples -------------------------------------------------------------------------- */

/* Blanks and semicolons have a meaning in folded stacks. */
static void put_name(struct buf *out, const char *name) {
    for (size_t i = 0; name[i] && i < NAME_MAX_; i++) {
        bool fits = (unsigned char)name[i] > ' ' && name[i] != ';';
        buf_char(out, fits ? name[i] : '_');
    }
}

/* ;file:function:line */
static void put_frame(struct buf *out, lua_State *L, lua_Debug *at) {
    lua_getinfo(L, "Sln", at);
    if (at->currentline < 0 && !*at->namewhat) return; /* a host function without a name */
    buf_char(out, ';');
    put_name(out, at->short_src);
    buf_char(out, ':');
    if (*at->namewhat)
        put_name(out, at->name);
    else if (*at->what == 'm')
        buf_str(out, STR("main"));
    else
        buf_printf(out, "function@%d", at->linedefined);
    if (at->currentline > 0) buf_printf(out, ":%d", at->currentline);
}

static void put_stack(struct buf *out, lua_State *L) {
    lua_Debug at;
    int n = 0;
    while (n < FRAMES_MAX && lua_getstack(L, n, &at))
        n++;
    if (lua_getstack(L, n, &at)) buf_str(out, STR(";..."));
    for (int level = n - 1; level >= 0 && lua_getstack(L, level, &at); level--)
        put_frame(out, L, &at);
}

static int add(struct profile *p, struct str stack, uint64_t times) {
    uint64_t before = (uintptr_t)map_get(&p->stacks, stack);
    if (!before && p->bytes + stack.n > BYTES_MAX) return -ENOSPC;
    int rc = map_put(&p->stacks, stack, (void *)(uintptr_t)(before + times));
    if (rc == 0 && !before) p->bytes += stack.n;
    return rc;
}

/* Of coroutines inside each other the task's and the innermost are shown. */
void profile_take(struct profile *p, lua_State *L, const struct task *t) {
    const struct vm *vm = vm_of(L);
    const struct resident *r = vm->owner;
    p->taken++;
    if (p->only && (!r || r->service != p->only)) return;
    buf_clear(&p->line);
    put_name(&p->line, r && r->host[0] ? r->host : vm->options.name);
    if (t && t->co != L) put_stack(&p->line, t->co);
    if (t && t->co != L) buf_str(&p->line, STR(";(coroutine)"));
    put_stack(&p->line, L);
    if (!buf_ok(&p->line) || add(p, buf_view(&p->line), 1) < 0) p->others++;
}

/* ---- its life -------------------------------------------------------------------------------- */

int profile_begin(struct profile *p, struct worker *w, struct service *only) {
    struct watchdog_mark *m = watchdog_of(w);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WATCHDOG_SIGNAL};
    struct itimerspec each = {{0, 1000000000 / PROFILE_HZ}, {0, 1000000000 / PROFILE_HZ}};
    timer_t timer;
    *p = (struct profile){.only = only};
    map_init(&p->stacks, STACKS_MAX);
    buf_init(&p->line);
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) < 0) return -errno;
    if (watchdog_mine != m) watchdog_adopt(m);
    atomic_store(&m->profile, p);
    p->timer = timer;
    p->timed = true;
    if (timer_settime(timer, 0, &each, NULL) == 0) return 0;
    int code = -errno;
    profile_end(p, w);
    return code;
}

void profile_end(struct profile *p, struct worker *w) {
    if (p->timed) timer_delete(p->timer);
    p->timed = false;
    atomic_store(&watchdog_of(w)->profile, NULL);
}

void profile_free(struct profile *p) {
    map_free(&p->stacks);
    buf_free(&p->line);
}

int profile_merge(struct profile *to, const struct profile *from) {
    struct str stack;
    void *times;
    atomic_fetch_add(&to->ticks, atomic_load(&from->ticks));
    to->taken += from->taken;
    to->others += from->others;
    for (size_t it = 0; map_next(&from->stacks, &it, &stack, &times);) {
        int rc = add(to, stack, (uintptr_t)times);
        if (rc == -ENOMEM) return rc;
        if (rc < 0) to->others += (uintptr_t)times;
    }
    return 0;
}

void profile_print(const struct profile *p, struct buf *out) {
    uint64_t ticks = atomic_load(&p->ticks);
    struct str stack;
    void *times;
    for (size_t it = 0; map_next(&p->stacks, &it, &stack, &times);)
        buf_printf(out, "%.*s %llu\n", STR_FMT(stack), (unsigned long long)(uintptr_t)times);
    if (p->others) buf_printf(out, "(others) %llu\n", (unsigned long long)p->others);
    if (!p->only && ticks > p->taken)
        buf_printf(out, "(host) %llu\n", (unsigned long long)(ticks - p->taken));
}
