/*
 * listen: the listening sockets of io.h. Opened at start and once per worker; accepted() runs for
 * every connection.
 *
 * The socket is watched with uv_poll and accepted here, not by uv_listen: with a full descriptor
 * table accept(2) fails whether or not somebody waits, and libuv's accept loop never ends once its
 * one spare descriptor was snatched by another thread. Here such a listener says no with the spare,
 * and without one it rests for a moment. It must never spin, and never go deaf.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/stat.h"
#include "core/loop/io.h"
#include "core/loop/worker.h"

#define BACKLOG    1024
#define ACCEPT_MAX 64   /* connections taken per turn: those that are open get their share too */
#define REST_MS    100  /* pause after a failure that accepting again would only repeat */
#define TELL_MS    5000 /* one log line about such failures in this time */

/* ---- addresses ------------------------------------------------------------------------------- */

struct place {
    char text[300]; /* for sentences: "*:80", "127.0.0.1:80", "[::1]:80" */
    char host[256]; /* empty = any address, both families */
    int port;
};

static int malformed(const char *address, struct err *e) {
    return err_set(e, -EINVAL,
                   "\"%.80s\" is no address to listen on; write PORT, HOST:PORT, [IPV6]:PORT or "
                   "*:PORT",
                   address);
}

static int parse_place(const char *address, struct place *out, struct err *e) {
    struct str s = str_of(address), host = STR_NONE, port = s;
    bool bracket = str_starts(s, STR("["));
    if (bracket) {
        ptrdiff_t end = str_index(s, ']');
        if (end < 0) return malformed(address, e);
        host = str_make(s.p + 1, (size_t)end - 1);
        port = str_from(s, (size_t)end + 1);
        if (host.n == 0 || !str_starts(port, STR(":"))) return malformed(address, e);
        port = str_from(port, 1);
    } else if (str_cut(s, ':', &host, &port)) {
        if (host.n == 0) return malformed(address, e);
    } else {
        host = STR("*");
        port = s;
    }
    uint64_t number;
    if (str_u64(port, &number) < 0 || number > 65535 || host.n >= sizeof out->host)
        return malformed(address, e);
    out->port = (int)number;
    bool any = !bracket && str_eq(host, STR("*"));
    snprintf(out->host, sizeof out->host, "%.*s", any ? 0 : (int)host.n, host.p);
    snprintf(out->text, sizeof out->text, bracket ? "[%.*s]:%d" : "%.*s:%d", STR_FMT(host),
             out->port);
    return 0;
}

/* The first address of a host. */
static int find_host(const struct place *place, struct sockaddr_storage *sa, socklen_t *len,
                     struct err *e) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int r = getaddrinfo(place->host, NULL, &hints, &found);
    if (r != 0)
        return err_set(e, -ENOENT, "cannot listen on %s: unknown host %s (%s); use an address",
                       place->text, place->host, gai_strerror(r));
    memcpy(sa, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    /* Family, port: both kinds of address have them at the same place. */
    ((struct sockaddr_in *)sa)->sin_port = htons((uint16_t)place->port);
    return 0;
}

