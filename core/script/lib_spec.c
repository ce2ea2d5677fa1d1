/*
 * lib_spec: what `moonbus test` needs of the host: to find spec files, and to run one in a state of
 * its own with a fresh store and shared map, at the end of which nothing may be left over. Called
 * by lua/cli/test.lua, one file at a time; what runs inside is lua/spec.lua, whose stand-ins for
 * other services copy values here as the bus would. The store and the map are the process's
 * (host.h): never for a process that serves.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/script/embed.h"
#include "core/script/host.h"
#include "core/script/lib.h"
#include "core/script/pack.h"
#include "core/script/task.h"
#include "core/script/values.h"

#define SPEC_MEMORY ((size_t)512 << 20)
#define SPEC_TASKS  10000
#define SHARED_SIZE ((size_t)8 << 20)
#define FILE_MAX    ((size_t)4 << 20) /* bytes of a file that a spec may require */
#define FOUND_MAX   10000             /* spec files */
#define DEPTH_MAX   16                /* folders in folders */
#define POLL_MS     2
#define POLLS_MAX   2500 /* then an operation that does not end counts as left over */
#define PATH_ROOM   1024

/* ---- finding files --------------------------------------------------------------------------- */

static bool skipped(const char *name) {
    return name[0] == '.' || strcmp(name, "node_modules") == 0 || strcmp(name, "build") == 0;
}

static int seen(const struct dirent *entry) {
    return !skipped(entry->d_name);
}

static void free_names(struct dirent **names, int n) {
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* Appends to `out` every spec file at or below `path`, each followed by a NUL. */
static int find_below(struct buf *out, const char *path, int depth, int *found, struct err *e) {
    struct stat st;
    if (stat(path, &st) < 0) return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode)) {
        if (depth > 0 && !str_ends(str_of(path), STR("_spec.lua"))) return 0;
        if (++*found > FOUND_MAX)
            return err_set(e, ERR_LIMIT, "more than %d spec files", FOUND_MAX);
        buf_add(out, path, strlen(path) + 1);
        return 0;
    }
    if (!S_ISDIR(st.st_mode) || depth > DEPTH_MAX) return 0;
    struct dirent **names;
    int n = scandir(path, &names, seen, alphasort), rc = 0;
    if (n < 0) return err_set(e, -errno, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n && rc == 0; i++) {
        char below[PATH_ROOM];
        int len = snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
        if (len > 0 && (size_t)len < sizeof below) rc = find_below(out, below, depth + 1, found, e);
    }
    free_names(names, n);
    return rc;
}

/* spec.find(path) -> paths, sorted; or nil, message, code */
static int l_find(lua_State *L) {
    static _Thread_local struct buf paths;
    struct buf *out = lib_buf(&paths);
    const char *path = luaL_checkstring(L, 1);
    struct err e = {0};
    int found = 0;
    int rc = find_below(out, path, 0, &found, &e);
    if (rc == 0 && !buf_ok(out)) rc = err_set(&e, -ENOMEM, "out of memory");
    if (rc < 0) return op_fail(L, rc, e.text);
    lua_createtable(L, found, 0);
    const char *p = out->p;
    for (int i = 1; i <= found; i++, p += strlen(p) + 1) {
        lua_pushstring(L, p);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* ---- running one ----------------------------------------------------------------------------- */

/* A spec file being run. */
struct spec_run {
    struct op op;
    struct timer timer; /* looks whether everything has ended */
    struct vm *vm;
    struct arena arena;   /* texts below, and files that the state required */
    const char *path;     /* of the spec file */
    const char *root;     /* folder in which its `require` finds files */
    int above;            /* length of what stands in front of the service's name in `root`, or 0 */
    const char *folder;   /* of its service, below services/; else the name of `root` */
    struct str filter;    /* part of the names of the tests to be run */
    lua_Number timeout;   /* seconds for each test */
    struct buf result;    /* what spec.run returned, packed */
    struct buf problem;   /* why there is none */
    int polls;            /* of the timer */
    int tasks, ops, refs; /* left over */
};

/* The nearest folder around the file that is a service's, else its own. */
static void find_root(struct spec_run *r, char *root, size_t cap) {
    char at[PATH_ROOM], yaml[PATH_ROOM + 16];
    snprintf(at, sizeof at, "%s", r->path);
    char *slash = strrchr(at, '/');
    if (slash)
        *slash = 0;
    else
        snprintf(at, sizeof at, ".");
    snprintf(root, cap, "%s", at);
    for (;;) {
        snprintf(yaml, sizeof yaml, "%s/service.yaml", at);
        if (access(yaml, F_OK) == 0) {
            snprintf(root, cap, "%s", at);
            return;
        }
        slash = strrchr(at, '/');
        if (!slash || slash == at) return;
        *slash = 0;
    }
}

/* The name in the path of a service's folder: what lies below the setting `services`, or below the
 * last folder of that name. NULL: it lies elsewhere. */
static const char *find_name(const char *root) {
    struct str path = str_of(root), setting = str_of(conf.services);
    while (setting.n > 1 && setting.p[setting.n - 1] == '/')
        setting.n--;
    if (path.n > setting.n + 1 && str_starts(path, setting) && root[setting.n] == '/')
        return root + setting.n + 1;
    const char *found = NULL;
    for (const char *at = root; (at = strstr(at, "services/")); at++)
        if (at == root || at[-1] == '/') found = at + sizeof "services/" - 1;
    return found;
}

static bool set_root(struct spec_run *r) {
    char root[PATH_ROOM];
    find_root(r, root, sizeof root);
    r->root = arena_dup(&r->arena, str_of(root));
    if (!r->root) return false;
    const char *name = find_name(r->root), *slash = strrchr(r->root, '/');
    r->above = name ? (int)(name - r->root) : 0;
    r->folder = name ? name : slash ? slash + 1 : r->root;
    return true;
}

static struct str slurp(struct spec_run *r, const char *path) {
    struct str text = STR_NONE;
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f) return text;
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= FILE_MAX) {
        size_t size = (size_t)st.st_size;
        char *p = arena_alloc(&r->arena, size + 1);
        if (p) text = str_make(p, fread(p, 1, size, f));
    }
    fclose(f);
    return text;
}

