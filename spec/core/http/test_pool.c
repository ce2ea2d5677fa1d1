/*
 * Connections that are kept, shared out, waited for and given up. Names are looked up in a script
 * of this file's own, in place of core/loop/dns.c.
 */
#include "raw.h"

#include <sys/resource.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/pool.h"

/* Somebody who wants a connection. */
struct taker {
    struct pool_wait wait;
    struct pool_conn *conn;
    int ready; /* calls of it */
    struct err error;
    bool give; /* give it back inside ready() */
};

enum { CROWD = POOL_OPEN + POOL_QUEUE + 1 };

static struct taker crowd[CROWD];
static struct taker *const a = &crowd[0], *const b = &crowd[1], *const c = &crowd[2];
static int upstream; /* listening socket */
static struct pool_addr where;

static void on_ready(struct pool_wait *w, struct pool_conn *conn, const struct err *e) {
    struct taker *t = LIST_ENTRY(w, struct taker, wait);
    t->ready++;
    t->conn = conn;
    if (conn)
        conn->call = (struct call *)(void *)t;
    else
        t->error = *e;
    if (conn && t->give) pool_give(conn);
}

/* "two.test" has two addresses, and nobody listens at the first; "none.test" has none; "flip.test"
 * has one until it is flipped; "later.test" is answered by answer_later; anything else must be a
 * literal. */
static bool flipped;
static struct dns_query *later;
static int lookups_cancelled;

static void add_address(struct dns_query *q, const char *text) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&q->addr[q->n].sa;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&q->addr[q->n++].sa;
    bool six = strchr(text, ':');
    if (six)
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    else
        *v4 = (struct sockaddr_in){.sin_family = AF_INET};
    *(six ? &v6->sin6_port : &v4->sin_port) = htons((uint16_t)q->port);
    assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, text,
                               six ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr),
                     1);
}

int dns_resolve(struct dns_query *q, struct str host, int port, void (*done)(struct dns_query *)) {
    q->port = port;
    q->n = q->status = 0;
    q->done = done;
    snprintf(q->host, sizeof q->host, "%.*s", STR_FMT(host));
    if (strcmp(q->host, "two.test") == 0) {
        add_address(q, "127.0.0.2");
        add_address(q, "127.0.0.1");
    } else if (strcmp(q->host, "none.test") == 0) {
        q->status = -ENOENT;
    } else if (strcmp(q->host, "later.test") == 0) {
        later = q;
        return 0;
    } else if (strcmp(q->host, "flip.test") == 0) {
        if (flipped)
            q->status = -ENOENT;
        else
            add_address(q, "127.0.0.1");
    } else if (strcmp(q->host, "busy.test") == 0) {
        return ERR_BUSY;
    } else {
        add_address(q, q->host);
    }
    return 1;
}

static void answer_later(const char *address) {
    struct dns_query *q = later;
    later = NULL;
    if (address)
        add_address(q, address);
    else
        q->status = -ENOENT;
    q->done(q);
}

void dns_cancel(struct dns_query *q) {
    assert_ptr_equal(q, later);
    later = NULL;
    lookups_cancelled++;
    mem_free(q);
}

/* Returns what pool_take does. */
static int take(struct taker *t, bool fresh) {
    t->wait.ready = on_ready;
    t->ready = 0;
    t->conn = NULL;
    int rc = pool_take(&raw_worker, &where, fresh, &t->wait);
    assert_int_equal(rc, t->ready);
    return rc;
}

static void take_wait(struct taker *t) {
    take(t, false);
    UNTIL(t->ready);
    assert_non_null(t->conn);
}

static void give(struct taker *t) {
    t->conn->requests++;
    pool_give(t->conn);
}

