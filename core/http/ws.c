/*
 * ws: see ws.h. Strict: a frame that RFC 6455 does not allow ends the connection with the code that
 * fits, at the first byte that shows it. Called by the binding that scripts have WebSockets from.
 */
#include "core/http/ws.h"

#include "core/secure/seal.h"

#define FIN      0x80
#define RESERVED 0x70
#define OPCODE   0x0f
#define MASKED   0x80
#define LENGTH   0x7f
#define CONTROL  0x08 /* the bit of an opcode that says so */

/* ---- the handshake --------------------------------------------------------------------------- */

static struct str only_field(const struct head *h, struct str name, int *n) {
    struct str value = STR_NONE;
    *n = 0;
    for (int i = 0; i < h->n_fields; i++) {
        if (!str_ieq(h->fields[i].name, name)) continue;
        value = h->fields[i].value;
        (*n)++;
    }
    return value;
}

/* Whether the list in the fields of that name has the member. */
static bool has_member(const struct head *h, struct str name, struct str wanted, bool any_case) {
    for (int i = 0; i < h->n_fields; i++) {
        struct str rest = h->fields[i].value, member;
        if (!str_ieq(h->fields[i].name, name)) continue;
        while (str_list_next(&rest, &member))
            if (any_case ? str_ieq(member, wanted) : str_eq(member, wanted)) return true;
    }
    return false;
}

/* Sixteen bytes as base64 (RFC 6455 section 4.1). */
static bool valid_key(struct str key) {
    struct buf bytes;
    buf_init(&bytes);
    bool valid = key.n == 24 && seal_unbase64(&bytes, key, false) == 0 && bytes.n == 16;
    buf_free(&bytes);
    return valid;
}

int ws_check(const struct head *h, const char **why) {
    int keys, versions;
    struct str key = only_field(h, STR("Sec-WebSocket-Key"), &keys);
    struct str version = only_field(h, STR("Sec-WebSocket-Version"), &versions);
    if (!h->upgrade || !has_member(h, STR("Upgrade"), STR("websocket"), true)) {
        *why = "this answers WebSocket handshakes only: GET with Connection: Upgrade and Upgrade: "
               "websocket";
        return 426;
    }
    if (!str_eq(h->method, STR("GET")) || h->length != 0) {
        *why = "a WebSocket handshake is a GET without a body";
        return 400;
    }
    if (versions != 1 || !str_eq(version, STR("13"))) {
        *why = "the only version of the WebSocket protocol here is 13";
        return 426;
    }
    if (keys != 1 || !valid_key(key)) {
        *why = "Sec-WebSocket-Key is not sixteen bytes in base64";
        return 400;
    }
    return 0;
}

bool ws_offers(const struct head *h, struct str protocol) {
    return has_member(h, STR("Sec-WebSocket-Protocol"), protocol, false);
}

void ws_accept(struct buf *out, struct str key) {
    static const struct str guid = STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    unsigned char hash[SEAL_SHA1_LEN];
    char text[64];
    size_t n = key.n < sizeof text - guid.n ? key.n : sizeof text - guid.n;
    memcpy(text, key.p, n);
    memcpy(text + n, guid.p, guid.n);
    seal_sha1(str_make(text, n + guid.n), hash);
    seal_base64(out, str_make((const char *)hash, sizeof hash), false);
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool is_ascii(const char *p) { /* eight bytes of it */
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

/* A byte that begins a character; the bounds of the second byte keep out what is overlong, a
 * surrogate or above U+10FFFF. */
static bool begins(struct ws_utf8 *u, uint8_t c) {
    if (c < 0xc2 || c > 0xf4) return false;
    u->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return true;
}

/* Whether text can go on like this. */
static bool utf8_next(struct ws_utf8 *u, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)p[i];
        if (u->need > 0) {
            if (c < u->low || c > u->high) return false;
            u->low = 0x80;
            u->high = 0xbf;
            u->need--;
        } else if (n - i >= 8 && is_ascii(p + i)) {
            i += 7;
        } else if (c >= 0x80 && !begins(u, c)) {
            return false;
        }
    }
    return true;
}

bool ws_is_text(struct str s) {
    struct ws_utf8 u = {0};
    return utf8_next(&u, s.p, s.n) && u.need == 0;
}

/* ---- frames of a client ---------------------------------------------------------------------- */

