/*
 * lib_regex: `require "regex"`: regular expressions in RE2's syntax (re2.h), matched by PCRE2. For
 * patterns that come from declarations and settings, which Lua's own must never be.
 *
 * Texts are matched by PCRE2's second algorithm, which follows all ways through a pattern at once
 * and so never backtracks. What it costs grows with the text and with the square of the ways, so
 * the longer a text is, the fewer ways there may be: one call stays below about a tenth of a
 * second, whatever pattern and text are.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>

#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/re2.h"
#include "core/script/task.h"
#include "core/script/vm.h"

#define REGEX      "host.regex"
#define MAX_TEXT   (256u << 10)        /* bytes of a text */
#define MAX_WORK   ((size_t)100 << 20) /* bytes of a text times the square of the ways */
#define MAX_WAYS   512                 /* in a short text */
#define WAY_INTS   6                   /* what PCRE2 needs for one, in its workspace */
#define SPARE_INTS 64                  /* what it needs besides */
#define MAX_CALLS  10000               /* of PCRE2's matcher by itself: our patterns cause none */
#define MAX_HEAP   1024                /* KB it may take, for the same */

#define OPTIONS \
    (PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ALT_CIRCUMFLEX | PCRE2_NO_UTF_CHECK | \
     PCRE2_NEVER_BACKSLASH_C)

struct regex {
    pcre2_code *code;           /* the compiled pattern */
    pcre2_match_data *data;     /* where matches are reported; nobody reads it */
    pcre2_match_context *match; /* the limits */
    size_t size;                /* bytes of `code` */
    bool held;                  /* they are counted by vm_hold */
};

/* ---- compiling ------------------------------------------------------------------------------- */

static void *take_memory(size_t size, void *arg) {
    return mem_alloc(size);
}

static void give_memory(void *p, void *arg) {
    mem_free(p);
}

static const char BEGIN[] = "(?s:.*)(?:", END[] = ")"; /* the match may begin anywhere */

/* What PCRE2 says about a translated pattern, with the place in the original. */
static int refuse(int code, size_t at, const struct buf *places, size_t n, struct err *e) {
    char text[160];
    uint32_t place = (uint32_t)n;
    size_t count = places->n / sizeof place, first = sizeof BEGIN - 1;
    if (code == PCRE2_ERROR_HEAP_FAILED) return err_set(e, -ENOMEM, "not enough memory");
    at = at > first ? at - first - 1 : 0; /* PCRE2 has read one further */
    if (at < count) memcpy(&place, places->p + at * sizeof place, sizeof place);
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return err_set(e, -EINVAL, "offset %u: %s", place, text);
}

/* `whole` is the translated pattern with BEGIN and END around it. */
static int build(struct regex *r, const struct buf *whole, const struct buf *places, size_t n,
                 struct err *e) {
    int code = PCRE2_ERROR_HEAP_FAILED;
    size_t at = 0;
    pcre2_general_context *general = pcre2_general_context_create(take_memory, give_memory, NULL);
    pcre2_compile_context *compile = general ? pcre2_compile_context_create(general) : NULL;
    r->match = general ? pcre2_match_context_create(general) : NULL;
    r->data = general ? pcre2_match_data_create(1, general) : NULL;
    if (compile && r->match && r->data) {
        pcre2_set_newline(compile, PCRE2_NEWLINE_LF);
        pcre2_set_match_limit(r->match, MAX_CALLS);
        pcre2_set_depth_limit(r->match, MAX_CALLS);
        pcre2_set_heap_limit(r->match, MAX_HEAP);
        r->code = pcre2_compile((PCRE2_SPTR)whole->p, whole->n, OPTIONS, &code, &at, compile);
    }
    pcre2_compile_context_free(compile);
    pcre2_general_context_free(general);
    if (!r->code) return refuse(code, at, places, n, e);
    pcre2_pattern_info(r->code, PCRE2_INFO_SIZE, &r->size);
    return 0;
}

