/*
 * routes: the one place where route tables are made. Called by the registry (through lib_host) from
 * any worker and by service.c on the control thread, which owns the list of instances. Must never
 * wait.
 */
#include "core/script/routes.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/http/proxy.h"
#include "core/http/url.h"
#include "core/script/service.h"

/* A hand-over from the registry, and then the list in force. */
struct instances {
    struct message msg;
    struct arena arena;
    struct routes_instance *list;
    int n;
    uint64_t generation;
    struct barrier_count *count; /* who waits; NULL once on its way */
};

/* Goes to every worker behind the new table; the last one to get it tells who waits. */
struct barrier {
    struct message msg;
    struct barrier_count *count;
};

struct barrier_count {
    struct message msg;
    _Atomic int waiting;
    struct routes_update *update;
};

static struct worker *control;
static struct instances *current;

static void instances_free(struct instances *in) {
    if (!in) return;
    mem_free(in->count);
    arena_free(&in->arena);
    mem_free(in);
}

static void tell(struct message *m) {
    struct barrier_count *c = LIST_ENTRY(m, struct barrier_count, msg);
    struct routes_update *u = c->update;
    mem_free(c);
    u->applied(u);
}

static void passed(struct message *m) {
    struct barrier *b = LIST_ENTRY(m, struct barrier, msg);
    struct barrier_count *c = b->count;
    mem_free(b);
    if (atomic_fetch_sub(&c->waiting, 1) != 1) return;
    c->msg.deliver = tell;
    worker_post(c->update->home, &c->msg);
}

/* Messages of one sender keep their order: what passes a worker now passes behind the table that
 * was published. */
static void tell_when_applied(struct barrier_count *c) {
    atomic_init(&c->waiting, worker_count);
    for (int i = 0; i < worker_count; i++) {
        struct barrier *b = mem_zalloc(sizeof *b);
        if (!b) {
            log_error("out of memory");
            if (atomic_fetch_sub(&c->waiting, 1) == 1) {
                c->msg.deliver = tell;
                worker_post(c->update->home, &c->msg);
            }
            continue;
        }
        b->count = c;
        b->msg.deliver = passed;
        worker_post(workers[i], &b->msg);
    }
}

static void deliver(struct message *m) {
    struct instances *in = LIST_ENTRY(m, struct instances, msg);
    struct barrier_count *c = in->count;
    in->count = NULL;
    if (current && current->generation >= in->generation) {
        instances_free(in);
    } else {
        instances_free(current);
        current = in;
        if (routes_rebuild() < 0) log_error("cannot publish routes: out of memory");
    }
    tell_when_applied(c);
}

int routes_set_instances(struct routes_update *u, const struct routes_instance *list, int n,
                         uint64_t generation) {
    struct instances *in = mem_zalloc(sizeof *in);
    if (!in) return -ENOMEM;
    arena_init(&in->arena, 4096);
    in->generation = generation;
    in->n = n;
    in->list = arena_zalloc(&in->arena, (size_t)(n ? n : 1) * sizeof *in->list);
    in->count = mem_zalloc(sizeof *in->count);
    bool ok = in->list && in->count;
    for (int i = 0; ok && i < n; i++) {
        struct routes_instance *to = &in->list[i];
        to->id = arena_str(&in->arena, list[i].id);
        to->slug = arena_str(&in->arena, list[i].slug);
        to->url = arena_str(&in->arena, list[i].url);
        to->healthy = list[i].healthy;
        ok = to->id.p && to->slug.p && to->url.p;
    }
    if (!ok) {
        instances_free(in);
        return -ENOMEM;
    }
    u->home = worker_self();
    in->count->update = u;
    in->msg.deliver = deliver;
    worker_post(control, &in->msg);
    return 0;
}

static int add_service(void *arg, struct service *s, unsigned flags) {
    if (!(flags & ROUTE_CORS)) flags |= ROUTE_ORIGIN;
    return route_table_add(arg, service_host(s), &service_handler, s, flags);
}

static struct str copy(struct route_table *t, struct str s, bool *ok) {
    struct str c = s.n ? arena_str(&t->arena, s) : STR("");
    if (!c.p) *ok = false;
    return c;
}

/* All instances of one slug; `first` is its first one in the list. */
static int add_slug(struct route_table *t, int first) {
    struct str slug = current->list[first].slug;
    struct upstreams *ups = arena_zalloc(&t->arena, sizeof *ups);
    int n = 0;
    for (int i = first; i < current->n; i++)
        n += str_eq(current->list[i].slug, slug);
    if (ups) ups->list = arena_zalloc(&t->arena, (size_t)n * sizeof *ups->list);
    if (!ups || !ups->list) return -ENOMEM;
    for (int i = first; i < current->n; i++) {
        const struct routes_instance *in = &current->list[i];
        struct url u;
        struct err e = {0};
        if (!str_eq(in->slug, slug)) continue;
        if (url_parse(in->url, &u, &e) < 0) {
            log_warn("instance without a usable URL is not routed", LOGS("instance", in->id),
                     LOGZ("error", e.text));
            continue;
        }
        struct str prefix = u.path;
        while (prefix.n && prefix.p[prefix.n - 1] == '/')
            prefix.n--;
        bool ok = true;
        ups->list[ups->n++] = (struct upstream){
            .id = copy(t, in->id, &ok),
            .url = copy(t, in->url, &ok),
            .host = copy(t, u.host, &ok),
            .port = u.port,
            .authority = copy(t, u.authority, &ok),
            .prefix = copy(t, prefix, &ok),
            .healthy = in->healthy,
        };
        if (!ok) return -ENOMEM;
    }
    int rc = route_table_add(t, slug, &proxy_handler, ups, ROUTE_TOKEN);
    return rc == -EEXIST ? 0 : rc; /* a Lua service of that name goes first */
}

int routes_rebuild(void) {
    struct route_table *t = route_table_new();
    if (!t) return -ENOMEM;
    int rc = service_each(add_service, t);
    for (int i = 0; rc == 0 && current && i < current->n; i++)
        if (current->list[i].slug.n && !map_get(&t->names, current->list[i].slug))
            rc = add_slug(t, i);
    if (rc == 0) {
        t->other = arena_zalloc(&t->arena, sizeof *t->other);
        if (t->other)
            *t->other = (struct route){.handler = &nowhere_handler, .flags = ROUTE_TOKEN};
        else
            rc = -ENOMEM;
    }
    if (rc < 0) {
        route_table_free(t);
        return rc;
    }
    route_publish(t);
    return 0;
}

void routes_open(struct worker *w) {
    control = w;
}

void routes_close(void) {
    instances_free(current);
    current = NULL;
}
