// registry-svc on the wire: instances, definitions, nodes, echo.
import assert from "node:assert/strict";

import {
  after,
  call,
  deadPort,
  instances,
  it,
  login,
  register,
  registerInstance,
  startHost,
  upstream,
  waitFor,
} from "./lib/spec.mjs";

const host = await startHost(
  { after },
  { env: { MOONBUS_HEALTH_INTERVAL: "200ms", OB_AZ: "zone-1", OB_REGION: "region-1" } },
);
const registry = (path, options) => call(host.url, `/registry-svc${path}`, options);

let n = 0;
const account = () => register(host, `registry-spec-${++n}`);

it("an instance is listed for its owner with what was registered", async () => {
  const token = await account();
  const answer = await registry("/instance", {
    method: "PUT",
    token,
    json: {
      url: "http://127.0.0.1:9/",
      id: "inst-mine",
      scheme: "http",
      host: "h",
      ip: "1.2.3.4",
      path: "/p",
      deploymentId: "d",
    },
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.text.trim(), "{}");
  const [instance] = await instances(host, token);
  assert.equal(instance.id, "inst-mine");
  assert.equal(instance.url, "http://127.0.0.1:9/");
  assert.equal(instance.slug, `registry-spec-${n}`);
  assert.equal(instance.path, "/p");
  assert.equal(instance.deploymentId, "d");
  const known = [
    "id",
    "url",
    "deploymentId",
    "nodeUrl",
    "lastHeartbeat",
    "path",
    "scheme",
    "host",
    "ip",
    "port",
    "status",
    "details",
    "slug",
    "tags",
  ];
  for (const key of Object.keys(instance)) assert.ok(known.includes(key), `unknown key ${key}`);
  assert.ok(["Unknown", "Healthy", "Degraded", "Unreachable", "Error"].includes(instance.status));
});

it("calls without a token are 422, without the permission 401", async () => {
  const body = { json: { url: "http://127.0.0.1:9" }, method: "PUT" };
  assert.equal((await registry("/instance", body)).status, 422);
  assert.equal((await registry("/instances")).status, 422);
  const token = await account();
  for (const [path, options] of [
    ["/node/self", {}],
    ["/nodes", { method: "POST" }],
    ["/instance/x", { method: "DELETE" }],
    ["/definition/x", { method: "DELETE" }],
  ])
    assert.equal((await registry(path, { ...options, token })).status, 401, path);
});

it("a registration without a usable URL is refused", async () => {
  const token = await account();
  for (const json of [
    {},
    { url: "" },
    { url: "nonsense" },
    { url: "ftp://h:1" },
    { url: "http://" },
    { url: "http://h:99999" },
    { url: "http://u@h:1" },
  ])
    assert.ok(
      (await registry("/instance", { method: "PUT", token, json })).status >= 400,
      JSON.stringify(json),
    );
  assert.equal(
    (await registry("/instance", { method: "PUT", token, json: { url: 5 } })).status,
    400,
  );
  assert.deepEqual(await instances(host, token), []);
});

it("a URL that leads where its owner may not go is refused with the reason", async () => {
  const token = await account();
  const admin = host.adminPort;
  for (const [url, why] of [
    [host.url, "is this host itself"],
    [`http://localhost:${host.port}/x`, "is this host itself"],
    [`http://0x7f.1:${host.port}`, "is this host itself"],
    [`http://[::ffff:127.0.0.1]:${admin}`, "is this host itself"],
    [`http://2130706433:${admin}/reload`, "is this host itself"],
    ["http://169.254.169.254/latest/meta-data", "link-local"],
    ["http://metadata.google.internal", "metadata"],
    ["http://0.0.0.0:9", "no address to connect to"],
  ]) {
    const answer = await registry("/instance", { method: "PUT", token, json: { url } });
    assert.equal(answer.status, 403, url);
    assert.ok(answer.json.error.includes(why), answer.text);
  }
  assert.deepEqual(await instances(host, token), []);
});

it("a strict host takes public addresses only", async (t) => {
  const strict = await startHost(t, { env: { MOONBUS_REGISTRY_STRICT: "true" } });
  const token = await register(strict, "stranger");
  const put = (url) =>
    call(strict.url, "/registry-svc/instance", { method: "PUT", token, json: { url } });
  for (const url of ["http://127.0.0.1:9", "http://10.0.0.1", "http://[fd00::1]"])
    assert.equal((await put(url)).status, 403, url);
  assert.equal((await put("http://[2001:db8::1]:9")).status, 201);
});

it("health follows the instance: healthy, unreachable, healthy again", async (t) => {
  const token = await account();
  const server = await upstream(t);
  await registerInstance(host, token, server.url);
  const status = async () => (await instances(host, token))[0];
  await waitFor(async () => (await status()).status === "Healthy", "healthy");
  const beat = (await status()).lastHeartbeat;
  assert.ok(Math.abs(Date.parse(beat) - Date.now()) < 60_000);
  await waitFor(async () => (await status()).lastHeartbeat > beat, "the next heartbeat");
  server.server.closeAllConnections();
  await new Promise((resolve) => server.server.close(resolve));
  await waitFor(async () => (await status()).status === "Unreachable", "unreachable");
  await new Promise((resolve) => server.server.listen(server.port, "127.0.0.1", resolve));
  await waitFor(async () => (await status()).status === "Healthy", "healthy again");
});

it("many dead instances do not delay the check of a live one", async (t) => {
  const token = await account();
  const ports = await Promise.all(Array.from({ length: 40 }, deadPort));
  // Ports come again: the path tells these from what other tests registered.
  const add = (port) => registerInstance(host, token, `http://127.0.0.1:${port}/dead`);
  await Promise.all(ports.map(add));
  const server = await upstream(t);
  await registerInstance(host, token, server.url);
  await waitFor(
    async () =>
      (await instances(host, token)).find(({ url }) => url === server.url).status === "Healthy",
    "the live one to be healthy",
    10_000,
  );
});

it("lists are filtered by what is asked", async () => {
  const token = await account();
  await registry("/instance", {
    method: "PUT",
    token,
    json: { url: "http://127.0.0.1:9/a", host: "one" },
  });
  await registry("/instance", {
    method: "PUT",
    token,
    json: { url: "http://127.0.0.1:9/b", host: "two" },
  });
  const list = async (query) =>
    (await registry(`/instances${query}`, { token })).json.instances ?? [];
  assert.equal((await list("")).length, 2);
  assert.deepEqual(
    (await list("?host=one")).map(({ url }) => url),
    ["http://127.0.0.1:9/a"],
  );
  assert.deepEqual(await list("?host=three"), []);
  assert.deepEqual(await list("?host=one&slug=somebody"), []);
  const admin = await login(host);
  const all = (await registry(`/instances?slug=registry-spec-${n}`, { token: admin })).json
    .instances;
  assert.equal(all.length, 2);
});

it("an admin removes an instance, also one that is gone already", async () => {
  const token = await account();
  await registerInstance(host, token, "http://127.0.0.1:9/gone");
  const [{ id }] = await instances(host, token);
  const admin = await login(host);
  for (let i = 0; i < 2; i++) {
    const answer = await registry(`/instance/${id}`, { method: "DELETE", token: admin });
    assert.equal(answer.status, 204);
    assert.equal(answer.text, "");
  }
  assert.deepEqual(await instances(host, token), []);
});

it("definitions are kept as they are", async () => {
  const admin = await login(host);
  const definition = {
    id: "def-1",
    image: { name: "nginx", internalPorts: [80] },
    envars: [{ key: "A", value: "b" }],
    clients: [{ language: "Go", url: "github.com/x" }],
  };
  const saved = await registry("/definition", {
    method: "PUT",
    token: admin,
    json: { definition },
  });
  assert.equal(saved.status, 201);
  assert.deepEqual(saved.json, {});
  const list = async () =>
    (await registry("/definitions", { token: admin })).json.definitions ?? [];
  assert.deepEqual(
    (await list()).find(({ id }) => id === "def-1"),
    definition,
  );
  assert.equal(
    (await registry("/definition/def-1", { method: "DELETE", token: admin })).status,
    204,
  );
  assert.deepEqual(await list(), []);
});

it("the host is a node and says how much it uses", async () => {
  const admin = await login(host);
  const { json } = await registry("/node/self", {
    token: admin,
    headers: { "Content-Type": "application/json" },
    method: "GET",
  });
  const { node } = json;
  assert.match(node.id, /^node-/);
  assert.equal(node.availabilityZone, "zone-1");
  assert.equal(node.region, "region-1");
  assert.ok(Math.abs(Date.parse(node.lastHeartbeat) - Date.now()) < 60_000);
  for (const what of ["memory", "disk"]) {
    const { used, total, percent } = node.usage[what];
    assert.ok(Number.isInteger(used) && Number.isInteger(total) && used > 0 && used <= total, what);
    assert.ok(percent > 0 && percent <= 100, what);
  }
  const { nodes } = (await registry("/nodes", { method: "POST", token: admin })).json;
  assert.deepEqual(
    nodes.map(({ id }) => id),
    [node.id],
  );
});

it("a GET may carry the body null", async () => {
  const admin = await login(host);
  const answer = await registry("/node/self", {
    method: "GET",
    token: admin,
    body: "null\n",
    headers: { "Content-Type": "application/json" },
  });
  assert.equal(answer.status, 200);
});

it("echo returns the query and the body", async () => {
  const query = await registry("/echo?a=1&b=x%20y&a=2");
  assert.equal(query.status, 200);
  assert.deepEqual(query.json, { a: ["1", "2"], b: "x y" });
  for (const method of ["POST", "PUT"]) {
    const json = {
      n: 12345678901234567,
      list: [],
      object: {},
      text: "ü\u0000",
      float: 0.1,
      no: null,
    };
    const answer = await registry("/echo", { method, body: JSON.stringify(json) });
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), JSON.parse(JSON.stringify(json)));
  }
  const big = await registry("/echo", { method: "POST", body: '{"n":9007199254740993}' });
  assert.match(big.text, /9007199254740993/, "64-bit integers stay integers");
  assert.equal((await registry("/echo", { method: "POST", body: "{" })).status, 400);
});

