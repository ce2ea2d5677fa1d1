/*
 * admin: the handler of the admin address: health, readiness, metrics, and control for whoever
 * holds the secret of the home folder. Runs on the control thread.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "core/http/server.h"

extern const struct handler admin_handler;

#endif
