/*
 * shared: 64 maps behind 64 locks; a key's hash chooses the one.
 *
 * Each shard has its own part of the memory, its own chains and its own owners, each of them with
 * an order of use, so a call touches one lock, briefly: nothing is allocated under it but the entry
 * itself. Expired entries are dropped when they are met, and each write looks at a few places for
 * more, so that they do not push out live ones. What an entry is charged includes its share of the
 * tables.
 *
 * The owners of a shard form a heap, the one with most bytes on top: to find who gives way costs
 * nothing, and to keep it so a few steps, as there are few owners.
 */
#include "core/data/shared.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "core/base/list.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/stat.h"

#define SHARDS      64
#define CHAINS_MIN  16 /* of a shard, a power of two */
#define SWEEP       2  /* chains that a write searches for expired entries */
#define ENTRY_COST  (sizeof(struct entry) + 2 * sizeof(void *) + 16) /* beside key and value */
#define OWNER_END   32 /* bytes below end the name of an owner in a key */
#define OWNERS      32 /* chains of owners of a shard */
#define NUMBER_TEXT 32 /* the longest number */

/* A key with its value. The bytes behind it are the key, then the value unless it is a number. */
struct entry {
    struct list used; /* in owner.used */
    struct owner *owner;
    struct entry *next; /* in its chain */
    uint64_t hash;      /* of the key */
    uint64_t born;      /* when it was set, or last renewed, on the map's clock */
    uint64_t expires;   /* when; 0 = never */
    uint32_t key_n;     /* bytes of the key */
    uint32_t value_n;   /* bytes of the value; 0 for a number */
    uint8_t kind;       /* enum shared_kind */
    union {
        int64_t integer;
        double real;
    };
    char bytes[]; /* key, value */
};

/* Whose entries they are, in one shard. There as long as there are any. */
struct owner {
    struct owner *next; /* in its chain */
    uint64_t hash;      /* of the name; two with the same one share what they get */
    size_t bytes;       /* charged for its entries */
    size_t place;       /* in the heap */
    struct list used;   /* struct entry.used, least recently used first */
};

/* A part of the map with a lock of its own. */
struct shard {
    pthread_mutex_t lock;  /* guards all of it */
    struct entry **chains; /* by the low bits of the hash; the high ones chose the shard */
    size_t n_chains;       /* a power of two */
    size_t n;              /* entries */
    size_t bytes;          /* charged for them */
    size_t cap;            /* bytes allowed */
    size_t hand;           /* the chain that was searched last for expired entries */
    struct owner *owners[OWNERS];
    struct owner **heap;  /* all of these, who has most on top */
    size_t n_owners;      /* in it */
    size_t heap_room;     /* for so many */
    struct owner buckets; /* of the token buckets: in no chain, not in the heap */
};

struct shared {
    uint64_t (*now)(void); /* the clock of expiry */
    struct shard shards[SHARDS];
};

uint64_t shared_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void shared_clock(struct shared *m, uint64_t (*now)(void)) {
    m->now = now;
}

/* ---- entries ------------------------------------------------------------------------------ */

/* One call's view: its shard, locked, the key with its hash, and the time. */
struct view {
    struct shard *s; /* locked */
    struct str key;
    uint64_t hash; /* of the key */
    uint64_t now;  /* the time of the call */
    bool bucket;   /* what is put is a token bucket */
    bool evicted;  /* a live entry had to go */
};

static struct view look(struct shared *m, struct str key) {
    uint64_t hash = map_hash(key);
    struct view v = {&m->shards[hash >> 58], key, hash, m->now(), false, false};
    pthread_mutex_lock(&v.s->lock);
    return v;
}

static int leave(struct view *v, int rc) {
    pthread_mutex_unlock(&v->s->lock);
    return rc == 0 && v->evicted ? 1 : rc;
}

static size_t cost(size_t key_n, size_t value_n) {
    return ENTRY_COST + key_n + value_n;
}

