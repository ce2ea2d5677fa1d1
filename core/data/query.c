/*
 * query: see query.h. A filter on a field asks for the value (json_extract) and for its kind
 * (json_type), because SQLite reads true as 1 and a list as its text.
 *
 * Called by the SQLite backend on its threads. It never talks to a database. Errors stick to the
 * query object; the statement is thrown away at the end when there was one.
 */
#include "core/data/query.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/data/doc.h"

#define GROUP_MAX 4 /* fields of one index */

/* ---------------------------------------------------------------- errors and parameters */

static void reject(struct query *q, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void reject(struct query *q, int code, const char *fmt, ...) {
    if (q->err.code) return;
    char text[sizeof q->err.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&q->err, code, "%s", text);
}

static void add(struct query *q, const char *sql) {
    buf_str(&q->sql, str_of(sql));
}

static bool grow_binds(struct query *q) {
    int cap = q->cap_binds ? q->cap_binds * 2 : 16;
    struct query_bind *binds = mem_realloc(q->binds, (size_t)cap * sizeof *binds);
    if (!binds) return false;
    q->binds = binds;
    q->cap_binds = cap;
    return true;
}

/* The number of a new parameter; 0 = out of memory. */
static int add_bind(struct query *q, struct query_bind b) {
    if (q->n_binds == q->cap_binds && !grow_binds(q)) {
        reject(q, -ENOMEM, "out of memory");
        return 0;
    }
    q->binds[q->n_binds++] = b;
    return q->n_binds;
}

static int bind_text(struct query *q, struct str s) {
    return add_bind(q, (struct query_bind){.kind = QUERY_TEXT, .s = s});
}

static int bind_value(struct query *q, const struct store_value *v) {
    switch (v->kind) {
    case STORE_NULL:
        break;
    case STORE_BOOL:
        return add_bind(q, (struct query_bind){.kind = QUERY_INT, .i = v->b});
    case STORE_INT:
        return add_bind(q, (struct query_bind){.kind = QUERY_INT, .i = v->i});
    case STORE_FLOAT:
        return add_bind(q, (struct query_bind){.kind = QUERY_FLOAT, .f = v->f});
    case STORE_TEXT:
        return bind_text(q, v->s);
    }
    return 0;
}

static void add_param(struct query *q, int n) {
    buf_char(&q->sql, '?');
    buf_u64(&q->sql, (uint64_t)n);
}

/* ---------------------------------------------------------------- fields and values */

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c && strchr("_-$@:+# ", c));
}

int query_check_field(struct str field, struct err *e) {
    bool ok = field.n > 0 && field.n <= QUERY_FIELD && doc_is_text(field);
    char before = '.';
    for (size_t i = 0; ok && i < field.n; before = field.p[i++])
        ok = field.p[i] == '.' ? before != '.' : name_char(field.p[i]);
    if (ok && before != '.') return 0;
    return err_set(e, -EINVAL, "\"%.*s\" is no field name", STR_FMT(str_first(field, 60)));
}

static void add_path(struct buf *sql, struct str field) {
    struct str name;
    buf_str(sql, STR("'$"));
    do {
        str_cut(field, '.', &name, &field);
        buf_str(sql, STR(".\""));
        buf_str(sql, name);
        buf_char(sql, '"');
    } while (field.n);
    buf_char(sql, '\'');
}

void query_field(struct buf *sql, const char *function, struct str field) {
    buf_str(sql, str_of(function));
    buf_str(sql, STR("(doc,"));
    add_path(sql, field);
    buf_char(sql, ')');
}

static void add_value(struct query *q, struct str field) {
    query_field(&q->sql, "json_extract", field);
}

static void add_kind(struct query *q, struct str field) {
    query_field(&q->sql, "json_type", field);
}

/* A text that no document can contain equals nothing, contains nothing and starts nothing. */
static bool possible(const struct store_value *v) {
    return v->kind != STORE_TEXT || doc_is_text(v->s);
}

static void check_value(struct query *q, const struct store_value *v) {
    if (v->kind == STORE_FLOAT && !isfinite(v->f))
        reject(q, -EINVAL, "a value is not a finite number");
}

/* How the kinds of values are called by json_type and json_each. */
static const char *kind_test(const struct store_value *v) {
    switch (v->kind) {
    case STORE_NULL:
        return "='null'";
    case STORE_BOOL:
        return v->b ? "='true'" : "='false'";
    case STORE_INT:
    case STORE_FLOAT:
        return " IN('integer','real')";
    case STORE_TEXT:
        break;
    }
    return "='text'";
}

