/*
 * spec: what the tests of this folder share. Included first, because cmocka wants its headers in
 * this order.
 */
#ifndef SPEC_H
#define SPEC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"

/* The slice holds exactly these bytes. */
static inline void spec_str_is(struct str s, const char *text, const char *file, int line) {
    struct str want = str_of(text);
    if (str_eq(s, want)) return;
    print_error("\"%.*s\" is not \"%s\"\n", STR_FMT(s), text);
    _fail(file, line);
}
#define assert_str_is(s, text) spec_str_is((s), (text), __FILE__, __LINE__)

/* The buffer holds these words somewhere. */
static inline void spec_has(struct str s, const char *words, bool wanted, const char *file,
                            int line) {
    if ((str_find(s, str_of(words)) >= 0) == wanted) return;
    print_error("\"%s\" %s in \"%.*s\"\n", words, wanted ? "is not" : "is", STR_FMT(s));
    _fail(file, line);
}
#define assert_has(s, words)    spec_has((s), (words), true, __FILE__, __LINE__)
#define assert_has_no(s, words) spec_has((s), (words), false, __FILE__, __LINE__)

/* Runs `body` with the first, the second, … allocation failing until none fails any more. */
#define SPEC_EACH_FAILURE(n, body) \
    do { \
        bool spec_fired = true; \
        for (long n = 1; spec_fired; n++) { \
            mem_fail_at(n, false); \
            body; \
            spec_fired = mem_fail_fired(); \
            mem_fail_at(0, false); \
        } \
    } while (0)

#endif
