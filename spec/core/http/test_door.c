/*
 * What the front door refuses: ports, paths, origins, as the settings say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "core/http/door.h"

static struct arena arena;

static void *text(const char *s) {
    return (void *)(uintptr_t)s; /* nobody writes to it */
}

static void open_door(const char *ports, const char *paths, const char *origins) {
    struct err e = {0};
    conf.blocked_ports = text(ports);
    conf.blocked_paths = text(paths);
    conf.allowed_origins = text(origins);
    if (door_open(&e) < 0) fail_msg("%s", e.text);
}

static int setup(void **state) {
    arena_init(&arena, 256);
    return 0;
}

static int teardown(void **state) {
    mem_fail_at(0, false);
    door_close();
    arena_free(&arena);
    return 0;
}

static bool blocked(const char *path) {
    return door_path_blocked(str_of(path), &arena);
}

static void ports_are_blocked_as_listed(void **state) {
    open_door("417, 444,65535", "", "");
    assert_true(door_port_blocked(417) && door_port_blocked(444) && door_port_blocked(65535));
    assert_false(door_port_blocked(443) || door_port_blocked(418) || door_port_blocked(1));
    assert_false(door_port_blocked(0) || door_port_blocked(-1) || door_port_blocked(65536));
}

static void port_888_is_blocked_whatever_is_listed(void **state) {
    assert_true(door_port_blocked(888)); /* nothing was read yet */
    open_door("", "", "");
    assert_true(door_port_blocked(888));
    assert_false(door_port_blocked(444));
}

static void paths_are_blocked_exactly(void **state) {
    open_door("", "/a/b.php,/x, /%7Euser , /a%20b", "");
    assert_true(blocked("/a/b.php") && blocked("/x") && blocked("/~user") && blocked("/a%20b"));
    static const char *const others[] = {"/a/b.phpx", "/a/b.ph",   "/A/b.php", "/x/", "//x", "/",
                                         "",          "/a/b.php/", "/y",       "*",   "/a b"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (blocked(others[i])) fail_msg("%s is blocked", others[i]);
}

static void escapes_of_unreserved_characters_hide_no_path(void **state) {
    open_door("", "/.env,/a%2fb,*.php", "");
    assert_true(blocked("/%2eenv") && blocked("/%2E%65%6e%76") && blocked("/a/b%2Ephp"));
    assert_false(blocked("/%252eenv") || blocked("%2f.env") || blocked("/a/b"));
    assert_true(blocked("/a%2fb"));
}

static void endings_are_those_of_the_last_segment(void **state) {
    open_door("", "*.php, *.tar.gz,*.b", "");
    assert_true(blocked("/a/b.php") && blocked("/.php") && blocked("/x.y.php"));
    assert_true(blocked("/x.tar.gz") && blocked("/a.b"));
    static const char *const others[] = {"/a.php/b", "/a.php/", "/php",  "/a.phpx", "/aphp",
                                         "/a.gz",    "/a.PHP",  "/a.b.", "/tar.gz", "/a.b/c"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (blocked(others[i])) fail_msg("%s is blocked", others[i]);
}

static void the_longest_ending_there_may_be_is_found(void **state) {
    char ending[CONF_ENDING_MAX + 2], path[100];
    memset(ending, 'x', sizeof ending);
    memcpy(ending, "*.", 2);
    ending[CONF_ENDING_MAX + 1] = '\0';
    open_door("", ending, "");
    snprintf(path, sizeof path, "/a%s", ending + 1);
    assert_true(blocked(path));
    snprintf(path, sizeof path, "/a%sx", ending + 1);
    assert_false(blocked(path));
}

static void probes_are_a_list_of_their_own(void **state) {
    open_door("", "/mine, probes", "");
    assert_true(blocked("/.env") && blocked("/.git/config") && blocked("/wp-login.php"));
    assert_true(blocked("/mine"));
    assert_false(blocked("/svc/.env") || blocked("/index.php") || blocked("/user-svc/login"));
    open_door("", "/mine", "");
    assert_true(blocked("/mine"));
    assert_false(blocked("/.env"));
    open_door("", "", "");
    assert_false(blocked("/.env") || blocked("/mine"));
}

static void a_path_without_escapes_is_not_copied(void **state) {
    open_door("", "probes,*.php", "");
    blocked("/svc/some/path.of/a.kind");
    assert_int_equal(arena.total, 0);
}

static void origins_are_all_or_some(void **state) {
    open_door("", "", "https://a.example,http://b.example:8080");
    assert_int_equal(door_origin(STR("https://a.example")), DOOR_LISTED);
    assert_int_equal(door_origin(STR("http://b.example:8080")), DOOR_LISTED);
    static const char *const others[] = {"http://a.example",     "https://a.example:8443",
                                         "https://a.example.de", "null",
                                         "https://A.example",    "*",
                                         "http://b.example"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(door_origin(str_of(others[i])), DOOR_CLOSED);
    open_door("", "", "https://a.example,*");
    assert_int_equal(door_origin(STR("https://a.example")), DOOR_LISTED);
    assert_int_equal(door_origin(STR("null")), DOOR_ANY);
    open_door("", "", "");
    assert_int_equal(door_origin(STR("https://a.example")), DOOR_CLOSED);
}

static void more_members_than_there_may_be_are_an_error(void **state) {
    char *paths = malloc(200000);
    struct err e = {0};
    size_t n = 0;
    for (int i = 0; i <= 10000; i++)
        n += (size_t)snprintf(paths + n, 20, "/%d,", i);
    conf.blocked_paths = paths;
    assert_int_equal(door_open(&e), ERR_LIMIT);
    assert_string_equal(e.text, "blocked_paths or allowed_origins has more than 10000 members");
    assert_false(blocked("/1"));
    free(paths);
}

static void opening_without_memory_keeps_nothing(void **state) {
    bool fired = true;
    conf.blocked_ports = text("444");
    conf.blocked_paths = text("probes,*.php,/%2Emine");
    conf.allowed_origins = text("https://a.example");
    for (long n = 1; fired; n++) {
        struct err e = {0};
        mem_fail_at(n, false);
        int rc = door_open(&e);
        fired = mem_fail_fired();
        mem_fail_at(0, false);
        if (rc < 0) {
            assert_int_equal(rc, -ENOMEM);
            assert_false(blocked("/.env") || blocked("/a.php") || door_port_blocked(444));
            assert_int_equal(door_origin(STR("https://a.example")), DOOR_CLOSED);
        }
        assert_true(n < 1000);
    }
    assert_true(blocked("/.env") && blocked("/a.php") && door_port_blocked(444));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(ports_are_blocked_as_listed),
        T(port_888_is_blocked_whatever_is_listed),
        T(paths_are_blocked_exactly),
        T(escapes_of_unreserved_characters_hide_no_path),
        T(endings_are_those_of_the_last_segment),
        T(the_longest_ending_there_may_be_is_found),
        T(probes_are_a_list_of_their_own),
        T(a_path_without_escapes_is_not_copied),
        T(origins_are_all_or_some),
        T(more_members_than_there_may_be_are_an_error),
        T(opening_without_memory_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
