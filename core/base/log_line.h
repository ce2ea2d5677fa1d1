/*
 * log_line: how one log line looks. Only log.c calls it.
 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include "core/base/log.h"

/* A text line is "HH:MM:SS.mmm LEVEL message": where the level stands, for who paints it. */
#define LOG_LINE_LEVEL_AT 13
#define LOG_LINE_LEVEL_N  5

/* Appends the line, ended by '\n', as text or as a JSON object. `now` is in nanoseconds since the
 * epoch. Values beyond 8 KB are cut; fields beyond 32 KB of line are left out and said to be. */
void log_line(struct buf *out, bool text, enum log_level level, uint64_t now, const char *message,
              const struct log_field *fields);

/* What other forms of a line are made of. "HH:MM:SS.mmm"; a text with its control characters made
 * visible; the fields as " key=value", without those that skip() names (may be NULL). */
void log_line_time(struct buf *out, uint64_t now);
void log_line_plain(struct buf *out, struct str s);
void log_line_fields(struct buf *out, const struct log_field *fields,
                     bool (*skip)(const char *key));
const char *log_line_level(enum log_level level);

#endif
