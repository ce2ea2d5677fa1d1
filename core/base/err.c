/*
 * err: see err.h. Sentences are cut, never overrun, and are always one line: whatever a peer or a
 * file put into them.
 *
 * Called by everybody, from any thread; allocates nothing, so that "out of memory" can be said.
 */
#include "core/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/str.h"

/* Control characters become blanks, trailing blanks go, and a character that the cut at the end of
 * the array left half goes too. */
static void tidy(char *text) {
    struct str s = str_of(text);
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) text[i] = ' ';
    }
    for (size_t back = 1; back <= 3 && back < s.n; back++) {
        size_t bad, start = s.n - back;
        if (((unsigned char)text[start] & 0xC0) == 0x80) continue;
        if (!str_utf8(str_from(s, start), &bad) && s.n >= sizeof(((struct err *)0)->text) - 1)
            s.n = start;
        break;
    }
    while (s.n && text[s.n - 1] == ' ')
        s.n--;
    text[s.n] = 0;
}

int err_set(struct err *e, int code, const char *fmt, ...) {
    if (!e) return code;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    if (n < 0) e->text[0] = 0;
    e->code = code;
    tidy(e->text);
    if (e->full) {
        va_start(ap, fmt);
        buf_clear(e->full);
        buf_vprintf(e->full, fmt, ap);
        va_end(ap);
    }
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...) {
    if (!e) return 0;
    char prefix[sizeof e->text], whole[sizeof prefix + sizeof e->text + 2];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    if (n < 0) return e->code;
    snprintf(whole, sizeof whole, "%s: %s", prefix, e->text);
    memcpy(e->text, whole, sizeof e->text - 1);
    e->text[sizeof e->text - 1] = 0;
    tidy(e->text);
    return e->code;
}

/* The event loop reports two families of its own: end of file and the resolver's answers. This
 * layer does not include its headers, the numbers are part of its interface. */
#define LOOP_EOF      (-4095)
#define RESOLVER_LOW  (-3014)
#define RESOLVER_HIGH (-3000)

static const struct {
    int code;         /* negative */
    const char *name; /* what programs see; never changes */
} names[] = {
    {ERR_CONFLICT, "conflict"},
    {ERR_EXISTS, "exists"},
    {ERR_BUSY, "busy"},
    {ERR_CANCELED, "canceled"},
    {ERR_LIMIT, "limit"},
    {ERR_PROTOCOL, "protocol"},
    {ERR_CLOSED, "closed"},
    {ERR_TIMEOUT, "timeout"},
    {LOOP_EOF, "closed"},
    {-ETIMEDOUT, "timeout"},
    {-ECONNREFUSED, "refused"},
    {-ECONNRESET, "reset"},
    {-ECONNABORTED, "reset"},
    {-EPIPE, "closed"},
    {-ENOTCONN, "closed"},
    {-ECANCELED, "canceled"},
    {-EHOSTUNREACH, "unreachable"},
    {-ENETUNREACH, "unreachable"},
    {-ENETDOWN, "unreachable"},
    {-EADDRINUSE, "in_use"},
    {-EADDRNOTAVAIL, "no_address"},
    {-ENOENT, "not_found"},
    {-EEXIST, "exists"},
    {-EACCES, "denied"},
    {-EPERM, "denied"},
    {-EROFS, "read_only"},
    {-EBUSY, "busy"},
    {-EAGAIN, "again"},
    {-EINVAL, "invalid"},
    {-EILSEQ, "invalid"},
    {-ERANGE, "range"},
    {-EOVERFLOW, "range"},
    {-E2BIG, "limit"},
    {-EMSGSIZE, "limit"},
    {-ENOSPC, "full"},
    {-ENOMEM, "no_memory"},
    {-ENOBUFS, "no_memory"},
    {-EMFILE, "too_many_files"},
    {-ENFILE, "too_many_files"},
    {-EIO, "io"},
    {-EISDIR, "is_folder"},
    {-ENOTDIR, "not_folder"},
    {-EPROTO, "protocol"},
    {-ENOSYS, "unsupported"},
    {-ENOTSUP, "unsupported"},
};

const char *err_name(int code) {
    if (code >= 0) return "ok";
    if (code >= RESOLVER_LOW && code <= RESOLVER_HIGH) return "unresolved";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].code == code) return names[i].name;
    }
    return "error";
}
