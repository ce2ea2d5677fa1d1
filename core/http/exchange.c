/*
 * exchange: one request and its answer, from the moment the head is complete. Turns what a handler
 * says into bytes: framing, Date, Connection, X-Request-Id and CORS are decided here. Called by
 * handlers and by conn; writes to the connection's stream and never reads from it.
 *
 * An exchange is taken from the worker's spare ones and goes back there, with the first block of
 * its arena and the room of its head buffer: a request costs no allocation.
 */
#include <assert.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/http/conn.h"
#include "core/http/door.h"
#include "core/http/policy.h"
#include "core/secure/token.h"

#define ARENA_FIRST  4000  /* a usual request fits */
#define SPARE_MAX    256   /* exchanges kept per worker */
#define HEAD_KEEP    16384 /* larger head buffers are not kept */
#define PARTS_MAX    28    /* slices of one exchange_write2 */
#define OWN_FIELDS   512   /* room for the status line and the fields of our own, but CORS */
#define PATH_LOGGED  1024  /* bytes of a path that go into the log */
#define SOCKET_TAKES 16384 /* bytes that the socket of a client who reads takes at once */

#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

/* ---- life ----------------------------------------------------------------------------------- */

struct exchange *exchange_new(struct conn *c) {
    struct http *h = c->server->http;
    struct list *node = list_pop(&h->spare);
    struct exchange *x;
    struct arena arena;
    struct buf head;
    if (node) {
        h->n_spare--;
        x = LIST_ENTRY(node, struct exchange, link);
        arena = x->arena;
        head = x->head;
    } else {
        x = mem_alloc(sizeof *x);
        if (!x) return NULL;
        arena_init(&arena, ARENA_FIRST);
        buf_init(&head);
    }
    const struct h1_limits limits = {
        .line = conf.max_request_line, .header = conf.max_header, .fields = (int)conf.max_headers};
    memset(x, 0, sizeof *x);
    x->worker = h->worker;
    x->conn = c;
    x->arena = arena;
    x->head = head;
    x->length = -1;
    list_init(&x->later);
    list_init(&x->refresh_link);
    list_push(&h->open, &x->link);
    stream_charge(&c->stream, NULL); /* nothing of the answer before waits any more */
    h1_init(&x->h1, H1_REQUEST, &limits, &x->arena);
    c->x = x;
    return x;
}

/* Neither the query nor any field is ever logged: they may hold secrets. */
static void log_it(const struct exchange *x) {
    const struct head *h = &x->h1.head;
    if (!x->routed) {
        log_info("request refused", LOGI("status", x->status), LOGZ("error", x->h1.error),
                 LOGS("peer", exchange_peer(x)));
        return;
    }
    double ms = (double)(uv_hrtime() - x->started) / 1e6;
    log_info("request", LOGS("request_id", x->id), LOGS("method", str_first(h->method, 32)),
             LOGS("path", str_first(h->path, PATH_LOGGED)), LOGI("status", x->status),
             LOGI("bytes", x->sent), LOGF("ms", ms), LOGS("peer", exchange_peer(x)),
             LOGS("service", x->route ? x->route->name : STR_NONE), LOGS("upstream", x->upstream));
}

/* What is asked of the host's own pages is no traffic: a scrape must not find itself in its
 * numbers, nor fill the log. */
static bool is_traffic(const struct exchange *x) {
    return !x->conn->server->fixed;
}

static void count(const struct exchange *x) {
    if (!is_traffic(x)) return;
    if (x->status >= 500)
        stat_add(STAT_RESPONSES_5XX, 1);
    else if (x->status >= 400)
        stat_add(STAT_RESPONSES_4XX, 1);
    else if (x->status > 0)
        stat_add(STAT_RESPONSES_2XX, 1);
    if (x->routed) stat_add(STAT_REQUESTS_OPEN, -1);
}

void exchange_over(struct exchange *x) {
    struct http *h = x->conn->server->http;
    x->ended = true;
    count(x);
    bool told = x->routed || x->status > 0;
    if (told && conf.log_access && is_traffic(x)) log_it(x);
    if (x->on_free) x->on_free(x);
    if (x->policy) policy_over(x);
    if (x->auth) token_claims_give(x->auth);
    if (x->view) route_view_give(x->view);
    x->conn->x = NULL;
    list_unlink(&x->later);
    list_unlink(&x->link);
    arena_reset(&x->arena);
    buf_clear(&x->head);
    x->head.failed = false;
    if (h->n_spare < SPARE_MAX && x->head.cap <= HEAD_KEEP) {
        h->n_spare++;
        list_push_front(&h->spare, &x->link);
        return;
    }
    arena_free(&x->arena);
    buf_free(&x->head);
    mem_free(x);
}

