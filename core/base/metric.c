/*
 * metric: see metric.h. The registry is a map of owners; each has a list of families, and a family
 * a hash table of series with a few locks of its own.
 *
 * Values are plain and changed under the lock of their chain, which a thread holds for some tens of
 * nanoseconds; so series may be removed while others measure. The registry's lock is for what
 * happens rarely: owners and families come and go, and somebody renders.
 */
#include "core/base/metric.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/metric_family.h"
#include "core/base/stat.h"

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static struct map owners = {.limit = METRIC_OWNERS}; /* struct metric_owner * by host */

void metric_lock(void) {
    pthread_mutex_lock(&registry);
}

void metric_unlock(void) {
    pthread_mutex_unlock(&registry);
}

/* ---- owners ---------------------------------------------------------------------------------- */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct metric_owner *metric_find_owner(struct str host) {
    return map_get(&owners, host);
}

bool metric_next_owner(size_t *it, struct metric_owner **o) {
    struct str host;
    void *value;
    bool more = map_next(&owners, it, &host, &value);
    if (more) *o = value;
    return more;
}

static void copy_text(char *to, size_t size, struct str s) {
    size_t n = s.n < size ? s.n : size - 1;
    if (n) memcpy(to, s.p, n);
    to[n] = 0;
}

static struct metric_owner *make_owner(struct str host) {
    struct metric_owner *o = mem_zalloc(sizeof *o);
    if (!o) return NULL;
    copy_text(o->host, sizeof o->host, host);
    if (map_put(&owners, host, o) == 0) return o;
    mem_free(o);
    return NULL;
}

struct metric_owner *metric_owner(struct str host, struct str ver, struct str id) {
    if (host.n == 0 || host.n >= sizeof((struct metric_owner *)0)->host) return NULL;
    metric_lock();
    struct metric_owner *o = metric_find_owner(host);
    if (!o) o = make_owner(host);
    if (o) {
        if (ver.p) copy_text(o->ver, sizeof o->ver, ver);
        if (id.p) copy_text(o->id, sizeof o->id, id);
        if (!o->in_sight) o->since = now_ns();
        o->in_sight = true;
    }
    metric_unlock();
    return o;
}

struct metric_owner *metric_peek(struct str host) {
    metric_lock();
    struct metric_owner *o = metric_find_owner(host);
    metric_unlock();
    return o;
}

double metric_uptime(struct metric_owner *o) {
    return o ? (double)(now_ns() - o->since) / 1e9 : 0;
}

static void clear(struct metric *m) {
    for (size_t i = 0; i < METRIC_CHAINS; i++) {
        pthread_mutex_t *lock = metric_mutex(m, i);
        pthread_mutex_lock(lock);
        struct metric_series *s = m->chains[i];
        m->chains[i] = NULL;
        for (struct metric_series *next; s; s = next) {
            next = s->next;
            mem_free(s);
            m->n_series--;
        }
        pthread_mutex_unlock(lock);
    }
    m->full = false;
}

void metric_forget(struct metric_owner *o) {
    if (!o) return;
    metric_lock();
    o->in_sight = false;
    for (size_t i = 0; i < METRIC_STANDARD; i++)
        if (o->standard[i]) clear(o->standard[i]);
    metric_unlock();
}

/* ---- the shape of a family ------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(struct str s, bool colons) {
    for (size_t i = 0; i < s.n; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9' && i > 0;
        if (!is_letter(s.p[i]) && !digit && !(colons && s.p[i] == ':')) return false;
    }
    return s.n > 0 && s.n <= METRIC_NAME;
}

bool metric_reserved(struct str name) {
    static const char *const of_the_process[] = {
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_threads",
        "process_start_time_seconds",
    };
    for (size_t i = 0; i < sizeof of_the_process / sizeof of_the_process[0]; i++)
        if (str_eq(name, str_of(of_the_process[i]))) return true;
    return str_starts(name, STR("moonbus_")) || str_starts(name, STR("microbus_"));
}

/* What every series has anyway, and what histograms say their bucket by. */
static bool is_taken(struct str label) {
    return str_eq(label, STR("service")) || str_eq(label, STR("ver")) || str_eq(label, STR("id")) ||
           str_eq(label, STR("le"));
}

