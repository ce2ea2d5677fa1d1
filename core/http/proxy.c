/*
 * proxy: see proxy.h. The server calls the handler, a call (client.h) calls back.
 *
 * A pump is one proxied exchange: it joins the exchange and the call, and owns what both need. Each
 * side has a producer and a consumer, and each consumer may say "stop": handler->drained resumes
 * the call, call_ops.drained resumes the exchange. Bytes are never kept here.
 *
 * How a pump ends: the answer is complete (exchange_end), it broke (exchange_abort), we answered in
 * the upstream's place (answer), or the client went away (gone). After each the exchange is not
 * ours any more and pump->x is NULL. All of this can happen below any function of the exchange or
 * the call, so every callback stands between pump_enter and pump_leave, which frees.
 *
 * Texts for clients name the service, never an instance, its address or its error: those are
 * logged.
 */
#include "core/http/proxy.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/http/client.h"
#include "core/http/conn.h"
#include "core/http/forward.h"
#include "core/http/pick.h"
#include "core/http/policy.h"
#include "core/http/trust.h"

#define PUMPS_KEPT  512         /* idle pumps per worker */
#define ARENA_FIRST 2048        /* holds a usual response head */
#define KEEP_BYTES  (64 * 1024) /* buffers that grew larger go back */
#define RETRY_AFTER "2"         /* seconds, like PICK_REST */

/* What the proxy keeps per worker. */
struct proxy_local {
    struct list spare; /* struct pump.link */
    int n_spare;
    int n_busy;              /* pumps in use */
    bool closed;             /* proxy_close was called: freed with the last pump */
    struct list corked;      /* struct pump.corked: heads that wait for the body's first bytes */
    struct worker_turn turn; /* sends those whose body did not come */
    struct pick pick;
};

/* One proxied exchange. */
struct pump {
    struct list link;   /* spare pumps */
    struct list corked; /* heads that wait; in none otherwise */
    struct proxy_local *local;
    struct exchange *x; /* NULL once it is over */
    struct call call;
    struct arena arena;  /* response heads */
    struct buf head;     /* request head as sent */
    struct timer budget; /* the client's patience, when it said how long that is */
    struct forward_from from;
    const struct upstreams *list; /* who may answer; alive as long as x */
    const struct upstream *to;    /* who is asked now */
    struct load *load;            /* where it is counted; NULL = nowhere */
    int64_t length;               /* of the response while a policy is asked about it */
    bool event_stream;            /* that it is one */
    enum choose_how how;          /* which chooser it is */
    uint64_t key;                 /* of CHOOSE_HASH */
    int tries;                    /* attempts so far */
    int refused;                  /* of them, those that found nobody */
    int depth;                    /* callbacks on the stack */
    bool starting;                /* attempt() is at work: a failure only sets `again` */
    bool again;                   /* try once more */
    bool same;                    /* at the same instance, over a fresh connection */
    bool begun;                   /* the client got the head of a final response */
    bool blocked;                 /* the exchange is paused until the call drained */
    bool client_done;             /* of a tunnel: the client ended its side */
    bool server_done;             /* of a tunnel: the instance ended its side */
};

static _Thread_local struct proxy_local *local;

static void attempt(struct pump *p);
static void answer(struct pump *p, int status, bool retry, const char *text)
    __attribute__((format(printf, 4, 0)));
static void finish(struct pump *p);
static void too_late(struct timer *t);
static bool uncork(struct worker_turn *turn);
static const struct call_ops call_ops;

/* ---- pumps ----------------------------------------------------------------------------------- */

static void pump_free(struct pump *p) {
    timer_remove(p->call.worker, &p->budget);
    call_free(&p->call);
    arena_free(&p->arena);
    buf_free(&p->head);
    mem_free(p);
}

static struct pump *pump_new(struct worker *w) {
    if (!local) {
        local = mem_zalloc(sizeof *local);
        if (!local) return NULL;
        list_init(&local->spare);
        list_init(&local->corked);
        local->turn.run = uncork;
        worker_turn_add(w, &local->turn);
    }
    struct list *node = list_pop(&local->spare);
    struct pump *p;
    if (node) {
        p = LIST_ENTRY(node, struct pump, link);
        local->n_spare--;
    } else {
        p = mem_zalloc(sizeof *p);
        if (!p) return NULL;
        list_init(&p->link);
        list_init(&p->corked);
        arena_init(&p->arena, ARENA_FIRST);
        timer_init(&p->budget, too_late);
        p->local = local;
        p->call.ops = &call_ops;
        p->call.data = p;
        p->call.worker = w;
        p->call.arena = &p->arena;
        p->call.over = true;
    }
    local->n_busy++;
    return p;
}

