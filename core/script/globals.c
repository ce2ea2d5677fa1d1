/*
 * globals: reads the dump of a compiled function (lua_dump, format 0 of Lua 5.4) as far as needed
 * to see its accesses to `_ENV`. A dump that is cut or of another version gives an error, never
 * nonsense. Called under protection by vm.c and sandbox.c.
 *
 * A function in a dump: source, lines, parameters; code; constants; upvalues; functions inside;
 * debug information (lines and names). The last part is needed to make sense of the code, so each
 * function is looked at when it has been read to its end.
 */
#include "core/script/globals.h"

#include <errno.h>

#include "core/base/buf.h"

/* Functions inside functions; the parser of Lua stops at 200. */
#define DEPTH_MAX 250

/* Instructions: opcode in bits 0-6, A in 7-14, k in 15, B in 16-23, C in 24-31. */
enum { OP_GETTABUP = 11, OP_SETTABUP = 15 };
/* Types of constants. */
enum { K_NIL = 0, K_FALSE = 1, K_TRUE = 17, K_INTEGER = 3, K_FLOAT = 19, K_SHORT = 4, K_LONG = 20 };
/* A line that is no difference but stands in the list of whole ones. */
#define LINE_ABSOLUTE (-128)

struct reader {
    struct str rest; /* what was not read yet */
    bool bad;        /* something did not fit: everything reads as 0 from there on */
    int (*each)(void *arg, const struct globals_use *use);
    void *arg;
    int result; /* what each() returned */
};

/* Where the parts of one function lie. */
struct function {
    int line;               /* where it begins */
    struct str code;        /* 4 bytes each */
    struct str constants;   /* as dumped */
    struct str lines;       /* 1 byte per instruction */
    struct str whole_lines; /* as dumped: pairs of instruction and line */
    struct str upvalues;    /* as dumped: names */
    int n_constants, n_upvalues;
};

/* ---- pieces ---------------------------------------------------------------------------------- */

static struct str take(struct reader *r, size_t n) {
    if (r->bad || n > r->rest.n) {
        r->bad = true;
        return STR_NONE;
    }
    struct str piece = str_first(r->rest, n);
    r->rest = str_from(r->rest, n);
    return piece;
}

static int take_byte(struct reader *r) {
    struct str s = take(r, 1);
    return s.n ? (unsigned char)s.p[0] : 0;
}

/* Seven bits per byte, the highest first; the last byte has its eighth bit set. */
static size_t take_size(struct reader *r) {
    size_t x = 0;
    for (int byte = 0; !r->bad && !(byte & 0x80);) {
        byte = take_byte(r);
        if (x > SIZE_MAX >> 7) r->bad = true;
        x = (x << 7) | (size_t)(byte & 0x7F);
    }
    return r->bad ? 0 : x;
}

static int take_int(struct reader *r) {
    size_t x = take_size(r);
    if (x > INT32_MAX) r->bad = true;
    return r->bad ? 0 : (int)x;
}

/* Length and one more, or 0 for none. */
static struct str take_string(struct reader *r) {
    size_t n = take_size(r);
    return n ? take(r, n - 1) : STR_NONE;
}

static struct str take_constant(struct reader *r) {
    switch (take_byte(r)) {
    case K_NIL:
    case K_FALSE:
    case K_TRUE:
        return STR_NONE;
    case K_INTEGER:
    case K_FLOAT:
        take(r, 8);
        return STR_NONE;
    case K_SHORT:
    case K_LONG:
        return take_string(r);
    default:
        r->bad = true;
        return STR_NONE;
    }
}

/* ---- one function ---------------------------------------------------------------------------- */

/* The index-th of the names or constants that `all` holds. */
static struct str pick(struct str all, int n, int index, struct str (*one)(struct reader *r)) {
    struct reader r = {.rest = all};
    struct str found = STR_NONE;
    if (index >= n) return STR_NONE;
    for (int i = 0; i <= index; i++)
        found = one(&r);
    return r.bad ? STR_NONE : found;
}

