/*
 * host: what the whole process shares and the bindings need to reach: database, shared map, own
 * addresses. Set by main before the first state exists, read-only afterwards.
 */
#ifndef HOST_H
#define HOST_H

#include "core/data/shared.h"
#include "core/data/store.h"

struct host {
    struct store *store;
    struct shared *shared;
    _Atomic bool ready; /* serving and not draining: what /readyz says */
    char secret[33];    /* what control requests on the admin address must present */
    int64_t started;    /* seconds since the epoch */
    _Atomic int port;   /* of the front door; 0 until it is known, also the next one */
    _Atomic int admin_port;
};

extern struct host host;

#endif
