/*
 * reload: which services change. Files are looked at on the control thread, and what became of each
 * service is queued as a change; change.c makes them, one after the other. Called by main, admin
 * and service.c, on the control thread.
 */
#include "core/script/reload.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/dev.h"
#include "core/script/quote.h"
#include "core/script/routes.h"

#define RELOADS_MAX 16 /* at work or waiting */

static struct list reloads = {&reloads, &reloads};
static int n_reloads;
static struct map failing = {.limit =
                                 SERVICES_MAX}; /* folder -> why its files do not load, owned */

/* ---- what it tells --------------------------------------------------------------------------- */

void reload_report(struct reload *r, const char *folder, const char *what) {
    buf_printf(&r->report, "%s: %s\n", folder, what);
}

struct str reload_why(struct reload *r, const struct err *e) {
    struct str full = buf_view(&r->why);
    return e->full && full.n ? full : str_of(e->text);
}

static struct str read_file(void *arg, struct str path) {
    return generation_file(arg, path);
}

/* The same as the last time, of a folder that has not been fine since. Remembers it. */
static bool told_before(const char *folder, struct str why) {
    char *before = map_get(&failing, str_of(folder));
    if (before && str_eq(str_of(before), why)) return true;
    char *now = mem_dup(why);
    if (now && map_put(&failing, str_of(folder), now) < 0)
        mem_free(now);
    else if (now)
        mem_free(before);
    return false;
}

bool reload_mended(const char *folder) {
    char *why = map_del(&failing, str_of(folder));
    mem_free(why);
    return why != NULL;
}

void reload_close(void) {
    struct str key;
    void *why;
    for (size_t it = 0; map_next(&failing, &it, &key, &why);)
        mem_free(why);
    map_free(&failing);
    map_init(&failing, SERVICES_MAX);
}

void reload_tell(struct reload *r, const char *folder, const struct generation *g, struct str why) {
    struct service *s = service_by_folder(str_of(folder));
    struct buf quoted;
    buf_init(&quoted);
    struct quote_source from = {str_of(folder), g ? read_file : NULL, (void *)g};
    quote_errors(&quoted, why, &from);
    buf_printf(&r->report, "%s: ", folder);
    buf_str(&r->report, buf_view(&quoted));
    buf_char(&r->report, '\n');
    bool again = !r->check && !r->back && told_before(folder, why) && strcmp(r->who, "watch") == 0;
    if (!r->check && !again)
        log_error(!s || s->removed ? "service not loaded"
                                   : "reload refused; the old generation goes on",
                  LOGZ("service", s ? s->host : folder), LOGS("error", why),
                  LOGS("traceback", conf.dev ? buf_view(&quoted) : STR_NONE));
    buf_free(&quoted);
}

/* Files that could not be read, or tried: then they are `g`. */
static void failed(struct reload *r, const char *folder, const struct generation *g,
                   const struct err *e) {
    struct str text = reload_why(r, e);
    struct service *s = service_by_folder(str_of(folder));
    r->result = e->code;
    reload_tell(r, folder, g, text);
    if (r->check) return;
    if (s) history_fail(&s->history, g ? g->hash : "", r->who, 0, text);
    stat_add(STAT_RELOADS_FAILED, 1);
}

/* The files are again what is in service, after something else was refused. */
static void unchanged(struct reload *r, struct service *s) {
    char text[64];
    if (r->check || !reload_mended(s->folder)) return;
    snprintf(text, sizeof text, "fine again: generation %llu goes on",
             (unsigned long long)s->current->number);
    reload_report(r, s->folder, text);
    log_info("fine again", LOGZ("service", s->host), LOGI("generation", s->current->number));
}

/* `g` = NULL: it goes out of service. */
static void add_change(struct reload *r, struct service *s, struct generation *g,
                       const struct trial *t) {
    struct err e = {0};
    if (r->first)
        err_set(&e, ERR_CONFLICT, "the folder changed while it was read");
    else if (change_add(r, s, g, t) < 0)
        err_set(&e, -ENOMEM, "out of memory");
    if (e.code) failed(r, s->folder, g, &e);
}

