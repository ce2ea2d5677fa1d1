/*
 * What queries find, against an evaluator of the test's own that knows no SQL.
 *
 * Documents and queries are drawn from a small pool of values, so that they collide; the same
 * documents stand in a collection with indexes and in one without.
 */
#include "spec/core/data/store_spec.h"

#include <math.h>
#include <sqlite3.h>

#include "core/data/query.h"

/* ---------------------------------------------------------------- documents of the test */

enum { DOCS = 150, FIELDS = 5, ELEMENTS = 3 };

static const char *const field_names[FIELDS] = {"a", "b", "n.x", "tags", "odd name-\xc3\xa9"};

/* A field's value: missing, a scalar, a list of scalars, or the object {"k":1}. */
struct val {
    enum { MISSING, SCALAR, LIST, OBJECT } shape;
    struct store_value v;
    struct store_value list[ELEMENTS];
    int n;
};

struct document {
    char id[16];
    struct val field[FIELDS];
};

static struct document docs[DOCS];

static struct store_value any_scalar(void) {
    static const char *const texts[] = {"",  "a",  "A",   "ab", "aB%", "a_b", "b",    "\xc3\xa9",
                                        "%", "_a", "[1]", "1",  "2.5", "x'y", "q\"q", "null"};
    static const int64_t ints[] = {0, 1, -1, 2, 3, INT64_MAX, INT64_MIN, 9007199254740993};
    static const double floats[] = {0.5, 1.0, 2.5, -0.5, 1e300, 0.1, 9007199254740992.0};
    switch (rnd(8)) {
    case 0:
        return NUL;
    case 1:
        return BOOL(rnd(2));
    case 2:
    case 3:
        return INT(ints[rnd(8)]);
    case 4:
        return FLT(floats[rnd(7)]);
    default:
        return TXT(texts[rnd(16)]);
    }
}

static struct val any_value(void) {
    struct val x = {.shape = SCALAR};
    unsigned dice = rnd(12);
    if (dice == 0) return (struct val){.shape = MISSING};
    if (dice == 1) return (struct val){.shape = OBJECT};
    if (dice > 4) {
        x.v = any_scalar();
        return x;
    }
    x.shape = LIST;
    x.n = (int)rnd(ELEMENTS + 1);
    for (int i = 0; i < x.n; i++)
        x.list[i] = any_scalar();
    return x;
}

static void add_scalar(struct buf *out, struct store_value v) {
    switch (v.kind) {
    case STORE_NULL:
        buf_str(out, STR("null"));
        break;
    case STORE_BOOL:
        buf_str(out, v.b ? STR("true") : STR("false"));
        break;
    case STORE_INT:
        buf_printf(out, "%lld", (long long)v.i);
        break;
    case STORE_FLOAT:
        buf_printf(out, "%.17g", v.f);
        break;
    case STORE_TEXT:
        buf_json(out, v.s);
        break;
    }
}

static void add_val(struct buf *out, const struct val *x) {
    if (x->shape == OBJECT) buf_str(out, STR("{\"k\":1}"));
    if (x->shape == SCALAR) add_scalar(out, x->v);
    if (x->shape != LIST) return;
    buf_char(out, '[');
    for (int i = 0; i < x->n; i++) {
        if (i) buf_char(out, ',');
        add_scalar(out, x->list[i]);
    }
    buf_char(out, ']');
}

static void add_document(struct buf *out, const struct document *d) {
    buf_str(out, STR("{\"self\": true"));
    for (int i = 0; i < FIELDS; i++) {
        if (d->field[i].shape == MISSING) continue;
        bool nested = i == 2;
        buf_str(out, STR(", "));
        buf_json(out, nested ? STR("n") : str_of(field_names[i]));
        buf_str(out, nested ? STR(" : {\"x\": ") : STR(": "));
        add_val(out, &d->field[i]);
        if (nested) buf_char(out, '}');
    }
    buf_char(out, '}');
}

/* ---------------------------------------------------------------- what should be found */

static bool number(const struct store_value *v, long double *out) {
    if (v->kind == STORE_INT) *out = (long double)v->i;
    if (v->kind == STORE_FLOAT) *out = (long double)v->f;
    return v->kind == STORE_INT || v->kind == STORE_FLOAT;
}

