/*
 * lib_topics: subscriptions of scripts, for lua/bus.lua. What comes waits in the queue of topics.c
 * until somebody asks for it. They end with their block, when they are collected, and all at once
 * when the generation goes out of service: before the next one starts.
 */
#include <stdio.h>

#include "core/base/list.h"
#include "core/script/lib.h"
#include "core/script/pack.h"
#include "core/script/resident.h"
#include "core/script/task.h"
#include "core/script/topics.h"

#define CLASS   "host.subscription"
#define HELD    1024 /* bytes that one counts as, besides its queue */
#define DEFAULT 100  /* messages that wait */

struct subscription {
    struct list link; /* in `all` */
    struct vm *vm;
    struct topic_sub *sub; /* NULL once it is closed */
    struct reader *reader; /* who waits for a message, or NULL */
    size_t held;
    uint64_t lost; /* known when it was closed */
};

/* A task that waits for a message. */
struct reader {
    struct op op;
    struct subscription *of;
    struct timer timer;
    bool late;
};

/* Those of this thread's states. */
static _Thread_local struct list all;

static struct list *all_here(void) {
    if (!all.next) list_init(&all);
    return &all;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wake(struct subscription *s) {
    struct reader *r = s->reader;
    if (!r) return;
    s->reader = NULL;
    timer_disarm(s->vm->worker, &r->timer);
    op_finish(&r->op);
}

/* What the mail was about may have been taken meanwhile. */
static void woken(void *arg) {
    struct subscription *s = arg;
    if (topic_waits(s->sub)) wake(s);
}

static void too_late(struct timer *t) {
    struct reader *r = LIST_ENTRY(t, struct reader, timer);
    r->late = true;
    wake(r->of);
}

static bool stop_waiting(struct op *op) {
    struct reader *r = (struct reader *)op;
    if (r->of->reader == r) r->of->reader = NULL;
    return true;
}

static void drop(struct op *op) {
    timer_remove(op->vm->worker, &((struct reader *)op)->timer);
}

/* The value and who published it. The message is in userdata meanwhile: making values may throw. */
static int drop_box(lua_State *L) {
    struct topic_message **box = lua_touserdata(L, 1);
    if (*box) topic_drop(*box);
    *box = NULL;
    return 0;
}

#define BOX "host.topic.message"

/* Pushes the next message; false when there is none. */
static bool push_next(lua_State *L, struct subscription *s) {
    struct topic_message **box = lua_newuserdatauv(L, sizeof(struct topic_message *), 0);
    *box = NULL;
    luaL_setmetatable(L, BOX);
    *box = s->sub ? topic_take(s->sub) : NULL;
    if (!*box) return false;
    struct str in = topic_bytes(*box), from = topic_from(*box);
    pack_push(L, &in);
    lua_pushlstring(L, from.p, from.n);
    topic_drop(*box);
    *box = NULL;
    return true;
}

static int done(lua_State *L, struct op *op) {
    struct reader *r = (struct reader *)op;
    if (push_next(L, r->of)) return 2;
    if (!r->of->sub) return op_fail(L, ERR_CLOSED, "the subscription is closed");
    if (r->late) return op_fail(L, ERR_TIMEOUT, "no message in time");
    return op_fail(L, ERR_BUSY, "another task took the message");
}

static const struct op_kind reader_kind = {
    "bus.subscribe", sizeof(struct reader), done, stop_waiting, drop, NULL};

static struct subscription *check(lua_State *L) {
    return luaL_checkudata(L, 1, CLASS);
}

/* subscription:receive([timeout]) -> value, from; or nil, message, "timeout" or "closed" */
static int l_receive(lua_State *L) {
    struct subscription *s = check(L);
    lua_Number seconds = luaL_optnumber(L, 2, -1);
    if (!lua_isnoneornil(L, 2) && !(seconds >= 0 && seconds <= 86400))
        return lib_error(L, "a timeout is 0 to 86400 seconds");
    if (push_next(L, s)) return 2;
    if (!s->sub) return op_fail(L, ERR_CLOSED, "the subscription is closed");
    if (s->reader) return lib_error(L, "another task receives from this subscription already");
    struct reader *r = op_new(L, &reader_kind);
    r->of = s;
    timer_init(&r->timer, too_late);
    if (seconds >= 0 && op_timer(&r->op, &r->timer, seconds) < 0) {
        op_discard(&r->op);
        vm_throw_memory(L);
    }
    s->reader = r;
    return op_await(L, &r->op);
}

/* The iterator of messages(): what the loop got last does not matter. */
static int l_next(lua_State *L) {
    lib_iterated(L);
    return l_receive(L);
}

static int l_messages(lua_State *L) {
    check(L);
    return lib_iterator(L, l_next);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void end(struct subscription *s) {
    if (!s->sub) return;
    s->lost = topic_lost(s->sub);
    topic_leave(s->sub);
    s->sub = NULL;
    list_unlink(&s->link);
    vm_release(s->vm, s->held);
    wake(s);
}

static int l_close(lua_State *L) {
    end(check(L));
    return 0;
}

void topics_end(struct vm *vm) {
    struct list *here = all_here();
    vm->unsubscribed = true;
    LIST_EACH_SAFE(here, it, next) {
        struct subscription *s = LIST_ENTRY(it, struct subscription, link);
        if (s->vm == vm) end(s);
    }
}

static int l_lost(lua_State *L) {
    struct subscription *s = check(L);
    lua_pushinteger(L, (lua_Integer)(s->sub ? topic_lost(s->sub) : s->lost));
    return 1;
}

static struct str topic_name(lua_State *L) {
    struct str topic = lib_str(L, 1);
    if (topic.n == 0 || topic.n > TOPIC_NAME_MAX)
        lib_error(L, "a topic has 1 to %d bytes", TOPIC_NAME_MAX);
    return topic;
}

/* Of the options: how many messages may wait. */
static int limit_of(lua_State *L) {
    lua_Integer limit = DEFAULT;
    int is_integer = 1;
    lib_options(L, 2, "limit");
    if (!lua_isnoneornil(L, 2) && lua_getfield(L, 2, "limit") != LUA_TNIL)
        limit = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || limit < 1 || limit > TOPIC_QUEUE_MAX)
        lib_error(L, "limit: 1 to %d messages", TOPIC_QUEUE_MAX);
    return (int)limit;
}

/* topics.subscribe(topic [, { limit = }]) -> subscription */
static int l_subscribe(lua_State *L) {
    struct vm *vm = vm_of(L);
    struct str topic = topic_name(L);
    int limit = limit_of(L);
    if (vm->loading || !vm->running)
        return lib_error(L, "bus.subscribe: not while a service is loading; on_start is the place");
    if (vm->unsubscribed || vm->closing)
        return op_fail(L, ERR_CLOSED, "this generation of the service is out of service");
    struct subscription *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (struct subscription){.vm = vm, .held = HELD + (size_t)limit * sizeof(void *)};
    list_init(&s->link);
    luaL_setmetatable(L, CLASS);
    if (!vm_hold(vm, s->held))
        return op_fail(L, ERR_LIMIT, "the service keeps too much outside of its memory");
    int rc = topic_subscribe(vm->worker, topic, limit, woken, s, &s->sub);
    if (rc < 0) {
        vm_release(vm, s->held);
        return op_fail(L, rc, rc == ERR_LIMIT ? "too many subscriptions" : "out of memory");
    }
    list_push(all_here(), &s->link);
    return 1;
}

/* topics.publish(topic, value) -> how many got it */
static int l_publish(lua_State *L) {
    static _Thread_local struct buf packed;
    struct buf *out = lib_buf(&packed);
    struct vm *vm = vm_of(L);
    struct resident *r = vm->owner;
    const char *why = NULL, *from = r && r->host[0] ? r->host : vm->options.name;
    struct str topic = topic_name(L);
    if (vm->loading) return lib_error(L, "bus.publish: not while a service is loading");
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) return lib_error(L, "a message is a value, not nil");
    if (pack_value(L, 2, out, &why) < 0) return lib_error(L, "%s", why);
    int rc = topic_publish(topic, str_of(from), buf_view(out));
    if (rc == ERR_LIMIT) return op_fail(L, rc, "a message is at most 1 MB");
    if (rc == ERR_BUSY) return op_fail(L, rc, "too many messages wait to be received");
    if (rc < 0) return op_fail(L, rc, "out of memory");
    lua_pushinteger(L, rc);
    return 1;
}

