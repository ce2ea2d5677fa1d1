/* Requests answered by Lua services, through a real front door. */
#include "spec/core/script/lua_host.h"

/* ---- functions ------------------------------------------------------------------------------ */

static const char FUNCTIONS[] =
    "functions:\n"
    "  - signature: Add(x int, y int) (sum int)\n"
    "  - signature: Show(s string, b bool, f float64, l []string, m "
    "map[string]int, p Pet, a any) (httpResponseBody any)\n"
    "  - signature: Item(id string, rest string) (httpResponseBody any)\n"
    "    path: /item/{id}/{rest+}\n"
    "    method: GET\n"
    "  - signature: Fixed() (text string)\n"
    "    path: /item/fixed/one\n"
    "  - signature: Save(httpRequestBody Pet, id int) "
    "(httpResponseBody Pet, httpStatusCode int)\n"
    "    path: /pet/{id}\n"
    "    method: PUT\n"
    "  - signature: List() (httpResponseBody []int)\n"
    "    path: /pet/list\n"
    "    method: GET\n"
    "  - signature: Only()\n"
    "    path: /only/get\n"
    "    method: GET\n"
    "  - signature: Nothing()\n"
    "  - signature: Empty() (list []int, named map[string]int)\n"
    "  - signature: Missing()\n"
    "  - signature: Fail(status int, text string)\n"
    "  - signature: Crash()\n";

static const char HANDLERS[] =
    "local errors = require 'errors'\n"
    "local json = require 'json'\n"
    "local svc = require 'service' (...)\n"
    "function svc.Add(_, x, y) return x + y end\n"
    "function svc.Show(_, s, b, f, l, m, p, a)\n"
    "  return json.encode({ s = s, b = b, f = f, l = l, m = m, p = p, a = a }, { indent = 1 })\n"
    "    :gsub('%s', '')\n"
    "end\n"
    "function svc.Item(_, id, rest) return id .. '|' .. rest end\n"
    "function svc.Fixed() return 'fixed' end\n"
    "function svc.Save(_, pet, id) pet.id = id return pet, 201 end\n"
    "function svc.List() return {} end\n"
    "function svc.Only() end\n"
    "function svc.Nothing() end\n"
    "function svc.Empty() return {}, {} end\n"
    "function svc.Fail(_, status, text) errors.raise(status, text) end\n"
    "function svc.Crash() local t = nil return t.x end\n"
    "return svc\n";

static int with_functions(void **state) {
    lua_host_prepare();
    write_service("lab", FUNCTIONS, HANDLERS);
    folder_write("lab/types.lua", "---@class Pet\n---@field name string\n---@field id integer?\n"
                                  "---@field tags string[]\n");
    lua_host_serve();
    return 0;
}

static void arguments_come_from_query_json_and_form(void **state) {
    GIVES("/lab.example/add?x=1&y=2", 200, "{\"sum\":3}");
    IS(post_json(0, "/lab.example/add", "{\"x\":1,\"y\":2}"), 200, "{\"sum\":3}");
    IS(ask(0, "POST", "/lab.example/add", "Content-Type: application/x-www-form-urlencoded\r\n",
           "x=1&y=2"),
       200, "{\"sum\":3}");
    assert_string_equal(field(&reply, "content-type"), "application/json");
}

static void the_query_goes_before_the_body_and_names_ignore_case(void **state) {
    IS(post_json(0, "/lab.example/add?x=10", "{\"x\":1,\"y\":2}"), 200, "{\"sum\":12}");
    IS(post_json(0, "/lab.example/add", "{\"X\":1,\"Y\":2}"), 200, "{\"sum\":3}");
    IS(get(0, "/lab.example/add?X=1&Y=2"), 200, "{\"sum\":3}");
}

static void arguments_that_are_missing_are_zero_and_unknown_ones_ignored(void **state) {
    IS(get(0, "/lab.example/add"), 200, "{\"sum\":0}");
    IS(get(0, "/lab.example/add?x=1&z=5"), 200, "{\"sum\":1}");
    IS(post_json(0, "/lab.example/add", "{\"x\":1,\"y\":null,\"z\":{}}"), 200, "{\"sum\":1}");
    IS(post_json(0, "/lab.example/add", "{}"), 200, "{\"sum\":0}");
    IS(get(0, "/lab.example/show"), 200,
       "\"{\\\"b\\\":false,\\\"f\\\":0.0,\\\"l\\\":[],\\\"m\\\":{},\\\"p\\\":{\\\"name\\\":"
       "\\\"\\\","
       "\\\"tags\\\":[]},\\\"s\\\":\\\"\\\"}\"");
}

