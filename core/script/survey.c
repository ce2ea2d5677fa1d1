/*
 * survey: see survey.h. Called by the admin pages on the control thread. The messages to the
 * workers are part of the survey, which lives until the last of them has come back; a worker that
 * owes too many answers is not asked at all, so that a stuck one cannot pile them up.
 */
#include "core/script/survey.h"

#include "core/base/mem.h"
#include "core/script/service_list.h"

#define PATIENCE_MS 1000
#define OWED_MAX    16 /* answers that one worker may owe */

#define WORKERS 1024

static int owed[WORKERS]; /* by index of the worker; control thread */

static int *debts_of(const struct worker *w) {
    return &owed[w->index % WORKERS];
}

static void release(struct survey *s) {
    timer_remove(service_control, &s->timer);
    if (s->question->drop) s->question->drop(s->arg);
    for (int i = 0; i < s->n; i++)
        buf_free(&s->parts[i].out);
    mem_free(s->services);
    mem_free(s);
}

static void finish(struct survey *s) {
    if (s->over) return;
    s->over = true;
    timer_disarm(service_control, &s->timer);
    s->question->done(s);
}

static void answered(struct message *m) {
    struct survey_part *part = LIST_ENTRY(m, struct survey_part, msg);
    struct survey *s = part->survey;
    --*debts_of(part->worker);
    part->answered = true;
    if (--s->waiting) return;
    finish(s);
    release(s);
}

static void ask(struct message *m) {
    struct survey_part *part = LIST_ENTRY(m, struct survey_part, msg);
    part->survey->question->look(part);
    part->msg.deliver = answered;
    worker_post(service_control, &part->msg);
}

static void too_late(struct timer *t) {
    struct survey *s = LIST_ENTRY(t, struct survey, timer);
    finish(s);
    if (s->waiting == 0) release(s);
}

/* A copy: the control thread changes the list while the workers look. Services live until exit. */
static int list_services(struct survey *s, struct service *about) {
    int n = 0;
    LIST_EACH(&service_list, it) {
        n += !about || LIST_ENTRY(it, struct service, link) == about;
    }
    s->services = mem_alloc((size_t)(n ? n : 1) * sizeof(struct service *));
    if (!s->services) return -ENOMEM;
    LIST_EACH(&service_list, it) {
        struct service *one = LIST_ENTRY(it, struct service, link);
        if (!about || one == about) s->services[s->n_services++] = one;
    }
    return 0;
}

struct survey *survey_begin(const struct survey_question *q, int worker, struct service *about,
                            void *arg) {
    if (service_stopping) return NULL;
    int n = worker < 0 ? worker_count : 1;
    struct survey *s = mem_zalloc(sizeof *s + (size_t)n * sizeof s->parts[0]);
    if (!s) return NULL;
    s->question = q;
    s->n = n;
    timer_init(&s->timer, too_late);
    if (list_services(s, about) < 0 || timer_arm(service_control, &s->timer, PATIENCE_MS) < 0) {
        mem_free(s->services);
        mem_free(s);
        return NULL;
    }
    s->arg = arg;
    for (int i = 0; i < n; i++) {
        struct survey_part *part = &s->parts[i];
        part->survey = s;
        part->worker = workers[worker < 0 ? i : worker];
        part->msg.deliver = ask;
        buf_init(&part->out);
        int *debts = debts_of(part->worker);
        if (*debts >= OWED_MAX) continue;
        ++*debts;
        s->waiting++;
        worker_post(part->worker, &part->msg);
    }
    return s;
}

void survey_drop(struct survey *s) {
    s->over = true;
    timer_disarm(service_control, &s->timer);
}

void survey_residents_of(struct survey_part *part, struct service *s,
                         void (*each)(struct survey_part *part, struct service *s,
                                      struct resident *r)) {
    struct local *l = &s->locals[part->worker->index];
    if (l->resident) each(part, s, l->resident);
    if (l->next) each(part, s, l->next);
    LIST_EACH(&l->retiring, it) {
        each(part, s, LIST_ENTRY(it, struct resident, link));
    }
}

void survey_residents(struct survey_part *part,
                      void (*each)(struct survey_part *part, struct service *s,
                                   struct resident *r)) {
    for (int i = 0; i < part->survey->n_services; i++)
        survey_residents_of(part, part->survey->services[i], each);
}
