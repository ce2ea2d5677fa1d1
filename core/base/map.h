/*
 * map: byte-string keys to pointers. Open addressing, keys copied, seeded hash (a stranger cannot
 * aim collisions).
 *
 * Values are borrowed. Every map states its bound: map_put beyond `limit` entries fails with
 * -ENOSPC. Not thread-safe.
 */
#ifndef MAP_H
#define MAP_H

#include "core/base/str.h"

struct map_slot;

struct map {
    struct map_slot *slots; /* power-of-two table */
    size_t cap;             /* slots */
    size_t n;               /* entries */
    size_t limit;           /* most entries allowed; 0 = no bound of its own */
};

uint64_t map_hash(struct str key); /* SipHash-like, seeded once per process */

void map_init(struct map *m, size_t limit);
void map_free(struct map *m); /* values are not touched */
void *map_get(const struct map *m, struct str key);
int map_put(struct map *m, struct str key,
            void *value); /* 0, -ENOMEM, -ENOSPC; replaces; value must not be NULL */
void *map_del(struct map *m, struct str key); /* the value it had, or NULL */

/* Iteration in no order: `*it` starts at 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *m, size_t *it, struct str *key, void **value);

#endif
