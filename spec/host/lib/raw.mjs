// raw: a scripted TCP connection: send these bytes, expect those. For what no HTTP client would do.
import assert from "node:assert/strict";
import net from "node:net";

const TIMEOUT = 20_000;

/** One side of a connection. Text is latin1: one character per byte. */
export class Wire {
  constructor(socket) {
    this.socket = socket;
    this.text = ""; // received and not yet consumed
    this.ended = false; // the peer closed its side
    this.error = null;
    this.received = 0;
    this.waiters = new Set();
    const wake = () => {
      for (const look of [...this.waiters]) look();
    };
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      this.received += chunk.length;
      this.text += chunk.toString("latin1");
      wake();
    });
    socket.on("end", () => {
      this.ended = true;
      wake();
    });
    socket.on("error", (error) => {
      this.error = error;
      this.ended = true;
      wake();
    });
    socket.on("close", () => {
      this.ended = true;
      wake();
    });
  }

  /** Sends bytes; resolves when the kernel has them. */
  send(bytes) {
    return new Promise((resolve) => {
      this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, () =>
        resolve(this),
      );
    });
  }

  /** Sends one byte per write, so that the peer sees every possible cut. */
  async trickle(text) {
    for (const byte of text) await this.send(byte);
  }

  until(test, what, timeout = TIMEOUT) {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.waiters.delete(look);
        settle(value);
      };
      const look = () => {
        const value = test();
        if (value !== undefined) finish(resolve, value);
        else if (this.ended)
          finish(reject, new Error(`closed while waiting for ${what}; ${this.describe()}`));
      };
      const timer = setTimeout(
        () => finish(reject, new Error(`waited ${timeout} ms for ${what}; ${this.describe()}`)),
        timeout,
      );
      this.waiters.add(look);
      look();
    });
  }

  describe() {
    return `received: ${JSON.stringify(this.text.slice(0, 2000))}${this.error ? ` (${this.error.code})` : ""}`;
  }

  /** Waits for text or a pattern, consumes everything up to its end, returns the match. */
  expect(wanted, timeout) {
    return this.until(
      () => {
        if (typeof wanted === "string") {
          const at = this.text.indexOf(wanted);
          if (at < 0) return undefined;
          this.text = this.text.slice(at + wanted.length);
          return wanted;
        }
        const match = wanted.exec(this.text);
        if (!match) return undefined;
        this.text = this.text.slice(match.index + match[0].length);
        return match;
      },
      String(wanted),
      timeout,
    );
  }

  /** Waits until the peer closed. What came before stays in `text`. */
  async expectClose(timeout) {
    if (!this.ended) await this.until(() => (this.ended ? true : undefined), "the end", timeout);
    return this.text;
  }

  /** Reads one response: { version, status, reason, headers, rawHeaders, body, interim }. */
  async response({ head = false, timeout } = {}) {
    const interim = [];
    for (;;) {
      const start = await this.head(timeout);
      const match = /^HTTP\/(1\.[01]) (\d{3}) ?(.*)$/.exec(start.line);
      assert.ok(match, `a status line, not ${JSON.stringify(start.line)}`);
      const status = Number(match[2]);
      const answer = { version: match[1], status, reason: match[3], ...start };
      if (status >= 100 && status < 200 && status !== 101) {
        interim.push(answer);
        continue;
      }
      const empty = head || status === 101 || status === 204 || status === 304;
      answer.body = empty ? "" : await this.body(start.headers, timeout, true);
      answer.interim = interim;
      return answer;
    }
  }

  /** Reads one request (as an upstream): { method, target, headers, rawHeaders, body }. */
  async request({ body = true, timeout } = {}) {
    const start = await this.head(timeout);
    const match = /^(\S+) (\S+) HTTP\/(1\.[01])$/.exec(start.line);
    assert.ok(match, `a request line, not ${JSON.stringify(start.line)}`);
    const request = { method: match[1], target: match[2], version: match[3], ...start };
    if (body) request.body = await this.body(start.headers, timeout, false);
    return request;
  }

  async head(timeout) {
    const text = await this.until(
      () => {
        const at = this.text.indexOf("\r\n\r\n");
        if (at < 0) return undefined;
        const block = this.text.slice(0, at);
        this.text = this.text.slice(at + 4);
        return block;
      },
      "a message head",
      timeout,
    );
    const [line, ...fields] = text.split("\r\n");
    const rawHeaders = fields.map((field) => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon), field.slice(colon + 1).trim()];
    });
    const headers = {};
    for (const [name, value] of rawHeaders) {
      const key = name.toLowerCase();
      headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
    }
    return { line, headers, rawHeaders };
  }

  async body(headers, timeout, untilEnd) {
    if (/chunked/i.test(headers["transfer-encoding"] ?? "")) return this.chunks(timeout);
    if ("content-length" in headers) return this.take(Number(headers["content-length"]), timeout);
    if (!untilEnd) return "";
    await this.expectClose(timeout);
    return this.take(this.text.length);
  }

  async chunks(timeout) {
    let body = "";
    for (;;) {
      const size = parseInt((await this.expect(/^([0-9a-f]+)[^\r\n]*\r\n/i, timeout))[1], 16);
      if (size === 0) break;
      body += await this.take(size, timeout);
      await this.expect(/^\r\n/, timeout);
    }
    // Trailer fields up to the empty line.
    while ((await this.expect(/^([^\r\n]*)\r\n/, timeout))[1] !== "");
    return body;
  }

  take(n, timeout) {
    return this.until(
      () => {
        if (this.text.length < n) return undefined;
        const part = this.text.slice(0, n);
        this.text = this.text.slice(n);
        return part;
      },
      `${n} bytes`,
      timeout,
    );
  }

  /** Stops reading, so that the peer meets back-pressure. */
  pause() {
    this.socket.pause();
  }
  resume() {
    this.socket.resume();
  }
  /** Ends our side; the peer may still send. */
  end() {
    this.socket.end();
  }
  close() {
    this.socket.destroy();
  }
  /** Closes with a reset. */
  reset() {
    this.socket.resetAndDestroy();
  }
}

/** Connects to a port of this machine; closed with the test. */
export function rawClient(t, port, { host = "127.0.0.1", allowHalfOpen = true } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host, allowHalfOpen });
    t.after(() => socket.destroy());
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(new Wire(socket));
    });
  });
}
