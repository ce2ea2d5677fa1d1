/*
 * choose: how the requests of a service are spread over its instances, by the settings: which of
 * the built-in choosers, what it looks at, and how much each instance has to do.
 *
 * The choosing itself is pick's. Settings are read when a route table is built, not per request.
 */
#ifndef CHOOSE_H
#define CHOOSE_H

#include "core/base/str.h"

struct exchange;

enum choose_how {
    CHOOSE_ROUND_ROBIN, /* everybody in turn */
    CHOOSE_LEAST,       /* who has the fewest requests under way */
    CHOOSE_HASH,        /* the same key, the same instance */
};

enum choose_by { CHOOSE_ADDRESS, CHOOSE_PATH, CHOOSE_HEADER, CHOOSE_COOKIE };

struct chooser {
    enum choose_how how;
    enum choose_by by; /* of CHOOSE_HASH */
    struct str name;   /* of the header or cookie; borrowed from the settings */
};

/* "round_robin", "least_outstanding" or "hash". False = none of them. */
bool choose_named(struct str name, enum choose_how *how);
/* What the settings proxy_choose and proxy_hash say about a service. */
struct chooser choose_of(struct str slug);

/* A stable hash: the same in every process. Of instances and of keys. */
uint64_t choose_hash(struct str s);
/* Hashes what `c` looks at in a request. False: the request has none of it. */
bool choose_key(const struct chooser *c, const struct exchange *x, uint64_t *key);

/* How many requests an instance has under way, counted by all workers together. It outlives route
 * tables: everybody who asks for the same id shares it. Any thread. */
struct load {
    _Atomic int open;
    int refs; /* under the lock of choose.c */
    struct str id;
};
struct load *load_take(struct str id); /* NULL when out of memory */
void load_give(struct load *l);        /* NULL is fine */

#endif
