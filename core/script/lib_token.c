/*
 * lib_token: access tokens for scripts: anybody may verify, only platform services sign. Signing
 * waits for its thread.
 */
#include <sys/time.h>

#include "core/base/mem.h"
#include "core/script/json.h"
#include "core/script/lib.h"
#include "core/script/task.h"
#include "core/secure/token.h"

/* A token being signed. */
struct sign_wait {
    struct op op;
    struct token_job job;
};

static void finished(struct token_job *t) {
    op_finish(&LIST_ENTRY(t, struct sign_wait, job)->op);
}

static bool cancel(struct op *op) {
    jobs_cancel(&((struct sign_wait *)op)->job.job);
    return false; /* its drop comes */
}

static int done(lua_State *L, struct op *op) {
    struct token_job *t = &((struct sign_wait *)op)->job;
    if (t->result < 0) return op_fail(L, t->result, "the token cannot be signed");
    lua_pushlstring(L, t->token.p, t->token.n);
    return 1;
}

static void drop(struct op *op) {
    struct token_job *t = &((struct sign_wait *)op)->job;
    buf_free(&t->token);
    mem_free(t->payload);
}

static const struct op_kind sign_kind = {"token.sign", sizeof(struct sign_wait), done, cancel,
                                         drop};

/* token.sign(claims as JSON text) -> token */
static int l_sign(lua_State *L) {
    if (!vm_of(L)->options.platform) return luaL_error(L, "only platform services sign tokens");
    struct str payload = lib_str(L, 1);
    struct sign_wait *w = op_new(L, &sign_kind);
    w->job.payload = mem_dup(payload);
    w->job.n = payload.n;
    w->job.done = finished;
    w->job.drop = finished;
    int rc = w->job.payload ? token_sign(&w->job) : -ENOMEM;
    if (rc == 0) return op_await(L, &w->op);
    op_discard(&w->op);
    return op_fail(L, rc, "too many tokens wait to be signed; try again later");
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

static void push_claims(lua_State *L, const struct claims *c) {
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
    push_claims(L, *c);
    lua_pushstring(L, status == TOKEN_OK ? "ok" : "expired");
    token_claims_give(*c);
    *c = NULL;
    return 2;
}

const struct lib_doc lib_token_docs[] = {
    {"sign", "fun(claims: string): string?, string?, string?",
     "Signs claims (JSON text) with the host's key; platform services only."},
    {"verify", "fun(token: string): table?, string?, string?",
     "The claims (id, app, slug, device, organization, roles, expires, issued, token) and \"ok\" "
     "or \"expired\"; nil and why when the signature or the form is bad."},
    {NULL, NULL, NULL},
};

int lib_token(lua_State *L) {
    static const luaL_Reg functions[] = {{"sign", l_sign}, {"verify", l_verify}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
