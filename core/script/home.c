/*
 * home: owns the home folder of a running host. Called by main on the main thread, before and after
 * the workers. Must never leave a temporary folder behind.
 */
#include "core/script/home.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/script/host.h"

static int lock = -1;
static pid_t owner; /* the process that opened it; children inherit the lock */
/* The folder that goes at the end, or NULL; settings may be read anew meanwhile. */
static char *temporary;

int home_path(char *out, size_t cap, const char *name) {
    int n = snprintf(out, cap, "%s/%s", conf.home, name);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static int make_temporary(struct err *e) {
    const char *base = getenv("TMPDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/moonbus-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(path))
        return err_set(e, -errno, "cannot make a temporary home folder %s: %s", path,
                       strerror(errno));
    char *copy = mem_dup(str_of(path));
    temporary = copy ? mem_dup(str_of(path)) : NULL;
    if (!temporary) {
        mem_free(copy);
        rmdir(path);
        return err_set(e, -ENOMEM, "out of memory");
    }
    mem_free(conf.home);
    conf.home = copy;
    return 0;
}

/* With the folders above it. */
static int make_folder(struct err *e) {
    char path[1024];
    if (snprintf(path, sizeof path, "%s", conf.home) >= (int)sizeof path)
        return err_set(e, -ENAMETOOLONG, "the path of the home folder is too long");
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        mkdir(path, 0777); /* the last one says what is wrong */
        *p = '/';
    }
    if (mkdir(conf.home, 0700) == 0 || errno == EEXIST) return 0;
    int code = errno;
    return err_set(e, -code, "cannot make the home folder %s: %s; choose another with --home",
                   conf.home, strerror(code));
}

static int take_lock(struct err *e) {
    char path[1100];
    if (home_path(path, sizeof path, "lock") < 0)
        return err_set(e, -ENAMETOOLONG, "the path of the home folder is too long");
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return err_set(e, -errno,
                       "cannot write to the home folder %s: %s; choose another with --home",
                       conf.home, strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) return 0;
    close(lock);
    lock = -1; /* the folder is the other one's: home_close leaves it alone */
    return err_set(e, -EBUSY,
                   "another moonbus uses the home folder %s; stop it or choose another with --home",
                   conf.home);
}

int home_open(struct err *e) {
    int rc = conf.test ? make_temporary(e) : make_folder(e);
    if (rc == 0) rc = take_lock(e);
    owner = getpid();
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

void home_close(void) {
    char path[1100];
    if (lock < 0 || owner != getpid()) return;
    if (home_path(path, sizeof path, "host.json") == 0) unlink(path);
    close(lock);
    lock = -1;
    if (temporary) nftw(temporary, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(temporary);
    temporary = NULL;
}

int home_announce(const char *url, const char *admin, struct err *e) {
    char path[1100], fresh[1110], text[1024];
    if (home_path(path, sizeof path, "host.json") < 0) return -ENAMETOOLONG;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int n = snprintf(text, sizeof text,
                     "{\"pid\":%d,\"url\":\"%s\",\"admin\":\"%s\",\"secret\":\"%s\"}\n", (int)owner,
                     url, admin, host.secret);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;
    int code = errno;
    if (fd >= 0) close(fd);
    if (!ok || rename(fresh, path) < 0)
        return err_set(e, -(ok ? errno : code), "cannot write %s: %s", path,
                       strerror(ok ? errno : code));
    return 0;
}
