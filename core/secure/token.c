/*
 * token: signing and verifying with OpenSSL, and what each worker remembers of it.
 *
 * The key in force is one reference-counted record behind a lock that is taken only when it
 * changed: a worker keeps a reference, compares one number per call, and throws its cache away when
 * the number moved. Only tokens whose signature is good are ever remembered, so a stranger cannot
 * fill the cache.
 */
#include "core/secure/token.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdatomic.h>

#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/secure/claims.h"
#include "core/secure/seal.h"

#define HEADER     "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9" /* {"alg":"RS256","typ":"JWT"} */
#define SHA        32
#define PEM_MAX    (64 * 1024) /* bytes of a key file */
#define BITS_MIN   2048
#define BITS_MAX   8192
#define SIGNATURE  (BITS_MAX / 8) /* bytes of the longest signature */
#define SIGN_QUEUE 1024           /* tokens that may wait to be signed */
#define BUCKETS    TOKEN_CACHE    /* of a worker's cache; a power of two */

/* ---- the key in force --------------------------------------------------------------------- */

/* A key pair and what verifying needs along with it. Immutable, shared by reference. */
struct key {
    EVP_PKEY *pkey;
    EVP_MD *sha256;        /* fetched once: a look-up by name costs more than the hash */
    struct buf public_pem; /* SubjectPublicKeyInfo */
    atomic_int refs;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* guards `current` */
static struct key *current;
static _Atomic uint64_t epoch; /* counts the changes of `current`; 0 = never set */
static struct jobs *signers;

static void key_give(struct key *k) {
    if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) > 1) return;
    EVP_PKEY_free(k->pkey);
    EVP_MD_free(k->sha256);
    buf_free(&k->public_pem);
    mem_free(k);
}

/* The key in force with a reference, and when it came into force. NULL when there is none. */
static struct key *key_take(uint64_t *since) {
    pthread_rwlock_rdlock(&lock);
    struct key *k = current;
    if (k) atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    *since = atomic_load_explicit(&epoch, memory_order_relaxed);
    pthread_rwlock_unlock(&lock);
    return k;
}

static void key_set(struct key *k) {
    pthread_rwlock_wrlock(&lock);
    struct key *old = current;
    current = k;
    atomic_fetch_add_explicit(&epoch, 1, memory_order_release);
    pthread_rwlock_unlock(&lock);
    key_give(old);
}

/* What OpenSSL says of its last failure; its error queue is empty afterwards. */
static int openssl_failed(struct err *e, int code, const char *what) {
    unsigned long last = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(last);
    if (ERR_GET_REASON(last) == ERR_R_MALLOC_FAILURE) code = -ENOMEM;
    ERR_clear_error();
    return err_set(e, code, "%s: %s", what, reason ? reason : "unknown error");
}

/* Appends what a PEM writer of OpenSSL wrote. BIO memory is wiped when it is freed. */
static int take_pem(BIO *bio, int written, struct buf *out, struct err *e) {
    char *text = NULL;
    long n = written == 1 ? BIO_get_mem_data(bio, &text) : -1;
    int rc = 0;
    if (n <= 0) {
        rc = openssl_failed(e, -EIO, "cannot write a key as PEM");
    } else {
        buf_add(out, text, (size_t)n);
        if (!buf_ok(out)) rc = err_set(e, -ENOMEM, "out of memory");
    }
    BIO_free(bio);
    return rc;
}

static int public_to_pem(EVP_PKEY *pkey, struct buf *out, struct err *e) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio) return openssl_failed(e, -EIO, "cannot write a key as PEM");
    return take_pem(bio, PEM_write_bio_PUBKEY(bio, pkey), out, e);
}

static int private_to_pem(EVP_PKEY *pkey, struct buf *out, struct err *e) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio) return openssl_failed(e, -EIO, "cannot write a key as PEM");
    int written = PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL);
    return take_pem(bio, written, out, e);
}

