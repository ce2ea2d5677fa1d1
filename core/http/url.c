/* url: a strict reader of absolute http URLs. Called by whoever takes a URL from outside. Never
 * resolves anything. */
#include "core/http/url.h"

static int bad(struct err *e, const char *why) {
    return err_set(e, -EINVAL, "not a usable URL: %s", why);
}

static int read_port(struct str text, int *port, struct err *e) {
    uint64_t n;
    if (str_u64(text, &n) < 0 || n == 0 || n > 65535) return bad(e, "the port must be 1 to 65535");
    *port = (int)n;
    return 0;
}

static bool host_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static int read_authority(struct url *u, struct err *e) {
    struct str rest;
    if (str_index(u->authority, '@') >= 0) return bad(e, "user names do not belong into it");
    if (u->authority.n && u->authority.p[0] == '[') {
        ptrdiff_t end = str_index(u->authority, ']');
        if (end < 2) return bad(e, "an IPv6 address needs brackets around it");
        u->host = str_make(u->authority.p + 1, (size_t)end - 1);
        for (size_t i = 0; i < u->host.n; i++) {
            char c = u->host.p[i];
            bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
            if (!hex && c != ':' && c != '.') return bad(e, "the IPv6 address is malformed");
        }
        rest = str_from(u->authority, (size_t)end + 1);
    } else {
        ptrdiff_t colon = str_index(u->authority, ':');
        size_t n = colon < 0 ? u->authority.n : (size_t)colon;
        u->host = str_first(u->authority, n);
        for (size_t i = 0; i < n; i++)
            if (!host_byte(u->host.p[i]))
                return bad(e, "the host has characters that none may have");
        rest = str_from(u->authority, n);
    }
    if (u->host.n == 0) return bad(e, "it has no host");
    if (u->host.n > 253) return bad(e, "the host is too long");
    if (rest.n == 0) return 0;
    if (rest.p[0] != ':') return bad(e, "only a port may follow the host");
    return read_port(str_from(rest, 1), &u->port, e);
}

int url_parse(struct str text, struct url *u, struct err *e) {
    *u = (struct url){.port = 0};
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= ' ' || c == 0x7f || c == '\\' || c == '#')
            return bad(e, "it has blanks, control characters, a backslash or a fragment");
    }
    ptrdiff_t colon = str_find(text, STR("://"));
    if (colon < 0) return bad(e, "it must begin with http:// or https://");
    u->scheme = str_first(text, (size_t)colon);
    if (str_ieq(u->scheme, STR("http")))
        u->port = 80;
    else if (str_ieq(u->scheme, STR("https")))
        u->port = 443;
    else
        return bad(e, "it must begin with http:// or https://");
    struct str rest = str_from(text, (size_t)colon + 3);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    u->authority = str_first(rest, end);
    rest = str_from(rest, end);
    if (str_index(rest, '?') >= 0)
        str_cut(rest, '?', &u->path, &u->query);
    else
        u->path = rest;
    return read_authority(u, e);
}

/* ---- escapes -------------------------------------------------------------------------------- */

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that an escape at s stands for when that is unreserved, else 0. */
static char unreserved(struct str s) {
    if (s.n < 3 || s.p[0] != '%' || digit(s.p[1]) < 0 || digit(s.p[2]) < 0) return 0;
    char c = (char)(digit(s.p[1]) * 16 + digit(s.p[2]));
    bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || c == '-' || c == '.' || c == '_' || c == '~' ? c : 0;
}

struct str url_plain(struct str s, struct arena *arena) {
    if (str_index(s, '%') < 0) return s;
    char *out = arena_alloc(arena, s.n);
    if (!out) return s;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = unreserved(str_from(s, i));
        out[n++] = c ? c : s.p[i];
        if (c) i += 2;
    }
    return str_make(out, n);
}
