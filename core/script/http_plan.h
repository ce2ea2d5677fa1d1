/* http_plan: an HTTP request as a script describes it, checked and ready to be sent. */
#ifndef HTTP_PLAN_H
#define HTTP_PLAN_H

#include <lua.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/http/url.h"

struct http_plan {
    struct url url;
    struct str method, text; /* of the table, which stays on the stack; the body, unless chunked */
    struct buf *head;        /* the request's head; a buffer of the thread */
    lua_Number timeout;      /* seconds */
    size_t limit;            /* bytes of the answer */
    bool chunked;            /* the body comes from a function */
    bool idempotent, to_head;
};

/* Reads the table at index 1. 0, or how many results were pushed: nil, message, code. Misuse
 * raises. */
int http_plan_read(lua_State *L, struct http_plan *p);

#endif
