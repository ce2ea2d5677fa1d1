/*
 * tasks: what the tasks of a worker are, and what they wait for, in JSON for people. Names, numbers
 * and places only: values of scripts are never shown.
 */
#ifndef TASKS_H
#define TASKS_H

#include "core/base/buf.h"
#include "core/script/survey.h"
#include "core/script/task.h"

#define TASKS_LIMIT 10000 /* that are listed at most */

/* `before`, then its id, which no other task of this host has: "1-42-7" is worker 1, place 42 of
 * its table, the seventh task there. */
void tasks_id(const struct task *t, struct buf *out, const char *before);
/* The worker and the task of such an id; false: it is none. */
bool tasks_parse(struct str text, int *worker, struct task_id *id);

/* A survey's question: the oldest tasks. */
struct tasks_list {
    size_t limit; /* of each worker */
};
/* Looks at a worker: objects with commas between them, the oldest first; part->total is how many
 * there are. part->survey->arg begins with struct tasks_list. */
void tasks_look(struct survey_part *part);

/* A survey's question: one task. */
struct tasks_trace {
    struct task_id id;
};
/* Looks at a worker: one object; nothing when the task is over. part->survey->arg begins with
 * struct tasks_trace. */
void tasks_look_at(struct survey_part *part);

#endif
