/*
 * claims: a pull parser for small strict JSON (RFC 8259) and the two shapes that a token is made
 * of.
 *
 * The reader hands out one piece at a time and keeps no tree. It never allocates: decoded strings
 * go to the scratch that the caller lends. The input is hostile when it is a header; claims are
 * read only after their signature was found good.
 */
#include "core/secure/claims.h"

#include <assert.h>

#include "core/base/mem.h"
#include "core/base/utf8.h"

/* ---- the reader --------------------------------------------------------------------------- */

#define DEPTH     16  /* nesting allowed in a token */
#define NAMES     256 /* names of all objects that are open at once */
#define ROLES_MAX 256 /* roles of one account */

/* What next_piece met. */
enum piece {
    PIECE_END,     /* the text is over, and it was well-formed */
    PIECE_OBJECT,  /* { */
    PIECE_ARRAY,   /* [ */
    PIECE_CLOSE,   /* } or ] */
    PIECE_STRING,  /* `text` is its content */
    PIECE_INTEGER, /* `integer` is its value */
    PIECE_OTHER,   /* another number, true, false or null */
    PIECE_BAD,     /* `why` says what is wrong */
};

/* Where the reader is, and what it met last. */
struct reader {
    const char *p, *end; /* what is left */
    char *scratch;       /* decoded strings; as long as the text, which is enough */
    size_t used;         /* of scratch */
    int depth;           /* containers open */
    int level;           /* containers around the piece met last */
    bool more;           /* a value was read: a comma or the end must follow */
    bool array[DEPTH];   /* is the open container of that depth an array? */
    int first[DEPTH];    /* its first name in `names` */
    struct str names[NAMES];
    int n_names;
    struct str name; /* of the piece, inside an object */
    struct str text; /* of a PIECE_STRING */
    int64_t integer; /* of a PIECE_INTEGER */
    const char *why; /* of a PIECE_BAD */
};

static enum piece bad(struct reader *r, const char *why) {
    r->why = why;
    return PIECE_BAD;
}

static void skip_space(struct reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool eat(struct reader *r, char c) {
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

/* Four hexadecimal digits. */
static bool read_hex(struct reader *r, uint32_t *out) {
    if (r->end - r->p < 4) return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* What follows "\u": one code point, written as one escape or as a surrogate pair. */
static bool read_unicode(struct reader *r) {
    uint32_t c, low;
    if (!read_hex(r, &c) || c == 0) return false;
    if (c >= 0xdc00 && c <= 0xdfff) return false;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (!eat(r, '\\') || !eat(r, 'u') || !read_hex(r, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff) return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    r->used += utf8_put(r->scratch + r->used, c);
    return true;
}

static bool read_escape(struct reader *r) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end) return false;
    char c = *r->p++;
    if (c == 'u') return read_unicode(r);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at) return false;
    r->scratch[r->used++] = to[at - from];
    return true;
}

/* The rest of a string whose opening quote was read. */
static bool read_string(struct reader *r, struct str *out) {
    size_t start = r->used;
    while (r->p < r->end) {
        unsigned char c = (unsigned char)*r->p;
        if (c == '"') {
            r->p++;
            *out = str_make(r->scratch + start, r->used - start);
            return true;
        }
        if (c < 0x20) return false;
        if (c == '\\') {
            r->p++;
            if (!read_escape(r)) return false;
            continue;
        }
        size_t n = utf8_step(r->p, (size_t)(r->end - r->p));
        if (n == 0) return false;
        memcpy(r->scratch + r->used, r->p, n);
        r->used += n;
        r->p += n;
    }
    return false;
}

static size_t digits(struct reader *r) {
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - start);
}

static enum piece read_number(struct reader *r) {
    const char *start = r->p;
    bool integer = true;
    eat(r, '-');
    const char *first = r->p;
    size_t n = digits(r);
    if (n == 0 || (n > 1 && *first == '0')) return bad(r, "invalid number");
    if (eat(r, '.')) {
        integer = false;
        if (digits(r) == 0) return bad(r, "invalid number");
    }
    if (eat(r, 'e') || eat(r, 'E')) {
        integer = false;
        if (!eat(r, '+')) eat(r, '-');
        if (digits(r) == 0) return bad(r, "invalid number");
    }
    if (integer && str_i64(str_make(start, (size_t)(r->p - start)), &r->integer) == 0)
        return PIECE_INTEGER;
    return PIECE_OTHER;
}

static enum piece read_word(struct reader *r) {
    static const struct str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    struct str rest = str_make(r->p, (size_t)(r->end - r->p));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_starts(rest, words[i])) {
            r->p += words[i].n;
            return PIECE_OTHER;
        }
    }
    return bad(r, "unexpected character");
}

