/*
 * observe: the admin pages that show what runs: GET /tasks, /trace, /top, /metrics. What they show
 * lives on the workers, who are asked by survey; the answers are put together here, on the control
 * thread.
 */
#include "core/base/mem.h"
#include "core/base/metric.h"
#include "core/base/stat.h"
#include "core/script/admin_page.h"
#include "core/script/figures.h"
#include "core/script/lib_shared.h"
#include "core/script/service_list.h"
#include "core/script/survey.h"
#include "core/script/tasks.h"

#define JSON STR("application/json")

/* A client that waits for a survey. */
struct asking {
    union {
        struct tasks_list list;
        struct tasks_trace trace;
    } question; /* first: what the workers see */
    struct admin_wait wait;
    struct survey *survey;
};

static void client_left(struct admin_wait *w) {
    survey_drop(LIST_ENTRY(w, struct asking, wait)->survey);
}

/* Takes the exchange: from here on there is nobody to be told that the client left. */
static struct exchange *take(struct survey *s) {
    struct exchange *x = ((struct asking *)s->arg)->wait.x;
    x->data = NULL;
    return x;
}

static void begin(struct exchange *x, const struct asking *like, const struct survey_question *q,
                  int worker, struct service *about) {
    struct asking *a = mem_alloc(sizeof *a);
    struct survey *s = NULL;
    if (a) {
        *a = *like;
        a->wait = (struct admin_wait){x, client_left};
        s = survey_begin(q, worker, about, a);
    }
    if (!s) {
        mem_free(a);
        exchange_error(x, 503, service_stopping ? "the host is stopping" : "out of memory");
        return;
    }
    a->survey = s;
    x->data = &a->wait;
}

/* ,"silent":[1]: workers that did not answer. */
static void add_silent(const struct survey *s, struct buf *out) {
    const char *sep = "";
    buf_str(out, STR(",\"silent\":["));
    for (int i = 0; i < s->n; i++) {
        if (s->parts[i].answered) continue;
        buf_printf(out, "%s%d", sep, s->parts[i].worker->index);
        sep = ",";
    }
    buf_char(out, ']');
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static void tasks_done(struct survey *s) {
    struct exchange *x = take(s);
    struct buf body;
    uint64_t total = 0;
    const char *sep = "";
    buf_init(&body);
    buf_str(&body, STR("{\"tasks\":["));
    for (int i = 0; i < s->n; i++) {
        const struct survey_part *part = &s->parts[i];
        if (!part->answered) continue;
        if (!buf_ok(&part->out)) body.failed = true;
        total += part->total;
        if (!part->out.n) continue;
        buf_str(&body, str_of(sep));
        buf_str(&body, buf_view(&part->out));
        sep = ",";
    }
    buf_printf(&body, "],\"total\":%llu", (unsigned long long)total);
    add_silent(s, &body);
    buf_char(&body, '}');
    admin_answer(x, 200, JSON, &body);
}

void observe_tasks(struct exchange *x) {
    static const struct survey_question question = {tasks_look, tasks_done, mem_free};
    struct service *about;
    uint64_t limit = 1000;
    if (!admin_service(x, &about)) return;
    if (!admin_number(x, "limit", 1, TASKS_LIMIT, &limit)) return;
    struct asking a = {.question.list = {(size_t)limit}};
    begin(x, &a, &question, -1, about);
}

/* ---- one task -------------------------------------------------------------------------------- */

static void trace_done(struct survey *s) {
    struct exchange *x = take(s);
    struct survey_part *part = &s->parts[0];
    if (!part->answered)
        exchange_error(x, 503, "the worker of this task does not answer: something keeps it busy");
    else if (part->out.n)
        admin_answer(x, 200, JSON, &part->out);
    else
        exchange_error(x, 404, "this task is over, or there never was one");
}

void observe_trace(struct exchange *x) {
    static const struct survey_question question = {tasks_look_at, trace_done, mem_free};
    struct asking a = {0};
    int worker;
    if (tasks_parse(admin_argument(x, STR("task")), &worker, &a.question.trace.id))
        begin(x, &a, &question, worker, NULL);
    else
        exchange_error(x, 404, "there is no such task; ids look like 1-42-7");
}

/* ---- figures --------------------------------------------------------------------------------- */

static void top_done(struct survey *s) {
    struct exchange *x = take(s);
    struct buf body;
    buf_init(&body);
    figures_take(s);
    figures_json(&body);
    add_silent(s, &body);
    buf_char(&body, '}');
    admin_answer(x, 200, JSON, &body);
}

void observe_top(struct exchange *x) {
    static const struct survey_question question = {figures_look, top_done, mem_free};
    begin(x, &(struct asking){0}, &question, -1, NULL);
}

static void metrics_done(struct survey *s) {
    struct exchange *x = take(s);
    struct buf body;
    buf_init(&body);
    figures_take(s);
    stat_render(&body);
    figures_metrics(&body);
    cache_survey();
    metric_render(&body, STR_NONE);
    admin_answer(x, 200, STR("text/plain; version=0.0.4; charset=utf-8"), &body);
}

void observe_metrics(struct exchange *x) {
    static const struct survey_question question = {figures_look, metrics_done, mem_free};
    begin(x, &(struct asking){0}, &question, -1, NULL);
}
