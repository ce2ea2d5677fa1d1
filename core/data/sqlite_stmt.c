/*
 * sqlite_stmt: prepared statements of one connection, and what SQLite's result codes mean to us.
 *
 * A statement is found again by its text. The least recently used one goes when there are
 * STATEMENTS_KEPT of them. Called on the connection's thread.
 */
#include <string.h>

#include "core/base/mem.h"
#include "core/data/sqlite.h"

struct sqlite_cached {
    struct list link;   /* in store_conn.recent */
    sqlite3_stmt *stmt; /* owned; its text is the key in store_conn.statements */
};

/* ---------------------------------------------------------------- codes */

/* What the machine said about the failed read or write, when it said something. */
static const char *system_says(const struct store_conn *c) {
    int code = c->sql ? sqlite3_system_errno(c->sql) : 0;
    return code > 0 ? uv_strerror(-code) : NULL;
}

static int fail_io(const struct store_conn *c, int rc, struct err *e) {
    const char *why = system_says(c);
    if (rc == SQLITE_IOERR_NOMEM) return err_set(e, -ENOMEM, "out of memory");
    return err_set(e, -EIO, "the disk failed on the database: %s", why ? why : sqlite3_errstr(rc));
}

int sqlite_fail(const struct store_conn *c, int rc, struct err *e) {
    const char *text = c->sql ? sqlite3_errmsg(c->sql) : sqlite3_errstr(rc);
    switch (rc & 0xff) {
    case SQLITE_OK:
        return 0;
    case SQLITE_NOMEM:
        return err_set(e, -ENOMEM, "out of memory");
    case SQLITE_IOERR:
        return fail_io(c, rc, e);
    case SQLITE_FULL:
        return err_set(e, -ENOSPC, "no room is left on the disk of the database");
    case SQLITE_INTERRUPT:
        return err_set(e, ERR_CANCELED, "the query was cancelled");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_BUSY, "another program holds the database: try again");
    case SQLITE_CONSTRAINT:
        return err_set(e, ERR_EXISTS, "a unique value is taken");
    case SQLITE_TOOBIG:
        return err_set(e, ERR_LIMIT, "a text is too large for the database");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(e, -EBADMSG, "the database is damaged (%s)", text);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return err_set(e, -EACCES, "the database cannot be written: %s", text);
    case SQLITE_ERROR:
        if (strstr(text, "no such table"))
            return err_set(e, -EINVAL, "the collection was never declared (%s)", text);
        return err_set(e, -EIO, "the database answered: %s", text);
    default:
        return err_set(e, -EIO, "the database answered: %s (%d)", text, rc);
    }
}

/* ---------------------------------------------------------------- cache */

static void drop(struct store_conn *c, struct sqlite_cached *one) {
    map_del(&c->statements, str_of(sqlite3_sql(one->stmt)));
    list_unlink(&one->link);
    c->n_statements--;
    sqlite3_finalize(one->stmt);
    mem_free(one);
}

void sqlite_forget(struct store_conn *c) {
    while (!list_empty(&c->recent))
        drop(c, LIST_ENTRY(c->recent.next, struct sqlite_cached, link));
    map_free(&c->statements);
}

/* Takes the statement; on failure it is finalized. */
static sqlite3_stmt *keep(struct store_conn *c, struct str sql, sqlite3_stmt *stmt, struct err *e) {
    if (c->n_statements == STATEMENTS_KEPT)
        drop(c, LIST_ENTRY(c->recent.prev, struct sqlite_cached, link));
    struct sqlite_cached *one = mem_alloc(sizeof *one);
    if (!one || map_put(&c->statements, sql, one)) {
        mem_free(one);
        sqlite3_finalize(stmt);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    one->stmt = stmt;
    list_push_front(&c->recent, &one->link);
    c->n_statements++;
    return stmt;
}

static sqlite3_stmt *prepare(struct store_conn *c, struct str sql, unsigned flags, struct err *e) {
    sqlite3_stmt *stmt = NULL;
    if (sql.n > INT32_MAX - 1) {
        err_set(e, ERR_LIMIT, "a statement is too long");
        return NULL;
    }
    int rc = sqlite3_prepare_v3(c->sql, sql.p, (int)sql.n, flags, &stmt, NULL);
    if (rc != SQLITE_OK) sqlite_fail(c, rc, e);
    return stmt;
}

sqlite3_stmt *sqlite_stmt(struct store_conn *c, struct str sql, struct err *e) {
    struct sqlite_cached *one = map_get(&c->statements, sql);
    if (one) {
        list_unlink(&one->link);
        list_push_front(&c->recent, &one->link);
        return one->stmt;
    }
    sqlite3_stmt *stmt = prepare(c, sql, SQLITE_PREPARE_PERSISTENT, e);
    return stmt ? keep(c, sql, stmt, e) : NULL;
}

/* Parameters are let go too: they point into memory that ends with the job. */
void sqlite_done(sqlite3_stmt *s) {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

/* ---------------------------------------------------------------- small statements */

int sqlite_exec(struct store_conn *c, const char *sql, struct err *e) {
    sqlite3_stmt *s = sqlite_stmt(c, str_of(sql), e);
    if (!s) return e ? e->code : -EIO;
    int rc = sqlite3_step(s);
    int code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sqlite_fail(c, rc, e);
    sqlite_done(s);
    return code;
}

int sqlite_int(struct store_conn *c, const char *sql, int64_t *out, struct err *e) {
    sqlite3_stmt *s = prepare(c, str_of(sql), 0, e);
    if (!s) return e->code;
    int code = 0, rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else
        code = rc == SQLITE_DONE ? err_set(e, -ENOENT, "no row") : sqlite_fail(c, rc, e);
    sqlite3_finalize(s);
    return code;
}

int sqlite_apply(struct store_conn *c, const char *sql, struct err *e) {
    int64_t ignored;
    int code = sqlite_int(c, sql, &ignored, e);
    return code == -ENOENT ? 0 : code;
}

struct str sqlite_text(sqlite3_stmt *s, int column) {
    const char *p = (const char *)sqlite3_column_text(s, column);
    int n = sqlite3_column_bytes(s, column);
    return p ? str_make(p, (size_t)n) : STR_NONE;
}

int sqlite_bind(struct store_conn *c, sqlite3_stmt *s, int at, struct str text, struct err *e) {
    int rc = sqlite3_bind_text64(s, at, text.n ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
    return rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, e);
}