static bool same(const struct store_value *a, const struct store_value *b) {
    long double x, y;
    if (number(a, &x) && number(b, &y)) return x == y;
    if (a->kind != b->kind) return false;
    if (a->kind == STORE_TEXT) return str_eq(a->s, b->s);
    return a->kind == STORE_NULL || a->b == b->b;
}

static bool is_one_of(const struct store_value *v, const struct store_value *values, int n) {
    for (int i = 0; i < n; i++) {
        if (same(v, &values[i])) return true;
    }
    return false;
}

static bool leaf_holds(const struct store_filter *f, const struct val *x) {
    static const struct store_value null = {.kind = STORE_NULL};
    const struct store_value *v = x->shape == MISSING ? &null : &x->v;
    bool plain = x->shape == MISSING || x->shape == SCALAR, list = x->shape == LIST;
    bool text = x->shape == SCALAR && x->v.kind == STORE_TEXT;
    switch (f->match) {
    case STORE_EQUALS:
        return (plain && same(v, f->values)) || (list && is_one_of(f->values, x->list, x->n));
    case STORE_IN_LIST:
        return plain && is_one_of(v, f->values, f->n_values);
    case STORE_INTERSECTS:
        for (int i = 0; list && i < x->n; i++) {
            if (is_one_of(&x->list[i], f->values, f->n_values)) return true;
        }
        return false;
    case STORE_CONTAINS:
        return text && str_find(x->v.s, f->values->s) >= 0;
    case STORE_STARTS:
        return text && str_starts(x->v.s, f->values->s);
    case STORE_OR:
        break;
    }
    return false;
}

static int field_index(struct str name) {
    for (int i = 0; i < FIELDS; i++) {
        if (str_eq(name, str_of(field_names[i]))) return i;
    }
    abort();
}

static bool holds(const struct store_filter *f, const struct document *d) {
    for (int i = 0; f->match == STORE_OR && i < f->n_sub; i++) {
        if (holds(&f->sub[i], d)) return true;
    }
    for (int i = 0; f->match != STORE_OR && i < f->n_fields; i++) {
        if (leaf_holds(f, &d->field[field_index(f->fields[i])])) return true;
    }
    return false;
}

/* What a value is in the order: its rank, then a number or a text. */
struct place {
    int rank; /* 0 null, 1 number, 2 text */
    long double number;
    char text[80];
    size_t n;
};

static struct place place_of_scalar(const struct store_value *v) {
    struct place p = {0};
    if (v->kind == STORE_BOOL) p.number = v->b;
    if (v->kind != STORE_NULL && v->kind != STORE_TEXT) p.rank = 1;
    number(v, &p.number);
    if (v->kind != STORE_TEXT) return p;
    p.rank = 2;
    p.n = v->s.n;
    memcpy(p.text, v->s.p, p.n);
    return p;
}

static struct place place_of(const struct val *x) {
    struct place p = {0};
    struct buf text = {0};
    if (x->shape == MISSING) return p;
    if (x->shape == SCALAR) return place_of_scalar(&x->v);
    p.rank = 2;
    add_val(&text, x);
    p.n = text.n;
    assert_true(p.n <= sizeof p.text);
    memcpy(p.text, text.p, p.n);
    buf_free(&text);
    return p;
}

static int order_places(const struct place *a, const struct place *b) {
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    if (a->rank == 1) return a->number < b->number ? -1 : a->number > b->number;
    return str_cmp(str_make(a->text, a->n), str_make(b->text, b->n));
}

static const struct store_query *sorting; /* qsort passes no argument */

static int order_documents(const void *x, const void *y) {
    const struct document *a = *(const struct document *const *)x;
    const struct document *b = *(const struct document *const *)y;
    for (int i = 0; i < sorting->n_orders; i++) {
        int f = field_index(sorting->orders[i].field);
        struct place p = place_of(&a->field[f]), q = place_of(&b->field[f]);
        int c = order_places(&p, &q);
        if (c) return sorting->orders[i].desc ? -c : c;
    }
    return a < b ? -1 : a > b;
}

static bool is_behind(const struct store_query *q, const struct document *d) {
    for (int i = 0; i < q->n_after; i++) {
        struct place p = place_of(&d->field[field_index(q->orders[i].field)]);
        struct place t = place_of_scalar(&q->after[i]);
        int c = order_places(&p, &t);
        if (q->orders[i].desc) c = -c;
        if (c) return c > 0;
    }
    return q->n_after == 0;
}