static int setup(void **state) {
    conf.connect_timeout = 5000000000ull;
    conf.upstream_idle = 4;
    conf.upstream_keepalive = 60000000000ull;
    memset(crowd, 0, sizeof crowd);
    upstream = raw_listen(&where.port);
    where.host = STR("127.0.0.1");
    assert_int_equal(worker_init(&raw_worker, -1, NULL), 0);
    assert_int_equal(pool_open(&raw_worker), 0);
    return 0;
}

static int teardown(void **state) {
    mem_fail_at(0, false);
    pool_close(&raw_worker);
    raw_close_all();
    if (upstream >= 0) close(upstream);
    for (int i = 0; i < 2000 && raw_worker.slot[WORKER_POOL]; i++)
        raw_turn();
    assert_null(raw_worker.slot[WORKER_POOL]);
    worker_free(&raw_worker);
    assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 0);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);
    return 0;
}

static void the_connection_used_last_is_used_first(void **state) {
    take_wait(a);
    take_wait(b);
    struct pool_conn *first = a->conn, *second = b->conn;
    assert_ptr_not_equal(first, second);
    give(a);
    give(b);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 2);
    assert_int_equal(take(c, false), 1);
    assert_ptr_equal(c->conn, second);
    assert_int_equal(take(a, false), 1);
    assert_ptr_equal(a->conn, first);
    pool_drop(a->conn);
    pool_drop(c->conn);
}

static void whoever_wants_a_fresh_connection_gets_one(void **state) {
    take_wait(a);
    struct pool_conn *used = a->conn;
    give(a);
    assert_int_equal(take(b, true), 0);
    UNTIL(b->ready);
    assert_ptr_not_equal(b->conn, used);
    assert_int_equal(b->conn->requests, 0);
    pool_drop(b->conn);
}

static void upstreams_do_not_share_connections(void **state) {
    int port;
    int other = raw_listen(&port);
    take_wait(a);
    give(a);
    where.port = port;
    assert_int_equal(take(b, false), 0);
    UNTIL(b->ready);
    struct raw *r = raw_accept(other);
    pool_drop(b->conn);
    UNTIL(raw_over(r));
    close(other);
}

static void an_idle_connection_that_ends_or_speaks_is_closed(void **state) {
    for (int kind = 0; kind < 3; kind++) {
        take_wait(a);
        struct raw *r = raw_accept(upstream);
        give(a);
        if (kind == 0) raw_end(r);
        if (kind == 1) raw_send(r, "x");
        if (kind < 2) UNTIL(raw_over(r));
        if (kind == 2) raw_reset(r);
        UNTIL(stat_get(STAT_UPSTREAM_IDLE) == 0);
        assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 0);
    }
}

static void a_connection_that_rested_long_is_looked_at_before_use(void **state) {
    take_wait(a);
    struct raw *r = raw_accept(upstream);
    struct pool_conn *old = a->conn;
    give(a);
    old->rested -= POOL_LOOK + 1; /* it hung up, but the loop has not turned since */
    raw_close(r);
    poll(NULL, 0, 10);
    assert_int_equal(take(b, false), 0);
    UNTIL(b->ready);
    assert_int_equal(b->conn->requests, 0);

    old = b->conn; /* and one that did not is used */
    give(b);
    old->rested -= POOL_LOOK + 1;
    assert_int_equal(take(a, false), 1);
    assert_ptr_equal(a->conn, old);
    pool_drop(a->conn);
}

static void what_cannot_serve_again_is_not_kept(void **state) {
    take_wait(a);
    a->conn->born -= POOL_AGE;
    give(a);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);

    static char block[1 << 20]; /* more than the kernel takes: some of it waits */
    take_wait(a);
    while (stream_write1(&a->conn->stream, block, sizeof block) == 0) {
    }
    give(a);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);
}

