/* The HTTP client of scripts, against a peer that does what the test says, on a thread of its own.
 */
#include "spec/core/script/script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/http/pool.h"
#include "core/loop/dns.h"

static struct script s;
static int listener = -1, port;
static pthread_t peer;
static char heard[3 << 20]; /* the last request that the peer read */

/* ---- the peer ------------------------------------------------------------------------------- */

static int take_client(void) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) abort();
    return fd;
}

/* Reads a whole request: head, and as much body as it declares. */
static void hear(int fd) {
    size_t n = 0, want = 0;
    for (;;) {
        ssize_t got = recv(fd, heard + n, sizeof heard - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        heard[n] = 0;
        char *end = strstr(heard, "\r\n\r\n"), *length = strstr(heard, "Content-Length: ");
        if (!end) continue;
        want = (size_t)(end + 4 - heard) +
               (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
        if (n >= want) break;
    }
    heard[n] = 0;
}

static void say(int fd, const char *text) {
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0) return;
        text += sent;
        n -= (size_t)sent;
    }
}

static bool playing;

static void play_with(void *(*part)(void *), const void *arg) {
    if (pthread_create(&peer, NULL, part, (void *)(uintptr_t)arg) != 0) abort();
    playing = true;
}

static void play(void *(*part)(void *)) {
    play_with(part, NULL);
}

/* The peer has done its part. */
static void played(void) {
    if (playing) pthread_join(peer, NULL);
    playing = false;
}

/* Reads one request on one connection and answers it with the text. */
static void *answer(void *text) {
    int fd = take_client();
    hear(fd);
    say(fd, text);
    close(fd);
    return NULL;
}

static void play_answer(const char *text) {
    play_with(answer, text);
}

/* ---- before and after every test ------------------------------------------------------------ */

static int prepare(void **state) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    struct err e = {0};
    int rest = 0;
    alarm(120);
    if (conf_load(0, NULL, NULL, &rest, &e) < 0) return -1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&at, n) < 0 || listen(listener, 10) < 0) return -1;
    getsockname(listener, (struct sockaddr *)&at, &n);
    port = ntohs(at.sin_port);
    assert_int_equal(dns_start(), 0);
    script_open(&s);
    assert_int_equal(pool_open(&s.w), 0);
    heard[0] = 0;
    return 0;
}

static int finish(void **state) {
    played();
    close(listener);
    pool_close(&s.w);
    dns_stop();
    script_close(&s);
    conf_free();
    return 0;
}

/* Runs the code, in which P stands for the base URL of the peer, and checks what it returns. */
static void gives(const char *code, const char *results, int line) {
    char full[4096];
    snprintf(full, sizeof full,
             "local http = require 'http' local task = require 'task'\n"
             "local P = 'http://127.0.0.1:%d'\n%s",
             port, code);
    check_run(&s, full, TASK_RETURNED, results, line);
}
#define GIVES(code, results) gives(code, results, __LINE__)

static void was_heard(const char *text) {
    played();
    if (!strstr(heard, text)) fail_msg("'%s' was not heard: %.2000s", text, heard);
}

#define TELL_ANSWER "return r.status, r.body, r.headers['x-one']"
#define TELL_ERROR  "local r, why, code = "

/* ---- answers -------------------------------------------------------------------------------- */

static void an_answer_is_status_headers_and_body(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
    GIVES("local r = http.request { url = P .. '/a/b?c=d' } " TELL_ANSWER, "200|hello|1");
    was_heard("GET /a/b?c=d HTTP/1.1\r\n");
    assert_null(strstr(heard, "Content-Length"));
}

static void headers_of_one_name_are_joined(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nX-One: 1\r\nx-one: 2\r\nSet-Cookie: a=1, b\r\n"
                "Set-Cookie: c=2\r\nContent-Length: 0\r\n\r\n");
    GIVES("local r = http.request { url = P } return r.headers['x-one'], r.headers['set-cookie']",
          "1, 2|a=1, b\nc=2");
}

static void every_status_is_an_answer(void **state) {
    play_answer("HTTP/1.1 503 Later\r\nContent-Length: 3\r\n\r\nno\n");
    GIVES("local r = http.request { url = P } return r.status, r.body", "503|no\n");
}

