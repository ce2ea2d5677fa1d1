/*
 * store: the threads around a database. Reads go to a pool of readers, writes to one writer that
 * commits whatever waits as one transaction; answers go home as messages.
 *
 *     worker                         writer
 *     store_submit -> queue (bounded) -> take up to BATCH_MAX
 *                                        begin
 *                                        run, run, run …    each all or nothing
 *                                        commit             the one fsync of the batch
 *     done() <------- mailbox -------- answer everybody
 *
 * Inputs are checked on the thread that submits. Nothing here knows SQL. The writer's thread must
 * never wait for a worker, and no answer leaves before its commit.
 */
#include "core/data/store.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/data/doc.h"
#include "core/data/query.h"
#include "core/data/store_backend.h"

#define BATCH_MAX       256   /* jobs of one transaction */
#define STEPS_MAX       10000 /* steps of one job */
#define INDEXES_MAX     32    /* indexes of one collection */
#define COLLECTION_NAME 100   /* bytes of a collection's name and of the prefix */
#define READERS_MAX     64
#define IDLE_NS         250000000 /* quiet time after which the writer tidies up */

struct store {
    const struct store_backend *backend;
    struct store_db *db; /* the backend's */
    size_t max_result;   /* bytes of one answer */

    struct jobs *pool;           /* the readers */
    struct store_conn **readers; /* a connection for each thread of the pool */
    int n_readers;               /* connections that are open */
    atomic_int readers_taken;    /* connections that a thread of the pool has */

    struct store_conn *writer; /* the writer thread's own */
    pthread_t thread;          /* the writer */
    bool started;              /* it runs */
    bool commits_failing;      /* writer only: the last batch failed, which was logged */

    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t wake;    /* something waits, or stopping */
    struct list queue;      /* struct store_job.link, oldest first */
    int n_queue, max_queue; /* jobs in it, and how many there may be */
    bool sleeping;          /* the writer waits for `wake` */
    bool stopping;          /* finish what waits, take nothing new */
};

/* ---------------------------------------------------------------- answers */

static void finish(struct store_job *j) {
    if (atomic_load_explicit(&j->canceled, memory_order_relaxed))
        j->drop(j);
    else
        j->done(j);
}

static void delivered(struct message *m) {
    finish(LIST_ENTRY(m, struct store_job, msg));
}

static void answer(struct store_job *j) {
    j->msg.deliver = delivered;
    worker_post(j->home, &j->msg);
}

static void fail_job(struct store_job *j, const struct err *e) {
    j->status = e->code;
    j->err = *e;
}

/* ---------------------------------------------------------------- checks */

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static bool is_name(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (!name_char(s.p[i])) return false;
    }
    return s.n <= COLLECTION_NAME;
}

static int check_collection(struct str name, struct err *e) {
    if (name.n && is_name(name)) return 0;
    return err_set(e, -EINVAL,
                   "\"%.*s\" is no name for a collection: letters, digits, '_', '.', '-'",
                   STR_FMT(str_first(name, COLLECTION_NAME)));
}

static int check_index(const struct store_index *x, struct err *e) {
    if (x->n_fields < 1 || x->n_fields > (int)(sizeof x->fields / sizeof *x->fields))
        return err_set(e, -EINVAL, "an index has 1 to 4 fields");
    for (int i = 0; i < x->n_fields; i++) {
        if (query_check_field(x->fields[i], e)) return -EINVAL;
    }
    return 0;
}

static int check_declaration(const struct store_collection *c, struct err *e) {
    if (check_collection(c->name, e)) return -EINVAL;
    if (c->n_indexes < 0 || c->n_indexes > INDEXES_MAX)
        return err_set(e, ERR_LIMIT, "a collection has at most %d indexes", INDEXES_MAX);
    for (int i = 0; i < c->n_indexes; i++) {
        if (check_index(&c->indexes[i], e)) return -EINVAL;
    }
    return 0;
}

