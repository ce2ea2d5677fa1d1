/*
 * conf_value: text to values and back, one kind at a time. Called by conf.c and conf_show.c.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/conf_table.h"
#include "core/base/mem.h"

#define NS_PER_MS ((uint64_t)1000000)
#define MASK      "********"

static void *field(const struct conf_row *row) {
    return (char *)&conf + row->offset;
}

/* == Refusals ================================================================================== */

int conf_refuse(const struct conf_row *row, struct err *e, const char *fmt, ...) {
    char why[200];
    const struct conf_given *g = conf_given_for(row);
    const char *text = g->text ? g->text : row->fallback;
    const char *source = g->source ? g->source : "the table of defaults";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (row->kind == CONF_SECRET)
        return err_set(e, -EINVAL, "%s: the value from %s %s", row->name, source, why);
    return err_set(e, -EINVAL, "%s: \"%.40s%s\" from %.60s %s", row->name, text,
                   strlen(text) > 40 ? "…" : "", source, why);
}

static int refuse_bound(const struct conf_row *row, int64_t bound, const char *what,
                        const char *edge, struct err *e) {
    struct buf limit;
    buf_init(&limit);
    conf_spell_bound(row, bound, &limit);
    conf_refuse(row, e, "is too %s: at %s %.*s", what, edge, STR_FMT(buf_view(&limit)));
    buf_free(&limit);
    return -EINVAL;
}

/* Bounds of DUR are in milliseconds. */
static uint64_t bound_value(const struct conf_row *row, int64_t bound) {
    return row->kind == CONF_DUR ? (uint64_t)bound * NS_PER_MS : (uint64_t)bound;
}

static int check_unsigned(const struct conf_row *row, uint64_t v, struct err *e) {
    if (v < bound_value(row, row->min)) return refuse_bound(row, row->min, "small", "least", e);
    if (row->max && v > bound_value(row, row->max))
        return refuse_bound(row, row->max, "large", "most", e);
    return 0;
}

/* == Parsing =================================================================================== */

static int parse_text(const struct conf_row *row, struct str text, struct err *e) {
    for (size_t i = 0; i < text.n && row->kind != CONF_SECRET; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7F) return conf_refuse(row, e, "has a control character in it");
    }
    return conf_text_set(row, text) ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* Lines are members like those between commas, and are shown as such. */
static int parse_list(const struct conf_row *row, struct str text, struct err *e) {
    char *copy = mem_dup(text);
    if (!copy) return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < text.n; i++)
        if (copy[i] == '\n') copy[i] = ',';
    while (text.n && copy[text.n - 1] == ',')
        text.n--;
    int rc = parse_text(row, str_make(copy, text.n), e);
    mem_free(copy);
    return rc;
}

static int parse_int(const struct conf_row *row, struct str text, struct err *e) {
    int64_t v = 0;
    int rc = str_i64(text, &v);
    bool minus = str_starts(text, STR("-"));
    if (rc == -ERANGE && !minus && !row->max) return conf_refuse(row, e, "is too large");
    if (rc == -ERANGE)
        v = minus ? INT64_MIN : INT64_MAX;
    else if (rc)
        return conf_refuse(row, e, "is not a whole number");
    if (v < row->min) return refuse_bound(row, row->min, "small", "least", e);
    if (row->max && v > row->max) return refuse_bound(row, row->max, "large", "most", e);
    memcpy(field(row), &v, sizeof v);
    return 0;
}

static int parse_bool(const struct conf_row *row, struct str text, struct err *e) {
    bool v;
    if (str_bool(text, &v)) return conf_refuse(row, e, "is neither true nor false");
    memcpy(field(row), &v, sizeof v);
    return 0;
}

/* DUR and SIZE: `rc` is what their parser said about the text. */
static int parse_amount(const struct conf_row *row, struct str text, int rc, uint64_t v,
                        struct err *e) {
    bool dur = row->kind == CONF_DUR;
    if (rc == -EINVAL && dur)
        return conf_refuse(row, e, "is not a duration: write 250ms, 10s or 1h30m");
    if (rc == -EINVAL) return conf_refuse(row, e, "is not a size: write 512, 64k, 1m or 2g");
    if (rc && str_starts(text, STR("-"))) return conf_refuse(row, e, "is negative");
    if (rc && !row->max) return conf_refuse(row, e, "is too large");
    if (rc) v = UINT64_MAX;
    rc = check_unsigned(row, v, e);
    if (!rc) memcpy(field(row), &v, sizeof v);
    return rc;
}

int conf_parse(const struct conf_row *row, struct err *e) {
    const struct conf_given *g = conf_given_for(row);
    struct str text = str_of(g->text ? g->text : row->fallback);
    uint64_t v = 0;
    int rc;
    switch (row->kind) {
    case CONF_STR:
    case CONF_SECRET:
        return parse_text(row, text, e);
    case CONF_LIST:
        return parse_list(row, text, e);
    case CONF_INT:
        return parse_int(row, text, e);
    case CONF_BOOL:
        return parse_bool(row, text, e);
    case CONF_DUR:
        rc = str_duration(text, &v);
        return parse_amount(row, text, rc, v, e);
    case CONF_SIZE:
        rc = str_size(text, &v);
        return parse_amount(row, text, rc, v, e);
    case CONF_HEADING:
        break;
    }
    return 0;
}

/* == Spelling ================================================================================== */

static void spell_duration(struct buf *out, uint64_t ns) {
    static const struct {
        uint64_t ns;      /* length of the unit */
        const char *word; /* as written */
    } units[] = {{3600000000000, "h"}, {60000000000, "m"}, {1000000000, "s"},
                 {1000000, "ms"},      {1000, "us"},       {1, "ns"}};
    if (!ns) buf_char(out, '0');
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ns < units[i].ns) continue;
        buf_u64(out, ns / units[i].ns);
        buf_str(out, str_of(units[i].word));
        ns %= units[i].ns;
    }
}

static void spell_size(struct buf *out, uint64_t bytes) {
    static const char units[] = "kmgt";
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && unit < sizeof units - 1) {
        bytes /= 1024;
        unit++;
    }
    buf_u64(out, bytes);
    if (unit) buf_char(out, units[unit - 1]);
}

static void spell_amount(const struct conf_row *row, uint64_t v, struct buf *out) {
    if (row->kind == CONF_DUR)
        spell_duration(out, v);
    else
        spell_size(out, v);
}

void conf_spell(const struct conf_row *row, struct buf *out) {
    uint64_t v;
    switch (row->kind) {
    case CONF_STR:
    case CONF_LIST:
        buf_str(out, str_of(*conf_text(row)));
        break;
    case CONF_SECRET:
        buf_str(out, **conf_text(row) ? STR(MASK) : STR(""));
        break;
    case CONF_BOOL:
        buf_str(out, *(bool *)field(row) ? STR("true") : STR("false"));
        break;
    case CONF_INT:
        buf_printf(out, "%lld", (long long)*(int64_t *)field(row));
        break;
    case CONF_DUR:
    case CONF_SIZE:
        memcpy(&v, field(row), sizeof v);
        spell_amount(row, v, out);
        break;
    case CONF_HEADING:
        break;
    }
}

void conf_spell_bound(const struct conf_row *row, int64_t bound, struct buf *out) {
    if (row->kind == CONF_INT)
        buf_printf(out, "%lld", (long long)bound);
    else
        spell_amount(row, bound_value(row, bound), out);
}
