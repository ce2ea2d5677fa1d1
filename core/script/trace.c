/*
 * trace: where a coroutine is: the lines of its stack as text for the log, and as JSON for people
 * who look at a running host. Source lines come from the snapshot that the state was built from.
 * Called on the state's worker, in any context: nothing here allocates in the state.
 */
#include "core/script/trace.h"

#include "core/base/conf.h"
#include "core/script/embed.h"
#include "core/script/vm.h"

/* Frames of a traceback shown from the top, and from the bottom. */
#define TRACE_TOP    12
#define TRACE_BOTTOM 10
/* Of those in services, so many show their source lines in the log of a development host. */
#define TRACE_QUOTED 3
#define QUOTE_MAX    160 /* bytes of a source line that are shown */

/* ---- source lines ---------------------------------------------------------------------------- */

/* Code of services and of the user's policies, not of the host. */
static bool is_service(struct str chunk) {
    return str_starts(chunk, STR("@services/")) || str_starts(chunk, STR("@policies/"));
}

/* The text behind a chunk's name: "@services/<folder>/<path>", "@policies/<folder>.lua" or that of
 * a file in the binary. */
static struct str text_of(const struct vm *vm, struct str chunk) {
    struct str name = str_from(chunk, 1), folder = str_of(vm->options.name);
    if (!str_starts(chunk, STR("@"))) return STR_NONE;
    struct str rest = str_from(name, sizeof "services/" - 1);
    bool own = vm->options.files.read && str_starts(name, STR("services/")) &&
               str_starts(rest, folder) && rest.n > folder.n && rest.p[folder.n] == '/';
    if (own) return vm->options.files.read(vm->options.files.arg, str_from(rest, folder.n + 1));
    if (vm->options.files.read && str_starts(name, STR("policies/")))
        return vm->options.files.read(vm->options.files.arg, name);
    return embed_find(name);
}

struct str trace_line(const struct vm *vm, struct str chunk, int number) {
    struct str rest = number > 0 ? text_of(vm, chunk) : STR_NONE, line = STR_NONE;
    for (int i = 0; i < number; i++) {
        if (!rest.n) return STR_NONE;
        str_cut(rest, '\n', &line, &rest);
    }
    line = str_trim(line);
    if (str_ends(line, STR("\r"))) line.n--;
    return str_first(line, QUOTE_MAX);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static int depth(lua_State *co) {
    lua_Debug at;
    int low = 0, high = 1;
    while (lua_getstack(co, high, &at)) {
        low = high;
        high *= 2;
    }
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (lua_getstack(co, middle, &at))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What runs there, as in "in function 'name'". */
static void what(const lua_Debug *at, struct buf *out) {
    if (*at->namewhat)
        buf_printf(out, "in %s '%s'", at->namewhat, at->name);
    else if (*at->what == 'm')
        buf_str(out, STR("in main chunk"));
    else if (*at->what == 'C')
        buf_str(out, STR("in a host function"));
    else
        buf_printf(out, "in function <%s:%d>", at->short_src, at->linedefined);
}

/* Where a frame is; `known` when Lua would say something else. */
static void look(lua_State *co, lua_Debug *at, int known) {
    lua_getinfo(co, "Slnt", at);
    if (known) at->currentline = known;
}

/* True: with its line of source. */
static bool frame(lua_State *co, lua_Debug *at, int known, bool quote, struct buf *out) {
    look(co, at, known);
    buf_printf(out, "\n    %s:", at->short_src);
    if (at->currentline > 0) buf_printf(out, "%d:", at->currentline);
    buf_char(out, ' ');
    what(at, out);
    struct str line = STR_NONE, chunk = str_make(at->source, at->srclen);
    if (quote && is_service(chunk)) line = trace_line(vm_of(co), chunk, at->currentline);
    if (line.n) buf_printf(out, "\n        > %.*s", STR_FMT(line));
    if (at->istailcall) buf_str(out, STR("\n    (tail calls)"));
    return line.n > 0;
}

void vm_traceback(lua_State *co, int line, struct buf *out) {
    lua_Debug at;
    int n = depth(co), skip = n - TRACE_BOTTOM, quoted = 0;
    buf_str(out, STR("stack traceback:"));
    for (int level = 0; lua_getstack(co, level, &at); level++) {
        if (level == TRACE_TOP && level < skip) {
            buf_printf(out, "\n    ... %d levels", skip - level);
            level = skip - 1;
        } else {
            quoted += frame(co, &at, level ? 0 : line, conf.dev && quoted < TRACE_QUOTED, out);
        }
    }
}

/* {"at": "services/lab/service.lua:12", "what": "in function 'nap'", "line": "time.sleep(1)"} */
static void frame_json(lua_State *co, lua_Debug *at, int known, struct buf *out) {
    struct buf text;
    look(co, at, known);
    buf_init(&text);
    buf_str(&text, str_of(at->short_src));
    if (at->currentline > 0) buf_printf(&text, ":%d", at->currentline);
    buf_str(out, STR("{\"at\":"));
    buf_json(out, buf_view(&text));
    buf_clear(&text);
    what(at, &text);
    buf_str(out, STR(",\"what\":"));
    buf_json(out, buf_view(&text));
    buf_free(&text);
    struct str line = trace_line(vm_of(co), str_make(at->source, at->srclen), at->currentline);
    if (line.n) {
        buf_str(out, STR(",\"line\":"));
        buf_json(out, line);
    }
    if (at->istailcall) buf_str(out, STR(",\"tail\":true"));
    buf_char(out, '}');
}

void trace_json(lua_State *co, int line, struct buf *out) {
    lua_Debug at;
    int n = depth(co), skip = n - TRACE_BOTTOM;
    const char *sep = "";
    buf_char(out, '[');
    for (int level = 0; lua_getstack(co, level, &at); level++) {
        buf_str(out, str_of(sep));
        sep = ",";
        if (level == TRACE_TOP && level < skip) {
            buf_printf(out, "{\"left\":%d}", skip - level);
            level = skip - 1;
        } else {
            frame_json(co, &at, level ? 0 : line, out);
        }
    }
    buf_char(out, ']');
}
