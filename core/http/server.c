/*
 * server: listeners and the books about their connections: how many there may be, what happens when
 * the host stops. One server per worker and address; everything on that worker. What a connection
 * does is in conn.c, what a request does in exchange.c.
 */
#include "core/http/server.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/http/conn.h"

/* Connections beyond the limit that pages of the host's own may have: whoever looks after it must
 * get in when the front door is full. */
#define RESERVE 64

/* Connections of the whole host, all workers and addresses. */
static _Atomic int64_t open_connections;

/* ---- what a worker keeps -------------------------------------------------------------------- */

/* End of the turn: heads that nothing was written behind leave now, and handlers hear of
 * connections that broke while they were writing. */
static bool work_off(struct worker_turn *t) {
    struct http *h = LIST_ENTRY(t, struct http, turn);
    struct list *node;
    while ((node = list_pop(&h->later))) {
        struct exchange *x = LIST_ENTRY(node, struct exchange, later);
        if (!x->conn->broken) exchange_flush(x);
        if (x->conn->broken && !x->ended) conn_lost(x->conn, x->conn->broken);
    }
    return false;
}

static struct http *http_take(struct worker *w) {
    struct http *h = w->slot[WORKER_HTTP];
    if (!h) {
        h = mem_zalloc(sizeof *h);
        if (!h) return NULL;
        h->worker = w;
        h->turn.run = work_off;
        list_init(&h->open);
        list_init(&h->later);
        list_init(&h->spare);
        list_init(&h->turn.link);
        if (getrandom(&h->id_seed, sizeof h->id_seed, 0) != sizeof h->id_seed)
            h->id_seed = uv_hrtime() ^ (uint64_t)(uintptr_t)h;
        worker_turn_add(w, &h->turn);
        w->slot[WORKER_HTTP] = h;
    }
    h->servers++;
    return h;
}

static void http_give(struct http *h) {
    if (--h->servers > 0) return;
    assert(list_empty(&h->open) && list_empty(&h->later));
    exchange_free_spare(h);
    plan_memory_free(h->plan);
    route_close(h->worker);
    worker_turn_remove(&h->turn);
    h->worker->slot[WORKER_HTTP] = NULL;
    mem_free(h);
}

/* ---- connections come and go ---------------------------------------------------------------- */

static void accepted(struct listener *l) {
    struct server *s = l->data;
    int64_t most = conf.max_connections + (s->fixed ? RESERVE : 0);
    if (atomic_fetch_add(&open_connections, 1) < most && conn_open(s) == 0) return;
    atomic_fetch_sub(&open_connections, 1); /* the listener closes what nobody took, and counts */
}

static void tell_drained(struct server *s) {
    if (!s->drained || s->listening || s->n_conns > 0) return;
    void (*drained)(struct server *, void *) = s->drained;
    s->drained = NULL;
    drained(s, s->arg);
}

void server_left(struct server *s) {
    atomic_fetch_sub(&open_connections, 1);
    s->n_conns--;
    tell_drained(s);
}

static void listener_closed(struct listener *l) {
    struct server *s = l->data;
    s->listening = false;
    tell_drained(s);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* On `address` or, when that is NULL, on the socket `fd`. */
static struct server *open_on(struct worker *w, const char *address, int fd,
                              const struct handler *fixed, struct err *e) {
    assert(w == worker_self());
    struct server *s = mem_zalloc(sizeof *s);
    struct http *h = s ? http_take(w) : NULL;
    if (!h) {
        mem_free(s);
        err_set(e, -ENOMEM, "out of memory for a server");
        return NULL;
    }
    s->http = h;
    s->fixed = fixed;
    s->listener.data = s;
    list_init(&s->conns);
    int rc = address ? listener_open(&s->listener, address, accepted, e)
                     : listener_open_on(&s->listener, fd, accepted, e);
    if (rc < 0) {
        http_give(h);
        mem_free(s);
        return NULL;
    }
    s->listening = true;
    return s;
}

struct server *server_open(struct worker *w, const char *address, const struct handler *fixed,
                           struct err *e) {
    return open_on(w, address, -1, fixed, e);
}

struct server *server_open_on(struct worker *w, int fd, const struct handler *fixed,
                              struct err *e) {
    return open_on(w, NULL, fd, fixed, e);
}

int server_port(const struct server *s) {
    return s->listener.port;
}

int server_connections(const struct server *s) {
    return s->n_conns;
}

static void stop_accepting(struct server *s) {
    s->draining = true;
    if (s->listener.open) listener_close(&s->listener, listener_closed);
}

void server_drain(struct server *s, void (*drained)(struct server *s, void *arg), void *arg) {
    s->drained = drained;
    s->arg = arg;
    stop_accepting(s);
    LIST_EACH_SAFE(&s->conns, it, next)
    conn_drain(LIST_ENTRY(it, struct conn, link));
    tell_drained(s);
}

void server_abort(struct server *s) {
    stop_accepting(s);
    LIST_EACH_SAFE(&s->conns, it, next)
    conn_cut(LIST_ENTRY(it, struct conn, link));
}

void server_close(struct server *s) {
    assert(!s->listening && s->n_conns == 0);
    http_give(s->http);
    mem_free(s);
}
