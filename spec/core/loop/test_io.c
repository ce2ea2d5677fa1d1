/* io: streams over loopback. */
#include <netinet/tcp.h>

#include "core/base/mem.h"
#include "pair.h"

/* ---- the plain way ---- */

static int nodelay_of(struct end *e) {
    uv_os_fd_t fd;
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(uv_fileno((uv_handle_t *)&e->s.tcp, &fd), 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    return value;
}

static void bytes_go_both_ways_without_delay(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    assert_true(nodelay_of(a));
    assert_true(nodelay_of(b));
    stream_read(&a->s);
    stream_read(&b->s);
    assert_int_equal(end_send(a, 1000, 10), 0);
    assert_int_equal(end_send(b, 2000, 2000), 0);
    end_until_got(b, 1000);
    end_until_got(a, 2000);
    end_free(a);
    end_free(b);
}

static void an_idle_stream_is_little_more_than_its_handle(void **state) {
    (void)state;
    assert_true(sizeof(struct stream) <= sizeof(uv_tcp_t) + 64);
}

static void slices_arrive_as_one_run_and_empty_ones_do_no_harm(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    b->raw = true;
    stream_read(&b->s);
    struct str parts[40];
    for (int i = 0; i < 40; i++)
        parts[i] = i % 4 == 1 ? STR_NONE : i % 4 == 3 ? STR("") : STR("ab");
    assert_int_equal(stream_write(&a->s, parts, 40), 0);
    assert_int_equal(stream_write(&a->s, parts + 1, 1), 0);
    assert_int_equal(stream_write(&a->s, parts, 0), 0);
    end_until_got(b, 40);
    assert_string_equal(b->text, "abababababababababababababababababababab");
    end_free(a);
    end_free(b);
}

static void echo_back(struct end *e, char *p, size_t n) {
    assert_int_equal(stream_write1(&e->s, p, n), 0);
}

static void answering_allocates_nothing_while_the_socket_takes_it(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    b->data = echo_back;
    stream_read(&a->s);
    stream_read(&b->s);
    mem_fail_at(1, true);
    for (int i = 1; i <= 200; i++) {
        assert_int_equal(end_send(a, 300, 300), 0);
        end_until_got(a, (uint64_t)i * 300);
    }
    bool touched = mem_fail_fired();
    mem_fail_at(0, false);
    assert_false(touched);
    end_free(a);
    end_free(b);
}

/* ---- back-pressure ---- */

static void a_slow_reader_gets_everything_in_order_and_the_writer_hears_when_it_is_gone(
    void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    size_t total = 8 * 1024 * 1024;
    ssize_t waiting = end_send(a, total, 7777);
    assert_true(waiting > 0);
    assert_true((size_t)waiting <= total);
    assert_int_equal(stream_pending(&a->s), waiting);
    here_turns(20);
    assert_int_equal(a->drains, 0);
    stream_read(&b->s);
    end_until_got(b, total);
    here_until_n(&a->drains, 1);
    assert_int_equal(a->s.pending, 0);
    assert_null(a->s.out);
    end_free(a);
    end_free(b);
}

static void count_full(struct stream_payer *p) {
    ++*(int *)p->data;
}

static void who_pays_for_what_waits_has_so_much_for_all_of_them(void **state) {
    (void)state;
    int full = 0;
    size_t most = 24 * 1024 * 1024, large = 16 * 1024 * 1024;
    struct end *a, *b, *c, *d;
    struct stream_payer *p = stream_payer_new(most);
    p->full = count_full;
    p->data = &full;
    pair_open(&a, &b);
    pair_open(&c, &d);
    for (struct end *const *e = (struct end *[]){a, b, c, d, NULL}; *e; e++)
        end_narrow(*e);
    stream_charge(&a->s, p);
    stream_charge(&c->s, p);
    assert_true(end_send(a, large, large) > 8 * 1024 * 1024);
    assert_in_range(p->bytes, a->s.pending, a->s.pending + 8192);
    assert_true(stream_payer_has_room(p, most - p->bytes));
    assert_false(stream_payer_has_room(p, most - p->bytes + 1));
    assert_int_equal(end_send(c, large, large), ERR_LIMIT);
    assert_int_equal(full, 1);
    assert_in_range(p->bytes, a->s.pending, a->s.pending + 8192);
    stream_read(&b->s);
    end_until_got(b, large);
    here_until_n(&a->drains, 1);
    assert_int_equal(p->bytes, 0);
    stream_payer_give(p); /* the streams have it still */
    end_free(a);
    end_free(b);
    end_free(c);
    end_free(d);
}

static void what_waits_falls_while_the_peer_takes_bytes(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    ssize_t waiting = end_send(a, 16 * 1024 * 1024, 16 * 1024 * 1024);
    assert_true(waiting > 8 * 1024 * 1024);
    stream_read(&b->s);
    while (b->got < 4 * 1024 * 1024)
        uv_run(&here->loop, UV_RUN_ONCE);
    assert_int_equal(a->drains, 0); /* still the same write … */
    assert_true(stream_pending(&a->s) < (size_t)waiting);
    assert_true(stream_pending(&a->s) > 0);
    end_until_got(b, 16 * 1024 * 1024);
    end_free(a);
    end_free(b);
}

static void small_writes_share_chunks_while_they_wait(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    end_send(a, 6 * 1024 * 1024, 1024 * 1024);
    assert_true(stream_pending(&a->s) > 0);
    end_send(a, 1, 1); /* a fresh chunk behind the one in the air */
    mem_fail_at(1, true);
    ssize_t r = end_send(a, 1000, 1);
    mem_fail_at(0, false);
    assert_true(r > 0);
    stream_read(&b->s);
    end_until_got(b, a->sent);
    end_free(a);
    end_free(b);
}

/* ---- a relay: what was read is written from the slab ---- */

static struct end *in, *out, *sink;
static unsigned dice_state;
static unsigned dice(unsigned n) {
    dice_state = dice_state * 1103515245u + 12345u;
    return (dice_state >> 8) % n;
}

static int slabs_moved;

/* Cuts what came into slices, some of them copied elsewhere, and passes them on. */
static void pass_on(struct end *e, char *p, size_t n) {
    (void)e;
    char copy[512], *slab = here->slab;
    size_t first = dice((unsigned)n + 1), small = n - first < 512 ? n - first : 512;
    memcpy(copy, p + first, small);
    struct str parts[4] = {
        {p, first}, {copy, small}, {p + first + small, n - first - small}, {NULL, 0}};
    ssize_t r = stream_write(&out->s, parts, 4);
    assert_true(r >= 0);
    if (here->slab != slab) slabs_moved++;
    check_pattern(e->got - n, p, n); /* still ours to look at */
    if (r == 0) return;
    stream_pause(&in->s);
    stream_read(&sink->s);
}
/* The sink sleeps until the relay is full again. */
static void go_on(struct end *e) {
    if (!e->s.shutting) stream_pause(&sink->s);
    stream_read(&in->s);
}

#define RELAY_BYTES (50 * 1024 * 1024)

static void feed(struct end *e) {
    while (e->sent < RELAY_BYTES) {
        size_t left = RELAY_BYTES - (size_t)e->sent, n = 100000 + dice(200000);
        if (end_send(e, n < left ? n : left, 300000) > 0) return;
    }
    stream_shutdown(&e->s);
}

static void shut_out(struct end *e) {
    (void)e;
    stream_shutdown(&out->s);
    stream_read(&sink->s);
}

static void fifty_megabytes_pass_a_relay_whose_reader_pauses_again_and_again(void **state) {
    (void)state;
    struct end *source;
    pair_open(&source, &in);
    pair_open(&out, &sink);
    end_narrow(out);
    slabs_moved = 0;
    dice_state = 1;
    in->data = pass_on;
    in->eof = shut_out;
    out->drain = go_on;
    source->drain = feed;
    stream_read(&in->s);
    feed(source);
    here_until_n(&sink->eofs, 1);
    assert_int_equal(sink->got, RELAY_BYTES);
    assert_true(slabs_moved > 0);
    assert_int_equal(out->s.pending, 0);
    end_free(source);
    end_free(in);
    end_free(out);
    end_free(sink);
    assert_true(here->spare_slabs > 0); /* they came back */
}

/* Fails every allocation in turn while a full relay takes slabs and copies. */
static void pass_on_or_break(struct end *e, char *p, size_t n) {
    struct str parts[3] = {{p, n / 2}, STR(" and "), {p + n / 2, n - n / 2}};
    ssize_t r = stream_write(&out->s, parts, 3);
    check_pattern(e->got - n, p, n);
    if (r == 0) return;
    stream_pause(&e->s);
    e->status = r < 0 ? (int)r : 1;
    if (r < 0) stream_close(&out->s);
}

static void running_out_of_memory_while_writing_breaks_the_stream_cleanly(void **state) {
    (void)state;
    bool fired = true;
    int failures = 0;
    for (long nth = 1; fired; nth++) {
        struct end *source;
        pair_open(&source, &in);
        pair_open(&out, &sink);
        end_narrow(out);
        end_narrow(sink);
        in->data = pass_on_or_break;
        end_send(source, 3 * 1024 * 1024, 1024 * 1024);
        stream_read(&in->s);
        mem_fail_at(nth, false);
        while (in->status == 0)
            uv_run(&here->loop, UV_RUN_ONCE);
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (in->status < 0) {
            assert_int_equal(in->status, -ENOMEM);
            assert_int_equal(out->errors, 0);
            failures++;
        }
        end_free(source);
        end_free(in);
        end_free(out);
        end_free(sink);
    }
    assert_true(failures > 0);
}

/* ---- connecting ---- */

static int closed_port(void) {
    door_open("127.0.0.1:0");
    int port = door.port;
    door_close();
    return port;
}

static void a_refused_connection_is_told_once(void **state) {
    (void)state;
    struct end *e = end_new();
    end_connect(e, closed_port());
    here_until_n(&e->connects, 1);
    assert_int_equal(e->status, -ECONNREFUSED);
    here_turns(3);
    assert_int_equal(e->connects, 1);
    assert_int_equal(e->errors, 0);
    end_free(e);
}

static void what_was_written_to_a_refused_connection_is_no_second_error(void **state) {
    (void)state;
    struct end *e = end_new();
    end_connect(e, closed_port());
    assert_int_equal(end_send(e, 100, 100), 100);
    here_until_n(&e->connects, 1);
    here_turns(3);
    assert_int_equal(e->status, -ECONNREFUSED);
    assert_int_equal(e->errors, 0);
    assert_int_equal(e->drains, 0);
    assert_int_equal(stream_write1(&e->s, "x", 1), -EPIPE);
    end_free(e);
}

static void a_cancelled_connect_calls_nobody_and_lets_its_op_go_at_once(void **state) {
    (void)state;
    door_open("127.0.0.1:0");
    struct end *e = end_new();
    struct stream_connect *c = malloc(sizeof *c);
    struct sockaddr_in sa = loopback(door.port);
    assert_int_equal(stream_connect(c, &e->s, (struct sockaddr *)&sa, end_connected), 0);
    stream_connect_cancel(c);
    free(c);
    here_until(&e->over);
    assert_int_equal(e->connects, 0);
    end_free(e);
    door_close();
}

static void closing_a_connecting_stream_calls_nobody(void **state) {
    (void)state;
    struct end *e = end_new();
    end_connect(e, closed_port());
    end_send(e, 100, 100);
    end_free(e);
}

static void no_memory_to_connect_is_an_error(void **state) {
    (void)state;
    struct end *e = end_new();
    struct sockaddr_in sa = loopback(1);
    mem_fail_at(1, false);
    int r = stream_connect(&e->c, &e->s, (struct sockaddr *)&sa, end_connected);
    mem_fail_at(0, false);
    assert_int_equal(r, -ENOMEM);
    end_free(e);
}

static void what_is_written_before_the_connection_stands_goes_first(void **state) {
    (void)state;
    door_open("127.0.0.1:0");
    struct end *a = end_new(), *b = server = end_new();
    end_connect(a, door.port);
    assert_int_equal(end_send(a, 5000, 500), 5000);
    stream_shutdown(&a->s);
    here_until_n(&accepts, 1);
    stream_read(&b->s);
    here_until_n(&b->eofs, 1);
    assert_int_equal(b->got, 5000);
    assert_int_equal(a->status, 0);
    server = NULL;
    door_close();
    end_free(a);
    end_free(b);
}

static void a_shutdown_before_the_connection_stands_is_a_fin_and_no_abort(void **state) {
    (void)state;
    door_open("127.0.0.1:0");
    struct end *a = end_new(), *b = server = end_new();
    end_connect(a, door.port);
    stream_shutdown(&a->s);
    here_until_n(&accepts, 1);
    stream_read(&b->s);
    here_until_n(&b->eofs, 1);
    here_until_n(&a->connects, 1);
    assert_int_equal(a->status, 0);
    assert_int_equal(end_send(b, 10, 10), 0);
    stream_read(&a->s);
    end_until_got(a, 10);
    server = NULL;
    door_close();
    end_free(a);
    end_free(b);
}

/* ---- ending ---- */

static void fin_comes_after_what_waits(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    assert_true(end_send(a, 5000000, 100000) > 0);
    stream_shutdown(&a->s);
    stream_shutdown(&a->s);
    assert_int_equal(stream_write1(&a->s, "x", 1), -EPIPE);
    stream_read(&b->s);
    here_until_n(&b->eofs, 1);
    assert_int_equal(b->got, 5000000);
    assert_int_equal(a->drains, 1);
    end_free(a);
    end_free(b);
}

static void after_the_peers_end_ours_still_writes(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    stream_read(&a->s);
    stream_read(&b->s);
    stream_shutdown(&a->s);
    here_until_n(&b->eofs, 1);
    stream_read(&b->s); /* nothing comes of it */
    assert_int_equal(end_send(b, 3000, 3000), 0);
    end_until_got(a, 3000);
    assert_int_equal(b->eofs, 1);
    end_free(a);
    end_free(b);
}

static void a_reset_is_an_error_for_the_peer(void **state) {
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct end *a, *b;
        pair_open(&a, &b);
        end_narrow(a);
        end_narrow(b);
        if (variant == 1) stream_shutdown(&a->s);
        if (variant == 2) assert_true(end_send(a, 5000000, 100000) > 0);
        if (variant == 2) stream_shutdown(&a->s);
        stream_reset(&a->s);
        stream_reset(&a->s);
        stream_read(&b->s);
        if (variant == 1) {
            /* FIN went first: the kernel may tell of that or of the reset behind it. */
            while (b->eofs + b->errors == 0)
                uv_run(&here->loop, UV_RUN_ONCE);
            assert_true(end_send(b, 100, 100) < 0 && b->closes == 0);
        } else {
            here_until_n(&b->errors, 1);
            assert_int_equal(b->code, -ECONNRESET);
            assert_int_equal(b->eofs, 0);
        }
        stream_read(&b->s); /* asked for too much: must be harmless */
        end_free(a);
        end_free(b);
    }
}

