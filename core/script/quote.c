/*
 * quote: see quote.h. Called by task.c for errors at run time and by reload.c and change.c for
 * those of files. Looks only at texts in memory.
 */
#include "core/script/quote.h"

#include <stdio.h>

#define AROUND     2   /* lines before and behind */
#define LINE_SHOWN 160 /* bytes of a line */

/* A place in a file, "services/<folder>/<path>:<line>[:<column>]:", or in the user's policy of this
 * service, "policies/<folder>.lua:<line>:". */
struct place {
    struct str name;       /* of the file, as it is written */
    struct str path;       /* among the service's files */
    uint64_t line, column; /* column 0 = not told */
};

/* A number and the ':' behind it. */
static bool take_number(struct str *rest, uint64_t *n) {
    struct str digits, behind;
    if (!str_cut(*rest, ':', &digits, &behind) || str_u64(digits, n) < 0) return false;
    *rest = behind;
    return true;
}

/* Where the name of a file of this service begins in `text`, negative: nowhere. What of it is in
 * front of the file's path is `skip` bytes long. */
static ptrdiff_t find_name(struct str text, struct str folder, size_t *skip) {
    char file[300], policy[300];
    int n = snprintf(file, sizeof file, "services/%.*s/", STR_FMT(folder));
    if (n <= 0 || (size_t)n >= sizeof file) return -1;
    snprintf(policy, sizeof policy, "policies/%.*s.lua:", STR_FMT(folder));
    ptrdiff_t among = str_find(text, str_of(file)), alone = str_find(text, str_of(policy));
    bool is_policy = alone >= 0 && (among < 0 || alone < among);
    *skip = is_policy ? 0 : (size_t)n;
    return is_policy ? alone : among;
}

/* The first place of this service in `text`. */
static bool find_place(struct str text, struct str folder, struct place *p) {
    size_t skip;
    for (ptrdiff_t at; (at = find_name(text, folder, &skip)) >= 0;) {
        struct str name = str_from(text, (size_t)at), rest = str_from(name, skip);
        text = str_from(name, skip + 1);
        *p = (struct place){0};
        if (!str_cut(rest, ':', &p->path, &rest) || str_index(p->path, '\n') >= 0) continue;
        if (!take_number(&rest, &p->line) || p->line == 0) continue;
        if (!take_number(&rest, &p->column)) p->column = 0;
        p->name = str_first(name, skip + p->path.n);
        return true;
    }
    return false;
}

/* A file can be anything, and what is shown goes to a terminal: nothing in it may be an order. */
static void put_visible(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        buf_char(out, (char)(c == '\t' ? ' ' : c < ' ' || c == 0x7f ? '.' : c));
    }
}

static void put_line(struct buf *out, struct str line, uint64_t number, bool marked) {
    if (str_ends(line, STR("\r"))) line.n--;
    buf_printf(out, "\n    %s%5llu | ", marked ? ">" : " ", (unsigned long long)number);
    put_visible(out, str_first(line, LINE_SHOWN));
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

/* Is it the line of a traceback that stands for a frame at this place? */
static bool is_frame(struct str line, const struct place *p) {
    struct str file, rest;
    uint64_t number;
    return str_cut(str_trim(line), ':', &file, &rest) && str_eq(file, p->name) &&
           take_number(&rest, &number) && number == p->line;
}

/* The traceback without the line of source below frames at `quoted`. */
static void put_trace(struct buf *out, struct str trace, const struct place *quoted) {
    struct str line;
    bool frame = false;
    for (bool more = trace.n > 0; more;) {
        more = str_cut(trace, '\n', &line, &trace);
        bool again = frame && str_starts(str_trim(line), STR("> "));
        frame = quoted && is_frame(line, quoted);
        if (again) continue;
        buf_char(out, '\n');
        buf_str(out, line);
    }
}

void quote_trace(struct buf *out, struct str text, struct str trace,
                 const struct quote_source *from) {
    struct place p;
    bool quoted = from->read && ((find_place(text, from->folder, &p) && put_place(out, from, &p)) ||
                                 (find_place(trace, from->folder, &p) && put_place(out, from, &p)));
    put_trace(out, trace, quoted ? &p : NULL);
}

void quote_errors(struct buf *out, struct str text, const struct quote_source *from) {
    struct str line;
    bool more = text.n > 0;
    for (bool first = true; more; first = false) {
        more = str_cut(text, '\n', &line, &text);
        if (!first) buf_char(out, '\n');
        put_visible(out, line);
        struct place p;
        if (from->read && find_place(line, from->folder, &p)) put_place(out, from, &p);
    }
}
