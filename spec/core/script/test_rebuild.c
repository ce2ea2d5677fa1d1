/* Services that run out of memory again and again get a fresh state, worker by worker, and nobody
 * else notices. */
#include "spec/core/script/lua_host.h"

static const char SECTIONS[] = "webs:\n"
                               "  - signature: Count()\n"
                               "  - signature: Leak()\n"
                               "  - signature: Fill()\n"
                               "  - signature: Wait()\n"
                               "tickers:\n"
                               "  - signature: Tick()\n"
                               "    interval: 10ms\n";

/* Leak leaves a little, Fill nothing. */
static void write_lab(const char *version, const char *on_stop) {
    char lua[4096];
    snprintf(
        lua, sizeof lua,
        "local seal = require 'seal'\n"
        "local shared = require 'shared'\n"
        "local task = require 'task'\n"
        "local time = require 'time'\n"
        "local svc = require 'service' (...)\n"
        "local count, kept, last, id = 0, {}, nil, seal.id()\n"
        "local function note(text) shared.set('diary', (shared.get 'diary' or '') .. text) end\n"
        "local function await(name) while not shared.get(name) do time.sleep(0.002) end end\n"
        "function svc.Count() count = count + 1 return tostring(count) end\n"
        "function svc.Leak() while true do kept[#kept + 1] = ('x'):rep(65536) .. #kept end end\n"
        "function svc.Fill() while true do last = { last } end end\n"
        "function svc.Wait() shared.incr 'waiting' await 'go' return 'waited' end\n"
        "function svc.Tick()\n"
        "  shared.incr 'ticks' shared.set('ticker', id)\n"
        "  if shared.get 'leak' then task.spawn(svc.Leak):join() end\n"
        "end\n"
        "function svc.on_start() note ' start-%s' end\n"
        "function svc.on_stop() %s note ' stop-%s' end\n"
        "function svc.on_unload() note ' unload' end\n"
        "return svc\n",
        version, on_stop, version);
    write_service("lab", SECTIONS, lua);
}

static void with_lab(const char *on_stop) {
    write_lab("a", on_stop);
    write_service("neighbour", "webs:\n  - signature: Hello()\n  - signature: Leak()\n",
                  "local bus = require 'bus'\n"
                  "local svc = require 'service' (...)\n"
                  "function svc.Hello() return 'hello' end\n"
                  "function svc.Leak(ctx)\n"
                  "  local ok, e = pcall(bus.request, ctx, { method = 'GET', url = "
                  "'https://lab.example/leak' })\n"
                  "  return tostring(ok) .. ' ' .. tostring(e.status)\n"
                  "end\n"
                  "return svc\n");
    lua_host_serve();
    start_services();
}

static int home(void) {
    return (int)(map_hash(STR("lab.example")) % WORKERS);
}

/* The control loop goes on as well: starts come from there. */
static int64_t rebuilt(void) {
    uv_run(&control.loop, UV_RUN_NOWAIT);
    return stat_get(STAT_STATES_REBUILT);
}

static void until_rebuilt(int64_t n) {
    while (rebuilt() < n)
        usleep(1000);
}

static void starve(int worker, const char *path, int times) {
    for (int i = 0; i < times; i++)
        assert_int_equal(get(worker, path)->status, 503);
}

static void keep(const char *name, char *value, size_t n) {
    char key[64];
    struct buf b;
    int len = snprintf(key, sizeof key, "lab.example%c%s", 0, name);
    buf_init(&b);
    shared_get(host.shared, str_make(key, (size_t)len), &b);
    snprintf(value, n, "%.*s", STR_FMT(buf_view(&b)));
    buf_free(&b);
}

static void put(const char *name) {
    char key[64];
    int len = snprintf(key, sizeof key, "lab.example%c%s", 0, name);
    shared_set(host.shared, str_make(key, (size_t)len), STR("yes"), 0);
}

/* Until the value of that name is `wanted`, or is another one than `not`. */
static void until_kept(const char *name, const char *wanted, const char * not ) {
    char value[256];
    for (;;) {
        uv_run(&control.loop, UV_RUN_NOWAIT);
        keep(name, value, sizeof value);
        if (wanted ? strcmp(value, wanted) == 0 : strcmp(value, not ) != 0) return;
        usleep(1000);
    }
}

static void the_third_request_without_memory_brings_a_fresh_state(void **state) {
    int64_t before = rebuilt();
    with_lab("");
    int away = 1 - home();
    IS(get(away, "/lab.example/count"), 200, "1");
    IS(get(home(), "/lab.example/count"), 200, "1");
    starve(away, "/lab.example/leak", 2);
    IS(get(away, "/lab.example/count"), 200, "2");
    assert_int_equal(rebuilt(), before);
    starve(away, "/lab.example/leak", 1);
    until_rebuilt(before + 1);
    IS(get(away, "/lab.example/count"), 200, "1");
    IS(get(home(), "/lab.example/count"), 200, "2");
    GIVES("/neighbour.example/hello", 200, "hello");
    char diary[256];
    keep("diary", diary, sizeof diary);
    assert_string_equal(diary, " start-a");
}

