/*
 * metric_std: see metric_std.h. The families of an owner are made when they are first needed and
 * kept as long as the owner. Two that have the same labels share one key.
 */
#include "core/base/metric_std.h"

#include <stdatomic.h>

#include "core/base/metric_family.h"

#define OK_OR_ERROR(failed) ((failed) ? STR("ERROR") : STR("OK"))

static const double durations[] = {.005, .01, .025, .05, .1, .25, .5, 1, 5, 15, 30, 60};
static const double sizes[] = {16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20};

#define DURATIONS durations, sizeof durations / sizeof durations[0]
#define SIZES     sizes, sizeof sizes / sizeof sizes[0]
#define NONE      NULL, 0

static const struct standard {
    const char *name, *labels, *help; /* labels: separated by commas */
    enum metric_kind kind;
    const double *buckets;
    size_t n_buckets;
} standard[METRIC_STANDARD] = {
#define ROW(id, name, kind, labels, buckets, help)   ROW_OF(name, kind, labels, help, buckets)
#define ROW_OF(name, kind, labels, help, buckets, n) {name, labels, help, kind, buckets, n},
    METRIC_STANDARD_LIST(ROW)
#undef ROW_OF
#undef ROW
};

static struct metric *new_standard(enum metric_std id) {
    const struct standard *s = &standard[id];
    struct str labels[METRIC_LABELS], rest = str_of(s->labels);
    size_t n = 0;
    while (rest.n)
        str_cut(rest, ',', &labels[n++], &rest);
    struct metric_shape shape = {
        .name = str_of(s->name),
        .help = str_of(s->help),
        .kind = s->kind,
        .labels = labels,
        .n_labels = n,
        .buckets = s->buckets,
        .n_buckets = s->n_buckets,
    };
    return metric_new(&shape, NULL);
}

/* Two threads may both make it: publishing gives them the same one, with a reference for each, of
 * which the second is not needed. */
static struct metric *open_standard(struct metric_owner *o, enum metric_std id) {
    struct metric *m = new_standard(id), *none = NULL;
    if (!m) return NULL;
    m = metric_publish(m, o);
    if (atomic_compare_exchange_strong(&o->standard[id], &none, m)) return m;
    metric_free(m);
    return none;
}

static void update(struct metric_owner *o, enum metric_std id, enum metric_op op,
                   const struct metric_key *k, double v) {
    struct metric *m = atomic_load_explicit(&o->standard[id], memory_order_acquire);
    if (!m) m = open_standard(o, id);
    if (m) metric_update(m, op, k, v, NULL);
}

static struct str digits(uint32_t v, char room[10]) {
    size_t at = 10;
    do {
        room[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return str_make(room + at, 10 - at);
}

static struct str lower(struct str s, char room[METRIC_VALUE]) {
    s = str_first(s, METRIC_VALUE);
    for (size_t i = 0; i < s.n; i++)
        room[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 'a' - 'A') : s.p[i];
    return str_make(room, s.n);
}

void metric_response(struct metric_owner *o, struct str handler, uint32_t port, struct str method,
                     uint32_t code, double seconds, uint64_t bytes) {
    if (!o) return;
    char port_room[10], code_room[10];
    struct str values[] = {handler, digits(port, port_room), method, digits(code, code_room),
                           OK_OR_ERROR(code >= 400)};
    struct metric_key k;
    metric_key(&k, values, sizeof values / sizeof values[0]);
    update(o, METRIC_STD_RESPONSE_SECONDS, METRIC_OBSERVE, &k, seconds);
    update(o, METRIC_STD_RESPONSE_BYTES, METRIC_OBSERVE, &k, (double)bytes);
}

void metric_request(struct metric_owner *o, struct str method, struct str host, uint32_t port,
                    uint32_t code) {
    if (!o) return;
    char port_room[10], code_room[10];
    struct str values[] = {method, host, digits(port, port_room), digits(code, code_room),
                           OK_OR_ERROR(code >= 400 && code != 404 && code != 408)};
    struct metric_key k;
    metric_key(&k, values, sizeof values / sizeof values[0]);
    update(o, METRIC_STD_REQUESTS, METRIC_ADD, &k, 1);
}

void metric_callback(struct metric_owner *o, struct str handler, double seconds, bool failed) {
    if (!o) return;
    char room[METRIC_VALUE];
    struct str values[] = {lower(handler, room), OK_OR_ERROR(failed)};
    struct metric_key k;
    metric_key(&k, values, sizeof values / sizeof values[0]);
    update(o, METRIC_STD_CALLBACK_SECONDS, METRIC_OBSERVE, &k, seconds);
}

void metric_policy(struct metric_owner *o, struct str policy, struct str code) {
    if (!o) return;
    struct str values[] = {policy, code};
    struct metric_key k;
    metric_key(&k, values, sizeof values / sizeof values[0]);
    update(o, METRIC_STD_POLICY_FAILURES, METRIC_ADD, &k, 1);
}

void metric_log(struct metric_owner *o, struct str message, struct str severity) {
    if (!o) return;
    struct str values[] = {message, severity};
    struct metric_key k;
    metric_key(&k, values, sizeof values / sizeof values[0]);
    update(o, METRIC_STD_LOG_MESSAGES, METRIC_ADD, &k, 1);
}

/* [lock of the chain] */
static void add_answers(const struct metric *m, const struct metric_series *s,
                        struct metric_answers *a) {
    struct str rest = metric_series_key(m, s), value = STR_NONE;
    uint64_t n = 0, code = 0;
    for (int i = 0; i < 4; i++) /* handler, port, method, code */
        str_cut(rest, '\xFF', &value, &rest);
    for (size_t i = 0; i < metric_counts(m); i++)
        n += s->counts[i];
    a->count += n;
    a->seconds += s->value;
    if (str_u64(value, &code) == 0 && code >= 500) a->errors += n;
}

void metric_answers(struct metric_owner *o, struct metric_answers *a) {
    struct metric *m =
        o ? atomic_load_explicit(&o->standard[METRIC_STD_RESPONSE_SECONDS], memory_order_acquire)
          : NULL;
    *a = (struct metric_answers){0};
    for (size_t i = 0; m && i < METRIC_CHAINS; i++) {
        pthread_mutex_lock(metric_mutex(m, i));
        for (const struct metric_series *s = m->chains[i]; s; s = s->next)
            add_answers(m, s, a);
        pthread_mutex_unlock(metric_mutex(m, i));
    }
}

void metric_std_uptime(struct metric_owner *o) {
    struct metric_key k;
    metric_key(&k, NULL, 0);
    update(o, METRIC_STD_UPTIME, METRIC_SET, &k, metric_uptime(o));
}

void metric_cache(struct metric_owner *o, uint64_t hits, uint64_t misses, uint64_t weight,
                  uint64_t len) {
    if (!o) return;
    struct metric_key k;
    metric_key(&k, NULL, 0);
    update(o, METRIC_STD_CACHE_HITS, METRIC_SET, &k, (double)hits);
    update(o, METRIC_STD_CACHE_MISSES, METRIC_SET, &k, (double)misses);
    update(o, METRIC_STD_CACHE_WEIGHT, METRIC_SET, &k, (double)weight);
    update(o, METRIC_STD_CACHE_LEN, METRIC_SET, &k, (double)len);
}
