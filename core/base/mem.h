/*
 * mem: the process allocator as the rest of the host sees it.
 *
 * Every heap allocation of our C code goes through here, so that tests can fail the n-th one and
 * see that nothing leaks, crashes or is half done. Allocation can fail: callers check for NULL.
 * Thread-safe.
 */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

void *mem_alloc(size_t size);            /* NULL when out of memory */
void *mem_zalloc(size_t size);           /* zero-filled */
void *mem_realloc(void *p, size_t size); /* NULL leaves `p` untouched */
void mem_free(void *p);                  /* NULL is fine */
char *mem_dup(struct str s);             /* NUL-terminated copy */

/* For a thread that will allocate megabytes in small pieces: has its heap take this much room at
 * once. Room, no memory: pages come as they are used. */
void mem_make_room(size_t size);

/* Fault injection: the n-th allocation from now (1 = the next), of any thread, fails, and so does
 * every later one when `sticky`. n = 0 switches injection off. mem_fail_fired() says whether one
 * has failed since. */
void mem_fail_at(long n, bool sticky);
bool mem_fail_fired(void);

/* For allocators that are not ours to replace but want to take part in injection (Lua states): true
 * = pretend that this allocation failed. */
bool mem_fail_now(void);

#endif
