/*
 * generation: snapshots of service folders. Files are read once, completely, before anything looks
 * at them, so that an editor that is still writing can at worst produce a snapshot that fails its
 * check, never a half-switched service. Called by service.c on the control thread. Must never run
 * Lua.
 */
#include "core/script/generation.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/script/embed.h"
#include "core/secure/seal.h"

#define MAX_FILES   1000
#define MAX_BYTES   (16u << 20)
#define MAX_DEPTH   4
#define MAX_FOLDERS 1000
#define MAX_IMPORTS 1000

/* A snapshot being filled. */
struct filling {
    struct generation *g;
    int capacity;
    size_t bytes;
    struct err *e;
};

static bool is_platform(struct str folder) {
    char path[300];
    int n = snprintf(path, sizeof path, "services/%.*s/service.yaml", STR_FMT(folder));
    return n > 0 && (size_t)n < sizeof path && embed_find(str_make(path, (size_t)n)).p;
}

static struct generation *generation_new(const char *root, struct str folder, bool embedded,
                                         struct err *e) {
    struct generation *g = mem_zalloc(sizeof *g);
    if (!g) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&g->refs, 1);
    arena_init(&g->arena, 4096);
    list_init(&g->imports);
    g->topics = g->rules = STR_NONE;
    g->root = arena_dup(&g->arena, str_of(root));
    g->embedded = embedded;
    g->platform = embedded || is_platform(folder);
    char *name = arena_dup(&g->arena, folder);
    g->folder = str_of(name);
    g->loaded_at = (int64_t)time(NULL);
    if (!g->folder.p || !g->root) {
        generation_give(g);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    return g;
}

static int add(struct filling *f, struct str path, struct str text) {
    struct generation *g = f->g;
    if (g->n_files == MAX_FILES)
        return err_set(f->e, ERR_LIMIT, "services/%.*s has more than %d files", STR_FMT(g->folder),
                       MAX_FILES);
    f->bytes += text.n;
    if (f->bytes > MAX_BYTES)
        return err_set(f->e, ERR_LIMIT, "services/%.*s is larger than %u MB", STR_FMT(g->folder),
                       MAX_BYTES >> 20);
    if (g->n_files == f->capacity) {
        int capacity = f->capacity ? f->capacity * 2 : 16;
        struct generation_file *files = arena_alloc(&g->arena, (size_t)capacity * sizeof *files);
        if (!files) return err_set(f->e, -ENOMEM, "out of memory");
        if (g->n_files) memcpy(files, g->files, (size_t)g->n_files * sizeof *files);
        g->files = files;
        f->capacity = capacity;
    }
    struct generation_file *file = &g->files[g->n_files];
    file->path = arena_str(&g->arena, path);
    file->text = text;
    if (!file->path.p) return err_set(f->e, -ENOMEM, "out of memory");
    g->n_files++;
    return 0;
}

/* Adds the file `name` of the open folder `dir` as `path`; messages call it `shown`. What is no
 * regular file is left out. */
static int read_file(struct filling *f, int dir, const char *name, struct str path,
                     struct str shown) {
    struct generation *g = f->g;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int rc = 0;
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = err_set(f->e, -errno, "cannot read %.*s: %s", STR_FMT(shown), strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode)) goto out;
    size_t size = (size_t)st.st_size;
    if (size > MAX_BYTES) {
        rc = err_set(f->e, ERR_LIMIT, "%.*s is larger than %u MB", STR_FMT(shown), MAX_BYTES >> 20);
        goto out;
    }
    char *text = arena_alloc(&g->arena, size + 1);
    if (!text) {
        rc = err_set(f->e, -ENOMEM, "out of memory");
        goto out;
    }
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, text + n, size - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            rc = err_set(f->e, -errno, "cannot read %.*s: %s", STR_FMT(shown), strerror(errno));
            goto out;
        }
        if (got == 0) break;
        n += (size_t)got;
    }
    text[n] = 0;
    rc = add(f, path, str_make(text, n));
