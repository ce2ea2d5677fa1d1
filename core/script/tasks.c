/*
 * tasks: see tasks.h. Runs on the worker whose tasks they are, between its turns, so that none of
 * them is inside Lua. Everything is bounded: what is beyond a bound is counted.
 */
#include "core/script/tasks.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/script/serve.h"
#include "core/script/service.h"
#include "core/script/trace.h"

#define PATH_MAX_SHOWN 100 /* bytes of a request's path */
#define WAYS           16  /* tasks shown on the way up, and on the way down */
#define CHILDREN       20  /* of a task that are shown */
#define COROUTINES     8   /* of a script, one inside the other, that are shown */

/* ---- ids ------------------------------------------------------------------------------------- */

void tasks_id(const struct task *t, struct buf *out, const char *before) {
    buf_printf(out, "%s%d-%u-%u", before, t->vm->worker->index, t->id.index, t->id.generation);
}

bool tasks_parse(struct str text, int *worker, struct task_id *id) {
    struct str parts[3], rest = text;
    uint64_t numbers[3];
    for (int i = 0; i < 3; i++) {
        if (str_cut(rest, '-', &parts[i], &rest) != (i < 2)) return false;
        if (str_u64(parts[i], &numbers[i]) < 0 || numbers[i] > UINT32_MAX) return false;
    }
    if (numbers[0] >= (uint64_t)worker_count) return false;
    *worker = (int)numbers[0];
    *id = (struct task_id){(uint32_t)numbers[1], (uint32_t)numbers[2]};
    return true;
}

/* ---- one task -------------------------------------------------------------------------------- */

static const char *kind_of(const struct task *t) {
    return t->what && strcmp(t->kind, "background") == 0 ? "ticker" : t->kind;
}

/* "GET /lab.example/nap", or the endpoint or ticker. */
static void what_of(const struct task *t, struct buf *out) {
    const struct exchange *x = t->exchange;
    if (x)
        buf_printf(out, "%.*s %.*s", STR_FMT(x->h1.head.method),
                   STR_FMT(str_first(x->h1.head.path, PATH_MAX_SHOWN)));
    else if (t->what)
        buf_str(out, str_of(t->what));
}

static void wait_of(const struct task *t, struct buf *out) {
    const struct op *op = t->op;
    if (op->kind->tell)
        op->kind->tell(op, out);
    else
        buf_str(out, str_of(op->kind->name));
}

static const char *state_of(const struct task *t) {
    static const char *const names[] = {
        [TASK_FREE] = "over",       [TASK_NEW] = "new",         [TASK_READY] = "ready",
        [TASK_RUNNING] = "running", [TASK_WAITING] = "waiting", [TASK_DONE] = "ending",
    };
    return names[t->state];
}

static double seconds_since(const struct worker *w, uint64_t ms) {
    return w->now_ms > ms ? (double)(w->now_ms - ms) / 1000 : 0;
}

/* A member whose value some function writes; left out when it writes nothing. */
static void member(struct buf *out, const char *name, const struct task *t,
                   void (*write)(const struct task *t, struct buf *out)) {
    struct buf text;
    buf_init(&text);
    write(t, &text);
    if (text.n) buf_printf(out, ",\"%s\":", name);
    if (text.n) buf_json(out, buf_view(&text));
    buf_free(&text);
}

static void member_str(struct buf *out, const char *name, struct str value) {
    if (!value.n) return;
    buf_printf(out, ",\"%s\":", name);
    buf_json(out, value);
}

/* The members of a task's object, without its braces. */
static void describe(const struct task *t, struct buf *out) {
    const struct worker *w = t->vm->worker;
    const struct resident *r = t->vm->owner;
    tasks_id(t, out, "\"id\":\"");
    buf_str(out, STR("\",\"service\":"));
    buf_json(out, str_of(r && r->host[0] ? r->host : t->vm->options.name));
    if (r) buf_printf(out, ",\"generation\":%llu", (unsigned long long)r->gen->number);
    buf_printf(out, ",\"kind\":\"%s\",\"state\":\"%s\",\"age\":%.3f,\"cpu\":%.4f", kind_of(t),
               state_of(t), seconds_since(w, t->started), (double)t->cpu / 1e9);
    member(out, "what", t, what_of);
    if (t->op && t->state == TASK_WAITING) {
        member(out, "wait", t, wait_of);
        buf_printf(out, ",\"waited\":%.3f", seconds_since(w, t->op->since));
    }
    member_str(out, "request", t->request_id);
    if (t->parent) {
        tasks_id(t->parent, out, ",\"parent\":\"");
        buf_char(out, '"');
    }
}

/* ---- the list -------------------------------------------------------------------------------- */

