/* lib_shared: what lib_cache has in common with lib_shared: the map, and whose keys are whose. */
#ifndef LIB_SHARED_H
#define LIB_SHARED_H

#include <lua.h>

#include "core/base/str.h"

#define OWN_KEY_MAX  512                 /* bytes of a key that a script gives */
#define OWN_KEY_ROOM (OWN_KEY_MAX + 300) /* with whose it is */

/* The spaces that the keys of one service are in: they do not meet. */
enum own_space { OWN_SHARED, OWN_CACHE, OWN_COUNTERS, OWN_LIMITS };

/* Writes the key in the map of the service's own `key`: its host name, the space, the key. Raises,
 * naming argument `arg`, when it is too long. */
struct str own_key(lua_State *L, enum own_space space, struct str key, int arg,
                   char room[OWN_KEY_ROOM]);

/* Tells the metrics of all services what their caches hold. Looks at the whole map. */
void cache_survey(void);

#endif
