/*
 * dns: getaddrinfo on threads of its own, answers kept for a while. Called by the connection pool
 * and probes on any worker. The loop never waits; a name that takes long delays only those who
 * asked for it.
 *
 * One look-up per name is under way at a time: later questions wait in its list and share the
 * answer.
 */
#include "core/loop/dns.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "core/base/map.h"
#include "core/base/mem.h"

#define THREADS     2
#define NAMES       1024  /* kept */
#define WAITING     4096  /* questions under way, of all workers */
#define KEEP_MS     10000 /* a good answer */
#define KEEP_BAD_MS 2000  /* a failure */

/* What is known of a name, and who waits for it. */
struct name {
    struct list link; /* oldest answer first; unlinked while it is asked */
    char host[256];
    struct dns_query *waiting; /* chained by msg.next until they are sent home */
    bool asking;
    uint64_t until; /* ms of uv_hrtime() that the answer is good for */
    int status, n;
    struct dns_addr addr[DNS_MAX]; /* port 0 */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list asked; /* struct name.link: to be looked up */
    struct list known; /* struct name.link: answered, oldest first */
    struct map names;
    int n_known, waiting;
    bool running, stop;
    int threads;
    pthread_t thread[THREADS];
} dns = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static uint64_t now_ms(void) {
    return uv_hrtime() / 1000000;
}

static void set_port(struct dns_addr *a, int port) {
    if (a->sa.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->sa)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)&a->sa)->sin_port = htons((uint16_t)port);
}

static void answer(struct dns_query *q, const struct name *name) {
    q->status = name->status;
    q->n = name->n;
    for (int i = 0; i < name->n; i++) {
        q->addr[i] = name->addr[i];
        set_port(&q->addr[i], q->port);
    }
}

static void deliver(struct message *m) {
    struct dns_query *q = LIST_ENTRY(m, struct dns_query, msg);
    if (q->canceled)
        mem_free(q);
    else
        q->done(q);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static bool seen(const struct name *name, const struct dns_addr *a) {
    for (int i = 0; i < name->n; i++)
        if (memcmp(&name->addr[i], a, sizeof *a) == 0) return true;
    return false;
}

static void keep(struct name *name, const struct addrinfo *list) {
    for (const struct addrinfo *it = list; it && name->n < DNS_MAX; it = it->ai_next) {
        struct dns_addr a;
        if (it->ai_family != AF_INET && it->ai_family != AF_INET6) continue;
        memset(&a, 0, sizeof a);
        memcpy(&a.sa, it->ai_addr, it->ai_addrlen);
        set_port(&a, 0);
        if (!seen(name, &a)) name->addr[name->n++] = a;
    }
}

static int status_of(int r) {
    switch (r) {
    case 0:
        return 0;
    case EAI_AGAIN:
        return ERR_TIMEOUT;
    case EAI_MEMORY:
        return -ENOMEM;
    default:
        return -ENOENT;
    }
}

/* No lock held: the name is `asking`, nobody else touches its answer. */
static void look_up(struct name *name) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int r = getaddrinfo(name->host, NULL, &hints, &list);
    name->n = 0;
    if (r == 0) keep(name, list);
    name->status = r == 0 && name->n == 0 ? -ENOENT : status_of(r);
    if (list) freeaddrinfo(list);
}

/* Lock held: sends everybody who waits home with the answer. */
static void tell_all(struct name *name) {
    for (struct dns_query *q = name->waiting, *next; q; q = next) {
        struct message *after = atomic_load_explicit(&q->msg.next, memory_order_relaxed);
        next = after ? LIST_ENTRY(after, struct dns_query, msg) : NULL;
        answer(q, name);
        q->msg.deliver = deliver;
        dns.waiting--;
        worker_post(q->home, &q->msg);
    }
    name->waiting = NULL;
}