static void integers_of_64_bits_arrive_and_leave_exactly(void **state) {
    IS(get(0, "/lab.example/add?x=9007199254740992&y=1"), 200, "{\"sum\":9007199254740993}");
    IS(post_json(0, "/lab.example/add", "{\"x\":9223372036854775806,\"y\":1}"), 200,
       "{\"sum\":9223372036854775807}");
}

static void values_of_all_types_arrive_as_declared(void **state) {
    IS(post_json(0, "/lab.example/show",
                 "{\"s\":\"\\u00e4\",\"b\":true,\"f\":3,\"l\":[\"a\"],\"m\":{\"k\":1},"
                 "\"p\":{\"name\":\"Rex\",\"color\":\"red\"},\"a\":[1,{}]}"),
       200,
       "\"{\\\"a\\\":[1,{}],\\\"b\\\":true,\\\"f\\\":3.0,\\\"l\\\":[\\\"a\\\"],\\\"m\\\":{"
       "\\\"k\\\":1},\\\"p\\\":{\\\"name\\\":\\\"Rex\\\",\\\"tags\\\":[]},\\\"s\\\":\\\"\u00e4\\\"}"
       "\"");
    IS(get(0, "/lab.example/show?l=%5B%22a%22%5D&p=%7B%22name%22%3A%22Tom%22%7D&b=1&f=1e2"), 200,
       "\"{\\\"b\\\":true,\\\"f\\\":100.0,\\\"l\\\":[\\\"a\\\"],\\\"m\\\":{},\\\"p\\\":{"
       "\\\"name\\\":\\\"Tom"
       "\\\",\\\"tags\\\":[]},\\\"s\\\":\\\"\\\"}\"");
}

static void a_wrong_type_is_400_and_names_the_argument(void **state) {
    IS(get(0, "/lab.example/add?x=a"), 400,
       "{\"error\": \"x: expected an integer, got a string\"}");
    IS(get(0, "/lab.example/add?x=1.5"), 400,
       "{\"error\": \"x: expected an integer, got a string\"}");
    IS(post_json(0, "/lab.example/add", "{\"x\":\"1\"}"), 400,
       "{\"error\": \"x: expected an integer, got a string\"}");
    IS(post_json(0, "/lab.example/show", "{\"p\":{\"name\":5}}"), 400,
       "{\"error\": \"p.name: expected a string, got an integer\"}");
    IS(post_json(0, "/lab.example/show", "{\"l\":[\"a\",1]}"), 400,
       "{\"error\": \"l[2]: expected a string, got an integer\"}");
}

static void a_body_that_is_no_json_object_is_400(void **state) {
    IS(post_json(0, "/lab.example/add", "{\"x\":"), 400,
       "{\"error\": \"invalid JSON at line 1 column 6: a value is missing\"}");
    IS(post_json(0, "/lab.example/add", "[1,2]"), 400,
       "{\"error\": \"the body must be a JSON object with the arguments by name\"}");
    IS(post_json(0, "/lab.example/add", "\"x\""), 400,
       "{\"error\": \"the body must be a JSON object with the arguments by name\"}");
}

static void path_arguments_are_decoded_and_greedy_ones_take_the_rest(void **state) {
    GIVES("/lab.example/item/7/a/b%20c", 200, "\"7|a/b c\"");
    GIVES("/lab.example/item/x%2Fy/z", 200, "\"x/y|z\"");
    GIVES("/lab.example/item/fixed/one", 200, "{\"text\":\"fixed\"}");
    GIVES("/lab.example/item/fixed/two", 200, "\"fixed|two\"");
    assert_int_equal(get(0, "/lab.example/item/7")->status, 404);
}

static void a_body_can_be_one_argument_and_the_status_a_result(void **state) {
    struct reply *r = ask(0, "PUT", "/lab.example/pet/5", "", "{\"name\":\"Rex\",\"tags\":[]}");
    assert_int_equal(r->status, 201);
    assert_non_null(strstr(r->body, "\"name\":\"Rex\""));
    assert_non_null(strstr(r->body, "\"tags\":[]"));
    assert_non_null(strstr(r->body, "\"id\":5"));
    IS(ask(0, "PUT", "/lab.example/pet/five", "", "{}"), 400,
       "{\"error\": \"id: expected an integer, got a string\"}");
    IS(ask(0, "PUT", "/lab.example/pet/5", "", "[]"), 400,
       "{\"error\": \"httpRequestBody: expected an object, got a list\"}");
}

