/* What a store promises to the one who submits jobs. */
#include "spec/core/data/store_spec.h"

#include <sqlite3.h>

#include "core/base/stat.h"
#include "core/data/store_backend.h"

static struct store_collection users(void) {
    static struct store_index indexes[2] = {
        {.fields = {STR("slug")}, .n_fields = 1, .unique = true},
        {.fields = {STR("app"), STR("name")}, .n_fields = 2, .unique = true},
    };
    return (struct store_collection){.name = STR("users"), .indexes = indexes, .n_indexes = 2};
}

static void open_with_users(void) {
    open_memory();
    assert_int_equal(ensure(users()), 0);
}

/* ---------------------------------------------------------------- single steps */

static void a_document_comes_back_as_it_was_written(void **state) {
    static const char odd[] = "{ \"slug\" : \"\xc3\xa9'\\\"\\u00e9\" , \"n\":1.50 }";
    int64_t rev;
    (void)state;
    open_with_users();
    int64_t made = create("users", "u1", odd);
    assert_string_equal(get_rev("users", "u1", &rev), odd);
    assert_int_equal(rev, made);
    assert_true(made > 0);
    assert_null(get("users", "u2"));
    assert_null(get("users", ""));
}

static void create_wants_a_new_id(void **state) {
    (void)state;
    open_with_users();
    create("users", "u1", "{\"a\":1}");
    assert_int_equal(step(STORE_CREATE, "users", "u1", "{\"a\":2}", 0, NULL), ERR_EXISTS);
    assert_string_equal(said, "id is taken");
    assert_int_equal(failed_step, 0);
    assert_string_equal(get("users", "u1"), "{\"a\":1}");
}

static void put_creates_or_replaces(void **state) {
    int64_t first, second, rev;
    (void)state;
    open_with_users();
    assert_int_equal(step(STORE_PUT, "users", "u1", "{\"a\":1}", 0, &first), 0);
    assert_int_equal(step(STORE_PUT, "users", "u1", "{\"a\":2}", 0, &second), 0);
    assert_true(second > first);
    assert_string_equal(get_rev("users", "u1", &rev), "{\"a\":2}");
    assert_int_equal(rev, second);
}

static void update_replaces_what_is_there_at_the_revision(void **state) {
    int64_t second, rev;
    (void)state;
    open_with_users();
    assert_int_equal(step(STORE_UPDATE, "users", "u1", "{}", 0, NULL), -ENOENT);
    assert_int_equal(step(STORE_UPDATE, "users", "u1", "{}", 5, NULL), -ENOENT);
    int64_t first = create("users", "u1", "{\"a\":1}");
    assert_int_equal(step(STORE_UPDATE, "users", "u1", "{\"a\":2}", first, &second), 0);
    assert_true(second > first);
    assert_int_equal(step(STORE_UPDATE, "users", "u1", "{\"a\":3}", first, &rev), ERR_CONFLICT);
    assert_int_equal(rev, 0);
    assert_string_equal(said, "u1 was changed meanwhile");
    assert_string_equal(get("users", "u1"), "{\"a\":2}");
    assert_int_equal(step(STORE_UPDATE, "users", "u1", "{\"a\":4}", 0, NULL), 0);
    assert_string_equal(get("users", "u1"), "{\"a\":4}");
}

static void delete_counts_and_forgives_what_is_missing(void **state) {
    int64_t n;
    (void)state;
    open_with_users();
    assert_int_equal(step(STORE_DELETE, "users", "u1", "", 0, &n), 0);
    assert_int_equal(n, 0);
    int64_t rev = create("users", "u1", "{}");
    assert_int_equal(step(STORE_DELETE, "users", "u1", "", rev + 1, &n), ERR_CONFLICT);
    assert_non_null(get("users", "u1"));
    assert_int_equal(step(STORE_DELETE, "users", "u1", "", rev, &n), 0);
    assert_int_equal(n, 1);
    assert_null(get("users", "u1"));
    assert_int_equal(step(STORE_DELETE, "users", "u1", "", rev, &n), 0);
    assert_int_equal(n, 0);
}

