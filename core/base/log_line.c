/*
 * log_line: see log_line.h. Whatever a peer put into a value, a line stays one line (in text, the
 * value named "traceback" is the exception: it goes below, indented) and carries no control
 * character to a terminal.
 *
 * Runs on the caller's thread, so it takes no lock: the calendar part of the time is worked out
 * once per second and thread.
 */
#include "core/base/log_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define VALUE_MAX ((size_t)8 * 1024)
#define LINE_MAX  ((size_t)32 * 1024)

static const char *const text_levels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
static const char *const json_levels[] = {"debug", "info", "warn", "error"};

/* The calendar part of one second, as it is written. */
struct second {
    uint64_t at;   /* seconds since the epoch */
    bool text;     /* local time of day, else UTC date and time */
    char word[32]; /* empty = not worked out yet */
};

static const char *calendar(uint64_t seconds, bool text) {
    static _Thread_local struct second cached;
    if (cached.word[0] && cached.at == seconds && cached.text == text) return cached.word;
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    if (text)
        localtime_r(&t, &tm);
    else
        gmtime_r(&t, &tm);
    cached.at = seconds;
    cached.text = text;
    size_t n =
        strftime(cached.word, sizeof cached.word, text ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
    if (!n) cached.word[0] = 0;
    return cached.word;
}

static void put_time(struct buf *out, uint64_t now, bool text) {
    unsigned ms = (unsigned)(now / 1000000 % 1000);
    char part[4] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10)};
    buf_str(out, str_of(calendar(now / 1000000000, text)));
    buf_add(out, part, sizeof part);
}

enum { SHOWN = -1, BROKEN = -2 };

/* Looks at the character at the start of s and returns the bytes that it takes. *code becomes SHOWN
 * when it may be shown as it is, BROKEN when it is not UTF-8, else the control character's number.
 * C1 controls (U+0080 to U+009F) can steer a terminal like their escape sequences. */
static size_t next_char(struct str s, int *code) {
    size_t bad, n = str_utf8(s, &bad);
    unsigned char first = (unsigned char)s.p[0];
    *code = SHOWN;
    if (!n)
        *code = BROKEN;
    else if (n == 1 && (first < 0x20 || first == 0x7F))
        *code = first;
    else if (first == 0xC2 && (unsigned char)s.p[1] < 0xA0)
        *code = (unsigned char)s.p[1];
    return n ? n : bad;
}

static void escape(struct buf *out, int code) {
    switch (code) {
    case BROKEN:
        buf_str(out, STR("\xEF\xBF\xBD"));
        break;
    case '\n':
        buf_str(out, STR("\\n"));
        break;
    case '\r':
        buf_str(out, STR("\\r"));
        break;
    case '\t':
        buf_str(out, STR("\\t"));
        break;
    default:
        buf_printf(out, "\\u%04x", (unsigned)code);
    }
}

/* Text for a terminal; `quoted` also escapes what would end or confuse a quoted value. */
static void put_plain(struct buf *out, struct str s, bool quoted) {
    while (s.n) {
        int code;
        size_t n = next_char(s, &code);
        if (code != SHOWN)
            escape(out, code);
        else {
            if (quoted && (s.p[0] == '"' || s.p[0] == '\\')) buf_char(out, '\\');
            buf_add(out, s.p, n);
        }
        s = str_from(s, n);
    }
}

static bool needs_quotes(struct str s) {
    while (s.n) {
        int code;
        size_t n = next_char(s, &code);
        if (code != SHOWN || strchr(" \"=\\", s.p[0])) return true;
        s = str_from(s, n);
    }
    return false;
}

static void put_word(struct buf *out, struct str s) {
    bool quotes = needs_quotes(s);
    if (quotes) buf_char(out, '"');
    put_plain(out, s, quotes);
    if (quotes) buf_char(out, '"');
}

