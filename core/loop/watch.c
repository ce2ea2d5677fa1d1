/*
 * watch: one uv_fs_event (inotify) per folder of a tree, and a timer that waits until it is quiet.
 * Called on the control thread. Reads directory entries only, never files; says that something
 * changed, never what.
 *
 * Every call of changed() is preceded by a walk over the tree, which watches folders that are new
 * and lets go of those that went. A folder is watched before its entries are read, and changed() is
 * called after that, so nothing that happens in a new folder is missed: it is either seen as an
 * event or lies there when the callee looks.
 *
 * A symbolic link leads out of the tree. Where it leads is watched by name, in the folders on the
 * way (links.h): a file that lies elsewhere may be edited or replaced there, a folder removed and
 * made again.
 */
#include "core/loop/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/loop/links.h"

#define QUIET_MS    100
#define PATIENCE    10   /* quiet periods after which a change is told although it goes on */
#define LOST_MS     1000 /* between two looks for a root that is gone */
#define FOLDERS_MAX 4096

/* One watched folder: of the tree, or one in which a single name matters. */
struct folder {
    uv_fs_event_t event;
    struct list link;      /* the watch's */
    struct list work;      /* folders that the current walk has yet to read */
    struct watch *watch;   /* outlives it */
    struct folder *parent; /* NULL for the root; valid during a walk that saw both */
    const char *only;      /* the name, at the end of `path`; NULL: all do */
    bool seen;             /* by the current walk */
    bool stale;            /* it may have been removed or moved: then the kernel watches another */
    dev_t device;          /* which folder it is: one that went and came again is another */
    ino_t inode;
    char path[]; /* key in watch->paths, or in watch->names */
};

struct watch {
    struct worker *worker;
    struct list folders; /* struct folder.link, open ones */
    struct map paths;    /* path -> struct folder, open ones of the tree */
    struct map names;    /* path of what links lead to or over -> struct folder it lies in, open */
    int handles;         /* folders whose handle is not closed yet; the watch lives until then */
    uint64_t quiet;      /* milliseconds */
    uint64_t since;      /* loop time of the first change that was not told yet; 0 = none */
    struct timer timer;  /* until it is quiet; or until the next look for a lost root */
    void (*changed)(struct watch *, void *);
    void *arg;
    bool lost; /* the root is not there */
    bool told; /* the log knows that some folder is not watched */
    bool stopped;
    char root[];
};

/* ---- events ---------------------------------------------------------------------------------- */

/* Editors' temporary files and hidden ones. */
static bool ignored(const char *name) {
    struct str s = str_of(name);
    if (s.n == 0 || s.p[0] == '.' || s.p[s.n - 1] == '~') return true;
    if (s.p[0] == '#' && s.p[s.n - 1] == '#') return true;
    return str_ends(s, STR(".swp")) || str_ends(s, STR(".swx")) || str_eq(s, STR("4913"));
}

/* What happens to a folder itself is told under its own name, which may be one to ignore. */
static bool own_name(const struct folder *f, const char *name) {
    const char *end = f->only ? f->only - 1 : f->path + strlen(f->path), *own = end;
    while (own > f->path && own[-1] != '/')
        own--;
    return str_eq(str_make(own, (size_t)(end - own)), str_of(name));
}

static void quiet(struct timer *t);

