/*
 * sqlite: the SQLite backend of the store: connections, transactions, checkpoints.
 *
 * One connection writes, the others only read; the write-ahead log lets them not wait for each
 * other. A connection that cannot be brought back to a clean state is closed and opened anew at the
 * next batch. The log is copied into the database (checkpoint) by the writer's thread, when it is
 * idle or the log has grown; never by a commit.
 */
#include <assert.h>
#include <stdio.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/sqlite.h"

#define BUSY_MS       5000       /* wait for a lock of another program */
#define CANCEL_OPS    2000       /* steps of SQLite's machine between two looks at `canceled` */
#define REV_BLOCK     4096       /* revisions reserved in the file at a time */
#define LOG_PAGES     4000       /* checkpoint when the log has more (16 MB) */
#define LOG_PAGES_MAX 16000      /* then wait for readers, so that the log can begin anew */
#define READERS_MS    100        /* how long that may take */
#define LOG_KEPT      "33554432" /* bytes of log file that are kept for reuse */
#define CHECK_PAGES   1024       /* a file of at most so many pages is checked whole when opened */

/* ---------------------------------------------------------------- one connection */

static int on_progress(void *arg) {
    struct store_conn *c = arg;
    return c->job && atomic_load_explicit(&c->job->canceled, memory_order_relaxed);
}

static int on_commit(void *arg, sqlite3 *sql, const char *database, int pages) {
    struct store_conn *c = arg;
    c->wal_pages = pages;
    return SQLITE_OK;
}

/* trusted_schema cannot be off: SQLite before 3.41 does not mark its JSON functions as innocuous
 * and then finds the indexes that use them malformed. What it would guard against cannot happen
 * here: identify() refuses triggers, and there are no functions but SQLite's own. */
static void harden(sqlite3 *sql) {
    sqlite3_busy_timeout(sql, BUSY_MS);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
}

static void hang_up(struct store_conn *c) {
    sqlite_forget(c);
    int rc = sqlite3_close(c->sql);
    assert(rc == SQLITE_OK);
    (void)rc;
    c->sql = NULL;
}

/* The part that both kinds of connections share. */
static int dial(struct store_conn *c, struct err *e) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                      SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(c->db->path, &c->sql, flags, NULL);
    if (rc != SQLITE_OK) return sqlite_fail(c, rc, e);
    harden(c->sql);
    if (sqlite_apply(c, "PRAGMA cell_size_check=ON", e)) return e->code;
    return sqlite_apply(c, c->db->relaxed ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL",
                        e);
}

static int dial_reader(struct store_conn *c, struct err *e) {
    if (dial(c, e)) return e->code;
    sqlite3_progress_handler(c->sql, CANCEL_OPS, on_progress, c);
    return sqlite_apply(c, "PRAGMA query_only=ON", e);
}

/* ---------------------------------------------------------------- the file's content */

/* Is it ours, in a format that we know? *fresh = there is nothing in it yet. */
static int identify(struct store_conn *c, bool *fresh, struct err *e) {
    int64_t application = 0, format = 0, tables = 0, triggers = 0;
    if (sqlite_int(c, "PRAGMA application_id", &application, e) ||
        sqlite_int(c, "PRAGMA user_version", &format, e) ||
        sqlite_int(c, "SELECT count(*) FROM sqlite_schema", &tables, e) ||
        sqlite_int(c, "SELECT count(*) FROM sqlite_schema WHERE type='trigger'", &triggers, e))
        return e->code;
    *fresh = application == 0 && tables == 0;
    if (*fresh) return 0;
    if (application != FILE_APPLICATION)
        return err_set(e, -ENOTSUP, "it belongs to another program");
    if (format > FILE_FORMAT)
        return err_set(e, -ENOTSUP,
                       "a newer Moonbus wrote it (format %lld, known: %d): update this one",
                       (long long)format, FILE_FORMAT);
    if (format < 1) return err_set(e, -EBADMSG, "it is damaged (format %lld)", (long long)format);
    if (triggers) return err_set(e, -ENOTSUP, "somebody added triggers to it");
    return 0;
}