static struct entry **chain(struct shard *s, uint64_t hash) {
    return &s->chains[hash & (s->n_chains - 1)];
}

static struct str key_of(const struct entry *e) {
    return str_make(e->bytes, e->key_n);
}

/* The value as bytes; a number is written into `room`. */
static struct str value_of(const struct entry *e, char room[NUMBER_TEXT]) {
    if (e->kind == SHARED_BYTES) return str_make(e->bytes + e->key_n, e->value_n);
    if (e->kind == SHARED_REAL)
        return str_make(room, (size_t)snprintf(room, NUMBER_TEXT, "%.17g", e->real));
    uint64_t rest = e->integer < 0 ? 0 - (uint64_t)e->integer : (uint64_t)e->integer;
    char *at = room + NUMBER_TEXT;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (e->integer < 0) *--at = '-';
    return str_make(at, (size_t)(room + NUMBER_TEXT - at));
}

static bool expired(const struct entry *e, uint64_t now) {
    return e->expires && e->expires <= now;
}

static void owner_refund(struct shard *s, struct owner *o, size_t bytes);

static void drop(struct shard *s, struct entry *e) {
    struct entry **at = chain(s, e->hash);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_unlink(&e->used);
    s->n--;
    owner_refund(s, e->owner, cost(e->key_n, e->value_n));
    mem_free(e);
}

/* The live entry of the key, or NULL. */
static struct entry *find(struct view *v) {
    for (struct entry *e = *chain(v->s, v->hash); e; e = e->next) {
        if (e->hash != v->hash || !str_eq(key_of(e), v->key)) continue;
        if (!expired(e, v->now)) return e;
        drop(v->s, e);
        return NULL;
    }
    return NULL;
}

static void touch(struct entry *e) {
    list_unlink(&e->used);
    list_push(&e->owner->used, &e->used);
}

static uint64_t deadline(uint64_t now, uint64_t ttl) {
    if (ttl == 0) return 0;
    return ttl > UINT64_MAX - now ? UINT64_MAX : now + ttl;
}

/* ---- owners ------------------------------------------------------------------------------- */

static void place(struct shard *s, size_t at, struct owner *o) {
    s->heap[at] = o;
    o->place = at;
}

/* Its bytes have changed: it finds its place again. */
static void settle(struct shard *s, struct owner *o) {
    size_t at = o->place;
    for (; at > 0 && s->heap[(at - 1) / 2]->bytes < o->bytes; at = (at - 1) / 2)
        place(s, at, s->heap[(at - 1) / 2]);
    for (size_t child; (child = 2 * at + 1) < s->n_owners; at = child) {
        if (child + 1 < s->n_owners && s->heap[child + 1]->bytes > s->heap[child]->bytes) child++;
        if (s->heap[child]->bytes <= o->bytes) break;
        place(s, at, s->heap[child]);
    }
    place(s, at, o);
}

static void owner_charge(struct shard *s, struct owner *o, size_t bytes) {
    s->bytes += bytes;
    o->bytes += bytes;
    if (o != &s->buckets) settle(s, o);
}

/* Who has nothing any more is forgotten. */
static void owner_refund(struct shard *s, struct owner *o, size_t bytes) {
    s->bytes -= bytes;
    o->bytes -= bytes;
    if (o == &s->buckets) return;
    settle(s, o);
    if (o->bytes > 0) return;
    struct owner *last = s->heap[--s->n_owners], **at = &s->owners[o->hash % OWNERS];
    if (last != o) {
        place(s, o->place, last);
        settle(s, last);
    }
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    mem_free(o);
}

static struct owner *owner_new(struct shard *s, uint64_t hash) {
    if (s->n_owners == s->heap_room) {
        size_t room = s->heap_room ? 2 * s->heap_room : 4;
        struct owner **heap = mem_realloc(s->heap, room * sizeof(struct owner *));
        if (!heap) return NULL;
        s->heap = heap;
        s->heap_room = room;
    }
    struct owner *o = mem_zalloc(sizeof *o);
    if (!o) return NULL;
    list_init(&o->used);
    o->hash = hash;
    o->next = s->owners[hash % OWNERS];
    s->owners[hash % OWNERS] = o;
    place(s, s->n_owners++, o);
    return o;
}

