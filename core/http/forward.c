/*
 * forward: see forward.h.
 *
 * In a request: method and target go on byte for byte behind the instance's path prefix (but for a
 * port in the target, which was ours to read). Fields go
 * on in order, repeated ones too, without
 *   - hop-by-hop fields (h1_hop_by_hop), and Content-Length: bodies are framed anew;
 *   - Host: the upstream gets its own authority, X-Forwarded-Host carries the client's;
 *   - Expect: the front door answers it;
 *   - X-Forwarded-For, -Proto, -Host, -Port, Forwarded, X-Real-IP, X-Request-Id: a client could
 *     write anything there; ours come from the socket. Those of a trusted proxy go on, and its
 *     address is added to X-Forwarded-For;
 *   - Authorization, when there is a fresher one.
 * Via gets one more member. In a response only hop-by-hop fields (but for the Upgrade of a 426),
 * the framing and X-Request-Id (the front door's) are left out.
 */
#include "core/http/forward.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

static char pseudonym[32];

static void make_pseudonym(void) {
    uint64_t r;
    /* At most 256 bytes are never cut short once the kernel's generator is ready, and this waits
     * for it. */
    ssize_t n = getrandom(&r, sizeof r, 0);
    assert(n == sizeof r);
    (void)n;
    snprintf(pseudonym, sizeof pseudonym, "moonbus-%016llx", (unsigned long long)r);
}

struct str proxy_via(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_pseudonym);
    return str_make(pseudonym, sizeof("moonbus-") - 1 + 16);
}

/* Via = protocol SP received-by [SP comment], and more of them behind commas. */
bool forward_loops(const struct head *h) {
    for (int i = 0; i < h->n_fields; i++) {
        if (h->fields[i].id != H1_VIA) continue;
        struct str rest = h->fields[i].value, member, protocol, by, comment;
        while (str_list_next(&rest, &member)) {
            str_cut(member, ' ', &protocol, &by);
            str_cut(str_trim(by), ' ', &by, &comment);
            if (str_ieq(by, proxy_via())) return true;
        }
    }
    return false;
}

bool forward_websocket(const struct head *h) {
    if (!h->upgrade || h->length != 0 || !str_eq(h->method, STR("GET"))) return false;
    for (int i = 0; i < h->n_fields; i++) {
        if (h->fields[i].id != H1_UPGRADE) continue;
        struct str rest = h->fields[i].value, member;
        while (str_list_next(&rest, &member))
            if (str_ieq(member, STR("websocket"))) return true;
    }
    return false;
}

int64_t forward_max(const struct head *h) {
    if (!str_eq(h->method, STR("TRACE")) && !str_eq(h->method, STR("OPTIONS"))) return -1;
    uint64_t v;
    struct str text = head_get(h, H1_MAX_FORWARDS);
    if (str_u64(text, &v) < 0) return -1;
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

bool forward_idempotent(struct str method) {
    static const struct str names[] = {{"GET", 3}, {"HEAD", 4},   {"OPTIONS", 7},
                                       {"PUT", 3}, {"DELETE", 6}, {"TRACE", 5}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(method, names[i])) return true;
    return false;
}

/* ---- requests -------------------------------------------------------------------------------- */

static inline char *add(char *at, struct str s) {
    memcpy(at, s.p, s.n);
    return at + s.n;
}

#define ADD(at, literal) add(at, STR(literal))

static char *add_number(char *at, uint64_t v) {
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n)
        *at++ = digits[--n];
    return at;
}

static inline char *add_field(char *at, struct str name, struct str value) {
    at = add(at, name);
    at = ADD(at, ": ");
    if (value.n) at = add(at, value);
    return ADD(at, "\r\n");
}

/* Says where a request came from, but the host does not look at it otherwise. */
static bool tells_origin(struct str name) {
    return name.n == 9 && (str_ieq(name, STR("forwarded")) || str_ieq(name, STR("x-real-ip")));
}

/* Does this field go on as it is? */
static bool passes(const struct head *h, const struct field *f, const struct forward_from *from) {
    switch (f->id) {
    case H1_HOST:
    case H1_CONTENT_LENGTH:
    case H1_EXPECT:
    case H1_X_FORWARDED_FOR:
    case H1_X_REQUEST_ID:
        return false;
    case H1_X_FORWARDED_PROTO:
    case H1_X_FORWARDED_HOST:
    case H1_X_FORWARDED_PORT:
        return from->trusted;
    case H1_AUTHORIZATION:
        return from->auth.n == 0;
    case H1_MAX_FORWARDS:
        return from->max_forwards < 0;
    case H1_OTHER:
        if (tells_origin(f->name)) return from->trusted;
        break;
    default:
        break;
    }
    return !h1_hop_by_hop(h, f);
}