static void a_reset_of_a_stream_that_was_never_connected_just_closes_it(void **state) {
    (void)state;
    struct end *e = end_new();
    stream_reset(&e->s);
    end_free(e);
}

static void a_vanished_peer_is_told_once_to_whoever_waits_for_drain(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    assert_true(end_send(a, 5000000, 100000) > 0);
    stream_reset(&b->s);
    here_until_n(&a->errors, 1);
    assert_true(a->code == -ECONNRESET || a->code == -EPIPE);
    assert_int_equal(a->s.pending, 0);
    assert_int_equal(stream_write1(&a->s, "x", 1), -EPIPE);
    here_turns(3);
    assert_int_equal(a->errors, 1);
    assert_int_equal(a->drains, 0);
    end_free(a);
    end_free(b);
}

static void close_data(struct end *e, char *p, size_t n) {
    (void)p;
    (void)n;
    stream_close(&e->s);
}
static void close_end(struct end *e) {
    stream_close(&e->s);
}

static void a_stream_may_be_closed_in_each_of_its_callbacks(void **state) {
    (void)state;
    for (int which = 0; which < 5; which++) {
        struct end *a, *b;
        pair_open(&a, &b);
        end_narrow(a);
        end_narrow(b);
        switch (which) {
        case 0: /* on_data, with more to come */
            b->data = close_data;
            end_send(a, 1000000, 1000000);
            break;
        case 1: /* on_eof */
            b->eof = close_end;
            stream_shutdown(&a->s);
            break;
        case 2: /* on_error of reading */
            b->error = close_end;
            stream_reset(&a->s);
            break;
        case 3: /* on_drain */
            b->drain = close_end;
            assert_true(end_send(b, 3000000, 100000) > 0);
            stream_read(&a->s);
            break;
        case 4: /* on_error of writing */
            b->error = close_end;
            assert_true(end_send(b, 3000000, 100000) > 0);
            stream_reset(&a->s);
            break;
        }
        if (which < 4) stream_read(&b->s);
        here_until(&b->over);
        here_turns(3);
        end_free(b);
        end_free(a);
    }
    struct end *e = end_new();
    e->connected = close_end;
    end_connect(e, closed_port());
    here_until(&e->over);
    assert_int_equal(e->connects, 1);
    end_free(e);
}

