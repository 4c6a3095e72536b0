/** Measures durable transfers per second in batches, by size, encoding and number of connections. */
import { join } from "node:path";
import { type Answered, measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { BACKENDS, type Backend, Daybook } from "./daybook.ts";
import { batchBodies, ENCODINGS, type Encoding, MEDIA_TYPES } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";
import { verifyBooks } from "./verification.ts";

const MOST = 32;
const SIZES: readonly Readonly<{ size: number; connections: readonly number[] }>[] = [
  { size: 1000, connections: [1, 8, MOST] },
  { size: 100, connections: [MOST] },
  { size: 10, connections: [MOST] },
];

export async function measureBatches(bench: BenchContext): Promise<void> {
  for (const backend of BACKENDS) {
    for (const encoding of ENCODINGS) {
      if (bench.wants(`batch.${backend}.${encoding}`)) await measureEncoding(bench, backend, encoding);
    }
  }
}

async function measureEncoding(bench: BenchContext, backend: Backend, encoding: Encoding): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend, shards });
  await daybook.createAccounts(accounts);
  const answered: Answered = { items: 0, unanswered: 0 };
  const name = `batch.${backend}.${encoding}`;
  const wanted = SIZES.filter(({ size }) => bench.wants(`${name}.${size}`));
  for (const { size, connections } of wanted) {
    const bodies = writeBodies(join(folder, "bodies"), batchBodies(encoding, size, accounts));
    const load = { subject: daybook, bodies, size, answered };
    const path = "/v1/transfers/batch";
    await measureLoads(bench, {
      name: `${name}.${size}`,
      connections,
      arms: [{ name: "daybook", ...load, path, contentType: MEDIA_TYPES[encoding] }],
      isWarm: size !== wanted[0]?.size,
      settings: { backend, encoding, size, shards: (await daybook.shards()).length },
    });
  }
  // Items are independent: a refused one fails no request, but the check.
  await verifyBooks(daybook, accounts, answered);
  await daybook.stop();
}
