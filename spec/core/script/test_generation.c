/* Snapshots of service folders. */
#include "spec/core/script/folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/script/generation.h"

static int open_folder(void **state) {
    folder_open();
    return 0;
}

static int close_folder(void **state) {
    folder_close();
    return 0;
}

static struct generation *snapshot(const char *folder) {
    struct err e = {0};
    struct generation *g = generation_read(folder_root, NULL, str_of(folder), &e);
    if (!g) fail_msg("%s", e.text);
    return g;
}

static void refused(const char *folder, int code, const char *part) {
    struct err e = {0};
    struct generation *g = generation_read(folder_root, NULL, str_of(folder), &e);
    assert_null(g);
    assert_int_equal(e.code, code);
    if (!strstr(e.text, part)) fail_msg("'%s' has no '%s'", e.text, part);
}

static void has(const struct generation *g, const char *path, const char *text) {
    struct str got = generation_file(g, str_of(path));
    if (!got.p || !str_eq(got, str_of(text)))
        fail_msg("%s: expected '%s', got '%.*s'", path, text, STR_FMT(got));
}

static void lacks(const struct generation *g, const char *path) {
    assert_null(generation_file(g, str_of(path)).p);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void a_snapshot_has_all_files_by_their_path_in_the_folder(void **state) {
    folder_write("a/service.yaml", "yaml");
    folder_write("a/service.lua", "lua");
    folder_write("a/gen/api.lua", "api");
    folder_write("a/resources/page/index.html", "<p>");
    folder_write("a/empty.txt", "");
    folder_write("b/service.yaml", "other");
    struct generation *g = snapshot("a");
    assert_int_equal(g->n_files, 5);
    assert_string_equal(g->folder.p, "a");
    assert_false(g->embedded);
    assert_false(g->platform);
    has(g, "service.yaml", "yaml");
    has(g, "service.lua", "lua");
    has(g, "gen/api.lua", "api");
    has(g, "resources/page/index.html", "<p>");
    has(g, "empty.txt", "");
    lacks(g, "gen");
    lacks(g, "api.lua");
    lacks(g, "../b/service.yaml");
    lacks(g, "");
    generation_give(g);
}

static void paths_are_listed_by_how_they_begin(void **state) {
    struct buf out;
    buf_init(&out);
    folder_write("a/service.yaml", "");
    folder_write("a/resources/b.txt", "");
    folder_write("a/resources/a/c.txt", "");
    folder_write("a/resources.txt", "");
    struct generation *g = snapshot("a");
    generation_list(g, STR("resources/"), &out);
    struct str expected = STR("resources/a/c.txt\0resources/b.txt\0");
    assert_true(str_eq(buf_view(&out), expected));
    buf_clear(&out);
    generation_list(g, STR("x"), &out);
    assert_int_equal(out.n, 0);
    generation_list(g, STR(""), &out);
    assert_int_equal(out.n, expected.n + sizeof "resources.txt" + sizeof "service.yaml");
    buf_free(&out);
    generation_give(g);
}

static void a_snapshot_does_not_change_with_the_files(void **state) {
    folder_write("a/service.lua", "before");
    struct generation *g = snapshot("a");
    folder_write("a/service.lua", "after");
    folder_write("a/new.lua", "new");
    has(g, "service.lua", "before");
    lacks(g, "new.lua");
    folder_remove("a");
    has(g, "service.lua", "before");
    generation_give(g);
}

static void any_bytes_are_read(void **state) {
    folder_write_bytes("a/x.bin", "\0\xff\n\0", 4);
    struct generation *g = snapshot("a");
    struct str got = generation_file(g, STR("x.bin"));
    assert_int_equal(got.n, 4);
    assert_memory_equal(got.p, "\0\xff\n\0", 4);
    generation_give(g);
}

static void what_editors_leave_behind_is_left_out(void **state) {
    folder_write("a/service.lua", "x");
    folder_write("a/.service.lua.swp", "x");
    folder_write("a/service.lua~", "x");
    folder_write("a/#service.lua#", "x");
    folder_write("a/b.swp", "x");
    folder_write("a/.git/config", "x");
    struct generation *g = snapshot("a");
    assert_int_equal(g->n_files, 1);
    generation_give(g);
}

static void a_service_inside_a_service_is_left_out(void **state) {
    folder_write("a/service.yaml", "outer");
    folder_write("a/lib/util.lua", "util");
    folder_write("a/inner/service.yaml", "inner");
    folder_write("a/inner/secret.lua", "inner");
    struct generation *g = snapshot("a");
    assert_int_equal(g->n_files, 2);
    has(g, "lib/util.lua", "util");
    lacks(g, "inner/secret.lua");
    generation_give(g);
    g = snapshot("a/inner");
    assert_string_equal(g->folder.p, "a/inner");
    has(g, "secret.lua", "inner");
    generation_give(g);
}

/* A pipe would block whoever opens it. */
static void what_is_no_file_is_left_out(void **state) {
    char path[512];
    folder_write("a/service.lua", "x");
    snprintf(path, sizeof path, "%s/a/pipe", folder_root);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/a/dangling", folder_root);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    struct generation *g = snapshot("a");
    assert_int_equal(g->n_files, 1);
    generation_give(g);
}

static void folders_are_followed_so_deep_and_no_deeper(void **state) {
    folder_write("a/1/2/3/4/in.lua", "in");
    folder_write("a/1/2/3/4/5/out.lua", "out");
    struct generation *g = snapshot("a");
    has(g, "1/2/3/4/in.lua", "in");
    lacks(g, "1/2/3/4/5/out.lua");
    generation_give(g);
}

static void a_folder_that_is_not_there_is_an_error_with_its_name(void **state) {
    refused("nobody", -ENOENT, "nobody");
    folder_write("file", "x");
    refused("file", -ENOTDIR, "file");
}

static void too_many_files_are_an_error(void **state) {
    char path[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "a/%d", i);
        folder_write(path, "");
    }
    generation_give(snapshot("a"));
    folder_write("a/one-more", "");
    refused("a", ERR_LIMIT, "more than 1000 files");
}

