/*
 * figures: see figures.h.
 */
#include "core/script/figures.h"

#include <time.h>

#include "core/base/metric_std.h"
#include "core/base/stat.h"
#include "core/script/host.h"
#include "core/script/service_list.h"

/* What a worker answers of one service. */
struct answer {
    struct service *service;
    struct figures f;
};

/* ---- on a worker ----------------------------------------------------------------------------- */

static void add_number(struct figures *f, uint64_t number) {
    for (uint32_t i = 0; i < f->n_generations; i++)
        if (f->generations[i] == number) return;
    if (f->n_generations < FIGURES_GENERATIONS) f->generations[f->n_generations++] = number;
}

static void add_state(struct survey_part *part, struct service *s, struct resident *r) {
    struct figures *f = &((struct answer *)part->data)->f;
    (void)s;
    f->cpu += r->vm->cpu;
    f->memory += r->vm->used;
    f->held += r->vm->held;
    f->tasks += (uint64_t)r->vm->n_tasks;
    f->refs += (uint64_t)r->vm->n_refs;
    f->ops += (uint64_t)r->vm->n_ops;
    f->states++;
    f->retired += r->retiring;
    add_number(f, r->gen->number);
}

void figures_look(struct survey_part *part) {
    const struct survey *s = part->survey;
    for (int i = 0; i < s->n_services; i++) {
        struct answer a = {.service = s->services[i]};
        part->data = &a;
        a.f.cpu = a.service->locals[part->worker->index].cpu;
        survey_residents_of(part, a.service, add_state);
        buf_add(&part->out, (const char *)&a, sizeof a);
    }
}

/* ---- all together ---------------------------------------------------------------------------- */

void figures_take(const struct survey *s) {
    for (int i = 0; i < s->n; i++) {
        const struct survey_part *part = &s->parts[i];
        if (!part->answered || !buf_ok(&part->out)) continue;
        for (size_t at = 0; at < part->out.n; at += sizeof(struct answer)) {
            struct answer a;
            memcpy(&a, part->out.p + at, sizeof a);
            a.service->figures[part->worker->index] = a.f;
        }
    }
}

static struct figures sum_of(const struct service *s) {
    struct figures sum = {0};
    for (int i = 0; i < worker_count; i++) {
        const struct figures *f = &s->figures[i];
        sum.cpu += f->cpu;
        sum.memory += f->memory;
        sum.held += f->held;
        sum.tasks += f->tasks;
        sum.states += f->states;
        sum.refs += f->refs;
        sum.ops += f->ops;
        sum.retired += f->retired;
        for (uint32_t n = 0; n < f->n_generations; n++)
            add_number(&sum, f->generations[n]);
    }
    return sum;
}

/* One that is gone is told about for as long as something of it lives. */
static bool is_told(const struct service *s) {
    return !s->removed || sum_of(s).states > 0;
}

/* ---- Prometheus text ------------------------------------------------------------------------- */

/* X(name, kind, value of `s` and its sum `f`, help) */
#define SERVICE_METRICS(X) \
    X("cpu_seconds_total", "counter", (double)f.cpu / 1e9, \
      "Processor time spent in the Lua code of the service, in seconds; sampled.") \
    X("memory_bytes", "gauge", (double)f.memory, "Bytes held by the Lua states of the service.") \
    X("buffer_bytes", "gauge", (double)f.held, \
      "Bytes kept outside of the Lua states for bodies that the service sends and gets.") \
    X("tasks", "gauge", (double)f.tasks, "Tasks of the service alive now.") \
    X("states", "gauge", (double)f.states, "Lua states of the service alive now.") \
    X("states_retired", "gauge", (double)f.retired, \
      "Of them, states of generations that are going out of service.") \
    X("refs", "gauge", (double)f.refs, "References held into the Lua states of the service.") \
    X("ops", "gauge", (double)f.ops, "Waits of the service in progress.") \
    X("generations", "gauge", (double)f.n_generations, \
      "Generations of the service alive now, the one in service included.") \
    X("generation", "gauge", (double)(s->current ? s->current->number : 0), \
      "Number of the generation in service.")

