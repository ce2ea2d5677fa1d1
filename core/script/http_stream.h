/* http_stream: an HTTP request of a script whose bodies move in pieces; methods of its class. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include <lua.h>

#define HTTP_STREAM "host.http"

int http_stream_open(lua_State *L); /* the function `open` of http.core */
int http_stream_write(lua_State *L);
int http_stream_finish(lua_State *L);
int http_stream_head(lua_State *L);
int http_stream_read(lua_State *L);
int http_stream_close(lua_State *L);

#endif