static struct str read_file(void *arg, struct str path) {
    struct spec_run *r = arg;
    char full[PATH_ROOM];
    int n = snprintf(full, sizeof full, "%s/%.*s", r->root, STR_FMT(path));
    bool inside = path.n && path.p[0] != '/' && str_find(path, STR("..")) < 0;
    return inside && n > 0 && (size_t)n < sizeof full ? slurp(r, full) : STR_NONE;
}

/* Of the services beside it, else of this folder's, else of those in the binary. */
static struct str read_other(void *arg, struct str path) {
    struct spec_run *r = arg;
    char full[PATH_ROOM], embedded[PATH_ROOM];
    int n = r->above ? snprintf(full, sizeof full, "%.*s%.*s", r->above, r->root, STR_FMT(path))
                     : snprintf(full, sizeof full, "%s/%.*s", conf.services, STR_FMT(path));
    int m = snprintf(embedded, sizeof embedded, "services/%.*s", STR_FMT(path));
    bool inside = path.n && path.p[0] != '/' && str_find(path, STR("..")) < 0;
    if (!inside || n < 0 || (size_t)n >= sizeof full || (size_t)m >= sizeof embedded)
        return STR_NONE;
    struct str text = slurp(r, full);
    return text.p ? text : embed_find(str_make(embedded, (size_t)m));
}

/* What a service's folder would not have, either, is left out. */
static int listed(const struct dirent *entry) {
    struct str name = str_of(entry->d_name);
    return name.p[0] != '.' && name.p[0] != '#' && name.p[name.n - 1] != '~';
}

/* Appends the files below `path` whose names behind the root's begin with `prefix`. */
static void list_below(struct spec_run *r, const char *path, struct str prefix, int depth,
                       struct buf *out) {
    struct dirent **names;
    int n = scandir(path, &names, listed, alphasort);
    if (n < 0) return;
    for (int i = 0; i < n; i++) {
        char below[PATH_ROOM];
        struct stat st;
        int len = snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof below || stat(below, &st) < 0) continue;
        struct str relative = str_from(str_of(below), strlen(r->root) + 1);
        if (S_ISREG(st.st_mode) && str_starts(relative, prefix))
            buf_add(out, relative.p, relative.n + 1);
        else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            list_below(r, below, prefix, depth + 1, out);
    }
    free_names(names, n);
}

/* Looks from the last folder on that the prefix names. */
static void list_files(void *arg, struct str prefix, struct buf *out) {
    struct spec_run *r = arg;
    size_t folder = prefix.n;
    while (folder > 0 && prefix.p[folder - 1] != '/')
        folder--;
    char path[PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s%s%.*s", r->root, folder ? "/" : "",
                     (int)(folder ? folder - 1 : 0), prefix.p);
    bool inside = str_find(prefix, STR("..")) < 0 && (!prefix.n || prefix.p[0] != '/');
    if (inside && n > 0 && (size_t)n < sizeof path) list_below(r, path, prefix, 0, out);
}

