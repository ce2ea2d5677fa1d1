/*
 * repl: see repl.h. Called by admin and main. What a line means is lua/service/repl.lua's business,
 * which keeps the names of each session in the state that it runs in.
 *
 * A session belongs to the control thread; its lines run on one worker, one after the other: in the
 * state of the service that is in force there, whichever generation that is by then, or in a state
 * of the session's own. Messages carry all that crosses. Must never run a line on the control
 * thread.
 */
#include "core/script/repl.h"

#include <stdio.h>
#include <strings.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/resident.h"
#include "core/script/service_list.h"
#include "core/secure/seal.h"

#define SESSIONS_MAX 16
#define SOURCE_MAX   (64 * 1024) /* bytes of source; load() takes no more either */
#define WAIT_MS      20000       /* that a wait is left without an answer */
#define ABSENT_MS    10000 /* from the end of one wait to the next: else the client has left */
#define LINE_MS      50000 /* for a line, if lua_deadline is not less: clients wait a minute */

struct line;

struct session {
    struct list link;         /* in sessions */
    char id[33];              /* who knows it may use it; control thread */
    struct service *service;  /* NULL: it has a state of its own */
    struct worker *worker;    /* where its lines run; never changes */
    struct timer timer;       /* of the wait, or of the client's absence; control */
    bool gone;                /* the worker has let go of it; control */
    struct exchange *waiting; /* who is told that it ends, or NULL; control */
    struct line *line;        /* under way, or NULL; control */
    bool ended;               /* the worker has been asked to let go of it; control */
    struct message end;       /* that request, and its answer */
    struct resident *own;     /* that state, once there was a line; the worker's */
};

/* One line, from its request to its answer. */
struct line {
    struct message msg;    /* to the worker and back */
    struct message cancel; /* the same, when the client left */
    struct session *session;
    struct exchange *x; /* NULL: nobody waits for the answer; control */
    int away;           /* messages on their way; control */
    bool canceled;      /* control */
    struct buf source;
    struct buf text; /* of the answer */
    char kind[16];   /* "value", "error", "more" … */
    bool fresh;      /* the session's names are new in this state */
    struct task_id task;
    uint64_t began;
};

static struct list sessions = {&sessions, &sessions};
static int n_sessions;
static bool closing;
static void (*closed)(void);

static void line_back(struct message *m);
static void cancel_back(struct message *m);
static void end_back(struct message *m);

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_json(struct exchange *x, int status, struct buf *body) {
    if (buf_ok(body))
        exchange_answer(x, status, STR("application/json"), buf_view(body));
    else
        exchange_error(x, 503, "out of memory");
    buf_free(body);
}

static void answer_wait(struct session *s, const char *why) {
    struct exchange *x = s->waiting;
    struct buf body;
    if (!x) return;
    s->waiting = NULL;
    x->data = NULL;
    buf_init(&body);
    buf_printf(&body, "{\"ended\":%s,\"why\":", why ? "true" : "false");
    buf_json(&body, str_of(why ? why : ""));
    buf_char(&body, '}');
    answer_json(x, 200, &body);
}

static void answer_line(struct line *l) {
    struct exchange *x = l->x;
    struct buf body;
    if (!x) return;
    l->x = NULL;
    x->data = NULL;
    buf_init(&body);
    buf_printf(&body, "{\"kind\":\"%s\",\"fresh\":%s,\"text\":", l->kind,
               l->fresh ? "true" : "false");
    buf_json(&body, buf_view(&l->text));
    buf_printf(&body, ",\"ms\":%.3f}", (double)(uv_hrtime() - l->began) / 1e6);
    answer_json(x, 200, &body);
}

/* ---- on the worker --------------------------------------------------------------------------- */

static const struct generation_file scratch_files[] = {
    {STR("service.lua"), STR("return require \"service\" (...)\n")},
    {STR("service.yaml"), STR("general:\n  host: repl.core\n")},
    {{NULL, 0}, {NULL, 0}},
};

