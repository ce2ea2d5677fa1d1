/*
 * pattern: the patterns of Lua (reference manual, §6.4.1), matched in steps that are counted.
 *
 * strings.c makes the functions of scripts from it. Everything here may raise: what is wrong with a
 * pattern when the matching gets there, as in stock Lua; too many steps; the watchdog's error.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <lua.h>
#include <stdint.h>

#include "core/base/str.h"

#define PATTERN_CAPTURES 32

/* Lengths of captures that have none. */
enum { PATTERN_OPEN = -1, PATTERN_POSITION = -2 };

struct pattern_set {
    uint64_t bits[4]; /* one for each byte value */
};

/* A piece of a pattern, and how far the attempt that goes on has come with it. */
struct pattern_item {
    uint8_t op;   /* enum op in pattern.c */
    uint8_t what; /* single characters: enum what there */
    uint8_t a, b; /* bytes or numbers that the op needs */
    bool negated; /* of `set`: the bytes that are not in it */
    bool last;    /* MANY: only the end of the subject may follow; FEW: such a MANY follows */
    union {
        const struct pattern_set *set;
        const char *wrong; /* what is raised when the matching gets here */
    };
    struct pattern_item *before; /* the choice to take up again after this one is used up */
    const char *least, *at;      /* where this item may end: the nearest place, and the present */
};

struct pattern_capture {
    const char *from;
    ptrdiff_t n; /* length, or PATTERN_OPEN, or PATTERN_POSITION */
};

struct pattern {
    lua_State *L;            /* who asks now: errors go there */
    struct str text;         /* of the pattern, for messages; borrowed */
    const char *begin, *end; /* the subject; borrowed */
    int64_t left;            /* steps until the next look at the limits */
    int64_t budget;          /* steps until it is too many, those before that look apart */
    const struct pattern_item *needed; /* one character that every match begins with, or NULL */
    bool anchored;                     /* matches begin where the search begins */
    bool starts_last;                  /* it begins with an item that is `last` */
    const char *barren; /* where the `last` MANY was tried last, it does not match before here */
    int n_captures;     /* of the whole pattern */
    struct pattern_capture captures[PATTERN_CAPTURES]; /* of the last match */
    struct pattern_item *items;                        /* the last one ends or raises */
};

/* How much there can be in a pattern of `n` bytes. */
static inline size_t pattern_items_max(size_t n) {
    return n + 1;
}

static inline size_t pattern_sets_max(size_t n) {
    return n / 3;
}

/* Reads a pattern into arrays that have room for what there can be. `may_anchor`: a `^` that it
 * begins with is no character. Raises nothing. */
void pattern_read(struct pattern *p, struct str text, bool may_anchor, struct pattern_item *items,
                  struct pattern_set *sets);

/* Before a search, or several that share one budget of steps. Raises when the script is over its
 * limits already. */
void pattern_begin(struct pattern *p, lua_State *L, struct str subject);

/* Steps that the caller made for a match. Raises like a search. */
void pattern_spend(struct pattern *p, int64_t steps);

/* The first match at `from` or, unless it is anchored, behind; an empty one at `last` does not
 * count (NULL: all do). */
bool pattern_search(struct pattern *p, const char *from, const char *last, struct str *found);

#endif