void exchange_free_spare(struct http *h) {
    struct list *node;
    while ((node = list_pop(&h->spare))) {
        struct exchange *x = LIST_ENTRY(node, struct exchange, link);
        arena_free(&x->arena);
        buf_free(&x->head);
        mem_free(x);
    }
    h->n_spare = 0;
}

/* ---- from the head to the handler ----------------------------------------------------------- */

static bool valid_id(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && c != '.' && c != '_' && c != '-') return false;
    }
    return s.n > 0 && s.n <= 64;
}

/* Ids of one worker never repeat: the steps that mix the counter can all be undone. */
static void give_id(struct exchange *x) {
    struct http *h = x->conn->server->http;
    x->id = head_get(&x->h1.head, H1_X_REQUEST_ID);
    if (valid_id(x->id)) return;
    uint64_t v = h->id_seed + h->ids++ * 0x9e3779b97f4a7c15u;
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
    v ^= v >> 31;
    for (int i = 0; i < 16; i++, v >>= 4)
        x->id_text[i] = "0123456789abcdef"[v & 15];
    x->id = str_make(x->id_text, sizeof x->id_text);
}

static void allow(struct exchange *x, int status) {
    const struct field f = {.name = STR("Allow"), .value = STR(METHODS)};
    exchange_answer_fields(x, status, &f, 1, STR_NONE);
}

/* Requests that mean the server itself, or something it does not do. True = answered. */
static bool about_server(struct exchange *x) {
    const struct head *h = &x->h1.head;
    if (h->expect_other) {
        exchange_error(x, 417, "this Expect cannot be met");
    } else if (h->is_connect || str_eq(h->method, STR("TRACE"))) {
        allow(x, 405);
    } else if (str_eq(h->path, STR("*"))) {
        allow(x, 200);
    } else {
        return false;
    }
    return true;
}

/* Finds the handler. False = answered already, x is over. */
static bool find_handler(struct exchange *x) {
    x->handler = x->conn->server->fixed;
    if (x->handler) return true;
    if (door_path_blocked(x->h1.head.path, &x->arena)) {
        exchange_nowhere(x);
        return false;
    }
    x->view = route_view_take(x->worker);
    if (!x->view) {
        exchange_error(x, 503, "this host is starting, it has no routes yet");
        return false;
    }
    struct route_place at;
    const struct route *route = route_match(x->view, x->h1.head.path, &x->arena, &at);
    if (!route || door_port_blocked(at.port)) {
        exchange_nowhere(x);
        return false;
    }
    x->route = route;
    x->segment = at.segment;
    x->rest = at.rest;
    x->port = at.port;
    x->handler = route->handler;
    x->cors = (route->flags & (ROUTE_CORS | ROUTE_ORIGIN)) != 0;
    return true;
}

void exchange_dispatch(struct exchange *x) {
    if (is_traffic(x)) {
        stat_add(STAT_REQUESTS, 1);
        stat_add(STAT_REQUESTS_OPEN, 1);
    }
    x->started = uv_hrtime();
    x->close = !x->h1.head.keep_alive;
    give_id(x);
    if (!about_server(x) && find_handler(x)) exchange_resume(x);
}

void exchange_resume(struct exchange *x) {
    if (x->ended) return;
    x->waiting = false;
    switch (plan_run(x)) {
    case PLAN_NEXT:
        x->handling = true;
        x->handler->request(x);
        return;
    case PLAN_LATER:
        x->waiting = true;
        return;
    case PLAN_ANSWERED:
        return; /* x is over */
    }
}

/* ---- request body --------------------------------------------------------------------------- */

/* The client holds its body back until it is told to go on (RFC 9110 section 10.1.1). */
static void go_on(struct exchange *x) {
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct conn *c = x->conn;
    if (!x->h1.head.expect || x->continued || x->begun || x->all_in) return;
    x->continued = true;
    if (x->received > 0 || c->more || c->held) return; /* it did not wait */
    ssize_t rc = stream_write1(&c->stream, text, sizeof text - 1);
    if (rc < 0)
        conn_break(c, (int)rc);
    else
        conn_wrote(c, sizeof text - 1, (size_t)rc);
}

void exchange_read(struct exchange *x) {
    if (x->ended || x->conn->broken) return;
    x->reading = true;
    go_on(x);
    conn_settle(x->conn);
}

void exchange_pause(struct exchange *x) {
    x->reading = false;
}

/* ---- response head -------------------------------------------------------------------------- */