const struct lib_doc lib_topics_docs[] = {
    {"subscribe", l_subscribe,
     "fun(topic: string, options?: { limit?: integer }): Subscription?, string?, string?",
     "See bus.subscribe; `limit`: messages that wait, 100 unless said."},
    {"publish", l_publish, "fun(topic: string, value: any): integer?, string?, string?",
     "See bus.publish: how many subscriptions got it; \"busy\" when too much waits already."},
    {"Subscription", NULL, "class", "What bus.subscribe gives. One task receives from it."},
    {"Subscription:receive", l_receive,
     "fun(self: Subscription, timeout?: number): any, string?, string?",
     "The next message and the host of the service that published it; or nil, message and "
     "\"timeout\", or \"closed\" once this generation is out of service."},
    {"Subscription:messages", l_messages, "fun(self: Subscription): fun(): any, string",
     "Iterates over messages and who published them, until the subscription is closed."},
    {"Subscription:lost", l_lost, "fun(self: Subscription): integer",
     "How many messages went because the queue was full: the oldest go first."},
    {"Subscription:close", l_close, "fun(self: Subscription)",
     "Ends it; leaving its block does so, too."},
    {NULL, NULL, NULL, NULL},
};

int lib_topics(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    static const luaL_Reg box[] = {{"__gc", drop_box}, {NULL, NULL}};
    lib_class(L, BOX, NULL, box);
    lib_class(L, CLASS, lib_topics_docs, meta);
    lib_functions(L, lib_topics_docs);
    return 1;
}