static void happened(struct watch *w) {
    uint64_t now = uv_now(&w->worker->loop), wait = w->quiet;
    if (!w->since) w->since = now;
    uint64_t latest = w->since + PATIENCE * w->quiet;
    if (now + wait > latest) wait = latest > now ? latest - now : 0;
    /* No memory to wait with: tell at once. */
    if (timer_arm(w->worker, &w->timer, wait) < 0) quiet(&w->timer);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
    struct folder *f = LIST_ENTRY(event, struct folder, event);
    bool self = status < 0 || !name || own_name(f, name);
    worker_enter(f->watch->worker);
    /* A folder that is made anew may even get the inode of the one that went, and one that is
     * watched by two paths is told of under the name of either. */
    if (self || (events & UV_RENAME)) f->stale = true;
    if (self || (f->only ? strcmp(name, f->only) == 0 : !ignored(name))) happened(f->watch);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void folder_closed(uv_handle_t *handle) {
    struct folder *f = LIST_ENTRY(handle, struct folder, event);
    struct watch *w = f->watch;
    mem_free(f);
    if (--w->handles == 0 && w->stopped) mem_free(w);
}

static struct map *index_of(const struct folder *f) {
    return f->only ? &f->watch->names : &f->watch->paths;
}

static void folder_close(struct folder *f) {
    list_unlink(&f->link);
    list_unlink(&f->work);
    struct map *known = index_of(f);
    if (map_get(known, str_of(f->path)) == f) map_del(known, str_of(f->path));
    uv_close((uv_handle_t *)&f->event, folder_closed);
}

static struct folder *folder_new(struct watch *w, const char *dir, const char *name) {
    size_t room = strlen(dir) + 1 + strlen(name) + 1;
    struct folder *f = mem_zalloc(sizeof *f + room);
    if (!f) return NULL;
    snprintf(f->path, room, *name ? "%s/%s" : "%s%s", dir, name);
    f->watch = w;
    list_init(&f->link);
    list_init(&f->work);
    return f;
}

/* Watches the folder at `path`; takes f in any case. */
static int folder_open(struct folder *f, const char *path) {
    struct watch *w = f->watch;
    int r = uv_fs_event_init(&w->worker->loop, &f->event);
    if (r < 0) {
        mem_free(f);
        return r;
    }
    w->handles++;
    list_push(&w->folders, &f->link);
    r = map_put(index_of(f), str_of(f->path), f);
    if (r == 0) r = uv_fs_event_start(&f->event, on_event, path, 0);
    if (r < 0) folder_close(f);
    return r;
}

/* ---- walking --------------------------------------------------------------------------------- */

static bool same_place(const struct folder *f, const struct stat *st) {
    return f->device == st->st_dev && f->inode == st->st_ino;
}

/* A symbolic link that leads back to where we come from. */
static bool goes_round(const struct folder *parent, const struct stat *st) {
    for (; parent; parent = parent->parent)
        if (same_place(parent, st)) return true;
    return false;
}

/* Watches the folder at `path` as *f, unless it is watched already: then *f is that one. */
static int keep(struct folder **f, const char *path, const struct stat *st) {
    struct folder *known = map_get(index_of(*f), str_of((*f)->path));
    if (known && !known->stale && same_place(known, st)) {
        mem_free(*f);
        *f = known;
    } else {
        if (known) folder_close(known);
        (*f)->device = st->st_dev;
        (*f)->inode = st->st_ino;
        int r = folder_open(*f, path);
        if (r < 0) return r;
    }
    (*f)->seen = true;
    return 0;
}

/* `dir`/`name` is a folder: watches it and puts it on the list of those to read. */
static int visit(struct watch *w, struct list *todo, struct folder *parent, const char *dir,
                 const char *name, const struct stat *st) {
    if (goes_round(parent, st)) return 0;
    struct folder *f = folder_new(w, dir, name);
    if (!f) return -ENOMEM;
    int r = keep(&f, f->path, st);
    if (r < 0) return r;
    f->parent = parent;
    list_unlink(&f->work);
    list_push(todo, &f->work);
    return 0;
}

/* A name on the way of a link. */
static int met(void *arg, const char *dir, const char *name) {
    struct watch *w = arg;
    struct stat st;
    if (stat(dir, &st) < 0) return -errno;
    struct folder *f = folder_new(w, dir, name);
    if (!f) return -ENOMEM;
    f->only = f->path + strlen(dir) + 1;
    struct folder *known = map_get(&w->names, str_of(f->path));
    if (known && known->seen) {
        mem_free(f); /* by another link; it may be open since a moment ago */
        return 0;
    }
    return keep(&f, dir, &st);
}

static void not_watched(struct watch *w, const char *path, int code) {
    if (w->told) return; /* once is enough: there may be thousands */
    w->told = true;
    bool full = code == -ENOSPC;
    log_warn("folders are not watched for changes", LOGZ("first", path),
             LOGZ("why", full ? "too many folders, or fs.inotify.max_user_watches is reached"
                              : uv_strerror(code)));
}

static bool may_be_link(const struct dirent *entry) {
    return entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
}

static void watch_links(struct watch *w, const char *dir, const char *name) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, *name ? "%s/%s" : "%s%s", dir, name);
    int r = n < (int)sizeof path ? links_follow(path, met, w) : -ENAMETOOLONG;
    if (r < 0 && r != -ENOENT && r != -ELOOP) not_watched(w, path, r);
}

