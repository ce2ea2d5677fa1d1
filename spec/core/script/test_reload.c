/* New generations of services come into service, or the old ones stay. */
#include "spec/core/script/lua_host.h"

#include <pthread.h>

static const char WEBS[] = "webs:\n  - signature: Who()\n  - signature: Wait()\n";

/* A service whose pages tell which version they are of. */
static void write_version(const char *folder, const char *version) {
    char lua[2048];
    snprintf(lua, sizeof lua,
             "local shared = require 'shared'\n"
             "local time = require 'time'\n"
             "local svc = require 'service' (...)\n"
             "function svc.Who() return '%s' end\n"
             "function svc.Wait()\n"
             "  shared.incr('waiting')\n"
             "  while not shared.get('go') do time.sleep(0.002) end\n"
             "  return '%s'\n"
             "end\n"
             "return svc\n",
             version, version);
    write_service(folder, WEBS, lua);
}

static int with_lab(void **state) {
    lua_host_prepare();
    write_version("lab", "one");
    lua_host_serve();
    return 0;
}

static int64_t shared_number(const char *name) {
    char key[64];
    struct buf b;
    int64_t n = 0;
    int len = snprintf(key, sizeof key, "lab.example%c%s", 0, name);
    buf_init(&b);
    if (shared_get(host.shared, str_make(key, (size_t)len), &b) == 0) str_i64(buf_view(&b), &n);
    buf_free(&b);
    return n;
}

static void until_shared(const char *name, int64_t n) {
    while (shared_number(name) < n)
        usleep(1000);
}

static void let_go(void) {
    assert_true(shared_set(host.shared, STR("lab.example\0go"), STR("1"), 0) >= 0);
}

/* The control loop, until so many states are alive. */
static void until_states(int64_t n) {
    while (stat_get(STAT_STATES_OPEN) != n) {
        uv_run(&control.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* ---- good ones ------------------------------------------------------------------------------ */

static void changed_files_are_in_service_on_every_worker_when_the_reload_is_done(void **state) {
    GIVES("/lab.example/who", 200, "one");
    write_version("lab", "two");
    GIVES("/lab.example/who", 200, "one");
    assert_int_equal(reload(""), 0);
    reported("lab: generation 2 in service after ");
    GIVES("/lab.example/who", 200, "two");
}

static void without_a_change_nothing_happens(void **state) {
    GIVES("/lab.example/who", 200, "one");
    int64_t states = stat_get(STAT_STATES_OPEN);
    assert_int_equal(reload(""), 0);
    assert_string_equal(report, "");
    assert_int_equal(stat_get(STAT_STATES_OPEN), states);
}

static void a_worker_that_never_served_it_gets_the_new_one_when_it_does(void **state) {
    write_version("lab", "two");
    assert_int_equal(reload("lab"), 0);
    GIVES("/lab.example/who", 200, "two");
}

static void one_service_can_be_named_by_folder_or_host(void **state) {
    write_version("other", "one");
    assert_int_equal(reload(""), 0);
    write_version("lab", "two");
    write_version("other", "two");
    assert_int_equal(reload("lab"), 0);
    GIVES("/lab.example/who", 200, "two");
    GIVES("/other.example/who", 200, "one");
    assert_int_equal(reload("OTHER.example"), 0);
    GIVES("/other.example/who", 200, "two");
    assert_int_equal(reload("nobody"), -ENOENT);
    reported("nobody: no such service");
}

static void any_file_of_the_folder_counts(void **state) {
    folder_write("lab/text.lua", "return { text = 'a' }\n");
    write_service("lab", WEBS,
                  "local svc = require 'service' (...)\n"
                  "local text = require 'text'\n"
                  "function svc.Who() return text.text .. svc.resources['page.html'] end\n"
                  "return svc\n");
    folder_write("lab/resources/page.html", "1");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "a1");
    folder_write("lab/text.lua", "return { text = 'b' }\n");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "b1");
    folder_write("lab/resources/page.html", "2");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "b2");
}

