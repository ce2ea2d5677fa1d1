/*
 * reload: which services change. Files are looked at on the control thread, and what became of each
 * service is queued as a change; change.c makes them, one after the other. Called by main, admin
 * and service.c, on the control thread.
 */
#include "core/script/reload.h"

#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/script/dev.h"
#include "core/script/policies.h"
#include "core/script/quote.h"
#include "core/script/routes.h"

#define RELOADS_MAX  16 /* in both lists; one that nobody waits for comes all the same */
#define ROOM_POLL_MS 10

static struct list reloads = {&reloads, &reloads}; /* the one at work, and those behind it */
static struct list parked = {&parked, &parked};    /* those that wait until services have room */
static int n_reloads;                              /* in both */
static bool at_work;
static struct timer room; /* looks whether parked ones can go on */

/* A service that has two generations at work, as a reload remembers it. */
struct crowded {
    struct list link;
    struct service *service;
};
static struct map failing = {.limit = SERVICES_MAX}; /* folder -> why it does not load, owned */

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

static bool is_ready(const struct reload *r, const char *folder) {
    LIST_EACH(&r->ready, it) {
        if (strcmp(LIST_ENTRY(it, struct crowded, link)->service->folder, folder) == 0) return true;
    }
    return false;
}

static bool wanted(const struct reload *r, const char *folder, const char *host) {
    if (r->resumed) return is_ready(r, folder);
    return !r->name[0] || strcmp(r->name, folder) == 0 || (host && strcasecmp(r->name, host) == 0);
}

/* Whether the user's tree has that folder. */
static bool has_folder(const char *folder) {
    return generation_exists(service_root, folder);
}

static int is_folder(void *arg, struct str folder) {
    return str_eq(str_of(arg), folder);
}

static bool is_gone(struct service *s) {
    return !has_folder(s->folder) && !generation_scan_embedded(is_folder, s->folder);
}

