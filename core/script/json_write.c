/*
 * json_write: Lua values as JSON text. See json.h; the decoder is in json.c.
 *
 * It walks a value with a stack of its own levels, never calls itself and calls nothing in Lua that
 * can throw or run a script, so the text can be written straight into the caller's buffer. Only the
 * pretty form, which needs memory to sort names, may throw.
 *
 *     stack:  … outer-table name inner-table name [value being written]
 */
#include <assert.h>
#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/utf8.h"
#include "core/script/decimal.h"
#include "core/script/json.h"

#define PER_LEVEL  6 /* stack slots that a level needs at most */
#define TAIL       2 /* bytes of room that every put_* leaves: for a comma, or a colon and a blank */
#define SHOWN_NAME 64 /* bytes of a name that a path shows */

/* A container that is being written. */
struct level {
    enum { LEVEL_ARRAY, LEVEL_OBJECT, LEVEL_SORTED } kind; /* sorted: an object for people */
    int table;     /* its stack index; the current name is above it */
    lua_Integer i; /* members written */
    lua_Integer n; /* elements of an array, names of a sorted object */
};

/* Functions return false after fail(). */
struct encoder {
    lua_State *L;                       /* has the value */
    struct buf *out;                    /* the caller's; its length is right after save() */
    size_t start;                       /* length of `out` before */
    char *p;                            /* where to write */
    char *end;                          /* end of the room */
    const void *list;                   /* the metatable of lists; NULL when the state has none */
    int indent;                         /* blanks per level; 0 = compact */
    int depth;                          /* levels open */
    int max_depth;                      /* levels allowed */
    int nodes;                          /* values still allowed */
    size_t size;                        /* bytes allowed */
    int code;                           /* of a failure */
    const char *why;                    /* the same, as a sentence */
    struct level level[JSON_DEPTH_MAX]; /* outermost first */
};

static bool fail(struct encoder *e, int code, const char *why) {
    e->code = code;
    e->why = why;
    return false;
}

