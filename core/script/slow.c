/*
 * slow: see slow.h. What was told when is remembered for the whole process, in a small table: of
 * many places at once the one that was told longest ago makes room.
 */
#include "core/script/slow.h"

#include <pthread.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/stat.h"
#include "core/script/resident.h"

#define PLACES    128
#define MINUTE_NS ((uint64_t)60 * 1000000000)
#define LEVELS    100 /* frames that are looked at: finding one takes longer the deeper it is */

/* A function of a service that was slow. */
struct place {
    uint64_t key;   /* hash of both; 0 = free */
    uint64_t told;  /* uv_hrtime() */
    uint64_t times; /* that it was slow and nobody was told */
};

static struct {
    pthread_mutex_t lock;
    struct place places[PLACES];
} slow = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* How often it happened since it was told; 0 = it is told later. */
static uint64_t count(uint64_t key) {
    uint64_t now = uv_hrtime(), times = 0;
    struct place *found = &slow.places[0];
    pthread_mutex_lock(&slow.lock);
    for (int i = 0; i < PLACES && found->key != key; i++) {
        struct place *p = &slow.places[i];
        if (p->key == key || p->told < found->told) found = p;
    }
    if (found->key != key) *found = (struct place){.key = key};
    found->times++;
    if (!found->told || now - found->told >= MINUTE_NS) {
        times = found->times;
        found->times = 0;
        found->told = now;
    }
    pthread_mutex_unlock(&slow.lock);
    return times;
}

void slow_forget(void) {
    pthread_mutex_lock(&slow.lock);
    memset(slow.places, 0, sizeof slow.places);
    pthread_mutex_unlock(&slow.lock);
}

static bool is_own(struct str source) {
    return str_starts(source, STR("@services/")) || str_starts(source, STR("@policies/"));
}

/* The innermost frame of the service's own code or of its policies, else the innermost in Lua.
 * False: there is none. */
static bool find_frame(lua_State *L, lua_Debug *at) {
    lua_Debug one;
    bool any = false;
    for (int level = 0; level < LEVELS && lua_getstack(L, level, &one); level++) {
        lua_getinfo(L, "Sl", &one);
        bool own = is_own(str_of(one.source));
        if (one.currentline < 0 || (any && !own)) continue;
        *at = one;
        any = true;
        if (own) break;
    }
    return any;
}

static void report(lua_State *L, const struct task *t, uint64_t ns) {
    const struct vm *vm = t->vm;
    const struct resident *r = vm->owner;
    const char *service = r && r->host[0] ? r->host : vm->options.name;
    struct buf key, where, trace;
    lua_Debug at;
    bool known = find_frame(L, &at) || find_frame(t->co, &at);
    buf_init(&key);
    buf_init(&where);
    buf_init(&trace);
    buf_printf(&key, "%s %s:%d", service, known ? at.source : "?", known ? at.linedefined : 0);
    uint64_t times = count(map_hash(buf_view(&key)) | 1);
    if (times) {
        if (known) buf_printf(&where, "%s:%d", at.short_src, at.currentline);
        vm_traceback(L, 0, &trace);
        if (L != t->co) buf_str(&trace, STR("\nresumed from:\n"));
        if (L != t->co) vm_traceback(t->co, 0, &trace);
        log_warn("slow turn", LOGS("request_id", t->request_id), LOGZ("service", service),
                 LOGZ("what", t->what), LOGS("where", buf_view(&where)),
                 LOGF("ms", (double)ns / 1e6), LOGI("times", times),
                 LOGS("traceback", buf_view(&trace)));
    }
    buf_free(&key);
    buf_free(&where);
    buf_free(&trace);
}

void slow_look(lua_State *L, struct task *t, uint64_t spent) {
    uint64_t ns = t->stretch + spent;
    if (!conf.slow_turn || t->slow || ns < conf.slow_turn) return;
    t->slow = true;
    stat_add(STAT_SLOW_TURNS, 1);
    report(L, t, ns);
}