static char *expected(const struct store_query *q, int64_t *count) {
    const struct document *hits[DOCS];
    struct buf ids = {0};
    int n = 0;
    *count = 0;
    for (int i = 0; i < DOCS; i++) {
        bool all = true;
        for (int k = 0; k < q->n_filters; k++)
            all = all && holds(&q->filters[k], &docs[i]);
        *count += all;
        if (all && is_behind(q, &docs[i])) hits[n++] = &docs[i];
    }
    sorting = q;
    qsort(hits, (size_t)n, sizeof *hits, order_documents);
    for (int i = 0; i < n && (!q->limit || i < q->limit); i++)
        buf_printf(&ids, "%s%s", i ? " " : "", hits[i]->id);
    if (!q->count) *count = 0;
    return buf_take(&ids, NULL);
}

/* ---------------------------------------------------------------- random queries */

static struct arena made; /* what random queries consist of */

static void any_filter(struct store_filter *f, int depth) {
    *f = (struct store_filter){.match = (enum store_match)rnd(depth ? 6 : 5)};
    if (f->match == STORE_OR) {
        struct store_filter *sub = arena_alloc(&made, 3 * sizeof *sub);
        f->sub = sub;
        f->n_sub = (int)rnd(4);
        for (int i = 0; i < f->n_sub; i++)
            any_filter(&sub[i], depth - 1);
        return;
    }
    struct str *fields = arena_alloc(&made, 2 * sizeof *fields);
    struct store_value *values = arena_alloc(&made, 4 * sizeof *values);
    bool text = f->match == STORE_CONTAINS || f->match == STORE_STARTS;
    f->fields = fields;
    f->values = values;
    f->n_fields = rnd(4) ? 1 : 2;
    f->n_values = f->match == STORE_IN_LIST || f->match == STORE_INTERSECTS ? (int)rnd(5) : 1;
    for (int i = 0; i < f->n_fields; i++)
        fields[i] = str_of(field_names[rnd(FIELDS)]);
    for (int i = 0; i < f->n_values; i++) {
        do {
            values[i] = any_scalar();
        } while (text && values[i].kind != STORE_TEXT);
    }
}

static struct store_query any_query(void) {
    struct store_query q = {.n_filters = (int)rnd(4), .n_orders = (int)rnd(4), .count = rnd(2)};
    struct store_filter *filters = arena_alloc(&made, 4 * sizeof *filters);
    struct store_order *orders = arena_alloc(&made, 4 * sizeof *orders);
    struct store_value *after = arena_alloc(&made, 4 * sizeof *after);
    const struct document *near = &docs[rnd(DOCS)];
    for (int i = 0; i < q.n_filters; i++)
        any_filter(&filters[i], 2);
    for (int i = 0; i < q.n_orders; i++) {
        unsigned f = rnd(FIELDS);
        orders[i] = (struct store_order){.field = str_of(field_names[f]), .desc = rnd(2)};
        after[i] = near->field[f].shape == SCALAR ? near->field[f].v : any_scalar();
    }
    q.filters = filters;
    q.orders = orders;
    q.after = after;
    if (rnd(2)) q.n_after = q.n_orders;
    if (rnd(2)) q.limit = 1 + rnd(20);
    return q;
}

/* ---------------------------------------------------------------- the collections */

static struct store_collection bare(void) {
    return named("bare");
}

static struct store_collection indexed(void) {
    static struct store_index indexes[5];
    indexes[0] = (struct store_index){.fields = {STR("a")}, .n_fields = 1};
    indexes[1] = (struct store_index){.fields = {STR("b"), STR("n.x")}, .n_fields = 2};
    indexes[2] = (struct store_index){.fields = {STR("tags")}, .n_fields = 1};
    indexes[3] = (struct store_index){.fields = {STR("a"), STR("b"), STR("tags")}, .n_fields = 3};
    indexes[4] = (struct store_index){.fields = {str_of(field_names[4])}, .n_fields = 1};
    return (struct store_collection){.name = STR("indexed"), .indexes = indexes, .n_indexes = 5};
}

