/*
 * dns: the cache and the threads that ask. Called by the connection pools of all workers.
 *
 * One mutex guards everything; it is held for a hash look-up, never during getaddrinfo. A name is
 * in the map from its first question on. While it is asked for it is in `asked` (until a thread
 * takes it) and has a list of queries that wait; afterwards it is in `answered`, oldest answer
 * first, which is the order in which names are thrown out when the map is full. The thread fills
 * the queries and posts each to its home.
 */
#include "core/loop/dns.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>

#include "core/base/map.h"
#include "core/base/mem.h"

#define NAMES_MAX   1024
#define WAITING_MAX 16384 /* queries that wait, of all names */
#define THREADS     2
#define ASKED_MAX   256 /* names that queue for a thread */
#define KEEP_MS     10000
#define KEEP_BAD_MS 2000

union address { /* without the 100 bytes of a sockaddr_storage that nobody uses */
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct answer {
    int status; /* as in dns_query */
    int n;
    union address addr[DNS_MAX]; /* port 0 */
};

struct name {
    struct list link;    /* in `asked` or `answered`; in none while a thread has it */
    struct list waiting; /* struct dns_query.link; only while `asking` */
    uint64_t expires;    /* monotonic milliseconds */
    bool asking;         /* queued or being looked up: must not be thrown out */
    struct answer answer;
    char host[256]; /* constant: read without the lock */
};

static struct {
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t work;    /* somebody asked, or the end */
    struct map names;       /* host -> struct name */
    struct list asked;      /* struct name.link, to be looked up */
    struct list answered;   /* struct name.link */
    int n_asked, n_waiting; /* names in `asked`; queries that wait */
    bool running, stopping;
    int n_threads; /* the starter's */
    pthread_t threads[THREADS];
} dns = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static uint64_t now_ms(void) {
    return uv_hrtime() / 1000000;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void set_port(union address *a, int port) {
    if (a->sa.sa_family == AF_INET)
        a->v4.sin_port = htons((uint16_t)port);
    else
        a->v6.sin6_port = htons((uint16_t)port);
}

static bool same(const union address *a, const union address *b) {
    if (a->sa.sa_family != b->sa.sa_family) return false;
    if (a->sa.sa_family == AF_INET) return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static void add(struct answer *out, const union address *a) {
    for (int i = 0; i < out->n; i++)
        if (same(&out->addr[i], a)) return;
    if (out->n < DNS_MAX) out->addr[out->n++] = *a;
}

static bool literal(const char *host, struct answer *out) {
    union address a = {0};
    *out = (struct answer){0};
    if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1)
        a.sa.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1)
        a.sa.sa_family = AF_INET6;
    else
        return false;
    add(out, &a);
    return true;
}

static int status_of(int eai, int error) {
    switch (eai) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENOENT;
    case EAI_AGAIN:
        return ERR_TIMEOUT;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return error ? -error : -EIO;
    default:
        return -EIO;
    }
}

/* Asks the system. May take as long as it likes. */
static void ask(const char *host, struct answer *out) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    *out = (struct answer){0};
    int r = getaddrinfo(host, NULL, &hints, &found);
    if (r != 0) {
        out->status = status_of(r, errno);
        return;
    }
    for (struct addrinfo *it = found; it; it = it->ai_next) {
        union address a = {0};
        if (it->ai_family != AF_INET && it->ai_family != AF_INET6) continue;
        if (it->ai_addrlen > sizeof a) continue;
        memcpy(&a, it->ai_addr, it->ai_addrlen);
        set_port(&a, 0);
        add(out, &a);
    }
    freeaddrinfo(found);
    if (out->n == 0) out->status = -ENOENT;
}

static void fill(struct dns_query *q, const struct answer *a) {
    q->status = a->status;
    q->n = a->n;
    for (int i = 0; i < a->n; i++) {
        union address with_port = a->addr[i];
        set_port(&with_port, q->port);
        q->addr[i] = (struct dns_addr){0};
        memcpy(&q->addr[i].sa, &with_port, sizeof with_port);
    }
}

/* ---- looking up ------------------------------------------------------------------------------ */

static void deliver(struct message *m) {
    struct dns_query *q = LIST_ENTRY(m, struct dns_query, msg);
    if (q->canceled)
        mem_free(q);
    else
        q->done(q);
}

/* With the lock held: the answer is in. */
static void settle(struct name *name, const struct answer *a) {
    /* Being out of memory or on the way out says nothing about the name. */
    bool keep = a->status != -ENOMEM && a->status != ERR_CANCELED;
    name->answer = *a;
    name->asking = false;
    name->expires = now_ms() + (a->status == 0 ? KEEP_MS : keep ? KEEP_BAD_MS : 0);
    list_push(&dns.answered, &name->link);
    for (struct list *link; (link = list_pop(&name->waiting));) {
        struct dns_query *q = LIST_ENTRY(link, struct dns_query, link);
        q->waiting = false;
        dns.n_waiting--;
        fill(q, a);
        worker_post(q->home, &q->msg); /* q is not ours any more */
    }
}

