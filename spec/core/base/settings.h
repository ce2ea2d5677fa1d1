/*
 * For the specs of conf.h: a folder of their own, an empty environment, and loading from words.
 */
#ifndef SPEC_SETTINGS_H
#define SPEC_SETTINGS_H

#include "spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/conf.h"

static char folder[] = "/tmp/moonbus-conf-XXXXXX"; /* the current folder of every test */
static struct err err;                             /* of the last load */
static const char *rest[8];                        /* words of the last load */
static int n_rest;

static int enter(void **state) {
    return !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state) {
    return chdir("/") || rmdir(folder);
}

/* A person with a home, and nothing else. */
static int fresh(void **state) {
    clearenv();
    return setenv("HOME", "/home/somebody", 1);
}

static int clean(void **state) {
    conf_free();
    unlink("moonbus.yaml");
    unlink("other.yaml");
    return 0;
}

static void write_file(const char *name, struct str text) {
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

static int load_words(char **argv) {
    int argc = 0;
    while (argv[argc])
        argc++;
    err = (struct err){0};
    n_rest = sizeof rest / sizeof rest[0];
    int rc = conf_load(argc, argv, rest, &n_rest, &err);
    assert_int_equal(rc, err.code);
    return rc;
}
#define LOAD(...) load_words((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

#endif