static void *thread_main(void *arg) {
    (void)arg;
    pthread_mutex_lock(&dns.lock);
    for (;;) {
        while (list_empty(&dns.asked) && !dns.stop)
            pthread_cond_wait(&dns.work, &dns.lock);
        struct list *link = list_pop(&dns.asked);
        if (!link) break;
        struct name *name = LIST_ENTRY(link, struct name, link);
        pthread_mutex_unlock(&dns.lock);
        look_up(name);
        pthread_mutex_lock(&dns.lock);
        name->asking = false;
        name->until = now_ms() + (name->status == 0 ? KEEP_MS : KEEP_BAD_MS);
        list_push(&dns.known, &name->link);
        dns.n_known++;
        tell_all(name);
    }
    pthread_mutex_unlock(&dns.lock);
    return NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool literal(struct dns_query *q) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&q->addr[0].sa;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&q->addr[0].sa;
    if (inet_pton(AF_INET, q->host, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, q->host, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    else
        return false;
    set_port(&q->addr[0], q->port);
    q->n = 1;
    q->status = 0;
    return true;
}

static void forget(struct name *name) {
    list_unlink(&name->link);
    dns.n_known--;
    map_del(&dns.names, str_of(name->host));
    mem_free(name);
}

/* Lock held: the name's entry, made when there is none; NULL when memory is out. */
static struct name *entry(const char *host) {
    struct name *name = map_get(&dns.names, str_of(host));
    if (name) return name;
    if (dns.n_known >= NAMES) forget(LIST_ENTRY(dns.known.next, struct name, link));
    name = mem_zalloc(sizeof *name);
    if (!name) return NULL;
    memcpy(name->host, host, sizeof name->host);
    list_init(&name->link);
    if (map_put(&dns.names, str_of(name->host), name) < 0) {
        mem_free(name);
        return NULL;
    }
    return name;
}

static void wait_for(struct name *name, struct dns_query *q) {
    atomic_store_explicit(&q->msg.next, name->waiting ? &name->waiting->msg : NULL,
                          memory_order_relaxed);
    name->waiting = q;
    dns.waiting++;
    if (name->asking) return;
    name->asking = true;
    if (!list_empty(&name->link)) {
        list_unlink(&name->link);
        dns.n_known--;
    }
    list_push(&dns.asked, &name->link);
    pthread_cond_signal(&dns.work);
}

static int ask(struct dns_query *q) {
    if (!dns.running) return -ENOENT;
    if (dns.waiting >= WAITING) return ERR_BUSY;
    struct name *name = entry(q->host);
    if (!name) return -ENOMEM;
    if (!name->asking && name->until > now_ms()) {
        answer(q, name);
        return 1;
    }
    wait_for(name, q);
    return 0;
}

int dns_resolve(struct dns_query *q, struct str host, int port, void (*done)(struct dns_query *q)) {
    if (host.n == 0 || host.n >= sizeof q->host || memchr(host.p, 0, host.n)) return -EINVAL;
    memset(q->addr, 0, sizeof q->addr);
    memcpy(q->host, host.p, host.n);
    memset(q->host + host.n, 0, sizeof q->host - host.n);
    q->port = port;
    q->n = 0;
    q->done = done;
    q->canceled = false;
    q->home = worker_self();
    if (literal(q)) return 1;
    pthread_mutex_lock(&dns.lock);
    int rc = ask(q);
    pthread_mutex_unlock(&dns.lock);
    return rc;
}

void dns_cancel(struct dns_query *q) {
    q->canceled = true; /* the home worker's flag: deliver reads it there */
}

int dns_start(void) {
    list_init(&dns.asked);
    list_init(&dns.known);
    map_init(&dns.names, 0); /* bounded by NAMES and WAITING */
    dns.stop = false;
    dns.threads = 0;
    for (; dns.threads < THREADS; dns.threads++) {
        int rc = worker_thread(&dns.thread[dns.threads], "dns", thread_main, NULL);
        if (rc < 0) {
            dns_stop();
            return rc;
        }
    }
    pthread_mutex_lock(&dns.lock);
    dns.running = true;
    pthread_mutex_unlock(&dns.lock);
    return 0;
}

void dns_stop(void) {
    pthread_mutex_lock(&dns.lock);
    dns.stop = true;
    dns.running = false;
    pthread_cond_broadcast(&dns.work);
    pthread_mutex_unlock(&dns.lock);
    for (int i = 0; i < dns.threads; i++)
        pthread_join(dns.thread[i], NULL);
    dns.threads = 0;
    while (!list_empty(&dns.known))
        forget(LIST_ENTRY(dns.known.next, struct name, link));
    map_free(&dns.names);
}
