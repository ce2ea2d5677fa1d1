/*
 * conf_derive: the rules that concern one setting only, and the settings that follow from others.
 * Called by conf.c when every value has been parsed.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/conf_table.h"

#define DEFAULT_PORT 58231

static const struct conf_row *row_of(const char *name) {
    return conf_find(str_of(name));
}

static int no_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory while reading the settings");
}

/* Sets a string to what follows from others. */
static int derive_text(const char *name, const char *text, struct err *e) {
    return conf_text_set(row_of(name), str_of(text)) ? no_memory(e) : 0;
}

/* == Addresses ================================================================================= */

static bool parse_port(struct str s, uint64_t *port) {
    return s.n <= 5 && str_u64(s, port) == 0 && *port <= 65535;
}

static bool is_v6_host(struct str host) {
    return host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(struct str host) {
    bool v6 = is_v6_host(host);
    if (v6) host = str_make(host.p + 1, host.n - 2);
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!plain && !strchr(v6 ? ":.%" : "._-", c)) return false;
    }
    return host.n > 0;
}

/* Splits at the last colon: "HOST:PORT" or "[V6]:PORT", or a port alone. */
static bool split_address(struct str s, struct str *host, uint64_t *port) {
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    *host = colon ? str_first(s, (size_t)(colon - s.p)) : STR("*");
    if (!parse_port(colon ? str_from(s, (size_t)(colon - s.p) + 1) : s, port)) return false;
    return str_eq(*host, STR("*")) || is_host(*host);
}

static int check_address(const char *name, struct str *host, uint64_t *port, struct err *e) {
    const struct conf_row *row = row_of(name);
    struct str s = str_of(*conf_text(row));
    if (!s.n || split_address(s, host, port)) return 0;
    return conf_refuse(row, e, "is not an address: write PORT, HOST:PORT or [IPV6]:PORT");
}

/* == self_url ================================================================================== */

/* The port in a URL: -1 when it has none, -2 when the URL makes no sense. */
static int url_port(struct str url) {
    ptrdiff_t at = str_find(url, STR("://"));
    struct str rest = str_from(url, (size_t)at + 3), host;
    size_t end = 0;
    uint64_t port;
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    struct str authority = str_first(rest, end);
    if (is_host(authority)) return -1;
    if (!split_address(authority, &host, &port) || str_eq(host, STR("*")) || !port) return -2;
    return end < rest.n && rest.p[end] != '/' ? -2 : (int)port;
}

/* Puts the scheme in front that people leave out. */
static int complete_scheme(struct err *e) {
    struct buf url;
    if (str_find(str_of(conf.self_url), STR("://")) >= 0) return 0;
    buf_init(&url);
    buf_printf(&url, "http://%s", conf.self_url);
    int rc = buf_ok(&url) ? conf_text_set(row_of("self_url"), buf_view(&url)) : -ENOMEM;
    buf_free(&url);
    return rc ? no_memory(e) : 0;
}

static int check_self_url(int *port, struct err *e) {
    const struct conf_row *row = row_of("self_url");
    int rc = complete_scheme(e);
    if (rc) return rc;
    struct str url = str_of(conf.self_url);
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        return conf_refuse(row, e, "is neither an http:// nor an https:// URL");
    *port = url_port(url);
    if (*port == -1)
        return conf_refuse(row, e, "has no port: write one, as in http://127.0.0.1:58231");
    if (*port < 0) return conf_refuse(row, e, "is not a base URL: write it like http://host:58231");
    return 0;
}

static bool is_any(struct str host) {
    return str_eq(host, STR("*")) || str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("[::]"));
}

/* The URL under which a front door on that address is reached from this machine. */
static int derive_self_url(struct str host, unsigned port) {
    struct buf url;
    if (is_any(host)) host = STR("127.0.0.1");
    buf_init(&url);
    buf_printf(&url, "http://%.*s:%u", STR_FMT(host), port);
    int rc = buf_ok(&url) ? conf_text_set(row_of("self_url"), buf_view(&url)) : -ENOMEM;
    buf_free(&url);
    return rc;
}

