// caller: a Lua service that does over the bus what a spec orders, and the table of behaviours that hold over the bus and
// from outside alike.
import assert from "node:assert/strict";

import { call, it, runCommand, startHost } from "./spec.mjs";

const yaml = (host) => `general:
  host: ${host}
functions:
  - signature: Pass(order string) (answer string)
webs:
  - signature: Do()
`;

// What an order says: how = request, publish, call, stub, all or fire; as = nobody (a context that is {}) or detached
// (ctx:go); with = what ctx:with changes; through = a service that carries the order out in place of this one.
const code = (clients) => `local bus = require "bus"
local errors = require "errors"
local json = require "json"
local seal = require "seal"
local time = require "time"

local svc = require "service" (...)

local clients = {
${clients.map((name) => `  ${name} = require "services.${name}.api",`).join("\n")}
}

local function failure(e)
  if not errors.is(e) then
    return { raised = true, status = 500, error = tostring(e), plain = true }
  end
  return {
    raised = true, status = e.status, error = e.message, trace = e.trace, service = e.service, internal = e.internal,
  }
end

local function response(r)
  return { status = r.status, headers = r.headers, bytes = seal.base64(r.body or ""), id = r.id, host = r.host }
end

local function values(...)
  local list = json.list(table.pack(...))
  for i = 1, select("#", ...) do
    if list[i] == nil then list[i] = json.null end
  end
  list.n = nil
  return { values = list }
end

local function each(iterator)
  local list = json.list {}
  for answer in iterator do
    local ok, one = pcall(function() return values(answer:get()) end)
    one = ok and one or failure(one)
    one.host = answer.host
    table.insert(list, one)
  end
  return { answers = list }
end

local HOW = {}

function HOW.request(ctx, order)
  local message = order.message
  message.body = message.fill and (message.body or "") .. ("1"):rep(message.fill) or message.body
  message.fill = nil
  return response(bus.request(ctx, message))
end

function HOW.publish(ctx, order)
  local list = json.list {}
  for _, answer in ipairs(bus.publish(ctx, order.message)) do
    table.insert(list, response(answer))
  end
  return { answers = list }
end

function HOW.call(ctx, order)
  return values(bus.call(ctx, order.host, order.name, table.unpack(order.args or {})))
end

function HOW.stub(ctx, order)
  local client = clients[order.client]
  client = order.host and client.for_host(order.host) or client
  local result = table.pack(client[order.name](ctx, table.unpack(order.args or {})))
  return order.web and response(result[1]) or values(table.unpack(result, 1, result.n))
end

function HOW.all(ctx, order)
  local client = clients[order.client]
  client = order.host and client.for_host(order.host) or client
  return each(client.all[order.name](ctx, table.unpack(order.args or {})))
end

function HOW.fire(ctx, order)
  return each(clients[order.client].fire[order.name](ctx, table.unpack(order.args or {})))
end

local carry_out

local function detached(ctx, order)
  local answer
  ctx:go(function(inner)
    answer = carry_out(inner, order)
  end)
  while not answer do
    time.sleep(0.005)
  end
  return answer
end

function carry_out(ctx, order)
  if order.as == "nobody" then
    ctx = {}
  elseif order.as == "detached" then
    order.as = nil
    return detached(ctx, order)
  end
  if order.with then
    ctx = ctx:with(order.with)
  end
  local through = order.through
  order.as, order.with, order.through = nil, nil, nil
  if through then
    local ok, answer = pcall(bus.call, ctx, through, "Pass", json.encode(order))
    return ok and json.decode(answer) or failure(answer)
  elseif order.open then -- what it raises is this service's own failure
    return HOW[order.how](ctx, order)
  end
  local ok, answer = pcall(HOW[order.how], ctx, order)
  return ok and answer or failure(answer)
end

function svc.Pass(ctx, order)
  return json.encode(carry_out(ctx, json.decode(order)))
end

function svc.Do(ctx, req)
  return carry_out(ctx, req:json())
end

return svc
`;

/** Files of a service that calls others, with the client stubs of the folders that are named. */
export function caller(host = "caller.example", clients = []) {
  return { "service.yaml": yaml(host), "service.lua": code(clients) };
}

