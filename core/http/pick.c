/*
 * pick: see pick.h. Called by the proxy for each attempt, so the common case (nobody failed lately)
 * looks at nothing but the list itself.
 */
#include "core/http/pick.h"

#include <assert.h>

#include "core/base/map.h"

static uint64_t failure(const struct pick *p, const struct upstream *u, uint64_t now);

/* The position is kept per list: a new list of the same service starts anew, which does no harm. */
static uint32_t *counter_of(struct pick *p, const struct upstreams *list) {
    uint64_t h = (uint64_t)(uintptr_t)list * 0x9e3779b97f4a7c15u;
    return &p->counter[h >> 56 & (PICK_COUNTERS - 1)];
}

const struct upstream *pick_next(struct pick *p, const struct upstreams *list, uint64_t now) {
    assert(list->n > 0);
    if (list->n == 1) return &list->list[0];
    bool calm = now >= p->quiet;
    int best = 4, members = 0;
    uint64_t oldest = UINT64_MAX;
    const struct upstream *rested = NULL;
    for (int i = 0; i < list->n; i++) {
        const struct upstream *u = &list->list[i];
        uint64_t failed = calm ? 0 : failure(p, u, now);
        int rank = (u->healthy ? 0 : 1) + (failed ? 2 : 0);
        if (failed && failed < oldest) {
            oldest = failed;
            rested = u;
        }
        if (rank < best) members = 0;
        if (rank <= best) members++;
        if (rank < best) best = rank;
    }
    if (best >= 2) return rested; /* all of them failed: the one whose failure is oldest */

    uint32_t turn = (*counter_of(p, list))++ % (uint32_t)members;
    for (int i = 0;; i++) {
        const struct upstream *u = &list->list[i];
        int rank = (u->healthy ? 0 : 1) + (!calm && failure(p, u, now) ? 2 : 0);
        if (rank == best && turn-- == 0) return u;
    }
}

static uint64_t key_of(const struct upstream *u) {
    return map_hash(u->id.n ? u->id : u->authority);
}

void pick_failed(struct pick *p, const struct upstream *u, uint64_t now) {
    uint64_t key = key_of(u);
    int at = 0;
    for (int i = 0; i < PICK_FAILED; i++) {
        if (p->failed[i].key == key) {
            at = i;
            break;
        }
        if (p->failed[i].until < p->failed[at].until) at = i;
    }
    p->failed[at].key = key;
    p->failed[at].until = p->quiet = now + PICK_REST;
    p->failed[at].order = ++p->order;
}

/* The order number of a failure that still counts, else 0. */
static uint64_t failure(const struct pick *p, const struct upstream *u, uint64_t now) {
    uint64_t key = key_of(u);
    for (int i = 0; i < PICK_FAILED; i++)
        if (p->failed[i].key == key) return p->failed[i].until > now ? p->failed[i].order : 0;
    return 0;
}
