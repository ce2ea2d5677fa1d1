/*
 * token: what we sign, what we accept, and every way in which others tried to be accepted.
 */
#include "spec/core/secure/forged.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "core/secure/seal.h"

static EVP_PKEY *private_key(void) {
    struct str pem = token_test_key();
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(k);
    return k;
}

/* header.payload signed with RS256 by the key in force, whatever they say. */
static struct buf forge(struct str header, struct str payload) {
    struct buf t;
    buf_init(&t);
    seal_base64(&t, header, true);
    buf_char(&t, '.');
    seal_base64(&t, payload, true);
    unsigned char signature[512];
    size_t n = sizeof signature;
    EVP_PKEY *k = private_key();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &n, (unsigned char *)t.p, t.n), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(k);
    buf_char(&t, '.');
    seal_base64(&t, str_make((char *)signature, n), true);
    assert_true(buf_ok(&t));
    return t;
}

static void assert_forged_refused(const char *header, const char *payload, const char *words) {
    struct buf t = forge(str_of(header), str_of(payload));
    assert_refused(buf_view(&t), words);
    buf_free(&t);
}

static struct buf pem_of(EVP_PKEY *k, const EVP_CIPHER *cipher) {
    struct buf out;
    buf_init(&out);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PrivateKey(bio, k, cipher, (const unsigned char *)"pw", 2, NULL, NULL), 1);
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    buf_add(&out, p, (size_t)n);
    BIO_free(bio);
    return out;
}

static void assert_key_refused(EVP_PKEY *k, const EVP_CIPHER *cipher) {
    struct buf pem = pem_of(k, cipher);
    struct err e = {0};
    assert_int_equal(token_use(buf_view(&pem), &e), -EINVAL);
    assert_string_not_equal(e.text, "");
    buf_free(&pem);
    EVP_PKEY_free(k);
}

/* ---- the key ------------------------------------------------------------------------------ */

static void the_test_key_is_the_published_one(void **state) {
    struct buf b;
    buf_init(&b);
    assert_int_equal(token_public_pem(&b), 0);
    assert_str(buf_view(&b), "-----BEGIN PUBLIC KEY-----\n"
                             "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsPnoGUOnrpiSqt4XynxA\n"
                             "+HRP7S+BSObI6qJ7fQAVSPtRkqsotWxQYLEYzNEx5ZSHTGypibVsJylvCfuToDTf\n"
                             "Mul8b/CZjP2Ob0LdpYrNH6l5hvFE89FU1nZQF15oVLOpUgA7wGiHuEVawrGfey92\n"
                             "UE68mOyUVXGweJIVDdxqdMoPvNNUl86BU02vlBiESxOuox+dWmuVV7vfYZ79Toh/\n"
                             "LUK43YvJh+rhv4nKuF7iHjVjBd9sB6iDjj70HFldzOQ9r8SRI+9NirupPTkF5AKN\n"
                             "e6kUhKJ1luB7S27ZkvB3tSTT3P593VVJvnzOjaA1z6Cz+4+eRvcysqhrRgFlwI9T\n"
                             "EwIDAQAB\n"
                             "-----END PUBLIC KEY-----\n");
    buf_free(&b);
}

