/*
 * re2: regular expressions in RE2's syntax, said again in the words of PCRE2. Knows nothing of Lua.
 *
 * What RE2 has no words for (backreferences, lookaround, possessive and atomic groups …) is refused
 * here, and what both write alike but mean differently (\s, \v, $, octal escapes, {,n} …) is
 * written so that PCRE2 means what RE2 does. The result is for PCRE2_UTF and PCRE2_ALT_CIRCUMFLEX,
 * and for asking whether a text matches, no more: groups capture nothing, and greedy and lazy are
 * one.
 */
#ifndef RE2_H
#define RE2_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define RE2_MAX_PATTERN 10000 /* bytes */
#define RE2_MAX_REPEAT  1000  /* n in x{n}, as in RE2 */
#define RE2_MAX_NESTING 200   /* groups in groups: below PCRE2's own bound */

/* Appends to `out`, and to `places` a uint32_t for each byte of `out`: the offset in `pattern` that
 * it stands for. 0; -EINVAL or ERR_LIMIT with "offset 3: why" in *e; -ENOMEM. */
int re2_translate(struct str pattern, struct buf *out, struct buf *places, struct err *e);

#endif
