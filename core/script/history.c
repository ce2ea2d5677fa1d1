/*
 * history: what is remembered of a service. Called by service.c, reload.c and change.c on the
 * control thread. Must never run Lua.
 */
#include "core/script/history.h"

#include <time.h>

#include "core/base/mem.h"

#define WHY_MAX 4096 /* bytes of an error that are kept */

/* ---- generations ----------------------------------------------------------------------------- */

/* Where one is that says the same, else the last place. */
static int place_of(const struct history *h, const struct generation *g) {
    for (int i = 0; i < HISTORY_KEPT; i++)
        if (h->kept[i].gen && generation_same(h->kept[i].gen, g)) return i;
    return HISTORY_KEPT - 1;
}

void history_keep(struct history *h, struct generation *g, const char *who, double ms) {
    int place = place_of(h, g);
    struct generation *old = h->kept[place].gen;
    memmove(h->kept + 1, h->kept, (size_t)place * sizeof h->kept[0]);
    h->kept[0] = (struct kept){
        .gen = generation_take(g),
        .number = g->number,
        .at = (int64_t)time(NULL),
        .who = who,
        .ms = ms,
    };
    generation_give(old);
    h->came++;
    h->came_ms += ms;
}

void history_drop(struct history *h) {
    h->came--;
    h->came_ms -= h->kept[0].ms;
    generation_give(h->kept[0].gen);
    memmove(h->kept, h->kept + 1, (HISTORY_KEPT - 1) * sizeof h->kept[0]);
    h->kept[HISTORY_KEPT - 1] = (struct kept){0};
}

void history_leave(struct history *h) {
    h->kept[0].back = true;
}

void history_go_on(struct history *h) {
    for (int i = 0; i < HISTORY_KEPT; i++)
        h->kept[i].back = false;
}

bool history_skips(const struct history *h, const struct generation *g) {
    for (int i = 0; i < HISTORY_KEPT; i++) {
        const struct kept *k = &h->kept[i];
        if (k->gen && k->back && strcmp(k->gen->hash, g->hash) == 0)
            return !generation_outdated(k->gen);
    }
    return false;
}

static bool is_wanted(const struct kept *k, const struct generation *current, uint64_t number) {
    if (!k->gen) return false;
    return number ? k->number == number : !k->back && strcmp(k->gen->hash, current->hash) != 0;
}

/* "3, 2, 1" */
static void list_numbers(const struct history *h, struct buf *out) {
    for (int i = 0; i < HISTORY_KEPT && h->kept[i].gen; i++)
        buf_printf(out, "%s%llu", i ? ", " : "", (unsigned long long)h->kept[i].number);
}

struct generation *history_pick(const struct history *h, const struct generation *current,
                                uint64_t number, struct err *e) {
    for (int i = 0; i < HISTORY_KEPT; i++) {
        if (!is_wanted(&h->kept[i], current, number)) continue;
        if (h->kept[i].gen != current) return h->kept[i].gen;
        err_set(e, -EINVAL, "generation %llu is in service", (unsigned long long)number);
        return NULL;
    }
    if (!number) {
        err_set(e, -EINVAL, "no older generation is kept to roll back to");
        return NULL;
    }
    struct buf kept;
    buf_init(&kept);
    list_numbers(h, &kept);
    err_set(e, -EINVAL, "generation %llu is not kept; there are %.*s", (unsigned long long)number,
            STR_FMT(buf_view(&kept)));
    buf_free(&kept);
    return NULL;
}

/* ---- attempts -------------------------------------------------------------------------------- */

void history_fail(struct history *h, const char *hash, const char *who, double ms, struct str why) {
    struct attempt *newest = &h->failed[0];
    h->refused++;
    h->refused_ms += ms;
    why = str_first(why, WHY_MAX);
    bool same = newest->why && strcmp(newest->hash, hash) == 0 && str_eq(str_of(newest->why), why);
    char *text = same ? newest->why : mem_dup(why);
    uint64_t times = same ? newest->times + 1 : 1;
    if (!text) return;
    if (!same) {
        mem_free(h->failed[HISTORY_FAILED - 1].why);
        memmove(h->failed + 1, h->failed, (HISTORY_FAILED - 1) * sizeof h->failed[0]);
    }
    *newest = (struct attempt){
        .why = text, .at = (int64_t)time(NULL), .who = who, .ms = ms, .times = times};
    memcpy(newest->hash, hash, strnlen(hash, sizeof newest->hash - 1));
}

/* ---- for people ------------------------------------------------------------------------------ */

static void list_event(struct buf *out, const char *hash, int64_t at, const char *who, double ms) {
    buf_printf(out, "\"hash\":\"%s\",\"at\":%lld,\"who\":\"%s\",\"ms\":%.1f", hash, (long long)at,
               who, ms);
}

void history_list(const struct history *h, const struct generation *current, struct buf *out) {
    buf_str(out, STR("\"generations\":["));
    for (int i = 0; i < HISTORY_KEPT && h->kept[i].gen; i++) {
        const struct kept *k = &h->kept[i];
        buf_printf(out, "%s{\"number\":%llu,", i ? "," : "", (unsigned long long)k->number);
        list_event(out, k->gen->hash, k->at, k->who, k->ms);
        buf_printf(out, ",\"inService\":%s,\"rolledBack\":%s}",
                   k->gen == current ? "true" : "false", k->back ? "true" : "false");
    }
    buf_str(out, STR("],\"failed\":["));
    for (int i = 0; i < HISTORY_FAILED && h->failed[i].why; i++) {
        const struct attempt *a = &h->failed[i];
        buf_str(out, i ? STR(",{") : STR("{"));
        list_event(out, a->hash, a->at, a->who, a->ms);
        buf_printf(out, ",\"times\":%llu,\"error\":", (unsigned long long)a->times);
        buf_json(out, str_of(a->why));
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void history_free(struct history *h) {
    for (int i = 0; i < HISTORY_KEPT; i++)
        generation_give(h->kept[i].gen);
    for (int i = 0; i < HISTORY_FAILED; i++)
        mem_free(h->failed[i].why);
}
