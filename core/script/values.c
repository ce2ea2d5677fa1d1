/*
 * values: see values.h. A map behind a mutex: changes come from people and configurators, a few a
 * day, and each makes every state read once.
 */
#include "core/script/values.h"

#include <pthread.h>

#include "core/base/map.h"
#include "core/base/mem.h"

/* What one service has. Never changed, only replaced. */
struct snapshot {
    uint64_t version; /* when it came */
    size_t n;         /* bytes */
    char p[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map hosts = {.limit = VALUES_HOSTS}; /* under `lock` */
static _Atomic uint64_t version;                   /* written under `lock` */

uint64_t values_version(void) {
    return version;
}

int values_get(struct str host, struct buf *out, uint64_t *at) {
    pthread_mutex_lock(&lock);
    const struct snapshot *s = map_get(&hosts, host);
    *at = version;
    if (s) buf_add(out, s->p, s->n);
    pthread_mutex_unlock(&lock);
    if (!s) return -ENOENT;
    return buf_ok(out) ? 0 : -ENOMEM;
}

/* [locked] Takes `fresh` and gives back what it took the place of, in *old. */
static int replace(struct str host, struct snapshot *fresh, uint64_t seen, struct snapshot **old) {
    struct snapshot *known = map_get(&hosts, host);
    if (known && known->version > seen) return ERR_CONFLICT;
    fresh->version = version + 1;
    int rc = map_put(&hosts, host, fresh);
    if (rc < 0) return rc == -ENOSPC ? ERR_LIMIT : rc;
    *old = known;
    version = fresh->version;
    return 0;
}

int values_put(struct str host, struct str bytes, uint64_t seen) {
    if (bytes.n > VALUES_SIZE) return ERR_LIMIT;
    struct snapshot *fresh = mem_alloc(sizeof *fresh + bytes.n), *old = NULL;
    if (!fresh) return -ENOMEM;
    fresh->n = bytes.n;
    if (bytes.n) memcpy(fresh->p, bytes.p, bytes.n);
    pthread_mutex_lock(&lock);
    int rc = replace(host, fresh, seen, &old);
    pthread_mutex_unlock(&lock);
    mem_free(rc == 0 ? old : fresh);
    return rc;
}

void values_forget(struct str host) {
    pthread_mutex_lock(&lock);
    struct snapshot *old = map_del(&hosts, host);
    if (old) version = version + 1;
    pthread_mutex_unlock(&lock);
    mem_free(old);
}

void values_forget_all(void) {
    size_t it = 0;
    struct str host;
    void *old;
    pthread_mutex_lock(&lock);
    while (map_next(&hosts, &it, &host, &old))
        mem_free(old);
    map_free(&hosts);
    map_init(&hosts, VALUES_HOSTS);
    version = version + 1;
    pthread_mutex_unlock(&lock);
}
