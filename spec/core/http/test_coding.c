/* Content codings: what gzip makes is undone, everything else is refused, and nothing grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/http/coding.h"

#define MOST 100000

static char packed[4096];
static struct buf out;

static int setup(void **state) {
    buf_init(&out);
    return 0;
}

static int teardown(void **state) {
    mem_fail_at(0, false);
    buf_free(&out);
    return 0;
}

/* Behind `at` bytes of `packed`: text as one gzip member. Returns the new end. */
static size_t pack(size_t at, const char *text, size_t n) {
    z_stream z = {.next_in = (Bytef *)text, .avail_in = (uInt)n};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)packed + at;
    z.avail_out = (uInt)(sizeof packed - at);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return sizeof packed - z.avail_out;
}

static void names_of_codings_are_known(void **state) {
    assert_int_equal(coding_of(STR_NONE), CODING_NONE);
    assert_int_equal(coding_of(STR("identity")), CODING_NONE);
    assert_int_equal(coding_of(STR(" GZip ")), CODING_GZIP);
    assert_int_equal(coding_of(STR("x-gzip")), CODING_GZIP);
    assert_int_equal(coding_of(STR("br")), CODING_UNKNOWN);
    assert_int_equal(coding_of(STR("gzip, gzip")), CODING_UNKNOWN);
}

static void members_follow_each_other(void **state) {
    size_t n = pack(pack(pack(0, "hello ", 6), "", 0), "world", 5);
    assert_int_equal(coding_gunzip(str_make(packed, n), MOST, &out), 0);
    assert_true(str_eq(buf_view(&out), STR("hello world")));
}

static void what_is_cut_off_or_no_gzip_is_refused(void **state) {
    size_t n = pack(0, "hello world", 11);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&out);
        assert_int_equal(coding_gunzip(str_make(packed, i), MOST, &out), -EINVAL);
    }
    packed[n] = 'x';
    assert_int_equal(coding_gunzip(str_make(packed, n + 1), MOST, &out), -EINVAL);
    packed[n - 5] ^= 1; /* the checksum */
    assert_int_equal(coding_gunzip(str_make(packed, n), MOST, &out), -EINVAL);
    assert_int_equal(coding_gunzip(STR("{\"a\":1}"), MOST, &out), -EINVAL);
}

static void a_bomb_is_limited_exactly(void **state) {
    static char zeros[MOST + 1];
    size_t n = pack(0, zeros, MOST);
    assert_int_equal(coding_gunzip(str_make(packed, n), MOST, &out), 0);
    assert_int_equal(out.n, MOST);
    buf_clear(&out);
    n = pack(0, zeros, MOST + 1);
    assert_int_equal(coding_gunzip(str_make(packed, n), MOST, &out), ERR_LIMIT);
    assert_true(out.cap < 4 * MOST);
}

static void without_memory_it_says_so(void **state) {
    size_t n = pack(0, "hello", 5);
    mem_fail_at(1, true);
    assert_int_equal(coding_gunzip(str_make(packed, n), MOST, &out), -ENOMEM);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(names_of_codings_are_known),
        T(members_follow_each_other),
        T(what_is_cut_off_or_no_gzip_is_refused),
        T(a_bomb_is_limited_exactly),
        T(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
