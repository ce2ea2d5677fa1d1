/* fields: the header fields of a message as a Lua table. */
#ifndef FIELDS_H
#define FIELDS_H

#include <lua.h>

#include "core/http/h1.h"

/* Pushes all fields by their names in lower case; several of one name are joined with ", " (RFC
 * 9110 section 5.3), Set-Cookie with a line break, because its values have commas. May throw
 * out-of-memory: protected context only. */
void fields_push(lua_State *L, const struct head *h);

#endif