/* Where little is left some requests fit in beside each other, and the others cannot even begin. */
static void requests_that_find_no_room_count_too(void **state) {
    int64_t before = rebuilt();
    int waiting[200], n = 0, served = 0, refused = 0;
    with_lab("");
    int away = 1 - home(); /* where no ticker runs out as well */
    starve(away, "/lab.example/fill", 1);
    while (rebuilt() == before && n < 200) {
        waiting[n++] = begin(away, "GET", "/lab.example/wait", "", NULL);
        IS(get(away, "/neighbour.example/hello"), 200, "hello");
    }
    until_rebuilt(before + 1);
    put("go");
    for (int i = 0; i < n; i++) {
        int status = listen_to(waiting[i])->status;
        served += status == 200;
        refused += status == 503;
    }
    assert_int_equal(served + refused, n);
    assert_true(refused >= 2);
    IS(get(away, "/lab.example/count"), 200, "1");
}

static void calls_over_the_bus_count_too(void **state) {
    int64_t before = rebuilt();
    with_lab("");
    for (int i = 0; i < 3; i++)
        IS(get(0, "/neighbour.example/leak"), 200, "false 503");
    until_rebuilt(before + 1);
    IS(get(0, "/lab.example/count"), 200, "1");
}

/* Nobody asks anything of it: its tickers alone leak, three beats or one that takes its ticker
 * along. */
static void beats_of_a_ticker_count_too(void **state) {
    int64_t before = rebuilt();
    char first[64];
    with_lab("");
    until_kept("ticker", NULL, "");
    keep("ticker", first, sizeof first);
    put("leak");
    until_rebuilt(before + 1);
    until_kept("ticker", NULL, first);
}

static void what_is_under_way_finishes_on_the_old_state(void **state) {
    int64_t before = rebuilt();
    with_lab("");
    int waiting = begin(0, "GET", "/lab.example/wait", "", NULL);
    until_kept("waiting", "1", NULL);
    starve(0, "/lab.example/leak", 3);
    until_rebuilt(before + 1);
    /* With the old one still there it is not done again, whatever the time is. */
    starve(0, "/lab.example/leak", 4);
    assert_int_equal(rebuilt(), before + 1);
    put("go");
    IS(listen_to(waiting), 200, "waited");
}

static void at_home_it_stops_and_starts_as_after_a_reload(void **state) {
    char old[64], diary[256];
    int64_t before = rebuilt();
    with_lab("");
    until_kept("ticker", NULL, "");
    keep("ticker", old, sizeof old);
    starve(home(), "/lab.example/leak", 3);
    until_rebuilt(before + 1);
    until_kept("diary", " start-a stop-a start-a", NULL);
    until_kept("ticker", NULL, old);
    for (int i = 0; i < 5; i++) {
        char ticks[64], ticker[64];
        keep("ticks", ticks, sizeof ticks);
        until_kept("ticks", NULL, ticks);
        keep("ticker", ticker, sizeof ticker);
        assert_string_not_equal(ticker, old);
    }
    keep("diary", diary, sizeof diary);
    assert_string_equal(diary, " start-a stop-a start-a");
}

static void a_state_without_any_memory_is_replaced_at_home_too(void **state) {
    char old[64];
    int64_t before = rebuilt();
    with_lab("");
    until_kept("ticker", NULL, "");
    keep("ticker", old, sizeof old);
    starve(home(), "/lab.example/fill", 1); /* its ticker finds nothing either */
    until_rebuilt(before + 1);
    until_kept("ticker", NULL, old);
    assert_int_equal(rebuilt(), before + 1);
}

static void a_reload_waits_for_on_stop_of_the_state_that_was_replaced(void **state) {
    int64_t before = rebuilt();
    with_lab("shared.set('stopping', '1') await 'go'");
    starve(home(), "/lab.example/leak", 3);
    until_rebuilt(before + 1);
    until_kept("stopping", "1", NULL);
    write_lab("b", "");
    assert_int_equal(reload("lab"), 0);
    put("go");
    until_kept("diary", " start-a stop-a start-b", NULL);
    IS(get(home(), "/lab.example/count"), 200, "1");
}

static void a_host_may_end_while_a_state_is_being_replaced(void **state) {
    int64_t before = rebuilt();
    with_lab("shared.set('stopping', '1') await 'never'");
    starve(home(), "/lab.example/leak", 3);
    until_rebuilt(before + 1);
    until_kept("stopping", "1", NULL);
}

/* Ten seconds after the first time at the earliest, however slow this machine is. */
static void who_leaks_all_the_time_is_not_rebuilt_all_the_time(void **state) {
    int64_t before = rebuilt();
    with_lab("");
    uint64_t began = uv_hrtime();
    starve(0, "/lab.example/leak", 3);
    until_rebuilt(before + 1);
    starve(0, "/lab.example/leak", 12);
    int64_t times = rebuilt() - before;
    assert_true(times <= 1 + (int64_t)((uv_hrtime() - began) / 10000000000));
}

/* Memory ends before the time does, however slow this is. */
static void much_time(void) {
    conf.lua_cpu = 60u * 1000000000ull;
    conf.lua_memory = 6u << 20;
}

static int with_much_time(void **state) {
    tune = much_time;
    return prepare(state);
}

#define M(f) cmocka_unit_test_setup_teardown(f, with_much_time, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        M(the_third_request_without_memory_brings_a_fresh_state),
        M(requests_that_find_no_room_count_too),
        M(calls_over_the_bus_count_too),
        M(beats_of_a_ticker_count_too),
        M(what_is_under_way_finishes_on_the_old_state),
        M(at_home_it_stops_and_starts_as_after_a_reload),
        M(a_state_without_any_memory_is_replaced_at_home_too),
        M(a_reload_waits_for_on_stop_of_the_state_that_was_replaced),
        M(a_host_may_end_while_a_state_is_being_replaced),
        M(who_leaks_all_the_time_is_not_rebuilt_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
