/*
 * metric_text: families as Prometheus text (exposition format 0.0.4).
 *
 * The registry's lock is held while they are written, so that no family goes away; a series' lock
 * only while its values are copied, so that nobody who measures waits for formatting.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/metric_family.h"

static void (*look)(void); /* see metric_before_render */

void metric_before_render(void (*fn)(void)) {
    look = fn;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The fewest digits that read back as the same number, zeros behind them: "d.dd00e±xx". */
static void shortest(double v, char text[METRIC_NUMBER]) {
    for (int digits = 14; digits <= 16; digits++) {
        snprintf(text, METRIC_NUMBER, "%.*e", digits, v);
        if (strtod(text, NULL) == v) return;
    }
}

/* The exponent form is for what is smaller than 0.0001 or has more than 6 digits before the point:
 * the rule of Go's %g, which is what Prometheus' own libraries write. */
size_t metric_number(double v, char room[METRIC_NUMBER]) {
    char text[METRIC_NUMBER];
    if (isnan(v)) return (size_t)snprintf(room, METRIC_NUMBER, "NaN");
    if (isinf(v)) return (size_t)snprintf(room, METRIC_NUMBER, "%cInf", v > 0 ? '+' : '-');
    if (v == floor(v) && fabs(v) < 1e6)
        return (size_t)snprintf(room, METRIC_NUMBER, "%.0f", v == 0 ? 0 : v);
    shortest(v, text);
    char *e = strchr(text, 'e'), *end = e;
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.') end--;
    int exponent = atoi(e + 1), mantissa = (int)(end - text);
    int digits = mantissa - (v < 0) - (memchr(text, '.', (size_t)mantissa) ? 1 : 0);
    if (exponent < -4 || exponent >= 6)
        return (size_t)snprintf(room, METRIC_NUMBER, "%.*s%s", mantissa, text, e);
    int decimals = digits - 1 - exponent;
    return (size_t)snprintf(room, METRIC_NUMBER, "%.*f", decimals > 0 ? decimals : 0, v);
}

static void put_number(struct buf *out, double v) {
    char room[METRIC_NUMBER];
    buf_add(out, room, metric_number(v, room));
}

/* ---- texts ----------------------------------------------------------------------------------- */

static bool is_plain(char c) {
    return c >= ' ' && c < 0x7F && c != '\\' && c != '"';
}

/* '\', line feed and, inside quotes, '"' are escaped. Bytes that are no UTF-8 become U+FFFD. */
static void put_escaped(struct buf *out, struct str s, bool quoted) {
    while (s.n) {
        size_t bad, step = 0;
        while (step < s.n && is_plain(s.p[step]))
            step++;
        if (step == 0) {
            step = str_utf8(s, &bad);
            if (*s.p == '\\' || (quoted && *s.p == '"')) buf_char(out, '\\');
        }
        if (!step)
            buf_str(out, STR("\xEF\xBF\xBD"));
        else if (*s.p == '\n')
            buf_str(out, STR("\\n"));
        else
            buf_add(out, s.p, step);
        s = str_from(s, step ? step : bad);
    }
}

static void put_label(struct buf *out, const char *name, struct str value) {
    buf_str(out, str_of(name));
    buf_str(out, STR("=\""));
    put_escaped(out, value, true);
    buf_str(out, STR("\","));
}

/* ---- series ---------------------------------------------------------------------------------- */

/* The values of a key in the order of the family's labels. */
static void values_of(const struct metric *m, const struct metric_series *s,
                      struct str values[METRIC_LABELS]) {
    struct str rest = metric_series_key(m, s);
    for (size_t i = 0; i < m->n_labels; i++)
        str_cut(rest, '\xFF', &values[i], &rest);
}

/* All labels by name, each with a comma behind it, into `out`. */
static void put_labels(struct buf *out, const struct metric *m, const struct metric_series *s,
                       struct str le) {
    struct {
        const char *name;
        struct str value;
    } fixed[] = {
        {"id", str_of(m->owner->id)},
        {"le", le},
        {"service", str_of(m->owner->host)},
        {"ver", str_of(m->owner->ver)},
    };
    struct str values[METRIC_LABELS];
    values_of(m, s, values);
    size_t i = 0;
    for (size_t f = 0; f <= sizeof fixed / sizeof fixed[0]; f++) {
        const char *until = f < sizeof fixed / sizeof fixed[0] ? fixed[f].name : NULL;
        for (; i < m->n_labels && (!until || strcmp(m->labels[m->order[i]], until) < 0); i++)
            put_label(out, m->labels[m->order[i]], values[m->order[i]]);
        if (until && fixed[f].value.p) put_label(out, until, fixed[f].value);
    }
}

static void put_sample(struct buf *out, const struct metric *m, const struct metric_series *s,
                       const char *suffix, struct str le, double v) {
    buf_str(out, str_of(m->name));
    buf_str(out, str_of(suffix));
    buf_char(out, '{');
    put_labels(out, m, s, le);
    if (buf_ok(out)) out->p[out->n - 1] = '}'; /* in place of the last comma */
    buf_char(out, ' ');
    put_number(out, v);
    buf_char(out, '\n');
}

static void put_series(struct buf *out, struct metric *m, struct metric_series *s) {
    uint64_t counts[METRIC_BUCKETS + 1], sum = 0;
    pthread_mutex_t *lock = metric_mutex(m, s->hash);
    pthread_mutex_lock(lock);
    double value = s->value;
    memcpy(counts, s->counts, metric_counts(m) * sizeof counts[0]);
    pthread_mutex_unlock(lock);
    if (m->kind != METRIC_HISTOGRAM) {
        put_sample(out, m, s, "", STR_NONE, value);
        return;
    }
    for (size_t i = 0; i <= m->n_buckets; i++) {
        char room[METRIC_NUMBER];
        double bound = i < m->n_buckets ? m->buckets[i] : INFINITY;
        sum += counts[i];
        put_sample(out, m, s, "_bucket", str_make(room, metric_number(bound, room)), (double)sum);
    }
    put_sample(out, m, s, "_sum", STR_NONE, value);
    put_sample(out, m, s, "_count", STR_NONE, (double)sum);
}

/* ---- families -------------------------------------------------------------------------------- */

/* Rows to be sorted: a series with its key. */
struct row {
    struct str key;
    struct metric_series *series;
};

static int by_key(const void *a, const void *b) {
    struct str x = ((const struct row *)a)->key, y = ((const struct row *)b)->key;
    size_t n = x.n < y.n ? x.n : y.n;
    int order = n ? memcmp(x.p, y.p, n) : 0;
    return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* The series there are now, at most `max`, into rows. */
static size_t list_series(struct metric *m, struct row *rows, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < METRIC_CHAINS; i++) {
        pthread_mutex_t *lock = metric_mutex(m, i);
        pthread_mutex_lock(lock);
        for (struct metric_series *s = m->chains[i]; s && n < max; s = s->next)
            rows[n++] = (struct row){metric_series_key(m, s), s};
        pthread_mutex_unlock(lock);
    }
    qsort(rows, n, sizeof *rows, by_key);
    return n;
}

static void put_family(struct buf *out, struct metric *m) {
    size_t max = m->n_series < METRIC_SERIES ? m->n_series : METRIC_SERIES;
    struct row *rows = mem_alloc((max ? max : 1) * sizeof *rows);
    if (!rows) {
        out->failed = true;
        return;
    }
    size_t n = list_series(m, rows, max);
    for (size_t i = 0; i < n; i++)
        put_series(out, m, rows[i].series);
    mem_free(rows);
}

static void put_head(struct buf *out, const struct metric *m) {
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    if (*m->help) {
        buf_printf(out, "# HELP %s ", m->name);
        put_escaped(out, str_of(m->help), false);
        buf_char(out, '\n');
    }
    buf_printf(out, "# TYPE %s %s\n", m->name, kinds[m->kind]);
}

/* ---- the registry ---------------------------------------------------------------------------- */

/* What is to be written, found under the registry's lock. */
struct list {
    void **items;
    size_t n, cap;
};

static bool list_add(struct list *l, void *item) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        void **items = mem_realloc(l->items, cap * sizeof *items);
        if (!items) return false;
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = item;
    return true;
}

