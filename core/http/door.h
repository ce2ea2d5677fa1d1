/*
 * door: what the front door refuses whoever would answer: ports and paths that nobody reaches from
 * outside, pages of origins that may not call.
 *
 * Made of the settings once, before the first server opens; read by all workers without a lock.
 */
#ifndef DOOR_H
#define DOOR_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/str.h"

/* Reads blocked_ports, blocked_paths and allowed_origins. 0, -ENOMEM, or ERR_LIMIT when there are
 * too many of them; nothing is kept then. */
int door_open(struct err *e);
/* Nothing is refused any more but port 888. */
void door_close(void);

/* 888 always is, whatever the settings say. Ports that are none (0 and below) are not. */
bool door_port_blocked(int port);
/* `path` as it came, without query; the arena is used when it has escapes. */
bool door_path_blocked(struct str path, struct arena *arena);

enum door_origin {
    DOOR_CLOSED, /* pages of that origin may not call */
    DOOR_ANY,    /* they may, because all may */
    DOOR_LISTED, /* they may, and the settings name them */
};
enum door_origin door_origin(struct str origin);

#endif
