/*
 * io: byte streams over TCP and the listener that accepts them.
 *
 * Reading lends the worker's slab to on_data for the length of the call. Writing tries the socket
 * at once and keeps only what it did not take. Back-pressure: stream_write tells when more than
 * `write_high` is waiting; the producer pauses its own source until on_drain. All functions and
 * callbacks on the stream's worker. Callbacks may close the stream; no callback comes after
 * stream_close except on_closed.
 */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct stream;
struct worker;

struct stream_ops {
    void (*on_data)(struct stream *s, char *p, size_t n); /* bytes in the worker's slab; borrowed */
    void (*on_eof)(struct stream *s);             /* the peer ended its side; ours still writes */
    void (*on_error)(struct stream *s, int code); /* negative errno; close it */
    void (*on_drain)(struct stream *s);           /* nothing waits any more */
    void (*on_closed)(struct stream *s);          /* last call; memory may go */
};

struct stream_chunk; /* bytes that the socket did not take yet */

struct stream {
    uv_tcp_t tcp;
    const struct stream_ops *ops;
    struct stream_chunk *out, **out_tail; /* waiting bytes in order; out is being written */
    uint32_t pending;                     /* bytes in `out` */
    bool reading, eof, closing, shutting, failed;
};

/* Prepares a stream on the calling worker. 0 or negative. */
int stream_init(struct stream *s, const struct stream_ops *ops);
/* Connects; connected() is called once with 0 or a negative errno (ERR_TIMEOUT after `ms`). The op
 * must live until then or until stream_connect_cancel, which closes the stream. TCP_NODELAY is set.
 */
struct stream_connect {
    uv_connect_t req;
    struct stream *stream;
    void (*connected)(struct stream_connect *c, int status);
};
int stream_connect(struct stream_connect *c, struct stream *s, const struct sockaddr *addr,
                   void (*connected)(struct stream_connect *c, int status));

void stream_read(struct stream *s);  /* start or resume on_data */
void stream_pause(struct stream *s); /* no on_data until stream_read */

/* Writes n slices in order. Returns the bytes now waiting (0 = all taken by the socket), or a
 * negative errno (the stream is broken: close it; on_error is not called in addition). Slices may
 * lie in the worker's slab. */
ssize_t stream_write(struct stream *s, const struct str *parts, int n);
static inline ssize_t stream_write1(struct stream *s, const char *p, size_t n) {
    struct str part = {p, n};
    return stream_write(s, &part, 1);
}
static inline size_t stream_pending(const struct stream *s) {
    return s->pending;
}
void stream_shutdown(struct stream *s); /* FIN after what waits */
void stream_close(struct stream *s);    /* discards what waits; on_closed follows */
void stream_reset(
    struct stream *s); /* RST instead of FIN, so that the peer sees a broken transfer */
/* FIN after what waits, then reads and discards until EOF, `limit` bytes or `ms`, then closes: the
 * peer gets to read the answer instead of a reset (RFC 9112 section 9.6). */
void stream_linger(struct stream *s, size_t limit, uint64_t ms);

/* Address of the peer as text without port ("127.0.0.1", "::1"; IPv4-mapped as IPv4). */
size_t stream_peer(const struct stream *s, char *out, size_t cap, int *port);

/* A listening socket of one worker. */
struct listener {
    uv_tcp_t tcp;
    void (*accepted)(struct listener *l); /* a connection waits: call listener_accept */
    void *data;
    uv_file spare; /* kept open so that a full descriptor table can still say no */
    int port;      /* the real one */
    bool open;
};
/* Opens with SO_REUSEPORT. `address`: "PORT", "HOST:PORT", "[V6]:PORT", "*:PORT" (both families).
 * The sentence of a failure says what to do. */
int listener_open(struct listener *l, const char *address, void (*accepted)(struct listener *l),
                  struct err *e);
/* Is somebody else listening there already? Checked once before the workers share the port. 0 or
 * -EADDRINUSE … */
int listener_probe(const char *address, struct err *e);
int listener_accept(struct listener *l,
                    struct stream *s); /* into a stream prepared by stream_init */
void listener_close(struct listener *l, void (*closed)(struct listener *l));

#endif