/* Whose the view's key is. */
static uint64_t owner_hash(struct str key) {
    size_t n = 0;
    while (n < key.n && (unsigned char)key.p[n] >= OWNER_END)
        n++;
    return n < key.n ? map_hash(str_first(key, n)) : 0;
}

/* The owner of what the view is to put. NULL: out of memory. */
static struct owner *owner_of(struct view *v) {
    struct shard *s = v->s;
    if (v->bucket) return &s->buckets;
    uint64_t hash = owner_hash(v->key);
    struct owner *o = s->owners[hash % OWNERS];
    while (o && o->hash != hash)
        o = o->next;
    return o ? o : owner_new(s, hash);
}

/* ---- room --------------------------------------------------------------------------------- */

/* Twice the chains once there are as many entries. Without memory the chains just get longer. */
static void grow(struct shard *s) {
    if (s->n < s->n_chains) return;
    size_t n = s->n_chains * 2;
    struct entry **chains = mem_zalloc(n * sizeof *chains);
    if (!chains) return;
    for (size_t i = 0; i < s->n_chains; i++) {
        for (struct entry *e = s->chains[i], *next; e; e = next) {
            next = e->next;
            struct entry **to = &chains[e->hash & (n - 1)];
            e->next = *to;
            *to = e;
        }
    }
    mem_free(s->chains);
    s->chains = chains;
    s->n_chains = n;
}

static void sweep(struct shard *s, uint64_t now) {
    for (int i = 0; i < SWEEP; i++) {
        s->hand = (s->hand + 1) & (s->n_chains - 1);
        for (struct entry *e = s->chains[s->hand], *next; e; e = next) {
            next = e->next;
            if (expired(e, now)) drop(s, e);
        }
    }
}

/* The least recently used entry of an owner goes. */
static void evict(struct view *v, struct owner *o) {
    struct entry *e = LIST_ENTRY(o->used.next, struct entry, used);
    if (!expired(e, v->now)) {
        v->evicted = true;
        stat_add(STAT_SHARED_EVICTED, 1);
    }
    drop(v->s, e);
}

/* Who gives way to `o`, who has been charged for what it wants to put. */
static struct owner *victim(const struct shard *s, struct owner *o) {
    if (s->n_owners == 0) return o;
    bool greedy = o->bytes > (s->cap - s->buckets.bytes) / s->n_owners;
    if (o != &s->buckets && greedy && !list_empty(&o->used)) return o;
    if (s->heap[0] != o) return s->heap[0];
    bool third = s->n_owners > 2 && s->heap[2]->bytes > s->heap[1]->bytes;
    return s->heap[third ? 2 : 1]; /* what it wants fits, so there is somebody else */
}

/* Evicts until what the owner was charged for fits. */
static void make_room(struct view *v, struct owner *o) {
    struct shard *s = v->s;
    while (v->bucket && o->bytes > s->cap / 2 && !list_empty(&o->used))
        evict(v, o);
    while (s->bytes > s->cap)
        evict(v, victim(s, o));
}

/* Puts a fresh entry in, in place of `old` (may be NULL). The caller fills in the value. */
static struct entry *put(struct view *v, struct entry *old, size_t value_n, uint64_t expires,
                         int *rc) {
    struct shard *s = v->s;
    *rc = ERR_LIMIT;
    if (v->key.n > UINT32_MAX || value_n > UINT32_MAX) return NULL;
    size_t size = cost(v->key.n, value_n);
    if (size > s->cap - (v->bucket ? 0 : s->buckets.bytes)) return NULL;
    *rc = -ENOMEM;
    struct entry *e = mem_alloc(sizeof *e + v->key.n + value_n);
    struct owner *o = e ? owner_of(v) : NULL;
    if (!o) {
        mem_free(e);
        return NULL;
    }
    *rc = 0;
    owner_charge(s, o, size); /* first, so that it stays while what it has goes */
    if (old) drop(s, old);
    sweep(s, v->now);
    make_room(v, o);
    grow(s);
    *e = (struct entry){.hash = v->hash,
                        .owner = o,
                        .born = v->now,
                        .expires = expires,
                        .key_n = (uint32_t)v->key.n,
                        .value_n = (uint32_t)value_n};
    if (v->key.n) memcpy(e->bytes, v->key.p, v->key.n);
    struct entry **at = chain(s, v->hash);
    e->next = *at;
    *at = e;
    list_push(&o->used, &e->used);
    s->n++;
    return e;
}

