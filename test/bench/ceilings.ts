/** Measures the limit of HTTP alone: an echo of the same requests. */
import { join } from "node:path";
import { measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { EchoServer } from "./echo-server.ts";
import { singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";
import { CONNECTIONS } from "./options.ts";

export async function measureCeilings(bench: BenchContext): Promise<void> {
  if (!bench.wants("ceiling")) return;
  const bodies = writeBodies(join(bench.newFolder(), "bodies"), singleBodies(bench.options.accounts));
  const http = { name: "http", subject: await EchoServer.start("http"), bodies };
  const hono = { name: "hono", subject: await EchoServer.start("hono"), bodies };
  const arms = [hono, http] as const;
  await measureLoads(bench, { name: "ceiling", connections: CONNECTIONS, arms, unit: "request" });
  for (const { subject } of arms) await subject.stop();
}
