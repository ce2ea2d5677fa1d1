/*
 * lib_terminal: standard input as it comes, for commands that people talk to: bytes when there are
 * some, and a terminal that hands over each key. Called by the command line only.
 *
 * A terminal is put back as it was however the process ends, but for SIGKILL.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/script/lib.h"
#include "core/script/task.h"

#define READ_MAX 4096

/* ---- keys ------------------------------------------------------------------------------------ */

static struct termios before; /* the terminal as it was */
static volatile sig_atomic_t changed;

static void restore(void) {
    if (changed) tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    changed = 0;
}

static void restore_and_die(int number) {
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

static bool make_raw(void) {
    static const int ends[] = {SIGTERM, SIGHUP, SIGQUIT, SIGINT};
    static bool prepared;
    if (changed) return true;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) return false;
    if (!prepared) {
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
            signal(ends[i], restore_and_die);
        atexit(restore);
        prepared = true;
    }
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | INLCR);
    changed = 1;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0) return true;
    changed = 0;
    return false;
}

/* terminal.raw(on) -> whether standard input is a terminal that hands over each key now */
static int l_raw(lua_State *L) {
    bool on = lua_toboolean(L, 1);
    if (!on) restore();
    lua_pushboolean(L, on && make_raw());
    return 1;
}

/* terminal.columns() -> of standard output */
static int l_columns(lua_State *L) {
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    lua_pushinteger(L, known ? size.ws_col : 80);
    return 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Waiting for input. The handle outlives it: closing takes a turn of the loop. */
struct reading {
    struct op op;
    uv_poll_t *poll; /* NULL: a file, which never has to be waited for */
};

static void free_handle(uv_handle_t *handle) {
    mem_free(handle);
}

static void close_poll(struct reading *r) {
    if (r->poll) uv_close((uv_handle_t *)r->poll, free_handle);
    r->poll = NULL;
}

static void readable(uv_poll_t *poll, int status, int events) {
    struct reading *r = poll->data;
    (void)status, (void)events; /* read() tells what it is */
    worker_enter(r->op.vm->worker);
    close_poll(r);
    op_finish(&r->op);
}

static bool cancel(struct op *op) {
    close_poll((struct reading *)op);
    return true;
}

static int done(lua_State *L, struct op *op) {
    char bytes[READ_MAX];
    (void)op;
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        n = 0;
    else if (n < 0)
        return op_fail(L, -errno, strerror(errno));
    else if (n == 0)
        return 0;
    lua_pushlstring(L, bytes, (size_t)n);
    return 1;
}

static const struct op_kind read_kind = {
    "terminal.read", sizeof(struct reading), done, cancel, NULL, NULL};

/* terminal.read() -> bytes, at least one, "" now and then; nil at the end */
static int l_read(lua_State *L) {
    struct reading *r = op_new(L, &read_kind);
    uv_poll_t *poll = mem_zalloc(sizeof *poll);
    if (!poll) {
        op_discard(&r->op);
        return op_fail(L, -ENOMEM, "out of memory");
    }
    poll->data = r;
    if (uv_poll_init(&r->op.vm->worker->loop, poll, STDIN_FILENO) < 0) {
        mem_free(poll);
        op_finish(&r->op);
        return op_await(L, &r->op);
    }
    r->poll = poll;
    if (uv_poll_start(poll, UV_READABLE | UV_DISCONNECT, readable) < 0) {
        close_poll(r);
        op_finish(&r->op);
    }
    return op_await(L, &r->op);
}

const struct lib_doc lib_terminal_docs[] = {
    {"raw", l_raw, "fun(on: boolean): boolean",
     "Has the terminal of standard input hand over each key, unechoed; false puts it back. Whether "
     "it does now."},
    {"columns", l_columns, "fun(): integer",
     "Columns of the terminal of standard output; 80 when it is none."},
    {"read", l_read, "fun(): string?, string?, string?",
     "Waits for standard input and returns what there is, possibly nothing yet; nil alone at its "
     "end."},
    {NULL, NULL, NULL, NULL},
};

int lib_terminal(lua_State *L) {
    lib_functions(L, lib_terminal_docs);
    return 1;
}
