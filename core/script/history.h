/*
 * history: what is remembered of a service: the generations that were in service last, and the
 * attempts that failed. Bounded. Control thread only.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "core/script/generation.h"

#define HISTORY_KEPT   3 /* generations, the one in service included */
#define HISTORY_FAILED 8 /* attempts */

struct kept {
    struct generation *gen; /* owns a reference; NULL: nothing is kept here */
    uint64_t number;        /* under which it came into service last */
    int64_t at;             /* when: seconds since the epoch */
    const char *who;        /* asked for it: static text */
    double ms;              /* from the look at its files until all workers had switched */
    bool back;              /* it was rolled back from: its files do not come by themselves */
};

struct attempt {
    char *why; /* what was wrong, cut when it is long; NULL: nothing is kept here */
    int64_t at;
    const char *who;
    double ms;
    char hash[65];  /* of the files; empty = they could not be read */
    uint64_t times; /* that the same failed the same way, one after the other */
};

/* Newest first. */
struct history {
    struct kept kept[HISTORY_KEPT];
    struct attempt failed[HISTORY_FAILED];
    uint64_t came, refused;     /* how many there were of both, ever */
    double came_ms, refused_ms; /* the time that they took */
};

/* `g` is in service from now on, as g->number. One that was kept is not kept twice. */
void history_keep(struct history *h, struct generation *g, const char *who, double ms);
/* The newest one never came into service. */
void history_drop(struct history *h);
/* The newest one is rolled back from. */
void history_leave(struct history *h);
/* A new generation came by its files: what was rolled back from is forgotten. */
void history_go_on(struct history *h);
/* Whether these are the files that were rolled back from, and what they were built with. */
bool history_skips(const struct history *h, const struct generation *g);
/* What to roll back to: the one of that number, or the newest that differs from the one in service
 * and was not rolled back from when it is 0. NULL + *e. */
struct generation *history_pick(const struct history *h, const struct generation *current,
                                uint64_t number, struct err *e);
/* An attempt failed; without memory it is not remembered. `hash` may be empty. */
void history_fail(struct history *h, const char *hash, const char *who, double ms, struct str why);
/* Members `generations` and `failed` of a JSON object; `current` = NULL: none is in service. */
void history_list(const struct history *h, const struct generation *current, struct buf *out);
void history_free(struct history *h);

#endif
