/*
 * The reader of messages: collects a head, has it checked by h1_head, and cuts the body into
 * slices. Called by server (requests) and client (responses). It must never copy body bytes, never
 * depend on where the input was split, and never go on after a violation: there is no resync.
 *
 * Who does what:
 *
 *   bytes ──► lines, limits, CRLF ──► h1_head ──► struct head
 *         (here)                      (the validator)     │ has a body?
 *                                                         ▼
 *   bytes ──► chunk lines, trailers ───────────────► llhttp ──► body slices, end
 *         (here: checked, extensions and trailers cut out)
 *
 * llhttp reads the framing of every message that has a body: it gets the field lines as they came
 * and must come to the same length as the validator, then counts the body. What its version 8.1.0
 * lets through even in strict mode never gets that far: line ends other than CRLF, empty field
 * names, obs-fold, an empty Transfer-Encoding, two framings at once, identity, bare LF after the
 * last chunk, anything in trailers. What it refuses without need is cut out before it: chunk
 * extensions with quoted values.
 */
#include "core/http/h1.h"

#include <assert.h>
#include <sys/types.h>

#include "core/http/h1_head.h"

enum state {
    HEAD,         /* collecting a head */
    LENGTH,       /* a body of known length */
    UNTIL_EOF,    /* a body that the end of the connection delimits */
    SIZE_FIRST,   /* first digit of a chunk size */
    SIZE,         /* more digits, ';' or CR */
    EXTENSION,    /* behind ';' */
    SIZE_LF,      /* LF of a chunk line */
    CHUNK,        /* chunk data and the CRLF behind it */
    TRAILER,      /* first byte of a trailer line */
    TRAILER_NAME, /* up to ':' */
    TRAILER_TEXT, /* up to CR */
    TRAILER_LF,   /* LF of a trailer line */
    LAST_LF,      /* LF of the empty line that ends the message */
    DONE,
    BAD,
};

/* Empty lines tolerated before a request (RFC 9112 section 2.2). */
#define MAX_BLANKS 4
/* Longest chunk line, and how many bytes of extensions may come without body bytes to go with. */
#define MAX_CHUNK_LINE 1024
#define MAX_ASIDE      16384

/* ---- what llhttp tells ---------------------------------------------------------------------- */

static int on_body(llhttp_t *l, const char *at, size_t n) {
    struct h1 *p = l->data;
    if (n == 0) return 0;
    p->span = str_make(at, n);
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *l) {
    struct h1 *p = l->data;
    p->chunk = l->content_length;
    return 0;
}

