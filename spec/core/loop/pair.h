/* pair: two ends of one loopback connection for the tests of streams. Each end writes down what its
 * callbacks were told; a test hooks in what it wants done inside. */
#ifndef PAIR_H
#define PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/loop/io.h"
#include "here.h"

struct end {
    struct stream s;
    struct stream_connect c;
    uint64_t got;  /* bytes received; each must be pattern(position) unless `raw` */
    uint64_t sent; /* position in the pattern of the next byte to send */
    bool raw;      /* do not check what arrives; keep the first bytes in `text` */
    char text[256];
    int datas, eofs, errors, drains, closes, connects;
    int code;   /* of on_error */
    int status; /* of connected */
    bool over;  /* closed: nothing may come any more */
    void (*data)(struct end *e, char *p, size_t n);
    void (*eof)(struct end *e);
    void (*error)(struct end *e);
    void (*drain)(struct end *e);
    void (*connected)(struct end *e);
};

static struct listener door;
static struct end *server; /* the next accepted connection goes here */
static int accepts;

static inline char pattern(uint64_t i) {
    return (char)(i ^ (i >> 8) ^ (i >> 16) * 7);
}

static inline void check_pattern(uint64_t at, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != pattern(at + i)) fail_msg("byte %llu is wrong", (unsigned long long)(at + i));
}

static inline struct end *end_of(struct stream *s) {
    return (struct end *)(void *)s;
}

static inline void end_data(struct stream *s, char *p, size_t n) {
    struct end *e = end_of(s);
    assert_false(s->closing);
    assert_true(n > 0);
    assert_true(atomic_load(&here->turn_started) != 0);
    if (e->raw) {
        for (size_t i = 0; i < n && e->got + i < sizeof e->text - 1; i++)
            e->text[e->got + i] = p[i];
    } else {
        check_pattern(e->got, p, n);
    }
    e->got += n;
    e->datas++;
    if (e->data) e->data(e, p, n);
}
static inline void end_eof(struct stream *s) {
    struct end *e = end_of(s);
    assert_false(s->closing);
    e->eofs++;
    if (e->eof) e->eof(e);
}
static inline void end_error(struct stream *s, int code) {
    struct end *e = end_of(s);
    assert_false(s->closing);
    e->errors++;
    e->code = code;
    if (e->error) e->error(e);
}
static inline void end_drain(struct stream *s) {
    struct end *e = end_of(s);
    assert_false(s->closing);
    assert_int_equal(stream_pending(s), 0);
    e->drains++;
    if (e->drain) e->drain(e);
}
static inline void end_closed(struct stream *s) {
    struct end *e = end_of(s);
    assert_true(s->closing);
    assert_false(e->over);
    e->closes++;
    e->over = true;
}

static const struct stream_ops end_ops = {end_data, end_eof, end_error, end_drain, end_closed};

static inline void end_connected(struct stream_connect *c, int status) {
    struct end *e = end_of(c->stream);
    assert_false(e->s.closing);
    assert_null(c->dial);
    e->connects++;
    e->status = status;
    if (e->connected) e->connected(e);
}

static inline struct end *end_new(void) {
    struct end *e = calloc(1, sizeof *e);
    assert_int_equal(stream_init(&e->s, &end_ops), 0);
    return e;
}

/* Closes it if nobody did, waits for on_closed and frees it. */
static inline void end_free(struct end *e) {
    stream_close(&e->s);
    here_until(&e->over);
    assert_int_equal(e->closes, 1);
    free(e);
}

static inline void door_accepted(struct listener *l) {
    accepts++;
    if (server) assert_int_equal(listener_accept(l, &server->s), 0);
}

static bool door_shut;
static inline void door_closed(struct listener *l) {
    (void)l;
    door_shut = true;
}

static inline void door_open(const char *address) {
    struct err e = {0};
    accepts = 0;
    if (listener_open(&door, address, door_accepted, &e) < 0) fail_msg("%s", e.text);
}

static inline void door_close(void) {
    door_shut = false;
    listener_close(&door, door_closed);
    here_until(&door_shut);
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sa;
}

static inline void end_connect(struct end *e, int port) {
    struct sockaddr_in sa = loopback(port);
    assert_int_equal(stream_connect(&e->c, &e->s, (struct sockaddr *)&sa, end_connected), 0);
}

/* Both ends of a fresh connection; the door is closed again. */
static inline void pair_open(struct end **client, struct end **other) {
    door_open("127.0.0.1:0");
    *client = end_new();
    *other = server = end_new();
    end_connect(*client, door.port);
    here_until_n(&(*client)->connects, 1);
    assert_int_equal((*client)->status, 0);
    here_until_n(&accepts, 1);
    server = NULL;
    door_close();
}

/* Offers n bytes of the pattern in pieces of at most `piece`. Returns what stream_write said last.
 */
static inline ssize_t end_send(struct end *e, size_t n, size_t piece) {
    char *p = malloc(piece);
    ssize_t r = 0;
    while (n > 0 && r >= 0) {
        size_t m = n < piece ? n : piece;
        for (size_t i = 0; i < m; i++)
            p[i] = pattern(e->sent + i);
        r = stream_write1(&e->s, p, m);
        e->sent += m;
        n -= m;
    }
    free(p);
    return r;
}

/* Turns the loop until e has received n bytes. */
struct want {
    struct worker_turn turn;
    struct end *e;
    uint64_t n;
};
static inline bool want_look(struct worker_turn *t) {
    struct want *k = (struct want *)(void *)t;
    if (k->e->got >= k->n) uv_stop(&here->loop);
    return false;
}
static inline void end_until_got(struct end *e, uint64_t n) {
    struct want k = {.turn.run = want_look, .e = e, .n = n};
    worker_turn_add(here, &k.turn);
    uv_run(&here->loop, UV_RUN_DEFAULT);
    worker_turn_remove(&k.turn);
    assert_int_equal(e->got, n);
}

/* A smaller send buffer, so that a slow reader is felt soon. Still several segments of loopback:
 * with less every segment would wait for the timer of a delayed acknowledgement. */
static inline void end_narrow(struct end *e) {
    int size = 200 * 1024;
    assert_int_equal(uv_send_buffer_size((uv_handle_t *)&e->s.tcp, &size), 0);
}

#endif
