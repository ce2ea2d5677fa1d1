/*
 * route: tables and how workers come to use them. Built by the control plane, read by exchange; a
 * request never waits for a table to be built.
 *
 *     latest (a lock, taken once per publish and worker)
 *        │
 *      table ── views[worker] ── exchanges
 *
 * A view counts on its own thread, without atomics; only its first and last reference touch the
 * table's counter, which all workers share. A message tells each worker to look at `latest` again:
 * what it finds there may be newer than what the message was sent for, so workers agree in the end
 * whatever the order of two publishers.
 */
#include "core/http/route.h"

#include <assert.h>
#include <stdatomic.h>

#include "core/base/mem.h"
#include "core/http/url.h"

#define WORKERS_MAX 257 /* as many as can be set, and the control thread */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct route_table *latest; /* guarded by lock */
static struct worker *control;     /* a worker outside of workers[] that serves; guarded by lock */

/* ---- tables --------------------------------------------------------------------------------- */

struct route_table *route_table_new(void) {
    struct route_table *t = mem_zalloc(sizeof *t);
    if (!t) return NULL;
    arena_init(&t->arena, 16384);
    map_init(&t->names, ROUTE_MAX);
    t->views = arena_zalloc(&t->arena, WORKERS_MAX * sizeof *t->views);
    if (t->views) return t;
    route_table_free(t);
    return NULL;
}

int route_table_add(struct route_table *t, struct str name, const struct handler *handler,
                    void *data, unsigned flags) {
    if (map_get(&t->names, name)) return -EEXIST;
    struct route *r = arena_alloc(&t->arena, sizeof *r);
    struct str copy = arena_str(&t->arena, name);
    if (!r || (name.n > 0 && !copy.p)) return -ENOMEM;
    *r = (struct route){.name = copy, .handler = handler, .data = data, .flags = flags};
    return map_put(&t->names, copy, r);
}

void route_table_free(struct route_table *t) {
    if (!t) return;
    if (t->drop) t->drop(t);
    map_free(&t->names);
    arena_free(&t->arena);
    mem_free(t);
}

static void let_go(struct route_table *t) {
    if (t && atomic_fetch_sub(&t->refs, 1) == 1) route_table_free(t);
}

/* ---- views ---------------------------------------------------------------------------------- */

static struct route_view *current(const struct worker *w) {
    return w->slot[WORKER_ROUTE];
}

/* Makes the latest table this worker's. */
static struct route_view *look(struct worker *w) {
    pthread_mutex_lock(&lock);
    struct route_table *t = latest;
    struct route_view *old = current(w);
    if (w->index < 0) control = w;
    if (t && (!old || old->table != t)) atomic_fetch_add(&t->refs, 1);
    pthread_mutex_unlock(&lock);
    if (old && old->table == t) return old;
    struct route_view *v = NULL;
    if (t) {
        v = &t->views[w->index + 1];
        v->table = t;
        v->worker = w;
        v->refs = 1;
    }
    w->slot[WORKER_ROUTE] = v;
    if (old) route_view_give(old);
    return v;
}

struct route_view *route_view_take(struct worker *w) {
    struct route_view *v = current(w);
    if (!v) v = look(w);
    if (v) v->refs++;
    return v;
}

void route_view_give(struct route_view *v) {
    assert(v->refs > 0);
    if (--v->refs == 0) let_go(v->table);
}

void route_close(struct worker *w) {
    struct route_view *v = current(w);
    pthread_mutex_lock(&lock);
    if (control == w) control = NULL;
    pthread_mutex_unlock(&lock);
    w->slot[WORKER_ROUTE] = NULL;
    if (v) route_view_give(v);
}

/* ---- publishing ----------------------------------------------------------------------------- */

/* On the worker: one that has no view yet will look when it needs one. */
static void told(struct message *m) {
    struct route_view *sent = LIST_ENTRY(m, struct route_view, msg);
    struct route_table *t = sent->table;
    if (current(sent->worker)) look(sent->worker);
    let_go(t);
}

static void tell(struct route_table *t, struct worker *w) {
    assert(w->index + 1 < WORKERS_MAX);
    struct route_view *v = &t->views[w->index + 1];
    v->table = t;
    v->worker = w;
    v->msg.deliver = told;
    atomic_fetch_add(&t->refs, 1);
    worker_post(w, &v->msg);
}

void route_publish(struct route_table *t) {
    if (t) atomic_fetch_add(&t->refs, 1);
    pthread_mutex_lock(&lock);
    struct route_table *old = latest;
    latest = t;
    /* Inside the lock: a worker that looks before its message comes must not write the view while
     * the message is being prepared in it. */
    for (int i = 0; t && i < worker_count; i++)
        tell(t, workers[i]);
    if (t && control) tell(t, control);
    pthread_mutex_unlock(&lock);
    let_go(old);
}

/* ---- matching ------------------------------------------------------------------------------- */

/* What makes a segment more than a plain name. */
static bool special(char c) {
    return c == '%' || c == ':' || (c >= 'A' && c <= 'Z');
}

/* Names of hosts mean the same in any case. Without memory the name stays as it is: it then names
 * nobody. */
static struct str lower(struct str s, struct arena *arena) {
    size_t n = 0;
    while (n < s.n && (s.p[n] < 'A' || s.p[n] > 'Z'))
        n++;
    char *out = n < s.n ? arena_alloc(arena, s.n) : NULL;
    if (!out) return s;
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    return str_make(out, s.n);
}

static int port_of(struct str s) {
    uint64_t n;
    return s.n <= 5 && str_u64(s, &n) == 0 && n > 0 && n <= 65535 ? (int)n : -1;
}

void route_split(struct str path, struct arena *arena, struct route_place *at) {
    *at = (struct route_place){.port = 0};
    if (path.n == 0 || path.p[0] != '/') return;
    bool plain = true;
    size_t n = 1;
    for (; n < path.n && path.p[n] != '/'; n++)
        if (special(path.p[n])) plain = false;
    at->segment = str_make(path.p + 1, n - 1);
    at->rest = str_from(path, n);
    if (plain) return;
    struct str host, port;
    at->segment = lower(url_plain(at->segment, arena), arena);
    if (!str_cut(at->segment, ':', &host, &port)) return;
    at->port = port_of(port);
    if (at->port > 0) at->segment = host;
}

const struct route *route_match(const struct route_view *v, struct str path, struct arena *arena,
                                struct route_place *at) {
    const struct map *names = &v->table->names;
    route_split(path, arena, at);
    const struct route *r = at->port < 0 ? NULL : map_get(names, at->segment);
    if (!r && str_eq(path, STR("/")) && (r = map_get(names, STR("root")))) at->segment = r->name;
    return r ? r : v->table->other;
}