int conf_listening(unsigned port) {
    struct str host;
    uint64_t asked;
    if (*conf.self_url || !split_address(str_of(conf.listen), &host, &asked)) return 0;
    return derive_self_url(host, port);
}

/* Each of listen and self_url follows from the other when it is missing. */
static int derive_addresses(struct err *e) {
    struct str host = STR("*"), admin_host;
    uint64_t port = DEFAULT_PORT, admin_port;
    int url_says = DEFAULT_PORT;
    int rc = check_address("listen", &host, &port, e);
    if (!rc) rc = check_address("admin", &admin_host, &admin_port, e);
    if (!rc && *conf.self_url) rc = check_self_url(&url_says, e);
    if (rc) return rc;
    if (!*conf.self_url && port) rc = derive_self_url(host, (unsigned)port);
    if (rc) return no_memory(e);
    if (*conf.listen) return 0;
    char listen[32];
    snprintf(listen, sizeof listen, "*:%d", url_says);
    return derive_text("listen", listen, e);
}

/* == What the front door refuses =============================================================== */

#define MEMBER_MAX 255 /* bytes of one blocked path or origin */

static int bad_member(const char *name, struct str member, const char *should, struct err *e) {
    return conf_refuse(row_of(name), e, "has \"%.*s\" in it: %s", STR_FMT(str_first(member, 60)),
                       should);
}

static int check_ports(struct err *e) {
    struct str rest = str_of(conf.blocked_ports), member;
    uint64_t port;
    while (str_list_next(&rest, &member)) {
        if (!parse_port(member, &port) || port == 0)
            return bad_member("blocked_ports", member, "a port is 1 to 65535", e);
    }
    return 0;
}

/* Bytes of a path as it comes; a quote would hide commas. */
static bool path_bytes(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"?#\\", s.p[i])) return false;
    }
    return s.n <= MEMBER_MAX;
}

/* "*.ext", where the dot may be followed by others. */
static bool is_ending(struct str s) {
    return s.n > 2 && s.n <= CONF_ENDING_MAX + 1 && str_starts(s, STR("*.")) &&
           str_index(s, '/') < 0 && str_index(str_from(s, 1), '*') < 0;
}

static int check_paths(struct err *e) {
    struct str rest = str_of(conf.blocked_paths), member;
    while (str_list_next(&rest, &member)) {
        bool exact = member.p[0] == '/' || str_eq(member, STR("probes"));
        if (!path_bytes(member) || (!exact && !is_ending(member)))
            return bad_member("blocked_paths", member,
                              "write a path like /a/b.php, an ending like *.php, or probes", e);
    }
    return 0;
}

/* As browsers send it (RFC 6454 section 6.2): in lower case, without a path and without the port
 * that the scheme has anyway. Their "null" stands for pages of anybody: it cannot be trusted. */
static bool is_origin(struct str s) {
    struct str rest = STR_NONE, host;
    uint64_t port;
    if (str_starts(s, STR("http://"))) rest = str_from(s, 7);
    if (str_starts(s, STR("https://"))) rest = str_from(s, 8);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 'A' && s.p[i] <= 'Z') return false;
    }
    if (s.n > MEMBER_MAX) return false;
    if (is_host(rest)) return true;
    uint64_t usual = str_starts(s, STR("https")) ? 443 : 80;
    return split_address(rest, &host, &port) && port && port != usual && is_host(host);
}

static int check_origins(struct err *e) {
    struct str rest = str_of(conf.allowed_origins), member;
    while (str_list_next(&rest, &member)) {
        if (!str_eq(member, STR("*")) && !is_origin(member))
            return bad_member("allowed_origins", member,
                              "write * or origins as browsers do, like https://app.example: lower "
                              "case, no path, no usual port",
                              e);
    }
    return 0;
}

static int check_door(struct err *e) {
    int rc = check_ports(e);
    if (!rc) rc = check_paths(e);
    return rc ? rc : check_origins(e);
}

/* == How requests are spread =================================================================== */

static bool is_name(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!plain && !strchr("-_.!#$&'*+^`|~%", c)) return false;
    }
    return s.n > 0;
}

static bool is_chooser(struct str s) {
    return str_eq(s, STR("round_robin")) || str_eq(s, STR("least_outstanding")) ||
           str_eq(s, STR("hash"));
}