static enum piece open_container(struct reader *r, bool array) {
    if (r->depth == DEPTH) return bad(r, "nested too deeply");
    r->array[r->depth] = array;
    r->first[r->depth] = r->n_names;
    r->depth++;
    r->more = false;
    return array ? PIECE_ARRAY : PIECE_OBJECT;
}

/* A member's name and colon; a name may stand only once in its object. */
static enum piece read_name(struct reader *r) {
    if (!eat(r, '"') || !read_string(r, &r->name)) return bad(r, "invalid name");
    for (int i = r->first[r->depth - 1]; i < r->n_names; i++) {
        if (str_eq(r->names[i], r->name)) return bad(r, "duplicate name");
    }
    if (r->n_names == NAMES) return bad(r, "too many names");
    r->names[r->n_names++] = r->name;
    skip_space(r);
    if (!eat(r, ':')) return bad(r, "expected a colon");
    skip_space(r);
    return PIECE_OBJECT;
}

static enum piece next_piece(struct reader *r) {
    skip_space(r);
    r->name = STR_NONE;
    if (r->depth == 0 && r->more) return r->p == r->end ? PIECE_END : bad(r, "text after the end");
    if (r->depth > 0) {
        bool array = r->array[r->depth - 1];
        if (r->p < r->end && *r->p == (array ? ']' : '}')) {
            r->p++;
            r->depth--;
            r->n_names = r->first[r->depth];
            r->level = r->depth;
            r->more = true;
            return PIECE_CLOSE;
        }
        if (r->more && !eat(r, ',')) return bad(r, "expected a comma");
        bool comma = r->more;
        skip_space(r);
        if (comma && r->p < r->end && (*r->p == ']' || *r->p == '}'))
            return bad(r, "trailing comma");
        if (!array && read_name(r) == PIECE_BAD) return PIECE_BAD;
    }
    r->level = r->depth;
    if (r->p == r->end) return bad(r, "unexpected end");
    if (eat(r, '{')) return open_container(r, false);
    if (eat(r, '[')) return open_container(r, true);
    r->more = true;
    if (eat(r, '"')) return read_string(r, &r->text) ? PIECE_STRING : bad(r, "invalid string");
    if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) return read_number(r);
    return read_word(r);
}

/* `scratch` has room for json.n bytes: decoded text is never longer than its source. */
static void reader_init(struct reader *r, struct str json, char *scratch) {
    r->p = json.n ? json.p : "";
    r->end = r->p + json.n;
    r->scratch = scratch;
    r->used = 0;
    r->depth = r->level = 0;
    r->n_names = 0;
    r->more = false;
    r->why = NULL;
}

/* ---- the header --------------------------------------------------------------------------- */

static bool is_name(const struct reader *r, const char *name) {
    return r->level == 1 && str_eq(r->name, str_of(name));
}

/* The algorithm as a caller wrote it, if it can be shown. */
static int refuse_algorithm(struct err *e, struct str alg) {
    bool plain = alg.n > 0 && alg.n <= 16;
    for (size_t i = 0; plain && i < alg.n; i++)
        plain = alg.p[i] > ' ' && alg.p[i] < 0x7f;
    return err_set(e, -EACCES, "token is unverifiable: unexpected signing method%s%.*s",
                   plain ? ": " : "", plain ? (int)alg.n : 0, plain ? alg.p : "");
}

int claims_header(struct str json, struct err *e) {
    char scratch[TOKEN_MAX];
    struct reader r;
    assert(json.n <= sizeof scratch);
    reader_init(&r, json, scratch);
    enum piece piece = next_piece(&r);
    if (piece == PIECE_OBJECT) {
        struct str alg = STR_NONE;
        bool typ = true, extension = false;
        while ((piece = next_piece(&r)) != PIECE_END && piece != PIECE_BAD) {
            if (is_name(&r, "alg") && piece == PIECE_STRING) alg = r.text;
            if (is_name(&r, "typ")) typ = piece == PIECE_STRING && str_ieq(r.text, STR("JWT"));
            /* An extension that must be understood: we understand none (RFC 7515 section 4.1.11),
             * not even unencoded payloads (RFC 7797). */
            if (is_name(&r, "crit") || is_name(&r, "b64")) extension = true;
        }
        if (piece == PIECE_END) {
            if (!str_eq(alg, STR("RS256"))) return refuse_algorithm(e, alg);
            if (!typ) return err_set(e, -EACCES, "token is unverifiable: unexpected type");
            if (extension) return err_set(e, -EACCES, "token is unverifiable: unknown extension");
            return 0;
        }
    } else if (piece != PIECE_BAD) {
        r.why = "not an object";
    }
    return err_set(e, -EINVAL, "token is malformed: could not JSON decode header: %s", r.why);
}

/* ---- the claims --------------------------------------------------------------------------- */