static void a_slab_that_waits_comes_back_when_the_stream_is_closed(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    assert_true(end_send(a, 5000000, 100000) > 0);
    int spare = here->spare_slabs;
    char *slab = here->slab;
    struct str halves[2] = {{slab, 20000}, {slab + 30000, 20000}};
    assert_true(stream_write(&a->s, halves, 2) > 0);
    assert_ptr_not_equal(here->slab, slab);
    end_free(a);
    assert_true(here->spare_slabs > 0 && here->spare_slabs <= spare + 1);
    end_free(b);
}

/* ---- lingering ---- */

static void flood(struct end *e) {
    while (end_send(e, 100000, 100000) == 0) {
    }
}

static void a_peer_that_is_still_sending_gets_the_whole_answer(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    stream_read(&a->s);
    assert_int_equal(end_send(a, 100000, 100000), 0); /* b has not read any of it */
    assert_int_equal(end_send(b, 30000, 30000), 0);
    stream_linger(&b->s, 1 << 20, 1000000);
    end_until_got(a, 30000);
    here_until_n(&a->eofs, 1);
    assert_int_equal(end_send(a, 100000, 100000), 0);
    assert_int_equal(a->errors, 0);
    assert_false(b->over);
    stream_shutdown(&a->s);
    here_until(&b->over);
    assert_int_equal(b->datas, 0);
    assert_int_equal(b->eofs, 0);
    end_free(a);
    end_free(b);
}

