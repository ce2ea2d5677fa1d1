/*
 * dev: what `moonbus run --dev` does about saved files before they are reloaded: the generator runs
 * for every service whose service.yaml, types.lua or service.lua changed. Control thread only.
 *
 * It runs as a process of its own, `moonbus gen`: nothing of it comes near the states that serve,
 * it may take its time, and what it does is what the command does.
 */
#ifndef DEV_H
#define DEV_H

#include "core/loop/worker.h"
#include "core/script/generation.h"

/* Generates for all services, before any is loaded; returns when that is done. From then on done()
 * is called whenever the files are to be reloaded. 0 or negative + *e. */
int dev_open(struct worker *control, void (*done)(void), struct err *e);
/* Files changed: done() comes, perhaps at once, when the generator has run where it had to. While
 * it runs it is asked to look again before it is done. */
void dev_changed(void);
/* Why the files of this generation are not to be loaded: the generator does not like them. False:
 * nothing is known against them. */
bool dev_refuses(const struct generation *g, struct err *e);
/* Whether the generator has yet to look at these files, which were saved a moment ago. Then it will
 * by itself, and done() comes once more; not when somebody keeps them open for writing. */
bool dev_awaits(const struct generation *g);
/* Ends what is running; done() does not come any more. The memory goes with dev_free, once the loop
 * has turned. */
void dev_close(void);
void dev_free(void);

#endif