static void paths_and_configs_are_what_the_declaration_says(void **state) {
    write_service("lab",
                  "configs:\n"
                  "  - signature: Count() (n int)\n"
                  "    default: 007\n"
                  "  - signature: Wait() (d Duration)\n"
                  "    default: 1m30.5s\n"
                  "  - signature: On() (b bool)\n"
                  "    default: T\n"
                  "  - signature: Share() (f float)\n"
                  "    default: 1e-1\n"
                  "  - signature: Bad() (n int)\n"
                  "    default: many\n"
                  "webs:\n"
                  "  - signature: Who()\n"
                  "    path: :0/a b/{x}\n"
                  "  - signature: Configs()\n"
                  "    path: configs/\xc3\xa4\n",
                  "local svc = require 'service' (...)\n"
                  "function svc.Who(_, req) return req.args.x end\n"
                  "function svc.Configs()\n"
                  "  local c = svc.config\n"
                  "  return ('%s %s %s %s %s'):format(c.Count, c.Wait, c.On, c.Share, c.Bad)\n"
                  "end\n"
                  "return svc\n");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/a%20b/7", 200, "7");
    GIVES("/lab.example/configs/%C3%A4", 200, "7 90.5 true 0.1 0");
}

/* ---- bad ones ------------------------------------------------------------------------------- */

static void refused(const char *yaml, const char *lua, const char *part) {
    write_service("lab", yaml, lua);
    assert_true(reload("") < 0);
    reported(part);
    GIVES("/lab.example/who", 200, "one");
}

static void what_does_not_load_changes_nothing_and_says_why_and_where(void **state) {
    GIVES("/lab.example/who", 200, "one");
    int64_t states = stat_get(STAT_STATES_OPEN);
    refused(WEBS, "return (", "services/lab/service.lua:1: ");
    refused(WEBS, "local svc = require 'service' (...)\nerror 'no'\n",
            "services/lab/service.lua:2: no");
    refused(WEBS, "return 1", "services/lab/service.lua:1: it must end with `return svc`");
    refused(WEBS, "", "services/lab/service.lua:1: it must end with `return svc`");
    refused(WEBS, "local svc = require 'service' (...)\n\nlocal x = 1\n\n",
            "services/lab/service.lua:3: it must end with `return svc`");
    refused(WEBS, "local svc = require 'service' (...)\nreturn {}",
            "services/lab/service.lua:2: it must end with `return svc`");
    refused(WEBS, "require 'time'.sleep(1)", "time.sleep: not while a service is loading");
    refused(WEBS, "require 'nothing'", "module 'nothing' not found");
    refused(WEBS, FOREVER, "service.lua:1: stopped: it ran too long");
    refused(WEBS, "local s = 'x' while true do s = s .. s end", "out of memory");
    refused("webs:\n  - signature: who()\n", "return require 'service' (...)",
            "services/lab/service.yaml:4:16: handler 'who' must start with uppercase");
    refused("webs: [", "return require 'service' (...)", "services/lab/service.yaml:");
    refused("webs:\n  - signature: who()\n    method: 1\n", "return require 'service' (...)",
            "services/lab/service.yaml:5:13: invalid method '1'\n"
            "         3 | webs:\n         4 |   - signature: who()\n"
            "    >    5 |     method: 1\n           |             ^");
    refused("webs:\n  - signature: Who()\n    path: //user-svc/x\n",
            "return require 'service' (...)",
            "services/lab listens at host user-svc, which services/user has");
    assert_int_equal(stat_get(STAT_STATES_OPEN), states);
}

