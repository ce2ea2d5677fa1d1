/*
 * Nothing that blocks is within reach of a service. Two proofs: a walk over all that a service's
 * code can get hold of, whose C functions must be in the list below, with what bounds them; and
 * each of those that await, called where nobody can wait: it must say so, instead of doing it all
 * the same.
 *
 * A new binding fails here until it has its place in the list.
 */
#include "spec/core/script/lua_host.h"
#include "spec/core/script/script.h"

#include "core/script/embed.h"
#include "core/script/lib.h"
#include "core/script/vm.h"

/* ---- the list -------------------------------------------------------------------------------- */

#define AWAITS "it awaits: the task gives its turn away until the result is there"

static const struct {
    const char *bound; /* why a call is over soon; or AWAITS */
    const char *names; /* as the walk finds them: module or class, and function */
} allowed[] = {
    {"a few steps",
     "assert error getmetatable ipairs pairs pcall rawequal rawget rawlen rawset select "
     "setmetatable type tonumber tostring xpcall collectgarbage collectgarbage/1 rawget/1 rawset/1 "
     "setmetatable/1 tostring/1 xpcall/1 text.__add text.__sub text.__mul text.__div text.__mod "
     "text.__pow text.__unm text.__idiv string.len string.char string.packsize "
     "coroutine.isyieldable coroutine.running coroutine.status coroutine.wrap coroutine.create "
     "math.* os.clock os.difftime os.time string.__newindex string.__pairs string.__pairs/1 "
     "bus.core.self cache.core.counters cache.core.del cache.core.load cache.core.measure "
     "cache.core.store config.core.publish config.core.values config.core.version json.is_list "
     "json.list json.order log.debug log.error log.info log.warn metric.add metric.declare "
     "metric.define metric.observe metric.render metric.set metric.uptime request.account "
     "request.answer request.callback request.current request.extend request.field "
     "request.handling request.has_body request.id request.left request.of request.query "
     "request.query_string request.set_args lua.http.settle request.token request.client "
     "request.policy_failed "
     "seal.equal seal.id seal.random seal.token seal.uuid shared.add shared.cas shared.del "
     "shared.get shared.incr shared.set task.background host.task.detach task.spawn task.yield "
     "time.duration time.monotonic time.now time.now_ns time.now_rfc3339 time.parse time.parse_ns "
     "time.rfc3339 time.rfc3339_ns host.task.cancel http.core.open host.http.finish "
     "host.http.__close host.subscription.__close host.subscription.lost "
     "host.subscription.messages host.topic.message.__gc topics.subscribe files.folder files.hash "
     "files.where "
     "host.task.running host.task.__close host.task.__gc host.metric.__gc host.regex.__gc "
     "host.yaml.__gc json.scratch.__gc host.loading.__close _UBOX*.__close host.request.__index "
     "host.request.__tostring host.request.__index/1.header host.request.__index/1.upgrade "
     "host.request.__index/1.chunks host.response.__tostring host.response.status "
     "host.response.header host.response.has host.response.begun host.response.nowhere "
     "host.response.answer host.response.json host.response.finish host.response.events "
     "host.events.__close host.events.__tostring host.events.last_id host.websocket.close "
     "host.websocket.closed host.websocket.messages host.websocket.protocol host.websocket.__close "
     "host.websocket.__tostring"},
    {"the texts that it gets, which the memory cap bounds",
     "string.byte string.lower string.upper string.reverse string.sub string.rep string.rep/1 "
     "string.pack string.unpack print print/1 warn utf8.* seal.base64 seal.unbase64 seal.sha256 "
     "seal.open seal.close url.decode url.encode url.parse url.parse_query url.parse_query_all "
     "token.verify"},
    {"the elements of a table, which the memory cap bounds; with metamethods it looks at the "
     "limits",
     "next table.concat table.concat/1 table.insert table.remove table.move table.move/1 "
     "table.unpack table.pack"},
    {"comparators in Lua where it is long", "table.sort table.sort/1"},
    {"counted steps, and the limits are looked at",
     "string.find string.match string.gmatch string.gmatch() string.gsub"},
    {"values, lengths and sizes have limits of their own",
     "string.format string.format/1 os.date os.date/1 load load/1 json.decode json.encode "
     "yaml.parse request.json topics.publish regex.compile host.regex.matches debug.traceback"},
    {"the entries of the shared map, which has a size",
     "cache.core.del_containing cache.core.del_prefix shared.del_prefix"},
    {"the files of the service in memory, and the services there are",
     "files.embedded files.list files.other files.read files.trial bus.core.listeners require"},
    {"what it runs is code of the script, in which a hook acts",
     "coroutine.close coroutine.resume coroutine.yield coroutine.wrap()"},
    {"refused to all but platform services", "token.make_key token.sign token.use_key"},
    {AWAITS, "bus.core.call http.core.request host.http.head host.http.read host.http.write "
             "store.core.ensure store.core.find store.core.get store.core.write task.all "
             "task.bounded task.race task.timeout task.sleep host.task.join "
             "host.request.__index/1.body host.response.write host.events.send host.events.comment "
             "host.events.retry host.subscription.receive host.websocket.receive "
             "host.websocket.send host.websocket.send_binary host.websocket.ping"},
};

