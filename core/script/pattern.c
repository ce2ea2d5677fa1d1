/*
 * pattern: reads a pattern into a row of items, once per call, and matches by walking along it.
 *
 * No item of Lua's patterns repeats more than one character. So an attempt goes through the row
 * from left to right, each item has at most one choice open, and the stack of choices is a chain
 * through the items themselves: nothing recurses, nothing grows, and what a pattern can need is
 * known from its length. Which captures exist, are open or closed at an item is known when the
 * pattern is read, too; going back has nothing to undo.
 *
 * What trims texts takes linear time. A repetition of which nothing but `$` follows (`%s*$`) ends
 * at the end or nowhere: it is not tried shorter, and once it was seen to end before that, it fails
 * from everywhere up to there. So `.-` before it need not stop at every character in between
 * (`^%s*(.-)%s*$`), nor need the search, where it comes first (`%s+$`).
 *
 * What is wrong with a pattern becomes an item that raises when it is reached: `("a"):find("b[")`
 * is nil, as in stock Lua, and `("b"):find("b[")` an error.
 *
 * Limits. A backtracking pattern takes exponential time, and hooks do not fire in C, so items
 * visited and bytes run over are counted. There are two limits, because neither is enough alone:
 *
 * - Steps per call. Deterministic: a bad pattern fails on every machine and at every load, with an
 *   error that shows it and that the script may catch like any other. At one to six ns each, the
 *   budget is used up in tens of milliseconds, well below the limit of a turn (lua_turn_hard) even
 *   on a slow machine. It grows with the text, so that what runs over a long one a few times never
 *   meets it.
 * - The time of the turn. Many calls can follow each other without a Lua instruction between them
 *   at which a hook could fire (`s:gsub("(a*)(b)", string.find)`), and a long text may take long by
 *   right. So each call, and every few thousand steps, looks at what the watchdog has found, and
 *   raises its error, which no pcall can swallow.
 */
#include "core/script/pattern.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "core/script/watchdog.h"

#define STEPS          ((int64_t)10000000)
#define STEPS_PER_BYTE ((int64_t)16)
#define STEPS_PER_LOOK ((int64_t)8192)
#define BYTES_COMPARED 16 /* in one step, by memcmp */
#define SHOWN          60 /* bytes of a pattern in a message */

enum op {
    ONE,      /* one character */
    MAYBE,    /* one or none, rather one */
    MANY,     /* `b` (0 or 1) or more, rather more */
    FEW,      /* any number, rather less */
    OPEN,     /* capture `a` begins */
    CLOSE,    /* capture `a` ends */
    SAME,     /* the text of capture `a` again */
    BALANCED, /* from `a` to the `b` that belongs to it */
    FRONTIER, /* between a byte that is not in the set and one that is */
    NEVER,    /* the text of a position */
    AT_END,   /* the end of the subject */
    DONE,
    WRONG /* raises; followed by `a` unless that is NO_NUMBER */
};

enum what { ANY, BYTE, SET };

#define NO_NUMBER 255

/* ---- sets ------------------------------------------------------------------------------------ */

/* The classes in the C locale, by letter. Letters of no class are empty. */
static const struct pattern_set CLASSES[26] = {
    ['a' - 'a'] = {{0, 0x07FFFFFE07FFFFFE}},
    ['c' - 'a'] = {{0x00000000FFFFFFFF, 0x8000000000000000}},
    ['d' - 'a'] = {{0x03FF000000000000, 0}},
    ['g' - 'a'] = {{0xFFFFFFFE00000000, 0x7FFFFFFFFFFFFFFF}},
    ['l' - 'a'] = {{0, 0x07FFFFFE00000000}},
    ['p' - 'a'] = {{0xFC00FFFE00000000, 0x78000001F8000001}},
    ['s' - 'a'] = {{0x0000000100003E00, 0}},
    ['u' - 'a'] = {{0, 0x0000000007FFFFFE}},
    ['w' - 'a'] = {{0x03FF000000000000, 0x07FFFFFE07FFFFFE}},
    ['x' - 'a'] = {{0x03FF000000000000, 0x0000007E0000007E}},
    ['z' - 'a'] = {{1, 0}}, /* the byte 0: not in the manual any more, but there */
};

static inline bool holds(const struct pattern_set *set, unsigned char c) {
    return set->bits[c >> 6] >> (c & 63) & 1;
}

static void include(struct pattern_set *set, unsigned char c) {
    set->bits[c >> 6] |= (uint64_t)1 << (c & 63);
}

/* The class that `%c` means, NULL when that is the character itself. */
static const struct pattern_set *class_of(unsigned char c, bool *negated) {
    unsigned char letter = c | 0x20;
    *negated = c != letter;
    if (letter < 'a' || letter > 'z') return NULL;
    const struct pattern_set *class = &CLASSES[letter - 'a'];
    return class->bits[0] | class->bits[1] ? class : NULL;
}

