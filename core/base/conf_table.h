/*
 * conf_table: what the files of conf share: the table as data, and where each value came from. Only
 * conf*.c may include it.
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include "core/base/conf.h"

enum conf_kind {
    CONF_HEADING,
    CONF_STR,
    CONF_SECRET,
    CONF_LIST,
    CONF_INT,
    CONF_BOOL,
    CONF_DUR,
    CONF_SIZE,
};

/* One row of CONF_LIST: a heading (only `text`) or a setting. */
struct conf_row {
    enum conf_kind kind;
    const char *name;     /* as in the struct and in the file */
    const char *alias;    /* second environment name, or NULL */
    const char *fallback; /* default, spelled as a user would */
    size_t offset;        /* of the field in struct conf */
    int64_t min, max;     /* see conf.h */
    const char *text;     /* the sentence, or the heading */
};

/* What somebody wrote for a row, and where. Both are owned; NULL = nobody did. */
struct conf_given {
    char *text;
    char *source; /* "--listen", "MOONBUS_LISTEN", "moonbus.yaml:3" */
};

#define CONF_ONE(...) +1
enum { CONF_ROWS = 0 CONF_LIST(CONF_ONE, CONF_ONE) };

extern const struct conf_row conf_rows[CONF_ROWS];
extern struct conf_given conf_given[CONF_ROWS];

/* The setting of that name, or NULL. */
const struct conf_row *conf_find(struct str name);
/* The known setting that a mistyped name most likely means, or NULL. */
const struct conf_row *conf_nearest(struct str name);
/* What was written for the row. */
static inline struct conf_given *conf_given_for(const struct conf_row *row) {
    return &conf_given[row - conf_rows];
}
/* Takes `text` for the row unless a source that comes first has spoken. 0 or -ENOMEM. */
int conf_give(const struct conf_row *row, struct str text, const char *source);

/* Whether the field is a string: STR, SECRET and LIST. */
static inline bool conf_is_text(const struct conf_row *row) {
    return row->kind == CONF_STR || row->kind == CONF_SECRET || row->kind == CONF_LIST;
}
/* A string field of `conf`. */
char **conf_text(const struct conf_row *row);
/* Replaces it by a copy. 0 or -ENOMEM. */
int conf_text_set(const struct conf_row *row, struct str text);

/* conf_value.c: parses what was given, or the default, into the field. */
int conf_parse(const struct conf_row *row, struct err *e);
/* `name: "value" from SOURCE sentence`, without the value of a secret. Returns -EINVAL. */
int conf_refuse(const struct conf_row *row, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends the value in force, as a user would spell it; secrets masked. */
void conf_spell(const struct conf_row *row, struct buf *out);
/* Appends a bound of a row (its min or its max), as a user would spell it. */
void conf_spell_bound(const struct conf_row *row, int64_t bound, struct buf *out);

/* conf_derive.c: checks what only one setting has to obey, and fills in what follows from others.
 */
int conf_derive(struct err *e);

/* conf_yaml.c: reads a settings file. A missing one is fine unless `must`. */
int conf_yaml(const char *path, bool must, struct err *e);

#endif
