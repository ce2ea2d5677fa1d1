/*
 * service_list: what service.c and reload.c share with each other and with nobody else: the list of
 * services, and the inner doors between the two. Control thread, but for `struct local`.
 */
#ifndef SERVICE_LIST_H
#define SERVICE_LIST_H

#include "core/script/figures.h"
#include "core/script/history.h"
#include "core/script/service.h"

#define SERVICES_MAX 1000
#define REBUILD_FAILURES \
    3 /* requests that ended for want of memory until a state is built anew \
       */

/* A service as one worker sees it. Only that worker touches it once the service is routed. */
struct local {
    struct generation *gen;             /* in force here; owns a reference; NULL = not in service */
    struct resident *resident;          /* its state; NULL until first used */
    struct resident *next;              /* built for a generation that is not in force yet */
    struct list retiring;               /* struct resident.link */
    bool closed;                        /* the host is going down: nothing new */
    uint64_t starved[REBUILD_FAILURES]; /* loop ms of the last that had no memory; 0 = none */
    struct timer rebuild;               /* armed when the state is to be built anew: rebuild.c */
    uint64_t rebuild_due;               /* serial of a state that lost a ticker; 0 = none */
    uint64_t rebuild_after;             /* loop ms before which that is not done again */
    uint64_t backoff;                   /* ms that this was away */
    bool stopping;                      /* on_stop of a state that was replaced runs */
    struct list held;                   /* struct starting.link: starts that wait for its end */
    struct outbox *outbox;              /* what waits for clients, whatever state it came from */
    uint64_t cpu;                       /* ns that states which are gone spent in Lua */
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
    bool again;                   /* its home worker got a fresh state meanwhile: start that, too */
    int tries;                    /* starts that failed, one after the other */
    struct timer retry;           /* on the control worker: to the next one */
    bool removed;                 /* its folder is gone, or it never came: not routed */
    bool unchecked;               /* it waits for the on_check of its first load: removed so long */
    int home;                     /* index of the worker that runs its tickers */
    unsigned coming;            /* flags of policies of the generation that is being switched to */
    struct generation *current; /* owns a reference; NULL: it was never in service */
    struct history history;     /* current included */
    struct buf handed;          /* of the generation before, for the next start to take */
    _Atomic int leaving;        /* states of replaced generations that still have work to do, on
                                   all workers */
    struct local *locals;       /* one per worker */
    struct figures *figures;    /* the same: what it said last of itself; see figures.h */
};

extern struct list service_list;       /* struct service.link */
extern struct worker *service_control; /* the control worker */
extern char service_root[1024];        /* folder of the user's services */
extern bool service_stopping;          /* no reload begins any more */

/* It is in service for the first time: the log and the counters get to know. */
void service_tell_new(struct service *s);
/* It went out of service, or never came. */
bool service_is_gone(const struct service *s);
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
    struct list link; /* in local.held */
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
/* The home worker has a fresh state of the generation in force, which is to be started. */
void service_start_again(struct service *s);

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
