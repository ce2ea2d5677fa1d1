/*
 * proxy: the front door's main job: pumps an exchange to an instance and back. C only, no Lua, no
 * database.
 *
 * Raw path and query go on byte for byte; hop-by-hop fields go, X-Forwarded-*, Via and X-Request-Id
 * come; bodies stream both ways with back-pressure; upgrades become tunnels. Picks among healthy
 * instances (pick.h), all of them when none is healthy; retries on another instance
 * only when that is safe; refuses loops (own Via token: 508). An instance that dies inside its
 * response aborts the client's.
 */
#ifndef PROXY_H
#define PROXY_H

#include "core/http/choose.h"
#include "core/http/server.h"

struct upstream {
    struct str id;   /* instance id */
    struct str url;  /* as registered, for logs */
    struct str host; /* where to connect */
    int port;
    struct str authority; /* Host field to send */
    struct str
        prefix; /* path of the registered URL without trailing slash; put before the request path */
    bool healthy;
    uint64_t hash;     /* of its URL: choose_hash */
    struct load *load; /* requests under way; NULL = nobody wants to know */
};

/* route.data of proxied routes. Immutable; lives in the route table's arena. */
struct upstreams {
    struct upstream *list;
    int n;
    struct chooser chooser; /* who gets a request, unless a policy says so */
};

extern const struct handler proxy_handler;
/* Answers 404 text/plain "no instances found": what no route takes. */
extern const struct handler nowhere_handler;

/* Own Via pseudonym, unique per host process; the same token inside a received Via is a loop. */
struct str proxy_via(void);

/* Frees what the proxy keeps on this worker between requests. On the worker's thread, before
 * pool_close; exchanges that are still open free their part when they end. */
void proxy_close(struct worker *w);

#endif