static void local_free(struct proxy_local *l) {
    if (!l->closed || l->n_busy) return;
    assert(list_empty(&l->spare));
    mem_free(l);
}

/* Nobody needs it any more: keeps it for the next exchange, or frees it. */
static void pump_give(struct pump *p) {
    struct proxy_local *l = p->local;
    call_cancel(&p->call);
    timer_disarm(p->call.worker, &p->budget);
    list_unlink(&p->corked);
    l->n_busy--;
    if (l->closed || l->n_spare >= PUMPS_KEPT) {
        pump_free(p);
        local_free(l);
        return;
    }
    arena_reset(&p->arena);
    if (p->head.cap > KEEP_BYTES) buf_free(&p->head);
    if (p->call.out.cap > KEEP_BYTES) buf_free(&p->call.out);
    buf_free(&p->call.rest);
    buf_free(&p->call.raw);
    list_push_front(&l->spare, &p->link);
    l->n_spare++;
}

/* It is with that instance now, NULL = with none any more. What counts lives as long as the
 * exchange. */
static void pump_count(struct pump *p, const struct upstream *u) {
    if (p->load) atomic_fetch_sub_explicit(&p->load->open, 1, memory_order_relaxed);
    p->load = u ? u->load : NULL;
    if (p->load) atomic_fetch_add_explicit(&p->load->open, 1, memory_order_relaxed);
}

/* The exchange is over, or somebody else's from now on. */
static struct exchange *pump_part(struct pump *p) {
    struct exchange *x = p->x;
    if (p->load) pump_count(p, NULL);
    if (x->policy) policy_cancel(x);
    p->x = NULL;
    return x;
}

static void pump_enter(struct pump *p) {
    p->depth++;
}

static void pump_leave(struct pump *p) {
    if (--p->depth == 0 && !p->x) pump_give(p);
}

void proxy_close(struct worker *w) {
    struct proxy_local *l = local;
    if (!l) return;
    assert(worker_self() == w);
    local = NULL;
    l->closed = true;
    worker_turn_remove(&l->turn);
    for (struct list *node; (node = list_pop(&l->spare));)
        pump_free(LIST_ENTRY(node, struct pump, link));
    l->n_spare = 0;
    local_free(l);
}

/* ---- the request ----------------------------------------------------------------------------- */

/* Instances have one port. And "/" is the page of whoever runs the host, not of the first account
 * that calls itself root. */
static bool elsewhere(const struct exchange *x) {
    return (x->port != 0 && x->port != 443) || str_eq(x->h1.head.path, STR("/"));
}

/* Answers what must not be forwarded. True when it did. */
static bool refused(struct exchange *x, const struct upstreams *list, int64_t max_forwards) {
    const struct head *h = &x->h1.head;
    if (!list || list->n == 0 || elsewhere(x)) {
        x->cors = false;
        exchange_nowhere(x);
    } else if (forward_loops(h)) {
        log_warn("request came back to this host", LOGS("request_id", x->id),
                 LOGS("service", x->segment));
        exchange_error(x, 508,
                       "the request came back to this host: an instance of the service "
                       "points at the host itself");
    } else if (max_forwards == 0) { /* it ends here (RFC 9110 section 7.6.2) */
        static const struct field allow = {{"Allow", 5}, {"OPTIONS", 7}, H1_OTHER};
        bool options = str_eq(h->method, STR("OPTIONS"));
        exchange_answer_fields(x, options ? 204 : 405, &allow, 1, STR_NONE);
    } else {
        return false;
    }
    return true;
}

/* Sets the timer for a client that said how long it waits; some of that may be over. */
static int wait_no_longer(struct pump *p) {
    const struct exchange *x = p->x;
    if (x->budget_ms == 0) return 0;
    uint64_t age = (uv_hrtime() - x->started) / 1000000;
    uint64_t left = x->budget_ms > age ? x->budget_ms - age : 0;
    return timer_arm(x->worker, &p->budget, left);
}

/* Which chooser it is. What has no key to stick to goes in turn. */
static void choose(struct pump *p) {
    const struct chooser *c = &p->list->chooser;
    const struct policy *said = p->x->policy && p->x->policy->chosen ? p->x->policy : NULL;
    p->how = said ? said->how : c->how;
    p->key = said ? said->key : 0;
    if (p->how != CHOOSE_HASH || (said && said->keyed)) return;
    if (!choose_key(c, p->x, &p->key)) p->how = CHOOSE_ROUND_ROBIN;
}