static void check_holds_only_at_the_revision(void **state) {
    (void)state;
    open_with_users();
    assert_int_equal(step(STORE_CHECK, "users", "u1", "", 0, NULL), 0);
    assert_int_equal(step(STORE_CHECK, "users", "u1", "", 1, NULL), ERR_CONFLICT);
    int64_t rev = create("users", "u1", "{}");
    assert_int_equal(step(STORE_CHECK, "users", "u1", "", rev, NULL), 0);
    assert_int_equal(step(STORE_CHECK, "users", "u1", "", 0, NULL), ERR_CONFLICT);
    assert_int_equal(step(STORE_CHECK, "users", "u1", "", rev + 1, NULL), ERR_CONFLICT);
}

static void a_revision_never_comes_back(void **state) {
    int64_t last = 0;
    (void)state;
    for (int round = 0; round < 4; round++) {
        open_file();
        assert_int_equal(ensure(users()), 0);
        for (int i = 0; i < 3; i++) {
            int64_t rev = create("users", "u1", "{}");
            assert_true(rev > last);
            last = rev;
            assert_int_equal(step(STORE_DELETE, "users", "u1", "", 0, NULL), 0);
        }
        close_store();
    }
}

/* ---------------------------------------------------------------- jobs of several steps */

static void a_job_happens_whole_or_not_at_all(void **state) {
    struct store_collection c = users();
    (void)state;
    open_with_users();
    int64_t rev = create("users", "u1", "{\"slug\":\"a\"}");
    struct store_step steps[] = {
        {.what = STORE_CREATE, .collection = &c, .id = STR("u2"), .doc = STR("{\"slug\":\"b\"}")},
        {.what = STORE_DELETE, .collection = &c, .id = STR("u1")},
        {.what = STORE_CREATE, .collection = &c, .id = STR("u3"), .doc = STR("{\"slug\":\"b\"}")},
    };
    assert_int_equal(run_steps(steps, 3), ERR_EXISTS);
    assert_string_equal(said, "slug is taken");
    assert_int_equal(failed_step, 2);
    assert_null(get("users", "u2"));
    assert_non_null(get("users", "u1"));
    assert_int_equal(step(STORE_CHECK, "users", "u1", "", rev, NULL), 0);
    steps[2].doc = STR("{\"slug\":\"c\"}");
    assert_int_equal(run_steps(steps, 3), 0);
    assert_int_equal(failed_step, -1);
    assert_true(steps[0].result > rev && steps[2].result > steps[0].result);
    assert_int_equal(steps[1].result, 1);
    assert_null(get("users", "u1"));
    assert_non_null(get("users", "u3"));
}

static void a_job_without_steps_is_fine(void **state) {
    (void)state;
    open_with_users();
    assert_int_equal(run_steps(NULL, 0), 0);
}

static void a_failing_job_leaves_its_batch_alone(void **state) {
    enum { JOBS = 200 };
    struct store_collection c = users();
    struct call *calls[JOBS];
    struct store_step steps[JOBS][2];
    char ids[JOBS][16];
    (void)state;
    open_with_users();
    create("users", "taken", "{}");
    for (int i = 0; i < JOBS; i++) {
        snprintf(ids[i], sizeof ids[i], "u%d", i);
        steps[i][0] = (struct store_step){
            .what = STORE_CREATE, .collection = &c, .id = str_of(ids[i]), .doc = STR("{}")};
        steps[i][1] = steps[i][0];
        steps[i][1].id = i % 3 ? STR("other") : STR("taken");
        steps[i][1].what = i % 3 ? STORE_PUT : STORE_CREATE;
        calls[i] = call_new(STORE_WRITE);
        calls[i]->j.steps = steps[i];
        calls[i]->j.n_steps = 2;
        assert_int_equal(store_submit(&calls[i]->j), 0);
    }
    for (int i = 0; i < JOBS; i++) {
        call_wait(calls[i]);
        assert_int_equal(calls[i]->j.status, i % 3 ? 0 : ERR_EXISTS);
        assert_int_equal(calls[i]->j.failed_step, i % 3 ? -1 : 1);
        assert_int_equal(get("users", ids[i]) != NULL, i % 3 != 0);
        call_free(calls[i]);
    }
}

