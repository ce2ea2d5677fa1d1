/*
 * sqlite_file: the database file before SQLite sees it. Who may use it, whether it can be one of
 * ours, and the sentences that a person reads when it cannot.
 *
 * Called once at start and once at the end. It must not touch the file's content, and it must not
 * close a descriptor of it while a connection is open: that would drop SQLite's own locks.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/sqlite.h"

#define HEADER     100 /* bytes of the file header (sqlite.org/fileformat2.html, section 1.3) */
#define SHOWN      96  /* bytes of a path in a sentence */
#define FILE_NAME  "moonbus.db"
#define LOCK_LABEL ".lock"

/* The end of a long path, so that the sentence behind it is not cut. */
static const char *shown(const char *path, char out[SHOWN + 4]) {
    size_t n = strlen(path);
    if (n <= SHOWN) return path;
    snprintf(out, SHOWN + 4, "...%s", path + n - SHOWN);
    return out;
}

static const char *advice(int code) {
    switch (code) {
    case -EBADMSG:
        return "restore a backup, or move it away to start empty";
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "let this user write the file and its folder";
    case -ENOENT:
    case -ENOTDIR:
        return "make its folder first";
    case -EISDIR:
        return "a folder is in the way: move it";
    case -ENOSPC:
    case -EDQUOT:
        return "make room on its disk";
    case -EMFILE:
    case -ENFILE:
        return "raise the limit of open files";
    case -ENOTSUP:
        return "move it away, or choose another home folder";
    default:
        return "look at the disk and the file";
    }
}

int sqlite_file_refuse(const struct store_db *db, int code, const char *problem, struct err *e) {
    char cut[SHOWN + 4];
    if (code == -ENOMEM) return err_set(e, code, "out of memory");
    return err_set(e, code, "cannot use the database %s: %s; %s", shown(db->path, cut), problem,
                   advice(code));
}

static int refuse_errno(const struct store_db *db, int number, struct err *e) {
    return sqlite_file_refuse(db, -number, strerror(number), e);
}

/* ---------------------------------------------------------------- lock */

static int refuse_locked(const struct store_db *db, struct err *e) {
    char text[32] = "", cut[SHOWN + 4];
    ssize_t n = pread(db->flock, text, sizeof text - 1, 0);
    uint64_t pid;
    if (n <= 0 || str_u64(str_trim(str_make(text, strcspn(text, "\n"))), &pid))
        return err_set(e, -EBUSY, "another process uses the database %s: stop it first",
                       shown(db->path, cut));
    return err_set(e, -EBUSY, "process %llu uses the database %s: stop it first",
                   (unsigned long long)pid, shown(db->path, cut));
}

/* The lock is the flock, which ends with the process however it ends. The file stays: removing it
 * would let two processes hold locks on two files of one name. The number in it is for people: it
 * does not matter when a full disk refuses it. */
static int take_lock(struct store_db *db, struct err *e) {
    char name[4096], text[32];
    if (snprintf(name, sizeof name, "%s" LOCK_LABEL, db->path) >= (int)sizeof name)
        return refuse_errno(db, ENAMETOOLONG, e);
    db->flock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->flock < 0) return refuse_errno(db, errno, e);
    while (flock(db->flock, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK) return refuse_locked(db, e);
        if (errno != EINTR) return refuse_errno(db, errno, e);
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(db->flock, 0) == 0 && pwrite(db->flock, text, (size_t)n, 0) < n)
        log_debug("the lock file could not be written", LOGZ("path", name));
    return 0;
}

/* ---------------------------------------------------------------- header */

/* A new name in a folder is durable once the folder is. */
static int sync_folder(const struct store_db *db, struct err *e) {
    char *slash = strrchr(db->path, '/');
    char *folder =
        slash ? mem_dup(str_make(db->path, slash == db->path ? 1 : (size_t)(slash - db->path)))
              : mem_dup(STR("."));
    if (!folder) return err_set(e, -ENOMEM, "out of memory");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 || fsync(fd) ? refuse_errno(db, errno, e) : 0;
    if (fd >= 0) close(fd);
    mem_free(folder);
    return code;
}

/* A power failure may have torn the very first page; then SQLite still has what it needs beside the
 * file. */
