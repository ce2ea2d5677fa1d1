/*
 * sqlite_schema: collections as tables, declared indexes as indexes over the documents.
 *
 * A collection is  "<prefix><name>"(seq, id, rev, doc).  Its indexes are named after what they are,
 * with a ':' that no collection's name contains, so that a declaration that changed shows as names
 * that are missing or too many:
 *
 *   <table>:i:<fields>   the values of the fields
 *   <table>:u:<fields>   the same, unique. Behind the values stands what SQLite would mix up: true
 *                        is not 1 and a list is not its text
 *   <table>:l:<field>    the documents that have a list in the field
 *
 * Called on the writer's thread, inside the job's savepoint. What was declared is remembered for
 * the readers, which plan with it.
 */
#include <stdio.h>

#include "core/base/mem.h"
#include "core/data/sqlite.h"

struct wish {
    struct wish *next; /* in no order */
    struct str name;   /* of the index */
    struct str sql;    /* as the schema keeps it */
    bool there;        /* the table has it */
};

struct str sqlite_table(const struct store_db *db, struct str collection, char name[TABLE_NAME]) {
    int n = snprintf(name, TABLE_NAME, "%s%.*s", db->prefix, STR_FMT(collection));
    return str_make(name, n > 0 && n < TABLE_NAME ? (size_t)n : 0);
}

/* ---------------------------------------------------------------- what is wanted */

static int no_memory(struct store_job *j) {
    return err_set(&j->err, -ENOMEM, "out of memory");
}

/* Adds an index unless one of its name is wanted already. */
static int wish_for(struct store_job *j, struct wish **all, struct str name,
                    const struct buf *sql) {
    for (struct wish *w = *all; w; w = w->next) {
        if (str_eq(w->name, name)) return 0;
    }
    struct wish *w = arena_zalloc(&j->arena, sizeof *w);
    struct str text = buf_ok(sql) ? arena_str(&j->arena, buf_view(sql)) : STR_NONE;
    if (!w || !text.p) return no_memory(j);
    *w = (struct wish){.next = *all, .name = name, .sql = text};
    *all = w;
    return 0;
}

/* "table:kind:field,field" */
static struct str index_name(struct store_job *j, struct str table, char kind,
                             const struct str *fields, int n) {
    struct str name = arena_printf(&j->arena, "%.*s:%c:", STR_FMT(table), kind);
    for (int i = 0; name.p && i < n; i++)
        name =
            arena_printf(&j->arena, "%.*s%s%.*s", STR_FMT(name), i ? "," : "", STR_FMT(fields[i]));
    return name;
}

static void begin_index(struct buf *sql, bool unique, struct str name, struct str table) {
    buf_clear(sql);
    buf_printf(sql, "CREATE %sINDEX \"%.*s\" ON \"%.*s\"(", unique ? "UNIQUE " : "", STR_FMT(name),
               STR_FMT(table));
}

static int wish_values(struct store_job *j, struct buf *sql, struct wish **all, struct str table,
                       const struct store_index *x) {
    struct str name = index_name(j, table, x->unique ? 'u' : 'i', x->fields, x->n_fields);
    if (!name.p) return no_memory(j);
    begin_index(sql, x->unique, name, table);
    for (int i = 0; i < x->n_fields; i++) {
        if (i) buf_char(sql, ',');
        query_field(sql, "json_extract", x->fields[i]);
    }
    for (int i = 0; x->unique && i < x->n_fields; i++) {
        buf_str(sql, STR(",CASE "));
        query_field(sql, "json_type", x->fields[i]);
        buf_str(sql, STR(" WHEN 'true' THEN 1 WHEN 'false' THEN 1"
                         " WHEN 'array' THEN 2 WHEN 'object' THEN 2 ELSE 0 END"));
    }
    buf_char(sql, ')');
    return wish_for(j, all, name, sql);
}

static int wish_lists(struct store_job *j, struct buf *sql, struct wish **all, struct str table,
                      struct str field) {
    struct str name = index_name(j, table, 'l', &field, 1);
    if (!name.p) return no_memory(j);
    begin_index(sql, false, name, table);
    query_field(sql, "json_type", field);
    buf_str(sql, STR(") WHERE "));
    query_field(sql, "json_type", field);
    buf_str(sql, STR("='array'"));
    return wish_for(j, all, name, sql);
}