static void include_escaped(struct pattern_set *set, unsigned char c) {
    bool negated;
    const struct pattern_set *class = class_of(c, &negated);
    if (!class) {
        include(set, c);
        return;
    }
    for (int i = 0; i < 4; i++)
        set->bits[i] |= negated ? ~class->bits[i] : class->bits[i];
}

/* What stands between the brackets, `^` apart. */
static void fill_set(struct pattern_set *set, struct str inside) {
    const unsigned char *s = (const unsigned char *)inside.p;
    *set = (struct pattern_set){{0}};
    for (size_t i = 0; i < inside.n; i++) {
        if (s[i] == '%' && i + 1 < inside.n) {
            include_escaped(set, s[++i]);
        } else if (i + 2 < inside.n && s[i + 1] == '-') {
            for (int c = s[i]; c <= s[i + 2]; c++)
                include(set, (unsigned char)c);
            i += 2;
        } else {
            include(set, s[i]);
        }
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;      /* of the pattern, what is to be read */
    struct pattern *p;         /* what is being made */
    struct pattern_item *item; /* the next one */
    struct pattern_set *set;   /* the next free one */
};

static bool ahead(const struct reader *r, size_t i, char c) {
    return (size_t)(r->end - r->at) > i && r->at[i] == c;
}

/* The fields of an attempt are left alone: each attempt sets those that it reads. */
static struct pattern_item *add(struct reader *r, enum op op) {
    struct pattern_item *it = r->item++;
    it->op = (uint8_t)op;
    it->what = ANY;
    it->a = it->b = 0;
    it->negated = it->last = false;
    it->set = NULL;
    return it;
}

/* Nothing behind it will be reached. */
static void add_wrong(struct reader *r, const char *why, int number) {
    struct pattern_item *it = add(r, WRONG);
    it->wrong = why;
    it->a = (uint8_t)number;
    r->at = r->end;
}

static void read_open(struct reader *r) {
    struct pattern *p = r->p;
    bool position = ahead(r, 1, ')');
    if (p->n_captures == PATTERN_CAPTURES) {
        add_wrong(r, "too many captures", NO_NUMBER);
        return;
    }
    p->captures[p->n_captures].n = position ? PATTERN_POSITION : PATTERN_OPEN;
    add(r, OPEN)->a = (uint8_t)p->n_captures++;
    r->at += position ? 2 : 1;
}

static void read_close(struct reader *r) {
    int i = r->p->n_captures - 1;
    while (i >= 0 && r->p->captures[i].n != PATTERN_OPEN)
        i--;
    if (i < 0) {
        add_wrong(r, "invalid pattern capture", NO_NUMBER);
        return;
    }
    r->p->captures[i].n = 0;
    add(r, CLOSE)->a = (uint8_t)i;
    r->at++;
}

static void read_back_reference(struct reader *r) {
    int i = r->at[1] - '1';
    if (i < 0 || i >= r->p->n_captures || r->p->captures[i].n == PATTERN_OPEN) {
        add_wrong(r, "invalid capture index %", i + 1);
        return;
    }
    add(r, r->p->captures[i].n == PATTERN_POSITION ? NEVER : SAME)->a = (uint8_t)i;
    r->at += 2;
}

static void read_balanced(struct reader *r) {
    if (r->end - r->at < 4) {
        add_wrong(r, "malformed pattern (missing arguments to '%b')", NO_NUMBER);
        return;
    }
    struct pattern_item *it = add(r, BALANCED);
    it->a = (uint8_t)r->at[2];
    it->b = (uint8_t)r->at[3];
    r->at += 4;
}

/* From the opening bracket on. The first character inside is never the closing one. */
static void read_set(struct reader *r, struct pattern_item *it) {
    const char *s = r->at + 1;
    it->negated = s < r->end && *s == '^';
    if (it->negated) s++;
    const char *inside = s;
    do {
        if (s == r->end) {
            r->item = it;
            add_wrong(r, "malformed pattern (missing ']')", NO_NUMBER);
            return;
        }
        if (*s++ == '%' && s < r->end) s++;
    } while (s == r->end || *s != ']');
    it->what = SET;
    it->set = r->set;
    fill_set(r->set++, str_make(inside, (size_t)(s - inside)));
    r->at = s + 1;
}

static void read_frontier(struct reader *r) {
    r->at += 2;
    if (ahead(r, 0, '['))
        read_set(r, add(r, FRONTIER));
    else
        add_wrong(r, "missing '[' after '%f' in pattern", NO_NUMBER);
}

static void read_escaped(struct reader *r, struct pattern_item *it) {
    if (r->end - r->at < 2) {
        r->item = it;
        add_wrong(r, "malformed pattern (ends with '%')", NO_NUMBER);
        return;
    }
    it->a = (uint8_t)r->at[1];
    it->set = class_of(it->a, &it->negated);
    it->what = it->set ? SET : BYTE;
    r->at += 2;
}

static void read_repetition(struct reader *r, struct pattern_item *it) {
    if (r->at == r->end) return;
    switch (*r->at) {
    case '?':
        it->op = MAYBE;
        break;
    case '*':
    case '+':
        it->op = MANY;
        break;
    case '-':
        it->op = FEW;
        break;
    default:
        return;
    }
    bool wanted = *r->at++ == '+';
    if (it->op == MANY) it->b = wanted;
}

static void read_character(struct reader *r) {
    struct pattern_item *it = add(r, ONE);
    switch (*r->at) {
    case '[':
        read_set(r, it);
        break;
    case '%':
        read_escaped(r, it);
        break;
    case '.':
        it->what = ANY;
        r->at++;
        break;
    default:
        it->what = BYTE;
        it->a = (uint8_t)*r->at++;
    }
    if (it->op == ONE) read_repetition(r, it);
}

static void read_item(struct reader *r) {
    switch (*r->at) {
    case '(':
        read_open(r);
        return;
    case ')':
        read_close(r);
        return;
    case '$':
        if (r->at + 1 < r->end) break;
        add(r, AT_END);
        r->at++;
        return;
    case '%':
        if (ahead(r, 1, 'b')) {
            read_balanced(r);
            return;
        }
        if (ahead(r, 1, 'f')) {
            read_frontier(r);
            return;
        }
        if (r->at + 1 < r->end && r->at[1] >= '0' && r->at[1] <= '9') {
            read_back_reference(r);
            return;
        }
        break;
    default:
        break;
    }
    read_character(r);
}

static bool is_capture(const struct pattern_item *it) {
    return it->op == OPEN || it->op == CLOSE;
}

/* Marks a repetition that only the end of the subject may follow, and one right before it. `end` is
 * DONE; captures match everywhere. */
static void mark_last(struct pattern *p, struct pattern_item *end) {
    struct pattern_item *first = p->items, *it = end;
    p->starts_last = false;
    while (it > first && is_capture(it - 1))
        it--;
    if (it == first || (--it)->op != AT_END) return;
    while (it > first && is_capture(it - 1))
        it--;
    if (it == first || (--it)->op != MANY) return;
    it->last = true;
    while (it > first && is_capture(it - 1))
        it--;
    p->starts_last = it == first;
    if (it > first && it[-1].op == FEW) it[-1].last = true;
}

void pattern_read(struct pattern *p, struct str text, bool may_anchor, struct pattern_item *items,
                  struct pattern_set *sets) {
    struct reader r = {text.p, text.p + text.n, p, items, sets};
    p->text = text;
    p->anchored = may_anchor && ahead(&r, 0, '^');
    if (p->anchored) r.at++;
    p->items = items;
    p->n_captures = 0;
    while (r.at < r.end)
        read_item(&r);
    add(&r, DONE);
    mark_last(p, r.item - 1);
    const struct pattern_item *first = items;
    while (first->op == OPEN)
        first++;
    bool needed = first->op == ONE || (first->op == MANY && first->b);
    p->needed = needed ? first : NULL;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static int64_t __attribute__((noinline, cold)) look(struct pattern *p, int64_t left) {
    p->budget += left - STEPS_PER_LOOK;
    if (p->budget < 0) {
        bool cut = p->text.n > SHOWN;
        lua_pushlstring(p->L, p->text.p, cut ? SHOWN : p->text.n);
        luaL_error(p->L, "pattern matching took too many steps: %s%s", lua_tostring(p->L, -1),
                   cut ? "..." : "");
    }
    watchdog_check(p->L);
    return STEPS_PER_LOOK;
}

void pattern_begin(struct pattern *p, lua_State *L, struct str subject) {
    p->L = L;
    p->begin = subject.p;
    p->end = subject.p + subject.n;
    p->barren = NULL;
    p->left = STEPS_PER_LOOK;
    p->budget = STEPS + STEPS_PER_BYTE * (int64_t)(subject.n + p->text.n);
    watchdog_check(L);
}

void pattern_spend(struct pattern *p, int64_t steps) {
    p->left -= steps;
    if (p->left < 0) p->left = look(p, p->left);
}

/* ---- matching -------------------------------------------------------------------------------- */

static inline bool accepts(const struct pattern_item *it, char c) {
    switch (it->what) {
    case ANY:
        return true;
    case BYTE:
        return (unsigned char)c == it->a;
    default:
        return holds(it->set, (unsigned char)c) != it->negated;
    }
}

/* The end of the longest run of characters that the item accepts. */
static inline const char *run_over(const struct pattern_item *it, const char *s, const char *end) {
    if (it->what == ANY) return end;
    if (it->what == BYTE) {
        while (s < end && (unsigned char)*s == it->a)
            s++;
        return s;
    }
    const struct pattern_set *set = it->set;
    bool wanted = !it->negated;
    while (s < end && holds(set, (unsigned char)*s) == wanted)
        s++;
    return s;
}

/* Behind the byte that closes what begins at `s`; NULL when nothing does. `*seen` is how far it
 * looked. */
static const char *skip_balanced(const struct pattern_item *it, const char *s, const char *end,
                                 const char **seen) {
    *seen = s;
    if (s == end || (unsigned char)*s != it->a) return NULL;
    size_t depth = 1;
    for (s++; s < end; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == it->b && --depth == 0) break;
        if (c == it->a && c != it->b) depth++;
    }
    *seen = s;
    return s < end ? s + 1 : NULL;
}

static bool at_frontier(const struct pattern *p, const struct pattern_item *it, const char *s) {
    return !accepts(it, s == p->begin ? 0 : s[-1]) && accepts(it, s == p->end ? 0 : *s);
}

static _Noreturn void raise_wrong(struct pattern *p, const struct pattern_item *it) {
    if (it->a == NO_NUMBER) luaL_error(p->L, "%s", it->wrong);
    luaL_error(p->L, "%s%d", it->wrong, it->a);
    abort();
}

/* The end of a match that begins at `s`, or NULL. */
static const char *match(struct pattern *p, const char *s) {
    const char *const end = p->end;
    struct pattern_item *it = p->items, *choice = NULL;
    struct pattern_capture *capture;
    const char *from, *to;
    int64_t left = p->left;

    for (;; it++) {
        if (--left < 0) left = look(p, left);
        switch ((enum op)it->op) {
        case ONE:
            if (s == end || !accepts(it, *s)) goto back;
            s++;
            continue;
        case MAYBE:
            if (s == end || !accepts(it, *s)) continue;
            it->least = s;
            it->at = ++s;
            it->before = choice;
            choice = it;
            continue;
        case MANY:
            to = run_over(it, s, end);
            if (it->what != ANY) left -= to - s;
            if (it->last) p->barren = to;
            if (to - s < it->b || (it->last && to != end)) goto back;
            it->least = s + it->b;
            s = to;
            if (it->last || s == it->least) continue;
            it->at = s;
            it->before = choice;
            choice = it;
            continue;
        case FEW:
            it->at = s;
            it->before = choice;
            choice = it;
            continue;
        case OPEN:
            p->captures[it->a].from = s;
            continue;
        case CLOSE:
            capture = &p->captures[it->a];
            capture->n = s - capture->from;
            continue;
        case SAME:
            capture = &p->captures[it->a];
            if (end - s < capture->n) goto back;
            left -= capture->n / BYTES_COMPARED;
            if (memcmp(s, capture->from, (size_t)capture->n) != 0) goto back;
            s += capture->n;
            continue;
        case BALANCED:
            from = s;
            s = skip_balanced(it, from, end, &to);
            left -= to - from;
            if (!s) goto back;
            continue;
        case FRONTIER:
            if (!at_frontier(p, it, s)) goto back;
            continue;
        case AT_END:
            if (s != end) goto back;
            continue;
        case DONE:
            p->left = left;
            return s;
        case WRONG:
            raise_wrong(p, it);
        case NEVER:
            goto back;
        }
    back:
        while (choice && choice->op == FEW && (choice->at == end || !accepts(choice, *choice->at)))
            choice = choice->before;
        if (!choice) break;
        it = choice;
        if (it->op == FEW) {
            s = ++it->at;
            if (it->last && s < p->barren) {
                to = run_over(it, s, p->barren);
                left -= to - s;
                s = it->at = to;
            }
        } else {
            s = --it->at;
            if (s == it->least) choice = it->before;
        }
    }
    p->left = left;
    return NULL;
}

/* The next place where a match can begin, or NULL. */
static const char *candidate(const struct pattern *p, const char *s) {
    const struct pattern_item *it = p->needed;
    if (!it) return s;
    if (it->what == BYTE) return s < p->end ? memchr(s, it->a, (size_t)(p->end - s)) : NULL;
    while (s < p->end && !accepts(it, *s))
        s++;
    return s < p->end ? s : NULL;
}

bool pattern_search(struct pattern *p, const char *from, const char *last, struct str *found) {
    for (const char *s = from; s <= p->end; s++) {
        if (!p->anchored && !(s = candidate(p, s))) return false;
        const char *to = match(p, s);
        if (to && to != last) {
            *found = str_make(s, (size_t)(to - s));
            return true;
        }
        if (p->anchored) return false;
        if (!to && p->starts_last && p->barren > s) s = p->barren - 1;
    }
    return false;
}
