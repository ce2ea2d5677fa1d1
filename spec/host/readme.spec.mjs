// The README's walk-through of Lua services, word for word: its commands are run and print what stands
// below them, its files are written, and what it quotes is there.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

import { binary, it, root, runCommand, scratch, startHost, writeFiles } from "./lib/spec.mjs";

const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");

/** Paragraphs, commands and blocks of a chapter, in order. */
function* parts(title) {
  const lines = readme.split(`\n## ${title}\n`)[1].split("\n## ")[0].split("\n");
  while (lines.length) {
    const line = lines.shift();
    if (line.startsWith("```")) {
      const end = lines.indexOf("```");
      yield { block: lines.splice(0, end).join("\n") + "\n", language: line.slice(3) };
      lines.shift();
    } else if (/^ {4}(curl|moonbus) /.test(line)) {
      const shown = [];
      while (/^ {4}(?!curl |moonbus )/.test(lines[0])) shown.push(lines.shift().slice(4));
      yield { command: line.slice(4), shown };
    } else if (line && !line.startsWith("|")) {
      yield { text: line };
    }
  }
}

/** The folder of a reader, with a host that runs there: run(command) gives what was printed. */
async function reader(t) {
  const host = await startHost(t, {
    test: false,
    services: { examples: path.join(root, "services/examples") },
  });
  const bin = scratch(t);
  fs.symlinkSync(binary, path.join(bin, "moonbus"));
  const env = { ...host.env, PATH: `${bin}:${host.env.PATH}` };
  const run = async (command) => {
    const here = command.replace("http://127.0.0.1:58231", host.url);
    const { stdout } = await promisify(execFile)("sh", ["-c", here], { cwd: host.cwd, env });
    return stdout;
  };
  return { cwd: host.cwd, run };
}

function check({ command, shown }, printed) {
  if (shown.length) assert.equal(printed.trimEnd(), shown.join("\n"), command);
}

/** The lines are in the file, in this order. */
function quotes(file, block) {
  const lines = fs.readFileSync(file, "utf8").split("\n");
  for (const line of block.split("\n")) {
    const at = lines.indexOf(line);
    assert.ok(at >= 0, `${file} has no further ${JSON.stringify(line)}`);
    lines.splice(0, at + 1);
  }
}

it("the first Lua service answers as shown, and is what is quoted", async (t) => {
  const { cwd, run } = await reader(t);
  let blocks = 0;
  for (const part of parts("Your first Lua service")) {
    if (part.command) check(part, await run(part.command));
    if (!part.block) continue;
    quotes(path.join(cwd, `services/examples/hello/service.${part.language}`), part.block);
    blocks++;
  }
  assert.equal(blocks, 2);
});

it("a service of one's own is declared, generated, written, tested and called", async (t) => {
  const { cwd, run } = await reader(t);
  let file; // that the text spoke of last
  let answer;
  for (const part of parts("Declaring and generating")) {
    if (part.text) file = /`(services\/shop\/[^`]*)`/.exec(part.text)?.[1] ?? file;
    if (part.command) check(part, (answer = await run(part.command)));
    if (part.language === "lua") fs.writeFileSync(path.join(cwd, file), part.block);
    if (part.language === "yaml") {
      const declaration = fs.readFileSync(path.join(cwd, file), "utf8");
      assert.match(declaration, /^functions:\n/m);
      const filled = declaration.replace(/^functions:\n(?: .*\n)*/m, () => part.block);
      fs.writeFileSync(path.join(cwd, file), filled);
    }
  }
  assert.equal(answer, '{"total":7.5}');
  const written = fs.readFileSync(path.join(cwd, "services/shop/service.lua"), "utf8");
  await run("moonbus gen shop");
  assert.equal(fs.readFileSync(path.join(cwd, "services/shop/service.lua"), "utf8"), written);
});

it("the loop shows what is shown", async (t) => {
  const host = await startHost(t, { test: false, args: ["--dev"] });
  const blocks = [...parts("The loop")].filter((part) => part.block);
  const [yaml, lua, shown] = blocks.map((part) => part.block);
  const folder = path.join(host.cwd, "services/shop");
  const told = (text) => host.waitForLog((entry) => entry.msg.includes(text));
  const from = host.lines.length;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "service.yaml"), yaml);
  await told("loaded     shop.example");
  fs.writeFileSync(path.join(folder, "service.lua"), lua);
  await told("reloaded   shop.example");
  for (const item of ["tea", "cake"])
    await fetch(`${host.url}/shop.example/price?item=${item}&count=3`);
  await told(" 500 ");
  const plain = (text) =>
    text.replace(/^\d\d:\d\d:\d\d\.\d{3}/gm, "TIME").replace(/ +[\d.]+ ms/g, " MS");
  assert.equal(plain(host.lines.slice(from).join("\n")), plain(shown.trimEnd()));

  const session = readme.split("\n    moonbus repl shop\n")[1].split("\n\n")[0].split("\n");
  const lines = session.map((line) => line.slice(4));
  const typed = lines.filter((line) => line.startsWith("shop.example> "));
  const input = typed.map((line) => line.slice("shop.example> ".length)).join("\n");
  const { stdout } = await runCommand(["repl", "shop", "--home", host.home], { input });
  const answers = lines.filter((line) => !line.startsWith("shop.example> "));
  assert.deepEqual(stdout.trimEnd().split("\n"), answers);
});

it("the first policy is tested, comes into force and is listed as shown", async (t) => {
  const { cwd, run } = await reader(t);
  let file; // that the text spoke of last
  let listed;
  for (const part of parts("Your first policy")) {
    if (part.text) file = /`(policies\/registry\w*\.lua)`/.exec(part.text)?.[1] ?? file;
    if (part.language) writeFiles(cwd, { [file]: part.block });
    if (!part.command) continue;
    const printed = await run(part.command);
    check(part, printed);
    if (part.command === "moonbus policy ls") listed = printed;
  }
  const row = listed.split("\n").find((line) => line.startsWith("registry.register "));
  assert.ok(row.endsWith(" policies/registry.lua:4"), listed);
});