static int put_value(struct view *v, struct entry *old, const struct shared_value *value,
                     uint64_t expires) {
    int rc;
    struct str bytes = value->kind == SHARED_BYTES ? value->bytes : STR_NONE;
    struct entry *e = put(v, old, bytes.n, expires, &rc);
    if (!e) return rc;
    e->kind = (uint8_t)value->kind;
    if (value->kind == SHARED_INTEGER) e->integer = value->integer;
    if (value->kind == SHARED_REAL) e->real = value->real;
    if (bytes.n) memcpy(e->bytes + e->key_n, bytes.p, bytes.n);
    return rc;
}

static int put_integer(struct view *v, struct entry *old, int64_t n, uint64_t expires) {
    return put_value(v, old, &(struct shared_value){.kind = SHARED_INTEGER, .integer = n}, expires);
}

/* ---- calls -------------------------------------------------------------------------------- */

int shared_set_value(struct shared *m, struct str key, const struct shared_value *value,
                     uint64_t ttl) {
    struct view v = look(m, key);
    return leave(&v, put_value(&v, find(&v), value, deadline(v.now, ttl)));
}

int shared_add_value(struct shared *m, struct str key, const struct shared_value *value,
                     uint64_t ttl) {
    struct view v = look(m, key);
    if (find(&v)) return leave(&v, ERR_EXISTS);
    return leave(&v, put_value(&v, NULL, value, deadline(v.now, ttl)));
}

/* Its whole time begins again. */
static void renew_entry(struct entry *e, uint64_t now) {
    if (e->expires) e->expires = deadline(now, e->expires - e->born);
    e->born = now;
}

int shared_load(struct shared *m, struct str key, uint64_t max_age, bool renew, struct buf *value) {
    struct view v = look(m, key);
    struct entry *e = find(&v);
    if (!e || (max_age && v.now - e->born >= max_age)) return leave(&v, -ENOENT);
    char room[NUMBER_TEXT];
    buf_str(value, value_of(e, room));
    if (!buf_ok(value)) return leave(&v, -ENOMEM);
    touch(e);
    if (renew) renew_entry(e, v.now);
    return leave(&v, 0);
}

int shared_get(struct shared *m, struct str key, struct buf *value) {
    return shared_load(m, key, 0, false, value);
}

int shared_get_value(struct shared *m, struct str key, struct shared_value *value,
                     struct buf *room) {
    struct view v = look(m, key);
    struct entry *e = find(&v);
    size_t start = room->n;
    if (!e) return leave(&v, -ENOENT);
    *value = (struct shared_value){.kind = (enum shared_kind)e->kind};
    if (e->kind == SHARED_INTEGER) value->integer = e->integer;
    if (e->kind == SHARED_REAL) value->real = e->real;
    if (e->kind == SHARED_BYTES) buf_str(room, str_make(e->bytes + e->key_n, e->value_n));
    if (!buf_ok(room)) return leave(&v, -ENOMEM);
    value->bytes = str_from(buf_view(room), start);
    touch(e);
    return leave(&v, 0);
}

/* The integer that an entry holds, perhaps as text. */
static int integer_of(const struct entry *e, int64_t *out) {
    if (e->kind == SHARED_REAL) return -EINVAL;
    *out = e->integer;
    if (e->kind == SHARED_INTEGER) return 0;
    return str_i64(str_make(e->bytes + e->key_n, e->value_n), out) < 0 ? -EINVAL : 0;
}

