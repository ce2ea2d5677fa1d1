/*
 * What conf.h promises about flags, the environment, the file, and what each setting accepts.
 */
#include "spec/core/base/settings.h"

/* == Stage ===================================================================================== */

/* The load fails with exactly this sentence. */
#define assert_refused(sentence, ...) \
    do { \
        assert_true(LOAD(__VA_ARGS__) < 0); \
        assert_string_equal(err.text, sentence); \
        assert_null(conf.home); \
    } while (0)

/* The same for a settings file. */
#define assert_file_refused(text, sentence) \
    do { \
        write_file("moonbus.yaml", STR(text)); \
        assert_refused(sentence); \
    } while (0)

/* == Sources =================================================================================== */

static void defaults_are_in_force_when_nobody_says_anything(void **state) {
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.listen, "*:58231");
    assert_string_equal(conf.self_url, "http://127.0.0.1:58231");
    assert_string_equal(conf.admin, "");
    assert_string_equal(conf.home, "/home/somebody/.moonbus");
    assert_string_equal(conf.services, "services");
    assert_string_equal(conf.log_level, "info");
    assert_int_equal(conf.workers, 0);
    assert_int_equal(conf.max_header, 32 * 1024);
    assert_int_equal(conf.max_body, 1024 * 1024);
    assert_int_equal(conf.token_expiration, 300000000000);
    assert_int_equal(conf.lua_turn_soft, 10000000);
    assert_false(conf.dev);
    assert_true(conf.watch);
    assert_int_equal(n_rest, 0);
    assert_null(rest[0]);
}

static void a_flag_beats_the_environment_and_that_the_alias_and_that_the_file(void **state) {
    write_file("moonbus.yaml", STR("az: file\nregion: file\nnode_id: file\ndb_prefix: file\n"));
    setenv("OB_AZ", "alias", 1);
    setenv("OB_REGION", "alias", 1);
    setenv("OB_NODE_ID", "alias", 1);
    setenv("MOONBUS_AZ", "env", 1);
    setenv("MOONBUS_REGION", "env", 1);
    assert_int_equal(LOAD("--az", "flag"), 0);
    assert_string_equal(conf.az, "flag");
    assert_string_equal(conf.region, "env");
    assert_string_equal(conf.node_id, "alias");
    assert_string_equal(conf.db_prefix, "file");
}

static void an_empty_environment_variable_equals_an_unset_one(void **state) {
    write_file("moonbus.yaml", STR("az: file\nworkers: 3\n"));
    setenv("MOONBUS_AZ", "", 1);
    setenv("OB_AZ", "", 1);
    setenv("MOONBUS_WORKERS", "", 1);
    setenv("OB_TEST", "", 1);
    setenv("OB_TOKEN_EXPIRATION", "", 1);
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.az, "file");
    assert_int_equal(conf.workers, 3);
}

static void an_empty_flag_is_an_empty_text(void **state) {
    setenv("MOONBUS_AZ", "env", 1);
    assert_int_equal(LOAD("--az="), 0);
    assert_string_equal(conf.az, "");
    assert_int_equal(LOAD("--az", ""), 0);
    assert_string_equal(conf.az, "");
}

static void other_variables_of_the_original_are_none_of_our_business(void **state) {
    setenv("OB_SERVER_URL", "http://127.0.0.1:1", 1);
    setenv("OB_DB_CONNECTION_STRING", "nonsense", 1);
    setenv("OB_EDGE_PROXY_HTTP_PORT", "0", 1);
    setenv("OB_WHATEVER", "x", 1);
    assert_int_equal(LOAD(), 0);
}

static void a_second_load_forgets_the_first(void **state) {
    assert_int_equal(LOAD("--az", "one", "--workers", "3", "--dev"), 0);
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.az, "");
    assert_int_equal(conf.workers, 0);
    assert_false(conf.dev);
}

/* == Flags ===================================================================================== */

