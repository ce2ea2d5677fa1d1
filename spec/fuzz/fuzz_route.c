/*
 * fuzz_route: any bytes as a path, on the way to a route and to the door. What is told about a path
 * must fit together, and hold for another spelling of it as well.
 */
#include <stdlib.h>

#include "core/base/conf.h"
#include "core/http/door.h"
#include "core/http/route.h"
#include "core/http/url.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(what) \
    do { \
        if (!(what)) abort(); \
    } while (0)

static char ports[] = "1,444,65535", paths[] = "probes,/a.b,/%41,*.php,*.tar.gz,*.x", all[] = "*";

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    conf.blocked_ports = ports;
    conf.blocked_paths = paths;
    conf.allowed_origins = all;
    MUST(door_open(NULL) == 0);
    return 0;
}

static void check_place(struct str path, const struct route_place *at) {
    MUST(at->port >= -1 && at->port <= 65535);
    MUST(at->rest.n == 0 || at->rest.p[0] == '/');
    MUST(at->segment.n + at->rest.n <= path.n);
    if (at->rest.n > 0) MUST(at->rest.p + at->rest.n == path.p + path.n);
    MUST(str_index(at->segment, '/') < 0);
    MUST((str_index(at->segment, ':') >= 0) == (at->port == -1));
    for (size_t i = 0; i < at->segment.n; i++)
        MUST(at->segment.p[i] < 'A' || at->segment.p[i] > 'Z');
    if (door_port_blocked(at->port))
        MUST(at->port == 1 || at->port == 444 || at->port == 888 || at->port == 65535);
}

/* Writes every unreserved byte as an escape. */
static struct str spell_out(struct str path, struct arena *arena) {
    static const char hex[] = "0123456789aBcDeF";
    char *out = arena_alloc(arena, 3 * path.n + 1);
    size_t n = 0;
    MUST(out);
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        char low = (char)(c | 0x20);
        if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-') {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    return str_make(out, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct arena arena;
    struct route_place at, spelled;
    char *copy = malloc(n); /* of its own, so that reading beyond it is seen */
    if (n) memcpy(copy, data, n);
    struct str path = str_make(copy, n);
    arena_init(&arena, 256);
    route_split(path, &arena, &at);
    check_place(path, &at);
    bool blocked = door_path_blocked(path, &arena);
    if (str_index(path, '%') < 0) { /* no escapes that spelling out could change */
        struct str other = spell_out(path, &arena);
        route_split(other, &arena, &spelled);
        MUST(spelled.port == at.port && str_eq(spelled.segment, at.segment));
        MUST(str_eq(url_plain(other, &arena), path));
        MUST(door_path_blocked(other, &arena) == blocked);
    }
    arena_free(&arena);
    free(copy);
    return 0;
}