static void too_many_bytes_are_an_error(void **state) {
    size_t n = (16u << 20) - 10;
    char *p = test_malloc(n);
    memset(p, 'x', n);
    folder_write_bytes("a/big", p, n);
    generation_give(snapshot("a"));
    folder_write("a/small", "eleven byte");
    refused("a", ERR_LIMIT, "larger than 16 MB");
    folder_remove("a/small");
    folder_write_bytes("b/1", p, n / 2);
    folder_write_bytes("b/2", p, n / 2);
    folder_write("b/3", "twenty-one bytes here");
    refused("b", ERR_LIMIT, "larger than 16 MB");
    test_free(p);
}

/* ---- the hash ------------------------------------------------------------------------------- */

static void hash_of(const char *folder, char hash[65]) {
    struct generation *g = snapshot(folder);
    assert_int_equal(strlen(g->hash), 64);
    memcpy(hash, g->hash, 65);
    generation_give(g);
}

static void equal_folders_have_equal_hashes(void **state) {
    char one[65], two[65];
    folder_write("a/x.lua", "1");
    folder_write("a/y.lua", "2");
    folder_write("b/y.lua", "2");
    folder_write("b/x.lua", "1");
    hash_of("a", one);
    hash_of("b", two);
    assert_string_equal(one, two);
}

