/*
 * json: the list mark, null, and the decoder. The encoder is in json_write.c.
 *
 * The decoder walks the text once and never calls itself. Members of an open container wait on the
 * Lua stack above a slot that is kept for it; when it closes, its table is made in the right size
 * and filled, which saves Lua all the rehashing of a table that grows. Only when there are very
 * many of them, or when the object before in the same array tells the size, is the table made
 * earlier and filled member by member.
 *
 *     stack:  … [slot of outer] key value key [slot of inner] value value value
 *
 * Nothing is allocated but by Lua, so a throw (out of memory) leaves nothing behind.
 */
#include "core/script/json.h"

#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/utf8.h"
#include "core/script/decimal.h"

const struct json_limits json_default = {.depth = 64, .nodes = 1000000, .size = 16u << 20};

/* ---- the list mark and null --------------------------------------------------------------- */

static const char list_key; /* its address names the metatable in the registry */

/* Pushes the metatable of lists; makes it on first use. */
static void push_list_mark(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "json.list");
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
}

void json_mark_list(lua_State *L, int index) {
    index = lua_absindex(L, index);
    push_list_mark(L);
    lua_setmetatable(L, index);
}

const void *json_list_mark(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
    const void *mark = lua_topointer(L, -1);
    lua_pop(L, 1);
    return mark;
}

static const char order_key; /* its address is where a metatable keeps the names of members */

void json_push_order(lua_State *L, int names) {
    names = lua_absindex(L, names);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, names);
    lua_rawsetp(L, -2, &order_key);
}

bool json_push_names(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return false;
    bool ordered = lua_rawgetp(L, -1, &order_key) == LUA_TTABLE;
    lua_remove(L, -2);
    if (!ordered) lua_pop(L, 1);
    return ordered;
}

bool json_is_list(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

void json_push_null(lua_State *L) {
    lua_pushlightuserdata(L, NULL);
}

bool json_is_null(lua_State *L, int index) {
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && !lua_touserdata(L, index);
}

/* ---- the decoder's state ------------------------------------------------------------------ */

#define PORTION 256 /* stack slots of one container until its table is made */
#define SPARE   16  /* slots that are free whenever a value is pushed */
#define RESERVE 96  /* slots asked for at once */

#define KEPT 32  /* names kept for the next object; a power of two */
#define KEEP 200 /* texts shorter than this keep none */

/* A container that is open. */
struct level {
    int slot;    /* where its table belongs; members wait above, until they go into it */
    bool array;  /* else an object */
    bool again;  /* inside an array: its names have probably been seen in the element before */
    bool direct; /* the table is there, and every member goes into it at once */
    int n;       /* elements in the table of an array; names read of an object */
    int before;  /* members of the object that was the last element of an array */
};

/* Functions that read take the position and return the next one, or NULL after fail(). */
struct decoder {
    lua_State *L;                       /* gets the value */
    const char *text;                   /* the whole of it */
    const char *end;                    /* behind its last byte */
    const char *at;                     /* where it failed */
    const char *why;                    /* why it failed */
    int code;                           /* the same as a number */
    int top;                            /* stack slots in use */
    int ceiling;                        /* slots that lua_checkstack has granted */
    int depth;                          /* levels open */
    int max_depth;                      /* levels allowed */
    int nodes;                          /* values still allowed */
    int mark;                           /* slot of the list mark */
    bool marks;                         /* it was fetched */
    bool keeps;                         /* names are kept, in the slots behind the list mark's */
    struct str kept[KEPT];              /* the same names in the text, with their closing quotes */
    struct level level[JSON_DEPTH_MAX]; /* outermost first */
};

static const char *fail(struct decoder *d, const char *at, int code, const char *why) {
    d->at = at;
    d->code = code;
    d->why = why;
    return NULL;
}

static const char *invalid(struct decoder *d, const char *at, const char *why) {
    return fail(d, at, -EINVAL, why);
}

static inline bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *skip_space(const char *p, const char *end) {
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* Skips blanks, if any, and tells whether `c` is there. */
static inline bool meet(const char **p, const char *end, char c) {
    if (*p < end && **p == c) return true;
    *p = skip_space(*p, end);
    return *p < end && **p == c;
}

/* ---- strings ------------------------------------------------------------------------------ */

/* The first byte at or after `p` that is a quote, a backslash, a control character or no ASCII. */
static inline const char *plain_end(const char *p, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(' '); /* signed: bytes from 0x80 on are below it too */
    for (; end - p >= 16; p += 16) {
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(c, quote), _mm_cmpeq_epi8(c, slash)),
                                   _mm_cmplt_epi8(c, blank));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask) return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
        p++;
    return p;
}

