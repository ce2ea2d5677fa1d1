/*
 * log_page: GET /logs of the admin address: the last lines of the log. With `wait`, an answer that
 * would be empty comes when there is something to say, so that who follows the log need not ask
 * again and again. While somebody waits, the control thread looks a few times per second whether
 * the log has gone on.
 */
#include <stdio.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/script/admin_page.h"
#include "core/script/service_list.h"

#define WAIT_MAX 60  /* seconds */
#define LOOK_MS  100 /* between looks */

/* Somebody who waits for the next line. */
struct follower {
    struct admin_wait wait;
    struct timer timer;
    struct log_wanted wanted;
    uint64_t until; /* loop ms */
};

static void answer(struct exchange *x, const struct log_wanted *wanted) {
    struct buf body;
    char number[24];
    buf_init(&body);
    uint64_t newest = log_select(&body, wanted);
    int n = snprintf(number, sizeof number, "%llu", (unsigned long long)newest);
    struct field fields[] = {
        {STR("Content-Type"), STR("text/plain; charset=utf-8"), H1_CONTENT_TYPE},
        {STR("X-Log-Sequence"), str_make(number, (size_t)n), H1_OTHER},
    };
    if (buf_ok(&body))
        exchange_answer_fields(x, 200, fields, 2, buf_view(&body));
    else
        exchange_error(x, 503, "out of memory");
    buf_free(&body);
}

static void release(struct follower *f) {
    timer_remove(service_control, &f->timer);
    mem_free(f);
}

static void client_left(struct admin_wait *w) {
    release(LIST_ENTRY(w, struct follower, wait));
}

static void look(struct timer *t) {
    struct follower *f = LIST_ENTRY(t, struct follower, timer);
    bool quiet = log_newest() == f->wanted.after && service_control->now_ms < f->until;
    if (quiet && timer_arm(service_control, t, LOOK_MS) == 0) return;
    struct exchange *x = f->wait.x;
    x->data = NULL;
    answer(x, &f->wanted);
    release(f);
}

static bool follow(struct exchange *x, const struct log_wanted *wanted, uint64_t seconds) {
    struct follower *f = mem_zalloc(sizeof *f);
    if (!f) return false;
    f->wait = (struct admin_wait){x, client_left};
    f->wanted = *wanted;
    f->until = service_control->now_ms + seconds * 1000;
    timer_init(&f->timer, look);
    if (timer_arm(service_control, &f->timer, LOOK_MS) < 0) {
        mem_free(f);
        return false;
    }
    x->data = &f->wait;
    return true;
}

/* Without an argument: all of them. False: the answer was given. */
static bool read_level(struct exchange *x, enum log_level *level) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct str text = admin_argument(x, STR("level"));
    *level = LOG_DEBUG;
    for (int i = 0; i < 4; i++) {
        if (!str_eq(text, str_of(names[i]))) continue;
        *level = (enum log_level)i;
        return true;
    }
    if (!text.n) return true;
    exchange_error(x, 400, "level must be debug, info, warn or error");
    return false;
}

void logs_page(struct exchange *x) {
    struct log_wanted wanted = {0};
    uint64_t seconds = 0, since = 0;
    if (!admin_number(x, "after", 0, UINT64_MAX, &wanted.after)) return;
    if (!admin_number(x, "wait", 0, WAIT_MAX, &seconds)) return;
    if (!admin_number(x, "since", 0, UINT64_MAX / 1000000, &since)) return;
    if (!read_level(x, &wanted.level)) return;
    wanted.since = since * 1000000;
    bool quiet = seconds > 0 && !service_stopping && log_newest() == wanted.after;
    if (!quiet || !follow(x, &wanted, seconds)) answer(x, &wanted);
}
