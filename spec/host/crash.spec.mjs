// kill -9 while clients write: what was answered with 200 is there after the restart.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { SOAK, call, it, scratch, startHost } from "./lib/spec.mjs";

const ROUNDS = SOAK ? 50 : 3;
const CLIENTS = 64;
const password = "moonbus-crash-1";

/** Checks a copy of the databases as the kill left them: recovering the real ones is the host's work. */
function checkDatabases(t, home) {
  const copy = scratch(t);
  fs.cpSync(home, copy, { recursive: true });
  const databases = fs
    .readdirSync(copy)
    .map((name) => path.join(copy, name))
    .filter((file) => fs.statSync(file).isFile())
    .filter((file) => fs.readFileSync(file).subarray(0, 15).toString() === "SQLite format 3");
  assert.ok(databases.length > 0, "there is a database");
  for (const file of databases) {
    const check = spawnSync("sqlite3", [file, "PRAGMA integrity_check"], { encoding: "utf8" });
    assert.equal(check.stdout.trim(), "ok", check.stderr);
  }
}

it(
  `every acknowledged registration survives kill -9, ${ROUNDS} rounds`,
  { timeout: 1_800_000 },
  async (t) => {
    const host = await startHost(t, { test: false, release: true });
    const login = (slug) =>
      call(host.url, "/user-svc/login", { json: { appHost: "unnamed", slug, password } });
    const earlier = [];

    for (let round = 0; round < ROUNDS; round++) {
      const acknowledged = [];
      const attempted = new Set();
      let down = false;
      const client = async (n) => {
        for (let i = 0; !down; i++) {
          const slug = `crash-${round}-${n}-${i}`;
          attempted.add(slug);
          const answer = await call(host.url, "/user-svc/register", {
            json: { appHost: "unnamed", slug, password },
          }).catch(() => null);
          if (answer?.status === 200) acknowledged.push(slug);
          else if (answer) assert.equal(answer.status, 503, answer.text);
        }
      };
      const clients = Array.from({ length: CLIENTS }, (_, n) => client(n));
      // From the first acknowledgement on, somewhere in the next half second.
      while (acknowledged.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 500));
      const killed = host.kill();
      down = true;
      await killed;
      await Promise.all(clients);
      checkDatabases(t, host.home);
      await host.start();

      const some = earlier.sort(() => Math.random() - 0.5).slice(0, 20);
      for (const slug of [...acknowledged, ...some]) {
        const answer = await login(slug);
        assert.equal(answer.status, 200, `round ${round}: ${slug}: ${answer.text}`);
      }
      // What was never answered either happened whole or not at all.
      const doubtful = [...attempted].filter((slug) => !acknowledged.includes(slug));
      for (const slug of doubtful.slice(0, 20)) {
        if ((await login(slug)).status === 200) continue;
        const again = await call(host.url, "/user-svc/register", {
          json: { appHost: "unnamed", slug, password },
        });
        assert.equal(again.status, 200, `round ${round}: ${slug} is half there: ${again.text}`);
      }
      earlier.push(...acknowledged);
    }
    assert.ok(earlier.length >= ROUNDS);
  },
);