static void many_writes_share_a_commit(void **state) {
    enum { JOBS = 300 };
    struct store_collection c = users();
    struct call *calls[JOBS];
    struct store_step one = {.what = STORE_PUT, .collection = &c, .id = STR("u"), .doc = STR("{}")};
    struct store_step steps[JOBS];
    (void)state;
    open_with_users();
    int64_t commits = stat_get(STAT_STORE_COMMITS), writes = stat_get(STAT_STORE_WRITES);
    for (int i = 0; i < JOBS; i++) {
        steps[i] = one;
        calls[i] = call_new(STORE_WRITE);
        calls[i]->j.steps = &steps[i];
        calls[i]->j.n_steps = 1;
        assert_int_equal(store_submit(&calls[i]->j), 0);
    }
    for (int i = 0; i < JOBS; i++) {
        call_wait(calls[i]);
        assert_int_equal(calls[i]->j.status, 0);
        call_free(calls[i]);
    }
    commits = stat_get(STAT_STORE_COMMITS) - commits;
    assert_true(commits >= 2 && commits <= JOBS);
    assert_int_equal(stat_get(STAT_STORE_WRITES) - writes, JOBS);
}

/* ---------------------------------------------------------------- several documents */

static void fill_numbers(int n) {
    for (int i = 1; i <= n; i++) {
        char id[16], doc[32];
        snprintf(id, sizeof id, "n%d", i);
        snprintf(doc, sizeof doc, "{\"n\":%d}", i);
        create("numbers", id, doc);
    }
}

static void delete_where_takes_every_match_and_nothing_else(void **state) {
    struct store_collection c = named("numbers");
    struct store_order by = {.field = STR("n"), .desc = true};
    struct store_value at = INT(4);
    struct store_query q = ONE(WHERE(STORE_IN_LIST, "n", INT(2), INT(3), INT(99)));
    (void)state;
    open_memory();
    assert_int_equal(ensure(c), 0);
    fill_numbers(9);
    struct store_step s = {.what = STORE_DELETE_WHERE, .collection = &c, .query = &q};
    assert_int_equal(run_steps(&s, 1), 0);
    assert_int_equal(s.result, 2);
    assert_finds(c, ((struct store_query){0}), "n1 n4 n5 n6 n7 n8 n9");
    q = (struct store_query){.orders = &by, .n_orders = 1, .limit = 2};
    assert_int_equal(run_steps(&s, 1), 0);
    assert_int_equal(s.result, 2);
    assert_finds(c, ((struct store_query){0}), "n1 n4 n5 n6 n7");
    q = (struct store_query){.orders = &by, .n_orders = 1, .after = &at, .n_after = 1};
    assert_int_equal(run_steps(&s, 1), 0);
    assert_finds(c, ((struct store_query){0}), "n4 n5 n6 n7");
    q = (struct store_query){0};
    assert_int_equal(run_steps(&s, 1), 0);
    assert_int_equal(s.result, 4);
    assert_finds(c, ((struct store_query){0}), "");
}

static uint64_t digest_of(struct store_collection c, struct store_query q) {
    uint64_t digest;
    int code;
    mem_free(find_in(c, q, NULL, &digest, &code));
    assert_int_equal(code, 0);
    return digest;
}

static void a_digest_is_of_ids_and_revisions_in_order(void **state) {
    struct store_collection c = named("numbers");
    struct store_order by = {.field = STR("n"), .desc = true};
    (void)state;
    open_memory();
    assert_int_equal(ensure(c), 0);
    fill_numbers(3);
    uint64_t all = digest_of(c, (struct store_query){0});
    assert_true(all == digest_of(c, ONE(WHERE(STORE_IN_LIST, "n", INT(1), INT(2), INT(3)))));
    assert_true(all == digest_of(c, (struct store_query){.count = true, .limit = 3}));
    assert_true(all != digest_of(c, (struct store_query){.limit = 2}));
    assert_true(all != digest_of(c, (struct store_query){.orders = &by, .n_orders = 1}));
    uint64_t none = digest_of(c, ONE(WHERE(STORE_EQUALS, "n", INT(7))));
    assert_true(none != all && none == digest_of(c, ONE(WHERE(STORE_EQUALS, "x", INT(8)))));
    /* What the caller computes from the rows is the same. */
    struct call *call = call_new(STORE_FIND);
    uint64_t mine = STORE_DIGEST_START;
    call->j.collection = c;
    assert_int_equal(call_run(call), 0);
    for (int i = 0; i < call->j.n_rows; i++)
        mine = store_digest(mine, call->j.rows[i].id, call->j.rows[i].rev);
    assert_true(mine == all);
    call_free(call);
    assert_int_equal(step(STORE_PUT, "numbers", "n2", "{\"n\":2}", 0, NULL), 0);
    assert_true(all != digest_of(c, (struct store_query){0}));
}

