/*
 * coding: content codings of message bodies (RFC 9110 section 8.4.1).
 */
#ifndef CODING_H
#define CODING_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/str.h"

enum coding { CODING_NONE, CODING_GZIP, CODING_UNKNOWN };

/* What a Content-Encoding asks for; more than one coding is unknown. */
enum coding coding_of(struct str content_encoding);
/* Appends the text behind a whole gzip body (RFC 1952), of several members too. 0, -EINVAL (no
 * gzip, or cut off), ERR_LIMIT (more than `most` bytes) or -ENOMEM. */
int coding_gunzip(struct str in, size_t most, struct buf *out);

#endif
