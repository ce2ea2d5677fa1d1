/*
 * seal: a thin layer over libsodium that speaks str and buf, and the maker of ids.
 *
 * Everything here is stateless except the id clock, one atomic word. Callers are any thread.
 */
#include "core/secure/seal.h"

#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdatomic.h>
#include <time.h>

#include "core/base/mem.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG   crypto_aead_xchacha20poly1305_ietf_ABYTES

#define MANY_BYTES 128 /* from here on OpenSSL hashes faster */

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key length");
_Static_assert(SEAL_SHA_LEN == crypto_hash_sha256_BYTES, "hash length");

#define EPOCH 1409529600 /* 2014-09-01T00:00:00Z in Unix seconds */

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool started;             /* seal_start succeeded */
static uint64_t machine;         /* 16 random bits, this process in ids */
static _Atomic uint64_t id_last; /* tick << 8 | sequence of the newest id */

int seal_start(struct err *e) {
    if (sodium_init() < 0)
        return err_set(e, -EIO, "libsodium cannot start: the system has no source of randomness");
    if (started) return 0;
    machine = randombytes_random() & 0xffff;
    started = true;
    return 0;
}

void seal_random(void *p, size_t n) {
    assert(started);
    randombytes_buf(p, n);
}

bool seal_equal(struct str a, struct str b) {
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

/* OpenSSL uses the instructions that processors have for it, and looks the algorithm up each time,
 * for what a hundred bytes take libsodium. It needs memory for that: without, libsodium does it. */
void seal_sha256(struct str s, unsigned char out[SEAL_SHA_LEN]) {
    if (s.n >= MANY_BYTES && SHA256((const unsigned char *)s.p, s.n, out)) return;
    crypto_hash_sha256(out, (const unsigned char *)(s.n ? s.p : ""), s.n);
}

void seal_sha1(struct str s, unsigned char out[SEAL_SHA1_LEN]) {
    SHA1((const unsigned char *)(s.n ? s.p : ""), s.n, out);
}

void seal_hex(const unsigned char *p, size_t n, char *out) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[p[i] >> 4];
        out[2 * i + 1] = hex[p[i] & 15];
    }
}

void seal_uuid(char out[SEAL_UUID]) {
    unsigned char b[16];
    seal_random(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
    char hex[32];
    seal_hex(b, sizeof b, hex);
    const char *from = hex;
    static const unsigned char group[] = {8, 4, 4, 4, 12};
    for (size_t g = 0; g < sizeof group; g++) {
        if (g > 0) *out++ = '-';
        memcpy(out, from, group[g]);
        out += group[g];
        from += group[g];
    }
    *out = '\0';
}

/* ---- ids ---------------------------------------------------------------------------------- */

/* Ticks of 10 ms since EPOCH; 0 while the clock is before it. */
static uint64_t ticks(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec < EPOCH) return 0;
    return (uint64_t)(t.tv_sec - EPOCH) * 100 + (uint64_t)t.tv_nsec / 10000000;
}

/* Tick and sequence of a new id: the present, or one more than the newest when that is not behind.
 * The carry out of the 8 sequence bits is the borrowed tick. */
static uint64_t id_next(void) {
    uint64_t now = ticks() << 8;
    uint64_t last = atomic_load_explicit(&id_last, memory_order_relaxed);
    uint64_t next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&id_last, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

void seal_id(struct buf *out, struct str prefix) {
    assert(started);
    uint64_t number = (id_next() << 16 | machine) & INT64_MAX;
    char text[SEAL_ID_MAX];
    size_t at = sizeof text;
    do {
        text[--at] = digits[number % 62];
        number /= 62;
    } while (number > 0);
    size_t n = sizeof text - at;
    bool dash = prefix.n > 0 && prefix.p[prefix.n - 1] != '-';
    if (!buf_room(out, prefix.n + dash + n)) return; /* all or nothing */
    buf_str(out, prefix);
    if (dash) buf_char(out, '-');
    buf_add(out, text + at, n);
}

/* ---- sealing ------------------------------------------------------------------------------ */

int seal_close(struct buf *out, const unsigned char key[SEAL_KEY], struct str plain) {
    assert(started);
    if (plain.n > SIZE_MAX / 4) return ERR_LIMIT;
    size_t n = NONCE + plain.n + TAG;
    unsigned char *box = mem_alloc(n);
    if (!box) return -ENOMEM;
    randombytes_buf(box, NONCE);
    unsigned long long made;
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, &made,
                                               (const unsigned char *)(plain.n ? plain.p : ""),
                                               plain.n, NULL, 0, NULL, box, key);
    size_t before = out->n;
    seal_base64(out, str_make((char *)box, n), true);
    mem_free(box);
    return out->n > before ? 0 : -ENOMEM;
}

int seal_open(struct buf *out, const unsigned char key[SEAL_KEY], struct str sealed) {
    struct buf box;
    buf_init(&box);
    int rc = seal_unbase64(&box, sealed, true);
    if (rc == 0 && box.n < NONCE + TAG) rc = -EINVAL;
    if (rc < 0) {
        buf_free(&box);
        return rc == -EINVAL ? -EBADMSG : rc;
    }
    const unsigned char *p = (const unsigned char *)box.p;
    size_t n = box.n - NONCE - TAG;
    char *room = buf_room(out, n + 1);
    unsigned long long made = 0;
    if (!room)
        rc = -ENOMEM;
    else if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)room, &made, NULL,
                                                        p + NONCE, n + TAG, NULL, 0, p, key) != 0)
        rc = -EBADMSG;
    else
        out->n += n;
    buf_free(&box);
    return rc;
}

/* ---- base64 ------------------------------------------------------------------------------- */

static int variant(bool url) {
    return url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL;
}

void seal_base64(struct buf *out, struct str s, bool url) {
    size_t n = sodium_base64_encoded_len(s.n, variant(url)); /* with NUL */
    char *room = buf_room(out, n);
    if (!room) return;
    sodium_bin2base64(room, n, (const unsigned char *)(s.n ? s.p : ""), s.n, variant(url));
    out->n += n - 1;
}

int seal_unbase64(struct buf *out, struct str s, bool url) {
    size_t cap = s.n / 4 * 3 + 3, n = 0;
    char *room = buf_room(out, cap);
    if (!room) return -ENOMEM;
    if (sodium_base642bin((unsigned char *)room, cap, s.n ? s.p : "", s.n, NULL, &n, NULL,
                          variant(url)) != 0)
        return -EINVAL;
    out->n += n;
    return 0;
}

void seal_wipe(void *p, size_t n) {
    sodium_memzero(p, n);
}