/* The innermost container itself is wrong, not one of its members. */
static bool fail_container(struct encoder *e, const char *why) {
    e->depth--;
    return fail(e, -EINVAL, why);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void save(struct encoder *e) {
    if (e->p) e->out->n = (size_t)(e->p - e->out->p);
}

/* At least n bytes of room. The bound of the whole text is looked at here: between two calls the
 * text grows by less than what was asked for. */
static bool grow(struct encoder *e, size_t n) {
    save(e);
    if (e->out->n - e->start > e->size) return fail(e, ERR_LIMIT, "the text would be too long");
    e->p = buf_room(e->out, n);
    if (!e->p) return fail(e, -ENOMEM, "out of memory");
    e->end = e->out->p + e->out->cap;
    return true;
}

static inline bool room(struct encoder *e, size_t n) {
    return (size_t)(e->end - e->p) >= n || grow(e, n);
}

/* Copies n bytes, several at a time and the last ones a second time. False when one of them was not
 * plain: a quote, a backslash, a control character or no ASCII. */
#ifdef __SSE2__
/* A bit for each byte of c that is not plain. Bytes are signed: from 0x80 on they are below ' '. */
static inline int specials(__m128i c) {
    __m128i quote = _mm_cmpeq_epi8(c, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(c, _mm_set1_epi8('\\'));
    __m128i low = _mm_cmplt_epi8(c, _mm_set1_epi8(' '));
    return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
}

static inline bool copy_plain(char *out, const char *p, size_t n) {
    if (n >= 16) {
        int hit = 0;
        for (size_t i = 0;; i += 16) {
            if (i > n - 16) i = n - 16;
            __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
            _mm_storeu_si128((__m128i *)(void *)(out + i), c);
            hit |= specials(c);
            if (i == n - 16) return hit == 0;
        }
    }
    if (n >= 8) {
        __m128i a = _mm_loadl_epi64((const __m128i *)(const void *)p);
        __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(p + n - 8));
        _mm_storel_epi64((__m128i *)(void *)out, a);
        _mm_storel_epi64((__m128i *)(void *)(out + n - 8), b);
        return specials(_mm_unpacklo_epi64(a, b)) == 0;
    }
    if (n >= 4) {
        int a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        memcpy(out, &a, 4);
        memcpy(out + n - 4, &b, 4);
        return (specials(_mm_unpacklo_epi32(_mm_cvtsi32_si128(a), _mm_cvtsi32_si128(b))) & 0xff) ==
               0;
    }
    if (n == 0) return true;
    unsigned char first = (unsigned char)p[0], middle = (unsigned char)p[n / 2],
                  last = (unsigned char)p[n - 1];
    out[0] = (char)first;
    out[n / 2] = (char)middle;
    out[n - 1] = (char)last;
    return (specials(_mm_cvtsi32_si128(first | middle << 8 | last << 16)) & 7) == 0;
}
#else
static inline bool copy_plain(char *out, const char *p, size_t n) {
    bool plain = true;
    for (size_t i = 0; i < n; i++) {
        out[i] = p[i];
        plain &= p[i] != '"' && p[i] != '\\' && (signed char)p[i] >= ' ';
    }
    return plain;
}
#endif

/* One character that is not plain; room for 6 bytes is there. Bytes read, 0 = no UTF-8. */
static size_t put_special(struct encoder *e, const char *p, const char *end) {
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* for 8, 9, 10, (11), 12, 13 */
    unsigned char c = (unsigned char)*p;
    if (c >= 0x80) {
        size_t n = utf8_step(p, (size_t)(end - p));
        memcpy(e->p, p, n);
        e->p += n;
        return n;
    }
    *e->p++ = '\\';
    if (c >= ' ') {
        *e->p++ = (char)c;
    } else if (c >= 8 && c <= 13 && c != 11) {
        *e->p++ = letters[c - 8];
    } else {
        memcpy(e->p, "u00", 3);
        e->p[3] = hex[c >> 4];
        e->p[4] = hex[c & 15];
        e->p += 5;
    }
    return 1;
}

/* A string that is not plain, behind its opening quote. */
static bool put_escaped(struct encoder *e, const char *p, const char *end) {
    while (p < end) {
        if (!room(e, 6 + (size_t)(end - p) + 1 + TAIL)) return false;
        while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
            *e->p++ = *p++;
        if (p == end) break;
        size_t n = put_special(e, p, end);
        if (n == 0) return fail(e, -EINVAL, "the string is not valid UTF-8");
        p += n;
    }
    return true;
}

static inline bool put_string(struct encoder *e, struct str s) {
    if (s.n > e->size) return fail(e, ERR_LIMIT, "the text would be too long");
    if (!room(e, s.n + 2 + TAIL)) return false;
    *e->p++ = '"';
    if (copy_plain(e->p, s.p, s.n))
        e->p += s.n;
    else if (!put_escaped(e, s.p, s.p + s.n))
        return false;
    *e->p++ = '"';
    return true;
}

static bool put_number(struct encoder *e, int index) {
    if (!room(e, DECIMAL_MAX + TAIL)) return false;
    if (lua_isinteger(e->L, index)) {
        e->p += decimal_int(lua_tointeger(e->L, index), e->p);
        return true;
    }
    double v = lua_tonumber(e->L, index);
    if (!isfinite(v)) return fail(e, -EINVAL, "JSON has no NaN and no infinity");
    e->p += decimal_write(v, e->p);
    return true;
}

static bool put_literal(struct encoder *e, struct str s) {
    if (!room(e, s.n + TAIL)) return false;
    memcpy(e->p, s.p, s.n);
    e->p += s.n;
    return true;
}

static bool put_bracket(struct encoder *e, char c) {
    if (!room(e, 1 + TAIL)) return false;
    *e->p++ = c;
    return true;
}

/* A new line and its indentation, when written for people. */
static bool put_line(struct encoder *e) {
    size_t n = (size_t)(e->indent * e->depth);
    if (!room(e, n + 1 + TAIL)) return false;
    *e->p++ = '\n';
    memset(e->p, ' ', n);
    e->p += n;
    return true;
}

/* ---- tables ------------------------------------------------------------------------------- */

/* Is the table with n elements a sequence of exactly n? Asked when there is doubt. */
static const char *doubt(lua_State *L, int table, lua_Integer n) {
    lua_Integer integers = 0, others = 0;
    bool outside = false;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2)) {
            others++;
        } else {
            lua_Integer i = lua_tointeger(L, -2);
            integers++;
            outside |= i < 1 || i > n;
        }
    }
    if (others > 0) return "a list cannot have named members";
    if (outside || integers != n) return "a list must have the keys 1 to n without holes";
    return NULL;
}

/* After the last element of an array: is there anything else in the table? */
static bool check_array(struct encoder *e, struct level *v) {
    lua_State *L = e->L;
    if (v->n > 0)
        lua_pushinteger(L, v->n);
    else
        lua_pushnil(L);
    if (!lua_next(L, v->table)) return true; /* the usual: nothing behind the last element */
    lua_pop(L, 2);
    const char *why = doubt(L, v->table, v->n);
    return why ? fail_container(e, why) : true;
}

static bool less(lua_State *L, int a, int b) {
    struct str x, y;
    x.p = lua_tolstring(L, a, &x.n);
    y.p = lua_tolstring(L, b, &y.n);
    return str_cmp(x, y) < 0;
}

