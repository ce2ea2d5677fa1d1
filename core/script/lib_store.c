/*
 * lib_store: the store as Lua sees it from below: ensure, get, find, write. lua/store.lua makes
 * collections of it. Queries and steps are copied into the job before it starts, rows are decoded
 * when they come back, in the task. Collections of a service are its own: their names begin with
 * its host name.
 */
#include <stdio.h>

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/script/host.h"
#include "core/script/json.h"
#include "core/script/lib.h"
#include "core/script/resident.h"
#include "core/script/serve.h"
#include "core/script/task.h"

#define MAX_STEPS   1000
#define MAX_FILTERS 100
#define MAX_VALUES  10000
#define MAX_DEPTH   8

/* A job with the op that waits for it. */
struct store_wait {
    struct op op;
    size_t held; /* bytes of the job's arena that the vm counts */
    struct store_job job;
};

/* ---- from Lua into the job's arena; all of it may throw, before the op exists ---- */

#define NO_ROOM "the service has too many bytes of store requests under way; try again later"
#define ROOM    16 /* bytes that an arena may add to align a piece */

/* The arena of a job that is still being read from Lua. */
struct scratch {
    struct arena arena; /* first: the rest of this file knows that only */
    size_t held;        /* bytes of it that the vm counts */
    int slot;           /* where on the stack this is */
};

/* One table may be in many steps and a text in many queries: what is copied counts. */
static void *room(lua_State *L, struct arena *a, size_t n) {
    if (!vm_hold(vm_of(L), n + ROOM)) serve_raise(L, 503, STR(NO_ROOM));
    ((struct scratch *)a)->held += n + ROOM;
    void *p = arena_zalloc(a, n ? n : 1);
    if (!p) luaL_error(L, "not enough memory");
    return p;
}

static struct str copy(lua_State *L, struct arena *a, int index) {
    size_t n;
    const char *p = luaL_checklstring(L, index, &n);
    char *to = room(L, a, n + 1);
    memcpy(to, p, n);
    return str_make(to, n);
}

static const char *owner_of(const struct vm *vm) {
    const struct resident *r = vm->owner;
    return r && r->host[0] ? r->host : vm->options.name;
}

static const char *owner(lua_State *L) {
    return owner_of(vm_of(L));
}

/* "<host>.<name>" */
static struct str collection_name(lua_State *L, struct arena *a, int index) {
    struct str name = lib_str(L, index);
    struct str full = arena_printf(a, "%s.%.*s", owner(L), STR_FMT(name));
    if (!full.p) luaL_error(L, "not enough memory");
    for (char *p = (char *)full.p; p < full.p + full.n - name.n; p++)
        if (*p == '/') *p = '.'; /* a spec goes by its folder */
    return full;
}

static struct store_value value(lua_State *L, struct arena *a, int index) {
    struct store_value v = {.kind = STORE_NULL};
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        v.kind = STORE_BOOL;
        v.b = lua_toboolean(L, index);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            v.kind = STORE_INT;
            v.i = lua_tointeger(L, index);
        } else {
            v.kind = STORE_FLOAT;
            v.f = lua_tonumber(L, index);
        }
        break;
    case LUA_TSTRING:
        v.kind = STORE_TEXT;
        v.s = copy(L, a, index);
        break;
    default:
        if (!lua_isnoneornil(L, index) && !json_is_null(L, index))
            lib_error(L, "a query compares with nil, booleans, numbers and strings, not with a %s",
                      luaL_typename(L, index));
    }
    return v;
}

/* A table must have no fields but these (ended by NULL). A typo would otherwise be a condition
 * less: documents would be found, or deleted, that were not meant. */
static void only_fields(lua_State *L, int index, const char *const *names, const char *what) {
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const char *const *name = names;
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            lib_error(L, "%s has named fields; are braces missing or too many?", what);
        while (*name && strcmp(*name, lua_tostring(L, -1)) != 0)
            name++;
        if (*name) continue;
        char known[256];
        size_t n = 0;
        for (name = names; *name; name++)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", *name);
        lib_error(L, "%s has no field \"%s\"; there are %s", what, lua_tostring(L, -1), known);
    }
}

static int length(lua_State *L, int index, int max, const char *what) {
    if (!lua_istable(L, index))
        lib_error(L, "%s must be a list, not a %s", what, luaL_typename(L, index));
    lua_Integer n = luaL_len(L, index);
    if (n < 0 || n > max) lib_error(L, "more than %d %s", max, what);
    return (int)n;
}

