/*
 * token on workers: what they remember of tokens, and signing off the loop.
 */
#include "spec/core/secure/forged.h"

#include <stdio.h>

#include "core/base/stat.h"
#include "core/secure/seal.h"

/* A worker whose thread is this one: `body` runs as its first message. */
static struct worker *w;
static void (*body)(void);

static void run_body(struct message *m) {
    body();
}

static void on_worker(void (*fn)(void)) {
    struct worker here;
    struct message m = {.deliver = run_body};
    struct err e = {0};
    body = fn;
    w = &here;
    assert_int_equal(worker_init(&here, 0, &e), 0);
    worker_post(&here, &m);
    worker_run(&here);
    token_worker_close(&here);
    worker_free(&here);
}

static void fill(struct token_job *t, void (*done)(struct token_job *)) {
    *t = (struct token_job){.n = sizeof CLAIMS - 1, .done = done};
    t->payload = mem_dup(STR(CLAIMS));
}

/* ---- on a worker -------------------------------------------------------------------------- */

static int64_t hits(void) {
    return stat_get(STAT_TOKEN_CACHE_HITS);
}
static int64_t misses(void) {
    return stat_get(STAT_TOKEN_CACHE_MISSES);
}

static void check_cache(void) {
    struct buf t = good_token();
    const struct claims *a, *b, *c;
    struct err e = {0};
    int64_t h = hits(), m = misses();
    assert_int_equal(token_verify(buf_view(&t), NOW, &a, &e), TOKEN_OK);
    assert_int_equal(token_verify(buf_view(&t), NOW, &b, &e), TOKEN_OK);
    assert_ptr_equal(a, b);
    assert_int_equal(token_verify(buf_view(&t), NOW + 1000, &c, &e), TOKEN_EXPIRED);
    assert_ptr_equal(a, c);
    assert_non_null(strstr(e.text, "token is expired"));
    assert_int_equal(hits() - h, 2);
    assert_int_equal(misses() - m, 1);
    token_claims_give(b);
    token_claims_give(c);
    /* A new key empties the cache; claims in use stay. */
    assert_int_equal(token_use(token_test_key(), &e), 0);
    assert_int_equal(token_verify(buf_view(&t), NOW, &b, &e), TOKEN_OK);
    assert_int_equal(misses() - m, 2);
    assert_ptr_not_equal(a, b);
    assert_str(a->slug, "joe");
    token_claims_give(a);
    token_claims_give(b);
    /* What is wrong is never remembered. */
    t.p[t.n - 9] = t.p[t.n - 9] == 'x' ? 'y' : 'x';
    for (int i = 0; i < 3; i++)
        assert_refused(buf_view(&t), "token signature is invalid");
    assert_int_equal(misses() - m, 5);
    assert_int_equal(hits() - h, 2);
    buf_free(&t);
    worker_stop(w);
}

static void a_worker_remembers_verified_tokens_until_the_key_changes(void **state) {
    on_worker(check_cache);
}

static struct buf numbered(int i) {
    struct buf payload, t;
    buf_init(&payload);
    buf_init(&t);
    buf_printf(&payload, "{\"exp\":1900000000,\"jti\":\"%d\"}", i);
    assert_int_equal(token_sign_now(buf_view(&payload), &t, NULL), 0);
    buf_free(&payload);
    return t;
}

static void check_bound(void) {
    struct buf first = numbered(-1), second = numbered(-2);
    assert_status(buf_view(&first), NOW, TOKEN_OK);
    assert_status(buf_view(&second), NOW, TOKEN_OK);
    for (int i = 0; i < TOKEN_CACHE - 1; i++) {
        struct buf t = numbered(i);
        assert_status(buf_view(&t), NOW, TOKEN_OK);
        buf_free(&t);
        if (i % 512 == 0) assert_status(buf_view(&first), NOW, TOKEN_OK); /* stays in use */
    }
    int64_t h = hits(), m = misses();
    assert_status(buf_view(&first), NOW, TOKEN_OK);
    assert_int_equal(hits() - h, 1);
    assert_status(buf_view(&second), NOW, TOKEN_OK);
    assert_int_equal(misses() - m, 1);
    buf_free(&first);
    buf_free(&second);
    worker_stop(w);
}

static void the_least_recently_used_token_is_forgotten_first(void **state) {
    on_worker(check_bound);
}

static void check_cache_without_memory(void) {
    struct buf t = good_token();
    for (int n = 1;; n++) {
        token_worker_close(w);
        const struct claims *c;
        mem_fail_at(n, false);
        enum token_status s = token_verify(buf_view(&t), NOW, &c, NULL);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_true(s == TOKEN_OK || fired);
        token_claims_give(c);
        if (!fired) break;
    }
    buf_free(&t);
    worker_stop(w);
}

static void a_worker_without_memory_verifies_without_a_cache(void **state) {
    on_worker(check_cache_without_memory);
}

