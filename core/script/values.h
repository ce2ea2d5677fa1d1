/*
 * values: the config values in force, as one run of bytes per service, for the whole process.
 *
 * A service has a state on every worker; what its configs are set to is here, once. Whoever changes
 * them replaces all bytes of a service; readers copy them when the version says that something was
 * replaced, which is one atomic load. What the bytes mean is lib_config's business. Values survive
 * reloads and are forgotten with the service. Any thread.
 */
#ifndef VALUES_H
#define VALUES_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define VALUES_SIZE  ((size_t)1 << 20) /* most bytes of one service */
#define VALUES_HOSTS 10000             /* most services */
#define VALUES_ANY   UINT64_MAX        /* whatever has been seen */

/* Grows with every change of any service; 0 = there never was one. */
uint64_t values_version(void);
/* Appends the bytes of a service: 0, -ENOENT or -ENOMEM; *version is what they belong to, in any
 * case. */
int values_get(struct str host, struct buf *out, uint64_t *version);
/* Replaces the bytes of a service, unless they changed after version `seen`: 0, ERR_CONFLICT,
 * ERR_LIMIT or -ENOMEM. A call that fails changes nothing. */
int values_put(struct str host, struct str bytes, uint64_t seen);
/* The service is no more. */
void values_forget(struct str host);
/* All of them; for the end of the process, and between specs. */
void values_forget_all(void);

#endif
