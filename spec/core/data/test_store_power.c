/*
 * What was acknowledged survives a power failure, at whatever moment it comes.
 *
 * A file layer between SQLite and the system remembers, for each file, what is certainly on the
 * disk (what it had at its last sync) and what the system was told. The n-th operation is the
 * moment of the failure: from then on there is a picture of the disk, in which everything that was
 * not synced is lost, or arrived in part, sector by sector. A store is opened on that picture. So
 * for every n.
 */
#include "spec/core/data/store_spec.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "core/base/log.h"

enum { FILES = 3, SECTOR = 512, WRITES = 6 };

/* What is in a file. */
struct content {
    char *p;
    size_t n;
    bool exists;
};

/* One of the database's files. */
struct disk_file {
    const char *suffix;
    struct content told;  /* as the system has it */
    struct content safe;  /* as the disk has it for certain */
    struct content after; /* as it is found after the power failure */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of the following */
static struct disk_file disk[FILES] = {
    {"a.db", {0}, {0}, {0}}, {"a.db-wal", {0}, {0}, {0}}, {"a.db-journal", {0}, {0}, {0}}};
static long until_failure;     /* operations; 0 = it came, or never comes */
static bool torn;              /* what was not synced arrives in part */
static int acknowledged;       /* by the store, so far */
static int acknowledged_after; /* when the power failed */

/* ---------------------------------------------------------------- the disk */

static void resize(struct content *c, size_t n) {
    if (n > c->n) {
        c->p = realloc(c->p, n);
        memset(c->p + c->n, 0, n - c->n);
    }
    c->n = n;
}

static void copy(struct content *to, const struct content *from) {
    resize(to, 0);
    resize(to, from->n);
    if (from->n) memcpy(to->p, from->p, from->n);
    to->exists = from->exists;
}

static void empty(struct content *c) {
    free(c->p);
    *c = (struct content){0};
}

/* Each sector that differs from the certain one arrived or did not; so did the size. */
static void tear(struct disk_file *f) {
    if (rnd(2)) f->after.exists = f->told.exists;
    if (rnd(2)) resize(&f->after, f->told.n);
    for (size_t at = 0; at < f->told.n && at < f->after.n; at += SECTOR) {
        size_t n = f->told.n - at < SECTOR ? f->told.n - at : SECTOR;
        if (n > f->after.n - at) n = f->after.n - at;
        if (rnd(2)) memcpy(f->after.p + at, f->told.p + at, n);
    }
}

static void operation(void) {
    if (until_failure == 0 || --until_failure > 0) return;
    acknowledged_after = acknowledged;
    for (int i = 0; i < FILES; i++) {
        copy(&disk[i].after, &disk[i].safe);
        if (torn) tear(&disk[i]);
    }
}

static struct disk_file *file_named(const char *name) {
    for (int i = 0; name && i < FILES; i++) {
        if (str_ends(str_of(name), str_of(disk[i].suffix))) return &disk[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------- between SQLite and the system */

struct file {
    sqlite3_file base;
    struct disk_file *disk; /* what it is a handle of */
    bool sync_folder;       /* its first sync is one of the folder, too: so does SQLite for logs */
    sqlite3_file *real;     /* behind this struct */
};

#define DISK(f) (((struct file *)(void *)(f))->disk)
#define REAL(f) (((struct file *)(void *)(f))->real)

static sqlite3_io_methods methods; /* the system's, with ours in front where it matters */
static sqlite3_vfs *real_vfs, shim;

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    size_t end = (size_t)at + (size_t)n;
    pthread_mutex_lock(&lock);
    operation();
    if (end > DISK(f)->told.n) resize(&DISK(f)->told, end);
    memcpy(DISK(f)->told.p + at, p, (size_t)n);
    pthread_mutex_unlock(&lock);
    return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size) {
    pthread_mutex_lock(&lock);
    operation();
    resize(&DISK(f)->told, (size_t)size);
    pthread_mutex_unlock(&lock);
    return REAL(f)->pMethods->xTruncate(REAL(f), size);
}

/* What was removed stays so. */
static void sync_folder(void) {
    for (int i = 0; i < FILES; i++) {
        if (!disk[i].told.exists) empty(&disk[i].safe);
    }
}

static int f_sync(sqlite3_file *f, int flags) {
    struct file *file = (struct file *)(void *)f;
    (void)flags;
    pthread_mutex_lock(&lock);
    operation();
    copy(&file->disk->safe, &file->disk->told);
    if (file->sync_folder) sync_folder();
    file->sync_folder = false;
    operation();
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

static int f_close(sqlite3_file *f) {
    return REAL(f)->pMethods->xClose(REAL(f));
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
    return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
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
/* No promises beyond what the simulated disk keeps. */
static int f_traits(sqlite3_file *f) {
    (void)f;
    return 0;
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
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

/* Files in the folder "after" and temporary ones are the system's own. */
static bool simulated(const char *name) {
    return name && file_named(name) && !strstr(name, "/after/");
}

static int shim_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
    struct file *file = (struct file *)(void *)f;
    if (!simulated(name)) return real_vfs->xOpen(real_vfs, name, f, flags, out);
    file->base.pMethods = NULL;
    file->real = (sqlite3_file *)(void *)(file + 1);
    file->disk = file_named(name);
    file->sync_folder = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    if (!file->real->pMethods) return rc;
    file->base.pMethods = &methods;
    pthread_mutex_lock(&lock);
    file->disk->told.exists = true;
    pthread_mutex_unlock(&lock);
    return rc;
}

static int shim_delete(sqlite3_vfs *v, const char *name, int sync) {
    struct disk_file *f = simulated(name) ? file_named(name) : NULL;
    pthread_mutex_lock(&lock);
    if (f) {
        operation();
        resize(&f->told, 0);
        f->told.exists = false;
        if (sync) copy(&f->safe, &f->told);
    }
    pthread_mutex_unlock(&lock);
    return real_vfs->xDelete(real_vfs, name, sync);
}

static int install(void **state) {
    (void)state;
    if (sqlite3_initialize() != SQLITE_OK) return -1;
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.zName = "losing";
    shim.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    methods = (sqlite3_io_methods){
        2,          f_close,       f_read,      f_write,   f_truncate, f_sync,   f_size,
        f_lock,     f_unlock,      f_reserved,  f_control, f_sector,   f_traits, f_shm_map,
        f_shm_lock, f_shm_barrier, f_shm_unmap, NULL,      NULL};
    return sqlite3_vfs_register(&shim, 1);
}

/* ---------------------------------------------------------------- before the failure */

static struct store_index slug = {.fields = {STR("slug")}, .n_fields = 1, .unique = true};

static struct store_collection things(void) {
    return (struct store_collection){.name = STR("things"), .indexes = &slug, .n_indexes = 1};
}

static const char *id_of(int i) {
    static char id[16];
    snprintf(id, sizeof id, "t%d", i);
    return id;
}

static void write_some(int from, int to) {
    for (int i = from; i < to; i++) {
        char doc[1200];
        snprintf(doc, sizeof doc, "{\"slug\":\"s%d\",\"fill\":\"%1000d\"}", i, i);
        create("things", id_of(i), doc);
        pthread_mutex_lock(&lock);
        acknowledged = i + 1;
        pthread_mutex_unlock(&lock);
    }
}

/* Two lives, so that logs are copied back, cut and begun anew. */
static void live(void) {
    for (int life = 0; life < 2; life++) {
        open_file();
        assert_int_equal(ensure(things()), 0);
        write_some(life * WRITES / 2, (life + 1) * WRITES / 2);
        close_store();
    }
}

/* ---------------------------------------------------------------- after it */

static void lay_out(void) {
    char path[160];
    mkdir(in_folder("after"), 0700);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/after/%s", folder, disk[i].suffix);
        unlink(path);
        if (!disk[i].after.exists) continue;
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        size_t n = disk[i].after.n;
        if (n) assert_int_equal(fwrite(disk[i].after.p, 1, n, f), n);
        fclose(f);
    }
    snprintf(path, sizeof path, "%s/after/a.db-shm", folder);
    unlink(path);
}

static void assert_intact(void) {
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(in_folder("after/a.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void start_again(long n) {
    struct store_options o = usual(in_folder("after/a.db"));
    o.relaxed = true;
    lay_out();
    o.path = in_folder("after/a.db");
    if (open_with(o)) fail_msg("at operation %ld: %s", n, said);
    assert_int_equal(ensure(things()), 0);
    for (int i = 0; i < acknowledged_after; i++) {
        if (!get("things", id_of(i))) fail_msg("at operation %ld: write %d is lost", n, i);
    }
    /* At most the one that was being answered is there in addition. */
    for (int i = acknowledged_after + 1; i < WRITES; i++)
        assert_null(get("things", id_of(i)));
    create("things", "new", "{}");
    close_store();
    assert_intact();
}

static void forget(void) {
    static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm", "a.db-journal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    for (int i = 0; i < FILES; i++) {
        empty(&disk[i].told);
        empty(&disk[i].safe);
        empty(&disk[i].after);
    }
    acknowledged = acknowledged_after = 0;
}

static void fail_everywhere(bool in_part) {
    bool failed = true;
    for (long n = 1; failed; n++) {
        torn = in_part;
        until_failure = n;
        /* The store made the file and synced its folder before SQLite came. */
        disk[0].safe.exists = true;
        live();
        failed = until_failure == 0;
        if (failed) start_again(n);
        until_failure = 0;
        forget();
        alarm(PATIENCE_S);
    }
}

static void what_was_not_synced_may_be_lost(void **state) {
    (void)state;
    fail_everywhere(false);
}

static void what_was_not_synced_may_arrive_in_part(void **state) {
    (void)state;
    fail_everywhere(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(what_was_not_synced_may_be_lost),
        SPEC(what_was_not_synced_may_arrive_in_part),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
