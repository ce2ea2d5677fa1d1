/*
 * log_dev: see log_dev.h. The messages that have a form of their own are known by name here; all
 * others look as they do in text. Runs on the caller's thread, as log_line does.
 */
#include "core/base/log_dev.h"

#include "core/base/log_line.h"

#define PATH_COLUMNS 40  /* a longer path moves what is behind it */
#define VERB_COLUMNS 11  /* method, "reloaded" … */
#define BLOCK_LINES  400 /* below an error: each has two marks */

/* The marks. They begin behind NUL, which ends texts. */
enum mark { OFF = 1, GREY, GREEN, CYAN, YELLOW, RED, STRONG };

static const char *const sequences[] = {
    [OFF] = "\033[0m",     [GREY] = "\033[90m", [GREEN] = "\033[32m", [CYAN] = "\033[36m",
    [YELLOW] = "\033[33m", [RED] = "\033[31m",  [STRONG] = "\033[1m",
};

void log_dev_show(struct buf *out, const char *line, size_t n, bool colour) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < OFF || c > STRONG)
            buf_char(out, line[i]);
        else if (colour)
            buf_str(out, str_of(sequences[c]));
    }
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static const struct log_field *find(const struct log_field *fields, const char *key) {
    for (const struct log_field *f = fields; f && f->key; f++)
        if (strcmp(f->key, key) == 0) return f;
    return NULL;
}

static struct str text_of(const struct log_field *fields, const char *key) {
    const struct log_field *f = find(fields, key);
    return f && f->kind == LOG_F_STR ? f->s : STR_NONE;
}

static long long int_of(const struct log_field *fields, const char *key) {
    const struct log_field *f = find(fields, key);
    return f && f->kind == LOG_F_INT ? (long long)f->i : 0;
}

static double number_of(const struct log_field *fields, const char *key) {
    const struct log_field *f = find(fields, key);
    return f && f->kind == LOG_F_FLOAT ? f->f : 0;
}

static void put(struct buf *out, enum mark mark, struct str s) {
    buf_char(out, (char)mark);
    log_line_plain(out, s);
    buf_char(out, OFF);
}

/* Blanks behind what was added since `start`, up to a column, and one more. */
static void pad(struct buf *out, size_t start, size_t columns) {
    size_t shown = 0;
    for (size_t i = start; i < out->n; i++) {
        unsigned char c = (unsigned char)out->p[i];
        shown += c > STRONG && (c & 0xC0) != 0x80; /* of a character its first byte counts */
    }
    while (shown++ <= columns)
        buf_char(out, ' ');
}

static void put_duration(struct buf *out, double ms) {
    if (ms < 10000)
        buf_printf(out, "%7.1f ms", ms);
    else
        buf_printf(out, "%7.1f s ", ms / 1000);
}

static void put_start(struct buf *out, uint64_t now, enum mark mark, struct str verb) {
    buf_char(out, GREY);
    log_line_time(out, now);
    buf_char(out, OFF);
    buf_char(out, ' ');
    size_t start = out->n;
    put(out, mark, verb);
    pad(out, start, VERB_COLUMNS - 1);
}

/* ---- the forms ------------------------------------------------------------------------------- */

static enum mark class_of(long long status) {
    return status >= 500 || status < 100 ? RED
           : status >= 400               ? YELLOW
           : status >= 300               ? CYAN
                                         : GREEN;
}

/* 18:20:01.123 GET        /shop.example/price                       200     1.2 ms  shop.example */
static void put_request(struct buf *out, uint64_t now, const struct log_field *fields) {
    long long status = int_of(fields, "status");
    put_start(out, now, STRONG, text_of(fields, "method"));
    size_t start = out->n;
    log_line_plain(out, text_of(fields, "path"));
    pad(out, start, PATH_COLUMNS);
    buf_printf(out, "%c%3lld%c ", class_of(status), status, OFF);
    put_duration(out, number_of(fields, "ms"));
    struct str service = text_of(fields, "service"), upstream = text_of(fields, "upstream");
    if (service.n) buf_str(out, STR("  "));
    if (service.n) put(out, GREY, service);
    if (upstream.n) buf_str(out, STR("  "));
    if (upstream.n) put(out, GREY, upstream);
}

