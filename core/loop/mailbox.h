/*
 * mailbox: many senders, one receiver, no lock. The message is the node: posting never allocates
 * and never fails.
 *
 * Order is kept per sender. Bounds are the senders' business: whoever can be made to post without
 * end counts what is outstanding.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct message {
    struct message *_Atomic next;
    void (*deliver)(struct message *m); /* runs on the receiver's thread; owns the message */
};

struct mailbox {
    struct message *_Atomic head; /* senders push here */
    struct message *tail;         /* the receiver pops here */
    struct message stub;          /* keeps the queue non-empty */
};

void mailbox_init(struct mailbox *m);
bool mailbox_push(struct mailbox *m,
                  struct message *msg); /* any thread; true = it was empty: wake the receiver */
struct message *mailbox_pop(struct mailbox *m); /* receiver only; NULL when empty */

#endif