static int check_label(const struct metric_shape *shape, size_t i, struct err *e) {
    struct str label = shape->labels[i];
    if (!is_name(label, false) || str_starts(label, STR("__")))
        return err_set(e, -EINVAL, "'%.*s' of metric '%.*s' is no name of a label for Prometheus",
                       STR_FMT(label), STR_FMT(shape->name));
    if (is_taken(label))
        return err_set(e, -EINVAL,
                       "label '%.*s' of metric '%.*s' needs another name: service, ver, id and le "
                       "are the host's",
                       STR_FMT(label), STR_FMT(shape->name));
    for (size_t j = 0; j < i; j++)
        if (str_eq(shape->labels[j], label))
            return err_set(e, -EINVAL, "label '%.*s' of metric '%.*s' is there twice",
                           STR_FMT(label), STR_FMT(shape->name));
    return 0;
}

static int check_shape(const struct metric_shape *shape, struct err *e) {
    if (!is_name(shape->name, true))
        return err_set(e, -EINVAL,
                       "'%.*s' is no name of a metric for Prometheus: it has letters, digits, '_' "
                       "and ':', no digit first",
                       STR_FMT(shape->name));
    if (shape->n_labels > METRIC_LABELS)
        return err_set(e, ERR_LIMIT, "metric '%.*s' has more than %d labels", STR_FMT(shape->name),
                       METRIC_LABELS);
    for (size_t i = 0; i < shape->n_labels; i++) {
        int rc = check_label(shape, i, e);
        if (rc < 0) return rc;
    }
    if (shape->kind != METRIC_HISTOGRAM) return 0;
    if (shape->n_buckets > METRIC_BUCKETS)
        return err_set(e, ERR_LIMIT, "metric '%.*s' has more than %d buckets", STR_FMT(shape->name),
                       METRIC_BUCKETS);
    return 0;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the bounds into m->buckets, without +Inf. */
static int take_buckets(struct metric *m, const struct metric_shape *shape, struct err *e) {
    if (shape->n_buckets == 0) return err_set(e, -EINVAL, "empty buckets");
    m->buckets = mem_alloc(shape->n_buckets * sizeof *m->buckets);
    if (!m->buckets) return err_set(e, -ENOMEM, "out of memory");
    bool ascending = true;
    for (size_t i = 0; i < shape->n_buckets; i++) {
        m->buckets[i] = shape->buckets[i];
        ascending = ascending && !isnan(shape->buckets[i]);
    }
    m->n_buckets = shape->n_buckets;
    if (ascending) qsort(m->buckets, m->n_buckets, sizeof *m->buckets, by_value);
    for (size_t i = 1; i < m->n_buckets; i++)
        ascending = ascending && m->buckets[i - 1] < m->buckets[i];
    if (!ascending) return err_set(e, -EINVAL, "buckets must be defined in ascending order");
    if (isinf(m->buckets[m->n_buckets - 1]) && m->buckets[m->n_buckets - 1] > 0) m->n_buckets--;
    return m->n_buckets ? 0 : err_set(e, -EINVAL, "empty buckets");
}

/* Insertion by name: the order in which they are rendered. */
static int take_labels(struct metric *m, const struct metric_shape *shape) {
    for (size_t i = 0; i < shape->n_labels; i++) {
        m->labels[i] = mem_dup(shape->labels[i]);
        if (!m->labels[i]) return -ENOMEM;
        m->n_labels++;
        size_t at = i;
        for (; at > 0 && strcmp(m->labels[m->order[at - 1]], m->labels[i]) > 0; at--)
            m->order[at] = m->order[at - 1];
        m->order[at] = (uint8_t)i;
    }
    return 0;
}

static void destroy(struct metric *m) {
    clear(m);
    for (size_t i = 0; i < METRIC_LOCKS; i++)
        pthread_mutex_destroy(&m->locks[i].mutex);
    for (size_t i = 0; i < m->n_labels; i++)
        mem_free(m->labels[i]);
    mem_free(m->buckets);
    mem_free(m->name);
    mem_free(m->help);
    mem_free(m);
}

static struct metric *make(const struct metric_shape *shape, struct err *e) {
    static const pthread_mutex_t spins = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
    struct metric *m = mem_zalloc(sizeof *m);
    if (!m) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    m->refs = 1;
    m->kind = shape->kind;
    for (size_t i = 0; i < METRIC_LOCKS; i++)
        m->locks[i].mutex = spins;
    m->name = mem_dup(shape->name);
    m->help = mem_dup(shape->help);
    int rc = m->name && m->help ? take_labels(m, shape) : -ENOMEM;
    if (rc < 0)
        err_set(e, rc, "out of memory");
    else if (m->kind == METRIC_HISTOGRAM)
        rc = take_buckets(m, shape, e);
    if (rc == 0) return m;
    destroy(m);
    return NULL;
}

struct metric *metric_new(const struct metric_shape *shape, struct err *e) {
    return check_shape(shape, e) < 0 ? NULL : make(shape, e);
}

/* ---- families of an owner -------------------------------------------------------------------- */

/* Another help text is no other shape: series survive that somebody corrects it, unseen. */
static bool same_shape(const struct metric *a, const struct metric *b) {
    if (a->kind != b->kind || a->n_labels != b->n_labels || a->n_buckets != b->n_buckets)
        return false;
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i], b->labels[i]) != 0) return false;
    return a->n_buckets == 0 ||
           memcmp(a->buckets, b->buckets, a->n_buckets * sizeof *a->buckets) == 0;
}

