/* lib_cli: what only the command line needs: settings as a table of text, the home folder, the
 * terminal, private files. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/project.h"
#include "core/script/prompt.h"
#include "core/script/task.h"
#include "core/secure/seal.h"

#define SECRET_MAX 4096 /* a terminal gives no longer line */

/* ---- settings -------------------------------------------------------------------------------- */

/* The text lies in userdata while it is pushed: that may throw. */
static int push_and_free(lua_State *L, struct buf *text) {
    size_t n = text->n;
    char *copy = lua_newuserdatauv(L, n + 1, 0);
    if (n) memcpy(copy, text->p, n);
    buf_free(text);
    lua_pushlstring(L, copy, n);
    return 1;
}

/* Reads the settings anew, with flags that begin at `first`. After an error none is in force: all
 * that is left to do is to tell. */
static int load(lua_State *L, int first, struct err *e) {
    int argc = lua_gettop(L) - first + 1;
    if (argc < 0) argc = 0;
    const char **argv = lua_newuserdatauv(L, ((size_t)argc + 1) * sizeof *argv, 0);
    for (int i = 0; i < argc; i++)
        argv[i] = luaL_checkstring(L, first + i);
    argv[argc] = NULL;
    return conf_load(argc, (char **)argv, NULL, NULL, e);
}

/* cli.config(json, ...flags) -> text; or nil, message, code */
static int l_config(lua_State *L) {
    bool json = lua_toboolean(L, 1);
    struct err e = {0};
    if (load(L, 2, &e) < 0) return op_fail(L, e.code, e.text);
    struct buf out;
    buf_init(&out);
    conf_print(&out, json);
    return push_and_free(L, &out);
}

/* cli.markdown() -> the settings as tables for the README */
static int l_markdown(lua_State *L) {
    struct buf out;
    buf_init(&out);
    conf_markdown(&out);
    return push_and_free(L, &out);
}

/* cli.home(folder?) -> the home folder; one that is given takes its place from here on */
static int l_home(lua_State *L) {
    struct err e = {0};
    if (!lua_isnoneornil(L, 1)) {
        lua_pushfstring(L, "--home=%s", luaL_checkstring(L, 1));
        lua_replace(L, 1);
        lua_settop(L, 1);
        if (load(L, 1, &e) < 0) return op_fail(L, e.code, e.text);
    }
    lua_pushstring(L, conf.home);
    return 1;
}

/* cli.self_url() -> where a host with these settings is reached; "" when only it can know */
static int l_self_url(lua_State *L) {
    lua_pushstring(L, conf.self_url);
    return 1;
}

/* cli.alive(pid): whether there is such a process */
static int l_alive(lua_State *L) {
    lua_Integer pid = luaL_checkinteger(L, 1);
    bool possible = pid > 0 && pid <= INT32_MAX;
    lua_pushboolean(L, possible && (kill((pid_t)pid, 0) == 0 || errno == EPERM));
    return 1;
}

/* ---- the terminal ---------------------------------------------------------------------------- */

/* cli.ask_secret(prompt) -> line typed without echo; nil at the end of input */
static int l_ask_secret(lua_State *L) {
    char line[SECRET_MAX];
    int n = prompt_secret(luaL_checkstring(L, 1), line, sizeof line);
    if (n == -ENODATA) return 0;
    if (n < 0) return op_fail(L, n, n == -E2BIG ? "the line is too long" : strerror(-n));
    lua_pushlstring(L, line, (size_t)n);
    seal_wipe(line, sizeof line);
    return 1;
}

/* cli.key(seconds) -> the key that was typed meanwhile, nil when there was none */
static int l_key(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 1, "must be between 0 and an hour");
    char key = (char)prompt_key((int)(seconds * 1000));
    if (!key) return 0;
    lua_pushlstring(L, &key, 1);
    return 1;
}

/* cli.screen() -> rows, columns; nothing when standard output is no terminal */
static int l_screen(lua_State *L) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) return 0;
    lua_pushinteger(L, size.ws_row ? size.ws_row : 24);
    lua_pushinteger(L, size.ws_col ? size.ws_col : 80);
    return 2;
}

/* The character that `n` bytes of valid UTF-8 stand for. */
static uint32_t character(const char *p, size_t n) {
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)p[0] & lead[n];
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    return code;
}

/* Whether a character does something to a terminal or to the order of the text around it, instead
 * of showing: controls, line and paragraph separators, direction marks. */
static bool acts(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Columns that a character takes: 2 for wide ones, 0 for those that combine with the last. What the
 * system does not know is taken for 1. */
static int columns_of(uint32_t c) {
    static locale_t utf8;
    if (c < 0x7f) return 1;
    if (!utf8) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8) return 1;
    locale_t before = uselocale(utf8);
    int n = wcwidth((wchar_t)c);
    uselocale(before);
    return n < 0 ? 1 : n;
}