static void a_generated_key_is_usable_and_has_the_two_formats(void **state) {
    struct buf private_pem, public_pem, again;
    buf_init(&private_pem);
    buf_init(&public_pem);
    buf_init(&again);
    struct err e = {0};
    assert_int_equal(token_generate(&private_pem, &public_pem, &e), 0);
    assert_true(str_starts(buf_view(&private_pem), STR("-----BEGIN RSA PRIVATE KEY-----\n")));
    assert_true(str_ends(buf_view(&private_pem), STR("-----END RSA PRIVATE KEY-----\n")));
    assert_true(str_starts(buf_view(&public_pem), STR("-----BEGIN PUBLIC KEY-----\n")));
    assert_true(str_ends(buf_view(&public_pem), STR("-----END PUBLIC KEY-----\n")));
    struct buf old = good_token();
    assert_status(buf_view(&old), NOW, TOKEN_OK);
    assert_int_equal(token_use(buf_view(&private_pem), &e), 0);
    token_public_pem(&again);
    assert_true(str_eq(buf_view(&again), buf_view(&public_pem)));
    assert_refused(buf_view(&old), "token signature is invalid: crypto/rsa: verification error");
    struct buf fresh = good_token();
    assert_status(buf_view(&fresh), NOW, TOKEN_OK);
    assert_int_equal(token_use(token_test_key(), &e), 0);
    assert_refused(buf_view(&fresh), "token signature is invalid");
    assert_status(buf_view(&old), NOW, TOKEN_OK);
    buf_free(&old);
    buf_free(&fresh);
    buf_free(&private_pem);
    buf_free(&public_pem);
    buf_free(&again);
}

static void keys_that_are_weak_or_no_rsa_are_refused_and_the_old_one_stays(void **state) {
    struct err e = {0};
    assert_int_equal(token_use(STR(""), &e), -EINVAL);
    assert_int_equal(token_use(STR("no key"), &e), -EINVAL);
    assert_int_equal(token_use(str_first(token_test_key(), 400), &e), -EINVAL);
    assert_int_equal(token_use(STR("no key"), NULL), -EINVAL);
    assert_key_refused(EVP_RSA_gen(1024), NULL);
    assert_key_refused(EVP_EC_gen("P-256"), NULL);
    assert_key_refused(private_key(), EVP_aes_128_cbc());
    struct buf t = good_token();
    assert_status(buf_view(&t), NOW, TOKEN_OK);
    buf_free(&t);
}

static void a_key_in_pkcs8_is_accepted_too(void **state) {
    EVP_PKEY *k = private_key();
    struct buf pem = pem_of(k, NULL);
    EVP_PKEY_free(k);
    assert_true(str_starts(buf_view(&pem), STR("-----BEGIN PRIVATE KEY-----")));
    assert_int_equal(token_use(buf_view(&pem), NULL), 0);
    buf_free(&pem);
}

/* ---- what is signed and read back --------------------------------------------------------- */

static void a_signed_token_verifies_and_gives_its_claims(void **state) {
    struct buf t = good_token();
    const struct claims *c;
    struct err e = {0};
    assert_int_equal(token_verify(buf_view(&t), NOW, &c, &e), TOKEN_OK);
    assert_str(c->user, "usr-a");
    assert_str(c->app, "app-b");
    assert_str(c->slug, "joe");
    assert_str(c->device, "cli");
    assert_str(c->organization, "org-c");
    assert_str(c->id, "abc");
    assert_int_equal(c->n_roles, 2);
    assert_str(c->roles[0], "user-svc:user");
    assert_str(c->roles[1], "x:admin");
    assert_int_equal(c->expires, 1700000300);
    assert_int_equal(c->issued, 1700000000);
    assert_int_equal(c->not_before, 0);
    assert_str(c->payload, CLAIMS);
    token_claims_give(c);
    buf_free(&t);
}

static void the_header_is_exactly_the_one_clients_expect(void **state) {
    struct buf t = good_token(), header;
    buf_init(&header);
    struct str first, rest;
    assert_true(str_cut(buf_view(&t), '.', &first, &rest));
    assert_int_equal(seal_unbase64(&header, first, true), 0);
    assert_str(buf_view(&header), HEADER);
    buf_free(&header);
    buf_free(&t);
}

