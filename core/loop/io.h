/*
 * io: byte streams over TCP and the listener that accepts them.
 *
 * Reading lends the worker's slab to on_data for the length of the call. Writing tries the socket
 * at once and keeps only what it did not take. Back-pressure: stream_write tells how much is
 * waiting; when that is more than the producer likes it pauses its own source until on_drain. All
 * functions and callbacks on the stream's worker. Callbacks may close the stream; no callback comes
 * after stream_close except on_closed.
 */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/loop/timer.h"

struct stream;
struct worker;

struct stream_ops {
    void (*on_data)(struct stream *s, char *p, size_t n); /* bytes in the worker's slab; borrowed */
    void (*on_eof)(struct stream *s);             /* the peer ended its side; ours still writes */
    void (*on_error)(struct stream *s, int code); /* negative errno; close it */
    void (*on_drain)(struct stream *s);           /* nothing waits any more; may be NULL */
    void (*on_closed)(struct stream *s);          /* last call; memory may go; may be NULL */
};

/* Whose memory it is that bytes wait in: all streams that are charged to it have this much
 * together. What a write cannot keep for want of it breaks that stream (ERR_LIMIT), and `full` is
 * told. Lives as long as its owner and the last such stream; all of them on one worker. */
struct stream_payer {
    size_t bytes; /* that wait now, with what it takes to keep them */
    size_t most;
    int users;                            /* the owner, and streams */
    void (*full)(struct stream_payer *p); /* a stream broke; may be NULL */
    void *data;                           /* the owner's */
};
struct stream_payer *stream_payer_new(size_t most); /* NULL: out of memory */
void stream_payer_give(struct stream_payer *p);     /* the owner's end of it; NULL is fine */
/* Whether n more bytes may wait. */
static inline bool stream_payer_has_room(const struct stream_payer *p, size_t n) {
    return p->bytes <= p->most && n <= p->most - p->bytes;
}

struct stream_chunk;  /* bytes that the socket did not take yet */
struct stream_linger; /* an ending that still reads */

struct stream {
    uv_tcp_t tcp;                         /* `data` belongs to the stream's owner */
    const struct stream_ops *ops;         /* the owner may exchange them at any time */
    struct stream_chunk *out, **out_tail; /* waiting bytes in order; the first are being written */
    struct stream_payer *payer;           /* NULL: nobody counts what waits */
    struct stream_linger *linger;         /* NULL unless stream_linger is at work */
    uint32_t pending;                     /* bytes in `out`; 0 exactly when it is empty */
    uint32_t flying;                      /* those of them that libuv has */
    bool connecting, reading, closing;
    bool eof;      /* nothing more comes: the peer ended its side, or reading failed */
    bool shutting; /* no more writes: FIN once `out` is empty */
    bool failed;   /* writing is over because of an error */
};

/* Most bytes that may wait in one stream; a producer that ignores back-pressure breaks the stream
 * (ERR_LIMIT). */
#define STREAM_PENDING_MAX ((size_t)1 << 30)

/* Prepares a stream on the calling worker. 0 or negative. From here on it must be closed. */
int stream_init(struct stream *s, const struct stream_ops *ops);
/* Connects; connected() is called once with 0 or a negative errno (ERR_TIMEOUT when the kernel gave
 * up; a shorter limit is the caller's timer and stream_connect_cancel). When it failed, now or
 * later, the stream must be closed. The op must live until connected(), stream_connect_cancel or
 * stream_close, whichever comes first; after the latter two connected() is not called. Writing and
 * reading may start at once. TCP_NODELAY is set. */
struct stream_dial; /* internal */
struct stream_connect {
    struct stream_dial *dial; /* NULL once it is over */
    struct stream *stream;
    void (*connected)(struct stream_connect *c, int status);
};
int stream_connect(struct stream_connect *c, struct stream *s, const struct sockaddr *addr,
                   void (*connected)(struct stream_connect *c, int status));
void stream_connect_cancel(struct stream_connect *c); /* closes the stream; on_closed follows */

void stream_read(struct stream *s);  /* start or resume on_data; nothing happens after EOF */
void stream_pause(struct stream *s); /* no on_data until stream_read */