/* Sorts the strings 1..n of the table on top of the stack (Shell's method: no memory). */
static void sort_names(lua_State *L, lua_Integer n) {
    int names = lua_gettop(L);
    for (lua_Integer gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (lua_Integer i = gap + 1; i <= n; i++) {
            lua_rawgeti(L, names, i);
            lua_Integer at = i;
            for (; at > gap; at -= gap) {
                lua_rawgeti(L, names, at - gap);
                if (!less(L, -2, -1)) {
                    lua_pop(L, 1);
                    break;
                }
                lua_rawseti(L, names, at);
            }
            lua_rawseti(L, names, at);
        }
    }
}

/* Pushes a table with the names of the one on top, in order. */
static bool push_names(struct encoder *e, struct level *v) {
    lua_State *L = e->L;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, v->table);) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) return fail_container(e, "a name must be a string");
        lua_pushvalue(L, -1);
        lua_rawseti(L, v->table + 1, ++v->n);
    }
    sort_names(L, v->n);
    return true;
}

static bool is_marked(struct encoder *e) {
    if (!e->list || !lua_getmetatable(e->L, -1)) return false;
    bool marked = lua_topointer(e->L, -1) == e->list;
    lua_pop(e->L, 1);
    return marked;
}

/* Pushes the names of its members that the table on top was given with an order, without those that
 * are nil. False = it has no order. */
static bool push_order(struct encoder *e, struct level *v) {
    lua_State *L = e->L;
    if (!json_push_names(L, v->table)) return false;
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1), there = 0;
    lua_newtable(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, v->table + 1, i);
        lua_pushvalue(L, -1);
        bool is_there = lua_rawget(L, v->table) != LUA_TNIL;
        lua_pop(L, 1);
        if (is_there)
            lua_rawseti(L, v->table + 2, ++there);
        else
            lua_pop(L, 1);
    }
    lua_remove(L, v->table + 1);
    v->n = there;
    return true;
}

/* The table on top becomes the innermost level. */
static bool open_table(struct encoder *e) {
    lua_State *L = e->L;
    if (e->depth == e->max_depth) return fail(e, ERR_LIMIT, "nested too deeply");
    if (!lua_checkstack(L, PER_LEVEL)) return fail(e, -ENOMEM, "out of memory");
    struct level *v = &e->level[e->depth++];
    *v = (struct level){.kind = LEVEL_OBJECT, .table = lua_gettop(L)};
    lua_Integer n = (lua_Integer)lua_rawlen(L, v->table);
    if (n > 0 || is_marked(e)) {
        v->kind = LEVEL_ARRAY;
        v->n = n;
        return put_bracket(e, '[');
    }
    if (push_order(e, v)) {
        v->kind = LEVEL_SORTED;
        return put_bracket(e, '{');
    }
    if (e->indent > 0) {
        v->kind = LEVEL_SORTED;
        return put_bracket(e, '{') && push_names(e, v);
    }
    lua_pushnil(L);
    return put_bracket(e, '{');
}

static bool close_table(struct encoder *e, struct level *v) {
    char c = v->kind == LEVEL_ARRAY ? ']' : '}';
    if (v->kind == LEVEL_ARRAY && !check_array(e, v)) return false;
    lua_settop(e->L, v->table - 1);
    e->depth--;
    if (v->i > 0 && e->indent > 0 && !put_line(e)) return false;
    return put_bracket(e, c);
}

/* The name at `index`, and its colon. */
static bool put_name(struct encoder *e, int index) {
    struct str name;
    if (lua_type(e->L, index) != LUA_TSTRING) return fail_container(e, "a name must be a string");
    name.p = lua_tolstring(e->L, index, &name.n);
    if (!put_string(e, name)) return false;
    *e->p++ = ':';
    if (e->indent > 0) *e->p++ = ' ';
    return true;
}

/* Pushes the next value of the innermost level, after its comma and name. *end = there is none. */
static bool next_member(struct encoder *e, bool *end) {
    lua_State *L = e->L;
    struct level *v = &e->level[e->depth - 1];
    *end = v->kind == LEVEL_OBJECT ? !lua_next(L, v->table) : v->i == v->n;
    if (*end) return close_table(e, v);
    if (v->i++ > 0) *e->p++ = ',';
    if (e->indent > 0 && !put_line(e)) return false;
    if (v->kind == LEVEL_OBJECT) return put_name(e, -2);
    if (v->kind == LEVEL_ARRAY) {
        lua_rawgeti(L, v->table, v->i);
        return true;
    }
    lua_rawgeti(L, v->table + 1, v->i);
    if (!put_name(e, -1)) return false;
    lua_rawget(L, v->table);
    return true;
}