static void a_token_that_another_library_signed_verifies(void **state) {
    struct buf t = forge(STR(HEADER), STR(CLAIMS)), own = good_token();
    assert_true(str_eq(buf_view(&t), buf_view(&own))); /* RS256 is deterministic */
    buf_free(&t);
    buf_free(&own);
    t = forge(STR(" { \"typ\" : \"jwt\" , \"alg\" : \"RS256\" } "),
              STR("{ \"exp\" : 1700000300, \"x\" : [ { \"exp\" : 1.5, \"a\" : null }, [ ] , {} ] ,"
                  " \"1sl\" : \"\\u00e9\\ud83d\\ude00\\n\" }\n"));
    const struct claims *c;
    assert_int_equal(token_verify(buf_view(&t), NOW, &c, NULL), TOKEN_OK);
    assert_str(c->slug, "\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_int_equal(c->user.n, 0);
    assert_int_equal(c->n_roles, 0);
    token_claims_give(c);
    buf_free(&t);
}

static void a_token_is_valid_only_while_now_is_before_its_expiry(void **state) {
    struct buf t = good_token();
    assert_status(buf_view(&t), 1700000299.999, TOKEN_OK);
    assert_status(buf_view(&t), 1700000300.0, TOKEN_EXPIRED);
    assert_status(buf_view(&t), 1800000000.0, TOKEN_EXPIRED);
    const struct claims *c;
    struct err e = {0};
    assert_int_equal(token_verify(buf_view(&t), 1700000300.0, &c, &e), TOKEN_EXPIRED);
    assert_non_null(strstr(e.text, "token is expired"));
    assert_str(c->slug, "joe");
    token_claims_give(c);
    buf_free(&t);
    t = forge(STR(HEADER), STR("{\"exp\":-5}"));
    assert_status(buf_view(&t), NOW, TOKEN_EXPIRED);
    buf_free(&t);
}

static void a_token_is_not_valid_before_its_nbf(void **state) {
    struct buf t = forge(STR(HEADER), STR("{\"exp\":1700000300,\"nbf\":1700000100}"));
    assert_refused(buf_view(&t), "token is not valid yet");
    assert_status(buf_view(&t), 1700000100.0, TOKEN_OK);
    buf_free(&t);
    t = forge(STR(HEADER), STR("{\"exp\":1700000300,\"iat\":1700000200}"));
    assert_status(buf_view(&t), NOW, TOKEN_OK); /* issued in the future: clocks differ */
    buf_free(&t);
}

static void claims_too_long_for_a_token_are_not_signed(void **state) {
    struct buf payload, t;
    buf_init(&payload);
    buf_init(&t);
    for (int i = 0; i < TOKEN_MAX; i++)
        buf_char(&payload, ' ');
    size_t longest = 0;
    for (size_t n = 5000; n < payload.n; n++) {
        buf_clear(&t);
        int rc = token_sign_now(str_first(buf_view(&payload), n), &t, NULL);
        if (rc < 0) {
            assert_int_equal(rc, ERR_LIMIT);
            assert_int_equal(t.n, 0);
            break;
        }
        longest = t.n;
        n += 20;
    }
    assert_true(longest > TOKEN_MAX - 100 && longest <= TOKEN_MAX);
    buf_free(&payload);
    buf_free(&t);
}

/* ---- attacks ------------------------------------------------------------------------------ */

static void no_algorithm_but_rs256_is_accepted(void **state) {
    static const char *algs[] = {"none",  "None",   "NONE",  "nOnE",  "HS256", "HS384",
                                 "HS512", "ES256",  "PS256", "RS384", "RS512", "EdDSA",
                                 "rs256", "RS256 ", "",      "RS25",  "RS256x"};
    char header[100];
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", algs[i]);
        assert_forged_refused(header, CLAIMS, "token is unverifiable: unexpected signing method");
    }
    assert_forged_refused("{\"typ\":\"JWT\"}", CLAIMS, "unexpected signing method");
    assert_forged_refused("{\"alg\":256}", CLAIMS, "unexpected signing method");
    assert_forged_refused("{\"alg\":null}", CLAIMS, "unexpected signing method");
    assert_forged_refused("{\"alg\":[\"RS256\"]}", CLAIMS, "unexpected signing method");
    assert_forged_refused("{\"x\":{\"alg\":\"RS256\"}}", CLAIMS, "unexpected signing method");
    assert_forged_refused("{\"alg\":\"RS256\\u0000\"}", CLAIMS, "token is malformed");
}

