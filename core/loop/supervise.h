/*
 * supervise: the host as a child of a small process, which starts it again when it breaks.
 *
 * What the two share is inherited: settings, the lock of the home folder, the bound sockets. A
 * client that connects while no host is there waits in a socket's queue. The supervisor has one
 * thread and allocates nothing.
 */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include "core/base/err.h"

/* Exit code of a host that found one of its own threads stuck. */
#define SUPERVISE_STUCK 70

/* Runs host() in a child, which ends with its result as exit code, again and again, until it ends
 * as it was meant to:
 *
 *   before it ever served (supervise_served)    what is wrong with it would be wrong again
 *   with exit code 0                            somebody stopped it
 *   after a signal that it was passed           also when it crashed on the way out
 *
 * Anything else is reported and the host started again: at once the first time, then after 1, 2, 4
 * … 30 seconds; a minute of serving makes it the first time again. SIGTERM, SIGINT, SIGQUIT,
 * SIGHUP, SIGUSR1 and SIGUSR2 are passed on to the host, which is in a process group of its own, so
 * that it gets a terminal's signals once; stopped and continued (Ctrl-Z) they are together. When
 * this process dies in whatever way the host is killed.
 *
 * Returns what waitpid said of the last host, or negative. Call before any thread exists. */
int supervise(int (*host)(void), struct err *e);
/* Ends this process the way that such a status tells of. */
_Noreturn void supervise_leave(int status);

/* For the host; nothing happens without a supervisor. How many there were before this one; it
 * serves now; why it is about to end. */
int supervise_restarts(void);
void supervise_served(void);
void supervise_last_words(const char *why);

#endif
