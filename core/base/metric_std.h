/*
 * metric_std: what the host measures of every service, whatever it is. Called by those who serve,
 * call, run tickers and log, on any thread; cheap enough for every request.
 */
#ifndef METRIC_STD_H
#define METRIC_STD_H

#include "core/base/metric.h"

/* X(enumerator, name, kind, labels, buckets, help) */
#define METRIC_STANDARD_LIST(X) \
    X(CALLBACK_SECONDS, "microbus_callback_duration_seconds", METRIC_HISTOGRAM, "handler,error", \
      DURATIONS, "Duration of callbacks (startup, shutdown, tickers), in seconds.") \
    X(RESPONSE_SECONDS, "microbus_response_duration_seconds", METRIC_HISTOGRAM, \
      "handler,port,method,code,error", DURATIONS, "Duration of handled requests, in seconds.") \
    X(RESPONSE_BYTES, "microbus_response_size_bytes", METRIC_HISTOGRAM, \
      "handler,port,method,code,error", SIZES, "Size of the bodies of responses, in bytes.") \
    X(REQUESTS, "microbus_request_count_total", METRIC_COUNTER, "method,host,port,code,error", \
      NONE, "Requests sent to other services.") \
    X(POLICY_FAILURES, "moonbus_policy_failures_total", METRIC_COUNTER, "policy,code", NONE, \
      "Answers of policies that raised, overran or answered nonsense.") \
    X(LOG_MESSAGES, "microbus_log_messages_total", METRIC_COUNTER, "message,severity", NONE, \
      "Messages logged.") \
    X(UPTIME, "microbus_uptime_duration_seconds_total", METRIC_GAUGE, "", NONE, \
      "Time since the service started, in seconds.") \
    X(CACHE_HITS, "microbus_cache_hits_total", METRIC_GAUGE, "", NONE, \
      "Loads that the cache could answer.") \
    X(CACHE_MISSES, "microbus_cache_misses_total", METRIC_GAUGE, "", NONE, \
      "Loads that the cache could not answer.") \
    X(CACHE_WEIGHT, "microbus_cache_weight_total", METRIC_GAUGE, "", NONE, "Bytes in the cache.") \
    X(CACHE_LEN, "microbus_cache_len_total", METRIC_GAUGE, "", NONE, "Elements in the cache.")

#define METRIC_STANDARD_ENUM(id, ...) METRIC_STD_##id,
enum metric_std { METRIC_STANDARD_LIST(METRIC_STANDARD_ENUM) METRIC_STANDARD };

/* An answer that the owner gave. `handler` is host:port/path as declared, `{arguments}` and all;
 * `code` 400 and more is an error. */
void metric_response(struct metric_owner *o, struct str handler, uint32_t port, struct str method,
                     uint32_t code, double seconds, uint64_t bytes);
/* A request that the owner sent to `host`, and how it ended: 404 (nobody there) and 408 (nobody
 * answered in time) are no errors of the caller's. */
void metric_request(struct metric_owner *o, struct str method, struct str host, uint32_t port,
                    uint32_t code);
/* `handler`: startup, shutdown or the name of a ticker, in any case. */
void metric_callback(struct metric_owner *o, struct str handler, double seconds, bool failed);
/* `policy`: "user.password"; `code`: error, overrun, timeout, memory, canceled or answer. */
void metric_policy(struct metric_owner *o, struct str policy, struct str code);
/* `message` is the constant part of the line; `severity` DEBUG, INFO, WARN or ERROR. */
void metric_log(struct metric_owner *o, struct str message, struct str severity);
/* The answers that the owner gave, all together. */
struct metric_answers {
    uint64_t count;
    uint64_t errors; /* of them, those with a code of 500 and more */
    double seconds;
};
void metric_answers(struct metric_owner *o, struct metric_answers *a); /* NULL: none */
/* The owner's uptime, now; metric_render sees to it. */
void metric_std_uptime(struct metric_owner *o);
/* The owner's cache as it is now. */
void metric_cache(struct metric_owner *o, uint64_t hits, uint64_t misses, uint64_t weight,
                  uint64_t len);

#endif
