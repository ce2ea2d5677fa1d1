/*
 * generation: one immutable snapshot of a service's files, in memory. Shared by all workers,
 * counted.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/str.h"

struct generation_file {
    struct str path; /* relative to the service's folder: "service.lua", "gen/api.lua" */
    struct str text;
};

/* A file of another service that this one was built with: its client stub, or what a sink needs of
 * the source of its event. */
struct generation_import {
    struct list link;
    struct str path; /* "calculator/gen/api.lua": below services/ */
    struct str text; /* p = NULL: there was none */
};

struct generation {
    _Atomic int refs;
    struct arena arena;            /* names and texts; never written once it is sealed */
    struct str folder;             /* "hello", "examples/hello": path below services/,
                                      NUL-terminated */
    struct generation_file *files; /* sorted by path */
    int n_files;
    struct list imports;     /* struct generation_import.link: read while it was tried */
    int n_imports;           /* of them, bounded: 1,000 */
    struct str topics;       /* what it listens to besides its host, a line each; see routes.c */
    unsigned asks;           /* flags of the questions that its policies answer; see asker.h */
    int64_t version;         /* as the generator counts; 0 = it was not generated */
    const char *root;        /* folder of the user's services, for imports */
    bool sealed;             /* it was tried: imports, topics and rules are complete */
    bool embedded;           /* the files come from the binary */
    bool platform;           /* a platform service: embedded, or a user's folder in place of one */
    struct str rules;        /* which policies are in force: a JSON array; empty when it has none */
    char hash[65];           /* SHA-256 over paths and texts, hex */
    _Atomic uint64_t number; /* grows with every generation of its service that went into service */
    int64_t loaded_at;       /* seconds since the epoch */
};

/* Reads all files of <root>/<folder> (bounded: 1,000 files, 16 MB; dot files left out). refs = 1.
 * A platform service with a policy.lua also gets <policies>/<folder>.lua, when that exists, as its
 * file policies/<folder>.lua; policies = NULL: it does not. */
struct generation *generation_read(const char *root, const char *policies, struct str folder,
                                   struct err *e);
/* The same from the files inside the binary. */
struct generation *generation_embedded(const char *root, const char *policies, struct str folder,
                                       struct err *e);
/* One of texts, for a state that is no service's: such as `files`, ended by path.p = NULL, which
 * must outlive it. Never sealed: what it imports is read when it is asked for. */
struct generation *generation_made(const char *root, struct str folder,
                                   const struct generation_file *files, struct err *e);
struct str generation_file(const struct generation *g,
                           struct str path); /* p = NULL when there is none */
/* A file of another service, by its path below services/ ("calculator/gen/api.lua"); p = NULL when
 * there is none. Until the generation is sealed it is read, from the user's tree or the binary, and
 * kept; later only what is kept is found: all workers build with the same texts. */
struct str generation_import(struct generation *g, struct str path);
/* Whether a file that it was built with is another one by now. Control thread. */
bool generation_outdated(struct generation *g);
/* Whether two that are sealed have the same files, and were built with the same. */
bool generation_same(const struct generation *a, const struct generation *b);
/* Appends the paths that begin with `prefix`, each followed by a NUL. */
void generation_list(const struct generation *g, struct str prefix, struct buf *out);
struct generation *generation_take(struct generation *g);
void generation_give(struct generation *g); /* any thread */

/* Whether `root` has a folder of that name with a service.yaml, as far as can be told: one that
 * cannot be looked into is not gone. */
bool generation_exists(const char *root, const char *folder);
/* Calls found(arg, folder) for every folder below `root` that holds a service.yaml, and for those
 * of which that cannot be told: reading them says why. At most 4 levels deep, 1,000 folders; links
 * that lead back up are left out. 0 or what found returned, or negative when root cannot be read
 * (-ENOENT when it does not exist). */
int generation_scan(const char *root, int (*found)(void *arg, struct str folder), void *arg);
/* The same for the folders inside the binary. */
int generation_scan_embedded(int (*found)(void *arg, struct str folder), void *arg);

#endif
