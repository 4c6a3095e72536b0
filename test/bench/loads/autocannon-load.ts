/** A load generator for machines without wrk, as a separate process: `node autocannon-load.ts plan.json` */
import { readFileSync } from "node:fs";
import autocannon, { type AutocannonRequest as Request } from "autocannon";

export type AutocannonPlan = Readonly<{
  url: string;
  method: "GET" | "POST";
  connections: number;
  seconds: number;
  headers: Readonly<Record<string, string>>;
  bodiesFile: string;
  /** The path of each body; if empty, all use the url. */
  paths: readonly string[];
  lengths: readonly number[];
  keyTag: string | undefined;
}>;

function requestsOf({ method, headers, bodiesFile, paths, lengths, keyTag }: AutocannonPlan) {
  const bodies = readFileSync(bodiesFile);
  let turn = 0;
  let at = 0;
  return lengths.map((length, i) => {
    const body = bodies.subarray(at, at + length);
    at += length;
    const path = paths[i];
    const request: Request = {
      method,
      headers: { ...headers },
      ...(length > 0 && { body }),
      ...(path !== undefined && { path }),
    };
    if (keyTag === undefined) return request;
    const setupRequest = (one: Request): Request => {
      turn += 1;
      const key = `${keyTag}-0000-4000-8000-${turn.toString(16).padStart(12, "0")}`;
      return { ...one, headers: { ...one.headers, "Idempotency-Key": key } };
    };
    return { ...request, setupRequest };
  });
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as AutocannonPlan;
const { url, connections, seconds } = plan;
const result = await autocannon({ url, connections, duration: seconds, requests: requestsOf(plan) });
process.stdout.write(JSON.stringify(result));