static void proxy_request(struct exchange *x) {
    const struct head *h = &x->h1.head;
    const struct upstreams *list = x->route ? x->route->data : NULL;
    int64_t max_forwards = forward_max(h);
    if (refused(x, list, max_forwards)) return;
    struct str target = policy_target(x);
    struct pump *p = target.p ? pump_new(x->worker) : NULL;
    if (!p) {
        exchange_error(x, 503, "out of memory");
        return;
    }
    x->data = p;
    p->x = x;
    p->list = list;
    p->to = NULL;
    p->load = NULL;
    choose(p);
    p->tries = p->refused = 0;
    p->same = p->begun = p->blocked = p->client_done = p->server_done = false;
    p->from = (struct forward_from){
        .peer = exchange_peer(x),
        .trusted = trust_peer(exchange_peer(x)),
        .scheme = STR("http"),
        .port = exchange_port(x),
        .id = x->id,
        .auth = policy_head(x) == h ? x->auth_text : STR_NONE,
        .target = target,
        .websocket = forward_websocket(h),
        .max_forwards = max_forwards > 0 ? max_forwards - 1 : -1,
    };
    p->call.idempotent = forward_idempotent(h->method);
    p->call.to_head = h->is_head;

    pump_enter(p);
    if (wait_no_longer(p) < 0)
        answer(p, 503, true, "out of memory");
    else
        attempt(p);
    if (p->x && h->length != 0) exchange_read(x);
    if (p->x && p->call.unsent) list_push(&p->local->corked, &p->corked);
    pump_leave(p);
}

/* At the end of the turn: a body that came with its head left with it; heads whose body takes its
 * time leave now. */
static bool uncork(struct worker_turn *turn) {
    struct proxy_local *l = LIST_ENTRY(turn, struct proxy_local, turn);
    for (struct list *node; (node = list_pop(&l->corked));) {
        struct pump *p = LIST_ENTRY(node, struct pump, corked);
        pump_enter(p);
        call_flush(&p->call);
        pump_leave(p);
    }
    return false;
}

/* The instance to ask now: the one that a policy named, later and else whom the chooser takes. */
static const struct upstream *next(struct pump *p) {
    const struct policy *said = p->x->policy;
    if (said && said->to && p->tries == 0) return said->to;
    return pick_next(&p->local->pick, p->list, p->how, p->key, p->x->worker->now_ms);
}

/* Sends the request to an instance; to the next one as long as that fails at once. */
static void attempt(struct pump *p) {
    struct exchange *x = p->x;
    const struct head *h = policy_head(x);
    struct call *c = &p->call;
    p->starting = true;
    do {
        p->again = false;
        if (!p->same) p->to = next(p);
        if (p->load || p->to->load) pump_count(p, p->to);
        if (forward_request(&p->head, h, p->to, &p->from) < 0) {
            answer(p, 503, true, "out of memory");
            break;
        }
        x->upstream = p->to->url;
        arena_reset(&p->arena);
        c->fresh = p->same;
        c->streaming = false;
        struct pool_addr addr = {p->to->host, p->to->port};
        struct str head = buf_view(&p->head);
        if (p->tries++ == 0) {
            c->cork = h->length != 0;
            call_start(c, &addr, &head, 1, h->length);
        } else {
            stat_add(STAT_UPSTREAM_RETRIES, 1);
            c->cork = false;
            call_again(c, &addr, &head, 1);
        }
    } while (p->again);
    p->starting = false;
}

/* Request body, or a tunnel's bytes. */
static void proxy_body(struct exchange *x, const char *bytes, size_t n, bool last) {
    struct pump *p = x->data;
    pump_enter(p);
    if (last) p->client_done = true;
    int rc = last ? call_write_last(&p->call, bytes, n) : call_write(&p->call, bytes, n);
    if (p->x && p->client_done && p->server_done) {
        finish(p);
    } else if (p->x && rc == 1 && !last) {
        p->blocked = true;
        exchange_pause(x);
    }
    pump_leave(p);
}

static void proxy_drained(struct exchange *x) {
    struct pump *p = x->data;
    pump_enter(p);
    call_resume(&p->call);
    pump_leave(p);
}

