/* watch: real folders in a temporary place. The kernel queues an event before the call that causes
 * it returns, so "nothing was noticed" can be seen after a few turns, without waiting. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/mem.h"
#include "core/loop/watch.h"
#include "here.h"

static char root[64];
static struct watch *watch;
static int calls;

static void on_change(struct watch *w, void *arg) {
    assert_ptr_equal(arg, root);
    assert_true(!watch || w == watch);
    calls++;
}

static const char *in_root(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void append(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void put(const char *name) {
    append(in_root(name));
}

static void folder(const char *name) {
    assert_int_equal(mkdir(in_root(name), 0700), 0);
}

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}
static void remove_tree(const char *path) {
    assert_int_equal(nftw(path, unlink_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Something was noticed: the watch waits for quiet. */
static bool noticed(void) {
    here_turns(4);
    return here->timers.n > 0;
}

/* Waits for the one call that belongs to what was just done. */
static void expect_call(void) {
    here_until_n(&calls, calls + 1);
    here_turns(4);
}

static void begin(void) {
    struct err e = {0};
    calls = 0;
    watch = NULL;
    watch = watch_start(here, root, 10, on_change, root, &e);
    if (!watch) fail_msg("%s", e.text);
}

static int open_root(void **state) {
    strcpy(root, "/tmp/watch-XXXXXX");
    return here_open(state) || !mkdtemp(root);
}
static int close_root(void **state) {
    if (watch) watch_stop(watch);
    watch = NULL;
    if (access(root, F_OK) == 0) remove_tree(root);
    return here_close(state);
}

static void creating_changing_renaming_and_removing_a_file_is_told(void **state) {
    (void)state;
    begin();
    put("a.lua");
    expect_call();
    put("a.lua");
    expect_call();
    char to[128];
    strcpy(to, in_root("b.lua"));
    assert_int_equal(rename(in_root("a.lua"), to), 0);
    expect_call();
    assert_int_equal(unlink(to), 0);
    expect_call();
    assert_int_equal(calls, 4);
    assert_false(noticed());
}

static void many_changes_are_one_call(void **state) {
    (void)state;
    begin();
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%d", i);
        put(name);
    }
    expect_call();
    assert_int_equal(calls, 1);
    assert_false(noticed());
}

