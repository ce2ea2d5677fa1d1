/* embed: the files of lua/ and of the platform's services/ inside the binary, made at build time.
 */
#ifndef EMBED_H
#define EMBED_H

#include "core/base/str.h"

struct embed_file {
    const char *path; /* "lua/service.lua", "services/user/service.yaml" */
    const char *data;
    const char *end;
};

extern const struct embed_file embed_files[]; /* sorted by path, ended by path = NULL */

struct str embed_find(struct str path); /* p = NULL when there is none */

#endif
