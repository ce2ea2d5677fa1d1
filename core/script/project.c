/*
 * project: goes up from the working folder to the one around services/, or to the one with the
 * settings that the service below belongs to.
 */
#include "core/script/project.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char came_from[PATH_MAX];

static bool is_there(const char *folder, const char *name, mode_t kind) {
    char path[PATH_MAX + NAME_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 &&
           (st.st_mode & S_IFMT) == kind;
}

/* As the shell calls it, which goes back through a symbolic link the way it came. */
static bool where_we_are(char *here, size_t room) {
    const char *pwd = getenv("PWD");
    struct stat a, b;
    if (pwd && *pwd == '/' && strlen(pwd) < room && stat(pwd, &a) == 0 && stat(".", &b) == 0 &&
        a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        snprintf(here, room, "%s", pwd);
        return true;
    }
    return getcwd(here, room) != NULL;
}

/* The length of the project's path in `here`; 0 = it is in none, or is one. */
static size_t find_above(const char *here) {
    char at[PATH_MAX];
    bool service = is_there(here, "service.yaml", S_IFREG);
    if (!service &&
        (is_there(here, "services", S_IFDIR) || is_there(here, "moonbus.yaml", S_IFREG)))
        return 0;
    snprintf(at, sizeof at, "%s", here);
    for (char *slash; (slash = strrchr(at, '/')) && slash > at;) {
        service = service || is_there(at, "service.yaml", S_IFREG);
        bool below = strcmp(slash + 1, "services") == 0;
        *slash = 0;
        if (below || (service && is_there(at, "moonbus.yaml", S_IFREG))) return strlen(at);
    }
    return 0;
}

void project_enter(void) {
    char here[PATH_MAX];
    if (getenv("MOONBUS_SERVICES") || getenv("MOONBUS_POLICIES")) return;
    if (!where_we_are(here, sizeof here)) return;
    size_t n = find_above(here);
    if (n == 0) return;
    here[n] = 0;
    if (chdir(here) == 0) snprintf(came_from, sizeof came_from, "%s", here + n + 1);
}

const char *project_came_from(void) {
    return came_from;
}