static struct resident *scratch(struct session *s, struct err *e) {
    if (s->own) return s->own;
    struct generation *g = generation_made(service_root, STR("repl"), scratch_files, e);
    if (g) s->own = resident_new(g, s->worker, e);
    generation_give(g);
    return s->own;
}

static struct resident *state_of(struct session *s, struct err *e) {
    return s->service ? service_here(s->service, s->worker, e) : scratch(s, e);
}

static void push_function(lua_State *L, const char *name) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "service.repl");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

/* line(session, source) */
static int push_line(lua_State *co, void *arg) {
    struct line *l = arg;
    push_function(co, "line");
    lua_pushstring(co, l->session->id);
    lua_pushlstring(co, l->source.p ? l->source.p : "", l->source.n);
    return 2;
}

static void finish(struct line *l, const char *kind, struct str text) {
    snprintf(l->kind, sizeof l->kind, "%s", kind);
    buf_str(&l->text, text);
    worker_post(service_control, &l->msg);
}

static void finish_failed(struct line *l, struct task *t) {
    struct buf trace;
    buf_init(&trace);
    task_error(t, &trace, NULL);
    finish(l, "error", buf_view(&trace));
    buf_free(&trace);
}

/* It returned kind, text, and whether the session was unknown in this state. */
static void line_ended(struct task *t, enum task_end end, int nresults) {
    struct line *l = t->data;
    bool told = end == TASK_RETURNED && nresults == 3 && lua_type(t->co, -3) == LUA_TSTRING &&
                lua_type(t->co, -2) == LUA_TSTRING;
    if (told) {
        size_t n;
        const char *text = lua_tolstring(t->co, -2, &n);
        l->fresh = lua_toboolean(t->co, -1);
        finish(l, lua_tostring(t->co, -3), str_make(text, n));
    } else if (end == TASK_CANCELED && !t->timed_out) {
        finish(l, "error", STR("canceled"));
    } else {
        finish_failed(l, t);
    }
}

static void run_line(struct message *m) {
    struct line *l = LIST_ENTRY(m, struct line, msg);
    struct err e = {0};
    uint64_t ms = conf.lua_deadline / 1000000;
    struct resident *r = state_of(l->session, &e);
    struct task *t = r ? resident_task(r, push_line, l, &e) : NULL;
    l->msg.deliver = line_back;
    if (!t) {
        finish(l, "error", str_of(e.text));
        return;
    }
    l->task = t->id;
    t->data = l;
    t->ended = line_ended;
    t->what = "repl";
    task_deadline(t, ms < LINE_MS ? ms : LINE_MS);
    task_start(t);
}

static void cancel_line(struct message *m) {
    struct line *l = LIST_ENTRY(m, struct line, cancel);
    struct task *t = task_find(l->session->worker, l->task);
    if (t) task_cancel(t);
    l->cancel.deliver = cancel_back;
    worker_post(service_control, &l->cancel);
}

/* [protected] forget(session) */
static int forget(lua_State *L) {
    struct session *s = lua_touserdata(L, 1);
    push_function(L, "forget");
    lua_pushstring(L, s->id);
    lua_call(L, 1, 0);
    return 0;
}

static void let_go(struct session *s) {
    s->end.deliver = end_back;
    worker_post(service_control, &s->end);
}

static void own_is_gone(struct resident *r) {
    let_go(r->gone_data);
}

/* All lines have been cancelled; what they wait for may still be under way. */
static void end_here(struct message *m) {
    struct session *s = LIST_ENTRY(m, struct session, end);
    struct err e = {0};
    struct resident *r = s->service ? service_here(s->service, s->worker, &e) : s->own;
    if (r && s->service) vm_protect(r->vm, forget, s, &e);
    if (!s->own) {
        let_go(s);
        return;
    }
    r->gone = own_is_gone;
    r->gone_data = s;
    if (r->vm->n_tasks == 0 && r->vm->n_ops == 0)
        resident_free(r);
    else
        resident_retire(r, 0);
}