out:
    if (fd >= 0) close(fd);
    return rc;
}

static bool left_out(const char *name) {
    size_t n = strlen(name);
    return name[0] == '.' || name[0] == '#' || (n && name[n - 1] == '~') ||
           str_ends(str_of(name), STR(".swp"));
}

/* After a call that failed: because there is no such file. Any other reason tells nothing about
 * what is there, so that nobody may take it for gone. */
static bool is_absent(void) {
    return errno == ENOENT || errno == ENOTDIR;
}

static int cannot_read(struct filling *f, struct str path) {
    int code = errno;
    return err_set(f->e, -code, "cannot read services/%.*s/%.*s: %s", STR_FMT(f->g->folder),
                   STR_FMT(path), strerror(code));
}

static int read_own(struct filling *f, int dir, const char *name, struct str path) {
    char shown[600];
    int n =
        snprintf(shown, sizeof shown, "services/%.*s/%.*s", STR_FMT(f->g->folder), STR_FMT(path));
    if (n < 0 || (size_t)n >= sizeof shown) n = (int)sizeof shown - 1;
    return read_file(f, dir, name, path, str_make(shown, (size_t)n));
}

static int read_folder(struct filling *f, int dir, struct str prefix, int depth);

/* Adds the files of the folder `name` in `dir`. One with a service.yaml of its own is another
 * service and left out. */
static int read_below(struct filling *f, int dir, const char *name, struct str path, int depth) {
    int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sub < 0) return is_absent() ? 0 : cannot_read(f, path);
    int other = faccessat(sub, "service.yaml", F_OK, 0);
    if (other < 0 && is_absent()) return read_folder(f, sub, path, depth);
    int rc = other < 0 ? cannot_read(f, path) : 0;
    close(sub);
    return rc;
}

/* Adds the files below the open folder `dir`; takes the descriptor. */
static int read_folder(struct filling *f, int dir, struct str prefix, int depth) {
    DIR *d = fdopendir(dir);
    if (!d) {
        int code = -errno;
        close(dir);
        return err_set(f->e, code, "cannot read services/%.*s: %s", STR_FMT(f->g->folder),
                       strerror(-code));
    }
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
        if (left_out(entry->d_name)) continue;
        struct str path = arena_printf(&f->g->arena, "%.*s%s%s", STR_FMT(prefix),
                                       prefix.n ? "/" : "", entry->d_name);
        if (!path.p) {
            rc = err_set(f->e, -ENOMEM, "out of memory");
            break;
        }
        struct stat st;
        if (fstatat(dirfd(d), entry->d_name, &st, 0) < 0)
            rc = is_absent() ? 0 : cannot_read(f, path);
        else if (S_ISREG(st.st_mode))
            rc = read_own(f, dirfd(d), entry->d_name, path);
        else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
            rc = read_below(f, dirfd(d), entry->d_name, path, depth + 1);
    }
    closedir(d);
    return rc;
}

static int by_path(const void *a, const void *b) {
    return str_cmp(((const struct generation_file *)a)->path,
                   ((const struct generation_file *)b)->path);
}

/* Sorts and hashes: the length of each part goes in too, so that moving bytes between files changes
 * the hash. */
static int seal_snapshot(struct generation *g, struct err *e) {
    if (g->n_files) qsort(g->files, (size_t)g->n_files, sizeof *g->files, by_path);
    struct buf all;
    buf_init(&all);
    for (int i = 0; i < g->n_files; i++) {
        buf_printf(&all, "%zu:%zu:", g->files[i].path.n, g->files[i].text.n);
        buf_str(&all, g->files[i].path);
        buf_str(&all, g->files[i].text);
    }
    int rc = buf_ok(&all) ? 0 : err_set(e, -ENOMEM, "out of memory");
    if (rc == 0) {
        unsigned char digest[32];
        seal_sha256(buf_view(&all), digest);
        seal_hex(digest, sizeof digest, g->hash);
        g->hash[64] = 0;
    }
    buf_free(&all);
    return rc;
}

