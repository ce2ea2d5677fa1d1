/*
 * compiled: keeps what lua_dump gave for each embedded file, by its index in the table. The first
 * state that loads a file publishes it; several may race, then one of them is kept. Called by
 * require.c, on any thread.
 */
#include "core/script/compiled.h"

#include <stdatomic.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/script/vm.h"

#define FILES_MAX 1024 /* embedded files; later ones are compiled each time */

static struct buf *_Atomic kept[FILES_MAX];

static int add(lua_State *L, const void *p, size_t n, void *arg) {
    struct buf *out = arg;
    (void)L;
    buf_add(out, p, n);
    return buf_ok(out) ? 0 : 1;
}

/* Remembering is a favour: without memory the next state compiles again. Allocates nothing in L. */
static void keep(lua_State *L, ptrdiff_t index) {
    struct buf *b = mem_zalloc(sizeof *b), *none = NULL;
    if (!b) return;
    buf_init(b);
    bool whole = lua_dump(L, add, b, 0) == 0;
    if (whole && atomic_compare_exchange_strong(&kept[index], &none, b)) return;
    buf_free(b);
    mem_free(b);
}

int compiled_load(lua_State *L, const struct embed_file *file) {
    ptrdiff_t index = file - embed_files;
    const struct buf *b = index < FILES_MAX ? atomic_load(&kept[index]) : NULL;
    if (b) {
        lua_pushfstring(L, "@%s", file->path);
        int r = luaL_loadbufferx(L, b->p, b->n, lua_tostring(L, -1), "b");
        lua_remove(L, -2);
        return r;
    }
    struct str text = str_make(file->data, (size_t)(file->end - file->data));
    int r = vm_load_named(L, str_of(file->path), text);
    /* In a trusted state nobody has looked at the globals that it names. */
    if (r == LUA_OK && index < FILES_MAX && !vm_of(L)->options.trusted) keep(L, index);
    return r;
}

void compiled_free(void) {
    for (int i = 0; i < FILES_MAX; i++) {
        struct buf *b = atomic_exchange(&kept[i], NULL);
        if (!b) continue;
        buf_free(b);
        mem_free(b);
    }
}
