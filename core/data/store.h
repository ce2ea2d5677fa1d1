/*
 * store: collections of JSON documents with declared indexes, durable, over threads of its own.
 *
 * Reads run on reader threads, writes on one writer thread with group commit: it drains its queue,
 * runs every job in a savepoint of one transaction, commits, then answers everybody. A job is all
 * or nothing. What was answered with 0 survives kill -9 and power loss. Full queue = ERR_BUSY at
 * once. The backend (SQLite here) hides behind store_backend.h.
 *
 * A document is a JSON object as text (doc.h says what is accepted). The store keeps with it: id
 * (unique in its collection, text), rev (grows with every write, never 0, never given out twice,
 * not even to an id that was deleted and made again) and seq (insertion order). Field names are
 * dotted paths into the document: letters, digits, "_-$@:+# " and anything beyond ASCII; a name
 * that the document spells with escapes is not found.
 */
#ifndef STORE_H
#define STORE_H

#include <stdatomic.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/loop/jobs.h"

struct store;

struct store_options {
    const char *path;   /* database file; NULL = in memory, gone with the process (tests) */
    const char *prefix; /* of every collection's table */
    int readers;        /* threads that read, 1 to 64 */
    int queue;          /* reads that may wait, and writes that may wait */
    size_t max_result; /* bytes of documents in one answer, and of one document; more = ERR_LIMIT */
    bool relaxed;      /* no fsync per commit: for tests only */
};

/* Opens or creates; checks the header and, when it is small, the whole file, and refuses one that
 * is corrupt, newer than we know, not ours or in use with a sentence that names it and what to do.
 */
struct store *store_open(const struct store_options *o, struct err *e);
void store_close(struct store *s); /* finishes what is queued, checkpoints, joins */

struct store_index {
    struct str fields[4]; /* dotted paths */
    int n_fields;         /* 1 to 4 */
    bool unique;          /* documents in which a field is missing or null do not collide */
};

struct store_collection {
    struct str name;                   /* [A-Za-z0-9_.-]{1,100} */
    const struct store_index *indexes; /* what STORE_ENSURE makes; queries know it */
    int n_indexes;                     /* at most 32 */
};

struct store_value {
    enum { STORE_NULL, STORE_BOOL, STORE_INT, STORE_FLOAT, STORE_TEXT } kind;
    union {
        bool b;       /* of STORE_BOOL */
        int64_t i;    /* of STORE_INT */
        double f;     /* of STORE_FLOAT; finite */
        struct str s; /* of STORE_TEXT */
    };
};

/* The query vocabulary. Several fields in a filter mean OR between them. A missing field is null.
 * Numbers compare as numbers whatever their kind; true is not 1 and a list is not its text. Values
 * that are not finite, unknown names and the like are -EINVAL; query.h has the bounds. */
enum store_match {
    STORE_EQUALS,     /* the field equals values[0]; a list field: any element does; a null value:
                         missing or null */
    STORE_IN_LIST,    /* the field equals one of the values; no values match nothing; a list field
                         matches nothing */
    STORE_INTERSECTS, /* the list field shares an element with the values */
    STORE_CONTAINS,   /* the text contains values[0]; case-sensitive */
    STORE_STARTS,     /* the text starts with values[0]; case-sensitive */
    STORE_OR,         /* any of `sub` is true */
};

struct store_filter {
    enum store_match match;
    const struct str *fields; /* at least one, but for STORE_OR */
    int n_fields;
    const struct store_value *values; /* what the fields are compared with */
    int n_values;
    const struct store_filter *sub; /* of STORE_OR */
    int n_sub;
};

struct store_order {
    struct str field;  /* ignored when random */
    bool desc, random; /* downwards; anyhow */
};

struct store_query {
    const struct store_filter *filters; /* all must hold */
    int n_filters;
    const struct store_order
        *orders; /* ties and no order at all: insertion order. null first, numbers (false and true
                    as 0 and 1), then texts bytewise (lists and objects as their JSON text) */
    int n_orders;
    const struct store_value *after; /* one per order: rows strictly behind this tuple */
    int n_after;
    int64_t limit; /* 0 = all */
    bool count;    /* also the number of rows without limit and after */
};

struct store_step {
    enum {
        STORE_CREATE, /* id must be new: else ERR_EXISTS */
        STORE_PUT,    /* create or replace */
        STORE_UPDATE, /* replace; -ENOENT when missing; rev != 0 must be the one in force: else
                         ERR_CONFLICT */
        STORE_DELETE, /* missing is fine, whatever rev is; rev != 0 as above; result counts */
        STORE_DELETE_WHERE, /* every match of `query`, within its limit and page */
        STORE_CHECK,        /* id is at rev (0 = does not exist): else ERR_CONFLICT */
        STORE_CHECK_QUERY,  /* `query` still gives the rows with digest `digest`: else ERR_CONFLICT.
                               Not in random order; a count is not part of the digest */
    } what;
    const struct store_collection *collection; /* of every step */
    struct str id;                             /* but for the two with a query */
    struct str doc;                            /* of CREATE, PUT and UPDATE */
    int64_t rev;                               /* of UPDATE, DELETE and CHECK */
    const struct store_query *query;           /* of DELETE_WHERE and CHECK_QUERY */
    uint64_t digest;                           /* of CHECK_QUERY */
    int64_t result;                            /* CREATE, PUT, UPDATE: the new rev; DELETE*: rows */
};

struct store_row {
    struct str id, doc; /* as they were written; in the job's arena; id ends with NUL */
    int64_t rev, seq;   /* revision; place in the order of insertion */
};

/* One job; embed it or allocate it from its own arena's owner. Inputs and results live in `arena`,
 * which belongs to the job until it is done. */
struct store_job {
    struct job job;        /* internal: a read in the readers' pool */
    struct message msg;    /* internal: the way back of what did not go through the pool */
    struct list link;      /* internal: in the writer's queue */
    struct worker *home;   /* internal: who submitted it */
    _Atomic bool waiting;  /* internal: in the writer's queue; changed under the store's lock */
    _Atomic bool canceled; /* internal */
    struct store *store;   /* whose job it is */
    struct arena arena;    /* the submitter frees it after done() or drop() */
    enum { STORE_ENSURE, STORE_GET, STORE_FIND, STORE_WRITE } what;
    struct store_collection collection; /* of ENSURE, GET and FIND */
    struct str id;                      /* of GET */
    struct store_query query;           /* of FIND */
    struct store_step *steps;           /* of WRITE */
    int n_steps;                        /* at most 10000 */
    /* results */
    int status;             /* 0 or negative; GET of a missing id is -ENOENT */
    int failed_step;        /* index of the step that failed a WRITE, else -1 */
    struct err err;         /* ERR_EXISTS: text names the fields of the unique index */
    struct store_row *rows; /* of GET (one) and FIND */
    int n_rows;
    int64_t count;   /* of a FIND with query.count */
    uint64_t digest; /* of a FIND: ids and revs of its rows, for STORE_CHECK_QUERY */
    void (*done)(struct store_job *j); /* on the submitting worker */
    void (*drop)(struct store_job *j); /* instead of done, after store_cancel */
};

/* ENSURE makes the collection's table and indexes (idempotent; on the writer). The other kinds
 * expect it was done. Collection, index, query and step structures must live in the job's arena or
 * outlive it.
 *
 * From a worker's thread. 0 or ERR_BUSY; what is wrong with the job itself comes as its status.
 * Neither done() nor drop() is called from inside store_submit and store_cancel; one of them comes
 * later. */
int store_submit(struct store_job *j);
void store_cancel(struct store_job *j); /* a write that already began still happens */

#endif