/* cli.printable(text, lines?) -> text that is safe on a terminal, columns. Bytes and characters
 * that would not show stand as \x1b and \u0085; with `lines`, line ends and tabs stay. */
static int l_printable(lua_State *L) {
    struct str s = lib_str(L, 1);
    bool lines = lua_toboolean(L, 2);
    lua_Integer columns = 0;
    char shown[8];
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t n, bad; s.n; s = str_from(s, n)) {
        n = str_utf8(s, &bad);
        uint32_t c = n ? character(s.p, n) : (unsigned char)s.p[0];
        bool stays = lines && (c == '\n' || c == '\t' || str_starts(s, STR("\r\n")));
        if (n && (stays || !acts(c))) {
            luaL_addlstring(&b, s.p, n);
            columns += columns_of(c);
            continue;
        }
        if (!n) n = 1;
        int wide = snprintf(shown, sizeof shown, n == 1 ? "\\x%02x" : "\\u%04x", (unsigned)c);
        luaL_addlstring(&b, shown, (size_t)wide);
        columns += wide;
    }
    luaL_pushresult(&b);
    lua_pushinteger(L, columns);
    return 2;
}

static int l_is_terminal(lua_State *L) {
    lua_pushboolean(L, isatty((int)luaL_optinteger(L, 1, STDOUT_FILENO)));
    return 1;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* cli.write_private(path, text): folder 0700, file 0600, whole or not at all */
static int l_write_private(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct str text = lib_str(L, 2);
    char fresh[1100];
    int n = snprintf(fresh, sizeof fresh, "%s", path);
    luaL_argcheck(L, n > 0 && n < 1080, 1, "the path is too long");
    char *slash = strrchr(fresh, '/');
    if (slash && slash > fresh) {
        *slash = 0;
        if (mkdir(fresh, 0700) < 0 && errno != EEXIST) return op_fail(L, -errno, strerror(errno));
        *slash = '/';
    }
    snprintf(fresh + n, sizeof fresh - (size_t)n, ".%d", (int)getpid());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return op_fail(L, -errno, strerror(errno));
    ssize_t wrote = write(fd, text.p, text.n);
    int code = wrote == (ssize_t)text.n ? 0 : wrote < 0 ? -errno : -ENOSPC;
    close(fd);
    if (code == 0 && rename(fresh, path) < 0) code = -errno;
    if (code < 0) {
        unlink(fresh);
        return op_fail(L, code, strerror(-code));
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int l_version(lua_State *L) {
    lua_pushliteral(L, MOONBUS_VERSION);
    return 1;
}

/* cli.came_from() -> path, or nil */
static int l_came_from(lua_State *L) {
    const char *path = project_came_from();
    if (!*path) return 0;
    lua_pushstring(L, path);
    return 1;
}

const struct lib_doc lib_cli_docs[] = {
    {"config", l_config, "fun(json: boolean, ...: string): string?, string?, string?",
     "The settings in force, as text or JSON, with more flags applied."},
    {"came_from", l_came_from, "fun(): string?",
     "From the folder of the project, where commands about files work, to the one where the "
     "command "
     "was typed; nil when it is the same."},
    {"markdown", l_markdown, "fun(): string", "The settings as Markdown tables."},
    {"home", l_home, "fun(folder?: string): string?, string?, string?",
     "The home folder in force; one that is given takes its place from here on."},
    {"self_url", l_self_url, "fun(): string",
     "Where a host with these settings is reached; empty when only it can know."},
    {"alive", l_alive, "fun(pid: integer): boolean", "Whether there is such a process."},
    {"ask_secret", l_ask_secret, "fun(prompt: string): string?, string?, string?",
     "A line from the terminal that is not shown while typed; nil alone at the end of input."},
    {"key", l_key, "fun(seconds: number): string?",
     "Waits so long for a key on the terminal; nil when none came. Nothing else runs meanwhile."},
    {"screen", l_screen, "fun(): integer?, integer?",
     "Rows and columns of the terminal; nothing when standard output is none."},
    {"printable", l_printable, "fun(text: string, lines?: boolean): string, integer",
     "The text with whatever would act on a terminal made visible (\\x1b), and the columns that it "
     "takes. With lines, line ends and tabs stay as they are."},
    {"is_terminal", l_is_terminal, "fun(fd?: integer): boolean",
     "Whether a descriptor (1 unless told) is a terminal."},
    {"write_private", l_write_private, "fun(path: string, text: string): true?, string?, string?",
     "Writes a file that only its owner can read."},
    {"version", l_version, "fun(): string", "The version of this binary."},
    {NULL, NULL, NULL, NULL},
};

int lib_cli(lua_State *L) {
    lib_functions(L, lib_cli_docs);
    return 1;
}