static void no_more_than_the_set_number_rests_for_long(void **state) {
    struct pool_conn *conns[6];
    for (int i = 0; i < 6; i++) {
        take_wait(&crowd[i]);
        conns[i] = crowd[i].conn;
    }
    for (int i = 0; i < 6; i++)
        give(&crowd[i]);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 6); /* they may be needed again at once */
    assert_int_equal(take(&crowd[5], false), 1);
    assert_ptr_equal(crowd[5].conn, conns[5]);
    give(&crowd[5]);
    UNTIL(stat_get(STAT_UPSTREAM_IDLE) == 4);
    for (int i = 0; i < 4; i++) { /* the set number stays */
        assert_int_equal(take(&crowd[i], false), 1);
        assert_ptr_equal(crowd[i].conn, conns[3 - i]);
        pool_drop(crowd[i].conn);
    }
    conf.upstream_idle = 0;
    take_wait(a);
    give(a);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);
}

static void an_idle_connection_closes_after_its_time(void **state) {
    conf.upstream_keepalive = 20000000;
    take_wait(a);
    struct raw *r = raw_accept(upstream);
    give(a);
    UNTIL(raw_over(r));
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);
}

static void idle_connections_of_a_lost_instance_can_be_dropped(void **state) {
    take_wait(a);
    take_wait(b);
    give(a);
    pool_drop_peer(&raw_worker, &where);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);
    assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 1); /* the one in use stays */
    pool_drop(b->conn);
    pool_drop_peer(&raw_worker, &where);
}

static void a_refused_connection_is_reported(void **state) {
    where.port = raw_dead_port();
    take(a, false);
    UNTIL(a->ready);
    assert_null(a->conn);
    assert_int_equal(a->error.code, -ECONNREFUSED);
    assert_non_null(strstr(a->error.text, "connection refused"));
}

static void bad_addresses_are_refused(void **state) {
    char host[POOL_HOST + 2];
    memset(host, 'a', sizeof host);
    struct pool_addr bad[] = {
        {STR(""), 80}, {STR("127.0.0.1"), 0}, {STR("127.0.0.1"), 65536}, {{host, sizeof host}, 80}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        where = bad[i];
        assert_int_equal(take(a, false), 1);
        assert_null(a->conn);
        assert_int_equal(a->error.code, -EINVAL);
        pool_drop_peer(&raw_worker, &where);
    }
}

static void all_addresses_of_a_name_are_tried(void **state) {
    where.host = STR("two.test");
    take(a, false);
    UNTIL(a->ready);
    assert_non_null(a->conn);
    struct raw *r = raw_accept(upstream);
    pool_drop(a->conn);
    UNTIL(raw_over(r));

    where.port = raw_dead_port();
    take(a, false);
    UNTIL(a->ready);
    assert_null(a->conn);
    assert_int_equal(a->error.code, -ECONNREFUSED);
}

static void ipv6_literals_work(void **state) {
    int port = 0;
    int six = raw_listen_at("::1", &port, 8);
    where = (struct pool_addr){STR("::1"), port};
    take_wait(a);
    struct raw *r = raw_accept(six);
    pool_drop(a->conn);
    UNTIL(raw_over(r));
    close(six);
}

static void a_name_that_takes_its_time_is_waited_for(void **state) {
    where.host = STR("later.test");
    assert_int_equal(take(a, false), 0);
    raw_settle();
    assert_int_equal(a->ready, 0);
    answer_later("127.0.0.1");
    UNTIL(a->ready);
    assert_non_null(a->conn);
    pool_drop(a->conn);
}

static void a_name_without_an_address_is_reported(void **state) {
    where.host = STR("none.test");
    assert_int_equal(take(a, false), 1);
    assert_int_equal(a->error.code, -ENOENT);
    where.host = STR("busy.test");
    assert_int_equal(take(a, false), 1);
    assert_int_equal(a->error.code, ERR_BUSY);
    where.host = STR("later.test");
    assert_int_equal(take(a, false), 0);
    answer_later(NULL);
    assert_int_equal(a->ready, 1);
    assert_int_equal(a->error.code, -ENOENT);
}

