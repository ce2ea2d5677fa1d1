/* Calls between services of one host: what is copied, how errors come back, how long a callee may
 * take, for whom it acts, and what happens when either side goes away meanwhile. */
#include "spec/core/script/lua_host.h"

#include "core/secure/token.h"

/* A service that does what it is told: Run by a request, Do by a call. The code finds its context,
 * two arguments and the modules in `lib`. */
static const char ENDPOINTS[] = "functions:\n"
                                "  - signature: Do(code string, a any, b any) (x any, y any)\n"
                                "webs:\n"
                                "  - signature: Run()\n"
                                "  - signature: Raise()\n";

#define OBEDIENT \
    "local lib = { core = require 'bus.core' }\n" \
    "for _, name in ipairs { 'bus', 'errors', 'json', 'request', 'shared', 'task', 'time' } do\n" \
    "  lib[name] = require(name)\n" \
    "end\n" \
    "local svc = require 'service' (...)\n" \
    "local function run(code, ctx, a, b)\n" \
    "  return assert(load('local ctx, lib, a, b = ... ' .. code, '=code'))(ctx, lib, a, b)\n" \
    "end\n" \
    "function svc.Do(ctx, code, a, b) return run(code, ctx, a, b) end\n" \
    "function svc.Raise(ctx, req) return tostring(run(req:body(), ctx)) end\n" \
    "function svc.Run(ctx, req)\n" \
    "  local said = table.pack(pcall(run, req:body(), ctx))\n" \
    "  for i = 1, said.n do said[i] = tostring(said[i]) end\n" \
    "  return table.concat(said, '|', said[1] == 'true' and 2 or 1)\n" \
    "end\n"

static void write_obedient(const char *folder, const char *more) {
    char lua[8192];
    snprintf(lua, sizeof lua, "%s%sreturn svc\n", OBEDIENT, more);
    write_service(folder, ENDPOINTS, lua);
}

static int with_three(void **state) {
    lua_host_prepare();
    write_obedient("lab", "");
    write_obedient("callee", "");
    write_obedient("third", "");
    lua_host_serve();
    return 0;
}

static struct reply *run(const char *fields, const char *code) {
    return ask(0, "POST", "/lab.example/run", fields, code);
}

#define RUN(code, text) IS(run("", code), 200, text)
#define CALLEE          "'callee.example', 'Do', "
#define CALL(code)      "lib.bus.call(ctx, " CALLEE "[[" code "]]"
#define THIRD(code)     "lib.bus.call(ctx, 'third.example', 'Do', [==[" code "]==]"

static int64_t shared_number(const char *service, const char *name) {
    char key[128];
    struct buf b;
    int64_t n = 0;
    int len = snprintf(key, sizeof key, "%s%c%s", service, 0, name);
    buf_init(&b);
    if (shared_get(host.shared, str_make(key, (size_t)len), &b) == 0) str_i64(buf_view(&b), &n);
    buf_free(&b);
    return n;
}

static void until_shared(const char *service, const char *name, int64_t n) {
    while (shared_number(service, name) < n)
        usleep(1000);
}

/* ---- values --------------------------------------------------------------------------------- */

static void arguments_and_results_are_copied(void **state) {
    RUN("return " CALL("return a + b") ", 1, 2)", "3");
    RUN("return " CALL("return a, b") ", 'text', nil)", "text|nil");
    RUN("return " CALL("return math.type(a), math.type(b)") ", 1, 1.0)", "integer|float");
    RUN("local t = { list = { 1, 2 }, deep = { x = true } } "
        "local u = " CALL("a.list[3], a.deep.x = 3, false return a") ", t) "
                                                                     "return #t.list, t.deep.x, "
                                                                     "#u.list, u.deep.x",
        "2|true|3|false");
    RUN("return " CALL("return lib.json.encode(a)") ", lib.json.decode '[{},[],null]')",
        "[{},[],null]");
}

static void a_call_needs_no_frame_and_no_context(void **state) {
    RUN("return lib.core.call('callee.example', false, nil, nil, 'Do', 'return a', 7)", "7");
    RUN("return lib.bus.call({}, " CALLEE "'return a', 7)", "7");
}

