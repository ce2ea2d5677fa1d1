// policies: what a policy costs the requests that pass it, and what the same costs in nginx.
import fs from "node:fs";
import path from "node:path";

import { CONNECTIONS, load, measure, rounds, seconds } from "./lib/load.mjs";
import { startMoonbus, startPeer, startUpstream } from "./lib/servers.mjs";
import { median, micros, printTable, spread, thousands } from "./lib/table.mjs";

// By the file of policies/. The limit is one that nobody reaches: what is measured is counting.
const others = {
  "registry.lua": `return { register = function() return true end }`,
  "user.lua": `return { slug = function() return true end }`,
};
const request = {
  "proxy.lua": `return { request = function(req) req.headers["x-client"] = req.peer end }`,
};
const limit = {
  "proxy.lua": `return { limit = function(req) return req.peer, 1000000, 1000000 end }`,
};

/** A host of its own for a set of policies. */
function start(binary, scratch, upstream, name, files) {
  const home = path.join(scratch, name);
  fs.mkdirSync(path.join(home, "policies"), { recursive: true });
  for (const [file, text] of Object.entries(files))
    fs.writeFileSync(path.join(home, "policies", file), text);
  return startMoonbus(binary, home, { upstream, policies: path.join(home, "policies") });
}

export async function policies(binary, scratch, filter) {
  if (!"proxy with policies".includes(filter)) return false;
  const upstream = await startUpstream(scratch);
  const peer = await startPeer(scratch, upstream);
  const sets = { plain: {}, others, request, limit };
  const hosts = {};
  for (const [name, files] of Object.entries(sets))
    hosts[name] = await start(binary, scratch, upstream, name, files);
  const ours = (name) => ({ server: hosts[name], url: `${hosts[name].url}/bench-svc/small` });
  const theirs = (page) => ({ server: peer, url: peer.url + page });
  const sides = [
    { work: "no policy", name: "moonbus", ...ours("plain"), to: 0 },
    { work: "policies of others", name: "moonbus", ...ours("others"), to: 0 },
    {
      work: "proxy.request sets a header",
      name: "moonbus",
      ...ours("request"),
      to: 0,
      proof: "x-was-tagged",
    },
    {
      work: "proxy.limit by address",
      name: "moonbus",
      ...ours("limit"),
      to: 0,
      proof: "ratelimit-limit",
    },
    { work: "plain", name: "nginx", ...theirs("/bench-svc/small"), to: 4 },
    {
      work: "access_by_lua sets a header",
      name: "nginx",
      ...theirs("/tagged"),
      to: 4,
      proof: "x-was-tagged",
    },
    { work: "limit_req by address", name: "nginx", ...theirs("/limited"), to: 4 },
  ].map((side) => ({ ...side, results: [] }));
  for (const { work, url, proof } of sides) {
    const { headers } = await fetch(url);
    for (const name of ["x-was-tagged", "ratelimit-limit"])
      if (headers.has(name) !== (name === proof)) throw new Error(`${work}: wrong about ${name}`);
    await load(url, { duration: 1 });
  }
  for (let round = 0; round < rounds; round++)
    for (const side of sides) side.results.push(await measure(side.server, side.url));
  const rows = sides.map(({ work, name, results, to }) => {
    const of = (key) => results.map((result) => result[key]);
    const ratios = results.map((result, i) => result.cpu / sides[to].results[i].cpu);
    return [
      work,
      name,
      thousands(median(of("rate"))),
      micros(median(of("p50"))),
      micros(median(of("p99"))),
      median(of("cpu")).toFixed(2),
      spread(ratios),
      of("errors").reduce((sum, n) => sum + n, 0),
    ];
  });
  console.log(
    `Proxied requests (200 bytes, ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s, alternating) and policies.`,
  );
  console.log("CPU ratio: processor time per request over that of the same server without.\n");
  printTable(
    ["proxy with", "server", "requests/s", "p50", "p99", "CPU µs/request", "CPU ratio", "errors"],
    rows,
  );
  await Promise.all([...Object.values(hosts), peer, upstream].map((server) => server.stop()));
  return true;
}
