/*
 * dns: host names to addresses, off the loop, with a small cache.
 *
 * Literal addresses answer at once. Names go to a thread of dns's own (getaddrinfo), answers are
 * kept for 10 s (failures for 2 s), at most 1024 names. Concurrent questions for one name share one
 * look-up.
 */
#ifndef DNS_H
#define DNS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/loop/worker.h"

#define DNS_MAX 8

struct dns_addr {
    struct sockaddr_storage sa; /* port filled in */
};

struct dns_query {
    struct message msg;  /* internal */
    struct worker *home; /* internal */
    char host[256];
    int port;
    int status; /* 0 or negative: -ENOENT unknown name, ERR_TIMEOUT, ERR_BUSY */
    int n;
    struct dns_addr addr[DNS_MAX];
    void (*done)(struct dns_query *q); /* on the asking worker; never called after dns_cancel */
    bool canceled;
};

int dns_start(void);
void dns_stop(void);
/* 1 = answered already (literal or cached: look at status, done is not called); 0 = done will be
 * called; negative = refused. The query must be heap memory from mem_alloc when 0 was returned and
 * it may be cancelled. */
int dns_resolve(struct dns_query *q, struct str host, int port, void (*done)(struct dns_query *q));
void dns_cancel(
    struct dns_query *q); /* the query frees itself when the thread is through with it */

#endif
