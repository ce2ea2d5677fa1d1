/* dns: against a resolver of the test's own. getaddrinfo and freeaddrinfo below take the place of
 * the system's, so that answers, their number and their moment are known. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/loop/dns.h"
#include "here.h"

/* ---- the resolver ---- */

static _Atomic int asked;   /* calls */
static _Atomic int inside;  /* calls under way */
static _Atomic bool held;   /* calls wait … */
static uv_sem_t let_go;     /* … for this */
static _Atomic int failure; /* what they return */

static struct addrinfo *node(int family, const char *text) {
    struct addrinfo *a = calloc(1, sizeof *a + sizeof(struct sockaddr_in6));
    a->ai_family = family;
    a->ai_addr = (struct sockaddr *)(void *)(a + 1);
    a->ai_addr->sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)a->ai_addr;
        a->ai_addrlen = sizeof *v4;
        v4->sin_port = htons(7);
        inet_pton(family, text, &v4->sin_addr);
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)a->ai_addr;
        a->ai_addrlen = sizeof *v6;
        inet_pton(AF_INET6, text, &v6->sin6_addr);
    }
    return a;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    atomic_fetch_add(&asked, 1);
    atomic_fetch_add(&inside, 1);
    if (atomic_load(&held)) uv_sem_wait(&let_go);
    atomic_fetch_sub(&inside, 1);
    if (service || !hints || hints->ai_socktype != SOCK_STREAM) return EAI_BADFLAGS;
    errno = ECONNREFUSED;
    if (atomic_load(&failure)) return atomic_load(&failure);
    struct addrinfo **tail = out;
    if (strcmp(name, "odd.test") == 0) {
        *tail = node(AF_UNIX, "::");
        return 0;
    }
    if (strcmp(name, "many.test") == 0) {
        for (int i = 0; i < 20; i++) {
            char text[32];
            snprintf(text, sizeof text, "10.0.0.%d", i / 2 + 1);
            *tail = node(AF_INET, text);
            tail = &(*tail)->ai_next;
        }
        return 0;
    }
    *tail = node(AF_INET6, "2001:db8::1");
    (*tail)->ai_next = node(AF_INET, "192.0.2.7");
    (*tail)->ai_next->ai_next = node(AF_INET6, "2001:db8::1");
    return 0;
}

void freeaddrinfo(struct addrinfo *list) {
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* The clock that ages answers: the real one and as much as the test adds. */
static _Atomic uint64_t later_ns;

uint64_t uv_hrtime(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + atomic_load(&later_ns);
}

static void pass_ms(uint64_t ms) {
    atomic_fetch_add(&later_ns, ms * 1000000);
}

/* ---- asking ---- */

static int answers;
static struct dns_query *last;

static void on_done(struct dns_query *q) {
    assert_ptr_equal(worker_self(), q->home);
    answers++;
    last = q;
}

static struct dns_query *query(void) {
    struct dns_query *q = mem_alloc(sizeof *q);
    memset(q, 0xa5, sizeof *q); /* whatever was there must not matter */
    return q;
}

static int resolve(struct dns_query *q, const char *host, int port) {
    return dns_resolve(q, str_of(host), port, on_done);
}

static const char *text_of(const struct dns_query *q, int i, char *out) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&q->addr[i].sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&q->addr[i].sa;
    bool four = v4->sin_family == AF_INET;
    assert_int_equal(ntohs(four ? v4->sin_port : v6->sin6_port), q->port);
    return inet_ntop(v4->sin_family, four ? (const void *)&v4->sin_addr : &v6->sin6_addr, out,
                     INET6_ADDRSTRLEN);
}

static void hold(void) {
    atomic_store(&held, true);
}
static void release(int n) {
    atomic_store(&held, false);
    while (n-- > 0)
        uv_sem_post(&let_go);
}

static int open_dns(void **state) {
    int r = here_open(state);
    uv_sem_init(&let_go, 0);
    atomic_store(&asked, 0);
    atomic_store(&failure, 0);
    atomic_store(&held, false);
    answers = 0;
    return r ? r : dns_start();
}
static int close_dns(void **state) {
    dns_stop();
    int r = here_close(state);
    uv_sem_destroy(&let_go);
    return r;
}

