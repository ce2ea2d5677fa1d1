/*
 * Which route a path gets, and how long tables live while workers change from one to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/http/route.h"

static struct worker here; /* of the test's own thread */
static _Atomic int dropped;

static void count_drop(struct route_table *t) {
    atomic_fetch_add(&dropped, 1);
}

static struct route_table *table(const char *const *names, int n) {
    struct route_table *t = route_table_new();
    assert_non_null(t);
    t->drop = count_drop;
    for (int i = 0; i < n; i++)
        assert_int_equal(route_table_add(t, str_of(names[i]), NULL, NULL, (unsigned)i), 0);
    return t;
}

static int setup(void **state) {
    struct err e = {0};
    alarm(120);
    atomic_store(&dropped, 0);
    return worker_init(&here, -1, &e);
}

static int teardown(void **state) {
    route_close(&here);
    route_publish(NULL);
    worker_free(&here);
    alarm(0);
    return 0;
}

static void turn(void) {
    for (int i = 0; i < 3; i++)
        uv_run(&here.loop, UV_RUN_NOWAIT);
}

/* ---- matching ------------------------------------------------------------------------------- */

static void the_first_segment_chooses(void **state) {
    static const char *const names[] = {"svc", "a-b", "x.example", "a%2fb", ""};
    static const struct {
        const char *path, *segment, *rest, *name; /* name NULL = the other route */
        int port;
    } cases[] = {
        {"/svc", "svc", "", "svc", 0},
        {"/svc/", "svc", "/", "svc", 0},
        {"/svc/a/b", "svc", "/a/b", "svc", 0},
        {"/svc//A%2e%41:1", "svc", "//A%2e%41:1", "svc", 0},
        {"/%73vc/a", "svc", "/a", "svc", 0},
        {"/s%76%63", "svc", "", "svc", 0},
        {"/a%2Db", "a-b", "", "a-b", 0},
        {"/x%2eexample/y", "x.example", "/y", "x.example", 0},
        {"/a%2Fb/c", "a%2fb", "/c", "a%2fb", 0},
        {"/%2573vc", "%2573vc", "", NULL, 0}, /* decoded once only, and '%' is reserved */
        {"/SVC", "svc", "", "svc", 0},
        {"/%53vC/X", "svc", "/X", "svc", 0},
        {"/X.Example/Y", "x.example", "/Y", "x.example", 0},
        {"/svc%20", "svc%20", "", NULL, 0},
        {"/svc.", "svc.", "", NULL, 0},
        {"/svc;a", "svc;a", "", NULL, 0},
        {"/sv", "sv", "", NULL, 0},
        {"/svcs", "svcs", "", NULL, 0},
        {"//svc", "", "/svc", "", 0},
        {"/", "", "", "", 0},
        {"*", "", "", "", 0},
        {"", "", "", "", 0},
        {"/%c3%a9", "%c3%a9", "", NULL, 0},
        /* ports */
        {"/svc:443/a", "svc", "/a", "svc", 443},
        {"/SVC:1", "svc", "", "svc", 1},
        {"/svc:65535/", "svc", "/", "svc", 65535},
        {"/svc:%38%388", "svc", "", "svc", 888},
        {"/svc:00443", "svc", "", "svc", 443},
        {"/nobody:80/a", "nobody", "/a", NULL, 80},
        {"/:80/a", "", "/a", "", 80},
        {"/svc:/a", "svc:", "/a", NULL, -1},
        {"/svc:0", "svc:0", "", NULL, -1},
        {"/svc:65536", "svc:65536", "", NULL, -1},
        {"/svc:000443", "svc:000443", "", NULL, -1},
        {"/svc:18446744073709551617", "svc:18446744073709551617", "", NULL, -1},
        {"/svc:http/a", "svc:http", "/a", NULL, -1},
        {"/svc:+80", "svc:+80", "", NULL, -1},
        {"/svc:-1", "svc:-1", "", NULL, -1},
        {"/svc:80:443", "svc:80:443", "", NULL, -1},
        {"/svc%3a443", "svc%3a443", "", NULL, 0}, /* an escaped colon separates nothing */
    };
    struct route_table *t = table(names, 5);
    struct arena arena;
    arena_init(&arena, 256);
    t->other = arena_zalloc(&t->arena, sizeof *t->other);
    t->other->flags = 99;
    route_publish(t);
    struct route_view *v = route_view_take(&here);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_place at;
        const struct route *r = route_match(v, str_of(cases[i].path), &arena, &at);
        if (!str_eq(at.segment, str_of(cases[i].segment)))
            fail_msg("%s: segment <%.*s>", cases[i].path, STR_FMT(at.segment));
        if (!str_eq(at.rest, str_of(cases[i].rest)))
            fail_msg("%s: rest <%.*s>", cases[i].path, STR_FMT(at.rest));
        if (at.port != cases[i].port) fail_msg("%s: port %d", cases[i].path, at.port);
        if (cases[i].name ? !str_eq(r->name, str_of(cases[i].name)) || r->flags == 99
                          : r->flags != 99)
            fail_msg("%s: route <%.*s>", cases[i].path, STR_FMT(r->name));
    }
    route_view_give(v);
    arena_free(&arena);
}