static void proxy_gone(struct exchange *x, int code) {
    struct pump *p = x->data;
    pump_enter(p);
    pump_part(p);
    call_cancel(&p->call);
    pump_leave(p);
}

const struct handler proxy_handler = {"proxy", proxy_request, proxy_body, proxy_drained,
                                      proxy_gone};

/* ---- the response ---------------------------------------------------------------------------- */

/* The instance agreed to switch: what was asked for becomes a tunnel, anything else fails (the call
 * sees that nobody took it up). */
static void switch_over(struct pump *p, const struct head *h, struct field *fields, int n) {
    struct exchange *x = p->x;
    if (!p->from.websocket || !str_ieq(head_get(h, H1_UPGRADE), STR("websocket"))) return;
    fields[n++] = (struct field){STR("Upgrade"), STR("websocket"), H1_UPGRADE};
    p->begun = true;
    timer_disarm(x->worker, &p->budget);
    x->streaming = true;
    call_tunnel(&p->call);
    if (exchange_begin(x, 101, fields, n, -1) < 0) return;
    exchange_tunnel(x);
    if (p->x) exchange_read(x);
}

static bool event_stream(const struct head *h) {
    struct str type, rest;
    str_cut(head_get(h, H1_CONTENT_TYPE), ';', &type, &rest);
    return str_ieq(str_trim(type), STR("text/event-stream"));
}

/* Length to announce: what the instance said, or what is known because all of it is here. */
static int64_t length_of(const struct pump *p, const struct head *h) {
    bool bodiless = p->call.to_head || h->status == 304;
    return h->length < 0 && !bodiless ? p->call.whole : h->length;
}

/* The final head goes to the client. */
static void begin(struct pump *p, int status, const struct field *fields, int n) {
    struct exchange *x = p->x;
    if (p->event_stream) x->streaming = p->call.streaming = true;
    exchange_begin(x, status, fields, n, p->length);
}

/* A policy has spoken, later than the instance. */
static void policy_over_head(struct exchange *x) {
    struct pump *p = x->data;
    const struct policy *said = x->policy;
    pump_enter(p);
    begin(p, said->status, said->fields, said->n_fields);
    if (p->x) call_resume(&p->call);
    pump_leave(p);
}

/* A policy may look at it before, which may take its time. */
static void ask_and_begin(struct pump *p, int status, const struct field *fields, int n) {
    struct exchange *x = p->x;
    switch (policy_ask_response(x, status, fields, n, policy_over_head)) {
    case PLAN_NEXT:
        begin(p, status, x->policy->fields, x->policy->n_fields);
        break;
    case PLAN_LATER:
        call_pause(&p->call);
        break;
    case PLAN_ANSWERED: /* it was not asked: out of memory */
        begin(p, status, fields, n);
        break;
    }
}

static void on_head(struct call *c, const struct head *h) {
    struct pump *p = c->data;
    struct exchange *x = p->x;
    int n;
    pump_enter(p);
    struct field *fields = forward_response(&p->arena, h, &n);
    if (!fields) {
        answer(p, 503, true, "out of memory");
    } else if (h->status == 101) {
        switch_over(p, h, fields, n);
    } else if (h->status < 200) {
        if (h->status != 100) exchange_interim(x, h->status, fields, n);
    } else {
        p->begun = true;
        timer_disarm(x->worker, &p->budget);
        p->length = length_of(p, h);
        p->event_stream = event_stream(h);
        if (x->route->flags & ROUTE_RESPONSE)
            ask_and_begin(p, h->status, fields, n);
        else
            begin(p, h->status, fields, n);
    }
    pump_leave(p);
}

static void on_body(struct call *c, const struct str *parts, int n, bool last) {
    struct pump *p = c->data;
    struct exchange *x = p->x;
    pump_enter(p);
    int rc = n ? exchange_write2(x, parts, n) : 0;
    if (!p->x || rc < 0) { /* gone() was called, or will be */
    } else if (last && c->tunnel && !p->client_done) {
        p->server_done = true;
        stream_shutdown(&x->conn->stream);
    } else if (last) {
        finish(p);
    } else if (rc == 1) {
        call_pause(c);
    }
    pump_leave(p);
}

static void on_drained(struct call *c) {
    struct pump *p = c->data;
    pump_enter(p);
    if (p->blocked) {
        p->blocked = false;
        exchange_read(p->x);
    }
    pump_leave(p);
}

/* The answer is complete. */
static void finish(struct pump *p) {
    exchange_end(pump_part(p));
}

