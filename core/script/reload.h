/*
 * reload: what reload.c and change.c share with each other and with nobody else: a reload, and the
 * changes that it makes one after the other. Control thread, but for the steps on workers.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "core/script/service_list.h"

/* One reload, from its looking at the files to its report. */
struct reload {
    struct list link;    /* in the queue */
    char name[256];      /* folder or host; empty = all */
    const char *who;     /* asked for it: static text */
    bool check;          /* builds and checks only: nothing is switched */
    bool force;          /* also what did not change, and what was rolled back from */
    bool back;           /* no look at the files: a generation that is kept comes again */
    uint64_t number;     /* of that one; 0 = the one before */
    struct list changes; /* struct change.link: found, still to be done */
    struct buf report;   /* text for people */
    struct buf why;      /* of the failure at hand, in full: a file can have many errors */
    int result;          /* 0 or of the last thing that failed */
    bool routes;         /* the set of services changed */
    bool first;          /* the host opens: nothing is started or switched yet */
    struct list crowded; /* struct crowded.link: services that it waits for */
    struct list ready;   /* the same: those that it goes on with, and with no others */
    bool resumed;        /* it has waited */
    void (*done)(void *arg, int result, struct str report);
    void *arg;
};

/* "<folder>: <what>" and a line's end. */
void reload_report(struct reload *r, const char *folder, const char *what);
/* The error in full, on as many lines as it has, until the next one. */
struct str reload_why(struct reload *r, const struct err *e);
/* What is wrong with the files of `folder`, in the report and in the log, with their lines where
 * `g` has them. The log is not told again what the watch finds again. */
void reload_tell(struct reload *r, const char *folder, const struct generation *g, struct str why);
/* `folder` is fine. Whether that is news: it was told that it is not. */
bool reload_mended(const char *folder);
/* [reload.c] The change at hand is over. */
void reload_go(struct reload *r);

/* What a trial found out about a generation. */
struct trial {
    char host[256];
    bool checks; /* it has an on_check */
};

/* Builds the generation once where nothing serves from it, to see whether it loads, with all that
 * is wrong with its Lua files. 0 or negative and *e. */
int change_try(struct reload *r, struct generation *g, struct trial *t, struct err *e);
/* A host that belongs to another service cannot be listened at. */
int change_topics(const struct generation *g, const char *host, struct err *e);
/* Queues that `s` gets the generation; NULL: it goes out of service. `t`: of the trial
 * that there was, or NULL. 0 or -ENOMEM. */
int change_add(struct reload *r, struct service *s, struct generation *g, const struct trial *t);
/* Whether one of that service is queued. */
bool change_waits(const struct reload *r, const struct service *s);
/* Takes a change out of the queue whose service has two generations at work already, and drops it:
 * that service. NULL: there is none. */
struct service *change_crowded(struct reload *r);
/* Takes the first change of the queue. Whether it goes on by itself and ends in reload_go; else it
 * is over. */
bool change_begin(struct reload *r);

#endif
