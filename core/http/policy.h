/*
 * policy: questions about a request that somebody above may answer: how many of its kind are
 * allowed, whether and how it goes on, to which instance, and what its response says. The plan and
 * the proxy ask; the script layer installs who answers.
 *
 * Flags of the route say which questions there are (ROUTE_LIMIT and so on). A route without them
 * costs one look at its flags, and its exchanges have no struct policy.
 *
 * Deciding questions (limit, request) deny when nobody can answer; those that only tune (choose,
 * response) leave things as they are.
 */
#ifndef POLICY_H
#define POLICY_H

#include "core/http/plan.h"
#include "core/http/proxy.h"

enum policy_row { POLICY_LIMIT, POLICY_REQUEST, POLICY_CHOOSE, POLICY_RESPONSE, POLICY_ROWS };

/* The route flag that stands for a question. */
static inline unsigned policy_flag(enum policy_row row) {
    return (unsigned)ROUTE_LIMIT << row;
}

enum {
    POLICY_FIELDS = 64,    /* fields that a policy may add to a message */
    POLICY_NAME = 256,     /* bytes of a field's name */
    POLICY_VALUE = 8192,   /* bytes of a field's value */
    POLICY_TARGET = 16384, /* bytes of a path, and of a query */
    POLICY_TEXTS = 256,    /* texts that it may write to one message, those it replaces included */
    POLICY_BYTES = 65536,  /* and the bytes of all of them */
};

/* What was said about an exchange so far. In its arena. */
struct policy {
    void *asker;                       /* the asker's, as long as the exchange lives */
    void (*go_on)(struct exchange *x); /* when the answer came later */
    bool waiting;                      /* it will */

    struct head head;       /* the request as it goes on, once `edited` */
    struct str path, query; /* in place of those that came, when p is not NULL */
    bool no_query;          /* it is taken away */
    bool edited;

    const struct upstream *to; /* the instance to try first, or NULL */
    bool chosen;               /* `how` and `key` count in place of the settings */
    enum choose_how how;
    uint64_t key; /* of CHOOSE_HASH, when `keyed` */
    bool keyed;

    int status;               /* of the response */
    const struct field *came; /* its fields as they came */
    int n_came;
    struct field *fields; /* and as they go on */
    int n_fields, room;

    struct policy_written { /* so far, to the request [0] and to the response [1] */
        int texts;
        size_t bytes;
    } written[2];

    struct field rate[3]; /* what answers say about a limit */
    char rate_text[3][24];
    bool limited;
};

/* Installed by the script layer. */
struct policy_asker {
    /* Asks, and uses what is below to say the answer. PLAN_LATER: policy_ready will be called,
     * unless `cancel` comes before. PLAN_ANSWERED: x is over. */
    enum plan_result (*ask)(struct exchange *x, enum policy_row row);
    void (*cancel)(struct exchange *x); /* nobody waits for the answer any more */
    void (*over)(struct exchange *x);   /* the exchange ends; no question is open */
};
void policy_set_asker(const struct policy_asker *a);

/* ---- for the plan and the proxy ---- */

/* Asks if the route says so. `go_on` is called once a late answer is there. */
enum plan_result policy_ask(struct exchange *x, enum policy_row row,
                            void (*go_on)(struct exchange *x));
/* The same about a response, whose fields stay where they are: x->policy->fields go on.
 * PLAN_ANSWERED: nobody was asked, for want of memory. */
enum plan_result policy_ask_response(struct exchange *x, int status, const struct field *fields,
                                     int n, void (*go_on)(struct exchange *x));
void policy_cancel(struct exchange *x); /* fine when nothing is asked */
void policy_over(struct exchange *x);   /* the exchange ends */
/* The request as it goes on: what came, or what a policy made of it. */
const struct head *policy_head(const struct exchange *x);
/* The target in place of the one that came; empty = as it came. p = NULL: out of memory. */
struct str policy_target(struct exchange *x);

/* ---- for the asker ---- */

/* A late answer is there: called before it is used. */
void policy_ready(struct exchange *x);
/* And then: it goes on. Or the exchange was answered. */
void policy_go_on(struct exchange *x);
/* Nobody could say whether it may go on: 503. */
enum plan_result policy_deny(struct exchange *x);

/* What a limit says, as RateLimit-* of all answers; none left: the answer is 429. */
struct policy_limit {
    uint64_t limit, remaining; /* requests */
    uint64_t reset;            /* seconds until all of them are there again */
    uint64_t retry;            /* seconds until there is one; 0 = it may go on */
};
enum plan_result policy_limited(struct exchange *x, const struct policy_limit *l);

/* The response goes on as it came. */
void policy_restore(struct exchange *x);

enum policy_edit {
    POLICY_DONE,
    POLICY_OWNED,
    POLICY_INVALID,
    POLICY_MANY,
    POLICY_MUCH,
    POLICY_NO_MEMORY
};
/* Sets a field of the request, or of the response that is asked about, in place of all others of
 * that name. p = NULL takes them away. Not the fields that say who sends a message, from where, and
 * how it is framed: those are the host's (POLICY_OWNED). */
enum policy_edit policy_set(struct exchange *x, bool response, struct str name, struct str value);
/* The same, but others stay. */
enum policy_edit policy_add(struct exchange *x, bool response, struct str name, struct str value);
/* The path of the request as it goes on, the service's name included. The query without its '?'; p
 * = NULL = none. */
enum policy_edit policy_set_path(struct exchange *x, struct str path);
enum policy_edit policy_set_query(struct exchange *x, struct str query);
struct str policy_path(struct exchange *x); /* p = NULL: out of memory */
struct str policy_query(const struct exchange *x);

#endif
