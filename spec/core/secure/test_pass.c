/* pass: hashes and checks off the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/stat.h"
#include "core/secure/pass.h"
#include "core/secure/seal.h"

/* ---- one job after the other, on a worker that is this thread ----------------------------- */

static struct worker w;
static struct pass_job job;
static int rc;

static void over(struct pass_job *p) {
    worker_stop(&w);
}

static void submit(struct message *m) {
    rc = pass_submit(&job);
    if (rc < 0) worker_stop(&w);
}

static void run_job(void) {
    struct message m = {.deliver = submit};
    struct err e = {0};
    job.done = job.drop = over;
    assert_int_equal(worker_init(&w, 0, &e), 0);
    worker_post(&w, &m);
    worker_run(&w);
    worker_free(&w);
}

static void set_password(const char *password) {
    memset(job.password, 0, sizeof job.password);
    job.n = strlen(password);
    memcpy(job.password, password, job.n);
}

static const char *hash(const char *password) {
    static char phc[sizeof job.phc];
    memset(&job, 0, sizeof job);
    job.what = PASS_HASH;
    set_password(password);
    run_job();
    assert_int_equal(rc, 0);
    assert_int_equal(job.result, 0);
    memcpy(phc, job.phc, sizeof phc);
    return phc;
}

static int check(const char *phc, const char *password) {
    memset(&job, 0, sizeof job);
    job.what = PASS_CHECK;
    set_password(password);
    snprintf(job.phc, sizeof job.phc, "%s", phc);
    run_job();
    assert_int_equal(rc, 0);
    return job.result;
}

static bool wiped(void) {
    for (size_t i = 0; i < sizeof job.password; i++)
        if (job.password[i]) return false;
    return true;
}

