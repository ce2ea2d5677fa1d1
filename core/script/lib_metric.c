/*
 * lib_metric: what a service measures, for scripts. The names a state has defined lead to families
 * of the process (core/base/metric.h), so that all workers of a service count together.
 *
 * What is defined while a service loads gets into the registry when loading has succeeded: a trial
 * that is thrown away leaves no trace. The families end with the last state that holds them.
 */
#include <stdio.h>

#include "core/base/metric.h"
#include "core/script/lib.h"
#include "core/script/lib_shared.h"
#include "core/script/resident.h"
#include "core/script/task.h"

#define BOX        "host.metric"
#define NAMES_MAX  (METRIC_FAMILIES / 2) /* of a state; two may overlap */
#define WORD(kind) ((kind) == LUA_TNIL ? "nothing" : lua_typename(L, (kind)))

/* What a name leads to. */
struct box {
    struct metric *metric; /* NULL only while it is being made */
};

static const char names_key; /* its address: of the table of names in the registry of a state */

/* "service.example", as others know it; not known while the service loads. */
static struct str own_host(lua_State *L) {
    struct vm *vm = vm_of(L);
    struct resident *r = vm->owner;
    return str_of(r && r->host[0] ? r->host : vm->options.name);
}

/* Pushes the table of names: name -> box. */
static void push_names(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
}

static int close_box(lua_State *L) {
    struct box *b = lua_touserdata(L, 1);
    metric_free(b->metric);
    b->metric = NULL;
    return 0;
}

/* ---- defining -------------------------------------------------------------------------------- */

/* A definition being read: its texts belong to the table it is read from. One more than the limit,
 * so that metric_new sees that there are too many. */
struct wanted {
    struct metric_shape shape;
    struct str labels[METRIC_LABELS + 1];
    double buckets[METRIC_BUCKETS + 1];
};

/* Pushes a field as it is in the table, so that it lives as long as that: its type. */
static int raw_field(lua_State *L, int def, const char *name) {
    lua_pushstring(L, name);
    return lua_rawget(L, def);
}

/* A text field; empty when it is missing and may be. */
static struct str text_field(lua_State *L, int def, const char *name, bool needed) {
    size_t n = 0;
    int kind = raw_field(L, def, name);
    if (kind != LUA_TSTRING && (needed || kind != LUA_TNIL))
        lib_error(L, "the %s of a metric must be a text, not %s", name, WORD(kind));
    const char *p = kind == LUA_TSTRING ? lua_tolstring(L, -1, &n) : "";
    lua_pop(L, 1);
    return str_make(p, n);
}

/* Pushes the list in a field, or an empty one; how many items of it to read. */
static size_t list_field(lua_State *L, int def, const char *name, size_t max) {
    int kind = raw_field(L, def, name);
    if (kind == LUA_TNIL) return 0;
    if (kind != LUA_TTABLE)
        lib_error(L, "the %s of a metric must be a list, not %s", name, WORD(kind));
    lua_Unsigned n = lua_rawlen(L, -1);
    return n < max ? (size_t)n : max;
}

static void read_labels(lua_State *L, int def, struct wanted *w) {
    w->shape.n_labels = list_field(L, def, "labels", METRIC_LABELS + 1);
    for (size_t i = 0; i < w->shape.n_labels; i++) {
        size_t n;
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            lib_error(L, "the labels of a metric must be texts");
        w->labels[i].p = lua_tolstring(L, -1, &n);
        w->labels[i].n = n;
        lua_pop(L, 1);
    }
    w->shape.labels = w->labels;
    lua_pop(L, 1);
}