it("another's instance is not even an admin's to change", async () => {
  const token = await account();
  await registerInstance(host, token, "http://127.0.0.1:9/mine");
  const answer = await registry("/instance", {
    method: "PUT",
    token: await login(host),
    json: { url: "http://127.0.0.1:9/mine", host: "evil" },
  });
  assert.equal(answer.status, 401);
});

it("a definition has the fields that clients know, of the types they know", async () => {
  const token = await login(host);
  const save = (definition) =>
    registry("/definition", { method: "PUT", token, json: { definition } });
  assert.equal((await save({ id: 5 })).status, 400);
  assert.equal((await save({ id: "a", ports: [{ internal: "x", host: 1 }] })).status, 400);
  const good = {
    id: "typed",
    image: { name: "i", internalPorts: [80] },
    envars: [{ key: "k", value: "v" }],
  };
  assert.equal((await save({ ...good, unknownField: 1 })).status, 201);
  const { definitions } = (await registry("/definitions", { token })).json;
  assert.deepEqual(
    definitions.find(({ id }) => id === "typed"),
    good,
  );
});

it("a node may get an id, or another one, later", async (t) => {
  const moved = await startHost(t, { test: false, env: { OB_SELF_URL: "" } });
  const list = async () =>
    (
      await call(moved.url, "/registry-svc/nodes", {
        method: "POST",
        json: {},
        token: await login(moved),
      })
    ).json.nodes;
  const [{ url }] = await list();
  for (const id of ["n1", "n2"]) {
    moved.options.env = { OB_NODE_ID: id, OB_SELF_URL: url };
    moved.options.args = ["--listen", `127.0.0.1:${new URL(url).port}`];
    await moved.restart();
    const nodes = (await list()).filter((node) => node.url === url);
    assert.deepEqual(
      nodes.map((node) => node.id),
      [id],
    );
  }
});

it("echo answers with a line", async () => {
  const answer = await registry("/echo?a=1&b=2&b=3");
  assert.deepEqual(answer.json, { a: "1", b: ["2", "3"] });
  assert.ok(answer.text.endsWith("}\n"));
  assert.equal((await registry("/echo?a=%zz")).status, 200);
});
