/*
 * What was acknowledged survives kill -9.
 *
 * A child writes with many jobs outstanding and reports each answered job through a pipe; the
 * parent kills it at a random moment, opens the file and looks for everything that was reported.
 * The file lives through all rounds. MOONBUS_ROUNDS sets their number (20).
 */
#include "spec/core/data/store_spec.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

enum { OUTSTANDING = 32 };

/* What the child says: this job was answered with success. */
struct report {
    int number;
    int64_t rev;
};

/* ---------------------------------------------------------------- the child */

struct writing {
    struct store_job j;
    struct store_collection left, right;
    struct store_step steps[3];
    char id[32], previous[32], doc[300];
    struct report report;
};

static int next_number, pipe_out;

static void start(struct writing *w);

static void answered(struct store_job *j) {
    struct writing *w = (struct writing *)(void *)j;
    if (j->status) _exit(2);
    w->report.rev = w->steps[0].result;
    if (write(pipe_out, &w->report, sizeof w->report) != sizeof w->report) _exit(3);
    start(w);
}

/* Two documents that belong together, and one that is replaced all the time. */
static void start(struct writing *w) {
    int n = next_number++;
    w->report.number = n;
    snprintf(w->id, sizeof w->id, "w%d", n);
    snprintf(w->doc, sizeof w->doc, "{\"n\":%d,\"slug\":\"s%d\",\"fill\":\"%*d\"}", n, n,
             1 + n % 200, 1);
    w->left = named("left");
    w->right = named("right");
    for (int i = 0; i < 3; i++)
        w->steps[i] = (struct store_step){.what = i < 2 ? STORE_CREATE : STORE_PUT,
                                          .collection = i == 1 ? &w->right : &w->left,
                                          .id = i < 2 ? str_of(w->id) : STR("last"),
                                          .doc = i < 2 ? str_of(w->doc) : STR("{}")};
    w->j.store = store;
    w->j.what = STORE_WRITE;
    w->j.steps = w->steps;
    w->j.n_steps = 3;
    w->j.done = answered;
    if (store_submit(&w->j)) _exit(4);
}

static void child(int first) {
    static struct writing all[OUTSTANDING];
    static struct worker mine;
    struct err e = {0};
    struct store_options o = usual(in_folder("a.db"));
    here = &mine;
    if (worker_init(here, -1, &e) || !(store = store_open(&o, &e))) _exit(5);
    struct store_index slug = {.fields = {STR("slug")}, .n_fields = 1, .unique = true};
    struct store_collection c = {.name = STR("left"), .indexes = &slug, .n_indexes = 1};
    if (ensure(c) || ensure(named("right"))) _exit(6);
    next_number = first;
    for (int i = 0; i < OUTSTANDING; i++)
        start(&all[i]);
    uv_run(&here->loop, UV_RUN_DEFAULT);
    _exit(7);
}

/* ---------------------------------------------------------------- the parent */

static struct {
    struct report *all;
    int n, cap;
} reports;

static void remember(const struct report *r) {
    if (reports.n == reports.cap) {
        reports.cap = reports.cap ? reports.cap * 2 : 1024;
        reports.all = realloc(reports.all, (size_t)reports.cap * sizeof *reports.all);
    }
    reports.all[reports.n++] = *r;
}

/* Lets a child write until it reported `enough` jobs or is killed after `us` without any. */
static void one_life(int first, int enough) {
    int fd[2];
    struct report r;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        pipe_out = fd[1];
        child(first);
    }
    close(fd[1]);
    for (int i = 0; i < enough && read(fd[0], &r, sizeof r) == sizeof r; i++)
        remember(&r);
    if (enough == 0) usleep(rnd(20000));
    kill(pid, SIGKILL);
    while (read(fd[0], &r, sizeof r) == sizeof r)
        remember(&r);
    int status;
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status)) fail_msg("the child ended with %d", WEXITSTATUS(status));
    close(fd[0]);
}

static void assert_intact(void) {
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(in_folder("a.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static struct call *everything(const char *name) {
    struct call *call = call_new(STORE_FIND);
    call->j.collection = named(name);
    assert_int_equal(call_run(call), 0);
    return call;
}

static int number_of(struct str id) {
    int n;
    char text[32];
    snprintf(text, sizeof text, "%.*s", STR_FMT(id));
    return sscanf(text, "w%d", &n) == 1 ? n : -1;
}

/* Everything reported is there, and what came in pairs is there in pairs. */
static void assert_nothing_lost(void) {
    struct store_options o = usual(in_folder("a.db"));
    o.max_result = (size_t)1 << 30;
    assert_int_equal(open_with(o), 0);
    assert_int_equal(ensure(named("left")), 0);
    assert_int_equal(ensure(named("right")), 0);
    struct call *left = everything("left"), *right = everything("right");
    int most = 0, highest = 0;
    for (int i = 0; i < left->j.n_rows; i++)
        if (number_of(left->j.rows[i].id) > highest) highest = number_of(left->j.rows[i].id);
    for (int i = 0; i < reports.n; i++)
        if (reports.all[i].number > highest) highest = reports.all[i].number;
    int64_t *revs = calloc((size_t)highest + 1, sizeof *revs), newest = 0;
    for (int i = 0; i < left->j.n_rows; i++) {
        int n = number_of(left->j.rows[i].id);
        if (n >= 0) revs[n] = left->j.rows[i].rev;
        most += n >= 0;
    }
    for (int i = 0; i < reports.n; i++) {
        if (revs[reports.all[i].number] != reports.all[i].rev)
            fail_msg("job %d was answered and is lost", reports.all[i].number);
        if (reports.all[i].rev > newest) newest = reports.all[i].rev;
    }
    assert_int_equal(right->j.n_rows, most);
    for (int i = 0; i < right->j.n_rows; i++)
        assert_true(revs[number_of(right->j.rows[i].id)] != 0);
    assert_true(create("right", "new", "{}") > newest);
    assert_int_equal(step(STORE_DELETE, "right", "new", "", 0, NULL), 0);
    call_free(left);
    call_free(right);
    free(revs);
    close_store();
    assert_intact();
}

static void acknowledged_writes_survive_kill_9(void **state) {
    const char *text = getenv("MOONBUS_ROUNDS");
    int rounds = text ? atoi(text) : 20, before = 0;
    (void)state;
    chance = (unsigned long long)getpid();
    for (int i = 0; i < rounds; i++) {
        one_life(i * 1000000, i % 5 == 4 ? 0 : (int)rnd(700));
        assert_nothing_lost();
        alarm(PATIENCE_S);
    }
    before = reports.n;
    assert_true(before > 0);
    free(reports.all);
}

int main(void) {
    const struct CMUnitTest tests[] = {SPEC(acknowledged_writes_survive_kill_9)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
