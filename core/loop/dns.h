/*
 * dns: host names to addresses, off the loop, with a small cache.
 *
 * Literal addresses answer at once. Names go to threads of dns's own (getaddrinfo), answers are
 * kept for 10 s (failures for 2 s), at most 1024 names. Concurrent questions for one name share one
 * look-up, whichever worker asks.
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
    struct list link;    /* internal: among those who wait for the same name */
    bool waiting;        /* internal: it is there */
    char host[256];      /* lower case */
    int port;
    int status; /* 0 or negative: -ENOENT unknown name, ERR_TIMEOUT no answer from the name servers,
                   ERR_CANCELED dns_stop came first, -EIO, -ENOMEM */
    int n;      /* addresses found; 0 unless status is 0 */
    struct dns_addr addr[DNS_MAX];     /* in the resolver's order, each once */
    void (*done)(struct dns_query *q); /* on the asking worker; never called after dns_cancel */
    bool canceled;
};

int dns_start(void); /* 0 or negative */
/* Waits for a look-up that is under way (the system's resolver cannot be interrupted); those that
 * queue are answered ERR_CANCELED. The workers must still be there. */
void dns_stop(void);
/* 1 = answered already (literal or cached: look at status, done is not called); 0 = done will be
 * called; negative = refused: -EINVAL no host name or port, ERR_BUSY too many questions, ERR_CLOSED
 * dns is not running, -ENOMEM. The query must be heap memory from mem_alloc when 0 was returned and
 * it may be cancelled. */
int dns_resolve(struct dns_query *q, struct str host, int port, void (*done)(struct dns_query *q));
/* The query frees itself: now, or when its answer arrives if that is on its way already. Nothing is
 * sent to a worker for a query that was cancelled while it waited. Home worker only. */
void dns_cancel(struct dns_query *q);

#endif