static void other_hosts_are_routed_while_the_declaration_says_so(void **state) {
    const char *lua = "local svc = require 'service' (...)\n"
                      "function svc.Who() return 'lab' end\n"
                      "return svc\n";
    write_service("lab", "webs:\n  - signature: Who()\n    path: //front.door/who\n", lua);
    assert_int_equal(reload(""), 0);
    GIVES("/front.door/who", 200, "lab");
    GIVES("/front.door:443/who", 200, "lab");
    GIVES("/front.door/other", 404, "{\"error\":\"lab.example has nothing at /front.door/other\"}");
    write_service("lab", WEBS, lua);
    assert_int_equal(reload(""), 0);
    GIVES("/front.door/who", 404, "no instances found");
}

static void a_service_comes_anew_when_what_it_calls_by_changed(void **state) {
    static const char *const api = "return { name = '%s' }\n";
    char text[64];
    write_version("other", "one");
    snprintf(text, sizeof text, api, "first");
    folder_write("other/gen/api.lua", text);
    write_service("lab", WEBS,
                  "local svc = require 'service' (...)\n"
                  "local other = require 'services.other.api'\n"
                  "function svc.Who() return other.name end\n"
                  "return svc\n");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "first");
    write_service("lab", WEBS,
                  "local svc = require 'service' (...)\n"
                  "function svc.Who() return require('services.other.api').name end\n"
                  "return svc\n");
    assert_int_equal(reload(""), 0); /* it is needed later only */
    GIVES("/lab.example/who", 200, "first");
    snprintf(text, sizeof text, api, "second");
    folder_write("other/gen/api.lua", text);
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "second");
    folder_remove("other/gen/api.lua");
    write_service("lab", WEBS, "require 'services.other.api'");
    assert_true(reload("lab") < 0);
    reported("there is no services/other/gen/api.lua: moonbus gen makes it");
    GIVES("/lab.example/who", 200, "second");
}

static void a_mended_service_comes_into_service(void **state) {
    refused(WEBS, "return (", "services/lab/service.lua:1: ");
    write_version("lab", "two");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "two");
}

static void a_missing_file_is_told_and_the_old_one_goes_on(void **state) {
    folder_remove("lab/service.lua");
    assert_true(reload("") < 0);
    reported("service.lua is missing: moonbus gen writes one");
    GIVES("/lab.example/who", 200, "one");
}

static void the_host_name_cannot_change(void **state) {
    folder_write("lab/service.yaml", "general:\n  host: other.example\n");
    assert_true(reload("") < 0);
    reported("host changed from lab.example to other.example");
    GIVES("/lab.example/who", 200, "one");
}

static void a_failure_of_one_does_not_keep_others_back(void **state) {
    write_version("other", "one");
    assert_int_equal(reload(""), 0);
    write_service("lab", WEBS, "return (");
    write_version("other", "two");
    assert_true(reload("") < 0);
    GIVES("/lab.example/who", 200, "one");
    GIVES("/other.example/who", 200, "two");
}

/* ---- folders that come and go --------------------------------------------------------------- */

static void a_new_folder_is_served_after_a_reload(void **state) {
    write_version("late", "one");
    GIVES("/late.example/who", 404, "no instances found");
    assert_int_equal(reload(""), 0);
    reported("late: in service");
    GIVES("/late.example/who", 200, "one");
}

static void a_new_folder_that_does_not_load_is_told(void **state) {
    write_service("late", WEBS, "return (");
    assert_true(reload("") < 0);
    reported("services/late/service.lua:1: ");
    GIVES("/late.example/who", 404, "no instances found");
    write_version("late", "two");
    assert_int_equal(reload(""), 0);
    GIVES("/late.example/who", 200, "two");
}

static void a_host_name_is_one_services_only(void **state) {
    folder_write("late/service.yaml", "general:\n  host: lab.example\n");
    folder_write("late/service.lua", "return require 'service' (...)\n");
    assert_true(reload("") < 0);
    reported("services/late declares host lab.example, which services/lab has already");
    GIVES("/lab.example/who", 200, "one");
}

