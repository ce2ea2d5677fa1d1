/*
 * profile_page: GET /profile of the admin address. Begins a profile on all workers by message, ends
 * it when the time is over or the client leaves, and answers with what they noted. One at a time:
 * the next one begins when every worker has given back what it had of the last.
 */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/admin_page.h"
#include "core/script/profile.h"
#include "core/script/service_list.h"

#define SECONDS_MAX 300
#define SECONDS     10
#define PATIENCE_MS 2000 /* for workers that do not answer */

/* One worker's part. */
struct part {
    struct message msg; /* to it or back */
    struct profiling *whole;
    struct worker *worker;
    struct profile profile;
    int code;       /* 0, or why it could not begin */
    bool begun;     /* it has answered that it began, or could not */
    bool came_back; /* its samples are here */
};

struct profiling {
    struct admin_wait wait;
    struct service *only;
    struct timer timer; /* to its end, then to the end of the patience */
    int away;           /* messages that have not come back */
    bool ending;        /* the workers were told */
    bool answered;      /* nobody waits for it any more */
    struct part parts[];
};

static struct profiling *current;

/* ---- on a worker ----------------------------------------------------------------------------- */

static void came_back(struct message *m);
static void has_begun(struct message *m);

static void deliver_begin(struct message *m) {
    struct part *part = LIST_ENTRY(m, struct part, msg);
    part->code = profile_begin(&part->profile, part->worker, part->whole->only);
    part->msg.deliver = has_begun;
    worker_post(service_control, &part->msg);
}

static void deliver_end(struct message *m) {
    struct part *part = LIST_ENTRY(m, struct part, msg);
    if (part->code == 0) profile_end(&part->profile, part->worker);
    part->msg.deliver = came_back;
    worker_post(service_control, &part->msg);
}

/* ---- on the control thread ------------------------------------------------------------------- */

static void release(struct profiling *p) {
    timer_remove(service_control, &p->timer);
    for (int i = 0; i < worker_count; i++)
        profile_free(&p->parts[i].profile);
    mem_free(p);
    current = NULL;
}

/* The samples of all workers that gave them back. */
static void put_all(struct profiling *p, struct buf *out) {
    struct profile sum = {.only = p->only};
    int rc = 0;
    map_init(&sum.stacks, 0);
    buf_init(&sum.line);
    for (int i = 0; i < worker_count; i++) {
        const struct part *part = &p->parts[i];
        if (part->came_back && part->code == 0 && rc == 0) rc = profile_merge(&sum, &part->profile);
    }
    if (rc < 0) out->failed = true;
    profile_print(&sum, out);
    profile_free(&sum);
}

static void answer(struct profiling *p) {
    struct exchange *x = p->wait.x;
    struct buf body;
    if (p->answered) return;
    p->answered = true;
    x->data = NULL;
    for (int i = 0; i < worker_count; i++)
        if (p->parts[i].begun && p->parts[i].code < 0) {
            exchange_error(x, 503, "the system gives no timers to take a profile with");
            return;
        }
    buf_init(&body);
    put_all(p, &body);
    admin_answer(x, 200, STR("text/plain; charset=utf-8"), &body);
}

static void end_part(struct part *part) {
    part->msg.deliver = deliver_end;
    part->whole->away++;
    worker_post(part->worker, &part->msg);
}

/* Those that have not begun yet are told when they have. */
static void end(struct profiling *p) {
    if (p->ending) return;
    p->ending = true;
    for (int i = 0; i < worker_count; i++)
        if (p->parts[i].begun) end_part(&p->parts[i]);
    if (timer_arm(service_control, &p->timer, PATIENCE_MS) < 0) log_error("out of memory");
}

static void has_begun(struct message *m) {
    struct part *part = LIST_ENTRY(m, struct part, msg);
    part->begun = true;
    part->whole->away--;
    if (part->whole->ending) end_part(part);
}

static void came_back(struct message *m) {
    struct part *part = LIST_ENTRY(m, struct part, msg);
    struct profiling *p = part->whole;
    part->came_back = true;
    if (--p->away) return;
    answer(p);
    release(p);
}

static void time_is_over(struct timer *t) {
    struct profiling *p = LIST_ENTRY(t, struct profiling, timer);
    if (p->ending)
        answer(p);
    else
        end(p);
}

static void client_left(struct admin_wait *w) {
    struct profiling *p = LIST_ENTRY(w, struct profiling, wait);
    p->answered = true;
    end(p);
}

static void begin(struct exchange *x, struct service *only, uint64_t seconds) {
    struct profiling *p = mem_zalloc(sizeof *p + (size_t)worker_count * sizeof p->parts[0]);
    if (p) timer_init(&p->timer, time_is_over);
    if (!p || timer_arm(service_control, &p->timer, seconds * 1000) < 0) {
        mem_free(p);
        exchange_error(x, 503, "out of memory");
        return;
    }
    current = p;
    p->wait = (struct admin_wait){x, client_left};
    p->only = only;
    x->data = &p->wait;
    for (int i = 0; i < worker_count; i++) {
        struct part *part = &p->parts[i];
        part->whole = p;
        part->worker = workers[i];
        part->msg.deliver = deliver_begin;
        p->away++;
        worker_post(part->worker, &part->msg);
    }
}

void observe_profile(struct exchange *x) {
    struct service *only;
    uint64_t seconds = SECONDS;
    if (!admin_service(x, &only)) return;
    if (!admin_number(x, "seconds", 1, SECONDS_MAX, &seconds)) return;
    if (service_stopping)
        exchange_error(x, 503, "the host is stopping");
    else if (current)
        exchange_error(x, 409, "a profile is being taken already; try again when it is over");
    else
        begin(x, only, seconds);
}
