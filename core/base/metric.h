/*
 * metric: what services measure, for Prometheus: counters, gauges and histograms with labels.
 *
 * A family is a metric of one owner, the host name of a service; its series are told apart by the
 * values of its labels. One registry has the families of all owners. Every series carries the
 * labels service, ver and id of its owner, too.
 *
 * Any thread may call everything here. An update takes one lock of several of its family, for as
 * long as a look-up in a hash table takes. Everything is bounded: what is beyond a bound is dropped
 * and counted (stat metric_updates_dropped), no error of whoever measures.
 */
#ifndef METRIC_H
#define METRIC_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

#define METRIC_LABELS   16    /* of a family, those of the owner not counted */
#define METRIC_BUCKETS  64    /* of a histogram */
#define METRIC_VALUE    128   /* bytes kept of a label's value */
#define METRIC_SERIES   1000  /* of a family */
#define METRIC_FAMILIES 400   /* of an owner; old and new ones overlap while it is reloaded */
#define METRIC_OWNERS   10000 /* that there ever were */
#define METRIC_NAME     200   /* bytes of a name */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* ADD is for counters and gauges, SET for gauges, OBSERVE for histograms, and sets a gauge. */
enum metric_op { METRIC_ADD, METRIC_SET, METRIC_OBSERVE };

/* What a family looks like. Borrowed: metric_new copies it. */
struct metric_shape {
    struct str name; /* letters, digits, '_' and ':' */
    struct str help; /* may be empty */
    enum metric_kind kind;
    const struct str *labels; /* their names, in the order in which values are given */
    size_t n_labels;
    const double *buckets; /* upper bounds in any order; +Inf is there anyway. Of histograms only */
    size_t n_buckets;
};

struct metric;       /* a family, held by reference */
struct metric_owner; /* lives until exit, like the service it stands for */

/* ---- owners ---------------------------------------------------------------------------------- */

/* The owner of a host name, made on first use; it is in sight from now on, and its uptime begins if
 * it was not. `ver` and `id` are the values of these labels; NULL leaves what was said before. NULL
 * when there is no memory or there are too many: whatever takes an owner takes NULL and does
 * nothing. */
struct metric_owner *metric_owner(struct str host, struct str ver, struct str id);
/* The owner as it is, in sight or not; NULL when there never was one. */
struct metric_owner *metric_peek(struct str host);
/* The service is gone: nothing of it is rendered and its standard series begin anew, until
 * metric_owner is called for it again. Its own families end with their last reference. */
void metric_forget(struct metric_owner *o);

/* ---- families -------------------------------------------------------------------------------- */

/* A family that nobody sees yet, or NULL + *e. One reference is the caller's. */
struct metric *metric_new(const struct metric_shape *shape, struct err *e);
/* Whether the host has this name for itself: no service may use it. */
bool metric_reserved(struct str name);
/* Puts it into the registry and takes the reference; the one that comes back is to be used from now
 * on. That is the owner's family of the same name when its shape is the same, with its series: so
 * they survive a reload. A family of another shape is hidden behind the new one for as long as both
 * are held. Cannot fail: where the registry is full, the family stays unseen and the log says so.
 */
struct metric *metric_publish(struct metric *m, struct metric_owner *o);
/* Ends a reference; with the last one the family and its series are gone. NULL is fine. */
void metric_free(struct metric *m);

/* ---- updates --------------------------------------------------------------------------------- */

/* Values of labels, ready to look up series by: several families with the same labels share one. */
struct metric_key {
    uint64_t hash;
    size_t labels; /* how many values */
    size_t n;      /* bytes of them */
    /* Each value, then 0xFF, which no text has; then zeros to the end of a word. */
    char bytes[METRIC_LABELS * (METRIC_VALUE + 1) + sizeof(uint64_t)];
};

/* Values longer than METRIC_VALUE are cut; bytes that are no UTF-8, and NUL, become U+FFFD. */
void metric_key(struct metric_key *k, const struct str *values, size_t n);
/* 0, or -EINVAL + *e: the family is of another kind, has other labels, or cannot take the value.
 * Adding 0 makes no series. A dropped update is 0. */
int metric_update(struct metric *m, enum metric_op op, const struct metric_key *k, double v,
                  struct err *e);

/* ---- [metric_text.c] rendering --------------------------------------------------------------- */

/* Prometheus text (exposition format 0.0.4): of the owner with this host name, or of all when it is
 * empty. Sorted by name, then owner, then labels. Where owners use a name for different kinds, the
 * first owner's stays. */
void metric_render(struct buf *out, struct str host);
/* Called at the beginning of each metric_render, by its thread: for gauges whose value somebody has
 * to look up. One for the process, set before the second thread starts. */
void metric_before_render(void (*look)(void));
/* A number as Prometheus writes it: 1, 0.25, 1e+06, +Inf, NaN. Its length. */
#define METRIC_NUMBER 32
size_t metric_number(double v, char room[METRIC_NUMBER]);

/* Seconds since the owner came into sight. */
double metric_uptime(struct metric_owner *o);

#endif
