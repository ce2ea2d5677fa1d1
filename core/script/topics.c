/*
 * topics: one table of subscriptions under one lock, which is held for as long as it takes to put a
 * message into the queues of one topic. A worker hears of it by mail, at most one letter per
 * subscription at a time.
 */
#include "core/script/topics.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/loop/mailbox.h"
#include "core/loop/worker.h"

#define BUCKETS 1024

struct topic_message {
    int holders; /* queues that it is in, and those who took it; under the lock */
    size_t from, n;
    char text[]; /* `from` bytes that say who published it, then n bytes of message */
};

struct topic_sub {
    struct list link; /* in its bucket */
    struct message mail;
    struct worker *worker;
    void (*woken)(void *arg);
    void *arg;
    struct topic_message **queue; /* a ring of `limit` */
    int limit, first, n;
    uint64_t lost;
    bool posted; /* its mail is under way */
    bool left;   /* it is freed when that has come */
    size_t name_n;
    char name[TOPIC_NAME_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list buckets[BUCKETS];
static int subs;     /* how many there are */
static size_t bytes; /* of all messages, see cost_of */

static struct list *bucket_of(struct str topic) {
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < topic.n; i++)
        h = (h ^ (unsigned char)topic.p[i]) * 16777619u;
    struct list *bucket = &buckets[h % BUCKETS];
    if (!bucket->next) list_init(bucket);
    return bucket;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* With what it takes to keep it: small ones would fill the memory uncounted else. */
static size_t cost_of(const struct topic_message *m) {
    return sizeof *m + m->from + m->n;
}

static void let_go(struct topic_message *m) {
    if (--m->holders > 0) return;
    bytes -= cost_of(m);
    mem_free(m);
}

void topic_drop(struct topic_message *m) {
    pthread_mutex_lock(&lock);
    let_go(m);
    pthread_mutex_unlock(&lock);
}

struct str topic_from(const struct topic_message *m) {
    return str_make(m->text, m->from);
}

struct str topic_bytes(const struct topic_message *m) {
    return str_make(m->text + m->from, m->n);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

static void sub_free(struct topic_sub *s) {
    mem_free(s->queue);
    mem_free(s);
}

static void deliver(struct message *m) {
    struct topic_sub *s = LIST_ENTRY(m, struct topic_sub, mail);
    pthread_mutex_lock(&lock);
    s->posted = false;
    bool left = s->left;
    pthread_mutex_unlock(&lock);
    if (left)
        sub_free(s);
    else
        s->woken(s->arg);
}

int topic_subscribe(struct worker *w, struct str topic, int limit, void (*woken)(void *arg),
                    void *arg, struct topic_sub **sub) {
    struct topic_sub *s = mem_zalloc(sizeof *s);
    if (s) s->queue = mem_zalloc((size_t)limit * sizeof *s->queue);
    if (!s || !s->queue) {
        mem_free(s);
        return -ENOMEM;
    }
    s->mail.deliver = deliver;
    s->worker = w;
    s->woken = woken;
    s->arg = arg;
    s->limit = limit;
    s->name_n = topic.n;
    memcpy(s->name, topic.p, topic.n);
    pthread_mutex_lock(&lock);
    bool room = subs < TOPICS_MAX;
    if (room) {
        subs++;
        list_push(bucket_of(topic), &s->link);
    }
    pthread_mutex_unlock(&lock);
    if (!room) sub_free(s);
    *sub = room ? s : NULL;
    return room ? 0 : ERR_LIMIT;
}

static struct topic_message *pop(struct topic_sub *s) {
    if (s->n == 0) return NULL;
    struct topic_message *m = s->queue[s->first];
    s->first = (s->first + 1) % s->limit;
    s->n--;
    return m;
}

void topic_leave(struct topic_sub *s) {
    struct topic_message *m;
    pthread_mutex_lock(&lock);
    list_unlink(&s->link);
    subs--;
    while ((m = pop(s)))
        let_go(m);
    s->left = true;
    bool posted = s->posted;
    pthread_mutex_unlock(&lock);
    if (!posted) sub_free(s);
}

struct topic_message *topic_take(struct topic_sub *s) {
    pthread_mutex_lock(&lock);
    struct topic_message *m = pop(s);
    pthread_mutex_unlock(&lock);
    return m;
}

bool topic_waits(struct topic_sub *s) {
    pthread_mutex_lock(&lock);
    bool waits = s->n > 0;
    pthread_mutex_unlock(&lock);
    return waits;
}

uint64_t topic_lost(struct topic_sub *s) {
    pthread_mutex_lock(&lock);
    uint64_t lost = s->lost;
    pthread_mutex_unlock(&lock);
    return lost;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static void put(struct topic_sub *s, struct topic_message *m) {
    if (s->n == s->limit) {
        let_go(pop(s));
        s->lost++;
    }
    s->queue[(s->first + s->n++) % s->limit] = m;
    m->holders++;
    if (s->posted) return;
    s->posted = true;
    worker_post(s->worker, &s->mail);
}

int topic_publish(struct str topic, struct str from, struct str text) {
    if (text.n > TOPIC_MESSAGE_MAX) return ERR_LIMIT;
    struct topic_message *m = mem_zalloc(sizeof *m + from.n + text.n);
    if (!m) return -ENOMEM;
    m->from = from.n;
    m->n = text.n;
    memcpy(m->text, from.p, from.n);
    memcpy(m->text + from.n, text.p, text.n);
    m->holders = 1;
    int reached = 0;
    pthread_mutex_lock(&lock);
    bool room = bytes + cost_of(m) <= TOPIC_BYTES_MAX;
    bytes += cost_of(m);
    struct list *bucket = bucket_of(topic);
    for (struct list *it = bucket->next; room && it != bucket; it = it->next) {
        struct topic_sub *s = LIST_ENTRY(it, struct topic_sub, link);
        if (!str_eq(str_make(s->name, s->name_n), topic)) continue;
        put(s, m);
        reached++;
    }
    let_go(m);
    pthread_mutex_unlock(&lock);
    return room ? reached : ERR_BUSY;
}
