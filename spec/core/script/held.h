/*
 * For the specs of tasks: an op that is finished by hand. hold(name) waits until the test calls
 * give(name).
 */
#ifndef SPEC_HELD_H
#define SPEC_HELD_H

#include "spec/core/script/script.h"

struct hold {
    struct op op;
    struct list link;
    char name[16];
    int result; /* what done pushes; negative: done throws */
};

static struct {
    struct list waiting; /* struct hold.link */
    bool late;           /* cancel says false: op_finish comes later */
    bool finishes;       /* cancel calls op_finish itself */
    bool at_once;        /* op_finish is called before op_await */
    bool refuses;        /* starting fails */
    bool throws;         /* the binding breaks its promise and throws after op_new */
    int dropped, canceled, done;
} held;

static int hold_done(lua_State *L, struct op *op) {
    struct hold *h = (struct hold *)op;
    held.done++;
    if (h->result < 0) return luaL_error(L, "done failed");
    lua_pushstring(L, h->name);
    lua_pushinteger(L, h->result);
    return 2;
}

static bool hold_cancel(struct op *op) {
    held.canceled++;
    if (held.finishes) op_finish(op);
    return !held.late;
}

static void hold_drop(struct op *op) {
    held.dropped++;
    list_unlink(&((struct hold *)op)->link);
}

static const struct op_kind hold_kind = {
    "spec.hold", sizeof(struct hold), hold_done, hold_cancel, hold_drop, NULL,
};

static int l_hold(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    struct hold *h = op_new(L, &hold_kind);
    snprintf(h->name, sizeof h->name, "%s", name);
    list_push(&held.waiting, &h->link);
    h->result = (int)luaL_optinteger(L, 2, 0);
    if (held.refuses) {
        op_discard(&h->op);
        return op_fail(L, -ECONNREFUSED, "nobody there");
    }
    if (held.throws) return luaL_error(L, "thrown after op_new");
    if (held.at_once) op_finish(&h->op);
    return op_await(L, &h->op);
}

static struct hold *waiting(const char *name) {
    LIST_EACH(&held.waiting, it) {
        struct hold *h = LIST_ENTRY(it, struct hold, link);
        if (strcmp(h->name, name) == 0) return h;
    }
    return NULL;
}

static void give(const char *name, int result) {
    struct hold *h = waiting(name);
    assert_non_null(h);
    h->result = result;
    op_finish(&h->op);
}

static char notes[512];

static int l_note(lua_State *L) {
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s ", luaL_checkstring(L, 1));
    return 0;
}

static struct task *target;

static int l_cancel_target(lua_State *L) {
    task_cancel(target);
    return 0;
}

static int l_yield(lua_State *L) {
    return task_yield(L);
}

static int add_functions(lua_State *L) {
    lua_register(L, "hold", l_hold);
    lua_register(L, "note", l_note);
    lua_register(L, "cancel_target", l_cancel_target);
    lua_register(L, "turn", l_yield);
    return 0;
}

static void open_held(struct script *s) {
    script_open(s);
    memset(&held, 0, sizeof held);
    list_init(&held.waiting);
    notes[0] = 0;
    assert_int_equal(vm_protect(s->vm, add_functions, NULL, NULL), 0);
}

static void check_over(struct run *r, enum task_end end, const char *text) {
    if (!r->over || r->ended != 1 || r->end != end || !strstr(r->text.p, text))
        fail_msg("over %d, ended %d, %s: '%s', expected %s: '%s'\n%s", r->over, r->ended,
                 r->over ? end_name(r->end) : "-", r->over ? r->text.p : "", end_name(end), text,
                 r->over ? r->trace.p : "");
    run_free(r);
}

#define GUARD \
    "local guard <close> = setmetatable({}, {__close = function(_, e) " \
    "note(e == nil and 'closed' or 'closed:' .. tostring(e)) end})\n"

#endif