static void any_address(int family, int port, struct sockaddr_storage *sa, socklen_t *len) {
    memset(sa, 0, sizeof *sa); /* all zero is "any" in both families */
    sa->ss_family = (sa_family_t)family;
    ((struct sockaddr_in *)sa)->sin_port = htons((uint16_t)port);
    *len = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int cannot_listen(const struct place *place, int code, struct err *e) {
    switch (code) {
    case -EADDRINUSE:
        return err_set(e, code,
                       "cannot listen on %s: the port is in use; stop the other program or choose "
                       "another port",
                       place->text);
    case -EACCES:
    case -EPERM:
        return err_set(
            e, code,
            "cannot listen on %s: ports below 1024 are for root (or CAP_NET_BIND_SERVICE); "
            "choose a port from 1024 up",
            place->text);
    case -EADDRNOTAVAIL:
        return err_set(e, code,
                       "cannot listen on %s: this machine has no such address; choose one that it "
                       "has, or *:%d for all",
                       place->text, place->port);
    case -EMFILE:
    case -ENFILE:
        return err_set(e, code, "cannot listen on %s: no file descriptor is left; raise ulimit -n",
                       place->text);
    default:
        return err_set(e, code, "cannot listen on %s: %s", place->text, strerror(-code));
    }
}

static int switch_on(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

enum hold {
    ALONE,   /* fails also while connections of an earlier listener linger on the port */
    PATIENT, /* does not mind those */
    SHARED,  /* others of this user may join; what a listener uses */
};

/* A socket bound to one address: its descriptor or a negative errno. */
static int bind_one(const struct sockaddr_storage *sa, socklen_t len, enum hold hold, bool both) {
    int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int r = 0;
    if (hold != ALONE) r = switch_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && hold == SHARED) r = switch_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && sa->ss_family == AF_INET6)
        r = switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1);
    /* Accepted sockets inherit these: system calls less for each. A client that vanished without a
     * word is noticed after two minutes even where nothing is written to it. */
    if (r == 0) r = switch_on(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (r == 0) r = switch_on(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (r == 0) r = switch_on(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    if (r == 0) r = switch_on(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    if (r == 0) r = switch_on(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
    if (r == 0 && bind(fd, (const struct sockaddr *)sa, len) < 0) r = -errno;
    if (r == 0) return fd;
    close(fd);
    return r;
}

static int bind_place(const struct place *place, enum hold hold, struct err *e) {
    struct sockaddr_storage sa;
    socklen_t len = 0;
    int fd;
    if (place->host[0]) {
        int r = find_host(place, &sa, &len, e);
        if (r < 0) return r;
        fd = bind_one(&sa, len, hold, false);
    } else {
        any_address(AF_INET6, place->port, &sa, &len);
        fd = bind_one(&sa, len, hold, true);
        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -EPROTONOSUPPORT) {
            any_address(AF_INET, place->port, &sa, &len);
            fd = bind_one(&sa, len, hold, false);
        }
    }
    return fd < 0 ? cannot_listen(place, fd, e) : fd;
}

static int port_of(int fd) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0) return -errno;
    return ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

/* Bound without SO_REUSEPORT, which fails if anybody has the port; with it from then on, so that
 * our own listeners may join. Two hosts that start at once cannot both hold it ALONE. */
int listener_reserve(const char *address, int *port, struct err *e) {
    struct place place;
    int r = parse_place(address, &place, e);
    if (r < 0) return r;
    int fd = bind_place(&place, ALONE, e);
    if (fd == -EADDRINUSE) fd = bind_place(&place, PATIENT, e);
    if (fd < 0) return fd;
    r = *port = port_of(fd);
    if (r >= 0) r = switch_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0) return fd;
    close(fd);
    return cannot_listen(&place, r, e);
}

/* The others' descriptors stay, so that closing ours would not free the port: from now on anybody
 * may bind to it that does not mind lingering connections, as long as no listener is there. */
void listener_release(int reserved) {
    switch_on(reserved, SOL_SOCKET, SO_REUSEADDR, 1);
    close(reserved);
}

int listener_bind(const char *address, struct err *e) {
    struct place place;
    int r = parse_place(address, &place, e);
    return r < 0 ? r : bind_place(&place, SHARED, e);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void connections(uv_poll_t *poll, int status, int events);

static int open_spare(struct listener *l) {
    if (l->spare < 0) l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return l->spare < 0 ? -errno : 0;
}

static void rested(struct timer *t) {
    struct listener *l = LIST_ENTRY(t, struct listener, rest);
    open_spare(l);
    int r = uv_poll_start(&l->poll, UV_READABLE, connections);
    assert(r == 0);
    (void)r;
}

static void tell(struct listener *l, int code) {
    if (l->told && l->worker->now_ms - l->told < TELL_MS) return;
    l->told = l->worker->now_ms;
    log_error("connections cannot be accepted", LOGI("port", l->port),
              LOGZ("error", strerror(-code)));
}

static void rest(struct listener *l) {
    /* Without memory for a timer it goes on polling: busy, but not deaf. */
    if (timer_arm(l->worker, &l->rest, REST_MS) == 0) uv_poll_stop(&l->poll);
}

static int accept_one(const struct listener *l) {
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void refuse(int fd) {
    close(fd);
    stat_add(STAT_CONNECTIONS_REFUSED, 1);
}

/* No descriptor is left: says no to one connection with the spare one. True = look for the next. */
static bool refuse_with_spare(struct listener *l) {
    if (l->spare < 0) {
        rest(l);
        return false;
    }
    close(l->spare);
    l->spare = -1;
    int fd = accept_one(l);
    if (fd >= 0) refuse(fd);
    open_spare(l);
    if (fd == -EMFILE || fd == -ENFILE) rest(l); /* another thread was quicker */
    return fd >= 0;
}

static void offer(struct listener *l, int fd) {
    l->waiting = fd;
    l->accepted(l);
    if (l->waiting >= 0) refuse(l->waiting);
    l->waiting = -1;
}

/* True = try the next connection. */
static bool accept_failed(struct listener *l, int code) {
    switch (code) {
    case -EAGAIN:
        return false;
    case -EMFILE:
    case -ENFILE:
        tell(l, code);
        return refuse_with_spare(l);
    case -EINTR:
    case -ECONNABORTED: /* from here on: troubles of that one connection, see accept(2) */
    case -EPROTO:
    case -EPERM:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENONET:
    case -ENOPROTOOPT:
    case -EOPNOTSUPP:
    case -ETIMEDOUT:
        return true;
    default:
        tell(l, code);
        rest(l);
        return false;
    }
}

static void connections(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct listener *l = LIST_ENTRY(poll, struct listener, poll);
    worker_enter(l->worker);
    if (status < 0) {
        tell(l, status);
        rest(l);
        return;
    }
    for (int i = 0; i < ACCEPT_MAX && l->open; i++) {
        int fd = accept_one(l);
        if (fd >= 0)
            offer(l, fd);
        else if (!accept_failed(l, fd))
            return;
    }
}

int listener_accept(struct listener *l, struct stream *s) {
    if (l->waiting < 0) return -EAGAIN;
    int r = uv_tcp_open(&s->tcp, l->waiting);
    if (r == 0) l->waiting = -1;
    return r;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void prepare(struct listener *l, void (*accepted)(struct listener *l)) {
    struct worker *w = worker_self();
    assert(w);
    void *data = l->data;
    *l = (struct listener){
        .accepted = accepted, .data = data, .worker = w, .fd = -1, .waiting = -1, .spare = -1};
    timer_init(&l->rest, rested);
}

/* Listens on l->fd. */
static int start(struct listener *l) {
    int r = open_spare(l);
    if (r == 0) r = l->port = port_of(l->fd);
    if (r >= 0 && listen(l->fd, BACKLOG) < 0) r = -errno;
    if (r >= 0) r = uv_poll_init(&l->worker->loop, &l->poll, l->fd);
    if (r < 0) {
        if (l->spare >= 0) close(l->spare);
        return r;
    }
    uv_poll_start(&l->poll, UV_READABLE, connections); /* cannot fail on a fresh handle */
    l->open = true;
    return 0;
}

int listener_open(struct listener *l, const char *address, void (*accepted)(struct listener *l),
                  struct err *e) {
    struct place place;
    prepare(l, accepted);
    int r = parse_place(address, &place, e);
    if (r < 0) return r;
    l->fd = bind_place(&place, SHARED, e);
    if (l->fd < 0) return l->fd;
    r = start(l);
    if (r == 0) return 0;
    close(l->fd);
    return cannot_listen(&place, r, e);
}

int listener_open_on(struct listener *l, int fd, void (*accepted)(struct listener *l),
                     struct err *e) {
    prepare(l, accepted);
    l->fd = fd;
    l->lent = true;
    int r = start(l);
    if (r == 0) return 0;
    return err_set(e, r, "cannot listen: %s", strerror(-r));
}

static void poll_closed(uv_handle_t *handle) {
    struct listener *l = LIST_ENTRY(handle, struct listener, poll);
    if (l->closed) l->closed(l);
}

void listener_close(struct listener *l, void (*closed)(struct listener *l)) {
    l->closed = closed;
    if (!l->open) {
        if (closed) closed(l);
        return;
    }
    l->open = false;
    timer_remove(l->worker, &l->rest);
    uv_close((uv_handle_t *)&l->poll, poll_closed);
    if (l->lent)
        shutdown(l->fd, SHUT_RDWR); /* a listening socket: it stops to be one */
    else
        close(l->fd);
    if (l->spare >= 0) close(l->spare);
}