static char *put(char *q, struct str s) {
    memcpy(q, s.p, s.n);
    return q + s.n;
}
#define PUT(q, lit) put((q), STR(lit))

static char *put_number(char *q, uint64_t v) {
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0)
        *q++ = digits[--n];
    return q;
}

static size_t fields_room(const struct field *fields, int n) {
    size_t room = 0;
    for (int i = 0; i < n; i++)
        room += fields[i].name.n + fields[i].value.n + 4;
    return room;
}

/* Fields that are ours to say. */
static bool ours(uint8_t id) {
    switch (id) {
    case H1_CONTENT_LENGTH:
    case H1_TRANSFER_ENCODING:
    case H1_CONNECTION:
    case H1_KEEP_ALIVE:
    case H1_PROXY_CONNECTION:
    case H1_X_REQUEST_ID:
        return true;
    default:
        return false;
    }
}

static char *put_fields(char *q, const struct exchange *x, const struct field *fields, int n,
                        bool *dated) {
    bool limited = x->policy && x->policy->limited; /* then it says so itself */
    for (int i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        uint8_t id = f->id ? f->id : h1_field_id(f->name);
        if (ours(id) || (limited && str_ieq(str_first(f->name, 10), STR("ratelimit-")))) continue;
        if (!h1_valid_name(f->name) || !h1_valid_value(f->value)) {
            log_warn("a response field was left out: its name or value is invalid",
                     LOGS("request_id", x->id), LOGS("path", str_first(x->h1.head.path, 256)),
                     LOGI("field", i));
            continue;
        }
        if (id == H1_DATE) *dated = true;
        q = put(q, f->name);
        q = PUT(q, ": ");
        q = put(q, f->value);
        q = PUT(q, "\r\n");
    }
    return q;
}

/* OWN_FIELDS has room for them. */
static char *put_limit(char *q, const struct field rate[3]) {
    for (int i = 0; i < 3; i++) {
        q = put(q, rate[i].name);
        q = PUT(q, ": ");
        q = put(q, rate[i].value);
        q = PUT(q, "\r\n");
    }
    return q;
}

static char *put_status(char *q, int status) {
    q = PUT(q, "HTTP/1.1 ");
    q = put_number(q, (uint64_t)status);
    *q++ = ' '; /* it stays when there is no reason (RFC 9112 section 4) */
    q = put(q, str_of(h1_reason(status)));
    return PUT(q, "\r\n");
}

/* How the end of the body is told (RFC 9112 section 6). */
static char *put_framing(char *q, const struct exchange *x) {
    int status = x->status;
    if (status < 200 || status == 204 || (status == 304 && x->length <= 0)) return q;
    if (x->length >= 0) {
        q = PUT(q, "Content-Length: ");
        q = put_number(q, (uint64_t)x->length);
        return PUT(q, "\r\n");
    }
    return x->chunked ? PUT(q, "Transfer-Encoding: chunked\r\n") : q;
}

static char *put_connection(char *q, const struct exchange *x) {
    if (x->status == 101) return PUT(q, "Connection: Upgrade\r\n");
    if (x->status == 426)
        return x->close ? PUT(q, "Connection: close, Upgrade\r\n")
                        : PUT(q, "Connection: Upgrade\r\n");
    if (x->close) return PUT(q, "Connection: close\r\n");
    return x->h1.head.minor == 0 ? PUT(q, "Connection: keep-alive\r\n") : q;
}

/* Will the rest of the request body not be read to its end? */
static bool body_is_left(const struct exchange *x) {
    const struct head *h = &x->h1.head;
    if (x->all_in || !x->routed) return false;
    if (h->expect && !x->continued) return true; /* nobody knows whether it will come */
    return h->length > 0 && (uint64_t)h->length - x->received > CONN_DISCARD;
}

/* What kind of response this is. */
static void decide(struct exchange *x, int status, int64_t length) {
    const struct conn *c = x->conn;
    bool old = x->routed && x->h1.head.minor == 0;
    x->status = status;
    x->no_body = x->h1.head.is_head || status == 204 || status == 205 || status == 304;
    x->length = status == 205 ? 0 : status == 101 ? -1 : length;
    if (x->length < 0 && status >= 200) {
        x->chunked = !old;
        if (old && !x->no_body) x->close = true;
    }
    x->close = x->close || status == 101 || c->eof || c->server->draining || body_is_left(x) ||
               (int64_t)c->requests >= conf.keepalive_requests;
}

