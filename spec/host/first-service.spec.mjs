// "Your first service", for real: a program with the unmodified npm client registers itself and is
// called through the host.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { Configuration, RegistrySvcApi, ResponseError, UserSvcApi } from "@1backend/client";

import {
  after,
  call,
  deadPort,
  instances,
  it,
  login,
  register,
  scratch,
  startHost,
  waitFor,
} from "./lib/spec.mjs";

const program = fileURLToPath(new URL("programs/basic-svc.mjs", import.meta.url));
const host = await startHost({ after });

/** Starts basic-svc and waits until it is registered: { info, stop }. */
async function startService(t, { port, credentials }) {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env.PATH,
      OB_SERVER_URL: host.url,
      OB_SELF_URL: `http://127.0.0.1:${port}`,
      CREDENTIALS: credentials,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "close");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  t.after(stop);
  const line = await waitFor(() => {
    if (child.exitCode !== null) throw new Error(output);
    return /^Service started (.*)$/m.exec(output);
  }, `basic-svc to start: ${output}`);
  return { info: JSON.parse(line[1]), stop };
}

it("a service registers, is listed, verifies tokens and is called through the host", async (t) => {
  const folder = scratch(t);
  const place = { port: await deadPort(), credentials: path.join(folder, "credentials.json") };
  const url = `http://127.0.0.1:${place.port}`;

  const first = await startService(t, place);
  assert.equal(first.info.how, "register");
  assert.equal(first.info.claims["1sl"], "basic-svc");
  assert.equal(first.info.claims["1ui"], first.info.userId);
  assert.deepEqual(first.info.claims["1ro"], ["user-svc:user"]);

  const hello = await call(host.url, "/basic-svc/hello");
  assert.equal(hello.status, 200);
  assert.deepEqual(hello.json, { hello: "world" });
  assert.equal(
    (await call(host.url, "/basic-svc/pet", { method: "PUT", json: { name: "Rex" } })).status,
    200,
  );
  assert.deepEqual((await call(host.url, "/basic-svc/pets", { json: {} })).json, {
    pets: [{ name: "Rex" }],
  });

  const admin = await login(host);
  const who = await call(host.url, "/basic-svc/who", { token: admin });
  assert.deepEqual(
    who.json,
    { slug: "1backend" },
    "the caller's token reaches the service and verifies",
  );

  const [before] = (await instances(host, admin)).filter(
    (instance) => instance.slug === "basic-svc",
  );
  assert.equal(before.url, url);
  assert.match(before.id, /^inst-/);
  await waitFor(async () => {
    const [now] = (await instances(host, admin)).filter(
      (instance) => instance.slug === "basic-svc",
    );
    return now.status === "Healthy" && now.lastHeartbeat > "2020";
  }, "the instance to be healthy");

  await first.stop();
  const second = await startService(t, place);
  assert.equal(second.info.how, "login");
  assert.equal(second.info.userId, first.info.userId);
  const after = (await instances(host, admin)).filter((instance) => instance.slug === "basic-svc");
  assert.deepEqual(
    after.map((instance) => instance.id),
    [before.id],
    "it keeps its instance",
  );
  assert.deepEqual((await call(host.url, "/basic-svc/hello")).json, { hello: "world" });
});

it("the client reads answers and errors of the platform", async () => {
  const users = new UserSvcApi(new Configuration({ basePath: host.url }));
  const { token } = await users.register({
    body: {
      appHost: "unnamed",
      slug: "client-user",
      password: "a good password",
      name: "Client User",
    },
  });
  assert.ok(token.createdAt instanceof Date || typeof token.createdAt === "string");
  assert.ok(Date.parse(token.expiresAt) > Date.now());

  const as = new Configuration({ basePath: host.url, apiKey: () => `Bearer ${token.token}` });
  const self = await new UserSvcApi(as).readSelf({});
  assert.equal(self.user.slug, "client-user");
  assert.equal(self.user.name, "Client User");
  assert.deepEqual(self.roles, ["user-svc:user"]);

  const allowed = await new UserSvcApi(as).hasPermission({ permission: "user-svc:user:create" });
  assert.equal(allowed.authorized, false);

  const list = await new RegistrySvcApi(as).listInstances();
  assert.deepEqual(list.instances ?? [], []);

  await assert.rejects(
    users.login({ body: { appHost: "unnamed", slug: "client-user", password: "wrong" } }),
    (error) => error instanceof ResponseError && error.response.status === 401,
  );
});

it("nobody else can take over or remove what a service registered", async () => {
  const owner = await register(host, "owner-svc");
  const thief = await register(host, "thief-svc");
  const url = "http://127.0.0.1:9";
  const put = (token) =>
    call(host.url, "/registry-svc/instance", { method: "PUT", token, json: { url } });
  assert.equal((await put(owner)).status, 201);
  const taken = await put(thief);
  assert.ok(taken.status >= 400, `${taken.status}`);
  const [{ id, slug }] = await instances(host, owner);
  assert.equal(slug, "owner-svc");
  assert.deepEqual(await instances(host, thief), [], "and does not see it");
  const removed = await call(host.url, `/registry-svc/instance/${id}`, {
    method: "DELETE",
    token: thief,
  });
  assert.equal(removed.status, 401);
  assert.equal((await instances(host, owner)).length, 1);
});
