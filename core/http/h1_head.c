/*
 * The validator: reads the lines of a complete head and refuses every form that another program
 * might read differently. Called by h1 with a block that ends in the empty line and in which every
 * LF follows a CR. It must never let a byte through that it did not look at.
 *
 * Refused here (400 unless said otherwise; of a response always 502):
 *   start line   more or fewer than its three parts, versions other than 1.0 and 1.1 (505), a
 *                status that is not three digits
 *   target       control bytes, bytes from 0x80, '#', raw '\', "%00", incomplete percent escapes,
 *                dot segments raw or encoded, '*' with another method than OPTIONS, userinfo, an
 *                empty host
 *   field lines  continued lines (obs-fold), names that are empty or no tokens, blanks before the
 *                colon, NUL, CR and other control bytes but HTAB; names with '_' that read like a
 *                field of the host's own when '_' is taken for '-'
 *   Host         none in HTTP/1.1, more than one, an invalid one
 *   framing      Content-Length that is not one plain decimal number, two that differ,
 *                Transfer-Encoding that is not exactly "chunked" (501 when it names an unknown
 *                coding), both, Transfer-Encoding in HTTP/1.0
 */
#include "core/http/h1_head.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define ALNUM (H1_C_TOKEN | H1_C_TARGET | H1_C_HOST | H1_C_TEXT)
#define MARK  (H1_C_TOKEN | H1_C_TARGET | H1_C_HOST | H1_C_TEXT) /* in tokens and in host names */
#define DELIM (H1_C_TARGET | H1_C_HOST | H1_C_TEXT)              /* in host names, not in tokens */
#define PLAIN (H1_C_TARGET | H1_C_TEXT)                          /* in neither */

/* clang-format off */
const uint8_t h1_class[256] = {
    ['\t'] = H1_C_TEXT, [' '] = H1_C_TEXT,
    ['!'] = MARK, ['"'] = PLAIN, ['#'] = H1_C_TOKEN | H1_C_TEXT, ['$'] = MARK,
    ['%'] = MARK, ['&'] = MARK, ['\''] = MARK, ['('] = DELIM, [')'] = DELIM, ['*'] = MARK,
    ['+'] = MARK, [','] = PLAIN, ['-'] = MARK, ['.'] = MARK, ['/'] = PLAIN,
    ['0' ... '9'] = ALNUM | H1_C_HEX,
    [':'] = PLAIN, [';'] = DELIM, ['<'] = PLAIN, ['='] = DELIM, ['>'] = PLAIN, ['?'] = PLAIN,
    ['@'] = PLAIN,
    ['A' ... 'F'] = ALNUM | H1_C_HEX, ['G' ... 'Z'] = ALNUM,
    ['['] = PLAIN, ['\\'] = H1_C_TEXT, [']'] = PLAIN, ['^'] = H1_C_TOKEN | PLAIN, ['_'] = MARK,
    ['`'] = H1_C_TOKEN | PLAIN,
    ['a' ... 'f'] = ALNUM | H1_C_HEX, ['g' ... 'z'] = ALNUM,
    ['{'] = PLAIN, ['|'] = H1_C_TOKEN | PLAIN, ['}'] = PLAIN, ['~'] = MARK,
    [0x80 ... 0xff] = H1_C_TEXT,
};
/* clang-format on */

int h1_refuse(struct h1 *p, int status, const char *error) {
    p->status = p->kind == H1_RESPONSE && status != 503 ? 502 : status;
    p->error = error;
    return -1;
}

/* Where the text of a line ends: the first control byte that is no HTAB, eight bytes at a time. The
 * block ends in CRLF and is padded, so there is one and reading past it is fine. */
static const char *text_end(const char *s) {
    for (;; s += 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        if (!h1_controls(w)) continue;
        for (int i = 0; i < 8; i++)
            if (!h1_is(s[i], H1_C_TEXT)) return s + i;
    }
}

