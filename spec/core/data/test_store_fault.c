/*
 * Disks that fail, disks that are full, memory that runs out: for the first, the second, … write,
 * sync or allocation.
 *
 * Whatever fails: no crash, no leak; what was answered with success is there, what was answered
 * with an error is not, not even after the next start; and the store works again as soon as the
 * machine does. SQLite's file access goes through a layer of this test that fails on demand, and so
 * does its memory.
 */
#include "spec/core/data/store_spec.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "core/base/log.h"

/* ---------------------------------------------------------------- files that fail */

static struct {
    atomic_long left; /* operations until one fails; 0 = none will */
    bool sticky;      /* all later ones too */
    bool full;        /* "no room" instead of "broken" */
    atomic_bool fired;
} disk;

static void disk_fails_at(long n, bool sticky, bool full) {
    disk.sticky = sticky;
    disk.full = full;
    disk.fired = false;
    disk.left = n;
}

static bool trip(void) {
    long left = atomic_load(&disk.left);
    if (left == 0) return false;
    if (left > 1) {
        atomic_fetch_sub(&disk.left, 1);
        return false;
    }
    if (!disk.sticky) disk.left = 0;
    disk.fired = true;
    return true;
}

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

#define REAL(f) (((struct file *)(void *)(f))->real)

static int f_close(sqlite3_file *f) {
    return REAL(f)->pMethods->xClose(REAL(f));
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
    return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    if (trip()) return disk.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 size) {
    if (trip()) return SQLITE_IOERR_TRUNCATE;
    return REAL(f)->pMethods->xTruncate(REAL(f), size);
}
/* Nobody pulls the plug here: the real thing would only be slow. */
static int f_sync(sqlite3_file *f, int flags) {
    if (trip()) return disk.full ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    return SQLITE_OK;
}
static int f_size(sqlite3_file *f, sqlite3_int64 *size) {
    return REAL(f)->pMethods->xFileSize(REAL(f), size);
}
static int f_lock(sqlite3_file *f, int kind) {
    return REAL(f)->pMethods->xLock(REAL(f), kind);
}
static int f_unlock(sqlite3_file *f, int kind) {
    return REAL(f)->pMethods->xUnlock(REAL(f), kind);
}
static int f_reserved(sqlite3_file *f, int *out) {
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg) {
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}
static int f_sector(sqlite3_file *f) {
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}
static int f_traits(sqlite3_file *f) {
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    if (extend && trip()) return SQLITE_IOERR_SHMSIZE;
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
    return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) {
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}
static int f_shm_unmap(sqlite3_file *f, int forget) {
    return REAL(f)->pMethods->xShmUnmap(REAL(f), forget);
}

static const sqlite3_io_methods methods = {
    2,          f_close,       f_read,      f_write,   f_truncate, f_sync,   f_size,
    f_lock,     f_unlock,      f_reserved,  f_control, f_sector,   f_traits, f_shm_map,
    f_shm_lock, f_shm_barrier, f_shm_unmap, NULL,      NULL};

static sqlite3_vfs *real_vfs, shim;

static int shim_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
    struct file *file = (struct file *)(void *)f;
    file->base.pMethods = NULL;
    file->real = (sqlite3_file *)(void *)(file + 1);
    if (trip()) return SQLITE_CANTOPEN;
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    if (file->real->pMethods) file->base.pMethods = &methods;
    return rc;
}

static int shim_delete(sqlite3_vfs *v, const char *name, int sync) {
    if (trip()) return SQLITE_IOERR_DELETE;
    return real_vfs->xDelete(real_vfs, name, sync);
}

/* ---------------------------------------------------------------- memory that fails */

static void *m_alloc(int n) {
    return mem_fail_now() ? NULL : malloc((size_t)n);
}
static void *m_realloc(void *p, int n) {
    return mem_fail_now() ? NULL : realloc(p, (size_t)n);
}
static int m_size(void *p) {
    return p ? (int)malloc_usable_size(p) : 0;
}
static int m_round(int n) {
    return (n + 7) & ~7;
}
static int m_init(void *arg) {
    (void)arg;
    return SQLITE_OK;
}
static void m_end(void *arg) {
    (void)arg;
}

static int install(void **state) {
    static const sqlite3_mem_methods memory = {m_alloc, free,   m_realloc, m_size,
                                               m_round, m_init, m_end,     NULL};
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    if (log_start(LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY))) return -1;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK) return -1;
    if (sqlite3_initialize() != SQLITE_OK) return -1;
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.zName = "failing";
    shim.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    return sqlite3_vfs_register(&shim, 1);
}

