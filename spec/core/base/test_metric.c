/* What metric.h and metric_std.h promise. */
#include "spec.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/metric.h"
#include "core/base/metric_std.h"
#include "core/base/stat.h"

#define THREADS 4
#define ROUNDS  5000

#define LABELS(...) \
    (const struct str[]){__VA_ARGS__}, \
        sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)

static struct metric_shape shape_of(enum metric_kind kind, const char *name) {
    return (struct metric_shape){.name = str_of(name), .help = STR("Some help."), .kind = kind};
}

static struct metric *make(const struct metric_shape *shape) {
    struct err e = {0};
    struct metric *m = metric_new(shape, &e);
    if (!m) fail_msg("%s", e.text);
    return m;
}

static struct metric *publish(const char *owner, const struct metric_shape *shape) {
    return metric_publish(make(shape), metric_owner(str_of(owner), STR("3"), STR("abc")));
}

static struct metric *publish_labelled(const char *owner, enum metric_kind kind, const char *name,
                                       const char *label) {
    struct str labels[] = {str_of(label)};
    struct metric_shape shape = shape_of(kind, name);
    shape.labels = labels;
    shape.n_labels = 1;
    return publish(owner, &shape);
}

static void update(struct metric *m, enum metric_op op, double v, const struct str *values,
                   size_t n) {
    struct metric_key k;
    struct err e = {0};
    metric_key(&k, values, n);
    if (metric_update(m, op, &k, v, &e) < 0) fail_msg("%s", e.text);
}

static void update1(struct metric *m, enum metric_op op, double v, const char *value) {
    update(m, op, v, LABELS(str_of(value)));
}

static void assert_refused(struct metric *m, enum metric_op op, double v, const char *why) {
    struct metric_key k;
    struct err e = {0};
    metric_key(&k, NULL, 0);
    assert_int_equal(metric_update(m, op, &k, v, &e), -EINVAL);
    assert_string_equal(e.text, why);
}

static void assert_no_shape(const struct metric_shape *shape, const char *why) {
    struct err e = {0};
    assert_null(metric_new(shape, &e));
    assert_has(str_of(e.text), why);
}

/* The rendered text without the lines of the uptime, whose value nobody knows. */
static struct buf rendered(const char *host) {
    struct buf all, out;
    buf_init(&all);
    buf_init(&out);
    metric_render(&all, str_of(host));
    assert_true(buf_ok(&all));
    struct str text = buf_view(&all), line;
    while (text.n) {
        str_cut(text, '\n', &line, &text);
        if (str_find(line, STR("_uptime_")) >= 0) continue;
        buf_str(&out, line);
        buf_char(&out, '\n');
    }
    buf_free(&all);
    return out;
}

static void assert_rendered(const char *host, const char *text) {
    struct buf b = rendered(host);
    assert_str_is(buf_view(&b), text);
    buf_free(&b);
}