int exchange_begin(struct exchange *x, int status, const struct field *fields, int n,
                   int64_t length) {
    if (x->ended || x->conn->broken) return ERR_CLOSED;
    assert(!x->begun);
    if ((status < 200 && status != 101) || status > 599) status = 500;
    char *start = buf_room(&x->head, OWN_FIELDS + fields_room(fields, n)), *q = start;
    if (!q) {
        conn_break(x->conn, -ENOMEM);
        return -ENOMEM;
    }
    bool dated = false;
    decide(x, status, length);
    q = put_status(q, status);
    q = put_fields(q, x, fields, n, &dated);
    if (x->policy && x->policy->limited) q = put_limit(q, x->policy->rate);
    if (!dated) {
        q = PUT(q, "Date: ");
        q = put(q, str_of(x->worker->date));
        q = PUT(q, "\r\n");
    }
    q = put_framing(q, x);
    q = put_connection(q, x);
    if (x->id.n > 0) {
        q = PUT(q, "X-Request-Id: ");
        q = put(q, x->id);
        q = PUT(q, "\r\n");
    }
    x->head.n += (size_t)(q - start);
    if (x->cors) plan_cors(x, fields, n, &x->head);
    buf_str(&x->head, STR("\r\n"));
    if (!buf_ok(&x->head)) {
        conn_break(x->conn, -ENOMEM);
        return -ENOMEM;
    }
    x->begun = x->unsent = true;
    if (list_empty(&x->later)) list_push(&x->conn->server->http->later, &x->later);
    return 0;
}

int exchange_interim(struct exchange *x, int status, const struct field *fields, int n) {
    if (x->ended || x->conn->broken) return ERR_CLOSED;
    assert(!x->begun && status >= 100 && status < 200 && status != 101);
    if (x->h1.head.minor == 0) return 0; /* RFC 9110 section 15.2 */
    bool dated = false;
    char *start = buf_room(&x->head, OWN_FIELDS + fields_room(fields, n));
    if (!start) {
        conn_break(x->conn, -ENOMEM);
        return -ENOMEM;
    }
    char *q = put_status(start, status);
    q = put_fields(q, x, fields, n, &dated);
    q = PUT(q, "\r\n");
    if (status == 100) x->continued = true;
    ssize_t rc = stream_write1(&x->conn->stream, start, (size_t)(q - start));
    if (rc < 0) {
        conn_break(x->conn, (int)rc);
        return (int)rc;
    }
    conn_wrote(x->conn, (size_t)(q - start), (size_t)rc);
    return 0;
}

/* ---- response body -------------------------------------------------------------------------- */

/* Sends `parts` with the head before them if that has not left yet; parts[0] is left free for it.
 * Returns 0, 1 or a negative code as exchange_write does. */
static int send_parts(struct exchange *x, struct str *parts, int n) {
    struct conn *c = x->conn;
    size_t total = 0;
    parts[0] = x->unsent ? buf_view(&x->head) : STR("");
    for (int i = 0; i < n; i++)
        total += parts[i].n;
    ssize_t rc = stream_write(&c->stream, parts, n);
    if (x->unsent) {
        x->unsent = false;
        buf_clear(&x->head);
        list_unlink(&x->later);
    }
    if (rc < 0) {
        conn_break(c, (int)rc);
        return (int)rc;
    }
    conn_wrote(c, total, (size_t)rc);
    if ((uint64_t)rc <= conf.write_high) return 0;
    x->want_drain = true;
    return 1;
}

/* A chunk's size line: "1a\r\n". */
static struct str size_line(char out[18], size_t n) {
    char *q = out + 18;
    *--q = '\n';
    *--q = '\r';
    do
        *--q = "0123456789abcdef"[n & 15];
    while ((n >>= 4) > 0);
    return str_make(q, (size_t)(out + 18 - q));
}

int exchange_write2(struct exchange *x, const struct str *parts, int n) {
    if (x->ended || x->conn->broken) return ERR_CLOSED;
    assert(x->begun && n <= PARTS_MAX);
    struct str all[PARTS_MAX + 3];
    char size[18];
    size_t total = 0;
    int m = 2; /* head, chunk size */
    for (int i = 0; i < n; i++) {
        total += parts[i].n;
        if (parts[i].n > 0) all[m++] = parts[i];
    }
    if (total == 0 || x->no_body) return 0;
    if (x->length >= 0 && x->sent + total > (uint64_t)x->length) {
        log_error("a response is longer than it said; it was cut", LOGS("request_id", x->id),
                  LOGI("said", x->length));
        conn_break(x->conn, ERR_LIMIT);
        return ERR_LIMIT;
    }
    x->sent += total;
    all[1] = x->chunked ? size_line(size, total) : STR("");
    if (x->chunked) all[m++] = STR("\r\n");
    return send_parts(x, all, m);
}

