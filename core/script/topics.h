/*
 * topics: messages from whoever publishes to whoever subscribed, on all workers of this host.
 *
 * A message is bytes, kept once and shared by those that it waits for. Each subscription has a
 * queue with a limit: when it is full the oldest message goes, and is counted. Subscriptions belong
 * to the thread of their worker; publishing is for any thread. Nothing here knows Lua.
 */
#ifndef TOPICS_H
#define TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    TOPICS_MAX = 16384,                 /* subscriptions of a host */
    TOPIC_NAME_MAX = 256,               /* bytes of a topic */
    TOPIC_MESSAGE_MAX = 1024 * 1024,    /* bytes of a message */
    TOPIC_BYTES_MAX = 64 * 1024 * 1024, /* of all messages that wait */
    TOPIC_QUEUE_MAX = 10000             /* messages that one subscription may keep */
};

struct worker;
struct topic_sub; /* one subscription */

/* A message that was taken: `from` says who published it. */
struct topic_message;
struct str topic_from(const struct topic_message *m);
struct str topic_bytes(const struct topic_message *m);
void topic_drop(struct topic_message *m);

/* woken(arg) is called on the worker when messages have come, once for several. 0, or -ENOMEM or
 * ERR_LIMIT. */
int topic_subscribe(struct worker *w, struct str topic, int limit, void (*woken)(void *arg),
                    void *arg, struct topic_sub **sub);
/* Nothing is called any more; what waits is gone. */
void topic_leave(struct topic_sub *sub);
bool topic_waits(struct topic_sub *sub); /* whether there is a message */
/* The next message, for the caller to drop; NULL when there is none. */
struct topic_message *topic_take(struct topic_sub *sub);
uint64_t topic_lost(struct topic_sub *sub); /* messages that went because the queue was full */
/* How many subscriptions got it; or -ENOMEM, ERR_LIMIT (too large) or ERR_BUSY (too many bytes
 * wait). */
int topic_publish(struct str topic, struct str from, struct str bytes);

#endif
