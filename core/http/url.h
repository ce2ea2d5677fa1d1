/* url: the parts of an absolute http URL (RFC 3986), as slices of the text, and its escapes. */
#ifndef URL_H
#define URL_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/str.h"

struct url {
    struct str scheme;    /* "http" or "https", as written */
    struct str authority; /* host with port as written, without userinfo */
    struct str host;      /* without brackets */
    int port;             /* given, or 80 / 443 */
    struct str path;      /* from the first '/', may be empty */
    struct str query;     /* behind '?', p = NULL when there is none */
};

/* http or https with a host; no userinfo, no fragment, no control bytes or blanks. 0 or -EINVAL
 * with a sentence. */
int url_parse(struct str text, struct url *u, struct err *e);

/* The text with escapes of unreserved characters (RFC 3986 section 2.3) decoded, once: what two
 * spellings of one path have in common. From the arena when there is anything to decode; the text
 * as it is when there is no memory. */
struct str url_plain(struct str s, struct arena *arena);

#endif