static void look(struct reader *r, const struct function *f) {
    struct reader whole = {.rest = f->whole_lines};
    int line = f->line;
    for (size_t pc = 0; pc < f->code.n / 4 && pc < f->lines.n && r->result == 0; pc++) {
        signed char step = (signed char)f->lines.p[pc];
        if (step == LINE_ABSOLUTE) {
            take_int(&whole);
            line = take_int(&whole);
        } else {
            line += step;
        }
        uint32_t code;
        memcpy(&code, f->code.p + 4 * pc, sizeof code);
        int op = (int)(code & 0x7F), a = (int)(code >> 7 & 0xFF);
        int b = (int)(code >> 16 & 0xFF), c = (int)(code >> 24);
        if (op != OP_GETTABUP && op != OP_SETTABUP) continue;
        struct globals_use use = {.line = line, .write = op == OP_SETTABUP};
        int upvalue = use.write ? a : b;
        if (!str_eq(pick(f->upvalues, f->n_upvalues, upvalue, take_string), STR("_ENV"))) continue;
        use.name = pick(f->constants, f->n_constants, use.write ? b : c, take_constant);
        if (use.name.p) r->result = r->each(r->arg, &use);
    }
}

/* From where the reader stands to where it is after `n` times `skip`. */
static struct str take_all(struct reader *r, int n, struct str (*skip)(struct reader *r)) {
    struct str before = r->rest;
    for (int i = 0; i < n && !r->bad; i++)
        skip(r);
    return str_first(before, before.n - r->rest.n);
}

static struct str take_line(struct reader *r) {
    take_int(r);
    take_int(r);
    return STR_NONE;
}

static struct str take_local(struct reader *r) {
    take_string(r);
    return take_line(r);
}

static void take_function(struct reader *r, int depth) {
    struct function f = {0};
    if (depth > DEPTH_MAX) r->bad = true;
    take_string(r); /* source */
    f.line = take_int(r);
    take_int(r); /* last line */
    take(r, 3);  /* parameters, varargs, stack */
    f.code = take(r, (size_t)take_int(r) * 4);
    f.n_constants = take_int(r);
    f.constants = take_all(r, f.n_constants, take_constant);
    take(r, (size_t)take_int(r) * 3); /* where upvalues come from */
    for (int n = take_int(r); n > 0 && !r->bad && r->result == 0; n--)
        take_function(r, depth + 1);
    f.lines = take(r, (size_t)take_int(r));
    f.whole_lines = take_all(r, take_int(r), take_line);
    take_all(r, take_int(r), take_local);
    f.n_upvalues = take_int(r);
    f.upvalues = take_all(r, f.n_upvalues, take_string);
    if (!r->bad && r->result == 0) look(r, &f);
}

/* ---- the dump -------------------------------------------------------------------------------- */

static bool take_header(struct reader *r) {
    static const char expected[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08";
    bool ok = str_eq(take(r, sizeof expected - 1), str_make(expected, sizeof expected - 1));
    take(r, 16); /* a number of each kind, to see their byte order */
    take(r, 1);  /* upvalues of the main function */
    return ok;
}

static int write(lua_State *L, const void *p, size_t n, void *out) {
    buf_add(out, p, n);
    return !buf_ok(out);
}

int globals_each(lua_State *L, int (*each)(void *arg, const struct globals_use *use), void *arg) {
    struct buf dump;
    struct reader r = {.each = each, .arg = arg};
    buf_init(&dump);
    int result = lua_dump(L, write, &dump, 0) == 0 ? 0 : -ENOMEM;
    r.rest = buf_view(&dump);
    if (result == 0 && take_header(&r)) {
        take_function(&r, 0);
        result = r.result ? r.result : r.bad ? -ENOTSUP : 0;
    } else if (result == 0) {
        result = -ENOTSUP;
    }
    buf_free(&dump);
    return result;
}
