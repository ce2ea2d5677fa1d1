/*
 * quote: see quote.h. Called by task.c for errors at run time and by reload.c and change.c for
 * those of files. Looks only at texts in memory.
 */
#include "core/script/quote.h"

#include <stdio.h>

#define AROUND     2   /* lines before and behind */
#define LINE_SHOWN 160 /* bytes of a line */

/* A place in a file: "services/<folder>/<path>:<line>[:<column>]:". */
struct place {
    struct str path;
    uint64_t line, column; /* column 0 = not told */
};

/* A number and the ':' behind it. */
static bool take_number(struct str *rest, uint64_t *n) {
    struct str digits, behind;
    if (!str_cut(*rest, ':', &digits, &behind) || str_u64(digits, n) < 0) return false;
    *rest = behind;
    return true;
}

/* The first place of this service in `text`. */
static bool find_place(struct str text, struct str folder, struct place *p) {
    char prefix[300];
    int n = snprintf(prefix, sizeof prefix, "services/%.*s/", STR_FMT(folder));
    if (n <= 0 || (size_t)n >= sizeof prefix) return false;
    for (ptrdiff_t at; (at = str_find(text, str_make(prefix, (size_t)n))) >= 0;) {
        text = str_from(text, (size_t)at + (size_t)n);
        struct str rest = text;
        *p = (struct place){0};
        if (!str_cut(rest, ':', &p->path, &rest) || str_index(p->path, '\n') >= 0) continue;
        if (!take_number(&rest, &p->line) || p->line == 0) continue;
        if (!take_number(&rest, &p->column)) p->column = 0;
        return true;
    }
    return false;
}

static void put_line(struct buf *out, struct str line, uint64_t number, bool marked) {
    if (str_ends(line, STR("\r"))) line.n--;
    buf_printf(out, "\n    %s%5llu | ", marked ? ">" : " ", (unsigned long long)number);
    for (size_t i = 0; i < line.n && i < LINE_SHOWN; i++)
        buf_char(out, line.p[i] == '\t' ? ' ' : line.p[i]);
    if (line.n > LINE_SHOWN) buf_str(out, STR(" ..."));
}

static void put_caret(struct buf *out, uint64_t column) {
    if (column == 0 || column > LINE_SHOWN) return;
    buf_str(out, STR("\n           | "));
    for (uint64_t i = 1; i < column; i++)
        buf_char(out, ' ');
    buf_char(out, '^');
}

static bool put_place(struct buf *out, const struct quote_source *from, const struct place *p) {
    struct str text = from->read(from->arg, p->path), line;
    bool found = false;
    if (!text.p) return false;
    uint64_t number = 1;
    for (bool more = true; more && number <= p->line + AROUND; number++) {
        more = str_cut(text, '\n', &line, &text);
        if (!more && !line.n) break; /* behind the last line's end */
        if (number + AROUND < p->line) continue;
        put_line(out, line, number, number == p->line);
        if (number == p->line) put_caret(out, p->column);
        found = true;
    }
    return found;
}

bool quote_first(struct buf *out, struct str text, const struct quote_source *from) {
    struct place p;
    return from->read && find_place(text, from->folder, &p) && put_place(out, from, &p);
}

void quote_errors(struct buf *out, struct str text, const struct quote_source *from) {
    struct str line;
    bool more = text.n > 0;
    for (bool first = true; more; first = false) {
        more = str_cut(text, '\n', &line, &text);
        if (!first) buf_char(out, '\n');
        buf_str(out, line);
        quote_first(out, line, from);
    }
}