static void flags_are_read_in_both_spellings_and_words_are_left(void **state) {
    assert_int_equal(LOAD("one", "--listen", "8080", "two", "--max-header=64k", "-", "--", "--dev"),
                     0);
    assert_string_equal(conf.listen, "8080");
    assert_int_equal(conf.max_header, 65536);
    assert_false(conf.dev);
    assert_int_equal(n_rest, 4);
    assert_string_equal(rest[0], "one");
    assert_string_equal(rest[1], "two");
    assert_string_equal(rest[2], "-");
    assert_string_equal(rest[3], "--dev");
    assert_null(rest[4]);
}

static void booleans_need_no_value(void **state) {
    assert_int_equal(LOAD("--dev", "word", "--no-watch", "--log-access=off"), 0);
    assert_true(conf.dev);
    assert_false(conf.watch || conf.log_access);
    assert_int_equal(n_rest, 1);
    assert_refused("--no-dev takes no value", "--no-dev=true");
    assert_refused("dev: \"maybe\" from --dev is neither true nor false", "--dev=maybe");
    assert_refused("dev: \"\" from --dev is neither true nor false", "--dev=");
    assert_refused("--dev takes its value behind a '=': write --dev, --no-dev or --dev=false",
                   "--dev", "false");
    assert_int_equal(LOAD("--az", "one", "no", "--dev=yes", "no", "--dev", "--", "no"), 0);
    assert_int_equal(n_rest, 3);
}

static void the_last_of_several_flags_counts(void **state) {
    assert_int_equal(LOAD("--az", "one", "--dev", "--az=two", "--no-dev"), 0);
    assert_string_equal(conf.az, "two");
    assert_false(conf.dev);
}

static void an_unknown_flag_names_the_nearest(void **state) {
    assert_refused("unknown flag --lissten; did you mean --listen?", "--lissten");
    assert_refused("unknown flag --lissten; did you mean --listen?", "--lissten=80");
    assert_refused("unknown flag --max-haeder; did you mean --max-header?", "--max-haeder", "1");
    assert_refused("unknown flag --max_header; did you mean --max-header?", "--max_header", "1");
    assert_refused("unknown flag -dev; did you mean --dev?", "-dev");
    assert_refused("unknown flag --Workers; did you mean --workers?", "--Workers=1");
    assert_refused("unknown flag --no-wach; did you mean --no-watch?", "--no-wach");
    assert_refused("unknown flag --no-workers; did you mean --workers?", "--no-workers");
    assert_refused("unknown flag --xylophone; `moonbus config` lists all settings", "--xylophone");
    assert_refused("unknown flag -v; `moonbus config` lists all settings", "-v");
    assert_refused("unknown flag --; `moonbus config` lists all settings", "--=x");
}

static void a_flag_without_its_value_is_refused(void **state) {
    assert_refused("--listen needs a value: --listen=VALUE", "--listen");
    assert_refused("--listen needs a value: --listen=VALUE", "--listen", "--dev");
    assert_refused("--config needs a value: --config=VALUE", "--config");
}

static void absurdly_long_words_are_survived(void **state) {
    char word[5000];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = 0;
    memcpy(word, "--", 2);
    assert_true(LOAD(word) < 0);
    assert_true(LOAD("--workers", word + 2) < 0);
    assert_has(str_of(err.text), "…\" from --workers is not a whole number");
    assert_true(LOAD("--config", word + 2) < 0);
    assert_int_equal(LOAD("--az", word + 2), 0);
    assert_int_equal(strlen(conf.az), sizeof word - 3);
}

static void too_many_words_are_refused(void **state) {
    assert_int_equal(LOAD("1", "2", "3", "4", "5", "6", "7"), 0);
    assert_int_equal(n_rest, 7);
    assert_refused("too many words: at most 7", "1", "2", "3", "4", "5", "6", "7", "8");
    char *argv[] = {"surprise", NULL};
    assert_true(conf_load(1, argv, NULL, NULL, &err) < 0);
    assert_string_equal(err.text, "unexpected word \"surprise\"");
    assert_int_equal(conf_load(0, argv, NULL, NULL, NULL), 0);
}