int token_generate(struct buf *private_pem, struct buf *public_pem, struct err *e) {
    EVP_PKEY *pkey = EVP_RSA_gen(BITS_MIN);
    if (!pkey) return openssl_failed(e, -EIO, "cannot make an RSA key");
    int rc = private_to_pem(pkey, private_pem, e);
    if (rc == 0) rc = public_to_pem(pkey, public_pem, e);
    EVP_PKEY_free(pkey);
    return rc;
}

/* OpenSSL would ask on the terminal. */
static int no_passphrase(char *out, int cap, int writing, void *arg) {
    return -1;
}

static int parse_private(struct str pem, EVP_PKEY **out, struct err *e) {
    if (pem.n == 0 || pem.n > PEM_MAX)
        return err_set(e, -EINVAL, "the signing key is empty or too long");
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    if (!pkey)
        return openssl_failed(e, -EINVAL, "the signing key is no unencrypted private key in PEM");
    int bits = EVP_PKEY_get_bits(pkey);
    if (!EVP_PKEY_is_a(pkey, "RSA") || bits < BITS_MIN || bits > BITS_MAX) {
        EVP_PKEY_free(pkey);
        return err_set(e, -EINVAL, "the signing key must be RSA of %d to %d bits", BITS_MIN,
                       BITS_MAX);
    }
    *out = pkey;
    return 0;
}

/* ---- signing ------------------------------------------------------------------------------ */

static int sign_bytes(const struct key *k, struct str bytes, unsigned char *out, size_t *n,
                      struct err *e) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, k->sha256, NULL, k->pkey) == 1 &&
              EVP_DigestSign(ctx, out, n, (const unsigned char *)bytes.p, bytes.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : openssl_failed(e, -EIO, "cannot sign");
}