/* The whole of a small file; of a large one SQLite notices damage when it meets it. */
static int check_pages(struct store_conn *c, struct err *e) {
    int64_t pages = 0;
    if (sqlite_int(c, "PRAGMA page_count", &pages, e)) return e->code;
    if (pages > CHECK_PAGES) return 0;
    sqlite3_stmt *s = sqlite_stmt(c, STR("PRAGMA quick_check(1)"), e);
    if (!s) return e->code;
    int rc = sqlite3_step(s), code = 0;
    if (rc != SQLITE_ROW)
        code = sqlite_fail(c, rc, e);
    else if (!str_eq(sqlite_text(s, 0), STR("ok")))
        code = err_set(e, -EBADMSG, "it is damaged (%.80s)", sqlite3_column_text(s, 0));
    sqlite_done(s);
    return code;
}

static int use_log(struct store_conn *c, struct err *e) {
    sqlite3_stmt *s = sqlite_stmt(c, STR("PRAGMA journal_mode=WAL"), e);
    if (!s) return e->code;
    int rc = sqlite3_step(s), code = 0;
    if (rc != SQLITE_ROW)
        code = sqlite_fail(c, rc, e);
    else if (!str_eq(sqlite_text(s, 0), STR("wal")))
        code = err_set(e, -ENOTSUP, "its disk does not allow a write-ahead log");
    sqlite_done(s);
    if (code) return code;
    /* Off the hot path: tidy() does it. */
    sqlite3_wal_hook(c->sql, on_commit, c);
    return sqlite_apply(c, "PRAGMA journal_size_limit=" LOG_KEPT, e);
}

/* All or nothing: who finds the mark finds the table too. */
static int found(struct store_conn *c, struct err *e) {
    char mark[64], format[64];
    snprintf(mark, sizeof mark, "PRAGMA application_id=%d", FILE_APPLICATION);
    snprintf(format, sizeof format, "PRAGMA user_version=%d", FILE_FORMAT);
    const char *const steps[] = {
        "BEGIN IMMEDIATE",
        mark,
        format,
        "CREATE TABLE \"moonbus:meta\"(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO \"moonbus:meta\" VALUES('rev',0)",
        "COMMIT",
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (sqlite_apply(c, steps[i], e)) return e->code;
    }
    return 0;
}

static int load_revisions(struct store_conn *c, struct err *e) {
    int64_t rev = 0;
    int code = sqlite_int(c, "SELECT value FROM \"moonbus:meta\" WHERE key='rev'", &rev, e);
    if (code == -ENOENT || rev < 0) return err_set(e, -EBADMSG, "it is damaged (no revision)");
    if (code) return code;
    if (rev > c->rev) c->rev = rev;
    c->rev_safe = c->rev_pending = rev;
    return 0;
}

static int dial_writer(struct store_conn *c, struct err *e) {
    bool fresh;
    if (dial(c, e) || identify(c, &fresh, e) || check_pages(c, e) || use_log(c, e)) return e->code;
    if (fresh && found(c, e)) return e->code;
    return load_revisions(c, e);
}

static void disconnect(struct store_conn *c);

static struct store_conn *connect_to(struct store_db *db, bool writer, struct err *e) {
    struct err why = {0};
    struct store_conn *c = mem_zalloc(sizeof *c);
    if (!c) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    c->db = db;
    c->writer = writer;
    list_init(&c->recent);
    map_init(&c->statements, STATEMENTS_KEPT);
    query_init(&c->query);
    if (!(writer ? dial_writer(c, &why) : dial_reader(c, &why))) return c;
    sqlite_file_refuse(db, why.code, why.text, e);
    c->writer = false; /* nothing to leave tidy */
    disconnect(c);
    return NULL;
}

/* ---------------------------------------------------------------- checkpoints */

static void checkpoint_result(struct store_conn *c, int rc) {
    struct err e = {0};
    bool failed = rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED;
    if (failed && !c->tidy_failed) {
        sqlite_fail(c, rc, &e);
        log_error("the database's log could not be copied back, it grows meanwhile",
                  LOGZ("path", c->db->path), LOGZ("why", e.text));
    }
    c->tidy_failed = failed;
}