int shared_incr(struct shared *m, struct str key, int64_t by, int64_t initial, uint64_t ttl,
                int64_t *result) {
    struct view v = look(m, key);
    struct entry *e = find(&v);
    int64_t before = initial, sum;
    uint64_t expires = e ? e->expires : deadline(v.now, ttl);
    if (e && integer_of(e, &before) < 0) return leave(&v, -EINVAL);
    if (__builtin_add_overflow(before, by, &sum)) return leave(&v, -ERANGE);
    int rc = 0;
    if (e && e->kind == SHARED_INTEGER) {
        e->integer = sum;
        touch(e);
    } else {
        rc = put_integer(&v, e, sum, expires);
    }
    if (rc == 0) *result = sum;
    return leave(&v, rc);
}

/* ---- token buckets ------------------------------------------------------------------------ */

/*
 * One number tells all of a bucket: the moment when it will be full (the "theoretical arrival time"
 * of the generic cell rate algorithm, ITU-T I.371 annex A). Taking moves it into the future, time
 * catches up with it, and it may be at most a whole bucket away. So there is nothing to refill, and
 * two who take at once need no more than the lock. Roundings favour nobody: tokens are never made.
 */
#define NS 1000000000

static bool bad_bucket(const struct shared_bucket *b, double cost) {
    bool fine = b->rate > 0 && b->rate <= SHARED_RATE_MAX && b->burst >= 1 &&
                b->burst / b->rate <= SHARED_FILL_MAX && cost >= 0 && cost <= b->burst;
    return !fine; /* so that no NaN passes */
}

/* Stores when it is full again: `moment`, which is `wait` ns away. */
static int put_moment(struct view *v, struct entry *e, int64_t moment, int64_t wait) {
    uint64_t expires = deadline(v->now, (uint64_t)wait / 1000000 + 1);
    if (!e || e->kind != SHARED_INTEGER) return put_integer(v, e, moment, expires);
    e->integer = moment;
    e->expires = expires;
    touch(e);
    return 0;
}

int shared_take(struct shared *m, struct str key, const struct shared_bucket *b, double cost,
                uint64_t now, struct shared_left *left) {
    if (bad_bucket(b, cost)) return -EINVAL;
    double token = ceil(NS / b->rate); /* ns that one takes to come */
    int64_t whole = (int64_t)(token * b->burst), price = (int64_t)ceil(token * cost);
    int64_t full = (int64_t)now, at = (int64_t)now;
    struct view v = look(m, key);
    struct entry *e = find(&v);
    v.bucket = true;
    if (e && integer_of(e, &full) < 0) return leave(&v, -EINVAL);
    if (full < at) full = at;
    int64_t wait = full - at, after = wait + price;
    left->taken = after <= whole; /* it may lack more than a whole bucket: that was larger before */
    int rc = left->taken && price > 0 ? put_moment(&v, e, at + after, after) : 0;
    if (left->taken) wait = after;
    left->tokens = wait < whole ? (double)(whole - wait) / token : 0;
    left->full_ns = (uint64_t)wait;
    left->enough_ns = left->taken ? 0 : (uint64_t)(after - whole);
    return leave(&v, rc);
}

/* As Lua compares: numbers by value, never with text. */
static bool holds(const struct entry *e, const struct shared_value *value) {
    if (e->kind == SHARED_BYTES || value->kind == SHARED_BYTES)
        return e->kind == value->kind &&
               str_eq(str_make(e->bytes + e->key_n, e->value_n), value->bytes);
    if (e->kind == SHARED_INTEGER && value->kind == SHARED_INTEGER)
        return e->integer == value->integer;
    if (e->kind == SHARED_REAL && value->kind == SHARED_REAL) return e->real == value->real;
    int64_t integer = e->kind == SHARED_INTEGER ? e->integer : value->integer;
    double real = e->kind == SHARED_REAL ? e->real : value->real;
    return real >= -0x1p63 && real < 0x1p63 && (int64_t)real == integer && trunc(real) == real;
}

