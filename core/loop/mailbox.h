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
    struct message *next;               /* the mailbox's while the message is in one */
    void (*deliver)(struct message *m); /* runs on the receiver's thread; owns the message */
};

struct mailbox {
    struct message *_Atomic head; /* newest first: senders push here */
    struct message *ready;        /* oldest first: what the receiver took and has not popped yet */
};

void mailbox_init(struct mailbox *m);
bool mailbox_push(struct mailbox *m,
                  struct message *msg); /* any thread; true = it was empty: wake the receiver */
struct message *mailbox_pop(struct mailbox *m); /* receiver only; NULL when empty */

#endif