static struct metric *find_same(struct metric_owner *o, const struct metric *m) {
    for (struct metric *f = o->families; f; f = f->next)
        if (strcmp(f->name, m->name) == 0 && same_shape(f, m)) return f;
    return NULL;
}

/* The host name of another owner that uses the name for another kind, or NULL. */
static const char *clash(const struct metric *m, const struct metric_owner *mine) {
    struct metric_owner *o;
    for (size_t it = 0; metric_next_owner(&it, &o);) {
        if (o == mine || !o->in_sight) continue;
        for (struct metric *f = o->families; f; f = f->next)
            if (f->kind != m->kind && strcmp(f->name, m->name) == 0) return o->host;
    }
    return NULL;
}

static uint64_t published; /* families, ever; under the registry's lock */

struct metric *metric_publish(struct metric *m, struct metric_owner *o) {
    if (!o) return m;
    metric_lock();
    struct metric *same = find_same(o, m);
    const char *other = same ? NULL : clash(m, o);
    int limit = METRIC_FAMILIES + (metric_reserved(str_of(m->name)) ? METRIC_STANDARD : 0);
    bool full = !same && o->n_families >= limit;
    if (same) {
        same->refs++;
    } else if (!full) {
        m->age = published++;
        m->owner = o;
        m->next = o->families;
        o->families = m;
        o->n_families++;
    }
    metric_unlock();
    if (other)
        log_warn("two services use the name of a metric for different kinds",
                 LOGZ("metric", m->name), LOGZ("service", o->host), LOGZ("other", other));
    if (full)
        log_warn("a service has too many metrics", LOGZ("metric", m->name),
                 LOGZ("service", o->host), LOGI("limit", METRIC_FAMILIES));
    if (same) destroy(m);
    return same ? same : m;
}

static void unlink_family(struct metric *m) {
    struct metric **at = &m->owner->families;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    m->owner->n_families--;
}

