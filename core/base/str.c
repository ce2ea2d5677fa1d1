/*
 * str: see str.h. Slices, and the strict parsers that every number from outside passes.
 *
 * Called by everybody, from any thread. Nothing here allocates, keeps state or looks at the locale.
 */
#include "core/base/str.h"

#include <errno.h>

#include "core/base/utf8.h"

static unsigned char lower(char c) {
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool str_ieq(struct str a, struct str b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    }
    return true;
}

int str_cmp(struct str a, struct str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix) {
    return s.n >= prefix.n && str_eq(str_first(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix) {
    return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

struct str str_trim(struct str s) {
    while (s.n && is_blank(s.p[0]))
        s = str_from(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_from(struct str s, size_t start) {
    if (start >= s.n) start = s.n;
    return start ? str_make(s.p + start, s.n - start) : s;
}

struct str str_first(struct str s, size_t n) {
    return str_make(s.p, n < s.n ? n : s.n);
}

ptrdiff_t str_index(struct str s, char c) {
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t str_find(struct str s, struct str needle) {
    if (needle.n == 0) return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? at - s.p : -1;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t str_distance(struct str a, struct str b) {
    size_t d[STR_DISTANCE_MAX + 1][STR_DISTANCE_MAX + 1];
    a = str_first(a, STR_DISTANCE_MAX);
    b = str_first(b, STR_DISTANCE_MAX);
    for (size_t i = 0; i <= a.n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b.n; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        for (size_t j = 1; j <= b.n; j++) {
            size_t same = a.p[i - 1] == b.p[j - 1] ? 0 : 1;
            d[i][j] = least(d[i - 1][j - 1] + same, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.n][b.n];
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail) {
    ptrdiff_t at = str_index(s, sep);
    *head = at < 0 ? s : str_first(s, (size_t)at);
    *tail = at < 0 ? STR_NONE : str_from(s, (size_t)at + 1);
    return at >= 0;
}

/* Length up to the comma that ends the first member; commas inside quoted strings end nothing. */
static size_t list_member(struct str s) {
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] == ',')
            return i;
    }
    return s.n;
}

bool str_list_next(struct str *rest, struct str *member) {
    while (rest->n) {
        size_t n = list_member(*rest);
        *member = str_trim(str_first(*rest, n));
        *rest = str_from(*rest, n + 1);
        if (member->n) return true;
    }
    *member = STR_NONE;
    return false;
}

/* Everything must be a digit before anybody asks whether the number is too large. */
int str_u64(struct str s, uint64_t *out) {
    uint64_t v = 0;
    bool over = false;
    if (!s.n) return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) return -EINVAL;
        over |= __builtin_mul_overflow(v, (uint64_t)10, &v);
        over |= __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
    }
    if (over) return -ERANGE;
    *out = v;
    return 0;
}

int str_i64(struct str s, int64_t *out) {
    uint64_t v;
    bool minus = s.n && s.p[0] == '-';
    int rc = str_u64(minus ? str_from(s, 1) : s, &v);
    if (rc) return rc;
    if (v > (uint64_t)INT64_MAX + minus) return -ERANGE;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    unsigned char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

int str_hex(struct str s, uint64_t *out) {
    uint64_t v = 0;
    bool over = false;
    if (!s.n) return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0) return -EINVAL;
        over |= v >> 60 != 0;
        v = v << 4 | (uint64_t)digit;
    }
    if (over) return -ERANGE;
    *out = v;
    return 0;
}

int str_bool(struct str s, bool *out) {
    static const struct {
        struct str word; /* lower case */
        bool value;      /* what it means */
    } words[] = {
        {{"true", 4}, true}, {{"false", 5}, false}, {{"1", 1}, true},  {{"0", 1}, false},
        {{"yes", 3}, true},  {{"no", 2}, false},    {{"on", 2}, true}, {{"off", 3}, false},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!str_ieq(s, words[i].word)) continue;
        *out = words[i].value;
        return 0;
    }
    return -EINVAL;
}

/* The leading digits of s; *s becomes what follows them. */
static struct str take_digits(struct str *s) {
    size_t n = 0;
    while (n < s->n && is_digit(s->p[n]))
        n++;
    struct str digits = str_first(*s, n);
    *s = str_from(*s, n);
    return digits;
}

/* The leading unit of s in nanoseconds, 0 when there is none. Longer spellings come first: "ms"
 * before "m". Both Unicode spellings of micro are what Go writes and reads. */
static uint64_t take_unit(struct str *s) {
    static const struct {
        struct str word;      /* as written */
        uint64_t nanoseconds; /* its length */
    } units[] = {
        {{"ns", 2}, 1},           {{"us", 2}, 1000},         {{"\xC2\xB5s", 3}, 1000},
        {{"\xCE\xBCs", 3}, 1000}, {{"ms", 2}, 1000000},      {{"s", 1}, 1000000000},
        {{"m", 1}, 60000000000},  {{"h", 1}, 3600000000000},
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!str_starts(*s, units[i].word)) continue;
        *s = str_from(*s, units[i].word.n);
        return units[i].nanoseconds;
    }
    return 0;
}

/* digits as a fraction of one unit, in nanoseconds, rounded down. Digits behind the 18th are far
 * below a nanosecond of any unit. */
static uint64_t fraction(struct str digits, uint64_t unit) {
    uint64_t value = 0, scale = 1;
    for (size_t i = 0; i < digits.n && i < 18; i++) {
        value = value * 10 + (uint64_t)(digits.p[i] - '0');
        scale *= 10;
    }
    return (uint64_t)((unsigned __int128)value * unit / scale);
}

/* One "1.5s" from the front of s, added to *sum. */
static int take_term(struct str *s, uint64_t *sum, bool *over) {
    struct str part = STR_NONE;
    struct str whole = take_digits(s);
    if (!whole.n) return -EINVAL;
    if (s->n && s->p[0] == '.') {
        *s = str_from(*s, 1);
        part = take_digits(s);
        if (!part.n) return -EINVAL;
    }
    uint64_t unit = take_unit(s), value = 0;
    if (!unit) return -EINVAL;
    *over |= str_u64(whole, &value) != 0;
    *over |= __builtin_mul_overflow(value, unit, &value);
    *over |= __builtin_add_overflow(value, fraction(part, unit), &value);
    *over |= __builtin_add_overflow(*sum, value, sum);
    return 0;
}

int str_duration(struct str s, uint64_t *nanoseconds) {
    uint64_t sum = 0;
    bool over = false;
    if (s.n && s.p[0] == '-') {
        s = str_from(s, 1);
        over = true;
    }
    if (!s.n) return -EINVAL;
    if (str_eq(s, STR("0"))) s = STR_NONE;
    while (s.n) {
        int rc = take_term(&s, &sum, &over);
        if (rc) return rc;
    }
    if (over) return -ERANGE;
    *nanoseconds = sum;
    return 0;
}

/* The shift of a size suffix in any of the spellings "", "b", "k", "kb", "kib"; -1 for others. */
static int size_shift(struct str suffix) {
    static const char letters[] = "kmgt";
    if (!suffix.n || str_ieq(suffix, STR("b"))) return 0;
    const char *at = memchr(letters, lower(suffix.p[0]), sizeof letters - 1);
    struct str tail = str_from(suffix, 1);
    if (!at || !(tail.n == 0 || str_ieq(tail, STR("b")) || str_ieq(tail, STR("ib")))) return -1;
    return 10 * (int)(at - letters + 1);
}

int str_size(struct str s, uint64_t *bytes) {
    uint64_t v = 0;
    struct str digits = take_digits(&s);
    int shift = size_shift(s);
    if (!digits.n || shift < 0) return -EINVAL;
    if (str_u64(digits, &v) || v > UINT64_MAX >> shift) return -ERANGE;
    *bytes = v << shift;
    return 0;
}

/* The bytes that one replacement character stands for are the longest start of a valid sequence
 * (Unicode standard, section 3.9), at least one byte. A start is valid when something completes it,
 * and then continuation bytes of the lowest value do. */
size_t str_utf8(struct str s, size_t *bad) {
    *bad = 0;
    size_t n = s.n ? utf8_step(s.p, s.n) : 0;
    if (n || !s.n) return n;
    for (*bad = 1; *bad < s.n && *bad < 3; ++*bad) {
        char whole[4];
        memset(whole, 0x80, sizeof whole);
        memcpy(whole, s.p, *bad + 1);
        if (!utf8_step(whole, sizeof whole)) break;
    }
    return 0;
}
