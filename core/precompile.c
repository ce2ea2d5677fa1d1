/*
 * precompile: a program of the build, no part of the host. Compiles the Lua files that go into the
 * binary, so that a host need not do it at each start, for each state of each service.
 *
 *     precompile SOURCE OUT < files.txt
 *
 * Reads the paths of files below the folder SOURCE, one a line. Of the n-th, counted from 0, it
 * writes what lua_dump gives to OUT/code_<n>: names and lines stay in, errors tell them. What is no
 * Lua gets an empty file. A syntax error ends the build.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *why) {
    fprintf(stderr, "precompile: %s: %s\n", what, why);
    exit(1);
}

/* Leaves the text of a file on the stack. */
static void read_file(lua_State *L, const char *path) {
    luaL_Buffer all;
    FILE *f = fopen(path, "rb");
    if (!f) fail(path, "cannot be read");
    luaL_buffinit(L, &all);
    for (size_t n = 1; n > 0;) {
        n = fread(luaL_prepbuffer(&all), 1, LUAL_BUFFERSIZE, f);
        luaL_addsize(&all, n);
    }
    if (ferror(f)) fail(path, "cannot be read");
    fclose(f);
    luaL_pushresult(&all);
}

static int write_piece(lua_State *L, const void *p, size_t n, void *file) {
    (void)L;
    return fwrite(p, 1, n, file) != n;
}

/* The name of the chunk is what the host calls the file: its path in the tree. */
static void compile(lua_State *L, const char *source, const char *path, FILE *out) {
    size_t n;
    lua_pushfstring(L, "%s/%s", source, path);
    read_file(L, lua_tostring(L, -1));
    const char *text = lua_tolstring(L, -1, &n);
    lua_pushfstring(L, "@%s", path);
    if (luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK)
        fail("syntax error", lua_tostring(L, -1));
    if (lua_dump(L, write_piece, out, 0) != 0) fail(path, "what it compiles to cannot be written");
    lua_settop(L, 0);
}

static int is_lua(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".lua") == 0;
}

int main(int argc, char **argv) {
    char path[1024], name[1200];
    if (argc != 3) fail("usage", "precompile SOURCE OUT < files.txt");
    lua_State *L = luaL_newstate();
    if (!L) fail("Lua", "out of memory");
    for (int i = 0; fgets(path, sizeof path, stdin); i++) {
        path[strcspn(path, "\n")] = 0;
        snprintf(name, sizeof name, "%s/code_%d", argv[2], i);
        FILE *out = fopen(name, "wb");
        if (!out) fail(name, "cannot be written");
        if (is_lua(path)) compile(L, argv[1], path, out);
        if (fclose(out) != 0) fail(name, "cannot be written");
    }
    lua_close(L);
    return 0;
}
