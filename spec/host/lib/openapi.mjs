// openapi: whether a document is valid OpenAPI: its schema, and what the text of OpenAPI 3.1 says beyond the schema
// about paths and references. Needs no network.
import { Validator } from "@seriousme/openapi-schema-validator";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

const templates = (path) => [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]);

/** All values of "$ref" in a document. */
function* references(value) {
  if (value === null || typeof value !== "object") return;
  if (typeof value.$ref === "string") yield value.$ref;
  for (const inner of Object.values(value)) yield* references(inner);
}

function lookUp(document, reference) {
  if (!reference.startsWith("#/")) return undefined;
  const names = reference.slice(2).split("/");
  return names.reduce(
    (at, name) => at?.[name.replaceAll("~1", "/").replaceAll("~0", "~")],
    document,
  );
}

function* wrongParameters(path, method, parameters) {
  const inPath = parameters.filter((p) => p.in === "path").map((p) => p.name);
  const expected = templates(path);
  if ([...inPath].sort().join() !== [...expected].sort().join())
    yield `${method} ${path}: the path has {${expected}}, the parameters are {${inPath}}`;
  const seen = new Set();
  for (const p of parameters) {
    const key = `${p.in} ${p.name}`;
    if (seen.has(key)) yield `${method} ${path}: two parameters ${key}`;
    seen.add(key);
    if (p.style === "deepObject" && p.in !== "query")
      yield `${method} ${path}: ${p.name} is no query`;
  }
}

function* wrongPaths(paths) {
  const seen = new Map();
  for (const [path, item] of Object.entries(paths ?? {})) {
    const shape = path.replaceAll(/\{[^{}]*\}/g, "{}");
    if (seen.has(shape)) yield `${path} and ${seen.get(shape)} are the same path`;
    seen.set(shape, path);
    for (const method of METHODS)
      if (item[method]) yield* wrongParameters(path, method, item[method].parameters ?? []);
  }
}

/** What is wrong with a document (a value or its text), a sentence each: none when it is valid OpenAPI 3.1. */
export async function problems(document) {
  const value = typeof document === "string" ? JSON.parse(document) : document;
  const validator = new Validator();
  const result = await validator.validate(structuredClone(value));
  const found = result.valid
    ? []
    : [result.errors].flat().map((e) => (typeof e === "string" ? e : JSON.stringify(e)));
  if (result.valid && validator.version !== "3.1") found.push(`it is OpenAPI ${validator.version}`);
  for (const reference of references(value))
    if (lookUp(value, reference) === undefined) found.push(`${reference} leads nowhere`);
  return [...found, ...wrongPaths(value.paths)];
}

/** Throws unless a document (a value or its text) is valid OpenAPI 3.1; returns it as a value. */
export async function validate(document) {
  const found = await problems(document);
  if (found.length > 0) throw new Error(`not valid OpenAPI:\n  ${found.join("\n  ")}`);
  return typeof document === "string" ? JSON.parse(document) : document;
}