#define KNOWN_MAX 2000
#define NAME_SIZE 160

/* ---- the walk -------------------------------------------------------------------------------- */

/* C functions by their address, each with the first name under which it was found. */
static struct {
    lua_CFunction fn;
    char name[NAME_SIZE];
} known[KNOWN_MAX];
static int n_known;

/* Indexes on the stack: values that were met, as keys; those still to be looked at, and their
 * names. */
enum { MET = 2, VALUES, NAMES };
static lua_Integer n_values, n_seen;

static void know(lua_CFunction fn, const char *name) {
    for (int i = 0; i < n_known; i++)
        if (known[i].fn == fn) return;
    assert_true(n_known < KNOWN_MAX);
    known[n_known].fn = fn;
    snprintf(known[n_known++].name, NAME_SIZE, "%s", name);
}

/* Takes the value on top, to be looked at later. */
static void meet(lua_State *L, const char *name) {
    switch (lua_type(L, -1)) {
    case LUA_TTABLE:
    case LUA_TFUNCTION:
    case LUA_TUSERDATA:
    case LUA_TTHREAD:
        break;
    default:
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, -1);
    if (lua_rawget(L, MET) != LUA_TNIL) {
        lua_pop(L, 2);
        return;
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, MET);
    if (lua_iscfunction(L, -1)) know(lua_tocfunction(L, -1), name);
    lua_rawseti(L, VALUES, ++n_values);
    lua_pushstring(L, name);
    lua_rawseti(L, NAMES, n_values);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Fields by name in their order, so that names are the same each time; then everything else. */
static void meet_table(lua_State *L, const char *name) {
    static const char *keys[20000];
    char path[2 * NAME_SIZE];
    int n = 0;
    for (lua_pushnil(L); lua_next(L, 5); lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING && n < 20000) keys[n++] = lua_tostring(L, -2);
    qsort(keys, (size_t)n, sizeof *keys, by_text);
    for (int i = 0; i < n; i++) {
        bool inside = strcmp(keys[i], "__index") == 0;
        snprintf(path, sizeof path, "%s%s%s", name, *name ? "." : "", keys[i]);
        lua_pushstring(L, keys[i]);
        lua_rawget(L, 5);
        meet(L, inside && !lua_isfunction(L, -1) ? name : path);
    }
    snprintf(path, sizeof path, "%s[]", name);
    for (lua_pushnil(L); lua_next(L, 5);) {
        lua_pushvalue(L, -2);
        meet(L, path);
        meet(L, path);
    }
}

static void meet_upvalues(lua_State *L, const char *name) {
    char path[2 * NAME_SIZE];
    for (int i = 1; lua_getupvalue(L, 5, i); i++) {
        snprintf(path, sizeof path, "%s/%d", name, i);
        meet(L, path);
    }
}

static void look_at(lua_State *L, const char *name) {
    if (lua_getmetatable(L, 5)) meet(L, name);
    if (lua_type(L, 5) == LUA_TTABLE) meet_table(L, name);
    if (lua_type(L, 5) == LUA_TFUNCTION) meet_upvalues(L, name);
    if (lua_type(L, 5) != LUA_TUSERDATA) return;
    for (int i = 1; lua_getiuservalue(L, 5, i) != LUA_TNONE; i++)
        meet(L, name);
    lua_pop(L, 1);
}

/* All that a service may require. */
static void meet_modules(lua_State *L) {
    for (const struct lib *lib = lib_all; lib->name; lib++) {
        if (lib->trust != LIB_ALL) continue;
        lua_getglobal(L, "require");
        lua_pushstring(L, lib->name);
        lua_call(L, 1, 1);
        meet(L, lib->name);
    }
    for (int i = 0; i < embed_count; i++) {
        struct str path = str_of(embed_files[i].path), name;
        bool ours = str_starts(path, STR("lua/")) && str_ends(path, STR(".lua"));
        if (!ours || str_starts(path, STR("lua/cli")) || str_starts(path, STR("lua/spec")))
            continue;
        name = str_first(str_from(path, 4), path.n - 8);
        lua_getglobal(L, "require");
        lua_pushlstring(L, name.p, name.n);
        luaL_gsub(L, lua_tostring(L, -1), "/", ".");
        lua_remove(L, -2);
        if (lua_pcall(L, 1, 1, 0) == LUA_OK)
            meet(L, "lua");
        else
            lua_pop(L, 1);
    }
}

/* The metatables of the host's objects, and what Lua keeps for texts and buffers. */
static void meet_classes(lua_State *L) {
    const char *names[200];
    int n = 0;
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "_";
        if (*name != '_' || strcmp(name, "_UBOX*") == 0) names[n++] = name;
        assert_true(n < 200);
    }
    lua_pop(L, 1);
    qsort(names, (size_t)n, sizeof *names, by_text);
    for (int i = 0; i < n; i++) {
        lua_getfield(L, LUA_REGISTRYINDEX, names[i]);
        meet(L, names[i]);
    }
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) meet(L, "text");
    lua_pop(L, 1);
}

