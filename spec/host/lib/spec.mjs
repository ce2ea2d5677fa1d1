// spec: node:test with a time limit on everything, and the harness in one import.
import test, { after, before, describe } from "node:test";

export { after, before, describe };
export * from "./api.mjs";
export * from "./host.mjs";
export * from "./raw.mjs";
export * from "./upstream.mjs";

/** Long runs, for ./dev soak. */
export const SOAK = process.env.SOAK === "1";

/** it("sentence", fn) or it("sentence", { timeout }, fn): a test that cannot hang for ever. */
export function it(name, options, fn) {
  if (typeof options === "function") [options, fn] = [{}, options];
  return test(name, { timeout: SOAK ? 3_600_000 : 120_000, ...options }, fn);
}
