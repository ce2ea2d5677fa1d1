/* What is a document, and what is refused. */
#include "spec/core/data/store_spec.h"

#include <sqlite3.h>

#include "core/data/doc.h"

static bool accepts(const char *doc) {
    return doc_check(str_of(doc), NULL) == 0;
}

static void documents_are_accepted(void **state) {
    static const char *const good[] = {
        "{}",
        " {\t}\r\n",
        "{\"a\":1}",
        "{\"a\":[],\"b\":{},\"c\":[{},[]]}",
        "{\"a\":-0.5e-3,\"b\":1E+2,\"c\":0,\"d\":-0,\"e\":12345678901234567890123}",
        "{\"a\":true,\"b\":false,\"c\":null}",
        "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
        "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\",\"\":\"\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!accepts(good[i])) fail_msg("%s", good[i]);
    }
}

static void what_is_no_document_is_refused(void **state) {
    static const char *const bad[] = {
        "",
        " ",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{",
        "}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":[1 2]}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":--1}",
        "{\"a\":1e999}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":nul}",
        "{\"a\":truex}",
        "{\"a\":\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{}{}",
        "{} x",
        "{\"a\":1}]",
        "\xef\xbb\xbf{}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (accepts(bad[i])) fail_msg("%s", bad[i]);
    }
    assert_int_equal(doc_check(STR("{\"a\":\"x\0y\"}"), NULL), -EINVAL);
    assert_int_equal(doc_check(STR("{}\0"), NULL), -EINVAL);
}

static void a_refusal_names_the_place(void **state) {
    struct err e = {0};
    (void)state;
    assert_int_equal(doc_check(STR("{\"a\":tru}"), &e), -EINVAL);
    assert_string_equal(e.text, "not a valid document at byte 5: unknown word");
    assert_int_equal(doc_check(STR("{\"a\":1,\"b\"}"), &e), -EINVAL);
    assert_string_equal(e.text, "not a valid document at byte 10: ':' is missing");
}

static void nesting_ends_at_the_limit(void **state) {
    char doc[4 * DOC_DEPTH];
    (void)state;
    for (int levels = DOC_DEPTH - 1; levels <= DOC_DEPTH; levels++) {
        size_t n = 0;
        n += (size_t)sprintf(doc, "{\"a\":");
        for (int i = 0; i < levels; i++)
            doc[n++] = '[';
        for (int i = 0; i < levels; i++)
            doc[n++] = ']';
        doc[n++] = '}';
        assert_int_equal(doc_check(str_make(doc, n), NULL), levels < DOC_DEPTH ? 0 : -EINVAL);
    }
}

/* Deep mixtures of lists and objects: each level must be ended by its own kind. */
static void every_level_is_ended_by_its_own_kind(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct buf doc = {0};
        bool list[100];
        buf_str(&doc, STR("{\"a\":"));
        for (int i = 0; i < 100; i++) {
            list[i] = rnd(2);
            buf_str(&doc, list[i] ? STR("[") : STR("{\"a\":"));
        }
        buf_char(&doc, '1');
        for (int i = 99; i >= 0; i--)
            buf_char(&doc, list[i] ? ']' : '}');
        buf_char(&doc, '}');
        assert_int_equal(doc_check(buf_view(&doc), NULL), 0);
        size_t at = doc.n - 1 - rnd(100);
        doc.p[at] = doc.p[at] == '}' ? ']' : '}';
        assert_int_equal(doc_check(buf_view(&doc), NULL), -EINVAL);
        buf_free(&doc);
    }
}

/* Damages good documents and asks SQLite: it must understand whatever is accepted. */
static void what_is_accepted_is_json_for_the_database(void **state) {
    static const char alphabet[] = "{}[]\",:\\u0123e-+.tfn aE\x80\xc3\xa9\n";
    static const char base[] =
        "{\"a\":[1,-2.5e3,{\"b\":\"x\\u00e9y\\n\"},true,null],\"\xc3\xa9\":{\"c\":\"\"}}";
    sqlite3 *db;
    sqlite3_stmt *s;
    int accepted = 0;
    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT json_valid(?1) AND json_type(?1)='object'", -1, &s, NULL),
        SQLITE_OK);
    for (int round = 0; round < 30000; round++) {
        char doc[sizeof base];
        memcpy(doc, base, sizeof base);
        for (unsigned k = 1 + rnd(2); k; k--)
            doc[rnd(sizeof base - 1)] = alphabet[rnd(sizeof alphabet - 1)];
        if (doc_check(str_of(doc), NULL)) continue;
        accepted++;
        sqlite3_bind_text(s, 1, doc, -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        if (!sqlite3_column_int(s, 0)) fail_msg("%s", doc);
        sqlite3_reset(s);
    }
    assert_true(accepted > 1000);
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void an_id_is_a_short_text(void **state) {
    char longest[DOC_ID + 2];
    (void)state;
    memset(longest, 'x', sizeof longest);
    assert_int_equal(doc_check_id(STR("a"), NULL), 0);
    assert_int_equal(doc_check_id(STR("\xc3\xa9 /\"'"), NULL), 0);
    assert_int_equal(doc_check_id(str_make(longest, DOC_ID), NULL), 0);
    assert_int_equal(doc_check_id(str_make(longest, DOC_ID + 1), NULL), -EINVAL);
    assert_int_equal(doc_check_id(STR(""), NULL), -EINVAL);
    assert_int_equal(doc_check_id(STR("a\0b"), NULL), -EINVAL);
    assert_int_equal(doc_check_id(STR("\xff"), NULL), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SPEC(documents_are_accepted),
        SPEC(what_is_no_document_is_refused),
        SPEC(a_refusal_names_the_place),
        SPEC(nesting_ends_at_the_limit),
        SPEC(every_level_is_ended_by_its_own_kind),
        SPEC(what_is_accepted_is_json_for_the_database),
        SPEC(an_id_is_a_short_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
