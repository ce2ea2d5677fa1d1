/*
 * conf_yaml: the settings file. A flat mapping of known names to single values, read through
 * libyaml's event interface because every complaint needs its line. No anchors, no aliases, no
 * tags, no second document, no key twice.
 *
 * Called by conf.c. An empty or null value equals one that is not there; "" in quotes is an empty
 * text.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <yaml.h>

#include "core/base/conf_table.h"

#define FILE_MAX ((size_t)1024 * 1024)

/* One file being read. */
struct reader {
    const char *path;        /* as complaints spell it */
    yaml_parser_t parser;    /* libyaml's */
    yaml_event_t event;      /* the one at hand; deleted by next() and at the end */
    bool have_event;         /* `event` holds something */
    size_t lines[CONF_ROWS]; /* where a key was seen, 0 = not yet */
    struct err *e;           /* where complaints go */
};

static size_t line(const struct reader *r) {
    return r->event.start_mark.line + 1;
}

static int next(struct reader *r) {
    if (r->have_event) yaml_event_delete(&r->event);
    r->have_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    if (r->have_event) return 0;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return err_set(r->e, -ENOMEM, "out of memory while reading %s", r->path);
    return err_set(r->e, -EINVAL, "%s:%zu:%zu: %s", r->path, r->parser.problem_mark.line + 1,
                   r->parser.problem_mark.column + 1,
                   r->parser.problem ? r->parser.problem : "not YAML");
}

static struct str scalar(const struct reader *r) {
    return str_make((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
}

/* A scalar without the features that make one value mean another. */
static int expect_scalar(struct reader *r, const char *what) {
    if (r->event.type == YAML_ALIAS_EVENT)
        return err_set(r->e, -EINVAL, "%s:%zu: aliases are not allowed", r->path, line(r));
    if (r->event.type != YAML_SCALAR_EVENT)
        return err_set(r->e, -EINVAL, "%s:%zu: %s must be a single value", r->path, line(r), what);
    if (r->event.data.scalar.anchor || r->event.data.scalar.tag)
        return err_set(r->e, -EINVAL, "%s:%zu: anchors and tags are not allowed", r->path, line(r));
    if (memchr(r->event.data.scalar.value, 0, r->event.data.scalar.length))
        return err_set(r->e, -EINVAL, "%s:%zu: %s has a zero byte in it", r->path, line(r), what);
    return 0;
}

static int unknown_key(struct reader *r, struct str key) {
    const struct conf_row *near = conf_nearest(key);
    key = str_first(key, 60);
    if (near)
        return err_set(r->e, -EINVAL, "%s:%zu: unknown setting \"%.*s\"; did you mean %s?", r->path,
                       line(r), STR_FMT(key), near->name);
    return err_set(r->e, -EINVAL,
                   "%s:%zu: unknown setting \"%.*s\"; `moonbus config` lists all settings", r->path,
                   line(r), STR_FMT(key));
}

/* The row of the key at hand. */
static int read_key(struct reader *r, const struct conf_row **row) {
    int rc = expect_scalar(r, "the name of a setting");
    if (rc) return rc;
    *row = conf_find(scalar(r));
    if (!*row) return unknown_key(r, scalar(r));
    size_t *seen = &r->lines[*row - conf_rows];
    if (*seen)
        return err_set(r->e, -EINVAL, "%s:%zu: %s was already set in line %zu", r->path, line(r),
                       (*row)->name, *seen);
    *seen = line(r);
    return 0;
}

/* YAML's null: nothing at all, ~, or the word, without quotes. */
static bool is_null(const struct reader *r) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq(scalar(r), str_of(words[i]))) return true;
    }
    return false;
}

static int read_value(struct reader *r, const struct conf_row *row) {
    char source[512];
    int rc = expect_scalar(r, row->name);
    if (rc || is_null(r)) return rc;
    snprintf(source, sizeof source, "%s:%zu", r->path, line(r));
    if (conf_give(row, scalar(r), source))
        return err_set(r->e, -ENOMEM, "out of memory while reading %s", r->path);
    return 0;
}

static int read_mapping(struct reader *r) {
    const struct conf_row *row = NULL;
    if (r->event.data.mapping_start.anchor || r->event.data.mapping_start.tag)
        return err_set(r->e, -EINVAL, "%s:%zu: anchors and tags are not allowed", r->path, line(r));
    int rc = next(r);
    while (!rc && r->event.type != YAML_MAPPING_END_EVENT) {
        rc = read_key(r, &row);
        if (!rc) rc = next(r);
        if (!rc) rc = read_value(r, row);
        if (!rc) rc = next(r);
    }
    return rc;
}

static int read_document(struct reader *r) {
    int rc = next(r);
    if (rc) return rc;
    if (r->event.type == YAML_SCALAR_EVENT && is_null(r))
        rc = 0; /* "---" and nothing */
    else if (r->event.type == YAML_MAPPING_START_EVENT)
        rc = read_mapping(r);
    else
        rc = err_set(r->e, -EINVAL, "%s:%zu: settings are written as \"name: value\"", r->path,
                     line(r));
    if (!rc) rc = next(r); /* the document's end */
    if (!rc) rc = next(r);
    if (!rc && r->event.type != YAML_STREAM_END_EVENT)
        rc = err_set(r->e, -EINVAL, "%s:%zu: only one document is allowed", r->path, line(r));
    return rc;
}

static int read_stream(struct reader *r) {
    int rc = next(r);
    if (!rc) rc = next(r);
    if (rc || r->event.type == YAML_STREAM_END_EVENT) return rc;
    return read_document(r);
}

static int parse(const char *path, struct str text, struct err *e) {
    struct reader r = {.path = path, .e = e};
    if (!yaml_parser_initialize(&r.parser))
        return err_set(e, -ENOMEM, "out of memory while reading %s", path);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
    int rc = read_stream(&r);
    if (r.have_event) yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return rc;
}

/* The whole file, or a negative errno; -EFBIG when it cannot be meant. */
static int read_whole(int fd, struct buf *text) {
    for (;;) {
        char *room = buf_room(text, 4096);
        if (!room) return -ENOMEM;
        ssize_t n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) return 0;
        text->n += (size_t)n;
        if (text->n > FILE_MAX) return -EFBIG;
    }
}

int conf_yaml(const char *path, bool must, struct err *e) {
    struct buf text;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !must) return 0;
    if (fd < 0)
        return err_set(e, -errno, "cannot read settings from %.120s: %s", path, strerror(errno));
    buf_init(&text);
    int rc = read_whole(fd, &text);
    close(fd);
    if (rc == -EFBIG)
        err_set(e, rc, "%.120s is larger than 1 MB: not a settings file", path);
    else if (rc == -ENOMEM)
        err_set(e, rc, "out of memory while reading %.120s", path);
    else if (rc)
        err_set(e, rc, "cannot read settings from %.120s: %s", path, strerror(-rc));
    else
        rc = parse(path, buf_view(&text), e);
    buf_free(&text);
    return rc;
}