/* What is collected before it is copied into one block. Strings lie in the scratch. */
struct draft {
    struct claims c;
    struct str roles[ROLES_MAX];
    bool expires;    /* exp was there */
    const char *why; /* a claim of the wrong shape */
};

/* The slice that a claim's text goes to; NULL when it is no text that we keep. */
static struct str *text_claim(struct claims *c, struct str name) {
    static const struct {
        const char *name;
        size_t at;
    } known[] = {
        {"1ui", offsetof(struct claims, user)}, {"1ai", offsetof(struct claims, app)},
        {"1sl", offsetof(struct claims, slug)}, {"1de", offsetof(struct claims, device)},
        {"jti", offsetof(struct claims, id)},   {"1ao", offsetof(struct claims, organization)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (str_eq(name, str_of(known[i].name)))
            return (struct str *)(void *)((char *)c + known[i].at);
    }
    return NULL;
}

static int64_t *time_claim(struct claims *c, struct str name) {
    if (str_eq(name, STR("exp"))) return &c->expires;
    if (str_eq(name, STR("iat"))) return &c->issued;
    if (str_eq(name, STR("nbf"))) return &c->not_before;
    return NULL;
}

/* Takes one member of the claims. */
static void draft_member(struct draft *d, const struct reader *r, enum piece piece) {
    struct str *text = text_claim(&d->c, r->name);
    if (text) {
        if (piece == PIECE_STRING)
            *text = r->text;
        else
            d->why = "a text claim is no string";
    }
    int64_t *time = time_claim(&d->c, r->name);
    if (time) {
        if (piece == PIECE_INTEGER)
            *time = r->integer;
        else
            d->why = "a time claim is no integer";
        if (time == &d->c.expires) d->expires = true;
    }
    if (str_eq(r->name, STR("1ro")) && piece != PIECE_ARRAY) d->why = "the roles are no list";
}

/* Reads everything; false with d->why set when it is not what we sign. */
static bool draft_read(struct draft *d, struct reader *r) {
    bool roles = false; /* inside the list of roles */
    enum piece piece = next_piece(r);
    if (piece != PIECE_OBJECT) {
        d->why = piece == PIECE_BAD ? r->why : "not an object";
        return false;
    }
    while ((piece = next_piece(r)) != PIECE_END && piece != PIECE_BAD && !d->why) {
        if (roles && r->level == 2) {
            if (piece != PIECE_STRING)
                d->why = "a role is no string";
            else if (d->c.n_roles == ROLES_MAX)
                d->why = "too many roles";
            else
                d->roles[d->c.n_roles++] = r->text;
        } else if (r->level == 1 && piece != PIECE_CLOSE) {
            draft_member(d, r, piece);
            roles = piece == PIECE_ARRAY && str_eq(r->name, STR("1ro"));
        }
    }
    if (piece == PIECE_BAD) d->why = r->why;
    return !d->why;
}

static struct str copy(char **at, struct str s) {
    struct str out = {*at, s.n};
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

/* One block: the claims, the roles' slices, then all text. */
static struct claims *draft_finish(const struct draft *d, struct str json) {
    const struct claims *c = &d->c;
    size_t roles = (size_t)c->n_roles * sizeof(struct str);
    size_t text =
        json.n + c->user.n + c->app.n + c->slug.n + c->device.n + c->organization.n + c->id.n;
    for (int i = 0; i < c->n_roles; i++)
        text += d->roles[i].n;
    struct claims *out = mem_alloc(sizeof *out + roles + text);
    if (!out) return NULL;
    *out = *c;
    out->refs = 1;
    out->roles = (struct str *)(void *)(out + 1);
    char *at = (char *)(out + 1) + roles;
    out->payload = copy(&at, json);
    out->user = copy(&at, c->user);
    out->app = copy(&at, c->app);
    out->slug = copy(&at, c->slug);
    out->device = copy(&at, c->device);
    out->organization = copy(&at, c->organization);
    out->id = copy(&at, c->id);
    for (int i = 0; i < c->n_roles; i++)
        out->roles[i] = copy(&at, d->roles[i]);
    return out;
}

struct claims *claims_parse(struct str json, struct err *e) {
    char scratch[TOKEN_MAX];
    struct reader r;
    struct draft d;
    assert(json.n <= sizeof scratch);
    reader_init(&r, json, scratch);
    d.c = (struct claims){0};
    d.expires = false;
    d.why = NULL;
    if (!draft_read(&d, &r)) {
        err_set(e, -EINVAL, "token is malformed: could not JSON decode claim: %s", d.why);
        return NULL;
    }
    if (!d.expires) {
        err_set(e, -EINVAL, "token is missing required claim: exp claim is required");
        return NULL;
    }
    struct claims *c = draft_finish(&d, json);
    if (!c) err_set(e, -ENOMEM, "out of memory");
    return c;
}
