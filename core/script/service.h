/*
 * service: Lua services and their generations: load, check, publish, reload, retire.
 *
 * A generation is one snapshot of a service's files in memory. The control thread reads, compiles
 * and checks it in a state of its own; then every worker that runs the old generation builds the
 * new one; then all switch by message. Either all serve the new one or all go on with the old.
 * Requests in flight finish on the generation they began on. Everything here runs on the control
 * thread unless it says otherwise.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "core/base/buf.h"
#include "core/http/server.h"
#include "core/script/resident.h"

struct metric_owner;
struct service; /* process-wide, by host name, lives until exit */

/* Who answers the requests of Lua services: route.data = struct service *. Defined in serve.c. */
extern const struct handler service_handler;

/* Finds the services below `folder` and the embedded ones, checks them all and routes them. A
 * user's service that fails is reported and left out; a platform service that fails is an error. */
int service_open_all(struct worker *control, const char *folder, struct err *e);

/* Starts tickers and `on_start` of every service on the worker it belongs to. done() comes once,
 * when all platform services have ended their on_start: result 0, or negative when one failed. */
void service_start_all(void (*done)(void *arg, int result, const char *why), void *arg);

/* What is asked of a reload. */
struct reload_request {
    struct str name; /* host or folder; empty = all, new and removed folders included */
    const char *who; /* asks: "command", "watch", "signal"; static text */
    bool check;      /* build and check, but switch nothing */
    bool force;      /* what did not change comes anew, and what was rolled back from comes again */
    bool back;       /* put an older generation into service, whatever the files say */
    uint64_t number; /* of that generation; 0 = the newest of those before */
};

/* [reload.c] Checks the files of one service, or of all, and puts new generations into service
 * where they changed. A service whose folder is gone is served no more; under another folder with
 * the same host name it goes on. done() comes once, when every worker has switched: result 0 = all
 * is as the files say; the report is text for people, a line per service that changed or failed.
 * One reload runs at a time, others wait in order and look at the files when it is their turn.
 * There are at most 16 in all, then ERR_BUSY; but a watch or a signal always gets its look, and
 * those that come while one waits for its turn are done with it at once. */
void service_reload(const struct reload_request *q,
                    void (*done)(void *arg, int result, struct str report), void *arg);

/* Going down. Tickers end now; requests in flight go on. */
void service_stop_all(void);
/* Cancels every task and frees all states; done() when nothing is left. Workers must still be
 * running. */
void service_close_all(void (*done)(void *arg), void *arg);
/* After the workers have ended. */
void service_free_all(void);

/* One JSON array for the admin address: host, folder, embedded, generation, hash, loaded. */
void service_report(struct buf *out);

/* One JSON array of the services that ask policies: host, folder, generation, policies. */
void service_policies(struct buf *out);

/* One JSON object: host, folder, and what is remembered of its generations. False: there is none
 * of that name. */
bool service_history(struct str name, struct buf *out);

/* Any worker: the state of the generation in force here, built on first use. NULL + *e. */
struct resident *service_here(struct service *s, struct worker *w, struct err *e);
/* Any worker: its state of that serial number here, also one that is going out of service; NULL =
 * it is gone. */
struct resident *service_resident(struct service *s, struct worker *w, uint64_t serial);
/* Control thread: the flags of the questions that policies answer (asker.h), those of a generation
 * that is coming into service among them. */
unsigned service_asks(void);
/* Any worker: by host name, or by <id>.<host>, from the routes in force there; NULL when there is
 * none. */
struct service *service_find(struct worker *w, struct str host);
/* Any thread: lower-case host name. */
struct str service_host(const struct service *s);
/* Any thread: the id of this replica, ten of 0-9 and a-v. */
const char *service_id(const struct service *s);
/* [its worker] A state of it goes, which spent so many ns in Lua. */
void service_spent(struct service *s, const struct worker *w, uint64_t ns);
/* [its worker] What waits for its clients there. */
struct outbox *service_outbox(const struct service *s, const struct worker *w);
/* Any thread: whose metrics they are. */
struct metric_owner *service_metrics(const struct service *s);
/* Any thread: a service from the binary. */
bool service_is_platform(const struct service *s);

/* Calls each(arg, service, flags, topics) for every service in service; for whoever builds the
 * route table. `topics` is what it listens to besides its host, a line each. */
int service_each(int (*each)(void *arg, struct service *s, unsigned flags, struct str topics),
                 void *arg);

#endif
