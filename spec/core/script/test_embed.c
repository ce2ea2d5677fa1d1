/* The embedded files: every one is found by its name, in order, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/script/embed.h"

static void the_table_is_sorted_without_duplicates_and_ended(void **state) {
    for (int i = 1; i < embed_count; i++)
        assert_true(str_cmp(str_of(embed_files[i - 1].path), str_of(embed_files[i].path)) < 0);
    assert_null(embed_files[embed_count].path);
}

static void every_file_is_found_by_its_path(void **state) {
    for (int i = 0; i < embed_count; i++) {
        struct str found = embed_find(str_of(embed_files[i].path));
        assert_ptr_equal(found.p, embed_files[i].data);
        assert_int_equal(found.n, embed_files[i].end - embed_files[i].data);
        assert_int_equal(found.p[found.n], 0);
    }
}

static void a_path_that_is_not_there_is_not_found(void **state) {
    assert_null(embed_find(STR_NONE).p);
    assert_null(embed_find(STR("lua")).p);
    assert_null(embed_find(STR("zzz")).p);
    for (int i = 0; i < embed_count; i++) {
        struct str path = str_of(embed_files[i].path);
        char longer[512];
        assert_null(embed_find(str_first(path, path.n - 1)).p);
        assert_true(path.n + 1 < sizeof longer);
        memcpy(longer, path.p, path.n);
        longer[path.n] = '2';
        assert_null(embed_find(str_make(longer, path.n + 1)).p);
    }
}

static void only_what_serves_at_run_time_is_embedded(void **state) {
    for (int i = 0; i < embed_count; i++) {
        struct str path = str_of(embed_files[i].path);
        assert_true(str_starts(path, STR("lua/")) || str_starts(path, STR("gen/")) ||
                    str_starts(path, STR("services/")));
        assert_false(str_starts(path, STR("services/examples/")));
        bool of_service = str_starts(path, STR("services/"));
        assert_false(of_service && str_find(path, STR("/spec/")) >= 0);
        assert_false(str_ends(path, STR(".md")));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_without_duplicates_and_ended),
        cmocka_unit_test(every_file_is_found_by_its_path),
        cmocka_unit_test(a_path_that_is_not_there_is_not_found),
        cmocka_unit_test(only_what_serves_at_run_time_is_embedded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