static void a_folder_that_is_gone_is_served_no_more_and_comes_back(void **state) {
    GIVES("/lab.example/who", 200, "one");
    folder_remove("lab");
    GIVES("/lab.example/who", 200, "one");
    assert_int_equal(reload(""), 0);
    reported("lab: removed");
    GIVES("/lab.example/who", 404, "no instances found");
    assert_int_equal(reload(""), 0);
    write_version("lab", "two");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "two");
}

static void the_same_files_in_a_folder_that_comes_back_are_served_again(void **state) {
    folder_remove("lab");
    assert_int_equal(reload(""), 0);
    write_version("lab", "one");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "one");
}

static void a_folder_that_comes_back_broken_is_not_served(void **state) {
    folder_remove("lab");
    assert_int_equal(reload(""), 0);
    write_service("lab", WEBS, "return (");
    assert_true(reload("") < 0);
    GIVES("/lab.example/who", 404, "no instances found");
    write_version("lab", "three");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "three");
}

static void a_service_whose_folder_was_moved_goes_on(void **state) {
    char from[512], to[512];
    GIVES("/lab.example/who", 200, "one");
    snprintf(from, sizeof from, "%s/lab", folder_root);
    snprintf(to, sizeof to, "%s/laboratory", folder_root);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(reload(""), 0);
    reported("laboratory: generation 2 in service");
    GIVES("/lab.example/who", 200, "one");
    assert_int_equal(reload(""), 0);
    assert_string_equal(report, "");
    write_version("laboratory", "two");
    folder_write("laboratory/service.yaml",
                 "general:\n  host: lab.example\nwebs:\n  - signature: Who()\n");
    assert_int_equal(reload("laboratory"), 0);
    GIVES("/lab.example/who", 200, "two");
}

static void requests_of_a_service_that_is_removed_are_finished(void **state) {
    int fd = begin(0, "GET", "/lab.example/wait", "", NULL);
    until_shared("waiting", 1);
    folder_remove("lab");
    assert_int_equal(reload(""), 0);
    let_go();
    IS(listen_to(fd), 200, "one");
}

/* ---- requests in flight --------------------------------------------------------------------- */

static void a_request_finishes_on_the_generation_it_began_on(void **state) {
    int fds[4];
    int64_t states;
    GIVES("/lab.example/who", 200, "one");
    states = stat_get(STAT_STATES_OPEN);
    fds[0] = begin(0, "GET", "/lab.example/wait", "", NULL);
    fds[1] = begin(1, "GET", "/lab.example/wait", "", NULL);
    until_shared("waiting", 2);
    write_version("lab", "two");
    assert_int_equal(reload(""), 0);
    fds[2] = begin(0, "GET", "/lab.example/wait", "", NULL);
    fds[3] = begin(1, "GET", "/lab.example/wait", "", NULL);
    until_shared("waiting", 4);
    GIVES("/lab.example/who", 200, "two");
    assert_int_equal(stat_get(STAT_STATES_OPEN), states + WORKERS);
    let_go();
    IS(listen_to(fds[0]), 200, "one");
    IS(listen_to(fds[1]), 200, "one");
    IS(listen_to(fds[2]), 200, "two");
    IS(listen_to(fds[3]), 200, "two");
    until_states(states);
}

static void short_grace(void) {
    conf.reload_grace = 20u * 1000000ull;
}

static int with_a_short_grace(void **state) {
    tune = short_grace;
    return with_lab(state);
}

static void a_request_that_outlives_the_grace_time_is_504(void **state) {
    IS(get(0, "/lab.example/who"), 200, "one");
    int fd = begin(0, "GET", "/lab.example/wait", "", NULL);
    until_shared("waiting", 1);
    write_version("lab", "two");
    assert_int_equal(reload(""), 0);
    assert_int_equal(listen_to(fd)->status, 504);
    IS(get(0, "/lab.example/who"), 200, "two");
}

/* Clients on both workers who ask without a pause, while generations come and go. */
struct pest {
    pthread_t thread;
    int worker;
    _Atomic bool *stop;
    int asked, failed;
};