static int sign(const struct key *k, struct str payload, struct buf *out, struct err *e) {
    size_t signature_n = (size_t)EVP_PKEY_get_size(k->pkey);
    unsigned char signature[SIGNATURE];
    assert(signature_n <= sizeof signature);
    size_t length = sizeof HEADER + 1 + (payload.n + signature_n) / 3 * 4 + 8;
    if (payload.n > TOKEN_MAX || length > TOKEN_MAX)
        return err_set(e, ERR_LIMIT, "the claims are too long for a token of %d bytes", TOKEN_MAX);
    size_t start = out->n;
    buf_str(out, STR(HEADER "."));
    seal_base64(out, payload, true);
    if (!buf_ok(out)) return err_set(e, -ENOMEM, "out of memory");
    int rc = sign_bytes(k, str_make(out->p + start, out->n - start), signature, &signature_n, e);
    if (rc < 0) {
        out->n = start;
        return rc;
    }
    buf_char(out, '.');
    seal_base64(out, str_make((char *)signature, signature_n), true);
    return buf_ok(out) ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int token_sign_now(struct str payload, struct buf *out, struct err *e) {
    uint64_t since;
    struct key *k = key_take(&since);
    if (!k) return err_set(e, -ENOENT, "no signing key is set");
    int rc = sign(k, payload, out, e);
    key_give(k);
    return rc;
}

static struct token_job *job_of(struct job *j) {
    return LIST_ENTRY(j, struct token_job, job);
}

static void run_sign(struct job *j, void *context) {
    struct token_job *t = job_of(j);
    t->result = token_sign_now(str_make(t->payload, t->n), &t->text, NULL);
}

static void run_make_key(struct job *j, void *context) {
    struct token_job *t = job_of(j);
    struct buf public_pem;
    buf_init(&public_pem);
    t->result = token_generate(&t->text, &public_pem, NULL);
    buf_free(&public_pem);
}

static void forget_text(struct token_job *t) {
    if (t->text.p) seal_wipe(t->text.p, t->text.n);
    buf_free(&t->text);
}

static void job_done(struct job *j) {
    struct token_job *t = job_of(j);
    mem_free(t->payload);
    t->payload = NULL;
    if (t->result < 0) forget_text(t);
    t->done(t);
}

static void job_drop(struct job *j) {
    struct token_job *t = job_of(j);
    mem_free(t->payload);
    t->payload = NULL;
    forget_text(t);
    t->drop(t);
}

static int submit(struct token_job *t, void (*work)(struct job *j, void *context)) {
    if (!signers) return ERR_BUSY;
    buf_init(&t->text);
    t->result = 0;
    t->job.run = work;
    t->job.done = job_done;
    t->job.drop = job_drop;
    return jobs_submit(signers, &t->job);
}

int token_sign(struct token_job *t) {
    return submit(t, run_sign);
}

int token_make_key(struct token_job *t) {
    assert(!t->payload);
    return submit(t, run_make_key);
}

/* Signs something and looks whether the public half agrees: finds keys whose halves do not fit. */
static int key_prove(const struct key *k, struct err *e) {
    static const struct str probe = {"probe", 5};
    unsigned char signature[SIGNATURE];
    size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
    int rc = sign_bytes(k, probe, signature, &n, e);
    if (rc < 0) return rc;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, k->sha256, NULL, k->pkey) == 1 &&
              EVP_DigestVerify(ctx, signature, n, (const unsigned char *)probe.p, probe.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0
              : openssl_failed(e, -EINVAL,
                               "the signing key's public half does not fit its private one");
}

int token_use(struct str private_pem, struct err *e) {
    EVP_PKEY *pkey = NULL;
    int rc = parse_private(private_pem, &pkey, e);
    if (rc < 0) return rc;
    struct key *k = mem_zalloc(sizeof *k);
    if (!k) {
        EVP_PKEY_free(pkey);
        return err_set(e, -ENOMEM, "out of memory");
    }
    k->pkey = pkey;
    k->refs = 1;
    k->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    rc = k->sha256 ? public_to_pem(pkey, &k->public_pem, e)
                   : openssl_failed(e, -EIO, "OpenSSL has no SHA-256");
    if (rc == 0) rc = key_prove(k, e);
    if (rc < 0) {
        key_give(k);
        return rc;
    }
    key_set(k);
    return 0;
}

int token_public_pem(struct buf *out) {
    uint64_t since;
    struct key *k = key_take(&since);
    if (!k) return -ENOENT;
    buf_str(out, buf_view(&k->public_pem));
    key_give(k);
    return buf_ok(out) ? 0 : -ENOMEM;
}

bool token_ready(void) {
    pthread_rwlock_rdlock(&lock);
    bool ready = current != NULL;
    pthread_rwlock_unlock(&lock);
    return ready;
}

int token_start(struct err *e) {
    struct err local = {0};
    if (!e) e = &local;
    signers = jobs_start("token", 1, SIGN_QUEUE, NULL, NULL, NULL, e);
    return signers ? 0 : e->code;
}

void token_stop(void) {
    if (signers) jobs_stop(signers);
    signers = NULL;
    key_set(NULL);
}

/* ---- verifying ---------------------------------------------------------------------------- */

/* OpenSSL's working state for one key, used again for every token. */
struct verifier {
    struct key *key;
    uint64_t since;     /* epoch of the key */
    EVP_PKEY_CTX *ctx;  /* set up for RS256 */
    EVP_MD_CTX *digest; /* for every SHA-256 we need */
};

static void verifier_close(struct verifier *v) {
    EVP_PKEY_CTX_free(v->ctx);
    EVP_MD_CTX_free(v->digest);
    key_give(v->key);
    *v = (struct verifier){0};
}

/* False leaves *v closed. */
static bool verifier_open(struct verifier *v, struct err *e) {
    *v = (struct verifier){0};
    v->key = key_take(&v->since);
    if (!v->key) {
        err_set(e, -ENOENT, "token is unverifiable: no key is set");
        return false;
    }
    v->digest = EVP_MD_CTX_new();
    v->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, v->key->pkey, NULL);
    if (v->digest && v->ctx && EVP_PKEY_verify_init(v->ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(v->ctx, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(v->ctx, v->key->sha256) == 1)
        return true;
    openssl_failed(e, -EIO, "token is unverifiable");
    verifier_close(v);
    return false;
}

static bool verifier_hash(struct verifier *v, struct str s, unsigned char out[SHA]) {
    return EVP_DigestInit_ex2(v->digest, v->key->sha256, NULL) == 1 &&
           EVP_DigestUpdate(v->digest, s.p, s.n) == 1 &&
           EVP_DigestFinal_ex(v->digest, out, NULL) == 1;
}

/* The three segments of a token, and the part that is signed. */
struct segments {
    struct str header, payload, signature, signed_part;
};

static bool split(struct str token, struct segments *s) {
    struct str rest;
    if (!str_cut(token, '.', &s->header, &rest)) return false;
    if (!str_cut(rest, '.', &s->payload, &s->signature)) return false;
    s->signed_part = str_make(token.p, s->header.n + 1 + s->payload.n);
    return str_index(s->signature, '.') < 0;
}

/* Strict base64url into `out` (cap bytes). */
static int unbase64(struct str s, void *out, size_t cap, size_t *n, const char *what,
                    struct err *e) {
    if (sodium_base642bin(out, cap, s.n ? s.p : "", s.n, NULL, n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0)
        return 0;
    return err_set(e, -EINVAL, "token is malformed: could not base64 decode %s", what);
}

static int check_signature(struct verifier *v, const struct segments *s, struct err *e) {
    unsigned char signature[TOKEN_MAX], hash[SHA];
    size_t n;
    int rc = unbase64(s->signature, signature, sizeof signature, &n, "signature", e);
    if (rc < 0) return rc;
    if (verifier_hash(v, s->signed_part, hash) &&
        EVP_PKEY_verify(v->ctx, signature, n, hash, sizeof hash) == 1)
        return 0;
    ERR_clear_error();
    return err_set(e, -EACCES, "token signature is invalid: crypto/rsa: verification error");
}

/* The long way. NULL + *e when the token is not ours. */
static struct claims *verify_anew(struct verifier *v, struct str token, struct err *e) {
    struct segments s;
    char text[TOKEN_MAX];
    size_t n;
    if (!split(token, &s)) {
        err_set(e, -EINVAL, "token is malformed: token contains an invalid number of segments");
        return NULL;
    }
    if (unbase64(s.header, text, sizeof text, &n, "header", e) < 0) return NULL;
    if (claims_header(str_make(text, n), e) < 0) return NULL;
    if (check_signature(v, &s, e) < 0) return NULL;
    if (unbase64(s.payload, text, sizeof text, &n, "claim", e) < 0) return NULL;
    return claims_parse(str_make(text, n), e);
}

void token_claims_give(const struct claims *c) {
    struct claims *own = (struct claims *)c;
    if (!own) return;
    assert(own->refs > 0);
    if (--own->refs == 0) mem_free(own);
}

/* ---- what a worker remembers -------------------------------------------------------------- */

/* A token whose signature is good. */
struct entry {
    struct list used;   /* in cache.used */
    struct entry *next; /* in its bucket */
    struct claims *claims;
    unsigned char hash[SHA];
};

struct cache {
    struct verifier verifier; /* closed until the first token */
    struct list used;         /* entries, least recently used first */
    int n;
    struct entry *buckets[BUCKETS];
};

static struct entry **bucket(struct cache *c, const unsigned char *hash) {
    uint32_t n;
    memcpy(&n, hash, sizeof n);
    return &c->buckets[n % BUCKETS];
}

static void forget(struct cache *c, struct entry *entry) {
    struct entry **at = bucket(c, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    list_unlink(&entry->used);
    c->n--;
    token_claims_give(entry->claims);
    mem_free(entry);
}

static void forget_all(struct cache *c) {
    while (!list_empty(&c->used))
        forget(c, LIST_ENTRY(c->used.next, struct entry, used));
    verifier_close(&c->verifier);
}

/* This worker's cache for the key in force; NULL without worker or memory: then do without. */
static struct cache *cache_mine(void) {
    struct worker *w = worker_self();
    if (!w) return NULL;
    struct cache *c = w->slot[WORKER_TOKEN];
    if (!c) {
        c = mem_zalloc(sizeof *c);
        if (!c) return NULL;
        list_init(&c->used);
        w->slot[WORKER_TOKEN] = c;
    }
    uint64_t newest = atomic_load_explicit(&epoch, memory_order_acquire);
    if (c->verifier.key && c->verifier.since != newest) forget_all(c);
    return c;
}

static struct claims *recall(struct cache *c, const unsigned char *hash) {
    for (struct entry *entry = *bucket(c, hash); entry; entry = entry->next) {
        if (memcmp(entry->hash, hash, SHA) != 0) continue;
        list_unlink(&entry->used);
        list_push(&c->used, &entry->used);
        return entry->claims;
    }
    return NULL;
}

/* Keeps a reference of its own. Without memory nothing is kept. */
static void remember(struct cache *c, const unsigned char *hash, struct claims *claims) {
    struct entry *entry = mem_alloc(sizeof *entry);
    if (!entry) return;
    if (c->n == TOKEN_CACHE) forget(c, LIST_ENTRY(c->used.next, struct entry, used));
    memcpy(entry->hash, hash, SHA);
    entry->claims = claims;
    claims->refs++;
    struct entry **at = bucket(c, hash);
    entry->next = *at;
    *at = entry;
    list_push(&c->used, &entry->used);
    c->n++;
}

void token_worker_close(struct worker *w) {
    struct cache *c = w->slot[WORKER_TOKEN];
    if (!c) return;
    forget_all(c);
    mem_free(c);
    w->slot[WORKER_TOKEN] = NULL;
}

/* The claims with a reference for the caller, from memory or anew. */
static struct claims *verify_cached(struct cache *c, struct str token, struct err *e) {
    unsigned char hash[SHA];
    if (!c->verifier.key && !verifier_open(&c->verifier, e)) return NULL;
    if (!verifier_hash(&c->verifier, token, hash)) {
        openssl_failed(e, -EIO, "token is unverifiable");
        return NULL;
    }
    struct claims *claims = recall(c, hash);
    if (claims) {
        stat_add(STAT_TOKEN_CACHE_HITS, 1);
        claims->refs++;
        return claims;
    }
    stat_add(STAT_TOKEN_CACHE_MISSES, 1);
    claims = verify_anew(&c->verifier, token, e);
    if (claims) remember(c, hash, claims);
    return claims;
}

static struct claims *verify_once(struct str token, struct err *e) {
    struct verifier v;
    if (!verifier_open(&v, e)) return NULL;
    struct claims *claims = verify_anew(&v, token, e);
    verifier_close(&v);
    return claims;
}

enum token_status token_verify(struct str token, double now, const struct claims **out,
                               struct err *e) {
    *out = NULL;
    if (token.n > TOKEN_MAX) {
        err_set(e, ERR_LIMIT, "token is malformed: longer than %d bytes", TOKEN_MAX);
        return TOKEN_INVALID;
    }
    struct cache *cache = cache_mine();
    struct claims *claims = cache ? verify_cached(cache, token, e) : verify_once(token, e);
    if (!claims) return TOKEN_INVALID;
    if (now < (double)claims->not_before) {
        token_claims_give(claims);
        err_set(e, -EACCES, "token has invalid claims: token is not valid yet");
        return TOKEN_INVALID;
    }
    *out = claims;
    if (now < (double)claims->expires) return TOKEN_OK;
    err_set(e, -EACCES, "token has invalid claims: token is expired");
    return TOKEN_EXPIRED;
}
