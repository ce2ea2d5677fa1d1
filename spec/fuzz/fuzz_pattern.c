/*
 * fuzz_pattern: any bytes as a pattern, a subject and a replacement. What ours returns or raises
 * must be what the library of Lua returns or raises.
 *
 * The first byte says which function, the second and the third how the rest is divided. Patterns
 * that could keep the library busy for long are left out.
 */
#include <lualib.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/script/strings.h"
#include "core/script/task.h"
#include "core/script/vm.h"

#define SUBJECT_MAX     40
#define REPETITIONS_MAX 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct vm *vm;

/* Both answer with one text that has everything in it. */
static const char COMPARE[] =
    "local ours, ways = ...\n"
    "local function show(ok, ...)\n"
    "  local t = table.pack(ok, ...)\n"
    "  for i = 1, t.n do t[i] = type(t[i]) .. ':' .. tostring(t[i]) end\n"
    "  return (table.concat(t, '\\0'):gsub('=%w+:%d+: ', ''))\n"
    "end\n"
    "local function all(lib, s, p, init)\n"
    "  local t = {}\n"
    "  for a, b, c in lib.gmatch(s, p, init) do t[#t + 1] = show(a, b, c) end\n"
    "  return table.concat(t, ';')\n"
    "end\n"
    "local calls = {\n"
    "  function(lib, s, p) return lib.find(s, p) end,\n"
    "  function(lib, s, p) return lib.find(s, p, -3) end,\n"
    "  function(lib, s, p) return lib.find(s, p, 2, true) end,\n"
    "  function(lib, s, p) return lib.match(s, p) end,\n"
    "  function(lib, s, p) return lib.match(s, p, 3) end,\n"
    "  all,\n"
    "  function(lib, s, p, by) return lib.gsub(s, p, by) end,\n"
    "  function(lib, s, p, by) return lib.gsub(s, p, by, 2) end,\n"
    "  function(lib, s, p, by) return lib.gsub(s, p, { a = by, b = 1, [1] = by }) end,\n"
    "  function(lib, s, p, by) return lib.gsub(s, p, function(...) return ... end) end,\n"
    "}\n"
    "return function(way, s, p, by)\n"
    "  local call = calls[way % #calls + 1]\n"
    "  local stock = show(pcall(call, string, s, p, by))\n"
    "  return stock == show(pcall(call, ours, s, p, by))\n"
    "end\n";

static const char COMPARER; /* address: registry key of the function that COMPARE returns */

static int set_up(lua_State *L) {
    if (luaL_loadstring(L, COMPARE) != LUA_OK) return lua_error(L);
    lua_newtable(L);
    strings_open(L);
    lua_call(L, 1, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &COMPARER);
    return 0;
}

static void open_vm(void) {
    static struct worker w;
    struct err e = {0};
    struct vm_options o = {.name = "fuzz", .trusted = true};
    if (worker_init(&w, -1, &e) < 0 || task_open(&w) < 0) abort();
    vm = vm_new(&w, &o, &e);
    if (!vm || vm_protect(vm, set_up, NULL, &e) < 0) abort();
}

struct input {
    int way;
    struct str subject, pattern, by;
};

static int compare(lua_State *L) {
    const struct input *in = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &COMPARER);
    lua_pushinteger(L, in->way);
    lua_pushlstring(L, in->subject.p, in->subject.n);
    lua_pushlstring(L, in->pattern.p, in->pattern.n);
    lua_pushlstring(L, in->by.p, in->by.n);
    lua_call(L, 4, 1);
    if (!lua_toboolean(L, -1)) abort();
    return 0;
}

static bool ends_soon(const struct input *in) {
    int repetitions = 0;
    for (size_t i = 0; i < in->pattern.n; i++)
        repetitions += in->pattern.p[i] && strchr("*+-?", in->pattern.p[i]);
    return in->subject.n <= SUBJECT_MAX && repetitions <= REPETITIONS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 3) return 0;
    if (!vm) open_vm();
    struct str rest = str_make((const char *)data + 3, n - 3);
    struct input in = {.way = data[0], .subject = str_first(rest, data[1])};
    rest = str_from(rest, data[1]);
    in.pattern = str_first(rest, data[2]);
    in.by = str_from(rest, data[2]);
    struct err e = {0};
    if (ends_soon(&in) && vm_protect(vm, compare, &in, &e) < 0) abort();
    return 0;
}
