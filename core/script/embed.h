/*
 * embed: the files of lua/, gen/ and the platform's services/ inside the binary, made by the build.
 */
#ifndef EMBED_H
#define EMBED_H

#include "core/base/str.h"

/* One file; its bytes live as long as the process and are followed by a NUL. */
struct embed_file {
    const char *path; /* "lua/service.lua", "gen/model.lua", "services/user/service.yaml" */
    const char *data; /* first byte */
    const char *end;  /* behind the last byte */
};

extern const struct embed_file embed_files[]; /* sorted by path, ended by path = NULL */
extern const int embed_count;                 /* without the end mark */

const struct embed_file *embed_file(struct str path); /* NULL when there is none */
struct str embed_find(struct str path);               /* p = NULL when there is none */

#endif