int shared_cas_value(struct shared *m, struct str key, const struct shared_value *expected,
                     const struct shared_value *value, uint64_t ttl) {
    struct view v = look(m, key);
    struct entry *e = find(&v);
    if (!e) return leave(&v, -ENOENT);
    if (!holds(e, expected)) return leave(&v, ERR_CONFLICT);
    return leave(&v, put_value(&v, e, value, deadline(v.now, ttl)));
}

bool shared_del(struct shared *m, struct str key) {
    struct view v = look(m, key);
    struct entry *e = find(&v);
    if (e) drop(v.s, e);
    leave(&v, 0);
    return e != NULL;
}

/* In the order of the chains: the one behind `e`, NULL = the first one. */
static struct entry *next_entry(const struct shard *s, const struct entry *e) {
    if (e && e->next) return e->next;
    size_t i = e ? (e->hash & (s->n_chains - 1)) + 1 : 0;
    while (i < s->n_chains && !s->chains[i])
        i++;
    return i < s->n_chains ? s->chains[i] : NULL;
}

int shared_each(struct shared *m, struct str prefix,
                enum shared_verdict (*visit)(void *arg, struct str key, struct str value),
                void *arg) {
    int gone = 0;
    uint64_t now = m->now();
    char room[NUMBER_TEXT];
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &m->shards[i];
        pthread_mutex_lock(&s->lock);
        for (struct entry *e = next_entry(s, NULL), *next; e; e = next) {
            next = next_entry(s, e);
            if (!str_starts(key_of(e), prefix)) continue;
            if (expired(e, now)) {
                drop(s, e);
            } else if (visit(arg, key_of(e), value_of(e, room)) == SHARED_DROP) {
                drop(s, e);
                gone++;
            }
        }
        pthread_mutex_unlock(&s->lock);
    }
    return gone;
}

static enum shared_verdict drop_all(void *arg, struct str key, struct str value) {
    (void)arg, (void)key, (void)value;
    return SHARED_DROP;
}

int shared_del_prefix(struct shared *m, struct str prefix) {
    return shared_each(m, prefix, drop_all, NULL);
}

int64_t shared_ttl(struct shared *m, struct str key) {
    struct view v = look(m, key);
    struct entry *e = find(&v);
    int64_t left = -ENOENT;
    if (e) left = e->expires ? (int64_t)((e->expires - v.now) & INT64_MAX) : 0;
    leave(&v, 0);
    return left;
}

void shared_usage(struct shared *m, size_t *bytes, size_t *entries) {
    *bytes = *entries = 0;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &m->shards[i];
        pthread_mutex_lock(&s->lock);
        *bytes += s->bytes;
        *entries += s->n;
        pthread_mutex_unlock(&s->lock);
    }
}

/* ---- life --------------------------------------------------------------------------------- */

struct shared *shared_new(size_t bytes) {
    struct shared *m = mem_zalloc(sizeof *m);
    if (!m) return NULL;
    m->now = shared_now;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &m->shards[i];
        s->chains = mem_zalloc(CHAINS_MIN * sizeof *s->chains);
        s->n_chains = CHAINS_MIN;
        s->cap = bytes / SHARDS;
        list_init(&s->buckets.used);
        pthread_mutex_init(&s->lock, NULL);
        if (!s->chains) {
            shared_free(m);
            return NULL;
        }
    }
    return m;
}

void shared_free(struct shared *m) {
    if (!m) return;
    for (int i = 0; i < SHARDS && m->shards[i].n_chains > 0; i++) {
        struct shard *s = &m->shards[i];
        for (struct entry *e = s->chains ? next_entry(s, NULL) : NULL, *next; e; e = next) {
            next = next_entry(s, e);
            drop(s, e);
        }
        mem_free(s->chains);
        mem_free(s->heap);
        pthread_mutex_destroy(&s->lock);
    }
    mem_free(m);
}