static void an_unsigned_token_is_refused(void **state) {
    struct buf t;
    buf_init(&t);
    seal_base64(&t, STR("{\"alg\":\"none\"}"), true);
    buf_char(&t, '.');
    seal_base64(&t, STR(CLAIMS), true);
    buf_char(&t, '.');
    assert_refused(buf_view(&t), "token is unverifiable: unexpected signing method: none");
    buf_free(&t);
}

static void an_hmac_with_the_public_key_is_refused(void **state) {
    struct buf t, pem;
    buf_init(&t);
    buf_init(&pem);
    token_public_pem(&pem);
    static const char *headers[] = {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", HEADER};
    for (int i = 0; i < 2; i++) {
        buf_clear(&t);
        seal_base64(&t, str_of(headers[i]), true);
        buf_char(&t, '.');
        seal_base64(&t, STR(CLAIMS), true);
        unsigned char mac[32];
        size_t n = sizeof mac;
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, pem.p, pem.n,
                                  (unsigned char *)t.p, t.n, mac, sizeof mac, &n));
        buf_char(&t, '.');
        seal_base64(&t, str_make((char *)mac, n), true);
        assert_refused(buf_view(&t),
                       i == 0 ? "unexpected signing method: HS256" : "token signature is invalid");
    }
    buf_free(&t);
    buf_free(&pem);
}

static void a_token_has_exactly_three_segments(void **state) {
    struct buf t = good_token();
    struct str head, rest, payload, signature;
    str_cut(buf_view(&t), '.', &head, &rest);
    str_cut(rest, '.', &payload, &signature);
    const char *words = "token is malformed: token contains an invalid number of segments";
    assert_refused(STR_NONE, words);
    assert_refused(STR("x"), words);
    assert_refused(head, words);
    assert_refused(str_first(buf_view(&t), head.n + 1 + payload.n), words);
    buf_char(&t, '.');
    assert_refused(buf_view(&t), words);
    buf_str(&t, STR("x"));
    assert_refused(buf_view(&t), words);
    assert_refused(STR("...."), words);
    assert_refused(STR(".."), "token is malformed: could not JSON decode header");
    buf_free(&t);
}

static void a_signature_must_be_of_the_very_bytes(void **state) {
    struct buf t = good_token();
    struct str rest, head, payload, signature;
    str_cut(buf_view(&t), '.', &head, &rest);
    str_cut(rest, '.', &payload, &signature);
    const char *words = "token signature is invalid: crypto/rsa: verification error";
    assert_refused(str_first(buf_view(&t), t.n - signature.n), words); /* empty signature */
    assert_refused(str_first(buf_view(&t), t.n - 2), words);           /* 255 bytes */
    size_t at[] = {head.n + 5, t.n - signature.n + 1, t.n - 10};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        char c = t.p[at[i]];
        t.p[at[i]] = c == 'A' ? 'B' : 'A';
        assert_refused(buf_view(&t), words);
        t.p[at[i]] = c;
    }
    struct buf zeroes; /* the "psychic" signature */
    buf_init(&zeroes);
    buf_add(&zeroes, t.p, t.n - signature.n);
    for (size_t i = 0; i < signature.n; i++)
        buf_char(&zeroes, 'A');
    assert_refused(buf_view(&zeroes), words);
    assert_status(buf_view(&t), NOW, TOKEN_OK);
    buf_free(&zeroes);
    buf_free(&t);
}