/* Whether nobody else may have its host: what went out of service leaves it to who comes. */
static bool is_taken(const struct reload *r, struct service *s) {
    return service_is_gone(s) ? change_waits(r, s) : !is_gone(s);
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
        else if (is_taken(r, other) || other->platform != g->platform)
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
    if (!s || service_is_gone(s)) /* another one may come where one went */
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
    struct generation *g = embedded ? generation_embedded(service_root, conf.policies, folder, &e)
                                    : generation_read(service_root, conf.policies, folder, &e);
    if (g && !embedded && strcmp(r->who, "watch") == 0 && dev_awaits(g))
        ; /* it is seen again when it was generated */
    else if (!g)
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

/* Told in every report, and in the log when it is news. */
static void find_strays(struct reload *r) {
    static char told[4096];
    struct buf strays;
    buf_init(&strays);
    policies_strays(conf.policies, service_root, &strays);
    struct str lines = buf_view(&strays), all = str_first(lines, sizeof told - 1), line;
    bool news = !str_eq(all, str_of(told));
    while (str_cut(lines, '\n', &line, &lines)) {
        buf_printf(&r->report, "warning: %.*s\n", STR_FMT(line));
        if (news) log_warn("policies that are not in force", LOGS("warning", line));
    }
    memcpy(told, all.n ? all.p : "", all.n);
    told[all.n] = 0;
    buf_free(&strays);
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
    if (!r->name[0] && conf.policies) find_strays(r);
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

/* ---- two generations at most ----------------------------------------------------------------- */

/* A service whose last generation still finishes requests gets no third one: that waits for them,
 * at most for the rest of the grace time. Nobody waits with it: a reload does first what it can do,
 * and others go on while it is parked. */

static bool is_roomy(const struct service *s) {
    return service_stopping || atomic_load(&s->leaving) == 0;
}

static void forget(struct list *services) {
    for (struct list *it; (it = list_pop(services));)
        mem_free(LIST_ENTRY(it, struct crowded, link));
}

static bool waits_for(const struct reload *r, const struct service *s) {
    LIST_EACH(&r->crowded, it) {
        if (LIST_ENTRY(it, struct crowded, link)->service == s) return true;
    }
    return false;
}

/* Whether another one will look at the files of that service later anyway. */
static bool left_to_another(const struct service *s) {
    LIST_EACH(&parked, it) {
        const struct reload *r = LIST_ENTRY(it, struct reload, link);
        if (!r->back && waits_for(r, s)) return true;
    }
    return false;
}

static void wait_for(struct reload *r, struct service *s) {
    struct crowded *c = mem_zalloc(sizeof *c);
    if (!c) {
        r->result = -ENOMEM;
        reload_report(r, s->folder, "out of memory");
        return;
    }
    c->service = s;
    list_push(&r->crowded, &c->link);
    log_info("reload waits until the generation before the last has ended",
             LOGZ("service", s->host));
}

/* A person who asked gets to know how it ended. A file that was saved and a signal only say that it
 * is time to look. */
static bool is_awaited(const char *who) {
    return strcmp(who, "watch") != 0 && strcmp(who, "signal") != 0;
}

/* Takes out what has to wait. Who is not awaited need not wait twice. */
static void set_aside(struct reload *r) {
    struct service *s;
    bool asked = is_awaited(r->who);
    if (r->check || service_stopping) return;
    while ((s = change_crowded(r)))
        if (asked || !left_to_another(s)) wait_for(r, s);
}

static bool make_ready(struct reload *r) {
    struct list *it = r->crowded.next;
    while (it != &r->crowded) {
        struct crowded *c = LIST_ENTRY(it, struct crowded, link);
        it = it->next;
        if (!is_roomy(c->service)) continue;
        list_unlink(&c->link);
        list_push(&r->ready, &c->link);
    }
    return !list_empty(&r->ready);
}

static void next(void);

static void look_for_room(struct timer *t) {
    struct list *it = parked.next;
    while (it != &parked) {
        struct reload *r = LIST_ENTRY(it, struct reload, link);
        it = it->next;
        if (!make_ready(r)) continue;
        list_unlink(&r->link);
        list_push(&reloads, &r->link);
    }
    if (!list_empty(&parked) && timer_arm(service_control, t, ROOM_POLL_MS) < 0)
        log_error("out of memory");
    next();
}

static void park(struct reload *r) {
    list_unlink(&r->link);
    list_push(&parked, &r->link);
    r->resumed = true;
    if (!timer_armed(&room)) timer_init(&room, look_for_room);
    if (timer_arm(service_control, &room, ROOM_POLL_MS) < 0) log_error("out of memory");
}

/* ---- reloads, one at a time ------------------------------------------------------------------ */

static void reload_begin(struct reload *r) {
    at_work = true;
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
    forget(&r->ready);
    set_aside(r);
    reload_go(r);
}

static void next(void) {
    if (!at_work && !list_empty(&reloads))
        reload_begin(LIST_ENTRY(reloads.next, struct reload, link));
}

static void reload_end(struct reload *r) {
    list_unlink(&r->link);
    n_reloads--;
    r->done(r->arg, r->result, buf_view(&r->report));
    buf_free(&r->report);
    buf_free(&r->why);
    forget(&r->crowded);
    mem_free(r);
}

/* It has done what it can do now. */
static void reload_over(struct reload *r) {
    if (r->routes && routes_rebuild() < 0) {
        r->result = -ENOMEM;
        reload_report(r, "services", "what changed is not routed: out of memory");
    }
    r->routes = false;
    if (!list_empty(&r->crowded) && !service_stopping)
        park(r);
    else
        reload_end(r);
    at_work = false;
    next();
    if (n_reloads == 0) service_reloaded();
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

/* One that will look at all files anyway, and has not begun. */
static struct reload *find_coming(void) {
    LIST_EACH(&reloads, it) {
        struct reload *r = LIST_ENTRY(it, struct reload, link);
        bool begun = r->resumed || (at_work && it == reloads.next);
        if (!begun && !is_awaited(r->who)) return r;
    }
    return NULL;
}

void service_reload(const struct reload_request *q,
                    void (*done)(void *arg, int result, struct str report), void *arg) {
    bool awaited = is_awaited(q->who);
    struct reload *coming = awaited ? NULL : find_coming();
    if (coming && !service_stopping) {
        if (strcmp(q->who, "signal") == 0) coming->who = q->who; /* it tells again what is wrong */
        done(arg, 0, STR_NONE);
        return;
    }
    if (service_stopping || (awaited && n_reloads >= RELOADS_MAX)) {
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
    list_init(&r->crowded);
    list_init(&r->ready);
    buf_init(&r->report);
    buf_init(&r->why);
    r->done = done;
    r->arg = arg;
    list_push(&reloads, &r->link);
    n_reloads++;
    next();
}

/* Before anything serves there is nothing to switch: new services are all that can be found. */
void reload_first(struct buf *out) {
    struct reload r = {.first = true, .who = "start"};
    list_init(&r.changes);
    list_init(&r.crowded);
    list_init(&r.ready);
    buf_init(&r.report);
    buf_init(&r.why);
    look(&r);
    buf_str(out, buf_view(&r.report));
    buf_free(&r.report);
    buf_free(&r.why);
}