static void whatever_changes_changes_the_hash(void **state) {
    char hashes[8][65];
    int n = 0;
    folder_write("a/x", "ab");
    folder_write("a/y", "c");
    hash_of("a", hashes[n++]);
    folder_write("a/x", "aB");
    hash_of("a", hashes[n++]);
    folder_write("a/x", "a"); /* a byte moves from one file into the other */
    folder_write("a/y", "bc");
    hash_of("a", hashes[n++]);
    folder_write("a/z", "");
    hash_of("a", hashes[n++]);
    folder_remove("a/z");
    folder_remove("a/y");
    folder_write("a/yb", "c"); /* from a text into a name */
    hash_of("a", hashes[n++]);
    folder_remove("a/yb");
    hash_of("a", hashes[n++]);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(hashes[i], hashes[k]);
}

/* ---- owners --------------------------------------------------------------------------------- */

static void it_lives_until_its_last_owner_gives_it_back(void **state) {
    folder_write("a/x", "text");
    struct generation *g = snapshot("a");
    assert_ptr_equal(generation_take(g), g);
    generation_give(g);
    has(g, "x", "text");
    generation_give(g);
    generation_give(NULL);
}

static void no_memory_is_an_error_wherever_it_comes(void **state) {
    folder_write("a/service.yaml", "yaml");
    folder_write("a/gen/api.lua", "api");
    for (int i = 0; i < 40; i++) {
        char path[64];
        snprintf(path, sizeof path, "a/file-%d", i);
        folder_write(path, "some text");
    }
    int failures = 0;
    for (long n = 1;; n++) {
        struct err e = {0};
        mem_fail_at(n, false);
        struct generation *g = generation_read(folder_root, NULL, STR("a"), &e);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (!fired) {
            assert_non_null(g);
            assert_int_equal(g->n_files, 42);
            generation_give(g);
            break;
        }
        assert_null(g);
        assert_int_equal(e.code, -ENOMEM);
        failures++;
    }
    assert_true(failures > 4);
}

/* ---- scanning ------------------------------------------------------------------------------- */

struct seen {
    char folders[64][64];
    int n, stop_at;
};

static int note(void *arg, struct str folder) {
    struct seen *s = arg;
    assert_true(s->n < 64);
    snprintf(s->folders[s->n++], 64, "%.*s", STR_FMT(folder));
    return s->n == s->stop_at ? 77 : 0;
}

static bool was_seen(const struct seen *s, const char *folder) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->folders[i], folder) == 0) return true;
    return false;
}

static void a_scan_finds_folders_with_a_declaration(void **state) {
    struct seen s = {0};
    folder_write("a/service.yaml", "");
    folder_write("b/only.lua", "");
    folder_write("examples/c/service.yaml", "");
    folder_write("a/inner/service.yaml", "");
    folder_write(".hidden/service.yaml", "");
    folder_write("1/2/3/4/service.yaml", "");
    folder_write("1/2/3/4/5/service.yaml", "");
    folder_write("service.yaml", "");
    assert_int_equal(generation_scan(folder_root, note, &s), 0);
    assert_int_equal(s.n, 4);
    assert_true(was_seen(&s, "a"));
    assert_true(was_seen(&s, "a/inner"));
    assert_true(was_seen(&s, "examples/c"));
    assert_true(was_seen(&s, "1/2/3/4"));
}

static void link_to(const char *target, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder_root, name);
    assert_int_equal(symlink(target, path), 0);
}

static void a_scan_names_what_it_cannot_look_into(void **state) {
    struct seen s = {0};
    folder_write("a/service.yaml", "");
    link_to("b", "b");
    link_to("nowhere", "c");
    folder_write("d/other.lua", "");
    link_to("service.yaml", "d/service.yaml");
    link_to("e", "a/e"); /* the snapshot of its service fails with it */
    assert_int_equal(generation_scan(folder_root, note, &s), 0);
    assert_int_equal(s.n, 3);
    assert_true(was_seen(&s, "a"));
    assert_true(was_seen(&s, "b"));
    assert_true(was_seen(&s, "d"));
    assert_true(generation_exists(folder_root, "b"));
    assert_false(generation_exists(folder_root, "c"));
    assert_false(generation_exists(folder_root, "x"));
}