static void a_look_up_is_cancelled_with_its_taker_or_by_time(void **state) {
    where.host = STR("later.test");
    lookups_cancelled = 0;
    assert_int_equal(take(a, false), 0);
    pool_take_cancel(&a->wait);
    pool_take_cancel(&a->wait);
    assert_int_equal(lookups_cancelled, 1);
    assert_int_equal(a->ready, 0);

    conf.connect_timeout = 20000000;
    assert_int_equal(take(a, false), 0);
    UNTIL(a->ready);
    assert_int_equal(a->error.code, ERR_TIMEOUT);
    assert_int_equal(lookups_cancelled, 2);
}

/* A listener whose backlog is full: it accepts nothing more and refuses nothing. */
static void a_silent_address_is_given_up_in_time(void **state) {
    int port = 0;
    int silent = raw_listen_at("127.0.0.1", &port, 0);
    raw_connect(port);
    where.port = port;
    conf.connect_timeout = 50000000;
    take(a, false);
    UNTIL(a->ready || stat_get(STAT_UPSTREAM_OPEN) > 0);
    if (a->conn) { /* the kernel had room for one more */
        take(b, true);
        UNTIL(b->ready);
        pool_drop(a->conn);
        a->error = b->error;
        if (b->conn) pool_drop(b->conn);
        assert_null(b->conn);
    }
    assert_int_equal(a->error.code, ERR_TIMEOUT);
    close(silent);
}

static void a_connect_can_be_cancelled(void **state) {
    assert_int_equal(take(a, false), 0);
    pool_take_cancel(&a->wait);
    raw_settle();
    assert_int_equal(a->ready, 0);
    struct raw *r = raw_try_accept(upstream);
    if (r) UNTIL(raw_over(r));
}

/* POOL_OPEN connections are in use; crowd[POOL_OPEN] is the first without one. */
static void crowded(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    assert_true(files.rlim_max > 2 * POOL_OPEN + 100);
    for (int i = 0; i < POOL_OPEN; i++) {
        take_wait(&crowd[i]);
        if (i % 128 == 127) /* or the backlog overflows */
            while (raw_try_accept(upstream)) {
            }
    }
    assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), POOL_OPEN);
}

static void beyond_the_bound_takers_wait_in_line(void **state) {
    crowded();
    struct taker *t = &crowd[POOL_OPEN];
    for (int i = 0; i < POOL_QUEUE; i++)
        assert_int_equal(take(&t[i], i == 1), 0);
    assert_int_equal(take(&t[POOL_QUEUE], false), 1);
    assert_int_equal(t[POOL_QUEUE].error.code, ERR_BUSY);

    struct pool_conn *first = crowd[0].conn;
    give(&crowd[0]); /* goes to the first in line */
    assert_ptr_equal(t[0].conn, first);
    give(&crowd[1]); /* the next one wants a fresh one: this makes room for it */
    UNTIL(t[1].ready);
    assert_non_null(t[1].conn);
    assert_int_equal(t[1].conn->requests, 0);

    pool_take_cancel(&t[2].wait);
    pool_drop(crowd[2].conn); /* room for the fourth: the third left */
    UNTIL(t[3].ready);
    assert_int_equal(t[2].ready, 0);
    for (int i = 4; i < POOL_QUEUE; i++)
        t[i].give = true; /* each hands on to the next */
    pool_give(crowd[3].conn);
    for (int i = 4; i < POOL_QUEUE; i++)
        assert_int_equal(t[i].ready, 1);
    for (int i = 4; i < POOL_OPEN; i++)
        pool_drop(crowd[i].conn);
    pool_drop(t[0].conn);
    pool_drop(t[1].conn);
    pool_drop(t[3].conn);
}

static void takers_in_line_for_a_dead_upstream_all_hear_of_it(void **state) {
    crowded();
    struct taker *t = &crowd[POOL_OPEN];
    for (int i = 0; i < POOL_QUEUE; i++)
        take(&t[i], false);
    close(upstream);
    upstream = -1;
    raw_close_all();
    for (int i = 0; i < POOL_OPEN; i++)
        pool_drop(crowd[i].conn);
    for (int i = 0; i < POOL_QUEUE; i++) {
        UNTIL(t[i].ready);
        assert_null(t[i].conn);
    }
}