static void *pester(void *arg) {
    struct pest *p = arg;
    char raw[4096];
    while (!*p->stop) {
        int fd = begin(p->worker, "GET", "/lab.example/who", "", NULL);
        size_t n = 0;
        for (size_t got; (got = hear(fd, raw + n, sizeof raw - 1 - n)) > 0;)
            n += got;
        close(fd);
        raw[n] = 0;
        p->asked++;
        bool fine = strncmp(raw, "HTTP/1.1 200", 12) == 0 && strstr(raw, "\r\n\r\nversion ");
        if (fine) continue;
        p->failed++;
        print_error("%s\n", n ? raw : "no answer");
    }
    return NULL;
}

static void a_hundred_reloads_fail_no_request_and_leave_nothing_behind(void **state) {
    _Atomic bool stop = false;
    struct pest pests[WORKERS];
    char version[32];
    write_version("lab", "version 0");
    assert_int_equal(reload(""), 0);
    GIVES("/lab.example/who", 200, "version 0");
    until_states(stat_get(STAT_STATES_OPEN));
    for (int i = 0; i < WORKERS; i++) {
        pests[i] = (struct pest){.worker = i, .stop = &stop};
        assert_int_equal(pthread_create(&pests[i].thread, NULL, pester, &pests[i]), 0);
    }
    int64_t states = 0, bytes = 0;
    for (int i = 1; i <= 100; i++) {
        snprintf(version, sizeof version, "version %d", i);
        write_version("lab", version);
        assert_int_equal(reload(""), 0);
        if (i == 20) {
            usleep(100000);
            states = stat_get(STAT_STATES_OPEN);
            bytes = stat_get(STAT_STATE_BYTES);
        }
    }
    stop = true;
    int asked = 0, failed = 0;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(pests[i].thread, NULL);
        asked += pests[i].asked;
        failed += pests[i].failed;
    }
    assert_int_equal(failed, 0);
    assert_true(asked > 100);
    GIVES("/lab.example/who", 200, "version 100");
    until_states(states);
    assert_true(stat_get(STAT_STATE_BYTES) < bytes + bytes / 2);
    while (stat_get(STAT_TASKS_OPEN) || stat_get(STAT_OPS_OPEN)) /* the last answer's own */
        usleep(1000);
}

/* ---- several reloads ------------------------------------------------------------------------ */

struct counting {
    int done, ok, busy;
};

static void count(void *arg, int result, struct str text) {
    struct counting *c = arg;
    c->done++;
    c->ok += result == 0;
    c->busy += result == ERR_BUSY;
}

static void reloads_wait_for_each_other_and_too_many_are_refused(void **state) {
    struct counting c = {0};
    write_version("lab", "two");
    for (int i = 0; i < 20; i++)
        service_reload(&(struct reload_request){.who = "command"}, count, &c);
    assert_int_equal(c.busy, 4);
    while (c.done < 20)
        uv_run(&control.loop, UV_RUN_ONCE);
    assert_int_equal(c.ok, 16);
    GIVES("/lab.example/who", 200, "two");
}

static void a_reload_that_waited_sees_what_changed_meanwhile(void **state) {
    struct counting c = {0};
    write_version("lab", "two");
    service_reload(&(struct reload_request){.who = "command"}, count, &c);
    service_reload(&(struct reload_request){.who = "command"}, count, &c);
    write_version("lab", "three");
    while (c.done < 2)
        uv_run(&control.loop, UV_RUN_ONCE);
    assert_int_equal(c.ok, 2);
    GIVES("/lab.example/who", 200, "three");
}

/* ---- start and tickers ---------------------------------------------------------------------- */

static const char TICKER[] = "tickers:\n  - signature: Tick()\n    interval: 2ms\n";

