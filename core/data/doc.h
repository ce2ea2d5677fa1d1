/*
 * doc: what the store accepts as a document, an id and a text. Any thread, no memory of its own.
 *
 * Stricter than JSON alone (RFC 8259) where the databases differ among themselves, so that a
 * document means the same in all of them: UTF-8 without U+0000, no lone surrogates, numbers that
 * fit a double, at most DOC_DEPTH levels.
 */
#ifndef DOC_H
#define DOC_H

#include "core/base/err.h"
#include "core/base/str.h"

#define DOC_DEPTH 128 /* levels of lists and objects */
#define DOC_ID    512 /* bytes of an id */

/* 0, or -EINVAL with a sentence that names the byte. */
int doc_check(struct str doc, struct err *e);
/* 0, or -EINVAL: empty, longer than DOC_ID, or no text. */
int doc_check_id(struct str id, struct err *e);
/* UTF-8 without U+0000: what a text inside a document can be. */
bool doc_is_text(struct str s);

#endif
