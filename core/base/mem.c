/*
 * mem: see mem.h. malloc with one question in front: is this the allocation that a test wants to
 * fail? When injection is off that question is a single relaxed load.
 *
 * Called by everybody; it calls nothing of ours and never logs (the log allocates).
 */
#include "core/base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define ROOM_PIECE ((size_t)120 * 1024) /* larger ones are no part of a heap (M_MMAP_THRESHOLD) */

static struct {
    atomic_bool armed;  /* injection is on; the only thing looked at when it is off */
    atomic_bool sticky; /* everything after the n-th fails too */
    atomic_bool fired;  /* one has failed since mem_fail_at */
    atomic_long left;   /* allocations until the failing one; it has passed when below 1 */
} fault;

static bool fail_slow(void) {
    long left = atomic_fetch_sub_explicit(&fault.left, 1, memory_order_relaxed);
    bool fail =
        left == 1 || (left < 1 && atomic_load_explicit(&fault.sticky, memory_order_relaxed));
    if (fail) atomic_store_explicit(&fault.fired, true, memory_order_relaxed);
    return fail;
}

bool mem_fail_now(void) {
    return atomic_load_explicit(&fault.armed, memory_order_relaxed) && fail_slow();
}

void mem_fail_at(long n, bool sticky) {
    atomic_store_explicit(&fault.armed, false, memory_order_relaxed);
    atomic_store_explicit(&fault.sticky, sticky, memory_order_relaxed);
    atomic_store_explicit(&fault.fired, false, memory_order_relaxed);
    atomic_store_explicit(&fault.left, n, memory_order_relaxed);
    atomic_store_explicit(&fault.armed, n > 0, memory_order_relaxed);
}

bool mem_fail_fired(void) {
    return atomic_load_explicit(&fault.fired, memory_order_relaxed);
}

/* Sizes beyond PTRDIFF_MAX are an overflow of the caller's arithmetic, never a wish. A size of 0
 * becomes 1, so that NULL has one meaning. */
static bool size_ok(size_t *size) {
    if (*size > PTRDIFF_MAX) return false;
    if (*size == 0) *size = 1;
    return true;
}

void *mem_alloc(size_t size) {
    if (mem_fail_now() || !size_ok(&size)) return NULL;
    return malloc(size);
}

void *mem_zalloc(size_t size) {
    if (mem_fail_now() || !size_ok(&size)) return NULL;
    return calloc(1, size);
}

void *mem_realloc(void *p, size_t size) {
    if (mem_fail_now() || !size_ok(&size)) return NULL;
    return realloc(p, size);
}

void mem_free(void *p) {
    free(p);
}

char *mem_dup(struct str s) {
    char *copy = s.n < PTRDIFF_MAX ? mem_alloc(s.n + 1) : NULL;
    if (!copy) return NULL;
    if (s.n) memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return copy;
}

/* The C library's heaps of threads grow by what is missing, a page at a time, and each step is a
 * system call that stops the page faults of all other threads. What they have grown to once they
 * keep, also when the pages are given back, which freeing the last of these pieces does. */
void mem_make_room(size_t size) {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    void *pieces[128];
    size_t n = size / ROOM_PIECE;
    if (n > sizeof pieces / sizeof *pieces) n = sizeof pieces / sizeof *pieces;
    for (size_t i = 0; i < n; i++)
        pieces[i] = malloc(ROOM_PIECE);
    for (size_t i = 0; i < n; i++)
        free(pieces[i]);
#else
    (void)size;
#endif
}