/* ---------------------------------------------------------------- one value */

/* A value of a filter and its parameter, which several places of the statement share. */
struct wanted {
    const struct store_value *v; /* borrowed from the filter */
    int param;                   /* 0 = it needs none */
};

static struct wanted want(struct query *q, const struct store_value *v) {
    bool constant = v->kind == STORE_NULL || v->kind == STORE_BOOL || !possible(v);
    return (struct wanted){v, constant ? 0 : bind_value(q, v)};
}

/* The field itself is the value; an index on the field serves it. */
static void is_value(struct query *q, struct str field, struct wanted w) {
    if (!possible(w.v)) {
        add(q, "0");
        return;
    }
    buf_char(&q->sql, '(');
    add_value(q, field);
    if (w.v->kind == STORE_NULL) {
        add(q, " IS NULL)");
        return;
    }
    if (w.param) {
        buf_char(&q->sql, '=');
        add_param(q, w.param);
    } else {
        add(q, w.v->b ? "=1" : "=0");
    }
    add(q, " AND ");
    add_kind(q, field);
    add(q, kind_test(w.v));
    buf_char(&q->sql, ')');
}

static void open_elements(struct query *q, struct str field) {
    buf_char(&q->sql, '(');
    add_kind(q, field);
    add(q, "='array' AND EXISTS(SELECT 1 FROM json_each(doc,");
    add_path(&q->sql, field);
    add(q, ") AS e WHERE ");
}

static void close_elements(struct query *q) {
    add(q, "))");
}

/* An element of the list in the field is the value; the index of documents with a list there serves
 * it. */
static void has_value(struct query *q, struct str field, struct wanted w) {
    if (!possible(w.v)) {
        add(q, "0");
        return;
    }
    open_elements(q, field);
    if (w.param) {
        add(q, "e.value=");
        add_param(q, w.param);
        add(q, " AND ");
    }
    add(q, "e.type");
    add(q, kind_test(w.v));
    close_elements(q);
}

static void equals(struct query *q, struct str field, struct wanted w) {
    buf_char(&q->sql, '(');
    is_value(q, field, w);
    add(q, " OR ");
    has_value(q, field, w);
    buf_char(&q->sql, ')');
}

/* ---------------------------------------------------------------- several values */

/* The values of a filter by kind; numbers and texts travel as one JSON list each, so that the
 * statement is the same for any number of them. */
struct set {
    bool null, yes, no; /* null, true and false are among them */
    int numbers, texts; /* parameters; 0 = none of that kind */
};

static bool in_kind(const struct store_value *v, bool texts) {
    if (texts) return v->kind == STORE_TEXT && possible(v);
    return v->kind == STORE_INT || v->kind == STORE_FLOAT;
}

static int bind_list(struct query *q, const struct store_filter *f, bool texts) {
    int n = 0;
    buf_clear(&q->text);
    for (int i = 0; i < f->n_values; i++) {
        const struct store_value *v = &f->values[i];
        if (!in_kind(v, texts)) continue;
        buf_char(&q->text, n++ ? ',' : '[');
        if (v->kind == STORE_TEXT)
            buf_json(&q->text, v->s);
        else if (v->kind == STORE_INT)
            buf_printf(&q->text, "%lld", (long long)v->i);
        else
            buf_printf(&q->text, "%.17g", v->f);
    }
    if (!n) return 0;
    buf_char(&q->text, ']');
    struct str copy =
        buf_ok(&q->text) ? arena_str(&q->scratch, buf_view(&q->text)) : (struct str){NULL, 0};
    if (!copy.p) {
        reject(q, -ENOMEM, "out of memory");
        return 0;
    }
    return bind_text(q, copy);
}

static struct set gather(struct query *q, const struct store_filter *f) {
    struct set s = {0};
    for (int i = 0; i < f->n_values; i++) {
        const struct store_value *v = &f->values[i];
        s.null |= v->kind == STORE_NULL;
        s.yes |= v->kind == STORE_BOOL && v->b;
        s.no |= v->kind == STORE_BOOL && !v->b;
    }
    s.numbers = bind_list(q, f, false);
    s.texts = bind_list(q, f, true);
    return s;
}