static int check_doc(const struct store *s, struct str doc, struct err *e) {
    if (store_row_cost(STR_NONE, doc) + DOC_ID > s->max_result)
        return err_set(e, ERR_LIMIT, "the document is larger than any answer may be");
    return doc_check(doc, e);
}

static int check_step(const struct store *s, const struct store_step *step, struct err *e) {
    bool query = step->what == STORE_DELETE_WHERE || step->what == STORE_CHECK_QUERY;
    bool doc = step->what == STORE_CREATE || step->what == STORE_PUT || step->what == STORE_UPDATE;
    if (check_collection(step->collection->name, e)) return e->code;
    if (query) return step->query ? 0 : err_set(e, -EINVAL, "a step has no query");
    if (doc_check_id(step->id, e)) return e->code;
    return doc ? check_doc(s, step->doc, e) : 0;
}

static int check_steps(struct store_job *j, struct err *e) {
    if (j->n_steps < 0 || j->n_steps > STEPS_MAX)
        return err_set(e, ERR_LIMIT, "a write has at most %d steps", STEPS_MAX);
    for (int i = 0; i < j->n_steps; i++) {
        j->steps[i].result = 0;
        if (!check_step(j->store, &j->steps[i], e)) continue;
        j->failed_step = i;
        return e->code;
    }
    return 0;
}

/* An id that no document can have is not found, which is no error of the caller's. */
static int check_get(const struct store_job *j, struct err *e) {
    if (check_collection(j->collection.name, e)) return e->code;
    if (!doc_check_id(j->id, e)) return 0;
    return err_set(e, -ENOENT, "no document has such an id");
}

static int check_job(struct store_job *j, struct err *e) {
    switch (j->what) {
    case STORE_ENSURE:
        return check_declaration(&j->collection, e);
    case STORE_GET:
        return check_get(j, e);
    case STORE_FIND:
        return check_collection(j->collection.name, e);
    case STORE_WRITE:
        return check_steps(j, e);
    }
    return err_set(e, -EINVAL, "unknown kind of job");
}

/* ---------------------------------------------------------------- readers */

static void *reader_begins(void *arg) {
    struct store *s = arg;
    return s->readers[atomic_fetch_add(&s->readers_taken, 1)];
}

static void run_read(struct job *job, void *context) {
    struct store_job *j = LIST_ENTRY(job, struct store_job, job);
    stat_add(STAT_STORE_READS, 1);
    if (atomic_load_explicit(&j->canceled, memory_order_relaxed))
        j->status = err_set(&j->err, ERR_CANCELED, "cancelled");
    else
        j->status = j->store->backend->read(context, j);
}

static void read_done(struct job *job) {
    finish(LIST_ENTRY(job, struct store_job, job));
}

static int submit_read(struct store_job *j) {
    j->job.run = run_read;
    j->job.done = read_done;
    j->job.drop = read_done;
    return jobs_submit(j->store->pool, &j->job);
}

/* ---------------------------------------------------------------- the writer's queue */

static int submit_write(struct store_job *j) {
    struct store *s = j->store;
    pthread_mutex_lock(&s->lock);
    bool full = s->n_queue >= s->max_queue || s->stopping, wake = !full && s->sleeping;
    if (!full) {
        list_push(&s->queue, &j->link);
        j->waiting = true;
        s->n_queue++;
        if (wake) s->sleeping = false;
    }
    pthread_mutex_unlock(&s->lock);
    if (wake) pthread_cond_signal(&s->wake);
    return full ? ERR_BUSY : 0;
}

/* Sleeps until something waits, the store stops or, after work, it has been quiet for a while. */
static bool wait_for_work(struct store *s, bool after_work) {
    struct timespec until;
    int r = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += IDLE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (list_empty(&s->queue) && !s->stopping && r == 0) {
        s->sleeping = true;
        r = after_work ? pthread_cond_timedwait(&s->wake, &s->lock, &until)
                       : pthread_cond_wait(&s->wake, &s->lock);
    }
    s->sleeping = false;
    return !list_empty(&s->queue);
}

