/*
 * conf_show: the settings as people, programs and the README see them. Reads `conf`, changes
 * nothing.
 */
#include <ctype.h>

#include "core/base/conf_table.h"

/* Where the value in force came from, in words. */
static struct str source(const struct conf_row *row) {
    const struct conf_given *g = conf_given_for(row);
    if (g->source) return str_of(g->source);
    if (!conf_is_text(row)) return STR("default");
    return !*row->fallback && **conf_text(row) ? STR("derived") : STR("default");
}

/* Columns of text are counted in characters, not bytes. */
static size_t width(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static void cell(struct buf *out, struct str s, size_t wide) {
    buf_str(out, s);
    for (size_t n = width(s); n < wide + 2; n++)
        buf_char(out, ' ');
}

/* The value in force, in `value`; a lack of memory is the output's. */
static void spell(const struct conf_row *row, struct buf *value, struct buf *out) {
    buf_clear(value);
    conf_spell(row, value);
    out->failed |= value->failed;
}

static void shown_value(const struct conf_row *row, struct buf *value, struct buf *out) {
    spell(row, value, out);
    if (!value->n) buf_str(value, STR("\"\""));
    out->failed |= value->failed;
}

static void widen(size_t *wide, struct str s) {
    size_t n = width(s);
    if (n > *wide) *wide = n;
}

static void print_text(struct buf *out) {
    size_t names = 0, values = 0, sources = 0;
    struct buf value;
    buf_init(&value);
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        if (row->kind == CONF_HEADING) continue;
        shown_value(row, &value, out);
        widen(&names, str_of(row->name));
        widen(&values, buf_view(&value));
        widen(&sources, source(row));
    }
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        if (row->kind == CONF_HEADING) {
            buf_printf(out, "%s%s\n", row == conf_rows ? "" : "\n", row->text);
            continue;
        }
        shown_value(row, &value, out);
        buf_str(out, STR("  "));
        cell(out, str_of(row->name), names);
        cell(out, buf_view(&value), values);
        cell(out, source(row), sources);
        buf_printf(out, "%s\n", row->text);
    }
    buf_free(&value);
}

static void json_member(struct buf *out, const char *name, struct str s) {
    buf_printf(out, "\"%s\":", name);
    buf_json(out, s);
}

/* Numbers and booleans as such; all else as text. */
static void json_value(const struct conf_row *row, struct buf *out, struct buf *value) {
    spell(row, value, out);
    buf_str(out, STR("\"value\":"));
    if (row->kind == CONF_INT || row->kind == CONF_BOOL)
        buf_str(out, buf_view(value));
    else
        buf_json(out, buf_view(value));
}

static void print_json(struct buf *out) {
    struct buf value;
    bool first = true;
    buf_init(&value);
    buf_char(out, '{');
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        if (row->kind == CONF_HEADING) continue;
        buf_printf(out, "%s\n  \"%s\":{", first ? "" : ",", row->name);
        json_value(row, out, &value);
        buf_char(out, ',');
        json_member(out, "source", source(row));
        buf_char(out, ',');
        json_member(out, "meaning", str_of(row->text));
        buf_char(out, '}');
        first = false;
    }
    buf_str(out, STR("\n}\n"));
    buf_free(&value);
}

void conf_print(struct buf *out, bool json) {
    if (json)
        print_json(out);
    else
        print_text(out);
}

/* == Markdown ================================================================================== */

static void markdown_flag(const struct conf_row *row, struct buf *out) {
    buf_str(out, STR("| `--"));
    for (const char *p = row->name; *p; p++)
        buf_char(out, *p == '_' ? '-' : *p);
    buf_str(out, STR("` | `MOONBUS_"));
    for (const char *p = row->name; *p; p++)
        buf_char(out, (char)toupper((unsigned char)*p));
    buf_char(out, '`');
    if (row->alias) buf_printf(out, ", `%s`", row->alias);
}

static void markdown_range(const struct conf_row *row, struct buf *out) {
    bool counted = row->kind == CONF_INT || row->kind == CONF_DUR || row->kind == CONF_SIZE;
    if (row->kind == CONF_BOOL) buf_str(out, STR(" true, false"));
    if (!counted || (!row->min && !row->max)) return;
    buf_str(out, row->max ? STR(" ") : STR(" from "));
    conf_spell_bound(row, row->min, out);
    if (!row->max) return;
    buf_str(out, STR(" to "));
    conf_spell_bound(row, row->max, out);
}

void conf_markdown(struct buf *out) {
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        if (row->kind == CONF_HEADING) {
            buf_printf(out, "%s### %s\n\n| Flag | Environment | Default | Range | Meaning |\n",
                       row == conf_rows ? "" : "\n", row->text);
            buf_str(out, STR("|---|---|---|---|---|\n"));
            continue;
        }
        markdown_flag(row, out);
        if (*row->fallback)
            buf_printf(out, " | `%s` |", row->fallback);
        else
            buf_str(out, STR(" | |"));
        markdown_range(row, out);
        buf_printf(out, " | %s |\n", row->text);
    }
}