static void head(struct buf *out, const char *name, const char *kind, const char *help) {
    buf_printf(out, "# HELP moonbus_service_%s %s\n# TYPE moonbus_service_%s %s\n", name, help,
               name, kind);
}

static void sample(struct buf *out, const char *name, const struct service *s, const char *more,
                   double value) {
    char number[METRIC_NUMBER];
    size_t n = metric_number(value, number);
    buf_printf(out, "moonbus_service_%s{service=\"%s\"%s} %.*s\n", name, s->host, more, (int)n,
               number);
}

static void reload_metrics(struct buf *out) {
    head(out, "reloads_total", "counter",
         "Generations that came into service (ok) and attempts that were refused (failed).");
    LIST_EACH(&service_list, it) {
        const struct service *s = LIST_ENTRY(it, struct service, link);
        if (!is_told(s)) continue;
        sample(out, "reloads_total", s, ",result=\"ok\"", (double)s->history.came);
        sample(out, "reloads_total", s, ",result=\"failed\"", (double)s->history.refused);
    }
    head(out, "reload_seconds_total", "counter", "Time that these took, in seconds.");
    LIST_EACH(&service_list, it) {
        const struct service *s = LIST_ENTRY(it, struct service, link);
        if (!is_told(s)) continue;
        sample(out, "reload_seconds_total", s, ",result=\"ok\"", s->history.came_ms / 1000);
        sample(out, "reload_seconds_total", s, ",result=\"failed\"", s->history.refused_ms / 1000);
    }
}

void figures_metrics(struct buf *out) {
#define RENDER(name, kind, value, help) \
    head(out, name, kind, help); \
    LIST_EACH(&service_list, it) { \
        const struct service *s = LIST_ENTRY(it, struct service, link); \
        if (!is_told(s)) continue; \
        struct figures f = sum_of(s); \
        (void)f; \
        sample(out, name, s, "", value); \
    }
    SERVICE_METRICS(RENDER)
#undef RENDER
    reload_metrics(out);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void service_json(const struct service *s, struct buf *out) {
    struct figures f = sum_of(s);
    struct metric_answers a;
    metric_answers(s->metrics, &a);
    buf_str(out, STR("{\"service\":"));
    buf_json(out, str_of(s->host));
    buf_str(out, STR(",\"folder\":"));
    buf_json(out, str_of(s->folder));
    buf_printf(out, ",\"platform\":%s,\"generation\":%llu,\"generations\":%u",
               s->platform ? "true" : "false",
               (unsigned long long)(s->current ? s->current->number : 0), f.n_generations);
    buf_printf(out, ",\"requests\":%llu,\"errors\":%llu,\"seconds\":%.6f",
               (unsigned long long)a.count, (unsigned long long)a.errors, a.seconds);
    buf_printf(out, ",\"cpu\":%.6f,\"memory\":%llu,\"tasks\":%llu,\"states\":%llu}",
               (double)f.cpu / 1e9, (unsigned long long)f.memory, (unsigned long long)f.tasks,
               (unsigned long long)f.states);
}

static double process_cpu(void) {
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return 0;
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

void figures_json(struct buf *out) {
    const char *sep = "";
    buf_printf(out, "{\"at\":%.6f,\"started\":%lld,\"workers\":%d,\"cpu\":%.6f",
               (double)uv_hrtime() / 1e9, (long long)host.started, worker_count, process_cpu());
    buf_printf(out, ",\"requests\":%lld,\"connections\":%lld,\"services\":[",
               (long long)stat_get(STAT_REQUESTS), (long long)stat_get(STAT_CONNECTIONS_OPEN));
    LIST_EACH(&service_list, it) {
        const struct service *s = LIST_ENTRY(it, struct service, link);
        if (!is_told(s)) continue;
        buf_str(out, str_of(sep));
        service_json(s, out);
        sep = ",";
    }
    buf_char(out, ']');
}
