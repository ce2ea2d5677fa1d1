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