static void assert_line(const char *host, const char *line, bool wanted) {
    struct buf b = rendered(host);
    spec_has(buf_view(&b), line, wanted, __FILE__, __LINE__);
    buf_free(&b);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static void a_counter_adds(void **state) {
    struct metric_shape shape = shape_of(METRIC_COUNTER, "a_total");
    struct metric *m = publish("counter.test", &shape);
    update(m, METRIC_ADD, 0, NULL, 0);
    assert_rendered("counter.test", "");
    update(m, METRIC_ADD, 1, NULL, 0);
    update(m, METRIC_ADD, 1.5, NULL, 0);
    assert_rendered("counter.test", "# HELP a_total Some help.\n"
                                    "# TYPE a_total counter\n"
                                    "a_total{id=\"abc\",service=\"counter.test\",ver=\"3\"} 2.5\n");
    metric_free(m);
    assert_rendered("counter.test", "");
}

static void a_gauge_is_set_and_adds(void **state) {
    struct metric_shape shape = shape_of(METRIC_GAUGE, "a_level");
    struct metric *m = publish("gauge.test", &shape);
    update(m, METRIC_SET, 5, NULL, 0);
    update(m, METRIC_ADD, -7, NULL, 0);
    assert_line("gauge.test", "ver=\"3\"} -2\n", true);
    update(m, METRIC_OBSERVE, 4, NULL, 0);
    assert_line("gauge.test", "ver=\"3\"} 4\n", true);
    metric_free(m);
}

static void a_histogram_counts_by_bucket(void **state) {
    double buckets[] = {5, 0.1, 1, INFINITY};
    struct metric_shape shape = shape_of(METRIC_HISTOGRAM, "a_seconds");
    shape.buckets = buckets;
    shape.n_buckets = 4;
    struct metric *m = publish("histogram.test", &shape);
    double values[] = {0.05, 0.1, 0.5, 5, 100};
    for (size_t i = 0; i < 5; i++)
        update(m, METRIC_OBSERVE, values[i], NULL, 0);
#define ROW(suffix, le, value) \
    "a_seconds" suffix "{id=\"abc\"," le "service=\"histogram.test\",ver=\"3\"} " value "\n"
    assert_rendered("histogram.test",
                    "# HELP a_seconds Some help.\n"
                    "# TYPE a_seconds histogram\n" ROW("_bucket", "le=\"0.1\",", "2")
                        ROW("_bucket", "le=\"1\",", "3") ROW("_bucket", "le=\"5\",", "4")
                            ROW("_bucket", "le=\"+Inf\",", "5") ROW("_sum", "", "105.65")
                                ROW("_count", "", "5"));
#undef ROW
    metric_free(m);
}

static void what_a_kind_cannot_do_is_refused(void **state) {
    double bucket = 1;
    struct metric_shape shape = shape_of(METRIC_COUNTER, "a");
    struct metric *counter = make(&shape);
    assert_refused(counter, METRIC_ADD, -1, "counter metric 'a' can only increase");
    assert_refused(counter, METRIC_ADD, NAN, "counter metric 'a' can only increase");
    assert_refused(counter, METRIC_OBSERVE, 1, "metric 'a' cannot be observed");
    assert_refused(counter, METRIC_SET, 1, "metric 'a' cannot be set");
    shape.kind = METRIC_HISTOGRAM;
    shape.buckets = &bucket;
    shape.n_buckets = 1;
    struct metric *histogram = make(&shape);
    assert_refused(histogram, METRIC_ADD, 1, "metric 'a' cannot be incremented");
    assert_refused(histogram, METRIC_SET, 1, "metric 'a' cannot be set");
    assert_refused(histogram, METRIC_OBSERVE, NAN, "metric 'a' cannot observe NaN");
    metric_free(counter);
    metric_free(histogram);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static void names_are_those_of_prometheus(void **state) {
    static const char *const bad[] = {"", "1a", "my alias!", "a-b", "\xC3\xA4"};
    struct metric_shape shape;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        shape = shape_of(METRIC_COUNTER, bad[i]);
        assert_no_shape(&shape, "is no name of a metric");
    }
    shape = shape_of(METRIC_COUNTER, "a:B_9");
    metric_free(make(&shape));
    assert_true(metric_reserved(STR("microbus_a")));
    assert_true(metric_reserved(STR("moonbus_a")));
    assert_true(metric_reserved(STR("process_open_fds")));
    assert_false(metric_reserved(STR("process_orders")));
}

static void labels_are_those_of_prometheus(void **state) {
    static const struct {
        const char *label, *why;
    } bad[] = {
        {"a:b", "no name of a label"}, {"__a", "no name of a label"},
        {"", "no name of a label"},    {"service", "needs another name"},
        {"le", "needs another name"},  {"a", "there twice"},
    };
    struct metric_shape shape = shape_of(METRIC_GAUGE, "x");
    struct str labels[METRIC_LABELS + 1] = {STR("a")};
    shape.labels = labels;
    shape.n_labels = 2;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        labels[1] = str_of(bad[i].label);
        assert_no_shape(&shape, bad[i].why);
    }
    shape.n_labels = METRIC_LABELS + 1;
    assert_no_shape(&shape, "more than 16 labels");
}

