/*
 * service_list: what service.c and reload.c share with each other and with nobody else: the list of
 * services, and the inner doors between the two. Control thread, but for `struct local`.
 */
#ifndef SERVICE_LIST_H
#define SERVICE_LIST_H

#include "core/script/history.h"
#include "core/script/service.h"

#define SERVICES_MAX 1000

/* A service as one worker sees it. Only that worker touches it once the service is routed. */
struct local {
    struct generation *gen;    /* in force here; owns a reference; NULL = not in service */
    struct resident *resident; /* its state; NULL until first used */
    struct resident *next;     /* built for a generation that is not in force yet */
    struct list retiring;      /* struct resident.link */
    bool closed;               /* the host is going down: nothing new */
};

struct service {
    struct list link;             /* in service_list */
    char host[256];               /* declared host name; never changes */
    char folder[256];             /* below services/ */
    char id[11];                  /* of this replica: <id>.<host> addresses it alone */
    struct metric_owner *metrics; /* of its host; lives until exit; never changes, as workers
                                     read it. NULL = there was no memory: it is not measured */
    bool platform;                /* a platform service; never changes */
    _Atomic bool down;            /* it never started: nothing is answered until it has */
    bool begun;                   /* it has started once */
    bool starting;                /* a start is under way */
    int tries;                    /* starts that failed, one after the other */
    struct timer retry;           /* on the control worker: to the next one */
    bool removed;                 /* its folder is gone, or it never came: not routed */
    bool unchecked;               /* it waits for the on_check of its first load: removed so long */
    int home;                     /* index of the worker that runs its tickers */
    struct generation *current;   /* owns a reference; NULL: it was never in service */
    struct history history;       /* current included */
    struct buf handed;            /* of the generation before, for the next start to take */
    struct local *locals;         /* one per worker */
};

extern struct list service_list;       /* struct service.link */
extern struct worker *service_control; /* the control worker */
extern char service_root[1024];        /* folder of the user's services */
extern bool service_stopping;          /* no reload begins any more */

/* It is in service for the first time: the log and the counters get to know. */
void service_tell_new(struct service *s);
struct service *service_by_host(struct str host);
struct service *service_by_folder(struct str folder);
struct service *service_named(struct str name); /* folder or host; that in any case */
/* Adds a service. Its first generation is in force on all workers, and adopted next; or it comes by
 * a change that succeeds: until then the service counts as removed, and `current` is NULL. NULL +
 * *e. */
struct service *service_new(struct generation *g, const char *host, bool in_force, struct err *e);
/* `g` is in force from now on: it gets a number and is remembered, with who asked for it and how
 * many milliseconds it took. */
void service_adopt(struct service *s, struct generation *g, const char *who, double ms);

/* The start of a generation on the service's home worker. */
struct starting {
    struct message msg;
    struct service *service;
    uint64_t began;
    uint64_t number;  /* of the generation */
    bool check;       /* on_check is still to come: its first load */
    bool refused;     /* by on_check */
    struct buf state; /* what the generation before left, packed */
    int result;       /* 0 or negative */
    char why[256];
    struct buf full;                   /* the same in full, of what was refused */
    void (*done)(struct starting *st); /* control thread; frees with starting_free */
    void *arg;
};
void starting_free(struct starting *st);
/* Starts the generation in force, once. 0 or -ENOMEM (then done will not come). */
int service_start(struct service *s, void (*done)(struct starting *st), void *arg);

/* Looks at all files, before anything is started: `report` gets what failed. */
void reload_first(struct buf *report);
/* Whether one is at work or waits: whoever closes waits for its end, because messages of it are
 * under way. */
bool reload_busy(void);
/* Forgets what it remembers of folders. */
void reload_close(void);
/* [service.c] The last reload is over. */
void service_reloaded(void);

#endif