static bool each_owner(struct str host, struct list *into,
                       bool (*add)(struct list *, struct metric_owner *)) {
    struct metric_owner *o;
    bool ok = true;
    if (host.n) {
        o = metric_find_owner(host);
        return !o || !o->in_sight || add(into, o);
    }
    for (size_t it = 0; ok && metric_next_owner(&it, &o);)
        if (o->in_sight) ok = add(into, o);
    return ok;
}

static bool add_owner(struct list *l, struct metric_owner *o) {
    return list_add(l, o);
}

/* Families that a newer one of the same name hides stay out. */
static bool add_families(struct list *l, struct metric_owner *o) {
    for (struct metric *m = o->families; m; m = m->next) {
        struct metric *newer = o->families;
        while (newer != m && strcmp(newer->name, m->name) != 0)
            newer = newer->next;
        if (newer == m && m->n_series > 0 && !list_add(l, m)) return false;
    }
    return true;
}

/* Owners live for ever: the list is good after the lock. */
static bool refresh(struct str host) {
    struct list seen = {0};
    metric_lock();
    bool ok = each_owner(host, &seen, add_owner);
    metric_unlock();
    for (size_t i = 0; i < seen.n; i++)
        metric_std_uptime(seen.items[i]);
    mem_free(seen.items);
    return ok;
}

static int by_name_and_owner(const void *a, const void *b) {
    const struct metric *x = *(struct metric *const *)a, *y = *(struct metric *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->owner->host, y->owner->host);
}

/* A name has one kind, that of whoever had it first: nobody takes it from others by using it, too.
 */
static void put_families(struct buf *out, struct metric **families, size_t n) {
    for (size_t i = 0, end; i < n; i = end) {
        const struct metric *oldest = families[i];
        for (end = i + 1; end < n && strcmp(families[end]->name, oldest->name) == 0; end++)
            if (families[end]->age < oldest->age) oldest = families[end];
        put_head(out, oldest);
        for (size_t j = i; j < end; j++)
            if (families[j]->kind == oldest->kind) put_family(out, families[j]);
    }
}

void metric_render(struct buf *out, struct str host) {
    if (look) look();
    struct list found = {0};
    bool ok = refresh(host);
    metric_lock();
    ok = each_owner(host, &found, add_families) && ok;
    if (found.n) qsort(found.items, found.n, sizeof *found.items, by_name_and_owner);
    put_families(out, (struct metric **)found.items, found.n);
    metric_unlock();
    mem_free(found.items);
    if (!ok) out->failed = true;
}
