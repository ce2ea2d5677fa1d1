/*
 * conf: see conf.h. This file knows where a value comes from: flags, environment, file, in that
 * order. What a value may be is conf_value.c and conf_derive.c, the file's grammar is conf_yaml.c,
 * how settings are shown is conf_show.c.
 *
 * Runs on the main thread before any other thread is there.
 */
#include "core/base/conf.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/base/conf_table.h"
#include "core/base/mem.h"

#define NAME_MAX_N STR_DISTANCE_MAX /* no name is longer; longer words are near to none */
#define FILE_NAME  "moonbus.yaml"

struct conf conf;

#define ROW(k, field, ob, def, lo, hi, sentence) \
    {.kind = CONF_##k, \
     .name = #field, \
     .alias = ob, \
     .fallback = def, \
     .offset = offsetof(struct conf, field), \
     .min = lo, \
     .max = hi, \
     .text = sentence},
#define HEADING(sentence) {.kind = CONF_HEADING, .text = sentence},
const struct conf_row conf_rows[CONF_ROWS] = {CONF_LIST(ROW, HEADING)};
#undef ROW
#undef HEADING

struct conf_given conf_given[CONF_ROWS];

/* == The table ================================================================================= */

static bool is_heading(const struct conf_row *row) {
    return row->kind == CONF_HEADING;
}

const struct conf_row *conf_find(struct str name) {
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        if (!is_heading(row) && str_eq(str_of(row->name), name)) return row;
    }
    return NULL;
}

const struct conf_row *conf_nearest(struct str name) {
    const struct conf_row *best = NULL;
    size_t best_distance = name.n < 4 ? 2 : name.n < 9 ? 3 : name.n / 3 + 1; /* and no farther */
    if (!name.n || name.n > NAME_MAX_N) return NULL;
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        if (is_heading(row)) continue;
        size_t d = str_distance(name, str_of(row->name));
        if (d >= best_distance) continue;
        best = row;
        best_distance = d;
    }
    return best;
}

int conf_give(const struct conf_row *row, struct str text, const char *source) {
    struct conf_given *g = conf_given_for(row);
    if (g->text) return 0;
    char *copy = mem_dup(text), *from = mem_dup(str_of(source));
    if (!copy || !from) {
        mem_free(copy);
        mem_free(from);
        return -ENOMEM;
    }
    *g = (struct conf_given){.text = copy, .source = from};
    return 0;
}

static void forget(struct conf_given *g) {
    mem_free(g->text);
    mem_free(g->source);
    *g = (struct conf_given){0};
}

char **conf_text(const struct conf_row *row) {
    return (char **)(void *)((char *)&conf + row->offset);
}

int conf_text_set(const struct conf_row *row, struct str text) {
    char *copy = mem_dup(text);
    if (!copy) return -ENOMEM;
    mem_free(*conf_text(row));
    *conf_text(row) = copy;
    return 0;
}

static int no_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory while reading the settings");
}

/* == Flags ===================================================================================== */

/* One pass over the words of a command line. */
struct flags {
    int argc;
    char **argv;
    int at;             /* the word being read */
    bool words_only;    /* "--" was seen */
    const char *config; /* value of --config, borrowed from argv */
    const char **rest;  /* words that are no flags; NULL = there may be none */
    int room, n;        /* of rest: pointers without the closing NULL; words so far */
};

/* The name of a flag as it stands in the table: '_' for '-'. False when no name looks like that. */
static bool table_name(struct str flag, char name[NAME_MAX_N + 1]) {
    if (!flag.n || flag.n > NAME_MAX_N) return false;
    for (size_t i = 0; i < flag.n; i++) {
        if (flag.p[i] == '_') return false;
        name[i] = flag.p[i] == '-' ? '_' : flag.p[i];
    }
    name[flag.n] = 0;
    return true;
}

static void flag_name(const struct conf_row *row, char flag[NAME_MAX_N + 1]) {
    size_t n = strnlen(row->name, NAME_MAX_N);
    for (size_t i = 0; i < n; i++)
        flag[i] = row->name[i] == '_' ? '-' : row->name[i];
    flag[n] = 0;
}