static void *thread_main(void *arg) {
    (void)arg;
    pthread_mutex_lock(&dns.lock);
    for (;;) {
        while (list_empty(&dns.asked) && !dns.stopping)
            pthread_cond_wait(&dns.work, &dns.lock);
        if (list_empty(&dns.asked)) break;
        struct name *name = LIST_ENTRY(list_pop(&dns.asked), struct name, link);
        struct answer a = {.status = ERR_CANCELED};
        dns.n_asked--;
        if (!dns.stopping) {
            pthread_mutex_unlock(&dns.lock);
            ask(name->host, &a);
            pthread_mutex_lock(&dns.lock);
        }
        settle(name, &a);
    }
    pthread_mutex_unlock(&dns.lock);
    return NULL;
}

/* ---- the cache; all with the lock held ------------------------------------------------------- */

static void forget(struct name *name) {
    list_unlink(&name->link);
    map_del(&dns.names, str_of(name->host));
    mem_free(name);
}

static int remember(const char *host, struct name **out) {
    if (dns.names.n >= NAMES_MAX) {
        if (list_empty(&dns.answered)) return ERR_BUSY; /* all are being asked for */
        forget(LIST_ENTRY(dns.answered.next, struct name, link));
    }
    struct name *name = mem_zalloc(sizeof *name);
    if (!name) return -ENOMEM;
    list_init(&name->link);
    list_init(&name->waiting);
    memcpy(name->host, host, sizeof name->host);
    int r = map_put(&dns.names, str_of(host), name);
    if (r < 0)
        mem_free(name);
    else
        *out = name;
    return r;
}

static int begin(struct name *name) {
    if (dns.n_asked >= ASKED_MAX) return ERR_BUSY;
    list_unlink(&name->link);
    list_push(&dns.asked, &name->link);
    dns.n_asked++;
    name->asking = true;
    pthread_cond_signal(&dns.work);
    return 0;
}

static int resolve(struct dns_query *q) {
    if (!dns.running) return ERR_CLOSED;
    struct name *name = map_get(&dns.names, str_of(q->host));
    if (name && !name->asking && now_ms() < name->expires) {
        fill(q, &name->answer);
        return 1;
    }
    if (dns.n_waiting >= WAITING_MAX) return ERR_BUSY;
    int r = name ? 0 : remember(q->host, &name);
    if (r < 0) return r;
    if (!name->asking && (r = begin(name)) < 0) {
        forget(name);
        return r;
    }
    list_push(&name->waiting, &q->link);
    q->waiting = true;
    dns.n_waiting++;
    return 0;
}

/* ---- public ---------------------------------------------------------------------------------- */

/* What DNS and /etc/hosts can know: letters, digits, '-', '.', '_'. */
static bool valid_host(struct str host) {
    if (host.n == 0 || host.n > 253) return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_' || c == ':';
        if (!ok) return false;
    }
    return true;
}

int dns_resolve(struct dns_query *q, struct str host, int port,
                void (*on_done)(struct dns_query *q)) {
    q->msg.deliver = deliver;
    q->home = worker_self();
    q->waiting = false;
    list_init(&q->link);
    q->port = port;
    q->status = 0;
    q->n = 0;
    q->done = on_done;
    q->canceled = false;
    assert(q->home);
    if (!valid_host(host) || port < 0 || port > 65535) return -EINVAL;
    memset(q->host, 0, sizeof q->host);
    for (size_t i = 0; i < host.n; i++)
        q->host[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] + 32 : host.p[i]);
    struct answer a;
    if (literal(q->host, &a)) {
        fill(q, &a);
        return 1;
    }
    if (str_index(host, ':') >= 0) return -EINVAL;
    pthread_mutex_lock(&dns.lock);
    int r = resolve(q);
    pthread_mutex_unlock(&dns.lock);
    return r;
}

void dns_cancel(struct dns_query *q) {
    assert(worker_self() == q->home);
    q->canceled = true;
    pthread_mutex_lock(&dns.lock);
    bool waiting = q->waiting;
    if (waiting) {
        list_unlink(&q->link);
        dns.n_waiting--;
    }
    pthread_mutex_unlock(&dns.lock);
    if (waiting) mem_free(q);
}

int dns_start(void) {
    assert(dns.n_threads == 0);
    map_init(&dns.names, NAMES_MAX);
    list_init(&dns.asked);
    list_init(&dns.answered);
    dns.stopping = false;
    dns.running = true;
    for (; dns.n_threads < THREADS; dns.n_threads++) {
        int r = worker_thread(&dns.threads[dns.n_threads], "dns", thread_main, NULL);
        if (r < 0) {
            dns_stop();
            return r;
        }
    }
    return 0;
}

void dns_stop(void) {
    pthread_mutex_lock(&dns.lock);
    bool running = dns.running;
    dns.running = false;
    dns.stopping = true;
    pthread_cond_broadcast(&dns.work);
    pthread_mutex_unlock(&dns.lock);
    if (!running) return;
    for (; dns.n_threads > 0; dns.n_threads--)
        pthread_join(dns.threads[dns.n_threads - 1], NULL);
    while (!list_empty(&dns.answered))
        forget(LIST_ENTRY(dns.answered.next, struct name, link));
    assert(dns.names.n == 0 && dns.n_waiting == 0);
    map_free(&dns.names);
}
