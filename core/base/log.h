/*
 * log: structured lines, written by a thread of their own so that a slow disk never stops a loop.
 *
 * A line is formatted by the caller's thread into its ring; the writer thread drains the rings in
 * order of time. A full ring drops the line and counts it (stat log_dropped). `key=value` on a
 * terminal, one JSON object per line otherwise. Lines stay lines whatever the values hold; only on
 * a terminal a string named "traceback" is shown below its line, indented. A field named like one
 * of the three that every JSON line has (time, level, msg) gets a '_' behind its name. Secrets
 * (passwords, tokens, keys, authorization headers) are never passed in here.
 */
#ifndef LOG_H
#define LOG_H

#include "core/base/buf.h"
#include "core/base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
/* LOG_DEV: text for the person who writes a service: requests, reloads and errors in forms of their
 * own (log_dev.h). */
enum log_format { LOG_AUTO, LOG_TEXT, LOG_JSON, LOG_DEV };

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_F_STR, LOG_F_INT, LOG_F_FLOAT, LOG_F_BOOL } kind;
    union {
        struct str s;
        int64_t i;
        double f;
    };
};

#define LOGS(k, v) \
    ((struct log_field){(k), LOG_F_STR, {.s = (v)}}) /* struct str; empty = field left out */
#define LOGZ(k, v) \
    ((struct log_field){(k), LOG_F_STR, {.s = str_of(v)}}) /* char *; NULL or "" = field left out \
                                                            */
#define LOGI(k, v) ((struct log_field){(k), LOG_F_INT, {.i = (int64_t)(v)}})
#define LOGF(k, v) ((struct log_field){(k), LOG_F_FLOAT, {.f = (v)}})
#define LOGB(k, v) ((struct log_field){(k), LOG_F_BOOL, {.i = (v) ? 1 : 0}})

#define log_at(level, msg, ...) \
    do { \
        if (log_enabled(level)) \
            log_emit((level), (msg), \
                     (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){NULL, LOG_F_INT, {.i = 0}}}); \
    } while (0)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

bool log_enabled(enum log_level level);
void log_emit(enum log_level level, const char *message, const struct log_field *fields);

/* Without a thread: lines go straight to `fd` until log_start. For processes that only watch. */
void log_direct(enum log_level level, enum log_format format, int fd);
/* Before log_start lines go straight to standard error, after log_stop straight to `fd`. Returns 0,
 * -EALREADY, -EBADF, -ENOMEM or what the system said; nothing has changed but level, format and fd
 * then. */
int log_start(enum log_level level, enum log_format format, int fd);
void log_stop(void); /* writes what is left, unless the reader of fd takes nothing for 3 seconds */

/* Which of the last lines are wanted. */
struct log_wanted {
    uint64_t after;       /* sequence number to start behind; 0, or one that was never given, = all
                             kept */
    enum log_level level; /* only lines of that level and above */
    uint64_t since;       /* only what was written since: ns since the epoch */
};
/* The last lines written (a bounded memory of them, 1 MB), oldest first, each ended by '\n', for
 * `moonbus logs`. Returns the newest sequence number, whether its line was wanted or not. */
uint64_t log_select(struct buf *out, const struct log_wanted *wanted);
uint64_t log_recent(struct buf *out, uint64_t after); /* of all levels and times */
/* The newest sequence number. */
uint64_t log_newest(void);

/* Rings held now, one per thread that has logged and lives: for tests that look for leaks. */
size_t log_rings(void);

#endif