static void literal_addresses_answer_at_once(void **state) {
    (void)state;
    char text[INET6_ADDRSTRLEN];
    struct dns_query *q = query();
    assert_int_equal(resolve(q, "127.0.0.1", 80), 1);
    assert_int_equal(q->status, 0);
    assert_int_equal(q->n, 1);
    assert_string_equal(text_of(q, 0, text), "127.0.0.1");
    assert_int_equal(resolve(q, "::1", 65535), 1);
    assert_string_equal(text_of(q, 0, text), "::1");
    assert_int_equal(atomic_load(&asked), 0);
    mem_free(q);
}

static void what_is_no_host_is_refused(void **state) {
    (void)state;
    static const char *bad[] = {"", "a b", "a\tb", "a/b", "x:y", "::g", "a@b", "ä.test", "[::1]"};
    struct dns_query *q = query();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(resolve(q, bad[i], 80), -EINVAL);
    assert_int_equal(dns_resolve(q, str_make("a\0b", 3), 80, on_done), -EINVAL);
    assert_int_equal(resolve(q, "a.test", -1), -EINVAL);
    assert_int_equal(resolve(q, "a.test", 65536), -EINVAL);
    char longer[255];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(dns_resolve(q, str_make(longer, 254), 80, on_done), -EINVAL);
    assert_int_equal(atomic_load(&asked), 0);
    mem_free(q);
}

static void a_name_is_answered_later_in_the_resolvers_order_each_address_once(void **state) {
    (void)state;
    char text[INET6_ADDRSTRLEN];
    struct dns_query *q = query();
    assert_int_equal(resolve(q, "Some.Test", 8080), 0);
    here_until_n(&answers, 1);
    assert_ptr_equal(last, q);
    assert_int_equal(q->status, 0);
    assert_int_equal(q->n, 2);
    assert_string_equal(text_of(q, 0, text), "2001:db8::1");
    assert_string_equal(text_of(q, 1, text), "192.0.2.7");
    assert_string_equal(q->host, "some.test");
    mem_free(q);
}

static void no_more_addresses_than_there_is_room_for(void **state) {
    (void)state;
    char text[INET6_ADDRSTRLEN];
    struct dns_query *q = query();
    assert_int_equal(resolve(q, "many.test", 1), 0);
    here_until_n(&answers, 1);
    assert_int_equal(q->n, DNS_MAX);
    assert_string_equal(text_of(q, DNS_MAX - 1, text), "10.0.0.8");
    mem_free(q);
}

static void a_second_question_is_answered_from_memory_with_its_own_port(void **state) {
    (void)state;
    char text[INET6_ADDRSTRLEN];
    struct dns_query *q = query();
    assert_int_equal(resolve(q, "a.test", 80), 0);
    here_until_n(&answers, 1);
    assert_int_equal(resolve(q, "A.TEST", 443), 1);
    assert_string_equal(text_of(q, 1, text), "192.0.2.7");
    assert_int_equal(atomic_load(&asked), 1);
    mem_free(q);
}

static void failures_have_their_codes_and_are_remembered_too(void **state) {
    (void)state;
    static const struct {
        int eai, status;
        bool kept;
    } cases[] = {{EAI_NONAME, -ENOENT, true},
                 {EAI_AGAIN, ERR_TIMEOUT, true},
                 {EAI_FAIL, -EIO, true},
                 {EAI_SYSTEM, -ECONNREFUSED, true},
                 {EAI_MEMORY, -ENOMEM, false}};
    struct dns_query *q = query();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[32];
        snprintf(host, sizeof host, "fail%zu.test", i);
        atomic_store(&failure, cases[i].eai);
        assert_int_equal(resolve(q, host, 80), 0);
        here_until_n(&answers, (int)i + 1);
        assert_int_equal(q->status, cases[i].status);
        assert_int_equal(q->n, 0);
        if (!cases[i].kept) continue;
        assert_int_equal(resolve(q, host, 80), 1);
        assert_int_equal(q->status, cases[i].status);
    }
    atomic_store(&failure, 0);
    assert_int_equal(resolve(q, "fail4.test", 80), 0); /* being out of memory is not remembered */
    here_until_n(&answers, 6);
    assert_int_equal(q->status, 0);
    mem_free(q);
}