static void base64_is_strict_in_every_segment(void **state) {
    struct buf t = good_token(), u;
    buf_init(&u);
    struct str part[3], rest;
    str_cut(buf_view(&t), '.', &part[0], &rest);
    str_cut(rest, '.', &part[1], &part[2]);
    /* Behind each segment, and inside it: padding, blanks, the other alphabet, line ends. */
    static const char *dirt[] = {"=", "==", " ", "\n", "\r\n", "+", "/", "%3D", "\t"};
    for (int segment = 0; segment < 3; segment++) {
        for (size_t d = 0; d < 2 * sizeof dirt / sizeof *dirt; d++) {
            buf_clear(&u);
            for (int i = 0; i < 3; i++) {
                if (i > 0) buf_char(&u, '.');
                size_t half = d % 2 && i == segment ? part[i].n / 2 : part[i].n;
                buf_str(&u, str_first(part[i], half));
                if (i == segment) buf_str(&u, str_of(dirt[d / 2]));
                buf_str(&u, str_from(part[i], half));
            }
            const char *words = segment == 1 ? "token signature is invalid" : "token is malformed";
            assert_refused(buf_view(&u), words);
        }
    }
    /* Unused low bits of the last character: 256 signature bytes end in two characters of 12 bits,
     * four of them unused. */
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *last = t.p + t.n - 1;
    *last = alphabet[(strchr(alphabet, *last) - alphabet) + 1];
    assert_refused(buf_view(&t), "token is malformed: could not base64 decode signature");
    buf_free(&t);
    buf_free(&u);
}

static void a_key_inside_the_token_changes_nothing(void **state) {
    static const char *extra[] = {
        "\"jwk\":{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "\"jku\":\"http://127.0.0.1:9/keys\"",
        "\"x5u\":\"http://127.0.0.1:9/cert\"",
        "\"x5c\":[\"AAAA\"]",
        "\"kid\":\"\"",
        "\"kid\":\"../../dev/null\"",
        "\"kid\":\"|sleep 10\"",
        "\"kid\":\"x' UNION SELECT '1';--\"",
        "\"kid\":[1,2]",
        "\"kid\":17",
    };
    char header[200];
    for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",%s}", extra[i]);
        struct buf t = forge(str_of(header), STR(CLAIMS));
        assert_status(buf_view(&t), NOW, TOKEN_OK); /* ours, whatever else it says */
        t.p[t.n - 20] = t.p[t.n - 20] == 'x' ? 'y' : 'x';
        assert_refused(buf_view(&t), "token signature is invalid");
        buf_free(&t);
    }
}

static void a_header_extension_is_refused(void **state) {
    static const char *extra[] = {"\"crit\":[\"exp\"]", "\"crit\":[]",   "\"crit\":{}",
                                  "\"crit\":\"exp\"",   "\"b64\":false", "\"b64\":true"};
    char header[100];
    for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",%s}", extra[i]);
        assert_forged_refused(header, CLAIMS, "token is unverifiable: unknown extension");
    }
}

static void another_type_of_token_is_refused(void **state) {
    static const char *types[] = {"\"at+jwt\"", "\"refresh\"", "\"\"", "1", "null", "[\"JWT\"]"};
    char header[100];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"typ\":%s}", types[i]);
        assert_forged_refused(header, CLAIMS, "token is unverifiable: unexpected type");
    }
}

static void duplicate_names_are_refused(void **state) {
    assert_forged_refused("{\"alg\":\"none\",\"alg\":\"RS256\"}", CLAIMS, "duplicate name");
    assert_forged_refused("{\"alg\":\"RS256\",\"\\u0061lg\":\"RS256\"}", CLAIMS, "duplicate name");
    assert_forged_refused(HEADER, "{\"exp\":1,\"exp\":1900000000}", "duplicate name");
    assert_forged_refused(HEADER, "{\"1ui\":\"a\",\"exp\":1900000000,\"1\\u0075i\":\"b\"}",
                          "duplicate name");
    assert_forged_refused(HEADER, "{\"exp\":1900000000,\"x\":[{\"a\":1,\"b\":2,\"a\":3}]}",
                          "duplicate name");
}

