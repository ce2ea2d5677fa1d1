/*
 * lib_cache: the cache of a service, in the map that all workers share, apart from what the service
 * keeps there itself. Used by lua/service/cache.lua. Counting and deleting many looks at the whole
 * map.
 */
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/metric.h"
#include "core/base/metric_std.h"
#include "core/script/host.h"
#include "core/script/lib.h"
#include "core/script/lib_shared.h"
#include "core/script/task.h"

static struct str first_key(lua_State *L, char room[OWN_KEY_ROOM]) {
    return own_key(L, OWN_CACHE, lib_str(L, 1), 1, room);
}

/* What all keys of this cache begin with. */
static struct str all_keys(lua_State *L, char room[OWN_KEY_ROOM]) {
    return own_key(L, OWN_CACHE, STR(""), 1, room);
}

/* Milliseconds, at least one: 0 means something else. */
static uint64_t age(lua_State *L, int index) {
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds > 0 && seconds < 1e9, index, "seconds, more than 0");
    uint64_t ms = (uint64_t)(seconds * 1000 + 0.5);
    return ms ? ms : 1;
}

/* ---- one entry ------------------------------------------------------------------------------- */

/* cache.store(key, value, ttl) -> whether it has room; what was there is gone in any case. */
static int l_store(lua_State *L) {
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    struct str value = lib_str(L, 2);
    uint64_t ttl = age(L, 3);
    vm_live(L, "cache.store");
    int rc = shared_set(host.shared, key, value, ttl);
    if (rc < 0) shared_del(host.shared, key);
    lua_pushboolean(L, rc >= 0);
    return 1;
}

static void count(lua_State *L, bool hit) {
    char room[OWN_KEY_ROOM];
    int64_t sum;
    struct str name = hit ? STR("hits") : STR("misses");
    shared_incr(host.shared, own_key(L, OWN_COUNTERS, name, 1, room), 1, 0, 0, &sum);
}

/* cache.load(key, renew [, max_age]) -> value, or nothing */
static int l_load(lua_State *L) {
    static _Thread_local struct buf got;
    struct buf *value = lib_buf(&got);
    char room[OWN_KEY_ROOM];
    struct str key = first_key(L, room);
    uint64_t max_age = lua_isnoneornil(L, 3) ? 0 : age(L, 3);
    int rc = shared_load(host.shared, key, max_age, lua_toboolean(L, 2), value);
    if (rc == -ENOMEM) return luaL_error(L, "not enough memory");
    count(L, rc == 0);
    if (rc < 0) return 0;
    lua_pushlstring(L, value->p ? value->p : "", value->n);
    return 1;
}

static int l_del(lua_State *L) {
    char room[OWN_KEY_ROOM];
    vm_live(L, "cache.delete");
    lua_pushboolean(L, shared_del(host.shared, first_key(L, room)));
    return 1;
}

/* ---- many ------------------------------------------------------------------------------------ */

static int l_del_prefix(lua_State *L) {
    char room[OWN_KEY_ROOM];
    vm_live(L, "cache.delete_prefix");
    lua_pushinteger(L, shared_del_prefix(host.shared, first_key(L, room)));
    return 1;
}

/* What keys are searched for. */
struct search {
    struct str part; /* of the key that the script knows */
    size_t before;   /* bytes in front of that */
};

static enum shared_verdict drop_found(void *arg, struct str key, struct str value) {
    struct search *s = arg;
    (void)value;
    return str_find(str_from(key, s->before), s->part) >= 0 ? SHARED_DROP : SHARED_KEEP;
}

static int l_del_containing(lua_State *L) {
    char room[OWN_KEY_ROOM];
    vm_live(L, "cache.delete_containing");
    struct str all = all_keys(L, room);
    struct search s = {lib_str(L, 1), all.n};
    lua_pushinteger(L, shared_each(host.shared, all, drop_found, &s));
    return 1;
}

/* What a cache holds. */
struct measure {
    lua_Integer entries;
    lua_Integer bytes; /* of their values */
};

