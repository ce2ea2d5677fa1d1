/* Many workers on one store: nothing is lost, nothing is seen half. */
#include "spec/core/data/store_spec.h"

enum { WORKERS = 4, ROUNDS = 300 };

/* A worker of the test and what it does: one thing after the other, each begun by the answer to the
 * last. */
struct actor {
    struct store_job j; /* first: answers are turned back into actors */
    struct worker worker;
    struct store_collection c;
    struct store_step steps[3];
    struct store_filter filter;
    struct store_value value;
    struct str field;
    char doc[2][64], id[32];
    int index, left, conflicts;
    void (*act)(struct actor *a);
    struct message begin;
};

static struct actor actors[WORKERS];

/* cmocka's asserts jump, which they can only on the thread of the test. */
#define must(x) \
    do { \
        if (!(x)) { \
            print_error("%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort(); \
        } \
    } while (0)

static void begun(struct message *m) {
    struct actor *a = LIST_ENTRY(m, struct actor, begin);
    a->act(a);
}

static void submit(struct actor *a, unsigned what, void (*done)(struct store_job *)) {
    arena_reset(&a->j.arena);
    a->j.store = store;
    a->j.what = what;
    a->j.done = done;
    must(store_submit(&a->j) == 0);
}

static void run_actors(void (*act)(struct actor *)) {
    struct err e = {0};
    for (int i = 0; i < WORKERS; i++) {
        struct actor *a = &actors[i];
        *a = (struct actor){.index = i, .left = ROUNDS, .act = act, .begin.deliver = begun};
        arena_init(&a->j.arena, 512);
        assert_int_equal(worker_init(&a->worker, i, &e), 0);
        assert_int_equal(worker_start(&a->worker, "actor", NULL, &e), 0);
        worker_post(&a->worker, &a->begin);
    }
    for (int i = 0; i < WORKERS; i++) {
        worker_free(&actors[i].worker);
        arena_free(&actors[i].j.arena);
    }
}

static void over(struct actor *a) {
    worker_stop(&a->worker);
}

static int int_at(struct str doc, const char *name) {
    char text[64], pattern[16];
    int n = 0;
    snprintf(text, sizeof text, "%.*s", STR_FMT(doc));
    snprintf(pattern, sizeof pattern, "\"%s\":%%d", name);
    char *at = strstr(text, name);
    must(at);
    must(sscanf(at - 1, pattern, &n) == 1);
    return n;
}

/* ---------------------------------------------------------------- a counter */

static void counter_read(struct actor *a);

static void counter_written(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    if (j->status == ERR_CONFLICT)
        a->conflicts++;
    else if (j->status == 0)
        a->left--;
    else
        abort();
    if (a->left)
        counter_read(a);
    else
        over(a);
}

static void counter_known(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    must(j->status == 0);
    snprintf(a->doc[0], sizeof a->doc[0], "{\"n\":%d}", int_at(j->rows[0].doc, "n") + 1);
    a->steps[0] = (struct store_step){.what = STORE_UPDATE,
                                      .collection = &a->c,
                                      .id = STR("counter"),
                                      .doc = str_of(a->doc[0]),
                                      .rev = j->rows[0].rev};
    a->j.steps = a->steps;
    a->j.n_steps = 1;
    submit(a, STORE_WRITE, counter_written);
}

static void counter_read(struct actor *a) {
    a->c = named("c");
    a->j.collection = a->c;
    a->j.id = STR("counter");
    submit(a, STORE_GET, counter_known);
}

static void no_update_is_lost(void **state) {
    int conflicts = 0;
    char want[32];
    (void)state;
    open_memory();
    assert_int_equal(ensure(named("c")), 0);
    create("c", "counter", "{\"n\":0}");
    run_actors(counter_read);
    for (int i = 0; i < WORKERS; i++)
        conflicts += actors[i].conflicts;
    snprintf(want, sizeof want, "{\"n\":%d}", WORKERS * ROUNDS);
    assert_string_equal(get("c", "counter"), want);
    print_message("%d updates, %d conflicts\n", WORKERS * ROUNDS, conflicts);
}

/* ---------------------------------------------------------------- a limit on a query */

/* Everybody adds documents of a group as long as the group has fewer than GROUP of them: phantoms
 * would let it grow beyond. */
enum { GROUP = 40 };

static void group_read(struct actor *a);

static void group_written(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    if (j->status == ERR_CONFLICT)
        a->conflicts++;
    else
        must(j->status == 0);
    group_read(a);
}

static void group_known(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    must(j->status == 0);
    must(j->n_rows <= GROUP);
    if (j->n_rows == GROUP) {
        over(a);
        return;
    }
    snprintf(a->id, sizeof a->id, "%d-%d-%d", a->index, j->n_rows, a->left--);
    a->steps[0] = (struct store_step){
        .what = STORE_CHECK_QUERY, .collection = &a->c, .query = &a->j.query, .digest = j->digest};
    a->steps[1] = (struct store_step){.what = STORE_CREATE,
                                      .collection = &a->c,
                                      .id = str_of(a->id),
                                      .doc = STR("{\"group\":\"g\"}")};
    a->j.steps = a->steps;
    a->j.n_steps = 2;
    submit(a, STORE_WRITE, group_written);
}

static void group_read(struct actor *a) {
    a->c = named("c");
    a->value = TXT("g");
    a->field = STR("group");
    a->filter = (struct store_filter){.match = STORE_EQUALS,
                                      .fields = &a->field,
                                      .n_fields = 1,
                                      .values = &a->value,
                                      .n_values = 1};
    a->j.collection = a->c;
    a->j.query = (struct store_query){.filters = &a->filter, .n_filters = 1};
    submit(a, STORE_FIND, group_known);
}

static void no_phantom_slips_through_a_check(void **state) {
    struct call *call;
    (void)state;
    open_memory();
    assert_int_equal(ensure(named("c")), 0);
    run_actors(group_read);
    call = call_new(STORE_FIND);
    call->j.collection = named("c");
    assert_int_equal(call_run(call), 0);
    assert_int_equal(call->j.n_rows, GROUP);
    call_free(call);
}

/* ---------------------------------------------------------------- readers see whole jobs */

/* Writers move one unit between two documents; readers always see the same sum. */
static void move_read(struct actor *a);

static void moved(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    must(j->status == 0 || j->status == ERR_CONFLICT);
    move_read(a);
}

static void sum_known(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    must(j->status == 0);
    must(j->n_rows == 2);
    int n[2];
    for (int i = 0; i < 2; i++)
        n[i] = int_at(j->rows[i].doc, "n");
    must(n[0] + n[1] == 100);
    if (--a->left == 0) {
        over(a);
        return;
    }
    for (int i = 0; i < 2; i++) {
        snprintf(a->doc[i], sizeof a->doc[i], "{\"n\":%d}", n[i] + (i ? 1 : -1));
        a->steps[i] = (struct store_step){.what = STORE_UPDATE,
                                          .collection = &a->c,
                                          .id = i ? STR("b") : STR("a"),
                                          .doc = str_of(a->doc[i]),
                                          .rev = j->rows[i].rev};
    }
    a->j.steps = a->steps;
    a->j.n_steps = 2;
    submit(a, STORE_WRITE, moved);
}

static void move_read(struct actor *a) {
    a->c = named("c");
    a->j.collection = a->c;
    a->j.query = (struct store_query){0};
    submit(a, STORE_FIND, sum_known);
}

static void a_reader_never_sees_half_a_job(void **state) {
    (void)state;
    open_memory();
    assert_int_equal(ensure(named("c")), 0);
    create("c", "a", "{\"n\":50}");
    create("c", "b", "{\"n\":50}");
    run_actors(move_read);
}

/* ---------------------------------------------------------------- one view of the data */

/* Half of the workers make and remove documents, the others ask for rows and their count, which two
 * statements answer. */
static void count_or_change(struct actor *a);

static void count_known(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    must(j->status == 0);
    must(a->index % 2 || j->count == j->n_rows);
    if (--a->left == 0)
        over(a);
    else
        count_or_change(a);
}

static void count_or_change(struct actor *a) {
    a->c = named("c");
    a->j.collection = a->c;
    a->j.query = (struct store_query){.count = true};
    if (a->index % 2 == 0) {
        submit(a, STORE_FIND, count_known);
        return;
    }
    snprintf(a->id, sizeof a->id, "c%d", a->index);
    a->steps[0] = (struct store_step){.what = a->left % 2 ? STORE_DELETE : STORE_PUT,
                                      .collection = &a->c,
                                      .id = str_of(a->id),
                                      .doc = STR("{}")};
    a->j.steps = a->steps;
    a->j.n_steps = 1;
    submit(a, STORE_WRITE, count_known);
}

static void a_count_is_of_the_same_moment_as_its_rows(void **state) {
    (void)state;
    open_memory();
    assert_int_equal(ensure(named("c")), 0);
    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        create("c", id, "{}");
    }
    run_actors(count_or_change);
}

/* ---------------------------------------------------------------- declarations meanwhile */

static void declare_more(struct actor *a);

static void declared(struct store_job *j) {
    struct actor *a = (struct actor *)(void *)j;
    must(j->status == 0);
    if (--a->left == 0)
        over(a);
    else
        declare_more(a);
}

static void declare_more(struct actor *a) {
    static const struct store_index index = {.fields = {STR("n"), STR("m")}, .n_fields = 2};
    a->c = named("c");
    a->j.collection = a->c;
    if (a->index % 2) {
        a->j.collection.indexes = &index;
        a->j.collection.n_indexes = a->left % 2;
        submit(a, STORE_ENSURE, declared);
        return;
    }
    a->value = INT(7);
    a->field = STR("n");
    a->filter = (struct store_filter){.match = STORE_EQUALS,
                                      .fields = &a->field,
                                      .n_fields = 1,
                                      .values = &a->value,
                                      .n_values = 1};
    a->j.query = (struct store_query){.filters = &a->filter, .n_filters = 1};
    submit(a, STORE_FIND, declared);
}

static void indexes_may_change_while_others_read(void **state) {
    (void)state;
    open_memory();
    assert_int_equal(ensure(named("c")), 0);
    create("c", "a", "{\"n\":7}");
    run_actors(declare_more);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(no_update_is_lost),
        SPEC(no_phantom_slips_through_a_check),
        SPEC(a_reader_never_sees_half_a_job),
        SPEC(a_count_is_of_the_same_moment_as_its_rows),
        SPEC(indexes_may_change_while_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
