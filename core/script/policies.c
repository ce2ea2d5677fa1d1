/*
 * policies: a policy in a file that fits no service would be one that never decides, and nobody
 * would notice: it is told at the start and at every reload. So is a folder that somebody named and
 * that is not there.
 */
#include "core/script/policies.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/script/embed.h"

#define POLICIES_USUAL "policies" /* the default of the setting, which need not be there */

#define STRAYS_MAX 20 /* of which is told; a folder of something else is not a list of typos */

/* The next service of the binary that has policies, "user"; p = NULL after the last one. */
static struct str next_service(const struct embed_file **it) {
    while ((*it)->path) {
        struct str path = str_of((*it)++->path);
        if (!str_starts(path, STR("services/")) || !str_ends(path, STR("/policy.lua"))) continue;
        path = str_from(path, sizeof "services/" - 1);
        return str_first(path, path.n - (sizeof "/policy.lua" - 1));
    }
    return STR_NONE;
}

static bool has_policies(struct str name) {
    const struct embed_file *it = embed_files;
    for (struct str known; (known = next_service(&it)).p;)
        if (str_eq(known, name)) return true;
    return false;
}

static bool there(const char *services, struct str name, const char *file) {
    char path[1400];
    int n = snprintf(path, sizeof path, "%s/%.*s/%s", services, STR_FMT(name), file);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/* Two letters may be wrong, one in a short name. */
static struct str nearest(struct str name) {
    const struct embed_file *it = embed_files;
    struct str best = STR_NONE;
    size_t least = name.n < 4 ? 2 : 3; /* and no farther */
    for (struct str known; (known = next_service(&it)).p;) {
        size_t d = str_distance(name, known);
        if (d >= least) continue;
        best = known;
        least = d;
    }
    return best;
}

static void tell_services(struct buf *out) {
    const struct embed_file *it = embed_files;
    const char *separator = "there are ";
    for (struct str known; (known = next_service(&it)).p; separator = ", ")
        buf_printf(out, "%spolicies/%.*s.lua", separator, STR_FMT(known));
}

/* The service of the binary, or the user's that replaces it, must have policies that the file can
 * override. */
static void look(const char *services, struct str name, struct buf *out) {
    bool replaced = there(services, name, "service.yaml");
    if (has_policies(name) && (!replaced || there(services, name, "policy.lua"))) return;
    buf_printf(out, "policies/%.*s.lua is not in force: ", STR_FMT(name));
    struct str meant = nearest(name);
    if (has_policies(name))
        buf_printf(out, "services/%.*s of yours has no policy.lua that it could override",
                   STR_FMT(name));
    else if (meant.p)
        buf_printf(out, "no platform service %.*s has policies; did you mean policies/%.*s.lua?",
                   STR_FMT(name), STR_FMT(meant));
    else
        buf_printf(out, "no platform service %.*s has policies; ", STR_FMT(name));
    if (!has_policies(name) && !meant.p) tell_services(out);
    buf_char(out, '\n');
}

/* Specs lie beside what they are about. */
static int listed(const struct dirent *entry) {
    struct str name = str_of(entry->d_name);
    return name.p[0] != '.' && name.p[0] != '#' && str_ends(name, STR(".lua")) &&
           !str_ends(name, STR("_spec.lua"));
}

void policies_strays(const char *policies, const char *services, struct buf *out) {
    struct dirent **names;
    int n = scandir(policies, &names, listed, alphasort), told = 0;
    if (n < 0 && errno == ENOENT && strcmp(policies, POLICIES_USUAL) != 0)
        buf_printf(out, "the folder of policies %s is not there: what is shipped is in force\n",
                   policies);
    for (int i = 0; i < n; i++) {
        struct str name = str_of(names[i]->d_name);
        size_t before = out->n;
        if (told < STRAYS_MAX) look(services, str_first(name, name.n - 4), out);
        if (out->n > before) told++;
        free(names[i]);
    }
    if (n >= 0) free(names);
}
