/*
 * re2: reads a pattern from left to right, once, and writes what PCRE2 is to compile.
 *
 * Called by lib_regex.c. The grammar is that of RE2 as Go's regexp package has it, with Perl's
 * additions. Nothing recurses: open groups are counted, not visited.
 */
#include "core/script/re2.h"

#include <stdio.h>

#include "core/base/utf8.h"

#define MAX_CODE_POINT 0x10ffff

/* PCRE2 means script extensions by a bare name since it knows the word "sc". */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#if PCRE2_MAJOR > 10 || PCRE2_MINOR >= 40
#define SCRIPT "sc:"
#else
#define SCRIPT ""
#endif

/* What the last thing was, for the quantifier that may follow it. */
enum last { NOTHING, CHARACTER, GROUP, QUANTIFIER };

struct group {
    uint32_t at;    /* where it began */
    bool multiline; /* the flag m, around it */
};

struct reader {
    struct str s;                         /* the pattern */
    size_t at;                            /* what is read next */
    size_t from;                          /* where the thing being read began */
    struct buf *out, *places;             /* see re2_translate */
    struct err *e;                        /* why it failed */
    enum last last;                       /* before `from` */
    size_t item;                          /* where it begins in `out` */
    bool multiline;                       /* the flag m */
    struct group opened[RE2_MAX_NESTING]; /* the open groups */
    int depth;                            /* how many there are */
};

/* ---- reading and writing --------------------------------------------------------------------- */

static int fail_at(struct reader *r, size_t at, int code, const char *why, struct str what) {
    return err_set(r->e, code, "offset %zu: %s%s%.*s", at, why, what.n ? " " : "",
                   (int)(what.n > 60 ? 60 : what.n), what.p);
}

/* The thing being read is wrong. */
static int fail(struct reader *r, const char *why) {
    return fail_at(r, r->from, -EINVAL, why, STR_NONE);
}

/* The same, and shows it: what was read of it, whole characters. */
static int fail_showing(struct reader *r, const char *why) {
    return fail_at(r, r->from, -EINVAL, why, str_make(r->s.p + r->from, r->at - r->from));
}

static bool more(const struct reader *r) {
    return r->at < r->s.n;
}

/* The next byte; -1 at the end. */
static int peek(const struct reader *r) {
    return more(r) ? (unsigned char)r->s.p[r->at] : -1;
}

static bool accept(struct reader *r, char c) {
    if (peek(r) != (unsigned char)c) return false;
    r->at++;
    return true;
}

static bool ahead(const struct reader *r, struct str what) {
    return str_starts(str_from(r->s, r->at), what);
}

static void emit(struct reader *r, struct str text) {
    uint32_t place = (uint32_t)r->from;
    buf_str(r->out, text);
    for (size_t i = 0; i < text.n; i++)
        buf_add(r->places, (const char *)&place, sizeof place);
}

