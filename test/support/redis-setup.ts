/** Finds the Redis servers for the tests, once per run: Redis itself, and Valkey, which has WAITAOF. */
import type { TestProject } from "vitest/node";
import { redisProgram } from "./programs.ts";
import { valkeyProgram } from "./valkey.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The path of redis-server or valkey-server. */
    redisServer: string;
    /** The path of valkey-server; or empty. */
    valkeyServer: string;
    /** REDIS_URL, or empty: a running server for tests that need no private one. */
    redisUrl: string;
  }
}

export function setup(project: TestProject): void {
  project.provide("redisServer", redisProgram());
  project.provide("valkeyServer", valkeyProgram() ?? "");
  project.provide("redisUrl", process.env["REDIS_URL"] ?? "");
}