/* ---- host ----------------------------------------------------------------------------------- */

static bool valid_port(struct str port, uint64_t least) {
    uint64_t n = 0;
    if (port.n == 0) return least == 0;
    return str_u64(port, &n) == 0 && n >= least && n <= 65535;
}

static bool valid_name(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (!h1_is(s.p[i], H1_C_HOST)) return false;
        if (s.p[i] != '%') continue;
        if (i + 2 >= s.n || !h1_is(s.p[i + 1], H1_C_HEX) || !h1_is(s.p[i + 2], H1_C_HEX))
            return false;
    }
    return s.n > 0;
}

static bool valid_ipv6(struct str s) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    if (s.n >= sizeof text) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return memchr(text, 0, s.n) == NULL && inet_pton(AF_INET6, text, &ip) == 1;
}

/* host [ ":" port ] (RFC 3986 section 3.2.2) without userinfo and without ','. The port is at least
 * `least`; least = 0: it may be missing or empty. */
static bool valid_authority(struct str s, uint64_t least) {
    struct str host, port = STR_NONE;
    if (s.n > 0 && s.p[0] == '[') {
        ptrdiff_t end = str_index(s, ']');
        if (end < 0 || !valid_ipv6(str_make(s.p + 1, (size_t)end - 1))) return false;
        struct str rest = str_from(s, (size_t)end + 1);
        if (rest.n > 0 && rest.p[0] != ':') return false;
        return valid_port(str_from(rest, 1), least);
    }
    str_cut(s, ':', &host, &port);
    return valid_name(host) && valid_port(port, least);
}

/* ---- request target ------------------------------------------------------------------------- */

/* Length of a dot at s ('.' or "%2e"), 0 when there is none. */
static size_t dot(struct str s) {
    if (s.n >= 1 && s.p[0] == '.') return 1;
    return s.n >= 3 && s.p[0] == '%' && s.p[1] == '2' && (s.p[2] | 0x20) == 'e' ? 3 : 0;
}

static bool has_dot_segment(struct str path) {
    struct str segment;
    do {
        str_cut(path, '/', &segment, &path);
        size_t one = dot(segment);
        if (one == 0) continue;
        struct str rest = str_from(segment, one);
        if (rest.n == 0 || dot(rest) == rest.n) return true;
    } while (path.n > 0);
    return false;
}

/* Checks the bytes of the target at *at and finds its end. Sets head.target and whether a dot may
 * matter. */
static int target_bytes(struct h1 *p, const char **at, bool *dots) {
    const char *s = *at;
    bool query = false;
    for (; *s != ' '; s++) {
        if (!h1_is(*s, H1_C_TARGET)) return h1_refuse(p, 400, "an invalid byte in the target");
        if (*s == '?') query = true;
        if (*s == '.') *dots = true;
        if (*s != '%' || query) continue;
        if (!h1_is(s[1], H1_C_HEX) || !h1_is(s[2], H1_C_HEX))
            return h1_refuse(p, 400, "an invalid percent escape in the target");
        if (s[1] == '0' && s[2] == '0') return h1_refuse(p, 400, "a zero byte in the target");
        if (s[1] == '2' && (s[2] | 0x20) == 'e') *dots = true;
    }
    p->head.target = str_make(*at, (size_t)(s - *at));
    *at = s + 1;
    return p->head.target.n > 0 ? 0 : h1_refuse(p, 400, "the request line is malformed");
}

/* http://host[:port][/path][?query]: the host moves to head.host, the target is cut down (RFC 9112
 * section 3.2.2). */
