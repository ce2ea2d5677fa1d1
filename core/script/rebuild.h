/*
 * rebuild: a service that has run into its memory cap again and again gets a fresh state.
 *
 * Three requests in a minute that ended for want of memory, on one worker, or calls, beats of a
 * ticker, other tasks; or a ticker that is gone: there the state is built anew from the same
 * generation. The old one takes no new requests; what it is at ends within
 * `reload_grace`. On the home worker it goes as after a reload: the old tickers end, on_stop, then
 * on_start and the tickers of the new one. on_unload is not asked: who has no memory has nothing to
 * hand over. The next rebuilding of the service there is 10 seconds away, then 20, 40, 60: one that
 * leaks all the time costs its own answers and not the host.
 */
#ifndef REBUILD_H
#define REBUILD_H

#include "core/script/service_list.h"

/* A request, a call, a beat of a ticker or another task ended for want of memory, or could not
 * begin. The resident's worker, any context: nothing is built before a later turn of the loop. */
void rebuild_starved(struct resident *r);
/* Something that runs as long as the state, like a ticker, ended so and will not come back: the
 * state is replaced as soon as that may be done. */
void rebuild_lost(struct resident *r);

/* A worker's side of it, ready to be used. */
void rebuild_init(struct local *l);
/* None is begun any more. The local's worker. */
void rebuild_close(struct local *l, struct worker *w);
/* Whether the start of a generation has to wait, because on_stop of the state before still runs:
 * then it is held and delivered again. Home worker. */
bool rebuild_holds(struct local *l, struct starting *st);

#endif
