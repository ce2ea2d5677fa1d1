/*
 * routes: makes the route table of what is there: Lua services and the instances that the registry
 * knows.
 *
 * The registry hands over its instances whenever they changed; services change by reload. Each
 * change builds one new table and publishes it to all workers.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/loop/worker.h"

struct routes_instance {
    struct str id, slug, url;
    bool healthy;
};

/* A hand-over of all instances. The caller owns it until applied() is called, on its own worker,
 * once every worker routes by them. */
struct routes_update {
    struct worker *home; /* set by routes_set_instances */
    void (*applied)(struct routes_update *u);
};

/* Any worker: these are all instances from now on. Copies the list. `generation` orders the
 * hand-overs of several workers: an older one than the one in force changes nothing (applied()
 * comes all the same). 0, or -ENOMEM and applied() will not come. */
int routes_set_instances(struct routes_update *u, const struct routes_instance *list, int n,
                         uint64_t generation);
/* Control thread: publish a table of services and instances. 0 or negative. */
int routes_rebuild(void);
/* Any worker: appends the hosts of the services that listen to a topic, in the order of their
 * names, each with a line feed behind it; of all services when the topic is empty. By the routes in
 * force there. A topic is a line of struct generation's `topics`: "//HOST" for a further host that
 * it answers for (which is routed, too), or what the runtime calls an event. */
void routes_listeners(struct worker *w, struct str topic, struct buf *out);
/* Control thread, once, before the first rebuild. */
void routes_open(struct worker *control);
void routes_close(void);

#endif