static enum shared_verdict add_up(void *arg, struct str key, struct str value) {
    struct measure *m = arg;
    (void)key;
    m->entries++;
    m->bytes += (lua_Integer)value.n;
    return SHARED_KEEP;
}

/* cache.measure() -> entries, bytes */
static int l_measure(lua_State *L) {
    char room[OWN_KEY_ROOM];
    struct measure m = {0};
    shared_each(host.shared, all_keys(L, room), add_up, &m);
    lua_pushinteger(L, m.entries);
    lua_pushinteger(L, m.bytes);
    return 2;
}

static void push_counter(lua_State *L, struct str name) {
    char room[OWN_KEY_ROOM];
    int64_t sum = 0;
    shared_incr(host.shared, own_key(L, OWN_COUNTERS, name, 1, room), 0, 0, 0, &sum);
    lua_pushinteger(L, sum);
}

/* cache.counters() -> hits, misses */
static int l_counters(lua_State *L) {
    push_counter(L, STR("hits"));
    push_counter(L, STR("misses"));
    return 2;
}

/* ---- for metrics ----------------------------------------------------------------------------- */

/* What the caches of one host hold and have answered. */
struct usage {
    struct usage *next;
    struct str host;
    uint64_t hits, misses, bytes, entries;
};

struct survey {
    struct arena arena;
    struct usage *first; /* the one that was met last */
};

static struct usage *usage_of(struct survey *all, struct str name) {
    struct usage **at = &all->first;
    while (*at && !str_eq((*at)->host, name))
        at = &(*at)->next;
    struct usage *u = *at;
    if (u) {
        *at = u->next;
    } else {
        u = arena_zalloc(&all->arena, sizeof *u);
        if (!u || !(u->host = arena_str(&all->arena, name)).p) return NULL;
    }
    u->next = all->first;
    all->first = u;
    return u;
}

/* A key is a host name, its space, and the service's own key: see own_key. */
static enum shared_verdict survey_one(void *arg, struct str key, struct str value) {
    size_t n = 0;
    while (n < key.n && (unsigned char)key.p[n] > OWN_LIMITS)
        n++;
    if (n == key.n || key.p[n] == OWN_SHARED || key.p[n] == OWN_LIMITS) return SHARED_KEEP;
    struct usage *u = usage_of(arg, str_make(key.p, n));
    if (!u) return SHARED_KEEP;
    if (key.p[n] == OWN_CACHE) {
        u->entries++;
        u->bytes += value.n;
    } else {
        bool hit = str_eq(str_from(key, n + 1), STR("hits"));
        (void)str_u64(value, hit ? &u->hits : &u->misses);
    }
    return SHARED_KEEP;
}

void cache_survey(void) {
    struct survey all = {0};
    if (!host.shared) return;
    arena_init(&all.arena, 4096);
    shared_each(host.shared, STR(""), survey_one, &all);
    for (const struct usage *u = all.first; u; u = u->next)
        metric_cache(metric_peek(u->host), u->hits, u->misses, u->bytes, u->entries);
    arena_free(&all.arena);
}

const struct lib_doc lib_cache_docs[] = {
    {"load", l_load, "fun(key: string, renew: boolean, max_age?: number): string?",
     "The value, unless it is max_age seconds old. With renew its age and its ttl begin again."},
    {"store", l_store, "fun(key: string, value: string, ttl: number): boolean",
     "Keeps a value for ttl seconds; false when it is too large to be kept."},
    {"del", l_del, "fun(key: string): boolean", "Deletes; whether it was there."},
    {"del_prefix", l_del_prefix, "fun(prefix: string): integer",
     "Deletes all keys that begin so; how many."},
    {"del_containing", l_del_containing, "fun(part: string): integer",
     "Deletes all keys that have it in them; how many."},
    {"measure", l_measure, "fun(): integer, integer",
     "The number of entries and the bytes of their values."},
    {"counters", l_counters, "fun(): integer, integer",
     "How often load found something, and how often not."},
    {NULL, NULL, NULL, NULL},
};

int lib_cache(lua_State *L) {
    lib_functions(L, lib_cache_docs);
    return 1;
}