/* == Values ==================================================================================== */

static void bounds_are_enforced_and_named(void **state) {
    setenv("MOONBUS_MAX_HEADER", "12", 1);
    assert_refused("max_header: \"12\" from MOONBUS_MAX_HEADER is too small: at least 1k");
    unsetenv("MOONBUS_MAX_HEADER");
    assert_refused("max_header: \"2m\" from --max-header is too large: at most 1m",
                   "--max-header=2m");
    assert_refused("workers: \"257\" from --workers is too large: at most 256", "--workers=257");
    assert_refused("workers: \"-1\" from --workers is too small: at least 0", "--workers=-1");
    assert_refused("pass_queue: \"0\" from --pass-queue is too small: at least 1",
                   "--pass-queue=0");
    assert_refused("header_timeout: \"99ms\" from --header-timeout is too small: at least 100ms",
                   "--header-timeout=99ms");
    assert_int_equal(LOAD("--max-header=1k", "--workers=256", "--header-timeout=100ms"), 0);
    assert_int_equal(LOAD("--max-header=1m", "--workers=0"), 0);
}

static void garbage_is_refused_with_what_is_right(void **state) {
    assert_refused("max_body: \"12q\" from --max-body is not a size: write 512, 64k, 1m or 2g",
                   "--max-body=12q");
    assert_refused("workers: \"1.5\" from --workers is not a whole number", "--workers=1.5");
    assert_refused("workers: \"\" from --workers is not a whole number", "--workers=");
    assert_refused(
        "idle_timeout: \"10\" from --idle-timeout is not a duration: write 250ms, 10s or 1h30m",
        "--idle-timeout=10");
    assert_refused("idle_timeout: \"-5s\" from --idle-timeout is negative", "--idle-timeout=-5s");
}

static void overflow_is_too_large_and_never_wraps(void **state) {
    assert_refused("workers: \"18446744073709551617\" from --workers is too large: at most 256",
                   "--workers=18446744073709551617");
    assert_refused("workers: \"-99999999999999999999\" from --workers is too small: at least 0",
                   "--workers=-99999999999999999999");
    assert_refused(
        "keepalive_requests: \"9223372036854775808\" from --keepalive-requests is too large",
        "--keepalive-requests=9223372036854775808");
    assert_refused("max_body: \"16777216t\" from --max-body is too large", "--max-body=16777216t");
    assert_refused("max_header: \"16777216t\" from --max-header is too large: at most 1m",
                   "--max-header=16777216t");
    assert_refused("idle_timeout: \"5124096h\" from --idle-timeout is too large",
                   "--idle-timeout=5124096h");
}

static void texts_have_no_control_characters(void **state) {
    assert_refused("az: \"a b\" from --az has a control character in it", "--az=a\nb");
    assert_refused("home: \"/x \" from --home has a control character in it", "--home=/x\x7f");
}

static void words_are_those_of_the_list(void **state) {
    assert_refused("log_level: \"loud\" from --log-level is not known: debug, info, warn or error",
                   "--log-level=loud");
    assert_refused("log_format: \"\" from --log-format is not known: auto, text or json",
                   "--log-format=");
    setenv("OB_DB", "postgres", 1);
    assert_refused(
        "db: \"postgres\" from OB_DB is not known: only sqlite (or nothing) is supported "
        "so far");
    setenv("OB_DB", "sqlite", 1);
    assert_int_equal(LOAD("--log-level=debug", "--log-format=json"), 0);
    assert_string_equal(conf.db, "sqlite");
}

static void an_encryption_key_has_32_bytes_and_is_never_shown(void **state) {
    setenv("OB_ENCRYPTION_KEY", "0123456789", 1);
    assert_refused("encryption_key: the value from OB_ENCRYPTION_KEY has 10 bytes, it must have "
                   "exactly 32");
    setenv("OB_ENCRYPTION_KEY", "changeMeToSomethingSecureForReal", 1);
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.encryption_key, "changeMeToSomethingSecureForReal");
}

