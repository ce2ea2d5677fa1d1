/*
 * lib_time: `require "time"`: clocks, waiting, RFC 3339 text and durations. Called by scripts.
 *
 * Time is seconds since the epoch as a float, or nanoseconds since the epoch as an integer where a
 * float is too coarse (it resolves about 0.2 microseconds today). Calendar arithmetic is the
 * proleptic Gregorian calendar in UTC, years 0000 to 9999.
 */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "core/script/lib.h"
#include "core/script/task.h"

#define NS           ((int64_t)1000000000)
#define DAY          ((int64_t)86400)
#define FIRST_SECOND ((int64_t)-62167219200) /* 0000-01-01T00:00:00Z */
#define LAST_SECOND  ((int64_t)253402300799) /* 9999-12-31T23:59:59Z */
#define SLEEP_MAX    (366.0 * 86400)
#define NO_TIME      "not a time as in RFC 3339 (2006-01-02T15:04:05Z)"

struct instant {
    int64_t second; /* since the epoch, rounded down */
    int64_t ns;     /* 0 .. 999,999,999 */
};

/* ---- clocks ---------------------------------------------------------------------------------- */

static struct instant clock_now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (struct instant){t.tv_sec, t.tv_nsec};
}

static lua_Number seconds_of(struct instant t) {
    return (lua_Number)t.second + (lua_Number)t.ns / 1e9;
}

static int l_now(lua_State *L) {
    lua_pushnumber(L, seconds_of(clock_now(CLOCK_REALTIME)));
    return 1;
}

static int l_now_ns(lua_State *L) {
    struct instant t = clock_now(CLOCK_REALTIME);
    lua_pushinteger(L, t.second * NS + t.ns);
    return 1;
}

static int l_monotonic(lua_State *L) {
    lua_pushnumber(L, seconds_of(clock_now(CLOCK_MONOTONIC)));
    return 1;
}

/* ---- sleep ----------------------------------------------------------------------------------- */

struct nap {
    struct op op;
    struct timer timer;
    double seconds;
};

static int nap_done(lua_State *L, struct op *op) {
    lua_pushboolean(L, true);
    return 1;
}

static bool nap_cancel(struct op *op) {
    return true;
}

static void nap_drop(struct op *op) {
    timer_remove(op->vm->worker, &((struct nap *)op)->timer);
}

static void nap_tell(const struct op *op, struct buf *out) {
    const struct nap *nap = (const struct nap *)op;
    buf_printf(out, "sleep %.4g s", nap->seconds);
}

static const struct op_kind nap_kind = {
    .name = "time.sleep",
    .size = sizeof(struct nap),
    .done = nap_done,
    .cancel = nap_cancel,
    .drop = nap_drop,
    .tell = nap_tell,
};

static void nap_over(struct timer *t) {
    op_finish(&LIST_ENTRY(t, struct nap, timer)->op);
}

int lib_sleep(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= SLEEP_MAX, 1, "must be between 0 and a year");
    struct nap *nap = op_new(L, &nap_kind);
    nap->seconds = seconds;
    timer_init(&nap->timer, nap_over);
    if (op_timer(&nap->op, &nap->timer, seconds) < 0) {
        op_discard(&nap->op);
        vm_throw_memory(L);
    }
    return op_await(L, &nap->op);
}

/* ---- calendar -------------------------------------------------------------------------------- */

/* Days since the epoch of a date and back, by eras of 400 years that begin in March, so that the
 * leap day is the last of its year. */
static int64_t days_of(int64_t year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* `digits` of the fraction, or -1: as many as say something. The time is cut, not rounded. */
static int push_rfc3339(lua_State *L, struct instant t, int digits) {
    int64_t days = t.second / DAY, of_day = t.second % DAY;
    int year, month, day;
    char fraction[12] = "", text[64];
    if (of_day < 0) {
        of_day += DAY;
        days--;
    }
    date_of(days, &year, &month, &day);
    int n = digits < 0 ? 9 : digits;
    if (n > 0) {
        snprintf(fraction, sizeof fraction, ".%09d", (int)t.ns);
        if (digits < 0)
            while (n > 0 && fraction[n] == '0')
                n--;
        fraction[n > 0 ? n + 1 : 0] = 0;
    }
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", year, month, day,
             (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), fraction);
    lua_pushstring(L, text);
    return 1;
}

static int digits_arg(lua_State *L, int i) {
    lua_Integer digits = luaL_optinteger(L, i, -1);
    luaL_argcheck(L, digits >= -1 && digits <= 9, i, "0 to 9 digits");
    return (int)digits;
}

/* The shortest fraction that reads back as the same number. */
static struct instant instant_of(lua_Number seconds) {
    lua_Number whole = floor(seconds), scale = 1;
    for (int digits = 0; digits < 9; digits++, scale *= 10) {
        lua_Number scaled = round((seconds - whole) * scale);
        if (whole + scaled / scale != seconds) continue;
        int64_t ns = (int64_t)(scaled * (1e9 / scale));
        return (struct instant){(int64_t)whole + ns / NS, ns % NS};
    }
    return (struct instant){(int64_t)whole, (int64_t)((seconds - whole) * 1e9)};
}

static int l_rfc3339(lua_State *L) {
    int digits = digits_arg(L, 2), integer;
    if (lua_isnoneornil(L, 1)) return push_rfc3339(L, clock_now(CLOCK_REALTIME), digits);
    struct instant t = {lua_tointegerx(L, 1, &integer), 0};
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= (lua_Number)FIRST_SECOND && seconds < (lua_Number)(LAST_SECOND + 1),
                  1, "out of range");
    return push_rfc3339(L, integer ? t : instant_of(seconds), digits);
}

