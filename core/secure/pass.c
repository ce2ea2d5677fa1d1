/*
 * pass: a pool of threads around libsodium's argon2id.
 *
 * A check costs 20 ms and 19 MiB on purpose. Therefore never on a loop, never more at a time than
 * there are threads, and never more waiting than the queue allows. An unknown account costs the
 * same as a wrong password, so that time does not tell which accounts exist.
 */
#include "core/secure/pass.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/stat.h"
#include "core/secure/seal.h"

#define MEMORY 19456 /* KiB */
#define PASSES 2
#define SUM    32 /* bytes of the hash itself */

_Static_assert(sizeof((struct pass_job *)0)->phc >= crypto_pwhash_STRBYTES, "room for a hash");

static struct jobs *pool;
static unsigned long long passes; /* cost of new hashes; set before the threads start */
static size_t memory;             /* KiB */
/* A hash of nothing, at our cost, for accounts that do not exist. */
static char nobody[crypto_pwhash_STRBYTES];

static void hash(struct pass_job *p) {
    if (crypto_pwhash_str_alg(p->phc, p->password, p->n, passes, memory * 1024,
                              crypto_pwhash_ALG_ARGON2ID13) == 0)
        return;
    p->phc[0] = '\0';
    p->result = -ENOMEM;
}

/* The number behind `name` in a hash's parameters; 0 when it is not there. */
static uint64_t parameter(const char *phc, const char *name) {
    struct str rest = str_of(phc);
    ptrdiff_t at = str_find(rest, str_of(name));
    if (at < 0) return 0;
    rest = str_from(rest, (size_t)at + strlen(name));
    size_t n = 0;
    while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
        n++;
    uint64_t v = 0;
    return str_u64(str_first(rest, n), &v) == 0 ? v : 0;
}

static bool weaker(const char *phc) {
    return parameter(phc, "$m=") < memory || parameter(phc, ",t=") < passes ||
           !str_starts(str_of(phc), STR("$argon2id$v=19$"));
}

/* What a hash of the shape that we make says. */
struct parts {
    unsigned long long passes;
    size_t memory; /* bytes */
    unsigned char salt[crypto_pwhash_SALTBYTES], sum[SUM];
};

static bool unbase64(unsigned char *to, size_t n, struct str s) {
    size_t got = 0;
    return sodium_base642bin(to, n, s.p, s.n, NULL, &got, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           got == n;
}

/* False: another program made it. */
static bool take_apart(const char *phc, struct parts *p) {
    struct str rest = str_of(phc), salt;
    p->passes = parameter(phc, ",t=");
    p->memory = (size_t)parameter(phc, "$m=") * 1024;
    ptrdiff_t at = str_find(rest, STR(",p=1$"));
    if (!str_starts(rest, STR("$argon2id$v=19$")) || at < 0) return false;
    rest = str_from(rest, (size_t)at + 5);
    return str_cut(rest, '$', &salt, &rest) && unbase64(p->salt, sizeof p->salt, salt) &&
           unbase64(p->sum, sizeof p->sum, rest);
}

/* libsodium's own verification takes a hash that it had no memory for as one of another password.
 * So it is left with the hashes of other programs, whose shape its plain function does not take. */
static int verify(const char *phc, const char *password, size_t n) {
    struct parts p;
    unsigned char sum[SUM];
    if (!take_apart(phc, &p)) return crypto_pwhash_str_verify(phc, password, n) == 0 ? 0 : -EACCES;
    if (crypto_pwhash(sum, sizeof sum, password, n, p.salt, p.passes, p.memory,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return -ENOMEM;
    int rc = sodium_memcmp(sum, p.sum, sizeof sum) == 0 ? 0 : -EACCES;
    seal_wipe(sum, sizeof sum);
    return rc;
}

static void check(struct pass_job *p) {
    p->phc[sizeof p->phc - 1] = '\0';
    bool known = p->phc[0] != '\0';
    bool readable = crypto_pwhash_str_needs_rehash(p->phc, passes, memory * 1024) >= 0;
    int rc = verify(known && readable ? p->phc : nobody, p->password, p->n);
    if (!known)
        p->result = rc == 0 ? -EACCES : rc;
    else if (!readable)
        p->result = -EBADMSG;
    else
        p->result = rc;
    p->outdated = p->result == 0 && weaker(p->phc);
}

static void job_run(struct job *j, void *context) {
    struct pass_job *p = LIST_ENTRY(j, struct pass_job, job);
    if (p->what == PASS_HASH)
        hash(p);
    else
        check(p);
    seal_wipe(p->password, sizeof p->password);
    stat_add(STAT_PASS_HASHES, 1);
}

static void job_done(struct job *j) {
    struct pass_job *p = LIST_ENTRY(j, struct pass_job, job);
    p->done(p);
}

static void job_drop(struct job *j) {
    struct pass_job *p = LIST_ENTRY(j, struct pass_job, job);
    seal_wipe(p->password, sizeof p->password); /* it may not have run */
    p->drop(p);
}

int pass_submit(struct pass_job *p) {
    p->result = 0;
    p->outdated = false;
    p->job.run = job_run;
    p->job.done = job_done;
    p->job.drop = job_drop;
    int rc = p->n > PASS_MAX ? -EINVAL : pool ? jobs_submit(pool, &p->job) : ERR_BUSY;
    if (rc < 0) seal_wipe(p->password, sizeof p->password);
    return rc;
}

int pass_start(int threads, int queue, bool cheap, struct err *e) {
    struct err local = {0};
    if (!e) e = &local;
    if (threads <= 0) threads = (int)(sysconf(_SC_NPROCESSORS_ONLN) / 2);
    if (threads <= 0) threads = 1;
    passes = cheap ? crypto_pwhash_argon2id_OPSLIMIT_MIN : PASSES;
    memory = cheap ? crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024 : MEMORY;
    snprintf(nobody, sizeof nobody, "$argon2id$v=19$m=%zu,t=%llu,p=1$%.22s$%.43s", memory, passes,
             "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    pool = jobs_start("pass", threads, queue, NULL, NULL, NULL, e);
    return pool ? 0 : e->code;
}

void pass_stop(void) {
    if (pool) jobs_stop(pool);
    pool = NULL;
}