static void results_without_values_are_an_empty_object(void **state) {
    IS(get(0, "/lab.example/nothing"), 200, "{}");
}

static void empty_lists_and_maps_stay_what_was_declared(void **state) {
    struct reply *r = get(0, "/lab.example/empty");
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(r->body, "\"list\":[]"));
    assert_non_null(strstr(r->body, "\"named\":{}"));
}

static void what_is_declared_without_code_is_501(void **state) {
    struct reply *r = get(0, "/lab.example/missing");
    assert_int_equal(r->status, 501);
    assert_non_null(strstr(r->body, "Missing is declared but has no code"));
}

static void errors_choose_their_status_and_text(void **state) {
    IS(get(0, "/lab.example/fail?status=404&text=no+such+pet"), 404,
       "{\"error\": \"no such pet\"}");
    IS(get(0, "/lab.example/fail?status=409&text=%22"), 409, "{\"error\": \"\\\"\"}");
    struct reply *r = get(0, "/lab.example/fail?status=503&text=later");
    assert_int_equal(r->status, 503);
    assert_non_null(strstr(r->body, "\"error\": \"later\""));
}

static void a_fault_is_500_with_the_request_id_and_without_its_text(void **state) {
    struct reply *r = get(0, "/lab.example/crash");
    assert_int_equal(r->status, 500);
    const char *id = field(r, "x-request-id");
    char expected[256];
    assert_non_null(id);
    snprintf(expected, sizeof expected,
             "{\"error\": \"Internal Server Error\", \"requestId\": \"%s\"}", id);
    IS(r, 500, expected);
}

static void in_development(void) {
    conf.dev = true;
}

static int with_functions_in_development(void **state) {
    tune = in_development;
    return with_functions(state);
}

static void in_development_a_fault_tells_its_text_and_place(void **state) {
    struct reply *r = get(0, "/lab.example/crash");
    assert_int_equal(r->status, 500);
    assert_non_null(strstr(r->body, "services/lab/service.lua:17: attempt to index a nil value"));
}

static void a_path_that_no_service_has_is_404_and_another_method_405(void **state) {
    GIVES("/lab.example/nowhere", 404,
          "{\"error\":\"lab.example has nothing at /lab.example/nowhere\"}");
    GIVES("/nobody.example/add", 404, "no instances found");
    struct reply *r = ask(0, "DELETE", "/lab.example/pet/5", "", NULL);
    IS(r, 405, "{\"error\":\"DELETE is not allowed for /lab.example/pet/5\"}");
    assert_string_equal(field(r, "allow"), "PUT");
    r = ask(0, "POST", "/lab.example/item/7/a", "", "");
    assert_int_equal(r->status, 405);
    assert_string_equal(field(r, "allow"), "GET, HEAD");
    r = ask(0, "POST", "/lab.example/only/get", "", "");
    assert_int_equal(r->status, 405);
    assert_string_equal(field(r, "allow"), "GET, HEAD");
}

static void a_path_of_another_method_does_not_hide_one_with_arguments(void **state) {
    IS(ask(0, "PUT", "/lab.example/pet/list", "", "{}"), 400,
       "{\"error\": \"id: expected an integer, got a string\"}");
    IS(get(0, "/lab.example/pet/list"), 200, "[]");
}

static void head_is_get_without_the_body(void **state) {
    struct reply *r = ask(0, "HEAD", "/lab.example/only/get", "", NULL);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->n, 0);
    r = ask(0, "HEAD", "/lab.example/item/7/a", "", NULL);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->n, 0);
    assert_string_equal(field(r, "content-length"), "5");
}

/* ---- webs ----------------------------------------------------------------------------------- */

static const char WEBS[] = "webs:\n"
                           "  - signature: Table()\n"
                           "  - signature: Text()\n"
                           "  - signature: Status()\n"
                           "  - signature: Only()\n"
                           "  - signature: Headers()\n"
                           "  - signature: Many()\n"
                           "  - signature: Itself()\n"
                           "  - signature: Prefixed()\n"
                           "  - signature: Pieces()\n"
                           "  - signature: Silent()\n"
                           "  - signature: Broken()\n"
                           "  - signature: Pour()\n"
                           "  - signature: Body()\n"
                           "  - signature: Chunks()\n"
                           "  - signature: Handed()\n"
                           "  - signature: Json()\n"
                           "  - signature: Form()\n"
                           "  - signature: Describe()\n"
                           "    path: /describe/{a}/{}\n"
                           "  - signature: Keep()\n"
                           "  - signature: Split()\n"
                           "  - signature: Twice()\n"
                           "  - signature: Late()\n";