static void start(bool cheap) {
    struct err e = {0};
    assert_int_equal(pass_start(1, 10, cheap, &e), 0);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void a_hash_names_its_cost(void **state) {
    start(false);
    assert_true(str_starts(str_of(hash("secret")), STR("$argon2id$v=19$m=19456,t=2,p=1$")));
    pass_stop();
    start(true);
    assert_true(str_starts(str_of(hash("secret")), STR("$argon2id$v=19$m=8,t=1,p=1$")));
    pass_stop();
}

static void the_right_password_passes_and_no_other(void **state) {
    start(true);
    const char *phc = hash("correct horse");
    assert_int_equal(check(phc, "correct horse"), 0);
    assert_false(job.outdated);
    assert_int_equal(check(phc, "correct horsf"), -EACCES);
    assert_int_equal(check(phc, "correct hors"), -EACCES);
    assert_int_equal(check(phc, ""), -EACCES);
    pass_stop();
}

static void the_same_password_hashes_differently_each_time(void **state) {
    start(true);
    char first[sizeof job.phc];
    snprintf(first, sizeof first, "%s", hash("secret"));
    assert_string_not_equal(first, hash("secret"));
    pass_stop();
}

static void a_password_may_hold_any_bytes_up_to_the_limit(void **state) {
    start(true);
    char phc[sizeof job.phc];
    memset(&job, 0, sizeof job);
    job.n = PASS_MAX;
    memset(job.password, 'x', PASS_MAX);
    job.password[3] = '\0';
    run_job();
    assert_int_equal(job.result, 0);
    memcpy(phc, job.phc, sizeof phc);
    for (int last = 'x'; last <= 'y'; last++) {
        job.what = PASS_CHECK;
        memset(job.password, 'x', PASS_MAX);
        job.password[3] = '\0';
        job.password[PASS_MAX - 1] = (char)last;
        run_job();
        assert_int_equal(job.result, last == 'x' ? 0 : -EACCES);
    }
    job.n = PASS_MAX + 1;
    memset(job.password, 'x', sizeof job.password);
    run_job();
    assert_int_equal(rc, -EINVAL);
    assert_true(wiped());
    pass_stop();
}

static void the_password_is_wiped(void **state) {
    start(true);
    const char *phc = hash("secret");
    assert_true(wiped());
    check(phc, "secret");
    assert_true(wiped());
    check(phc, "other");
    assert_true(wiped());
    pass_stop();
}

static void an_unknown_account_costs_a_hash_and_fails(void **state) {
    start(true);
    int64_t before = stat_get(STAT_PASS_HASHES);
    assert_int_equal(check("", "secret"), -EACCES);
    assert_int_equal(check("", ""), -EACCES);
    assert_int_equal(stat_get(STAT_PASS_HASHES) - before, 2);
    pass_stop();
}

static void what_is_no_hash_is_told_apart_from_a_wrong_password(void **state) {
    static const char *bad[] = {"x", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
                                "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$AAAA",
                                "$argon2id$v=19$m=x,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"};
    start(true);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(check(bad[i], "secret"), -EBADMSG);
    pass_stop();
}

static void weaker_hashes_are_outdated_and_stronger_ones_are_not(void **state) {
    char cheap[sizeof job.phc], full[sizeof job.phc];
    start(true);
    snprintf(cheap, sizeof cheap, "%s", hash("secret"));
    pass_stop();
    start(false);
    snprintf(full, sizeof full, "%s", hash("secret"));
    assert_int_equal(check(cheap, "secret"), 0);
    assert_true(job.outdated);
    assert_int_equal(check(cheap, "wrong"), -EACCES);
    assert_false(job.outdated);
    assert_int_equal(check(full, "secret"), 0);
    assert_false(job.outdated);
    pass_stop();
    start(true);
    assert_int_equal(check(full, "secret"), 0);
    assert_false(job.outdated);
    pass_stop();
}

static void a_hash_of_another_program_is_verified(void **state) {
    start(true);
    /* A vector of the reference implementation: "password", "somesalt", 64 MiB, two passes. */
    assert_int_equal(check("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                           "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                           "password"),
                     0);
    pass_stop();
}

/* Less than a hash needs, more than anything else does. */
#define SPARE ((rlim_t)4 << 20)

static rlim_t address_space(void) {
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%llu", &pages), 1);
    fclose(f);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void want_of_memory_is_told_apart_from_a_wrong_password(void **state) {
    struct rlimit before, tight;
    start(false);
    const char *phc = hash("secret");
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    tight = before;
    tight.rlim_cur = address_space() + SPARE;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    int known = check(phc, "secret"), unknown = check("", "secret");
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(known, -ENOMEM);
    assert_int_equal(unknown, -ENOMEM);
    assert_int_equal(check(phc, "secret"), 0);
    pass_stop();
}

/* ---- the queue ---------------------------------------------------------------------------- */

static struct pass_job many[40];
static int accepted, done_jobs, dropped_jobs;

static void one_done(struct pass_job *p) {
    assert_int_equal(p->result, 0);
    if (++done_jobs + dropped_jobs == accepted) worker_stop(&w);
}

static void one_dropped(struct pass_job *p) {
    for (size_t i = 0; i < sizeof p->password; i++)
        assert_int_equal(p->password[i], 0);
    if (done_jobs + ++dropped_jobs == accepted) worker_stop(&w);
}

/* A thread may take one while others are refused: the last one that is in need not be the last. */
static void submit_many(struct message *m) {
    struct pass_job *last = NULL;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        memset(&many[i], 0, sizeof many[i]);
        many[i].done = one_done;
        many[i].drop = one_dropped;
        many[i].n = 6;
        memcpy(many[i].password, "secret", 6);
        int r = pass_submit(&many[i]);
        assert_true(r == 0 || r == ERR_BUSY);
        if (r < 0) {
            assert_int_equal(many[i].password[0], 0);
            continue;
        }
        accepted++;
        last = &many[i];
    }
    assert_non_null(last);
    jobs_cancel(&last->job);
}

static void a_full_queue_refuses_at_once(void **state) {
    struct message m = {.deliver = submit_many};
    struct err e = {0};
    start(false);
    accepted = done_jobs = dropped_jobs = 0;
    assert_int_equal(worker_init(&w, 0, &e), 0);
    worker_post(&w, &m);
    worker_run(&w);
    worker_free(&w);
    pass_stop();
    /* One runs and ten wait; by the time the last was refused a few may have finished. */
    assert_true(accepted >= 10 && accepted < 40);
    assert_int_equal(dropped_jobs, 1);
    assert_int_equal(done_jobs, accepted - 1);
}

static void without_threads_everything_is_refused(void **state) {
    memset(&job, 0, sizeof job);
    set_password("secret");
    run_job();
    assert_int_equal(rc, ERR_BUSY);
    assert_true(wiped());
    pass_stop(); /* twice is fine */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_names_its_cost),
        cmocka_unit_test(the_right_password_passes_and_no_other),
        cmocka_unit_test(the_same_password_hashes_differently_each_time),
        cmocka_unit_test(a_password_may_hold_any_bytes_up_to_the_limit),
        cmocka_unit_test(the_password_is_wiped),
        cmocka_unit_test(an_unknown_account_costs_a_hash_and_fails),
        cmocka_unit_test(what_is_no_hash_is_told_apart_from_a_wrong_password),
        cmocka_unit_test(weaker_hashes_are_outdated_and_stronger_ones_are_not),
        cmocka_unit_test(a_hash_of_another_program_is_verified),
        cmocka_unit_test(want_of_memory_is_told_apart_from_a_wrong_password),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(without_threads_everything_is_refused),
    };
    if (seal_start(NULL) < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