/* Puts OR between the alternatives of a condition; nothing at all is false. */
struct either {
    struct query *q; /* where it is written */
    int n;           /* alternatives so far */
};

static struct query *another(struct either *e) {
    add(e->q, e->n++ ? " OR " : "(");
    return e->q;
}

static void end_either(struct either *e) {
    add(e->q, e->n ? ")" : "0");
}

static void in_set(struct query *q, struct str field, int list, const char *kind) {
    add_value(q, field);
    add(q, " IN(SELECT value FROM json_each(");
    add_param(q, list);
    add(q, ")) AND ");
    add_kind(q, field);
    add(q, kind);
}

static void one_of(struct query *q, struct str field, const struct set *s) {
    static const struct store_value null = {.kind = STORE_NULL}, yes = {STORE_BOOL, {.b = true}},
                                    no = {STORE_BOOL, {.b = false}};
    struct either any = {q, 0};
    if (s->null) is_value(another(&any), field, (struct wanted){&null, 0});
    if (s->yes) is_value(another(&any), field, (struct wanted){&yes, 0});
    if (s->no) is_value(another(&any), field, (struct wanted){&no, 0});
    if (s->numbers) in_set(another(&any), field, s->numbers, " IN('integer','real')");
    if (s->texts) in_set(another(&any), field, s->texts, "='text'");
    end_either(&any);
}

static void element_in_set(struct query *q, int list, const char *kind) {
    add(q, "e.value IN(SELECT value FROM json_each(");
    add_param(q, list);
    add(q, ")) AND e.type");
    add(q, kind);
}

static void shares(struct query *q, struct str field, const struct set *s) {
    open_elements(q, field);
    struct either any = {q, 0};
    if (s->null) add(another(&any), "e.type='null'");
    if (s->yes) add(another(&any), "e.type='true'");
    if (s->no) add(another(&any), "e.type='false'");
    if (s->numbers) element_in_set(another(&any), s->numbers, " IN('integer','real')");
    if (s->texts) element_in_set(another(&any), s->texts, "='text'");
    end_either(&any);
    close_elements(q);
}

/* ---------------------------------------------------------------- parts of texts */

static void contains(struct query *q, struct str field, int param) {
    buf_char(&q->sql, '(');
    add_kind(q, field);
    add(q, "='text' AND instr(");
    add_value(q, field);
    buf_char(&q->sql, ',');
    add_param(q, param);
    add(q, ")>0)");
}

/* The smallest byte string above everything that starts with a non-empty text. The last byte of
 * UTF-8 is below 0xff, so it can grow. */
static struct str behind_prefix(struct query *q, struct str prefix) {
    char *copy = arena_dup(&q->scratch, prefix);
    if (!copy) {
        reject(q, -ENOMEM, "out of memory");
        return STR_NONE;
    }
    copy[prefix.n - 1]++;
    return str_make(copy, prefix.n);
}

static void between(struct query *q, struct str field, int low, int high) {
    buf_char(&q->sql, '(');
    if (low) {
        add_value(q, field);
        add(q, ">=");
        add_param(q, low);
        add(q, " AND ");
        add_value(q, field);
        buf_char(&q->sql, '<');
        add_param(q, high);
        add(q, " AND ");
    }
    add_kind(q, field);
    add(q, "='text')");
}

static void text_filter(struct query *q, const struct store_filter *f) {
    const struct store_value *v = f->values;
    if (v->kind != STORE_TEXT) {
        reject(q, -EINVAL, "only a text can be looked for inside a text");
        return;
    }
    if (!possible(v)) {
        add(q, "0");
        return;
    }
    bool starts = f->match == STORE_STARTS;
    int low = starts && !v->s.n ? 0 : bind_text(q, v->s);
    int high = starts && v->s.n ? bind_text(q, behind_prefix(q, v->s)) : 0;
    struct either any = {q, 0};
    for (int i = 0; i < f->n_fields; i++) {
        if (starts)
            between(another(&any), f->fields[i], low, high);
        else
            contains(another(&any), f->fields[i], low);
    }
    end_either(&any);
}

/* ---------------------------------------------------------------- filters */