void ws_init(struct ws *w, uint64_t max) {
    *w = (struct ws){.max = max};
}

static enum ws_event bad(struct ws *w, int code, const char *why) {
    w->over = true;
    w->code = code;
    w->error = why;
    return WS_BAD;
}

static int opcode_of(const struct ws *w) {
    return w->head[0] & OPCODE;
}

static bool is_control(const struct ws *w) {
    return w->head[0] & CONTROL;
}

/* What the first byte of a frame must be. WS_MORE = it is good. */
static enum ws_event check_first(struct ws *w) {
    int op = opcode_of(w);
    if (w->head[0] & RESERVED) return bad(w, WS_PROTOCOL, "a reserved bit is set");
    if ((op > WS_OP_BINARY && op < WS_OP_CLOSE) || op > WS_OP_PONG)
        return bad(w, WS_PROTOCOL, "an unknown opcode");
    if (is_control(w) && !(w->head[0] & FIN))
        return bad(w, WS_PROTOCOL, "a control frame in fragments");
    if (op == WS_OP_MORE && !w->message) return bad(w, WS_PROTOCOL, "a continuation of no message");
    if ((op == WS_OP_TEXT || op == WS_OP_BINARY) && w->message)
        return bad(w, WS_PROTOCOL, "a message inside of another");
    return WS_MORE;
}

static enum ws_event check_second(struct ws *w) {
    if (!(w->head[1] & MASKED)) return bad(w, WS_PROTOCOL, "a frame without a mask");
    if (is_control(w) && (w->head[1] & LENGTH) > WS_CONTROL)
        return bad(w, WS_PROTOCOL, "a control frame of more than 125 bytes");
    return WS_MORE;
}

/* Bytes of the length behind the two first ones. */
static int length_bytes(const struct ws *w) {
    int n = w->head[1] & LENGTH;
    return n == 126 ? 2 : n == 127 ? 8 : 0;
}

static enum ws_event check_length(struct ws *w) {
    int n = length_bytes(w);
    uint64_t length = n ? 0 : w->head[1] & LENGTH;
    for (int i = 0; i < n; i++)
        length = length << 8 | w->head[2 + i];
    if (length >> 63 || (n == 2 && length < 126) || (n == 8 && length <= UINT16_MAX))
        return bad(w, WS_PROTOCOL, "a length that is not written as it must be");
    w->left = length;
    if (is_control(w)) {
        w->control_n = 0;
        return WS_MORE;
    }
    uint64_t before = w->message ? w->size : 0;
    if (length > w->max - before) return bad(w, WS_TOO_BIG, "the message is too large");
    return WS_MORE;
}

static void begin_payload(struct ws *w) {
    w->open = true;
    w->mask_at = 0;
    if (is_control(w) || w->message) return;
    w->message = (uint8_t)opcode_of(w);
    w->size = 0;
    w->utf8 = (struct ws_utf8){0};
}

/* Takes bytes of a frame's head, and looks at each part of it as soon as it is there. */
static enum ws_event read_head(struct ws *w, struct str *in) {
    while (in->n > 0 && !w->open) {
        enum ws_event e = WS_MORE;
        w->head[w->head_n++] = (uint8_t)in->p[0];
        *in = str_from(*in, 1);
        if (w->head_n == 1) e = check_first(w);
        if (w->head_n == 2) e = check_second(w);
        if (e == WS_MORE && w->head_n >= 2 && w->head_n == 2 + length_bytes(w)) e = check_length(w);
        if (e != WS_MORE) return e;
        if (w->head_n >= 2 && w->head_n == 2 + length_bytes(w) + 4) begin_payload(w);
    }
    return WS_MORE;
}

/* Copies `n` bytes without their mask. */
static void unmask(struct ws *w, char *to, const char *from, size_t n) {
    const uint8_t *mask = w->head + w->head_n - 4;
    uint8_t turned[8];
    uint64_t wide, word;
    size_t i = 0;
    for (int k = 0; k < 8; k++)
        turned[k] = mask[(w->mask_at + k) & 3];
    memcpy(&wide, turned, sizeof wide);
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, from + i, sizeof word);
        word ^= wide;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < n; i++)
        to[i] = (char)((uint8_t)from[i] ^ turned[i & 7]);
    w->mask_at = (uint8_t)((w->mask_at + n) & 3);
}