static int wishes(struct store_job *j, struct buf *sql, struct str table, struct wish **all) {
    for (int i = 0; i < j->collection.n_indexes; i++) {
        const struct store_index *x = &j->collection.indexes[i];
        if (wish_values(j, sql, all, table, x)) return j->err.code;
        for (int k = 0; k < x->n_fields; k++) {
            if (wish_lists(j, sql, all, table, x->fields[k])) return j->err.code;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- what is there */

/* Names in SQLite do not know upper from lower case; ours do. */
static int find_table(struct store_conn *c, struct store_job *j, struct str table, bool *there) {
    sqlite3_stmt *s = sqlite_stmt(
        c, STR("SELECT name FROM sqlite_schema WHERE type='table' AND name=?1 COLLATE NOCASE"),
        &j->err);
    if (!s || sqlite_bind(c, s, 1, table, &j->err)) return j->err.code;
    int code = 0, rc = sqlite3_step(s);
    *there = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW && !str_eq(sqlite_text(s, 0), table))
        code = err_set(&j->err, -EINVAL, "collection %.*s differs from %s only in upper case",
                       STR_FMT(str_first(table, 80)), sqlite3_column_text(s, 0));
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        code = sqlite_fail(c, rc, &j->err);
    sqlite_done(s);
    return code;
}

static int make_table(struct store_conn *c, struct store_job *j, struct str table) {
    bool there = false;
    if (str_ieq(str_first(table, 7), STR("sqlite_")))
        return err_set(&j->err, -EINVAL, "no collection's name begins with sqlite_");
    if (find_table(c, j, table, &there)) return j->err.code;
    if (there) return 0;
    struct str sql = arena_printf(&j->arena,
                                  "CREATE TABLE \"%.*s\"(seq INTEGER PRIMARY KEY AUTOINCREMENT, "
                                  "id TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL, "
                                  "doc TEXT NOT NULL)",
                                  STR_FMT(table));
    const char *text = sql.p ? arena_dup(&j->arena, sql) : NULL;
    return text ? sqlite_apply(c, text, &j->err) : no_memory(j);
}

/* An index of ours is wanted as it is, or its name goes onto the list of those to drop. */
static int judge(struct store_job *j, sqlite3_stmt *s, struct str prefix, struct wish *wanted,
                 struct wish **surplus) {
    struct str name = sqlite_text(s, 0), sql = sqlite_text(s, 1);
    if (!name.p || !sql.p) return no_memory(j);
    if (!str_starts(name, prefix)) return 0;
    for (struct wish *w = wanted; w; w = w->next) {
        if (!str_eq(w->name, name) || !str_eq(w->sql, sql)) continue;
        w->there = true;
        return 0;
    }
    struct wish *old = arena_zalloc(&j->arena, sizeof *old);
    struct str copy = arena_str(&j->arena, name);
    if (!old || !copy.p) return no_memory(j);
    *old = (struct wish){.next = *surplus, .name = copy};
    *surplus = old;
    return 0;
}

static int compare(struct store_conn *c, struct store_job *j, struct str table, struct wish *wanted,
                   struct wish **surplus) {
    struct str prefix = arena_printf(&j->arena, "%.*s:", STR_FMT(table));
    if (!prefix.p) return no_memory(j);
    sqlite3_stmt *s = sqlite_stmt(c,
                                  STR("SELECT name,sql FROM sqlite_schema WHERE type='index' AND "
                                      "tbl_name=?1 AND sql IS NOT NULL"),
                                  &j->err);
    if (!s || sqlite_bind(c, s, 1, table, &j->err)) return j->err.code;
    int rc, code = 0;
    while (!code && (rc = sqlite3_step(s)) != SQLITE_DONE)
        code =
            rc == SQLITE_ROW ? judge(j, s, prefix, wanted, surplus) : sqlite_fail(c, rc, &j->err);
    sqlite_done(s);
    return code;
}

/* ---------------------------------------------------------------- making it so */

static int drop_index(struct store_conn *c, struct store_job *j, struct str name) {
    struct str sql = arena_printf(&j->arena, "DROP INDEX \"%.*s\"", STR_FMT(name));
    const char *text = sql.p ? arena_dup(&j->arena, sql) : NULL;
    return text ? sqlite_apply(c, text, &j->err) : no_memory(j);
}

static int create_index(struct store_conn *c, struct store_job *j, const struct wish *w) {
    const char *text = arena_dup(&j->arena, w->sql);
    if (!text) return no_memory(j);
    if (!sqlite_apply(c, text, &j->err)) return 0;
    if (j->err.code != ERR_EXISTS) return j->err.code;
    char fields[128];
    sqlite_taken(c, fields, sizeof fields);
    return err_set(&j->err, ERR_EXISTS,
                   "%s cannot be unique: documents in %.*s already share a value", fields,
                   STR_FMT(str_first(j->collection.name, 60)));
}

/* ---------------------------------------------------------------- what was declared */

/* One allocation: the collection, its indexes of several fields, then their texts. */
struct declared {
    struct store_collection c;
    struct store_index indexes[];
};

static struct str put_text(char **to, struct str s) {
    struct str copy = str_make(memcpy(*to, s.p, s.n), s.n);
    *to += s.n;
    return copy;
}

static struct declared *copy_declared(const struct store_collection *c) {
    size_t n = 0, bytes = c->name.n;
    for (int i = 0; i < c->n_indexes; i++) {
        if (c->indexes[i].n_fields < 2) continue;
        n++;
        for (int k = 0; k < c->indexes[i].n_fields; k++)
            bytes += c->indexes[i].fields[k].n;
    }
    struct declared *d = mem_zalloc(sizeof *d + n * sizeof d->indexes[0] + bytes);
    if (!d) return NULL;
    char *text = (char *)&d->indexes[n];
    d->c = (struct store_collection){.name = put_text(&text, c->name), .indexes = d->indexes};
    for (int i = 0; i < c->n_indexes; i++) {
        if (c->indexes[i].n_fields < 2) continue;
        struct store_index *x = &d->indexes[d->c.n_indexes++];
        *x = c->indexes[i];
        for (int k = 0; k < x->n_fields; k++)
            x->fields[k] = put_text(&text, x->fields[k]);
    }
    return d;
}

/* Beyond DECLARED_KEPT nothing more is remembered: queries then plan with what their job brings. If
 * the batch fails after this, what is remembered is wrong until the next declaration, which costs
 * time at worst: it only shapes statements. */
static int remember(struct store_db *db, const struct store_collection *c) {
    struct declared *d = copy_declared(c), *old;
    if (!d) return -ENOMEM;
    pthread_rwlock_wrlock(&db->lock);
    old = map_get(&db->declared, c->name);
    int code = map_put(&db->declared, c->name, d);
    pthread_rwlock_unlock(&db->lock);
    mem_free(code ? d : old);
    return code == -ENOMEM ? code : 0;
}

const struct store_collection *sqlite_declared(struct store_db *db,
                                               const struct store_collection *c) {
    pthread_rwlock_rdlock(&db->lock);
    const struct declared *d = map_get(&db->declared, c->name);
    return d ? &d->c : c;
}

void sqlite_declared_end(struct store_db *db) {
    pthread_rwlock_unlock(&db->lock);
}

void sqlite_forget_declared(struct store_db *db) {
    size_t it = 0;
    struct str key;
    void *value;
    while (map_next(&db->declared, &it, &key, &value))
        mem_free(value);
    map_free(&db->declared);
}

/* ---------------------------------------------------------------- the job */

int sqlite_ensure(struct store_conn *c, struct store_job *j) {
    char name[TABLE_NAME];
    struct str table = sqlite_table(c->db, j->collection.name, name);
    struct wish *wanted = NULL, *surplus = NULL;
    if (make_table(c, j, table) || wishes(j, &c->query.sql, table, &wanted) ||
        compare(c, j, table, wanted, &surplus))
        return j->err.code;
    for (struct wish *w = surplus; w; w = w->next) {
        if (drop_index(c, j, w->name)) return j->err.code;
    }
    for (struct wish *w = wanted; w; w = w->next) {
        if (!w->there && create_index(c, j, w)) return j->err.code;
    }
    return remember(c->db, &j->collection) ? no_memory(j) : 0;
}

/* "UNIQUE constraint failed: index 'table:u:slug'", or "… table.id" for the id. */
void sqlite_taken(const struct store_conn *c, char *out, size_t cap) {
    struct str text = str_of(sqlite3_errmsg(c->sql)), before;
    ptrdiff_t mark = str_find(text, STR(":u:"));
    if (mark >= 0 && str_cut(str_from(text, (size_t)mark + 3), '\'', &before, &text))
        snprintf(out, cap, "%.*s", STR_FMT(before));
    else
        snprintf(out, cap, "%s", str_ends(text, STR(".id")) ? "id" : "a unique value");
}
