/* list: an intrusive, circular, doubly linked list. The head is a node of its own. No allocation,
 * O(1) unlink. */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev; /* both point at the node itself when it is in no list */
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#define LIST_EACH(head, it)            for (struct list *it = (head)->next; it != (head); it = it->next)
/* The current node may be unlinked or freed inside the loop. */
#define LIST_EACH_SAFE(head, it, tmp) \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

static inline void list_init(struct list *l) {
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l) {
    return l->next == l;
}
static inline void list_push(struct list *head, struct list *node) { /* at the back */
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
static inline void list_push_front(struct list *head, struct list *node) {
    list_push(head->next, node);
}
static inline void list_unlink(
    struct list *node) { /* safe on a node that is in no list but was initialised */
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
static inline struct list *list_pop(struct list *head) { /* from the front; NULL when empty */
    if (list_empty(head)) return NULL;
    struct list *node = head->next;
    list_unlink(node);
    return node;
}

#endif