/* [protected] require "spec".run(path, folder, filter, timeout) */
static int push(lua_State *co, void *arg) {
    struct spec_run *r = arg;
    lua_getglobal(co, "require");
    lua_pushliteral(co, "spec");
    lua_call(co, 1, 1);
    lua_getfield(co, -1, "run");
    lua_remove(co, -2);
    lua_pushstring(co, r->path);
    lua_pushstring(co, r->folder);
    lua_pushlstring(co, r->filter.p, r->filter.n);
    lua_pushnumber(co, r->timeout);
    return 4;
}

static int collect(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

static void close_data(void) {
    if (host.store) store_close(host.store);
    shared_free(host.shared);
    values_forget_all();
    host.store = NULL;
    host.shared = NULL;
}

/* What is left is counted, and ended; the state goes once nothing of it is under way. */
static void look(struct timer *t) {
    struct spec_run *r = LIST_ENTRY(t, struct spec_run, timer);
    struct vm *vm = r->vm;
    struct worker *w = vm->worker;
    if (r->polls++ == 0) {
        vm_protect(vm, collect, NULL, NULL);
        r->tasks = vm->n_tasks;
        vm->closing = true;
        task_cancel_all(vm, false);
    }
    bool waits = vm->n_tasks > 0 || vm->n_ops > 0;
    if (waits && r->polls < POLLS_MAX && timer_arm(w, t, POLL_MS) == 0) return;
    timer_remove(w, t);
    vm_protect(vm, collect, NULL, NULL);
    r->ops = vm->n_ops;
    r->refs = vm->n_refs;
    /* A state with something under way cannot be freed: the report is worth more than the memory.
     */
    if (!waits) {
        vm_free(vm);
        close_data();
    }
    op_finish(&r->op);
}

static void ended(struct task *t, enum task_end end, int nresults) {
    struct spec_run *r = t->data;
    const char *why = NULL;
    if (end == TASK_RETURNED && nresults > 0) {
        if (pack_value(t->co, -nresults, &r->result, &why) < 0) buf_str(&r->problem, str_of(why));
    } else {
        task_error(t, &r->problem, NULL);
    }
    /* Never at once: the state must not end inside its own task. The timer has its place already.
     */
    timer_arm(r->vm->worker, &r->timer, 1);
}

static int run_done(lua_State *L, struct op *op) {
    struct spec_run *r = (struct spec_run *)op;
    if (r->problem.n || !buf_ok(&r->result) || !r->result.n) {
        buf_char(&r->problem, 0);
        return op_fail(L, -EINVAL, buf_ok(&r->problem) ? r->problem.p : "out of memory");
    }
    struct str in = buf_view(&r->result);
    pack_push(L, &in);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, r->tasks);
    lua_setfield(L, -2, "tasks");
    lua_pushinteger(L, r->ops);
    lua_setfield(L, -2, "operations");
    lua_pushinteger(L, r->refs);
    lua_setfield(L, -2, "references");
    lua_setfield(L, -2, "left");
    return 1;
}

/* The command is over before the file: its tasks end, and `look` finishes the op. */
static bool run_cancel(struct op *op) {
    task_cancel_all(((struct spec_run *)op)->vm, false);
    return false;
}

static void run_drop(struct op *op) {
    struct spec_run *r = (struct spec_run *)op;
    timer_remove(op->vm->worker, &r->timer);
    buf_free(&r->result);
    buf_free(&r->problem);
    arena_free(&r->arena);
}

static const struct op_kind run_kind = {
    "spec.run", sizeof(struct spec_run), run_done, run_cancel, run_drop, NULL};

