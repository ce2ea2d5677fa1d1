/*
 * sqlite_run: what jobs ask for, as statements: reads on a reader's connection, the steps of a
 * write on the writer's.
 *
 * A read that needs two statements runs them in one transaction, so that they see the same data.
 * The caller of a step rolls back what came before it when it fails.
 */
#include <assert.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/sqlite.h"

/* ---------------------------------------------------------------- statements */

/* A statement on one collection, made of what comes before and behind its name. */
static sqlite3_stmt *on_table(struct store_conn *c, struct str collection, const char *before,
                              const char *behind, struct err *e) {
    char name[TABLE_NAME];
    struct buf *sql = &c->query.sql;
    buf_clear(sql);
    buf_printf(sql, "%s\"%.*s\"%s", before, STR_FMT(sqlite_table(c->db, collection, name)), behind);
    if (buf_ok(sql)) return sqlite_stmt(c, buf_view(sql), e);
    err_set(e, -ENOMEM, "out of memory");
    return NULL;
}

static int bind_one(sqlite3_stmt *s, int at, const struct query_bind *b) {
    switch (b->kind) {
    case QUERY_INT:
        return sqlite3_bind_int64(s, at, b->i);
    case QUERY_FLOAT:
        return sqlite3_bind_double(s, at, b->f);
    case QUERY_TEXT:
        break;
    }
    return sqlite3_bind_text64(s, at, b->s.n ? b->s.p : "", b->s.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* The statement in c->query with its parameters. */
static sqlite3_stmt *made(struct store_conn *c, struct err *e) {
    const struct query *q = &c->query;
    sqlite3_stmt *s = sqlite_stmt(c, buf_view(&q->sql), e);
    for (int i = 0; s && i < q->n_binds; i++) {
        int rc = bind_one(s, i + 1, &q->binds[i]);
        if (rc == SQLITE_OK) continue;
        sqlite_fail(c, rc, e);
        sqlite_done(s);
        return NULL;
    }
    return s;
}

/* ---------------------------------------------------------------- a result */

/* Reads the rows of a query one after the other; `row` gets each, negative ends it. */
struct scan {
    const struct store_collection *collection;
    const struct store_query *query;
    const char *columns; /* what row() gets */
    int (*row)(struct scan *s, sqlite3_stmt *stmt);
    struct store_conn *c;
    struct store_job *job; /* whose arena and error are used */
    uint64_t digest;       /* of the rows so far, when row() keeps one */
    size_t bytes;          /* of the result so far */
    int64_t rows;          /* so far */
};

static int scan_part(struct scan *s, enum query_part part, int64_t limit) {
    struct store_conn *c = s->c;
    struct err *e = &s->job->err;
    char name[TABLE_NAME];
    struct str table = sqlite_table(c->db, s->collection->name, name);
    const struct store_collection *declared = sqlite_declared(c->db, s->collection);
    int bad = query_select(&c->query, s->columns, table, declared, s->query, part, limit, e);
    sqlite_declared_end(c->db);
    if (bad) return bad;
    sqlite3_stmt *stmt = made(c, e);
    if (!stmt) return e->code;
    int rc, code = 0;
    while (!code && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        code = rc == SQLITE_ROW ? s->row(s, stmt) : sqlite_fail(c, rc, e);
        s->rows++;
    }
    sqlite_done(stmt);
    return code;
}

static int scan_all(struct scan *s) {
    int64_t limit = s->query->limit;
    if (!query_halved(s->query)) return scan_part(s, QUERY_WHOLE, limit);
    int code = scan_part(s, QUERY_HEAD, limit);
    if (code || (limit && s->rows >= limit)) return code;
    return scan_part(s, QUERY_TAIL, limit ? limit - s->rows : 0);
}

static int out_of_memory(struct store_job *j) {
    return err_set(&j->err, -ENOMEM, "out of memory");
}

/* ---------------------------------------------------------------- reads */

static bool room_for_row(struct store_conn *c) {
    if (c->n_rows < c->cap_rows) return true;
    int cap = c->cap_rows ? c->cap_rows * 2 : 64;
    struct store_row *rows = mem_realloc(c->rows, (size_t)cap * sizeof *rows);
    if (!rows) return false;
    c->rows = rows;
    c->cap_rows = cap;
    return true;
}

/* The current row of columns seq, rev, id, doc goes to the job. */
static int keep_row(struct scan *s, sqlite3_stmt *stmt) {
    struct store_conn *c = s->c;
    struct store_job *j = s->job;
    struct store_row row = {.seq = sqlite3_column_int64(stmt, 0),
                            .rev = sqlite3_column_int64(stmt, 1)};
    struct str id = sqlite_text(stmt, 2), doc = sqlite_text(stmt, 3);
    if (!id.p || !doc.p) return out_of_memory(j);
    s->bytes += store_row_cost(id, doc);
    if (s->bytes > c->db->max_result)
        return err_set(&j->err, ERR_LIMIT, "the result is larger than %zu bytes: ask for less",
                       c->db->max_result);
    row.id = str_make(arena_dup(&j->arena, id), id.n);
    row.doc = arena_str(&j->arena, doc);
    if (!row.id.p || !row.doc.p || !room_for_row(c)) return out_of_memory(j);
    s->digest = store_digest(s->digest, id, row.rev);
    c->rows[c->n_rows++] = row;
    return 0;
}

static int give_rows(struct store_conn *c, struct store_job *j) {
    if (!c->n_rows) return 0;
    size_t bytes = (size_t)c->n_rows * sizeof *c->rows;
    struct store_row *rows = arena_alloc(&j->arena, bytes);
    if (!rows) return out_of_memory(j);
    memcpy(rows, c->rows, bytes);
    j->rows = rows;
    j->n_rows = c->n_rows;
    return 0;
}

static int get(struct store_conn *c, struct store_job *j) {
    sqlite3_stmt *stmt =
        on_table(c, j->collection.name, "SELECT seq,rev,id,doc FROM ", " WHERE id=?1", &j->err);
    if (!stmt || sqlite_bind(c, stmt, 1, j->id, &j->err)) return j->err.code;
    struct scan s = {.c = c, .job = j, .digest = STORE_DIGEST_START};
    int rc = sqlite3_step(stmt), code;
    if (rc == SQLITE_ROW)
        code = keep_row(&s, stmt);
    else if (rc == SQLITE_DONE)
        code = err_set(&j->err, -ENOENT, "%.*s does not exist", STR_FMT(str_first(j->id, 100)));
    else
        code = sqlite_fail(c, rc, &j->err);
    sqlite_done(stmt);
    return code ? code : give_rows(c, j);
}

static int count(struct store_conn *c, struct store_job *j) {
    char name[TABLE_NAME];
    struct str table = sqlite_table(c->db, j->collection.name, name);
    const struct store_collection *declared = sqlite_declared(c->db, &j->collection);
    int bad = query_count(&c->query, table, declared, &j->query, &j->err);
    sqlite_declared_end(c->db);
    if (bad) return bad;
    sqlite3_stmt *stmt = made(c, &j->err);
    if (!stmt) return j->err.code;
    int rc = sqlite3_step(stmt);
    int code = rc == SQLITE_ROW ? 0 : sqlite_fail(c, rc, &j->err);
    if (!code) j->count = sqlite3_column_int64(stmt, 0);
    sqlite_done(stmt);
    return code;
}

static int find_rows(struct store_conn *c, struct store_job *j) {
    struct scan s = {.collection = &j->collection,
                     .query = &j->query,
                     .columns = "seq,rev,id,doc",
                     .row = keep_row,
                     .c = c,
                     .job = j,
                     .digest = STORE_DIGEST_START};
    int code = scan_all(&s);
    if (!code && j->query.count) code = count(c, j);
    if (!code) j->digest = s.digest;
    return code;
}

static int find(struct store_conn *c, struct store_job *j) {
    struct err ignored = {0};
    bool several = j->query.count || query_halved(&j->query);
    if (several && sqlite_exec(c, "BEGIN", &j->err)) return j->err.code;
    int code = find_rows(c, j);
    /* Nothing was changed: this only lets go of the snapshot. If it fails, the next read tries. */
    if (several) sqlite_exec(c, "COMMIT", &ignored);
    return code ? code : give_rows(c, j);
}

int sqlite_read(struct store_conn *c, struct store_job *j) {
    bool stale = !sqlite3_get_autocommit(c->sql);
    if (stale && sqlite_exec(c, "ROLLBACK", &j->err)) return j->err.code;
    c->job = j;
    c->n_rows = 0;
    int code = j->what == STORE_GET ? get(c, j) : find(c, j);
    c->job = NULL;
    return code;
}

/* ---------------------------------------------------------------- steps */

/* begin() reserved one for every step of the batch. */
static int64_t next_revision(struct store_conn *c) {
    assert(c->rev < c->rev_pending);
    return ++c->rev;
}

static int conflict(struct store_job *j, struct str id) {
    return err_set(&j->err, ERR_CONFLICT, "%.*s was changed meanwhile",
                   STR_FMT(str_first(id, 100)));
}

/* Runs a statement that changes rows; *changed = how many. */
static int change(struct store_conn *c, struct store_job *j, sqlite3_stmt *stmt, int64_t *changed) {
    int rc = sqlite3_step(stmt);
    int code = rc == SQLITE_DONE ? 0 : sqlite_fail(c, rc, &j->err);
    *changed = sqlite3_changes64(c->sql);
    if (code == ERR_EXISTS) {
        char fields[128];
        sqlite_taken(c, fields, sizeof fields);
        err_set(&j->err, ERR_EXISTS, "%s is taken", fields);
    }
    sqlite_done(stmt);
    return code;
}

/* Binds ?1 id, ?2 revision, ?3 document, ?4 expected revision: what the statement has of them. */
static int bind_step(struct store_conn *c, struct store_job *j, sqlite3_stmt *stmt,
                     const struct store_step *step, int64_t rev) {
    int n = sqlite3_bind_parameter_count(stmt);
    int code = sqlite_bind(c, stmt, 1, step->id, &j->err);
    if (!code && n >= 2) sqlite3_bind_int64(stmt, 2, rev);
    if (!code && n >= 3) code = sqlite_bind(c, stmt, 3, step->doc, &j->err);
    if (!code && n >= 4) sqlite3_bind_int64(stmt, 4, step->rev);
    if (code) sqlite_done(stmt);
    return code;
}

/* The revision of a document, 0 when there is none. */
static int revision(struct store_conn *c, struct store_job *j, const struct store_step *step,
                    int64_t *rev) {
    sqlite3_stmt *stmt =
        on_table(c, step->collection->name, "SELECT rev FROM ", " WHERE id=?1", &j->err);
    if (!stmt || bind_step(c, j, stmt, step, 0)) return j->err.code;
    int rc = sqlite3_step(stmt);
    int code = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sqlite_fail(c, rc, &j->err);
    *rev = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite_done(stmt);
    return code;
}

static int put(struct store_conn *c, struct store_job *j, struct store_step *step) {
    const char *behind = step->what == STORE_CREATE
                             ? "(id,rev,doc) VALUES(?1,?2,?3)"
                             : "(id,rev,doc) VALUES(?1,?2,?3) ON CONFLICT(id) DO UPDATE SET "
                               "rev=excluded.rev,doc=excluded.doc";
    int64_t changed, rev = next_revision(c);
    sqlite3_stmt *stmt = on_table(c, step->collection->name, "INSERT INTO ", behind, &j->err);
    if (!stmt || bind_step(c, j, stmt, step, rev)) return j->err.code;
    int code = change(c, j, stmt, &changed);
    if (!code) step->result = rev;
    return code;
}

static int update(struct store_conn *c, struct store_job *j, struct store_step *step) {
    int64_t changed, now, rev = next_revision(c);
    sqlite3_stmt *stmt = on_table(c, step->collection->name, "UPDATE ",
                                  " SET rev=?2,doc=?3 WHERE id=?1 AND (?4=0 OR rev=?4)", &j->err);
    if (!stmt || bind_step(c, j, stmt, step, rev)) return j->err.code;
    int code = change(c, j, stmt, &changed);
    if (code) return code;
    if (changed) {
        step->result = rev;
        return 0;
    }
    if (revision(c, j, step, &now)) return j->err.code;
    if (now) return conflict(j, step->id);
    return err_set(&j->err, -ENOENT, "%.*s does not exist", STR_FMT(str_first(step->id, 100)));
}

static int erase(struct store_conn *c, struct store_job *j, struct store_step *step) {
    int64_t now;
    if (step->rev) {
        if (revision(c, j, step, &now)) return j->err.code;
        if (now && now != step->rev) return conflict(j, step->id);
    }
    sqlite3_stmt *stmt =
        on_table(c, step->collection->name, "DELETE FROM ", " WHERE id=?1", &j->err);
    if (!stmt || bind_step(c, j, stmt, step, 0)) return j->err.code;
    return change(c, j, stmt, &step->result);
}

static int delete_where(struct store_conn *c, struct store_job *j, struct store_step *step) {
    char name[TABLE_NAME];
    struct str table = sqlite_table(c->db, step->collection->name, name);
    const struct store_collection *declared = sqlite_declared(c->db, step->collection);
    int bad = query_delete(&c->query, table, declared, step->query, &j->err);
    sqlite_declared_end(c->db);
    if (bad) return bad;
    sqlite3_stmt *stmt = made(c, &j->err);
    return stmt ? change(c, j, stmt, &step->result) : j->err.code;
}

static int check(struct store_conn *c, struct store_job *j, const struct store_step *step) {
    int64_t now;
    if (revision(c, j, step, &now)) return j->err.code;
    return now == step->rev ? 0 : conflict(j, step->id);
}

static int digest_row(struct scan *s, sqlite3_stmt *stmt) {
    struct str id = sqlite_text(stmt, 1);
    if (!id.p) return out_of_memory(s->job);
    s->digest = store_digest(s->digest, id, sqlite3_column_int64(stmt, 0));
    return 0;
}

static int check_query(struct store_conn *c, struct store_job *j, const struct store_step *step) {
    struct scan s = {.collection = step->collection,
                     .query = step->query,
                     .columns = "rev,id",
                     .row = digest_row,
                     .c = c,
                     .job = j,
                     .digest = STORE_DIGEST_START};
    for (int i = 0; i < step->query->n_orders; i++) {
        if (step->query->orders[i].random)
            return err_set(&j->err, -EINVAL, "a query in random order cannot be checked");
    }
    if (scan_all(&s)) return j->err.code;
    if (s.digest == step->digest) return 0;
    return err_set(&j->err, ERR_CONFLICT, "documents in %.*s were changed meanwhile",
                   STR_FMT(str_first(step->collection->name, 100)));
}

static int run_step(struct store_conn *c, struct store_job *j, struct store_step *step) {
    switch (step->what) {
    case STORE_CREATE:
    case STORE_PUT:
        return put(c, j, step);
    case STORE_UPDATE:
        return update(c, j, step);
    case STORE_DELETE:
        return erase(c, j, step);
    case STORE_DELETE_WHERE:
        return delete_where(c, j, step);
    case STORE_CHECK:
        return check(c, j, step);
    case STORE_CHECK_QUERY:
        return check_query(c, j, step);
    }
    return err_set(&j->err, -EINVAL, "unknown kind of step");
}

int sqlite_write(struct store_conn *c, struct store_job *j) {
    for (int i = 0; i < j->n_steps; i++) {
        int code = run_step(c, j, &j->steps[i]);
        if (!code) continue;
        j->failed_step = i;
        return code;
    }
    return 0;
}