static void fill(void) {
    struct store_collection c = bare(), d = indexed();
    struct buf doc = {0};
    open_memory();
    assert_int_equal(ensure(c), 0);
    assert_int_equal(ensure(d), 0);
    for (int i = 0; i < DOCS; i++) {
        snprintf(docs[i].id, sizeof docs[i].id, "d%03d", i);
        for (int k = 0; k < FIELDS; k++)
            docs[i].field[k] = any_value();
        buf_clear(&doc);
        add_document(&doc, &docs[i]);
        struct store_step steps[2];
        for (int k = 0; k < 2; k++)
            steps[k] = (struct store_step){.what = STORE_CREATE,
                                           .collection = k ? &c : &d,
                                           .id = str_of(docs[i].id),
                                           .doc = buf_view(&doc)};
        assert_int_equal(run_steps(steps, 2), 0);
    }
    buf_free(&doc);
}

static void compare(struct store_collection c, struct store_query q, int round) {
    int64_t count, want_count;
    int code;
    char *want = expected(&q, &want_count), *got = find_in(c, q, &count, NULL, &code);
    if (code) fail_msg("round %d: %s", round, said);
    if (strcmp(want, got) != 0 || count != want_count) {
        struct query sql;
        query_init(&sql);
        query_select(&sql, "id", c.name, &c, &q, QUERY_WHOLE, q.limit, NULL);
        print_error("round %d\n%.*s\nwant %s\ngot  %s\ncount %lld, want %lld\n", round,
                    STR_FMT(buf_view(&sql.sql)), want, got, (long long)count,
                    (long long)want_count);
        query_free(&sql);
        fail();
    }
    mem_free(want);
    mem_free(got);
}

static void random_queries_find_what_the_evaluator_finds(void **state) {
    (void)state;
    fill();
    arena_init(&made, 4096);
    for (int round = 0; round < 2000; round++) {
        struct store_query q = any_query();
        compare(bare(), q, round);
        compare(indexed(), q, round);
        arena_reset(&made);
    }
    arena_free(&made);
}

/* Every operator on every field with every value that occurs, alone. */
static void every_operator_on_every_kind_of_field(void **state) {
    (void)state;
    fill();
    for (int round = 0; round < 1500; round++) {
        struct store_value v = any_scalar();
        for (int op = STORE_EQUALS; op <= STORE_STARTS; op++) {
            if (op >= STORE_CONTAINS && v.kind != STORE_TEXT) continue;
            struct store_query q = ONE(WHERE((enum store_match)op, field_names[rnd(FIELDS)], v));
            compare(round & 1 ? bare() : indexed(), q, round);
        }
    }
}

/* ---------------------------------------------------------------- pages */

/* Walks through all documents k at a time; the last order field makes tuples unique. */
static void pages_neither_repeat_nor_skip(void **state) {
    (void)state;
    struct store_collection c = named("pages");
    struct store_index by = {.fields = {STR("g"), STR("n")}, .n_fields = 2};
    c.indexes = &by;
    c.n_indexes = 1;
    open_memory();
    assert_int_equal(ensure(c), 0);
    for (int i = 0; i < 97; i++) {
        char id[16], doc[64];
        static const char *const groups[] = {"null", "1", "2.5", "\"a\"", "\"b\""};
        snprintf(id, sizeof id, "p%d", i);
        snprintf(doc, sizeof doc, "{\"g\":%s,\"n\":%d}", groups[rnd(5)], i * 31 % 97);
        create("pages", id, doc);
    }
    for (int variant = 0; variant < 4; variant++) {
        struct store_order orders[2] = {{.field = STR("g"), .desc = variant & 1},
                                        {.field = STR("n"), .desc = variant & 2}};
        struct store_query all = {.orders = orders, .n_orders = 2}, page = all;
        struct store_value tuple[2];
        struct buf walked = {0};
        int code, rows;
        page.limit = 7;
        do {
            struct call *call = call_new(STORE_FIND);
            call->j.collection = c;
            call->j.query = page;
            assert_int_equal(call_run(call), 0);
            rows = call->j.n_rows;
            for (int i = 0; i < rows; i++)
                buf_printf(&walked, "%s%.*s", walked.n ? " " : "", STR_FMT(call->j.rows[i].id));
            if (rows) {
                char doc[64], text[8];
                int n;
                double f;
                snprintf(doc, sizeof doc, "%.*s", STR_FMT(call->j.rows[rows - 1].doc));
                assert_int_equal(sscanf(strstr(doc, "\"n\":"), "\"n\":%d", &n), 1);
                tuple[1] = INT(n);
                tuple[0] = NUL;
                if (sscanf(doc, "{\"g\":%lf", &f) == 1) tuple[0] = FLT(f);
                static char kept[8];
                if (sscanf(doc, "{\"g\":\"%7[a-z]", text) == 1) {
                    snprintf(kept, sizeof kept, "%s", text);
                    tuple[0] = TXT(kept);
                }
                page.after = tuple;
                page.n_after = 2;
            }
            call_free(call);
        } while (rows == 7);
        char *whole = find_in(c, all, NULL, NULL, &code), *pieces = buf_take(&walked, NULL);
        assert_int_equal(code, 0);
        assert_string_equal(whole, pieces);
        mem_free(whole);
        mem_free(pieces);
    }
}