static bool is_digit(int c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_octal(int c) {
    return c >= '0' && c <= '7';
}

static int hex(int c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* A character that stands for itself, inside and outside of a class. */
static void emit_literal(struct reader *r, uint32_t c) {
    char text[16];
    int n = c < 0x80 && (is_letter((int)c) || is_digit((int)c))
                ? snprintf(text, sizeof text, "%c", (int)c)
                : snprintf(text, sizeof text, "\\x{%x}", c);
    emit(r, str_make(text, (size_t)n));
}

/* Takes one character of the pattern, which is valid UTF-8. */
static uint32_t take(struct reader *r) {
    const unsigned char *p = (const unsigned char *)r->s.p + r->at;
    size_t n = utf8_step((const char *)p, r->s.n - r->at);
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    r->at += n;
    return c;
}

/* ---- escapes --------------------------------------------------------------------------------- */

/* \x7f and \x{10ffff}, behind the x. */
static bool take_hex(struct reader *r, uint32_t *c) {
    *c = 0;
    if (!accept(r, '{')) {
        for (int i = 0; i < 2; i++) {
            int digit = hex(peek(r));
            if (digit < 0) return false;
            *c = *c * 16 + (uint32_t)digit;
            r->at++;
        }
        return true;
    }
    size_t first = r->at;
    for (int digit; (digit = hex(peek(r))) >= 0 && *c <= MAX_CODE_POINT; r->at++)
        *c = *c * 16 + (uint32_t)digit;
    return r->at > first && accept(r, '}') && *c <= MAX_CODE_POINT;
}

/* The character that an escape stands for; `from` is at its backslash, `at` behind it. */
static int take_escape(struct reader *r, uint32_t *c) {
    static const char letters[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    if (!more(r)) return fail(r, "the backslash at the end escapes nothing");
    int kind = (int)take(r);
    const char *letter = kind < 0x80 && kind ? strchr(letters, kind) : NULL;
    if (letter) {
        *c = (uint32_t)values[letter - letters];
        return 0;
    }
    if (kind == '0' || (is_octal(kind) && is_octal(peek(r)))) {
        *c = (uint32_t)(kind - '0');
        for (int i = 0; i < 2 && is_octal(peek(r)); i++)
            *c = *c * 8 + (uint32_t)(r->s.p[r->at++] - '0');
        return 0;
    }
    if (kind == 'x') return take_hex(r, c) ? 0 : fail_showing(r, "invalid escape sequence");
    if (is_digit(kind) || kind == 'k' || kind == 'g')
        return fail_showing(r, "backreferences are not supported:");
    if (kind >= 0x80 || is_letter(kind)) return fail_showing(r, "invalid escape sequence");
    *c = (uint32_t)kind;
    return 0;
}

/* \pL, \p{Greek}, \P{^Lu}: general categories and scripts. */
static int unicode_class(struct reader *r, bool negative) {
    struct str name = str_make(r->s.p + r->at, 1);
    if (!more(r)) return fail_showing(r, "invalid escape sequence");
    if (accept(r, '{')) {
        ptrdiff_t end = str_index(str_from(r->s, r->at), '}');
        if (end < 0) return fail_showing(r, "a closing } is missing:");
        name = str_make(r->s.p + r->at, (size_t)end);
        r->at += (size_t)end + 1;
    } else {
        take(r);
    }
    if (str_starts(name, STR("^"))) {
        negative = !negative;
        name = str_from(name, 1);
    }
    for (size_t i = 0; i < name.n; i++)
        if (!is_letter(name.p[i]) && name.p[i] != '_') name.n = 0;
    if (name.n == 0) return fail_showing(r, "there is no such class of characters:");
    bool category = name.n <= 2 && !str_eq(name, STR("Yi"));
    emit(r, negative ? STR("\\P{") : STR("\\p{"));
    if (!category && !str_eq(name, STR("Any"))) emit(r, STR(SCRIPT));
    emit(r, name);
    emit(r, STR("}"));
    return 0;
}

/* The classes that are one letter. 1 when it was one, 0 when it is something else. PCRE2 counts the
 * vertical tab to \s. */
static int letter_class(struct reader *r, bool inside) {
    int kind = peek(r);
    if (kind < 0 || !strchr("dDwWsSpP", kind)) return 0;
    r->at++;
    if (kind == 'p' || kind == 'P') {
        int rc = unicode_class(r, kind == 'P');
        return rc < 0 ? rc : 1;
    }
    if (kind == 's')
        emit(r, inside ? STR("\\t\\n\\f\\r\\x20") : STR("[\\t\\n\\f\\r\\x20]"));
    else if (kind == 'S')
        emit(r, inside ? STR("\\S\\x0b") : STR("[^\\t\\n\\f\\r\\x20]"));
    else
        emit(r, str_make((char[]){'\\', (char)kind}, 2));
    return 1;
}

/* ---- quantifiers ----------------------------------------------------------------------------- */

/* A count without leading zeros: -1 when there is none, RE2_MAX_REPEAT + 1 when it is too large. */
static int take_count(struct reader *r) {
    size_t first = r->at;
    int n = 0;
    for (; is_digit(peek(r)); r->at++)
        n = n > RE2_MAX_REPEAT ? n : n * 10 + (peek(r) - '0');
    if (r->at == first || (r->s.p[first] == '0' && r->at > first + 1)) return -1;
    return n > RE2_MAX_REPEAT ? RE2_MAX_REPEAT + 1 : n;
}

#define ENDLESS (-1)

/* {n}, {n,} and {n,m}; whatever else begins with a brace stands for itself. */
static bool take_range(struct reader *r, int *low, int *high) {
    size_t start = r->at;
    bool found = accept(r, '{');
    *high = *low = found ? take_count(r) : 0;
    found = found && *low >= 0;
    if (found && accept(r, ',')) {
        *high = ENDLESS;
        if (peek(r) != '}') found = (*high = take_count(r)) >= 0;
    }
    found = found && accept(r, '}');
    if (!found) r->at = start;
    return found;
}

/* Whether a quantifier may follow: it does so behind an empty \Q\E, too. */
static bool quantified(struct reader *r) {
    size_t start = r->at;
    int low, high, c = peek(r);
    bool found =
        c == '*' || c == '+' || c == '?' || ahead(r, STR("\\Q")) || take_range(r, &low, &high);
    r->at = start;
    return found;
}

/* Behind a quantifier. PCRE2 counts how often it met a character that is to come at least so many
 * times, and each count is one way more; a star it does not count. */
static int quantify(struct reader *r, int low, int high) {
    char text[32];
    size_t end = r->out->n;
    if (r->last == QUANTIFIER) return fail_showing(r, "a quantifier cannot follow a quantifier:");
    if (r->last == NOTHING) return fail_showing(r, "there is nothing to repeat before");
    accept(r, '?');
    bool star = high == ENDLESS && r->last == CHARACTER;
    int n = star              ? snprintf(text, sizeof text, "{%d}", low)
            : high == ENDLESS ? snprintf(text, sizeof text, "{%d,}", low)
                              : snprintf(text, sizeof text, "{%d,%d}", low, high);
    emit(r, str_make(text, (size_t)n));
    if (!star) return QUANTIFIER;
    for (size_t i = r->item; i < end; i++)
        emit(r, str_make((char[]){r->out->p[i]}, 1));
    emit(r, STR("*"));
    return QUANTIFIER;
}

/* What begins with a brace. */
static int range(struct reader *r) {
    int low, high;
    if (!take_range(r, &low, &high)) {
        r->at++;
        emit(r, STR("\\{"));
        return CHARACTER;
    }
    if (low > RE2_MAX_REPEAT || high > RE2_MAX_REPEAT || (high != ENDLESS && high < low))
        return fail_showing(r, "invalid repeat count");
    return quantify(r, low, high);
}

/* What matches between characters. PCRE2 repeats that only as a group. */
static int assertion(struct reader *r, struct str text) {
    bool group = quantified(r);
    if (group) emit(r, STR("(?:"));
    emit(r, text);
    if (group) emit(r, STR(")"));
    return GROUP;
}

/* ---- classes --------------------------------------------------------------------------------- */

static bool is_posix_name(struct str word) {
    static const char *const names[] = {"alnum", "alpha", "ascii", "blank", "cntrl",
                                        "digit", "graph", "lower", "print", "punct",
                                        "space", "upper", "word",  "xdigit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(word, str_of(names[i]))) return true;
    return false;
}

/* [:alpha:] and [:^alpha:], inside of a class. 1, 0 when it is something else. */
static int posix_class(struct reader *r) {
    struct str rest = str_from(r->s, r->at);
    ptrdiff_t end = str_starts(rest, STR("[:")) ? str_find(str_from(rest, 2), STR(":]")) : -1;
    if (end < 0) return 0;
    struct str word = str_make(rest.p + 2, (size_t)end), whole = str_make(rest.p, (size_t)end + 4);
    if (str_starts(word, STR("^"))) word = str_from(word, 1);
    r->at += whole.n;
    if (!is_posix_name(word)) return fail_showing(r, "there is no such class of characters:");
    emit(r, whole);
    return 1;
}

static int class_character(struct reader *r, uint32_t *c) {
    if (accept(r, '\\')) return take_escape(r, c);
    *c = take(r);
    return 0;
}

/* One thing of a class: a class with a name, a character, or all from one to another. */
static int class_member(struct reader *r) {
    uint32_t low, high;
    int rc = posix_class(r);
    if (rc == 0 && accept(r, '\\') && (rc = letter_class(r, true)) == 0) r->at--;
    if (rc) return rc < 0 ? rc : 0;
    if ((rc = class_character(r, &low)) < 0) return rc;
    emit_literal(r, low);
    if (peek(r) != '-' || r->at + 1 >= r->s.n || r->s.p[r->at + 1] == ']') return 0;
    size_t start = r->from;
    r->from = ++r->at;
    if ((rc = class_character(r, &high)) < 0) return rc;
    r->from = start;
    if (high < low) return fail_showing(r, "the range runs backwards:");
    emit(r, STR("-"));
    emit_literal(r, high);
    return 0;
}

static int class(struct reader *r) {
    size_t start = r->from;
    emit(r, accept(r, '^') ? STR("[^") : STR("["));
    for (bool first = true; first || peek(r) != ']'; first = false) {
        if (!more(r)) {
            r->from = start;
            return fail(r, "the closing ] of this class is missing");
        }
        r->from = r->at;
        int rc = class_member(r);
        if (rc < 0) return rc;
    }
    r->at++;
    emit(r, STR("]"));
    return CHARACTER;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static int open_group(struct reader *r, struct str text) {
    if (r->depth == RE2_MAX_NESTING)
        return fail_at(r, r->from, ERR_LIMIT, "nested too deeply", STR_NONE);
    r->opened[r->depth++] = (struct group){(uint32_t)r->from, r->multiline};
    emit(r, text);
    return NOTHING;
}

/* (?P<name> and (?<name>, behind the "<". */
static int named_group(struct reader *r) {
    size_t first = r->at;
    while (is_letter(peek(r)) || is_digit(peek(r)) || peek(r) == '_')
        r->at++;
    if (r->at == first || !accept(r, '>')) return fail_showing(r, "invalid name of a group:");
    return open_group(r, STR("(?:"));
}

/* (?i), (?-s), (?im-s:x): the flags of RE2. U (lazy first) changes no answer. */
static int flags(struct reader *r) {
    enum { UNSAID, ON, OFF } i = UNSAID, m = UNSAID, s = UNSAID;
    bool minus = false, any = false;
    char text[16];
    for (int c; (c = peek(r)) >= 0 && strchr("imsU-", c) && !(c == '-' && minus); r->at++) {
        minus = minus || c == '-';
        any = c != '-';
        if (c == 'i') i = minus ? OFF : ON;
        if (c == 'm') m = minus ? OFF : ON;
        if (c == 's') s = minus ? OFF : ON;
    }
    bool group = accept(r, ':');
    if ((minus && !any) || (!group && !accept(r, ')'))) {
        if (more(r)) take(r);
        return fail_showing(r, "this kind of group is not supported:");
    }
    int n =
        snprintf(text, sizeof text, "(?%s%s%s%s%s%s%s%c", i == ON ? "i" : "", m == ON ? "m" : "",
                 s == ON ? "s" : "", i == OFF || m == OFF || s == OFF ? "-" : "",
                 i == OFF ? "i" : "", m == OFF ? "m" : "", s == OFF ? "s" : "", group ? ':' : ')');
    int rc = NOTHING;
    if (group)
        rc = open_group(r, str_make(text, (size_t)n));
    else
        emit(r, str_make(text, (size_t)n));
    if (m != UNSAID) r->multiline = m == ON;
    return rc;
}

static int group(struct reader *r) {
    if (!accept(r, '?')) return open_group(r, STR("(?:"));
    if (ahead(r, STR("=")) || ahead(r, STR("!")) || ahead(r, STR("<=")) || ahead(r, STR("<!"))) {
        r->at += peek(r) == '<' ? 2 : 1;
        return fail_showing(r, "lookaround is not supported:");
    }
    if (ahead(r, STR("P="))) {
        r->at += 2;
        return fail_showing(r, "backreferences are not supported:");
    }
    if (ahead(r, STR("P<"))) r->at++;
    return accept(r, '<') ? named_group(r) : flags(r);
}

static int close_group(struct reader *r) {
    if (r->depth == 0) return fail(r, "this ) closes nothing");
    r->multiline = r->opened[--r->depth].multiline;
    emit(r, STR(")"));
    return GROUP;
}

/* ---- the pattern ----------------------------------------------------------------------------- */

/* Behind \Q, up to \E or the end: as it is. */
static int quoted(struct reader *r) {
    enum last last = r->last;
    for (; more(r) && !ahead(r, STR("\\E")); last = CHARACTER) {
        r->from = r->at;
        r->item = r->out->n;
        emit_literal(r, take(r));
    }
    if (more(r)) r->at += 2;
    return (int)last;
}

/* Behind a backslash, outside of a class. */
static int escape(struct reader *r) {
    uint32_t c;
    int kind = peek(r), rc = letter_class(r, false);
    if (rc != 0) return rc < 0 ? rc : CHARACTER;
    if (kind > 0 && strchr("AbBz", kind)) {
        r->at++;
        return assertion(r, str_make((char[]){'\\', (char)kind}, 2));
    }
    if (accept(r, 'Q')) return quoted(r);
    if ((rc = take_escape(r, &c)) < 0) return rc;
    emit_literal(r, c);
    return CHARACTER;
}

/* The thing that begins at `from`: what it is for a quantifier behind it, or a negative code. */
static int thing(struct reader *r) {
    uint32_t c = take(r);
    switch (c) {
    case '\\':
        return escape(r);
    case '[':
        return class(r);
    case '(':
        return group(r);
    case ')':
        return close_group(r);
    case '*':
        return quantify(r, 0, ENDLESS);
    case '+':
        return quantify(r, 1, ENDLESS);
    case '?':
        return quantify(r, 0, 1);
    case '{':
        r->at--;
        return range(r);
    case '|':
        emit(r, STR("|"));
        return NOTHING;
    case '^':
        return assertion(r, STR("^"));
    case '$': /* without the flag m: the very end, not a newline before it */
        return assertion(r, r->multiline ? STR("$") : STR("\\z"));
    case '.':
        emit(r, STR("."));
        return CHARACTER;
    default:
        emit_literal(r, c);
        return CHARACTER;
    }
}

int re2_translate(struct str pattern, struct buf *out, struct buf *places, struct err *e) {
    struct reader r = {.s = pattern, .out = out, .places = places, .e = e};
    if (pattern.n > RE2_MAX_PATTERN)
        return fail_at(&r, RE2_MAX_PATTERN, ERR_LIMIT, "the pattern is too long", STR_NONE);
    for (size_t i = 0, n; i < pattern.n; i += n)
        if ((n = utf8_step(pattern.p + i, pattern.n - i)) == 0)
            return fail_at(&r, i, -EINVAL, "not UTF-8", STR_NONE);
    while (more(&r)) {
        size_t begun = out->n;
        r.from = r.at;
        int rc = thing(&r);
        if (rc < 0) return rc;
        r.last = (enum last)rc;
        if (rc == CHARACTER && r.item < begun && out->n > begun) r.item = begun;
    }
    if (r.depth > 0) {
        r.from = r.opened[r.depth - 1].at;
        return fail(&r, "the closing ) of this group is missing");
    }
    return buf_ok(out) && buf_ok(places) ? 0 : err_set(e, -ENOMEM, "not enough memory");
}