static int on_chunk_complete(llhttp_t *l) {
    struct h1 *p = l->data;
    p->chunk_done = true;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *l) {
    struct h1 *p = l->data;
    p->saw_end = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

/* Gives llhttp n bytes. Returns how many it took until it had something to tell (p->span,
 * p->chunk_done, p->saw_end), or -1 when it refused them. */
static ssize_t llhttp_feed(struct h1 *p, const char *s, size_t n) {
    p->span = STR_NONE;
    llhttp_errno_t e = llhttp_execute(&p->llhttp, s, n);
    if (e == HPE_OK) return (ssize_t)n;
    if (e != HPE_PAUSED) return -1;
    const char *at = llhttp_get_error_pos(&p->llhttp);
    llhttp_resume(&p->llhttp);
    return at - s;
}

static int feed_all(struct h1 *p, const char *s, size_t n) {
    while (n > 0) {
        ssize_t took = llhttp_feed(p, s, n);
        if (took < 0 || p->span.n > 0) return -1;
        if (took == 0 && !p->saw_end && !p->chunk_done) return -1;
        s += took;
        n -= (size_t)took;
        if (p->saw_end && n > 0) return -1;
    }
    return 0;
}

/* ---- steps ---------------------------------------------------------------------------------- */

static struct h1_step step(enum h1_event event, size_t taken) {
    return (struct h1_step){.event = event, .taken = taken};
}

static struct h1_step bad(struct h1 *p, int status, const char *error) {
    if (error) h1_refuse(p, status, error);
    p->state = BAD;
    return step(H1_BAD, 0);
}

/* ---- the head ------------------------------------------------------------------------------- */

/* Puts bytes of an incomplete head aside. */
static int block_add(struct h1 *p, const char *s, size_t n) {
    size_t need = p->block_n + n + H1_HEAD_PAD;
    if (need > p->block_cap) {
        size_t cap = p->block_cap ? p->block_cap * 2 : 512;
        while (cap < need)
            cap *= 2;
        char *block = arena_alloc(p->arena, cap);
        if (!block) return -1;
        if (p->block_n) memcpy(block, p->block, p->block_n);
        p->block = block;
        p->block_cap = cap;
    }
    memcpy(p->block + p->block_n, s, n);
    p->block_n += n;
    return 0;
}

/* Limits of a head that is `total` bytes long so far, `first` of them in its first line. */
static int check_limits(struct h1 *p, size_t total, size_t first) {
    if (p->lines == 0 && first > p->limits.line)
        return h1_refuse(p, 414, "the first line is too long");
    if (total > p->limits.header) return h1_refuse(p, 431, "the header is too large");
    if (p->lines - 1 > p->limits.fields)
        return h1_refuse(p, 431, "there are too many header fields");
    return 0;
}

/* Something that cannot become HTTP is refused at its first byte, not at a limit. */
static bool plausible(const struct h1 *p, char first) {
    return p->kind == H1_RESPONSE ? first == 'H' : first == '\r' || h1_is(first, H1_C_TOKEN);
}

/* Tells llhttp about the body to come; it sees the field lines as they were received. The start
 * line is a stand-in because llhttp knows only some methods. */
static int begin_body(struct h1 *p, struct str raw) {
    static const char *const start[2] = {"POST / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"};
    llhttp_init(&p->llhttp, p->kind == H1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    p->llhttp.data = p;
    const char *line = start[p->kind];
    if (feed_all(p, line, strlen(line)) || feed_all(p, raw.p, raw.n)) return -1;
    bool chunked = (p->llhttp.flags & F_CHUNKED) != 0;
    if (p->saw_end || chunked != p->head.chunked) return -1;
    return chunked || p->llhttp.content_length == (uint64_t)p->head.length ? 0 : -1;
}

/* What follows the head that was just parsed. */
static int after_head(struct h1 *p, struct str raw) {
    const struct head *h = &p->head;
    int status = h->status;
    if (p->kind == H1_RESPONSE && status < 200 && status != 101) {
        p->state = HEAD;
        p->interim = true;
        p->block = NULL;
        p->block_n = p->block_cap = p->line_n = 0;
        p->lines = 0;
        return 0;
    }
    bool none = p->to_head || status == 101 || status == 204 || status == 304 ||
                (h->length == 0 && !h->chunked);
    if (none) {
        p->state = DONE;
    } else if (!h->chunked && h->length < 0) {
        p->state = UNTIL_EOF;
    } else {
        if (begin_body(p, raw)) return h1_refuse(p, 400, "the length of the body is not clear");
        p->state = h->chunked ? SIZE_FIRST : LENGTH;
        p->lines = 0;
    }
    return 0;
}

/* The head ends at input `end`; its bytes are p->block and input start..end. */
static struct h1_step complete(struct h1 *p, struct str in, size_t start, size_t end) {
    size_t fields_n = (size_t)p->lines * sizeof(struct field), n = p->block_n + (end - start);
    struct field *fields;
    char *block;
    if (p->block_n == 0) { /* the usual case: all of it in one input, one copy, one allocation */
        char *room = arena_alloc(p->arena, fields_n + n + H1_HEAD_PAD);
        if (!room) return bad(p, 503, "out of memory");
        fields = (struct field *)(void *)room;
        block = room + fields_n;
        memcpy(block, in.p + start, n);
    } else {
        if (block_add(p, in.p + start, end - start)) return bad(p, 503, "out of memory");
        block = p->block;
        fields = arena_alloc(p->arena, fields_n);
        if (!fields) return bad(p, 503, "out of memory");
    }
    memset(block + n, 0, H1_HEAD_PAD);
    struct str raw;
    if (h1_head_parse(p, block, n, fields, &raw) || after_head(p, raw)) return bad(p, 0, NULL);
    return step(H1_HEAD, end);
}

/* One line ended at `lf`; `line` is its length with the line end. */
static int check_line(struct h1 *p, struct str in, const char *lf, size_t total, size_t line) {
    if (check_limits(p, total, line > 2 ? line - 2 : 0)) return -1;
    char before = lf > in.p ? lf[-1] : p->block_n ? p->block[p->block_n - 1] : 0;
    return before == '\r' ? 0 : h1_refuse(p, 400, "a line ends without CR LF");
}

static struct h1_step head_next(struct h1 *p, struct str in) {
    size_t at = 0, start = 0; /* bytes looked at; where the head begins in this input */
    while (at < in.n) {
        if (p->lines == 0 && p->line_n == 0 && !plausible(p, in.p[at]))
            return bad(p, 400, "this is not HTTP");
        const char *lf = memchr(in.p + at, '\n', in.n - at);
        if (!lf) break;
        size_t end = (size_t)(lf - in.p) + 1, line = p->line_n + (end - at);
        if (check_line(p, in, lf, p->block_n + (end - start), line)) return bad(p, 0, NULL);
        p->line_n = 0;
        at = end;
        if (line > 2) {
            p->lines++;
            continue;
        }
        if (p->lines > 0) return complete(p, in, start, end);
        if (++p->blanks > MAX_BLANKS) return bad(p, 400, "too many empty lines before a request");
        start = end;
        p->block_n = 0; /* a CR that was put aside */
    }
    p->line_n += in.n - at;
    if (start == in.n) return step(H1_MORE, in.n);
    /* The last byte may be the CR of the line's end. */
    if (check_limits(p, p->block_n + (in.n - start), p->line_n ? p->line_n - 1 : 0))
        return bad(p, 0, NULL);
    if (block_add(p, in.p + start, in.n - start)) return bad(p, 503, "out of memory");
    return step(H1_MORE, in.n);
}

/* ---- the body ------------------------------------------------------------------------------- */

/* Body bytes that llhttp counts: of a known length, or of one chunk. */
static struct h1_step data_next(struct h1 *p, struct str in) {
    ssize_t took = llhttp_feed(p, in.p ? in.p : "", in.n);
    if (took < 0) return bad(p, 400, "a chunk does not end where its size says");
    struct h1_step s = step(H1_MORE, (size_t)took);
    if (p->span.n > 0) {
        s.event = H1_BODY;
        s.body = p->span;
        size_t credit = p->span.n < p->aside ? p->span.n : p->aside;
        if (p->state == CHUNK) p->aside -= credit;
    } else if (p->saw_end) {
        s.event = H1_END;
        p->state = DONE;
    } else if (p->chunk_done) {
        p->chunk_done = false;
        p->state = SIZE_FIRST;
        p->line_n = 0;
    }
    return s;
}

/* A chunk line is complete: llhttp gets its CRLF and works out the size. */
static int chunk_line_end(struct h1 *p) {
    if (feed_all(p, "\r\n", 2)) return -1;
    if (p->chunk > INT64_MAX) return -1;
    p->state = p->chunk == 0 ? TRAILER : CHUNK;
    if (p->chunk == 0) p->aside = 0;
    return 0;
}

/* The size of a chunk: digits go to llhttp as they are. Returns the bytes taken, or -1. */
static ssize_t size_next(struct h1 *p, struct str in) {
    size_t n = 0;
    while (n < in.n && h1_is(in.p[n], H1_C_HEX))
        n++;
    p->line_n += n;
    if (n > 0 && feed_all(p, in.p, n)) return -1;
    if (n > 0) p->state = SIZE;
    if (n == in.n) return (ssize_t)n;
    if (p->state == SIZE_FIRST || (in.p[n] != ';' && in.p[n] != '\r')) return -1;
    p->state = in.p[n] == ';' ? EXTENSION : SIZE_LF;
    return (ssize_t)n + 1;
}

/* Extensions are read over and dropped (RFC 9112 section 7.1.1). */
static ssize_t extension_next(struct h1 *p, struct str in) {
    size_t n = 0;
    while (n < in.n && h1_is(in.p[n], H1_C_TEXT))
        n++;
    p->line_n += n;
    p->aside += n;
    if (p->aside > MAX_ASIDE) return -1;
    if (n == in.n) return (ssize_t)n;
    if (in.p[n] != '\r') return -1;
    p->state = SIZE_LF;
    return (ssize_t)n + 1;
}

/* Trailers are checked and dropped: nothing in them may act as a header field (RFC 9110 section
 * 6.5.1). Takes one byte; 0 or -1. */
static int trailer_next(struct h1 *p, char c) {
    switch ((enum state)p->state) {
    case TRAILER:
        if (c == '\r') {
            p->state = LAST_LF;
            return 0;
        }
        p->lines++;
        p->state = TRAILER_NAME;
        return h1_is(c, H1_C_TOKEN) ? 0 : -1;
    case TRAILER_NAME:
        if (c == ':') p->state = TRAILER_TEXT;
        return c == ':' || h1_is(c, H1_C_TOKEN) ? 0 : -1;
    case TRAILER_TEXT:
        if (c == '\r') p->state = TRAILER_LF;
        return c == '\r' || h1_is(c, H1_C_TEXT) ? 0 : -1;
    case TRAILER_LF:
        p->state = TRAILER;
        return c == '\n' ? 0 : -1;
    default: /* LAST_LF */
        if (c != '\n' || feed_all(p, "\r\n", 2)) return -1;
        if (!p->saw_end && llhttp_feed(p, "", 0) < 0) return -1;
        if (!p->saw_end) return -1;
        p->state = DONE;
        return 0;
    }
}

/* What stands between chunks. Takes all input up to the next body byte or the end. */
static struct h1_step lines_next(struct h1 *p, struct str in) {
    size_t at = 0;
    while (at < in.n) {
        ssize_t took = 1;
        if (p->state == SIZE_FIRST || p->state == SIZE) {
            took = size_next(p, str_from(in, at));
        } else if (p->state == EXTENSION) {
            took = extension_next(p, str_from(in, at));
        } else if (p->state == SIZE_LF) {
            if (in.p[at] != '\n' || chunk_line_end(p)) took = -1;
        } else if (p->state == CHUNK) {
            struct h1_step s = data_next(p, str_from(in, at));
            if (s.event != H1_MORE) {
                s.taken += at;
                return s;
            }
            took = (ssize_t)s.taken;
        } else {
            if (trailer_next(p, in.p[at])) return bad(p, 400, "a trailer is malformed");
            if (++p->aside > p->limits.header || p->lines > p->limits.fields)
                return bad(p, 431, "the trailers are too large");
        }
        if (took < 0 || p->line_n > MAX_CHUNK_LINE) return bad(p, 400, "a chunk size is malformed");
        at += (size_t)took;
        if (p->state == DONE) return step(H1_END, at);
    }
    return step(H1_MORE, at);
}

/* ---- the door ------------------------------------------------------------------------------- */

void h1_init(struct h1 *p, enum h1_kind kind, const struct h1_limits *limits, struct arena *arena) {
    *p = (struct h1){.limits = *limits, .arena = arena, .kind = (uint8_t)kind, .state = HEAD};
}

void h1_expect_no_body(struct h1 *p) {
    assert(p->kind == H1_RESPONSE && p->state == HEAD);
    p->to_head = true;
}

struct h1_step h1_next(struct h1 *p, struct str in) {
    switch ((enum state)p->state) {
    case HEAD:
        return head_next(p, in);
    case LENGTH:
        return data_next(p, in);
    case UNTIL_EOF:
        if (in.n == 0) return step(H1_MORE, 0);
        return (struct h1_step){.event = H1_BODY, .taken = in.n, .body = in};
    case DONE:
        return step(H1_END, 0);
    case BAD:
        return step(H1_BAD, 0);
    default:
        return lines_next(p, in);
    }
}

bool h1_begun(const struct h1 *p) {
    return p->state != HEAD || p->block_n > 0 || p->blanks > 0 || p->interim;
}

int h1_eof(struct h1 *p) {
    if (p->state == UNTIL_EOF) p->state = DONE;
    if (p->state == DONE) return 0;
    if (p->state == BAD) return ERR_PROTOCOL;
    /* Empty lines alone are no message. */
    return p->state == HEAD && p->block_n == 0 && !p->interim ? 0 : ERR_CLOSED;
}
