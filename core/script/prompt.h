/* prompt: a line that is typed without being shown. Main thread of the command line only. */
#ifndef PROMPT_H
#define PROMPT_H

#include <stddef.h>

/* Asks on standard error and reads a line of standard input into `line`, without its end; on a
 * terminal nothing of it is shown. Returns its length; -ENODATA at the end of input, -E2BIG for a
 * line that does not fit, or what reading said. A signal that ends or stops the process does so
 * with the terminal as it was; after a stop it asks anew. */
int prompt_secret(const char *prompt, char *line, size_t cap);

#endif