/* 18:20:01.123 reloaded   shop.example  generation 4  12.0 ms */
static void put_reload(struct buf *out, uint64_t now, const struct log_field *fields) {
    put_start(out, now, CYAN, STR("reloaded"));
    put(out, STRONG, text_of(fields, "service"));
    buf_printf(out, "  generation %lld  %.0f ms", int_of(fields, "generation"),
               number_of(fields, "ms"));
    if (text_of(fields, "mended").n) {
        buf_str(out, STR("  "));
        put(out, GREEN, STR("fine again"));
    }
}

static void put_service(struct buf *out, uint64_t now, struct str verb,
                        const struct log_field *fields) {
    put_start(out, now, CYAN, verb);
    put(out, STRONG, text_of(fields, "service"));
    buf_str(out, STR("  services/"));
    log_line_plain(out, text_of(fields, "folder"));
}

static void put_loaded(struct buf *out, uint64_t now, const struct log_field *fields) {
    put_service(out, now, STR("loaded"), fields);
}

static void put_removed(struct buf *out, uint64_t now, const struct log_field *fields) {
    put_service(out, now, STR("removed"), fields);
}

static void put_mended(struct buf *out, uint64_t now, const struct log_field *fields) {
    put_start(out, now, GREEN, STR("fine again"));
    put(out, STRONG, text_of(fields, "service"));
    buf_printf(out, "  generation %lld goes on", int_of(fields, "generation"));
}

static void put_generated(struct buf *out, uint64_t now, const struct log_field *fields) {
    put_start(out, now, CYAN, STR("generated"));
    log_line_plain(out, text_of(fields, "what"));
    buf_printf(out, "  %.0f ms", number_of(fields, "ms"));
}

static const struct form {
    const char *message;
    void (*put)(struct buf *out, uint64_t now, const struct log_field *fields);
} forms[] = {
    {"request", put_request},   {"reloaded", put_reload},     {"service loaded", put_loaded},
    {"fine again", put_mended}, {"generated", put_generated}, {"service removed", put_removed},
};

/* ---- all others ------------------------------------------------------------------------------ */

/* What the block below says, and what only machines want to know. */
static bool below(const char *key) {
    return strcmp(key, "request_id") == 0 || strcmp(key, "error") == 0 ||
           strcmp(key, "status") == 0 || strcmp(key, "hash") == 0;
}

/* The line that is marked in a piece of source, a line of it, or something else. */
static enum mark block_mark(struct str line, bool head) {
    struct str trimmed = str_trim(line);
    if (str_starts(trimmed, STR("> "))) return STRONG;
    return head ? RED : GREY;
}

/* The error's own lines first; from the source that is quoted or the traceback on it is detail. */
static void put_block(struct buf *out, struct str s) {
    struct str line;
    bool head = true, more = true;
    for (int n = 0; more && s.n; n++) {
        if (n == BLOCK_LINES) {
            buf_str(out, STR("\n    ..."));
            return;
        }
        more = str_cut(s, '\n', &line, &s);
        struct str word = str_trim(line);
        if (str_starts(word, STR("stack traceback")) || str_starts(word, STR("waiting for ")))
            head = false;
        bool again = str_starts(line, STR("services/")) || str_starts(word, STR("because of "));
        buf_str(out, STR("\n    "));
        put(out, block_mark(line, head || again), line);
    }
}

void log_dev_line(struct buf *out, enum log_level level, uint64_t now, const char *message,
                  const struct log_field *fields) {
    static const enum mark levels[] = {GREY, GREEN, YELLOW, RED};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].message, message) != 0) continue;
        forms[i].put(out, now, fields);
        buf_char(out, '\n');
        return;
    }
    struct str block = text_of(fields, "traceback");
    put_start(out, now, levels[level], str_trim(str_of(log_line_level(level))));
    log_line_plain(out, str_of(message));
    log_line_fields(out, fields, block.n ? below : NULL);
    if (block.n) put_block(out, str_first(block, (size_t)16 * 1024));
    buf_char(out, '\n');
}
