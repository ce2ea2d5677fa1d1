/*
 * service: Lua services and their generations: load, check, publish, reload, retire.
 *
 * A generation is one snapshot of a service's files in memory. The control thread snapshots,
 * compiles and checks it in a state of its own; then every worker that has the old generation
 * builds the new one; then all switch by message. Either all serve the new one or all go on with
 * the old. Requests in flight finish on the generation they began on.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "core/base/buf.h"
#include "core/http/server.h"
#include "core/script/task.h"

struct service;    /* process-wide, by host name, lives until exit */
struct generation; /* counted snapshot of files */

/* route.data = struct service *. */
extern const struct handler service_handler;

/* Control thread. Finds services in the folder and embedded, loads them all. A user's service that
 * fails to load is reported and left out; a platform service that fails is an error. */
int service_open_all(const char *folder, struct err *e);
/* Control thread. Checks the files of one service (by host or folder name; empty = all) and puts a
 * new generation into service when they changed. done(arg, result, report) comes once; result 0 =
 * switched or nothing to do; the report is text for people, one line per service with file and line
 * of what is wrong. */
void service_reload(struct str name, void (*done)(void *arg, int result, struct str report),
                    void *arg);
/* After services were loaded: starts their tickers and `on_start` on the workers they belong to. */
void service_start_all(void);
/* Stop: cancels background tasks now; tasks of requests go on until their exchange ends. */
void service_stop_all(void);
void service_close_all(void);

/* The state of the generation in force on this worker, built on first use. NULL + *e when it cannot
 * be built. */
struct vm *service_vm(struct service *s, struct worker *w, struct err *e);
struct service *service_find(
    struct str host); /* any thread: from the snapshot of the calling worker */
struct str service_host(const struct service *s);

/* One JSON array: host, folder, generation, hash, loaded at, tasks, memory … for the admin address.
 */
void service_report(struct buf *out);

#endif