/* ---- values ------------------------------------------------------------------------------- */

/* Writes the scalar on top of the stack. */
static bool put_scalar(struct encoder *e, int type) {
    lua_State *L = e->L;
    struct str s;
    switch (type) {
    case LUA_TSTRING:
        s.p = lua_tolstring(L, -1, &s.n);
        return put_string(e, s);
    case LUA_TNUMBER:
        return put_number(e, -1);
    case LUA_TBOOLEAN:
        return put_literal(e, lua_toboolean(L, -1) ? STR("true") : STR("false"));
    case LUA_TNIL:
        if (e->depth > 0) return fail(e, -EINVAL, "a list must not have holes: use json.null");
        return put_literal(e, STR("null"));
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, -1)) return fail(e, -EINVAL, "JSON has no userdata");
        return put_literal(e, STR("null"));
    case LUA_TFUNCTION:
        return fail(e, -EINVAL, "JSON has no functions");
    case LUA_TTHREAD:
        return fail(e, -EINVAL, "JSON has no coroutines");
    default:
        return fail(e, -EINVAL, "JSON has no userdata");
    }
}

/* The value on top of the stack, however deep; pops it. */
static bool put_value(struct encoder *e) {
    do {
        if (e->nodes-- == 0) return fail(e, ERR_LIMIT, "too many values");
        int type = lua_type(e->L, -1);
        if (type == LUA_TTABLE) {
            if (!open_table(e)) return false;
        } else {
            if (!put_scalar(e, type)) return false;
            lua_pop(e->L, 1);
        }
        for (bool end = true; end && e->depth > 0;)
            if (!next_member(e, &end)) return false;
    } while (e->depth > 0);
    return true;
}

/* ---- where it failed ---------------------------------------------------------------------- */

static bool is_word(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return s.n > 0;
}

static void path_name(struct buf *path, struct str name) {
    bool cut = name.n > SHOWN_NAME;
    if (cut) name.n = SHOWN_NAME;
    if (!is_word(name)) {
        buf_char(path, '[');
        buf_json(path, name);
        buf_str(path, cut ? STR("...]") : STR("]"));
        return;
    }
    if (path->n > 0) buf_char(path, '.');
    buf_str(path, name);
    if (cut) buf_str(path, STR("..."));
}

/* The names and numbers that lead to the value that failed: all levels are still on the stack. */
static void write_path(struct encoder *e, struct buf *path) {
    lua_State *L = e->L;
    for (int i = 0; i < e->depth; i++) {
        struct level *v = &e->level[i];
        if (v->i == 0) return; /* it failed before its first member */
        if (v->kind == LEVEL_ARRAY) {
            buf_printf(path, "[%lld]", (long long)v->i);
            continue;
        }
        if (v->kind == LEVEL_SORTED)
            lua_rawgeti(L, v->table + 1, v->i);
        else
            lua_pushvalue(L, v->table + 1);
        struct str name;
        name.p = lua_tolstring(L, -1, &name.n);
        path_name(path, name);
        lua_pop(L, 1);
    }
}

/* ---- entry -------------------------------------------------------------------------------- */

static bool encode(struct encoder *e, int index) {
    if (!lua_checkstack(e->L, PER_LEVEL)) return fail(e, -ENOMEM, "out of memory");
    e->list = json_list_mark(e->L);
    lua_pushvalue(e->L, index);
    if (!put_value(e)) return false;
    save(e);
    if (e->out->n - e->start > e->size) return fail(e, ERR_LIMIT, "the text would be too long");
    return true;
}

int json_encode_pretty(lua_State *L, int index, struct buf *out, const struct json_limits *limits,
                       int indent, struct buf *path, const char **why) {
    struct encoder e;
    if (!limits) limits = &json_default;
    e.L = L;
    e.out = out;
    e.start = out->n;
    e.p = out->p ? out->p + out->n : NULL;
    e.end = out->p ? out->p + out->cap : NULL;
    e.indent = indent;
    e.depth = 0;
    e.max_depth = limits->depth < JSON_DEPTH_MAX ? limits->depth : JSON_DEPTH_MAX;
    e.nodes = limits->nodes;
    e.size = limits->size;
    int top = lua_gettop(L);
    bool done = encode(&e, lua_absindex(L, index));
    if (!done) {
        out->n = e.start;
        if (path) write_path(&e, path);
        if (why) *why = e.why;
    }
    lua_settop(L, top);
    return done ? 0 : e.code;
}

int json_encode(lua_State *L, int index, struct buf *out, const struct json_limits *limits,
                struct buf *path, const char **why) {
    return json_encode_pretty(L, index, out, limits, 0, path, why);
}