/* A worker on a thread of its own that verifies while the key changes. */
struct verifier_thread {
    pthread_t thread;
    struct worker w;
    struct message start;
    struct str token;
};

static void verify_often(struct message *m) {
    struct verifier_thread *t = LIST_ENTRY(m, struct verifier_thread, start);
    for (int i = 0; i < 300; i++) {
        const struct claims *c, *d;
        assert_int_equal(token_verify(t->token, NOW, &c, NULL), TOKEN_OK);
        assert_int_equal(token_verify(t->token, NOW + 1000, &d, NULL), TOKEN_EXPIRED);
        token_claims_give(c);
        token_claims_give(d);
    }
    worker_stop(&t->w);
}

static void *verify_thread(void *arg) {
    struct verifier_thread *t = arg;
    worker_post(&t->w, &t->start);
    worker_run(&t->w);
    token_worker_close(&t->w);
    return NULL;
}

static void workers_verify_while_the_key_changes(void **state) {
    static struct verifier_thread threads[3];
    struct buf t = good_token();
    struct err e = {0};
    for (int i = 0; i < 3; i++) {
        threads[i].start.deliver = verify_often;
        threads[i].token = buf_view(&t);
        assert_int_equal(worker_init(&threads[i].w, i, &e), 0);
        assert_int_equal(pthread_create(&threads[i].thread, NULL, verify_thread, &threads[i]), 0);
    }
    for (int i = 0; i < 50; i++)
        assert_int_equal(token_use(token_test_key(), &e), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i].thread, NULL);
        worker_free(&threads[i].w);
    }
    buf_free(&t);
}

/* ---- signing jobs ------------------------------------------------------------------------- */

static struct token_job job, busy_jobs[1100];
static int finished, dropped;

static void signed_one(struct token_job *t) {
    assert_int_equal(t->result, 0);
    assert_null(t->payload);
    assert_status(buf_view(&t->text), NOW, TOKEN_OK);
    buf_free(&t->text);
    worker_stop(w);
}

static void sign_one(void) {
    fill(&job, signed_one);
    assert_int_equal(token_sign(&job), 0);
}

static void a_job_signs_off_the_loop(void **state) {
    struct err e = {0};
    assert_int_equal(token_start(&e), 0);
    on_worker(sign_one);
    token_stop();
    assert_false(token_ready());
    assert_int_equal(token_use(token_test_key(), &e), 0);
}

static void job_over(struct token_job *t) {
    if (t->result == 0) buf_free(&t->text);
    if (--finished == 0) worker_stop(w);
}

static void job_dropped(struct token_job *t) {
    dropped++;
    job_over(t);
}

static void sign_too_many(void) {
    int refused = 0;
    finished = dropped = 0;
    for (size_t i = 0; i < sizeof busy_jobs / sizeof *busy_jobs; i++) {
        fill(&busy_jobs[i], job_over);
        busy_jobs[i].drop = job_dropped;
        if (token_sign(&busy_jobs[i]) == 0) {
            finished++;
            continue;
        }
        refused++;
        assert_non_null(busy_jobs[i].payload); /* still ours */
        mem_free(busy_jobs[i].payload);
        busy_jobs[i].payload = NULL;
    }
    assert_true(refused > 0);
    jobs_cancel(&busy_jobs[900].job);
}

static void a_full_queue_refuses_and_a_cancelled_job_is_dropped(void **state) {
    assert_int_equal(token_start(NULL), 0);
    on_worker(sign_too_many);
    assert_int_equal(dropped, 1);
    assert_int_equal(finished, 0);
    token_stop();
    assert_int_equal(token_use(token_test_key(), NULL), 0);
}

static void without_a_key_nothing_is_signed_or_verified(void **state) {
    struct buf t = good_token(), out;
    buf_init(&out);
    token_stop();
    assert_false(token_ready());
    assert_int_equal(token_sign_now(STR(CLAIMS), &out, NULL), -ENOENT);
    assert_int_equal(token_public_pem(&out), -ENOENT);
    assert_refused(buf_view(&t), "no key is set");
    buf_free(&t);
    buf_free(&out);
    assert_int_equal(token_use(token_test_key(), NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_remembers_verified_tokens_until_the_key_changes),
        cmocka_unit_test(the_least_recently_used_token_is_forgotten_first),
        cmocka_unit_test(a_worker_without_memory_verifies_without_a_cache),
        cmocka_unit_test(workers_verify_while_the_key_changes),
        cmocka_unit_test(a_job_signs_off_the_loop),
        cmocka_unit_test(a_full_queue_refuses_and_a_cancelled_job_is_dropped),
        cmocka_unit_test(without_a_key_nothing_is_signed_or_verified),
    };
    struct err e = {0};
    if (seal_start(&e) < 0 || token_use(token_test_key(), &e) < 0) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    token_stop();
    return failed;
}
