/* listen: addresses, sentences, and a listener that neither spins nor goes deaf. */
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include "core/base/stat.h"
#include "pair.h"

/* ---- addresses ---- */

static void an_address_that_is_none_is_refused_with_the_forms_that_are(void **state) {
    (void)state;
    static const char *bad[] = {"",      ":",       ":80",    "x",     "80x",     "-1",
                                "65536", "1:2:3",   "[::1]",  "[::1",  "[]:80",   "[::1]x:80",
                                "a:",    "a:b",     "[::1]:", "*",     "a:99999", " 80",
                                "::1",   "1.2.3.4", "a:8 ",   "a:+80", "[a:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {0};
        if (listener_open(&door, bad[i], door_accepted, &e) != -EINVAL) fail_msg("%s", bad[i]);
        assert_non_null(strstr(e.text, "write PORT, HOST:PORT, [IPV6]:PORT or *:PORT"));
        int port;
        assert_int_equal(listener_reserve(bad[i], &port, &e), -EINVAL);
    }
}

static void each_form_of_an_address_can_be_listened_on(void **state) {
    (void)state;
    static const char *good[] = {"0", "*:0", "127.0.0.1:0", "localhost:0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        door_open(good[i]);
        assert_true(door.port > 0);
        struct end *e = end_new();
        server = end_new();
        if (strcmp(good[i], "localhost:0") != 0) {
            end_connect(e, door.port);
            here_until_n(&accepts, 1);
        }
        end_free(server);
        server = NULL;
        end_free(e);
        door_close();
    }
}

static void an_unknown_host_is_named(void **state) {
    (void)state;
    struct err e = {0};
    assert_int_equal(listener_open(&door, "no such host:80", door_accepted, &e), -ENOENT);
    assert_non_null(strstr(e.text, "cannot listen on no such host:80: unknown host"));
}

static void an_address_of_another_machine_is_named(void **state) {
    (void)state;
    struct err e = {0};
    assert_int_equal(listener_open(&door, "192.0.2.1:8080", door_accepted, &e), -EADDRNOTAVAIL);
    assert_string_equal(e.text, "cannot listen on 192.0.2.1:8080: this machine has no such "
                                "address; choose one that it has, or *:8080 for all");
}

static void a_port_for_root_only_is_named(void **state) {
    (void)state;
    struct err e = {0};
    int r = listener_open(&door, "127.0.0.1:1", door_accepted, &e);
    if (r == 0) { /* this user may */
        listener_close(&door, NULL);
        here_turns(2);
        skip();
    }
    assert_int_equal(r, -EACCES);
    assert_non_null(strstr(e.text, "ports below 1024"));
}

