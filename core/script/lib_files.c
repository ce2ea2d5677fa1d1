/*
 * lib_files: the service's own files, as they were when its generation was read. Used by the
 * runtime; never touches the file system.
 */
#include "core/script/lib.h"
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

const struct lib_doc lib_files_docs[] = {
    {"read", "fun(path: string): string?", "A file of this service, by its path in the folder."},
    {NULL, NULL, NULL},
};

int lib_files(lua_State *L) {
    static const luaL_Reg functions[] = {{"read", l_read}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
