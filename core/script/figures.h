/*
 * figures: what each service takes and does: processor time, memory, tasks, answers. For /metrics
 * and for `moonbus top`. The figures of the states come from the workers by survey; of a worker
 * that does not answer the last ones count. Control thread, unless it says otherwise.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include "core/script/survey.h"

#define FIGURES_GENERATIONS 8 /* numbers of generations that are told apart */

/* What lives of a service on one worker. */
struct figures {
    uint64_t cpu;    /* ns in Lua, those of states that are gone included */
    uint64_t memory; /* bytes of its states */
    uint64_t held;   /* bytes outside of them that its ops keep for it */
    uint64_t tasks, states, refs, ops;
    uint64_t retired; /* of the states, those that are going out of service */
    uint64_t generations[FIGURES_GENERATIONS]; /* their numbers */
    uint32_t n_generations;
};

/* [any worker] A survey's look. */
void figures_look(struct survey_part *part);
/* Keeps what the workers answered. */
void figures_take(const struct survey *s);
/* moonbus_service_*: Prometheus text, of all services. */
void figures_metrics(struct buf *out);
/* A JSON object: of the host, and "services": of each. */
void figures_json(struct buf *out);

#endif
