// upstream: servers that the host proxies to: well-behaved ones, and ones that follow a script.
import http from "node:http";
import net from "node:net";

import { Wire } from "./raw.mjs";

/**
 * A real HTTP server on a free port. It records what it was asked and answers by `handler(req, res,
 * body)`; without one it answers 200 with the request as JSON. Handlers that stream take
 * `{ stream: true }` and read `req` themselves.
 */
export async function upstream(t, handler = echo, { stream = false } = {}) {
  const requests = [];
  const server = http.createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (req, res) => {
    const record = {
      method: req.method,
      url: req.url,
      headers: req.headers,
      rawHeaders: req.rawHeaders,
      port: req.socket.remotePort,
    };
    requests.push(record);
    if (stream) return handler(req, res);
    const parts = [];
    req.on("data", (part) => parts.push(part));
    req.on("end", () => {
      record.body = Buffer.concat(parts);
      handler(req, res, record.body);
    });
    req.on("error", () => {});
  });
  await listen(t, server, () => server.closeAllConnections());
  return {
    server,
    requests,
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}`,
  };
}

function echo(req, res, body) {
  res.setHeader("Content-Type", "application/json");
  res.end(
    JSON.stringify({
      method: req.method,
      url: req.url,
      headers: req.headers,
      body: body.toString("latin1"),
    }),
  );
}

/**
 * A TCP server whose every connection runs `script(wire, n)`; n counts connections from 0. A
 * connection counts from its first byte on: health probes send none. What a script throws is kept in
 * `errors`, except that the connection went away.
 */
export async function rawUpstream(t, script) {
  const all = [];
  const wires = [];
  const errors = [];
  const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
    const wire = new Wire(socket);
    all.push(wire);
    try {
      await wire.until(() => (wire.received > 0 ? true : undefined), "a first byte", 600_000);
      wires.push(wire);
      await script(wire, wires.length - 1);
    } catch (error) {
      if (!wire.ended) errors.push(error);
      socket.destroy();
    }
  });
  await listen(t, server, () => all.forEach((wire) => wire.close()));
  return {
    server,
    wires,
    errors,
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}`,
  };
}

/** A port on which nobody listens: taken and given back. */
export async function deadPort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listen(t, server, drop) {
  t.after(() => {
    drop();
    server.close();
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
}
