// servers: what is measured: Moonbus, nginx, and the upstream behind both. Everything on loopback, with
// folders of its own.
import fs from "node:fs";
import path from "node:path";

import { call, login, register, registerInstance } from "../../host/lib/api.mjs";
import { LOAD_CORE, SERVER_CORE, answered, freePort, start, which } from "./process.mjs";

const small = JSON.stringify({
  id: "inst-eHFTNvAlk9",
  url: "http://127.0.0.1:9311",
  status: "Healthy",
  slug: "skeleton-svc",
  lastHeartbeat: "2026-03-14T09:26:53.589Z",
  tags: ["blue", "green", "canary"],
  weight: 100,
}).padEnd(200, " ");

async function startNginx(core, folder, http, modules = "") {
  fs.mkdirSync(folder, { recursive: true });
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
  const config = path.join(folder, "nginx.conf");
  fs.writeFileSync(
    config,
    `${process.getuid() === 0 ? "user root;" : ""}
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
worker_processes 1;
worker_rlimit_nofile 60000;
${modules}
events { worker_connections 30000; }
http {
access_log off;
sendfile on;
keepalive_requests 100000000;
keepalive_timeout 600s;
${temp}
${http}
}
`,
  );
  return start(core, which("nginx"), ["-p", folder, "-c", config, "-e", `${folder}/error.log`]);
}

/** The service behind both proxies: 200 bytes of JSON, and a file of 1 MiB. */
export async function startUpstream(scratch) {
  const folder = path.join(scratch, "upstream");
  fs.mkdirSync(path.join(folder, "bench-svc"), { recursive: true });
  fs.writeFileSync(path.join(folder, "bench-svc/large"), Buffer.alloc(1 << 20, "moonbus "));
  const port = await freePort();
  const server = await startNginx(
    LOAD_CORE,
    folder,
    `default_type application/json;
server {
  listen 127.0.0.1:${port};
  root ${folder};
  location = /bench-svc/small { add_header X-Was-Tagged $http_x_client; return 200 '${small}'; }
}`,
  );
  const url = `http://127.0.0.1:${port}`;
  await answered(`${url}/bench-svc/small`, server);
  return { ...handle(server), url };
}

/** nginx as people set it up for this: one worker, upstream connections kept. */
export async function startPeer(scratch, upstream) {
  const port = await freePort();
  const modules = "/usr/lib/nginx/modules";
  const server = await startNginx(
    SERVER_CORE,
    path.join(scratch, "nginx"),
    `default_type application/json;
lua_package_cpath "/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/lua/5.1/?.so;;";
upstream backend { server ${new URL(upstream.url).host}; keepalive 128; }
limit_req_zone $binary_remote_addr zone=limited:1m rate=1000000r/s;
server {
  listen 127.0.0.1:${port} backlog=4096;
  location = /static { return 200 '{"status":"ok"}'; }
  location = /hello {
    default_type text/plain;
    content_by_lua_block { ngx.print("Hello, World!") }
  }
  location = /json {
    content_by_lua_block {
      local cjson = require "cjson"
      ngx.req.read_body()
      ngx.print(cjson.encode(cjson.decode(ngx.req.get_body_data())))
    }
  }
  location = /add {
    content_by_lua_block {
      local cjson = require "cjson"
      local args = ngx.req.get_uri_args()
      ngx.print(cjson.encode { sum = tonumber(args.x) + tonumber(args.y) })
    }
  }
  location = /calls {
    content_by_lua_block {
      local cjson = require "cjson"
      local sum = 0
      for _ = 1, tonumber(ngx.var.arg_n) do
        local answer = ngx.location.capture("/add", { args = { x = sum, y = 1 } })
        sum = cjson.decode(answer.body).sum
      end
      ngx.print(cjson.encode { sum = sum })
    }
  }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  location = /tagged {
    access_by_lua_block { ngx.req.set_header("X-Client", ngx.var.remote_addr) }
    proxy_pass http://backend/bench-svc/small;
  }
  location = /limited {
    limit_req zone=limited burst=1000000 nodelay;
    proxy_pass http://backend/bench-svc/small;
  }
  location / { proxy_pass http://backend; }
}`,
    `load_module ${modules}/ndk_http_module.so;\nload_module ${modules}/ngx_http_lua_module.so;`,
  );
  const url = `http://127.0.0.1:${port}`;
  await answered(`${url}/bench-svc/small`, server);
  return { ...handle(server), url };
}

/** Moonbus with one worker, the bench service, and an account that owns the upstream. */
export async function startMoonbus(
  binary,
  scratch,
  { upstream, workers = "1", core = SERVER_CORE, policies } = {},
) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const server = spawnMoonbus(binary, scratch, port, adminPort, workers, core, policies);
  await answered(`${url}/user-svc/public-key`, server);
  if (upstream) {
    const host = { url };
    const token = await register(host, "bench-svc").catch(() =>
      login(host, "bench-svc", "moonbus-spec-1"),
    );
    await registerInstance(host, token, upstream.url);
    await answered(`${url}/bench-svc/small`, server);
  }
  return { ...handle(server), url, adminUrl };
}

export function spawnMoonbus(binary, scratch, port, adminPort, workers, core, policies) {
  const folder = path.join(scratch, "moonbus");
  fs.mkdirSync(folder, { recursive: true });
  const services = new URL("../services", import.meta.url).pathname;
  return start(
    core,
    binary,
    ["run", "--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${adminPort}`],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        MOONBUS_HOME: path.join(folder, "home"),
        MOONBUS_ADMIN_PASSWORD: "changeme",
        MOONBUS_WORKERS: workers,
        MOONBUS_SERVICES: services,
        MOONBUS_LOG_ACCESS: "false",
        MOONBUS_IDLE_TIMEOUT: "600s",
        MOONBUS_KEEPALIVE_REQUESTS: "100000000",
        MOONBUS_WATCH: "false",
        ...(policies && { MOONBUS_POLICIES: policies }),
      },
    },
  );
}

function handle(server) {
  return { pid: server.pid, stop: () => server.stop(), ended: server.ended };
}

/** One figure of Moonbus' metrics. */
export async function figure(server, name) {
  const { text } = await call(server.adminUrl, "/metrics");
  return Number(new RegExp(`^moonbus_${name} (\\S+)`, "m").exec(text)?.[1]);
}