/* The length of a list that has nothing beside its items. */
static int list_length(lua_State *L, int index, int max, const char *what) {
    int n = length(L, index, max, what);
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1))
            lib_error(L, "%s must be a list, and this one has a field \"%s\"; are braces missing?",
                      what, luaL_tolstring(L, -1, NULL));
    }
    return n;
}

/* A list of values at the top of the stack; pops it. */
static const struct store_value *values(lua_State *L, struct arena *a, int *n) {
    *n = list_length(L, -1, MAX_VALUES, "values");
    struct store_value *v = room(L, a, (size_t)*n * sizeof *v);
    for (int i = 0; i < *n; i++) {
        lua_rawgeti(L, -1, i + 1);
        v[i] = value(L, a, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return v;
}

static enum store_match match_of(lua_State *L, struct str op) {
    static const char *const names[] = {"equals",     "isInList", "intersects", "containsSubstring",
                                        "startsWith", "or"};
    for (int i = 0; i < 6; i++)
        if (str_eq(op, str_of(names[i]))) return (enum store_match)i;
    lib_error(L,
              "unknown filter op \"%s\"; there are equals, isInList, intersects, "
              "containsSubstring, startsWith and or",
              op.p);
    return STORE_EQUALS;
}

static const struct store_filter *filters(lua_State *L, struct arena *a, int *n, int depth);

static void filter(lua_State *L, struct arena *a, struct store_filter *f, int depth) {
    static const char *const names[] = {"op", "fields", "value", "values", "filters", NULL};
    if (!lua_istable(L, -1))
        lib_error(L, "a filter must be a table, not a %s", luaL_typename(L, -1));
    only_fields(L, -1, names, "a filter");
    lua_getfield(L, -1, "op");
    if (!lua_isstring(L, -1)) lib_error(L, "a filter needs an op");
    f->match = match_of(L, copy(L, a, -1));
    lua_pop(L, 1);
    if (f->match == STORE_OR) {
        lua_getfield(L, -1, "filters");
        f->sub = filters(L, a, &f->n_sub, depth + 1);
        return;
    }
    lua_getfield(L, -1, "fields");
    int n = list_length(L, -1, MAX_FILTERS, "fields");
    if (n == 0) lib_error(L, "a filter needs fields");
    struct str *fields = room(L, a, (size_t)n * sizeof *fields);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        fields[i] = copy(L, a, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    f->fields = fields;
    f->n_fields = n;
    if (lua_getfield(L, -1, "values") == LUA_TTABLE) {
        f->values = values(L, a, &f->n_values);
        return;
    }
    lua_pop(L, 1);
    struct store_value *one = room(L, a, sizeof *one);
    lua_getfield(L, -1, "value");
    *one = value(L, a, -1);
    lua_pop(L, 1);
    f->values = one;
    f->n_values = 1;
}

/* A list of filters (or nil) at the top of the stack; pops it. */
static const struct store_filter *filters(lua_State *L, struct arena *a, int *n, int depth) {
    *n = 0;
    if (depth > MAX_DEPTH) lib_error(L, "filters nested too deeply");
    luaL_checkstack(L, 8, "filters");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return NULL;
    }
    *n = list_length(L, -1, MAX_FILTERS, "filters");
    struct store_filter *f = room(L, a, (size_t)*n * sizeof *f);
    for (int i = 0; i < *n; i++) {
        lua_rawgeti(L, -1, i + 1);
        filter(L, a, &f[i], depth);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return f;
}

/* "field", or { "field", desc = true } */
static void order(lua_State *L, struct arena *a, struct store_order *o) {
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "desc");
        o->desc = lua_toboolean(L, -1);
        lua_getfield(L, -2, "random");
        o->random = lua_toboolean(L, -1);
        lua_pop(L, 2);
        lua_rawgeti(L, -1, 1);
        o->field = copy(L, a, -1);
        lua_pop(L, 1);
    } else {
        o->field = copy(L, a, -1);
    }
}

/* order_by: one order ("a", {"a", desc = true}) or a list of them ({{"a"}, {"b", desc = true}}). */
static const struct store_order *orders(lua_State *L, struct arena *a, int *n) {
    *n = 0;
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return NULL;
    }
    bool many = false;
    if (lua_istable(L, -1)) {
        lua_rawgeti(L, -1, 1);
        many = lua_istable(L, -1);
        lua_pop(L, 1);
    }
    *n = many ? length(L, -1, 8, "orders") : 1;
    struct store_order *o = room(L, a, (size_t)*n * sizeof *o);
    for (int i = 0; i < *n; i++) {
        if (many) lua_rawgeti(L, -1, i + 1);
        order(L, a, &o[i]);
        if (many) lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return o;
}

static void query(lua_State *L, struct arena *a, int index, struct store_query *q) {
    *q = (struct store_query){.limit = 0};
    static const char *const names[] = {"filters", "order_by", "after", "limit", "count", NULL};
    if (lua_isnoneornil(L, index)) return;
    if (!lua_istable(L, index))
        lib_error(L, "a query must be a table, not a %s", luaL_typename(L, index));
    only_fields(L, index, names, "a query");
    lua_getfield(L, index, "filters");
    q->filters = filters(L, a, &q->n_filters, 0);
    lua_getfield(L, index, "order_by");
    q->orders = orders(L, a, &q->n_orders);
    if (lua_getfield(L, index, "after") == LUA_TTABLE)
        q->after = values(L, a, &q->n_after);
    else
        lua_pop(L, 1);
    if (q->n_after && q->n_after != q->n_orders)
        lib_error(L, "after needs one value for each field of order_by");
    lua_getfield(L, index, "limit");
    q->limit = luaL_optinteger(L, -1, 0);
    if (q->limit < 0) lib_error(L, "limit must not be negative");
    lua_getfield(L, index, "count");
    q->count = lua_toboolean(L, -1);
    lua_pop(L, 2);
}

/* ---- jobs ---- */

/* What was read is there already, with what it takes to find it: no more than that, and nothing of
 * it, when the service has no room. */
static void count_result(struct store_wait *w) {
    struct store_job *j = &w->job;
    size_t total = j->arena.total;
    if (total <= w->held || j->what == STORE_WRITE) return;
    if (vm_hold(w->op.vm, total - w->held)) {
        w->held = total;
        return;
    }
    j->rows = NULL;
    j->n_rows = 0;
    j->collection.name = STR("");
    j->status = ERR_LIMIT;
    snprintf(j->err.text, sizeof j->err.text, "%s", NO_ROOM);
    arena_free(&j->arena);
}

static void finished(struct store_job *j) {
    count_result(LIST_ENTRY(j, struct store_wait, job));
    op_finish(&LIST_ENTRY(j, struct store_wait, job)->op);
}

static bool cancel(struct op *op) {
    store_cancel(&((struct store_wait *)op)->job);
    return false; /* finished() comes as its drop */
}

static void drop(struct op *op) {
    vm_release(op->vm, ((struct store_wait *)op)->held);
    arena_free(&((struct store_wait *)op)->job.arena);
}

/* The arena starts as userdata-owned scratch, so that an error while reading arguments loses
 * nothing, and gives back at once what it took. */
static int free_scratch(lua_State *L) {
    struct scratch *s = lua_touserdata(L, 1);
    arena_free(&s->arena);
    vm_release(vm_of(L), s->held);
    s->held = 0;
    return 0;
}

static struct arena *scratch(lua_State *L) {
    struct scratch *s = lua_newuserdatauv(L, sizeof *s, 0);
    arena_init(&s->arena, 1024);
    s->held = 0;
    s->slot = lua_gettop(L);
    if (luaL_newmetatable(L, "host.store.scratch")) {
        lua_pushcfunction(L, free_scratch);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, free_scratch);
        lua_setfield(L, -2, "__close");
    }
    lua_setmetatable(L, -2);
    lua_toclose(L, -1);
    return &s->arena;
}

