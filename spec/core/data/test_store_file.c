/* The file of a store: what it leaves behind, and what it refuses with which sentence. */
#include "spec/core/data/store_spec.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int open_at(const char *name) {
    return open_with(usual(in_folder(name)));
}

static void make_store(const char *name) {
    assert_int_equal(open_at(name), 0);
    assert_int_equal(ensure(named("c")), 0);
    create("c", "1", "{\"a\":1}");
    close_store();
}

static void write_file(const char *name, const void *bytes, size_t n) {
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static long long file_size(const char *name) {
    struct stat st;
    return stat(in_folder(name), &st) ? -1 : (long long)st.st_size;
}

static void sql(const char *name, const char *text) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The sentence names the file and holds the words. */
static void assert_said(const char *words) {
    if (strstr(said, words) && strstr(said, folder)) return;
    fail_msg("\"%s\" is not in \"%s\"", words, said);
}

static void assert_refused(const char *name, int code, const char *problem, const char *advice) {
    assert_int_equal(open_at(name), code);
    assert_said(problem);
    assert_said(advice);
    /* Refusing leaves no lock behind. */
    assert_int_equal(open_at(name), code);
}

/* ---------------------------------------------------------------- a life */

static void documents_survive_closing(void **state) {
    (void)state;
    make_store("a.db");
    assert_int_equal(open_at("a.db"), 0);
    assert_string_equal(get("c", "1"), "{\"a\":1}");
}

static void a_closed_store_leaves_no_log(void **state) {
    (void)state;
    make_store("a.db");
    assert_true(file_size("a.db") > 0);
    assert_int_equal(file_size("a.db-wal"), -1);
    assert_int_equal(file_size("a.db-shm"), -1);
}

static void only_the_owner_may_read_the_files(void **state) {
    static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm", "a.db.lock"};
    struct stat st;
    (void)state;
    mode_t before = umask(0);
    assert_int_equal(open_at("a.db"), 0);
    assert_int_equal(ensure(named("c")), 0);
    umask(before);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(stat(in_folder(names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static int entries(const char *path) {
    int n = 0;
    char command[160];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", path);
    FILE *f = popen(command, "r");
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

static void a_store_in_memory_leaves_nothing(void **state) {
    (void)state;
    setenv("TMPDIR", folder, 1);
    assert_int_equal(open_with(usual(NULL)), 0);
    assert_int_equal(entries(folder), 1);
    assert_int_equal(ensure(named("c")), 0);
    create("c", "1", "{}");
    assert_non_null(get("c", "1"));
    close_store();
    assert_int_equal(entries(folder), 0);
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(open_with(usual(NULL)), -ENOENT);
    assert_non_null(strstr(said, "set TMPDIR"));
    unsetenv("TMPDIR");
}

static void two_stores_in_memory_are_two(void **state) {
    (void)state;
    assert_int_equal(open_with(usual(NULL)), 0);
    struct store *first = store;
    assert_int_equal(ensure(named("c")), 0);
    create("c", "1", "{}");
    assert_int_equal(open_with(usual(NULL)), 0);
    assert_int_equal(ensure(named("c")), 0);
    assert_null(get("c", "1"));
    store_close(first);
}

/* Much is written over and over: the log is copied back and used again instead of growing. */
static void the_log_does_not_grow_without_end(void **state) {
    struct store_options o = usual(in_folder("a.db"));
    char *doc = malloc(200000);
    long long largest = 0;
    (void)state;
    o.relaxed = true;
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(named("c")), 0);
    sprintf(doc, "{\"a\":\"%190000d\"}", 1);
    for (int i = 0; i < 400; i++) {
        assert_int_equal(step(STORE_PUT, "c", "1", doc, 0, NULL), 0);
        if (file_size("a.db-wal") > largest) largest = file_size("a.db-wal");
    }
    assert_true(largest > 1000000);
    assert_true(largest < 40000000);
    free(doc);
}

/* ---------------------------------------------------------------- files that are refused */

static void garbage_is_refused(void **state) {
    char bytes[9000];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)rnd(256);
    write_file("a.db", bytes, sizeof bytes);
    assert_refused("a.db", -EBADMSG, "the file is damaged or no database",
                   "restore a backup, or move it away to start empty");
    write_file("a.db", "hello", 5);
    assert_refused("a.db", -EBADMSG, "the file is cut off", "restore a backup");
    /* A good beginning is not enough. */
    memcpy(bytes, "SQLite format 3", 16);
    write_file("a.db", bytes, sizeof bytes);
    assert_refused("a.db", -EBADMSG, "damaged", "restore a backup");
}

static void a_truncated_file_is_refused(void **state) {
    static const off_t sizes[] = {50, 100, 1000, 4096, 8192, 12000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_store("a.db");
        assert_true(file_size("a.db") > sizes[i]);
        assert_int_equal(truncate(in_folder("a.db"), sizes[i]), 0);
        assert_refused("a.db", -EBADMSG, "cannot use the database", "restore a backup");
        assert_int_equal(unlink(in_folder("a.db")), 0);
    }
}

/* Zeros over any page of a small file. */
static void a_file_with_a_hole_is_refused(void **state) {
    static const char zeros[4096];
    (void)state;
    make_store("a.db");
    int pages = (int)(file_size("a.db") / 4096), refused = 0;
    unlink(in_folder("a.db"));
    for (int page = 0; page < pages; page++) {
        make_store("a.db");
        int fd = open(in_folder("a.db"), O_WRONLY);
        assert_int_equal(pwrite(fd, zeros, sizeof zeros, page * 4096), sizeof zeros);
        close(fd);
        refused += open_at("a.db") == -EBADMSG;
        close_store();
        unlink(in_folder("a.db"));
    }
    assert_int_equal(refused, pages);
}

static void moving_the_file_away_starts_empty(void **state) {
    (void)state;
    assert_int_equal(open_at("a.db"), 0);
    assert_int_equal(ensure(named("c")), 0);
    create("c", "1", "{}");
    /* As after a crash: the log stays where it was. */
    char from[128];
    snprintf(from, sizeof from, "%s", in_folder("a.db"));
    char command[300];
    snprintf(command, sizeof command, "cp %s-wal %s/kept", from, folder);
    assert_int_equal(system(command), 0);
    close_store();
    unlink(from);
    snprintf(command, sizeof command, "mv %s/kept %s-wal", folder, from);
    assert_int_equal(system(command), 0);
    assert_int_equal(open_at("a.db"), 0);
    assert_int_equal(ensure(named("c")), 0);
    assert_null(get("c", "1"));
}

static void the_database_of_another_program_is_refused(void **state) {
    (void)state;
    sql("a.db", "CREATE TABLE t(x)");
    long long size = file_size("a.db");
    assert_refused("a.db", -ENOTSUP, "it belongs to another program", "move it away");
    assert_int_equal(file_size("a.db"), size);
    sql("b.db", "PRAGMA application_id=7");
    assert_refused("b.db", -ENOTSUP, "it belongs to another program", "move it away");
}

static void a_newer_format_is_refused(void **state) {
    (void)state;
    make_store("a.db");
    sql("a.db", "PRAGMA user_version=2");
    assert_refused("a.db", -ENOTSUP,
                   "a newer Moonbus wrote it (format 2, known: 1): update this one",
                   "move it away");
}

static void triggers_are_refused(void **state) {
    (void)state;
    make_store("a.db");
    sql("a.db", "CREATE TRIGGER t AFTER INSERT ON c BEGIN SELECT 1; END");
    assert_refused("a.db", -ENOTSUP, "somebody added triggers to it", "move it away");
}

static void what_is_in_the_way_is_named(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_folder("a.db"), 0700), 0);
    assert_refused("a.db", -EISDIR, "Is a directory", "a folder is in the way");
    assert_int_equal(mkfifo(in_folder("b.db"), 0600), 0);
    assert_refused("b.db", -ENOTSUP, "it is not a plain file", "move it away");
    assert_refused("no/a.db", -ENOENT, "No such file or directory", "make its folder first");
}

/* The kernel lets nobody make files there, not even root. */
static void a_folder_that_cannot_be_written_is_refused(void **state) {
    (void)state;
    int code = open_with(usual("/sys/a.db"));
    assert_true(code == -EACCES || code == -EPERM || code == -EROFS);
    assert_non_null(strstr(said, "cannot use the database /sys/a.db"));
    assert_non_null(strstr(said, "let this user write the file and its folder"));
}

static void a_long_path_leaves_room_for_the_advice(void **state) {
    char path[900];
    (void)state;
    size_t n = (size_t)snprintf(path, sizeof path, "%s", folder);
    while (n < 700)
        n += (size_t)snprintf(path + n, sizeof path - n, "/long-folder-name");
    snprintf(path + n, sizeof path - n, "/a.db");
    assert_int_equal(open_with(usual(path)), -ENOENT);
    assert_non_null(strstr(said, "/long-folder-name/a.db"));
    assert_non_null(strstr(said, "make its folder first"));
}

/* ---------------------------------------------------------------- one process at a time */

static void a_second_store_on_the_file_is_refused(void **state) {
    char words[64];
    (void)state;
    assert_int_equal(open_at("a.db"), 0);
    struct store *first = store;
    snprintf(words, sizeof words, "process %ld uses the database", (long)getpid());
    assert_int_equal(open_at("a.db"), -EBUSY);
    assert_said(words);
    assert_said("stop it first");
    store = first;
    assert_int_equal(ensure(named("c")), 0);
    close_store();
    assert_int_equal(open_at("a.db"), 0);
}

static void another_process_is_refused_until_the_first_is_gone(void **state) {
    int ready[2];
    char c;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store_options o = usual(in_folder("a.db"));
        struct err e = {0};
        c = store_open(&o, &e) ? '1' : '0';
        if (write(ready[1], &c, 1) == 1) pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, '1');
    assert_int_equal(open_at("a.db"), -EBUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(open_at("a.db"), 0);
    close(ready[0]);
    close(ready[1]);
}

static void options_are_checked(void **state) {
    struct store_options good = usual(NULL), o = good;
    (void)state;
    o.readers = 0;
    assert_int_equal(open_with(o), -EINVAL);
    o.readers = 65;
    assert_int_equal(open_with(o), -EINVAL);
    o = good;
    o.queue = 0;
    assert_int_equal(open_with(o), -EINVAL);
    o = good;
    o.max_result = 100;
    assert_int_equal(open_with(o), -EINVAL);
    o = good;
    o.prefix = NULL;
    assert_int_equal(open_with(o), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(documents_survive_closing),
        SPEC(a_closed_store_leaves_no_log),
        SPEC(only_the_owner_may_read_the_files),
        SPEC(a_store_in_memory_leaves_nothing),
        SPEC(two_stores_in_memory_are_two),
        SPEC(the_log_does_not_grow_without_end),
        SPEC(garbage_is_refused),
        SPEC(a_truncated_file_is_refused),
        SPEC(a_file_with_a_hole_is_refused),
        SPEC(moving_the_file_away_starts_empty),
        SPEC(the_database_of_another_program_is_refused),
        SPEC(a_newer_format_is_refused),
        SPEC(triggers_are_refused),
        SPEC(what_is_in_the_way_is_named),
        SPEC(a_folder_that_cannot_be_written_is_refused),
        SPEC(a_long_path_leaves_room_for_the_advice),
        SPEC(a_second_store_on_the_file_is_refused),
        SPEC(another_process_is_refused_until_the_first_is_gone),
        SPEC(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