static void claims_of_the_wrong_shape_are_refused(void **state) {
    static const char *bad[] = {
        "",
        "null",
        "[]",
        "\"exp\"",
        "{",
        "{\"exp\":1900000000",
        "{\"exp\":1900000000}}",
        "{\"exp\":1900000000,}",
        "{\"exp\":1900000000 \"a\":1}",
        "{\"exp\":\"1900000000\"}",
        "{\"exp\":1900000000.0}",
        "{\"exp\":19e8}",
        "{\"exp\":1e99}",
        "{\"exp\":99999999999999999999}",
        "{\"exp\":null}",
        "{\"exp\":true}",
        "{\"exp\":[1900000000]}",
        "{\"exp\":01900000000}",
        "{\"exp\":+1900000000}",
        "{\"exp\":1900000000,\"nbf\":\"1\"}",
        "{\"exp\":1900000000,\"iat\":1.5}",
        "{\"exp\":1900000000,\"1ui\":1}",
        "{\"exp\":1900000000,\"1sl\":[\"a\"]}",
        "{\"exp\":1900000000,\"1ro\":\"user\"}",
        "{\"exp\":1900000000,\"1ro\":{\"a\":\"b\"}}",
        "{\"exp\":1900000000,\"1ro\":[1]}",
        "{\"exp\":1900000000,\"1ro\":[[\"a\"]]}",
        "{\"exp\":1900000000,\"1ro\":[null]}",
        "{\"exp\":1900000000,\"a\":\"\xff\"}",
        "{\"exp\":1900000000,\"a\":\"\xed\xa0\x80\"}",
        "{\"exp\":1900000000,\"a\":\"\xc0\xaf\"}",
        "{\"exp\":1900000000,\"a\":\"\\ud800\"}",
        "{\"exp\":1900000000,\"a\":\"\\udc00\"}",
        "{\"exp\":1900000000,\"a\":\"\\ud800\\u0041\"}",
        "{\"exp\":1900000000,\"a\":\"\\u0000\"}",
        "{\"exp\":1900000000,\"a\":\"\\x\"}",
        "{\"exp\":1900000000,\"a\":\"\t\"}",
        "{\"exp\":1900000000,\"a\":tru}",
        "{\"exp\":1900000000,\"a\":NaN}",
        "{\"exp\":1900000000,\"a\":1.}",
        "{\"exp\":1900000000,\"a\":-}",
        "{\"exp\":1900000000,\"a\":1e}",
        "{\"exp\":1900000000,\"a\":[1,]}",
        "{\"exp\":1900000000,\"a\":[1}]",
        "{\"exp\":1900000000,a:1}",
        "{\"exp\":1900000000,\"a\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_forged_refused(HEADER, bad[i], "token is malformed: could not JSON decode claim");
    assert_forged_refused(HEADER, "{\"iat\":1}", "exp claim is required");
    assert_forged_refused(HEADER, "{\"x\":{\"exp\":1900000000}}", "exp claim is required");
}

static void nesting_and_numbers_of_names_are_bounded(void **state) {
    struct buf b;
    buf_init(&b);
    buf_str(&b, STR("{\"exp\":1900000000,\"a\":"));
    for (int i = 0; i < 2000; i++)
        buf_char(&b, '[');
    struct buf t = forge(STR(HEADER), buf_view(&b));
    assert_refused(buf_view(&t), "nested too deeply");
    buf_free(&t);
    buf_clear(&b);
    buf_char(&b, '{');
    for (int i = 0; i < 400; i++)
        buf_printf(&b, "\"%d\":0,", i);
    buf_str(&b, STR("\"exp\":1900000000}"));
    t = forge(STR(HEADER), buf_view(&b));
    assert_refused(buf_view(&t), "too many names");
    buf_free(&t);
    buf_clear(&b);
    buf_str(&b, STR("{\"exp\":1900000000,\"1ro\":[\"a\""));
    for (int i = 0; i < 300; i++)
        buf_str(&b, STR(",\"b\""));
    buf_str(&b, STR("]}"));
    t = forge(STR(HEADER), buf_view(&b));
    assert_refused(buf_view(&t), "too many roles");
    buf_free(&t);
    buf_free(&b);
}

static void a_token_longer_than_the_limit_is_refused_before_anything_else(void **state) {
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < TOKEN_MAX + 1; i++)
        buf_char(&b, '.');
    assert_refused(buf_view(&b), "token is malformed: longer than");
    buf_free(&b);
}

