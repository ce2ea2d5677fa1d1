/*
 * stat: counters and gauges that cost one addition.
 *
 * One X-macro names them all. Each thread adds to a block of its own; a scrape sums the blocks.
 * Rendered as Prometheus text (exposition format 0.0.4) with the prefix `moonbus_`.
 */
#ifndef STAT_H
#define STAT_H

#include "core/base/buf.h"

/* X(enumerator, exported name, kind, help). Counters end in _total. Gauges are sums of adds and
 * subtractions. */
#define STAT_LIST(X) \
    X(HOST_RESTARTS, "host_restarts_total", "counter", \
      "Times that the supervisor had to start the host again.") \
    X(CONNECTIONS_ACCEPTED, "connections_accepted_total", "counter", \
      "Client connections accepted.") \
    X(CONNECTIONS_OPEN, "connections_open", "gauge", "Client connections open now.") \
    X(CONNECTIONS_REFUSED, "connections_refused_total", "counter", \
      "Client connections closed because of a limit.") \
    X(REQUESTS, "requests_total", "counter", "Requests whose head was read.") \
    X(REQUESTS_BAD, "requests_bad_total", "counter", \
      "Requests refused as malformed or over a limit.") \
    X(RESPONSES_2XX, "responses_2xx_total", "counter", "Responses with a 1xx, 2xx or 3xx status.") \
    X(RESPONSES_4XX, "responses_4xx_total", "counter", "Responses with a 4xx status.") \
    X(RESPONSES_5XX, "responses_5xx_total", "counter", "Responses with a 5xx status.") \
    X(REQUESTS_ABORTED, "requests_aborted_total", "counter", "Exchanges cut short by the client.") \
    X(REQUESTS_OPEN, "requests_open", "gauge", "Requests being answered now.") \
    X(BYTES_IN, "bytes_received_total", "counter", "Bytes read from clients.") \
    X(BYTES_OUT, "bytes_sent_total", "counter", "Bytes written to clients.") \
    X(CLIENT_TIMEOUTS, "client_timeouts_total", "counter", \
      "Client connections closed by a timeout.") \
    X(UPSTREAM_REQUESTS, "upstream_requests_total", "counter", "Requests sent to upstreams.") \
    X(UPSTREAM_CONNECTS, "upstream_connects_total", "counter", "Connections opened to upstreams.") \
    X(UPSTREAM_REUSED, "upstream_reused_total", "counter", \
      "Requests sent on a pooled connection.") \
    X(UPSTREAM_RETRIES, "upstream_retries_total", "counter", \
      "Requests tried again on another connection.") \
    X(UPSTREAM_ERRORS, "upstream_errors_total", "counter", "Upstream failures.") \
    X(UPSTREAM_OPEN, "upstream_connections_open", "gauge", "Upstream connections open now.") \
    X(UPSTREAM_IDLE, "upstream_connections_idle", "gauge", \
      "Upstream connections waiting in pools.") \
    X(TASKS, "tasks_total", "counter", "Lua tasks started.") \
    X(TASKS_OPEN, "tasks_open", "gauge", "Lua tasks alive now.") \
    X(TASKS_FAILED, "tasks_failed_total", "counter", "Lua tasks ended by an error.") \
    X(TASKS_CANCELED, "tasks_canceled_total", "counter", "Lua tasks cancelled.") \
    X(TASKS_OVERRUN, "tasks_overrun_total", "counter", "Lua tasks stopped by the watchdog.") \
    X(TASKS_REFUSED, "tasks_refused_total", "counter", \
      "Lua tasks not started because of a limit.") \
    X(TASK_YIELDS, "task_forced_yields_total", "counter", "Turns ended early by the watchdog.") \
    X(SLOW_TURNS, "slow_turns_total", "counter", \
      "Times that a task computed for longer than slow_turn without waiting.") \
    X(OPS_OPEN, "ops_open", "gauge", "Waits in progress.") \
    X(REFS_OPEN, "refs_open", "gauge", "References held into Lua states.") \
    X(STATES_OPEN, "states_open", "gauge", "Lua states alive now.") \
    X(STATE_BYTES, "states_bytes", "gauge", "Bytes held by Lua states.") \
    X(STATE_OUT_OF_MEMORY, "states_out_of_memory_total", "counter", \
      "Allocations refused by a state's cap.") \
    X(STATES_REBUILT, "states_rebuilt_total", "counter", \
      "Lua states built anew because their service ran out of memory.") \
    X(ANSWERS_CUT, "answers_cut_total", "counter", \
      "Answers of services refused or cut off because too much waits for clients that do not " \
      "read.") \
    X(RELOADS, "reloads_total", "counter", "Generations that went into service.") \
    X(RELOADS_FAILED, "reloads_failed_total", "counter", "Generations refused.") \
    X(RELOAD_MICROSECONDS, "reload_microseconds_total", "counter", \
      "Time that reloads_total took, all together.") \
    X(ROLLBACKS, "rollbacks_total", "counter", "Generations that came into service again.") \
    X(HANDOVERS_LOST, "handovers_lost_total", "counter", "Tables of on_unload that were dropped.") \
    X(STORE_READS, "store_reads_total", "counter", "Store reads.") \
    X(STORE_WRITES, "store_writes_total", "counter", "Store write jobs.") \
    X(STORE_COMMITS, "store_commits_total", "counter", \
      "Transactions committed by the store writer.") \
    X(STORE_BUSY, "store_busy_total", "counter", "Store jobs refused because a queue was full.") \
    X(STORE_CONFLICTS, "store_conflicts_total", "counter", \
      "Writes refused because a read was outdated.") \
    X(PASS_HASHES, "password_hashes_total", "counter", "Passwords hashed or checked.") \
    X(JOBS_BUSY, "jobs_busy_total", "counter", \
      "Background jobs refused because a queue was full.") \
    X(TOKEN_CACHE_HITS, "token_cache_hits_total", "counter", "Tokens found verified.") \
    X(TOKEN_CACHE_MISSES, "token_cache_misses_total", "counter", "Tokens verified anew.") \
    X(SHARED_EVICTED, "shared_evicted_total", "counter", "Entries evicted from the shared map.") \
    X(MESSAGES, "mailbox_messages_total", "counter", "Messages delivered between threads.") \
    X(METRIC_DROPPED, "metric_updates_dropped_total", "counter", \
      "Updates of metrics dropped because of a limit.") \
    X(LOG_DROPPED, "log_dropped_total", "counter", \
      "Log lines dropped because a ring was full or a service wrote too much.")

#define STAT_ENUM(name, text, kind, help) STAT_##name,
enum stat_id { STAT_LIST(STAT_ENUM) STAT_COUNT };

struct stat_block {
    int64_t value[STAT_COUNT]; /* written by the owning thread only, read by scrapes (relaxed
                                  atomics) */
};

extern _Thread_local struct stat_block *stat_mine;
struct stat_block *stat_thread(void); /* this thread's block, registered on first use; never NULL */

static inline void stat_add(enum stat_id id, int64_t n) {
    struct stat_block *b = stat_mine ? stat_mine : stat_thread();
    __atomic_store_n(&b->value[id], b->value[id] + n, __ATOMIC_RELAXED);
}

int64_t stat_get(enum stat_id id); /* the sum over all threads, dead ones included */
void stat_render(struct buf *out); /* all of STAT_LIST plus process_* figures */

#endif