static void a_page_begins_strictly_behind_its_tuple(void **state) {
    (void)state;
    struct store_collection c = named("n");
    open_memory();
    assert_int_equal(ensure(c), 0);
    for (int i = 1; i <= 20; i++) {
        char id[16], doc[32];
        snprintf(id, sizeof id, "%d", i);
        snprintf(doc, sizeof doc, "{\"n\":%d}", i);
        create("n", id, doc);
    }
    struct store_order by = {.field = STR("n")};
    struct store_value at = INT(4);
    struct store_query q = {.orders = &by, .n_orders = 1, .after = &at, .n_after = 1, .limit = 5};
    assert_finds(c, q, "5 6 7 8 9");
    by.desc = true;
    at = FLT(15);
    assert_finds(c, q, "14 13 12 11 10");
    at = INT(1);
    assert_finds(c, q, "");
}

static void ties_come_in_insertion_order(void **state) {
    (void)state;
    struct store_collection c = named("t");
    open_memory();
    assert_int_equal(ensure(c), 0);
    create("t", "z", "{\"n\":1}");
    create("t", "y", "{\"n\":1}");
    create("t", "x", "{\"n\":0}");
    create("t", "w", "{}");
    struct store_order by = {.field = STR("n"), .desc = true};
    assert_finds(c, ((struct store_query){0}), "z y x w");
    assert_finds(c, ((struct store_query){.orders = &by, .n_orders = 1}), "z y x w");
    by.desc = false;
    assert_finds(c, ((struct store_query){.orders = &by, .n_orders = 1}), "w x z y");
}

static void random_order_is_a_permutation_that_changes(void **state) {
    (void)state;
    struct store_collection c = named("r");
    struct store_order by = {.random = true};
    struct store_query q = {.orders = &by, .n_orders = 1};
    char *seen[4];
    int code, differ = 0;
    open_memory();
    assert_int_equal(ensure(c), 0);
    for (int i = 10; i < 60; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        create("r", id, "{}");
    }
    for (int i = 0; i < 4; i++) {
        seen[i] = find_in(c, q, NULL, NULL, &code);
        assert_int_equal(strlen(seen[i]), 50 * 3 - 1);
        for (int k = 10; k < 60; k++) {
            char id[16];
            snprintf(id, sizeof id, "%d", k);
            assert_non_null(strstr(seen[i], id));
        }
        differ += strcmp(seen[i], seen[0]) != 0;
    }
    assert_true(differ > 0);
    for (int i = 0; i < 4; i++)
        mem_free(seen[i]);
}

/* ---------------------------------------------------------------- the bad and the odd */

static void texts_are_taken_literally(void **state) {
    (void)state;
    struct store_collection c = named("x");
    open_memory();
    assert_int_equal(ensure(c), 0);
    create("x", "1", "{\"s\":\"100%\"}");
    create("x", "2", "{\"s\":\"100x\"}");
    create("x", "3", "{\"s\":\"a_b\"}");
    create("x", "4", "{\"s\":\"aXb\"}");
    create("x", "5", "{\"s\":\"it's \\\"so\\\"\"}");
    assert_finds(c, ONE(WHERE(STORE_CONTAINS, "s", TXT("0%"))), "1");
    assert_finds(c, ONE(WHERE(STORE_STARTS, "s", TXT("a_"))), "3");
    assert_finds(c, ONE(WHERE(STORE_CONTAINS, "s", TXT("x"))), "2");
    assert_finds(c, ONE(WHERE(STORE_CONTAINS, "s", TXT("'s \""))), "5");
    assert_finds(c, ONE(WHERE(STORE_EQUALS, "s", TXT("it's \"so\""))), "5");
    assert_finds(c, ONE(WHERE(STORE_EQUALS, "s", TXT("' OR 1=1 --"))), "");
    assert_finds(c, ONE(WHERE(STORE_IN_LIST, "s", TXT("aXb"), TXT("\"],[\""))), "4");
}