/* Room that surely suffices. */
static size_t request_room(const struct head *h, const struct upstream *to,
                           const struct forward_from *from) {
    size_t n = h->method.n + to->prefix.n + h->target.n + from->target.n + to->authority.n +
               h->host.n + from->peer.n + from->scheme.n + from->id.n + from->auth.n +
               proxy_via().n;
    for (int i = 0; i < h->n_fields; i++)
        n += h->fields[i].name.n + h->fields[i].value.n + 4;
    return n + 400; /* our own names, numbers and line ends */
}

/* Where the request came from: as a trusted proxy says, the rest as the socket says. */
static char *add_origin(char *at, const struct head *h, const struct forward_from *from) {
    bool said[3] = {false, false, false}; /* proto, host, port */
    at = ADD(at, "X-Forwarded-For: ");
    for (int i = 0; from->trusted && i < h->n_fields; i++) {
        const struct field *f = &h->fields[i];
        if (f->id == H1_X_FORWARDED_PROTO) said[0] = true;
        if (f->id == H1_X_FORWARDED_HOST) said[1] = true;
        if (f->id == H1_X_FORWARDED_PORT) said[2] = true;
        if (f->id != H1_X_FORWARDED_FOR || f->value.n == 0) continue;
        at = add(at, f->value);
        at = ADD(at, ", ");
    }
    at = add(at, from->peer);
    at = ADD(at, "\r\n");
    if (!said[0]) at = add_field(at, STR("X-Forwarded-Proto"), from->scheme);
    if (!said[1] && h->host.n) at = add_field(at, STR("X-Forwarded-Host"), h->host);
    if (said[2]) return at;
    at = ADD(at, "X-Forwarded-Port: ");
    at = add_number(at, (uint64_t)from->port);
    return ADD(at, "\r\n");
}

int forward_request(struct buf *out, const struct head *h, const struct upstream *to,
                    const struct forward_from *from) {
    size_t room = request_room(h, to, from);
    buf_clear(out);
    char *at = buf_room(out, room);
    if (!at) return -ENOMEM;
    at = add(at, h->method);
    *at++ = ' ';
    if (to->prefix.n) at = add(at, to->prefix);
    at = add(at, from->target.n ? from->target : h->target);
    at = ADD(at, " HTTP/1.1\r\n");
    at = add_field(at, STR("Host"), to->authority);

    bool sized = false;
    for (int i = 0; i < h->n_fields; i++) {
        const struct field *f = &h->fields[i];
        if (f->id == H1_CONTENT_LENGTH) sized = true;
        if (passes(h, f, from)) at = add_field(at, f->name, f->value);
    }
    if (from->auth.n) at = add_field(at, STR("Authorization"), from->auth);
    at = add_origin(at, h, from);
    at = h->minor ? ADD(at, "Via: 1.1 ") : ADD(at, "Via: 1.0 ");
    at = add(at, proxy_via());
    at = ADD(at, "\r\n");
    at = add_field(at, STR("X-Request-Id"), from->id);
    if (from->max_forwards >= 0) {
        at = ADD(at, "Max-Forwards: ");
        at = add_number(at, (uint64_t)from->max_forwards);
        at = ADD(at, "\r\n");
    }
    if (from->websocket) at = ADD(at, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    if (h->length < 0) {
        at = ADD(at, "Transfer-Encoding: chunked\r\n");
    } else if (h->length > 0 || sized) {
        at = ADD(at, "Content-Length: ");
        at = add_number(at, (uint64_t)h->length);
        at = ADD(at, "\r\n");
    }
    at = ADD(at, "\r\n");
    out->n = (size_t)(at - out->p);
    assert(out->n <= room);
    return 0;
}

/* ---- responses ------------------------------------------------------------------------------- */

struct field *forward_response(struct arena *arena, const struct head *h, int *n) {
    struct field *out = arena_alloc(arena, ((size_t)h->n_fields + 1) * sizeof *out);
    struct str via = proxy_via();
    char *value = arena_alloc(arena, via.n + 4);
    if (!out || !value) return NULL;
    *n = 0;
    for (int i = 0; i < h->n_fields; i++) {
        const struct field *f = &h->fields[i];
        /* What a 426 asks for is all that it says (RFC 9110 section 15.5.22). */
        bool asked = f->id == H1_UPGRADE && h->status == 426;
        if (f->id == H1_CONTENT_LENGTH || f->id == H1_X_REQUEST_ID) continue;
        if (h1_hop_by_hop(h, f) && !asked) continue;
        out[(*n)++] = *f;
    }
    char *at = h->minor ? ADD(value, "1.1 ") : ADD(value, "1.0 ");
    at = add(at, via);
    out[(*n)++] = (struct field){STR("Via"), str_make(value, (size_t)(at - value)), H1_VIA};
    return out;
}