static void read_buckets(lua_State *L, int def, struct wanted *w) {
    w->shape.n_buckets = list_field(L, def, "buckets", METRIC_BUCKETS + 1);
    for (size_t i = 0; i < w->shape.n_buckets; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNUMBER)
            lib_error(L, "the buckets of a metric must be numbers");
        w->buckets[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    w->shape.buckets = w->buckets;
    lua_pop(L, 1);
}

static enum metric_kind read_kind(lua_State *L, int def) {
    struct str kind = text_field(L, def, "kind", true);
    if (str_eq(kind, STR("counter"))) return METRIC_COUNTER;
    if (str_eq(kind, STR("gauge"))) return METRIC_GAUGE;
    if (!str_eq(kind, STR("histogram")))
        lib_error(L, "'%.*s' is no kind of metric: use counter, gauge or histogram", STR_FMT(kind));
    return METRIC_HISTOGRAM;
}

static void read_definition(lua_State *L, int def, struct wanted *w) {
    w->shape.name = text_field(L, def, "name", true);
    w->shape.help = text_field(L, def, "help", false);
    w->shape.kind = read_kind(L, def);
    read_labels(L, def, w);
    read_buckets(L, def, w);
    if (metric_reserved(w->shape.name))
        lib_error(L, "the name '%.*s' is the host's: choose another one", STR_FMT(w->shape.name));
}

/* Adds the definition at index `def` to the table at index `names`. */
static void define(lua_State *L, int def, int names) {
    struct wanted w;
    struct err e = {0};
    read_definition(L, def, &w);
    lua_pushlstring(L, w.shape.name.p, w.shape.name.n);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, names) != LUA_TNIL)
        lib_error(L, "metric '%.*s' already defined", STR_FMT(w.shape.name));
    lua_pop(L, 1);
    struct box *b = lua_newuserdatauv(L, sizeof *b, 0);
    b->metric = NULL;
    luaL_setmetatable(L, BOX);
    b->metric = metric_new(&w.shape, &e);
    if (e.code == -ENOMEM) vm_throw_memory(L);
    if (!b->metric) lib_error(L, "%s", e.text);
    lua_rawset(L, names);
}

static void check_count(lua_State *L, int names, int more) {
    int n = more;
    for (lua_pushnil(L); lua_next(L, names); lua_pop(L, 1))
        n++;
    if (n > NAMES_MAX) lib_error(L, "a service may have %d metrics at most", NAMES_MAX);
}

static void publish(lua_State *L, int index) {
    struct box *b = lua_touserdata(L, index);
    b->metric = metric_publish(b->metric, metric_owner(own_host(L), STR_NONE, STR_NONE));
}

int lib_metric_publish(lua_State *L) {
    push_names(L);
    int names = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, names); lua_pop(L, 1))
        publish(L, -1);
    lua_pop(L, 1);
    return 0;
}

static int l_define(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    push_names(L);
    check_count(L, 2, 1);
    define(L, 1, 2);
    if (vm_of(L)->loading) return 0;
    raw_field(L, 1, "name");
    lua_rawget(L, 2);
    publish(L, -1);
    return 0;
}

/* metric.declare(list): all or nothing. */
static int l_declare(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newtable(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    if (n > NAMES_MAX) lib_error(L, "a service may have %d metrics at most", NAMES_MAX);
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 1, i) != LUA_TTABLE) lib_error(L, "a metric is defined by a table");
        define(L, 3, 2);
        lua_settop(L, 2);
    }
    push_names(L);
    check_count(L, 3, (int)n);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        if (!vm_of(L)->loading) publish(L, -1);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 3);
    }
    return 0;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* The value of a label, in `room` unless Lua has it as text. */
static struct str label_text(lua_State *L, int index, char room[METRIC_NUMBER]) {
    size_t n;
    const char *p;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return STR("");
    case LUA_TBOOLEAN:
        return lua_toboolean(L, index) ? STR("true") : STR("false");
    case LUA_TSTRING:
        p = lua_tolstring(L, index, &n);
        return str_make(p, n);
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index))
            n = metric_number(lua_tonumber(L, index), room);
        else
            n = (size_t)snprintf(room, METRIC_NUMBER, LUA_INTEGER_FMT, lua_tointeger(L, index));
        return str_make(room, n);
    default:
        lib_error(L, "a label of metric '%s' must be a text, number or boolean, not a %s",
                  lua_tostring(L, 1), luaL_typename(L, index));
        return STR_NONE;
    }
}

static struct metric *named(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    push_names(L);
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    struct box *b = lua_touserdata(L, -1);
    if (!b) lib_error(L, "unknown metric '%s'", lua_tostring(L, 1));
    lua_pop(L, 2);
    return b->metric;
}

