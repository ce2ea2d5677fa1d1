/*
 * watch: tells when files below a folder changed, debounced.
 *
 * Recursive; new folders are picked up; names beginning with '.' and editors' temporary files are
 * ignored. One call per quiet period (100 ms by default), however many events. Whoever is called
 * compares contents himself.
 */
#ifndef WATCH_H
#define WATCH_H

#include "core/base/err.h"
#include "core/loop/worker.h"

struct watch;

struct watch *watch_start(struct worker *w, const char *folder, uint64_t quiet_ms,
                          void (*changed)(struct watch *, void *), void *arg, struct err *e);
void watch_stop(struct watch *w);

#endif