static void bodies_come_in_chunks_or_until_the_end(void **state) {
    play_answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    GIVES("local r = http.request { url = P } return r.body", "abcde");
    played();
    play_answer("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
    GIVES("local r = http.request { url = P } return r.body", "all of it");
}

static void interim_answers_are_passed_over(void **state) {
    play_answer("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    GIVES("local r = http.request { url = P } return r.status, r.body, r.headers.link",
          "200|ok|nil");
}

static void the_answer_to_head_has_no_body(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    GIVES("local r = http.request { url = P, method = 'HEAD' } return r.status, r.body, "
          "r.headers['content-length']",
          "200||100");
    was_heard("HEAD / HTTP/1.1\r\n");
}

/* ---- requests ------------------------------------------------------------------------------- */

static void a_request_carries_method_headers_and_body(void **state) {
    play_answer("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    GIVES("local r = http.request { url = P, method = 'PUT', body = 'text',\n"
          "  headers = { ['X-Given'] = 'yes', Host = 'evil', ['content-length'] = '99' } }\n"
          "return r.status",
          "201");
    was_heard("PUT / HTTP/1.1\r\nHost: 127.0.0.1:");
    was_heard("X-Given: yes\r\n");
    was_heard("Content-Length: 4\r\n");
    was_heard("\r\n\r\ntext");
    assert_null(strstr(heard, "evil"));
    assert_null(strstr(heard, ": 99\r\n")); /* a port may have these digits */
}

static void a_method_with_a_body_says_that_there_is_none(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    GIVES("return http.request { url = P, method = 'POST' }.status", "200");
    was_heard("Content-Length: 0\r\n");
}

static void a_large_body_arrives_whole(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    GIVES("return http.request { url = P, method = 'POST', body = ('x'):rep(2000000) .. 'end' "
          "}.status",
          "200");
    played();
    assert_string_equal(heard + strlen(heard) - 4, "xend");
    assert_true(strlen(heard) > 2000000);
}

/* What is no string is made one: nothing else keeps that text while the request is put together. */
static void numbers_for_texts_outlive_a_collection(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    GIVES(
        "local headers = setmetatable({}, { __index = error })\n"
        "local o = setmetatable({ url = P, method = 'POST', body = 12345678901234 }, {\n"
        "  __index = function(_, name)\n"
        "    local t = {} for i = 1, 20000 do t[i] = name .. i end\n" /* garbage, and collections */
        "    if name == 'headers' then return { ['X-Number'] = 1.5 } end\n"
        "  end })\n"
        "return http.request(o).status",
        "200");
    was_heard("X-Number: 1.5\r\n");
    was_heard("\r\n\r\n12345678901234");
}

/* ---- failures ------------------------------------------------------------------------------- */

static void an_answer_that_ends_early_is_a_failure(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    GIVES(TELL_ERROR "http.request { url = P } return r, code", "nil|closed");
}

static void something_else_than_http_is_a_failure(void **state) {
    play_answer("SSH-2.0-OpenSSH_9\r\n\r\n");
    GIVES(TELL_ERROR "http.request { url = P } return r, code", "nil|protocol");
}

static void *keep_silent(void *arg) {
    int fd = take_client();
    hear(fd);
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    close(fd);
    return NULL;
}

static void no_answer_in_time_is_a_failure(void **state) {
    play(keep_silent);
    GIVES(TELL_ERROR "http.request { url = P, timeout = 0.05 } return r, why, code",
          "nil|no answer in time|timeout");
}

static void a_larger_answer_than_wanted_is_a_failure(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890");
    GIVES(TELL_ERROR "http.request { url = P, limit = 10 } return r, code", "nil|limit");
    played();
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    GIVES("return http.request { url = P, limit = 10 }.body", "0123456789");
}

static void a_task_that_ends_hangs_up(void **state) {
    play(keep_silent);
    GIVES("return (task.timeout(0.05, http.request, { url = P }))", "nil");
    played(); /* its connection was closed */
}

/* ---- connections ---------------------------------------------------------------------------- */

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void *answer_three_on_one(void *arg) {
    int fd = take_client();
    for (int i = 0; i < 3; i++) {
        hear(fd);
        say(fd, OK);
    }
    close(fd);
    return NULL;
}

static void a_connection_is_used_again(void **state) {
    play(answer_three_on_one);
    GIVES("for i = 1, 3 do assert(http.request { url = P }.body == 'ok') end return 'fine'",
          "fine");
}

/* Hangs up instead of answering the second request: it cannot have been meant for that. */
static void *hang_up_on_the_second(void *arg) {
    int fd = take_client();
    hear(fd);
    say(fd, OK);
    hear(fd);
    close(fd);
    return answer((void *)(uintptr_t)OK);
}

static void a_kept_connection_that_was_dead_is_replaced(void **state) {
    play(hang_up_on_the_second);
    GIVES("http.request { url = P }\n"
          "local r = http.request { url = P .. '/second' } return r.body",
          "ok");
    was_heard("GET /second HTTP/1.1\r\n");
}

static void *hang_up_on_the_second_for_good(void *arg) {
    int fd = take_client();
    hear(fd);
    say(fd, OK);
    hear(fd);
    close(fd);
    return NULL;
}

static void what_must_not_be_sent_twice_is_not(void **state) {
    play(hang_up_on_the_second_for_good);
    GIVES("http.request { url = P }\n" TELL_ERROR
          "http.request { url = P, method = 'POST', body = 'once' } return r, code",
          "nil|closed");
}

/* ---- in pieces ------------------------------------------------------------------------------- */

/* Hears until the other side says this, or hangs up. */
static void hear_until(int fd, const char *end) {
    size_t n = 0;
    do {
        ssize_t got = recv(fd, heard + n, sizeof heard - 1 - n, 0);
        if (got <= 0) return;
        n += (size_t)got;
        heard[n] = 0;
    } while (!strstr(heard, end));
}

#define LARGE (16u << 20)
static char pieces[64 * 1024];

/* Sends a large answer. Once it is held back, it answers a second request, and goes on; and it says
 * so when it is never held back. */
static void *answer_much(void *arg) {
    int fd = take_client(), other;
    struct timeval patience = {.tv_usec = 300000};
    size_t sent = 0;
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    memset(pieces, 'x', sizeof pieces);
    while (sent < LARGE) {
        ssize_t n = send(fd, pieces, sizeof pieces, MSG_NOSIGNAL);
        if (n < 0) break;
        sent += (size_t)n;
    }
    other = take_client();
    hear(other);
    say(other, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
    say(other, sent < LARGE ? "held" : "free");
    close(other);
    memset(&patience, 0, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (sent < LARGE) {
        size_t left = LARGE - sent;
        ssize_t n = send(fd, pieces, left < sizeof pieces ? left : sizeof pieces, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += (size_t)n;
    }
    close(fd);
    return NULL;
}

#define OPEN "local r <close> = assert(http.request { url = P, stream = true })\n"

static void an_answer_comes_in_pieces_and_the_sender_is_held_back(void **state) {
    play(answer_much);
    GIVES(OPEN "local held = http.request { url = P }.body\n"
               "local n = 0 for chunk in r:chunks() do n = n + #chunk end return held, n, r:read()",
          "held|16777216|nil");
}

static void a_stream_has_status_and_headers_before_its_body(void **state) {
    play_answer("HTTP/1.1 203 OK\r\nX-One: 1\r\nContent-Length: 2\r\n\r\nok");
    GIVES(OPEN "return r.status, r.headers['x-one'], r:read()", "203|1|ok");
    played();
    play_answer("HTTP/1.1 204 OK\r\n\r\n");
    GIVES(OPEN "return r.status, r:read()", "204|nil");
}

/* Reads a body in chunks, to its end. */
static void *take_chunks(void *arg) {
    int fd = take_client();
    hear_until(fd, "\r\n0\r\n\r\n");
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    close(fd);
    return NULL;
}

static void a_body_comes_from_a_function(void **state) {
    play(take_chunks);
    GIVES("local n = 0 return http.request { url = P, method = 'PUT', body = function()\n"
          "n = n + 1 if n == 2 then return '' end\n"
          "if n < 4 then task.sleep(0.01) return ('p'):rep(n) end end }.body",
          "ok");
    was_heard("Transfer-Encoding: chunked\r\n\r\n1\r\np\r\n3\r\nppp\r\n0\r\n\r\n");
}

static void a_large_body_from_a_function_waits_for_room(void **state) {
    play(take_chunks);
    GIVES("local n = 0 return http.request { url = P, method = 'PUT', body = function()\n"
          "n = n + 1 return n <= 32 and ('p'):rep(65536) or nil end }.body",
          "ok");
    played();
    assert_true(strlen(heard) > 32 * 65536);
}

/* Reads nothing of three requests, until a fourth one is answered. */
static void *read_nothing(void *arg) {
    int deaf[3];
    for (int i = 0; i < 3; i++)
        deaf[i] = take_client();
    int last = take_client();
    hear(last);
    say(last, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    close(last);
    for (int i = 0; i < 3; i++)
        close(deaf[i]);
    return NULL;
}

static void pieces_that_nobody_reads_count_as_memory(void **state) {
    play(read_nothing);
    GIVES("local big = ('p'):rep(12 << 20)\n"
          "local function send() return http.request { url = P, method = 'PUT', body = function()\n"
          "return big end } end\n"
          "local a <close> = task.spawn(send) local b <close> = task.spawn(send) task.sleep(0.05)\n"
          "return select(3, send()), http.request { url = P }.body",
          "limit|ok");
}

/* Answers at the head of a request, and hears no more of it. */
static void *answer_early(void *arg) {
    int fd = take_client();
    hear_until(fd, "\r\n\r\n");
    say(fd, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    hear_until(fd, "never");
    close(fd);
    return NULL;
}

static void an_answer_before_the_body_ends_it(void **state) {
    play(answer_early);
    GIVES("local r = http.request { url = P, method = 'PUT', body = function()\n"
          "task.sleep(0.005) return 'p' end } return r.status, r.body",
          "413|no");
}

static void it_does_not_wait_for_a_body_that_nobody_wants_any_more(void **state) {
    play(answer_early);
    GIVES("local sent = 0 local r = http.request { url = P, method = 'PUT', body = function()\n"
          "sent = sent + 1 if sent > 1 then task.sleep(3600) end return 'p' end }\n"
          "return r.status, r.body, sent",
          "413|no|2");
}

/* Answers what it has heard so far, twice. */
static void *converse(void *arg) {
    int fd = take_client();
    hear_until(fd, "ping\r\n");
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n");
    hear_until(fd, "\r\n0\r\n\r\n");
    say(fd, "3\r\nbye\r\n0\r\n\r\n");
    close(fd);
    return NULL;
}

static void a_stream_answers_while_its_body_is_being_sent(void **state) {
    play(converse);
    GIVES("local n, got = 0, nil\n"
          "local r <close> = assert(http.request { url = P, method = 'PUT', stream = true,\n"
          "timeout = 20, body = function()\n"
          "n = n + 1 if n == 1 then return 'ping' end\n"
          "while not got do task.sleep(0.005) end return n == 2 and got or nil end })\n"
          "got = r:read() return got, r:read(), (r:read())",
          "pong|bye|nil");
    was_heard("4\r\npong\r\n0\r\n\r\n");
}

/* Says all of a large answer before it hears more than the beginning of a body. */
static void *answer_before_hearing(void *arg) {
    int fd = take_client();
    hear_until(fd, "\r\n\r\n");
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
    memset(pieces, 'x', sizeof pieces);
    for (size_t sent = 0; sent < LARGE; sent += sizeof pieces)
        if (send(fd, pieces, sizeof pieces, MSG_NOSIGNAL) != sizeof pieces) break;
    while (recv(fd, heard, sizeof heard - 1, 0) > 0)
        ;
    close(fd);
    return NULL;
}

static void a_body_without_an_end_does_not_hold_the_answer_up(void **state) {
    play(answer_before_hearing);
    GIVES("local piece = ('p'):rep(1 << 20)\n"
          "local r <close> = assert(http.request { url = P, method = 'PUT', stream = true,\n"
          "timeout = 20, body = function() return piece end })\n"
          "local size = 0 for chunk in r:chunks() do size = size + #chunk end return size",
          "16777216");
}

static void *hear_all(void *arg) {
    int fd = take_client();
    hear_until(fd, "\r\n0\r\n\r\n");
    close(fd);
    return NULL;
}

static void a_body_that_breaks_off_is_no_complete_one(void **state) {
    play(hear_all);
    GIVES("local first = true\n"
          "return select(2, pcall(http.request, { url = P, method = 'PUT', body = function()\n"
          "if not first then error('broken', 0) end first = false return 'piece' end }))",
          "broken");
    played();
    assert_null(strstr(heard, "\r\n0\r\n"));
}

static void a_body_that_fails_later_fails_the_answer(void **state) {
    play(converse);
    GIVES("local n, got = 0, nil\n"
          "local r <close> = assert(http.request { url = P, method = 'PUT', stream = true,\n"
          "body = function()\n"
          "n = n + 1 if n == 1 then return 'ping' end\n"
          "while not got do task.sleep(0.005) end error('broken', 0) end })\n"
          "got = r:read() return got, pcall(r.read, r)",
          "pong|false|broken");
    played();
    assert_null(strstr(heard, "\r\n0\r\n"));
}

static void hanging_up_ends_the_body(void **state) {
    play(converse);
    GIVES("local ended = false\n"
          "do local n = 0\n"
          "local r <close> = assert(http.request { url = P, method = 'PUT', stream = true,\n"
          "body = function()\n"
          "n = n + 1 if n == 1 then return 'ping' end\n"
          "local e <close> = setmetatable({}, { __close = function() ended = true end })\n"
          "task.sleep(3600) end })\n"
          "r:read() task.sleep(0.01) end\n"
          "task.sleep(0.01) return ended",
          "true");
    played();
    assert_null(strstr(heard, "\r\n0\r\n"));
}

static void a_body_that_takes_its_time_is_waited_for(void **state) {
    play(take_chunks);
    GIVES("local n = 0 return http.request { url = P, method = 'PUT', timeout = 0.05,\n"
          "body = function() n = n + 1 if n < 3 then task.sleep(0.15) return 'p' end end }.body",
          "ok");
}

static void an_answer_that_breaks_off_raises(void **state) {
    play_answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01");
    GIVES(OPEN "local got = {} local ok, e = pcall(function()\n"
               "for chunk in r:chunks() do got[#got + 1] = chunk end end)\n"
               "return table.concat(got), ok, e.status",
          "01|false|502");
}

/* The beginning of an answer, and then nothing until the other side hangs up. */
static void *answer_half(void *arg) {
    int fd = take_client();
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01");
    hear_until(fd, "never");
    close(fd);
    return NULL;
}

static void an_answer_that_stops_moving_is_given_up(void **state) {
    play(answer_half);
    GIVES("local r <close> = assert(http.request { url = P, stream = true, timeout = 0.1 })\n"
          "local first = r:read() return first, select(3, r:read()), select(3, r:read())",
          "01|timeout|timeout");
}

static void leaving_the_block_hangs_up(void **state) {
    play(answer_half);
    GIVES("do " OPEN "r:read() end return 'left'", "left");
    played(); /* its connection was closed */
}

static void a_stream_that_is_forgotten_is_closed_when_it_is_collected(void **state) {
    play(answer_half);
    GIVES("http.request { url = P, stream = true }:read()\n"
          "return 'forgotten'",
          "forgotten");
    assert_int_equal(vm_protect(s.vm, script_collect, NULL, NULL), 0);
    played();
}

static void a_task_that_ends_while_it_reads_leaves_nothing(void **state) {
    play(answer_half);
    GIVES("return (task.timeout(0.05, function() " OPEN "r:read() return r:read() end))", "nil");
    played();
}

static void a_closed_stream_says_so(void **state) {
    play(answer_half);
    GIVES(OPEN "local t = task.spawn(function() r:read() return select(3, r:read()) end)\n"
               "task.sleep(0.05) r:close() return t:join(), select(3, r:read())",
          "closed|closed");
}

static void two_tasks_cannot_read_one_stream(void **state) {
    play(answer_half);
    GIVES(OPEN "r:read() local t <close> = task.spawn(r.read, r) task.sleep(0.01)\n"
               "return select(2, pcall(r.read, r)):match('another.*')",
          "another task reads this stream already");
}

#define T(f) cmocka_unit_test_setup_teardown(f, prepare, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(an_answer_is_status_headers_and_body),
        T(headers_of_one_name_are_joined),
        T(every_status_is_an_answer),
        T(bodies_come_in_chunks_or_until_the_end),
        T(interim_answers_are_passed_over),
        T(the_answer_to_head_has_no_body),
        T(a_request_carries_method_headers_and_body),
        T(a_method_with_a_body_says_that_there_is_none),
        T(a_large_body_arrives_whole),
        T(numbers_for_texts_outlive_a_collection),
        T(an_answer_that_ends_early_is_a_failure),
        T(something_else_than_http_is_a_failure),
        T(no_answer_in_time_is_a_failure),
        T(a_larger_answer_than_wanted_is_a_failure),
        T(a_task_that_ends_hangs_up),
        T(a_connection_is_used_again),
        T(a_kept_connection_that_was_dead_is_replaced),
        T(what_must_not_be_sent_twice_is_not),
        T(an_answer_comes_in_pieces_and_the_sender_is_held_back),
        T(a_stream_has_status_and_headers_before_its_body),
        T(a_body_comes_from_a_function),
        T(a_large_body_from_a_function_waits_for_room),
        T(pieces_that_nobody_reads_count_as_memory),
        T(an_answer_before_the_body_ends_it),
        T(it_does_not_wait_for_a_body_that_nobody_wants_any_more),
        T(a_stream_answers_while_its_body_is_being_sent),
        T(a_body_without_an_end_does_not_hold_the_answer_up),
        T(a_body_that_breaks_off_is_no_complete_one),
        T(a_body_that_fails_later_fails_the_answer),
        T(hanging_up_ends_the_body),
        T(a_body_that_takes_its_time_is_waited_for),
        T(an_answer_that_breaks_off_raises),
        T(an_answer_that_stops_moving_is_given_up),
        T(leaving_the_block_hangs_up),
        T(a_stream_that_is_forgotten_is_closed_when_it_is_collected),
        T(a_task_that_ends_while_it_reads_leaves_nothing),
        T(a_closed_stream_says_so),
        T(two_tasks_cannot_read_one_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