int exchange_write(struct exchange *x, const char *p, size_t n) {
    struct str part = {p, n};
    return exchange_write2(x, &part, 1);
}

void exchange_charge(struct exchange *x, struct stream_payer *p) {
    if (x->conn->stream.pending == 0) stream_charge(&x->conn->stream, p);
}

bool exchange_has_room(const struct exchange *x, size_t n) {
    struct stream_payer *p = x->conn->stream.payer;
    if (!p || n <= SOCKET_TAKES || stream_payer_has_room(p, n)) return true;
    if (p->full) p->full(p);
    return false;
}

void exchange_flush(struct exchange *x) {
    struct str head;
    if (x->unsent) send_parts(x, &head, 1);
}

void exchange_end(struct exchange *x) {
    if (x->ended) return;
    if (!x->begun && !x->conn->broken) {
        log_error("a handler ended without an answer", LOGS("request_id", x->id));
        exchange_error(x, 500, "Internal Server Error");
        return;
    }
    bool measured = x->begun && x->length >= 0 && !x->no_body && !x->tunnel;
    if (measured && x->sent < (uint64_t)x->length) {
        exchange_abort(x);
        return;
    }
    struct str parts[2] = {STR(""), STR("0\r\n\r\n")};
    bool last = x->chunked && !x->no_body;
    if (!x->conn->broken && (x->unsent || last)) send_parts(x, parts, last ? 2 : 1);
    x->ended = true;
    x->want_drain = false;
    conn_answered(x->conn);
}

void exchange_abort(struct exchange *x) {
    if (x->ended) return;
    x->ended = true;
    conn_reset(x->conn);
}

void exchange_tunnel(struct exchange *x) {
    if (x->ended || x->conn->broken) return;
    assert(x->begun && x->status == 101);
    x->tunnel = true;
    x->request_done = false; /* what comes is another stream, with an end of its own */
    exchange_flush(x);
}

/* ---- whole answers -------------------------------------------------------------------------- */

void exchange_answer_fields(struct exchange *x, int status, const struct field *fields, int n,
                            struct str body) {
    if (exchange_begin(x, status, fields, n, (int64_t)body.n) == 0)
        exchange_write(x, body.p, body.n);
    exchange_end(x);
}

void exchange_answer(struct exchange *x, int status, struct str type, struct str body) {
    struct field f = {.name = STR("Content-Type"), .value = type, .id = H1_CONTENT_TYPE};
    exchange_answer_fields(x, status, &f, type.n > 0, body);
}

void exchange_plain(struct exchange *x, int status, const char *text) {
    exchange_answer(x, status, STR("text/plain; charset=utf-8"), str_of(text));
}

bool exchange_preflight(const struct exchange *x) {
    return str_eq(x->h1.head.method, STR("OPTIONS"));
}

void exchange_nowhere(struct exchange *x) {
    if (exchange_preflight(x))
        exchange_answer(x, 200, STR_NONE, STR_NONE);
    else
        exchange_plain(x, 404, "no instances found");
}

/* A 401 must name a scheme (RFC 9110 section 15.5.2); Retry-After: section 10.2.3. */
void exchange_error_body(struct exchange *x, int status, struct str body, int retry_after) {
    char seconds[16];
    struct field fields[3] = {
        {.name = STR("Content-Type"), .value = STR("application/json"), .id = H1_CONTENT_TYPE}};
    int n = 1;
    if (status == 401)
        fields[n++] = (struct field){.name = STR("WWW-Authenticate"), .value = STR("Bearer")};
    if (retry_after > 0) {
        int length = snprintf(seconds, sizeof seconds, "%d", retry_after);
        fields[n++] =
            (struct field){STR("Retry-After"), str_make(seconds, (size_t)length), H1_RETRY_AFTER};
    }
    exchange_answer_fields(x, status, fields, n, body);
}

void exchange_error(struct exchange *x, int status, const char *text) {
    struct buf body;
    buf_init(&body);
    buf_str(&body, STR("{\"error\": "));
    buf_json(&body, str_of(text));
    buf_char(&body, '}');
    struct str s = buf_ok(&body) ? buf_view(&body) : STR("{\"error\": \"out of memory\"}");
    exchange_error_body(x, status, s, 0);
    buf_free(&body);
}

void exchange_refuse(struct exchange *x, int status, const char *why) {
    x->close = true;
    x->cors = false;
    exchange_error(x, status, why);
}

/* ---- who is there --------------------------------------------------------------------------- */

struct str exchange_peer(const struct exchange *x) {
    return str_make(x->conn->peer, x->conn->peer_n);
}

int exchange_port(const struct exchange *x) {
    return server_port(x->conn->server);
}