/* A text with NUL, or that is none, cannot be in a document: it must not match by its beginning. */
static void impossible_texts_match_nothing(void **state) {
    (void)state;
    struct store_collection c = named("x");
    struct store_value nul = {.kind = STORE_TEXT, .s = STR("ab\0c")}, half = TXT("\xc3");
    open_memory();
    assert_int_equal(ensure(c), 0);
    create("x", "1", "{\"s\":\"ab\",\"l\":[\"ab\"]}");
    create("x", "2", "{\"s\":\"\xc3\xa9\",\"l\":[\"\xef\xbf\xbd\"]}");
    for (int op = STORE_EQUALS; op <= STORE_STARTS; op++) {
        assert_finds(c, ONE(WHERE((enum store_match)op, "s", nul)), "");
        assert_finds(c, ONE(WHERE((enum store_match)op, "s", half)), "");
        assert_finds(c, ONE(WHERE((enum store_match)op, "l", nul)), "");
        assert_finds(c, ONE(WHERE((enum store_match)op, "l", half)), "");
    }
    assert_finds(c, ONE(WHERE(STORE_IN_LIST, "s", nul, half)), "");
    assert_finds(c, ONE(WHERE(STORE_INTERSECTS, "l", nul, half)), "");
}

static void field_names_cannot_leave_their_quotes(void **state) {
    static const char *const bad[] = {"",    ".",    "a.",   ".a",  "a..b", "a\"b",
                                      "a'b", "a\\",  "a[0]", "a;b", "a\tb", "a,b",
                                      "a/b", "\xff", "a)",   "*",   "a\n",  "a\177b"};
    static const char *const good[] = {"a", "a.b.c", "A-b_9", "$x", "a b", "@t", "\xc3\xa9", "1"};
    char longest[QUERY_FIELD + 2];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (query_check_field(str_of(bad[i]), NULL) != -EINVAL) fail_msg("%s", bad[i]);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (query_check_field(str_of(good[i]), NULL) != 0) fail_msg("%s", good[i]);
    }
    memset(longest, 'a', sizeof longest);
    assert_int_equal(query_check_field(str_make(longest, QUERY_FIELD), NULL), 0);
    assert_int_equal(query_check_field(str_make(longest, QUERY_FIELD + 1), NULL), -EINVAL);
    assert_int_equal(query_check_field(STR("a\0b"), NULL), -EINVAL);
}

static void wrong_queries_are_refused_with_a_sentence(void **state) {
    (void)state;
    struct store_collection c = named("x");
    struct store_order by[QUERY_ORDERS + 1] = {{.field = STR("a")}}, odd = {.field = STR("a'")},
                                         any = {.random = true};
    struct store_value one = INT(1), nan = FLT((double)NAN), inf = FLT((double)INFINITY);
    for (int i = 0; i <= QUERY_ORDERS; i++)
        by[i] = by[0];
    open_memory();
    assert_int_equal(ensure(c), 0);
    assert_int_equal(find_status(c, ONE(WHERE(STORE_EQUALS, "a'b", INT(1)))), -EINVAL);
    assert_string_equal(said, "\"a'b\" is no field name");
    assert_int_equal(find_status(c, ONE(WHERE(STORE_EQUALS, "a", nan))), -EINVAL);
    assert_string_equal(said, "a value is not a finite number");
    assert_int_equal(find_status(c, ONE(WHERE(STORE_IN_LIST, "a", one, inf))), -EINVAL);
    assert_int_equal(find_status(c, ONE(WHERE(STORE_CONTAINS, "a", one))), -EINVAL);
    assert_int_equal(find_status(c, ONE({.match = STORE_EQUALS, .values = &one, .n_values = 1})),
                     -EINVAL);
    struct str field = STR("a");
    assert_int_equal(find_status(c, ONE({.match = STORE_EQUALS, .fields = &field, .n_fields = 1})),
                     -EINVAL);
    assert_int_equal(find_status(c, (struct store_query){.limit = -1}), -EINVAL);
    assert_int_equal(
        find_status(c, (struct store_query){.orders = by, .n_orders = QUERY_ORDERS + 1}),
        ERR_LIMIT);
    assert_int_equal(find_status(c, (struct store_query){.orders = &odd, .n_orders = 1}), -EINVAL);
    assert_int_equal(
        find_status(c,
                    (struct store_query){.orders = by, .n_orders = 2, .after = &one, .n_after = 1}),
        -EINVAL);
    assert_int_equal(
        find_status(c,
                    (struct store_query){.orders = by, .n_orders = 1, .after = &nan, .n_after = 1}),
        -EINVAL);
    assert_int_equal(
        find_status(
            c, (struct store_query){.orders = &any, .n_orders = 1, .after = &one, .n_after = 1}),
        -EINVAL);
    assert_int_equal(find_status(named("never"), (struct store_query){0}), -EINVAL);
}