static bool has_file(const struct generation *g, struct str path) {
    for (int i = 0; i < g->n_files; i++)
        if (str_eq(g->files[i].path, path)) return true;
    return false;
}

/* Whether there is no file of policies: neither it nor a link to it. A folder that is a link to
 * nowhere is no folder without policies. */
static bool no_policy(const char *policies, const char *file) {
    struct stat st;
    if (lstat(file, &st) == 0 || errno != ENOENT) return false;
    return stat(policies, &st) == 0 || lstat(policies, &st) < 0;
}

/* The user's policies are a file of the service that asks them: they come and go with it. One that
 * is there and cannot be read is not gone: what it denied would be allowed from then on. */
static int add_policy(struct filling *f, const char *policies) {
    struct generation *g = f->g;
    char full[1400];
    if (!policies || !g->platform || !has_file(g, STR("policy.lua"))) return 0;
    struct str path = arena_printf(&g->arena, "policies/%s.lua", g->folder.p);
    if (!path.p) return err_set(f->e, -ENOMEM, "out of memory");
    if (has_file(g, path))
        return err_set(f->e, -EEXIST,
                       "services/%s/%.*s has the name of your policies: call it another way",
                       g->folder.p, STR_FMT(path));
    int n = snprintf(full, sizeof full, "%s/%s.lua", policies, g->folder.p);
    if (n < 0 || (size_t)n >= sizeof full)
        return err_set(f->e, -ENAMETOOLONG, "the name of the policies folder is too long");
    if (no_policy(policies, full)) return 0;
    int before = g->n_files, rc = read_file(f, AT_FDCWD, full, path, path);
    if (rc < 0 || g->n_files > before) return rc;
    return err_set(f->e, -EINVAL, "cannot read %.*s: it is no file", STR_FMT(path));
}

struct generation *generation_read(const char *root, const char *policies, struct str folder,
                                   struct err *e) {
    struct generation *g = generation_new(root, folder, false, e);
    if (!g) return NULL;
    struct filling f = {.g = g, .e = e};
    char path[1300];
    int n = snprintf(path, sizeof path, "%s/%.*s", root, STR_FMT(folder));
    bool fits = n > 0 && (size_t)n < sizeof path;
    int dir = fits ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int code = fits ? errno : ENAMETOOLONG, rc;
    if (dir < 0)
        rc = err_set(e, -code, "cannot read %s: %s", path, strerror(code));
    else
        rc = read_folder(&f, dir, STR_NONE, 0);
    if (rc == 0) rc = add_policy(&f, policies);
    if (rc == 0) rc = seal_snapshot(g, e);
    if (rc < 0) {
        generation_give(g);
        return NULL;
    }
    return g;
}

struct generation *generation_embedded(const char *root, const char *policies, struct str folder,
                                       struct err *e) {
    struct generation *g = generation_new(root, folder, true, e);
    if (!g) return NULL;
    struct filling f = {.g = g, .e = e};
    int rc = 0;
    for (const struct embed_file *file = embed_files; rc == 0 && file->path; file++) {
        struct str path = str_of(file->path);
        if (!str_starts(path, STR("services/"))) continue;
        path = str_from(path, sizeof "services/" - 1);
        if (!str_starts(path, folder) || path.n <= folder.n || path.p[folder.n] != '/') continue;
        rc = add(&f, str_from(path, folder.n + 1),
                 str_make(file->data, (size_t)(file->end - file->data)));
    }
    if (rc == 0) rc = add_policy(&f, policies);
    if (rc == 0) rc = seal_snapshot(g, e);
    if (rc < 0) {
        generation_give(g);
        return NULL;
    }
    return g;
}