static int end(void **state) {
    (void)state;
    log_stop();
    return 0;
}

/* ---------------------------------------------------------------- the scenario */

enum { WRITES = 12 };

static struct store_index slug = {.fields = {STR("slug")}, .n_fields = 1, .unique = true};

static struct store_collection things(void) {
    return (struct store_collection){.name = STR("things"), .indexes = &slug, .n_indexes = 1};
}

static const char *id_of(int i) {
    static char id[16];
    snprintf(id, sizeof id, "t%d", i);
    return id;
}

static int64_t newest; /* highest revision that was answered */

static int write_thing(int i) {
    char doc[1200];
    int64_t rev;
    snprintf(doc, sizeof doc, "{\"slug\":\"s%d\",\"fill\":\"%1000d\"}", i, i);
    int code = step(STORE_CREATE, "things", id_of(i), doc, 0, &rev);
    if (code == 0) {
        assert_true(rev > newest);
        newest = rev;
    }
    return code;
}

static void check(const bool *written, int n) {
    for (int i = 0; i < n; i++) {
        bool there = get("things", id_of(i)) != NULL;
        if (there == written[i]) continue;
        fail_msg("write %d was answered with %s and is %s", i, written[i] ? "success" : "an error",
                 there ? "there" : "not there");
    }
}

/* The usual life of a store while things may fail. `heal` ends the failing. */
static void live(void (*heal)(void)) {
    bool written[WRITES + 1] = {false};
    newest = 0;
    int code = open_with(usual(in_folder("a.db")));
    if (code) {
        assert_true(code < 0);
        assert_true(strlen(said) > 0);
        heal();
        assert_int_equal(open_with(usual(in_folder("a.db"))), 0);
    }
    bool declared = ensure(things()) == 0;
    for (int i = 0; i < WRITES; i++) {
        written[i] = write_thing(i) == 0;
        if (!written[i]) assert_true(strlen(said) > 0);
    }
    struct call *call = call_new(STORE_FIND);
    call->j.collection = things();
    call->j.query = (struct store_query){.count = true, .limit = 5};
    if (call_run(call) == 0) assert_true(call->j.n_rows <= 5);
    call_free(call);
    heal();
    if (!declared) assert_int_equal(ensure(things()), 0);
    check(written, WRITES);
    assert_int_equal(write_thing(WRITES), 0);
    written[WRITES] = true;
    check(written, WRITES + 1);
    close_store();
    open_file();
    check(written, WRITES + 1);
    assert_int_equal(write_thing(WRITES + 1), 0);
    close_store();
    /* The next round begins without a file. */
    unlink(in_folder("a.db"));
}

/* Every operation when MOONBUS_ROUNDS is set, else ever fewer of the later ones. */
static long stride(long n) {
    return getenv("MOONBUS_ROUNDS") ? n + 1 : n + 1 + n / 15;
}

static void heal_disk(void) {
    disk.left = 0;
}

static void fail_disk(bool sticky, bool full) {
    bool fired = true;
    for (long n = 1; fired; n = stride(n)) {
        disk_fails_at(n, sticky, full);
        live(heal_disk);
        fired = disk.fired;
        alarm(PATIENCE_S);
    }
}

static void a_single_failing_operation(void **state) {
    (void)state;
    fail_disk(false, false);
}

static void a_disk_that_breaks(void **state) {
    (void)state;
    fail_disk(true, false);
}

static void a_disk_that_fills_up(void **state) {
    (void)state;
    fail_disk(true, true);
}

static bool memory_failed; /* in this round */

static void heal_memory(void) {
    if (mem_fail_fired()) memory_failed = true;
    mem_fail_at(0, false);
}

static void fail_memory(bool sticky) {
    bool fired = true;
    for (long n = 1; fired; n = stride(n)) {
        memory_failed = false;
        mem_fail_at(n, sticky);
        live(heal_memory);
        fired = memory_failed;
        alarm(PATIENCE_S);
    }
}

static void a_single_failing_allocation(void **state) {
    (void)state;
    fail_memory(false);
}

static void memory_that_runs_out(void **state) {
    (void)state;
    fail_memory(true);
}

