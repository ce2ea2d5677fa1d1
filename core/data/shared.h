/*
 * shared: a map of bytes and numbers that all workers share, with expiry, counters, token buckets
 * and compare-and-swap.
 *
 * Sharded, a mutex per shard, bounded in bytes. Values survive reloads, not restarts. Any thread.
 *
 * What a key begins with, up to its first byte below 32, is whose it is; all keys without such a
 * byte are of one owner. When a shard is full, an owner who has more than an equal part of it loses
 * its own least recently used entries; who has less takes the room of the one who has most. So a
 * flood evicts its owner's entries (which is reported to the caller who caused it), and nobody
 * else's. Token buckets lie apart, in at most half of the room, and give way to each other only.
 */
#ifndef SHARED_H
#define SHARED_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

struct shared;

/* Room for about `bytes` of keys, values and what it takes to manage them. */
struct shared *shared_new(size_t bytes);
void shared_free(struct shared *m); /* nobody may be using it any more */

/* A number comes back as the number it was. */
struct shared_value {
    enum shared_kind { SHARED_BYTES, SHARED_INTEGER, SHARED_REAL } kind;
    struct str bytes; /* the field of its kind counts */
    int64_t integer;
    double real;
};

/* ttl in ms, 0 = for ever. Returns 0, 1 = stored but something was evicted, ERR_LIMIT = larger than
 * a shard (without its buckets), -ENOMEM. A call that fails changes nothing. */
int shared_set_value(struct shared *m, struct str key, const struct shared_value *value,
                     uint64_t ttl);
/* The same, but ERR_EXISTS when it is there. */
int shared_add_value(struct shared *m, struct str key, const struct shared_value *value,
                     uint64_t ttl);
/* 0, -ENOENT or -ENOMEM. Bytes are appended to `room`, where value->bytes points to then. */
int shared_get_value(struct shared *m, struct str key, struct shared_value *value,
                     struct buf *room);
/* Replaces the value if it is `expected`: 0, 1, ERR_CONFLICT, -ENOENT, ERR_LIMIT, -ENOMEM. A number
 * is never equal to the text that it is written as. */
int shared_cas_value(struct shared *m, struct str key, const struct shared_value *expected,
                     const struct shared_value *value, uint64_t ttl);

/* The same with bytes. shared_get appends them: numbers as decimal text. */
static inline int shared_set(struct shared *m, struct str key, struct str value, uint64_t ttl) {
    return shared_set_value(m, key, &(struct shared_value){.bytes = value}, ttl);
}
static inline int shared_add(struct shared *m, struct str key, struct str value, uint64_t ttl) {
    return shared_add_value(m, key, &(struct shared_value){.bytes = value}, ttl);
}
static inline int shared_cas(struct shared *m, struct str key, struct str expected,
                             struct str value, uint64_t ttl) {
    return shared_cas_value(m, key, &(struct shared_value){.bytes = expected},
                            &(struct shared_value){.bytes = value}, ttl);
}
int shared_get(struct shared *m, struct str key, struct buf *value);
/* The same, but an entry that is `max_age` ms old or older counts as missing (0 = any age will do);
 * it stays for those who ask for less. With `renew` what was got is as new: its age and its ttl
 * begin again. */
int shared_load(struct shared *m, struct str key, uint64_t max_age, bool renew, struct buf *value);
/* Adds to an integer (missing = `initial`, which then also gets the ttl) and tells the new value.
 * 0, 1 (something was evicted), -EINVAL when it holds what is none, -ERANGE when the sum has
 * no room in 64 bits. */
int shared_incr(struct shared *m, struct str key, int64_t by, int64_t initial, uint64_t ttl,
                int64_t *result);
/* A token bucket: holds at most `burst` tokens, gets `rate` more a second and begins full. All who
 * share it say the same; when they change their minds, what was taken stays taken. */
struct shared_bucket {
    double rate;  /* above 0, at most SHARED_RATE_MAX */
    double burst; /* at least 1; full again within SHARED_FILL_MAX seconds */
};
#define SHARED_RATE_MAX 1e6
#define SHARED_FILL_MAX \
    (31 * 86400.0) /* seconds: a slip of the pen must not close a key for ever */
/* What is left in it. */
struct shared_left {
    bool taken;
    double tokens;      /* whole ones and a part */
    uint64_t full_ns;   /* until it is full again */
    uint64_t enough_ns; /* not taken: until there is enough, if nobody takes any; else 0 */
};
/* Takes `cost` tokens (at least 0, at most burst) or, when there are not as many, none. `now` is in
 * ns on a monotonic clock that all who share the bucket read. 0, 1, -EINVAL (numbers out of bounds,
 * or the key holds something else), ERR_LIMIT, -ENOMEM. A bucket that is full is forgotten: it
 * takes no room. */
int shared_take(struct shared *m, struct str key, const struct shared_bucket *b, double cost,
                uint64_t now, struct shared_left *left);
bool shared_del(struct shared *m, struct str key);
int shared_del_prefix(struct shared *m, struct str prefix); /* entries gone */

/* What becomes of an entry that was looked at. */
enum shared_verdict { SHARED_KEEP, SHARED_DROP };
/* Shows `visit` every live entry whose key begins with `prefix`, in no order; returns how many it
 * dropped. Looks at the whole map, one shard after the other: what others change meanwhile may be
 * seen or not. `visit` runs under a lock: it is short and does not call the map. */
int shared_each(struct shared *m, struct str prefix,
                enum shared_verdict (*visit)(void *arg, struct str key, struct str value),
                void *arg);

int64_t shared_ttl(struct shared *m, struct str key); /* ms left, 0 = for ever, or -ENOENT */
void shared_usage(struct shared *m, size_t *bytes, size_t *entries); /* expired ones included */

uint64_t shared_now(void); /* monotonic ms that expiry uses */
/* Another clock, for tests. Before the map is used by others. */
void shared_clock(struct shared *m, uint64_t (*now)(void));

#endif
