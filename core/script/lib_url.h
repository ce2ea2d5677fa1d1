/* lib_url: what the request object and the admin pages share with the url module. */
#ifndef LIB_URL_H
#define LIB_URL_H

#include <lua.h>
#include <sys/types.h>

#include "core/base/str.h"

/* Undoes percent-encoding, with `plus` that of blanks as '+', too. `out` has room for s.n bytes;
 * how many it got, or -1 for a broken escape. */
ssize_t url_decode(struct str s, bool plus, char *out);
/* Pushes a table of the decoded names and values; of a repeated name the last one. Protected
 * context. */
void url_push_query(lua_State *L, struct str query);

#endif