/* The flag that was probably meant: "no-" in front of a boolean counts for nothing. */
static bool nearest_flag(struct str bare, char near[NAME_MAX_N + 4]) {
    char typed[NAME_MAX_N];
    bare = str_first(bare, sizeof typed);
    for (size_t i = 0; i < bare.n; i++)
        typed[i] = bare.p[i] == '-' ? '_' : (char)tolower((unsigned char)bare.p[i]);
    struct str name = str_make(typed, bare.n);
    bool negated = str_starts(name, STR("no_"));
    const struct conf_row *row = negated ? conf_nearest(str_from(name, 3)) : NULL;
    negated = row && row->kind == CONF_BOOL;
    if (!negated) row = conf_nearest(name);
    if (!row) return false;
    flag_name(row, negated ? (char *)mempcpy(near, "no-", 3) : near);
    return true;
}

static int unknown_flag(struct str word, struct err *e) {
    char near[NAME_MAX_N + 4];
    struct str bare = word;
    while (bare.n && bare.p[0] == '-')
        bare = str_from(bare, 1);
    bool found = nearest_flag(bare, near);
    word = str_first(word, 60);
    if (found)
        return err_set(e, -EINVAL, "unknown flag %.*s; did you mean --%s?", STR_FMT(word), near);
    return err_set(e, -EINVAL, "unknown flag %.*s; `moonbus config` lists all settings",
                   STR_FMT(word));
}

/* The value of the flag at hand: behind its '=', or the next word. */
static int flag_value(struct flags *f, struct str flag, const char *equals, const char **value,
                      struct err *e) {
    *value = equals;
    if (equals) return 0;
    const char *next = f->at + 1 < f->argc ? f->argv[f->at + 1] : NULL;
    if (!next || !strncmp(next, "--", 2))
        return err_set(e, -EINVAL, "--%.*s needs a value: --%.*s=VALUE", STR_FMT(flag),
                       STR_FMT(flag));
    f->at++;
    *value = next;
    return 0;
}

/* "no-dev" means the boolean `dev`; NULL when there is none of that name. */
static const struct conf_row *find_negated(const char *name) {
    if (strncmp(name, "no_", 3) != 0) return NULL;
    const struct conf_row *row = conf_find(str_of(name + 3));
    return row && row->kind == CONF_BOOL ? row : NULL;
}

/* The last of several flags counts: an earlier one gives way. */
static int give_flag(const struct conf_row *row, struct str flag, const char *value,
                     struct err *e) {
    char source[NAME_MAX_N + 3] = "--";
    memcpy(source + 2, flag.p, flag.n);
    source[flag.n + 2] = 0;
    forget(conf_given_for(row));
    return conf_give(row, str_of(value), source) ? no_memory(e) : 0;
}

static int read_flag(struct flags *f, struct err *e) {
    const char *word = f->argv[f->at], *equals = strchr(word, '='), *value = NULL;
    struct str whole = str_make(word, equals ? (size_t)(equals - word) : strlen(word));
    struct str flag = str_from(whole, 2);
    char name[NAME_MAX_N + 1];
    if (equals) equals++;
    if (strncmp(word, "--", 2) != 0 || !table_name(flag, name)) return unknown_flag(whole, e);
    if (!strcmp(name, "config")) return flag_value(f, flag, equals, &f->config, e);
    const struct conf_row *row = conf_find(str_of(name)), *negated = find_negated(name);
    if (!row && negated && equals)
        return err_set(e, -EINVAL, "--%.*s takes no value", STR_FMT(flag));
    if (!row && negated) return give_flag(negated, flag, "false", e);
    if (!row) return unknown_flag(whole, e);
    if (row->kind == CONF_BOOL) return give_flag(row, flag, equals ? equals : "true", e);
    int rc = flag_value(f, flag, equals, &value, e);
    return rc ? rc : give_flag(row, flag, value, e);
}