static void lingering_ends_after_so_many_bytes(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    stream_linger(&b->s, 500000, 1000000);
    a->drain = flood;
    flood(a);
    here_until(&b->over);
    assert_true(a->sent > 500000);
    end_free(a);
    end_free(b);
}

static void lingering_ends_after_its_time_even_when_nothing_could_be_sent(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    assert_true(end_send(b, 5000000, 100000) > 0);
    stream_linger(&b->s, 1000, 5);
    stream_linger(&b->s, 1000, 1000000); /* the first one counts */
    here_until(&b->over);
    assert_int_equal(b->drains, 0);
    end_free(a);
    end_free(b);
}

static void lingering_after_the_peers_end_waits_only_for_what_is_to_be_sent(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    end_narrow(a);
    end_narrow(b);
    stream_shutdown(&a->s);
    stream_read(&b->s);
    here_until_n(&b->eofs, 1);
    assert_true(end_send(b, 5000000, 100000) > 0);
    stream_linger(&b->s, 1000, 1000000);
    here_turns(5);
    assert_false(b->over);
    stream_read(&a->s);
    here_until(&b->over);
    here_until_n(&a->eofs, 1);
    assert_int_equal(a->got, 5000000);
    end_free(a);
    end_free(b);
}

static void lingering_without_memory_closes_at_once(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    mem_fail_at(1, false);
    stream_linger(&b->s, 1000, 1000000);
    mem_fail_at(0, false);
    assert_true(b->s.closing);
    end_free(a);
    end_free(b);
}