/* What functions make when they are called. */
static void meet_iterators(lua_State *L) {
    static const char *const made[][2] = {
        {"string.gmatch()", "return (('x'):gmatch 'x')"},
        {"coroutine.wrap()", "return coroutine.wrap(print)"},
        {"utf8.codes()", "return (utf8.codes 'x')"},
        {"ipairs", "return (ipairs {})"},
        {"string.__pairs/1", "return (pairs(require 'json'))"},
    };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (luaL_dostring(L, made[i][1]) != LUA_OK) lua_error(L);
        meet(L, made[i][0]);
    }
}

/* At all that was met, and what is met by that. */
static void look_around(lua_State *L) {
    while (n_seen < n_values) {
        char name[NAME_SIZE];
        lua_rawgeti(L, NAMES, ++n_seen);
        snprintf(name, sizeof name, "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
        lua_rawgeti(L, VALUES, n_seen);
        look_at(L, name);
        lua_settop(L, 4);
    }
}

static int walk(lua_State *L) {
    static const char *const libraries[] = {"string", "table",     "math", "utf8",
                                            "os",     "coroutine", "debug"};
    lua_newtable(L);
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_getglobal(L, libraries[i]);
        meet(L, libraries[i]);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    meet(L, "");
    look_around(L);
    meet_modules(L);
    meet_classes(L);
    look_around(L);
    meet_iterators(L);
    look_around(L);
    return 0;
}

/* ---- the walk against the list --------------------------------------------------------------- */

/* Whether a word of the list is that name, or all of a library of Lua. */
static bool says(struct str word, const char *name) {
    if (!str_ends(word, STR(".*"))) return str_eq(word, str_of(name));
    return str_starts(str_of(name), str_first(word, word.n - 1));
}

static const char *bound_of(const char *name) {
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        struct str rest = str_of(allowed[i].names), word;
        while (rest.n) {
            str_cut(rest, ' ', &word, &rest);
            if (says(word, name)) return allowed[i].bound;
        }
    }
    return NULL;
}