static void buckets_ascend(void **state) {
    double buckets[METRIC_BUCKETS + 1] = {1, 2, 1};
    struct metric_shape shape = shape_of(METRIC_HISTOGRAM, "x");
    assert_no_shape(&shape, "empty buckets");
    shape.buckets = buckets;
    shape.n_buckets = 3;
    assert_no_shape(&shape, "buckets must be defined in ascending order");
    buckets[2] = NAN;
    assert_no_shape(&shape, "buckets must be defined in ascending order");
    buckets[0] = INFINITY;
    shape.n_buckets = 1;
    assert_no_shape(&shape, "empty buckets");
    shape.n_buckets = METRIC_BUCKETS + 1;
    assert_no_shape(&shape, "more than 64 buckets");
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void labels_are_rendered_by_name_and_series_by_value(void **state) {
    struct str labels[] = {STR("zone"), STR("job"), STR("area")};
    struct metric_shape shape = shape_of(METRIC_GAUGE, "x");
    shape.help = STR("");
    shape.labels = labels;
    shape.n_labels = 3;
    struct metric *m = publish("labels.test", &shape);
    update(m, METRIC_SET, 1, LABELS(STR("b"), STR("2"), STR("3")));
    update(m, METRIC_SET, 2, LABELS(STR("a"), STR("2"), STR("3")));
    assert_rendered(
        "labels.test",
        "# TYPE x gauge\n"
        "x{area=\"3\",id=\"abc\",job=\"2\",service=\"labels.test\",ver=\"3\",zone=\"a\"} 2\n"
        "x{area=\"3\",id=\"abc\",job=\"2\",service=\"labels.test\",ver=\"3\",zone=\"b\"} 1\n");
    metric_free(m);
}

static void values_are_told_apart_by_where_they_end(void **state) {
    struct str labels[] = {STR("a"), STR("b")};
    struct metric_shape shape = shape_of(METRIC_COUNTER, "x");
    shape.labels = labels;
    shape.n_labels = 2;
    struct metric *m = publish("ends.test", &shape);
    update(m, METRIC_ADD, 1, LABELS(STR("xy"), STR("")));
    update(m, METRIC_ADD, 2, LABELS(STR("x"), STR("y")));
    assert_line("ends.test", "x{a=\"xy\",b=\"\",id=\"abc\",service=\"ends.test\",ver=\"3\"} 1\n",
                true);
    assert_line("ends.test", "x{a=\"x\",b=\"y\",id=\"abc\",service=\"ends.test\",ver=\"3\"} 2\n",
                true);
    metric_free(m);
}

static void texts_are_escaped(void **state) {
    struct str labels[] = {STR("l")};
    struct metric_shape shape = shape_of(METRIC_COUNTER, "x");
    shape.help = STR("a \\ \"b\"\nc \xFF");
    shape.labels = labels;
    shape.n_labels = 1;
    struct metric *m = publish("escapes.test", &shape);
    update1(m, METRIC_ADD, 1, "a \\ \"b\"\nc\xC3\xA4");
    update(m, METRIC_ADD, 1, LABELS(STR("\xC3|\0|")));
    assert_line("escapes.test", "# HELP x a \\\\ \"b\"\\nc \xEF\xBF\xBD\n", true);
    assert_line("escapes.test", "l=\"a \\\\ \\\"b\\\"\\nc\xC3\xA4\"", true);
    assert_line("escapes.test", "l=\"\xEF\xBF\xBD|\xEF\xBF\xBD|\"", true);
    metric_free(m);
}

static void long_values_are_cut_between_characters(void **state) {
    char text[METRIC_VALUE + 20], want[METRIC_VALUE + 20];
    struct metric *m = publish_labelled("long.test", METRIC_COUNTER, "x", "l");
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    update1(m, METRIC_ADD, 1, text);
    snprintf(want, sizeof want, "l=\"%.*s\"", METRIC_VALUE, text);
    assert_line("long.test", want, true);
    memcpy(text + METRIC_VALUE - 1, "\xC3\xA4", 2);
    text[0] = '\x01';
    memcpy(text, "\xC3\xA4", 2);
    update1(m, METRIC_ADD, 1, text);
    snprintf(want, sizeof want, "l=\"%.*s\"", METRIC_VALUE - 1, text);
    assert_line("long.test", want, true);
    metric_free(m);
}

static void other_labels_than_declared_are_refused(void **state) {
    struct metric *m = publish_labelled("count.test", METRIC_COUNTER, "x", "l");
    assert_refused(m, METRIC_ADD, 1, "metric 'x' has 1 labels, not 0");
    metric_free(m);
}

static void combinations_beyond_the_limit_are_dropped_and_counted(void **state) {
    struct metric *m = publish_labelled("many.test", METRIC_COUNTER, "x", "l");
    int64_t before = stat_get(STAT_METRIC_DROPPED);
    for (int i = 0; i < METRIC_SERIES + 5; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        update1(m, METRIC_ADD, 1, value);
    }
    update1(m, METRIC_ADD, 1, "7");
    assert_int_equal(stat_get(STAT_METRIC_DROPPED), before + 5);
    assert_line("many.test", "l=\"7\",service=\"many.test\",ver=\"3\"} 2\n", true);
    assert_line("many.test", "l=\"1000\"", false);
    metric_free(m);
}

/* ---- owners ---------------------------------------------------------------------------------- */

static void a_name_that_owners_share_has_one_head(void **state) {
    struct metric *b = publish_labelled("b.share", METRIC_COUNTER, "shared_total", "l");
    struct metric *a = publish_labelled("a.share", METRIC_COUNTER, "shared_total", "other");
    struct metric *c = publish_labelled("c.share", METRIC_GAUGE, "shared_total", "l");
    update1(b, METRIC_ADD, 1, "x");
    update1(a, METRIC_ADD, 2, "y");
    update1(c, METRIC_SET, 3, "of another kind: left out");
    struct metric *late = publish_labelled("0.share", METRIC_GAUGE, "shared_total", "l");
    update1(late, METRIC_SET, 4, "takes the name from nobody");
    assert_rendered("", "# HELP shared_total Some help.\n"
                        "# TYPE shared_total counter\n"
                        "shared_total{id=\"abc\",other=\"y\",service=\"a.share\",ver=\"3\"} 2\n"
                        "shared_total{id=\"abc\",l=\"x\",service=\"b.share\",ver=\"3\"} 1\n");
    assert_rendered("b.share",
                    "# HELP shared_total Some help.\n"
                    "# TYPE shared_total counter\n"
                    "shared_total{id=\"abc\",l=\"x\",service=\"b.share\",ver=\"3\"} 1\n");
    assert_rendered("nobody.share", "");
    metric_free(late);
    metric_free(a);
    metric_free(b);
    metric_free(c);
}

static void the_same_shape_again_goes_on_with_its_series(void **state) {
    struct metric *old = publish_labelled("reload.test", METRIC_COUNTER, "x", "l");
    update1(old, METRIC_ADD, 1, "a");
    struct metric *new = publish_labelled("reload.test", METRIC_COUNTER, "x", "l");
    assert_ptr_equal(old, new);
    metric_free(old);
    update1(new, METRIC_ADD, 1, "a");
    assert_line("reload.test", "ver=\"3\"} 2\n", true);
    metric_free(new);
}

static void another_shape_takes_the_place_while_it_lives(void **state) {
    struct metric *old = publish_labelled("shape.test", METRIC_COUNTER, "x", "l");
    update1(old, METRIC_ADD, 1, "a");
    struct metric *new = publish_labelled("shape.test", METRIC_GAUGE, "x", "l");
    update1(old, METRIC_ADD, 1, "a");
    update1(new, METRIC_SET, 7, "a");
    assert_line("shape.test", "# TYPE x gauge", true);
    assert_line("shape.test", "} 2\n", false);
    metric_free(new);
    assert_line("shape.test", "} 2\n", true);
    metric_free(old);
    assert_rendered("shape.test", "");
}

static void version_and_id_are_what_was_said_last(void **state) {
    struct metric_owner *o = metric_owner(STR("who.test"), STR_NONE, STR_NONE);
    metric_log(o, STR("m"), STR("INFO"));
    assert_line("who.test",
                "{id=\"\",message=\"m\",service=\"who.test\",severity=\"INFO\",ver=\"\"}", true);
    assert_ptr_equal(metric_owner(STR("who.test"), STR("7"), STR("id7")), o);
    metric_owner(STR("who.test"), STR_NONE, STR_NONE);
    assert_line("who.test",
                "{id=\"id7\",message=\"m\",service=\"who.test\",severity=\"INFO\","
                "ver=\"7\"}",
                true);
    metric_forget(o);
}

static void who_is_forgotten_is_out_of_sight_until_it_is_back(void **state) {
    struct metric_owner *o = metric_owner(STR("gone.test"), STR("1"), STR("a"));
    struct metric *m = publish_labelled("gone.test", METRIC_COUNTER, "x", "l");
    update1(m, METRIC_ADD, 1, "a");
    metric_log(o, STR("m"), STR("INFO"));
    metric_forget(o);
    assert_rendered("gone.test", "");
    assert_line("", "gone.test", false);
    update1(m, METRIC_ADD, 1, "a");
    metric_owner(STR("gone.test"), STR_NONE, STR_NONE);
    assert_line("gone.test", "# TYPE x counter", true);
    assert_line("gone.test", "microbus_log_messages_total", false);
    metric_free(m);
    metric_forget(o);
}

static void an_owner_has_so_many_families_and_no_more(void **state) {
    static struct metric *all[METRIC_FAMILIES + 1];
    for (int i = 0; i <= METRIC_FAMILIES; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%03d", i);
        struct metric_shape shape = shape_of(METRIC_COUNTER, name);
        all[i] = publish("families.test", &shape);
        update(all[i], METRIC_ADD, 1, NULL, 0);
    }
    metric_log(metric_owner(STR("families.test"), STR_NONE, STR_NONE), STR("m"), STR("INFO"));
    assert_line("families.test", "f399{", true);
    assert_line("families.test", "f400{", false);
    assert_line("families.test", "microbus_log_messages_total{", true);
    for (int i = 0; i <= METRIC_FAMILIES; i++)
        metric_free(all[i]);
}

static void nobody_measures_nothing(void **state) {
    struct metric_shape shape = shape_of(METRIC_COUNTER, "x");
    struct metric *m = make(&shape);
    assert_ptr_equal(metric_publish(m, NULL), m);
    metric_free(m);
    metric_free(NULL);
    metric_forget(NULL);
    metric_response(NULL, STR("h"), 443, STR("GET"), 200, 1, 1);
    metric_request(NULL, STR("GET"), STR("h"), 443, 200);
    metric_callback(NULL, STR("h"), 1, false);
    metric_log(NULL, STR("m"), STR("INFO"));
    metric_cache(NULL, 1, 1, 1, 1);
    assert_true(metric_uptime(NULL) == 0);
    assert_null(metric_owner(STR(""), STR_NONE, STR_NONE));
}

/* ---- what the host measures -------------------------------------------------------------------
 */

static void answers_are_summed_over_endpoints_and_codes(void **state) {
    struct metric_owner *o = metric_owner(STR("sum.test"), STR("1"), STR("a"));
    struct metric_answers a = {.count = 9};
    metric_answers(NULL, &a);
    assert_int_equal(a.count, 0);
    metric_answers(o, &a);
    assert_int_equal(a.count, 0);
    metric_response(o, STR("sum.test:443/x"), 443, STR("GET"), 200, 0.25, 1);
    metric_response(o, STR("sum.test:443/x"), 443, STR("GET"), 200, 100, 1); /* above all buckets */
    metric_response(o, STR("sum.test:443/y"), 443, STR("POST"), 404, 0.25, 1);
    metric_response(o, STR("sum.test:443/y"), 443, STR("POST"), 503, 0.5, 1);
    metric_answers(o, &a);
    assert_int_equal(a.count, 4);
    assert_int_equal(a.errors, 1);
    assert_true(a.seconds == 101);
    metric_forget(o);
}

static void responses_have_a_duration_and_a_size(void **state) {
    struct metric_owner *o = metric_owner(STR("std.test"), STR("1"), STR("a"));
    metric_response(o, STR("std.test:443/x/{id}"), 443, STR("GET"), 200, 0.02, 70000);
    metric_response(o, STR("std.test:443/x/{id}"), 443, STR("GET"), 503, 2, 0);
#define WHO(code, error, le) \
    "{code=\"" code "\",error=\"" error "\",handler=\"std.test:443/x/{id}\",id=\"a\"," le \
    "method=\"GET\",port=\"443\",service=\"std.test\",ver=\"1\"}"
#define SECONDS "microbus_response_duration_seconds"
#define BYTES   "microbus_response_size_bytes"
    assert_line("std.test", SECONDS "_bucket" WHO("200", "OK", "le=\"0.01\",") " 0\n", true);
    assert_line("std.test", SECONDS "_bucket" WHO("200", "OK", "le=\"0.025\",") " 1\n", true);
    assert_line("std.test", SECONDS "_sum" WHO("503", "ERROR", "") " 2\n", true);
    assert_line("std.test", BYTES "_bucket" WHO("200", "OK", "le=\"65536\",") " 0\n", true);
    assert_line("std.test", BYTES "_bucket" WHO("200", "OK", "le=\"4.194304e+06\",") " 1\n", true);
    metric_forget(o);
}

static void requests_to_nobody_are_no_errors(void **state) {
    static const struct {
        uint32_t code;
        const char *labels;
    } cases[] = {
        {200, "code=\"200\",error=\"OK\""},    {404, "code=\"404\",error=\"OK\""},
        {408, "code=\"408\",error=\"OK\""},    {400, "code=\"400\",error=\"ERROR\""},
        {500, "code=\"500\",error=\"ERROR\""},
    };
    struct metric_owner *o = metric_owner(STR("req.test"), STR("1"), STR("a"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        metric_request(o, STR("POST"), STR("other.test"), 888, cases[i].code);
        char line[200];
        snprintf(line, sizeof line,
                 "microbus_request_count_total{%s,host=\"other.test\",id=\"a\",method=\"POST\","
                 "port=\"888\",",
                 cases[i].labels);
        assert_line("req.test", line, true);
    }
    metric_forget(o);
}

static void callbacks_logs_and_caches_are_measured(void **state) {
    struct metric_owner *o = metric_owner(STR("more.test"), STR("1"), STR("a"));
    metric_callback(o, STR("OnStart"), 0.3, true);
    metric_log(o, STR("cannot"), STR("ERROR"));
    metric_log(o, STR("cannot"), STR("ERROR"));
    metric_cache(o, 1, 2, 3, 4);
    assert_line("more.test",
                "microbus_callback_duration_seconds_count{error=\"ERROR\",handler=\"onstart\","
                "id=\"a\",service=\"more.test\",ver=\"1\"} 1\n",
                true);
    assert_line("more.test",
                "microbus_log_messages_total{id=\"a\",message=\"cannot\",service=\"more.test\","
                "severity=\"ERROR\",ver=\"1\"} 2\n",
                true);
#define OF "{id=\"a\",service=\"more.test\",ver=\"1\"} "
    assert_line("more.test", "microbus_cache_hits_total" OF "1\n", true);
    assert_line("more.test", "microbus_cache_misses_total" OF "2\n", true);
    assert_line("more.test", "microbus_cache_weight_total" OF "3\n", true);
    assert_line("more.test", "microbus_cache_len_total" OF "4\n", true);
    struct buf b;
    buf_init(&b);
    metric_render(&b, STR("more.test"));
    assert_has(buf_view(&b), "microbus_uptime_duration_seconds_total" OF);
    buf_free(&b);
    metric_forget(o);
}

static int looked;

static void look(void) {
    looked++;
}

static void somebody_looks_before_it_is_rendered(void **state) {
    metric_before_render(look);
    assert_rendered("nobody.test", "");
    metric_before_render(NULL);
    assert_int_equal(looked, 1);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void numbers_are_written_as_prometheus_does(void **state) {
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-42, "-42"},
        {999999, "999999"},
        {1000000, "1e+06"},
        {-1048576, "-1.048576e+06"},
        {123456789, "1.23456789e+08"},
        {0.005, "0.005"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.5, "2.5"},
        {-123456.75, "-123456.75"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1.5e300, "1.5e+300"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    char room[METRIC_NUMBER];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = metric_number(cases[i].v, room);
        assert_string_equal(room, cases[i].text);
        assert_int_equal(n, strlen(room));
    }
}

static void every_number_reads_back(void **state) {
    uint64_t x = 88172645463325252u;
    char room[METRIC_NUMBER];
    for (int i = 0; i < 20000; i++) {
        double v;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&v, &x, sizeof v);
        if (i % 2) v = (double)(x % 100000000) / 1000;
        if (!isfinite(v)) continue;
        metric_number(v, room);
        assert_true(strtod(room, NULL) == v);
    }
}

/* ---- threads and memory -----------------------------------------------------------------------
 */

static void *measure(void *arg) {
    struct metric_owner *o = metric_owner(STR("threads.test"), STR("1"), STR("a"));
    struct metric *m = publish_labelled("threads.test", METRIC_COUNTER, "x_total", "l");
    for (int i = 0; i < ROUNDS; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i % 50);
        update1(m, METRIC_ADD, 1, value);
        metric_response(o, STR("h"), 443, STR("GET"), 200, 0.01, 10);
        if (i % 1000 == 0) metric_free(publish_labelled("threads.test", METRIC_GAUGE, "g", "l"));
    }
    return m;
}