/* Where the list of one state's tasks has been read to. */
struct cursor {
    const struct list *tasks, *next; /* the first that was not taken */
};

static void add_cursor(struct survey_part *part, struct service *s, struct resident *r) {
    (void)s;
    struct cursor c = {&r->vm->tasks, r->vm->tasks.next};
    part->total += (uint64_t)r->vm->n_tasks;
    if (r->vm->n_tasks > 0) buf_add(part->data, (const char *)&c, sizeof c);
}

/* A state's tasks are in the order in which they began: the oldest of all is the first of some. */
static const struct task *take_oldest(struct buf *cursors) {
    struct cursor *all = (struct cursor *)(void *)cursors->p, *from = NULL;
    const struct task *oldest = NULL;
    for (size_t i = 0; i < cursors->n / sizeof *all; i++) {
        if (all[i].next == all[i].tasks) continue;
        const struct task *t = LIST_ENTRY(all[i].next, struct task, link);
        if (oldest && t->started >= oldest->started) continue;
        oldest = t;
        from = &all[i];
    }
    if (from) from->next = from->next->next;
    return oldest;
}

void tasks_look(struct survey_part *part) {
    const struct tasks_list *q = part->survey->arg;
    struct buf cursors;
    buf_init(&cursors);
    part->data = &cursors;
    survey_residents(part, add_cursor);
    worker_clock(part->worker);
    for (size_t n = 0; n < q->limit; n++) {
        const struct task *t = take_oldest(&cursors);
        if (!t) break;
        buf_str(&part->out, n ? STR(",{") : STR("{"));
        describe(t, &part->out);
        buf_char(&part->out, '}');
    }
    buf_free(&cursors);
}

/* ---- one task, with all around it ------------------------------------------------------------ */

/* ,"stack":[[frames of the innermost coroutine], …, [frames of the task's own]] */
static void add_stack(const struct task *t, struct buf *out) {
    int skip = t->n_nest > COROUTINES ? t->n_nest - COROUTINES : 0;
    buf_str(out, STR(",\"stack\":["));
    for (int i = skip; i < t->n_nest; i++) {
        trace_json(t->nest[i], i ? 0 : t->gave_way, out);
        buf_char(out, ',');
    }
    trace_json(t->co, t->n_nest ? 0 : t->gave_way, out);
    buf_char(out, ']');
}

/* The task whose bus call this one waits for, or is answering. */
static struct task *callee_of(const struct task *t) {
    return t->op && t->state == TASK_WAITING ? bus_callee(t->op) : NULL;
}

static void add_one(const struct task *t, const char *relation, struct buf *out) {
    buf_char(out, '{');
    if (relation) buf_printf(out, "\"relation\":\"%s\",", relation);
    describe(t, out);
    add_stack(t, out);
    buf_char(out, '}');
}

/* Who started it, or called it, and so on: the nearest first. */
static void add_way_up(const struct task *t, struct buf *out) {
    buf_str(out, STR(",\"up\":["));
    for (int i = 0; i < WAYS; i++) {
        const struct task *caller = bus_caller(t);
        const char *relation = t->parent ? "started by" : "called by";
        t = t->parent ? t->parent : caller;
        if (!t) break;
        if (i) buf_char(out, ',');
        add_one(t, relation, out);
    }
    buf_char(out, ']');
}

static void add_way_down(const struct task *t, struct buf *out) {
    buf_str(out, STR(",\"down\":["));
    for (int i = 0; i < WAYS && (t = callee_of(t)); i++) {
        if (i) buf_char(out, ',');
        add_one(t, "calls", out);
    }
    buf_char(out, ']');
}

static void add_children(const struct task *t, struct buf *out) {
    int n = 0;
    buf_str(out, STR(",\"children\":["));
    LIST_EACH(&t->children, it) {
        const struct task *child = LIST_ENTRY(it, struct task, sibling);
        if (++n > CHILDREN) continue;
        if (n > 1) buf_char(out, ',');
        buf_char(out, '{');
        describe(child, out);
        add_stack(child, out);
        add_way_down(child, out);
        buf_char(out, '}');
    }
    buf_printf(out, "],\"more_children\":%d", n > CHILDREN ? n - CHILDREN : 0);
}

void tasks_look_at(struct survey_part *part) {
    const struct tasks_trace *q = part->survey->arg;
    struct buf *out = &part->out;
    const struct task *t = task_find(part->worker, q->id);
    if (!t) return;
    worker_clock(part->worker);
    buf_char(out, '{');
    describe(t, out);
    add_stack(t, out);
    add_way_up(t, out);
    add_way_down(t, out);
    add_children(t, out);
    buf_char(out, '}');
}
