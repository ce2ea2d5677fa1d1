/*
 * str: a borrowed run of bytes. It never owns memory and is never NUL-terminated by contract.
 *
 * Used wherever text crosses a function boundary. All case folding is ASCII; all number parsers are
 * strict: the whole slice must be the number, without sign, blanks or prefixes unless the function
 * says so.
 */
#ifndef STR_H
#define STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* first byte; may be NULL only when n is 0 */
    size_t n;      /* length in bytes */
};

#define STR(lit)   ((struct str){(lit), sizeof(lit) - 1})
#define STR_NONE   ((struct str){NULL, 0})
#define STR_FMT(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_of(const char *z) {
    return (struct str){z, z ? strlen(z) : 0};
}
static inline struct str str_make(const char *p, size_t n) {
    return (struct str){p, n};
}
static inline bool str_eq(struct str a, struct str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b); /* equal, ignoring ASCII case */
int str_cmp(struct str a, struct str b);  /* bytewise order, shorter first: <0, 0, >0 */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* without SP and HTAB at both ends, nothing else */
struct str str_from(struct str s,
                    size_t start);            /* the rest from `start`; empty when past the end */
struct str str_first(struct str s, size_t n); /* at most the first n bytes */
ptrdiff_t str_index(struct str s, char c);    /* position of the first c, or -1 */
ptrdiff_t str_find(struct str s, struct str needle); /* position of the first needle, or -1 */

#define STR_DISTANCE_MAX 48
/* Number of insertions, deletions, replacements and swaps of neighbours between two words; at most
 * STR_DISTANCE_MAX bytes of each count. For hints: what did they mean? */
size_t str_distance(struct str a, struct str b);

/* Splits at the first `sep`: before goes to *head, after to *tail. Without one: all to *head, *tail
 * is empty, false. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);

/* Next member of a comma-separated list (RFC 9110 section 5.6.1): trimmed, empty members skipped;
 * a comma inside a quoted string separates nothing. False at the end. */
bool str_list_next(struct str *rest, struct str *member);

int str_u64(struct str s, uint64_t *out); /* decimal digits; 0, -EINVAL or -ERANGE */
int str_i64(struct str s, int64_t *out);  /* optional leading '-' */
int str_hex(struct str s, uint64_t *out); /* hexadecimal digits without prefix */
int str_bool(struct str s, bool *out);    /* true/false/1/0/yes/no/on/off, any case; else -EINVAL */

/* "1h30m", "250ms", "1.5s", "0": sums of decimals with unit ns us ms s m h, as Go writes them.
 * Negative is -ERANGE. */
int str_duration(struct str s, uint64_t *nanoseconds);
/* "64k", "1m", "2g", "512": binary multiples, any case, optional trailing "b" or "ib". */
int str_size(struct str s, uint64_t *bytes);

/* Length of the well-formed UTF-8 sequence that s begins with. 0 when there is none; *bad then is
 * the number of bytes that one U+FFFD stands for (0 only at the end of s). */
size_t str_utf8(struct str s, size_t *bad);

#endif
