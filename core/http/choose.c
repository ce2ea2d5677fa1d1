/*
 * choose: see choose.h. Called by routes while it builds a table, by the proxy for each request of
 * a service that hashes, and by drops of tables on any thread.
 */
#include "core/http/choose.h"

#include <pthread.h>

#include "core/base/conf.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/http/server.h"
#include "core/http/trust.h"

/* ---- settings ------------------------------------------------------------------------------- */

bool choose_named(struct str name, enum choose_how *how) {
    static const struct str names[] = {
        [CHOOSE_ROUND_ROBIN] = {"round_robin", 11},
        [CHOOSE_LEAST] = {"least_outstanding", 17},
        [CHOOSE_HASH] = {"hash", 4},
    };
    for (int i = 0; i < 3; i++) {
        if (!str_eq(names[i], name)) continue;
        *how = (enum choose_how)i;
        return true;
    }
    return false;
}

/* The member of a list that concerns a service: SLUG=VALUE, else the one without a slug. */
static struct str setting_for(const char *list, struct str slug) {
    struct str rest = str_of(list), member, name, value, all = STR("");
    while (str_list_next(&rest, &member)) {
        if (!str_cut(member, '=', &name, &value))
            all = member;
        else if (str_eq(str_trim(name), slug))
            return str_trim(value);
    }
    return all;
}

struct chooser choose_of(struct str slug) {
    struct chooser c = {CHOOSE_ROUND_ROBIN, CHOOSE_ADDRESS, STR_NONE};
    struct str by = setting_for(conf.proxy_hash, slug), kind;
    (void)choose_named(setting_for(conf.proxy_choose, slug), &c.how);
    bool named = str_cut(by, ':', &kind, &c.name);
    if (str_eq(kind, STR("path")))
        c.by = CHOOSE_PATH;
    else if (named)
        c.by = str_eq(kind, STR("cookie")) ? CHOOSE_COOKIE : CHOOSE_HEADER;
    return c;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* FNV-1a, and the finalizer of MurmurHash3, which makes every bit depend on every other. */
uint64_t choose_hash(struct str s) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

/* Cookie = name "=" value, and more of them behind semicolons (RFC 6265 section 4.2.1). */
static struct str cookie(const struct head *h, struct str name) {
    for (int i = 0; i < h->n_fields; i++) {
        if (h->fields[i].id != H1_COOKIE) continue;
        struct str rest = h->fields[i].value, pair, key, value;
        while (rest.n) {
            str_cut(rest, ';', &pair, &rest);
            if (str_cut(str_trim(pair), '=', &key, &value) && str_eq(key, name)) return value;
        }
    }
    return STR_NONE;
}

bool choose_key(const struct chooser *c, const struct exchange *x, uint64_t *key) {
    const struct head *h = &x->h1.head;
    struct str s = STR_NONE;
    switch (c->by) {
    case CHOOSE_ADDRESS:
        s = trust_client(exchange_peer(x), h);
        break;
    case CHOOSE_PATH:
        s = h->path;
        break;
    case CHOOSE_HEADER:
        s = head_find(h, c->name);
        break;
    case CHOOSE_COOKIE:
        s = cookie(h, c->name);
        break;
    }
    if (s.n) *key = choose_hash(s);
    return s.n > 0;
}

/* ---- how busy they are ---------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map loads; /* id -> struct load; guarded by lock, bounded by the route tables */

struct load *load_take(struct str id) {
    pthread_mutex_lock(&lock);
    struct load *l = map_get(&loads, id);
    if (!l && (l = mem_zalloc(sizeof *l + id.n))) {
        char *copy = (char *)(l + 1);
        if (id.n) memcpy(copy, id.p, id.n);
        l->id = str_make(copy, id.n);
        if (map_put(&loads, l->id, l) < 0) {
            mem_free(l);
            l = NULL;
        }
    }
    if (l) l->refs++;
    pthread_mutex_unlock(&lock);
    return l;
}

void load_give(struct load *l) {
    if (!l) return;
    pthread_mutex_lock(&lock);
    if (--l->refs == 0) {
        map_del(&loads, l->id);
        if (loads.n == 0) map_free(&loads);
        mem_free(l);
    }
    pthread_mutex_unlock(&lock);
}