/* ---- looking at the files -------------------------------------------------------------------- */

static bool wanted(const struct reload *r, const char *folder, const char *host) {
    return !r->name[0] || strcmp(r->name, folder) == 0 || (host && strcasecmp(r->name, host) == 0);
}

/* Whether the user's tree has that folder. */
static bool has_folder(const char *folder) {
    char path[1400];
    int n = snprintf(path, sizeof path, "%s/%s/service.yaml", service_root, folder);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static int is_folder(void *arg, struct str folder) {
    return str_eq(str_of(arg), folder);
}

static bool is_gone(struct service *s) {
    return !has_folder(s->folder) && !generation_scan_embedded(is_folder, s->folder);
}

/* A folder without a service yet. While the host opens nothing serves, so that there is nothing to
 * switch; later it comes into service as every new generation does. */
static void add_service(struct reload *r, struct generation *g) {
    struct err e = {.full = &r->why};
    struct trial t = {0};
    uint64_t began = uv_hrtime();
    struct service *s = NULL, *other = NULL;
    if (change_try(r, g, &t, &e) == 0 && change_topics(g, t.host, &e) == 0) {
        other = service_by_host(str_of(t.host));
        if (!other)
            s = service_new(g, t.host, r->first, &e);
        else if (!is_gone(other) || other->platform != g->platform)
            err_set(&e, -EEXIST, "services/%s declares host %s, which services/%s has already",
                    g->folder.p, t.host, other->folder);
        else if (!r->check) /* it was moved */
            snprintf(other->folder, sizeof other->folder, "%s", g->folder.p);
    }
    if (s && r->first) {
        service_adopt(s, g, r->who, (double)(uv_hrtime() - began) / 1e6);
        s->removed = s->unchecked = t.checks;
    }
    if (e.code)
        failed(r, g->folder.p, g, &e);
    else if (!r->first || !s)
        add_change(r, other ? other : s, g, &t);
    else if (!s->unchecked)
        service_tell_new(s);
}

static void compare(struct reload *r, struct generation *g) {
    struct service *s = service_by_folder(g->folder);
    if (!s)
        add_service(r, g);
    else if (r->force || s->removed)
        add_change(r, s, g, NULL);
    else if (!r->check && history_skips(&s->history, g))
        reload_report(r, s->folder,
                      "not changed since the rollback; --force takes it all the same");
    else if (strcmp(s->current->hash, g->hash) != 0 || generation_outdated(s->current))
        add_change(r, s, g, NULL);
    else
        unchanged(r, s);
}

/* The generator stops at what it needs; a trial knows all that is wrong with all files. */
static void refused(struct reload *r, const char *folder, struct generation *g,
                    const struct err *why) {
    struct trial t = {0};
    struct buf full;
    buf_init(&full);
    struct err e = {.full = &full};
    if (change_try(r, g, &t, &e) < 0) {
        buf_clear(&r->why);
        buf_str(&r->why, buf_view(&full));
        e.full = &r->why;
        why = &e;
    }
    failed(r, folder, g, why);
    buf_free(&full);
}

static int found(struct reload *r, struct str folder, bool embedded) {
    struct err e = {.full = &r->why};
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_FMT(folder));
    struct service *s = service_by_folder(folder);
    /* The embedded one serves when the user's tree has no folder of that name. */
    if (!wanted(r, name, s ? s->host : NULL) || (embedded && has_folder(name))) return 0;
    struct generation *g = embedded ? generation_embedded(service_root, folder, &e)
                                    : generation_read(service_root, folder, &e);
    if (!g)
        failed(r, name, NULL, &e);
    else if (!embedded && dev_refuses(g, &e))
        refused(r, name, g, &e);
    else
        compare(r, g);
    generation_give(g);
    return 0;
}

static int found_in_folder(void *arg, struct str folder) {
    return found(arg, folder, false);
}

static int found_embedded(void *arg, struct str folder) {
    return found(arg, folder, true);
}