/* Makes the op, which takes the arena over. */
static struct store_wait *begin(lua_State *L, const struct op_kind *kind, struct arena *a) {
    struct scratch *s = (struct scratch *)a;
    struct store_wait *w = op_new(L, kind);
    w->held = s->held;
    s->held = 0;
    w->job.store = host.store;
    w->job.job.owner = map_hash(str_of(w->op.vm->options.name)) | 1;
    w->job.arena = *a;
    arena_init(a, 64);
    w->job.done = finished;
    w->job.drop = finished;
    lua_closeslot(L, s->slot);
    return w;
}

static int submit(lua_State *L, struct store_wait *w) {
    int rc = store_submit(&w->job);
    if (rc == 0) return op_await(L, &w->op);
    op_discard(&w->op);
    return op_fail(L, rc, "the database is busy");
}

static int job_failed(lua_State *L, const struct store_job *j) {
    return op_fail(L, j->status, j->err.text[0] ? j->err.text : err_name(j->status));
}

static int ensure_done(lua_State *L, struct op *op) {
    struct store_job *j = &((struct store_wait *)op)->job;
    if (j->status < 0) return job_failed(L, j);
    lua_pushboolean(L, 1);
    return 1;
}

static void push_row(lua_State *L, const struct store_row *row) {
    size_t at;
    const char *why;
    if (json_decode(L, row->doc, &json_default, NULL, &at, &why) < 0)
        luaL_error(L, "document %s is damaged: %s", row->id.p, why);
}

