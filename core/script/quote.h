/*
 * quote: the lines of a source that an error speaks of, with a marker at the one that is meant.
 */
#ifndef QUOTE_H
#define QUOTE_H

#include "core/base/buf.h"
#include "core/base/str.h"

/* Where the texts of one service's files are: those that it was built from, not those that lie on
 * the disk now. */
struct quote_source {
    struct str folder; /* below services/ */
    struct str (*read)(void *arg, struct str path);
    void *arg;
};

/* Appends `text`, the errors of files a line each, with the source quoted below each of them:
 *
 *     services/shop/service.lua:12: '}' expected near 'x'
 *           11 | return {
 *         > 12 |   a = 1 x
 *           13 | }
 */
void quote_errors(struct buf *out, struct str text, const struct quote_source *from);

/* Appends the quotation for the first place that `text`, an error or a traceback, names in this
 * service, beginning with a line's end. False: it names none. */
bool quote_first(struct buf *out, struct str text, const struct quote_source *from);

#endif