static int hex4(const char *p, const char *end) {
    int v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* What follows "\u" at `p`. Sets *out to the code point and returns the bytes read; 0 = invalid. */
static size_t read_unicode(const char *p, const char *end, uint32_t *out) {
    int high = hex4(p, end);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) return 0;
    *out = (uint32_t)high;
    if (high < 0xd800 || high > 0xdbff) return 4;
    if (end - p < 10 || p[4] != '\\' || p[5] != 'u') return 0;
    int low = hex4(p + 6, end);
    if (low < 0xdc00 || low > 0xdfff) return 0;
    *out = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 10;
}

/* What an escape of one letter stands for; 0 = none. */
static char escaped(char c) {
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* The closing quote of a string, from `p` on; everything up to it is checked. */
static const char *find_quote(struct decoder *d, const char *p) {
    for (const char *end = d->end;;) {
        p = plain_end(p, end);
        if (p == end) return invalid(d, p, "the string is not closed");
        unsigned char c = (unsigned char)*p;
        size_t n = 2;
        uint32_t unused;
        if (c == '"') return p;
        if (c < ' ') return invalid(d, p, "a control character in a string must be escaped");
        if (c >= 0x80) {
            n = utf8_step(p, (size_t)(end - p));
            if (n == 0) return invalid(d, p, "the text is not valid UTF-8");
        } else if (end - p < 2) {
            return invalid(d, end, "the string is not closed");
        } else if (p[1] == 'u') {
            n = read_unicode(p + 2, end, &unused);
            if (n == 0) return invalid(d, p, "this is no valid \\u escape");
            n += 2;
        } else if (!escaped(p[1])) {
            return invalid(d, p, "this escape is unknown");
        }
        p += n;
    }
}

/* Replaces the escapes of checked text; returns the length. */
static size_t unescape(const char *p, const char *end, char *out) {
    char *start = out;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((slash ? slash : end) - p);
        memcpy(out, p, n);
        out += n;
        p += n;
        if (!slash) break;
        if (p[1] == 'u') {
            uint32_t c;
            p += 2 + read_unicode(p + 2, end, &c);
            out += utf8_put(out, c);
        } else {
            *out++ = escaped(p[1]);
            p += 2;
        }
    }
    return (size_t)(out - start);
}

/* Pushes a string with escapes. A long one is put together in memory of Lua's. */
static const char *push_escaped(struct decoder *d, const char *start, const char *p) {
    const char *quote = find_quote(d, p);
    if (!quote) return NULL;
    char small[512];
    if ((size_t)(quote - start) <= sizeof small) {
        lua_pushlstring(d->L, small, unescape(start, quote, small));
    } else {
        char *room = lua_newuserdatauv(d->L, (size_t)(quote - start), 0);
        lua_pushlstring(d->L, room, unescape(start, quote, room));
        lua_replace(d->L, -2);
    }
    return quote + 1;
}

/* Pushes the string whose opening quote is before `start`. */
static inline const char *push_string(struct decoder *d, const char *start) {
    const char *end = d->end, *p = plain_end(start, end);
    while (p < end && (unsigned char)*p >= 0x80) {
        size_t n = utf8_step(p, (size_t)(end - p));
        if (n == 0) return invalid(d, p, "the text is not valid UTF-8");
        p += n;
        if (p < end && (unsigned char)*p < 0x80) p = plain_end(p, end);
    }
    if (p == end || *p != '"') return push_escaped(d, start, p);
    lua_pushlstring(d->L, start, (size_t)(p - start));
    return p + 1;
}