static void read_folder(struct watch *w, struct list *todo, struct folder *f) {
    DIR *d = opendir(f->path);
    if (!d) {
        if (errno != ENOENT && errno != ENOTDIR) not_watched(w, f->path, -errno);
        return;
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        struct stat st;
        if (ignored(entry->d_name) || (entry->d_type != DT_DIR && !may_be_link(entry))) continue;
        if (may_be_link(entry)) watch_links(w, f->path, entry->d_name);
        if (fstatat(dirfd(d), entry->d_name, &st, 0) < 0 || !S_ISDIR(st.st_mode)) continue;
        int r = visit(w, todo, f, f->path, entry->d_name, &st);
        if (r < 0 && r != -ENOENT) not_watched(w, f->path, r);
    }
    closedir(d);
}

/* Watches what is there and lets go of what is not. 0, or why the root cannot be watched. */
static int walk(struct watch *w) {
    struct list todo;
    struct stat st;
    list_init(&todo);
    LIST_EACH(&w->folders, it) {
        LIST_ENTRY(it, struct folder, link)->seen = false;
    }
    watch_links(w, w->root, "");
    int r = stat(w->root, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    if (r == 0) r = visit(w, &todo, NULL, w->root, "", &st);
    for (struct list *next; (next = list_pop(&todo));)
        read_folder(w, &todo, LIST_ENTRY(next, struct folder, work));
    LIST_EACH_SAFE(&w->folders, it, tmp) {
        struct folder *f = LIST_ENTRY(it, struct folder, link);
        if (!f->seen) folder_close(f);
    }
    return r;
}

static void quiet(struct timer *t) {
    struct watch *w = LIST_ENTRY(t, struct watch, timer);
    bool was_lost = w->lost;
    w->since = 0;
    w->lost = walk(w) < 0;
    if (w->lost && timer_arm(w->worker, &w->timer, LOST_MS) < 0)
        log_error("out of memory: files are not watched any more", LOGZ("folder", w->root));
    if (w->lost && was_lost) return;
    w->changed(w, w->arg); /* may stop the watch: w is not touched any more */
}

/* ---- public ---------------------------------------------------------------------------------- */

static int cannot_watch(const char *folder, int code, struct err *e) {
    switch (code) {
    case -ENOSPC:
        return err_set(e, code,
                       "cannot watch %s: no inotify watch is left; raise "
                       "fs.inotify.max_user_watches",
                       folder);
    case -EMFILE:
    case -ENFILE:
        return err_set(e, code,
                       "cannot watch %s: no descriptor is left; raise ulimit -n or "
                       "fs.inotify.max_user_instances",
                       folder);
    default:
        return err_set(e, code, "cannot watch %s: %s", folder, uv_strerror(code));
    }
}

struct watch *watch_start(struct worker *w, const char *folder, uint64_t quiet_ms,
                          void (*changed)(struct watch *, void *), void *arg, struct err *e) {
    size_t room = strlen(folder) + 1;
    struct watch *watch = mem_zalloc(sizeof *watch + room);
    if (!watch) {
        cannot_watch(folder, -ENOMEM, e);
        return NULL;
    }
    watch->worker = w;
    watch->quiet = quiet_ms ? quiet_ms : QUIET_MS;
    watch->changed = changed;
    watch->arg = arg;
    memcpy(watch->root, folder, room);
    list_init(&watch->folders);
    map_init(&watch->paths, FOLDERS_MAX);
    map_init(&watch->names, FOLDERS_MAX);
    timer_init(&watch->timer, quiet);
    int r = walk(watch);
    watch->lost = r == -ENOENT; /* not there yet, or gone again: both are found the same way */
    if (watch->lost) r = timer_arm(w, &watch->timer, LOST_MS);
    if (r == 0) return watch;
    cannot_watch(folder, r, e);
    watch_stop(watch);
    return NULL;
}

void watch_stop(struct watch *w) {
    w->stopped = true;
    timer_remove(w->worker, &w->timer);
    LIST_EACH_SAFE(&w->folders, it, tmp) {
        folder_close(LIST_ENTRY(it, struct folder, link));
    }
    map_free(&w->paths);
    map_free(&w->names);
    if (w->handles == 0) mem_free(w);
}
