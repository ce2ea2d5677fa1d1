/*
 * heartbeat: keeps a loop from sleeping long. uv_run(UV_RUN_ONCE) may first run a timer that makes
 * true what the test waits for, and then sleep until something else happens: with a heartbeat that
 * something comes. Stop it before worker_free.
 */
#ifndef SPEC_HEARTBEAT_H
#define SPEC_HEARTBEAT_H

#include <uv.h>

static uv_timer_t heartbeat;

static inline void heartbeat_beat(uv_timer_t *t) {}

static inline void heartbeat_start(uv_loop_t *loop) {
    uv_timer_init(loop, &heartbeat);
    uv_timer_start(&heartbeat, heartbeat_beat, 2, 2);
}

static inline void heartbeat_stop(void) {
    uv_close((uv_handle_t *)&heartbeat, NULL);
}

#endif