/* ---- numbers ------------------------------------------------------------------------------ */

static inline bool is_digit(const char *p, const char *end) {
    return p < end && *p >= '0' && *p <= '9';
}

/* Reads digits into *m, which is right as long as they are not more than 18 in all. */
static inline const char *read_digits(const char *p, const char *end, uint64_t *m) {
    for (; is_digit(p, end); p++)
        *m = *m * 10 + (uint64_t)(*p - '0');
    return p;
}

/* The number in [start, p), whatever its length. */
static const char *push_float(struct decoder *d, const char *start, const char *p) {
    double v = decimal_parse(str_make(start, (size_t)(p - start)));
    if (!isfinite(v)) return invalid(d, start, "the number is out of range");
    lua_pushnumber(d->L, v);
    return p;
}

/* The rest of a number whose digits up to p, `m`, began at `first`: fraction and exponent. */
static const char *push_fraction(struct decoder *d, const char *start, const char *first,
                                 const char *p, uint64_t m) {
    const char *end = d->end;
    int64_t e = 0, written = 0, digits = p - first;
    if (*p == '.') {
        const char *point = ++p;
        p = read_digits(p, end, &m);
        if (p == point) return invalid(d, p, "a digit is missing");
        e = point - p;
        digits -= e;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool negative = p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+')) p++;
        if (!is_digit(p, end)) return invalid(d, p, "a digit is missing");
        for (; is_digit(p, end); p++)
            if (written < 10000) written = written * 10 + (*p - '0');
        e += negative ? -written : written;
    }
    if (digits > 18 || written >= 10000) return push_float(d, start, p);
    double v = decimal_make(m, e);
    if (!isfinite(v)) return invalid(d, start, "the number is out of range");
    lua_pushnumber(d->L, *start == '-' ? -v : v);
    return p;
}

/* An integer of 19 digits or more: perhaps it fits. */
static const char *push_long_integer(struct decoder *d, const char *start, const char *p) {
    int64_t v;
    if (str_i64(str_make(start, (size_t)(p - start)), &v) < 0) return push_float(d, start, p);
    lua_pushinteger(d->L, v);
    return p;
}

static inline const char *push_number(struct decoder *d, const char *start) {
    const char *end = d->end, *first = start + (*start == '-');
    uint64_t m = 0;
    const char *p = read_digits(first, end, &m);
    if (p == first) return invalid(d, p, "a digit is missing");
    if (*first == '0' && p - first > 1) return invalid(d, first, "a number has no leading zero");
    if (p < end && (*p == '.' || *p == 'e' || *p == 'E'))
        return push_fraction(d, start, first, p, m);
    if (p - first > 18) return push_long_integer(d, start, p);
    lua_pushinteger(d->L, *start == '-' ? -(lua_Integer)m : (lua_Integer)m);
    return p;
}

/* ---- containers --------------------------------------------------------------------------- */

static inline bool reserve(struct decoder *d) {
    if (d->top + SPARE <= d->ceiling) return true;
    d->ceiling = d->top + RESERVE;
    return lua_checkstack(d->L, RESERVE);
}

static void open_container(struct decoder *d, bool array) {
    const struct level *around = d->depth > 0 ? &d->level[d->depth - 1] : NULL;
    bool again = d->keeps && around && (around->array || around->again);
    lua_pushnil(d->L);
    d->level[d->depth++] = (struct level){.slot = ++d->top, .array = array, .again = again};
}

static void make_table(struct decoder *d, const struct level *v, int n) {
    lua_createtable(d->L, v->array ? n : 0, v->array ? 0 : n);
    lua_replace(d->L, v->slot);
}

/* Before the first name of an object: the element before it in an array tells its size. */
static void guess_size(struct decoder *d, struct level *v) {
    const struct level *around = d->depth > 1 ? &d->level[d->depth - 2] : NULL;
    if (!around || !around->array || around->before == 0) return;
    make_table(d, v, around->before);
    v->direct = true;
}