static void queries_are_bounded(void **state) {
    (void)state;
    struct store_collection c = named("x");
    struct store_filter deep[QUERY_DEPTH + 3];
    struct store_filter *wide = calloc(QUERY_TERMS + 1, sizeof *wide);
    struct store_value *values = calloc(QUERY_VALUES + 1, sizeof *values);
    struct str field = STR("a");
    open_memory();
    assert_int_equal(ensure(c), 0);
    create("x", "1", "{\"a\":7}");
    deep[0] = WHERE(STORE_EQUALS, "a", INT(7));
    for (int i = 1; i < QUERY_DEPTH + 3; i++)
        deep[i] = (struct store_filter){.match = STORE_OR, .sub = &deep[i - 1], .n_sub = 1};
    assert_finds(c, ONE(deep[QUERY_DEPTH]), "1");
    assert_int_equal(find_status(c, ONE(deep[QUERY_DEPTH + 2])), ERR_LIMIT);
    for (int i = 0; i <= QUERY_TERMS; i++)
        wide[i] = deep[0];
    struct store_query q = {.filters = wide, .n_filters = QUERY_TERMS};
    assert_finds(c, q, "1");
    q.n_filters++;
    assert_int_equal(find_status(c, q), ERR_LIMIT);
    for (int i = 0; i <= QUERY_VALUES; i++)
        values[i] = INT(i);
    struct store_filter many = {.match = STORE_IN_LIST,
                                .fields = &field,
                                .n_fields = 1,
                                .values = values,
                                .n_values = QUERY_VALUES};
    assert_finds(c, ONE(many), "1");
    many.n_values++;
    assert_int_equal(find_status(c, ONE(many)), ERR_LIMIT);
    free(wide);
    free(values);
}

/* ---------------------------------------------------------------- plans */