static int open_data(struct err *e) {
    struct store_options o = {
        .prefix = "",
        .readers = 2,
        .queue = (int)conf.store_queue,
        .max_result = conf.store_result,
        .relaxed = true,
    };
    host.store = store_open(&o, e);
    if (!host.store) return e->code;
    host.shared = shared_new(SHARED_SIZE);
    return host.shared ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int open_state(struct spec_run *r, struct worker *w, struct err *e) {
    if (!r->path || !r->filter.p || !set_root(r)) return err_set(e, -ENOMEM, "out of memory");
    timer_init(&r->timer, look);
    if (timer_arm(w, &r->timer, UINT64_MAX) < 0) return err_set(e, -ENOMEM, "out of memory");
    int rc = open_data(e);
    if (rc < 0) return rc;
    struct vm_options o = {
        .name = r->folder,
        .files = {read_file, read_other, list_files, r},
        .memory = SPEC_MEMORY,
        .max_tasks = SPEC_TASKS,
        .trusted = true,
        .platform = true,
    };
    r->vm = vm_new(w, &o, e);
    if (!r->vm) return e->code;
    struct task *t = task_new(r->vm, push, r, e);
    if (!t) return e->code;
    t->data = r;
    t->ended = ended;
    task_start(t);
    return 0;
}

/* spec.run(path, filter, timeout) -> result of the file's tests, with what was `left`; or nil,
 * message, code */
static int l_run(lua_State *L) {
    struct str path = lib_str(L, 1), filter = lib_opt_str(L, 2, STR(""));
    lua_Number timeout = luaL_optnumber(L, 3, 30);
    luaL_argcheck(L, path.n > 0 && path.n < PATH_ROOM, 1, "not a path");
    luaL_argcheck(L, timeout > 0 && timeout <= 86400, 3, "seconds up to a day");
    if (host.store || host.shared) return luaL_error(L, "a spec is running already");
    struct err e = {0};
    struct spec_run *r = op_new(L, &run_kind);
    arena_init(&r->arena, 4096);
    buf_init(&r->result);
    buf_init(&r->problem);
    r->path = arena_dup(&r->arena, path);
    r->filter = str_of(arena_dup(&r->arena, filter));
    r->timeout = timeout;
    if (open_state(r, vm_of(L)->worker, &e) == 0) return op_await(L, &r->op);
    if (r->vm) vm_free(r->vm);
    close_data();
    op_discard(&r->op);
    return op_fail(L, e.code, e.text);
}

/* ---- what stands in for other services ------------------------------------------------------- */

/* spec.copy(...) -> the same values as another state would get them over the bus; raises for what
 * cannot go there */
static int l_copy(lua_State *L) {
    int n = lua_gettop(L);
    const char *why = NULL;
    static _Thread_local struct buf copied;
    struct buf *packed = lib_buf(&copied);
    luaL_checkstack(L, n + 4, "values");
    for (int i = 1; i <= n; i++)
        if (pack_value(L, i, packed, &why) < 0) return luaL_error(L, "%s", why);
    struct str in = buf_view(packed);
    for (int i = 1; i <= n; i++)
        pack_push(L, &in);
    return n;
}

/* spec.embedded(path) -> text, or nil */
static int l_embedded(lua_State *L) {
    struct str text = embed_find(lib_str(L, 1));
    if (!text.p) return 0;
    lua_pushlstring(L, text.p, text.n);
    return 1;
}

/* spec.is_library(name) -> whether `require` gives a module that is written in C */
static int l_is_library(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const struct lib *lib = lib_all;
    while (lib->name && strcmp(lib->name, name) != 0)
        lib++;
    lua_pushboolean(L, lib->name != NULL);
    return 1;
}

/* spec.pass_on() */
static int l_pass_on(lua_State *L) {
    struct task *t = task_running(L);
    if (t && t->parent) task_pass_on(t);
    return 0;
}

const struct lib_doc lib_spec_docs[] = {
    {"copy", l_copy, "fun(...: any): any ...",
     "The values as another service would get them over the bus; raises for what cannot go there."},
    {"embedded", l_embedded, "fun(path: string): string?",
     "A file inside the binary: lua/errors.lua."},
    {"is_library", l_is_library, "fun(name: string): boolean",
     "Whether a module is one of the host's that are written in C."},
    {"find", l_find, "fun(path: string): string[]?, string?, string?",
     "The spec files (*_spec.lua) at or below a path, sorted."},
    {"pass_on", l_pass_on, "fun()",
     "The tasks that the running one has started are its parent's from here on: they go on when it "
     "ends."},
    {"run", l_run,
     "fun(path: string, filter?: string, timeout?: number): SpecResult?, string?, string?",
     "Runs the tests of one file whose names contain the filter, each at most timeout seconds, in "
     "a "
     "state of its own with an empty store and shared map. `left` counts the tasks, operations and "
     "references that the file left behind."},
    {NULL, NULL, NULL, NULL},
};

int lib_spec(lua_State *L) {
    lib_functions(L, lib_spec_docs);
    return 1;
}
