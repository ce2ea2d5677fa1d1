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
#include "core/script/service_list.h"

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
static unsigned asks; /* questions that policies answer, as flags, for the table being built */

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

/* ---- who listens to what --------------------------------------------------------------------- */

/* Of one route table, which owns it: what it must let go of in the end, too. */
struct directory {
    struct map topics;    /* topic -> struct listener, the first one */
    struct listener *all; /* every service */
    struct counted *counted;
};

/* An instance whose requests are counted. */
struct counted {
    struct counted *next;
    struct load *load;
};

struct listener {
    struct listener *next; /* by host name */
    struct service *service;
};

static int add_listener(struct route_table *t, struct listener **first, struct service *s) {
    struct listener *l = arena_zalloc(&t->arena, sizeof *l);
    if (!l) return -ENOMEM;
    while (*first && str_cmp(service_host((*first)->service), service_host(s)) < 0)
        first = &(*first)->next;
    l->service = s;
    l->next = *first;
    *first = l;
    return 0;
}

static int add_topic(struct route_table *t, struct service *s, struct str topic) {
    struct directory *d = t->data;
    struct listener *first = map_get(&d->topics, topic), *before = first;
    int rc = add_listener(t, &first, s);
    if (rc == 0 && first != before) rc = map_put(&d->topics, topic, first);
    return rc;
}

/* Another host that it answers for. Of several services the first one is asked, which passes on
 * what is not for it; a service's own host is never taken from it. */
static int add_host(struct route_table *t, struct service *s, unsigned flags, struct str host) {
    int rc = route_table_add(t, host, &service_handler, s, flags | (asks & ROUTE_LIMIT));
    return rc == -EEXIST ? 0 : rc;
}

/* The own host of a service is nobody else's, whichever came first. */
static bool is_taken(const struct service *s, struct str host) {
    const struct service *owner = service_by_host(host);
    return owner && owner != s && !owner->removed;
}

static int add_topics(void *arg, struct service *s, unsigned flags, struct str topics) {
    struct route_table *t = arg;
    int rc = 0;
    for (struct str topic; rc == 0 && topics.n;) {
        str_cut(topics, '\n', &topic, &topics);
        bool is_host = str_starts(topic, STR("//"));
        if (is_host && is_taken(s, str_from(topic, 2))) continue;
        rc = add_topic(t, s, topic);
        if (rc == 0 && is_host) rc = add_host(t, s, flags, str_from(topic, 2));
    }
    return rc;
}

static int add_service(void *arg, struct service *s, unsigned flags, struct str topics) {
    struct route_table *t = arg;
    struct directory *d = t->data;
    (void)topics;
    int rc = add_listener(t, &d->all, s);
    flags |= asks & ROUTE_LIMIT;
    return rc < 0 ? rc : route_table_add(t, service_host(s), &service_handler, s, flags);
}

static void drop_directory(struct route_table *t) {
    struct directory *d = t->data;
    map_free(&d->topics);
    for (struct counted *c = d->counted; c; c = c->next)
        load_give(c->load);
}

static int add_services(struct route_table *t) {
    struct directory *d = arena_zalloc(&t->arena, sizeof *d);
    if (!d) return -ENOMEM;
    map_init(&d->topics, 0);
    t->data = d;
    t->drop = drop_directory;
    int rc = service_each(add_service, t);
    return rc < 0 ? rc : service_each(add_topics, t);
}

void routes_listeners(struct worker *w, struct str topic, struct buf *out) {
    struct route_view *v = route_view_take(w);
    if (!v) return;
    const struct directory *d = v->table->data;
    const struct listener *l = !d ? NULL : topic.n ? map_get(&d->topics, topic) : d->all;
    for (; l; l = l->next) {
        buf_str(out, service_host(l->service));
        buf_char(out, '\n');
    }
    route_view_give(v);
}

/* ---- instances ------------------------------------------------------------------------------- */

static struct str copy(struct route_table *t, struct str s, bool *ok) {
    struct str c = s.n ? arena_str(&t->arena, s) : STR("");
    if (!c.p) *ok = false;
    return c;
}

/* Somebody wants to know how busy it is. */
static bool add_load(struct route_table *t, struct upstream *u) {
    struct directory *d = t->data;
    struct counted *c = arena_alloc(&t->arena, sizeof *c);
    u->load = c ? load_take(u->id) : NULL;
    if (!u->load) return false;
    *c = (struct counted){d->counted, u->load};
    d->counted = c;
    return true;
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
    ups->chooser = choose_of(slug);
    unsigned flags = ROUTE_TOKEN | asks;
    bool counted = ups->chooser.how == CHOOSE_LEAST || (flags & ROUTE_CHOOSE);
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
            .hash = choose_hash(in->url),
        };
        if (ok && counted) ok = add_load(t, &ups->list[ups->n - 1]);
        if (!ok) return -ENOMEM;
    }
    int rc = route_table_add(t, slug, &proxy_handler, ups,
                             ups->n > 0 ? flags : flags & ~(unsigned)ROUTE_CHOOSE);
    return rc == -EEXIST ? 0 : rc; /* a Lua service of that name goes first */
}

int routes_rebuild(void) {
    struct route_table *t = route_table_new();
    if (!t) return -ENOMEM;
    asks = service_asks();
    int rc = add_services(t);
    for (int i = 0; rc == 0 && current && i < current->n; i++)
        if (current->list[i].slug.n && !map_get(&t->names, current->list[i].slug))
            rc = add_slug(t, i);
    if (rc == 0) {
        t->other = arena_zalloc(&t->arena, sizeof *t->other);
        if (t->other)
            *t->other = (struct route){.handler = &nowhere_handler,
                                       .flags = ROUTE_TOKEN | (asks & ROUTE_LIMIT)};
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
