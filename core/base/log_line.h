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

#endif