static bool may_recover(const struct store_db *db) {
    static const char *const logs[] = {"-wal", "-journal"};
    char name[4096];
    struct stat st;
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        snprintf(name, sizeof name, "%s%s", db->path, logs[i]);
        if (stat(name, &st) == 0 && st.st_size > 0) return true;
    }
    return false;
}

/* What can be told without SQLite; it looks at the rest. */
static int check_header(const struct store_db *db, int fd, struct err *e) {
    unsigned char head[HEADER];
    if (may_recover(db)) return 0;
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0) return refuse_errno(db, errno, e);
    if (n < HEADER) return sqlite_file_refuse(db, -EBADMSG, "the file is cut off", e);
    if (memcmp(head, "SQLite format 3", 16) != 0)
        return sqlite_file_refuse(db, -EBADMSG, "the file is damaged or no database", e);
    return 0;
}

/* SQLite would make the file readable for everybody; it gives its log the permissions that the
 * database has. */
static int check_file(const struct store_db *db, struct err *e) {
    struct stat st;
    int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0) return refuse_errno(db, errno, e);
    int code = 0;
    if (fstat(fd, &st))
        code = refuse_errno(db, errno, e);
    else if (!S_ISREG(st.st_mode))
        code = sqlite_file_refuse(db, -ENOTSUP, "it is not a plain file", e);
    else if (st.st_size == 0)
        code = db->relaxed ? 0 : sync_folder(db, e);
    else
        code = check_header(db, fd, e);
    close(fd);
    return code;
}

/* ---------------------------------------------------------------- open and close */

static int private_folder(struct store_db *db, struct err *e) {
    const char *base = getenv("TMPDIR");
    char name[4096];
    if (!base || !*base) base = "/tmp";
    if (snprintf(name, sizeof name, "%s/moonbus-XXXXXX", base) >= (int)sizeof name - 16)
        return err_set(e, -ENAMETOOLONG, "TMPDIR is too long");
    if (!mkdtemp(name))
        return err_set(e, -errno,
                       "cannot make a folder in %s: %s; set TMPDIR to one that can be "
                       "written",
                       base, strerror(errno));
    size_t n = strlen(name);
    db->folder = mem_dup(str_make(name, n));
    snprintf(name + n, sizeof name - n, "/" FILE_NAME);
    db->path = mem_dup(str_of(name));
    if (db->folder && db->path) return 0;
    name[n] = 0;
    rmdir(name);
    return err_set(e, -ENOMEM, "out of memory");
}

static void remove_private(const struct store_db *db) {
    static const char *const files[] = {"", "-wal", "-shm", "-journal", LOCK_LABEL};
    char name[4096];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(name, sizeof name, "%s%s", db->path, files[i]);
        unlink(name);
    }
    if (rmdir(db->folder))
        log_warn("a temporary folder was not removed", LOGZ("path", db->folder),
                 LOGZ("why", strerror(errno)));
}

struct store_db *sqlite_file_open(const struct store_options *o, struct err *e) {
    struct store_db *db = mem_zalloc(sizeof *db);
    if (!db) goto no_memory;
    db->flock = -1;
    pthread_rwlock_init(&db->lock, NULL);
    map_init(&db->declared, DECLARED_KEPT);
    db->max_result = o->max_result;
    db->relaxed = o->relaxed || !o->path;
    db->prefix = mem_dup(str_of(o->prefix));
    if (!db->prefix) goto no_memory;
    if (o->path && !(db->path = mem_dup(str_of(o->path)))) goto no_memory;
    if (!o->path && private_folder(db, e)) goto fail;
    if (take_lock(db, e) || check_file(db, e)) goto fail;
    return db;
no_memory:
    err_set(e, -ENOMEM, "out of memory");
fail:
    sqlite_file_close(db);
    return NULL;
}

void sqlite_file_close(struct store_db *db) {
    if (!db) return;
    if (db->folder && db->path) remove_private(db);
    if (db->flock >= 0) close(db->flock);
    sqlite_forget_declared(db);
    pthread_rwlock_destroy(&db->lock);
    mem_free(db->path);
    mem_free(db->folder);
    mem_free(db->prefix);
    mem_free(db);
}