static bool count_filter(struct query *q, const struct store_filter *f) {
    if (f->n_fields < 0 || f->n_values < 0 || f->n_sub < 0)
        reject(q, -EINVAL, "a filter has a negative number of parts");
    else if (f->n_fields > QUERY_TERMS - q->terms || f->n_sub > QUERY_TERMS - q->terms)
        reject(q, ERR_LIMIT, "a query has more than %d conditions", QUERY_TERMS);
    else if (f->n_values > QUERY_VALUES - q->values)
        reject(q, ERR_LIMIT, "a query has more than %d values", QUERY_VALUES);
    if (q->err.code) return false;
    q->terms += f->n_fields > 1 ? f->n_fields : 1;
    q->values += f->n_values;
    return true;
}

/* What every filter but STORE_OR needs. */
static bool check_leaf(struct query *q, const struct store_filter *f) {
    bool any_number = f->match == STORE_IN_LIST || f->match == STORE_INTERSECTS;
    if (f->n_fields == 0) reject(q, -EINVAL, "a filter names no field");
    if (f->n_values == 0 && !any_number) reject(q, -EINVAL, "a filter has no value");
    for (int i = 0; i < f->n_fields && !q->err.code; i++)
        query_check_field(f->fields[i], &q->err);
    for (int i = 0; i < f->n_values; i++)
        check_value(q, &f->values[i]);
    return !q->err.code;
}

static void leaf(struct query *q, const struct store_filter *f) {
    bool list = f->match == STORE_INTERSECTS;
    bool single = f->match == STORE_EQUALS || f->n_values == 1;
    struct wanted w = single ? want(q, f->values) : (struct wanted){0};
    struct set s = single ? (struct set){0} : gather(q, f);
    struct either any = {q, 0};
    for (int i = 0; i < f->n_fields; i++) {
        struct str field = f->fields[i];
        another(&any);
        if (f->match == STORE_EQUALS)
            equals(q, field, w);
        else if (list && single)
            has_value(q, field, w);
        else if (list)
            shares(q, field, &s);
        else if (single)
            is_value(q, field, w);
        else
            one_of(q, field, &s);
    }
    end_either(&any);
}

/* Recursion ends at QUERY_DEPTH. */
static void filter(struct query *q, const struct store_filter *f, int depth) {
    if (q->err.code || !count_filter(q, f)) return;
    switch (f->match) {
    case STORE_EQUALS:
    case STORE_IN_LIST:
    case STORE_INTERSECTS:
        if (check_leaf(q, f)) leaf(q, f);
        return;
    case STORE_CONTAINS:
    case STORE_STARTS:
        if (check_leaf(q, f)) text_filter(q, f);
        return;
    case STORE_OR:
        if (depth == QUERY_DEPTH) {
            reject(q, ERR_LIMIT, "filters are nested deeper than %d", QUERY_DEPTH);
            return;
        }
        struct either any = {q, 0};
        for (int i = 0; i < f->n_sub; i++)
            filter(another(&any), &f->sub[i], depth + 1);
        end_either(&any);
        return;
    }
    reject(q, -EINVAL, "unknown kind of filter");
}

/* ---------------------------------------------------------------- indexes of several fields */

/* Equalities on the first fields of one index. */
struct group {
    const struct store_filter *f[GROUP_MAX]; /* in the order of the index */
    int n;                                   /* 0 = no index has more than one of them */
};

static bool plain_equality(const struct store_filter *f) {
    return f->match == STORE_EQUALS && f->n_fields == 1 && f->n_values >= 1;
}

static const struct store_filter *equality_on(const struct store_query *in, struct str field) {
    for (int i = 0; i < in->n_filters; i++) {
        if (plain_equality(&in->filters[i]) && str_eq(in->filters[i].fields[0], field))
            return &in->filters[i];
    }
    return NULL;
}

static struct group best_group(const struct store_collection *c, const struct store_query *in) {
    struct group best = {.n = 0};
    for (int i = 0; i < c->n_indexes; i++) {
        const struct store_index *x = &c->indexes[i];
        struct group g = {.n = 0};
        while (g.n < x->n_fields && g.n < GROUP_MAX &&
               (g.f[g.n] = equality_on(in, x->fields[g.n])) != NULL)
            g.n++;
        if (g.n > best.n) best = g;
    }
    return best.n > 1 ? best : (struct group){.n = 0};
}

static bool in_group(const struct group *g, const struct store_filter *f) {
    for (int i = 0; i < g->n; i++) {
        if (g->f[i] == f) return true;
    }
    return false;
}

/* a=1 AND b=2, each of which may also be met by an element of a list, written so that an index on
 * (a, b) serves the usual case: both are plain values, or a is a list, or b is one. `list` is the
 * field that is one, -1 = none. */