static void no_expiration_means_the_default_one(void **state) {
    setenv("OB_TOKEN_EXPIRATION", "0s", 1);
    assert_int_equal(LOAD(), 0);
    assert_int_equal(conf.token_expiration, 300000000000);
    assert_int_equal(LOAD("--token-expiration=0"), 0);
    assert_int_equal(conf.token_expiration, 300000000000);
    setenv("OB_TOKEN_EXPIRATION", "1m30s", 1);
    assert_int_equal(LOAD(), 0);
    assert_int_equal(conf.token_expiration, 90000000000);
}

static void the_home_folder_may_begin_with_a_tilde(void **state) {
    assert_int_equal(LOAD("--home=~"), 0);
    assert_string_equal(conf.home, "/home/somebody");
    assert_int_equal(LOAD("--home=~/x/~/y"), 0);
    assert_string_equal(conf.home, "/home/somebody/x/~/y");
    assert_int_equal(LOAD("--home=~other/x"), 0);
    assert_string_equal(conf.home, "~other/x");
    setenv("OB_FOLDER", "/data", 1);
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.home, "/data");
    assert_refused("home: \"\" from --home is empty: name a folder", "--home=");
    assert_refused("services: \"\" from --services is empty: name a folder", "--services=");
}

static void without_home_the_user_database_knows(void **state) {
    unsetenv("HOME");
    if (LOAD() == 0)
        assert_true(conf.home[0] == '/');
    else
        assert_has(str_of(err.text), "home: this user has no home folder");
}

/* == Addresses ================================================================================= */

static void listen_and_self_url_follow_from_each_other(void **state) {
    static const char *const cases[][4] = {
        /* --listen, --self-url, then what is in force */
        {"", "", "*:58231", "http://127.0.0.1:58231"},
        {"8080", "", "8080", "http://127.0.0.1:8080"},
        {"*:8080", "", "*:8080", "http://127.0.0.1:8080"},
        {"0.0.0.0:8080", "", "0.0.0.0:8080", "http://127.0.0.1:8080"},
        {"[::]:8080", "", "[::]:8080", "http://127.0.0.1:8080"},
        {"10.0.0.5:8080", "", "10.0.0.5:8080", "http://10.0.0.5:8080"},
        {"[::1]:8080", "", "[::1]:8080", "http://[::1]:8080"},
        {"", "http://example.org:9000", "*:9000", "http://example.org:9000"},
        {"", "example.org:9000", "*:9000", "http://example.org:9000"},
        {"", "https://example.org:443/base", "*:443", "https://example.org:443/base"},
        {"", "http://[::1]:9000/", "*:9000", "http://[::1]:9000/"},
        {"8080", "http://example.org:9000", "8080", "http://example.org:9000"},
        {"0", "", "0", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char listen[64], url[64];
        snprintf(listen, sizeof listen, "--listen=%s", cases[i][0]);
        snprintf(url, sizeof url, "--self-url=%s", cases[i][1]);
        assert_int_equal(LOAD(listen, url), 0);
        assert_string_equal(conf.listen, cases[i][2]);
        assert_string_equal(conf.self_url, cases[i][3]);
    }
}

static void a_port_that_the_system_chose_completes_the_url(void **state) {
    assert_int_equal(LOAD("--listen=10.1.2.3:0"), 0);
    assert_string_equal(conf.self_url, "");
    assert_int_equal(conf_listening(4711), 0);
    assert_string_equal(conf.self_url, "http://10.1.2.3:4711");
    assert_int_equal(conf_listening(4712), 0);
    assert_string_equal(conf.self_url, "http://10.1.2.3:4711");
    assert_int_equal(LOAD("--listen=0", "--self-url=a:1"), 0);
    assert_int_equal(conf_listening(4711), 0);
    assert_string_equal(conf.self_url, "http://a:1");
    assert_int_equal(LOAD("--listen=0"), 0);
    mem_fail_at(1, false);
    assert_true(conf_listening(4711) < 0);
    mem_fail_at(0, false);
    assert_string_equal(conf.self_url, "");
}

static void a_url_without_a_port_is_refused(void **state) {
    static const char *const bare[] = {"http://example.org", "example.org", "http://10.0.0.1/x",
                                       "https://[::1]", "localhost/"};
    static const char *const nonsense[] = {"http://:80",
                                           "http://a:0",
                                           "http://a:65536",
                                           "http://a:",
                                           "http://a:8x",
                                           "http://a b:80",
                                           "http://u:p@h:80",
                                           "http://::1:80",
                                           "http://",
                                           "http://a:80?x",
                                           "http://a:80#x",
                                           "http://*:80",
                                           "http://a:99999999999999999999"};
    setenv("OB_SELF_URL", "127.0.0.1", 1);
    assert_refused("self_url: \"127.0.0.1\" from OB_SELF_URL has no port: write one, as in "
                   "http://127.0.0.1:58231");
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
        assert_true(LOAD("--self-url", (char *)(uintptr_t)bare[i]) < 0);
        assert_has(str_of(err.text), "has no port");
    }
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        assert_true(LOAD("--self-url", (char *)(uintptr_t)nonsense[i]) < 0);
        assert_has(str_of(err.text), "is not a base URL: write it like http://host:58231");
    }
    assert_refused(
        "self_url: \"ftp://a:1\" from --self-url is neither an http:// nor an https:// URL",
        "--self-url=ftp://a:1");
}