static void closing_ends_lingering(void **state) {
    (void)state;
    struct end *a, *b;
    pair_open(&a, &b);
    stream_linger(&b->s, 1000, 1000000);
    end_free(b);
    end_free(a);
    assert_int_equal(here->timers.n, 0);
}

/* ---- who is there ---- */

static void the_peer_is_shown_as_text_and_mapped_addresses_as_ipv4(void **state) {
    (void)state;
    door_open("0");
    struct end *a = end_new(), *b = server = end_new();
    end_connect(a, door.port);
    here_until_n(&accepts, 1);
    char text[46];
    int port;
    assert_int_equal(stream_peer(&b->s, text, sizeof text, &port), 9);
    assert_string_equal(text, "127.0.0.1");
    assert_true(port > 0);
    here_until_n(&a->connects, 1);
    assert_int_equal(stream_peer(&a->s, text, sizeof text, &port), 9);
    assert_int_equal(port, door.port);
    assert_int_equal(stream_peer(&a->s, text, sizeof text, NULL), 9);
    assert_int_equal(stream_peer(&a->s, text, 4, &port), 0);
    stream_close(&a->s);
    assert_int_equal(stream_peer(&a->s, text, sizeof text, &port), 0);
    assert_string_equal(text, "");
    server = NULL;
    door_close();
    end_free(a);
    end_free(b);
}

