/*
 * doc: see doc.h. One pass over the bytes without recursion: lists and objects that are open are
 * one bit each.
 *
 * Called by the store on the thread that submits a job, so that neither the writer nor the database
 * ever meets text that is no document.
 */
#include "core/data/doc.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/utf8.h"

#define NUMBER_MAX 400 /* characters of one number */

struct scan {
    const char *start, *p, *end;     /* the text, and how far it was read */
    uint64_t object[DOC_DEPTH / 64]; /* bit per open level: an object, else a list */
    int depth;                       /* open levels */
    const char *problem;             /* the first thing that was wrong */
};

static bool fail(struct scan *s, const char *problem) {
    if (!s->problem) s->problem = problem;
    return false;
}

static void blanks(struct scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool take(struct scan *s, char c) {
    if (s->p == s->end || *s->p != c) return false;
    s->p++;
    return true;
}

static bool word(struct scan *s, struct str w) {
    if (!str_starts(str_make(s->p, (size_t)(s->end - s->p)), w)) return fail(s, "unknown word");
    s->p += w.n;
    return true;
}

static bool digits(struct scan *s) {
    const char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from || fail(s, "a digit is missing");
}

/* RFC 8259 section 6, and small enough for a double. */
static bool number(struct scan *s) {
    const char *from = s->p;
    char copy[NUMBER_MAX + 1];
    take(s, '-');
    if (!take(s, '0') && !digits(s)) return false;
    if (take(s, '.') && !digits(s)) return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) take(s, '-');
        if (!digits(s)) return false;
    }
    size_t n = (size_t)(s->p - from);
    if (n < 300 && !memchr(from, 'e', n) && !memchr(from, 'E', n)) return true;
    if (n > NUMBER_MAX) return fail(s, "a number has too many digits");
    memcpy(copy, from, n);
    copy[n] = 0;
    return isfinite(strtod(copy, NULL)) || fail(s, "a number is too large");
}

/* The four digits behind \u. */
static bool hex4(struct scan *s, uint64_t *code) {
    if (s->end - s->p < 4 || str_hex(str_make(s->p, 4), code)) return fail(s, "\\u needs 4 digits");
    s->p += 4;
    return true;
}

static bool escape(struct scan *s) {
    uint64_t code, low;
    if (s->p == s->end) return fail(s, "a text does not end");
    char c = *s->p++;
    if (c != 'u') return (c && strchr("\"\\/bfnrt", c)) || fail(s, "unknown escape");
    if (!hex4(s, &code)) return false;
    if (code == 0) return fail(s, "a text contains U+0000");
    if (code < 0xd800 || code > 0xdfff) return true;
    if (code > 0xdbff || !take(s, '\\') || !take(s, 'u'))
        return fail(s, "half of a surrogate pair stands alone");
    if (!hex4(s, &low)) return false;
    return (low >= 0xdc00 && low <= 0xdfff) || fail(s, "half of a surrogate pair stands alone");
}

/* Behind the opening quote. */
static bool text(struct scan *s) {
    while (s->p < s->end) {
        if (*s->p == '"') {
            s->p++;
            return true;
        }
        if ((unsigned char)*s->p < 0x20) return fail(s, "control character in a text");
        if (*s->p == '\\') {
            s->p++;
            if (!escape(s)) return false;
            continue;
        }
        size_t n = utf8_step(s->p, (size_t)(s->end - s->p));
        if (!n) return fail(s, "not UTF-8");
        s->p += n;
    }
    return fail(s, "a text does not end");
}

static bool in_object(const struct scan *s) {
    return s->object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1;
}

static bool open_level(struct scan *s, bool object) {
    if (s->depth == DOC_DEPTH) return fail(s, "nested too deeply");
    uint64_t bit = (uint64_t)1 << (s->depth % 64);
    if (object)
        s->object[s->depth / 64] |= bit;
    else
        s->object[s->depth / 64] &= ~bit;
    s->depth++;
    return true;
}

static bool name(struct scan *s) {
    blanks(s);
    if (!take(s, '"')) return fail(s, "a field name is missing");
    if (!text(s)) return false;
    blanks(s);
    return take(s, ':') || fail(s, "':' is missing");
}

/* A value, or the beginning of a list or object. *more = another value must follow. */
static bool value(struct scan *s, bool *more) {
    *more = false;
    blanks(s);
    if (s->p == s->end) return fail(s, "a value is missing");
    switch (*s->p) {
    case '{':
        s->p++;
        if (!open_level(s, true)) return false;
        blanks(s);
        if (s->p < s->end && *s->p == '}') return true;
        *more = true;
        return name(s);
    case '[':
        s->p++;
        if (!open_level(s, false)) return false;
        blanks(s);
        *more = !(s->p < s->end && *s->p == ']');
        return true;
    case '"':
        s->p++;
        return text(s);
    case 't':
        return word(s, STR("true"));
    case 'f':
        return word(s, STR("false"));
    case 'n':
        return word(s, STR("null"));
    default:
        if (*s->p != '-' && (*s->p < '0' || *s->p > '9')) return fail(s, "a value is missing");
        return number(s);
    }
}

/* What may stand behind a value: the ends of levels, then a comma. *more = another value follows.
 */
static bool behind(struct scan *s, bool *more) {
    while (s->depth) {
        blanks(s);
        if (take(s, ',')) {
            *more = true;
            return !in_object(s) || name(s);
        }
        if (!take(s, in_object(s) ? '}' : ']')) return fail(s, "',' or an end is missing");
        s->depth--;
    }
    *more = false;
    return true;
}

static bool whole(struct scan *s) {
    bool more = true;
    blanks(s);
    if (s->p == s->end || *s->p != '{') return fail(s, "a document is an object");
    while (more) {
        if (!value(s, &more)) return false;
        if (!more && !behind(s, &more)) return false;
    }
    blanks(s);
    return s->p == s->end || fail(s, "something follows the object");
}

int doc_check(struct str doc, struct err *e) {
    struct scan s = {.start = doc.p, .p = doc.p, .end = doc.n ? doc.p + doc.n : doc.p};
    if (whole(&s)) return 0;
    return err_set(e, -EINVAL, "not a valid document at byte %td: %s", s.p - s.start, s.problem);
}

bool doc_is_text(struct str s) {
    for (size_t i = 0; i < s.n;) {
        size_t n = s.p[i] ? utf8_step(s.p + i, s.n - i) : 0;
        if (!n) return false;
        i += n;
    }
    return true;
}

int doc_check_id(struct str id, struct err *e) {
    if (!id.n) return err_set(e, -EINVAL, "the id is empty");
    if (id.n > DOC_ID) return err_set(e, -EINVAL, "the id is longer than %d bytes", DOC_ID);
    if (!doc_is_text(id)) return err_set(e, -EINVAL, "the id is not UTF-8 text");
    return 0;
}