/* Makes the table and moves the members that wait into it, first to last. */
static void fill_object(struct decoder *d, struct level *v) {
    lua_State *L = d->L;
    make_table(d, v, (d->top - v->slot) / 2);
    for (int i = v->slot + 1; i < d->top; i += 2) {
        lua_pushvalue(L, i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, v->slot);
    }
    lua_settop(L, v->slot);
    d->top = v->slot;
}

/* The elements go in from the back, which needs no copies on the stack: the array part has room for
 * just them. */
static void fill_array(struct decoder *d, struct level *v) {
    v->n = d->top - v->slot;
    make_table(d, v, v->n);
    for (; d->top > v->slot; d->top--)
        lua_rawseti(d->L, v->slot, d->top - v->slot);
}

static void fill(struct decoder *d, struct level *v) {
    if (v->array)
        fill_array(d, v);
    else
        fill_object(d, v);
}

/* The member that was read goes into the table, or waits for its size to be known. */
static inline void keep_member(struct decoder *d, struct level *v) {
    if (!v->direct) {
        if (d->top - v->slot < PORTION) return;
        fill(d, v);
        v->direct = true;
    } else if (v->array) {
        lua_rawseti(d->L, v->slot, ++v->n);
        d->top = v->slot;
    } else {
        lua_rawset(d->L, v->slot);
        d->top = v->slot;
    }
}

static void close_container(struct decoder *d) {
    struct level *v = &d->level[--d->depth];
    if (!v->direct) fill(d, v);
    if (!v->array) {
        if (d->depth > 0) d->level[d->depth - 1].before = v->n;
        return;
    }
    if (!d->marks) {
        push_list_mark(d->L);
        lua_replace(d->L, d->mark);
        d->marks = true;
    }
    lua_pushvalue(d->L, d->mark);
    lua_setmetatable(d->L, v->slot);
}

/* ---- the walk ----------------------------------------------------------------------------- */

static const char *push_word(struct decoder *d, const char *p) {
    size_t n = (size_t)(d->end - p);
    if (n >= 4 && memcmp(p, "true", 4) == 0) {
        lua_pushboolean(d->L, true);
        return p + 4;
    }
    if (n >= 5 && memcmp(p, "false", 5) == 0) {
        lua_pushboolean(d->L, false);
        return p + 5;
    }
    if (n >= 4 && memcmp(p, "null", 4) == 0) {
        json_push_null(d->L);
        return p + 4;
    }
    return invalid(d, p, n == 0 ? "a value is missing" : "a value was expected here");
}

static inline const char *push_scalar(struct decoder *d, const char *p) {
    if (p == d->end) return push_word(d, p);
    if (*p == '"') return push_string(d, p + 1);
    if (*p == '-' || (*p >= '0' && *p <= '9')) return push_number(d, p);
    return push_word(d, p);
}

/* Pushes a name of an object inside an array. Such objects look alike: when the text is that of the
 * name kept for this place, the string is there already and need not be hashed. */
static inline const char *push_kept_name(struct decoder *d, const struct level *v,
                                         const char *start) {
    unsigned place = ((unsigned)v->n + (unsigned)d->depth * 11) % KEPT;
    int slot = d->mark + 1 + (int)place;
    struct str *kept = &d->kept[place];
    if (kept->n > 0 && kept->n <= (size_t)(d->end - start) &&
        memcmp(kept->p, start, kept->n) == 0) {
        lua_pushvalue(d->L, slot);
        return start + kept->n;
    }
    const char *p = push_string(d, start);
    if (!p) return NULL;
    *kept = str_make(start, (size_t)(p - start));
    lua_copy(d->L, -1, slot);
    return p;
}

/* A member's name and the colon behind it. */
static inline const char *push_name(struct decoder *d, const char *p) {
    struct level *v = &d->level[d->depth - 1];
    if (!meet(&p, d->end, '"')) return invalid(d, p, "a name in quotes was expected here");
    p = v->again ? push_kept_name(d, v, p + 1) : push_string(d, p + 1);
    if (!p) return NULL;
    d->top++;
    v->n++;
    return meet(&p, d->end, ':') ? p + 1 : invalid(d, p, "a colon was expected here");
}