static bool is_known(struct str word) {
    for (int i = 0; i < n_known; i++)
        if (says(word, known[i].name)) return true;
    return false;
}

static void every_c_function_within_reach_has_its_bound(void **state) {
    struct script s;
    struct vm_options o = {.name = "spec", .memory = 64 << 20, .max_tasks = 10};
    struct err e = {0};
    int missing = 0;
    script_open_with(&s, &o);
    if (vm_protect(s.vm, walk, NULL, &e) < 0) fail_msg("%s", e.text);
    for (int i = 0; i < n_known; i++) {
        if (bound_of(known[i].name)) continue;
        print_error("%s is within reach and not in the list\n", known[i].name);
        missing++;
    }
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        struct str rest = str_of(allowed[i].names), word;
        while (rest.n) {
            str_cut(rest, ' ', &word, &rest);
            if (is_known(word)) continue;
            print_error("%.*s is in the list and not within reach\n", STR_FMT(word));
            missing++;
        }
    }
    assert_int_equal(missing, 0);
    script_close(&s);
}

/* ---- those that await ------------------------------------------------------------------------ */

/* What each is called by, where nobody can wait: in a callback of gsub. Those of one group belong
 * to one request. */
static const struct {
    const char *group, *name, *code;
} waits[] = {
    {"plain", "bus.core.call",
     "require 'bus'.request(ctx, {method = 'GET', url = 'https://lab.example/hello'})"},
    {"plain", "http.core.request", "require 'http'.request {url = 'http://127.0.0.1:9/'}"},
    {"plain", "host.http.head", "open():head()"},
    {"plain", "host.http.read", "open():read()"},
    {"plain", "host.http.write", "open():write(('x'):rep(4 << 20))"},
    {"plain", "host.subscription.receive", "require 'bus'.subscribe 'x':receive()"},
    {"plain", "subscription", "for _ in require 'bus'.subscribe 'x':messages() do end"},
    {"plain", "task.bounded", "task.bounded(1, 1, function() end)"},
    {"plain", "store.core.ensure", "require 'store.core'.ensure('things', {})"},
    {"plain", "store.core.find", "require 'store.core'.find('things', {})"},
    {"plain", "store.core.get", "require 'store.core'.get('things', 'thing_1')"},
    {"plain", "store.core.write", "require 'store.core'.write {{'delete', 'things', 'thing_1'}}"},
    {"plain", "task.all", "task.all {function() end}"},
    {"plain", "task.race", "task.race {function() end}"},
    {"plain", "task.timeout", "task.timeout(1, function() end)"},
    {"plain", "task.sleep", "task.sleep(0)"},
    {"plain", "host.task.join", "task.spawn(function() end):join()"},
    {"json", "json", "req:json()"},
    {"body", "host.request.__index/1.body", "req:body()"},
    {"chunks", "chunks", "for _ in req:chunks() do end"},
    {"plain", "host.response.write", "res:write 'x'"},
    {"events", "host.events.send", "events:send('a', 'b')"},
    {"events", "host.events.comment", "events:comment 'a'"},
    {"events", "host.events.retry", "events:retry(1)"},
    {"socket", "host.websocket.receive", "ws:receive(1)"},
    {"socket", "messages", "for _ in ws:messages() do end"},
    {"socket", "host.websocket.send", "ws:send 'a'"},
    {"socket", "host.websocket.send_binary", "ws:send_binary 'a'"},
    {"socket", "host.websocket.ping", "ws:ping()"},
};