static void write_ticker(const char *name) {
    char lua[1024];
    snprintf(lua, sizeof lua,
             "local shared = require 'shared'\n"
             "local svc = require 'service' (...)\n"
             "function svc.on_start() shared.incr('started-%s') end\n"
             "function svc.Tick() shared.incr('ticks-%s') end\n"
             "return svc\n",
             name, name);
    write_service("lab", TICKER, lua);
}

static void tickers_of_a_replaced_generation_stop_before_those_of_the_new_one_start(void **state) {
    write_ticker("a");
    lua_host_serve();
    assert_int_equal(shared_number("ticks-a"), 0);
    start_services();
    assert_int_equal(shared_number("started-a"), 1);
    until_shared("ticks-a", 3);
    write_ticker("b");
    assert_int_equal(reload(""), 0);
    until_shared("ticks-b", 1);
    int64_t ticks = shared_number("ticks-a");
    until_shared("ticks-b", 5);
    assert_int_equal(shared_number("ticks-a"), ticks);
    assert_int_equal(shared_number("started-b"), 1);
}

static void a_service_runs_its_start_once_on_one_worker(void **state) {
    write_ticker("a");
    lua_host_serve();
    start_services();
    GIVES("/lab.example/nothing", 404,
          "{\"error\":\"lab.example has nothing at /lab.example/nothing\"}");
    until_shared("ticks-a", 5);
    assert_int_equal(shared_number("started-a"), 1);
}

static void a_ticker_that_fails_goes_on_ticking(void **state) {
    write_service("lab", TICKER,
                  "local shared = require 'shared'\n"
                  "local svc = require 'service' (...)\n"
                  "function svc.Tick() shared.incr('ticks') error 'no' end\n"
                  "return svc\n");
    lua_host_serve();
    start_services();
    until_shared("ticks", 4);
}

static void a_service_that_was_added_is_started(void **state) {
    lua_host_serve();
    start_services();
    write_ticker("a");
    assert_int_equal(reload(""), 0);
    until_shared("ticks-a", 2);
}

static void a_service_that_is_removed_stops_ticking_and_gives_its_states_back(void **state) {
    lua_host_serve();
    start_services();
    int64_t states = stat_get(STAT_STATES_OPEN);
    write_ticker("a");
    assert_int_equal(reload(""), 0);
    until_shared("ticks-a", 2);
    assert_int_equal(stat_get(STAT_STATES_OPEN), states + 1);
    folder_remove("lab");
    assert_int_equal(reload(""), 0);
    int64_t ticks = shared_number("ticks-a");
    until_states(states);
    assert_int_equal(shared_number("ticks-a"), ticks);
}

static void start_of_all(void *arg, int result, const char *why) {
    snprintf(report, sizeof report, "%s", why);
    *(int *)arg = result;
}

static void a_platform_service_whose_start_fails_is_told(void **state) {
    int rc = 1;
    folder_write("user/service.lua", "local svc = require 'service' (...)\n"
                                     "function svc.on_start() error 'no database' end\n"
                                     "return svc\n");
    write_service("lab", "",
                  "local svc = require 'service' (...)\n"
                  "function svc.on_start() error 'mine' end\n"
                  "return svc\n");
    lua_host_serve();
    service_start_all(start_of_all, &rc);
    while (rc == 1)
        uv_run(&control.loop, UV_RUN_ONCE);
    assert_int_equal(rc, -EINVAL);
    reported("user-svc: services/user/service.lua:2: no database");
}

/* ---- opening -------------------------------------------------------------------------------- */

static void a_broken_service_does_not_keep_the_host_from_opening(void **state) {
    write_version("lab", "one");
    write_service("broken", WEBS, "return (");
    lua_host_serve();
    GIVES("/lab.example/who", 200, "one");
    GIVES("/broken.example/who", 404, "no instances found");
    write_version("broken", "mended");
    assert_int_equal(reload(""), 0);
    GIVES("/broken.example/who", 200, "mended");
}