static void addresses_that_make_no_sense_are_refused(void **state) {
    static const char *const bad[] = {
        "x",     "65536",   "-1",    ":80",    "a:",     "a:b",         "::1", "::1:80",
        "[::1]", "[::1:80", "[]:80", "a b:80", "a/b:80", "http://a:80", "80 ", "999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(LOAD("--listen", (char *)(uintptr_t)bad[i]) < 0);
        assert_has(str_of(err.text), "is not an address: write PORT, HOST:PORT or [IPV6]:PORT");
        assert_true(LOAD("--admin", (char *)(uintptr_t)bad[i]) < 0);
        assert_has(str_of(err.text), "is not an address");
    }
    assert_int_equal(LOAD("--admin", "localhost:0", "--listen", "my-host.example:65535"), 0);
}

/* == The file ================================================================================== */

static void the_door_has_defaults_that_refuse_strangers(void **state) {
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.blocked_ports, "417,444,888");
    assert_string_equal(conf.blocked_paths, "probes");
    assert_string_equal(conf.allowed_origins, "*");
}

static void lists_may_be_empty_and_may_have_lines(void **state) {
    assert_int_equal(LOAD("--blocked-ports=", "--blocked-paths=", "--allowed-origins="), 0);
    assert_string_equal(conf.blocked_paths, "");
    assert_int_equal(LOAD("--blocked-ports", " 1 , 65535,,"), 0);
    write_file("moonbus.yaml", STR("blocked_paths: |\n  /a.php\n  *.bak, probes\n  /%7Ex*\n"
                                   "allowed_origins: |\n  https://a.example\n"));
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.blocked_paths, "/a.php,*.bak, probes,/%7Ex*");
    assert_string_equal(conf.allowed_origins, "https://a.example");
    assert_int_equal(LOAD("--blocked-ports=1\n2\n\n"), 0);
    assert_string_equal(conf.blocked_ports, "1,2");
    assert_refused("az: \"a b\" from --az has a control character in it", "--az=a\nb");
    assert_true(LOAD("--blocked-paths=/a\t") < 0);
}

