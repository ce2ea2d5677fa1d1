/*
 * links: resolves a path name by name, as the kernel does, and tells each name that matters.
 */
#include "core/loop/links.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* on one way, as in the kernel */

struct way {
    char done[PATH_MAX]; /* absolute, without links; "" = the root folder */
    char rest[PATH_MAX]; /* what lies before us */
    char name[NAME_MAX + 1];
    char target[PATH_MAX]; /* of a link */
    int links;             /* met so far */
    int (*met)(void *arg, const char *folder, const char *name);
    void *arg;
};

static int tell(struct way *w, const char *name) {
    return w->met(w->arg, *w->done ? w->done : "/", name);
}

/* Takes the next name of `rest`: 1, 0 = there is none, or an error. */
static int next_name(struct way *w) {
    const char *from = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(from, "/");
    if (n > NAME_MAX) return -ENAMETOOLONG;
    memcpy(w->name, from, n);
    w->name[n] = 0;
    memmove(w->rest, from + n, strlen(from + n) + 1);
    return n > 0;
}

static void go_up(struct way *w) {
    char *slash = strrchr(w->done, '/');
    if (slash) *slash = 0;
}

static int go_down(struct way *w) {
    size_t n = strlen(w->done), more = strlen(w->name) + 2;
    if (n + more > sizeof w->done) return -ENAMETOOLONG;
    snprintf(w->done + n, more, "/%s", w->name);
    return 0;
}

/* What the link in front of us says comes before the rest. */
static int take_target(struct way *w) {
    size_t n = strlen(w->target), rest = strlen(w->rest);
    if (n + rest + 2 > sizeof w->rest) return -ENAMETOOLONG;
    memmove(w->rest + n + 1, w->rest, rest + 1);
    memcpy(w->rest, w->target, n);
    w->rest[n] = '/';
    if (*w->target == '/') *w->done = 0;
    return 0;
}

/* Is `done`, which leads to the next name, a link? 1, 0, or an error. */
static int read_link(struct way *w) {
    ssize_t n = readlink(w->done, w->target, sizeof w->target - 1);
    if (n < 0) return errno == EINVAL ? 0 : -errno;
    w->target[n] = 0;
    return 1;
}

/* One name onwards. 1, 0 = the way ends here, or an error. */
static int step(struct way *w) {
    if (strcmp(w->name, ".") == 0) return 1;
    if (strcmp(w->name, "..") == 0) return go_up(w), 1;
    int r = go_down(w);
    if (r < 0) return r;
    int is_link = read_link(w);
    if (is_link == 1) w->links++;
    if (is_link != 0 && w->links > 0) {
        go_up(w);
        r = tell(w, w->name);
        if (r < 0 || (r = go_down(w)) < 0) return r;
        is_link = read_link(w); /* it may have changed before it was watched */
    }
    if (is_link < 0) return is_link == -ENOENT || is_link == -ENOTDIR ? 0 : is_link;
    if (is_link == 0) return 1;
    if (w->links > LINKS_MAX) return -ELOOP;
    go_up(w);
    r = take_target(w);
    return r < 0 ? r : 1;
}

static int start(struct way *w, const char *path) {
    if (strlen(path) >= sizeof w->rest) return -ENAMETOOLONG;
    strcpy(w->rest, path);
    *w->done = 0;
    if (*path == '/') return 0;
    if (!getcwd(w->done, sizeof w->done)) return -errno;
    if (strcmp(w->done, "/") == 0) *w->done = 0;
    return 0;
}

int links_follow(const char *path, int (*met)(void *arg, const char *folder, const char *name),
                 void *arg) {
    struct way w = {.met = met, .arg = arg};
    int r = start(&w, path);
    if (r < 0) return r;
    while ((r = next_name(&w)) > 0)
        if ((r = step(&w)) <= 0) return r;
    if (r < 0 || w.links == 0 || !*w.done) return r;
    char *slash = strrchr(w.done, '/');
    strcpy(w.name, slash + 1);
    go_up(&w);
    return tell(&w, w.name);
}
