/* Answers that go on: when memory runs out anywhere on their way, they end, and the next one works.
 */
#include "spec/core/script/lua_host.h"

static const char WEBS[] = "webs:\n"
                           "  - signature: Talk()\n"
                           "  - signature: Tell()\n";

static const char HANDLERS[] = "local svc = require 'service' (...)\n"
                               "function svc.Talk(_, req)\n"
                               "  local ws <close> = req:upgrade { protocols = { 'a' } }\n"
                               "  ws:send((ws:receive()))\n"
                               "end\n"
                               "function svc.Tell(_, _, res)\n"
                               "  local events <close> = res:events()\n"
                               "  events:send('told', { 1 })\n"
                               "end\n"
                               "return svc\n";

static int with_service(void **state) {
    lua_host_prepare();
    write_service("lab", WEBS, HANDLERS);
    lua_host_serve();
    return 0;
}

/* Says all of it and reads to the end; whether `wanted` came. */
static bool comes(struct str said, struct str wanted) {
    static char heard[65536];
    size_t n = 0;
    int fd = dial(0);
    (void)!send(fd, said.p, said.n, MSG_NOSIGNAL); /* whoever has no memory may have hung up */
    for (size_t got; (got = hear(fd, heard + n, sizeof heard - n)) > 0;)
        n += got;
    close(fd);
    return str_find(str_make(heard, n), wanted) >= 0;
}

static void survives(struct str said, struct str wanted) {
    int good = 0;
    assert_true(comes(said, wanted));
    for (long n = 1; n <= 150; n++) {
        mem_fail_at(n, false);
        good += comes(said, wanted);
        mem_fail_at(0, false);
    }
    assert_in_range(good, 1, 149);
    assert_true(comes(said, wanted));
}

static void whatever_allocation_fails_the_next_websocket_works(void **state) {
    survives(STR("GET /lab.example/talk HTTP/1.1\r\nHost: h\r\n"
                 "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Protocol: a\r\n\r\n"
                 "\x81\x82\0\0\0\0hi\x89\x80\0\0\0\0"),
             STR("\x8a\0\x81\x02hi\x88\x02\x03\xe8"));
}

static void whatever_allocation_fails_the_next_events_come(void **state) {
    survives(STR("GET /lab.example/tell HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
             STR("event: told\ndata: [1]\n\n\r\n0\r\n\r\n"));
}

#define S(f) cmocka_unit_test_setup_teardown(f, with_service, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        S(whatever_allocation_fails_the_next_websocket_works),
        S(whatever_allocation_fails_the_next_events_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
