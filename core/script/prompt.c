/*
 * prompt: see prompt.h. Called by lib_cli.
 *
 * Signals are blocked while the terminal is silent and let in only while waiting for input, so that
 * none can come between a look at what was caught and the next step. What was caught is sent again
 * once the terminal is as it was. Those that stop a process in the background are left alone: they
 * come before anything was changed.
 */
#include "core/script/prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define SIGNALS (sizeof signals / sizeof *signals)

static volatile sig_atomic_t caught;

static void on_signal(int number) {
    caught = number;
}

/* What is put back when the terminal may speak again. */
struct silence {
    struct termios terminal;
    struct sigaction actions[SIGNALS];
    sigset_t mask;
};

/* `keys`: single ones come at once, not whole lines. */
static void begin(struct silence *before, bool keys) {
    sigset_t blocked;
    sigemptyset(&blocked);
    caught = 0;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&blocked, signals[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &before->mask);
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction catch = {.sa_handler = on_signal};
        sigaction(signals[i], NULL, &before->actions[i]);
        if (before->actions[i].sa_handler != SIG_IGN) sigaction(signals[i], &catch, NULL);
    }
    struct termios quiet = before->terminal;
    quiet.c_lflag &= ~(tcflag_t)(keys ? ECHO | ICANON : ECHO);
    tcsetattr(STDIN_FILENO, keys ? TCSADRAIN : TCSAFLUSH, &quiet);
}

static void end(const struct silence *before) {
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before->terminal);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before->actions[i], NULL);
    pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}

/* Reads up to the end of a line; -EINTR when a signal came first. */
static int read_line(const struct silence *before, char *line, size_t cap) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t n = 0;
    for (;;) {
        if (ppoll(&input, 1, NULL, &before->mask) < 0) {
            if (caught) return -EINTR;
            if (errno != EINTR) return -errno;
            continue;
        }
        ssize_t got = read(STDIN_FILENO, line + n, cap - n);
        if (got < 0) return -errno;
        if (got == 0) return n ? (int)n : -ENODATA;
        n += (size_t)got;
        if (line[n - 1] == '\n') return (int)(n - 1);
        if (n == cap) return -E2BIG;
    }
}

static int ask_terminal(const char *prompt, struct silence *before, char *line, size_t cap) {
    for (;;) {
        begin(before, false);
        fputs(prompt, stderr);
        fflush(stderr);
        int rc = read_line(before, line, cap);
        end(before);
        fputc('\n', stderr);
        if (!caught) return rc;
        kill(getpid(), caught); /* back here: it was stopped, and goes on */
    }
}

static int read_input(char *line, size_t cap) {
    if (!fgets(line, (int)cap, stdin)) return ferror(stdin) ? -EIO : -ENODATA;
    size_t n = strcspn(line, "\r\n");
    return line[n] || feof(stdin) ? (int)n : -E2BIG;
}

int prompt_secret(const char *prompt, char *line, size_t cap) {
    struct silence before;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before.terminal) < 0)
        return read_input(line, cap);
    return ask_terminal(prompt, &before, line, cap);
}

/* The wait is cut short by what was caught. */
static int read_key(const struct silence *before, int ms) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec most = {ms / 1000, (long)(ms % 1000) * 1000000};
    unsigned char key;
    if (ppoll(&input, 1, &most, &before->mask) <= 0) return 0;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
}

int prompt_key(int ms) {
    struct silence before;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before.terminal) < 0) {
        poll(NULL, 0, ms);
        return 0;
    }
    begin(&before, true);
    int key = read_key(&before, ms);
    end(&before);
    if (caught) kill(getpid(), caught);
    return key;
}
