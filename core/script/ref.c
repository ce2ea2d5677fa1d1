/*
 * ref: counted references into a state, so that a leaked one shows. Called by whoever keeps a Lua
 * value in C.
 */
#include <assert.h>

#include "core/base/stat.h"
#include "core/script/task.h"

int ref_take(lua_State *L) {
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (ref == LUA_REFNIL) return ref;
    vm_of(L)->n_refs++;
    stat_add(STAT_REFS_OPEN, 1);
    return ref;
}

void ref_push(lua_State *L, struct vm *vm, int ref) {
    assert(vm_of(L) == vm);
    (void)vm;
    if (ref == LUA_NOREF || ref == LUA_REFNIL)
        lua_pushnil(L);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

/* luaL_unref writes to fields that are there already, so it allocates nothing and cannot throw. */
void ref_drop(struct vm *vm, int ref) {
    if (ref == LUA_NOREF || ref == LUA_REFNIL) return;
    assert(vm->n_refs > 0);
    if (!lua_checkstack(vm->L, 2)) return;
    luaL_unref(vm->L, LUA_REGISTRYINDEX, ref);
    vm->n_refs--;
    stat_add(STAT_REFS_OPEN, -1);
}
