/*
 * store_spec: what the tests of this folder share. A worker of the test's own thread, a store, and
 * calls that run one job to its end. A test that waits for what never comes is killed by SIGALRM.
 */
#ifndef STORE_SPEC_H
#define STORE_SPEC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/data/store.h"

#define PATIENCE_S 600

static struct worker *here;       /* of the test's thread */
static struct store *store;       /* what the calls below use */
static char folder[64];           /* fresh for every test */
static char said[256];            /* sentence of the last failure */
static int failed_step;           /* of the last write */
static unsigned long long chance; /* state of rnd() */

/* ---------------------------------------------------------------- before and after a test */

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline int spec_begin(void **state) {
    (void)state;
    struct err e = {0};
    alarm(PATIENCE_S);
    chance = 42;
    snprintf(folder, sizeof folder, "/tmp/moonbus-data-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    here = calloc(1, sizeof *here);
    return worker_init(here, -1, &e);
}

static inline int spec_end(void **state) {
    (void)state;
    store_close(store);
    store = NULL;
    worker_free(here);
    free(here);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    alarm(0);
    return 0;
}

#define SPEC(test) cmocka_unit_test_setup_teardown(test, spec_begin, spec_end)

static inline const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Reproducible chance: 0 … n-1. */
static inline unsigned rnd(unsigned n) {
    chance = chance * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(chance >> 33) % n;
}

static inline struct store_options usual(const char *path) {
    return (struct store_options){
        .path = path, .prefix = "", .readers = 2, .queue = 1000, .max_result = 1 << 20};
}

static inline int open_with(struct store_options o) {
    struct err e = {0};
    store = store_open(&o, &e);
    snprintf(said, sizeof said, "%s", e.text);
    return store ? 0 : e.code;
}

static inline void open_memory(void) {
    if (open_with(usual(NULL))) fail_msg("%s", said);
}

static inline void open_file(void) {
    if (open_with(usual(in_folder("a.db")))) fail_msg("%s", said);
}

static inline void close_store(void) {
    store_close(store);
    store = NULL;
}

/* ---------------------------------------------------------------- jobs */

struct call {
    struct store_job j;
    bool done, dropped;
};

static inline void call_done(struct store_job *j) {
    ((struct call *)(void *)j)->done = true;
}

static inline void call_dropped(struct store_job *j) {
    ((struct call *)(void *)j)->dropped = true;
}

static inline struct call *call_new(unsigned what) {
    struct call *c = calloc(1, sizeof *c);
    c->j.store = store;
    c->j.what = what;
    c->j.done = call_done;
    c->j.drop = call_dropped;
    arena_init(&c->j.arena, 512);
    return c;
}

static inline void call_free(struct call *c) {
    arena_free(&c->j.arena);
    free(c);
}

static inline void call_wait(struct call *c) {
    while (!c->done && !c->dropped)
        uv_run(&here->loop, UV_RUN_ONCE);
}

static inline int call_run(struct call *c) {
    int code = store_submit(&c->j);
    if (code) return code;
    call_wait(c);
    snprintf(said, sizeof said, "%s", c->j.status ? c->j.err.text : "");
    failed_step = c->j.failed_step;
    return c->j.status;
}

/* A collection without indexes, for calls that only need its name. */
static inline struct store_collection named(const char *name) {
    return (struct store_collection){.name = str_of(name)};
}

static inline int ensure(struct store_collection c) {
    struct call *call = call_new(STORE_ENSURE);
    call->j.collection = c;
    int code = call_run(call);
    call_free(call);
    return code;
}

static inline int run_steps(struct store_step *steps, int n) {
    struct call *call = call_new(STORE_WRITE);
    call->j.steps = steps;
    call->j.n_steps = n;
    int code = call_run(call);
    call_free(call);
    return code;
}

/* One step on a collection by name; *result (may be NULL) as in store_step. */
static inline int step(unsigned what, const char *name, const char *id, const char *doc,
                       int64_t rev, int64_t *result) {
    struct store_collection c = named(name);
    struct store_step s = {
        .what = what, .collection = &c, .id = str_of(id), .doc = str_of(doc), .rev = rev};
    int code = run_steps(&s, 1);
    if (result) *result = s.result;
    return code;
}

static inline int64_t create(const char *name, const char *id, const char *doc) {
    int64_t rev;
    assert_int_equal(step(STORE_CREATE, name, id, doc, 0, &rev), 0);
    return rev;
}

/* The document as text, valid until the next get; NULL when there is none. */
static inline const char *get_rev(const char *name, const char *id, int64_t *rev) {
    static char doc[4096];
    struct call *call = call_new(STORE_GET);
    call->j.collection = named(name);
    call->j.id = str_of(id);
    int code = call_run(call);
    if (!code) {
        assert_int_equal(call->j.n_rows, 1);
        snprintf(doc, sizeof doc, "%.*s", STR_FMT(call->j.rows[0].doc));
        if (rev) *rev = call->j.rows[0].rev;
    } else {
        assert_int_equal(code, -ENOENT);
    }
    call_free(call);
    return code ? NULL : doc;
}

static inline const char *get(const char *name, const char *id) {
    return get_rev(name, id, NULL);
}

/* What a query finds: the ids with blanks between, in order. Free it. NULL when it failed. */
static inline char *find_in(struct store_collection c, struct store_query q, int64_t *count,
                            uint64_t *digest, int *status) {
    struct call *call = call_new(STORE_FIND);
    struct buf ids = {0};
    call->j.collection = c;
    call->j.query = q;
    *status = call_run(call);
    for (int i = 0; !*status && i < call->j.n_rows; i++) {
        if (i) buf_char(&ids, ' ');
        buf_str(&ids, call->j.rows[i].id);
    }
    if (count) *count = call->j.count;
    if (digest) *digest = call->j.digest;
    if (*status) assert_int_equal(call->j.n_rows, 0);
    call_free(call);
    return buf_take(&ids, NULL);
}

#define assert_finds(c, q, expected) \
    do { \
        int code_; \
        char *ids_ = find_in((c), (q), NULL, NULL, &code_); \
        if (code_) print_error("%s\n", said); \
        assert_int_equal(code_, 0); \
        assert_string_equal(ids_, expected); \
        mem_free(ids_); \
    } while (0)

static inline int find_status(struct store_collection c, struct store_query q) {
    int code;
    mem_free(find_in(c, q, NULL, NULL, &code));
    return code;
}

/* ---------------------------------------------------------------- values and filters */

#define NUL     ((struct store_value){.kind = STORE_NULL})
#define BOOL(x) ((struct store_value){.kind = STORE_BOOL, .b = (x)})
#define INT(x)  ((struct store_value){.kind = STORE_INT, .i = (x)})
#define FLT(x)  ((struct store_value){.kind = STORE_FLOAT, .f = (x)})
#define TXT(x)  ((struct store_value){.kind = STORE_TEXT, .s = str_of(x)})

/* A filter on one field; values follow. */
#define WHERE(op, name, ...) \
    ((struct store_filter){.match = (op), \
                           .fields = (struct str[]){str_of(name)}, \
                           .n_fields = 1, \
                           .values = (struct store_value[]){__VA_ARGS__}, \
                           .n_values = sizeof((struct store_value[]){__VA_ARGS__}) / \
                                       sizeof(struct store_value)})
#define ONE(...) \
    ((struct store_query){.filters = (struct store_filter[]){__VA_ARGS__}, .n_filters = 1})

#endif
