-- Generated from service.yaml by `moonbus gen`; do not edit.
--
-- What the host knows of calculator.example, and what editors should know of its `svc`.

---@class services.examples.calculator.config

---@class services.examples.calculator.metrics
---@field OpCount fun(num: integer, op: string) OpCount counts what was computed, by operator.

---@class services.examples.calculator: Service
---@field config services.examples.calculator.config
---@field metrics services.examples.calculator.metrics
---@field Arithmetic fun(ctx: Context, x: integer, op: string, y: integer): integer, string, integer, integer
---@field Square fun(ctx: Context, x: integer): integer, integer
---@field Distance fun(ctx: Context, p1: Point, p2: Point): number

return {
  source = "b975303981b2d962e923cbbbdc95fb6d93a12ac6f7344aa253302a9efa91f2c1",
  host = "calculator.example",
  description = "Calculator does arithmetic for those who have no time.",
  openApi = true,
  kinds = { Arithmetic = "function", Distance = "function", OpCount = "metric", Square = "function" },
  configs = {},
  functions = {
    {
      name = "Arithmetic",
      description = "Arithmetic adds, subtracts, multiplies or divides two integers.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/arithmetic",
      queue = "default",
      inputs = { { name = "x", type = "int" }, { name = "op", type = "string" }, { name = "y", type = "int" } },
      outputs = {
        { name = "xEcho", type = "int" },
        { name = "opEcho", type = "string" },
        { name = "yEcho", type = "int" },
        { name = "result", type = "int" },
      },
    },
    {
      name = "Square",
      description = "Square multiplies an integer by itself.",
      openApi = true,
      method = "GET",
      port = 443,
      path = "/square",
      queue = "default",
      inputs = { { name = "x", type = "int" } },
      outputs = { { name = "xEcho", type = "int" }, { name = "result", type = "int" } },
    },
    {
      name = "Distance",
      description = "Distance says how far two points are from each other.",
      openApi = true,
      method = "ANY",
      port = 443,
      path = "/distance",
      queue = "default",
      inputs = { { name = "p1", type = "Point" }, { name = "p2", type = "Point" } },
      outputs = { { name = "d", type = "float64" } },
    },
  },
  events = {},
  sinks = {},
  webs = {},
  tickers = {},
  metrics = {
    {
      name = "OpCount",
      description = "OpCount counts what was computed, by operator.",
      kind = "counter",
      alias = "calculator_op_count",
      inputs = { { name = "num", type = "int" }, { name = "op", type = "string" } },
    },
  },
  classes = {
    Point = {
      fields = {
        { name = "x", type = "float64", optional = false },
        { name = "y", type = "float64", optional = false },
      },
    },
  },
}