static void group_case(struct query *q, const struct group *g, const struct wanted *w, int list) {
    for (int i = 0; i < g->n; i++) {
        struct str field = g->f[i]->fields[0];
        add(q, i ? " AND " : "(");
        if (list == i)
            has_value(q, field, w[i]);
        else if (list >= 0)
            equals(q, field, w[i]);
        else
            is_value(q, field, w[i]);
    }
    buf_char(&q->sql, ')');
}

static void group_filter(struct query *q, const struct group *g) {
    struct wanted w[GROUP_MAX];
    for (int i = 0; i < g->n; i++) {
        if (!count_filter(q, g->f[i]) || !check_leaf(q, g->f[i])) return;
        w[i] = want(q, g->f[i]->values);
    }
    struct either any = {q, 0};
    for (int list = -1; list < g->n; list++)
        group_case(another(&any), g, w, list);
    end_either(&any);
}

/* ---------------------------------------------------------------- order and pages */

/* For a tuple's value other than null; a field that is null compares as neither. */
static void compare(struct query *q, const struct store_order *o, struct wanted w, const char *op) {
    add_value(q, o->field);
    add(q, op);
    add_param(q, w.param);
}

static void same(struct query *q, const struct store_order *o, struct wanted w) {
    if (w.v->kind != STORE_NULL) {
        compare(q, o, w, "=");
        return;
    }
    add_value(q, o->field);
    add(q, " IS NULL");
}

static void farther(struct query *q, const struct store_order *o, struct wanted w) {
    bool null = w.v->kind == STORE_NULL;
    if (null && o->desc) {
        add(q, "0");
    } else if (null) {
        add_value(q, o->field);
        add(q, " IS NOT NULL");
    } else if (o->desc) {
        buf_char(&q->sql, '(');
        compare(q, o, w, "<");
        add(q, " OR ");
        add_value(q, o->field);
        add(q, " IS NULL)");
    } else {
        compare(q, o, w, ">");
    }
}

/* Strictly behind the tuple: farther in field i, or the same there and behind in what follows. */
static void behind(struct query *q, const struct store_query *in, const struct wanted *w,
                   int from) {
    int open = 0;
    for (int i = from; i < in->n_orders; i++) {
        bool last = i + 1 == in->n_orders;
        buf_char(&q->sql, '(');
        farther(q, &in->orders[i], w[i]);
        open++;
        if (last) break;
        add(q, " OR (");
        same(q, &in->orders[i], w[i]);
        add(q, " AND ");
        open++;
    }
    while (open--)
        buf_char(&q->sql, ')');
}

/* The same as one range of the first field, for an index to begin in; that field has a value in the
 * tuple. Running downwards, rows in which it is null are not among these. */
static void behind_range(struct query *q, const struct store_query *in, const struct wanted *w) {
    const struct store_order *o = in->orders;
    const char *beyond = o->desc ? "<" : ">";
    if (in->n_orders == 1) {
        compare(q, o, w[0], beyond);
        return;
    }
    compare(q, o, w[0], o->desc ? "<=" : ">=");
    add(q, " AND (");
    compare(q, o, w[0], beyond);
    add(q, " OR ");
    behind(q, in, w, 1);
    buf_char(&q->sql, ')');
}

bool query_halved(const struct store_query *in) {
    return in->n_after > 0 && in->n_orders == in->n_after && in->orders[0].desc &&
           !in->orders[0].random && in->after[0].kind != STORE_NULL;
}

static void after(struct query *q, const struct store_query *in, enum query_part part) {
    struct wanted w[QUERY_ORDERS];
    if (part == QUERY_TAIL) {
        add_value(q, in->orders[0].field);
        add(q, " IS NULL");
        return;
    }
    for (int i = 0; i < in->n_after; i++) {
        check_value(q, &in->after[i]);
        w[i] = (struct wanted){&in->after[i], bind_value(q, &in->after[i])};
    }
    if (q->err.code) return;
    bool upwards = !in->orders[0].desc && in->after[0].kind != STORE_NULL;
    if (part == QUERY_HEAD || upwards)
        behind_range(q, in, w);
    else
        behind(q, in, w, 0);
}

static void order_by(struct query *q, const struct store_query *in) {
    add(q, " ORDER BY ");
    for (int i = 0; i < in->n_orders; i++) {
        if (in->orders[i].random)
            add(q, "random()");
        else
            add_value(q, in->orders[i].field);
        add(q, in->orders[i].desc ? " DESC," : ",");
    }
    add(q, "seq");
}

