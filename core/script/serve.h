/*
 * serve: an HTTP exchange answered by a task. serve.c is the handler that the front door calls;
 * request.c and response.c are what the task sees of it. The exchange and the task may end in
 * either order; `struct serving` knows what is left.
 */
#ifndef SERVE_H
#define SERVE_H

#include "core/http/server.h"
#include "core/script/lib.h"
#include "core/script/resident.h"

#define SERVE_FIELDS      64     /* response fields that a handler may set */
#define SERVE_FIELD_BYTES 262144 /* bytes of them, those that were replaced included */

struct serving {
    struct exchange *x; /* NULL once answered in full, aborted, or the client is gone */
    struct task *task;
    struct resident *resident;
    struct buf body;       /* request body bytes that no one took yet */
    size_t held;           /* bytes of it that the vm counts */
    struct op *waiting;    /* a read of the body, until it can go on */
    struct list drains;    /* struct drain.link: writes, until there is room */
    struct list link;      /* among the resident's streams, while it is one */
    struct socket *socket; /* lib_websocket.c: once the request is upgraded, or NULL */
    struct timer beat;     /* of a stream: it does something when it is silent */
    uint64_t beat_ms;      /* what counts as silent; 0 = whatever */
    uint64_t heard;        /* of a WebSocket: loop ms of the last bytes that came */
    uint64_t said;         /* loop ms of the last thing that a stream said */
    char id[64];           /* request id, for logs after the exchange is gone */
    int status;            /* set by the handler; 0 = not yet */
    struct field *fields;  /* set by the handler; in the exchange's arena */
    int n_fields, room;    /* room: for so many, now */
    size_t field_bytes;    /* that were copied for them */
    bool whole;            /* the waiting read wants all of the body */
    bool body_done;        /* the last byte came */
    bool body_taken;       /* read in full by req:body() or handed out in chunks */
    bool gzip;             /* the body that is read comes like that */
    bool too_large;        /* the body went over the limit */
    bool no_room;          /* the service has too many bodies under way */
};

/* A write that waits for room towards the client. */
struct drain {
    struct op op;
    struct list link; /* serving.drains */
    bool gone;        /* there will be no room any more */
};
/* `cancel` of the kinds of such ops. */
bool drain_cancel(struct op *op);

/* The serving of the running task's request behind userdata 1 of class `name`; raises when the
 * request is over. */
struct serving *serve_check(lua_State *L, const char *name);
/* The same, NULL when it is over. */
struct serving *serve_find(lua_State *L, const char *name);
/* [lib_bus.c] The request that a task works for: its own, that of the task it belongs to, or the
 * one behind the call that it answers when it is called for whom that came from. NULL = nobody's.
 */
const struct exchange *serve_origin(const struct task *t);
/* [lib_bus.c] The task that answers the call which an op waits for; NULL when it is none, or over.
 */
struct task *bus_callee(const struct op *op);
/* [lib_bus.c] The task that waits for what this one answers; NULL when it answers no call. */
struct task *bus_caller(const struct task *t);
/* [lib_bus.c] request.handling */
int bus_handling(lua_State *L);
/* Takes the exchange away from the task: nothing of it may be touched through `s` any more. */
struct exchange *serve_part(struct serving *s);
/* What the exchange carries now lives as long as both sides want it to: the deadline is off until
 * it is parted with. `beat` is called when `ms` have passed, 0 = never; it may arm s->beat again.
 */
void serve_stream(struct serving *s, uint64_t ms, void (*beat)(struct timer *t));
/* Ends all streams of a resident, and those that would begin: it goes out of service for good. */
void serve_hang_up(struct resident *r);
/* Raises 503 when the resident's streams have been ended. */
void serve_check_leaving(lua_State *L, const struct serving *s);
/* The number of seconds in field `name` of the table at `index` (or nothing there), in ms: 0 to an
 * hour. */
uint64_t serve_option_ms(lua_State *L, int index, const char *name, double def);
/* Userdata for the request (or response) of `s`. Protected context. */
void serve_push(lua_State *L, struct serving *s, const char *name);
/* The task whose box of that class is userdata 1. */
struct task_id serve_box(lua_State *L, const char *name);
#define SERVE_REQUEST   "host.request"
#define SERVE_RESPONSE  "host.response"
#define SERVE_EVENTS    "host.events"
#define SERVE_WEBSOCKET "host.websocket"

/* Module `request` (platform runtime only): current() gives the request and the response of the
 * running task. */
int lib_request(lua_State *L);
extern const struct lib_doc lib_request_docs[], lib_response_docs[], lib_events_docs[],
    lib_websocket_docs[];
void response_open(lua_State *L); /* registers the response's class; protected context */

int response_direct_json(lua_State *L); /* functions of module `request` for the runtime */
int response_direct_answer(lua_State *L);
int response_direct_settle(lua_State *L);

/* Parts of the handler's callbacks that live with their class. */
void request_bytes(struct serving *s, const char *p, size_t n, bool last);
void request_free(struct serving *s); /* what came of the body */
void request_wake(struct serving *s); /* who waits for the body need not wait any more */
/* Raises 503 when a piece is large and has no room while the client does not take it: outbox.h. */
void response_check_room(lua_State *L, const struct serving *s, const struct str *parts, int n);
/* Sends parts and waits for room, as an op of that kind, which begins with struct drain. Use as
 * `return response_send(…)`. */
int response_send(lua_State *L, struct serving *s, const struct op_kind *kind,
                  const struct str *parts, int n);
/* Sets a field of the answer in place of all others of that name. Borrowed: static text, or the
 * exchange's. */
void response_set(lua_State *L, struct serving *s, struct field f);
bool response_has(const struct serving *s, uint8_t id);

/* [lib_events.c] */
void events_open(lua_State *L); /* registers the class of event streams; protected context */
int response_events(lua_State *L);

/* [lib_websocket.c] */
void websocket_open(lua_State *L); /* registers the class of WebSockets; protected context */
int websocket_upgrade(lua_State *L);
/* Parts of the handler's callbacks and of the serving's life, while s->socket is there. */
void socket_bytes(struct serving *s, const char *p, size_t n, bool last);
void socket_drained(struct serving *s);
void socket_wake(struct serving *s);                               /* who receives, if anybody */
void socket_close(struct serving *s, int code, struct str reason); /* s->x is there */
void socket_free(struct serving *s);

/* Raises an error value with a status, like errors.raise in Lua. */
int serve_raise(lua_State *L, int status, struct str text);
/* {"error": …} for a 5xx of a user's service carries the request id; a platform service's has its
 * pinned form. */
void serve_fail(struct serving *s, int status, const char *text);

#endif