/* ---- failures -------------------------------------------------------------------------------- */

/* May the request be sent once more? Each instance may refuse once, and one pooled connection may
 * turn out to be dead on top of that. */
static bool may_retry(const struct pump *p, int code, bool clean) {
    uint64_t age = uv_hrtime() - p->x->started;
    return clean && !p->begun && call_held(&p->call) && p->tries <= p->list->n &&
           p->refused < p->list->n && code != -ENOMEM && code != ERR_CANCELED &&
           age < conf.upstream_timeout;
}

static void tell(struct pump *p, int code) {
    if (code == ERR_BUSY)
        answer(p, 503, true, "too many requests wait for %s");
    else if (code == -ENOMEM || code == ERR_CANCELED)
        answer(p, 503, true, "the host cannot forward to %s now");
    else if (!p->call.connected)
        answer(p, 502, true, "no instance of %s could be reached");
    else if (code == ERR_TIMEOUT)
        answer(p, 504, false, "%s did not answer in time");
    else if (code == ERR_PROTOCOL)
        answer(p, 502, false, "%s sent a malformed response");
    else
        answer(p, 502, false, "%s closed the connection before it answered");
}

static void on_failed(struct call *c, const struct err *e, bool clean) {
    struct pump *p = c->data;
    struct exchange *x = p->x;
    pump_enter(p);
    log_warn("upstream failed", LOGS("request_id", x->id), LOGS("service", x->segment),
             LOGS("instance", p->to->url), LOGZ("error", e->text));
    /* A kept connection may have been dead: the instance is asked once more. One that takes a fresh
     * connection and drops it is as good as none. */
    bool stale = c->connected && c->reused;
    bool ours = e->code == -EMFILE || e->code == -ENFILE || e->code == -ENOMEM;
    if (!c->connected || (clean && !stale)) {
        p->refused++;
        if (!ours) pick_failed(&p->local->pick, p->to, x->worker->now_ms);
    }
    if (may_retry(p, e->code, clean)) {
        p->same = stale;
        if (p->starting)
            p->again = true;
        else
            attempt(p);
    } else if (p->begun) {
        exchange_abort(pump_part(p));
    } else {
        tell(p, e->code);
    }
    pump_leave(p);
}

/* The client waits no longer, and the answer has not begun. */
static void too_late(struct timer *t) {
    struct pump *p = LIST_ENTRY(t, struct pump, budget);
    pump_enter(p);
    call_cancel(&p->call);
    answer(p, 504, false, "%s did not answer in time");
    pump_leave(p);
}

static const struct call_ops call_ops = {
    .head = on_head, .bodyv = on_body, .drained = on_drained, .failed = on_failed};

/* ---- answers of our own ---------------------------------------------------------------------- */

/* Answers in the instance's place: {"error": "<text>"}, where %s of `text` is the service. */
static void answer(struct pump *p, int status, bool retry, const char *text) {
    struct exchange *x = p->x;
    char line[256];
    char name[128];
    if (exchange_preflight(x)) {
        exchange_answer(pump_part(p), 200, STR_NONE, STR_NONE);
        return;
    }
    snprintf(name, sizeof name, "%.*s", STR_FMT(x->segment));
    snprintf(line, sizeof line, text, name);
    static const struct field fields[] = {
        {{"Content-Type", 12}, {"application/json", 16}, H1_CONTENT_TYPE},
        {{"Retry-After", 11}, {RETRY_AFTER, sizeof RETRY_AFTER - 1}, H1_RETRY_AFTER}};
    struct buf body;
    buf_init(&body);
    buf_str(&body, STR("{\"error\": "));
    buf_json(&body, str_of(line));
    buf_char(&body, '}');
    struct str s = buf_ok(&body) ? buf_view(&body) : STR("{\"error\": \"out of memory\"}");
    exchange_answer_fields(pump_part(p), status, fields, retry ? 2 : 1, s);
    buf_free(&body);
}

static void nowhere_request(struct exchange *x) {
    x->cors = false;
    exchange_nowhere(x);
}

/* Never asked for: the answer is complete when request() returns. */
static void nowhere_body(struct exchange *x, const char *bytes, size_t n, bool last) {}

static void nowhere_drained(struct exchange *x) {}

static void nowhere_gone(struct exchange *x, int code) {}

const struct handler nowhere_handler = {"nowhere", nowhere_request, nowhere_body, nowhere_drained,
                                        nowhere_gone};