static const char PAGES[] =
    "local json = require 'json'\n"
    "local shared = require 'shared'\n"
    "local task = require 'task'\n"
    "local time = require 'time'\n"
    "local svc = require 'service' (...)\n"
    "function svc.Table() return { a = { 1, 2 } } end\n"
    "function svc.Text() return 'hello' end\n"
    "function svc.Status() return 418, 'teapot' end\n"
    "function svc.Only() return 202 end\n"
    "function svc.Headers(_, req, res)\n"
    "  res:status(201):header('X-One', req:header('x-given')):header('Set-Cookie', 'a=1')\n"
    "  res:header('Set-Cookie', 'b=2'):header('X-Gone', '1'):header('x-gone')\n"
    "  res:header('Content-Type', 'text/html')\n"
    "  return '<p>'\n"
    "end\n"
    "function svc.Many(_, req, res)\n"
    "  for i = 1, tonumber(req.query.n) do res:header('X-' .. i, i) end\n"
    "  res:header('x-2', 'two'):header('X-1')\n"
    "  return 'many'\n"
    "end\n"
    "function svc.Itself(_, _, res) res:answer(203, 'itself') return 'not this' end\n"
    "function svc.Prefixed(_, _, res) res:write('begun, ') return 'not this' end\n"
    "function svc.Pieces(_, _, res)\n"
    "  res:write('one', 2) res:write(' ', 'three') task.yield() res:write('!')\n"
    "end\n"
    "function svc.Silent() end\n"
    "function svc.Broken(_, _, res) res:write('half') error('broken') end\n"
    "function svc.Pour(_, req, res)\n"
    "  local block = ('x'):rep(16384)\n"
    "  for i = 1, tonumber(req.query.n) do\n"
    "    shared.set('poured', tostring(i))\n"
    "    res:write(block)\n"
    "  end\n"
    "end\n"
    "function svc.Body(_, req) return tostring(#req:body()) end\n"
    "function svc.Chunks(_, req)\n"
    "  local n, pieces = 0, 0\n"
    "  for chunk in req:chunks() do n, pieces = n + #chunk, pieces + 1 end\n"
    "  return n .. ' in ' .. (pieces > 0 and 'pieces' or 'none')\n"
    "end\n"
    "function svc.Handed(_, req)\n"
    "  local next, n = req:chunks(), 0\n"
    "  local function add(piece) n = n + #piece return true end\n"
    "  return task.all { function() while add(next() or '') and n < 15 do end\n"
    "    return tostring(n) end }\n"
    "end\n"
    "function svc.Json(_, req) return json.encode(req:json()) end\n"
    "function svc.Form(_, req) return req:form().name or '-' end\n"
    "function svc.Describe(_, req)\n"
    "  return table.concat({ req.method, req.path, req.query.q or '-', req.args.a, "
    "req.args.path2,\n"
    "    req.headers['x-given'] or '-', tostring(req.nothing), #req.id > 0 and 'id' or '-' }, ' "
    "')\n"
    "end\n"
    "local kept\n"
    "function svc.Keep(_, req)\n"
    "  local before = kept\n"
    "  kept = req\n"
    "  if before then return select(2, pcall(function() return before.path end)) end\n"
    "  return 'kept'\n"
    "end\n"
    "function svc.Split(_, _, res)\n"
    "  return select(2, pcall(res.header, res, 'X-A', 'a\\r\\nX-B: b'))\n"
    "end\n"
    "function svc.Twice(_, _, res)\n"
    "  res:answer(200, 'first')\n"
    "  shared.set('second', tostring((pcall(res.answer, res, 200, 'second'))))\n"
    "end\n"
    "function svc.Late(_, _, res)\n"
    "  res:answer(200, 'done')\n"
    "  time.sleep(0.01)\n"
    "  shared.incr('late')\n"
    "end\n"
    "return svc\n";

static int with_webs(void **state) {
    lua_host_prepare();
    write_service("lab", WEBS, PAGES);
    lua_host_serve();
    return 0;
}

static void a_web_answers_with_what_it_returns(void **state) {
    GIVES("/lab.example/table", 200, "{\"a\":[1,2]}");
    assert_string_equal(field(&reply, "content-type"), "application/json");
    GIVES("/lab.example/text", 200, "hello");
    assert_string_equal(field(&reply, "content-type"), "text/plain; charset=utf-8");
    GIVES("/lab.example/status", 418, "teapot");
    GIVES("/lab.example/only", 202, "");
    GIVES("/lab.example/silent", 200, "");
}