/* "--dev false" is what people try. The flag would mean the opposite of that. */
static int check_word(const struct flags *f, const char *word, struct err *e) {
    const char *before = f->at > 0 ? f->argv[f->at - 1] : "";
    char name[NAME_MAX_N + 1];
    bool value;
    if (f->words_only || strncmp(before, "--", 2) != 0 || str_bool(str_of(word), &value)) return 0;
    if (!table_name(str_of(before + 2), name)) return 0;
    const struct conf_row *row = conf_find(str_of(name));
    if (!row || row->kind != CONF_BOOL) return 0;
    return err_set(e, -EINVAL, "%s takes its value behind a '=': write %s, --no-%s or %s=false",
                   before, before, before + 2, before);
}

static int keep_word(struct flags *f, const char *word, struct err *e) {
    if (check_word(f, word, e)) return -EINVAL;
    if (!f->rest) return err_set(e, -EINVAL, "unexpected word \"%.60s\"", word);
    if (f->n >= f->room) return err_set(e, -E2BIG, "too many words: at most %d", f->room);
    f->rest[f->n++] = word;
    return 0;
}

static int read_flags(struct flags *f, struct err *e) {
    int rc = 0;
    for (; f->at < f->argc && !rc; f->at++) {
        const char *word = f->argv[f->at];
        if (f->words_only || word[0] != '-' || !word[1])
            rc = keep_word(f, word, e);
        else if (!strcmp(word, "--"))
            f->words_only = true;
        else
            rc = read_flag(f, e);
    }
    return rc;
}

/* == Environment =============================================================================== */

/* MOONBUS_NAME of a row; false when it does not fit, which no name of the table does. */
static void env_name(const struct conf_row *row, char name[NAME_MAX_N + 9]) {
    char *p = mempcpy(name, "MOONBUS_", 8);
    size_t n = strnlen(row->name, NAME_MAX_N);
    for (size_t i = 0; i < n; i++)
        *p++ = (char)toupper((unsigned char)row->name[i]);
    *p = 0;
}

static int give_env(const struct conf_row *row, const char *name, struct err *e) {
    const char *value = getenv(name);
    if (!value || !*value) return 0;
    return conf_give(row, str_of(value), name) ? no_memory(e) : 0;
}

static int read_env(struct err *e) {
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        char name[NAME_MAX_N + 9];
        if (is_heading(row)) continue;
        env_name(row, name);
        int rc = give_env(row, name, e);
        if (!rc && row->alias) rc = give_env(row, row->alias, e);
        if (rc) return rc;
    }
    return 0;
}

/* == All together ============================================================================== */

static int read_file(const char *named, struct err *e) {
    const char *env = getenv("MOONBUS_CONFIG");
    if (!named && env && *env) named = env;
    return conf_yaml(named ? named : FILE_NAME, named != NULL, e);
}

static int parse_all(struct err *e) {
    int rc = 0;
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS && !rc; row++) {
        if (!is_heading(row)) rc = conf_parse(row, e);
    }
    return rc;
}

int conf_load(int argc, char **argv, const char **rest, int *n_rest, struct err *e) {
    struct flags f = {.argc = argc, .argv = argv, .rest = rest};
    f.room = rest ? *n_rest - 1 : 0;
    conf_free();
    int rc = read_flags(&f, e);
    if (!rc) rc = read_env(e);
    if (!rc) rc = read_file(f.config, e);
    if (!rc) rc = parse_all(e);
    if (!rc) rc = conf_derive(e);
    if (rc) {
        conf_free();
        return rc;
    }
    if (rest) {
        rest[f.n] = NULL;
        *n_rest = f.n;
    }
    return 0;
}

void conf_free(void) {
    for (const struct conf_row *row = conf_rows; row < conf_rows + CONF_ROWS; row++) {
        forget(conf_given_for(row));
        if (conf_is_text(row)) mem_free(*conf_text(row));
    }
    conf = (struct conf){0};
}
