/*
 * map: see map.h. Linear probing in a power-of-two table that is at most three quarters full;
 * removal shifts the followers back, so there are no tombstones and lookups stay short for ever.
 *
 * The hash is SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; one
 * compression and three finalisation rounds) with a key that the kernel's generator gives once per
 * process.
 */
#include "core/base/map.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"

#define CAP_MIN ((size_t)8)

struct map_slot {
    void *value;   /* NULL = the slot is free */
    char *key;     /* copy owned by the map, not terminated */
    size_t n;      /* bytes of the key */
    uint64_t hash; /* of the key: compared first, and used again when the table grows */
};

static uint64_t seed[2];
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

/* Without the kernel's generator (a filter may forbid the call) what is left is what a stranger
 * does not see: the clock, where memory was placed, the process id. */
static void make_seed(void) {
    char *to = (char *)seed;
    size_t have = 0;
    while (have < sizeof seed) {
        ssize_t n = getrandom(to + have, sizeof seed - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            break;
    }
    if (have == sizeof seed) return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed[0] ^= (uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15u ^ (uint64_t)(uintptr_t)&now;
    seed[1] ^= (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)&make_seed;
}

static uint64_t rotl(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t map_hash(struct str key) {
    pthread_once(&seeded, make_seed);
    uint64_t v[4] = {seed[0] ^ 0x736F6D6570736575u, seed[1] ^ 0x646F72616E646F6Du,
                     seed[0] ^ 0x6C7967656E657261u, seed[1] ^ 0x7465646279746573u};
    uint64_t word, last = (uint64_t)key.n << 56;
    size_t at = 0;
    for (; key.n - at >= 8; at += 8) {
        memcpy(&word, key.p + at, 8);
        sip_word(v, word);
    }
    for (size_t i = 0; at + i < key.n; i++)
        last |= (uint64_t)(unsigned char)key.p[at + i] << (8 * i);
    sip_word(v, last);
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, size_t limit) {
    *m = (struct map){.limit = limit};
}

void map_free(struct map *m) {
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value) mem_free(m->slots[i].key);
    }
    mem_free(m->slots);
    m->slots = NULL;
    m->cap = m->n = 0;
}

/* The slot of `key`, or the free one where it belongs. The table is never full, so this ends. */
static struct map_slot *probe(const struct map *m, struct str key, uint64_t hash) {
    for (size_t i = (size_t)hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *slot = &m->slots[i];
        if (!slot->value) return slot;
        if (slot->hash == hash && str_eq(str_make(slot->key, slot->n), key)) return slot;
    }
}

void *map_get(const struct map *m, struct str key) {
    return m->n ? probe(m, key, map_hash(key))->value : NULL;
}

/* Makes sure that one more entry fits. */
static int reserve(struct map *m) {
    if (m->n + 1 <= m->cap / 4 * 3) return 0;
    size_t cap = m->cap ? m->cap * 2 : CAP_MIN;
    if (cap > PTRDIFF_MAX / sizeof(struct map_slot)) return -ENOMEM;
    struct map_slot *slots = mem_zalloc(cap * sizeof *slots);
    if (!slots) return -ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].value) continue;
        size_t at = (size_t)m->slots[i].hash & (cap - 1);
        while (slots[at].value)
            at = (at + 1) & (cap - 1);
        slots[at] = m->slots[i];
    }
    mem_free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return 0;
}

int map_put(struct map *m, struct str key, void *value) {
    assert(value);
    uint64_t hash = map_hash(key);
    struct map_slot *slot = m->n ? probe(m, key, hash) : NULL;
    if (slot && slot->value) {
        slot->value = value;
        return 0;
    }
    if (m->limit && m->n >= m->limit) return -ENOSPC;
    char *copy = mem_dup(key);
    if (!copy) return -ENOMEM;
    if (reserve(m)) {
        mem_free(copy);
        return -ENOMEM;
    }
    *probe(m, key, hash) = (struct map_slot){.value = value, .key = copy, .n = key.n, .hash = hash};
    m->n++;
    return 0;
}

/* Slot `hole` became free: entries behind it that a probe would no longer reach move up. */
static void close_hole(struct map *m, size_t hole) {
    size_t mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = (size_t)m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole].value = NULL;
}

void *map_del(struct map *m, struct str key) {
    if (!m->n) return NULL;
    struct map_slot *slot = probe(m, key, map_hash(key));
    void *value = slot->value;
    if (!value) return NULL;
    mem_free(slot->key);
    close_hole(m, (size_t)(slot - m->slots));
    m->n--;
    return value;
}

bool map_next(const struct map *m, size_t *it, struct str *key, void **value) {
    while (*it < m->cap) {
        const struct map_slot *slot = &m->slots[(*it)++];
        if (!slot->value) continue;
        *key = str_make(slot->key, slot->n);
        *value = slot->value;
        return true;
    }
    return false;
}
