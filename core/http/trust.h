/*
 * trust: which peers are proxies of ours, whose word about the client counts.
 *
 * A list of addresses and networks in CIDR form (RFC 4632, RFC 4291 section 2.3), parsed once
 * before the workers start and only read afterwards. Used by the proxy.
 */
#ifndef TRUST_H
#define TRUST_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/http/h1.h"

/* "10.0.0.0/8, ::1"; empty = nobody. Not while anybody reads. 0, -EINVAL or -ENOMEM. */
int trust_set(const char *list, struct err *e);
/* Is this address (text) one of them? An IPv4 address that came mapped into IPv6 counts as itself.
 */
bool trust_peer(struct str address);
/* The address of the client behind a peer: the peer itself, or who the proxies of ours in front say
 * it is: the last member of X-Forwarded-For that is none of them. */
struct str trust_client(struct str peer, const struct head *h);

#endif
