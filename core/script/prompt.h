/* prompt: a line that is typed without being shown, and single keys. Main thread of the command
 * line only. */
#ifndef PROMPT_H
#define PROMPT_H

#include <stddef.h>

/* Asks on standard error and reads a line of standard input into `line`, without its end; on a
 * terminal nothing of it is shown. Returns its length; -ENODATA at the end of input, -E2BIG for a
 * line that does not fit, or what reading said. A signal that ends or stops the process does so
 * with the terminal as it was; after a stop it asks anew. */
int prompt_secret(const char *prompt, char *line, size_t cap);

/* Waits for a key on the terminal, at most so many milliseconds: its byte, 0 when none came or it
 * is no terminal. Signals as above; after a stop it returns 0. */
int prompt_key(int ms);

#endif
