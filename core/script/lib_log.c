/*
 * lib_log: `require "log"`: lines for the host's log. Called by scripts, anywhere; print goes here,
 * too. Lines are bounded: what is longer is cut. So is what a service writes: a handler that logs
 * in a loop must not fill the disk, nor push out what others have to say.
 */
#include <stdlib.h>

#include "core/base/stat.h"
#include "core/script/lib.h"
#include "core/script/measure.h"
#include "core/script/task.h"

#define MESSAGE_MAX 8192
#define VALUE_MAX   4096
#define FIELDS_MAX  24
/* Bytes that one state may write in a second, and how many a line has besides its texts. */
#define SECOND_MAX ((size_t)4 << 20)
#define LINE_BYTES 160
/* Fields that every line has: service and request id, and the end mark. */
#define OWN_FIELDS 3

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct log_field *)a)->key, ((const struct log_field *)b)->key);
}

/* The value on top. Strings stay anchored in the fields' table, other text on the stack. */
static struct log_field field(lua_State *L, const char *key) {
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        return LOGB(key, lua_toboolean(L, -1));
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1)) return LOGI(key, lua_tointeger(L, -1));
        return LOGF(key, lua_tonumber(L, -1));
    case LUA_TSTRING:
        return LOGS(key, str_first(lib_str(L, -1), VALUE_MAX));
    default:
        luaL_error(L, "field '%s' must be a string, a number or a boolean, got %s", key,
                   luaL_typename(L, -1));
        return LOGB(key, false);
    }
}

static int collect(lua_State *L, int index, struct log_field *out) {
    int n = 0;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_argerror(L, index, "names must be strings");
        if (n == FIELDS_MAX) luaL_argerror(L, index, "too many fields");
        out[n++] = field(L, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    qsort(out, (size_t)n, sizeof *out, by_key);
    return n;
}

static size_t length(struct str message, const struct log_field *fields, int n) {
    size_t bytes = LINE_BYTES + message.n;
    for (int i = 0; i < n; i++)
        bytes += 16 + (fields[i].kind == LOG_F_STR ? fields[i].s.n : 8);
    return bytes;
}

/* False: it is to be dropped. The first one that is is told. */
static bool has_room(struct vm *vm, size_t bytes) {
    uint64_t now = vm->worker->now_ms;
    if (vm->options.trusted) return true;
    if (now - vm->log_since >= 1000) {
        vm->log_since = now;
        vm->log_bytes = 0;
    }
    size_t before = vm->log_bytes;
    vm->log_bytes += bytes;
    if (vm->log_bytes <= SECOND_MAX) return true;
    stat_add(STAT_LOG_DROPPED, 1);
    if (before <= SECOND_MAX)
        log_warn("a service writes too much: its lines are dropped until the second is over",
                 LOGZ("service", vm->options.name), LOGI("bytes_per_second", SECOND_MAX));
    return false;
}

void lib_log_line(lua_State *L, enum log_level level, struct str message, int fields) {
    struct log_field out[FIELDS_MAX + OWN_FIELDS];
    struct vm *vm = vm_of(L);
    struct task *t = vm->running;
    int n = fields ? collect(L, fields, out) : 0;
    if (!log_enabled(level)) return;
    message = str_first(message, MESSAGE_MAX);
    if (!has_room(vm, length(message, out, n))) return;
    out[n++] = LOGZ("service", vm->options.name);
    out[n++] = LOGS("request_id", t ? t->request_id : STR_NONE);
    out[n] = (struct log_field){.key = NULL};
    char text[MESSAGE_MAX + 1];
    memcpy(text, message.p, message.n);
    text[message.n] = 0;
    log_emit(level, text, out);
}

static int line(lua_State *L, enum log_level level) {
    static const char *const severities[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    struct str message = lib_str(L, 1);
    lua_settop(L, 2);
    metric_log(measure_owner(vm_of(L)), message, str_of(severities[level]));
    lib_log_line(L, level, message, lua_isnil(L, 2) ? 0 : 2);
    return 0;
}

static int l_debug(lua_State *L) {
    return line(L, LOG_DEBUG);
}

static int l_info(lua_State *L) {
    return line(L, LOG_INFO);
}

static int l_warn(lua_State *L) {
    return line(L, LOG_WARN);
}

static int l_error(lua_State *L) {
    return line(L, LOG_ERROR);
}

#define SIGNATURE "fun(message: string, fields?: table<string, string|number|boolean>)"
#define BOUNDS    " Fields: at most 24; the service's name and the request's id are added."

const struct lib_doc lib_log_docs[] = {
    {"debug", l_debug, SIGNATURE, "Writes a line that is shown at log level debug only." BOUNDS},
    {"info", l_info, SIGNATURE, "Writes a line about normal work." BOUNDS},
    {"warn", l_warn, SIGNATURE,
     "Writes a line about something that somebody should look at." BOUNDS},
    {"error", l_error, SIGNATURE, "Writes a line about something that failed." BOUNDS},
    {NULL, NULL, NULL, NULL},
};

int lib_log(lua_State *L) {
    lib_functions(L, lib_log_docs);
    return 1;
}