/* (name, value, labels...) */
static int update(lua_State *L, enum metric_op op) {
    struct str values[METRIC_LABELS];
    char rooms[METRIC_LABELS][METRIC_NUMBER];
    struct metric_key k;
    struct err e = {0};
    struct metric *m = named(L);
    int n = lua_gettop(L) - 2;
    if (lua_type(L, 2) != LUA_TNUMBER)
        lib_error(L, "metric '%s' takes a number, not a %s", lua_tostring(L, 1),
                  luaL_typename(L, 2));
    if (n > METRIC_LABELS)
        lib_error(L, "metric '%s' does not have %d labels", lua_tostring(L, 1), n);
    for (int i = 0; i < n; i++)
        values[i] = label_text(L, i + 3, rooms[i]);
    metric_key(&k, values, (size_t)n);
    if (metric_update(m, op, &k, lua_tonumber(L, 2), &e) < 0) lib_error(L, "%s", e.text);
    return 0;
}

static int l_add(lua_State *L) {
    vm_live(L, "metric.add");
    return update(L, METRIC_ADD);
}

static int l_set(lua_State *L) {
    vm_live(L, "metric.set");
    return update(L, METRIC_SET);
}

static int l_observe(lua_State *L) {
    vm_live(L, "metric.observe");
    return update(L, METRIC_OBSERVE);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* metric.render([host]) */
static int l_render(lua_State *L) {
    static _Thread_local struct buf text;
    vm_live(L, "metric.render");
    struct str host = lib_opt_str(L, 1, own_host(L));
    if (!str_eq(host, own_host(L)) && !vm_of(L)->options.platform)
        return lib_error(L, "metric.render: the metrics of others are for platform services only");
    struct buf *out = lib_buf(&text);
    cache_survey();
    metric_render(out, str_eq(host, STR("all")) ? STR_NONE : host);
    if (!buf_ok(out)) vm_throw_memory(L);
    lua_pushlstring(L, out->p ? out->p : "", out->n);
    return 1;
}

static int l_uptime(lua_State *L) {
    vm_live(L, "metric.uptime");
    lua_pushnumber(L, metric_uptime(metric_peek(own_host(L))));
    return 1;
}

const struct lib_doc lib_metric_docs[] = {
    {"MetricDefinition", NULL, "class", "A metric of a service."},
    {"MetricDefinition.name", NULL, "string", "Its name for Prometheus."},
    {"MetricDefinition.kind", NULL, "\"counter\"|\"gauge\"|\"histogram\"", "What it counts."},
    {"MetricDefinition.help", NULL, "string?", "What it says, in one line."},
    {"MetricDefinition.labels", NULL, "string[]?", "The names of its labels."},
    {"MetricDefinition.buckets", NULL, "number[]?", "Upper bounds of a histogram, ascending."},
    {"define", l_define, "fun(definition: MetricDefinition)",
     "Defines a metric of this service: { name, kind = \"counter\" | \"gauge\" | \"histogram\", "
     "help?, labels?, buckets? }. Raises what is wrong with it, or when the name is taken."},
    {"declare", l_declare, "fun(definitions: MetricDefinition[])",
     "Defines several, all or none; they take the place of those with the same names."},
    {"add", l_add, "fun(name: string, value: number, ...: string|number|boolean|nil)",
     "Adds to a counter (never less than 0) or gauge; then the values of its labels."},
    {"set", l_set, "fun(name: string, value: number, ...: string|number|boolean|nil)",
     "Sets a gauge; then the values of its labels."},
    {"observe", l_observe, "fun(name: string, value: number, ...: string|number|boolean|nil)",
     "Puts a value into a histogram, or sets a gauge; then the values of the labels."},
    {"render", l_render, "fun(host?: string): string",
     "Prometheus text of this service's metrics; for platform services also those of another host, "
     "or of \"all\"."},
    {"uptime", l_uptime, "fun(): number", "Seconds since this service began."},
    {NULL, NULL, NULL, NULL},
};

int lib_metric(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", close_box}, {NULL, NULL}};
    lib_class(L, BOX, NULL, meta);
    lib_functions(L, lib_metric_docs);
    return 1;
}