static void checkpoint(struct store_conn *c, int mode) {
    int in_log = 0, copied = 0;
    if (mode == SQLITE_CHECKPOINT_RESTART) sqlite3_busy_timeout(c->sql, READERS_MS);
    int rc = sqlite3_wal_checkpoint_v2(c->sql, NULL, mode, &in_log, &copied);
    if (mode == SQLITE_CHECKPOINT_RESTART) sqlite3_busy_timeout(c->sql, BUSY_MS);
    if (rc == SQLITE_OK && in_log == copied) c->wal_pages = 0;
    checkpoint_result(c, rc);
}

static void tidy(struct store_conn *c, bool idle) {
    if (!c->sql || c->wal_pages == 0) return;
    if (c->wal_pages > LOG_PAGES_MAX)
        checkpoint(c, SQLITE_CHECKPOINT_RESTART);
    else if (idle || c->wal_pages > LOG_PAGES)
        checkpoint(c, SQLITE_CHECKPOINT_PASSIVE);
}

static void disconnect(struct store_conn *c) {
    if (!c) return;
    if (c->writer && c->sql) checkpoint(c, SQLITE_CHECKPOINT_TRUNCATE);
    hang_up(c);
    query_free(&c->query);
    mem_free(c->rows);
    mem_free(c);
}

/* ---------------------------------------------------------------- transactions */

/* Revisions are promised to the file in blocks, before they are used: a crash leaves a gap, never a
 * revision that is given out twice. */
static int reserve(struct store_conn *c, int64_t revs, struct err *e) {
    if (c->rev + revs <= c->rev_safe) return 0;
    int64_t until = c->rev + revs + REV_BLOCK;
    sqlite3_stmt *s =
        sqlite_stmt(c, STR("UPDATE \"moonbus:meta\" SET value=?1 WHERE key='rev'"), e);
    if (!s) return e->code;
    sqlite3_bind_int64(s, 1, until);
    int rc = sqlite3_step(s);
    int code = rc == SQLITE_DONE ? 0 : sqlite_fail(c, rc, e);
    sqlite_done(s);
    if (!code) c->rev_pending = until;
    return code;
}

static int begin(struct store_conn *c, int64_t revs, struct err *e) {
    if (!c->sql && dial_writer(c, e)) {
        hang_up(c);
        return e->code;
    }
    if (sqlite_exec(c, "BEGIN IMMEDIATE", e)) return e->code;
    return reserve(c, revs, e);
}

static int commit(struct store_conn *c, struct err *e) {
    if (sqlite_exec(c, "COMMIT", e)) return e->code;
    c->rev_safe = c->rev_pending;
    return 0;
}

static void rollback(struct store_conn *c) {
    struct err e = {0};
    c->rev_pending = c->rev_safe;
    if (!c->sql || sqlite3_get_autocommit(c->sql)) return;
    sqlite_exec(c, "ROLLBACK", &e);
    if (!sqlite3_get_autocommit(c->sql)) hang_up(c);
}

static int undo(struct store_conn *c) {
    struct err e = {0};
    if (sqlite3_get_autocommit(c->sql)) return -EIO;
    if (sqlite_exec(c, "ROLLBACK TO job", &e)) return e.code;
    return sqlite_exec(c, "RELEASE job", &e);
}

static int run(struct store_conn *c, struct store_job *j, bool *broken) {
    *broken = false;
    if (sqlite_exec(c, "SAVEPOINT job", &j->err)) {
        *broken = sqlite3_get_autocommit(c->sql);
        return j->err.code;
    }
    int code = j->what == STORE_ENSURE ? sqlite_ensure(c, j) : sqlite_write(c, j);
    if (!code) code = sqlite_exec(c, "RELEASE job", &j->err);
    if (code) *broken = undo(c) != 0;
    return code;
}

const struct store_backend store_sqlite = {
    .open = sqlite_file_open,
    .close = sqlite_file_close,
    .connect = connect_to,
    .disconnect = disconnect,
    .read = sqlite_read,
    .begin = begin,
    .run = run,
    .commit = commit,
    .rollback = rollback,
    .tidy = tidy,
};
