/*
 * WebSocket frames and handshakes: what a client may send, in pieces of any size, and what it is
 * told when it sends anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/http/ws.h"

#define MAX 70000 /* bytes of a message */

/* ---- frames ---- */

static struct buf wire; /* what the client sends */

/* A frame: first byte, payload, how many bytes its length takes (-1 = as few as possible). */
static void frame_as(int first, struct str payload, int bytes, bool masked) {
    static const char mask[4] = {'\x12', '\x00', '\xf3', '\x7a'};
    if (bytes < 0) bytes = payload.n < 126 ? 0 : payload.n <= 65535 ? 2 : 8;
    int length = bytes == 0 ? (int)payload.n : bytes == 2 ? 126 : 127;
    buf_char(&wire, (char)first);
    buf_char(&wire, (char)(length | (masked ? 0x80 : 0)));
    for (int i = bytes - 1; i >= 0; i--)
        buf_char(&wire, (char)(uint8_t)((uint64_t)payload.n >> (8 * i)));
    if (masked) buf_add(&wire, mask, 4);
    for (size_t i = 0; i < payload.n; i++)
        buf_char(&wire, (char)(payload.p[i] ^ (masked ? mask[i & 3] : 0)));
}

static void frame(int first, struct str payload) {
    frame_as(first, payload, -1, true);
}

/* ---- what came of it ---- */

/* What a reader saw, as text: "text:hello ping:x close:1000:bye bad:1002 ", and in `error` why. */
struct seen {
    struct buf text;
    const char *error;
};

static const char *const names[] = {"more", "text", "binary", "ping", "pong", "close", "bad"};

static void note(struct seen *seen, const struct ws *w, const struct ws_step *s, struct buf *out) {
    buf_printf(&seen->text, "%s:", names[s->event]);
    if (s->event == WS_TEXT || s->event == WS_BINARY) {
        assert_true(w->size <= out->n);
        buf_add(&seen->text, out->p ? out->p + out->n - w->size : "", (size_t)w->size);
    } else if (s->event == WS_CLOSE) {
        buf_printf(&seen->text, "%d:", w->code);
    } else if (s->event == WS_BAD) {
        buf_printf(&seen->text, "%d", w->code);
        seen->error = w->error;
    }
    buf_str(&seen->text, s->data);
    buf_char(&seen->text, ' ');
}

static void show(struct ws *w, struct str in, struct seen *seen, struct buf *out) {
    while (in.n > 0) {
        struct ws_step s = ws_next(w, in, out);
        assert_true(s.taken <= in.n);
        in = str_from(in, s.taken);
        if (s.event == WS_MORE) {
            assert_int_equal(in.n, 0);
            return;
        }
        note(seen, w, &s, out);
        if (s.event == WS_CLOSE || s.event == WS_BAD) return;
    }
}

/* Reads `wire` in two pieces, cut at `cut`; each piece has memory of its own, so that reading
 * beyond it is seen. */
static void read_cut(size_t cut, struct seen *seen) {
    struct ws w;
    struct buf out;
    struct str parts[2] = {str_first(buf_view(&wire), cut), str_from(buf_view(&wire), cut)};
    ws_init(&w, MAX);
    buf_init(&out);
    for (int i = 0; i < 2 && !w.over; i++) {
        char *copy = malloc(parts[i].n + 1);
        assert_non_null(copy);
        memcpy(copy, parts[i].p ? parts[i].p : "", parts[i].n);
        char *exact = realloc(copy, parts[i].n ? parts[i].n : 1);
        show(&w, str_make(exact, parts[i].n), seen, &out);
        free(exact);
    }
    buf_free(&out);
}

static void read_bytes(struct seen *seen) {
    struct ws w;
    struct buf out;
    ws_init(&w, MAX);
    buf_init(&out);
    for (size_t i = 0; i < wire.n && !w.over; i++)
        show(&w, str_make(wire.p + i, 1), seen, &out);
    buf_free(&out);
}

static void must_be(const struct seen *seen, struct str expected) {
    if (!str_eq(buf_view(&seen->text), expected))
        fail_msg("saw %.*s\ninstead of %.*s", STR_FMT(buf_view(&seen->text)), STR_FMT(expected));
}

