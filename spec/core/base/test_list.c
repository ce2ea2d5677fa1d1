/* What list.h promises. */
#include "spec.h"

#include "core/base/list.h"

struct item {
    int id;
    struct list link;
};

/* The ids from front to back, checked backwards as well. */
static void assert_order(struct list *head, const int *ids, size_t n) {
    size_t i = 0;
    LIST_EACH(head, it) {
        assert_true(i < n);
        assert_int_equal(LIST_ENTRY(it, struct item, link)->id, ids[i++]);
    }
    assert_int_equal(i, n);
    for (struct list *it = head->prev; it != head; it = it->prev)
        assert_int_equal(LIST_ENTRY(it, struct item, link)->id, ids[--i]);
    assert_int_equal(i, 0);
}

static void nodes_stand_where_they_were_pushed(void **state) {
    struct list head;
    struct item a = {.id = 1}, b = {.id = 2}, c = {.id = 3};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    list_push(&head, &a.link);
    list_push(&head, &b.link);
    list_push_front(&head, &c.link);
    assert_order(&head, (int[]){3, 1, 2}, 3);
    list_unlink(&a.link);
    assert_order(&head, (int[]){3, 2}, 2);
    assert_ptr_equal(list_pop(&head), &c.link);
    assert_ptr_equal(list_pop(&head), &b.link);
    assert_true(list_empty(&head));
}

static void unlinking_twice_is_harmless(void **state) {
    struct list head;
    struct item a = {.id = 1}, b = {.id = 2};
    list_init(&head);
    list_push(&head, &a.link);
    list_push(&head, &b.link);
    list_unlink(&a.link);
    list_unlink(&a.link);
    assert_order(&head, (int[]){2}, 1);
    assert_true(list_empty(&a.link));
}

static void the_current_node_may_go_inside_the_safe_loop(void **state) {
    struct list head;
    struct item *items[5];
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i] = mem_alloc(sizeof *items[i]);
        assert_non_null(items[i]);
        items[i]->id = i;
        list_push(&head, &items[i]->link);
    }
    LIST_EACH_SAFE(&head, it, next) {
        struct item *item = LIST_ENTRY(it, struct item, link);
        if (item->id % 2) continue;
        list_unlink(it);
        mem_free(item);
    }
    assert_order(&head, (int[]){1, 3}, 2);
    mem_free(items[1]);
    mem_free(items[3]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_stand_where_they_were_pushed),
        cmocka_unit_test(unlinking_twice_is_harmless),
        cmocka_unit_test(the_current_node_may_go_inside_the_safe_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
