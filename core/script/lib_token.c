/*
 * lib_token: access tokens for scripts: anybody may verify; only platform services sign and see to
 * keys. Signing and making a key wait for their thread.
 */
#include <sys/time.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/script/json.h"
#include "core/script/lib.h"
#include "core/script/task.h"
#include "core/secure/seal.h"
#include "core/secure/token.h"

/* A token being signed, a key being made. */
struct token_wait {
    struct op op;
    struct token_job job;
};

static struct token_job *job_of(struct op *op) {
    return &((struct token_wait *)op)->job;
}

static void finished(struct token_job *t) {
    op_finish(&LIST_ENTRY(t, struct token_wait, job)->op);
}

static bool cancel(struct op *op) {
    jobs_cancel(&job_of(op)->job);
    return false; /* its drop comes */
}

static int sign_done(lua_State *L, struct op *op) {
    struct token_job *t = job_of(op);
    if (t->result < 0) return op_fail(L, t->result, "the token cannot be signed");
    lua_pushlstring(L, t->text.p, t->text.n);
    return 1;
}

static int make_key_done(lua_State *L, struct op *op) {
    struct token_job *t = job_of(op);
    if (t->result < 0) return op_fail(L, t->result, "the key cannot be made");
    lua_pushlstring(L, t->text.p, t->text.n);
    return 1;
}

static void drop(struct op *op) {
    struct token_job *t = job_of(op);
    if (t->text.p) seal_wipe(t->text.p, t->text.n);
    buf_free(&t->text);
    mem_free(t->payload);
}

static const struct op_kind sign_kind = {
    "token.sign", sizeof(struct token_wait), sign_done, cancel, drop, NULL};
static const struct op_kind make_key_kind = {
    "token.make_key", sizeof(struct token_wait), make_key_done, cancel, drop, NULL};

static void platform_only(lua_State *L, const char *what) {
    if (!vm_of(L)->options.platform) luaL_error(L, "token.%s is for platform services only", what);
}

static struct token_wait *wait_new(lua_State *L, const struct op_kind *kind) {
    struct token_wait *w = op_new(L, kind);
    w->job.done = finished;
    w->job.drop = finished;
    return w;
}

/* token.sign(claims as JSON text) -> token */
static int l_sign(lua_State *L) {
    platform_only(L, "sign");
    struct str payload = lib_str(L, 1);
    struct token_wait *w = wait_new(L, &sign_kind);
    w->job.payload = mem_dup(payload);
    w->job.n = payload.n;
    int rc = w->job.payload ? token_sign(&w->job) : -ENOMEM;
    if (rc == 0) return op_await(L, &w->op);
    op_discard(&w->op);
    return op_fail(L, rc, "too many tokens wait to be signed; try again later");
}

/* token.make_key() -> private PEM. Test mode has a published one at once. */
static int l_make_key(lua_State *L) {
    platform_only(L, "make_key");
    if (conf.test) {
        struct str key = token_test_key();
        lua_pushlstring(L, key.p, key.n);
        return 1;
    }
    struct token_wait *w = wait_new(L, &make_key_kind);
    int rc = token_make_key(&w->job);
    if (rc == 0) return op_await(L, &w->op);
    op_discard(&w->op);
    return op_fail(L, rc, "too many tokens wait to be signed; try again later");
}

/* token.use_key(pem) -> public PEM: the key that signs and verifies tokens from now on. */
static int l_use_key(lua_State *L) {
    platform_only(L, "use_key");
    struct err e = {0};
    int rc = token_use(lib_str(L, 1), &e);
    if (rc < 0) return op_fail(L, rc, e.text);
    struct buf pem;
    buf_init(&pem);
    token_public_pem(&pem);
    luaL_Buffer b;
    char *p = luaL_buffinitsize(L, &b, 4096);
    size_t n = pem.n < 4096 ? pem.n : 0;
    if (n) memcpy(p, pem.p, n);
    buf_free(&pem);
    luaL_pushresultsize(&b, n);
    return 1;
}

static double now(void) {
    struct timeval tv;
    gettimeofday(&tv, NULL);
    return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static void set(lua_State *L, const char *name, struct str s) {
    if (s.n == 0) return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

void lib_push_claims(lua_State *L, const struct claims *c) {
    lua_createtable(L, 0, 9);
    set(L, "id", c->user);
    set(L, "app", c->app);
    set(L, "slug", c->slug);
    set(L, "device", c->device);
    set(L, "organization", c->organization);
    set(L, "token", c->id);
    lua_pushinteger(L, c->expires);
    lua_setfield(L, -2, "expires");
    lua_pushinteger(L, c->issued);
    lua_setfield(L, -2, "issued");
    lua_createtable(L, c->n_roles, 0);
    for (int i = 0; i < c->n_roles; i++) {
        lua_pushlstring(L, c->roles[i].p, c->roles[i].n);
        lua_rawseti(L, -2, i + 1);
    }
    json_mark_list(L, -1);
    lua_setfield(L, -2, "roles");
}

/* What is read of a token is held by userdata while Lua values are made of it. */
static int give_claims(lua_State *L) {
    const struct claims **c = lua_touserdata(L, 1);
    if (*c) token_claims_give(*c);
    *c = NULL;
    return 0;
}

/* token.verify(text) -> claims, "ok" | "expired"; or nil, message, "invalid" */
static int l_verify(lua_State *L) {
    struct str text = lib_str(L, 1);
    struct err e = {0};
    const struct claims **c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = NULL;
    if (luaL_newmetatable(L, "host.claims")) {
        lua_pushcfunction(L, give_claims);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    enum token_status status = token_verify(text, now(), c, &e);
    if (status == TOKEN_INVALID) return op_fail(L, -EINVAL, e.text);
    lib_push_claims(L, *c);
    lua_pushstring(L, status == TOKEN_OK ? "ok" : "expired");
    token_claims_give(*c);
    *c = NULL;
    return 2;
}

const struct lib_doc lib_token_docs[] = {
    {"sign", l_sign, "fun(claims: string): string?, string?, string?",
     "Signs claims (JSON text) with the host's key; platform services only."},
    {"make_key", l_make_key, "fun(): string?, string?, string?",
     "A new private RSA key as PEM; platform services only."},
    {"use_key", l_use_key, "fun(pem: string): string?, string?, string?",
     "Makes it the key of all tokens; the public key as PEM; platform services only."},
    {"verify", l_verify, "fun(token: string): table?, string?, string?",
     "The claims (id, app, slug, device, organization, roles, expires, issued, token) and \"ok\" "
     "or \"expired\"; nil and why when the signature or the form is bad."},
    {NULL, NULL, NULL, NULL},
};

int lib_token(lua_State *L) {
    lib_functions(L, lib_token_docs);
    return 1;
}