/* Moves what waits into `batch`; 0 = nothing came for a while, -1 = it is over. From here on a job
 * can no longer be taken back. */
static int take_batch(struct store *s, struct store_job **batch, bool after_work) {
    int n = 0;
    pthread_mutex_lock(&s->lock);
    if (!wait_for_work(s, after_work) && s->stopping) n = -1;
    while (n >= 0 && n < BATCH_MAX && !list_empty(&s->queue)) {
        batch[n] = LIST_ENTRY(list_pop(&s->queue), struct store_job, link);
        batch[n++]->waiting = false;
        s->n_queue--;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---------------------------------------------------------------- the writer */

static int n_steps(const struct store_job *j) {
    return j->what == STORE_WRITE ? j->n_steps : 0;
}

static int64_t steps_of(struct store_job **batch, int n) {
    int64_t steps = 0;
    for (int i = 0; i < n; i++)
        steps += n_steps(batch[i]);
    return steps;
}

/* Runs every job; 0 even if some of them failed for themselves. */
static int run_batch(struct store *s, struct store_job **batch, int n, struct err *e) {
    for (int i = 0; i < n; i++) {
        bool broken;
        struct store_job *j = batch[i];
        j->status = s->backend->run(s->writer, j, &broken);
        if (!broken) continue;
        *e = j->err;
        return e->code;
    }
    return 0;
}

/* Nothing of the batch happened, whatever its jobs believe. */
static void fail_batch(struct store_job **batch, int n, const struct err *e) {
    for (int i = 0; i < n; i++) {
        fail_job(batch[i], e);
        batch[i]->failed_step = -1;
        for (int k = 0; k < n_steps(batch[i]); k++)
            batch[i]->steps[k].result = 0;
    }
}

/* Says it once when writing stops to work and once when it works again. */
static void note_health(struct store *s, int code, const struct err *e) {
    bool failing = code != 0;
    if (failing && !s->commits_failing) log_error("the store cannot write", LOGZ("why", e->text));
    if (!failing && s->commits_failing) log_info("the store can write again");
    s->commits_failing = failing;
}

static void write_batch(struct store *s, struct store_job **batch, int n) {
    struct err e = {0};
    int code = s->backend->begin(s->writer, steps_of(batch, n), &e);
    if (!code) code = run_batch(s, batch, n, &e);
    if (!code) code = s->backend->commit(s->writer, &e);
    if (code) {
        s->backend->rollback(s->writer);
        fail_batch(batch, n, &e);
    } else {
        stat_add(STAT_STORE_COMMITS, 1);
    }
    note_health(s, code, &e);
    stat_add(STAT_STORE_WRITES, n);
    for (int i = 0; i < n; i++) {
        if (batch[i]->status == ERR_CONFLICT) stat_add(STAT_STORE_CONFLICTS, 1);
        answer(batch[i]);
    }
}

static void *writer_main(void *arg) {
    struct store *s = arg;
    struct store_job *batch[BATCH_MAX];
    bool after_work = true;
    for (;;) {
        int n = take_batch(s, batch, after_work);
        if (n < 0) return NULL;
        if (n) write_batch(s, batch, n);
        s->backend->tidy(s->writer, n == 0);
        after_work = n > 0;
    }
}

/* ---------------------------------------------------------------- jobs */

int store_submit(struct store_job *j) {
    struct err e = {0};
    int code;
    j->home = worker_self();
    assert(j->home && j->store && j->done);
    atomic_store_explicit(&j->canceled, false, memory_order_relaxed);
    list_init(&j->link);
    j->waiting = false;
    j->status = 0;
    j->failed_step = -1;
    j->err = (struct err){0};
    j->rows = NULL;
    j->n_rows = 0;
    j->count = 0;
    j->digest = 0;
    if (check_job(j, &e)) {
        fail_job(j, &e);
        j->job.pool = NULL;
        answer(j);
        return 0;
    }
    bool write = j->what == STORE_WRITE || j->what == STORE_ENSURE;
    code = write ? submit_write(j) : submit_read(j);
    if (code == ERR_BUSY) stat_add(STAT_STORE_BUSY, 1);
    return code;
}

/* A job that left the queue is not looked for: its store may be closed and gone by now. */
static bool take_back(struct store_job *j) {
    struct store *s = j->store;
    if (!atomic_load(&j->waiting)) return false;
    pthread_mutex_lock(&s->lock);
    bool waiting = j->waiting;
    if (waiting) {
        list_unlink(&j->link);
        j->waiting = false;
        s->n_queue--;
    }
    pthread_mutex_unlock(&s->lock);
    return waiting;
}

void store_cancel(struct store_job *j) {
    assert(j->home == worker_self() && j->drop);
    /* A read that runs looks at this between its steps. */
    atomic_store_explicit(&j->canceled, true, memory_order_relaxed);
    if (j->what == STORE_GET || j->what == STORE_FIND) {
        if (j->job.pool) jobs_cancel(&j->job);
    } else if (take_back(j)) {
        answer(j);
    }
}

/* ---------------------------------------------------------------- open and close */

static int check_options(const struct store_options *o, struct err *e) {
    if (!is_name(str_of(o->prefix)))
        return err_set(e, -EINVAL,
                       "the prefix of collections may have letters, digits, '_', '.', "
                       "'-'; at most %d",
                       COLLECTION_NAME);
    if (o->readers < 1 || o->readers > READERS_MAX)
        return err_set(e, -EINVAL, "a store has 1 to %d readers", READERS_MAX);
    if (o->queue < 1) return err_set(e, -EINVAL, "a store needs room for at least one job");
    if (o->max_result < 4096) return err_set(e, -EINVAL, "answers need room for 4096 bytes");
    return 0;
}

static void init_sync(struct store *s) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->queue);
}

