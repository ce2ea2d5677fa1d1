/*
 * For the specs of log.h: catching what is written.
 */
#ifndef SPEC_CAUGHT_H
#define SPEC_CAUGHT_H

#include "spec.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"

static struct buf caught; /* what catch_end() found */

static int catch_begin(void) {
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0);
    return fd;
}

/* Everything that was written to the file; closes it. */
static struct str catch_end(int fd) {
    buf_clear(&caught);
    for (off_t at = 0;;) {
        char *room = buf_room(&caught, 65536);
        assert_non_null(room);
        ssize_t n = pread(fd, room, 65536, at);
        assert_true(n >= 0);
        if (!n) break;
        at += n;
        caught.n += (size_t)n;
    }
    close(fd);
    return buf_view(&caught);
}

/* The line behind its time: times are never asserted. */
static struct str untimed(struct str line) {
    if (str_starts(line, STR("{\"time\":\""))) {
        assert_true(line.n > 34);
        assert_int_equal(line.p[19], 'T');
        assert_int_equal(line.p[32], 'Z');
        return str_from(line, 35);
    }
    assert_true(line.n > 13);
    assert_int_equal(line.p[2], ':');
    assert_int_equal(line.p[8], '.');
    return str_from(line, 13);
}

static struct str next_line(struct str *text) {
    struct str line;
    assert_true(str_cut(*text, '\n', &line, text));
    return line;
}

#define LOG_AND_CATCH(format, ...) \
    ({ \
        int catch_fd = catch_begin(); \
        assert_int_equal(log_start(LOG_DEBUG, (format), catch_fd), 0); \
        __VA_ARGS__; \
        log_stop(); \
        catch_end(catch_fd); \
    })

static int stop(void **state) {
    log_stop();
    buf_free(&caught);
    return 0;
}

#define ROUNDS 500

static void *log_rounds(void *arg) {
    for (int i = 0; i < ROUNDS; i++)
        log_info("round", LOGI("thread", (intptr_t)arg), LOGI("i", i));
    return NULL;
}

/* The number behind `key=` in a text line. */
static uint64_t number(struct str line, const char *key) {
    uint64_t v;
    ptrdiff_t at = str_find(line, str_of(key));
    assert_true(at >= 0);
    struct str rest = str_from(line, (size_t)at + strlen(key)), digits;
    str_cut(rest, ' ', &digits, &rest);
    assert_int_equal(str_u64(digits, &v), 0);
    return v;
}

#endif
