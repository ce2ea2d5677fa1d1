/*
 * pick: see pick.h. Called by the proxy for each attempt, so the common case (nobody failed lately)
 * looks at nothing but the list itself.
 */
#include "core/http/pick.h"

#include <assert.h>
#include <stdatomic.h>

#include "core/base/map.h"

static uint64_t failure(const struct pick *p, const struct upstream *u, uint64_t now);

/* The position is kept per list: a new list of the same service starts anew, which does no harm. */
static uint32_t *counter_of(struct pick *p, const struct upstreams *list) {
    uint64_t h = (uint64_t)(uintptr_t)list * 0x9e3779b97f4a7c15u;
    return &p->counter[h >> 56 & (PICK_COUNTERS - 1)];
}

/* What the best rank of a list is, and how many have it. */
struct ranking {
    bool calm; /* nobody failed lately */
    int best;
    int members;
    const struct upstream *rested; /* of those that failed: the one whose failure is oldest */
};

static int rank_of(const struct pick *p, const struct upstream *u, bool calm, uint64_t now) {
    return (u->healthy ? 0 : 1) + (!calm && failure(p, u, now) ? 2 : 0);
}

static struct ranking rank_all(const struct pick *p, const struct upstreams *list, uint64_t now) {
    struct ranking r = {.calm = now >= p->quiet, .best = 4};
    uint64_t oldest = UINT64_MAX;
    for (int i = 0; i < list->n; i++) {
        const struct upstream *u = &list->list[i];
        uint64_t failed = r.calm ? 0 : failure(p, u, now);
        int rank = (u->healthy ? 0 : 1) + (failed ? 2 : 0);
        if (failed && failed < oldest) {
            oldest = failed;
            r.rested = u;
        }
        if (rank < r.best) r.members = 0;
        if (rank <= r.best) r.members++;
        if (rank < r.best) r.best = rank;
    }
    return r;
}

/* The score of an instance for a key: the finalizer of MurmurHash3. */
static uint64_t score(const struct upstream *u, uint64_t key) {
    uint64_t h = key ^ u->hash;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

static uint64_t work_of(const struct upstream *u) {
    return u->load ? (uint64_t)atomic_load_explicit(&u->load->open, memory_order_relaxed) : 0;
}

/* Smaller is better. `turn` is how long until it is its turn. */
static uint64_t cost(const struct upstream *u, enum choose_how how, uint64_t key, uint32_t turn) {
    switch (how) {
    case CHOOSE_LEAST:
        return work_of(u) << 32 | turn;
    case CHOOSE_HASH:
        return ~score(u, key);
    case CHOOSE_ROUND_ROBIN:
        break;
    }
    return turn;
}

const struct upstream *pick_next(struct pick *p, const struct upstreams *list, enum choose_how how,
                                 uint64_t key, uint64_t now) {
    assert(list->n > 0);
    if (list->n == 1) return &list->list[0];
    struct ranking r = rank_all(p, list, now);
    if (r.best >= 2) return r.rested; /* all of them failed */

    uint32_t members = (uint32_t)r.members, first = 0, nth = 0;
    if (how != CHOOSE_HASH) first = (*counter_of(p, list))++ % members;
    const struct upstream *chosen = NULL;
    uint64_t least = 0;
    for (int i = 0; i < list->n; i++) {
        const struct upstream *u = &list->list[i];
        if (rank_of(p, u, r.calm, now) != r.best) continue;
        uint64_t c = cost(u, how, key, (nth++ + members - first) % members);
        if (chosen && c >= least) continue;
        chosen = u;
        least = c;
        if (how == CHOOSE_ROUND_ROBIN && c == 0) break;
    }
    return chosen;
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