static void a_service_may_call_itself(void **state) {
    RUN("return lib.bus.call(ctx, 'lab.example', 'Do', 'return a', 'me')", "me");
}

static void what_cannot_be_packed_is_refused_on_both_sides(void **state) {
    const char *values = "local ok, e = pcall(lib.bus.call, ctx, " CALLEE;
    static const struct {
        const char *sent, *code, *why;
    } cases[] = {
        {"print", "", "only nil, booleans, numbers, strings and tables of them can be sent"},
        {"nil", "return print", "only nil, booleans, numbers, strings and tables of them"},
        {"nil", "return { {}, { f = print } }", "only nil, booleans, numbers, strings"},
        {"nil", "local t = {} t.t = t return t", "nested too deeply, or contains itself"},
        {"nil", "local s, t = ('x'):rep(1 << 20), {} for i = 1, 17 do t[i] = s end return t",
         "the message is larger than 16 MB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[1024];
        snprintf(code, sizeof code,
                 "%s [[%s]], %s) return ok, e.status, tostring(e):find('%s', 1, true) ~= nil",
                 values, cases[i].code, cases[i].sent, cases[i].why);
        IS(run("", code), 200, "false|500|true");
    }
    RUN("local s, t = ('x'):rep(1 << 20), {} for i = 1, 17 do t[i] = s end "
        "local ok, e = pcall(lib.bus.call, ctx, " CALLEE "'', t) return ok, e.message",
        "false|the message is larger than 16 MB");
}

/* ---- errors --------------------------------------------------------------------------------- */

#define STATUS_OF(call) \
    "local ok, e = pcall(function() return " call " end) " \
    "return ok, lib.errors.is(e), e.status, e.message, e.service, e.internal"

static void an_error_comes_back_with_its_status_and_text(void **state) {
    RUN(STATUS_OF(CALL("lib.errors.raise(404, 'no such pet')") ")"),
        "false|true|404|no such pet|callee.example|nil");
    RUN(STATUS_OF(CALL("return " THIRD("lib.errors.raise(409, 'twice')") ")") ")"),
        "false|true|409|twice|callee.example|nil");
    IS(ask(0, "POST", "/lab.example/raise", "",
           "return " CALL("lib.errors.raise(404, 'no such pet')") ")"),
       404, "{\"error\": \"no such pet\"}");
}

static void a_fault_is_told_to_services_and_not_to_strangers(void **state) {
    RUN("local ok, e = pcall(function() return " CALL(
            "error 'secret'") ") end) "
                              "return ok, e.status, e.message, e.internal, e.trace:find('secret', "
                              "1, true) ~= nil",
        "false|500|code:1: secret|true|true");
    struct reply *r =
        ask(0, "POST", "/lab.example/raise", "", "return " CALL("error 'secret'") ")");
    assert_int_equal(r->status, 500);
    assert_null(strstr(r->body, "secret"));
    assert_non_null(strstr(r->body, "Internal Server Error"));
}

static void a_trace_leads_through_all_services(void **state) {
    RUN("local ok, e = pcall(function() return " CALL("return " THIRD(
            "local function deep() error 'at the end' end deep()") ")") ") end) "
                                                                        "local first = "
                                                                        "e.trace:find('because "
                                                                        "of third.example:', 1, "
                                                                        "true) "
                                                                        "return e.status, "
                                                                        "e.internal, first ~= nil "
                                                                        "and e.trace:find('deep', "
                                                                        "first, true) ~= nil",
        "500|true|true");
}

static void an_error_that_is_no_text_is_a_fault(void **state) {
    RUN(STATUS_OF(CALL("error({ status = 404, internal = true, message = 'm' })") ")"),
        "false|true|500|m|callee.example|true");
    RUN(STATUS_OF(CALL("error({ status = 200, message = 'm' })") ")"),
        "false|true|500|m|callee.example|true");
    RUN("local ok, e = pcall(function() return " CALL(
            "error(nil)") ") end) "
                          "return ok, e.status, e.internal",
        "false|500|true");
}

static void a_callee_that_runs_too_long_or_takes_too_much_is_503(void **state) {
    RUN(STATUS_OF(CALL(FOREVER) ")"),
        "false|true|503|the called service ran too long|callee.example|nil");
    RUN(STATUS_OF(CALL("local s = 'x' while true do s = s .. s end") ")"),
        "false|true|503|the called service is out of memory|callee.example|nil");
}

static void nobody_answers_for_a_host_that_there_is_not(void **state) {
    RUN(STATUS_OF("lib.bus.call(ctx, 'nobody.example', 'Do', '')"),
        "false|true|404|there is no service nobody.example|nil|nil");
    RUN("local ok, e = pcall(lib.bus.call, ctx, ('x'):rep(1000), 'Do') return e.status", "404");
    RUN(STATUS_OF("lib.bus.call(ctx, 'callee.example', 'Other')"),
        "false|true|404|callee.example has no function Other|callee.example|nil");
}

/* ---- depth and time ------------------------------------------------------------------------- */

/* Each calls the next one, the last one tells how far they came. */
#define FURTHER \
    "local code = [[local ok, e, f = pcall(lib.bus.call, ctx, 'lab.example', 'Do', b, a + 1, b) " \
    "if ok then return e, f end return a, e.status .. ' ' .. e.message]] "

static void calls_inside_calls_end_somewhere(void **state) {
    RUN(FURTHER "return lib.bus.call(ctx, 'lab.example', 'Do', code, 1, code)",
        "64|508 call depth overflow");
    RUN(FURTHER "code = code:gsub('pcall%(', 'pcall(lib.task.timeout, 50, ') "
                "return lib.bus.call(ctx, 'lab.example', 'Do', code, 1, code)",
        "64|508 call depth overflow");
}

static void a_callee_has_less_time_than_its_caller(void **state) {
    RUN("local mine = lib.request.left() local its = " CALL(
            "return lib.request.left()") ") return its <= mine - 0.025, its > 1",
        "true|true");
    RUN("local mine = lib.request.left() local its = " CALL(
            "return " THIRD("return lib.request.left()") ")") ") return its <= mine - 0.05",
        "true");
    RUN("local mine = lib.request.left() "
        "local its = lib.task.spawn(function() return " CALL(
            "return lib.request.left()") ") end):join() return its <= mine - 0.025",
        "true");
}

static void a_caller_may_want_it_sooner(void **state) {
    RUN("return lib.core.call('callee.example', false, 5, nil, 'Do', "
        "'return lib.request.left() <= 5')",
        "true");
    RUN(STATUS_OF("lib.bus.call(ctx:with { timeout = 0.02 }, " CALLEE "'lib.time.sleep(3600)')"),
        "false|true|408|timeout|callee.example|nil");
}

static void nothing_is_started_without_time_to_answer(void **state) {
    RUN(STATUS_OF("lib.core.call('callee.example', false, 0.0001, nil, 'Do', "
                  "'lib.shared.incr \"started\"')"),
        "false|true|408|timeout|nil|nil");
    assert_int_equal(shared_number("callee.example", "started"), 0);
    /* Whoever has 20 ms cannot give any of them away. */
    RUN("local ok, e = pcall(lib.core.call, 'callee.example', false, 0.02, nil, 'Do', [[" THIRD(
            "lib.shared.incr 'started'") ")]]) return ok, e.status",
        "false|408");
    assert_int_equal(shared_number("third.example", "started"), 0);
}

/* ---- who goes away -------------------------------------------------------------------------- */

#define AT_END "local _ <close> = setmetatable({}, { __close = function() lib.shared.incr "

static void whoever_is_called_ends_with_the_client(void **state) {
    int fd = begin(
        0, "POST", "/lab.example/run", "",
        "return " CALL(
            "lib.task.spawn(function() " AT_END "'child' end }) "
            "lib.time.sleep(3600) end) " AT_END "'ended' end }) "
            "return " THIRD(
                AT_END "'ended' end }) lib.shared.incr 'began' lib.time.sleep(3600)") ")") ")");
    until_shared("third.example", "began", 1);
    leave(fd);
    until_shared("third.example", "ended", 1);
    until_shared("callee.example", "ended", 1);
    until_shared("callee.example", "child", 1);
}

static void whoever_is_called_ends_with_the_task_that_called(void **state) {
    RUN("local one = lib.task.spawn(function() return " CALL(
            AT_END
            "'ended' end }) lib.shared.incr 'began' lib.time.sleep(3600)") ") end) "
                                                                           "while " CALL(
                                                                               "return "
                                                                               "lib.shared.get "
                                                                               "'began'") ") == "
                                                                                          "nil do "
                                                                                          "lib."
                                                                                          "time."
                                                                                          "sleep(0."
                                                                                          "001) "
                                                                                          "end "
                                                                                          "one:"
                                                                                          "cancel()"
                                                                                          " return "
                                                                                          "'done'",
        "done");
    until_shared("callee.example", "ended", 1);
}

static void let_go(void) {
    assert_true(shared_set(host.shared, STR("callee.example\0go"), STR("1"), 0) >= 0);
}

#define WAIT_AND(then) \
    "lib.shared.incr 'waiting' while not lib.shared.get 'go' do lib.time.sleep(0.002) end " then

static void a_callee_that_is_replaced_meanwhile_finishes_with_all_it_needs(void **state) {
    int fd = begin(0, "POST", "/lab.example/run", "",
                   "return " CALL(WAIT_AND("return lib.task.all { function() return " THIRD(
                       "return 'third'") ") end, function() return 'old' end }")) ")");
    until_shared("callee.example", "waiting", 1);
    write_obedient("callee", "function svc.Do() return 'new' end\n");
    assert_int_equal(reload("callee"), 0);
    RUN("return " CALL("") ")", "new");
    let_go();
    IS(listen_to(fd), 200, "third|old");
}

static void in_long_turns(void) {
    conf.lua_turn_soft = 10u * 1000000000ull;
    conf.lua_turn_hard = 10u * 1000000000ull;
    conf.lua_cpu = 10u * 1000000000ull;
}

static int with_long_turns(void **state) {
    tune = in_long_turns;
    return with_three(state);
}

/* The callee keeps the worker for longer than its retired state is left alone: that is gone before
 * its caller runs again. */
static void an_error_of_a_state_that_is_gone_tells_whose_it_was(void **state) {
    int64_t states = stat_get(STAT_STATES_OPEN);
    int fd = begin(0, "POST", "/lab.example/run", "",
                   STATUS_OF(CALL(WAIT_AND(
                       "local till = lib.time.monotonic() + 0.05 while lib.time.monotonic() < till "
                       "do end lib.errors.raise(410, 'gone')")) ")"));
    until_shared("callee.example", "waiting", 1);
    write_obedient("callee", "");
    assert_int_equal(reload("callee"), 0);
    let_go();
    IS(listen_to(fd), 200, "false|true|410|gone|callee.example|nil");
    assert_true(stat_get(STAT_STATES_OPEN) > states);
}

static void short_grace(void) {
    conf.reload_grace = 20u * 1000000ull;
}

static int with_a_short_grace(void **state) {
    tune = short_grace;
    return with_three(state);
}

static void a_callee_that_outlives_the_grace_time_is_503(void **state) {
    int fd = begin(0, "POST", "/lab.example/run", "", STATUS_OF(CALL(WAIT_AND("")) ")"));
    until_shared("callee.example", "waiting", 1);
    write_obedient("callee", "function svc.Do() return 'new' end\n");
    assert_int_equal(reload("callee"), 0);
    IS(listen_to(fd), 200,
       "false|true|503|the called service is going out of service|callee.example|nil");
}

/* ---- for whom ------------------------------------------------------------------------------- */

static int with_tokens(void **state) {
    struct err e = {0};
    with_three(state);
    if (token_use(token_test_key(), &e) < 0) fail_msg("%s", e.text);
    return 0;
}

static void close_tokens(struct worker *w, void *arg) {
    token_worker_close(w);
}

static int finish_tokens(void **state) {
    for (int i = 0; i < WORKERS; i++)
        on_worker(i, close_tokens, NULL);
    token_stop();
    return finish(state);
}

static const char *authorization(void) {
    static char field[3000];
    char claims[200];
    struct buf t;
    int n = snprintf(claims, sizeof claims, "{\"1ui\":\"usr-1\",\"1sl\":\"ada\",\"exp\":%lld}",
                     (long long)time(NULL) + 3600);
    buf_init(&t);
    assert_int_equal(token_sign_now(str_make(claims, (size_t)n), &t, NULL), 0);
    snprintf(field, sizeof field, "Authorization: Bearer %.*s\r\n", STR_FMT(buf_view(&t)));
    buf_free(&t);
    return field;
}

#define WHO      "return ctx.account and ctx.account.id, ctx.token ~= nil"
#define AS(code) run(authorization(), code)
#define NOBODY   "nil|false"
#define SOMEBODY "usr-1|true"

static void calls_are_made_for_whom_the_request_came_from(void **state) {
    IS(AS(WHO), 200, SOMEBODY);
    IS(AS("return " CALL(WHO) ")"), 200, SOMEBODY);
    IS(AS("return " CALL("return " THIRD(WHO) ")") ")"), 200, SOMEBODY);
    IS(AS("return lib.task.spawn(function() return " CALL(
           "return lib.task.spawn(function() return " THIRD(WHO) ") end):join()") ") end):join()"),
       200, SOMEBODY);
    RUN("return " CALL(WHO) ")", NOBODY);
}

static void without_a_context_they_are_made_for_nobody(void **state) {
    IS(AS("return lib.bus.call({}, " CALLEE "[[" WHO "]])"), 200, NOBODY);
    IS(AS("return " CALL("return lib.bus.call({}, 'third.example', 'Do', [==[" WHO "]==])") ")"),
       200, NOBODY);
    IS(AS("return lib.bus.call({}, " CALLEE "[[return " THIRD(WHO) ")]])"), 200, NOBODY);
    /* The callee cannot give itself what its caller kept. */
    IS(AS("return lib.bus.call({}, " CALLEE "[[return lib.core.call('third.example', true, nil, "
          "nil, 'Do', [==[" WHO "]==])]])"),
       200, NOBODY);
}

static void what_outlives_the_request_acts_for_nobody(void **state) {
    IS(AS("ctx:go(function(own) local who = lib.bus.call(own, " CALLEE "[[" WHO "]]) "
          "lib.shared.set('who', who and '2' or '1') end) return 'done'"),
       200, "done");
    until_shared("lab.example", "who", 1);
    assert_int_equal(shared_number("lab.example", "who"), 1);
    IS(AS("local own = ctx lib.task.spawn(function() lib.time.sleep(0.01) "
          "local who = lib.bus.call(own, " CALLEE "[[" WHO "]]) "
          "lib.shared.set('late', who and '2' or '1') end):detach() return 'done'"),
       200, "done");
    until_shared("lab.example", "late", 1);
    assert_int_equal(shared_number("lab.example", "late"), 1);
}

static void the_host_says_who_calls(void **state) {
    RUN("return " CALL("return ctx.from.host, ctx.from.platform") ")", "lab.example|false");
    RUN("return lib.core.call('callee.example', true, nil, "
        "{ account = { id = 'root' }, from = { host = 'user-svc', platform = true } }, 'Do', "
        "'return ctx.account, ctx.from.host')",
        "nil|lab.example");
}

static void a_request_keeps_its_id_on_the_way(void **state) {
    IS(run("X-Request-Id: abc-1\r\n", "return " CALL("return " THIRD("return ctx.id") ")") ")"),
       200, "abc-1");
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void a_replica_is_called_by_its_id(void **state) {
    RUN("local host, id = " CALL(
            "return lib.core.self()") ") "
                                      "return host, #id, (lib.bus.call(ctx, id .. "
                                      "'.callee.example', 'Do', 'return 7'))",
        "callee.example|10|7");
    RUN("local _, id = " CALL(
            "return lib.core.self()") ") local ok, e = pcall(lib.bus.call, ctx, "
                                      "id .. '.third.example', 'Do', '') return ok, e.status",
        "false|404");
    RUN("local ok, e = pcall(lib.bus.call, ctx, '.callee.example', 'Do', '') return e.status",
        "404");
}

static void listeners_are_told_by_topic_in_the_order_of_their_names(void **state) {
    RUN("return table.concat(lib.core.listeners('//front.door'), ' ')", "");
    write_service("b", "webs:\n  - signature: Run()\n    path: //front.door/b\n",
                  "return require 'service' (...)\n");
    write_service("a", "webs:\n  - signature: Run()\n    path: //front.door/a\n",
                  "return require 'service' (...)\n");
    assert_int_equal(reload(""), 0);
    RUN("return table.concat(lib.core.listeners('//front.door'), ' ')", "a.example b.example");
    RUN("local all = lib.core.listeners() local sorted = { table.unpack(all) } table.sort(sorted) "
        "local same = true for i, host in ipairs(all) do same = same and host == sorted[i] end "
        "local text = table.concat(all, ' ') "
        "return same, text:find('a.example', 1, true) ~= nil, text:find('front', 1, true)",
        "true|true|nil");
    folder_remove("b");
    assert_int_equal(reload(""), 0);
    RUN("return table.concat(lib.core.listeners('//front.door'), ' ')", "a.example");
}

/* ---- memory --------------------------------------------------------------------------------- */

/* The host may hang up before it has read anything. */
static int status_if_any(const char *code) {
    char request[2048];
    int n = snprintf(request, sizeof request,
                     "POST /lab.example/run HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     strlen(code), code);
    int fd = dial(0);
    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) == n) return listen_to(fd)->status;
    close(fd);
    return 0;
}

static void whatever_allocation_fails_a_later_call_succeeds(void **state) {
    static const char code[] = "local ok, x = pcall(function() return " CALL(
        "return " THIRD("return { a, { b } }") ", a, b)") ", 'x', 'y') end) return 'ok'";
    int answered = 0;
    RUN(code, "ok");
    for (long n = 1; n <= 250; n++) {
        mem_fail_at(n, false);
        int status = status_if_any(code);
        mem_fail_at(0, false);
        answered += status == 200;
        if (status != 0 && status != 200 && status != 500 && status != 503)
            fail_msg("%d after allocation %ld failed", status, n);
    }
    assert_true(answered > 0);
    RUN(code, "ok");
}

#define B(f) cmocka_unit_test_setup_teardown(f, with_three, finish)
#define W(f) cmocka_unit_test_setup_teardown(f, with_tokens, finish_tokens)

int main(void) {
    const struct CMUnitTest tests[] = {
        B(arguments_and_results_are_copied),
        B(a_call_needs_no_frame_and_no_context),
        B(a_service_may_call_itself),
        B(what_cannot_be_packed_is_refused_on_both_sides),
        B(an_error_comes_back_with_its_status_and_text),
        B(a_fault_is_told_to_services_and_not_to_strangers),
        B(a_trace_leads_through_all_services),
        B(an_error_that_is_no_text_is_a_fault),
        B(a_callee_that_runs_too_long_or_takes_too_much_is_503),
        B(nobody_answers_for_a_host_that_there_is_not),
        B(calls_inside_calls_end_somewhere),
        B(a_callee_has_less_time_than_its_caller),
        B(a_caller_may_want_it_sooner),
        B(nothing_is_started_without_time_to_answer),
        B(whoever_is_called_ends_with_the_client),
        B(whoever_is_called_ends_with_the_task_that_called),
        B(a_callee_that_is_replaced_meanwhile_finishes_with_all_it_needs),
        cmocka_unit_test_setup_teardown(an_error_of_a_state_that_is_gone_tells_whose_it_was,
                                        with_long_turns, finish),
        cmocka_unit_test_setup_teardown(a_callee_that_outlives_the_grace_time_is_503,
                                        with_a_short_grace, finish),
        W(calls_are_made_for_whom_the_request_came_from),
        W(without_a_context_they_are_made_for_nobody),
        W(what_outlives_the_request_acts_for_nobody),
        B(the_host_says_who_calls),
        B(a_request_keeps_its_id_on_the_way),
        B(a_replica_is_called_by_its_id),
        B(listeners_are_told_by_topic_in_the_order_of_their_names),
        B(whatever_allocation_fails_a_later_call_succeeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
