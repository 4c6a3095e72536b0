/** Load from a separate process: wrk if it is on the PATH, otherwise autocannon. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../child-processes.ts";
import type { AutocannonPlan } from "./autocannon-load.ts";
import { type LoadReport, parseAutocannon, parseWrk } from "./load-report.ts";
import { wrkScript } from "./wrk-script.ts";

export type Load = Readonly<{
  url: string;
  path: string;
  contentType: string;
  token: string;
  bodies: Bodies;
  connections: number;
  seconds: number;
  /** Whether each request has a new Idempotency-Key. */
  keyed?: boolean;
  /** Default: POST. A GET has empty bodies, and so a path for each. */
  method?: Method;
}>;

export type Method = "GET" | "POST";

/** Prebuilt bodies in a file, so that the generator only has to send. */
export type Bodies = Readonly<{
  file: string;
  lengths: readonly number[];
  /** The path of each body, if not all use the load's path. */
  paths?: readonly string[];
}>;

export function writeBodies(
  file: string,
  bodies: readonly (string | Uint8Array)[],
  paths?: readonly string[],
): Bodies {
  const buffers = bodies.map((body) => Buffer.from(body as Uint8Array));
  writeFileSync(file, Buffer.concat(buffers));
  return { file, lengths: buffers.map(({ length }) => length), ...(paths !== undefined && { paths }) };
}

const WRK = "wrk";

export class RefusedLoad extends Error {
  readonly report: LoadReport;

  constructor(path: string, report: LoadReport) {
    super(`${report.failures} of ${report.requests} requests to ${path} failed`);
    this.report = report;
  }
}

export class LoadGenerator {
  /** The program and its version, for the report. */
  readonly name: string;
  readonly #wrk: boolean;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    // wrk prints its version together with its usage, and exits with 1.
    const { error, stdout } = spawnSync(WRK, ["--version"], { encoding: "utf8" });
    this.#wrk = error === undefined;
    this.name = this.#wrk ? (/^wrk \S+/.exec(stdout)?.[0] ?? "wrk") : `autocannon ${autocannonVersion()}`;
  }

  /** @throws RefusedLoad if any request failed: a rate of refusals would be meaningless. */
  async run(load: Load): Promise<LoadReport> {
    const report = this.#wrk ? await this.#runWrk(load) : await this.#runAutocannon(load);
    if (report.failures > 0) throw new RefusedLoad(load.path, report);
    return report;
  }

  async #runWrk({ url, method = "POST", path, contentType, token, bodies, connections, ...rest }: Load) {
    const { seconds, keyed } = rest;
    const file = join(this.#folder, "load.lua");
    const keyTag = keyed ? newKeyTag() : undefined;
    const { file: bodiesFile, lengths, paths = [] } = bodies;
    const script = { method, path, paths, contentType, token, bodiesFile, lengths, keyTag };
    writeFileSync(file, wrkScript(script));
    const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", file, url];
    return parseWrk(await run(WRK, args, { timeoutMs: (seconds + 20) * 1000 }));
  }

  async #runAutocannon({
    url,
    method = "POST",
    path,
    contentType,
    token,
    bodies,
    connections,
    ...rest
  }: Load) {
    const { seconds, keyed } = rest;
    const file = join(this.#folder, "load.json");
    const plan: AutocannonPlan = {
      url: `${url}${path}`,
      method,
      paths: bodies.paths ?? [],
      connections,
      seconds,
      headers: { "Content-Type": contentType, Authorization: `Bearer ${token}` },
      bodiesFile: bodies.file,
      lengths: bodies.lengths,
      keyTag: keyed ? newKeyTag() : undefined,
    };
    writeFileSync(file, JSON.stringify(plan));
    const program = fileURLToPath(new URL("autocannon-load.ts", import.meta.url));
    return parseAutocannon(
      await run(process.execPath, [program, file], { timeoutMs: (seconds + 30) * 1000 }),
    );
  }
}

function newKeyTag(): string {
  return randomBytes(4).toString("hex");
}

function autocannonVersion(): string {
  const path = createRequire(import.meta.url).resolve("autocannon/package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
