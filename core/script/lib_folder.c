/*
 * lib_folder: the file system as the generator sees it: which folders are services, what is in one,
 * and new texts for many files at once, all of them or none. For the command line and specs; never
 * in a process that serves.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/script/embed.h"
#include "core/script/generation.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define PATH_ROOM 4096

/* ---- looking --------------------------------------------------------------------------------- */

/* Names of folders, each followed by a NUL. */
static int keep(void *arg, struct str folder) {
    struct buf *out = arg;
    buf_str(out, folder);
    buf_char(out, 0);
    return buf_ok(out) ? 0 : -ENOMEM;
}

/* folder.services(root) -> names below root, in no order; or nil, message, code */
static int l_services(lua_State *L) {
    static _Thread_local struct buf names;
    struct buf *out = lib_buf(&names);
    const char *root = luaL_checkstring(L, 1);
    int rc = generation_scan(root, keep, out);
    if (rc == ERR_LIMIT) return op_fail(L, rc, "too many services");
    if (rc < 0) return op_fail(L, rc, strerror(-rc));
    lua_newtable(L);
    const char *p = out->p, *end = p + out->n;
    for (lua_Integer i = 1; p < end; i++, p += strlen(p) + 1) {
        lua_pushstring(L, p);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

static int give_generation(lua_State *L) {
    struct generation **g = lua_touserdata(L, 1);
    if (*g) generation_give(*g);
    *g = NULL;
    return 0;
}

/* folder.read(root, name) -> texts by path; or nil, message, code */
static int l_read(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", give_generation}, {NULL, NULL}};
    const char *root = luaL_checkstring(L, 1);
    struct str name = lib_str(L, 2);
    struct err e = {0};
    struct generation **g = lua_newuserdatauv(L, sizeof(struct generation *), 0);
    *g = NULL;
    lib_class(L, "host.folder.snapshot", NULL, meta);
    luaL_setmetatable(L, "host.folder.snapshot");
    *g = generation_read(root, NULL, name, &e);
    if (!*g) return op_fail(L, e.code, e.text);
    lua_createtable(L, 0, (*g)->n_files);
    for (int i = 0; i < (*g)->n_files; i++) {
        const struct generation_file *file = &(*g)->files[i];
        lua_pushlstring(L, file->path.p, file->path.n);
        lua_pushlstring(L, file->text.p ? file->text.p : "", file->text.n);
        lua_rawset(L, -3);
    }
    return 1;
}

/* folder.platform(name) -> whether the binary has a service in services/<name> */
static int l_platform(lua_State *L) {
    char path[300];
    int n = snprintf(path, sizeof path, "services/%s/service.yaml", luaL_checkstring(L, 1));
    bool fits = n > 0 && (size_t)n < sizeof path;
    lua_pushboolean(L, fits && embed_find(str_make(path, (size_t)n)).p);
    return 1;
}

/* folder.platforms() -> the declarations of the services inside the binary, texts by folder */
static int l_platforms(lua_State *L) {
    static const struct str root = STR("services/"), file = STR("/service.yaml");
    lua_newtable(L);
    for (int i = 0; i < embed_count; i++) {
        struct str path = str_of(embed_files[i].path);
        if (!str_starts(path, root) || !str_ends(path, file)) continue;
        lua_pushlstring(L, path.p + root.n, path.n - root.n - file.n);
        lua_pushlstring(L, embed_files[i].data, (size_t)(embed_files[i].end - embed_files[i].data));
        lua_rawset(L, -3);
    }
    return 1;
}

/* folder.kind(path) -> "file", "folder", "other", or nil when there is nothing */
static int l_kind(lua_State *L) {
    struct stat st;
    if (stat(luaL_checkstring(L, 1), &st) < 0) return 0;
    lua_pushstring(L, S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "folder" : "other");
    return 1;
}

/* folder.absolute(path) -> the path from the root on, without links and dots; nil when there is
 * nothing */
static int l_absolute(lua_State *L) {
    char real[PATH_ROOM];
    _Static_assert(PATH_ROOM >= PATH_MAX, "realpath needs the room");
    if (!realpath(luaL_checkstring(L, 1), real)) return 0;
    lua_pushstring(L, real);
    return 1;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A file that gets a new text: first beside it, then in its place. */
struct change {
    struct str text;   /* borrowed from the arguments, which stay on the stack */
    const char *path;  /* the same; where a link leads to, once that is known */
    const char *fresh; /* of the file beside it, while that exists */
    struct stat st;    /* of the file that is there */
    bool there;
};

struct changes {
    struct arena arena; /* paths, and what is below */
    struct change *list;
    int n;
    const char **folders; /* made for them, outer ones first */
    int n_folders;
};

static char *copy(struct changes *c, const char *text) {
    return arena_dup(&c->arena, str_of(text));
}

/* Makes the folders that a path lacks, and remembers them. */
static int make_folders(struct changes *c, const char *path, int room, struct err *e) {
    char at[PATH_ROOM];
    snprintf(at, sizeof at, "%s", path);
    for (char *slash = strchr(at + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(at, 0777) == 0) {
            char *made = copy(c, at);
            if (!made || c->n_folders == room) {
                rmdir(at);
                return err_set(e, -ENOMEM, "out of memory");
            }
            c->folders[c->n_folders++] = made;
        } else if (errno != EEXIST) {
            return err_set(e, -errno, "cannot make the folder %s: %s", at, strerror(errno));
        }
        *slash = '/';
    }
    return 0;
}

static int write_all(int fd, struct str text) {
    size_t at = 0;
    while (at < text.n) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        at += (size_t)n;
    }
    return 0;
}

static int stage(struct changes *c, struct change *change, struct err *e) {
    char fresh[PATH_ROOM + 32];
    const char *slash = strrchr(change->path, '/');
    int folder = slash ? (int)(slash + 1 - change->path) : 0;
    /* A dot file: nobody who watches the folder takes it for one of the service's. */
    snprintf(fresh, sizeof fresh, "%.*s.%s.%d", folder, change->path, change->path + folder,
             (int)getpid());
    char *name = copy(c, fresh);
    if (!name) return err_set(e, -ENOMEM, "out of memory");
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return err_set(e, -errno, "cannot write %s: %s", change->path, strerror(errno));
    change->fresh = name;
    int rc = write_all(fd, change->text);
    if (rc == 0 && change->there && fchmod(fd, change->st.st_mode & 07777) < 0) rc = -errno;
    if (close(fd) < 0 && rc == 0) rc = -errno;
    return rc < 0 ? err_set(e, rc, "cannot write %s: %s", change->path, strerror(-rc)) : 0;
}

static int look(struct changes *c, struct change *change, struct err *e) {
    if (stat(change->path, &change->st) < 0) {
        if (errno == ENOENT) return 0;
        return err_set(e, -errno, "%s: %s", change->path, strerror(errno));
    }
    if (!S_ISREG(change->st.st_mode)) return err_set(e, -EINVAL, "%s is no file", change->path);
    char *real = realpath(change->path, NULL);
    change->there = true;
    change->path = real ? copy(c, real) : NULL;
    free(real);
    return change->path ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int put_in_place(struct changes *c, struct err *e) {
    for (int i = 0; i < c->n; i++) {
        struct change *change = &c->list[i];
        if (rename(change->fresh, change->path) < 0)
            return err_set(e, -errno, "cannot replace %s: %s", change->path, strerror(errno));
        change->fresh = NULL;
    }
    return 0;
}

/* What was begun and not finished leaves nothing behind. */
static void take_back(struct changes *c) {
    for (int i = 0; i < c->n; i++)
        if (c->list[i].fresh) unlink(c->list[i].fresh);
    for (int i = c->n_folders - 1; i >= 0; i--)
        rmdir(c->folders[i]);
}

/* Every new text is on disk before the first file is replaced. */
static int replace(struct changes *c, int room, struct err *e) {
    int rc = 0;
    for (int i = 0; rc == 0 && i < c->n; i++)
        rc = look(c, &c->list[i], e);
    for (int i = 0; rc == 0 && i < c->n; i++) {
        if (!c->list[i].there) rc = make_folders(c, c->list[i].path, room, e);
        if (rc == 0) rc = stage(c, &c->list[i], e);
    }
    if (rc == 0) rc = put_in_place(c, e);
    if (rc < 0) take_back(c);
    return rc;
}

static int end_changes(lua_State *L) {
    arena_free(&((struct changes *)lua_touserdata(L, 1))->arena);
    return 0;
}

/* The i-th argument's path and text; both stay on the stack's table, so they are borrowed. Returns
 * the number of folders in the path. */
static int take_argument(lua_State *L, struct change *change, int i) {
    size_t size;
    int slashes = 0;
    luaL_argcheck(L, lua_rawgeti(L, 1, i) == LUA_TTABLE, 1, "a list of { path =, text = }");
    bool texts = lua_getfield(L, -1, "path") == LUA_TSTRING;
    texts = lua_getfield(L, -2, "text") == LUA_TSTRING && texts;
    luaL_argcheck(L, texts, 1, "a list of { path =, text = }");
    change->path = lua_tostring(L, -2);
    luaL_argcheck(L, *change->path && strlen(change->path) < PATH_ROOM, 1, "not a path");
    for (const char *p = change->path; *p; p++)
        slashes += *p == '/';
    const char *text = lua_tolstring(L, -1, &size);
    change->text = str_make(text, size);
    lua_pop(L, 3);
    return slashes;
}

/* folder.replace(files) -> true; or nil, message, code */
static int l_replace(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", end_changes}, {NULL, NULL}};
    luaL_checktype(L, 1, LUA_TTABLE);
    int n = (int)luaL_len(L, 1), slashes = 0;
    struct err e = {0};
    struct changes *c = lua_newuserdatauv(L, sizeof *c, 0);
    memset(c, 0, sizeof *c);
    arena_init(&c->arena, 4096);
    lib_class(L, "host.folder.changes", NULL, meta);
    luaL_setmetatable(L, "host.folder.changes");
    c->list = arena_alloc(&c->arena, sizeof *c->list * (size_t)(n + 1));
    if (!c->list) return op_fail(L, -ENOMEM, "out of memory");
    memset(c->list, 0, sizeof *c->list * (size_t)(n + 1));
    for (; c->n < n; c->n++)
        slashes += take_argument(L, &c->list[c->n], c->n + 1);
    c->folders = arena_alloc(&c->arena, sizeof *c->folders * (size_t)(slashes + 1));
    if (!c->folders) return op_fail(L, -ENOMEM, "out of memory");
    if (replace(c, slashes, &e) < 0) return op_fail(L, e.code, e.text);
    lua_pushboolean(L, 1);
    return 1;
}

const struct lib_doc lib_folder_docs[] = {
    {"services", l_services, "fun(root: string): string[]?, string?, string?",
     "The folders below root that hold a service.yaml, as paths relative to it, in no order."},
    {"read", l_read, "fun(root: string, name: string): table<string, string>?, string?, string?",
     "The files of a service's folder, texts by relative path; dot files and other services inside "
     "it left out."},
    {"platform", l_platform, "fun(name: string): boolean",
     "Whether the binary has a platform service of that name."},
    {"platforms", l_platforms, "fun(): table<string, string>",
     "The declarations of the services inside the binary: texts by folder."},
    {"kind", l_kind, "fun(path: string): \"file\"|\"folder\"|\"other\"|nil",
     "What is at a path; nil when there is nothing."},
    {"absolute", l_absolute, "fun(path: string): string?",
     "A path from the root on, without links and dots; nil when there is nothing."},
    {"replace", l_replace, "fun(files: { path: string, text: string }[]): true?, string?, string?",
     "Gives files new texts, and makes those that are missing, with their folders. All new texts "
     "are on disk before the first file is replaced; a failure leaves everything as it was. Files "
     "keep their mode, links lead where they led."},
    {NULL, NULL, NULL, NULL},
};

int lib_folder(lua_State *L) {
    lib_functions(L, lib_folder_docs);
    return 1;
}