static void *come_and_go(void *arg) {
    for (int i = 0; i < 100; i++) {
        struct metric_owner *o = metric_owner(STR("flicker.test"), STR("1"), STR("a"));
        metric_log(o, STR("m"), STR("INFO"));
        metric_forget(o);
    }
    return NULL;
}

static void threads_lose_no_update_while_others_render(void **state) {
    pthread_t threads[THREADS], flicker;
    struct metric *held[THREADS];
    struct metric_shape shape = shape_of(METRIC_COUNTER, "keeps_the_owner");
    struct metric *keep = publish("threads.test", &shape);
    assert_int_equal(pthread_create(&flicker, NULL, come_and_go, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, measure, NULL), 0);
    for (int i = 0; i < 20; i++) {
        struct buf b = rendered("");
        buf_free(&b);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], (void **)&held[i]);
    pthread_join(flicker, NULL);
    char line[100];
    for (int i = 0; i < 50; i++) {
        snprintf(line, sizeof line, "l=\"%d\",service=\"threads.test\",ver=\"3\"} %d\n", i,
                 THREADS * ROUNDS / 50);
        /* Whoever owned it last said ver="1" or ver="3". */
        struct metric_owner *o = metric_owner(STR("threads.test"), STR("3"), STR("abc"));
        assert_non_null(o);
        assert_line("threads.test", line, true);
    }
    snprintf(line, sizeof line, "service=\"threads.test\",ver=\"3\"} %d\n", THREADS * ROUNDS);
    assert_line("threads.test", line, true);
    for (int i = 0; i < THREADS; i++)
        metric_free(held[i]);
    metric_free(keep);
    metric_forget(metric_owner(STR("threads.test"), STR_NONE, STR_NONE));
}

