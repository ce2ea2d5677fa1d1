/* metric_family: what the files of metric share: owners, families, series. Private to metric*.c. */
#ifndef METRIC_FAMILY_H
#define METRIC_FAMILY_H

#include <pthread.h>

#include "core/base/metric.h"
#include "core/base/metric_std.h"

#define METRIC_LOCKS  8   /* of a family */
#define METRIC_CHAINS 128 /* of its hash table; a power of two, as METRIC_LOCKS is */

/* One combination of labels. Under the lock of its chain. */
struct metric_series {
    struct metric_series *next; /* in its chain */
    uint64_t hash;
    size_t n;          /* bytes of the key, which follow the counts */
    double value;      /* of a histogram: the sum of what was observed */
    uint64_t counts[]; /* of a histogram: observations per bucket, the last one is +Inf */
};

/* A family. What is not marked is never changed. */
struct metric {
    struct metric *next;        /* of the same owner, newest first; under the registry's lock */
    struct metric_owner *owner; /* NULL while it is not in the registry; under its lock */
    int refs;                   /* under the registry's lock */
    uint64_t age;               /* how many families were published before; under its lock */
    char *name, *help;
    enum metric_kind kind;
    size_t n_labels, n_buckets;
    char *labels[METRIC_LABELS];
    uint8_t order[METRIC_LABELS]; /* indexes of labels by name */
    double *buckets;              /* ascending, without +Inf */
    _Atomic size_t n_series;
    _Atomic bool full; /* the log has told */
    struct metric_lock {
        _Alignas(64) pthread_mutex_t mutex;
    } locks[METRIC_LOCKS];
    struct metric_series *chains[METRIC_CHAINS]; /* chain i is under lock i % METRIC_LOCKS */
};

/* A service. What is not marked is under the registry's lock. */
struct metric_owner {
    char host[256]; /* never changed */
    char ver[32], id[32];
    bool in_sight;
    _Atomic uint64_t since; /* monotonic ns when it came into sight */
    int n_families;
    struct metric *families;                          /* newest first */
    struct metric *_Atomic standard[METRIC_STANDARD]; /* NULL until used; one reference each */
};

/* The registry's lock. Locks of series may be taken inside it, never the other way round. */
void metric_lock(void);
void metric_unlock(void);
/* [registry's lock] */
bool metric_next_owner(size_t *it, struct metric_owner **o);
struct metric_owner *metric_find_owner(struct str host);

static inline pthread_mutex_t *metric_mutex(struct metric *m, uint64_t hash) {
    return &m->locks[hash % METRIC_LOCKS].mutex;
}
static inline size_t metric_counts(const struct metric *m) {
    return m->kind == METRIC_HISTOGRAM ? m->n_buckets + 1 : 0;
}
static inline struct str metric_series_key(const struct metric *m, const struct metric_series *s) {
    return str_make((const char *)&s->counts[metric_counts(m)], s->n);
}

#endif