static int compile(struct regex *r, struct str pattern, struct err *e) {
    struct buf whole, places;
    buf_init(&whole);
    buf_init(&places);
    buf_str(&whole, STR(BEGIN));
    int rc = re2_translate(pattern, &whole, &places, e);
    buf_str(&whole, STR(END));
    if (rc == 0 && !buf_ok(&whole)) rc = err_set(e, -ENOMEM, "not enough memory");
    if (rc == 0) rc = build(r, &whole, &places, pattern.n, e);
    buf_free(&whole);
    buf_free(&places);
    return rc;
}

static int collect(lua_State *L) {
    struct regex *r = luaL_checkudata(L, 1, REGEX);
    if (r->held) vm_release(vm_of(L), r->size);
    pcre2_code_free(r->code);
    pcre2_match_data_free(r->data);
    pcre2_match_context_free(r->match);
    memset(r, 0, sizeof *r);
    return 0;
}

/* regex.compile(pattern) -> regex, or nil, "offset 3: why", code */
static int l_compile(lua_State *L) {
    struct err e = {0};
    struct str pattern = lib_str(L, 1);
    struct regex *r = lua_newuserdatauv(L, sizeof *r, 0);
    memset(r, 0, sizeof *r);
    luaL_setmetatable(L, REGEX);
    int rc = compile(r, pattern, &e);
    if (rc == -ENOMEM) vm_throw_memory(L);
    if (rc < 0) return op_fail(L, rc, e.text);
    r->held = vm_hold(vm_of(L), r->size);
    if (!r->held) return op_fail(L, ERR_LIMIT, "the service has too many patterns");
    return 1;
}

/* ---- matching -------------------------------------------------------------------------------- */

/* The text as UTF-8: what is none becomes U+FFFD, as in RE2. */
static struct str as_utf8(struct str text, struct buf *out) {
    size_t bad, done = 0, n;
    for (size_t i = 0; i < text.n; i += n) {
        n = str_utf8(str_from(text, i), &bad);
        if (n > 0) continue;
        n = 1;
        buf_add(out, text.p + done, i - done);
        buf_str(out, STR("\xef\xbf\xbd"));
        done = i + 1;
    }
    if (done == 0) return text;
    buf_add(out, text.p + done, text.n - done);
    return buf_view(out);
}

static size_t ways_for(size_t bytes) {
    static_assert(MAX_TEXT * 8 * 8 < MAX_WORK, "the longest text leaves a few ways");
    size_t ways = MAX_WAYS;
    while (bytes * ways * ways > MAX_WORK)
        ways -= ways / 8;
    return ways;
}

/* regex:matches(text) -> boolean, or nil, message, code: "limit" when it would take too long */
static int l_matches(lua_State *L) {
    static _Thread_local struct buf clean;
    static _Thread_local int workspace[MAX_WAYS * WAY_INTS + SPARE_INTS];
    struct regex *r = luaL_checkudata(L, 1, REGEX);
    struct str text = lib_str(L, 2);
    if (text.n > MAX_TEXT) return op_fail(L, ERR_LIMIT, "the text is too long");
    struct buf *out = lib_buf(&clean);
    text = as_utf8(text, out);
    if (!buf_ok(out)) vm_throw_memory(L);
    int rc = pcre2_dfa_match(r->code, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_DFA_SHORTEST, r->data,
                             r->match, workspace, ways_for(text.n) * WAY_INTS + SPARE_INTS);
    if (rc == PCRE2_ERROR_NOMEMORY) vm_throw_memory(L);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        return op_fail(L, ERR_LIMIT, "the pattern is too complex for this text");
    lua_pushboolean(L, rc >= 0);
    return 1;
}

const struct lib_doc lib_regex_docs[] = {
    {"compile", l_compile, "fun(pattern: string): Regex?, string?, string?",
     "A regular expression in RE2's syntax: no backreferences and no lookaround. What is wrong "
     "with "
     "it comes with its offset in bytes."},
    {"Regex", NULL, "class", "A compiled regular expression."},
    {"Regex:matches", l_matches, "fun(self: Regex, text: string): boolean?, string?, string?",
     "Whether it matches anywhere in the text, in bounded time: what would take too long is nil, a "
     "message and \"limit\"."},
    {NULL, NULL, NULL, NULL},
};

int lib_regex(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", collect}, {NULL, NULL}};
    lib_class(L, REGEX, lib_regex_docs, meta);
    lib_functions(L, lib_regex_docs);
    return 1;
}
