/*
 * What conf.h promises about showing settings, in columns, as JSON and as Markdown, and about
 * running out of memory.
 */
#include "spec/core/base/settings.h"

/* To count the rows and the headings of CONF_LIST. */
#define SPEC_ONE(...) +1
#define SPEC_NONE(...)

/* == Showing =================================================================================== */

static void settings_are_shown_in_columns_with_their_source(void **state) {
    struct buf b;
    size_t columns[2] = {0}, lines = 0;
    setenv("MOONBUS_WORKERS", "3", 1);
    write_file("moonbus.yaml", STR("\naz: there\n"));
    assert_int_equal(LOAD("--max-body=2048k", "--idle-timeout", "90s"), 0);
    buf_init(&b);
    conf_print(&b, false);
    struct str text = buf_view(&b), line;
    assert_true(str_starts(text, STR("Where it listens and keeps things\n  listen ")));
    assert_has(text, "\n\nLogs\n  log_level ");
    while (str_cut(text, '\n', &line, &text)) {
        if (!str_starts(line, STR("  "))) continue;
        size_t value = 2, source;
        while (line.p[value] != ' ')
            value++;
        while (line.p[value] == ' ')
            value++;
        source = value;
        while (line.p[source] != ' ')
            source++;
        while (line.p[source] == ' ')
            source++;
        if (!lines++) columns[0] = value, columns[1] = source;
        assert_int_equal(value, columns[0]);
        assert_int_equal(source, columns[1]);
        if (str_starts(line, STR("  workers "))) assert_has(line, " 3 ");
        if (str_starts(line, STR("  workers "))) assert_has(line, " MOONBUS_WORKERS ");
        if (str_starts(line, STR("  az "))) assert_has(line, " moonbus.yaml:2 ");
        if (str_starts(line, STR("  max_body "))) assert_has(line, " 2m ");
        if (str_starts(line, STR("  max_body "))) assert_has(line, " --max-body ");
        if (str_starts(line, STR("  idle_timeout "))) assert_has(line, " 1m30s ");
        if (str_starts(line, STR("  self_url "))) assert_has(line, " derived ");
        if (str_starts(line, STR("  region "))) assert_has(line, " \"\" ");
        if (str_starts(line, STR("  home "))) assert_has(line, " default ");
    }
    assert_int_equal(lines, 0 CONF_LIST(SPEC_ONE, SPEC_NONE));
    buf_free(&b);
}

static void secrets_are_masked_everywhere(void **state) {
    struct buf b;
    assert_int_equal(LOAD("--admin-password=hunter2hunter2",
                          "--encryption-key=0123456789abcdef0123456789abcdef"),
                     0);
    buf_init(&b);
    conf_print(&b, false);
    conf_print(&b, true);
    assert_has(buf_view(&b), "********");
    assert_has_no(buf_view(&b), "hunter2");
    assert_has_no(buf_view(&b), "0123456789");
    buf_free(&b);
}

static void json_has_values_sources_and_meanings(void **state) {
    struct buf b;
    assert_int_equal(LOAD("--az=a\"b", "--dev", "--workers=2"), 0);
    buf_init(&b);
    conf_print(&b, true);
    struct str text = buf_view(&b);
    assert_true(
        str_starts(text, STR("{\n  \"listen\":{\"value\":\"*:58231\",\"source\":\"derived\",")));
    assert_true(str_ends(text, STR("}\n}\n")));
    assert_has(text, "\"az\":{\"value\":\"a\\\"b\",\"source\":\"--az\",\"meaning\":\"");
    assert_has(text, "\"dev\":{\"value\":true,\"source\":\"--dev\",");
    assert_has(text, "\"workers\":{\"value\":2,");
    assert_has(text, "\"max_body\":{\"value\":\"1m\",");
    assert_has(text, "\"lua_turn_hard\":{\"value\":\"500ms\",\"source\":\"default\",");
    buf_free(&b);
}

static void what_is_shown_can_be_given_back_as_flags(void **state) {
    assert_int_equal(LOAD("--idle-timeout=1h2m3s4ms", "--max-body=1025", "--lua-memory=3g"), 0);
    struct buf b;
    buf_init(&b);
    conf_print(&b, true);
    assert_has(buf_view(&b), "\"idle_timeout\":{\"value\":\"1h2m3s4ms\"");
    assert_has(buf_view(&b), "\"max_body\":{\"value\":\"1025\"");
    assert_has(buf_view(&b), "\"lua_memory\":{\"value\":\"3g\"");
    buf_free(&b);
}

static void the_markdown_has_one_table_per_group(void **state) {
    struct buf b;
    buf_init(&b);
    conf_markdown(&b);
    struct str text = buf_view(&b), line;
    size_t headings = 0, rows = 0;
    assert_has(text,
               "### Accounts and tokens\n\n| Flag | Environment | Default | Range | Meaning |\n"
               "|---|---|---|---|---|\n| `--admin-password` | `MOONBUS_ADMIN_PASSWORD` |");
    assert_has(text, "| `--token-expiration` | `MOONBUS_TOKEN_EXPIRATION`, `OB_TOKEN_EXPIRATION` | "
                     "`5m` | | Life of an access token; 0 = the default. |\n");
    assert_has(text, "| `--max-header` | `MOONBUS_MAX_HEADER` | `32k` | 1k to 1m | ");
    assert_has(text, "| `--connect-timeout` | `MOONBUS_CONNECT_TIMEOUT` | `2s` | from 10ms | ");
    while (str_cut(text, '\n', &line, &text)) {
        size_t bars = 0;
        headings += str_starts(line, STR("### "));
        if (!str_starts(line, STR("| `"))) continue;
        rows++;
        for (size_t i = 0; i < line.n; i++)
            bars += line.p[i] == '|';
        assert_int_equal(bars, 6);
    }
    assert_int_equal(headings, 0 CONF_LIST(SPEC_NONE, SPEC_ONE));
    assert_int_equal(rows, 0 CONF_LIST(SPEC_ONE, SPEC_NONE));
    buf_free(&b);
}

/* == Memory ==================================================================================== */

static void loading_without_memory_sets_nothing(void **state) {
    write_file("moonbus.yaml", STR("workers: 4\nregion: here\n"));
    setenv("MOONBUS_AZ", "there", 1);
    SPEC_EACH_FAILURE(n, {
        int rc = LOAD("--listen", "8080", "--no-watch");
        assert_int_equal(rc, mem_fail_fired() ? -ENOMEM : 0);
        if (rc) {
            assert_has(str_of(err.text), "out of memory");
            assert_null(conf.home);
            assert_int_equal(conf.workers, 0);
        }
    });
    assert_string_equal(conf.self_url, "http://127.0.0.1:8080");
}

static void showing_without_memory_is_noticed(void **state) {
    assert_int_equal(LOAD(), 0);
    SPEC_EACH_FAILURE(n, {
        struct buf b;
        buf_init(&b);
        conf_print(&b, n % 2);
        conf_markdown(&b);
        assert_int_equal(buf_ok(&b), !mem_fail_fired());
        buf_free(&b);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, clean)
        TEST(settings_are_shown_in_columns_with_their_source),
        TEST(secrets_are_masked_everywhere),
        TEST(json_has_values_sources_and_meanings),
        TEST(what_is_shown_can_be_given_back_as_flags),
        TEST(the_markdown_has_one_table_per_group),
        TEST(loading_without_memory_sets_nothing),
        TEST(showing_without_memory_is_noticed),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
