/* seal: secrets at rest, random bytes, hashes, constant-time compare. libsodium underneath.
 * Thread-safe. */
#ifndef SEAL_H
#define SEAL_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

int seal_start(struct err *e); /* once, first */
void seal_random(void *p, size_t n);
bool seal_equal(struct str a, struct str b); /* constant time for equal lengths */
void seal_sha256(struct str s, unsigned char out[32]);
void seal_hex(const unsigned char *p, size_t n, char *out); /* 2n characters, no NUL */
void seal_uuid(char out[37]); /* random UUID version 4 (RFC 9562), NUL-terminated */
void seal_id(
    struct buf *out,
    struct str prefix); /* "prefix-" + base62 of a 63-bit time-ordered unique number: 39 bits of
                           10 ms ticks since 2014-09-01, 8 bits sequence, 16 bits random machine
                           id per process; strictly increasing inside a process */
/* Authenticated encryption (XChaCha20-Poly1305) with a 32-byte key: nonce || ciphertext, as
 * base64url text. */
int seal_close(struct buf *out, const unsigned char key[32], struct str plain);
int seal_open(struct buf *out, const unsigned char key[32],
              struct str sealed); /* -EBADMSG when it was tampered with */
void seal_base64(struct buf *out, struct str s,
                 bool url); /* url = RFC 4648 section 5 without padding */
int seal_unbase64(struct buf *out, struct str s,
                  bool url); /* strict: padding, alphabet and trailing bits */
void seal_wipe(void *p, size_t n);

#endif