/* The plan of a query on the file of the open store, as one text. */
static char *plan(struct store_collection c, struct store_query q, enum query_part part) {
    struct query sql;
    struct buf out = {0}, text = {0};
    sqlite3 *db;
    sqlite3_stmt *s;
    query_init(&sql);
    assert_int_equal(query_select(&sql, "id", c.name, &c, &q, part, q.limit, NULL), 0);
    buf_printf(&text, "EXPLAIN QUERY PLAN %s", sql.sql.p);
    assert_int_equal(sqlite3_open(in_folder("a.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text.p, (int)text.n, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        buf_printf(&out, "%s\n", sqlite3_column_text(s, 3));
    sqlite3_finalize(s);
    sqlite3_close(db);
    buf_free(&text);
    query_free(&sql);
    return buf_take(&out, NULL);
}

static void check_plan(struct store_query q, enum query_part part, const char *has,
                       const char *has_not) {
    char *p = plan(indexed(), q, part);
    if ((has && !strstr(p, has)) || (has_not && strstr(p, has_not)))
        fail_msg("expected \"%s\", not \"%s\" in\n%s", has, has_not ? has_not : "", p);
    mem_free(p);
}

static void equality_uses_the_index_although_lists_match_too(void **state) {
    (void)state;
    open_file();
    assert_int_equal(ensure(indexed()), 0);
    struct store_value values[] = {TXT("x"), INT(1), FLT(1.5), BOOL(true), NUL};
    for (int i = 0; i < 5; i++) {
        struct store_query q = ONE(WHERE(STORE_EQUALS, "tags", values[i]));
        check_plan(q, QUERY_WHOLE, "SEARCH indexed USING INDEX indexed:i:tags (<expr>=?)", NULL);
        check_plan(q, QUERY_WHOLE, "SEARCH indexed USING INDEX indexed:l:tags (<expr>=?)",
                   "SCAN indexed");
    }
}

static void the_other_operators_use_the_index_too(void **state) {
    (void)state;
    open_file();
    assert_int_equal(ensure(indexed()), 0);
    check_plan(ONE(WHERE(STORE_IN_LIST, "tags", TXT("x"), TXT("y"))), QUERY_WHOLE,
               "SEARCH indexed USING INDEX indexed:i:tags (<expr>=?)", "SCAN indexed");
    check_plan(ONE(WHERE(STORE_IN_LIST, "tags", TXT("x"), INT(1), NUL, BOOL(true))), QUERY_WHOLE,
               "SEARCH indexed USING INDEX indexed:i:tags (<expr>=?)", "SCAN indexed");
    check_plan(ONE(WHERE(STORE_INTERSECTS, "tags", TXT("x"), TXT("y"))), QUERY_WHOLE,
               "SEARCH indexed USING INDEX indexed:l:tags (<expr>=?)", "SCAN indexed");
    check_plan(ONE(WHERE(STORE_STARTS, "tags", TXT("x"))), QUERY_WHOLE,
               "SEARCH indexed USING INDEX indexed:i:tags (<expr>>? AND <expr><?)", "SCAN indexed");
}

static void an_index_of_several_fields_serves_equalities_on_them(void **state) {
    (void)state;
    open_file();
    assert_int_equal(ensure(indexed()), 0);
    struct store_filter two[] = {WHERE(STORE_EQUALS, "n.x", INT(1)),
                                 WHERE(STORE_EQUALS, "b", TXT("y"))};
    struct store_query q = {.filters = two, .n_filters = 2};
    check_plan(q, QUERY_WHOLE, "USING INDEX indexed:i:b,n.x (<expr>=? AND <expr>=?)",
               "SCAN indexed");
}

static void an_order_on_an_index_needs_no_sorting(void **state) {
    (void)state;
    open_file();
    assert_int_equal(ensure(indexed()), 0);
    struct store_order by = {.field = STR("tags")};
    struct store_value at = INT(3);
    struct store_query q = {.orders = &by, .n_orders = 1, .limit = 10};
    check_plan(q, QUERY_WHOLE, "SCAN indexed USING INDEX indexed:i:tags", "TEMP B-TREE");
    q.after = &at;
    q.n_after = 1;
    check_plan(q, QUERY_WHOLE, "SEARCH indexed USING INDEX indexed:i:tags (<expr>>?)",
               "TEMP B-TREE");
    by.desc = true;
    check_plan(q, QUERY_HEAD, "SEARCH indexed USING INDEX indexed:i:tags (<expr><?)",
               "B-TREE FOR ORDER BY");
    check_plan(q, QUERY_TAIL, "SEARCH indexed USING INDEX indexed:i:tags (<expr>=?)", "SCAN");
}

static void the_same_shape_is_the_same_statement(void **state) {
    (void)state;
    struct query a, b;
    struct store_collection c = named("x");
    query_init(&a);
    query_init(&b);
    struct store_query p = ONE(WHERE(STORE_IN_LIST, "a", TXT("x"), TXT("y")));
    struct store_query q = ONE(WHERE(STORE_IN_LIST, "a", TXT("z"), TXT("u"), TXT("v")));
    p.limit = 3;
    q.limit = 4;
    assert_int_equal(query_select(&a, "id", c.name, &c, &p, QUERY_WHOLE, p.limit, NULL), 0);
    assert_int_equal(query_select(&b, "id", c.name, &c, &q, QUERY_WHOLE, q.limit, NULL), 0);
    assert_string_equal(a.sql.p, b.sql.p);
    query_free(&a);
    query_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(random_queries_find_what_the_evaluator_finds),
        SPEC(every_operator_on_every_kind_of_field),
        SPEC(pages_neither_repeat_nor_skip),
        SPEC(a_page_begins_strictly_behind_its_tuple),
        SPEC(ties_come_in_insertion_order),
        SPEC(random_order_is_a_permutation_that_changes),
        SPEC(texts_are_taken_literally),
        SPEC(impossible_texts_match_nothing),
        SPEC(field_names_cannot_leave_their_quotes),
        SPEC(wrong_queries_are_refused_with_a_sentence),
        SPEC(queries_are_bounded),
        SPEC(equality_uses_the_index_although_lists_match_too),
        SPEC(the_other_operators_use_the_index_too),
        SPEC(an_index_of_several_fields_serves_equalities_on_them),
        SPEC(an_order_on_an_index_needs_no_sorting),
        SPEC(the_same_shape_is_the_same_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
