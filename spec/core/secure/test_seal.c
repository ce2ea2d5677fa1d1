/* seal: ids, hashes, base64 and sealing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/base/mem.h"
#include "core/secure/seal.h"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static uint64_t base62(struct str s) {
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = memchr(alphabet, s.p[i], 62);
        assert_non_null(at);
        v = v * 62 + (uint64_t)(at - alphabet);
    }
    return v;
}

static uint64_t make_number(void) {
    struct buf b;
    buf_init(&b);
    seal_id(&b, STR_NONE);
    assert_true(buf_ok(&b));
    uint64_t v = base62(buf_view(&b));
    buf_free(&b);
    return v;
}

static void assert_id_starts(struct str prefix, struct str expected) {
    struct buf b;
    buf_init(&b);
    seal_id(&b, prefix);
    assert_true(str_starts(buf_view(&b), expected));
    assert_true(b.n > expected.n);
    assert_int_equal(str_index(str_from(buf_view(&b), expected.n), '-'), -1);
    buf_free(&b);
}

static void an_id_has_its_prefix_and_one_dash(void **state) {
    assert_id_starts(STR("usr"), STR("usr-"));
    assert_id_starts(STR("usr-"), STR("usr-"));
    assert_id_starts(STR_NONE, STR(""));
}

static void an_id_counts_ten_millisecond_ticks_since_september_2014(void **state) {
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    uint64_t v = make_number();
    clock_gettime(CLOCK_REALTIME, &after);
    uint64_t tick = v >> 24, epoch = 1409529600;
    assert_true(tick >= ((uint64_t)before.tv_sec - epoch) * 100);
    assert_true(tick <= ((uint64_t)after.tv_sec - epoch) * 100 + 100);
}

static void ids_of_one_process_share_the_machine_bits(void **state) {
    uint64_t machine = make_number() & 0xffff;
    for (int i = 0; i < 100; i++)
        assert_int_equal(make_number() & 0xffff, machine);
}

static void ids_increase_even_when_a_tick_is_used_up(void **state) {
    uint64_t last = 0;
    for (int i = 0; i < 20000; i++) { /* far more than 256 per tick */
        uint64_t v = make_number();
        assert_true(v > last);
        last = v;
    }
}

static void an_id_that_finds_no_memory_leaves_the_text_alone(void **state) {
    struct buf b;
    buf_init(&b);
    mem_fail_at(1, false);
    seal_id(&b, STR("usr"));
    mem_fail_at(0, false);
    assert_false(buf_ok(&b));
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

#define THREADS    8
#define PER_THREAD 5000

static void *make_many(void *arg) {
    uint64_t *out = arg;
    for (int i = 0; i < PER_THREAD; i++)
        out[i] = make_number();
    return NULL;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void many_threads_never_make_the_same_id(void **state) {
    uint64_t *all = calloc(THREADS * PER_THREAD, sizeof *all);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, all + i * PER_THREAD), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * PER_THREAD; i++)
        assert_true(i % PER_THREAD == 0 || all[i] > all[i - 1]);
    qsort(all, THREADS * PER_THREAD, sizeof *all, by_value);
    for (int i = 1; i < THREADS * PER_THREAD; i++)
        assert_true(all[i] > all[i - 1]);
    free(all);
}

static void a_uuid_has_version_four_and_the_variant(void **state) {
    char a[SEAL_UUID], b[SEAL_UUID];
    seal_uuid(a);
    seal_uuid(b);
    assert_string_not_equal(a, b);
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_true(dash ? a[i] == '-' : strchr("0123456789abcdef", a[i]) != NULL);
    }
    assert_int_equal(a[36], 0);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

static void sha256_agrees_with_the_standards_example(void **state) {
    unsigned char hash[32];
    char hex[64];
    seal_sha256(STR("abc"), hash);
    seal_hex(hash, 32, hex);
    assert_memory_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                        64);
    seal_sha256(STR_NONE, hash);
    seal_hex(hash, 4, hex);
    assert_memory_equal(hex, "e3b0c442", 8);
}

/* Two libraries share the work, by length. */
static void sha256_is_the_same_for_texts_of_every_length(void **state) {
    static char text[1000000];
    unsigned char hash[32], expected[32];
    char hex[64];
    memset(text, 'a', sizeof text);
    for (size_t n = 0; n < 600; n++) {
        seal_sha256(str_make(text, n), hash);
        crypto_hash_sha256(expected, (const unsigned char *)text, n);
        assert_memory_equal(hash, expected, 32);
    }
    seal_sha256(str_make(text, sizeof text), hash);
    seal_hex(hash, 32, hex);
    assert_memory_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                        64);
}

static void equal_compares_bytes_and_lengths(void **state) {
    assert_true(seal_equal(STR("secret"), STR("secret")));
    assert_true(seal_equal(STR_NONE, STR("")));
    assert_false(seal_equal(STR("secret"), STR("secreT")));
    assert_false(seal_equal(STR("secret"), STR("secrets")));
}

static void assert_base64(struct str plain, const char *std, const char *url) {
    for (int i = 0; i < 2; i++) {
        struct buf text, back;
        buf_init(&text);
        buf_init(&back);
        seal_base64(&text, plain, i);
        assert_true(str_eq(buf_view(&text), str_of(i ? url : std)));
        assert_int_equal(seal_unbase64(&back, buf_view(&text), i), 0);
        assert_true(str_eq(buf_view(&back), plain));
        buf_free(&text);
        buf_free(&back);
    }
}