static void a_scan_does_not_follow_links_that_lead_back_up(void **state) {
    struct seen s = {0};
    folder_write("a/service.yaml", "");
    folder_write("a/resources/x", "");
    link_to(".", "a/again");
    link_to("../..", "a/resources/up");
    link_to(".", "root");
    assert_int_equal(generation_scan(folder_root, note, &s), 0);
    assert_int_equal(s.n, 1);
}

static void a_snapshot_does_not_leave_out_what_cannot_be_read(void **state) {
    struct err e = {0};
    folder_write("a/service.yaml", "");
    folder_write("a/lib/x.lua", "");
    link_to("nowhere", "a/dangling.lua");
    struct generation *g = generation_read(folder_root, NULL, STR("a"), &e);
    assert_non_null(g);
    generation_give(g);
    link_to("y.lua", "a/lib/y.lua");
    assert_null(generation_read(folder_root, NULL, STR("a"), &e));
    assert_non_null(strstr(e.text, "cannot read services/a/lib/y.lua: "));
}

static void a_scan_stops_when_it_is_told_to(void **state) {
    struct seen s = {.stop_at = 2};
    folder_write("a/service.yaml", "");
    folder_write("b/service.yaml", "");
    folder_write("c/d/service.yaml", "");
    assert_int_equal(generation_scan(folder_root, note, &s), 77);
    assert_int_equal(s.n, 2);
}

static void a_scan_of_nothing_says_so(void **state) {
    struct seen s = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/nobody", folder_root);
    assert_int_equal(generation_scan(path, note, &s), -ENOENT);
    assert_int_equal(s.n, 0);
}

/* ---- the binary's own ----------------------------------------------------------------------- */

static void the_binary_brings_the_platform_services(void **state) {
    struct seen s = {0};
    struct err e = {0};
    assert_int_equal(generation_scan_embedded(note, &s), 0);
    assert_true(was_seen(&s, "user"));
    assert_true(was_seen(&s, "registry"));
    struct generation *g = generation_embedded(folder_root, NULL, STR("user"), &e);
    assert_non_null(g);
    assert_true(g->embedded);
    assert_true(g->platform);
    assert_int_equal(strlen(g->hash), 64);
    assert_non_null(generation_file(g, STR("service.yaml")).p);
    assert_non_null(generation_file(g, STR("service.lua")).p);
    lacks(g, "user/service.lua");
    generation_give(g);
}

static void a_folder_in_place_of_a_platform_service_is_one(void **state) {
    folder_write("user/service.yaml", "");
    folder_write("mine/service.yaml", "");
    struct generation *g = snapshot("user");
    assert_true(g->platform);
    assert_false(g->embedded);
    generation_give(g);
    g = snapshot("mine");
    assert_false(g->platform);
    generation_give(g);
}

/* ---- the user's policies -------------------------------------------------------------------- */

/* A folder of policies beside the services. */
static const char *policies(void) {
    static char path[512];
    snprintf(path, sizeof path, "%s/policies", folder_root);
    return path;
}

static struct generation *with_policies(const char *folder) {
    struct err e = {0};
    struct generation *g = generation_read(folder_root, policies(), str_of(folder), &e);
    if (!g) fail_msg("%s", e.text);
    return g;
}

static void a_platform_service_with_policies_has_the_users_as_a_file(void **state) {
    struct err e = {0};
    folder_write("user/service.yaml", "");
    folder_write("user/policy.lua", "return {}");
    struct generation *without = with_policies("user");
    folder_write("policies/user.lua", "mine");
    folder_write("policies/registry.lua", "yours");
    struct generation *g = with_policies("user");
    has(g, "policies/user.lua", "mine");
    lacks(g, "policies/registry.lua");
    assert_int_equal(g->n_files, 3);
    assert_string_not_equal(g->hash, without->hash);
    generation_give(g);
    generation_give(without);
    g = generation_embedded(folder_root, policies(), STR("registry"), &e);
    assert_non_null(g);
    has(g, "policies/registry.lua", "yours");
    generation_give(g);
}

