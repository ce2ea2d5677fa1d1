/*
 * log_dev: how a log line looks to the person who writes a service (`moonbus run --dev`): requests,
 * reloads and what was generated in columns, errors with their text below. Only log.c calls it.
 *
 * Colours are marks in the line, single bytes that no text can bring along, because control
 * characters are escaped. Whoever shows the line turns them into escape sequences or drops them.
 */
#ifndef LOG_DEV_H
#define LOG_DEV_H

#include "core/base/log.h"

#define LOG_DEV_GROWTH ((size_t)4096) /* bytes that a line grows by at most when it is painted */

/* Appends the line with its marks, ended by '\n'; like log_line. */
void log_dev_line(struct buf *out, enum log_level level, uint64_t now, const char *message,
                  const struct log_field *fields);

/* Appends the n bytes of such a line, painted or plain. */
void log_dev_show(struct buf *out, const char *line, size_t n, bool colour);

#endif
