/*
 * admin_page: what the pages of the admin address share with each other and with nobody else.
 * Control thread.
 */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "core/base/buf.h"
#include "core/http/server.h"

struct service;

/* x->data of an exchange that is answered later, or NULL. It outlives the exchange: whoever made it
 * frees it. */
struct admin_wait {
    struct exchange *x;                 /* NULL once the client left */
    void (*gone)(struct admin_wait *w); /* it left right now; may be NULL, and may free `w` */
};

/* The text behind a name in the query, as it came; empty when there is none. */
struct str admin_argument(const struct exchange *x, struct str name);
/* The argument `service` by host or folder; NULL = it was not given. False: the answer was given.
 */
bool admin_service(struct exchange *x, struct service **s);
/* A number among the arguments; *value stays when it was not given. False: the answer was given. */
bool admin_number(struct exchange *x, const char *name, uint64_t min, uint64_t max,
                  uint64_t *value);
/* Answers with the body, which is freed. */
void admin_answer(struct exchange *x, int status, struct str type, struct buf *body);

/* [observe.c] */
void observe_tasks(struct exchange *x);
void observe_trace(struct exchange *x);
void observe_top(struct exchange *x);
void observe_metrics(struct exchange *x);
/* [log_page.c] `after` a sequence number, of a `level` and above, `since` ms after the epoch;
 * `wait`: so many seconds for the next one. */
void logs_page(struct exchange *x);
/* [profile_page.c] */
void observe_profile(struct exchange *x);

#endif