static void requests_are_spread_in_ways_that_there_are(void **state) {
    static const char *const choose[] = {"fair", "a=fair",  "=hash", "hash,round_robin",
                                         "a=",   "a b=hash"};
    static const char *const hash[] = {"header", "header:", "cookie:a b", "x=address=1", "ip"};
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.proxy_choose, "round_robin");
    assert_string_equal(conf.proxy_hash, "address");
    assert_int_equal(LOAD("--proxy-choose=a-svc=hash,least_outstanding",
                          "--proxy-hash=header:X-Tenant,a-svc=cookie:sid,b=path"),
                     0);
    assert_refused("proxy_choose: \"a=random\" from --proxy-choose has \"a=random\" in it: write "
                   "round_robin, least_outstanding, hash or SLUG=hash",
                   "--proxy-choose=a=random");
    for (size_t i = 0; i < sizeof choose / sizeof *choose; i++)
        assert_true(LOAD("--proxy-choose", (char *)(uintptr_t)choose[i]) < 0);
    for (size_t i = 0; i < sizeof hash / sizeof *hash; i++)
        assert_true(LOAD("--proxy-hash", (char *)(uintptr_t)hash[i]) < 0);
}

static void ports_that_are_none_cannot_be_blocked(void **state) {
    static const char *const bad[] = {"x", "0", "65536", "-1", "80-90", "1 2", "1;2"};
    assert_refused("blocked_ports: \"444,http\" from --blocked-ports has \"http\" in it: a port is "
                   "1 to 65535",
                   "--blocked-ports=444,http");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(LOAD("--blocked-ports", (char *)(uintptr_t)bad[i]) < 0);
}

static void blocked_paths_are_paths_endings_or_the_word(void **state) {
    static const char *const bad[] = {"a",     "probe", "*",    "*.",      "*php", "*.a*",
                                      "*.a/b", "/a?b",  "/a#b", "/a b",    "/\"a", "/\xC3\xA4",
                                      "/a\\b", "a/b",   ".php", "http://a"};
    char path[300] = "/", ending[] = "*.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    assert_refused("blocked_paths: \"/a,b.php\" from --blocked-paths has \"b.php\" in it: write a "
                   "path like /a/b.php, an ending like *.php, or probes",
                   "--blocked-paths=/a,b.php");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (LOAD("--blocked-paths", (char *)(uintptr_t)bad[i]) == 0) fail_msg("%s", bad[i]);
    memset(path + 1, 'a', 255);
    assert_true(LOAD("--blocked-paths", path) < 0);
    path[255] = '\0';
    assert_int_equal(LOAD("--blocked-paths", path), 0);
    assert_true(LOAD("--blocked-paths", ending) < 0);
    ending[sizeof ending - 2] = '\0';
    assert_int_equal(LOAD("--blocked-paths", ending), 0);
    assert_int_equal(LOAD("--blocked-paths", "/,/*,*.tar.gz,*.a-b_c"), 0);
}

static void origins_are_written_as_browsers_do(void **state) {
    static const char *const bad[] = {"null",
                                      "a.example",
                                      "https://a.example/",
                                      "https://A.example",
                                      "HTTPS://a.example",
                                      "https://",
                                      "https://a.example:443",
                                      "http://a.example:80",
                                      "https://a.example:0",
                                      "https://a.example:",
                                      "https://*.a.example",
                                      "https://u@a.example",
                                      "ftp://a.example"};
    assert_refused(
        "allowed_origins: \"https://a/b\" from --allowed-origins has \"https://a/b\" in "
        "it: write * or origins as browsers do, like https://app.example: lower case, no "
        "path, no usual port",
        "--allowed-origins=https://a/b");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (LOAD("--allowed-origins", (char *)(uintptr_t)bad[i]) == 0) fail_msg("%s", bad[i]);
    assert_int_equal(LOAD("--allowed-origins",
                          "*, https://a.example,http://a:8080,https://[::1]:8443,http://10.0.0.1,"
                          "https://a:80,http://a:443"),
                     0);
}

