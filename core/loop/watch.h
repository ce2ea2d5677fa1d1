/*
 * watch: tells when files below a folder changed, debounced.
 *
 * Recursive; new folders are picked up, also the root itself when it is made later, or was removed
 * and comes back. Symbolic links are followed, to files as well: it is told when one leads
 * elsewhere, and when what it leads to changes, goes or comes. Names beginning with '.' and
 * editors' temporary files are ignored. One call per quiet period (100 ms by default), however many
 * events; when it never gets quiet, one call per ten such periods. Whoever is called compares
 * contents himself.
 */
#ifndef WATCH_H
#define WATCH_H

#include "core/base/err.h"
#include "core/loop/worker.h"

struct watch;

/* On w's thread, as is everything here. quiet_ms = 0: the default. NULL + *e when the folder is
 * none or cannot be watched; a missing one is waited for. At most 4096 folders, and as many
 * names that links lead to: what is beyond is logged and not watched. changed() may stop the watch.
 */
struct watch *watch_start(struct worker *w, const char *folder, uint64_t quiet_ms,
                          void (*changed)(struct watch *, void *), void *arg, struct err *e);
/* No call comes after it. The memory goes once the loop has turned. */
void watch_stop(struct watch *w);

#endif
