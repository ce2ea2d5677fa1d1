/*
 * outbox: the answers, events and WebSocket messages of one service on one worker that wait for
 * clients who do not take them. Together they have as much room as a state has (`lua_memory`),
 * whatever state or generation they came from.
 *
 * A large piece that has no room is refused before any of it is sent. A small one is offered to the
 * socket: a client who reads gets it, and one who does not loses the connection. So slow readers,
 * however many, cost the service some of their own connections and the host nothing.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "core/http/server.h"

struct outbox;

/* `host` is the service's name for the log; it lives as long. NULL: out of memory. */
struct outbox *outbox_new(const char *host);
/* Once its worker is done with it. What still waits is counted on. */
void outbox_free(struct outbox *o);
/* What is written to `x` from now on counts. The outbox's worker. */
void outbox_charge(struct outbox *o, struct exchange *x);

#define OUTBOX_FULL "too many bytes of the service's answers wait for clients; try again later"

#endif