static void nothing_is_copied_without_need(void **state) {
    static const char *const names[] = {"svc"};
    static const char *const paths[] = {"/svc", "/svc/A%20b", "/svc:4711/a", "/svc:0"};
    struct arena arena;
    struct route_place at;
    arena_init(&arena, 256);
    route_publish(table(names, 1));
    struct route_view *v = route_view_take(&here);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        route_match(v, str_of(paths[i]), &arena, &at);
        assert_ptr_equal(at.segment.p, paths[i] + 1);
        assert_int_equal(arena.total, 0);
    }
    assert_null(route_match(v, STR("/other"), &arena, &at));
    route_view_give(v);
    arena_free(&arena);
}

static void without_memory_a_name_that_must_be_copied_is_nobodys(void **state) {
    static const char *const names[] = {"svc"};
    static const char *const paths[] = {"/%73vc", "/SVC"};
    struct arena arena;
    struct route_place at;
    arena_init(&arena, 256);
    route_publish(table(names, 1));
    struct route_view *v = route_view_take(&here);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        mem_fail_at(1, true);
        assert_null(route_match(v, str_of(paths[i]), &arena, &at));
        mem_fail_at(0, false);
        assert_true(str_eq(at.segment, str_of(paths[i] + 1)));
    }
    route_view_give(v);
    arena_free(&arena);
}

