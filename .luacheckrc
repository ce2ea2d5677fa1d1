-- Lua 5.4. Service code runs in a sandbox; the command line and specs do not.
std = "lua54"
max_line_length = 130
self = false
not_globals = { "io", "dofile", "loadfile" }
exclude_files = { "**/node_modules", "lua/types" }

files["lua/cli"] = { read_globals = { "io", "dofile", "loadfile" } }
files["lua/spec.lua"] = { read_globals = { "io" } }
files["gen"] = { read_globals = { "io", "dofile", "loadfile" } }
files["**/spec"] = { std = "+busted", read_globals = { "io", "dofile", "loadfile" } }
files["**/*_spec.lua"] = { std = "+busted", read_globals = { "io", "dofile", "loadfile" } }
files["spec/bench/wrk"] = { std = "luajit", globals = { "wrk", "done" }, read_globals = { "io", "dofile", "loadfile" } }