/* Whatever pieces it comes in, `wire` is seen as `expected`; then it is empty again. The longest
 * ones are not cut everywhere. */
static void is_seen(struct str expected) {
    struct seen seen = {0};
    size_t step = wire.n > 2000 ? wire.n / 97 : 1;
    for (size_t cut = 0; cut <= wire.n; cut += step) {
        buf_clear(&seen.text);
        read_cut(cut, &seen);
        must_be(&seen, expected);
    }
    buf_clear(&seen.text);
    read_bytes(&seen);
    must_be(&seen, expected);
    buf_free(&seen.text);
    buf_clear(&wire);
}
#define SEEN(text) is_seen(STR(text))

static int teardown(void **state) {
    mem_fail_at(0, false);
    buf_free(&wire);
    return 0;
}

/* ---- messages ---- */

static void messages_of_one_frame(void **state) {
    frame(0x81, STR("hello"));
    frame(0x82, STR("\x00\xff\x80"));
    frame(0x81, STR(""));
    frame(0x82, STR(""));
    is_seen(STR("text:hello binary:\x00\xff\x80 text: binary: "));
}

static void messages_in_fragments_with_control_frames_between(void **state) {
    frame(0x01, STR("hel"));
    frame(0x89, STR("are you there"));
    frame(0x00, STR(""));
    frame(0x8a, STR(""));
    frame(0x00, STR("lo"));
    frame(0x80, STR(""));
    frame(0x02, STR("\xff"));
    frame(0x80, STR("\xfe"));
    is_seen(STR("ping:are you there pong: text:hello binary:\xff\xfe "));
}

static void lengths_of_all_three_kinds(void **state) {
    static const size_t sizes[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf body, expected;
        buf_init(&body);
        buf_init(&expected);
        for (size_t k = 0; k < sizes[i]; k++)
            buf_char(&body, (char)('a' + k % 26));
        frame(0x81, buf_view(&body));
        buf_printf(&expected, "text:%.*s ", STR_FMT(buf_view(&body)));
        is_seen(buf_view(&expected));
        buf_free(&body);
        buf_free(&expected);
    }
}

static void a_length_is_written_as_short_as_it_can_be(void **state) {
    frame_as(0x81, STR("short"), 2, true);
    SEEN("bad:1002 ");
    frame_as(0x81, STR("short"), 8, true);
    SEEN("bad:1002 ");
    buf_add(&wire, "\x82\xff\x80\0\0\0\0\0\0\0mask", 14); /* the highest bit */
    SEEN("bad:1002 ");
}

static void a_message_has_a_largest_size_also_in_fragments(void **state) {
    static char much[MAX + 1];
    memset(much, 'x', sizeof much);
    frame(0x82, str_make(much, MAX + 1));
    SEEN("bad:1009 ");
    frame(0x02, str_make(much, MAX));
    frame(0x80, STR("y"));
    SEEN("bad:1009 ");
    buf_add(&wire, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10); /* before any of it comes */
    SEEN("bad:1009 ");
    frame(0x02, str_make(much, MAX));
    frame(0x89, STR("p"));
    frame(0x80, STR(""));
    struct buf expected = {0};
    buf_printf(&expected, "ping:p binary:%.*s ", MAX, much);
    is_seen(buf_view(&expected));
    buf_free(&expected);
}

/* ---- violations ---- */

static void frames_without_a_mask_end_it(void **state) {
    frame_as(0x81, STR("x"), -1, false);
    SEEN("bad:1002 ");
    frame_as(0x88, STR(""), -1, false);
    SEEN("bad:1002 ");
}

static void reserved_bits_and_unknown_opcodes_end_it(void **state) {
    for (int first = 0; first < 256; first++) {
        int op = first & 15;
        bool known = op <= 2 || (op >= 8 && op <= 10);
        if (known && !(first & 0x70)) continue;
        frame(first, STR("x"));
        SEEN("bad:1002 ");
    }
}