static bool is_hashed(struct str s) {
    bool named = str_starts(s, STR("header:")) || str_starts(s, STR("cookie:"));
    return named ? is_name(str_from(s, 7)) : str_eq(s, STR("address")) || str_eq(s, STR("path"));
}

/* Members are VALUE, at most once, and SLUG=VALUE. */
static int check_spread(const char *name, bool (*known)(struct str s), const char *should,
                        struct err *e) {
    struct str rest = str_of(*conf_text(row_of(name))), member, slug, value;
    int general = 0;
    while (str_list_next(&rest, &member)) {
        bool one = str_cut(member, '=', &slug, &value);
        if (!known(one ? str_trim(value) : member) || (one && !is_name(str_trim(slug))))
            return bad_member(name, member, should, e);
        if (!one && general++) return bad_member(name, member, "only one is for all services", e);
    }
    return 0;
}

static int check_proxy(struct err *e) {
    int rc = check_spread("proxy_choose", is_chooser,
                          "write round_robin, least_outstanding, hash or SLUG=hash", e);
    if (rc) return rc;
    return check_spread("proxy_hash", is_hashed,
                        "write address, path, header:NAME, cookie:NAME or SLUG=path", e);
}

/* == The others ================================================================================ */

static int check_words(const char *name, const char *const *words, const char *allowed,
                       struct err *e) {
    const struct conf_row *row = row_of(name);
    for (; *words; words++) {
        if (!strcmp(*conf_text(row), *words)) return 0;
    }
    return conf_refuse(row, e, "is not known: %s", allowed);
}

static int check_choices(struct err *e) {
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"auto", "text", "json", NULL};
    static const char *const databases[] = {"", "sqlite", NULL};
    int rc = check_words("log_level", levels, "debug, info, warn or error", e);
    if (!rc) rc = check_words("log_format", formats, "auto, text or json", e);
    if (!rc) rc = check_words("db", databases, "only sqlite (or nothing) is supported so far", e);
    return rc;
}

static int check_key(struct err *e) {
    size_t n = strlen(conf.encryption_key);
    if (n == 0 || n == 32) return 0;
    return conf_refuse(row_of("encryption_key"), e, "has %zu bytes, it must have exactly 32", n);
}

/* The home of the user who runs this: HOME, else what the user database says. */
static int user_home(struct buf *out, struct err *e) {
    const char *home = getenv("HOME");
    if (home && *home) {
        buf_str(out, str_of(home));
        return 0;
    }
    char text[4096];
    struct passwd pw, *found = NULL;
    if (getpwuid_r(getuid(), &pw, text, sizeof text, &found) || !found || !*pw.pw_dir)
        return err_set(e, -ENOENT,
                       "home: this user has no home folder; name one with --home or MOONBUS_HOME");
    buf_str(out, str_of(pw.pw_dir));
    return 0;
}

static int expand_home(struct err *e) {
    if (conf.home[0] != '~' || (conf.home[1] && conf.home[1] != '/')) return 0;
    struct buf path;
    buf_init(&path);
    int rc = user_home(&path, e);
    if (!rc) {
        buf_str(&path, str_of(conf.home + 1));
        if (!buf_ok(&path) || conf_text_set(row_of("home"), buf_view(&path))) rc = no_memory(e);
    }
    buf_free(&path);
    return rc;
}

static int check_folders(struct err *e) {
    if (!*conf.home) return conf_refuse(row_of("home"), e, "is empty: name a folder");
    if (!*conf.services) return conf_refuse(row_of("services"), e, "is empty: name a folder");
    if (!*conf.policies) return conf_refuse(row_of("policies"), e, "is empty: name a folder");
    return expand_home(e);
}

int conf_derive(struct err *e) {
    if (!conf.token_expiration)
        (void)str_duration(str_of(row_of("token_expiration")->fallback), &conf.token_expiration);
    int rc = check_choices(e);
    if (!rc) rc = check_key(e);
    if (!rc) rc = check_door(e);
    if (!rc) rc = check_proxy(e);
    if (!rc) rc = check_folders(e);
    if (!rc) rc = derive_addresses(e);
    return rc;
}
