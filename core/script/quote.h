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

/* Appends the source at the first place that `text`, an error, or else its traceback names in this
 * service, then the traceback, each line of it behind a line's end. Frames there go without their
 * line of source (trace.h), which is on the screen already. */
void quote_trace(struct buf *out, struct str text, struct str trace,
                 const struct quote_source *from);

#endif