static void temporary_and_hidden_files_are_not_noticed(void **state) {
    (void)state;
    begin();
    static const char *const names[] = {".a.lua.swp", "a.lua~", "a.swp",  "a.swx",
                                        "4913",       "#a#",    ".hidden"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(names[i]);
    folder(".git");
    assert_false(noticed());
    put("4914");
    assert_true(noticed());
    expect_call();
    put(".git/config");
    assert_false(noticed());
}

static void folders_that_were_there_are_watched(void **state) {
    (void)state;
    folder("a");
    folder("a/b");
    folder("a/b/c");
    begin();
    put("a/b/c/deep.lua");
    expect_call();
    put("a/top.lua");
    expect_call();
}

static void new_folders_are_watched_however_deep_they_come(void **state) {
    (void)state;
    begin();
    folder("new");
    folder("new/er");
    folder("new/er/est");
    expect_call();
    put("new/er/est/file");
    expect_call();
    /* Moved in from elsewhere, with contents. */
    char from[128];
    strcpy(from, root);
    strcat(from, "-elsewhere");
    assert_int_equal(mkdir(from, 0700), 0);
    strcat(from, "/sub");
    assert_int_equal(mkdir(from, 0700), 0);
    *strrchr(from, '/') = '\0';
    assert_int_equal(rename(from, in_root("moved")), 0);
    expect_call();
    put("moved/sub/file");
    expect_call();
}

static void a_folder_that_went_and_came_again_is_watched_again(void **state) {
    (void)state;
    folder("a");
    begin();
    for (int i = 0; i < 3; i++) {
        remove_tree(in_root("a"));
        folder("a"); /* before the watch has looked: the same path, another folder */
        expect_call();
        put("a/file");
        expect_call();
        remove_tree(in_root("a"));
        expect_call();
        folder("a");
        expect_call();
        put("a/file");
        expect_call();
    }
}

static void a_root_that_comes_back_is_found(void **state) {
    (void)state;
    begin();
    remove_tree(root);
    expect_call();
    assert_int_equal(mkdir(root, 0700), 0);
    expect_call();
    put("file");
    expect_call();
}

static void a_root_that_is_made_later_is_found(void **state) {
    (void)state;
    remove_tree(root);
    begin();
    assert_int_equal(calls, 0);
    assert_int_equal(mkdir(root, 0700), 0);
    expect_call();
    put("file");
    expect_call();
}

static void a_hidden_root_is_watched_and_its_end_noticed(void **state) {
    (void)state;
    char outer[64];
    strcpy(outer, root);
    folder(".config");
    strcpy(root, in_root(".config"));
    begin();
    put("file");
    expect_call();
    remove_tree(root);
    expect_call();
    watch_stop(watch);
    watch = NULL;
    strcpy(root, outer);
}

static void links_are_followed_and_circles_end(void **state) {
    (void)state;
    char target[128];
    folder("real");
    strcpy(target, in_root("real"));
    assert_int_equal(symlink(target, in_root("link")), 0);
    assert_int_equal(symlink("..", in_root("real/up")), 0);
    assert_int_equal(symlink(".", in_root("real/here")), 0);
    begin();
    put("real/file");
    expect_call();
    assert_int_equal(calls, 1);
}

/* A folder beside the root, for what links lead to. */
static char beside[80];

static const char *there(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", beside, name);
    return path;
}

static void write_there(const char *name) {
    append(there(name));
}

static void replace_there(const char *name) {
    char other[256];
    write_there("other.tmp");
    strcpy(other, there("other.tmp"));
    assert_int_equal(rename(other, there(name)), 0);
}

static void link_to(const char *target, const char *name) {
    assert_int_equal(symlink(target, in_root(name)), 0);
}

static int open_beside(void **state) {
    int r = open_root(state);
    snprintf(beside, sizeof beside, "%s-beside", root);
    return r || mkdir(beside, 0700);
}
static int close_beside(void **state) {
    remove_tree(beside);
    return close_root(state);
}

static void what_a_link_to_a_file_leads_to_is_watched_and_nothing_else_there(void **state) {
    (void)state;
    write_there("a.lua");
    link_to(there("a.lua"), "a.lua");
    begin();
    write_there("a.lua");
    expect_call();
    for (int i = 0; i < 2; i++) {
        replace_there("a.lua"); /* as editors save */
        expect_call();
    }
    assert_int_equal(unlink(there("a.lua")), 0);
    expect_call();
    write_there("b.lua");
    assert_false(noticed());
    write_there("a.lua");
    expect_call();
}

static void a_folder_that_a_link_leads_to_may_go_and_come_again(void **state) {
    (void)state;
    link_to(there("deep/shop"), "shop"); /* nothing is there yet */
    begin();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mkdir(there("deep"), 0700), 0);
        expect_call();
        assert_int_equal(mkdir(there("deep/shop"), 0700), 0);
        expect_call();
        write_there("deep/shop/a.lua");
        expect_call();
        assert_int_equal(mkdir(there("deep/shop/gen"), 0700), 0);
        expect_call();
        write_there("deep/shop/gen/b.lua");
        expect_call();
        if (i == 1) { /* all at once, before the watch has looked */
            remove_tree(there("deep"));
            assert_int_equal(mkdir(there("deep"), 0700), 0);
            assert_int_equal(mkdir(there("deep/shop"), 0700), 0);
            expect_call();
            write_there("deep/shop/a.lua");
            expect_call();
        }
        remove_tree(there("deep"));
        expect_call();
    }
}

static void links_on_the_way_may_be_hidden_and_lead_elsewhere(void **state) {
    (void)state;
    char first[256], second[256];
    assert_int_equal(mkdir(there("1"), 0700), 0);
    assert_int_equal(mkdir(there("2"), 0700), 0);
    write_there("1/a.lua");
    write_there("2/a.lua");
    strcpy(first, there("..now"));
    strcpy(second, there("..new"));
    assert_int_equal(symlink("1", first), 0);
    link_to(there("..now/a.lua"), "a.lua");
    begin();
    write_there("2/a.lua");
    assert_false(noticed());
    write_there("1/a.lua");
    expect_call();
    assert_int_equal(symlink("2", second), 0);
    assert_int_equal(rename(second, first), 0); /* in one step, as deployments do */
    expect_call();
    write_there("1/a.lua");
    assert_false(noticed());
    write_there("2/a.lua");
    expect_call();
}

static void a_root_that_is_a_link_may_lead_elsewhere(void **state) {
    (void)state;
    char own[64], link[128];
    assert_int_equal(mkdir(there("1"), 0700), 0);
    assert_int_equal(mkdir(there("2"), 0700), 0);
    link_to(there("1"), "services");
    strcpy(own, root);
    strcpy(link, in_root("services"));
    strcpy(root, link);
    begin();
    write_there("1/a");
    expect_call();
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(there("2"), link), 0);
    expect_call();
    write_there("2/a");
    expect_call();
    write_there("1/a");
    assert_false(noticed());
    watch_stop(watch);
    watch = NULL;
    strcpy(root, own);
}