/* A service whose handlers try all of a group, and note what did not say that it cannot wait. */
static void write_waiters(void) {
    static char lua[16384];
    int n = snprintf(
        lua, sizeof lua,
        "local shared = require 'shared'\n"
        "local task = require 'task'\n"
        "local function open()\n"
        "  return require 'http.core'.open {method = 'POST', body = function() end,\n"
        "    url = 'http://127.0.0.1:9/'}\n"
        "end\n"
        "local svc = require 'service' (...)\n"
        "local groups = { plain = {}, json = {}, body = {}, chunks = {}, events = {}, socket = {} "
        "}\n"
        "local function try(group, ctx, req, res, events, ws)\n"
        "  local wrong = {}\n"
        "  for name, f in pairs(groups[group]) do\n"
        "    local ok, why\n"
        "    ;('x'):gsub('x', function()\n"
        "      ok, why = pcall(f, ctx, req, res, events, ws)\n"
        "    end)\n"
        "    why = tostring(why)\n"
        "    if ok or not why:find('cannot wait here', 1, true) then\n"
        "      wrong[#wrong + 1] = name .. ': ' .. why\n"
        "    end\n"
        "  end\n"
        "  shared.set(group, 'tried: ' .. table.concat(wrong, '; '))\n"
        "end\n"
        "function svc.Hello() return 'hello' end\n"
        "function svc.Plain(ctx, req, res) try(req.query.group, ctx, req, res) return 'done' end\n"
        "function svc.Events(ctx, req, res)\n"
        "  local events <close> = res:events()\n"
        "  try('events', ctx, req, res, events)\n"
        "end\n"
        "function svc.Socket(ctx, req, res)\n"
        "  local ws <close> = req:upgrade()\n"
        "  try('socket', ctx, req, res, nil, ws)\n"
        "end\n");
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        n += snprintf(lua + n, sizeof lua - (size_t)n,
                      "groups.%s['%s'] = function(ctx, req, res, events, ws) %s end\n",
                      waits[i].group, waits[i].name, waits[i].code);
    snprintf(lua + n, sizeof lua - (size_t)n, "return svc\n");
    write_service("lab",
                  "webs:\n  - signature: Hello()\n  - signature: Plain()\n"
                  "  - signature: Events()\n  - signature: Socket()\n",
                  lua);
}

static void until_tried(const char *group) {
    char key[64];
    struct buf b;
    int n = snprintf(key, sizeof key, "lab.example%c%s", 0, group);
    buf_init(&b);
    while (!b.n) {
        usleep(1000);
        shared_get(host.shared, str_make(key, (size_t)n), &b);
    }
    if (!str_eq(buf_view(&b), STR("tried: "))) fail_msg("%.*s", STR_FMT(buf_view(&b)));
    buf_free(&b);
}

static void what_awaits_says_so_where_nobody_can_wait(void **state) {
    write_waiters();
    lua_host_serve();
    static const char *const groups[] = {"plain", "json", "body", "chunks"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        char path[100];
        snprintf(path, sizeof path, "/lab.example/plain?group=%s", groups[i]);
        IS(post_json(0, path, "{\"a\": 1}"), 200, "done");
        until_tried(groups[i]);
    }
    assert_int_equal(get(0, "/lab.example/events")->status, 200);
    until_tried("events");
    int fd = dial(0);
    say(fd, "GET /lab.example/socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    until_tried("socket");
    leave(fd);
}

static void whatever_awaits_is_tried(void **state) {
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        struct str rest = str_of(allowed[i].names), word;
        if (strcmp(allowed[i].bound, AWAITS) != 0) continue;
        while (rest.n) {
            bool tried = false;
            str_cut(rest, ' ', &word, &rest);
            for (size_t k = 0; k < sizeof waits / sizeof *waits; k++)
                tried = tried || str_eq(word, str_of(waits[k].name));
            if (!tried) fail_msg("%.*s awaits, and nothing calls it", STR_FMT(word));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_c_function_within_reach_has_its_bound),
        cmocka_unit_test(whatever_awaits_is_tried),
        T(what_awaits_says_so_where_nobody_can_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
