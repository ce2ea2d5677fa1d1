/*
 * lib_files: the service's own files, as they were when its generation was read. Used by the
 * runtime; never touches the file system.
 */
#include "core/script/lib.h"
#include "core/script/resident.h"
#include "core/script/vm.h"

/* files.read(path) -> text, or nil */
static int l_read(lua_State *L) {
    struct vm *vm = vm_of(L);
    struct str path = lib_str(L, 1);
    struct str text = STR_NONE;
    if (vm->options.files.read) text = vm->options.files.read(vm->options.files.arg, path);
    if (!text.p) return 0;
    lua_pushlstring(L, text.p, text.n);
    return 1;
}

/* files.other(path) -> text of a file of another service, or nil */
static int l_other(lua_State *L) {
    const struct vm_files *files = &vm_of(L)->options.files;
    struct str path = lib_str(L, 1);
    struct str text = files->other ? files->other(files->arg, path) : STR_NONE;
    if (!text.p) return 0;
    lua_pushlstring(L, text.p, text.n);
    return 1;
}

/* files.trial() -> whether this state is made to see whether the files load, and serves nobody */
static int l_trial(lua_State *L) {
    lua_pushboolean(L, vm_of(L)->worker->index < 0);
    return 1;
}

/* files.embedded() -> whether the files are those inside the binary */
static int l_embedded(lua_State *L) {
    const struct resident *r = vm_of(L)->owner;
    lua_pushboolean(L, r && r->gen->embedded);
    return 1;
}

/* files.hash() -> what tells this generation's files from any others */
static int l_hash(lua_State *L) {
    const struct resident *r = vm_of(L)->owner;
    lua_pushstring(L, r ? r->gen->hash : "");
    return 1;
}

/* files.where(f) -> file and line of a Lua function */
static int l_where(lua_State *L) {
    lua_Debug at;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_getinfo(L, ">S", &at);
    lua_pushstring(L, *at.source == '@' ? at.source + 1 : at.short_src);
    lua_pushinteger(L, at.linedefined);
    return 2;
}

/* files.folder() -> the service's folder, below services/ */
static int l_folder(lua_State *L) {
    lua_pushstring(L, vm_of(L)->options.name);
    return 1;
}

/* files.list([prefix]) -> paths, in any order */
static int l_list(lua_State *L) {
    static _Thread_local struct buf found;
    const struct vm_files *files = &vm_of(L)->options.files;
    struct buf *out = lib_buf(&found);
    struct str prefix = lib_opt_str(L, 1, STR(""));
    if (files->list) files->list(files->arg, prefix, out);
    if (!buf_ok(out)) return luaL_error(L, "not enough memory");
    lua_newtable(L);
    struct str rest = buf_view(out), path;
    for (lua_Integer i = 1; str_cut(rest, 0, &path, &rest); i++) {
        lua_pushlstring(L, path.p, path.n);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

const struct lib_doc lib_files_docs[] = {
    {"read", l_read, "fun(path: string): string?",
     "A file of this service, by its path in the folder."},
    {"other", l_other, "fun(path: string): string?",
     "A file of another service by its path below services/: gen/api.lua, gen/plumbing.lua, "
     "service.yaml and types.lua, as they were when this generation was read."},
    {"trial", l_trial, "fun(): boolean",
     "Whether this state only tries the files and serves nobody."},
    {"embedded", l_embedded, "fun(): boolean", "Whether the files are those inside the binary."},
    {"hash", l_hash, "fun(): string",
     "What tells the files of this generation from any others; empty in specs."},
    {"folder", l_folder, "fun(): string", "The folder of this service, below services/."},
    {"where", l_where, "fun(f: function): string, integer",
     "The file that a function is written in, services/user/policy.lua, and its first line."},
    {"list", l_list, "fun(prefix?: string): string[]",
     "The paths of this service's files that begin so, in any order."},
    {NULL, NULL, NULL, NULL},
};

int lib_files(lua_State *L) {
    lib_functions(L, lib_files_docs);
    return 1;
}
