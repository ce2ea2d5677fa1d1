/*
 * store_backend: what a database must do for the store. The store owns threads, queues and answers;
 * a backend owns connections and its dialect.
 *
 * A connection is used by one thread at a time. No function here may touch a worker or call back
 * into the store.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "core/data/store.h"

struct store_db;   /* an open database, of the backend */
struct store_conn; /* one connection to it, of the backend */

struct store_backend {
    /* Opens or creates the database and refuses what must be refused. NULL with a sentence. */
    struct store_db *(*open)(const struct store_options *o, struct err *e);
    void (*close)(struct store_db *db); /* after all its connections */

    struct store_conn *(*connect)(struct store_db *db, bool writer, struct err *e);
    void (*disconnect)(struct store_conn *c); /* the writer's last: it leaves everything tidy */

    /* GET and FIND: fills in the results of the job, returns its status. Looks at j->canceled. */
    int (*read)(struct store_conn *c, struct store_job *j);

    /* The writer's batch. begin() makes room for `revs` new revisions. run() does one ENSURE or
     * WRITE, all or nothing, and returns its status; *broken = the transaction itself is lost.
     * Whatever fails in between, rollback() brings the connection back to where it can begin. */
    int (*begin)(struct store_conn *c, int64_t revs, struct err *e);
    int (*run)(struct store_conn *c, struct store_job *j, bool *broken);
    int (*commit)(struct store_conn *c, struct err *e);
    void (*rollback)(struct store_conn *c);

    /* Housekeeping between batches. idle = nobody waits. */
    void (*tidy)(struct store_conn *c, bool idle);
};

extern const struct store_backend store_sqlite;

/* The digest of a result: ids and revs of its rows in their order, nothing else. Every backend uses
 * it, so that it means the same everywhere. */
#define STORE_DIGEST_START UINT64_C(0x6d6f6f6e62757301)

static inline uint64_t store_digest_word(uint64_t digest, uint64_t word) {
    digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    digest = (digest ^ (digest >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return digest ^ (digest >> 29);
}

static inline uint64_t store_digest(uint64_t digest, struct str id, int64_t rev) {
    digest = store_digest_word(digest, id.n);
    for (size_t i = 0; i < id.n; i += 8) {
        uint64_t word = 0;
        for (size_t k = i; k < id.n && k < i + 8; k++)
            word = word << 8 | (unsigned char)id.p[k];
        digest = store_digest_word(digest, word);
    }
    return store_digest_word(digest, (uint64_t)rev);
}

/* What counts against store_options.max_result. */
static inline size_t store_row_cost(struct str id, struct str doc) {
    return sizeof(struct store_row) + id.n + doc.n;
}

#endif