static void an_ipv6_peer_is_shown_as_such(void **state) {
    (void)state;
    struct err err = {0};
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (listener_open(&door, "[::1]:0", door_accepted, &err) < 0) {
        print_message("skipped, no IPv6 here: %s\n", err.text);
        skip();
    }
    accepts = 0;
    sa.sin6_port = htons((uint16_t)door.port);
    struct end *a = end_new(), *b = server = end_new();
    assert_int_equal(stream_connect(&a->c, &a->s, (struct sockaddr *)&sa, end_connected), 0);
    here_until_n(&accepts, 1);
    char text[46];
    assert_int_equal(stream_peer(&b->s, text, sizeof text, NULL), 3);
    assert_string_equal(text, "::1");
    server = NULL;
    door_close();
    end_free(a);
    end_free(b);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, here_open, here_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(bytes_go_both_ways_without_delay),
        HERE(an_idle_stream_is_little_more_than_its_handle),
        HERE(slices_arrive_as_one_run_and_empty_ones_do_no_harm),
        HERE(answering_allocates_nothing_while_the_socket_takes_it),
        HERE(a_slow_reader_gets_everything_in_order_and_the_writer_hears_when_it_is_gone),
        HERE(who_pays_for_what_waits_has_so_much_for_all_of_them),
        HERE(what_waits_falls_while_the_peer_takes_bytes),
        HERE(small_writes_share_chunks_while_they_wait),
        HERE(fifty_megabytes_pass_a_relay_whose_reader_pauses_again_and_again),
        HERE(running_out_of_memory_while_writing_breaks_the_stream_cleanly),
        HERE(a_refused_connection_is_told_once),
        HERE(what_was_written_to_a_refused_connection_is_no_second_error),
        HERE(a_cancelled_connect_calls_nobody_and_lets_its_op_go_at_once),
        HERE(closing_a_connecting_stream_calls_nobody),
        HERE(no_memory_to_connect_is_an_error),
        HERE(what_is_written_before_the_connection_stands_goes_first),
        HERE(a_shutdown_before_the_connection_stands_is_a_fin_and_no_abort),
        HERE(fin_comes_after_what_waits),
        HERE(after_the_peers_end_ours_still_writes),
        HERE(a_reset_is_an_error_for_the_peer),
        HERE(a_reset_of_a_stream_that_was_never_connected_just_closes_it),
        HERE(a_vanished_peer_is_told_once_to_whoever_waits_for_drain),
        HERE(a_stream_may_be_closed_in_each_of_its_callbacks),
        HERE(a_slab_that_waits_comes_back_when_the_stream_is_closed),
        HERE(a_peer_that_is_still_sending_gets_the_whole_answer),
        HERE(lingering_ends_after_so_many_bytes),
        HERE(lingering_ends_after_its_time_even_when_nothing_could_be_sent),
        HERE(lingering_after_the_peers_end_waits_only_for_what_is_to_be_sent),
        HERE(lingering_without_memory_closes_at_once),
        HERE(closing_ends_lingering),
        HERE(the_peer_is_shown_as_text_and_mapped_addresses_as_ipv4),
        HERE(an_ipv6_peer_is_shown_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
