/*
 * Cancelling a task, in each of its states.
 */
#include "spec/core/script/held.h"

/* ---- cancelling, in each state --------------------------------------------------------------- */

static void a_new_task_can_be_cancelled(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    struct task *t = run_make(&s, &r, "note('ran')");
    struct task_id id = t->id;
    assert_ptr_equal(task_find(&s.w, id), t);
    task_cancel(t);
    assert_null(task_find(&s.w, id));
    check_over(&r, TASK_CANCELED, "canceled");
    assert_string_equal(notes, "");
    script_close(&s);
}

static void a_ready_task_can_be_cancelled(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    run_start(&s, &r[0], GUARD "turn() note('ran')");
    assert_int_equal(r[0].task->state, TASK_READY);
    task_cancel(r[0].task);
    check_over(&r[0], TASK_CANCELED, "canceled");
    run_start(&s, &r[1], GUARD "hold('a') note('ran')");
    give("a", 1);
    assert_int_equal(r[1].task->state, TASK_READY);
    task_cancel(r[1].task);
    check_over(&r[1], TASK_CANCELED, "canceled");
    assert_int_equal(held.canceled, 0);
    assert_int_equal(held.dropped, 1);
    assert_int_equal(held.done, 0);
    assert_string_equal(notes, "closed closed ");
    script_close(&s);
}

static void a_waiting_task_can_be_cancelled(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    run_start(&s, &r, GUARD "pcall(function() " GUARD " hold('a') end) note('ran')");
    struct task_id id = r.task->id;
    task_cancel(r.task);
    check_over(&r, TASK_CANCELED, "canceled");
    assert_null(task_find(&s.w, id));
    assert_int_equal(held.canceled, 1);
    assert_int_equal(held.dropped, 1);
    assert_string_equal(notes, "closed closed ");
    script_close(&s);
}

static void a_late_completion_never_wakes_another_task(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    held.late = true;
    run_start(&s, &r[0], "hold('a')");
    struct task_id id = r[0].task->id;
    task_cancel(r[0].task);
    check_over(&r[0], TASK_CANCELED, "canceled");
    assert_int_equal(held.dropped, 0);
    assert_int_equal(s.vm->n_ops, 1);
    run_start(&s, &r[1], "return hold('b')");
    assert_int_equal(r[1].task->id.index, id.index); /* the same place, and yet another task */
    assert_null(task_find(&s.w, id));
    give("a", 1);
    assert_int_equal(held.dropped, 1);
    assert_int_equal(held.done, 0);
    assert_int_equal(r[1].task->state, TASK_WAITING);
    give("b", 2);
    run_wait(&r[1]);
    check_over(&r[1], TASK_RETURNED, "b|2");
    script_close(&s);
}

static void a_cancel_may_finish_the_op_itself(void **state) {
    for (int late = 0; late < 2; late++) {
        struct script s;
        struct run r = {0};
        open_held(&s);
        held.finishes = true;
        held.late = late;
        run_start(&s, &r, "hold('a')");
        task_cancel(r.task);
        check_over(&r, TASK_CANCELED, "canceled");
        assert_int_equal(held.dropped, 1);
        script_close(&s);
    }
}

static void a_running_task_that_is_cancelled_ends_at_its_next_wait(void **state) {
    struct script s;
    struct run r[3] = {0};
    open_held(&s);
    target = run_make(&s, &r[0], GUARD "cancel_target() note('on') hold('a') note('never')");
    task_start(target);
    check_over(&r[0], TASK_CANCELED, "canceled");
    assert_string_equal(notes, "on closed ");
    notes[0] = 0;
    target = run_make(&s, &r[1], "cancel_target() for i = 1, 3 do pcall(hold, 'a') end");
    task_start(target);
    check_over(&r[1], TASK_CANCELED, "canceled");
    target = run_make(&s, &r[2], "cancel_target() return 'finished'");
    task_start(target);
    check_over(&r[2], TASK_CANCELED, "canceled");
    assert_int_equal(held.dropped, 0);
    script_close(&s);
}

static void cancelling_from_inside_another_task_stops_the_op_at_once(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    run_start(&s, &r[0], GUARD "hold('a')");
    target = r[0].task;
    run_start(&s, &r[1], "note('before') cancel_target() note('after')");
    assert_int_equal(held.canceled, 1);
    assert_int_equal(held.dropped, 1);
    assert_false(r[0].over);
    run_wait(&r[0]);
    assert_string_equal(notes, "before after closed ");
    check_over(&r[0], TASK_CANCELED, "canceled");
    check_over(&r[1], TASK_RETURNED, "");
    script_close(&s);
}

