/*
 * shared: a map of bytes and integers that all workers share, with expiry, counters and
 * compare-and-swap.
 *
 * Sharded, a mutex per shard, bounded in bytes: the least recently used entries of the shard go
 * first (reported to the caller who caused it). Values survive reloads, not restarts. Any thread.
 */
#ifndef SHARED_H
#define SHARED_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

struct shared;

struct shared *shared_new(size_t bytes);
void shared_free(struct shared *m);

/* ttl in ms, 0 = for ever. Returns 0, 1 = stored but something was evicted, ERR_LIMIT = larger than
 * a shard. */
int shared_set(struct shared *m, struct str key, struct str value, uint64_t ttl);
int shared_add(struct shared *m, struct str key, struct str value,
               uint64_t ttl); /* ERR_EXISTS when it is there */
int shared_get(struct shared *m, struct str key,
               struct buf *value); /* 0 or -ENOENT; ints as decimal text */
/* Adds to an integer (missing = `initial`, which then also gets the ttl). -EINVAL when it holds
 * bytes that are none. */
int shared_incr(struct shared *m, struct str key, int64_t by, int64_t initial, uint64_t ttl,
                int64_t *result);
int shared_cas(struct shared *m, struct str key, struct str expected, struct str value,
               uint64_t ttl); /* ERR_CONFLICT, -ENOENT */
bool shared_del(struct shared *m, struct str key);
int shared_del_prefix(struct shared *m, struct str prefix); /* entries gone */
int64_t shared_ttl(struct shared *m, struct str key);       /* ms left, 0 = for ever, -ENOENT */
void shared_usage(struct shared *m, size_t *bytes, size_t *entries);
uint64_t shared_now(void); /* monotonic ms that expiry uses */

#endif