struct generation *generation_made(const char *root, struct str folder,
                                   const struct generation_file *files, struct err *e) {
    struct generation *g = generation_new(root, folder, false, e);
    if (!g) return NULL;
    struct filling f = {.g = g, .e = e};
    int rc = 0;
    for (; rc == 0 && files->path.p; files++)
        rc = add(&f, files->path, files->text);
    if (rc == 0) rc = seal_snapshot(g, e);
    if (rc == 0) return g;
    generation_give(g);
    return NULL;
}

struct str generation_file(const struct generation *g, struct str path) {
    int low = 0, high = g->n_files;
    while (low < high) {
        int mid = (low + high) / 2;
        int order = str_cmp(g->files[mid].path, path);
        if (order == 0) return g->files[mid].text;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return STR_NONE;
}

/* ---- files of other services ----------------------------------------------------------------- */

/* The names of files that others may read. */
static bool may_be_read(struct str path) {
    static const char *const ends[] = {"/gen/api.lua", "/gen/plumbing.lua", "/service.yaml",
                                       "/types.lua"};
    if (path.n == 0 || path.p[0] == '/' || str_find(path, STR("..")) >= 0) return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (str_ends(path, str_of(ends[i]))) return path.n > strlen(ends[i]);
    return false;
}

/* The user's tree goes first; what its folder lacks of a platform service is that of the binary. */
static struct str read_other(struct generation *g, struct str path) {
    char full[1400];
    struct str text = STR_NONE;
    struct stat st;
    if (!may_be_read(path)) return text;
    int n = snprintf(full, sizeof full, "%s/%.*s", g->root, STR_FMT(path));
    int fd = n > 0 && (size_t)n < sizeof full ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0) {
        n = snprintf(full, sizeof full, "services/%.*s", STR_FMT(path));
        return n > 0 && (size_t)n < sizeof full ? embed_find(str_make(full, (size_t)n)) : text;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= MAX_BYTES) {
        char *p = arena_alloc(&g->arena, (size_t)st.st_size + 1);
        ssize_t got = p ? read(fd, p, (size_t)st.st_size) : -1;
        if (got >= 0) text = str_make(p, (size_t)got);
    }
    close(fd);
    return text;
}

static struct generation_import *find_import(const struct generation *g, struct str path) {
    LIST_EACH(&g->imports, it) {
        struct generation_import *in = LIST_ENTRY(it, struct generation_import, link);
        if (str_eq(in->path, path)) return in;
    }
    return NULL;
}

struct str generation_import(struct generation *g, struct str path) {
    struct generation_import *in = find_import(g, path);
    if (in) return in->text;
    if (g->sealed || g->n_imports == MAX_IMPORTS) return STR_NONE;
    in = arena_zalloc(&g->arena, sizeof *in);
    struct str name = arena_str(&g->arena, path);
    if (!in || !name.p) return STR_NONE;
    in->path = name;
    in->text = read_other(g, path);
    list_push(&g->imports, &in->link);
    g->n_imports++;
    return in->text;
}

bool generation_outdated(struct generation *g) {
    struct generation look = {.root = g->root};
    bool other = false;
    arena_init(&look.arena, 4096);
    LIST_EACH(&g->imports, it) {
        const struct generation_import *in = LIST_ENTRY(it, struct generation_import, link);
        struct str now = read_other(&look, in->path);
        other = other || !now.p != !in->text.p || !str_eq(now, in->text);
    }
    arena_free(&look.arena);
    return other;
}