static void find_removed(struct reload *r) {
    LIST_EACH(&service_list, it) {
        struct service *s = LIST_ENTRY(it, struct service, link);
        if (s->removed || change_waits(r, s) || !wanted(r, s->folder, s->host)) continue;
        if (is_gone(s)) add_change(r, s, NULL, NULL);
    }
}

/* The platform's own come first, so that nobody takes a host from them. Folders that are gone come
 * last: one that was moved is not gone. */
static void look(struct reload *r) {
    struct err e = {0};
    generation_scan_embedded(found_embedded, r);
    int rc = generation_scan(service_root, found_in_folder, r);
    if (rc < 0 && rc != -ENOENT) {
        err_set(&e, rc, "cannot read the services folder %s: %s", service_root, err_name(rc));
        failed(r, service_root, NULL, &e);
    }
    find_removed(r);
}

/* What is kept takes the place of what the files say. */
static void look_back(struct reload *r) {
    struct err e = {0};
    struct service *s = service_named(str_of(r->name));
    struct generation *g = NULL;
    if (!s)
        err_set(&e, -ENOENT, "no such service");
    else if (s->removed)
        err_set(&e, -EINVAL, "it is not in service");
    else
        g = history_pick(&s->history, s->current, r->number, &e);
    if (g) add_change(r, s, g, NULL);
    if (!e.code) return;
    r->result = e.code;
    reload_report(r, s ? s->folder : r->name, e.text);
}

/* ---- reloads, one at a time ------------------------------------------------------------------ */

static void reload_begin(struct reload *r) {
    if (service_stopping) {
        r->result = ERR_BUSY;
        buf_str(&r->report, STR("the host is stopping\n"));
    } else if (r->back) {
        look_back(r);
    } else {
        look(r);
        bool found_any = r->report.n || !list_empty(&r->changes);
        if (r->name[0] && !found_any && !service_named(str_of(r->name))) {
            r->result = -ENOENT;
            reload_report(r, r->name, "no such service");
        }
    }
    reload_go(r);
}

static void reload_over(struct reload *r) {
    list_unlink(&r->link);
    n_reloads--;
    if (r->routes && routes_rebuild() < 0) {
        r->result = -ENOMEM;
        reload_report(r, "services", "what changed is not routed: out of memory");
    }
    r->done(r->arg, r->result, buf_view(&r->report));
    buf_free(&r->report);
    buf_free(&r->why);
    mem_free(r);
    if (!list_empty(&reloads))
        reload_begin(LIST_ENTRY(reloads.next, struct reload, link));
    else
        service_reloaded();
}

/* Until one change has to wait for the workers, or all are done. */
void reload_go(struct reload *r) {
    while (!list_empty(&r->changes))
        if (change_begin(r)) return;
    reload_over(r);
}

bool reload_busy(void) {
    return n_reloads > 0;
}

void service_reload(const struct reload_request *q,
                    void (*done)(void *arg, int result, struct str report), void *arg) {
    if (service_stopping || n_reloads >= RELOADS_MAX) {
        done(arg, ERR_BUSY,
             service_stopping ? STR("the host is stopping\n") : STR("too many reloads wait\n"));
        return;
    }
    struct reload *r = mem_zalloc(sizeof *r);
    if (!r) {
        done(arg, -ENOMEM, STR("out of memory\n"));
        return;
    }
    snprintf(r->name, sizeof r->name, "%.*s", STR_FMT(q->name));
    r->who = q->who;
    r->check = q->check;
    r->force = q->force;
    r->back = q->back;
    r->number = q->number;
    list_init(&r->changes);
    buf_init(&r->report);
    buf_init(&r->why);
    r->done = done;
    r->arg = arg;
    list_push(&reloads, &r->link);
    if (++n_reloads == 1) reload_begin(r);
}

/* Before anything serves there is nothing to switch: new services are all that can be found. */
void reload_first(struct buf *out) {
    struct reload r = {.first = true, .who = "start"};
    list_init(&r.changes);
    buf_init(&r.report);
    buf_init(&r.why);
    look(&r);
    buf_str(out, buf_view(&r.report));
    buf_free(&r.report);
    buf_free(&r.why);
}