void metric_free(struct metric *m) {
    if (!m) return;
    metric_lock();
    bool last = --m->refs == 0;
    if (last && m->owner) unlink_family(m);
    metric_unlock();
    if (last) destroy(m);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Copies what is no plain ASCII, up to METRIC_VALUE bytes. */
static size_t put_utf8(char *to, struct str s) {
    size_t n = 0;
    while (s.n) {
        size_t bad, step = *s.p ? str_utf8(s, &bad) : 0;
        if (!*s.p) bad = 1;
        struct str piece = step ? str_first(s, step) : STR("\xEF\xBF\xBD");
        if (n + piece.n > METRIC_VALUE) break;
        memcpy(to + n, piece.p, piece.n);
        n += piece.n;
        s = str_from(s, step ? step : bad);
    }
    return n;
}

/* Whether all bytes are ASCII and none is NUL: no byte has bit 7, before or after 1 was taken off.
 */
static bool is_plain(struct str s) {
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t odd = 0, word;
    for (; s.n >= sizeof word; s = str_from(s, sizeof word)) {
        memcpy(&word, s.p, sizeof word);
        odd |= word | (word - ones);
    }
    for (size_t i = 0; i < s.n; i++) {
        uint64_t c = (unsigned char)s.p[i];
        odd |= c | (c - 1);
    }
    return (odd & (ones << 7)) == 0;
}

static size_t put_value(char *to, struct str s) {
    struct str head = str_first(s, METRIC_VALUE);
    if (!is_plain(head)) return put_utf8(to, s);
    if (head.n) memcpy(to, head.p, head.n);
    return head.n;
}

/* Not seeded: who aims collisions at a family gets one chain of METRIC_SERIES at most. */
static uint64_t hash_of(const char *p, size_t n) {
    uint64_t hash = n, word;
    for (size_t i = 0; i < n; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0x9E3779B97F4A7C15u;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return hash;
}

void metric_key(struct metric_key *k, const struct str *values, size_t n) {
    assert(n <= METRIC_LABELS);
    k->labels = n;
    k->n = 0;
    for (size_t i = 0; i < n; i++) {
        k->n += put_value(k->bytes + k->n, values[i]);
        k->bytes[k->n++] = '\xFF';
    }
    memset(k->bytes + k->n, 0, sizeof k->hash); /* the last word is whole */
    k->hash = hash_of(k->bytes, k->n);
}

/* ---- updates --------------------------------------------------------------------------------- */

static int refuse(const struct metric *m, const char *why, struct err *e) {
    return err_set(e, -EINVAL, "metric '%s' cannot be %s", m->name, why);
}

static int check(const struct metric *m, enum metric_op op, const struct metric_key *k, double v,
                 struct err *e) {
    if (op == METRIC_ADD && m->kind == METRIC_HISTOGRAM) return refuse(m, "incremented", e);
    if (op == METRIC_SET && m->kind != METRIC_GAUGE) return refuse(m, "set", e);
    if (op == METRIC_OBSERVE && m->kind == METRIC_COUNTER) return refuse(m, "observed", e);
    if (m->kind == METRIC_COUNTER && !(v >= 0))
        return err_set(e, -EINVAL, "counter metric '%s' can only increase", m->name);
    if (m->kind == METRIC_HISTOGRAM && isnan(v))
        return err_set(e, -EINVAL, "metric '%s' cannot observe NaN", m->name);
    if (k->labels != m->n_labels)
        return err_set(e, -EINVAL, "metric '%s' has %zu labels, not %zu", m->name, m->n_labels,
                       k->labels);
    return 0;
}

static struct metric_series *find(struct metric *m, const struct metric_key *k) {
    struct metric_series *s = m->chains[k->hash % METRIC_CHAINS];
    struct str key = str_make(k->bytes, k->n);
    while (s && (s->hash != k->hash || !str_eq(metric_series_key(m, s), key)))
        s = s->next;
    return s;
}

static struct metric_series *add(struct metric *m, const struct metric_key *k) {
    struct metric_series *s = NULL;
    size_t counts = metric_counts(m) * sizeof s->counts[0];
    if (m->n_series++ < METRIC_SERIES) s = mem_zalloc(sizeof *s + counts + k->n);
    if (!s) {
        m->n_series--;
        return NULL;
    }
    s->hash = k->hash;
    s->n = k->n;
    if (k->n) memcpy((char *)s + sizeof *s + counts, k->bytes, k->n);
    struct metric_series **chain = &m->chains[k->hash % METRIC_CHAINS];
    s->next = *chain;
    *chain = s;
    return s;
}

static void apply(const struct metric *m, struct metric_series *s, enum metric_op op, double v) {
    if (m->kind != METRIC_HISTOGRAM) {
        s->value = op == METRIC_ADD ? s->value + v : v;
        return;
    }
    size_t i = 0;
    while (i < m->n_buckets && v > m->buckets[i])
        i++;
    s->counts[i]++;
    s->value += v;
}

static void drop(struct metric *m) {
    stat_add(STAT_METRIC_DROPPED, 1);
    if (m->n_series < METRIC_SERIES || m->full) return;
    m->full = true;
    log_warn("a metric has too many combinations of labels: new ones are dropped",
             LOGZ("metric", m->name), LOGI("limit", METRIC_SERIES));
}

int metric_update(struct metric *m, enum metric_op op, const struct metric_key *k, double v,
                  struct err *e) {
    int rc = check(m, op, k, v, e);
    if (rc < 0 || (op == METRIC_ADD && v == 0)) return rc;
    pthread_mutex_t *lock = metric_mutex(m, k->hash);
    pthread_mutex_lock(lock);
    struct metric_series *s = find(m, k);
    if (!s) s = add(m, k);
    if (s) apply(m, s, op, v);
    pthread_mutex_unlock(lock);
    if (!s) drop(m);
    return 0;
}
