// basic-svc: an external service as a user would write it: the unmodified npm client, an account, an
// instance, a real HTTP server. Not part of the harness: it knows nothing but these variables.
//
//   OB_SERVER_URL   the host
//   OB_SELF_URL     where this service listens, as the host shall reach it
//   CREDENTIALS     the file in which it keeps its slug and password between starts
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";

import { Configuration, RegistrySvcApi, UserSvcApi } from "@1backend/client";
import jwt from "jsonwebtoken";

const server = process.env.OB_SERVER_URL;
const self = process.env.OB_SELF_URL;

const client = (Api, token) =>
  new Api(
    new Configuration({
      basePath: server,
      apiKey: token ? () => `Bearer ${token}` : undefined,
    }),
  );

// Account: register at the first start, log in with the saved password afterwards.
async function account() {
  const users = client(UserSvcApi);
  if (fs.existsSync(process.env.CREDENTIALS)) {
    const saved = JSON.parse(fs.readFileSync(process.env.CREDENTIALS, "utf8"));
    const { token } = await users.login({ body: { appHost: "unnamed", ...saved } });
    return { how: "login", token };
  }
  const fresh = { slug: "basic-svc", password: crypto.randomUUID() };
  fs.writeFileSync(process.env.CREDENTIALS, JSON.stringify(fresh), { mode: 0o600 });
  const { token } = await users.register({
    body: { appHost: "unnamed", name: "Basic Svc", ...fresh },
  });
  return { how: "register", token };
}

const { how, token } = await account();

// Tokens are verified offline with the host's public key.
const { publicKey } = await client(UserSvcApi).getPublicKey();
const claims = jwt.verify(token.token, publicKey, { algorithms: ["RS256"] });

function caller(req) {
  const match = /^Bearer (.+)$/.exec(req.headers.authorization ?? "");
  return match ? jwt.verify(match[1], publicKey, { algorithms: ["RS256"] }) : null;
}

const pets = [];
const routes = {
  "GET /basic-svc/hello": () => ({ hello: "world" }),
  "GET /basic-svc/who": (req) => ({ slug: caller(req)?.["1sl"] ?? null }),
  "PUT /basic-svc/pet": (req, body) => {
    pets.push(JSON.parse(body));
    return {};
  },
  "POST /basic-svc/pets": () => ({ pets }),
};

http
  .createServer((req, res) => {
    let body = "";
    req.on("data", (part) => (body += part));
    req.on("end", () => {
      const route = routes[`${req.method} ${req.url.split("?")[0]}`];
      let status = route ? 200 : 404;
      let answer = { error: "Not Found" };
      try {
        if (route) answer = route(req, body);
      } catch {
        [status, answer] = [401, { error: "Unauthorized" }];
      }
      res.writeHead(status, { "Content-Type": "application/json" });
      res.end(JSON.stringify(answer));
    });
  })
  .listen(Number(new URL(self).port), "127.0.0.1", async () => {
    await client(RegistrySvcApi, token.token).registerInstance({ body: { url: self } });
    console.log(`Service started ${JSON.stringify({ how, userId: token.userId, claims })}`);
  });