static void put_int(struct buf *out, int64_t i) {
    if (i < 0) buf_char(out, '-');
    buf_u64(out, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
}

/* Numbers with at most six decimals, which is what people log, without the detour over printf: they
 * are quotients of two integers that a double holds exactly, so the quotient's text reads back as
 * the same double. False for all others. */
static bool put_short_float(struct buf *out, double f) {
    const double scale = 1e6, most = 9007199254740992.0 / 1e6;
    if (!(fabs(f) < most)) return false;
    int64_t i = (int64_t)(f * scale + (f < 0 ? -0.5 : 0.5));
    if ((double)i / scale != f || (i == 0 && signbit(f))) return false;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    char digits[7] = ".";
    size_t n = sizeof digits;
    for (uint64_t part = u % 1000000, at = 6; at > 0; at--, part /= 10)
        digits[at] = (char)('0' + part % 10);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (f < 0) buf_char(out, '-');
    buf_u64(out, u / 1000000);
    if (n > 1) buf_add(out, digits, n);
    return true;
}

/* The shorter of two spellings that reads back as the same number. */
static void put_float(struct buf *out, double f) {
    char word[40];
    if (put_short_float(out, f)) return;
    snprintf(word, sizeof word, "%.15g", f);
    if (strtod(word, NULL) != f) snprintf(word, sizeof word, "%.17g", f);
    buf_str(out, str_of(word));
}

static void put_value(struct buf *out, const struct log_field *f, bool text) {
    switch (f->kind) {
    case LOG_F_STR:
        if (text)
            put_word(out, str_first(f->s, VALUE_MAX));
        else
            buf_json(out, str_first(f->s, VALUE_MAX));
        break;
    case LOG_F_INT:
        put_int(out, f->i);
        break;
    case LOG_F_FLOAT:
        if (text || isfinite(f->f))
            put_float(out, f->f);
        else
            buf_str(out, STR("null"));
        break;
    case LOG_F_BOOL:
        buf_str(out, f->i ? STR("true") : STR("false"));
        break;
    }
}

/* A field must not pass for one of the three that every line has. */
static void put_json_key(struct buf *out, struct str key) {
    bool reserved =
        str_eq(key, STR("time")) || str_eq(key, STR("level")) || str_eq(key, STR("msg"));
    buf_char(out, ',');
    buf_json(out, key);
    if (!reserved || !buf_ok(out)) return;
    out->n--;
    buf_str(out, STR("_\""));
}

static bool is_block(const struct log_field *f) {
    return f->kind == LOG_F_STR && str_eq(str_of(f->key), STR("traceback"));
}

/* A value of several lines, below its line. */
static void put_block(struct buf *out, struct str s) {
    struct str line;
    for (bool more = true; more && s.n;) {
        more = str_cut(s, '\n', &line, &s);
        buf_str(out, STR("\n    "));
        put_plain(out, line, false);
    }
}

static void put_field(struct buf *out, const struct log_field *f, bool text, bool first) {
    if (!text) {
        put_json_key(out, str_of(f->key));
        buf_char(out, ':');
    } else {
        buf_str(out, first ? STR("  ") : STR(" "));
        put_word(out, str_of(f->key));
        buf_char(out, '=');
    }
    put_value(out, f, text);
}

static void put_fields(struct buf *out, const struct log_field *fields, bool text, size_t start,
                       bool (*skip)(const char *key)) {
    static const struct log_field cut = {"truncated", LOG_F_BOOL, {.i = 1}};
    bool first = true;
    for (const struct log_field *f = fields; f && f->key; f++) {
        if ((f->kind == LOG_F_STR && !f->s.n) || (text && is_block(f))) continue;
        if (skip && skip(f->key)) continue;
        bool full = out->n - start > LINE_MAX;
        put_field(out, full ? &cut : f, text, first);
        if (full) return;
        first = false;
    }
}

static void put_blocks(struct buf *out, const struct log_field *fields, size_t start) {
    for (const struct log_field *f = fields; f && f->key; f++) {
        if (is_block(f) && out->n - start <= LINE_MAX) put_block(out, str_first(f->s, VALUE_MAX));
    }
}

void log_line(struct buf *out, bool text, enum log_level level, uint64_t now, const char *message,
              const struct log_field *fields) {
    size_t start = out->n;
    struct str msg = str_first(str_of(message), VALUE_MAX);
    if (text) {
        put_time(out, now, true);
        buf_char(out, ' ');
        buf_str(out, str_of(text_levels[level]));
        buf_char(out, ' ');
        put_plain(out, msg, false);
        put_fields(out, fields, true, start, NULL);
        put_blocks(out, fields, start);
    } else {
        buf_str(out, STR("{\"time\":\""));
        put_time(out, now, false);
        buf_str(out, STR("Z\",\"level\":\""));
        buf_str(out, str_of(json_levels[level]));
        buf_str(out, STR("\",\"msg\":"));
        buf_json(out, msg);
        put_fields(out, fields, false, start, NULL);
        buf_char(out, '}');
    }
    buf_char(out, '\n');
}

/* ---- for other forms ------------------------------------------------------------------------- */

void log_line_time(struct buf *out, uint64_t now) {
    put_time(out, now, true);
}

void log_line_plain(struct buf *out, struct str s) {
    put_plain(out, str_first(s, VALUE_MAX), false);
}

void log_line_fields(struct buf *out, const struct log_field *fields,
                     bool (*skip)(const char *key)) {
    put_fields(out, fields, true, out->n, skip);
}

const char *log_line_level(enum log_level level) {
    return text_levels[level];
}
