-- What wrk says at the end, for bench.mjs: one line of figures.
local env = os.getenv

wrk.method = env("WRK_METHOD") or "GET"
if env("WRK_BODY") then
  local file = assert(io.open(env("WRK_BODY"), "rb"))
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = "application/json"
  file:close()
end

function done(summary, latency)
  local e = summary.errors
  io.write(("BENCH requests=%d us=%d p50=%d p99=%d errors=%d\n"):format(
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout
  ))
end