static void without_memory_nothing_is_half_done(void **state) {
    double buckets[] = {1, 2};
    struct str labels[] = {STR("a"), STR("b")};
    struct metric_shape shape = shape_of(METRIC_HISTOGRAM, "x");
    shape.labels = labels;
    shape.n_labels = 2;
    shape.buckets = buckets;
    shape.n_buckets = 2;
    int64_t before = stat_get(STAT_METRIC_DROPPED);
    int dropped = 0;
    char host[32];
    SPEC_EACH_FAILURE(n, {
        struct err e = {0};
        snprintf(host, sizeof host, "memory%ld.test", n);
        struct metric_owner *o = metric_owner(str_of(host), STR("1"), STR("a"));
        struct metric *m = metric_new(&shape, &e);
        assert_true(m || e.code == -ENOMEM);
        if (m) {
            struct metric_key k;
            m = metric_publish(m, o);
            metric_key(&k, LABELS(STR("x"), STR("y")));
            assert_int_equal(metric_update(m, METRIC_OBSERVE, &k, 1, &e), 0);
            dropped += stat_get(STAT_METRIC_DROPPED) > before + dropped;
        }
        metric_log(o, STR("m"), STR("INFO"));
        struct buf b;
        buf_init(&b);
        metric_render(&b, str_of(host));
        assert_true(buf_ok(&b) || mem_fail_fired());
        buf_free(&b);
        metric_free(m);
        metric_forget(o);
    });
    assert_true(dropped > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_adds),
        cmocka_unit_test(a_gauge_is_set_and_adds),
        cmocka_unit_test(a_histogram_counts_by_bucket),
        cmocka_unit_test(what_a_kind_cannot_do_is_refused),
        cmocka_unit_test(names_are_those_of_prometheus),
        cmocka_unit_test(labels_are_those_of_prometheus),
        cmocka_unit_test(buckets_ascend),
        cmocka_unit_test(labels_are_rendered_by_name_and_series_by_value),
        cmocka_unit_test(values_are_told_apart_by_where_they_end),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(other_labels_than_declared_are_refused),
        cmocka_unit_test(combinations_beyond_the_limit_are_dropped_and_counted),
        cmocka_unit_test(a_name_that_owners_share_has_one_head),
        cmocka_unit_test(the_same_shape_again_goes_on_with_its_series),
        cmocka_unit_test(another_shape_takes_the_place_while_it_lives),
        cmocka_unit_test(version_and_id_are_what_was_said_last),
        cmocka_unit_test(who_is_forgotten_is_out_of_sight_until_it_is_back),
        cmocka_unit_test(an_owner_has_so_many_families_and_no_more),
        cmocka_unit_test(nobody_measures_nothing),
        cmocka_unit_test(answers_are_summed_over_endpoints_and_codes),
        cmocka_unit_test(responses_have_a_duration_and_a_size),
        cmocka_unit_test(requests_to_nobody_are_no_errors),
        cmocka_unit_test(callbacks_logs_and_caches_are_measured),
        cmocka_unit_test(somebody_looks_before_it_is_rendered),
        cmocka_unit_test(numbers_are_written_as_prometheus_does),
        cmocka_unit_test(every_number_reads_back),
        cmocka_unit_test(threads_lose_no_update_while_others_render),
        cmocka_unit_test(without_memory_nothing_is_half_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