/* Writes n slices in order. Returns the bytes now waiting (0 = all taken by the socket; otherwise
 * on_drain follows), or a negative errno (the stream is broken: close it; on_error is not called in
 * addition). Slices may lie in the worker's slab. */
ssize_t stream_write(struct stream *s, const struct str *parts, int n);
static inline ssize_t stream_write1(struct stream *s, const char *p, size_t n) {
    struct str part = {p, n};
    return stream_write(s, &part, 1);
}
/* From now on what waits is charged to `p` (NULL = to nobody). Only while nothing does. */
void stream_charge(struct stream *s, struct stream_payer *p);
/* Bytes that the kernel has not taken yet. Falls with every byte that a slow peer takes, so a timer
 * that compares two readings sees whether it takes any. */
static inline size_t stream_pending(const struct stream *s) {
    return s->pending - s->flying + uv_stream_get_write_queue_size((const uv_stream_t *)&s->tcp);
}
void stream_shutdown(struct stream *s); /* FIN after what waits; no stream_write afterwards */
void stream_close(struct stream *s);    /* discards what waits; on_closed follows */
void stream_reset(
    struct stream *s); /* RST instead of FIN, so that the peer sees a broken transfer */
/* FIN after what waits, then reads and discards until EOF, `limit` bytes or `ms` (which includes
 * the time for what waits), then closes: the peer gets to read the answer instead of a reset (RFC
 * 9112 section 9.6). No callback but on_closed comes from here on. */
void stream_linger(struct stream *s, size_t limit, uint64_t ms);

/* Address of the peer as text without port ("127.0.0.1", "::1"; IPv4-mapped as IPv4). Returns its
 * length; 0 and an empty text when there is no peer (any more). `cap` of 46 is always enough; port
 * may be NULL. */
size_t stream_peer(const struct stream *s, char *out, size_t cap, int *port);

/* A listening socket of one worker. */
struct listener {
    uv_poll_t poll;
    void (*accepted)(struct listener *l); /* a connection waits: call listener_accept */
    void (*closed)(struct listener *l);   /* internal */
    void *data;
    struct worker *worker;
    struct timer rest; /* while no descriptor or memory could be had */
    uint64_t told;     /* now_ms of the last log line about that */
    int fd;            /* the listening socket */
    int waiting;       /* an accepted connection on its way into a stream; -1 = none */
    uv_file spare;     /* kept open so that a full descriptor table can still say no */
    int port;          /* the real one */
    bool open;
    bool lent; /* `fd` is somebody else's: closing the listener leaves it to him, without a queue */
};
/* Opens with SO_REUSEPORT on the calling worker. `address`: "PORT", "HOST:PORT", "[V6]:PORT",
 * "*:PORT" (without a host or with "*": both families; with a name: the first address it has). Port
 * 0 = any free one. The sentence of a failure says what to do. A connection that accepted() does
 * not take is closed and counted (connections_refused). */
int listener_open(struct listener *l, const char *address, void (*accepted)(struct listener *l),
                  struct err *e);
/* Before the workers share a port: takes it for this process, so that nobody else gets it and a
 * port that somebody else has is found out; *port becomes the real one. Returns a descriptor that
 * listens to nothing, to be given to listener_release once the listeners are open, or -EADDRINUSE …
 */
int listener_reserve(const char *address, int *port, struct err *e);
/* Closes it. Where other processes hold it, too, it keeps nobody from the port any more. */
void listener_release(int reserved);

/* A listener on a socket that outlives it, and its process, too. listener_bind takes a socket like
 * that of listener_open which does not listen yet: a descriptor or negative. listener_open_on
 * begins to listen, or goes on: whoever connected since the process that listened before died
 * waits in the socket's queue. listener_close ends the queue, for all who hold the socket. */
int listener_bind(const char *address, struct err *e);
int listener_open_on(struct listener *l, int fd, void (*accepted)(struct listener *l),
                     struct err *e);
/* Inside accepted() only: into a stream prepared by stream_init on the same worker. 0 or negative;
 * then close the stream. */
int listener_accept(struct listener *l, struct stream *s);
void listener_close(struct listener *l, void (*closed)(struct listener *l)); /* may be NULL */

#endif
