/*
 * strings: find, match, gmatch and gsub, for states whose scripts are not trusted.
 *
 * They do what those of Lua 5.4 do, with the same messages, within the limits of pattern.c. The
 * differences: a pattern may have any number of repetitions ("pattern too complex" is not raised),
 * and classes are those of the C locale.
 */
#ifndef STRINGS_H
#define STRINGS_H

#include <lua.h>

/* Puts the four into the table on top. */
void strings_open(lua_State *L);

#endif
