/*
 * token: access tokens: compact JWS signed with RS256 (RFC 7515, RFC 7518 section 3.3).
 *
 * Header exactly {"alg":"RS256","typ":"JWT"}. Claims: 1ui user id, 1ai app id, 1sl slug, 1ro roles,
 * 1de device, 1ao active organization, exp, iat, jti. Signing runs on a thread of its own (0.4 ms);
 * verifying runs where it is asked and is cached per worker by the token's SHA-256 until it
 * expires. The key pair is process-wide and set once.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/loop/jobs.h"

#define TOKEN_MAX 8192 /* longest token, bytes */

struct claims {
    struct str user, app, slug, device, organization, id;
    struct str *roles;
    int n_roles;
    int64_t expires, issued; /* seconds since the epoch */
    struct str payload;      /* the claims as JSON text */
    int refs;                /* own worker only */
};

enum token_status { TOKEN_OK, TOKEN_EXPIRED, TOKEN_INVALID };

int token_start(struct err *e); /* starts the signing thread */
void token_stop(void);

/* 2048-bit RSA key pair as PEM: PKCS#1 private, SubjectPublicKeyInfo public, newline-terminated.
 * Slow (0.1 s). */
int token_generate(struct buf *private_pem, struct buf *public_pem, struct err *e);
/* The key in force from now on, for all workers. Drops what the caches verified with another key.
 */
int token_use(struct str private_pem, struct err *e);
bool token_ready(void);

/* Verifies; `now` in seconds with fraction (valid only while now < exp). On TOKEN_OK and
 * TOKEN_EXPIRED *out gets the claims with a reference for the caller (signature is good in both
 * cases). On TOKEN_INVALID e->text says why in the words clients look for ("token is malformed: …",
 * "token signature is invalid: …"). Caches per worker when called on one (bounded,
 * CONF-independent: 4096 entries, least recently used goes). */
enum token_status token_verify(struct str token, double now, const struct claims **out,
                               struct err *e);
void token_claims_give(const struct claims *c);

/* Signing: payload is the claims as JSON text (owned by the job, mem_free'd by it). */
struct token_job {
    struct job job; /* internal; cancel with jobs_cancel(&t->job) */
    char *payload;
    size_t n;
    struct buf token; /* result; the receiver's */
    int result;
    void (*done)(struct token_job *t);
    void (*drop)(struct token_job *t);
};
int token_sign(struct token_job *t); /* 0 or ERR_BUSY */

#endif