static int l_rfc3339_ns(lua_State *L) {
    int64_t ns = luaL_checkinteger(L, 1);
    struct instant t = {ns / NS, ns % NS};
    if (t.ns < 0) t = (struct instant){t.second - 1, t.ns + NS};
    return push_rfc3339(L, t, digits_arg(L, 2));
}

/* All digits: such texts are stored, and compared as texts. */
static int l_now_rfc3339(lua_State *L) {
    return push_rfc3339(L, clock_now(CLOCK_REALTIME), 9);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Takes exactly n digits. */
static bool take_digits(struct str *s, size_t n, int *out) {
    *out = 0;
    if (s->n < n) return false;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return false;
        *out = *out * 10 + (s->p[i] - '0');
    }
    *s = str_from(*s, n);
    return true;
}

static bool take_char(struct str *s, char c) {
    bool found = s->n > 0 && (s->p[0] == c || (c == 'T' && (s->p[0] == 't' || s->p[0] == ' ')) ||
                              (c == 'Z' && s->p[0] == 'z'));
    if (found) *s = str_from(*s, 1);
    return found;
}

/* ".5": digits beyond nanoseconds are cut. */
static bool take_fraction(struct str *s, int64_t *ns) {
    int64_t unit = NS / 10;
    size_t n = 0;
    if (!take_char(s, '.')) return true;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        *ns += (s->p[n] - '0') * unit;
        unit /= 10;
    }
    *s = str_from(*s, n);
    return n > 0;
}

static bool take_offset(struct str *s, int64_t *seconds) {
    int hours, minutes;
    if (take_char(s, 'Z')) return true;
    bool minus = take_char(s, '-');
    if (!minus && !take_char(s, '+')) return false;
    if (!take_digits(s, 2, &hours) || !take_char(s, ':') || !take_digits(s, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59) return false;
    *seconds = (hours * 3600 + minutes * 60) * (minus ? -1 : 1);
    return true;
}

/* RFC 3339 section 5.6. A leap second counts as the second after it. */
static bool parse(struct str s, struct instant *out) {
    int year, month, day, hour, minute, second;
    int64_t offset = 0;
    *out = (struct instant){0, 0};
    bool ok = take_digits(&s, 4, &year) && take_char(&s, '-') && take_digits(&s, 2, &month) &&
              take_char(&s, '-') && take_digits(&s, 2, &day) && take_char(&s, 'T') &&
              take_digits(&s, 2, &hour) && take_char(&s, ':') && take_digits(&s, 2, &minute) &&
              take_char(&s, ':') && take_digits(&s, 2, &second) && take_fraction(&s, &out->ns) &&
              take_offset(&s, &offset) && s.n == 0;
    if (!ok || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    out->second = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    return true;
}

static int l_parse(lua_State *L) {
    struct instant t;
    if (!parse(lib_str(L, 1), &t)) return op_fail(L, -EINVAL, NO_TIME);
    lua_pushnumber(L, seconds_of(t));
    return 1;
}

static int l_parse_ns(lua_State *L) {
    struct instant t;
    int64_t ns;
    if (!parse(lib_str(L, 1), &t)) return op_fail(L, -EINVAL, NO_TIME);
    if (__builtin_mul_overflow(t.second, NS, &ns) || __builtin_add_overflow(ns, t.ns, &ns))
        return op_fail(L, -ERANGE, "nanoseconds reach from the year 1677 to 2262");
    lua_pushinteger(L, ns);
    return 1;
}

static int l_duration(lua_State *L) {
    uint64_t ns;
    int r = str_duration(lib_str(L, 1), &ns);
    if (r < 0) return op_fail(L, r, "not a duration (1h30m, 250ms, 1.5s)");
    lua_pushnumber(L, (lua_Number)ns / 1e9);
    return 1;
}

/* ---- the module ------------------------------------------------------------------------------ */

const struct lib_doc lib_time_docs[] = {
    {"now", l_now, "fun(): number", "Seconds since the epoch, by the wall clock."},
    {"now_ns", l_now_ns, "fun(): integer", "Nanoseconds since the epoch, by the wall clock."},
    {"monotonic", l_monotonic, "fun(): number",
     "Seconds of a clock that never jumps: for differences, its zero means nothing."},
    {"sleep", lib_sleep, "fun(seconds: number): true",
     "Waits, to the millisecond and never short. At most a year. Waits: inside a task only."},
    {"rfc3339", l_rfc3339, "fun(seconds?: number, digits?: integer): string",
     "RFC 3339 text in UTC of seconds since the epoch (nil = now). 0 to 9 digits of fraction; "
     "without it as many as say something. Cut, not rounded."},
    {"rfc3339_ns", l_rfc3339_ns, "fun(nanoseconds: integer, digits?: integer): string",
     "The same of nanoseconds since the epoch: exact."},
    {"now_rfc3339", l_now_rfc3339, "fun(): string",
     "RFC 3339 text in UTC of now, with all nine digits of the nanoseconds."},
    {"parse", l_parse, "fun(text: string): number?, string?, string?",
     "Seconds since the epoch of RFC 3339 text; nil, message, \"invalid\" when it is none."},
    {"parse_ns", l_parse_ns, "fun(text: string): integer?, string?, string?",
     "Nanoseconds since the epoch of RFC 3339 text; nil, message, \"invalid\" or \"range\"."},
    {"duration", l_duration, "fun(text: string): number?, string?, string?",
     "Seconds of \"1h30m\", \"250ms\", \"1.5s\"; nil, message, \"invalid\" or \"range\"."},
    {NULL, NULL, NULL, NULL},
};

int lib_time(lua_State *L) {
    lib_functions(L, lib_time_docs);
    return 1;
}
