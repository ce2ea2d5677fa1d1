/*
 * Names that HTTP gives to things: header fields the host looks at, reason phrases, and the rules
 * about names and values that others need too. Called by everybody who builds or reads messages;
 * holds no state.
 */
#include "core/http/h1_head.h"

#define FIELD_NAME(id, name) [H1_##id] = {name, sizeof(name) - 1},
static const struct str names[H1_FIELD_COUNT] = {[H1_OTHER] = {"", 0}, H1_FIELDS(FIELD_NAME)};

/* Names by length: few share one, so a look-up compares at most a handful of first letters. */
#define MAX_NAME 20
#define PER_SIZE 5
static const uint8_t by_length[MAX_NAME][PER_SIZE] = {
    [2] = {H1_TE},
    [3] = {H1_VIA},
    [4] = {H1_HOST, H1_DATE, H1_VARY},
    [6] = {H1_COOKIE, H1_ORIGIN, H1_EXPECT, H1_SERVER},
    [7] = {H1_UPGRADE, H1_TRAILER},
    [8] = {H1_LOCATION},
    [10] = {H1_CONNECTION, H1_KEEP_ALIVE, H1_SET_COOKIE},
    [11] = {H1_RETRY_AFTER},
    [12] = {H1_CONTENT_TYPE, H1_X_REQUEST_ID, H1_MAX_FORWARDS},
    [13] = {H1_AUTHORIZATION},
    [14] = {H1_CONTENT_LENGTH},
    [15] = {H1_ACCEPT_ENCODING, H1_ACCEPT_LANGUAGE, H1_X_FORWARDED_FOR, H1_REQUEST_TIMEOUT},
    [16] = {H1_PROXY_CONNECTION, H1_CONTENT_ENCODING, H1_X_FORWARDED_HOST, H1_X_FORWARDED_PORT},
    [17] = {H1_TRANSFER_ENCODING, H1_X_FORWARDED_PROTO, H1_SEC_WEBSOCKET_KEY},
    [19] = {H1_PROXY_AUTHORIZATION},
};

/* Equal when case is ignored, for names that are known to be tokens on both sides. */
static bool same_name(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
        if (x == y) continue;
        if ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z') return false;
    }
    return true;
}

uint8_t h1_field_id(struct str name) {
    if (name.n >= MAX_NAME) return H1_OTHER;
    const uint8_t *ids = by_length[name.n];
    for (int i = 0; i < PER_SIZE && ids[i]; i++)
        if (same_name(name.p, names[ids[i]].p, name.n)) return ids[i];
    return H1_OTHER;
}

struct str h1_field_name(uint8_t id) {
    return id < H1_FIELD_COUNT ? names[id] : STR_NONE;
}

struct str head_get(const struct head *h, enum h1_field_id id) {
    for (int i = 0; i < h->n_fields; i++)
        if (h->fields[i].id == id) return h->fields[i].value;
    return STR_NONE;
}

struct str head_find(const struct head *h, struct str name) {
    uint8_t id = h1_field_id(name);
    if (id != H1_OTHER) return head_get(h, id);
    for (int i = 0; i < h->n_fields; i++)
        if (h->fields[i].id == H1_OTHER && str_ieq(h->fields[i].name, name))
            return h->fields[i].value;
    return STR_NONE;
}

/* clang-format off */
static const char *const reasons[600] = {
    [100] = "Continue", [101] = "Switching Protocols", [102] = "Processing", [103] = "Early Hints",
    [200] = "OK", [201] = "Created", [202] = "Accepted", [203] = "Non-Authoritative Information",
    [204] = "No Content", [205] = "Reset Content", [206] = "Partial Content",
    [207] = "Multi-Status", [208] = "Already Reported", [226] = "IM Used",
    [300] = "Multiple Choices", [301] = "Moved Permanently", [302] = "Found", [303] = "See Other",
    [304] = "Not Modified", [305] = "Use Proxy", [307] = "Temporary Redirect",
    [308] = "Permanent Redirect", [400] = "Bad Request", [401] = "Unauthorized",
    [402] = "Payment Required", [403] = "Forbidden", [404] = "Not Found",
    [405] = "Method Not Allowed", [406] = "Not Acceptable", [407] = "Proxy Authentication Required",
    [408] = "Request Timeout", [409] = "Conflict", [410] = "Gone", [411] = "Length Required",
    [412] = "Precondition Failed", [413] = "Content Too Large", [414] = "URI Too Long",
    [415] = "Unsupported Media Type", [416] = "Range Not Satisfiable", [417] = "Expectation Failed",
    [421] = "Misdirected Request", [422] = "Unprocessable Entity", [423] = "Locked",
    [424] = "Failed Dependency", [425] = "Too Early", [426] = "Upgrade Required",
    [428] = "Precondition Required", [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large", [451] = "Unavailable For Legal Reasons",
    [500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway",
    [503] = "Service Unavailable", [504] = "Gateway Timeout", [505] = "HTTP Version Not Supported",
    [506] = "Variant Also Negotiates", [507] = "Insufficient Storage", [508] = "Loop Detected",
    [511] = "Network Authentication Required",
};
/* clang-format on */

const char *h1_reason(int status) {
    const char *reason = status >= 100 && status < 600 ? reasons[status] : NULL;
    return reason ? reason : "";
}

bool h1_valid_name(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!h1_is(s.p[i], H1_C_TOKEN)) return false;
    return s.n > 0;
}

bool h1_valid_value(struct str s) {
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, 8);
        if (h1_controls(w)) break; /* or HTAB: look closely */
    }
    for (; i < s.n; i++)
        if (!h1_is(s.p[i], H1_C_TEXT)) return false;
    return true;
}

/* Fields that concern one connection only. Trailers are dropped, so their announcement is too;
 * Proxy-Authorization is meant for us. */
static bool of_one_hop(uint8_t id) {
    switch (id) {
    case H1_CONNECTION:
    case H1_KEEP_ALIVE:
    case H1_PROXY_CONNECTION:
    case H1_TE:
    case H1_TRAILER:
    case H1_TRANSFER_ENCODING:
    case H1_UPGRADE:
    case H1_PROXY_AUTHORIZATION:
        return true;
    default:
        return false;
    }
}

/* Whether Connection may name this field. Those that the host itself looks at may not be removed by
 * a stranger, nor may those that say where a request came from. */
static bool removable(const struct field *f) {
    return f->id == H1_OTHER && !str_ieq(str_first(f->name, 12), STR("x-forwarded-")) &&
           !str_ieq(f->name, STR("x-real-ip")) && !str_ieq(f->name, STR("forwarded"));
}

bool h1_hop_by_hop(const struct head *h, const struct field *f) {
    if (of_one_hop(f->id)) return true;
    if (!h->connection_names || !removable(f)) return false;
    for (int i = 0; i < h->n_fields; i++) {
        if (h->fields[i].id != H1_CONNECTION) continue;
        struct str rest = h->fields[i].value, member;
        while (str_list_next(&rest, &member))
            if (str_ieq(member, f->name)) return true;
    }
    return false;
}
