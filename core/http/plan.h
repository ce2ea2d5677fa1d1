/*
 * plan: the steps between the head of a request and its handler, in C.
 *
 * Flags of the route choose the steps: CORS (answers OPTIONS), ORIGIN (refuses pages that may not
 * call, answers preflights), TOKEN (verifies the bearer token from a cache, refreshes an expired
 * one), LIMIT, REQUEST and CHOOSE (ask policies). All routes learn how long the client waits. A
 * step that needs the control plane (refresh, policies) answers PLAN_LATER and calls
 * exchange_resume.
 */
#ifndef PLAN_H
#define PLAN_H

#include "core/http/server.h"

enum plan_result { PLAN_NEXT, PLAN_ANSWERED, PLAN_LATER };

/* Runs from x->step on. PLAN_NEXT = all passed: the handler's turn. After PLAN_ANSWERED x must not
 * be touched. */
enum plan_result plan_run(struct exchange *x);

/* Installed by the script layer: asks the user service for a fresh token in place of the expired
 * one in x->token. Must end in plan_refreshed(), inside start() or later, unless nobody waits for
 * it any more (then `canceled` is called). Requests of one worker that bring the same expired token
 * share one refresh; x is the first of them, or the next one when that leaves. */
struct plan_refresher {
    void (*start)(struct exchange *x, void **state);
    void (*canceled)(void *state);
};
void plan_set_refresher(const struct plan_refresher *r);
/* token.n = 0: refused, `why` is the text after "Unauthorized: ". Resumes the exchange. */
void plan_refreshed(struct exchange *x, struct str token, const char *why);

/* The client of an exchange that waits (PLAN_LATER) is gone. */
void plan_cancel(struct exchange *x);

/* Appends the CORS fields of the exchange's route; `fields` are those that the handler gives. */
void plan_cors(const struct exchange *x, const struct field *fields, int n, struct buf *head);

/* Automatic refresh off (setting): expired tokens pass through as x->auth = NULL with x->token set.
 */

/* What a worker remembers of refreshed tokens; plan's own, kept by the server. */
struct plan_memory;
void plan_memory_free(struct plan_memory *m); /* NULL is fine */

#endif