static void a_query_is_checked_by_its_digest(void **state) {
    struct store_collection c = named("numbers");
    struct store_order by = {.field = STR("n"), .desc = true}, any = {.random = true};
    struct store_value at = INT(8);
    struct store_query q = ONE(WHERE(STORE_IN_LIST, "n", INT(3), INT(4), INT(5), INT(77)));
    (void)state;
    open_memory();
    assert_int_equal(ensure(c), 0);
    fill_numbers(9);
    q.orders = &by;
    q.n_orders = 1;
    q.after = &at;
    q.n_after = 1;
    struct store_step s = {
        .what = STORE_CHECK_QUERY, .collection = &c, .query = &q, .digest = digest_of(c, q)};
    assert_int_equal(run_steps(&s, 1), 0);
    create("numbers", "other", "{\"n\":1000}");
    assert_int_equal(run_steps(&s, 1), 0);
    create("numbers", "phantom", "{\"n\":5}");
    int64_t conflicts = stat_get(STAT_STORE_CONFLICTS);
    assert_int_equal(run_steps(&s, 1), ERR_CONFLICT);
    assert_string_equal(said, "documents in numbers were changed meanwhile");
    assert_int_equal(stat_get(STAT_STORE_CONFLICTS) - conflicts, 1);
    q = (struct store_query){.orders = &any, .n_orders = 1};
    assert_int_equal(run_steps(&s, 1), -EINVAL);
}

static void a_count_ignores_limit_and_page(void **state) {
    struct store_collection c = named("numbers");
    struct store_order by = {.field = STR("n"), .desc = true};
    struct store_value at = INT(7);
    struct store_query q = {
        .orders = &by, .n_orders = 1, .after = &at, .n_after = 1, .limit = 2, .count = true};
    int64_t count;
    int code;
    (void)state;
    open_memory();
    assert_int_equal(ensure(c), 0);
    fill_numbers(9);
    char *ids = find_in(c, q, &count, NULL, &code);
    assert_string_equal(ids, "n6 n5");
    assert_int_equal(count, 9);
    mem_free(ids);
    q.count = false;
    mem_free(find_in(c, q, &count, NULL, &code));
    assert_int_equal(count, 0);
}

/* ---------------------------------------------------------------- unique and other indexes */

static void unique_values_are_unique(void **state) {
    (void)state;
    open_with_users();
    create("users", "1", "{\"slug\":\"a\"}");
    assert_int_equal(step(STORE_CREATE, "users", "2", "{\"slug\":\"a\"}", 0, NULL), ERR_EXISTS);
    assert_string_equal(said, "slug is taken");
    assert_int_equal(step(STORE_PUT, "users", "2", "{\"slug\":\"a\"}", 0, NULL), ERR_EXISTS);
    create("users", "2", "{\"slug\":\"A\",\"app\":\"x\",\"name\":\"n\"}");
    create("users", "3", "{\"slug\":\"b\",\"app\":\"y\",\"name\":\"n\"}");
    assert_int_equal(step(STORE_UPDATE, "users", "3", "{\"app\":\"x\",\"name\":\"n\"}", 0, NULL),
                     ERR_EXISTS);
    assert_string_equal(said, "app,name is taken");
    /* Its own value is no obstacle. */
    assert_int_equal(step(STORE_UPDATE, "users", "1", "{\"slug\":\"a\",\"x\":1}", 0, NULL), 0);
    assert_int_equal(step(STORE_PUT, "users", "1", "{\"slug\":\"a\",\"x\":2}", 0, NULL), 0);
}

static void null_and_missing_never_collide(void **state) {
    (void)state;
    open_with_users();
    create("users", "1", "{}");
    create("users", "2", "{}");
    create("users", "3", "{\"slug\":null}");
    create("users", "4", "{\"slug\":null,\"app\":\"x\"}");
    create("users", "5", "{\"app\":\"x\"}");
    create("users", "6", "{\"app\":\"x\",\"name\":null}");
}

