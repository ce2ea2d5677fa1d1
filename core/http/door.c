/*
 * door: see door.h. Called by main (open and close) and by exchange and plan for every request, so
 * a path that is not blocked costs one look into a table: which lengths there are behind its second
 * byte. Only a path that fits in both is hashed.
 *
 * The settings are checked by conf already; what is malformed here would block nothing.
 */
#include "core/http/door.h"

#include "core/base/conf.h"
#include "core/base/map.h"
#include "core/http/url.h"

#define MEMBERS_MAX  10000 /* paths, endings, origins: of each */
#define CONTROL_PORT 888   /* where services are managed: never for strangers */

/* What scanners ask every host for, and no program of ours has. First segments of most could be no
 * account's name (they have dots or capitals), so hardly anybody's path is taken away. */
/* clang-format off */
static const char *const probes[] = {
    "/.env", "/.env.bak", "/.env.backup", "/.env.dev", "/.env.local", "/.env.old", "/.env.prod",
    "/.env.production", "/.env.save", "/.git/config", "/.git/HEAD", "/.git/index",
    "/.git/logs/HEAD", "/.gitconfig", "/.git-credentials", "/.svn/entries", "/.svn/wc.db",
    "/.hg/hgrc", "/.DS_Store", "/.aws/config", "/.aws/credentials", "/.ssh/authorized_keys",
    "/.ssh/id_rsa", "/.htaccess", "/.htpasswd", "/.npmrc", "/.bash_history", "/.docker/config.json",
    "/.kube/config", "/.vscode/sftp.json", "/wp-login.php", "/wp-config.php", "/wp-config.php.bak",
    "/wp-admin/install.php", "/wp-admin/setup-config.php", "/wp-includes/wlwmanifest.xml",
    "/xmlrpc.php", "/phpinfo.php", "/info.php", "/adminer.php", "/HNAP1/", "/cgi-bin/luci",
    "/boaform/admin/formLogin", "/_ignition/execute-solution",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
};
/* clang-format on */

static struct {
    uint64_t ports[65536 / 64]; /* a bit per port */
    struct map paths;           /* those that are blocked exactly */
    uint64_t lengths[256];      /* of `paths`, by their second byte: a bit per length modulo 64 */
    struct map endings;         /* of file names, with their dot */
    struct map origins;         /* those that are named */
    bool any_origin;
} door;

static void *const present = &door; /* what maps hold that are used as sets */

/* ---- settings ------------------------------------------------------------------------------- */

static int block_path(struct str path) {
    unsigned char second = path.n > 1 ? (unsigned char)path.p[1] : 0;
    door.lengths[second] |= 1ull << (path.n & 63);
    return map_put(&door.paths, path, present);
}

static int block_probes(void) {
    int rc = 0;
    for (size_t i = 0; i < sizeof probes / sizeof *probes && rc == 0; i++)
        rc = block_path(str_of(probes[i]));
    return rc;
}

static int read_paths(struct arena *arena) {
    struct str rest = str_of(conf.blocked_paths), member;
    int rc = 0;
    while (rc == 0 && str_list_next(&rest, &member)) {
        if (str_eq(member, STR("probes")))
            rc = block_probes();
        else if (member.p[0] == '*')
            rc = map_put(&door.endings, str_from(member, 1), present);
        else
            rc = block_path(url_plain(member, arena));
    }
    return rc;
}

static void read_ports(void) {
    struct str rest = str_of(conf.blocked_ports), member;
    uint64_t port;
    while (str_list_next(&rest, &member))
        if (str_u64(member, &port) == 0 && port <= 65535)
            door.ports[port / 64] |= 1ull << (port & 63);
}

static int read_origins(void) {
    struct str rest = str_of(conf.allowed_origins), member;
    int rc = 0;
    while (rc == 0 && str_list_next(&rest, &member)) {
        if (str_eq(member, STR("*")))
            door.any_origin = true;
        else
            rc = map_put(&door.origins, member, present);
    }
    return rc;
}

int door_open(struct err *e) {
    struct arena arena;
    door_close();
    arena_init(&arena, 1024);
    read_ports();
    int rc = read_paths(&arena);
    arena_free(&arena);
    if (rc == 0) rc = read_origins();
    if (rc == 0) return 0;
    door_close();
    if (rc == -ENOSPC)
        return err_set(e, ERR_LIMIT, "blocked_paths or allowed_origins has more than %d members",
                       MEMBERS_MAX);
    return err_set(e, rc, "out of memory");
}

void door_close(void) {
    map_free(&door.paths);
    map_free(&door.endings);
    map_free(&door.origins);
    memset(&door, 0, sizeof door);
    map_init(&door.paths, MEMBERS_MAX);
    map_init(&door.endings, MEMBERS_MAX);
    map_init(&door.origins, MEMBERS_MAX);
}

/* ---- questions ------------------------------------------------------------------------------ */

bool door_port_blocked(int port) {
    if (port <= 0 || port > 65535) return false;
    return port == CONTROL_PORT || (door.ports[port / 64] >> (port & 63) & 1);
}

static bool is_blocked(struct str path) {
    if (path.n < 2) return false;
    uint64_t lengths = door.lengths[(unsigned char)path.p[1]];
    return (lengths >> (path.n & 63) & 1) && map_get(&door.paths, path);
}

/* An ending has CONF_ENDING_MAX bytes at most, so that a name full of dots is no work. */
static bool ends_blocked(struct str path) {
    for (size_t n = 1; n <= path.n && n <= CONF_ENDING_MAX; n++) {
        char c = path.p[path.n - n];
        if (c == '/') return false;
        if (c == '.' && map_get(&door.endings, str_from(path, path.n - n))) return true;
    }
    return false;
}

bool door_path_blocked(struct str path, struct arena *arena) {
    if (door.paths.n == 0 && door.endings.n == 0) return false;
    path = url_plain(path, arena);
    return is_blocked(path) || (door.endings.n > 0 && ends_blocked(path));
}

enum door_origin door_origin(struct str origin) {
    if (map_get(&door.origins, origin)) return DOOR_LISTED;
    return door.any_origin ? DOOR_ANY : DOOR_CLOSED;
}
