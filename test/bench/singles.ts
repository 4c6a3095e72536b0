/**
 * One transfer per request, durable before it is answered, in alternation with the bare Hono echo and the same
 * requests.
 */
import { join } from "node:path";
import { type Answered, measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { BACKENDS, type Backend, Daybook } from "./daybook.ts";
import { EchoServer } from "./echo-server.ts";
import { singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";
import { CONNECTIONS } from "./options.ts";
import { verifyBooks } from "./verification.ts";

export async function measureSingles(bench: BenchContext): Promise<void> {
  for (const backend of BACKENDS) {
    for (const keyed of [false, true]) await measureSingle(bench, backend, keyed);
  }
}

async function measureSingle(bench: BenchContext, backend: Backend, keyed: boolean): Promise<void> {
  const { accounts, shards } = bench.options;
  const name = keyed ? `single.${backend}.keyed` : `single.${backend}.plain`;
  if (!bench.wants(name)) return;
  const folder = bench.newFolder();
  const bodies = writeBodies(join(folder, "bodies"), singleBodies(accounts));
  const daybook = await Daybook.start({ folder, backend, shards });
  await daybook.createAccounts(accounts);
  const answered: Answered = { items: 0, unanswered: 0 };
  const echo = await EchoServer.start("hono");
  const arms = [
    { name: "daybook", subject: daybook, bodies, keyed, answered },
    { name: "echo", subject: echo, bodies, keyed },
  ] as const;
  const settings = { backend, keyed, shards: (await daybook.shards()).length };
  await measureLoads(bench, { name, connections: CONNECTIONS, arms, settings });
  await verifyBooks(daybook, accounts, answered);
  await Promise.all([daybook.stop(), echo.stop()]);
}