static void unique_knows_kinds(void **state) {
    (void)state;
    open_with_users();
    create("users", "1", "{\"slug\":1}");
    create("users", "2", "{\"slug\":true}");
    create("users", "3", "{\"slug\":\"1\"}");
    create("users", "4", "{\"slug\":\"[1]\"}");
    create("users", "5", "{\"slug\":[1]}");
    create("users", "6", "{\"slug\":0}");
    create("users", "7", "{\"slug\":false}");
    assert_int_equal(step(STORE_CREATE, "users", "8", "{\"slug\":1.0}", 0, NULL), ERR_EXISTS);
    assert_int_equal(step(STORE_CREATE, "users", "8", "{\"slug\":false}", 0, NULL), ERR_EXISTS);
    assert_int_equal(step(STORE_CREATE, "users", "8", "{\"slug\": [ 1 ]}", 0, NULL), ERR_EXISTS);
}

/* Names of the indexes in the file of the open store, with blanks between. */
static char *indexes_in_file(void) {
    struct buf out = {0};
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(in_folder("a.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name FROM sqlite_schema WHERE type='index' AND "
                                        "sql IS NOT NULL ORDER BY name",
                                        -1, &s, NULL),
                     SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        buf_printf(&out, "%s ", sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    sqlite3_close(db);
    return buf_take(&out, NULL);
}

#define assert_indexes(names) \
    do { \
        char *is_ = indexes_in_file(); \
        assert_string_equal(is_, names); \
        mem_free(is_); \
    } while (0)

static void indexes_follow_the_declaration(void **state) {
    struct store_index a = {.fields = {STR("a")}, .n_fields = 1},
                       b = {.fields = {STR("x.b"), STR("a")}, .n_fields = 2}, two[] = {a, b};
    struct store_collection c = {.name = STR("c"), .indexes = two, .n_indexes = 2};
    (void)state;
    open_file();
    assert_int_equal(ensure(c), 0);
    assert_int_equal(ensure(c), 0);
    assert_indexes("c:i:a c:i:x.b,a c:l:a c:l:x.b ");
    create("c", "1", "{\"a\":1}");
    create("c", "2", "{\"a\":1}");
    c.n_indexes = 1;
    assert_int_equal(ensure(c), 0);
    assert_indexes("c:i:a c:l:a ");
    two[0].unique = true;
    assert_int_equal(ensure(c), ERR_EXISTS);
    assert_string_equal(said, "a cannot be unique: documents in c already share a value");
    assert_indexes("c:i:a c:l:a ");
    assert_int_equal(step(STORE_DELETE, "c", "1", "", 0, NULL), 0);
    assert_int_equal(ensure(c), 0);
    assert_indexes("c:l:a c:u:a ");
    assert_int_equal(step(STORE_CREATE, "c", "3", "{\"a\":1}", 0, NULL), ERR_EXISTS);
    c.n_indexes = 0;
    assert_int_equal(ensure(c), 0);
    assert_indexes("");
    create("c", "3", "{\"a\":1}");
    assert_finds(c, ONE(WHERE(STORE_EQUALS, "a", INT(1))), "2 3");
}

static void declarations_are_checked(void **state) {
    struct store_index bad = {.fields = {STR("a\"b")}, .n_fields = 1}, none = {.n_fields = 0},
                       five = {.n_fields = 5}, *many = calloc(33, sizeof *many);
    struct store_collection c = {.name = STR("c"), .indexes = &bad, .n_indexes = 1};
    char longest[102];
    (void)state;
    open_memory();
    assert_int_equal(ensure(c), -EINVAL);
    c.indexes = &none;
    assert_int_equal(ensure(c), -EINVAL);
    c.indexes = &five;
    assert_int_equal(ensure(c), -EINVAL);
    c.indexes = many;
    c.n_indexes = 33;
    assert_int_equal(ensure(c), ERR_LIMIT);
    free(many);
    assert_int_equal(ensure(named("")), -EINVAL);
    assert_int_equal(ensure(named("a b")), -EINVAL);
    assert_int_equal(ensure(named("a\"b")), -EINVAL);
    assert_int_equal(ensure(named("a:b")), -EINVAL);
    assert_int_equal(ensure(named("SQLite_x")), -EINVAL);
    memset(longest, 'x', sizeof longest);
    longest[101] = 0;
    assert_int_equal(ensure(named(longest)), -EINVAL);
    longest[100] = 0;
    assert_int_equal(ensure(named(longest)), 0);
    assert_int_equal(ensure(named("A.b-9_")), 0);
    assert_int_equal(ensure(named("a.B-9_")), -EINVAL);
}

static void a_prefix_keeps_collections_apart(void **state) {
    struct store_options o = usual(in_folder("a.db"));
    (void)state;
    o.prefix = "one_";
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(named("c")), 0);
    create("c", "1", "{}");
    close_store();
    o.path = in_folder("a.db");
    o.prefix = "two_";
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(named("c")), 0);
    assert_null(get("c", "1"));
    close_store();
    o.prefix = "a:b";
    assert_int_equal(open_with(o), -EINVAL);
}