bool generation_same(const struct generation *a, const struct generation *b) {
    if (strcmp(a->hash, b->hash) != 0 || a->n_imports != b->n_imports) return false;
    LIST_EACH(&a->imports, it) {
        const struct generation_import *in = LIST_ENTRY(it, struct generation_import, link);
        const struct generation_import *other = find_import(b, in->path);
        if (!other || !other->text.p != !in->text.p || !str_eq(other->text, in->text)) return false;
    }
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

void generation_list(const struct generation *g, struct str prefix, struct buf *out) {
    for (int i = 0; i < g->n_files; i++) {
        if (!str_starts(g->files[i].path, prefix)) continue;
        buf_str(out, g->files[i].path);
        buf_char(out, 0);
    }
}

struct generation *generation_take(struct generation *g) {
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void generation_give(struct generation *g) {
    if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1) return;
    arena_free(&g->arena);
    mem_free(g);
}

/* A walk over folders that look like services. */
struct scan {
    int (*found)(void *arg, struct str folder);
    void *arg;
    int n;
};

/* A folder on the way down. */
struct way {
    const struct way *up;
    struct stat st; /* to notice symbolic links that lead back up */
    int depth;
    bool inside; /* at or below a service's folder, whose snapshot says what cannot be read */
};

static bool goes_round(const struct way *w, const struct stat *st) {
    for (; w; w = w->up)
        if (w->st.st_dev == st->st_dev && w->st.st_ino == st->st_ino) return true;
    return false;
}

/* `sure`: not when it cannot be told. */
static bool has_declaration(const char *path, bool sure) {
    char yaml[1400];
    int n = snprintf(yaml, sizeof yaml, "%s/service.yaml", path);
    if (n < 0 || (size_t)n >= sizeof yaml) return false;
    return access(yaml, F_OK) == 0 || (!sure && !is_absent());
}

bool generation_exists(const char *root, const char *folder) {
    char path[1300];
    int n = snprintf(path, sizeof path, "%s/%s", root, folder);
    return n > 0 && (size_t)n < sizeof path && has_declaration(path, false);
}

static int tell(struct scan *s, const char *folder) {
    return ++s->n > MAX_FOLDERS ? ERR_LIMIT : s->found(s->arg, str_of(folder));
}

static int scan_folder(struct scan *s, const char *path, const char *below, const struct way *w);

/* The folder `name` in `dir`: `path`/`name`, called `below`/`name`. */
static int scan_entry(struct scan *s, int dir, const char *name, const char *path,
                      const char *below, const struct way *up) {
    char sub[1024], folder[512];
    struct way w = {.up = up, .depth = up->depth + 1, .inside = up->inside};
    bool known = fstatat(dir, name, &w.st, 0) == 0;
    if (!known && (up->inside || is_absent())) return 0;
    if (known && (!S_ISDIR(w.st.st_mode) || goes_round(up, &w.st))) return 0;
    int a = snprintf(sub, sizeof sub, "%s/%s", path, name);
    int b = snprintf(folder, sizeof folder, "%s%s%s", below, *below ? "/" : "", name);
    if (a < 0 || (size_t)a >= sizeof sub || b < 0 || (size_t)b >= sizeof folder) return 0;
    int rc = 0;
    if (!known || has_declaration(sub, up->inside)) {
        w.inside = true;
        rc = tell(s, folder);
    }
    return rc == 0 && known ? scan_folder(s, sub, folder, &w) : rc;
}

static int scan_folder(struct scan *s, const char *path, const char *below, const struct way *w) {
    if (w->depth == MAX_DEPTH) return 0;
    DIR *d = opendir(path);
    if (!d) return !w->up ? -errno : w->inside || is_absent() ? 0 : tell(s, below);
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(d));)
        if (!left_out(entry->d_name)) rc = scan_entry(s, dirfd(d), entry->d_name, path, below, w);
    closedir(d);
    return rc;
}

int generation_scan(const char *root, int (*found)(void *arg, struct str folder), void *arg) {
    struct scan s = {.found = found, .arg = arg};
    struct way top = {0};
    if (stat(root, &top.st) < 0) return -errno;
    return scan_folder(&s, root, "", &top);
}

int generation_scan_embedded(int (*found)(void *arg, struct str folder), void *arg) {
    for (const struct embed_file *file = embed_files; file->path; file++) {
        struct str path = str_of(file->path);
        if (!str_starts(path, STR("services/")) || !str_ends(path, STR("/service.yaml"))) continue;
        path = str_from(path, sizeof "services/" - 1);
        int rc = found(arg, str_first(path, path.n - (sizeof "/service.yaml" - 1)));
        if (rc) return rc;
    }
    return 0;
}
