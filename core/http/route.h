/*
 * route: which handler answers which first path segment: an immutable table, published by pointer.
 *
 * The control plane builds a whole table and publishes it; every worker switches at its next turn.
 * Looking up takes no lock, no allocation, no Lua. An exchange holds the view it was routed with
 * until it ends, so what a route points to stays alive for it.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/map.h"
#include "core/base/str.h"
#include "core/loop/worker.h"

struct handler; /* server.h */

enum {
    ROUTE_TOKEN = 1, /* verify the bearer token (if any) first; refresh an expired one on the way */
    ROUTE_CORS = 2,  /* an API route: CORS fields on every answer, OPTIONS answered here */
    ROUTE_ORIGIN = 4, /* a service for pages of the origins that are allowed (door.h): theirs get
                         CORS fields and an answer to their preflights, others 403 */
    /* Questions of policy.h that somebody wants to answer, in the order of enum policy_row. */
    ROUTE_LIMIT = 8,
    ROUTE_REQUEST = 16,
    ROUTE_CHOOSE = 32,
    ROUTE_RESPONSE = 64,
};

#define ROUTE_MAX 100000 /* names in one table */

struct route {
    struct str name; /* host part of the first path segment, in lower case */
    const struct handler *handler;
    void *data; /* the handler's; alive as long as the table */
    unsigned flags;
};

/* A worker's hold on a table. */
struct route_view {
    struct route_table *table;
    struct worker *worker;
    int refs; /* exchanges on this worker, plus one while it is current; own thread only */
    struct message msg; /* tells the worker to switch; posted once, by route_publish */
};

struct route_table {
    struct arena arena;
    struct map names;                    /* name -> struct route */
    struct route *other;                 /* what no name matches; may be NULL */
    struct route_view *views;            /* one per worker there can be, by index + 1 */
    _Atomic int refs;                    /* views in use, messages under way, being in force */
    void (*drop)(struct route_table *t); /* frees what route.data points to, on the thread that let
                                            go last; NULL = nothing to do */
    void *data;
};

struct route_table *route_table_new(void); /* NULL when out of memory */
/* 0, -EEXIST, -ENOMEM or -ENOSPC (ROUTE_MAX). The name is copied. */
int route_table_add(struct route_table *t, struct str name, const struct handler *handler,
                    void *data, unsigned flags);
void route_table_free(struct route_table *t); /* one that was never published */
/* Takes the table; all workers use it from their next turn on. Any thread. NULL = no routes any
 * more: what workers do not hold is freed. */
void route_publish(struct route_table *t);

/* The view in force, with a reference for the caller; NULL before the first publish. */
struct route_view *route_view_take(struct worker *w);
void route_view_give(struct route_view *v);
/* Where a path leads: /host[:port]/rest. */
struct route_place {
    struct str segment; /* host: escapes of unreserved characters decoded, in lower case. With a
                           port that is none: all of the first segment */
    struct str rest; /* the path behind the first segment as it came: empty, or from its '/' on */
    int port;        /* 0 = none given, which means 443; -1 = what stands there is no port */
};
/* Copies nothing for a plain name; a name with escapes or capitals comes from the arena. */
void route_split(struct str path, struct arena *arena, struct route_place *at);
/* The route of a path, and its place; NULL = none. The path "/" leads to the name "root" when the
 * table has it, and `segment` says so. */
const struct route *route_match(const struct route_view *v, struct str path, struct arena *arena,
                                struct route_place *at);
/* The worker serves no longer: lets go of its current view. On its thread. */
void route_close(struct worker *w);

#endif