static void any_single_bit_of_a_token_counts(void **state) {
    struct buf t = good_token();
    for (size_t i = 0; i < t.n; i++) {
        for (int bit = 0; bit < 8; bit += 3) {
            t.p[i] = (char)(t.p[i] ^ (1 << bit));
            assert_refused(buf_view(&t), "token ");
            t.p[i] = (char)(t.p[i] ^ (1 << bit));
        }
    }
    assert_status(buf_view(&t), NOW, TOKEN_OK);
    buf_free(&t);
}

static void verifying_without_memory_fails_cleanly(void **state) {
    struct buf t = good_token();
    for (int n = 1;; n++) {
        const struct claims *c;
        struct err e = {0};
        mem_fail_at(n, false);
        enum token_status s = token_verify(buf_view(&t), NOW, &c, &e);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_int_equal(s, fired ? TOKEN_INVALID : TOKEN_OK);
        if (fired) assert_int_equal(e.code, -ENOMEM);
        token_claims_give(c);
        if (!fired) break;
    }
    buf_free(&t);
}

static void using_a_key_without_memory_keeps_the_old_one(void **state) {
    for (int n = 1;; n++) {
        struct err e = {0};
        mem_fail_at(n, false);
        int rc = token_use(token_test_key(), &e);
        bool fired = mem_fail_fired();
        mem_fail_at(0, false);
        assert_int_equal(rc, fired ? -ENOMEM : 0);
        assert_true(token_ready());
        if (!fired) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_key_is_the_published_one),
        cmocka_unit_test(a_generated_key_is_usable_and_has_the_two_formats),
        cmocka_unit_test(keys_that_are_weak_or_no_rsa_are_refused_and_the_old_one_stays),
        cmocka_unit_test(a_key_in_pkcs8_is_accepted_too),
        cmocka_unit_test(a_signed_token_verifies_and_gives_its_claims),
        cmocka_unit_test(the_header_is_exactly_the_one_clients_expect),
        cmocka_unit_test(a_token_that_another_library_signed_verifies),
        cmocka_unit_test(a_token_is_valid_only_while_now_is_before_its_expiry),
        cmocka_unit_test(a_token_is_not_valid_before_its_nbf),
        cmocka_unit_test(claims_too_long_for_a_token_are_not_signed),
        cmocka_unit_test(no_algorithm_but_rs256_is_accepted),
        cmocka_unit_test(an_unsigned_token_is_refused),
        cmocka_unit_test(an_hmac_with_the_public_key_is_refused),
        cmocka_unit_test(a_token_has_exactly_three_segments),
        cmocka_unit_test(a_signature_must_be_of_the_very_bytes),
        cmocka_unit_test(base64_is_strict_in_every_segment),
        cmocka_unit_test(a_key_inside_the_token_changes_nothing),
        cmocka_unit_test(a_header_extension_is_refused),
        cmocka_unit_test(another_type_of_token_is_refused),
        cmocka_unit_test(duplicate_names_are_refused),
        cmocka_unit_test(claims_of_the_wrong_shape_are_refused),
        cmocka_unit_test(nesting_and_numbers_of_names_are_bounded),
        cmocka_unit_test(a_token_longer_than_the_limit_is_refused_before_anything_else),
        cmocka_unit_test(any_single_bit_of_a_token_counts),
        cmocka_unit_test(verifying_without_memory_fails_cleanly),
        cmocka_unit_test(using_a_key_without_memory_keeps_the_old_one),
    };
    struct err e = {0};
    if (seal_start(&e) < 0 || token_use(token_test_key(), &e) < 0) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    token_stop();
    return failed;
}