static void takers_in_line_for_a_name_that_vanished_all_hear_of_it(void **state) {
    flipped = false;
    where.host = STR("flip.test");
    crowded();
    struct taker *t = &crowd[POOL_OPEN];
    for (int i = 0; i < POOL_QUEUE; i++)
        take(&t[i], false);
    flipped = true;
    pool_drop(crowd[0].conn);
    for (int i = 0; i < POOL_QUEUE; i++) {
        assert_int_equal(t[i].ready, 1);
        assert_int_equal(t[i].error.code, -ENOENT);
    }
    for (int i = 1; i < POOL_OPEN; i++)
        pool_drop(crowd[i].conn);
}

static void a_closing_pool_refuses_and_lets_go(void **state) {
    take_wait(a);
    take_wait(b);
    give(b);
    assert_int_equal(take(c, true), 0); /* being made */
    pool_close(&raw_worker);
    assert_int_equal(c->ready, 1);
    assert_int_equal(c->error.code, ERR_CANCELED);
    assert_int_equal(stat_get(STAT_UPSTREAM_IDLE), 0);
    assert_int_equal(take(b, false), 1);
    assert_int_equal(b->error.code, ERR_CANCELED);
    raw_settle();
    assert_non_null(raw_worker.slot[WORKER_POOL]); /* one is in use still */
    pool_give(a->conn);
    UNTIL(!raw_worker.slot[WORKER_POOL]);
    assert_int_equal(take(b, false), 1); /* and without a pool at all */
    assert_int_equal(b->error.code, ERR_CANCELED);
}

static void every_allocation_may_fail(void **state) {
    bool fired = true;
    for (long n = 1; fired; n++) {
        mem_fail_at(n, false);
        take(a, false);
        for (int i = 0; i < 5000 && !a->ready; i++)
            raw_turn();
        assert_int_equal(a->ready, 1);
        if (a->conn) {
            struct pool_conn *conn = a->conn;
            give(a);
            if (take(b, false) == 1)
                assert_ptr_equal(b->conn, conn);
            else
                pool_take_cancel(&b->wait);
            if (b->conn) pool_drop(b->conn);
        }
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!fired) assert_non_null(a->conn);
        raw_settle();
        assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 0);
        pool_drop_peer(&raw_worker, &where);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    log_start(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    const struct CMUnitTest tests[] = {
        T(the_connection_used_last_is_used_first),
        T(whoever_wants_a_fresh_connection_gets_one),
        T(upstreams_do_not_share_connections),
        T(an_idle_connection_that_ends_or_speaks_is_closed),
        T(a_connection_that_rested_long_is_looked_at_before_use),
        T(what_cannot_serve_again_is_not_kept),
        T(no_more_than_the_set_number_rests_for_long),
        T(an_idle_connection_closes_after_its_time),
        T(idle_connections_of_a_lost_instance_can_be_dropped),
        T(a_refused_connection_is_reported),
        T(bad_addresses_are_refused),
        T(all_addresses_of_a_name_are_tried),
        T(ipv6_literals_work),
        T(a_name_that_takes_its_time_is_waited_for),
        T(a_name_without_an_address_is_reported),
        T(a_look_up_is_cancelled_with_its_taker_or_by_time),
        T(a_silent_address_is_given_up_in_time),
        T(a_connect_can_be_cancelled),
        T(beyond_the_bound_takers_wait_in_line),
        T(takers_in_line_for_a_dead_upstream_all_hear_of_it),
        T(takers_in_line_for_a_name_that_vanished_all_hear_of_it),
        T(a_closing_pool_refuses_and_lets_go),
        T(every_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_stop();
    return failed;
}