static int absolute_form(struct h1 *p) {
    struct head *h = &p->head;
    struct str t = h->target, scheme = str_first(t, 7);
    size_t skip = str_ieq(scheme, STR("http://")) ? 7 : 8;
    if (skip == 8 && !str_ieq(str_first(t, 8), STR("https://")))
        return h1_refuse(p, 400, "the request target is malformed");
    t = str_from(t, skip);
    size_t n = 0;
    while (n < t.n && t.p[n] != '/' && t.p[n] != '?')
        n++;
    h->host = str_first(t, n);
    if (!valid_authority(h->host, 0)) return h1_refuse(p, 400, "the host of the target is invalid");
    t = str_from(t, n);
    if (t.n > 0 && t.p[0] == '/') {
        h->target = t;
    } else if (t.n == 0) {
        h->target = str_eq(h->method, STR("OPTIONS")) ? STR("*") : STR("/");
    } else { /* a query without a path */
        h->target = arena_printf(p->arena, "/%.*s", STR_FMT(t));
        if (!h->target.p) return h1_refuse(p, 503, "out of memory");
    }
    return 0;
}

static int request_target(struct h1 *p, const char **at) {
    struct head *h = &p->head;
    bool dots = false;
    if (target_bytes(p, at, &dots)) return -1;
    h->is_connect = str_eq(h->method, STR("CONNECT"));
    if (h->is_connect) {
        h->host = h->path = h->target;
        return valid_authority(h->target, 1)
                   ? 0
                   : h1_refuse(p, 400, "the target of CONNECT is not host:port");
    }
    if (h->target.p[0] != '/' && !str_eq(h->target, STR("*")) && absolute_form(p)) return -1;
    if (h->target.p[0] == '*' && !str_eq(h->method, STR("OPTIONS")))
        return h1_refuse(p, 400, "the target * is for OPTIONS only");
    str_cut(h->target, '?', &h->path, &h->query);
    if (h->path.n == h->target.n)
        h->query = STR_NONE;
    else
        h->query.p = h->path.p + h->path.n + 1; /* there, though it may be empty */
    if (dots && has_dot_segment(h->path)) return h1_refuse(p, 400, "a dot segment in the path");
    return 0;
}

/* ---- start lines ---------------------------------------------------------------------------- */

/* HTTP/1.0 or HTTP/1.1; *at moves behind it. */
static int version(struct h1 *p, const char **at) {
    const char *s = *at;
    if (memcmp(s, "HTTP/1.", 7) == 0 && (s[7] == '0' || s[7] == '1')) {
        p->head.minor = s[7] == '1';
        *at = s + 8;
        return 0;
    }
    bool form = memcmp(s, "HTTP/", 5) == 0 && s[5] >= '0' && s[5] <= '9' && s[6] == '.' &&
                s[7] >= '0' && s[7] <= '9' && s[8] == '\r';
    if (form) return h1_refuse(p, 505, "this version of HTTP is not spoken here");
    return h1_refuse(p, 400, "the first line does not say which HTTP it is");
}

static int request_line(struct h1 *p, const char **at) {
    struct head *h = &p->head;
    const char *s = *at;
    while (h1_is(*s, H1_C_TOKEN))
        s++;
    h->method = str_make(*at, (size_t)(s - *at));
    if (h->method.n == 0 || *s != ' ') return h1_refuse(p, 400, "the request line is malformed");
    h->is_head = str_eq(h->method, STR("HEAD"));
    *at = s + 1;
    if (request_target(p, at) || version(p, at)) return -1;
    bool ends = (*at)[0] == '\r' && (*at)[1] == '\n';
    *at += 2;
    return ends ? 0 : h1_refuse(p, 400, "the request line is malformed");
}

/* The blank behind the status may be missing when there is no reason: some servers do that, and it
 * can be read in one way only. */