/* ---------------------------------------------------------------- limits */

static void what_is_no_document_is_not_stored(void **state) {
    struct store_collection c = users();
    (void)state;
    open_with_users();
    struct store_step steps[] = {
        {.what = STORE_CREATE, .collection = &c, .id = STR("1"), .doc = STR("{}")},
        {.what = STORE_PUT, .collection = &c, .id = STR("2"), .doc = STR("{\"a\":}")},
    };
    assert_int_equal(run_steps(steps, 2), -EINVAL);
    assert_int_equal(failed_step, 1);
    assert_string_equal(said, "not a valid document at byte 5: a value is missing");
    assert_null(get("users", "1"));
    assert_int_equal(step(STORE_CREATE, "users", "", "{}", 0, NULL), -EINVAL);
    assert_int_equal(step(STORE_CREATE, "users", "\xff", "{}", 0, NULL), -EINVAL);
    assert_int_equal(step(STORE_CREATE, "no such", "1", "{}", 0, NULL), -EINVAL);
    assert_int_equal(step(STORE_CREATE, "never-declared", "1", "{}", 0, NULL), -EINVAL);
}

static void answers_are_bounded(void **state) {
    struct store_options o = usual(NULL);
    char doc[3000];
    (void)state;
    o.max_result = 10000;
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(named("big")), 0);
    snprintf(doc, sizeof doc, "{\"a\":\"%2900d\"}", 1);
    for (int i = 0; i < 4; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        create("big", id, doc);
    }
    assert_finds(named("big"), ((struct store_query){.limit = 3}), "0 1 2");
    assert_int_equal(find_status(named("big"), (struct store_query){0}), ERR_LIMIT);
    assert_string_equal(said, "the result is larger than 10000 bytes: ask for less");
    assert_finds(named("big"), ((struct store_query){.limit = 2}), "0 1");
}

static void a_document_that_no_answer_could_hold_is_refused(void **state) {
    struct store_options o = usual(NULL);
    char *doc = calloc(1, 10000);
    (void)state;
    o.max_result = 10000;
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(named("big")), 0);
    sprintf(doc, "{\"a\":\"%9000d\"}", 1);
    create("big", "1", doc);
    assert_non_null(get("big", "1"));
    sprintf(doc, "{\"a\":\"%9900d\"}", 1);
    assert_int_equal(step(STORE_CREATE, "big", "2", doc, 0, NULL), ERR_LIMIT);
    free(doc);
}

/* Another connection holds the file, so the writer waits and what is submitted stays queued. */
static sqlite3 *hold_file(void) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder("a.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static struct call *submit_create(struct store_step *s, struct store_collection *c, const char *id,
                                  int *code) {
    struct call *call = call_new(STORE_WRITE);
    *s = (struct store_step){
        .what = STORE_CREATE, .collection = c, .id = str_of(id), .doc = STR("{}")};
    call->j.steps = s;
    call->j.n_steps = 1;
    *code = store_submit(&call->j);
    return call;
}

/* Waits until the writer has taken the job: it can no longer be taken back. */
static void wait_until_taken(const struct call *call) {
    while (atomic_load(&call->j.waiting))
        usleep(100);
}

static void a_full_queue_refuses_at_once(void **state) {
    enum { QUEUE = 5 };
    struct store_options o = usual(in_folder("a.db"));
    struct store_collection c = users();
    struct store_step steps[QUEUE + 2];
    struct call *calls[QUEUE + 2];
    char ids[QUEUE + 2][16];
    int code;
    (void)state;
    o.queue = QUEUE;
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(c), 0);
    int64_t busy = stat_get(STAT_STORE_BUSY);
    sqlite3 *other = hold_file();
    for (int i = 0; i < QUEUE + 2; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        calls[i] = submit_create(&steps[i], &c, ids[i], &code);
        assert_int_equal(code, i <= QUEUE ? 0 : ERR_BUSY);
        if (i == 0) wait_until_taken(calls[0]);
    }
    assert_int_equal(stat_get(STAT_STORE_BUSY) - busy, 1);
    sqlite3_close(other);
    for (int i = 0; i <= QUEUE; i++) {
        call_wait(calls[i]);
        assert_int_equal(calls[i]->j.status, 0);
        call_free(calls[i]);
    }
    call_free(calls[QUEUE + 1]);
}

