/*
 * folder: a temporary folder for a test, and the few things tests do with files in it. Everything
 * in it goes away with folder_close.
 */
#ifndef SPEC_FOLDER_H
#define SPEC_FOLDER_H

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder_root[256];

static inline void folder_open(void) {
    const char *base = getenv("TMPDIR");
    snprintf(folder_root, sizeof folder_root, "%s/moonbus-spec-XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(folder_root)) fail_msg("mkdtemp: %s", strerror(errno));
}

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *at) {
    return remove(path);
}

/* Removes a file, or a folder with all that is in it. */
static inline void folder_remove(const char *path) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", folder_root, path);
    nftw(full, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_close(void) {
    nftw(folder_root, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the folders on the way to a file, too. */
static inline void folder_write_bytes(const char *path, const char *p, size_t n) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", folder_root, path);
    for (char *slash = full + strlen(folder_root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(full, 0700) < 0) assert_int_equal(errno, EEXIST);
        *slash = '/';
    }
    FILE *f = fopen(full, "w");
    if (!f) fail_msg("%s: %s", full, strerror(errno));
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void folder_write(const char *path, const char *text) {
    folder_write_bytes(path, text, strlen(text));
}

#endif
