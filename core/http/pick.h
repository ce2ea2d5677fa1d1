/*
 * pick: which instance of a service gets the next request.
 *
 * Four ranks, whoever chooses: healthy before unhealthy, and whoever refused a connection a moment
 * ago (as seen by this worker; the registry learns of it later) behind both. Only the best rank
 * that has somebody is used. In it:
 *   - round robin: everybody in turn, per worker and service;
 *   - least outstanding: who has the fewest requests under way on all workers, in turn when several
 *     have;
 *   - hash: rendezvous hashing. Each instance has a score for the key, the highest gets it; when
 *     one goes only its own keys move, and they move to everybody else.
 * Plain memory, bounded, no sockets. One per worker.
 */
#ifndef PICK_H
#define PICK_H

#include <stdint.h>

#include "core/http/proxy.h"

enum {
    PICK_COUNTERS = 256, /* positions kept; services that share one only share its steps */
    PICK_FAILED = 64,    /* instances that failed lately; the oldest is forgotten first */
    PICK_REST = 2000,    /* ms during which such an instance comes last */
};

struct pick {
    uint32_t counter[PICK_COUNTERS]; /* steps so far, by service */
    struct {
        uint64_t key;   /* hash of the instance */
        uint64_t until; /* loop ms; over when in the past */
        uint64_t order; /* of failing; larger is later */
    } failed[PICK_FAILED];
    uint64_t order; /* of the latest failure */
    uint64_t quiet; /* loop ms from which on nothing in `failed` counts */
};

/* The instance to try next; the list has at least one. `key` is CHOOSE_HASH's, `now` in loop ms. */
const struct upstream *pick_next(struct pick *p, const struct upstreams *list, enum choose_how how,
                                 uint64_t key, uint64_t now);
/* It could not be connected to. */
void pick_failed(struct pick *p, const struct upstream *u, uint64_t now);

#endif
