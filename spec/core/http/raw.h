/*
 * raw: the other side of a connection, played by a test byte by byte, on the thread of the worker
 * under test. Everything turns the worker's loop while it waits; whatever does not come within ten
 * seconds fails the test. Included by the tests of connections.
 */
#ifndef RAW_H
#define RAW_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/loop/worker.h"

/* A scripted peer. */
struct raw {
    int fd;
    char *buf;     /* received and not forgotten yet, NUL-terminated */
    size_t n, cap; /* used, room */
    size_t total;  /* received in all */
    bool eof;      /* the other side ended properly */
    bool broken;   /* it was reset */
    bool deaf;     /* does not read: for tests of back-pressure */
    bool discard;  /* counts, keeps nothing */
};

enum { RAW_MAX = 1100 };
static struct raw *raws[RAW_MAX]; /* all that are open */
static int n_raws;
static struct worker raw_worker; /* the worker under test */

static inline void raw_read(struct raw *r) {
    if (r->fd < 0 || r->eof || r->broken || r->deaf) return;
    for (int i = 0; i < 64; i++) {
        if (r->cap - r->n < 70000) {
            r->cap = 2 * r->cap + 70000;
            r->buf = realloc(r->buf, r->cap);
            assert_non_null(r->buf);
        }
        ssize_t n = recv(r->fd, r->buf + r->n, 65536, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n < 0) r->broken = true;
        if (n == 0) r->eof = true;
        if (n <= 0) return;
        r->total += (size_t)n;
        if (!r->discard) r->n += (size_t)n;
        r->buf[r->n] = '\0';
    }
}

/* One turn of the loop and of all scripted peers. */
static inline void raw_turn(void) {
    uv_run(&raw_worker.loop, UV_RUN_NOWAIT);
    for (int i = 0; i < n_raws; i++)
        raw_read(raws[i]);
}

static inline uint64_t raw_clock(void) {
    return uv_hrtime() / 1000000;
}

/* Turns until `cond` holds. Between turns the thread rests until a socket or timer has work. */
#define UNTIL(cond) \
    do { \
        uint64_t raw_end_ = raw_clock() + 10000; \
        while (raw_turn(), !(cond)) { \
            if (raw_clock() > raw_end_) fail_msg("waited in vain for: %s", #cond); \
            struct pollfd raw_pfd_ = {uv_backend_fd(&raw_worker.loop), POLLIN, 0}; \
            poll(&raw_pfd_, 1, 1); \
        } \
    } while (0)

/* Lets everything that is on its way arrive. */
static inline void raw_settle(void) {
    for (int i = 0; i < 20; i++) {
        raw_turn();
        poll(NULL, 0, 1);
    }
}

/* Listens on a free port of a loopback address ("127.0.0.1" or "::1"). Returns the descriptor. */
static inline int raw_listen_at(const char *address, int *port, int backlog) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port)};
    bool six = strchr(address, ':');
    inet_pton(six ? AF_INET6 : AF_INET, address,
              six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (six) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    assert_int_equal(bind(fd, six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
                          six ? sizeof v6 : sizeof v4),
                     0);
    assert_int_equal(listen(fd, backlog), 0);
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *port = ntohs(six ? ((struct sockaddr_in6 *)&sa)->sin6_port
                      : ((struct sockaddr_in *)&sa)->sin_port);
    return fd;
}

static inline int raw_listen(int *port) {
    *port = 0;
    return raw_listen_at("127.0.0.1", port, 1024);
}

/* A port where nobody listens. */
static inline int raw_dead_port(void) {
    int port;
    close(raw_listen(&port));
    return port;
}

static inline struct raw *raw_new(int fd) {
    struct raw *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_true(n_raws < RAW_MAX);
    r->fd = fd;
    r->cap = 70000;
    r->buf = calloc(1, r->cap);
    assert_non_null(r->buf);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    raws[n_raws++] = r;
    return r;
}

/* The next connection, or NULL when none comes on its own within this turn. */
static inline struct raw *raw_try_accept(int listener) {
    raw_turn();
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? NULL : raw_new(fd);
}

static inline struct raw *raw_accept(int listener) {
    struct raw *r = NULL;
    UNTIL((r = raw_try_accept(listener)));
    return r;
}

/* Connects to a loopback port. */
static inline struct raw *raw_connect(int port) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return raw_new(fd);
}

/* Sends all of it, turning the loop while the socket is full. False when the peer is gone. */
static inline bool raw_send_n(struct raw *r, const char *p, size_t n) {
    uint64_t end = raw_clock() + 10000;
    while (n > 0) {
        ssize_t sent = send(r->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        }
        raw_turn();
        assert_true(raw_clock() < end);
    }
    return true;
}

static inline bool raw_send(struct raw *r, const char *text) {
    return raw_send_n(r, text, strlen(text));
}

/* Waits until `text` was received. */
static inline void raw_expect(struct raw *r, const char *text) {
    uint64_t end = raw_clock() + 10000;
    while (raw_turn(), !strstr(r->buf, text)) {
        if (raw_clock() > end || r->eof || r->broken)
            fail_msg("expected <%s>, got%s <%s>", text, r->eof ? " EOF after" : "", r->buf);
        poll(NULL, 0, 1);
    }
}

static inline void raw_forget(struct raw *r) {
    r->n = 0;
    r->buf[0] = '\0';
}

/* FIN: ends our side only. */
static inline void raw_end(struct raw *r) {
    shutdown(r->fd, SHUT_WR);
}

static inline void raw_close(struct raw *r) {
    for (int i = 0; i < n_raws; i++)
        if (raws[i] == r) raws[i--] = raws[--n_raws];
    close(r->fd);
    free(r->buf);
    free(r);
}

/* RST. */
static inline void raw_reset(struct raw *r) {
    struct linger now = {1, 0};
    setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    raw_close(r);
}

/* Closes whatever a test left open, a failed one too. */
static inline void raw_close_all(void) {
    while (n_raws)
        raw_close(raws[0]);
}

/* A connection that was ended by the other side, one way or the other. */
static inline bool raw_over(struct raw *r) {
    return r->eof || r->broken;
}

/* Segments with data that this end received or sent. The kernel's tcp_info goes on behind libc's.
 */
static inline uint32_t raw_segments(const struct raw *r, bool received) {
    struct {
        struct tcp_info info;
        uint64_t rates[2], bytes[2];
        uint32_t segments[2], waiting, rtt, data_in, data_out;
    } tcp;
    socklen_t n = sizeof tcp;
    assert_int_equal(getsockopt(r->fd, IPPROTO_TCP, TCP_INFO, &tcp, &n), 0);
    return received ? tcp.data_in : tcp.data_out;
}

#endif