static void a_name_without_an_internet_address_is_unknown(void **state) {
    (void)state;
    struct dns_query *q = query();
    assert_int_equal(resolve(q, "odd.test", 80), 0);
    here_until_n(&answers, 1);
    assert_int_equal(q->status, -ENOENT);
    mem_free(q);
}

static void answers_are_asked_for_again_after_their_time(void **state) {
    (void)state;
    struct dns_query *q = query();
    assert_int_equal(resolve(q, "old.test", 80), 0);
    here_until_n(&answers, 1);
    pass_ms(5000);
    assert_int_equal(resolve(q, "old.test", 80), 1);
    pass_ms(5001);
    atomic_store(&failure, EAI_NONAME);
    assert_int_equal(resolve(q, "old.test", 80), 0);
    here_until_n(&answers, 2);
    assert_int_equal(q->status, -ENOENT);
    pass_ms(1000);
    assert_int_equal(resolve(q, "old.test", 80), 1);
    pass_ms(1001);
    atomic_store(&failure, 0);
    assert_int_equal(resolve(q, "old.test", 80), 0);
    here_until_n(&answers, 3);
    assert_int_equal(q->status, 0);
    assert_int_equal(q->n, 2);
    assert_int_equal(atomic_load(&asked), 3);
    mem_free(q);
}

static void questions_for_one_name_share_one_look_up(void **state) {
    (void)state;
    struct dns_query *q[10];
    hold();
    for (int i = 0; i < 10; i++)
        assert_int_equal(resolve(q[i] = query(), "shared.test", 1000 + i), 0);
    release(1);
    here_until_n(&answers, 10);
    assert_int_equal(atomic_load(&asked), 1);
    for (int i = 0; i < 10; i++) {
        char text[INET6_ADDRSTRLEN];
        assert_string_equal(text_of(q[i], 1, text), "192.0.2.7");
        mem_free(q[i]);
    }
}

static void a_cancelled_query_frees_itself_and_calls_nobody(void **state) {
    (void)state;
    hold();
    struct dns_query *gone = query(), *stays = query();
    assert_int_equal(resolve(gone, "c.test", 80), 0);
    assert_int_equal(resolve(stays, "c.test", 80), 0);
    dns_cancel(gone);
    release(1);
    here_until_n(&answers, 1);
    assert_ptr_equal(last, stays);
    mem_free(stays);
}

static void a_query_that_is_cancelled_when_its_answer_is_on_its_way_calls_nobody(void **state) {
    (void)state;
    struct dns_query *gone = query(), *next = query();
    assert_int_equal(resolve(gone, "d.test", 80), 0);
    while (resolve(next, "d.test", 80) == 0) { /* 1 = the answer was posted before */
        dns_cancel(next);
        next = query();
        sched_yield();
    }
    dns_cancel(gone);
    here_turns(5);
    assert_int_equal(answers, 0);
    mem_free(next);
}

static void the_oldest_answers_go_when_a_thousand_names_are_known(void **state) {
    (void)state;
    struct dns_query *q = query();
    for (int i = 0; i < 1030; i++) {
        char host[32];
        snprintf(host, sizeof host, "n%d.test", i);
        assert_int_equal(resolve(q, host, 80), 0);
        here_until_n(&answers, i + 1);
    }
    assert_int_equal(resolve(q, "n1029.test", 80), 1);
    assert_int_equal(resolve(q, "n6.test", 80), 1);
    assert_int_equal(resolve(q, "n5.test", 80), 0);
    here_until_n(&answers, 1031);
    mem_free(q);
}

static void too_many_names_at_once_are_busy(void **state) {
    (void)state;
    struct dns_query *q[512];
    int n = 0, r;
    hold();
    for (;; n++) {
        char host[32];
        snprintf(host, sizeof host, "b%d.test", n);
        r = resolve(q[n] = query(), host, 80);
        if (r != 0 || n == 511) break;
    }
    assert_int_equal(r, ERR_BUSY);
    mem_free(q[n]);
    assert_true(n >= 256 && n <= 256 + 2); /* two may be in the hands of the threads */
    assert_int_equal(resolve(q[n] = query(), "b0.test", 80), 0); /* no new name: there is room */
    release(2);
    here_until_n(&answers, n + 1);
    for (int i = 0; i <= n; i++)
        mem_free(q[i]);
}