/* ---- sessions, on the control thread --------------------------------------------------------- */

static struct session *find(struct str id) {
    LIST_EACH(&sessions, it) {
        struct session *s = LIST_ENTRY(it, struct session, link);
        if (seal_equal(str_of(s->id), id)) return s;
    }
    return NULL;
}

static void free_when_over(struct session *s) {
    if (!s->gone || s->line) return;
    mem_free(s);
    if (--n_sessions == 0 && closed) {
        void (*done)(void) = closed;
        closed = NULL;
        done();
    }
}

static void end_back(struct message *m) {
    struct session *s = LIST_ENTRY(m, struct session, end);
    s->gone = true;
    free_when_over(s);
}

static void line_free(struct line *l) {
    buf_free(&l->source);
    buf_free(&l->text);
    mem_free(l);
}

static void line_over(struct line *l) {
    struct session *s = l->session;
    if (--l->away > 0) return;
    answer_line(l);
    s->line = NULL;
    line_free(l);
    if (s->ended) free_when_over(s);
}

static void line_back(struct message *m) {
    line_over(LIST_ENTRY(m, struct line, msg));
}

static void cancel_back(struct message *m) {
    line_over(LIST_ENTRY(m, struct line, cancel));
}

static void cancel(struct line *l) {
    if (l->canceled || l->away == 0) return;
    l->canceled = true;
    l->away++;
    l->cancel.deliver = cancel_line;
    worker_post(l->session->worker, &l->cancel);
}

static const char *name_of(const struct session *s) {
    return s->service ? s->service->host : "";
}

static void session_end(struct session *s, const char *why) {
    if (s->ended) return;
    s->ended = true;
    list_unlink(&s->link);
    timer_remove(service_control, &s->timer);
    log_info("prompt closed", LOGZ("service", name_of(s)));
    answer_wait(s, why);
    if (s->line && s->line->away == 0) { /* its body is still to come */
        exchange_error(s->line->x, 410, why);
        line_free(s->line);
        s->line = NULL;
    } else if (s->line) {
        cancel(s->line);
    }
    s->end.deliver = end_here;
    worker_post(s->worker, &s->end);
}

static void arm(struct session *s, uint64_t ms) {
    if (timer_arm(service_control, &s->timer, ms) < 0) log_error("out of memory");
}

