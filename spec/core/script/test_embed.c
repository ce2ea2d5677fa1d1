/* The embedded files: every one is found by its name, in order, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/script/embed.h"
#include "core/script/sandbox.h"

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

static struct str text_of(const struct embed_file *file) {
    return str_make(file->data, (size_t)(file->end - file->data));
}

static int collect(lua_State *L, const void *p, size_t n, void *out) {
    buf_add(out, p, n);
    return !buf_ok(out);
}

/* What a state that is not the trusted one refuses in a text, it would not see in compiled code. */
static void what_was_compiled_is_what_the_text_says_and_may_be_loaded(void **state) {
    lua_State *L = luaL_newstate();
    for (const struct embed_file *file = embed_files; file->path; file++) {
        struct str text = text_of(file), code = embed_code(str_of(file->path), text);
        if (!str_ends(str_of(file->path), STR(".lua"))) {
            assert_null(code.p);
            continue;
        }
        struct buf dump;
        buf_init(&dump);
        lua_pushfstring(L, "@%s", file->path);
        assert_int_equal(luaL_loadbufferx(L, text.p, text.n, lua_tostring(L, -1), "t"), LUA_OK);
        assert_int_equal(sandbox_check(L, str_of(file->path)), LUA_OK);
        assert_int_equal(lua_dump(L, collect, &dump, 0), 0);
        if (file->code != file->code_end) assert_true(str_eq(code, buf_view(&dump)));
        buf_free(&dump);
        lua_settop(L, 0);
    }
    lua_close(L);
}

static void compiled_code_is_only_for_the_very_bytes_under_their_own_name(void **state) {
    const struct embed_file *file = embed_file(STR("lua/service.lua"));
    assert_non_null(file);
    struct str text = text_of(file), name = STR("lua/service.lua");
    char *copy = malloc(text.n);
    memcpy(copy, text.p, text.n);
    assert_null(embed_code(name, str_make(copy, text.n)).p);
    assert_null(embed_code(name, str_first(text, text.n - 1)).p);
    assert_null(embed_code(name, str_from(text, 1)).p);
    assert_null(embed_code(name, STR_NONE).p);
    assert_null(embed_code(STR("lua/store.lua"), text).p);
    assert_null(embed_code(STR("services/mine/service.lua"), text).p);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_without_duplicates_and_ended),
        cmocka_unit_test(every_file_is_found_by_its_path),
        cmocka_unit_test(a_path_that_is_not_there_is_not_found),
        cmocka_unit_test(only_what_serves_at_run_time_is_embedded),
        cmocka_unit_test(what_was_compiled_is_what_the_text_says_and_may_be_loaded),
        cmocka_unit_test(compiled_code_is_only_for_the_very_bytes_under_their_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
