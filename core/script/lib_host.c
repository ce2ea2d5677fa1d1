/*
 * lib_host: what only platform services may do: read settings, keep small files in the home folder,
 * hand instances to the proxy, see the machine. Never reachable from a user's service.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/script/host.h"
#include "core/script/lib.h"
#include "core/script/routes.h"
#include "core/script/task.h"
#include "core/secure/seal.h"

/* ---- settings ---- */

static void push_STR(lua_State *L, const char *v) {
    lua_pushstring(L, v ? v : "");
}
static void push_SECRET(lua_State *L, const char *v) {
    push_STR(L, v);
}
static void push_LIST(lua_State *L, const char *v) {
    push_STR(L, v);
}
static void push_INT(lua_State *L, int64_t v) {
    lua_pushinteger(L, v);
}
static void push_BOOL(lua_State *L, bool v) {
    lua_pushboolean(L, v);
}
static void push_DUR(lua_State *L, uint64_t v) {
    lua_pushnumber(L, (lua_Number)v / 1e9);
}
static void push_SIZE(lua_State *L, uint64_t v) {
    lua_pushinteger(L, (lua_Integer)v);
}

#define PUSH_IF_NAMED(kind, field, alias, def, min, max, text) \
    if (strcmp(name, #field) == 0) { \
        push_##kind(L, conf.field); \
        return 1; \
    }

/* host.setting(name): durations in seconds, sizes in bytes. */
static int l_setting(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    CONF_LIST(PUSH_IF_NAMED, CONF_NO_GROUP)
    return luaL_error(L, "no setting is called %s", name);
}

/* ---- its own addresses ---- */

static void push_ports(lua_State *L) {
    int ports[] = {host.port, host.admin_port}, n = 0;
    lua_createtable(L, 2, 0);
    for (int i = 0; i < 2; i++) {
        if (!ports[i]) continue;
        lua_pushinteger(L, ports[i]);
        lua_rawseti(L, -2, ++n);
    }
}

/* The machine's addresses, each followed by a NUL: nothing is lost when making Lua values throws.
 */
static void list_addresses(struct buf *out) {
    uv_interface_address_t *list = NULL;
    char text[64];
    int n = 0;
    if (uv_interface_addresses(&list, &n) < 0) return;
    for (int i = 0; i < n; i++) {
        const struct sockaddr_in6 *six = &list[i].address.address6;
        int rc = six->sin6_family == AF_INET6
                     ? uv_ip6_name(six, text, sizeof text)
                     : uv_ip4_name(&list[i].address.address4, text, sizeof text);
        if (rc == 0) buf_add(out, text, strlen(text) + 1);
    }
    uv_free_interface_addresses(list, n);
}

static void push_addresses(lua_State *L) {
    static _Thread_local struct buf listed;
    struct buf *out = lib_buf(&listed);
    list_addresses(out);
    if (!buf_ok(out)) vm_throw_memory(L);
    lua_newtable(L);
    struct str rest = buf_view(out), one;
    for (lua_Integer i = 1; str_cut(rest, 0, &one, &rest); i++) {
        lua_pushlstring(L, one.p, one.n);
        lua_rawseti(L, -2, i);
    }
}

/* host.self(): interfaces come and go, so that they are looked at each time. */
static int l_self(lua_State *L) {
    lua_createtable(L, 0, 2);
    push_ports(L);
    lua_setfield(L, -2, "ports");
    push_addresses(L);
    lua_setfield(L, -2, "addresses");
    return 1;
}

/* ---- small files in the home folder ---- */

static int home_path(lua_State *L, char *out, size_t cap) {
    const char *name = luaL_checkstring(L, 1);
    for (const char *p = name; *p; p++) {
        bool fine = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                    *p == '_' || (*p == '.' && p > name);
        luaL_argcheck(L, fine, 1, "a plain file name is expected");
    }
    luaL_argcheck(L, *name, 1, "a plain file name is expected");
    int n = snprintf(out, cap, "%s/%s", conf.home, name);
    luaL_argcheck(L, n > 0 && (size_t)n < cap - 8, 1, "the path is too long");
    return 0;
}

/* host.read(name) -> text, or nil, message, code */
static int l_read(lua_State *L) {
    char path[1100], text[16384];
    home_path(L, path, sizeof path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return op_fail(L, -errno, strerror(errno));
    ssize_t n = read(fd, text, sizeof text);
    int code = -errno;
    close(fd);
    if (n < 0) return op_fail(L, code, strerror(-code));
    lua_pushlstring(L, text, (size_t)n);
    seal_wipe(text, sizeof text);
    return 1;
}

/* host.write(name, text): whole or not at all, readable by the owner only, on disk when it returns.
 */
static int l_write(lua_State *L) {
    char path[1100], temporary[1110];
    home_path(L, path, sizeof path);
    struct str text = lib_str(L, 2);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return op_fail(L, -errno, strerror(errno));
    ssize_t n = write(fd, text.p, text.n);
    int code = n == (ssize_t)text.n ? 0 : (n < 0 ? -errno : -ENOSPC);
    if (code == 0 && fsync(fd) < 0) code = -errno;
    close(fd);
    if (code == 0 && rename(temporary, path) < 0) code = -errno;
    if (code < 0) {
        unlink(temporary);
        return op_fail(L, code, strerror(-code));
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- the file with values of configs ---- */

#define CONFIG_FILE_MAX ((size_t)1 << 20)

/* Appends what is in the file; *modified is its time in nanoseconds. 0 or negative. */
static int read_config_file(struct buf *out, int64_t *modified) {
    struct stat st;
    /* Not waiting for whoever writes, should it be a pipe. */
    int fd = open(conf.values, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
    if (fd < 0 || fstat(fd, &st) < 0) rc = -errno;
    if (rc == 0 && !S_ISREG(st.st_mode)) rc = -EISDIR;
    if (rc == 0) *modified = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    while (rc == 0) {
        char *room = buf_room(out, 16384);
        ssize_t n = room ? read(fd, room, 16384) : -1;
        if (n <= 0) {
            rc = !room ? -ENOMEM : n < 0 ? -errno : 0;
            break;
        }
        out->n += (size_t)n;
        if (out->n > CONFIG_FILE_MAX) rc = ERR_LIMIT;
    }
    if (fd >= 0) close(fd);
    return rc;
}

/* host.config_file() -> text, when it changed; or nil, message, code */
static int l_config_file(lua_State *L) {
    static _Thread_local struct buf content;
    int64_t modified = 0;
    struct buf *text = lib_buf(&content);
    int rc = read_config_file(text, &modified);
    if (rc < 0) {
        const char *why = rc == ERR_LIMIT ? "larger than 1 MB"
                          : rc == -EISDIR ? "not a regular file"
                                          : strerror(-rc);
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", conf.values, why);
        lua_pushstring(L, err_name(rc));
        return 3;
    }
    lua_pushlstring(L, text->p ? text->p : "", text->n);
    lua_pushnumber(L, (lua_Number)modified / 1e9);
    return 2;
}

/* ---- the proxy's routes ---- */

/* The table itself has the text, and keeps it. */
static struct str field_str(lua_State *L, int index, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, index);
    luaL_checktype(L, -1, LUA_TSTRING);
    struct str s = lib_str(L, -1);
    lua_pop(L, 1);
    return s;
}

/* Waiting until every worker routes by a list. */
struct routing {
    struct op op;
    struct routes_update update;
};

static void applied(struct routes_update *u) {
    op_finish(&LIST_ENTRY(u, struct routing, update)->op);
}

static int routing_done(lua_State *L, struct op *op) {
    (void)op;
    lua_pushboolean(L, 1);
    return 1;
}

static bool routing_cancel(struct op *op) {
    (void)op;
    return false; /* applied() comes */
}

static const struct op_kind routing_kind = {
    "host.instances", sizeof(struct routing), routing_done, routing_cancel, NULL, NULL};

/* host.instances(list, generation): list of {id, slug, url, healthy}. */
static int l_instances(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer generation = luaL_checkinteger(L, 2);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n >= 0 && n <= 100000, 1, "too many instances");
    struct routes_instance *list = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *list, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        int t = lua_gettop(L);
        list[i].id = field_str(L, t, "id");
        list[i].slug = field_str(L, t, "slug");
        list[i].url = field_str(L, t, "url");
        lua_getfield(L, t, "healthy");
        list[i].healthy = lua_toboolean(L, -1);
        lua_settop(L, t - 1);
    }
    struct routing *r = op_new(L, &routing_kind);
    r->update.applied = applied;
    if (routes_set_instances(&r->update, list, (int)n, (uint64_t)generation) == 0)
        return op_await(L, &r->op);
    op_discard(&r->op);
    return op_fail(L, -ENOMEM, "out of memory");
}

/* ---- the machine ---- */

static void set_usage(lua_State *L, const char *name, double used, double total) {
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)used);
    lua_setfield(L, -2, "used");
    lua_pushinteger(L, (lua_Integer)total);
    lua_setfield(L, -2, "total");
    lua_pushnumber(L, total > 0 ? 100.0 * used / total : 0);
    lua_setfield(L, -2, "percent");
    lua_setfield(L, -2, name);
}