/* ---------------------------------------------------------------- cancelling */

static void a_cancelled_write_that_waits_never_happens(void **state) {
    struct store_collection c = users();
    struct store_step steps[3];
    struct call *calls[3];
    static const char *const ids[] = {"0", "1", "2"};
    int code;
    (void)state;
    open_file();
    assert_int_equal(ensure(c), 0);
    sqlite3 *other = hold_file();
    for (int i = 0; i < 3; i++) {
        calls[i] = submit_create(&steps[i], &c, ids[i], &code);
        assert_int_equal(code, 0);
        if (i == 0) wait_until_taken(calls[0]);
    }
    store_cancel(&calls[0]->j); /* began already: happens, but nobody is told */
    store_cancel(&calls[1]->j);
    assert_false(calls[1]->dropped || calls[1]->done);
    sqlite3_close(other);
    for (int i = 0; i < 3; i++) {
        call_wait(calls[i]);
        assert_int_equal(calls[i]->dropped, i < 2);
        assert_int_equal(calls[i]->done, i == 2);
        call_free(calls[i]);
    }
    assert_non_null(get("users", "0"));
    assert_null(get("users", "1"));
    assert_non_null(get("users", "2"));
}

/* A query that is busy for longer than it takes to cancel it. */
static struct call *slow_read(struct store_filter *filters, int n) {
    struct call *call = call_new(STORE_FIND);
    for (int i = 0; i < n; i++)
        filters[i] = filters[0];
    call->j.collection = named("numbers");
    call->j.query = (struct store_query){.filters = filters, .n_filters = n};
    return call;
}

static void a_running_read_is_stopped_and_the_next_one_is_not(void **state) {
    struct store_options o = usual(NULL);
    struct store_collection c = named("numbers");
    struct store_filter filters[100];
    (void)state;
    o.readers = 1;
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(c), 0);
    fill_numbers(1000);
    filters[0] = WHERE(STORE_IN_LIST, "n", INT(-1), FLT(0.5));
    struct store_filter sub = {.match = STORE_OR, .sub = filters, .n_sub = 100};
    int stopped = 0;
    for (int round = 0; round < 20; round++) {
        struct call *call = slow_read(filters, 100), *next = call_new(STORE_GET);
        call->j.query.filters = &sub;
        call->j.query.n_filters = 1;
        next->j.collection = c;
        next->j.id = STR("n7");
        int64_t reads = stat_get(STAT_STORE_READS);
        assert_int_equal(store_submit(&call->j), 0);
        assert_int_equal(store_submit(&next->j), 0);
        while (stat_get(STAT_STORE_READS) == reads)
            usleep(10);
        usleep(200);
        store_cancel(&call->j);
        call_wait(call);
        call_wait(next);
        assert_true(call->dropped && !call->done);
        stopped += strcmp(call->j.err.text, "the query was cancelled") == 0;
        assert_int_equal(next->j.status, 0);
        assert_int_equal(next->j.n_rows, 1);
        call_free(call);
        call_free(next);
    }
    assert_true(stopped > 0);
}