static void a_web_sets_headers_and_status(void **state) {
    struct reply *r = ask(0, "GET", "/lab.example/headers", "X-Given: yes\r\n", NULL);
    IS(r, 201, "<p>");
    assert_string_equal(field(r, "x-one"), "yes");
    assert_string_equal(field(r, "content-type"), "text/html");
    assert_null(field(r, "x-gone"));
    assert_non_null(strstr(r->head, "Set-Cookie: a=1"));
    assert_non_null(strstr(r->head, "Set-Cookie: b=2"));
}

static void a_web_sets_up_to_64_headers(void **state) {
    struct reply *r = ask(0, "GET", "/lab.example/many?n=64", "", NULL);
    IS(r, 200, "many");
    assert_null(field(r, "x-1"));
    assert_string_equal(field(r, "x-2"), "two");
    for (int i = 3; i <= 64; i++) {
        char name[8], value[8];
        snprintf(name, sizeof name, "x-%d", i);
        snprintf(value, sizeof value, "%d", i);
        assert_string_equal(field(r, name), value);
    }
    r = ask(0, "GET", "/lab.example/many?n=65", "", NULL);
    assert_int_equal(r->status, 500);
}

static void what_a_web_returns_is_no_answer_when_it_has_answered_by_itself(void **state) {
    GIVES("/lab.example/itself", 203, "itself");
    GIVES("/lab.example/prefixed", 200, "begun, ");
}

static void a_web_sees_the_request(void **state) {
    struct reply *r = ask(0, "PATCH", "/lab.example/describe/x%20y/z?q=1%202",
                          "X-Given: a\r\nX-Given: b\r\n", "");
    IS(r, 200, "PATCH /lab.example/describe/x%20y/z 1 2 x y z a, b nil id");
}

static void pieces_leave_as_they_are_written(void **state) {
    GIVES("/lab.example/pieces", 200, "one2 three!");
    assert_string_equal(field(&reply, "transfer-encoding"), "chunked");
}

static void a_handler_that_fails_half_way_breaks_the_transfer(void **state) {
    struct reply *r = get(0, "/lab.example/broken");
    assert_int_equal(r->status, 200);
    assert_false(r->complete);
    GIVES("/lab.example/text", 200, "hello");
}

static void how_far(struct worker *w, void *arg) {
    struct buf b;
    buf_init(&b);
    if (shared_get(host.shared, STR("lab.example\0poured"), &b) == 0) str_i64(buf_view(&b), arg);
    buf_free(&b);
}

/* The client reads nothing: the handler stops writing long before it is through. */
static void writing_waits_for_the_client(void **state) {
    int64_t before = -1, now = 0;
    int fd = begin(0, "GET", "/lab.example/pour?n=2000", "", NULL);
    while (now == 0 || now != before) {
        usleep(50000);
        before = now;
        on_worker(0, how_far, &now);
    }
    assert_true(now < 1000);
    char some[65536];
    size_t n = 0, got;
    while ((got = hear(fd, some, sizeof some)) > 0)
        n += got;
    close(fd);
    on_worker(0, how_far, &now);
    assert_int_equal(now, 2000);
    assert_true(n > 2000 * 16384);
}

static void a_body_comes_whole_or_in_chunks(void **state) {
    static char body[90001];
    memset(body, 'b', sizeof body - 1);
    IS(ask(0, "POST", "/lab.example/body", "", body), 200, "90000");
    IS(ask(0, "POST", "/lab.example/chunks", "", body), 200, "90000 in pieces");
    IS(ask(0, "POST", "/lab.example/body", "", ""), 200, "0");
    IS(ask(0, "POST", "/lab.example/chunks", "", ""), 200, "0 in none");
    IS(get(0, "/lab.example/chunks"), 200, "0 in none");
}

static void chunks_arrive_one_by_one(void **state) {
    int fd = dial(0);
    say(fd, "POST /lab.example/chunks HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        say(fd, "3\r\nabc\r\n");
        usleep(2000);
    }
    say(fd, "0\r\n\r\n");
    IS(listen_to(fd), 200, "15 in pieces");
}

static void chunks_are_a_function_that_another_task_may_call(void **state) {
    IS(ask(0, "POST", "/lab.example/handed", "", "fifteen letters"), 200, "15");
}

