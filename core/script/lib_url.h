/* lib_url: what the request object shares with the url module. */
#ifndef LIB_URL_H
#define LIB_URL_H

#include <lua.h>

#include "core/base/str.h"

/* Pushes a table of the decoded names and values; of a repeated name the last one. Protected
 * context. */
void url_push_query(lua_State *L, struct str query);

#endif