static void a_cancelled_job_is_dropped_once_whatever_its_state(void **state) {
    enum { JOBS = 400 };
    struct store_collection c = users();
    struct call *calls[JOBS];
    struct store_step steps[JOBS];
    bool cancelled[JOBS];
    (void)state;
    open_with_users();
    for (int i = 0; i < JOBS; i++) {
        calls[i] = call_new(i % 2 ? STORE_WRITE : STORE_FIND);
        steps[i] = (struct store_step){
            .what = STORE_PUT, .collection = &c, .id = STR("u"), .doc = STR("{}")};
        if (i % 7 == 0) steps[i].doc = STR("nonsense");
        calls[i]->j.collection = c;
        calls[i]->j.steps = &steps[i];
        calls[i]->j.n_steps = 1;
        assert_int_equal(store_submit(&calls[i]->j), 0);
        if (rnd(4) == 0) uv_run(&here->loop, UV_RUN_NOWAIT);
        int victim = (int)rnd((unsigned)i + 1);
        cancelled[i] = false;
        if (rnd(2) && !calls[victim]->done && !calls[victim]->dropped && !cancelled[victim]) {
            store_cancel(&calls[victim]->j);
            cancelled[victim] = true;
        }
    }
    for (int i = 0; i < JOBS; i++) {
        call_wait(calls[i]);
        assert_int_equal(calls[i]->dropped, cancelled[i]);
        assert_int_equal(calls[i]->done, !cancelled[i]);
        if (calls[i]->done) assert_int_equal(calls[i]->j.status, i % 2 && i % 7 == 0 ? -EINVAL : 0);
    }
    uv_run(&here->loop, UV_RUN_NOWAIT);
    for (int i = 0; i < JOBS; i++)
        call_free(calls[i]);
}

/* ---------------------------------------------------------------- time */

static void an_answered_write_is_seen_by_the_next_read(void **state) {
    (void)state;
    open_with_users();
    for (int i = 0; i < 200; i++) {
        char doc[32];
        snprintf(doc, sizeof doc, "{\"i\":%d}", i);
        assert_int_equal(step(STORE_PUT, "users", "u", doc, 0, NULL), 0);
        assert_string_equal(get("users", "u"), doc);
    }
}

static void close_finishes_what_was_submitted(void **state) {
    enum { JOBS = 500 };
    struct store_collection c = users();
    struct call *calls[JOBS];
    struct store_step steps[JOBS];
    char ids[JOBS][16];
    int code;
    (void)state;
    open_file();
    assert_int_equal(ensure(c), 0);
    for (int i = 0; i < JOBS; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        calls[i] = submit_create(&steps[i], &c, ids[i], &code);
        assert_int_equal(code, 0);
    }
    struct call *read = call_new(STORE_FIND);
    read->j.collection = c;
    assert_int_equal(store_submit(&read->j), 0);
    close_store();
    /* Too late to undo, but who does not want the answer is not told. */
    store_cancel(&calls[7]->j);
    store_cancel(&read->j);
    for (int i = 0; i < JOBS; i++) {
        call_wait(calls[i]);
        assert_int_equal(calls[i]->j.status, 0);
        assert_int_equal(calls[i]->dropped, i == 7);
        call_free(calls[i]);
    }
    call_wait(read);
    assert_true(read->dropped);
    assert_int_equal(read->j.status, 0);
    call_free(read);
    open_file();
    for (int i = 0; i < JOBS; i++)
        assert_non_null(get("users", ids[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(a_document_comes_back_as_it_was_written),
        SPEC(create_wants_a_new_id),
        SPEC(put_creates_or_replaces),
        SPEC(update_replaces_what_is_there_at_the_revision),
        SPEC(delete_counts_and_forgives_what_is_missing),
        SPEC(check_holds_only_at_the_revision),
        SPEC(a_revision_never_comes_back),
        SPEC(a_job_happens_whole_or_not_at_all),
        SPEC(a_job_without_steps_is_fine),
        SPEC(a_failing_job_leaves_its_batch_alone),
        SPEC(many_writes_share_a_commit),
        SPEC(delete_where_takes_every_match_and_nothing_else),
        SPEC(a_digest_is_of_ids_and_revisions_in_order),
        SPEC(a_query_is_checked_by_its_digest),
        SPEC(a_count_ignores_limit_and_page),
        SPEC(unique_values_are_unique),
        SPEC(null_and_missing_never_collide),
        SPEC(unique_knows_kinds),
        SPEC(indexes_follow_the_declaration),
        SPEC(declarations_are_checked),
        SPEC(a_prefix_keeps_collections_apart),
        SPEC(what_is_no_document_is_not_stored),
        SPEC(answers_are_bounded),
        SPEC(a_document_that_no_answer_could_hold_is_refused),
        SPEC(a_full_queue_refuses_at_once),
        SPEC(a_cancelled_write_that_waits_never_happens),
        SPEC(a_running_read_is_stopped_and_the_next_one_is_not),
        SPEC(a_cancelled_job_is_dropped_once_whatever_its_state),
        SPEC(an_answered_write_is_seen_by_the_next_read),
        SPEC(close_finishes_what_was_submitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