/* Closing cannot say that something failed: nothing may be lost, and the next start must do. */
static void failures_while_closing_lose_nothing(void **state) {
    bool written[WRITES], fired = true;
    (void)state;
    for (long n = 1; fired; n++) {
        newest = 0;
        open_file();
        assert_int_equal(ensure(things()), 0);
        for (int i = 0; i < WRITES; i++)
            written[i] = write_thing(i) == 0;
        disk_fails_at(n, n % 2, false);
        close_store();
        fired = disk.fired;
        heal_disk();
        open_file();
        check(written, WRITES);
        mem_fail_at(n, n % 2);
        close_store();
        fired = fired || mem_fail_fired();
        mem_fail_at(0, false);
        open_file();
        check(written, WRITES);
        close_store();
        unlink(in_folder("a.db"));
    }
}

/* ---------------------------------------------------------------- whole batches */

/* When the commit fails, nobody of the batch was written, whatever their own steps said. */
static void a_failed_commit_fails_its_whole_batch(void **state) {
    enum { JOBS = 50 };
    struct store_collection c = things();
    struct store_step steps[JOBS];
    struct call *calls[JOBS];
    char ids[JOBS][16];
    bool fired = true;
    int failed_together = 0;
    (void)state;
    open_file();
    assert_int_equal(ensure(c), 0);
    for (long n = 1; fired; n++) {
        sqlite3 *other;
        int failed = 0, code = 0;
        /* The writer waits for the file, so that the rest becomes one batch. */
        assert_int_equal(sqlite3_open(in_folder("a.db"), &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        for (int i = 0; i < JOBS; i++) {
            snprintf(ids[i], sizeof ids[i], "%ld-%d", n, i);
            steps[i] = (struct store_step){.what = i % 10 ? STORE_CREATE : STORE_CHECK,
                                           .collection = &c,
                                           .id = str_of(ids[i]),
                                           .doc = STR("{}"),
                                           .rev = i % 10 ? 0 : 77};
            calls[i] = call_new(STORE_WRITE);
            calls[i]->j.steps = &steps[i];
            calls[i]->j.n_steps = 1;
            assert_int_equal(store_submit(&calls[i]->j), 0);
            /* The first job, which writes nothing, is a batch of its own. */
            while (i == 0 && atomic_load(&calls[0]->j.waiting))
                usleep(100);
        }
        disk_fails_at(n, false, n % 2);
        sqlite3_close(other);
        for (int i = 0; i < JOBS; i++)
            call_wait(calls[i]);
        fired = disk.fired;
        heal_disk();
        for (int i = 0; i < JOBS; i++) {
            int status = calls[i]->j.status;
            if (status == -EIO || status == -ENOSPC) {
                failed += i > 0;
                code = status;
                assert_int_equal(calls[i]->j.failed_step, -1);
                assert_int_equal(steps[i].result, 0);
            } else {
                assert_int_equal(status, i % 10 ? 0 : ERR_CONFLICT);
            }
            assert_int_equal(get("things", ids[i]) != NULL, status == 0);
            call_free(calls[i]);
        }
        if (failed) {
            assert_int_equal(failed, JOBS - 1);
            assert_int_equal(code, n % 2 ? -ENOSPC : -EIO);
            failed_together++;
        }
    }
    assert_true(failed_together > 0);
}

/* ---------------------------------------------------------------- a full disk, for real */

static void limit_files(rlim_t bytes) {
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void writing_stops_at_the_limit_and_goes_on_beyond_it(void **state) {
    enum { MOST = 2000 };
    static bool written[MOST];
    int n = 0, refused = 0;
    (void)state;
    newest = 0;
    open_file();
    assert_int_equal(ensure(things()), 0);
    limit_files(300000);
    for (; n < MOST && refused < 3; n++) {
        int code = write_thing(n);
        written[n] = code == 0;
        if (written[n]) continue;
        assert_true(code == -EIO || code == -ENOSPC);
        assert_non_null(get("things", id_of(0)));
        refused++;
    }
    assert_int_equal(refused, 3);
    check(written, n);
    limit_files(RLIM_INFINITY);
    for (int more = n + 10; n < more; n++) {
        assert_int_equal(write_thing(n), 0);
        written[n] = true;
    }
    check(written, n);
    close_store();
    open_file();
    check(written, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(a_single_failing_operation),
        SPEC(a_disk_that_breaks),
        SPEC(a_disk_that_fills_up),
        SPEC(a_single_failing_allocation),
        SPEC(memory_that_runs_out),
        SPEC(failures_while_closing_lose_nothing),
        SPEC(a_failed_commit_fails_its_whole_batch),
        SPEC(writing_stops_at_the_limit_and_goes_on_beyond_it),
    };
    return cmocka_run_group_tests(tests, install, end);
}
