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

#define SERVE_FIELDS 64 /* response fields that a handler may set */

struct serving {
    struct exchange *x; /* NULL once answered in full, aborted, or the client is gone */
    struct task *task;
    struct resident *resident;
    struct buf body;     /* request body bytes that no one took yet */
    struct op *waiting;  /* a read of the body, until it can go on */
    struct op *draining; /* a write, until there is room */
    char id[64];         /* request id, for logs after the exchange is gone */
    int status;          /* set by the handler; 0 = not yet */
    struct field fields[SERVE_FIELDS];
    int n_fields;
    bool whole;      /* the waiting read wants all of the body */
    bool body_done;  /* the last byte came */
    bool body_taken; /* read in full by req:body() or handed out in chunks */
    bool gzip;       /* the body that is read comes like that */
    bool too_large;  /* the body went over the limit */
};

/* The serving of the running task's request behind userdata 1 of class `name`; raises when the
 * request is over. */
struct serving *serve_check(lua_State *L, const char *name);
/* The same, NULL when it is over. */
struct serving *serve_find(lua_State *L, const char *name);
/* [lib_bus.c] The request that a task works for: its own, that of the task it belongs to, or the
 * one behind the call that it answers when it is called for whom that came from. NULL = nobody's.
 */
const struct exchange *serve_origin(const struct task *t);
/* [lib_bus.c] request.handling */
int bus_handling(lua_State *L);
/* Takes the exchange away from the task: nothing of it may be touched through `s` any more. */
struct exchange *serve_part(struct serving *s);
/* Userdata for the request (or response) of `s`. Protected context. */
void serve_push(lua_State *L, struct serving *s, const char *name);
#define SERVE_REQUEST  "host.request"
#define SERVE_RESPONSE "host.response"

/* Module `request` (platform runtime only): current() gives the request and the response of the
 * running task. */
int lib_request(lua_State *L);
extern const struct lib_doc lib_request_docs[];
void response_open(lua_State *L); /* registers the response's class; protected context */

extern const luaL_Reg response_direct[]; /* functions of module `request` for the runtime */

/* Parts of the handler's callbacks that live with their class. */
void request_bytes(struct serving *s, const char *p, size_t n, bool last);
void response_drained(struct serving *s);

/* Raises an error value with a status, like errors.raise in Lua. */
int serve_raise(lua_State *L, int status, struct str text);
/* {"error": …} for a 5xx of a user's service carries the request id; a platform service's has its
 * pinned form. */
void serve_fail(struct serving *s, int status, const char *text);

#endif