static void control_frames_are_short_and_whole(void **state) {
    static const char much[126] = {0};
    for (int op = 8; op <= 10; op++) {
        frame(0x80 | op, str_make(much, 126));
        SEEN("bad:1002 ");
        frame(op, STR(""));
        SEEN("bad:1002 ");
    }
    frame(0x89, str_make(much, 125));
    struct buf expected = {0};
    buf_str(&expected, STR("ping:"));
    buf_add(&expected, much, 125);
    buf_char(&expected, ' ');
    is_seen(buf_view(&expected));
    buf_free(&expected);
}

static void messages_do_not_mix(void **state) {
    frame(0x80, STR("of nothing"));
    SEEN("bad:1002 ");
    frame(0x01, STR("a"));
    frame(0x81, STR("b"));
    SEEN("bad:1002 ");
    frame(0x02, STR("a"));
    frame(0x01, STR("b"));
    SEEN("bad:1002 ");
    frame(0x81, STR("a"));
    frame(0x80, STR("b"));
    SEEN("text:a bad:1002 ");
}

static void nothing_counts_after_a_violation(void **state) {
    struct ws w;
    struct buf out;
    ws_init(&w, MAX);
    buf_init(&out);
    for (int i = 0; i < 3; i++) {
        struct ws_step s = ws_next(&w, STR("\xff\xff"), &out);
        assert_int_equal(s.event, WS_BAD);
        assert_int_equal(w.code, WS_PROTOCOL);
        assert_string_equal(w.error, "a reserved bit is set");
    }
    buf_free(&out);
}

/* ---- text ---- */

