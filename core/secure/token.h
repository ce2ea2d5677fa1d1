/*
 * token: access tokens: compact JWS signed with RS256 (RFC 7515, RFC 7518 section 3.3).
 *
 * Header exactly {"alg":"RS256","typ":"JWT"}. Claims: 1ui user id, 1ai app id, 1sl slug, 1ro roles,
 * 1de device, 1ao active organization, exp, iat, nbf, jti. Signing (0.4 ms) and making keys run on
 * a thread of their own; verifying runs where it is asked and is cached per worker by the token's
 * SHA-256. The key pair is process-wide; nothing in a token chooses key or algorithm.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/loop/jobs.h"

#define TOKEN_MAX   8192 /* longest token, bytes */
#define TOKEN_CACHE 4096 /* verified tokens that a worker remembers */

/* What a verified token says. Strings are empty when the claim is missing. Immutable but for refs.
 */
struct claims {
    struct str user, app, slug, device, organization, id;
    struct str *roles;
    int n_roles;
    int64_t expires, issued; /* seconds since the epoch; issued = 0 when missing */
    int64_t not_before;      /* the same; 0 when missing */
    struct str payload;      /* the claims as JSON text */
    int refs;                /* own worker only */
};

enum token_status { TOKEN_OK, TOKEN_EXPIRED, TOKEN_INVALID };

int token_start(struct err *e); /* starts the signing thread */
/* Finishes what is queued and forgets the key. No worker signs any more, none is freed yet. */
void token_stop(void);
/* Frees what token_verify keeps for this worker. On its thread, or after that ended. */
void token_worker_close(struct worker *w);

/* 2048-bit RSA key pair as PEM: PKCS#1 private, SubjectPublicKeyInfo public, newline-terminated.
 * Slow, and by chance very slow (0.05 s to over a second): on a worker, use token_make_key. */
int token_generate(struct buf *private_pem, struct buf *public_pem, struct err *e);
/* The testing key "testRSA2048" that RFC 9500 section 2.1 publishes, as private PEM. Everybody has
 * it: test mode only. */
struct str token_test_key(void);
/* The key in force from now on, for all workers. Drops what the caches verified with another key.
 * Refuses what is no unencrypted RSA private key of 2048 to 8192 bits. */
int token_use(struct str private_pem, struct err *e);
bool token_ready(void);
/* Appends the public half of the key in force (SubjectPublicKeyInfo PEM). -ENOENT, -ENOMEM. */
int token_public_pem(struct buf *out);

/* Verifies; `now` in seconds with fraction (valid only while now < exp, and not before nbf). On
 * TOKEN_OK and TOKEN_EXPIRED *out gets the claims with a reference for the caller (signature is
 * good in both cases); on TOKEN_INVALID it is NULL. e->text says why in the words clients look for
 * ("token is malformed: …", "token signature is invalid: …", "… token is expired"). Caches per
 * worker when called on one (TOKEN_CACHE entries, least recently used goes). */
enum token_status token_verify(struct str token, double now, const struct claims **out,
                               struct err *e);
void token_claims_give(const struct claims *c);

/* Work for the signing thread. To sign, payload is the claims as JSON text. Once submitted it
 * belongs to the job, which frees it before done or drop is called; when token_sign refuses it is
 * still the caller's. */
struct token_job {
    struct job job;  /* internal; cancel with jobs_cancel(&t->job) */
    char *payload;   /* from mem_alloc; NULL for a key */
    size_t n;        /* its length */
    struct buf text; /* the token, or the private PEM; in done() it becomes the receiver's */
    int result;      /* 0, -ENOENT (no key), ERR_LIMIT (longer than TOKEN_MAX), -ENOMEM, -EIO */
    void (*done)(struct token_job *t); /* on the submitting worker */
    void (*drop)(struct token_job *t); /* instead of done, after a cancel */
};
int token_sign(struct token_job *t);     /* 0 or ERR_BUSY */
int token_make_key(struct token_job *t); /* the same, as token_generate */
/* The same at once, on the calling thread: for start-up and tools. */
int token_sign_now(struct str payload, struct buf *out, struct err *e);

#endif