static void links_that_lead_round_or_nowhere_are_let_be(void **state) {
    (void)state;
    link_to("two", "one");
    link_to("one", "two");
    link_to("self/self", "self");
    begin();
    put("file");
    expect_call();
    assert_int_equal(calls, 1);
}

static struct timer nag;
static void write_again(struct timer *t) {
    (void)t;
    put("log");
    timer_arm(here, &nag, 1);
}

static void changes_without_end_are_told_all_the_same(void **state) {
    (void)state;
    begin();
    timer_init(&nag, write_again);
    timer_arm(here, &nag, 1);
    here_until_n(&calls, 3);
    timer_remove(here, &nag);
}

static void stop_inside(struct watch *w, void *arg) {
    (void)arg;
    calls++;
    watch_stop(w);
}

static void a_watch_may_be_stopped_in_its_call(void **state) {
    (void)state;
    struct err e = {0};
    calls = 0;
    watch = NULL;
    assert_non_null(watch_start(here, root, 1, stop_inside, NULL, &e));
    put("file");
    here_until_n(&calls, 1);
    put("file");
    here_turns(4);
    assert_int_equal(calls, 1);
    assert_int_equal(here->timers.n, 0);
}

static void nothing_is_told_after_the_stop(void **state) {
    (void)state;
    begin();
    put("file");
    assert_true(noticed());
    watch_stop(watch);
    watch = NULL;
    assert_false(noticed());
    assert_int_equal(calls, 0);
}

static void a_folder_that_is_none_is_an_error_with_a_sentence(void **state) {
    (void)state;
    struct err e = {0};
    watch = NULL;
    put("file");
    assert_null(watch_start(here, in_root("file"), 0, on_change, NULL, &e));
    assert_int_equal(e.code, -ENOTDIR);
    assert_non_null(strstr(e.text, "/file: not a directory"));
}

static void more_folders_than_allowed_leave_the_first_ones_watched(void **state) {
    (void)state;
    for (int i = 0; i < 4200; i++) {
        char name[32];
        snprintf(name, sizeof name, "d%d", i);
        folder(name);
    }
    begin();
    put("file");
    expect_call();
    assert_int_equal(calls, 1);
}

static void running_out_of_memory_anywhere_leaves_nothing_behind(void **state) {
    (void)state;
    folder("a");
    folder("a/b");
    folder("c");
    write_there("d");
    link_to(there("d"), "d");
    bool fired = true;
    for (long n = 1; fired; n++) {
        struct err e = {0};
        calls = 0;
        watch = NULL;
        mem_fail_at(n, false);
        watch = watch_start(here, root, 1, on_change, root, &e);
        if (watch) {
            put("file");
            here_until_n(&calls, 1);
        }
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (watch)
            watch_stop(watch);
        else
            assert_int_equal(e.code, -ENOMEM);
        watch = NULL;
        here_turns(2);
        assert_true(n < 1000);
    }
}

#define ROOT(test)   cmocka_unit_test_setup_teardown(test, open_root, close_root)
#define BESIDE(test) cmocka_unit_test_setup_teardown(test, open_beside, close_beside)

int main(void) {
    const struct CMUnitTest tests[] = {
        ROOT(creating_changing_renaming_and_removing_a_file_is_told),
        ROOT(many_changes_are_one_call),
        ROOT(temporary_and_hidden_files_are_not_noticed),
        ROOT(folders_that_were_there_are_watched),
        ROOT(new_folders_are_watched_however_deep_they_come),
        ROOT(a_folder_that_went_and_came_again_is_watched_again),
        ROOT(a_root_that_comes_back_is_found),
        ROOT(a_root_that_is_made_later_is_found),
        ROOT(a_hidden_root_is_watched_and_its_end_noticed),
        ROOT(links_are_followed_and_circles_end),
        BESIDE(what_a_link_to_a_file_leads_to_is_watched_and_nothing_else_there),
        BESIDE(a_folder_that_a_link_leads_to_may_go_and_come_again),
        BESIDE(links_on_the_way_may_be_hidden_and_lead_elsewhere),
        BESIDE(a_root_that_is_a_link_may_lead_elsewhere),
        BESIDE(links_that_lead_round_or_nowhere_are_let_be),
        ROOT(changes_without_end_are_told_all_the_same),
        ROOT(a_watch_may_be_stopped_in_its_call),
        ROOT(nothing_is_told_after_the_stop),
        ROOT(a_folder_that_is_none_is_an_error_with_a_sentence),
        ROOT(more_folders_than_allowed_leave_the_first_ones_watched),
        BESIDE(running_out_of_memory_anywhere_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