static void a_body_that_is_too_large_is_413_and_in_chunks_it_is_not(void **state) {
    static char body[150001];
    memset(body, 'b', sizeof body - 1);
    IS(ask(0, "POST", "/lab.example/body", "", body), 413,
       "{\"error\": \"the request body is too large\"}");
    IS(ask(0, "POST", "/lab.example/chunks", "", body), 200, "150000 in pieces");
    int fd = dial(0);
    say(fd, "POST /lab.example/body HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            "Transfer-Encoding: chunked\r\n\r\n249F0\r\n");
    say(fd, body);
    say(fd, "\r\n0\r\n\r\n");
    IS(listen_to(fd), 413, "{\"error\": \"the request body is too large\"}");
}

static void bodies_are_read_as_json_or_form(void **state) {
    IS(post_json(0, "/lab.example/json", "{\"a\":[]}"), 200, "{\"a\":[]}");
    IS(post_json(0, "/lab.example/json", "{"), 400, "{\"error\": \"Invalid JSON\"}");
    IS(ask(0, "POST", "/lab.example/form", "", "name=Ada+L"), 200, "Ada L");
}

static void a_request_object_that_was_kept_says_that_it_is_over(void **state) {
    IS(get(0, "/lab.example/keep"), 200, "kept");
    struct reply *r = get(0, "/lab.example/keep");
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(r->body, "this request is over"));
}

static void a_header_cannot_split_the_response(void **state) {
    struct reply *r = get(0, "/lab.example/split");
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(r->body, "no control characters"));
    assert_null(field(r, "x-b"));
}

static void a_second_answer_is_refused(void **state) {
    GIVES("/lab.example/twice", 200, "first");
    struct buf b;
    buf_init(&b);
    assert_int_equal(shared_get(host.shared, STR("lab.example\0second"), &b), 0);
    assert_true(str_eq(buf_view(&b), STR("false")));
    buf_free(&b);
}

static void a_handler_may_go_on_after_it_answered(void **state) {
    IS(get(0, "/lab.example/late"), 200, "done");
    struct buf b;
    buf_init(&b);
    while (shared_get(host.shared, STR("lab.example\0late"), &b) < 0)
        usleep(1000);
    buf_free(&b);
}

#define F(f) cmocka_unit_test_setup_teardown(f, with_functions, finish)
#define W(f) cmocka_unit_test_setup_teardown(f, with_webs, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        F(arguments_come_from_query_json_and_form),
        F(the_query_goes_before_the_body_and_names_ignore_case),
        F(arguments_that_are_missing_are_zero_and_unknown_ones_ignored),
        F(integers_of_64_bits_arrive_and_leave_exactly),
        F(values_of_all_types_arrive_as_declared),
        F(a_wrong_type_is_400_and_names_the_argument),
        F(a_body_that_is_no_json_object_is_400),
        F(path_arguments_are_decoded_and_greedy_ones_take_the_rest),
        F(a_body_can_be_one_argument_and_the_status_a_result),
        F(results_without_values_are_an_empty_object),
        F(empty_lists_and_maps_stay_what_was_declared),
        F(what_is_declared_without_code_is_501),
        F(errors_choose_their_status_and_text),
        F(a_fault_is_500_with_the_request_id_and_without_its_text),
        cmocka_unit_test_setup_teardown(in_development_a_fault_tells_its_text_and_place,
                                        with_functions_in_development, finish),
        F(a_path_that_no_service_has_is_404_and_another_method_405),
        F(a_path_of_another_method_does_not_hide_one_with_arguments),
        F(head_is_get_without_the_body),
        W(a_web_answers_with_what_it_returns),
        W(a_web_sets_headers_and_status),
        W(a_web_sets_up_to_64_headers),
        W(what_a_web_returns_is_no_answer_when_it_has_answered_by_itself),
        W(a_web_sees_the_request),
        W(pieces_leave_as_they_are_written),
        W(a_handler_that_fails_half_way_breaks_the_transfer),
        W(writing_waits_for_the_client),
        W(a_body_comes_whole_or_in_chunks),
        W(chunks_arrive_one_by_one),
        W(chunks_are_a_function_that_another_task_may_call),
        W(a_body_that_is_too_large_is_413_and_in_chunks_it_is_not),
        W(bodies_are_read_as_json_or_form),
        W(a_request_object_that_was_kept_says_that_it_is_over),
        W(a_header_cannot_split_the_response),
        W(a_second_answer_is_refused),
        W(a_handler_may_go_on_after_it_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