static void time_is_up(struct timer *t) {
    struct session *s = LIST_ENTRY(t, struct session, timer);
    if (!s->waiting) {
        session_end(s, "the client has left");
        return;
    }
    answer_wait(s, NULL);
    arm(s, ABSENT_MS);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void on_nothing(struct exchange *x) {
    (void)x;
}

static void no_body(struct exchange *x, const char *p, size_t n, bool last) {
    (void)x, (void)p, (void)n, (void)last; /* never asked for */
}

static void waiter_gone(struct exchange *x, int code) {
    struct session *s = x->data;
    (void)code;
    if (!s) return;
    s->waiting = NULL;
    session_end(s, "the client has left");
}

static void line_bytes(struct exchange *x, const char *p, size_t n, bool last) {
    struct line *l = x->data;
    if (!l) return;
    if (l->source.n + n > SOURCE_MAX) {
        l->session->line = NULL;
        x->data = NULL;
        line_free(l);
        exchange_error(x, 413, "a line has at most 64 KB");
        return;
    }
    buf_add(&l->source, p, n);
    if (!last) return;
    l->away = 1;
    l->began = uv_hrtime();
    l->msg.deliver = run_line;
    worker_post(l->session->worker, &l->msg);
}

static void line_gone(struct exchange *x, int code) {
    struct line *l = x->data;
    (void)code;
    if (!l) return;
    l->x = NULL;
    if (l->away) {
        cancel(l);
        return;
    }
    l->session->line = NULL;
    line_free(l);
}

static const struct handler wait_handler = {.name = "repl",
                                            .request = on_nothing,
                                            .body = no_body,
                                            .drained = on_nothing,
                                            .gone = waiter_gone};
static const struct handler line_handler = {.name = "repl",
                                            .request = on_nothing,
                                            .body = line_bytes,
                                            .drained = on_nothing,
                                            .gone = line_gone};

/* Code is run for people at this machine: the secret is not to travel in the clear. */
static bool from_here(const struct exchange *x) {
    struct str peer = exchange_peer(x);
    return str_starts(peer, STR("127.")) || str_eq(peer, STR("::1")) ||
           str_starts(peer, STR("::ffff:127."));
}

static bool allowed(struct exchange *x) {
    if (!conf.repl)
        exchange_error(x, 403, "this host gives no prompt: the setting repl is false");
    else if (!from_here(x))
        exchange_error(x, 403, "a prompt is given on the host's own machine only");
    else if (closing)
        exchange_error(x, 503, "the host is stopping");
    else
        return true;
    return false;
}

void repl_open_page(struct exchange *x, struct str service) {
    struct service *to = service.n ? service_named(service) : NULL;
    if (!allowed(x)) return;
    if (service.n && (!to || to->removed)) {
        exchange_error(x, 404, "no such service");
        return;
    }
    struct session *s = n_sessions < SESSIONS_MAX ? mem_zalloc(sizeof *s) : NULL;
    if (!s) {
        exchange_error(x, 503, "there are too many prompts; close one");
        return;
    }
    unsigned char random[16];
    seal_random(random, sizeof random);
    seal_hex(random, sizeof random, s->id);
    s->service = to;
    s->worker = workers[to ? to->home : 0];
    timer_init(&s->timer, time_is_up);
    list_push(&sessions, &s->link);
    n_sessions++;
    arm(s, ABSENT_MS);
    log_info("prompt opened", LOGZ("service", name_of(s)));
    struct buf body;
    buf_init(&body);
    buf_printf(&body, "{\"session\":\"%s\",\"service\":\"%s\",\"worker\":%d,\"generation\":%llu}",
               s->id, name_of(s), s->worker->index,
               (unsigned long long)(to ? to->current->number : 0));
    answer_json(x, 200, &body);
}

/* NULL: the answer was given. */
static struct session *session_of(struct exchange *x, struct str id) {
    struct session *s = allowed(x) ? find(id) : NULL;
    if (!s && !x->ended) exchange_error(x, 404, "there is no such session; it has ended");
    return s;
}

void repl_wait_page(struct exchange *x, struct str session) {
    struct session *s = session_of(x, session);
    if (!s) return;
    if (s->waiting) {
        exchange_error(x, 409, "somebody waits for this session already");
        return;
    }
    x->handler = &wait_handler;
    x->data = s;
    s->waiting = x;
    arm(s, WAIT_MS);
}

void repl_line_page(struct exchange *x, struct str session) {
    struct session *s = session_of(x, session);
    if (!s) return;
    struct line *l = s->line ? NULL : mem_zalloc(sizeof *l);
    if (!l) {
        exchange_error(x, s->line ? 409 : 503,
                       s->line ? "a line of this session is running" : "out of memory");
        return;
    }
    l->session = s;
    l->x = x;
    buf_init(&l->source);
    buf_init(&l->text);
    s->line = l;
    x->handler = &line_handler;
    x->data = l;
    exchange_read(x);
}

void repl_close(void (*done)(void)) {
    closing = true;
    if (n_sessions == 0) {
        done();
        return;
    }
    closed = done;
    LIST_EACH_SAFE(&sessions, it, next) {
        session_end(LIST_ENTRY(it, struct session, link), "the host is stopping");
    }
}