static int get_done(lua_State *L, struct op *op) {
    struct store_job *j = &((struct store_wait *)op)->job;
    if (j->status == -ENOENT) {
        lua_pushnil(L);
        return 1;
    }
    if (j->status < 0) return job_failed(L, j);
    push_row(L, &j->rows[0]);
    lua_pushinteger(L, j->rows[0].rev);
    return 2;
}

/* rows, revisions, count, digest */
static int find_done(lua_State *L, struct op *op) {
    struct store_job *j = &((struct store_wait *)op)->job;
    if (j->status < 0) return job_failed(L, j);
    lua_createtable(L, j->n_rows, 0);
    lua_createtable(L, j->n_rows, 0);
    for (int i = 0; i < j->n_rows; i++) {
        push_row(L, &j->rows[i]);
        lua_rawseti(L, -3, i + 1);
        lua_pushinteger(L, j->rows[i].rev);
        lua_rawseti(L, -2, i + 1);
    }
    json_mark_list(L, -2);
    lua_pushinteger(L, j->count);
    lua_pushinteger(L, (lua_Integer)j->digest);
    return 4;
}

/* list of results, one per step; or nil, message, code, index of the failed step */
static int write_done(lua_State *L, struct op *op) {
    struct store_job *j = &((struct store_wait *)op)->job;
    if (j->status < 0) {
        job_failed(L, j);
        lua_pushinteger(L, j->failed_step + 1);
        return 4;
    }
    lua_createtable(L, j->n_steps, 0);
    for (int i = 0; i < j->n_steps; i++) {
        lua_pushinteger(L, j->steps[i].result);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* The collection is what the service calls it behind its host name. */
static void tell(const struct op *op, struct buf *out) {
    const struct store_job *j = &((const struct store_wait *)op)->job;
    struct str name = j->what == STORE_WRITE && j->n_steps > 0 ? j->steps[0].collection->name
                                                               : j->collection.name;
    struct str owner = str_of(owner_of(op->vm));
    bool own = str_starts(name, owner) && name.n > owner.n && name.p[owner.n] == '.';
    if (own) name = str_from(name, owner.n + 1);
    buf_printf(out, "%s %.*s", op->kind->name, STR_FMT(name));
    if (j->n_steps > 1) buf_printf(out, ", %d steps", j->n_steps);
}

#define KIND(name_, text) \
    static const struct op_kind name_##_kind = { \
        text, sizeof(struct store_wait), name_##_done, cancel, drop, tell}
KIND(ensure, "store.ensure");
KIND(get, "store.get");
KIND(find, "store.find");
KIND(write, "store.write");

/* "field", or { "field" [, "field" …] [, unique = true] } */
static void index_of(lua_State *L, struct arena *a, struct store_index *ix) {
    if (lua_type(L, -1) == LUA_TSTRING) {
        ix->fields[0] = copy(L, a, -1);
        ix->n_fields = 1;
        return;
    }
    ix->n_fields = length(L, -1, 4, "fields in an index");
    for (int i = 0; i < ix->n_fields; i++) {
        lua_rawgeti(L, -1, i + 1);
        ix->fields[i] = copy(L, a, -1);
        lua_pop(L, 1);
    }
    lua_getfield(L, -1, "unique");
    ix->unique = lua_toboolean(L, -1);
    lua_pop(L, 1);
}

/* ensure(name, indexes) */
static int l_ensure(lua_State *L) {
    struct arena *a = scratch(L);
    struct store_collection c = {.name = collection_name(L, a, 1)};
    int n = lua_isnoneornil(L, 2) ? 0 : length(L, 2, 32, "indexes");
    struct store_index *ix = room(L, a, (size_t)n * sizeof *ix);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        index_of(L, a, &ix[i]);
        lua_pop(L, 1);
    }
    c.indexes = ix;
    c.n_indexes = n;
    struct store_wait *w = begin(L, &ensure_kind, a);
    w->job.what = STORE_ENSURE;
    w->job.collection = c;
    return submit(L, w);
}

/* get(name, id) */
static int l_get(lua_State *L) {
    luaL_checkstring(L, 2);
    struct arena *a = scratch(L);
    struct store_collection c = {.name = collection_name(L, a, 1)};
    struct str id = copy(L, a, 2);
    struct store_wait *w = begin(L, &get_kind, a);
    w->job.what = STORE_GET;
    w->job.collection = c;
    w->job.id = id;
    return submit(L, w);
}

/* find(name, query) */
static int l_find(lua_State *L) {
    lua_settop(L, 2);
    struct arena *a = scratch(L);
    struct store_collection c = {.name = collection_name(L, a, 1)};
    struct store_query q;
    query(L, a, 2, &q);
    struct store_wait *w = begin(L, &find_kind, a);
    w->job.what = STORE_FIND;
    w->job.collection = c;
    w->job.query = q;
    return submit(L, w);
}

static int what_of(lua_State *L, struct str what) {
    static const char *const names[] = {"create",       "put",   "update",     "delete",
                                        "delete_where", "check", "check_query"};
    for (int i = 0; i < 7; i++)
        if (str_eq(what, str_of(names[i]))) return i;
    return luaL_error(L, "unknown step \"%s\"", what.p);
}

/* The document as JSON in the arena. The encoder's buffer is the thread's, so that nothing is lost
 * when it throws. */
static struct str document(lua_State *L, struct arena *a, int index) {
    static _Thread_local struct buf encoded;
    struct buf *out = lib_buf(&encoded);
    const char *why = NULL;
    if (json_encode(L, index, out, &json_default, NULL, &why) < 0)
        luaL_error(L, "the document cannot be stored: %s", why);
    if (out->n == 0 || out->p[0] != '{') luaL_error(L, "a document is a table with named fields");
    char *to = room(L, a, out->n);
    memcpy(to, out->p, out->n);
    return str_make(to, out->n);
}

/* {what, collection, id=, doc=, rev=, query=, digest=} at the top of the stack */
static void step(lua_State *L, struct arena *a, struct store_step *s) {
    luaL_checktype(L, -1, LUA_TTABLE);
    int t = lua_gettop(L);
    lua_rawgeti(L, t, 1);
    s->what = (unsigned)what_of(L, copy(L, a, -1));
    lua_rawgeti(L, t, 2);
    struct store_collection *c = room(L, a, sizeof *c);
    c->name = collection_name(L, a, -1);
    s->collection = c;
    if (lua_getfield(L, t, "id") == LUA_TSTRING) s->id = copy(L, a, -1);
    if (lua_getfield(L, t, "doc") == LUA_TTABLE) s->doc = document(L, a, lua_gettop(L));
    lua_getfield(L, t, "rev");
    s->rev = luaL_optinteger(L, -1, 0);
    if (lua_getfield(L, t, "query") == LUA_TTABLE) {
        struct store_query *q = room(L, a, sizeof *q);
        query(L, a, lua_gettop(L), q);
        s->query = q;
    }
    lua_getfield(L, t, "digest");
    s->digest = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_settop(L, t);
}

/* write(steps) */
static int l_write(lua_State *L) {
    int n = length(L, 1, MAX_STEPS, "steps in one write");
    struct arena *a = scratch(L);
    struct store_step *steps = room(L, a, (size_t)n * sizeof *steps);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1);
        step(L, a, &steps[i]);
        lua_pop(L, 1);
    }
    struct store_wait *w = begin(L, &write_kind, a);
    w->job.what = STORE_WRITE;
    w->job.steps = steps;
    w->job.n_steps = n;
    return submit(L, w);
}

const struct lib_doc lib_store_docs[] = {
    {"ensure", l_ensure, "fun(name: string, indexes?: table): true?, string?, string?",
     "Makes a collection and its indexes when they are missing."},
    {"get", l_get, "fun(name: string, id: string): table?, integer|string?, string?",
     "A document and its revision; nil when there is none."},
    {"find", l_find,
     "fun(name: string, query: table): table?, table|string?, integer|string?, integer?",
     "Documents, revisions, count without limit (when asked for), digest of the result."},
    {"write", l_write, "fun(steps: table[]): integer[]?, string?, string?, integer?",
     "All steps or none; the result of each, or what failed and at which step."},
    {NULL, NULL, NULL, NULL},
};

int lib_store(lua_State *L) {
    lib_functions(L, lib_store_docs);
    return 1;
}
