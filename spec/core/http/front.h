/*
 * front: a front door with a service behind it, whose instances the test plays, as it plays the
 * clients. Included by the tests of the proxy.
 */
#ifndef FRONT_H
#define FRONT_H

#include "raw.h"

#include <signal.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/client.h"
#include "core/http/pick.h"
#include "core/http/pool.h"
#include "core/http/proxy.h"
#include "core/http/server.h"

enum { INSTANCES = 3 };

static struct server *front;
static int door;                    /* its port */
static int inst[INSTANCES];         /* listening sockets */
static char urls[INSTANCES][2][64]; /* url, authority */
static struct upstream list[INSTANCES];
static struct upstreams ups;  /* of /svc */
static struct upstreams none; /* of /empty */
static unsigned front_flags;  /* of the route /svc */

static inline int setup(void **state) {
    conf.max_request_line = 16384;
    conf.max_header = 32768;
    conf.max_headers = 100;
    conf.max_connections = 1000;
    conf.keepalive_requests = 1000;
    conf.write_high = 64 * 1024;
    conf.header_timeout = conf.body_timeout = conf.write_timeout = conf.idle_timeout =
        conf.half_close_timeout = 60000000000ull;
    conf.connect_timeout = 5000000000ull;
    conf.upstream_timeout = conf.upstream_idle_timeout = 9000000000ull;
    conf.upstream_idle = 16;
    conf.upstream_keepalive = 60000000000ull;
    assert_int_equal(worker_init(&raw_worker, -1, NULL), 0);
    assert_int_equal(dns_start(), 0);
    assert_int_equal(pool_open(&raw_worker), 0);
    for (int i = 0; i < INSTANCES; i++) {
        int port;
        inst[i] = raw_listen(&port);
        snprintf(urls[i][0], sizeof urls[i][0], "http://127.0.0.1:%d", port);
        snprintf(urls[i][1], sizeof urls[i][1], "127.0.0.1:%d", port);
        list[i] = (struct upstream){.id = str_of(urls[i][0]),
                                    .url = str_of(urls[i][0]),
                                    .host = STR("127.0.0.1"),
                                    .port = port,
                                    .authority = str_of(urls[i][1]),
                                    .healthy = true};
    }
    ups = (struct upstreams){.list = list, .n = 1};
    struct route_table *t = route_table_new();
    assert_non_null(t);
    assert_int_equal(route_table_add(t, STR("svc"), &proxy_handler, &ups, front_flags), 0);
    assert_int_equal(route_table_add(t, STR("empty"), &proxy_handler, &none, ROUTE_CORS), 0);
    assert_int_equal(route_table_add(t, STR("gone"), &nowhere_handler, NULL, ROUTE_CORS), 0);
    route_publish(t);
    struct err e = {0};
    front = server_open(&raw_worker, "127.0.0.1:0", NULL, &e);
    if (!front) fail_msg("%s", e.text);
    door = server_port(front);
    return 0;
}

static inline void on_drained(struct server *s, void *arg) {
    *(bool *)arg = true;
}

static inline int teardown(void **state) {
    bool drained = false;
    mem_fail_at(0, false);
    server_drain(front, on_drained, &drained);
    server_abort(front);
    for (int i = 0; i < 5000 && !drained; i++)
        raw_turn();
    assert_true(drained);
    server_close(front);
    route_publish(NULL);
    proxy_close(&raw_worker);
    pool_close(&raw_worker);
    raw_close_all();
    for (int i = 0; i < INSTANCES; i++)
        if (inst[i] >= 0) close(inst[i]);
    for (int i = 0; i < 5000 && raw_worker.slot[WORKER_POOL]; i++)
        raw_turn();
    assert_null(raw_worker.slot[WORKER_POOL]);
    dns_stop();
    worker_free(&raw_worker);
    assert_int_equal(stat_get(STAT_UPSTREAM_OPEN), 0);
    assert_int_equal(stat_get(STAT_REQUESTS_OPEN), 0);
    return 0;
}

#define GET "GET /svc/a HTTP/1.1\r\nHost: me\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static inline struct raw *client(const char *request) {
    struct raw *r = raw_connect(door);
    raw_send(r, request);
    return r;
}

/* The instance's end of the request that `c` just made. */
static inline struct raw *asked(int i) {
    struct raw *r = raw_accept(inst[i]);
    raw_expect(r, "\r\n\r\n");
    return r;
}

/* Both ends of a request that is on its way. */
static inline void relay(const char *request, struct raw **c, struct raw **u) {
    *c = client(request);
    *u = asked(0);
}

static inline void gone(int i) {
    close(inst[i]);
    inst[i] = -1;
}

static inline bool has(const struct raw *r, const char *text) {
    return strstr(r->buf, text);
}

/* What the client must see when its answer broke off. */
static inline void expect_abort(struct raw *c) {
    UNTIL(raw_over(c));
    assert_true(c->broken);
}

/* The answer names the service and nothing else. */
static inline void expect_error(struct raw *c, const char *status, const char *error) {
    raw_expect(c, status);
    raw_expect(c, error);
    assert_true(has(c, "Content-Type: application/json\r\n"));
    assert_false(has(c, "127.0.0.1"));
    char port[16];
    snprintf(port, sizeof port, "%d", list[0].port);
    assert_false(has(c, port));
}

#endif
