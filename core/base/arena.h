/*
 * arena: memory that ends together. One per request or task; "the request ended" is one call.
 *
 * A bump allocator over blocks that grow from `first` bytes to 64 KB. arena_defer() registers a
 * destructor; destructors run last-in first-out at reset. Not thread-safe: an arena belongs to one
 * thread at a time.
 */
#ifndef ARENA_H
#define ARENA_H

#include "core/base/str.h"

struct arena_block;
struct arena_defer;

struct arena {
    struct arena_block *block;  /* newest block, linked to older ones */
    struct arena_defer *defers; /* newest destructor */
    char *next, *end;           /* free room in the newest block */
    size_t first;               /* size of the first block */
    size_t total;               /* bytes held in blocks, for accounting */
};

void arena_init(struct arena *a, size_t first);
void *arena_alloc(struct arena *a, size_t size); /* 16-byte aligned; NULL when out of memory */
void *arena_zalloc(struct arena *a, size_t size);
char *arena_dup(struct arena *a, struct str s); /* NUL-terminated copy */
struct str arena_str(struct arena *a,
                     struct str s); /* copy as a slice; n = 0 and p = NULL when out of memory */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int arena_defer(struct arena *a, void (*fn)(void *),
                void *arg);        /* 0 or -ENOMEM (fn was not called) */
void arena_reset(struct arena *a); /* runs destructors, keeps the first block for reuse */
void arena_free(struct arena *a);  /* runs destructors, gives everything back */

#endif