/* A listener of somebody else: no SO_REUSEPORT. */
static int stranger(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = loopback(0);
    socklen_t len = sizeof sa;
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static void a_port_in_use_is_named_with_what_to_do(void **state) {
    (void)state;
    int port, fd = stranger(&port);
    char address[64], sentence[256];
    struct err e = {0};
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    snprintf(sentence, sizeof sentence,
             "cannot listen on %s: the port is in use; stop the other program or choose another "
             "port",
             address);
    assert_int_equal(listener_reserve(address, &port, &e), -EADDRINUSE);
    assert_string_equal(e.text, sentence);
    e.text[0] = '\0';
    assert_int_equal(listener_open(&door, address, door_accepted, &e), -EADDRINUSE);
    assert_string_equal(e.text, sentence);
    snprintf(address, sizeof address, "*:%d", port);
    assert_int_equal(listener_reserve(address, &port, &e), -EADDRINUSE);
    close(fd);
    assert_true((fd = listener_reserve(address, &port, &e)) >= 0);
    close(fd);
}

static void workers_share_a_port_and_a_second_host_finds_it_taken(void **state) {
    (void)state;
    struct err e = {0};
    char address[64];
    door_open("127.0.0.1:0");
    snprintf(address, sizeof address, "127.0.0.1:%d", door.port);
    struct listener second;
    memset(&second, 0, sizeof second);
    assert_int_equal(listener_open(&second, address, door_accepted, &e), 0);
    assert_int_equal(second.port, door.port);
    int port, fd;
    assert_int_equal(listener_reserve(address, &port, &e), -EADDRINUSE);
    listener_close(&second, NULL);
    door_close();
    assert_true((fd = listener_reserve(address, &port, &e)) >= 0);
    close(fd);
}

static void a_reserved_port_is_for_our_listeners_alone(void **state) {
    (void)state;
    struct err e = {0};
    char address[64];
    int port, again;
    int fd = listener_reserve("127.0.0.1:0", &port, &e);
    assert_true(fd >= 0 && port > 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    assert_int_equal(listener_reserve(address, &again, &e), -EADDRINUSE);
    door_open(address);
    assert_int_equal(door.port, port);
    close(fd);
    assert_int_equal(listener_reserve(address, &again, &e), -EADDRINUSE);
    door_close();
}

/* A client's socket, connected to the port or -1. */
static int knock(int port) {
    struct sockaddr_in sa = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0) return fd;
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    return -1;
}

static void a_socket_outlives_its_listener_and_keeps_who_connects(void **state) {
    (void)state;
    struct err e = {0};
    char address[64];
    int port, client, reserved = listener_reserve("127.0.0.1:0", &port, &e);
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    int fd = listener_bind(address, &e);
    assert_true(fd >= 0);
    assert_int_equal(knock(port), -1); /* nobody listens yet */

    /* As if a process had ended without a word, and another one began. */
    accepts = 0;
    assert_int_equal(listen(fd, 8), 0);
    assert_true((client = knock(port)) >= 0);
    assert_int_equal(listener_open_on(&door, fd, door_accepted, &e), 0);
    assert_int_equal(door.port, port);
    here_until_n(&accepts, 1);
    close(client);

    door_close();
    assert_int_equal(knock(port), -1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* still there, and may listen again */
    assert_int_equal(listener_open_on(&door, fd, door_accepted, &e), 0);
    assert_true((client = knock(port)) >= 0);
    close(client);
    door_close();
    listener_release(reserved);
    close(fd);
}

static void a_reservation_that_others_hold_keeps_nobody_out_once_it_is_released(void **state) {
    (void)state;
    struct err e = {0};
    char address[64];
    int port, again, next, reserved = listener_reserve("127.0.0.1:0", &port, &e);
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    int fd = listener_bind(address, &e), other = dup(reserved);
    assert_int_equal(listener_open_on(&door, fd, door_accepted, &e), 0);
    listener_release(reserved);
    assert_int_equal(listener_reserve(address, &again, &e), -EADDRINUSE); /* somebody listens */
    door_close();
    assert_true((next = listener_reserve(address, &again, &e)) >= 0);
    close(next);
    close(other);
    close(fd);
}

static void closing_a_listener_that_never_opened_answers_too(void **state) {
    (void)state;
    struct err e = {0};
    assert_true(listener_open(&door, "x", door_accepted, &e) < 0);
    door_shut = false;
    listener_close(&door, door_closed);
    assert_true(door_shut);
}

/* ---- accepting ---- */

static int plain_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void plain_connect(int fd, int port) {
    struct sockaddr_in sa = loopback(port);
    int r = connect(fd, (struct sockaddr *)&sa, sizeof sa);
    assert_true(r == 0 || errno == EINPROGRESS);
}

/* The other side closed it. */
static bool hung_up(int fd) {
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void a_burst_of_connections_is_taken_in_several_turns(void **state) {
    (void)state;
    enum { N = 200 };
    int fds[N];
    door_open("127.0.0.1:0");
    int64_t refused = stat_get(STAT_CONNECTIONS_REFUSED);
    for (int i = 0; i < N; i++)
        plain_connect(fds[i] = plain_socket(), door.port);
    uv_run(&here->loop, UV_RUN_NOWAIT);
    assert_true(accepts > 0 && accepts < N);
    here_until_n(&accepts, N);
    /* Nobody took them: closed and counted. */
    assert_int_equal(stat_get(STAT_CONNECTIONS_REFUSED) - refused, N);
    for (int i = 0; i < N; i++) {
        assert_true(hung_up(fds[i]));
        close(fds[i]);
    }
    door_close();
}

static void close_the_door(struct listener *l) {
    accepts++;
    listener_close(l, door_closed);
}

static void a_listener_may_be_closed_while_it_accepts(void **state) {
    (void)state;
    struct err e = {0};
    int fds[3];
    accepts = 0;
    door_shut = false;
    assert_int_equal(listener_open(&door, "127.0.0.1:0", close_the_door, &e), 0);
    for (int i = 0; i < 3; i++)
        plain_connect(fds[i] = plain_socket(), door.port);
    here_until(&door_shut);
    assert_int_equal(accepts, 1);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void taking_a_connection_outside_of_accepted_is_refused(void **state) {
    (void)state;
    door_open("127.0.0.1:0");
    struct end *e = end_new();
    assert_int_equal(listener_accept(&door, &e->s), -EAGAIN);
    end_free(e);
    door_close();
}

/* ---- no descriptor is left ---- */

#define FEW 64

static int hoard[FEW], hoarded;
static struct rlimit before;

static void fill_table(void) {
    while (hoarded < FEW) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0) break;
        hoard[hoarded++] = fd;
    }
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
    assert_int_equal(errno, EMFILE);
}

static void few_descriptors(void) {
    getrlimit(RLIMIT_NOFILE, &before);
    struct rlimit few = {FEW, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    hoarded = 0;
    fill_table();
}

static void empty_table(void) {
    while (hoarded > 0)
        close(hoard[--hoarded]);
    setrlimit(RLIMIT_NOFILE, &before);
}

static int rounds;
static bool count_round(struct worker_turn *t) {
    (void)t;
    rounds++;
    return false;
}

static bool alarm_rang;
static void ring(struct timer *t) {
    (void)t;
    alarm_rang = true;
}

/* How often the loop wakes up in so many milliseconds. */
static int rounds_in(uint64_t ms) {
    struct worker_turn turn = {.run = count_round};
    struct timer t;
    timer_init(&t, ring);
    alarm_rang = false;
    rounds = 0;
    worker_turn_add(here, &turn);
    timer_arm(here, &t, ms);
    here_until(&alarm_rang);
    worker_turn_remove(&turn);
    return rounds;
}

static void without_descriptors_connections_are_refused_and_the_loop_does_not_spin(void **state) {
    (void)state;
    enum { N = 5 };
    int fds[N];
    door_open("127.0.0.1:0");
    for (int i = 0; i < N; i++)
        fds[i] = plain_socket();
    few_descriptors();
    int64_t refused = stat_get(STAT_CONNECTIONS_REFUSED);
    for (int i = 0; i < N; i++)
        plain_connect(fds[i], door.port);
    int woke = rounds_in(250);
    assert_int_equal(stat_get(STAT_CONNECTIONS_REFUSED) - refused, N);
    for (int i = 0; i < N; i++)
        assert_true(hung_up(fds[i]));
    assert_int_equal(accepts, 0);
    assert_true(door.spare >= 0);
    assert_true(woke < 40);
    empty_table();
    for (int i = 0; i < N; i++)
        close(fds[i]);
    door_close();
}

static void without_even_the_spare_one_it_rests_and_hears_again_later(void **state) {
    (void)state;
    door_open("127.0.0.1:0");
    int fd = plain_socket();
    few_descriptors();
    /* Somebody was quicker: the spare one is gone and the table full. */
    close(door.spare);
    door.spare = -1;
    fill_table();
    plain_connect(fd, door.port);
    int woke = rounds_in(350);
    assert_int_equal(accepts, 0);
    assert_false(hung_up(fd));
    assert_true(woke < 40);
    empty_table();
    struct end *e = server = end_new();
    here_until_n(&accepts, 1);
    assert_false(hung_up(fd));
    assert_true(door.spare >= 0);
    server = NULL;
    end_free(e);
    close(fd);
    door_close();
}

static void a_resting_listener_can_be_closed(void **state) {
    (void)state;
    door_open("127.0.0.1:0");
    int fd = plain_socket();
    few_descriptors();
    close(door.spare);
    door.spare = -1;
    fill_table();
    plain_connect(fd, door.port);
    here_turns(5);
    assert_true(timer_armed(&door.rest));
    door_close();
    empty_table();
    close(fd);
    assert_int_equal(here->timers.n, 0);
}

static void no_descriptor_to_listen_is_a_sentence(void **state) {
    (void)state;
    struct err e = {0};
    few_descriptors();
    for (int free_ones = 0; free_ones < 3; free_ones++) {
        int r = listener_open(&door, "127.0.0.1:0", door_accepted, &e);
        if (r == 0) break;
        assert_int_equal(r, -EMFILE);
        assert_non_null(strstr(e.text, "no file descriptor is left"));
        close(hoard[--hoarded]);
    }
    assert_true(door.open);
    door_close();
    empty_table();
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, here_open, here_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(an_address_that_is_none_is_refused_with_the_forms_that_are),
        HERE(each_form_of_an_address_can_be_listened_on),
        HERE(an_unknown_host_is_named),
        HERE(an_address_of_another_machine_is_named),
        HERE(a_port_for_root_only_is_named),
        HERE(a_port_in_use_is_named_with_what_to_do),
        HERE(a_reserved_port_is_for_our_listeners_alone),
        HERE(workers_share_a_port_and_a_second_host_finds_it_taken),
        HERE(a_socket_outlives_its_listener_and_keeps_who_connects),
        HERE(a_reservation_that_others_hold_keeps_nobody_out_once_it_is_released),
        HERE(closing_a_listener_that_never_opened_answers_too),
        HERE(a_burst_of_connections_is_taken_in_several_turns),
        HERE(a_listener_may_be_closed_while_it_accepts),
        HERE(taking_a_connection_outside_of_accepted_is_refused),
        HERE(without_descriptors_connections_are_refused_and_the_loop_does_not_spin),
        HERE(without_even_the_spare_one_it_rests_and_hears_again_later),
        HERE(a_resting_listener_can_be_closed),
        HERE(no_descriptor_to_listen_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