static int connect_all(struct store *s, int readers, struct err *e) {
    s->writer = s->backend->connect(s->db, true, e);
    if (!s->writer) return -1;
    s->readers = mem_zalloc((size_t)readers * sizeof *s->readers);
    if (!s->readers) return err_set(e, -ENOMEM, "out of memory");
    for (; s->n_readers < readers; s->n_readers++) {
        s->readers[s->n_readers] = s->backend->connect(s->db, false, e);
        if (!s->readers[s->n_readers]) return -1;
    }
    return 0;
}

static int start_threads(struct store *s, int queue, struct err *e) {
    s->pool = jobs_start("store-read", s->n_readers, queue, reader_begins, NULL, s, e);
    if (!s->pool) return -1;
    int r = worker_thread(&s->thread, "store-write", writer_main, s);
    if (r < 0) return err_set(e, r, "cannot start the store's writer: %s", uv_strerror(r));
    s->started = true;
    return 0;
}

static void stop_threads(struct store *s) {
    if (s->pool) jobs_stop(s->pool);
    if (!s->started) return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    pthread_cond_signal(&s->wake);
    pthread_join(s->thread, NULL);
}

struct store *store_open(const struct store_options *o, struct err *e) {
    if (check_options(o, e)) return NULL;
    struct store *s = mem_zalloc(sizeof *s);
    if (!s) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    init_sync(s);
    s->backend = &store_sqlite;
    s->max_queue = o->queue;
    s->max_result = o->max_result;
    s->db = s->backend->open(o, e);
    if (!s->db || connect_all(s, o->readers, e) || start_threads(s, o->queue, e)) {
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s) {
    if (!s) return;
    stop_threads(s);
    for (int i = 0; i < s->n_readers; i++)
        s->backend->disconnect(s->readers[i]);
    if (s->writer) s->backend->disconnect(s->writer);
    if (s->db) s->backend->close(s->db);
    mem_free(s->readers);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
