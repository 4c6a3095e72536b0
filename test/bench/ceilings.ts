/** Measures the limit of HTTP alone: an echo of the same requests. */
import { join } from "node:path";
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { MEDIA_TYPES, singleBodies } from "./bodies.ts";
import { ECHO_KINDS, type EchoKind, startEcho } from "./echo-server.ts";
import { writeBodies } from "./load.ts";
import { perSecond } from "./load-report.ts";
import type { Options } from "./options.ts";

const CONNECTIONS = { quick: [256], full: [64, 256] } as const;

export function connectionsOf({ quick }: Options): readonly number[] {
  return quick ? CONNECTIONS.quick : CONNECTIONS.full;
}

export async function measureCeilings(bench: BenchContext): Promise<void> {
  for (const kind of ECHO_KINDS) {
    for (const connections of connectionsOf(bench.options)) {
      const name = `ceiling.${kind}.${connections}`;
      if (bench.wants(name)) await measureCeiling(bench, name, kind, connections);
    }
  }
}

async function measureCeiling(bench: BenchContext, name: string, kind: EchoKind, connections: number) {
  const { options, load } = bench;
  const { accounts, seconds } = options;
  const bodies = writeBodies(join(bench.newFolder(), "bodies"), singleBodies(accounts));
  const echo = await startEcho(kind);
  const plan = {
    url: echo.url,
    path: "/v1/transfers",
    contentType: MEDIA_TYPES.json,
    token: "none",
    bodies,
    connections,
  };
  await load.run({ ...plan, seconds: warmUpSeconds(options) });
  const runs: number[] = [];
  for (let i = 0; i < options.runs; i++) runs.push(perSecond(await load.run({ ...plan, seconds })));
  await echo.stop();
  bench.emit({ name, unit: "requests/s", settings: { connections, seconds, body: "one transfer" }, runs });
}