/* First line of /proc/stat: user nice system idle iowait irq softirq steal … in ticks. */
static bool cpu_ticks(double *busy, double *total) {
    FILE *f = fopen("/proc/stat", "re");
    double t[8] = {0};
    if (!f) return false;
    int n = fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3], &t[4],
                   &t[5], &t[6], &t[7]);
    fclose(f);
    if (n < 4) return false;
    *total = 0;
    for (int i = 0; i < 8; i++)
        *total += t[i];
    *busy = *total - t[3] - t[4];
    return true;
}

static void memory(double *used, double *total) {
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    double available = 0;
    *used = *total = 0;
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        sscanf(line, "MemTotal: %lf", total);
        sscanf(line, "MemAvailable: %lf", &available);
    }
    fclose(f);
    *total *= 1024;
    *used = *total - available * 1024;
}

/* host.usage(): cpu (percent since the last call, of 100), memory and disk (bytes), each {used,
 * total, percent}. */
static int l_usage(lua_State *L) {
    static _Thread_local double last_busy, last_total;
    double busy = 0, total = 0, used = 0, all = 0;
    lua_createtable(L, 0, 3);
    if (cpu_ticks(&busy, &total)) {
        double span = total - last_total;
        double percent = span > 0 ? 100.0 * (busy - last_busy) / span : 0;
        last_busy = busy;
        last_total = total;
        set_usage(L, "cpu", (double)(int64_t)(percent + 0.5), 100);
    }
    memory(&used, &all);
    set_usage(L, "memory", used, all);
    struct statvfs fs;
    if (statvfs("/", &fs) == 0)
        set_usage(L, "disk", (double)(fs.f_blocks - fs.f_bfree) * (double)fs.f_frsize,
                  (double)fs.f_blocks * (double)fs.f_frsize);
    return 1;
}

const struct lib_doc lib_host_docs[] = {
    {"setting", l_setting, "fun(name: string): any",
     "A setting by name; durations in seconds, sizes in bytes."},
    {"self", l_self, "fun(): { ports: integer[], addresses: string[] }",
     "The ports of the front door and of the admin address, and the machine's addresses."},
    {"read", l_read, "fun(name: string): string?, string?, string?",
     "A small file of the home folder."},
    {"write", l_write, "fun(name: string, text: string): true?, string?, string?",
     "Writes a small file of the home folder, readable by its owner only, whole or not at all."},
    {"config_file", l_config_file, "fun(): string?, number|string, string?",
     "The file of the setting `values`, at most 1 MB, and when it changed, in seconds since the "
     "epoch; \"not_found\" when there is none."},
    {"instances", l_instances, "fun(list: table[], generation: integer): true?, string?, string?",
     "Hands all instances ({id, slug, url, healthy}) to the proxy and returns when every worker "
     "routes by them; an older generation than the last is ignored."},
    {"usage", l_usage, "fun(): table", "cpu, memory and disk, each {used, total, percent}."},
    {NULL, NULL, NULL, NULL},
};

int lib_host(lua_State *L) {
    lib_functions(L, lib_host_docs);
    return 1;
}
