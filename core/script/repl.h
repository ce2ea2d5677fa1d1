/*
 * repl: prompts inside the running host (`moonbus repl`): sessions that a holder of the home
 * folder's secret opens over the admin address, and the lines that run in them. Control thread
 * only.
 */
#ifndef REPL_H
#define REPL_H

#include "core/http/server.h"

/* Pages of the admin address; the secret was presented. They take the exchange over.
 *   POST /repl?service=NAME     opens a session; without a name in a state of its own
 *   GET  /repl/wait?session=ID  is answered when the session ends, or after a while; who lets go of
 *                               it, or does not ask again, has left
 *   POST /repl/line?session=ID  runs the body; leaving cancels it
 */
void repl_open_page(struct exchange *x, struct str service);
void repl_wait_page(struct exchange *x, struct str session);
void repl_line_page(struct exchange *x, struct str session);

/* The host stops: all sessions end, no new ones begin. done() comes when nothing of them is left on
 * any worker. */
void repl_close(void (*done)(void));

#endif
