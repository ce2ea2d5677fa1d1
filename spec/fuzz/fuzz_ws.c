/*
 * fuzz_ws: any bytes as the frames of a WebSocket client. What comes of them does not depend on the
 * pieces they come in, no message is larger than it may be, and text is UTF-8 for another reader,
 * too. The first byte says how large a message may be and where the input is cut.
 */
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/http/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(what) \
    do { \
        if (!(what)) abort(); \
    } while (0)

/* One reader and what it saw. */
struct reader {
    struct ws ws;
    struct buf out, seen;
};

static bool is_text(struct str s) {
    for (size_t at = 0, step; at < s.n; at += step) {
        step = utf8_step(s.p + at, s.n - at);
        if (step == 0) return false;
    }
    return true;
}

static void check_message(const struct reader *r, enum ws_event e) {
    const struct ws *w = &r->ws;
    MUST(w->size <= w->max && w->size <= r->out.n);
    struct str m = str_from(buf_view(&r->out), r->out.n - (size_t)w->size);
    MUST(e == WS_BINARY || is_text(m));
    MUST(e == WS_BINARY || ws_is_text(m));
}

static void note(struct reader *r, const struct ws_step *s) {
    bool ends = s->event == WS_CLOSE || s->event == WS_BAD;
    if (s->event == WS_TEXT || s->event == WS_BINARY) check_message(r, s->event);
    if (s->event == WS_CLOSE) MUST(r->ws.code == WS_NO_CODE || ws_valid_code(r->ws.code));
    if (s->event == WS_BAD) MUST(r->ws.error && ws_valid_code(r->ws.code));
    MUST(s->data.n <= WS_CONTROL && r->ws.over == ends);
    buf_printf(&r->seen, "%d %d %zu ", (int)s->event, ends ? r->ws.code : 0,
               ends ? 0 : (size_t)r->ws.size);
    buf_str(&r->seen, s->data);
}

/* A piece in memory of its own, so that reading beyond it is seen. */
static void show(struct reader *r, const uint8_t *data, size_t n) {
    char *copy = malloc(n ? n : 1);
    MUST(copy);
    if (n) memcpy(copy, data, n);
    struct str in = str_make(copy, n);
    while (!r->ws.over) {
        struct ws_step s = ws_next(&r->ws, in, &r->out);
        MUST(s.taken <= in.n);
        in = str_from(in, s.taken);
        if (s.event == WS_MORE) {
            MUST(in.n == 0);
            break;
        }
        note(r, &s);
    }
    free(copy);
}

static void begin(struct reader *r, size_t max) {
    ws_init(&r->ws, max);
    buf_init(&r->out);
    buf_init(&r->seen);
}

static void end(struct reader *r) {
    buf_free(&r->out);
    buf_free(&r->seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct reader whole, cut, bytes;
    if (n == 0) return 0;
    size_t max = (size_t)data[0] * 4, at = data[0] % n;
    data++, n--;
    if (at > n) at = n;
    begin(&whole, max);
    begin(&cut, max);
    begin(&bytes, max);
    show(&whole, data, n);
    show(&cut, data, at);
    show(&cut, data + at, n - at);
    for (size_t i = 0; i < n; i++)
        show(&bytes, data + i, 1);
    MUST(str_eq(buf_view(&whole.seen), buf_view(&cut.seen)));
    MUST(str_eq(buf_view(&whole.seen), buf_view(&bytes.seen)));
    /* Bytes of what was not complete may have come or not; all others are the same. */
    size_t both = whole.out.n < bytes.out.n ? whole.out.n : bytes.out.n;
    MUST(str_eq(str_first(buf_view(&whole.out), both), str_first(buf_view(&bytes.out), both)));
    end(&whole);
    end(&cut);
    end(&bytes);
    return 0;
}