static void stopping_answers_what_still_waits(void **state) {
    (void)state;
    hold();
    struct dns_query *q[6];
    for (int i = 0; i < 6; i++) {
        char host[32];
        snprintf(host, sizeof host, "s%d.test", i);
        assert_int_equal(resolve(q[i] = query(), host, 80), 0);
    }
    while (atomic_load(&inside) < 2)
        sched_yield();
    release(2);
    dns_stop();
    here_until_n(&answers, 6);
    int good = 0;
    for (int i = 0; i < 6; i++) {
        assert_true(q[i]->status == 0 || q[i]->status == ERR_CANCELED);
        good += q[i]->status == 0;
        mem_free(q[i]);
    }
    assert_true(good >= 2);
    struct dns_query *late = query();
    assert_int_equal(resolve(late, "late.test", 80), ERR_CLOSED);
    assert_int_equal(resolve(late, "127.0.0.1", 80), 1);
    mem_free(late);
}

static void without_memory_a_question_is_refused(void **state) {
    (void)state;
    struct dns_query *q = query();
    for (long n = 1;; n++) {
        mem_fail_at(n, false);
        int r = resolve(q, "memory.test", 80);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!fired) {
            assert_int_equal(r, 0);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_true(n < 10);
    }
    here_until_n(&answers, 1);
    mem_free(q);
}

/* ---- several workers ---- */

#define HOMES 3
#define EACH  3000

struct home {
    struct worker w;
    struct message begin;
    int sent, got;
};

static void home_ask(struct home *h);

static void home_done(struct dns_query *q) {
    struct home *h = (struct home *)(void *)q->home;
    assert_ptr_equal(worker_self(), q->home);
    assert_int_equal(q->n, 2);
    h->got++;
    mem_free(q);
    home_ask(h);
}

static void home_ask(struct home *h) {
    while (h->sent < EACH) {
        char host[32];
        struct dns_query *q = query();
        snprintf(host, sizeof host, "h%d.test", h->sent % 1500);
        int r = dns_resolve(q, str_of(host), 80, home_done);
        assert_true(r >= 0);
        h->sent++;
        if (r == 0 && h->sent % 7 == 0) {
            dns_cancel(q);
            h->got++;
        } else if (r == 0) {
            return;
        } else {
            h->got++;
            mem_free(q);
        }
    }
    worker_stop(&h->w);
}

static void home_begin(struct message *m) {
    home_ask(LIST_ENTRY(m, struct home, begin));
}

static void workers_ask_side_by_side(void **state) {
    (void)state;
    struct home *homes = calloc(HOMES, sizeof *homes);
    for (int i = 0; i < HOMES; i++) {
        homes[i].begin.deliver = home_begin;
        assert_int_equal(worker_init(&homes[i].w, i, NULL), 0);
        assert_int_equal(worker_start(&homes[i].w, "home", NULL, NULL), 0);
        worker_post(&homes[i].w, &homes[i].begin);
    }
    for (int i = 0; i < HOMES; i++) {
        worker_free(&homes[i].w);
        assert_int_equal(homes[i].got, EACH);
    }
    free(homes);
}

#define DNS(test) cmocka_unit_test_setup_teardown(test, open_dns, close_dns)

int main(void) {
    const struct CMUnitTest tests[] = {
        DNS(literal_addresses_answer_at_once),
        DNS(what_is_no_host_is_refused),
        DNS(a_name_is_answered_later_in_the_resolvers_order_each_address_once),
        DNS(no_more_addresses_than_there_is_room_for),
        DNS(a_second_question_is_answered_from_memory_with_its_own_port),
        DNS(failures_have_their_codes_and_are_remembered_too),
        DNS(answers_are_asked_for_again_after_their_time),
        DNS(a_name_without_an_internet_address_is_unknown),
        DNS(questions_for_one_name_share_one_look_up),
        DNS(a_cancelled_query_frees_itself_and_calls_nobody),
        DNS(a_query_that_is_cancelled_when_its_answer_is_on_its_way_calls_nobody),
        DNS(the_oldest_answers_go_when_a_thousand_names_are_known),
        DNS(too_many_names_at_once_are_busy),
        DNS(stopping_answers_what_still_waits),
        DNS(without_memory_a_question_is_refused),
        DNS(workers_ask_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