static enum ws_event take_data(struct ws *w, struct str bytes, struct buf *out) {
    char *to = bytes.n ? buf_room(out, bytes.n) : NULL;
    if (bytes.n && !to) return bad(w, WS_FAILED, "out of memory");
    if (bytes.n) {
        unmask(w, to, bytes.p, bytes.n);
        out->n += bytes.n;
        w->size += bytes.n;
    }
    bool text = w->message == WS_OP_TEXT;
    if (text && !utf8_next(&w->utf8, to, bytes.n))
        return bad(w, WS_NOT_UTF8, "the text is not UTF-8");
    if (w->left > 0) return WS_MORE;
    if (!(w->head[0] & FIN)) return WS_MORE;
    if (text && w->utf8.need > 0) return bad(w, WS_NOT_UTF8, "the text ends inside a character");
    w->message = 0;
    return text ? WS_TEXT : WS_BINARY;
}

static enum ws_event closed(struct ws *w, struct str *reason) {
    w->over = true;
    w->code = WS_NO_CODE;
    if (w->control_n == 0) return WS_CLOSE;
    if (w->control_n == 1) return bad(w, WS_PROTOCOL, "a close with half a code");
    int code = (uint8_t)w->control[0] << 8 | (uint8_t)w->control[1];
    if (!ws_valid_code(code)) return bad(w, WS_PROTOCOL, "a close with a code that is none");
    struct str text = str_make(w->control + 2, (size_t)w->control_n - 2);
    if (!ws_is_text(text)) return bad(w, WS_NOT_UTF8, "the reason of a close is not UTF-8");
    w->code = code;
    *reason = text;
    return WS_CLOSE;
}

static enum ws_event take_control(struct ws *w, struct str bytes, struct str *data) {
    unmask(w, w->control + w->control_n, bytes.p, bytes.n);
    w->control_n = (uint8_t)(w->control_n + bytes.n);
    if (w->left > 0) return WS_MORE;
    if (opcode_of(w) == WS_OP_CLOSE) return closed(w, data);
    *data = str_make(w->control, w->control_n);
    return opcode_of(w) == WS_OP_PING ? WS_PING : WS_PONG;
}

struct ws_step ws_next(struct ws *w, struct str in, struct buf *out) {
    struct ws_step step = {.event = WS_MORE, .taken = in.n};
    size_t all = in.n;
    if (w->over) {
        step.event = w->error ? WS_BAD : WS_MORE;
        return step;
    }
    while (step.event == WS_MORE) {
        if (!w->open) step.event = read_head(w, &in);
        if (!w->open || step.event != WS_MORE) break;
        struct str bytes = str_first(in, w->left < in.n ? (size_t)w->left : in.n);
        if (bytes.n == 0 && w->left > 0) break;
        in = str_from(in, bytes.n);
        w->left -= bytes.n;
        step.event = is_control(w) ? take_control(w, bytes, &step.data) : take_data(w, bytes, out);
        if (w->left > 0) continue;
        w->open = false;
        w->head_n = 0;
    }
    step.taken = all - in.n;
    return step;
}

/* ---- frames to a client ---------------------------------------------------------------------- */

struct str ws_head(char out[10], enum ws_opcode opcode, size_t n) {
    int bytes = n < 126 ? 0 : n <= UINT16_MAX ? 2 : 8;
    out[0] = (char)(FIN | opcode);
    out[1] = (char)(bytes == 0 ? n : bytes == 2 ? 126 : 127);
    for (int i = 0; i < bytes; i++)
        out[2 + i] = (char)(uint8_t)((uint64_t)n >> (8 * (bytes - 1 - i)));
    return str_make(out, 2 + (size_t)bytes);
}

bool ws_valid_code(int code) {
    if (code >= 3000 && code <= 4999) return true;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

struct str ws_close_data(char out[WS_CONTROL], int code, struct str reason) {
    if (code == WS_NO_CODE) return STR("");
    size_t n = 0, more;
    while (n < reason.n && (more = str_utf8(str_from(reason, n), &(size_t){0})) > 0 &&
           n + more <= WS_REASON)
        n += more;
    out[0] = (char)(uint8_t)(code >> 8);
    out[1] = (char)(uint8_t)(code & 0xff);
    if (n) memcpy(out + 2, reason.p, n);
    return str_make(out, 2 + n);
}