static void others_have_no_policies(void **state) {
    folder_write("mine/service.yaml", "");
    folder_write("mine/policy.lua", "");
    folder_write("metrics/service.yaml", "");
    folder_write("policies/mine.lua", "");
    folder_write("policies/metrics.lua", "");
    struct generation *g = with_policies("mine");
    assert_int_equal(g->n_files, 2);
    generation_give(g);
    g = with_policies("metrics");
    assert_int_equal(g->n_files, 1);
    generation_give(g);
}

static void a_policy_file_that_cannot_be_read_is_an_error(void **state) {
    struct err e = {0};
    char loop[512];
    folder_write("user/service.yaml", "");
    folder_write("user/policy.lua", "");
    folder_write("policies/other.lua", "");
    snprintf(loop, sizeof loop, "%s/user.lua", policies());
    assert_int_equal(symlink("user.lua", loop), 0);
    assert_null(generation_read(folder_root, policies(), STR("user"), &e));
    assert_non_null(strstr(e.text, "cannot read policies/user.lua"));
}

static void a_file_of_the_service_cannot_pass_for_a_policy(void **state) {
    struct err e = {0};
    folder_write("user/service.yaml", "");
    folder_write("user/policy.lua", "");
    folder_write("user/policies/user.lua", "");
    assert_null(generation_read(folder_root, policies(), STR("user"), &e));
    assert_int_equal(e.code, -EEXIST);
    assert_non_null(strstr(e.text, "services/user/policies/user.lua"));
}

/* ---- files of other services ----------------------------------------------------------------- */

static void imports(struct generation *g, const char *path, const char *expected) {
    struct str text = generation_import(g, str_of(path));
    if (!text.p || !expected) {
        if (text.p || expected) fail_msg("%s is %s", path, text.p ? "there" : "not there");
    } else if (!str_eq(text, str_of(expected))) {
        fail_msg("%s is '%.*s', not '%s'", path, STR_FMT(text), expected);
    }
}

static void files_of_other_services_stay_as_they_were_first_read(void **state) {
    folder_write("a/service.yaml", "");
    folder_write("b/gen/api.lua", "one");
    struct generation *g = snapshot("a");
    imports(g, "b/gen/api.lua", "one");
    imports(g, "c/gen/api.lua", NULL);
    folder_write("b/gen/api.lua", "two");
    folder_write("c/gen/api.lua", "late");
    imports(g, "b/gen/api.lua", "one");
    imports(g, "c/gen/api.lua", NULL);
    generation_give(g);
}

static void only_what_is_made_for_others_can_be_imported(void **state) {
    folder_write("a/service.yaml", "");
    folder_write("b/service.lua", "secret");
    folder_write("b/api.lua", "secret");
    folder_write("b/service.yaml", "yaml");
    folder_write("b/types.lua", "types");
    folder_write("b/gen/plumbing.lua", "plumbing");
    folder_write("gen/api.lua", "of nobody");
    struct generation *g = snapshot("a");
    imports(g, "b/service.yaml", "yaml");
    imports(g, "b/types.lua", "types");
    imports(g, "b/gen/plumbing.lua", "plumbing");
    imports(g, "b/service.lua", NULL);
    imports(g, "b/api.lua", NULL);
    imports(g, "a/../b/types.lua", NULL);
    imports(g, "/b/types.lua", NULL);
    imports(g, "/gen/api.lua", NULL);
    imports(g, "", NULL);
    generation_give(g);
}

static void once_sealed_nothing_more_is_imported(void **state) {
    folder_write("a/service.yaml", "");
    folder_write("b/types.lua", "b");
    folder_write("c/types.lua", "c");
    struct generation *g = snapshot("a");
    imports(g, "b/types.lua", "b");
    g->sealed = true;
    imports(g, "b/types.lua", "b");
    imports(g, "c/types.lua", NULL);
    generation_give(g);
}