/* After a value inside a container: closes what ends here, and reads on to the next value. At the
 * end of the outermost container d->depth is 0. */
static inline const char *next_value(struct decoder *d, const char *p) {
    do {
        struct level *v = &d->level[d->depth - 1];
        keep_member(d, v);
        if (meet(&p, d->end, ',')) return v->array ? p + 1 : push_name(d, p + 1);
        if (p == d->end || *p != (v->array ? ']' : '}'))
            return invalid(d, p,
                           v->array ? "a comma or ] was expected here"
                                    : "a comma or } was expected here");
        p++;
        close_container(d);
    } while (d->depth > 0);
    return p;
}

/* After the bracket that opened a container: to its first value, or past its end. */
static const char *first_value(struct decoder *d, const char *p) {
    struct level *v = &d->level[d->depth - 1];
    if (!meet(&p, d->end, v->array ? ']' : '}')) {
        if (v->array) return p;
        guess_size(d, v);
        return push_name(d, p);
    }
    close_container(d);
    return d->depth > 0 ? next_value(d, p + 1) : p + 1;
}

/* One value, however deep. */
static const char *push_value(struct decoder *d, const char *p) {
    do {
        p = skip_space(p, d->end);
        if (d->nodes-- == 0) return fail(d, p, ERR_LIMIT, "too many values");
        if (!reserve(d)) return fail(d, p, -ENOMEM, "out of memory");
        if (p < d->end && (*p == '{' || *p == '[')) {
            if (d->depth == d->max_depth) return fail(d, p, ERR_LIMIT, "nested too deeply");
            open_container(d, *p == '[');
            p = first_value(d, p + 1);
        } else {
            p = push_scalar(d, p);
            d->top++;
            if (p && d->depth > 0) p = next_value(d, p);
        }
    } while (p && d->depth > 0);
    return p;
}

/* The slots below the value: the list mark, and the names that are kept. */
static bool push_slots(struct decoder *d) {
    int n = 1;
    d->mark = d->top + 1;
    d->marks = false;
    d->keeps = d->end - d->text >= KEEP;
    if (d->keeps) {
        n += KEPT;
        memset(d->kept, 0, sizeof d->kept);
    }
    d->top += n;
    d->ceiling = d->top + RESERVE;
    if (!lua_checkstack(d->L, n + RESERVE)) return false;
    lua_settop(d->L, d->top);
    return true;
}

static const char *decode(struct decoder *d, const struct json_limits *limits, bool whole) {
    const char *p = d->text;
    if ((size_t)(d->end - p) > limits->size) return fail(d, p, ERR_LIMIT, "the text is too long");
    if (!push_slots(d)) return fail(d, p, -ENOMEM, "out of memory");
    p = push_value(d, p);
    if (!p) return NULL;
    lua_replace(d->L, d->mark);
    if (!whole) return p;
    p = skip_space(p, d->end);
    return p == d->end ? p : invalid(d, p, "the value ended before this");
}

int json_decode(lua_State *L, struct str text, const struct json_limits *limits, size_t *rest,
                size_t *at, const char **why) {
    struct decoder d;
    if (!limits) limits = &json_default;
    d.L = L;
    d.text = text.n ? text.p : "";
    d.end = d.text + text.n;
    d.top = lua_gettop(L);
    d.depth = 0;
    d.max_depth = limits->depth < JSON_DEPTH_MAX ? limits->depth : JSON_DEPTH_MAX;
    d.nodes = limits->nodes;
    int top = d.top;
    const char *end = decode(&d, limits, rest == NULL);
    lua_settop(L, top + (end != NULL));
    if (end) {
        if (rest) *rest = (size_t)(end - d.text);
        return 0;
    }
    if (at) *at = (size_t)(d.at - d.text);
    if (why) *why = d.why;
    return d.code;
}