static void base64_agrees_with_the_standards_examples(void **state) {
    assert_base64(STR(""), "", "");
    assert_base64(STR("f"), "Zg==", "Zg");
    assert_base64(STR("fo"), "Zm8=", "Zm8");
    assert_base64(STR("foo"), "Zm9v", "Zm9v");
    assert_base64(STR("foob"), "Zm9vYg==", "Zm9vYg");
    assert_base64(STR("\xfb\xff\xfe"), "+//+", "-__-");
}

static void base64_refuses_what_it_would_not_write(void **state) {
    static const char *bad_std[] = {"Zg",     "Zg=",   "Zg===", "Zh==", "Zm9=",    "Z",
                                    "Zg==\n", " Zg==", "Z g==", "-__-", "Zg==Zg=="};
    static const char *bad_url[] = {"Zg==", "Zh", "Zm9", "Z", "Zg\n", "+//+", "Zm9v\r\n", "Zm.v"};
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("kept"));
    for (size_t i = 0; i < sizeof bad_std / sizeof *bad_std; i++)
        assert_int_equal(seal_unbase64(&b, str_of(bad_std[i]), false), -EINVAL);
    for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++)
        assert_int_equal(seal_unbase64(&b, str_of(bad_url[i]), true), -EINVAL);
    assert_int_equal(seal_unbase64(&b, str_make("Zg\0", 3), true), -EINVAL);
    assert_true(str_eq(buf_view(&b), STR("kept")));
    buf_free(&b);
}

static const unsigned char key[SEAL_KEY] = "0123456789abcdef0123456789abcde";

static void a_sealed_secret_opens_with_its_key(void **state) {
    static const char *plain[] = {"", "x", "a longer secret that spans more than one block of it"};
    for (size_t i = 0; i < 3; i++) {
        struct buf sealed, opened;
        buf_init(&sealed);
        buf_init(&opened);
        assert_int_equal(seal_close(&sealed, key, str_of(plain[i])), 0);
        assert_int_equal(seal_open(&opened, key, buf_view(&sealed)), 0);
        assert_true(str_eq(buf_view(&opened), str_of(plain[i])));
        buf_free(&sealed);
        buf_free(&opened);
    }
}

static void sealing_twice_gives_two_texts(void **state) {
    struct buf a, b;
    buf_init(&a);
    buf_init(&b);
    seal_close(&a, key, STR("same"));
    seal_close(&b, key, STR("same"));
    assert_false(str_eq(buf_view(&a), buf_view(&b)));
    buf_free(&a);
    buf_free(&b);
}

static void any_changed_character_of_a_sealed_secret_is_noticed(void **state) {
    struct buf sealed, opened;
    buf_init(&sealed);
    buf_init(&opened);
    buf_str(&opened, STR("kept"));
    assert_int_equal(seal_close(&sealed, key, STR("secret")), 0);
    for (size_t i = 0; i < sealed.n; i++) {
        char c = sealed.p[i];
        sealed.p[i] = c == 'A' ? 'B' : 'A';
        assert_int_equal(seal_open(&opened, key, buf_view(&sealed)), -EBADMSG);
        sealed.p[i] = c;
        assert_int_equal(seal_open(&opened, key, str_first(buf_view(&sealed), i)), -EBADMSG);
    }
    unsigned char other[SEAL_KEY] = "another key";
    assert_int_equal(seal_open(&opened, other, buf_view(&sealed)), -EBADMSG);
    assert_true(str_eq(buf_view(&opened), STR("kept")));
    assert_int_equal(seal_open(&opened, key, buf_view(&sealed)), 0);
    assert_true(str_eq(buf_view(&opened), STR("keptsecret")));
    buf_free(&sealed);
    buf_free(&opened);
}

static void sealing_without_memory_fails_cleanly(void **state) {
    struct buf sealed;
    buf_init(&sealed);
    assert_int_equal(seal_close(&sealed, key, STR("secret")), 0);
    for (int n = 1;; n++) {
        struct buf a, b;
        buf_init(&a);
        buf_init(&b);
        mem_fail_at(n, false);
        int rc = seal_close(&a, key, STR("secret"));
        if (rc == 0) rc = seal_open(&b, key, buf_view(&sealed));
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_int_equal(rc, fired ? -ENOMEM : 0);
        buf_free(&a);
        buf_free(&b);
        if (!fired) break;
    }
    buf_free(&sealed);
}

static void wiping_zeroes(void **state) {
    char secret[] = "secret";
    seal_wipe(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        assert_int_equal(secret[i], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_has_its_prefix_and_one_dash),
        cmocka_unit_test(an_id_counts_ten_millisecond_ticks_since_september_2014),
        cmocka_unit_test(ids_of_one_process_share_the_machine_bits),
        cmocka_unit_test(ids_increase_even_when_a_tick_is_used_up),
        cmocka_unit_test(an_id_that_finds_no_memory_leaves_the_text_alone),
        cmocka_unit_test(many_threads_never_make_the_same_id),
        cmocka_unit_test(a_uuid_has_version_four_and_the_variant),
        cmocka_unit_test(sha256_agrees_with_the_standards_example),
        cmocka_unit_test(sha256_is_the_same_for_texts_of_every_length),
        cmocka_unit_test(equal_compares_bytes_and_lengths),
        cmocka_unit_test(base64_agrees_with_the_standards_examples),
        cmocka_unit_test(base64_refuses_what_it_would_not_write),
        cmocka_unit_test(a_sealed_secret_opens_with_its_key),
        cmocka_unit_test(sealing_twice_gives_two_texts),
        cmocka_unit_test(any_changed_character_of_a_sealed_secret_is_noticed),
        cmocka_unit_test(sealing_without_memory_fails_cleanly),
        cmocka_unit_test(wiping_zeroes),
    };
    struct err e = {0};
    if (seal_start(&e) < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
