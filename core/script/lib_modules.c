/*
 * lib_modules: what the binary tells of itself: the modules in C with their documents, and the Lua
 * files inside. For the command line and for specs: stubs for editors are made of it.
 */
#include "core/script/embed.h"
#include "core/script/lib.h"

static void set(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* Pushes the rows of a table, in order. */
static void push_docs(lua_State *L, const struct lib_doc *docs) {
    lua_newtable(L);
    for (int i = 0; docs[i].name; i++) {
        lua_createtable(L, 0, 3);
        set(L, "name", docs[i].name);
        set(L, "signature", docs[i].signature);
        set(L, "text", docs[i].text);
        lua_rawseti(L, -2, i + 1);
    }
}

/* Appends to the list on top. */
static void add(lua_State *L, const struct lib *lib) {
    static const char *const names[] = {"all", "platform", "trusted"};
    lua_createtable(L, 0, 5);
    set(L, "name", lib->name);
    set(L, "file", lib->file);
    set(L, "trust", names[lib->trust]);
    lua_pushboolean(L, lib->open != NULL);
    lua_setfield(L, -2, "module");
    push_docs(L, lib->docs);
    lua_setfield(L, -2, "docs");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static int l_libraries(lua_State *L) {
    lua_newtable(L);
    for (const struct lib *lib = lib_all; lib->name; lib++)
        add(L, lib);
    for (const struct lib *lib = lib_classes; lib->name; lib++)
        add(L, lib);
    return 1;
}

static int l_embedded(lua_State *L) {
    struct str prefix = lib_opt_str(L, 1, STR(""));
    lua_newtable(L);
    for (const struct embed_file *f = embed_files; f->path; f++) {
        if (!str_starts(str_of(f->path), prefix)) continue;
        lua_pushlstring(L, f->data, (size_t)(f->end - f->data));
        lua_setfield(L, -2, f->path);
    }
    return 1;
}

const struct lib_doc lib_modules_docs[] = {
    {"libraries", l_libraries, "fun(): HostLibrary[]",
     "The modules in C, and the classes beside them: { name, file, trust, module, docs }; a doc is "
     "{ name, signature, text }."},
    {"embedded", l_embedded, "fun(prefix?: string): table<string, string>",
     "The files inside the binary whose paths begin so: texts by path."},
    {NULL, NULL, NULL, NULL},
};

int lib_modules(lua_State *L) {
    lib_functions(L, lib_modules_docs);
    return 1;
}