static void the_file_is_a_flat_mapping(void **state) {
    write_file("moonbus.yaml", STR("# mine\n"
                                   "listen: 127.0.0.1:9000\n"
                                   "workers: 4\n"
                                   "dev: yes\n"
                                   "az: 'quoted # text'\n"
                                   "region: \"\\u00e4\"\n"
                                   "header_timeout: 1s500ms\n"
                                   "node_id: ~\n"
                                   "admin:\n"
                                   "db_prefix: \"\"\n"
                                   "home: ~/there\n"));
    assert_int_equal(LOAD(), 0);
    assert_string_equal(conf.listen, "127.0.0.1:9000");
    assert_int_equal(conf.workers, 4);
    assert_true(conf.dev);
    assert_string_equal(conf.az, "quoted # text");
    assert_string_equal(conf.region, "\xC3\xA4");
    assert_int_equal(conf.header_timeout, 1500000000);
    assert_string_equal(conf.node_id, "");
    assert_string_equal(conf.home, "/home/somebody/there");
}

static void an_empty_file_says_nothing(void **state) {
    static const char *const texts[] = {"",      "\n",         "# only a comment\n",
                                        "---\n", "---\n...\n", "{}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file("moonbus.yaml", str_of(texts[i]));
        assert_int_equal(LOAD(), 0);
        assert_int_equal(conf.workers, 0);
    }
}

static void a_named_file_must_exist(void **state) {
    write_file("moonbus.yaml", STR("workers: 1\n"));
    write_file("other.yaml", STR("workers: 2\n"));
    assert_int_equal(LOAD("--config", "other.yaml"), 0);
    assert_int_equal(conf.workers, 2);
    setenv("MOONBUS_CONFIG", "other.yaml", 1);
    assert_int_equal(LOAD(), 0);
    assert_int_equal(conf.workers, 2);
    assert_int_equal(LOAD("--config=moonbus.yaml"), 0);
    assert_int_equal(conf.workers, 1);
    assert_refused("cannot read settings from none.yaml: No such file or directory",
                   "--config=none.yaml");
    assert_refused("cannot read settings from .: Is a directory", "--config=.");
    setenv("MOONBUS_CONFIG", "gone.yaml", 1);
    assert_refused("cannot read settings from gone.yaml: No such file or directory");
}

static void a_bad_file_is_refused_with_its_line(void **state) {
    assert_file_refused("workers: 2\nlistn: 80\n",
                        "moonbus.yaml:2: unknown setting \"listn\"; did you mean listen?");
    assert_file_refused("max-header: 2k\n",
                        "moonbus.yaml:1: unknown setting \"max-header\"; did you mean max_header?");
    assert_file_refused("xylophone: 1\n", "moonbus.yaml:1: unknown setting \"xylophone\"; `moonbus "
                                          "config` lists all settings");
    assert_file_refused("az: a\nworkers: 2\naz: b\n",
                        "moonbus.yaml:3: az was already set in line 1");
    assert_file_refused("az: ~\naz: b\n", "moonbus.yaml:2: az was already set in line 1");
    assert_file_refused("az: [a]\n", "moonbus.yaml:1: az must be a single value");
    assert_file_refused("az:\n  b: c\n", "moonbus.yaml:2: az must be a single value");
    assert_file_refused("? [a]\n: b\n",
                        "moonbus.yaml:1: the name of a setting must be a single value");
    assert_file_refused("- az\n", "moonbus.yaml:1: settings are written as \"name: value\"");
    assert_file_refused("just text\n", "moonbus.yaml:1: settings are written as \"name: value\"");
    assert_file_refused("az: a\n---\naz: b\n", "moonbus.yaml:2: only one document is allowed");
    assert_file_refused("az: &x a\n", "moonbus.yaml:1: anchors and tags are not allowed");
    assert_file_refused("az: a\nregion: *x\n", "moonbus.yaml:2: aliases are not allowed");
    assert_file_refused("workers: !!int 3\n", "moonbus.yaml:1: anchors and tags are not allowed");
    assert_file_refused("&x\naz: b\n", "moonbus.yaml:1: anchors and tags are not allowed");
    assert_file_refused("az: \"a\\0b\"\n", "moonbus.yaml:1: az has a zero byte in it");
    assert_file_refused("\n\nmax_header: 10\n",
                        "max_header: \"10\" from moonbus.yaml:3 is too small: at least 1k");
}

