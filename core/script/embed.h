/*
 * embed: the files of lua/, gen/ and the platform's services/ inside the binary, made by the build.
 */
#ifndef EMBED_H
#define EMBED_H

#include "core/base/str.h"

/* One file; its bytes live as long as the process and are followed by a NUL. What the build
 * compiled of a Lua file stands beside it: vm.c alone loads that. */
struct embed_file {
    const char *path; /* "lua/service.lua", "gen/model.lua", "services/user/service.yaml" */
    const char *data; /* first byte */
    const char *end;  /* behind the last byte */
    const char *code; /* as of lua_dump; none: code == code_end */
    const char *code_end;
};

extern const struct embed_file embed_files[]; /* sorted by path, ended by path = NULL */
extern const int embed_count;                 /* without the end mark */

const struct embed_file *embed_file(struct str path); /* NULL when there is none */
struct str embed_find(struct str path);               /* p = NULL when there is none */
/* What was compiled of the file `path` when `text` is what it holds: those bytes, no copy of them.
 * p = NULL when it is not, or nothing was compiled. */
struct str embed_code(struct str path, struct str text);

#endif