static void the_path_that_is_a_slash_leads_to_root_when_there_is_one(void **state) {
    static const char *const names[] = {"root"};
    static const char *const others[] = {"//", "//root", "/:443", "/roots", "*", ""};
    struct arena arena;
    struct route_place at;
    arena_init(&arena, 256);
    route_publish(table(names, 1));
    struct route_view *v = route_view_take(&here);
    const struct route *root = route_match(v, STR("/root/a"), &arena, &at);
    assert_non_null(root);
    assert_ptr_equal(route_match(v, STR("/"), &arena, &at), root);
    assert_true(str_eq(at.segment, STR("root")));
    assert_int_equal(at.rest.n, 0);
    assert_int_equal(at.port, 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(route_match(v, str_of(others[i]), &arena, &at));
    route_view_give(v);
    arena_free(&arena);
}

/* ---- tables --------------------------------------------------------------------------------- */

static void a_name_is_added_once(void **state) {
    static const char *const names[] = {"a", "b"};
    struct route_table *t = table(names, 2);
    char name[] = "c";
    assert_int_equal(route_table_add(t, str_of("a"), NULL, NULL, 0), -EEXIST);
    assert_int_equal(route_table_add(t, str_of(name), NULL, NULL, 7), 0);
    name[0] = 'x'; /* it was copied */
    struct route *c = map_get(&t->names, STR("c"));
    assert_int_equal(c->flags, 7);
    assert_true(str_eq(c->name, STR("c")));
    route_table_free(t);
    assert_int_equal(dropped, 1);
}

static void a_table_needs_memory(void **state) {
    bool fired = true;
    for (long n = 1; fired; n++) {
        mem_fail_at(n, false);
        struct route_table *t = route_table_new();
        int rc = t ? route_table_add(t, STR("a"), NULL, NULL, 0) : -ENOMEM;
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_int_equal(rc, fired ? -ENOMEM : 0);
        route_table_free(t);
    }
}

/* ---- publishing ----------------------------------------------------------------------------- */

static void there_is_no_view_before_the_first_publish(void **state) {
    assert_null(route_view_take(&here));
    static const char *const names[] = {"a"};
    route_publish(table(names, 1));
    struct route_view *v = route_view_take(&here);
    assert_non_null(v);
    route_view_give(v);
}

static void a_worker_changes_at_its_next_turn(void **state) {
    static const char *const first[] = {"a"}, *const second[] = {"b"};
    struct route_table *one = table(first, 1), *two = table(second, 1);
    route_publish(one);
    struct route_view *v = route_view_take(&here);
    assert_ptr_equal(v->table, one);
    route_publish(two);
    struct route_view *w = route_view_take(&here);
    assert_ptr_equal(w->table, one); /* not in the middle of a turn */
    route_view_give(w);
    turn();
    w = route_view_take(&here);
    assert_ptr_equal(w->table, two);
    assert_int_equal(dropped, 0); /* v still holds the first one */
    assert_non_null(map_get(&v->table->names, STR("a")));
    route_view_give(v);
    assert_int_equal(dropped, 1);
    route_view_give(w);
}

static void tables_that_nobody_looked_at_go_too(void **state) {
    static const char *const names[] = {"a"};
    route_publish(table(names, 1));
    route_view_give(route_view_take(&here));
    for (int i = 0; i < 5; i++)
        route_publish(table(names, 1));
    turn();
    assert_int_equal(dropped, 5);
    route_publish(NULL);
    route_close(&here);
    assert_int_equal(dropped, 6);
    assert_null(route_view_take(&here));
}

/* ---- many threads --------------------------------------------------------------------------- */

enum { THREADS = 3, TABLES = 300 };

/* What a route points to; the drop marks it. */
struct thing {
    _Atomic int alive;
};
static struct thing things[TABLES];

static void drop_thing(struct route_table *t) {
    struct thing *thing = t->data;
    assert_int_equal(atomic_exchange(&thing->alive, 0), 1);
    atomic_fetch_add(&dropped, 1);
}

/* On every worker, once per turn: takes a view, gives it back some turns later. */
struct taker {
    struct worker_turn turn;
    struct worker *worker;
    struct route_view *held[8];
    unsigned n;
};
static struct taker takers[THREADS];
static _Atomic int looks;

static bool take_turn(struct worker_turn *turn_) {
    struct taker *k = LIST_ENTRY(turn_, struct taker, turn);
    struct route_view **slot = &k->held[k->n++ % 8];
    if (*slot) {
        struct thing *thing = (*slot)->table->data;
        assert_int_equal(atomic_load(&thing->alive), 1);
        route_view_give(*slot);
    }
    *slot = route_view_take(k->worker);
    if (*slot) atomic_fetch_add(&looks, 1);
    return true;
}

static int start_taking(struct worker *w, struct err *e) {
    struct taker *k = &takers[w->index];
    *k = (struct taker){.worker = w, .turn.run = take_turn};
    list_init(&k->turn.link);
    worker_turn_add(w, &k->turn);
    return 0;
}

/* Ends the worker's part, on its thread. */
struct ending {
    struct message msg;
    struct taker *taker;
};

static void end_taking(struct message *m) {
    struct taker *k = LIST_ENTRY(m, struct ending, msg)->taker;
    worker_turn_remove(&k->turn);
    for (int i = 0; i < 8; i++)
        if (k->held[i]) route_view_give(k->held[i]);
    route_close(k->worker);
    worker_stop(k->worker);
}

static void workers_never_see_a_table_that_went_away(void **state) {
    static struct worker all[THREADS], *list[THREADS];
    struct err e = {0};
    for (int i = 0; i < THREADS; i++) {
        list[i] = &all[i];
        assert_int_equal(worker_init(&all[i], i, &e), 0);
    }
    workers = list;
    worker_count = THREADS;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(worker_start(&all[i], "taker", start_taking, &e), 0);
    for (int i = 0; i < TABLES; i++) {
        struct route_table *t = route_table_new();
        atomic_store(&things[i].alive, 1);
        t->data = &things[i];
        t->drop = drop_thing;
        assert_int_equal(route_table_add(t, STR("a"), NULL, t->data, 0), 0);
        int before = atomic_load(&looks);
        route_publish(t);
        while (i % 10 == 0 && atomic_load(&looks) < before + 20)
            sched_yield();
    }
    struct ending endings[THREADS];
    for (int i = 0; i < THREADS; i++) {
        endings[i] = (struct ending){.msg.deliver = end_taking, .taker = &takers[i]};
        worker_post(&all[i], &endings[i].msg);
    }
    for (int i = 0; i < THREADS; i++)
        worker_free(&all[i]);
    worker_count = 0;
    workers = NULL;
    assert_int_equal(dropped, TABLES - 1);
    route_publish(NULL);
    assert_int_equal(dropped, TABLES);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_first_segment_chooses),
        T(nothing_is_copied_without_need),
        T(without_memory_a_name_that_must_be_copied_is_nobodys),
        T(the_path_that_is_a_slash_leads_to_root_when_there_is_one),
        T(a_name_is_added_once),
        T(a_table_needs_memory),
        T(there_is_no_view_before_the_first_publish),
        T(a_worker_changes_at_its_next_turn),
        T(tables_that_nobody_looked_at_go_too),
        T(workers_never_see_a_table_that_went_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
