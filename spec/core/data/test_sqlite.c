/* The SQLite backend from inside, without threads: statements that are kept, plans that are known.
 */
#include "spec/core/data/store_spec.h"

#include "core/data/sqlite.h"

static struct store_db *db;
static struct store_conn *writer, *reader;

static void connect_both(void) {
    struct store_options o = usual(in_folder("a.db"));
    struct err e = {0};
    db = store_sqlite.open(&o, &e);
    assert_non_null(db);
    writer = store_sqlite.connect(db, true, &e);
    reader = store_sqlite.connect(db, false, &e);
    assert_non_null(writer);
    assert_non_null(reader);
}

static void disconnect_both(void) {
    store_sqlite.disconnect(reader);
    store_sqlite.disconnect(writer);
    store_sqlite.close(db);
}

static void commit(struct store_job *j) {
    struct err e = {0};
    bool broken;
    assert_int_equal(store_sqlite.begin(writer, j->n_steps, &e), 0);
    assert_int_equal(store_sqlite.run(writer, j, &broken), 0);
    assert_int_equal(store_sqlite.commit(writer, &e), 0);
}

static void declare(struct store_collection c) {
    struct store_job j = {.what = STORE_ENSURE, .collection = c};
    arena_init(&j.arena, 512);
    commit(&j);
    arena_free(&j.arena);
}

static int found(const char *name, struct store_query q) {
    struct store_job j = {.what = STORE_FIND, .collection = named(name), .query = q};
    arena_init(&j.arena, 512);
    int status = store_sqlite.read(reader, &j), n = j.n_rows;
    arena_free(&j.arena);
    return status ? status : n;
}

static void put(const char *name, const char *id, const char *doc) {
    struct store_collection c = named(name);
    struct store_step s = {
        .what = STORE_PUT, .collection = &c, .id = str_of(id), .doc = str_of(doc)};
    struct store_job j = {.what = STORE_WRITE, .steps = &s, .n_steps = 1};
    arena_init(&j.arena, 512);
    commit(&j);
    arena_free(&j.arena);
}

/* The plan of the query that was made last. */
static char *last_plan(void) {
    struct buf out = {0}, text = {0};
    sqlite3_stmt *s;
    buf_printf(&text, "EXPLAIN QUERY PLAN %s", reader->query.sql.p);
    assert_int_equal(sqlite3_prepare_v2(reader->sql, text.p, (int)text.n, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        buf_printf(&out, "%s\n", sqlite3_column_text(s, 3));
    sqlite3_finalize(s);
    buf_free(&text);
    return buf_take(&out, NULL);
}

static void assert_plan(const char *has, const char *has_not) {
    char *plan = last_plan();
    if (!strstr(plan, has) || strstr(plan, has_not))
        fail_msg("expected \"%s\", not \"%s\" in\n%s", has, has_not, plan);
    mem_free(plan);
}

static void a_query_knows_indexes_that_only_the_declaration_named(void **state) {
    struct store_index two = {.fields = {STR("a"), STR("b")}, .n_fields = 2};
    struct store_collection c = {.name = STR("c"), .indexes = &two, .n_indexes = 1};
    struct store_filter both[] = {WHERE(STORE_EQUALS, "b", INT(1)),
                                  WHERE(STORE_EQUALS, "a", INT(2))};
    struct store_query q = {.filters = both, .n_filters = 2};
    (void)state;
    connect_both();
    declare(c);
    put("c", "1", "{\"a\":2,\"b\":1}");
    put("c", "2", "{\"a\":2,\"b\":[3,1]}");
    put("c", "3", "{\"a\":2,\"b\":2}");
    assert_int_equal(found("c", q), 2);
    assert_plan("USING INDEX c:i:a,b (<expr>=? AND <expr>=?)", "SCAN c");
    /* A declaration that changed is known as it is now. */
    c.n_indexes = 0;
    declare(c);
    assert_int_equal(found("c", q), 2);
    assert_plan("SCAN c", "INDEX c:");
    disconnect_both();
}

static void statements_are_kept_by_shape(void **state) {
    (void)state;
    connect_both();
    declare(named("c"));
    int before = 0;
    for (int i = 0; i < 50; i++) {
        put("c", i % 2 ? "x" : "y", "{\"a\":7}");
        assert_int_equal(found("c", ONE(WHERE(STORE_EQUALS, "a", INT(i)))), i == 7 ? 2 : 0);
        if (i == 0) before = writer->n_statements + reader->n_statements;
    }
    assert_int_equal(writer->n_statements + reader->n_statements, before);
    disconnect_both();
}

static void kept_statements_are_bounded(void **state) {
    (void)state;
    connect_both();
    declare(named("c"));
    put("c", "x", "{\"f7\":1}");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STATEMENTS_KEPT + 20; i++) {
            char field[16];
            snprintf(field, sizeof field, "f%d", i);
            assert_int_equal(found("c", ONE(WHERE(STORE_EQUALS, field, INT(1)))), i == 7);
            assert_true(reader->n_statements <= STATEMENTS_KEPT);
            assert_int_equal(reader->statements.n, reader->n_statements);
        }
    }
    assert_int_equal(reader->n_statements, STATEMENTS_KEPT);
    disconnect_both();
}

/* A statement that is kept must not keep a snapshot, a lock or a parameter. */
static void a_kept_statement_holds_nothing(void **state) {
    (void)state;
    connect_both();
    declare(named("c"));
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        put("c", id, "{}");
        assert_int_equal(found("c", (struct store_query){.limit = i + 1}), i + 1);
        assert_int_equal(found("c", (struct store_query){.count = true}), i + 1);
        sqlite3_stmt *s = NULL;
        while ((s = sqlite3_next_stmt(reader->sql, s)))
            assert_false(sqlite3_stmt_busy(s));
        assert_true(sqlite3_get_autocommit(reader->sql));
    }
    disconnect_both();
}

static void a_reader_cannot_write(void **state) {
    (void)state;
    connect_both();
    declare(named("c"));
    assert_int_not_equal(sqlite3_exec(reader->sql, "DELETE FROM c", NULL, NULL, NULL), SQLITE_OK);
    disconnect_both();
}

/* What the files of the database are promised by the connections. */
static void connections_are_set_up_for_durability(void **state) {
    static const struct {
        const char *pragma;
        int64_t value;
    } expected[] = {{"PRAGMA synchronous", 2}, {"PRAGMA cell_size_check", 1}};
    struct err e = {0};
    (void)state;
    connect_both();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        int64_t value = -1;
        assert_int_equal(sqlite_int(writer, expected[i].pragma, &value, &e), 0);
        assert_int_equal(value, expected[i].value);
    }
    sqlite3_stmt *s = sqlite_stmt(writer, STR("PRAGMA journal_mode"), &e);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(s, 0), "wal");
    sqlite_done(s);
    disconnect_both();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(a_query_knows_indexes_that_only_the_declaration_named),
        SPEC(statements_are_kept_by_shape),
        SPEC(kept_statements_are_bounded),
        SPEC(a_kept_statement_holds_nothing),
        SPEC(a_reader_cannot_write),
        SPEC(connections_are_set_up_for_durability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