static void a_broken_platform_service_does(void **state) {
    struct err e = {0};
    folder_write("user/service.lua", "return (");
    assert_true(service_open_all(&control, folder_root, &e) < 0);
    if (!strstr(e.text, "services/user/service.lua:1: ")) fail_msg("%s", e.text);
}

static void services_may_lie_deeper(void **state) {
    write_version("examples/deep", "one");
    folder_write("examples/deep/service.yaml", "general:\n  host: deep.example\n"
                                               "webs:\n  - signature: Who()\n");
    lua_host_serve();
    GIVES("/deep.example/who", 200, "one");
    write_version("examples/deep", "two");
    folder_write("examples/deep/service.yaml", "general:\n  host: deep.example\n"
                                               "webs:\n  - signature: Who()\n");
    assert_int_equal(reload("examples/deep"), 0);
    GIVES("/deep.example/who", 200, "two");
}

static void the_report_tells_what_is_in_service(void **state) {
    struct buf out;
    buf_init(&out);
    write_version("lab", "one");
    lua_host_serve();
    write_version("lab", "two");
    assert_int_equal(reload(""), 0);
    service_report(&out);
    buf_char(&out, 0);
    assert_non_null(strstr(out.p, "\"host\":\"user-svc\",\"folder\":\"user\",\"embedded\":false,"
                                  "\"generation\":1,"));
    assert_non_null(strstr(out.p, "\"host\":\"lab.example\",\"folder\":\"lab\",\"embedded\":false,"
                                  "\"generation\":2,"));
    buf_free(&out);
}

#define L(f) cmocka_unit_test_setup_teardown(f, with_lab, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        L(changed_files_are_in_service_on_every_worker_when_the_reload_is_done),
        L(without_a_change_nothing_happens),
        L(a_worker_that_never_served_it_gets_the_new_one_when_it_does),
        L(one_service_can_be_named_by_folder_or_host),
        L(any_file_of_the_folder_counts),
        L(paths_and_configs_are_what_the_declaration_says),
        L(what_does_not_load_changes_nothing_and_says_why_and_where),
        L(other_hosts_are_routed_while_the_declaration_says_so),
        L(a_service_comes_anew_when_what_it_calls_by_changed),
        L(a_mended_service_comes_into_service),
        L(a_missing_file_is_told_and_the_old_one_goes_on),
        L(the_host_name_cannot_change),
        L(a_failure_of_one_does_not_keep_others_back),
        L(a_new_folder_is_served_after_a_reload),
        L(a_new_folder_that_does_not_load_is_told),
        L(a_host_name_is_one_services_only),
        L(a_folder_that_is_gone_is_served_no_more_and_comes_back),
        L(the_same_files_in_a_folder_that_comes_back_are_served_again),
        L(a_folder_that_comes_back_broken_is_not_served),
        L(a_service_whose_folder_was_moved_goes_on),
        L(requests_of_a_service_that_is_removed_are_finished),
        L(a_request_finishes_on_the_generation_it_began_on),
        cmocka_unit_test_setup_teardown(a_request_that_outlives_the_grace_time_is_504,
                                        with_a_short_grace, finish),
        L(a_hundred_reloads_fail_no_request_and_leave_nothing_behind),
        L(reloads_wait_for_each_other_and_too_many_are_refused),
        L(a_reload_that_waited_sees_what_changed_meanwhile),
        T(tickers_of_a_replaced_generation_stop_before_those_of_the_new_one_start),
        T(a_service_runs_its_start_once_on_one_worker),
        T(a_ticker_that_fails_goes_on_ticking),
        T(a_service_that_was_added_is_started),
        T(a_service_that_is_removed_stops_ticking_and_gives_its_states_back),
        T(a_platform_service_whose_start_fails_is_told),
        T(a_broken_service_does_not_keep_the_host_from_opening),
        T(a_broken_platform_service_does),
        T(services_may_lie_deeper),
        T(the_report_tells_what_is_in_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