static void text_is_utf8(void **state) {
    static const struct str good[] = {
        STR("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"),
        STR("\xf0\x9f\x8c\x99\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
        STR("\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80"),
        STR("12345678\xc3\xa9"
            "12345678"),
    };
    static const struct str wrong[] = {
        STR("\x80"),
        STR("\xc0\x80"),
        STR("\xc1\xbf"),
        STR("\xe0\x9f\xbf"),
        STR("\xed\xa0\x80"),
        STR("\xf0\x8f\xbf\xbf"),
        STR("\xf4\x90\x80\x80"),
        STR("\xf5\x80\x80\x80"),
        STR("\xfe"),
        STR("\xc3("),
        STR("\xe2\x82("),
        STR("12345678\xff"),
        STR("1234567\xff"),
        STR("\xc3"
            "12345678"),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct buf expected = {0};
        assert_true(ws_is_text(good[i]));
        buf_printf(&expected, "text:%.*s ", STR_FMT(good[i]));
        frame(0x81, good[i]);
        is_seen(buf_view(&expected));
        for (size_t k = 0; k < good[i].n; k++) { /* in fragments of one byte */
            frame(k == 0 ? 0x01 : 0x00, str_make(good[i].p + k, 1));
        }
        frame(0x80, STR(""));
        is_seen(buf_view(&expected));
        buf_free(&expected);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(ws_is_text(wrong[i]));
        frame(0x81, wrong[i]);
        SEEN("bad:1007 ");
        frame(0x01, STR("good until here"));
        frame(0x00, wrong[i]);
        frame(0x80, STR("("));
        SEEN("bad:1007 ");
    }
}

static void text_does_not_end_inside_a_character(void **state) {
    frame(0x81, STR("\xf0\x9f\x8c"));
    SEEN("bad:1007 ");
    assert_false(ws_is_text(STR("\xf0\x9f\x8c")));
}

static void bad_text_is_seen_before_its_frame_ends(void **state) {
    struct ws w;
    struct buf out;
    ws_init(&w, MAX);
    buf_init(&out);
    frame(0x81, STR("\xff and much more"));
    assert_int_equal(ws_next(&w, str_first(buf_view(&wire), 7), &out).event, WS_BAD);
    buf_free(&out);
}

/* ---- closing ---- */

static void closes_have_a_code_and_a_reason_or_nothing(void **state) {
    frame(0x88, STR(""));
    SEEN("close:1005: ");
    frame(0x88, STR("\x03\xe8"));
    SEEN("close:1000: ");
    frame(0x88, STR("\x0f\xa0"
                    "see you \xf0\x9f\x8c\x99"));
    SEEN("close:4000:see you \xf0\x9f\x8c\x99 ");
    frame(0x01, STR("half a mess")); /* inside of a message */
    frame(0x88, STR("\x03\xe9"));
    SEEN("close:1001: ");
    frame(0x88, STR("\x03"));
    SEEN("bad:1002 ");
    frame(0x88, STR("\x03\xe8\xff"));
    SEEN("bad:1007 ");
}

static void a_close_has_one_of_the_codes_that_may_be_sent(void **state) {
    for (int code = 0; code < 5100; code++) {
        bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
        char data[2] = {(char)(uint8_t)(code >> 8), (char)(uint8_t)code}, expected[32];
        assert_int_equal(ws_valid_code(code), good);
        if (code % 13 && code > 1020) continue;
        frame(0x88, str_make(data, 2));
        snprintf(expected, sizeof expected, good ? "close:%d: " : "bad:1002 ", code);
        is_seen(str_of(expected));
    }
}

static void nothing_counts_after_a_close(void **state) {
    struct ws w;
    struct buf out;
    ws_init(&w, MAX);
    buf_init(&out);
    frame(0x88, STR(""));
    assert_int_equal(ws_next(&w, buf_view(&wire), &out).event, WS_CLOSE);
    buf_clear(&wire);
    frame(0x81, STR("too late"));
    struct ws_step s = ws_next(&w, buf_view(&wire), &out);
    assert_int_equal(s.event, WS_MORE);
    assert_int_equal(s.taken, wire.n);
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

/* ---- memory ---- */

static void no_memory_for_a_message_is_1011(void **state) {
    struct ws w;
    struct buf out;
    ws_init(&w, MAX);
    buf_init(&out);
    frame(0x81, STR("hello"));
    mem_fail_at(1, false);
    assert_int_equal(ws_next(&w, buf_view(&wire), &out).event, WS_BAD);
    assert_int_equal(w.code, WS_FAILED);
    buf_free(&out);
}

/* ---- frames to a client ---- */

static void heads_say_kind_and_length(void **state) {
    char out[10];
    assert_true(str_eq(ws_head(out, WS_OP_TEXT, 5), STR("\x81\x05")));
    assert_true(str_eq(ws_head(out, WS_OP_PONG, 0), STR("\x8a\0")));
    assert_true(str_eq(ws_head(out, WS_OP_BINARY, 125), STR("\x82\x7d")));
    assert_true(str_eq(ws_head(out, WS_OP_BINARY, 126), STR("\x82\x7e\0\x7e")));
    assert_true(str_eq(ws_head(out, WS_OP_BINARY, 65535), STR("\x82\x7e\xff\xff")));
    assert_true(str_eq(ws_head(out, WS_OP_BINARY, 65536), STR("\x82\x7f\0\0\0\0\0\1\0\0")));
}

static void a_reason_is_cut_between_characters(void **state) {
    char out[WS_CONTROL], long_one[200];
    assert_true(str_eq(ws_close_data(out, 1000, STR("bye")), STR("\x03\xe8"
                                                                 "bye")));
    assert_int_equal(ws_close_data(out, WS_NO_CODE, STR("bye")).n, 0);
    memset(long_one, 'x', sizeof long_one);
    assert_int_equal(ws_close_data(out, 1000, str_make(long_one, 200)).n, 125);
    memcpy(long_one + 122, "\xc3\xa9", 2); /* its second byte would be the 124th */
    assert_int_equal(ws_close_data(out, 1000, str_make(long_one, 200)).n, 2 + 122);
}

/* ---- the handshake ---- */

#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static struct arena arena;

static const struct head *head_of(const char *line, const char *fields) {
    static struct h1 h1;
    static char text[1024];
    const struct h1_limits limits = {.line = 1000, .header = 1000, .fields = 20};
    int n = snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", line, fields);
    arena_reset(&arena);
    h1_init(&h1, H1_REQUEST, &limits, &arena);
    assert_int_equal(h1_next(&h1, str_make(text, (size_t)n)).event, H1_HEAD);
    return &h1.head;
}

static int check(const char *line, const char *fields) {
    const char *why = NULL;
    int status = ws_check(head_of(line, fields), &why);
    assert_int_equal(status == 0, why == NULL);
    return status;
}

static void the_handshake_of_the_rfc_is_one(void **state) {
    struct buf out;
    buf_init(&out);
    assert_int_equal(check("GET /chat", UPGRADE KEY VERSION), 0);
    assert_int_equal(
        check("GET /chat", "Connection: UPGRADE\r\nUpgrade: h2c, WebSocket\r\n" KEY VERSION), 0);
    ws_accept(&out, STR("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_true(str_eq(buf_view(&out), STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    buf_free(&out);
}

static void what_is_no_handshake_is_told_to_upgrade(void **state) {
    assert_int_equal(check("GET /", ""), 426);
    assert_int_equal(check("GET /", "Upgrade: websocket\r\n" KEY VERSION), 426);
    assert_int_equal(check("GET /", "Connection: Upgrade\r\nUpgrade: h2c\r\n" KEY VERSION), 426);
    assert_int_equal(check("GET /", UPGRADE KEY), 426);
    assert_int_equal(check("GET /", UPGRADE KEY "Sec-WebSocket-Version: 8\r\n"), 426);
    assert_int_equal(check("GET /", UPGRADE KEY VERSION VERSION), 426);
}

static void a_handshake_that_is_wrong_is_400(void **state) {
    assert_int_equal(check("POST /", UPGRADE KEY VERSION), 400);
    assert_int_equal(check("HEAD /", UPGRADE KEY VERSION), 400);
    assert_int_equal(check("GET /", UPGRADE KEY VERSION "Content-Length: 1\r\n"), 400);
    assert_int_equal(check("GET /", UPGRADE VERSION), 400);
    assert_int_equal(check("GET /", UPGRADE VERSION KEY KEY), 400);
    static const char *const keys[] = {"",
                                       "AAAA",
                                       "dGhlIHNhbXBsZSBub25jZQ",
                                       "dGhlIHNhbXBsZSBub25jZ!==",
                                       "dGhlIHNhbXBsZSBub25jZR==",
                                       "dGhlIHNhbXBsZSBub25jZQ==AAAA"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char fields[256];
        snprintf(fields, sizeof fields, UPGRADE VERSION "Sec-WebSocket-Key: %s\r\n", keys[i]);
        assert_int_equal(check("GET /", fields), 400);
    }
}

static void the_client_offers_what_its_fields_list(void **state) {
    const struct head *h = head_of("GET /", "Sec-WebSocket-Protocol: chat, superchat\r\n"
                                            "Sec-WebSocket-Protocol: v2.chat\r\n");
    assert_true(ws_offers(h, STR("chat")) && ws_offers(h, STR("superchat")));
    assert_true(ws_offers(h, STR("v2.chat")));
    assert_false(ws_offers(h, STR("Chat")) || ws_offers(h, STR("super")) || ws_offers(h, STR("")));
}

static int group_setup(void **state) {
    arena_init(&arena, 4096);
    return 0;
}

static int group_teardown(void **state) {
    arena_free(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(messages_of_one_frame),
        TEST(messages_in_fragments_with_control_frames_between),
        TEST(lengths_of_all_three_kinds),
        TEST(a_length_is_written_as_short_as_it_can_be),
        TEST(a_message_has_a_largest_size_also_in_fragments),
        TEST(frames_without_a_mask_end_it),
        TEST(reserved_bits_and_unknown_opcodes_end_it),
        TEST(control_frames_are_short_and_whole),
        TEST(messages_do_not_mix),
        TEST(nothing_counts_after_a_violation),
        TEST(text_is_utf8),
        TEST(text_does_not_end_inside_a_character),
        TEST(bad_text_is_seen_before_its_frame_ends),
        TEST(closes_have_a_code_and_a_reason_or_nothing),
        TEST(a_close_has_one_of_the_codes_that_may_be_sent),
        TEST(nothing_counts_after_a_close),
        TEST(no_memory_for_a_message_is_1011),
        TEST(heads_say_kind_and_length),
        TEST(a_reason_is_cut_between_characters),
        TEST(the_handshake_of_the_rfc_is_one),
        TEST(what_is_no_handshake_is_told_to_upgrade),
        TEST(a_handshake_that_is_wrong_is_400),
        TEST(the_client_offers_what_its_fields_list),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