static void cancelling_twice_is_cancelling_once(void **state) {
    struct script s;
    struct run r[2] = {0};
    open_held(&s);
    run_start(&s, &r[0], "hold('a')");
    target = r[0].task;
    run_start(&s, &r[1], "cancel_target() cancel_target()");
    task_cancel(target);
    run_wait(&r[0]);
    assert_int_equal(held.canceled, 1);
    check_over(&r[0], TASK_CANCELED, "");
    check_over(&r[1], TASK_RETURNED, "");
    script_close(&s);
}

static void the_scope_of_a_cancelled_task_cannot_wait_or_start_anything(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    run_start(&s, &r,
              "local task = require 'task'\n"
              "local g <close> = setmetatable({}, {__close = function()\n"
              "  note(select(2, pcall(hold, 'b')):match('cannot wait here') or 'waited')\n"
              "  note(select(2, pcall(task.spawn, print)):match('only a task') or 'spawned')\n"
              "  turn() cancel_target()\n"
              "end})\n"
              "hold('a')");
    target = r.task;
    task_cancel(r.task);
    check_over(&r, TASK_CANCELED, "canceled");
    assert_string_equal(notes, "cannot wait here only a task ");
    script_close(&s);
}

static void an_error_in_a_closer_of_a_cancelled_task_harms_nobody(void **state) {
    struct script s;
    struct run r = {0};
    open_held(&s);
    run_start(&s, &r,
              GUARD "local g <close> = setmetatable({}, {__close = function() error({}) end})\n"
                    "hold('a')");
    task_cancel(r.task);
    check_over(&r, TASK_CANCELED, "canceled");
    assert_non_null(strstr(notes, "closed:table"));
    check(&s, "return 1", "1");
    script_close(&s);
}

static void all_tasks_or_those_in_the_background_can_be_cancelled(void **state) {
    struct script s;
    struct run r[6] = {0};
    open_held(&s);
    for (int i = 0; i < 6; i++) {
        run_start(&s, &r[i],
                  i % 2 ? "hold('x')"
                        : "local task = require 'task'\n"
                          "task.spawn(function() hold('c') end) hold('x')");
        r[i].task->background = i < 3;
    }
    script_turn(&s);
    assert_int_equal(s.vm->n_tasks, 9);
    task_cancel_all(s.vm, true);
    assert_int_equal(s.vm->n_tasks, 4);
    assert_true(r[0].over && r[1].over && r[2].over && !r[3].over);
    task_cancel_all(s.vm, false);
    assert_int_equal(s.vm->n_tasks, 0);
    for (int i = 0; i < 6; i++)
        check_over(&r[i], TASK_CANCELED, "canceled");
    script_close(&s);
}

static void a_deadline_cancels_and_says_so(void **state) {
    struct script s;
    struct run r[3] = {0};
    open_held(&s);
    for (int i = 0; i < 3; i++) {
        struct task *t = run_make(&s, &r[i], "coroutine.wrap(function() hold('a') end)()");
        assert_int_equal(task_deadline(t, i == 2 ? 60000 : 2), 0);
        assert_true(t->deadline > 0);
        task_start(t);
    }
    assert_int_equal(task_deadline(r[1].task, 0), 0);
    run_wait(&r[0]);
    assert_false(r[1].over);
    assert_false(r[2].over);
    assert_int_equal(r[0].status, 504);
    assert_non_null(strstr(r[0].trace.p, "deadline exceeded\nwaiting for spec.hold\n"));
    assert_non_null(strstr(r[0].trace.p, "test.lua:1"));
    assert_non_null(strstr(r[0].trace.p, "resumed from"));
    check_over(&r[0], TASK_CANCELED, "deadline exceeded");
    task_cancel_all(s.vm, false);
    check_over(&r[1], TASK_CANCELED, "canceled");
    check_over(&r[2], TASK_CANCELED, "canceled");
    script_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_task_can_be_cancelled),
        cmocka_unit_test(a_ready_task_can_be_cancelled),
        cmocka_unit_test(a_waiting_task_can_be_cancelled),
        cmocka_unit_test(a_late_completion_never_wakes_another_task),
        cmocka_unit_test(a_cancel_may_finish_the_op_itself),
        cmocka_unit_test(a_running_task_that_is_cancelled_ends_at_its_next_wait),
        cmocka_unit_test(cancelling_from_inside_another_task_stops_the_op_at_once),
        cmocka_unit_test(cancelling_twice_is_cancelling_once),
        cmocka_unit_test(the_scope_of_a_cancelled_task_cannot_wait_or_start_anything),
        cmocka_unit_test(an_error_in_a_closer_of_a_cancelled_task_harms_nobody),
        cmocka_unit_test(all_tasks_or_those_in_the_background_can_be_cancelled),
        cmocka_unit_test(a_deadline_cancels_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
