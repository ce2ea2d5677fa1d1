/*
 * trust: see trust.h. Set by main at start, read by every worker's proxy. Must never be set while a
 * worker runs.
 */
#include "core/http/trust.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/mem.h"

/* IPv4 as ::ffff:a.b.c.d, so that there is one kind of address. */
struct network {
    unsigned char address[16];
    int bits; /* that must agree */
};

static struct {
    struct network *list;
    int n;
} trusted;

static bool parse_address(struct str s, unsigned char out[16], bool *v4) {
    char text[INET6_ADDRSTRLEN];
    if (s.n == 0 || s.n >= sizeof text) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    *v4 = true;
    memset(out, 0, 10);
    out[10] = out[11] = 0xFF;
    if (inet_pton(AF_INET, text, out + 12) == 1) return true;
    *v4 = false;
    return inet_pton(AF_INET6, text, out) == 1;
}

static bool parse_network(struct str s, struct network *out) {
    struct str address, length;
    uint64_t bits;
    bool v4, sized = str_cut(s, '/', &address, &length);
    if (!parse_address(address, out->address, &v4)) return false;
    int most = v4 ? 32 : 128;
    if (!sized)
        bits = (uint64_t)most;
    else if (str_u64(length, &bits) < 0 || bits > (uint64_t)most)
        return false;
    out->bits = (int)bits + (v4 ? 96 : 0);
    return true;
}

static bool same_bits(const unsigned char *a, const unsigned char *b, int bits) {
    size_t whole = (size_t)bits / 8;
    unsigned mask = (0xFF00u >> (bits % 8)) & 0xFF;
    return memcmp(a, b, whole) == 0 && (mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

int trust_set(const char *list, struct err *e) {
    struct str rest = str_of(list), member;
    mem_free(trusted.list);
    trusted.list = NULL;
    trusted.n = 0;
    while (str_list_next(&rest, &member)) {
        struct network *more =
            mem_realloc(trusted.list, (size_t)(trusted.n + 1) * sizeof *trusted.list);
        if (!more) return err_set(e, -ENOMEM, "out of memory");
        trusted.list = more;
        if (!parse_network(member, &more[trusted.n]))
            return err_set(e, -EINVAL,
                           "\"%.*s\" is neither an address nor a network; write 10.0.0.0/8 or ::1",
                           STR_FMT(str_first(member, 60)));
        trusted.n++;
    }
    return 0;
}

bool trust_peer(struct str address) {
    unsigned char bytes[16];
    bool v4;
    if (trusted.n == 0 || !parse_address(address, bytes, &v4)) return false;
    for (int i = 0; i < trusted.n; i++)
        if (same_bits(bytes, trusted.list[i].address, trusted.list[i].bits)) return true;
    return false;
}

/* Takes the last member of a list without its comma. False when there is none. */
static bool last_member(struct str *list, struct str *member) {
    if (list->n == 0) return false;
    const char *comma = memrchr(list->p, ',', list->n);
    size_t at = comma ? (size_t)(comma - list->p) : 0;
    *member = str_trim(comma ? str_from(*list, at + 1) : *list);
    *list = str_first(*list, at);
    return true;
}

struct str trust_client(struct str peer, const struct head *h) {
    unsigned char bytes[16];
    bool v4;
    struct str client = peer;
    if (!trust_peer(peer)) return peer;
    for (int i = h->n_fields; i-- > 0;) {
        struct str list = h->fields[i].value, member;
        if (h->fields[i].id != H1_X_FORWARDED_FOR) continue;
        while (last_member(&list, &member)) {
            if (!parse_address(member, bytes, &v4)) return client;
            client = member;
            if (!trust_peer(client)) return client;
        }
    }
    return client;
}
