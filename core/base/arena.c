/*
 * arena: see arena.h. Blocks are a singly linked list, the newest first; allocation moves a pointer
 * through the newest one. A request too large for the usual block gets a block of its own behind
 * the newest, so that the room left in that one is not lost.
 *
 * Under AddressSanitizer the room that nobody was given is poisoned: running over the end of an
 * allocation, or using it after a reset, is reported as on the heap.
 */
#include "core/base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN     ((size_t)16)
#define FIRST_MIN ((size_t)256)
#define BLOCK_MAX ((size_t)64 * 1024)

struct arena_block {
    struct arena_block *older; /* the next one to free */
    size_t room;               /* bytes behind this header */
    alignas(16) char bytes[];  /* what is given out */
};

struct arena_defer {
    struct arena_defer *older; /* runs after this one */
    void (*fn)(void *);        /* destructor */
    void *arg;                 /* its argument */
};

static size_t round_up(size_t n) {
    return (n + ALIGN - 1) & ~(ALIGN - 1);
}

void arena_init(struct arena *a, size_t first) {
    *a = (struct arena){.first = round_up(first < FIRST_MIN ? FIRST_MIN : first)};
}

static struct arena_block *block_new(struct arena *a, size_t room) {
    struct arena_block *b = mem_alloc(sizeof *b + room);
    if (!b) return NULL;
    b->room = room;
    a->total += sizeof *b + room;
    ASAN_POISON_MEMORY_REGION(b->bytes, room);
    return b;
}

static void block_free(struct arena *a, struct arena_block *b) {
    a->total -= sizeof *b + b->room;
    ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->room);
    mem_free(b);
}

/* Allocations are handed out from block b from here on. */
static void block_use(struct arena *a, struct arena_block *b) {
    a->block = b;
    a->next = b ? b->bytes : NULL;
    a->end = b ? b->bytes + b->room : NULL;
}

/* Room of the next usual block: twice the newest, up to 64 KB (or the first, when that is more). */
static size_t next_room(const struct arena *a) {
    size_t most = a->first > BLOCK_MAX ? a->first : BLOCK_MAX;
    if (!a->block) return a->first;
    return a->block->room >= most / 2 ? most : a->block->room * 2;
}

/* `size` bytes from a new block. */
static char *grow(struct arena *a, size_t size) {
    size_t room = next_room(a);
    struct arena_block *b = block_new(a, size > room ? size : room);
    if (!b) return NULL;
    if (size > room && a->block) {
        b->older = a->block->older;
        a->block->older = b;
        return b->bytes;
    }
    b->older = a->block;
    block_use(a, b);
    a->next += size;
    return b->bytes;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > PTRDIFF_MAX - sizeof(struct arena_block) - ALIGN) return NULL;
    size_t whole = round_up(size ? size : 1);
    char *p;
    if (whole <= (size_t)(a->end - a->next)) {
        p = a->next;
        a->next += whole;
    } else {
        p = grow(a, whole);
        if (!p) return NULL;
    }
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void *arena_zalloc(struct arena *a, size_t size) {
    void *p = arena_alloc(a, size);
    return p ? memset(p, 0, size) : NULL;
}

char *arena_dup(struct arena *a, struct str s) {
    char *copy = s.n < PTRDIFF_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (!copy) return NULL;
    if (s.n) memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return copy;
}

struct str arena_str(struct arena *a, struct str s) {
    if (!s.n) return STR("");
    char *copy = arena_alloc(a, s.n);
    return copy ? str_make(memcpy(copy, s.p, s.n), s.n) : STR_NONE;
}

struct str arena_printf(struct arena *a, const char *fmt, ...) {
    char small[256]; /* most texts fit: formatted once */
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) return STR_NONE;
    if ((size_t)n < sizeof small) return arena_str(a, str_make(small, (size_t)n));
    char *p = arena_alloc(a, (size_t)n + 1);
    if (!p) return STR_NONE;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return str_make(p, (size_t)n);
}

int arena_defer(struct arena *a, void (*fn)(void *), void *arg) {
    struct arena_defer *d = arena_alloc(a, sizeof *d);
    if (!d) return -ENOMEM;
    *d = (struct arena_defer){.older = a->defers, .fn = fn, .arg = arg};
    a->defers = d;
    return 0;
}

/* A destructor may allocate and even defer; what it defers runs next. */
static void run_defers(struct arena *a) {
    while (a->defers) {
        struct arena_defer *d = a->defers;
        a->defers = d->older;
        d->fn(d->arg);
    }
}

/* The block worth keeping is the smallest: the first one, unless the arena began with a request
 * beyond any usual block. */
static struct arena_block *block_to_keep(const struct arena *a) {
    struct arena_block *keep = a->block;
    for (struct arena_block *b = keep; b; b = b->older) {
        if (b->room < keep->room) keep = b;
    }
    return keep && keep->room <= (a->first > BLOCK_MAX ? a->first : BLOCK_MAX) ? keep : NULL;
}

static void free_blocks(struct arena *a, struct arena_block *keep) {
    struct arena_block *b = a->block;
    while (b) {
        struct arena_block *older = b->older;
        if (b != keep) block_free(a, b);
        b = older;
    }
    if (keep) {
        keep->older = NULL;
        ASAN_POISON_MEMORY_REGION(keep->bytes, keep->room);
    }
    block_use(a, keep);
}

void arena_reset(struct arena *a) {
    run_defers(a);
    free_blocks(a, block_to_keep(a));
}

void arena_free(struct arena *a) {
    run_defers(a);
    free_blocks(a, NULL);
}