/** Starts a host whose services, or those of them that are named, are generated first, for their client stubs. */
export async function startGenerated(t, options, folders) {
  const host = await startHost(t, { ...options, start: false });
  const made = await runCommand(["gen", ...folders.map((name) => `services/${name}`)], {
    cwd: host.cwd,
  });
  assert.equal(made.status, 0, made.output);
  return host.start();
}

/** Has a caller carry out an order; what came of it. Bytes of an answer are in `text` and `json`, too. */
export async function order(host, what, { by = "caller.example", ...options } = {}) {
  const answer = await call(host.url, `/${by}/do`, { json: what, ...options });
  assert.equal(answer.status, 200, answer.text);
  const result = answer.json;
  return result.answers ? { ...result, answers: result.answers.map(readable) } : readable(result);
}

function readable(answer) {
  if (answer.bytes === undefined) return answer;
  const buffer = Buffer.from(answer.bytes, "base64");
  return { ...answer, buffer, text: buffer.toString(), json: jsonOf(buffer.toString()) };
}

function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @typedef {object} Behaviour
 * @property {string} name       a sentence
 * @property {string} [host]     probe.example, or what stands for it: a host, host:port
 * @property {string} [method]   GET, or POST with a body
 * @property {string} path       with its query, as it travels
 * @property {Record<string, string>} [headers]
 * @property {any} [json]        the body, as JSON
 * @property {string} [body]     the body
 * @property {number} [fill]     bytes that are put behind it
 * @property {Expected} expect
 *
 * @typedef {object} Expected
 * @property {number} [status]   200 when it is left out
 * @property {any} [json]        the whole body
 * @property {string} [text]     the whole body
 * @property {RegExp} [match]    what the body matches
 * @property {RegExp} [error]    what the error says
 * @property {Record<string, string | RegExp | null>} [headers] null = not there
 */

const METHOD = (b) => b.method ?? (b.body === undefined && b.json === undefined ? "GET" : "POST");

/** What comes of a behaviour over HTTP. */
export async function fromOutside(host, b) {
  const answer = await call(host.url, `/${b.host ?? "probe.example"}${b.path}`, {
    method: METHOD(b),
    headers: b.headers,
    body: b.fill ? b.body + "1".repeat(b.fill) : b.body,
    json: b.json,
  });
  const json = jsonOf(answer.text);
  const error = answer.status >= 400 ? (json?.error ?? answer.text) : undefined;
  return { status: answer.status, headers: answer.headers, text: answer.text, json, error };
}

/** What comes of it over the bus. */
export async function overBus(host, b) {
  const answer = await order(host, {
    how: "request",
    message: {
      method: METHOD(b),
      url: `https://${b.host ?? "probe.example"}${b.path}`,
      headers: {
        ...(b.json !== undefined && { "Content-Type": "application/json" }),
        ...b.headers,
      },
      body: b.json !== undefined ? JSON.stringify(b.json) : b.body,
      fill: b.fill,
    },
  });
  if (answer.raised) return { headers: {}, text: "", ...answer };
  return {
    ...answer,
    error: answer.status >= 400 ? (answer.json?.error ?? answer.text) : undefined,
  };
}

function check(got, expect) {
  const shown = `${got.status} ${got.error ?? ""}\n${got.text}`;
  assert.equal(got.status, expect.status ?? 200, shown);
  if ("json" in expect) assert.deepEqual(got.json, expect.json, shown);
  if ("text" in expect) assert.equal(got.text, expect.text);
  if (expect.match) assert.match(got.text, expect.match);
  if (expect.error) assert.match(got.error ?? "", expect.error);
  for (const [name, value] of Object.entries(expect.headers ?? {})) {
    if (value === null) assert.equal(got.headers[name], undefined, name);
    else if (value instanceof RegExp) assert.match(got.headers[name] ?? "", value, name);
    else assert.equal(got.headers[name], value, name);
  }
}

/** Tests behaviours, each over HTTP and over the bus. */
export function behaviours(host, list) {
  for (const b of list) {
    it(`${b.name} (from outside)`, async () => check(await fromOutside(host, b), b.expect));
    it(`${b.name} (over the bus)`, async () => check(await overBus(host, b), b.expect));
  }
}
