/*
 * lib_pass: password hashes for the user service: each call waits for a hashing thread. A full
 * queue is "busy".
 */
#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/task.h"
#include "core/secure/pass.h"

/* The job is memory of its own: a cancelled one goes on until its thread is through. */
struct pass_wait {
    struct op op;
    struct pass_job job;
};

static void finished(struct pass_job *p) {
    op_finish(&LIST_ENTRY(p, struct pass_wait, job)->op);
}

static bool cancel(struct op *op) {
    jobs_cancel(&((struct pass_wait *)op)->job.job);
    return false; /* its drop comes */
}

static int hash_done(lua_State *L, struct op *op) {
    struct pass_job *p = &((struct pass_wait *)op)->job;
    if (p->result < 0) return op_fail(L, p->result, "the password cannot be hashed");
    lua_pushstring(L, p->phc);
    return 1;
}

static int check_done(lua_State *L, struct op *op) {
    struct pass_job *p = &((struct pass_wait *)op)->job;
    if (p->result < 0 && p->result != -EACCES)
        return op_fail(L, p->result, "the password cannot be checked");
    lua_pushboolean(L, p->result == 0);
    lua_pushboolean(L, p->outdated);
    return 2;
}

static const struct op_kind hash_kind = {
    "pass.hash", sizeof(struct pass_wait), hash_done, cancel, NULL, NULL};
static const struct op_kind check_kind = {
    "pass.check", sizeof(struct pass_wait), check_done, cancel, NULL, NULL};

static int submit(lua_State *L, struct pass_wait *w, struct str password) {
    memcpy(w->job.password, password.p, password.n);
    w->job.password[password.n] = 0;
    w->job.n = password.n;
    w->job.done = finished;
    w->job.drop = finished;
    int rc = pass_submit(&w->job);
    if (rc == 0) return op_await(L, &w->op);
    op_discard(&w->op);
    return op_fail(L, rc, "too many passwords wait to be checked; try again later");
}

static struct str password(lua_State *L) {
    struct str s = lib_str(L, 1);
    luaL_argcheck(L, s.n <= PASS_MAX, 1, "the password is too long");
    return s;
}

/* pass.hash(password) -> phc */
static int l_hash(lua_State *L) {
    struct str s = password(L);
    struct pass_wait *w = op_new(L, &hash_kind);
    w->job.what = PASS_HASH;
    return submit(L, w, s);
}

/* pass.check(password, phc) -> matches, outdated. phc = nil takes the same time and does not match.
 */
static int l_check(lua_State *L) {
    struct str s = password(L);
    struct str phc = lib_opt_str(L, 2, STR(""));
    luaL_argcheck(L, phc.n < sizeof((struct pass_job *)0)->phc, 2, "not a password hash");
    struct pass_wait *w = op_new(L, &check_kind);
    w->job.what = PASS_CHECK;
    if (phc.n) memcpy(w->job.phc, phc.p, phc.n);
    return submit(L, w, s);
}

static int l_max(lua_State *L) {
    lua_pushinteger(L, PASS_MAX);
    return 1;
}

const struct lib_doc lib_pass_docs[] = {
    {"hash", l_hash, "fun(password: string): string?, string?, string?",
     "argon2id of the password, as PHC text. \"busy\" when too many wait."},
    {"check", l_check, "fun(password: string, phc?: string): boolean?, boolean|string?, string?",
     "Whether it matches, and whether the hash should be made anew. Without a hash it takes as "
     "long and does not match."},
    {"max", l_max, "fun(): integer", "The longest password, in bytes."},
    {NULL, NULL, NULL, NULL},
};

int lib_pass(lua_State *L) {
    lib_functions(L, lib_pass_docs);
    return 1;
}
