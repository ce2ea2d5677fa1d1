/* home: the folder that a host keeps its things in: made when missing, private, used by one host at
 * a time. */
#ifndef HOME_H
#define HOME_H

#include <stddef.h>

#include "core/base/err.h"

/* Makes conf.home usable: created with mode 0700, locked. In test mode a fresh temporary folder
 * takes its place. */
int home_open(struct err *e);
/* Unlocks; removes a temporary folder. In a child of the process that opened it: nothing, although
 * the lock holds until both have ended. */
void home_close(void);
/* "<home>/<name>" into out. 0 or -ENAMETOOLONG. */
int home_path(char *out, size_t cap, const char *name);
/* Writes where this host can be reached and with which secret into host.json, for the CLI;
 * home_close removes it. The process it names is the one that opened the folder: signals go there.
 */
int home_announce(const char *url, const char *admin, struct err *e);

#endif
