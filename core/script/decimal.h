/*
 * decimal: numbers to and from decimal text, exactly. What the JSON codec is made of.
 *
 * Writing gives the shortest text that reads back as the same double; reading gives the nearest
 * double (ties to even). No locale, no allocation, no errno. Any thread.
 */
#ifndef DECIMAL_H
#define DECIMAL_H

#include "core/base/str.h"

#define DECIMAL_MAX 32 /* room for the longest text of decimal_int and decimal_write */

/* Each writes at `out` and returns the length; no NUL. */
size_t decimal_int(int64_t v, char *out);
/* `v` is finite. A text that could be taken for an integer's gets ".0"; below 1e-5 and from 1e17 on
 * it has an exponent. */
size_t decimal_write(double v, char *out);

/* m × 10^e; infinity when that is too large. */
double decimal_make(uint64_t m, int64_t e);
/* The value of a JSON number (RFC 8259 section 6), of any length. The text must be one. */
double decimal_parse(struct str number);

#endif
