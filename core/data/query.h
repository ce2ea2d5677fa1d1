/*
 * query: the store's query vocabulary as SQL of SQLite.
 *
 * Turns a store_query into one statement with numbered parameters, in which no byte of a value and
 * no unchecked byte of a name appears. Same shape of query = same text, so that prepared statements
 * are found again. Expressions on a field are written exactly as the collection's indexes have
 * them. A query object belongs to one thread at a time and is used over and over.
 *
 * The order of values: null and missing; numbers, with false and true as 0 and 1; texts bytewise,
 * with lists and objects as their JSON text.
 */
#ifndef QUERY_H
#define QUERY_H

#include "core/data/store.h"

#define QUERY_FIELD  200   /* bytes of a dotted path */
#define QUERY_TERMS  128   /* conditions in one query, sub-filters included */
#define QUERY_VALUES 10000 /* values in one query */
#define QUERY_DEPTH  8     /* STORE_OR inside STORE_OR */
#define QUERY_ORDERS 8     /* fields to order by */

struct query_bind {
    enum { QUERY_INT, QUERY_FLOAT, QUERY_TEXT } kind;
    union {
        int64_t i;    /* of QUERY_INT */
        double f;     /* of QUERY_FLOAT */
        struct str s; /* of QUERY_TEXT; lives in the query's scratch or in the store_query */
    };
};

struct query {
    struct buf sql;           /* the statement; NUL-terminated when the call returned 0 */
    struct query_bind *binds; /* parameter ?1 is binds[0] */
    int n_binds, cap_binds;   /* used, and room */
    struct buf text;          /* where lists of values are put together */
    struct arena scratch;     /* texts that exist only as parameters */
    int terms, values;        /* used of QUERY_TERMS and QUERY_VALUES */
    struct err err;           /* the first thing that was wrong; later ones are ignored */
};

/* A page that begins behind a tuple and runs downwards ends with the rows whose first field is
 * null. An index cannot serve both halves at once, so there are two statements, one after the
 * other. */
enum query_part { QUERY_WHOLE, QUERY_HEAD, QUERY_TAIL };

void query_init(struct query *q);
void query_free(struct query *q);

/* Each makes q->sql and q->binds; 0, -EINVAL, ERR_LIMIT or -ENOMEM. `table` is a checked name, the
 * collection tells which indexes there are and may have none. */
int query_select(struct query *q, const char *columns, struct str table,
                 const struct store_collection *c, const struct store_query *in,
                 enum query_part part, int64_t limit, struct err *e);
int query_count(struct query *q, struct str table, const struct store_collection *c,
                const struct store_query *in, struct err *e);
int query_delete(struct query *q, struct str table, const struct store_collection *c,
                 const struct store_query *in, struct err *e);
bool query_halved(const struct store_query *in); /* HEAD and TAIL instead of WHOLE */

/* What indexes are made of. */
int query_check_field(struct str field, struct err *e); /* 0 or -EINVAL */
void query_field(struct buf *sql, const char *function, struct str field);

#endif