static int status_line(struct h1 *p, const char **at) {
    struct head *h = &p->head;
    if (version(p, at)) return -1;
    const char *s = *at;
    uint64_t status = 0;
    if (*s != ' ' || str_u64(str_make(s + 1, 3), &status) || status < 100 || status > 599 ||
        (s[4] != ' ' && s[4] != '\r'))
        return h1_refuse(p, 502, "the status line is malformed");
    h->status = (int)status;
    s += s[4] == ' ' ? 5 : 4;
    const char *end = text_end(s);
    if (*end != '\r' || end[1] != '\n') return h1_refuse(p, 502, "the status line is malformed");
    h->reason = str_make(s, (size_t)(end - s));
    *at = end + 2;
    return 0;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* What the fields say about framing, while they are read. */
struct framing {
    int hosts, lengths, codings; /* how many lines there were */
    bool close, keep_alive, upgrade, upgrade_field;
};

static int one_host(struct h1 *p, struct framing *fr, struct str value) {
    struct head *h = &p->head;
    if (p->kind == H1_RESPONSE) return 0;
    if (fr->hosts++) return h1_refuse(p, 400, "more than one Host");
    if (value.n > 0 && !valid_authority(value, 0)) return h1_refuse(p, 400, "an invalid Host");
    if (!h->host.p) h->host = value; /* that of an absolute-form target wins */
    return 0;
}

/* 1 = keep the field, 0 = drop it, -1 = refuse. */
static int one_length(struct h1 *p, struct framing *fr, struct str value, struct str first) {
    uint64_t n = 0;
    if (fr->lengths++)
        return str_eq(value, first) ? 0 : h1_refuse(p, 400, "two different Content-Lengths");
    if (str_u64(value, &n) || n > INT64_MAX) return h1_refuse(p, 400, "an invalid Content-Length");
    p->head.length = (int64_t)n;
    return 1;
}

/* Exactly one line with exactly one coding, "chunked". Codings that exist but make no sense here
 * are malformed; names that nobody here knows may be extensions (501). */
static int one_coding(struct h1 *p, struct framing *fr, struct str value) {
    static const char *const known[] = {"chunked",  "gzip",       "x-gzip",  "deflate",
                                        "compress", "x-compress", "identity"};
    if (fr->codings++ == 0 && str_ieq(value, STR("chunked"))) {
        p->head.chunked = true;
        return 0;
    }
    struct str rest = value, member;
    bool more;
    do {
        more = str_cut(rest, ',', &member, &rest);
        member = str_trim(member);
        if (!h1_valid_name(member)) return h1_refuse(p, 400, "an invalid Transfer-Encoding");
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || str_ieq(member, str_of(known[i]));
        if (!found) return h1_refuse(p, 501, "an unknown Transfer-Encoding");
    } while (more);
    return h1_refuse(p, 400, "a Transfer-Encoding other than chunked alone");
}

static void one_connection(struct head *h, struct framing *fr, struct str value) {
    struct str member;
    while (str_list_next(&value, &member)) {
        if (str_ieq(member, STR("close")))
            fr->close = true;
        else if (str_ieq(member, STR("keep-alive")))
            fr->keep_alive = true;
        else if (str_ieq(member, STR("upgrade")))
            fr->upgrade = true;
        else
            h->connection_names = true;
    }
}

/* Would a program that takes '_' for '-' read this name as a field that the host vouches for? */
static bool masquerades(struct str name) {
    char dashed[32];
    if (name.n > sizeof dashed || !memchr(name.p, '_', name.n)) return false;
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : (char)(name.p[i] | (name.p[i] >= 'A' ? 0x20 : 0));
    struct str s = str_make(dashed, name.n);
    return h1_field_id(s) != H1_OTHER || str_starts(s, STR("x-forwarded-")) ||
           str_eq(s, STR("x-real-ip"));
}

/* 1 = keep the field, 0 = drop it, -1 = refuse. */
static int one_field(struct h1 *p, struct framing *fr, const struct field *f) {
    struct head *h = &p->head;
    switch (f->id) {
    case H1_OTHER:
        if (p->kind == H1_REQUEST && masquerades(f->name))
            return h1_refuse(p, 400, "a field name with '_' that looks like another field");
        return 1;
    case H1_HOST:
        return one_host(p, fr, f->value) ? -1 : 1;
    case H1_CONTENT_LENGTH:
        return one_length(p, fr, f->value, head_get(h, H1_CONTENT_LENGTH));
    case H1_TRANSFER_ENCODING:
        return one_coding(p, fr, f->value) ? -1 : 1;
    case H1_CONNECTION:
        one_connection(h, fr, f->value);
        return 1;
    case H1_UPGRADE:
        fr->upgrade_field = true;
        return 1;
    case H1_EXPECT:
        if (str_ieq(f->value, STR("100-continue")))
            h->expect = true;
        else
            h->expect_other = true;
        return 1;
    default:
        return 1;
    }
}

/* One field line at *at, which moves to the next line. */
static int field_line(struct h1 *p, const char **at, struct field *f) {
    const char *s = *at;
    while (h1_is(*s, H1_C_TOKEN))
        s++;
    f->name = str_make(*at, (size_t)(s - *at));
    if (f->name.n == 0 || *s != ':') return h1_refuse(p, 400, "a field name is malformed");
    const char *value = s + 1, *end = text_end(value);
    if (*end != '\r' || end[1] != '\n')
        return h1_refuse(p, 400, "a control byte in the value of a field");
    f->value = str_trim(str_make(value, (size_t)(end - value)));
    f->id = h1_field_id(f->name);
    *at = end + 2;
    return 0;
}

/* All field lines from `at` up to the empty line at `end`, which moves when a line is dropped. */
static int field_lines(struct h1 *p, struct framing *fr, char *at, char **end) {
    struct head *h = &p->head;
    while (at < *end) {
        struct field *f = &h->fields[h->n_fields];
        const char *next = at;
        if (field_line(p, &next, f)) return -1;
        int keep = one_field(p, fr, f);
        if (keep < 0) return -1;
        if (keep) {
            h->n_fields++;
            at += next - at;
        } else { /* rare: the bytes behind, with the empty line, move over it */
            size_t n = (size_t)(next - at);
            memmove(at, next, (size_t)(*end + 2 - next));
            *end -= n;
        }
    }
    return 0;
}

/* ---- conclusions ---------------------------------------------------------------------------- */

static int conclude(struct h1 *p, const struct framing *fr) {
    struct head *h = &p->head;
    if (p->kind == H1_REQUEST && h->minor == 1 && fr->hosts == 0)
        return h1_refuse(p, 400, "no Host");
    if (fr->codings && fr->lengths)
        return h1_refuse(p, 400, "both Content-Length and Transfer-Encoding");
    if (fr->codings && h->minor == 0) return h1_refuse(p, 400, "Transfer-Encoding in HTTP/1.0");
    bool none = h->status == 204 || (h->status > 0 && h->status < 200);
    bool declared = p->to_head || h->status == 304;
    if (none) {
        h->length = 0;
        h->chunked = false;
    } else if (h->chunked || (fr->lengths == 0 && (declared || p->kind == H1_RESPONSE))) {
        h->length = -1;
    }
    h->keep_alive = !fr->close && (h->minor == 1 || fr->keep_alive);
    if (p->kind == H1_RESPONSE && !none && !declared && h->length < 0 && !h->chunked)
        h->keep_alive = false;
    h->upgrade = fr->upgrade && fr->upgrade_field && h->minor == 1;
    if (h->minor == 0) h->expect = h->expect_other = false;
    return 0;
}

int h1_head_parse(struct h1 *p, char *block, size_t n, struct field *fields, struct str *raw) {
    struct framing fr = {0};
    const char *at = block;
    char *end = block + n - 2;
    p->head = (struct head){.fields = fields};
    if (p->kind == H1_REQUEST ? request_line(p, &at) : status_line(p, &at)) return -1;
    char *first = block + (at - block);
    if (field_lines(p, &fr, first, &end) || conclude(p, &fr)) return -1;
    *raw = str_make(first, (size_t)(end + 2 - first));
    return 0;
}
