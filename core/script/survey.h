/*
 * survey: asks the serving workers about what lives on them, for the pages that show it. Each looks
 * at its own services when the message comes; the answers meet on the control thread. A worker that
 * does not turn holds nobody up: when the time is over the others' answers have to do.
 */
#ifndef SURVEY_H
#define SURVEY_H

#include "core/base/buf.h"
#include "core/loop/timer.h"
#include "core/loop/worker.h"
#include "core/script/resident.h"

struct survey;

/* One worker's part. */
struct survey_part {
    struct message msg;
    struct survey *survey;
    struct worker *worker;
    bool answered; /* `out` holds all of its answer */
    struct buf out;
    void *data;     /* `look` uses it as it likes */
    uint64_t total; /* the same: what is counted */
};

/* What is asked. */
struct survey_question {
    /* On the worker: appends to part->out. Reads `arg`, which nobody writes meanwhile. */
    void (*look)(struct survey_part *part);
    /* Control thread, once: all have answered, or the time is over. Not called when the survey was
     * dropped. */
    void (*done)(struct survey *s);
    /* Control thread, when the last worker has answered: releases `arg`. */
    void (*drop)(void *arg);
};

struct survey {
    const struct survey_question *question;
    void *arg;
    struct service **services; /* whom it is about, as the list was when it began */
    int n_services;
    int waiting;        /* workers that have not answered */
    bool over;          /* done was called, or never will be */
    struct timer timer; /* to the end of the patience */
    int n;              /* parts */
    struct survey_part parts[];
};

/* Asks one worker, or all when `worker` is negative, about one service, or all when it is NULL.
 * NULL: no memory, or the host is stopping; `arg` is not taken then. Control thread. */
struct survey *survey_begin(const struct survey_question *q, int worker, struct service *about,
                            void *arg);
/* Nobody waits for it any more. Not after done. */
void survey_drop(struct survey *s);
/* In `look`: calls each(part, service, resident) for every state of the service on this worker: in
 * force, coming, going. */
void survey_residents_of(struct survey_part *part, struct service *s,
                         void (*each)(struct survey_part *part, struct service *s,
                                      struct resident *r));
/* The same of all services that it is about. */
void survey_residents(struct survey_part *part,
                      void (*each)(struct survey_part *part, struct service *s,
                                   struct resident *r));

#endif
