/*
 * pass: passwords, hashed with argon2id on threads of their own.
 *
 * Strings are PHC format ("$argon2id$v=19$m=19456,t=2,p=1$…"): 19 MiB, 2 passes (OWASP minimum);
 * the cheapest that libsodium allows in test mode. Full queue = ERR_BUSY: the caller answers 503.
 */
#ifndef PASS_H
#define PASS_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/loop/jobs.h"

#define PASS_MAX 1024 /* longest password, bytes */

struct pass_job {
    struct job job; /* internal; cancel with jobs_cancel(&p->job) */
    enum { PASS_HASH, PASS_CHECK } what;
    char password[PASS_MAX + 1]; /* wiped when done, dropped or refused */
    size_t n;
    char phc[128]; /* result of HASH, input of CHECK; empty = burn the time of a check and fail
                      (unknown account) */
    int result;    /* 0, -EACCES (wrong password), -EBADMSG (phc is no argon2 hash) or -ENOMEM */
    bool outdated; /* CHECK passed but the parameters are weaker than ours: hash again */
    void (*done)(struct pass_job *p); /* on the submitting worker */
    void (*drop)(struct pass_job *p); /* instead of done, after a cancel */
};

/* `threads` 0 = half the cores; `queue` = how many may wait; `cheap` = test mode. */
int pass_start(int threads, int queue, bool cheap, struct err *e);
/* Finishes what is queued. No worker submits any more, none is freed yet. */
void pass_stop(void);
int pass_submit(struct pass_job *p); /* 0, ERR_BUSY, or -EINVAL when n is over PASS_MAX */

#endif
