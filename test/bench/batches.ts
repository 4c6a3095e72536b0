/** Measures durable transfers per second in batches, by size, encoding and number of connections. */
import { join } from "node:path";
import { type Answered, measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { BACKENDS, type Backend, Daybook } from "./daybook.ts";
import { batchBodies, ENCODINGS, type Encoding, MEDIA_TYPES } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";
import { verifyBooks } from "./verification.ts";

const MOST = 32;
/** The large size is the first one, so that its warm-up is long enough for the others. */
const SIZES: readonly Readonly<{ size: number; connections: readonly number[] }>[] = [
  { size: 1000, connections: [1, 8, MOST] },
  { size: 100, connections: [MOST] },
  { size: 10, connections: [MOST] },
  { size: 1, connections: [MOST] },
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
  for (const { size, connections } of SIZES) {
    const bodies = writeBodies(join(folder, "bodies"), batchBodies(encoding, size, accounts));
    const load = { subject: daybook, bodies, size, answered };
    const path = "/v1/transfers/batch";
    await measureLoads(bench, {
      name: `batch.${backend}.${encoding}.${size}`,
      connections,
      arms: [{ name: "daybook", ...load, path, contentType: MEDIA_TYPES[encoding] }],
      settings: { backend, encoding, size, shards: (await daybook.shards()).length },
    });
  }
  // Items are independent: a refused one fails no request, but the check.
  await verifyBooks(daybook, accounts, answered);
  await daybook.stop();
}
