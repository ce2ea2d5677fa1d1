/*
 * fault: where an error began. An error that leaves a coroutine takes that coroutine's stack with
 * it, and one that leaves a task takes the task's; what was on them is written down when that
 * happens and belongs to the error for as long as it is the same one. Called by coro.c when a
 * script's coroutine died, by lib_task.c when a child's error becomes its parent's, by task.c for
 * the traceback. Costs nothing while nothing fails. Allocates nothing in the state.
 */
#include "core/base/mem.h"
#include "core/script/sched.h"

#define FAULT_MAX  8192 /* bytes of trace */
#define ERROR_TAIL 512  /* bytes of an error's text that tell it from others */

struct fault {
    struct buf trace;   /* of the coroutines that it has left, the innermost first */
    struct buf text;    /* the end of an error that is text */
    const void *object; /* an error that is none; never looked into */
};

/* The end of the text on top; p = NULL when it is no text. */
static struct str tail_of(lua_State *co) {
    size_t n;
    if (lua_type(co, -1) != LUA_TSTRING) return STR_NONE;
    const char *p = lua_tolstring(co, -1, &n);
    size_t cut = n > ERROR_TAIL ? n - ERROR_TAIL : 0;
    return str_make(p + cut, n - cut);
}

/* A text may have got a place in front of it since. */
static bool is_same(const struct fault *f, lua_State *co) {
    if (lua_gettop(co) == 0) return false;
    struct str tail = tail_of(co);
    if (!tail.p) return f->object && f->object == lua_topointer(co, -1);
    return f->text.n > 0 && str_ends(tail, buf_view(&f->text));
}

/* The fault of the error on top of `co`, emptied when it is another one; NULL without memory. */
static struct fault *fault_for(struct task *t, lua_State *co) {
    struct fault *f = t->fault;
    if (!f) {
        f = t->fault = mem_zalloc(sizeof *f);
        if (!f) return NULL;
        buf_init(&f->trace);
        buf_init(&f->text);
    } else if (!is_same(f, co)) {
        buf_clear(&f->trace);
    }
    struct str tail = tail_of(co);
    f->object = tail.p ? NULL : lua_topointer(co, -1);
    buf_clear(&f->text);
    buf_str(&f->text, tail);
    return f;
}

void fault_left(struct task *t, lua_State *co) {
    struct fault *f = lua_gettop(co) > 0 ? fault_for(t, co) : NULL;
    if (!f || f->trace.n > FAULT_MAX) return;
    vm_traceback(co, 0, &f->trace);
    buf_str(&f->trace, STR("\nresumed from:\n"));
}

void fault_passed(struct task *to, const struct task *child) {
    struct fault *f = lua_gettop(child->co) > 0 ? fault_for(to, child->co) : NULL;
    if (!f || f->trace.n > FAULT_MAX) return;
    buf_str(&f->trace, str_first(buf_view(&child->trace), FAULT_MAX));
    buf_str(&f->trace, STR("\nwaited for by:\n"));
}

struct str fault_trace(const struct task *t) {
    const struct fault *f = t->fault;
    return f && is_same(f, t->co) ? buf_view(&f->trace) : STR_NONE;
}

void fault_free(struct task *t) {
    struct fault *f = t->fault;
    if (!f) return;
    t->fault = NULL;
    buf_free(&f->trace);
    buf_free(&f->text);
    mem_free(f);
}