static void it_is_outdated_when_an_import_changed_came_or_went(void **state) {
    folder_write("a/service.yaml", "");
    folder_write("b/types.lua", "b");
    folder_write("b/gen/api.lua", "");
    struct generation *g = snapshot("a");
    assert_false(generation_outdated(g));
    imports(g, "b/types.lua", "b");
    imports(g, "b/gen/api.lua", "");
    imports(g, "c/types.lua", NULL);
    g->sealed = true;
    assert_false(generation_outdated(g));
    folder_write("c/types.lua", "");
    assert_true(generation_outdated(g));
    folder_remove("c/types.lua");
    assert_false(generation_outdated(g));
    folder_remove("b/gen/api.lua");
    assert_true(generation_outdated(g));
    folder_write("b/gen/api.lua", "");
    folder_write("b/types.lua", "B");
    assert_true(generation_outdated(g));
    generation_give(g);
}

static void what_the_users_tree_lacks_comes_from_the_binary(void **state) {
    folder_write("a/service.yaml", "");
    struct generation *g = snapshot("a");
    struct str embedded = generation_import(g, STR("user/service.yaml"));
    assert_true(embedded.n > 0);
    assert_false(generation_outdated(g));
    folder_write("user/service.yaml", "mine");
    assert_true(generation_outdated(g));
    generation_give(g);
    g = snapshot("a");
    imports(g, "user/service.yaml", "mine");
    folder_remove("user/service.yaml");
    assert_true(generation_outdated(g));
    generation_give(g);
}

static void imports_are_bounded(void **state) {
    char path[64];
    folder_write("a/service.yaml", "");
    folder_write("last/types.lua", "last");
    struct generation *g = snapshot("a");
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "none-%d/types.lua", i);
        imports(g, path, NULL);
    }
    imports(g, "last/types.lua", NULL);
    generation_give(g);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_folder, close_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_snapshot_has_all_files_by_their_path_in_the_folder),
        T(paths_are_listed_by_how_they_begin),
        T(a_snapshot_does_not_change_with_the_files),
        T(any_bytes_are_read),
        T(what_editors_leave_behind_is_left_out),
        T(a_service_inside_a_service_is_left_out),
        T(what_is_no_file_is_left_out),
        T(folders_are_followed_so_deep_and_no_deeper),
        T(a_folder_that_is_not_there_is_an_error_with_its_name),
        T(too_many_files_are_an_error),
        T(too_many_bytes_are_an_error),
        T(equal_folders_have_equal_hashes),
        T(whatever_changes_changes_the_hash),
        T(it_lives_until_its_last_owner_gives_it_back),
        T(no_memory_is_an_error_wherever_it_comes),
        T(a_scan_finds_folders_with_a_declaration),
        T(a_scan_names_what_it_cannot_look_into),
        T(a_scan_does_not_follow_links_that_lead_back_up),
        T(a_snapshot_does_not_leave_out_what_cannot_be_read),
        T(a_scan_stops_when_it_is_told_to),
        T(a_scan_of_nothing_says_so),
        T(the_binary_brings_the_platform_services),
        T(a_folder_in_place_of_a_platform_service_is_one),
        T(a_platform_service_with_policies_has_the_users_as_a_file),
        T(others_have_no_policies),
        T(a_policy_file_that_cannot_be_read_is_an_error),
        T(a_file_of_the_service_cannot_pass_for_a_policy),
        T(files_of_other_services_stay_as_they_were_first_read),
        T(only_what_is_made_for_others_can_be_imported),
        T(once_sealed_nothing_more_is_imported),
        T(it_is_outdated_when_an_import_changed_came_or_went),
        T(what_the_users_tree_lacks_comes_from_the_binary),
        T(imports_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