/* ---------------------------------------------------------------- statements */

void query_init(struct query *q) {
    *q = (struct query){0};
    buf_init(&q->sql);
    buf_init(&q->text);
    arena_init(&q->scratch, 1024);
}

void query_free(struct query *q) {
    buf_free(&q->sql);
    buf_free(&q->text);
    arena_free(&q->scratch);
    mem_free(q->binds);
    *q = (struct query){0};
}

static void check_orders(struct query *q, const struct store_query *in) {
    if (in->limit < 0) reject(q, -EINVAL, "the limit of a query is negative");
    if (in->n_orders < 0 || in->n_filters < 0)
        reject(q, -EINVAL, "a query has a negative number of parts");
    if (in->n_orders > QUERY_ORDERS)
        reject(q, ERR_LIMIT, "a query orders by more than %d fields", QUERY_ORDERS);
    if (in->n_after && in->n_after != in->n_orders)
        reject(q, -EINVAL, "a page needs one value per order field to begin behind");
    for (int i = 0; i < in->n_orders && !q->err.code; i++) {
        if (in->orders[i].random && in->n_after)
            reject(q, -EINVAL, "a random order has no pages");
        else if (!in->orders[i].random)
            query_check_field(in->orders[i].field, &q->err);
    }
}

static void start(struct query *q, const struct store_query *in) {
    buf_clear(&q->sql);
    arena_reset(&q->scratch);
    q->n_binds = q->terms = q->values = 0;
    q->err.code = 0;
    check_orders(q, in);
}

static int finish(struct query *q, struct err *e) {
    buf_char(&q->sql, 0);
    if (!buf_ok(&q->sql)) reject(q, -ENOMEM, "out of memory");
    if (q->err.code) return err_set(e, q->err.code, "%s", q->err.text);
    q->sql.n--;
    return 0;
}

static void add_table(struct query *q, struct str table) {
    buf_char(&q->sql, '"');
    buf_str(&q->sql, table);
    buf_char(&q->sql, '"');
}

static void where(struct query *q, const struct store_collection *c, const struct store_query *in,
                  bool paged, enum query_part part) {
    if (q->err.code) return;
    struct group g = best_group(c, in);
    int n = 0;
    if (g.n) {
        add(q, n++ ? " AND " : " WHERE ");
        group_filter(q, &g);
    }
    for (int i = 0; i < in->n_filters; i++) {
        if (in_group(&g, &in->filters[i])) continue;
        add(q, n++ ? " AND " : " WHERE ");
        filter(q, &in->filters[i], 0);
    }
    if (!paged || !in->n_after) return;
    add(q, n ? " AND " : " WHERE ");
    after(q, in, part);
}

static void add_limit(struct query *q, int64_t limit) {
    if (limit == 0) return;
    add(q, " LIMIT ");
    add_param(q, add_bind(q, (struct query_bind){.kind = QUERY_INT, .i = limit}));
}

int query_select(struct query *q, const char *columns, struct str table,
                 const struct store_collection *c, const struct store_query *in,
                 enum query_part part, int64_t limit, struct err *e) {
    assert(part == QUERY_WHOLE || query_halved(in));
    start(q, in);
    add(q, "SELECT ");
    add(q, columns);
    add(q, " FROM ");
    add_table(q, table);
    where(q, c, in, true, part);
    if (!q->err.code) order_by(q, in);
    add_limit(q, limit);
    return finish(q, e);
}

int query_count(struct query *q, struct str table, const struct store_collection *c,
                const struct store_query *in, struct err *e) {
    start(q, in);
    add(q, "SELECT count(*) FROM ");
    add_table(q, table);
    where(q, c, in, false, QUERY_WHOLE);
    return finish(q, e);
}

int query_delete(struct query *q, struct str table, const struct store_collection *c,
                 const struct store_query *in, struct err *e) {
    start(q, in);
    add(q, "DELETE FROM ");
    add_table(q, table);
    if (in->limit) {
        add(q, " WHERE seq IN(SELECT seq FROM ");
        add_table(q, table);
    }
    where(q, c, in, true, QUERY_WHOLE);
    if (in->limit && !q->err.code) {
        order_by(q, in);
        add_limit(q, in->limit);
        buf_char(&q->sql, ')');
    }
    return finish(q, e);
}
