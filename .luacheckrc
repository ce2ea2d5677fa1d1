-- Lua 5.4. Service code runs in a sandbox; the command line and specs do not.
std = "lua54"
max_line_length = 130
self = false
not_globals = { "io", "dofile", "loadfile" }
exclude_files = { "**/node_modules", "lua/types" }

files["lua/cli"] = { not_globals = {} }
files["gen"] = { not_globals = {} }
files["**/spec"] = { std = "+busted", not_globals = {} }
files["**/*_spec.lua"] = { std = "+busted", not_globals = {} }
files["spec/bench/nginx"] = { std = "+ngx_lua" }
files["spec/bench/wrk"] = { std = "luajit", globals = { "wrk", "request", "response", "done", "setup", "init" } }