static void what_is_no_yaml_is_refused(void **state) {
    static const struct str texts[] = {
        {"az: \"x\n", 7},       {"az: [\n", 6},      {"\taz: x\n", 7},
        {"az: a: b\n", 9},      {"\x00\x01\x02", 3}, {"az: \xFF\n", 6},
        {"az: x\n y: z\n", 12}, {"%FOO\n", 5},       {"}\n", 2}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file("moonbus.yaml", texts[i]);
        assert_true(LOAD() < 0);
        assert_has(str_of(err.text), "moonbus.yaml:");
    }
}

static void a_giant_file_is_no_settings_file(void **state) {
    struct buf b;
    buf_init(&b);
    while (b.n <= 1024 * 1024)
        buf_str(&b, STR("# a comment of no use to anybody\n"));
    write_file("moonbus.yaml", buf_view(&b));
    buf_free(&b);
    assert_refused("moonbus.yaml is larger than 1 MB: not a settings file");
}

static void a_truncated_file_never_crashes(void **state) {
    struct str whole = STR("---\naz: \"quoted \\u00e4\"\nworkers: 4\nregion: >\n  folded\n  text\n"
                           "home: |-\n  /literal\nmax_body: {a: [1, *b, &c d]}\n");
    for (size_t n = 0; n <= whole.n; n++) {
        write_file("moonbus.yaml", str_first(whole, n));
        int rc = LOAD();
        assert_true(rc == 0 || err.text[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, clean)
        TEST(defaults_are_in_force_when_nobody_says_anything),
        TEST(a_flag_beats_the_environment_and_that_the_alias_and_that_the_file),
        TEST(an_empty_environment_variable_equals_an_unset_one),
        TEST(an_empty_flag_is_an_empty_text),
        TEST(other_variables_of_the_original_are_none_of_our_business),
        TEST(a_second_load_forgets_the_first),
        TEST(flags_are_read_in_both_spellings_and_words_are_left),
        TEST(booleans_need_no_value),
        TEST(the_last_of_several_flags_counts),
        TEST(an_unknown_flag_names_the_nearest),
        TEST(a_flag_without_its_value_is_refused),
        TEST(absurdly_long_words_are_survived),
        TEST(too_many_words_are_refused),
        TEST(bounds_are_enforced_and_named),
        TEST(garbage_is_refused_with_what_is_right),
        TEST(overflow_is_too_large_and_never_wraps),
        TEST(texts_have_no_control_characters),
        TEST(words_are_those_of_the_list),
        TEST(an_encryption_key_has_32_bytes_and_is_never_shown),
        TEST(no_expiration_means_the_default_one),
        TEST(the_home_folder_may_begin_with_a_tilde),
        TEST(without_home_the_user_database_knows),
        TEST(listen_and_self_url_follow_from_each_other),
        TEST(a_port_that_the_system_chose_completes_the_url),
        TEST(a_url_without_a_port_is_refused),
        TEST(addresses_that_make_no_sense_are_refused),
        TEST(the_door_has_defaults_that_refuse_strangers),
        TEST(lists_may_be_empty_and_may_have_lines),
        TEST(requests_are_spread_in_ways_that_there_are),
        TEST(ports_that_are_none_cannot_be_blocked),
        TEST(blocked_paths_are_paths_endings_or_the_word),
        TEST(origins_are_written_as_browsers_do),
        TEST(the_file_is_a_flat_mapping),
        TEST(an_empty_file_says_nothing),
        TEST(a_named_file_must_exist),
        TEST(a_bad_file_is_refused_with_its_line),
        TEST(what_is_no_yaml_is_refused),
        TEST(a_giant_file_is_no_settings_file),
        TEST(a_truncated_file_never_crashes),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
