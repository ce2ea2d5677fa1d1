/*
 * watch: one uv_fs_event per folder of a tree, and a timer that waits until it is quiet. Called by
 * main on the control thread. Reads directory entries only, never files; says that something
 * changed, never what.
 */
#include "core/loop/watch.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/log.h"
#include "core/base/mem.h"

#define QUIET_MS 100
#define FOLDERS  4096 /* watched at most */
#define DEPTH    16
#define PATH     1024

/* One watched folder. */
struct folder {
    uv_fs_event_t event;
    struct list link;
    struct watch *watch;
    bool seen;    /* still there, at the last walk */
    dev_t device; /* which folder it is: one that went and came again is another */
    ino_t inode;
    char path[PATH];
};

struct watch {
    struct worker *worker;
    struct list folders; /* struct folder.link */
    int n;
    uint64_t quiet;
    struct timer timer;
    void (*changed)(struct watch *, void *);
    void *arg;
    bool stopped;
    char root[PATH];
};

static void walk(struct watch *w, const char *path, int depth);

/* Editors' temporary files and hidden ones. */
static bool ignored(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || name[0] == '.' || name[n - 1] == '~') return true;
    if (name[0] == '#' && name[n - 1] == '#') return true;
    if (str_ends(str_of(name), STR(".swp")) || str_ends(str_of(name), STR(".swx"))) return true;
    return strcmp(name, "4913") == 0;
}

static void folder_closed(uv_handle_t *handle) {
    struct folder *f = LIST_ENTRY(handle, struct folder, event);
    struct watch *w = f->watch;
    mem_free(f);
    if (--w->n == 0 && w->stopped) mem_free(w);
}

static void folder_close(struct folder *f) {
    list_unlink(&f->link);
    uv_close((uv_handle_t *)&f->event, folder_closed);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
    struct folder *f = LIST_ENTRY(event, struct folder, event);
    struct watch *w = f->watch;
    worker_enter(w->worker);
    (void)events;
    if (w->stopped || (status == 0 && name && ignored(name))) return;
    if (timer_arm(w->worker, &w->timer, w->quiet) < 0)
        log_error("out of memory while watching files");
}

static struct folder *find(struct watch *w, const char *path) {
    LIST_EACH(&w->folders, it) {
        struct folder *f = LIST_ENTRY(it, struct folder, link);
        if (strcmp(f->path, path) == 0) return f;
    }
    return NULL;
}

static int add(struct watch *w, const char *path, const struct stat *st) {
    struct folder *f = w->n < FOLDERS ? mem_zalloc(sizeof *f) : NULL;
    if (!f) return w->n < FOLDERS ? -ENOMEM : ERR_LIMIT;
    f->watch = w;
    f->seen = true;
    f->device = st->st_dev;
    f->inode = st->st_ino;
    snprintf(f->path, sizeof f->path, "%s", path);
    int rc = uv_fs_event_init(&w->worker->loop, &f->event);
    if (rc < 0) {
        mem_free(f);
        return rc;
    }
    w->n++;
    list_push(&w->folders, &f->link);
    rc = uv_fs_event_start(&f->event, on_event, path, 0);
    if (rc < 0) folder_close(f);
    return rc;
}

static void descend(struct watch *w, DIR *d, const char *path, int depth) {
    char sub[PATH];
    for (struct dirent *entry; (entry = readdir(d));) {
        struct stat st;
        if (ignored(entry->d_name) || fstatat(dirfd(d), entry->d_name, &st, 0) < 0 ||
            !S_ISDIR(st.st_mode))
            continue;
        int n = snprintf(sub, sizeof sub, "%s/%s", path, entry->d_name);
        if (n > 0 && (size_t)n < sizeof sub) walk(w, sub, depth + 1);
    }
}

/* The watch of this very folder; one of a folder of the same name that is gone is closed. */
static struct folder *same_folder(struct watch *w, const char *path, const struct stat *st) {
    struct folder *f = find(w, path);
    if (!f || (f->device == st->st_dev && f->inode == st->st_ino)) return f;
    folder_close(f);
    return NULL;
}

/* Watches `path` and what is below it, where that is not watched yet. */
static void walk(struct watch *w, const char *path, int depth) {
    struct stat st;
    if (stat(path, &st) < 0) return;
    struct folder *f = same_folder(w, path, &st);
    if (f)
        f->seen = true;
    else if (add(w, path, &st) < 0)
        log_warn("a folder is not watched for changes", LOGZ("folder", path));
    DIR *d = depth < DEPTH ? opendir(path) : NULL;
    if (!d) return;
    descend(w, d, path, depth);
    closedir(d);
}

/* New folders are watched, folders that are gone no more. */
static void refresh(struct watch *w) {
    LIST_EACH(&w->folders, it) {
        LIST_ENTRY(it, struct folder, link)->seen = false;
    }
    walk(w, w->root, 0);
    LIST_EACH_SAFE(&w->folders, it, next) {
        struct folder *f = LIST_ENTRY(it, struct folder, link);
        if (!f->seen) folder_close(f);
    }
}

static void quiet(struct timer *t) {
    struct watch *w = LIST_ENTRY(t, struct watch, timer);
    refresh(w);
    w->changed(w, w->arg);
}

struct watch *watch_start(struct worker *w, const char *folder, uint64_t quiet_ms,
                          void (*changed)(struct watch *, void *), void *arg, struct err *e) {
    struct watch *watch = mem_zalloc(sizeof *watch);
    if (!watch || strlen(folder) >= PATH) {
        mem_free(watch);
        err_set(e, watch ? -ENAMETOOLONG : -ENOMEM, "cannot watch %s", folder);
        return NULL;
    }
    watch->worker = w;
    watch->quiet = quiet_ms ? quiet_ms : QUIET_MS;
    watch->changed = changed;
    watch->arg = arg;
    list_init(&watch->folders);
    snprintf(watch->root, sizeof watch->root, "%s", folder);
    timer_init(&watch->timer, quiet);
    struct stat st;
    int rc = stat(folder, &st) < 0 ? -errno : add(watch, folder, &st);
    if (rc < 0) {
        err_set(e, rc, "cannot watch %s: %s", folder, rc > -4096 ? uv_strerror(rc) : err_name(rc));
        watch->stopped = true;
        if (watch->n == 0) mem_free(watch);
        return NULL;
    }
    walk(watch, folder, 0);
    return watch;
}

void watch_stop(struct watch *w) {
    w->stopped = true;
    timer_remove(w->worker, &w->timer);
    if (list_empty(&w->folders) && w->n == 0) {
        mem_free(w);
        return;
    }
    LIST_EACH_SAFE(&w->folders, it, next) {
        folder_close(LIST_ENTRY(it, struct folder, link));
    }
}
