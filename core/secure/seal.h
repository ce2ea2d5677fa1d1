/*
 * seal: secrets at rest, random bytes, ids, hashes, constant-time compare. libsodium underneath.
 *
 * Called by everybody who makes an id or keeps a secret. Thread-safe. It never logs what it seals.
 * Functions that append to a buf leave it as it was when they fail.
 */
#ifndef SEAL_H
#define SEAL_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

#define SEAL_KEY      32 /* bytes of a sealing key */
#define SEAL_ID_MAX   11 /* digits of the largest id without prefix */
#define SEAL_UUID     37 /* bytes of a UUID with its NUL */
#define SEAL_SHA_LEN  32 /* bytes of a SHA-256 */
#define SEAL_SHA1_LEN 20

int seal_start(struct err *e); /* once, first */
void seal_random(void *p, size_t n);
bool seal_equal(struct str a, struct str b); /* constant time for equal lengths */
void seal_sha256(struct str s, unsigned char out[SEAL_SHA_LEN]);
/* For protocols that say so. It protects nothing. */
void seal_sha1(struct str s, unsigned char out[SEAL_SHA1_LEN]);
void seal_hex(const unsigned char *p, size_t n, char *out); /* 2n lower-case digits, no NUL */
void seal_uuid(char out[SEAL_UUID]); /* random UUID version 4 (RFC 9562), NUL-terminated */

/* Appends "prefix-" and the base62 (0-9A-Za-z, most significant first) of a 63-bit number: 39 bits
 * of 10 ms ticks since 2014-09-01T00:00:00Z, 8 bits of sequence, 16 bits of machine id, random per
 * process. A prefix that ends in '-' is not given a second one; an empty prefix gives the bare
 * number. Numbers are strictly increasing inside a process: a tick whose sequence is used up
 * borrows from the next one, and a clock that goes back does not matter. */
void seal_id(struct buf *out, struct str prefix);

/* Authenticated encryption (XChaCha20-Poly1305): nonce || ciphertext || tag, as base64url text. */
int seal_close(struct buf *out, const unsigned char key[SEAL_KEY], struct str plain);
/* -EBADMSG when the text is not what seal_close made with this key. */
int seal_open(struct buf *out, const unsigned char key[SEAL_KEY], struct str sealed);

/* RFC 4648 section 4, or with `url` section 5 without padding. */
void seal_base64(struct buf *out, struct str s, bool url);
/* Strict: padding, alphabet and trailing bits must be exactly what seal_base64 writes. -EINVAL. */
int seal_unbase64(struct buf *out, struct str s, bool url);
void seal_wipe(void *p, size_t n); /* zeroes; the compiler cannot leave it out */

#endif
