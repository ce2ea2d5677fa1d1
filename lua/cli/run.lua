-- moonbus run: told here for help; the host itself is started before any Lua runs.

local main = require "cli.main"

return {
  usage = "run [--SETTING VALUE ...]",
  summary = "start the host",
  text = "Starts the host and serves until SIGTERM or Ctrl-C; requests in flight are finished first. Every setting of\n"
    .. "`moonbus config` is a flag (--log-level debug), an environment variable (MOONBUS_LOG_LEVEL) and a line of\n"
    .. "moonbus.yaml (log_level: debug). SIGHUP reloads the services.\n"
    .. "With --dev, for the person who writes services, they are generated and reloaded when you save, and the log is for\n"
    .. "people. Another host on this machine needs another --home and another port: --self-url http://127.0.0.1:58331.",
  raw = true,
  run = function()
    main.wrong_usage("settings stand behind run: moonbus run [--SETTING VALUE ...]")
  end,
}
