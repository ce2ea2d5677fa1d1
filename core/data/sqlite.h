/*
 * sqlite: what the files of the SQLite backend share. Nobody else includes it.
 *
 *   sqlite.c         connections and transactions, the backend's table of functions
 *   sqlite_file.c    the file: lock, header, who may use it, what it says when it may not
 *   sqlite_stmt.c    prepared statements kept for reuse, error codes
 *   sqlite_schema.c  collections and their indexes
 *   sqlite_run.c     reads and steps
 */
#ifndef SQLITE_H
#define SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "core/base/list.h"
#include "core/base/map.h"
#include "core/data/query.h"
#include "core/data/store_backend.h"

#define STATEMENTS_KEPT 128   /* prepared statements kept per connection */
#define DECLARED_KEPT   10000 /* collections whose indexes are remembered */

/* application_id ("Moon") and user_version of our files. A change of layout raises the version and
 * brings the code that converts the older ones. */
#define FILE_APPLICATION 0x4d6f6f6e
#define FILE_FORMAT      1

/* The file and the right to use it. Immutable after open, but for what was declared. */
struct store_db {
    char *path;        /* of the database file */
    char *folder;      /* private folder of a database in memory, removed at the end; else NULL */
    char *prefix;      /* of every collection's table */
    int flock;         /* descriptor that holds the lock on <path>.lock */
    size_t max_result; /* bytes of one answer */
    bool relaxed;      /* no fsync per commit */

    pthread_rwlock_t lock; /* guards `declared` and what is in it */
    struct map declared;   /* collection -> its indexes of several fields, for planning */
};

struct store_conn {
    struct store_db *db;
    sqlite3 *sql;                /* NULL when the writer must connect anew */
    bool writer;                 /* else it only reads */
    const struct store_job *job; /* the read that runs now, for cancelling it */
    struct map statements;       /* SQL text -> struct sqlite_cached */
    struct list recent;          /* the same, last used first */
    int n_statements;            /* at most STATEMENTS_KEPT */
    struct query query;          /* the statement being put together */
    struct store_row *rows;      /* rows of the read that runs now */
    int n_rows, cap_rows;        /* used, and room */
    /* of the writer */
    int64_t rev;         /* last revision given out */
    int64_t rev_safe;    /* revisions up to here are known to the file as used */
    int64_t rev_pending; /* the same, once this transaction commits */
    int wal_pages;       /* pages in the log, not all of them checkpointed */
    bool tidy_failed;    /* the last checkpoint failed: said once */
};

/* sqlite_file.c */
struct store_db *sqlite_file_open(const struct store_options *o, struct err *e);
void sqlite_file_close(struct store_db *db);
/* The error that means "this file cannot be used", with what to do. */
int sqlite_file_refuse(const struct store_db *db, int code, const char *problem, struct err *e);

/* sqlite_stmt.c. sqlite_fail() turns a result code into ours, with a sentence. */
int sqlite_fail(const struct store_conn *c, int rc, struct err *e);
/* The prepared statement for a text, without parameters, ready to step; NULL with an error. It is
 * valid until the next call. Give it back with sqlite_done as soon as its rows were read. */
sqlite3_stmt *sqlite_stmt(struct store_conn *c, struct str sql, struct err *e);
void sqlite_done(sqlite3_stmt *s);
int sqlite_exec(struct store_conn *c, const char *sql, struct err *e);  /* one without rows, kept */
int sqlite_apply(struct store_conn *c, const char *sql, struct err *e); /* the same, not kept */
int sqlite_int(struct store_conn *c, const char *sql, int64_t *out, struct err *e); /* not kept */
struct str sqlite_text(sqlite3_stmt *s, int column); /* borrowed until the next step */
int sqlite_bind(struct store_conn *c, sqlite3_stmt *s, int at, struct str text, struct err *e);
void sqlite_forget(struct store_conn *c); /* finalizes all statements */

/* sqlite_schema.c. The table's name, borrowed from `name`, which holds it. */
#define TABLE_NAME 256
struct str sqlite_table(const struct store_db *db, struct str collection, char name[TABLE_NAME]);
int sqlite_ensure(struct store_conn *c, struct store_job *j);
/* The collection with the indexes that it was declared with, whatever the job knows of them. To be
 * given back before the next call. */
const struct store_collection *sqlite_declared(struct store_db *db,
                                               const struct store_collection *c);
void sqlite_declared_end(struct store_db *db);
void sqlite_forget_declared(struct store_db *db);
/* Fields of the unique index that a failed statement ran into, for people ("slug"). */
void sqlite_taken(const struct store_conn *c, char *out, size_t cap);

/* sqlite_run.c */
int sqlite_read(struct store_conn *c, struct store_job *j);
int sqlite_write(struct store_conn *c, struct store_job *j);

#endif
