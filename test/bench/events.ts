/**
 * Measures the feed of events: what a reader of the stream costs the load that makes the events, and the whole feed of
 * a small partner among the records of a large one.
 */
import { get } from "node:http";
import { join } from "node:path";
import { measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { accountId, Daybook } from "./daybook.ts";
import { batchBodies, MEDIA_TYPES, singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";

const BATCH = 1_000;
/** Records of the large partner. */
const RECORDS = { quick: 100_000, full: 1_000_000 } as const;
const RECORDS_PER_REQUEST = 10_000;
const SMALL_PARTNER_EVENTS = 10;

type Load = Readonly<{ name: string; connections: number; size: number }>;

const LOADS: readonly Load[] = [
  { name: "events.reader.single", connections: 64, size: 1 },
  { name: "events.reader.batch", connections: 8, size: BATCH },
];

export async function measureEvents(bench: BenchContext): Promise<void> {
  for (const load of LOADS) if (bench.wants(load.name)) await measureReader(bench, load);
  if (bench.wants("events.small_partner")) await measureSmallPartner(bench);
}

/** The same load with and without a reader of the stream. */
async function measureReader(bench: BenchContext, { name, connections, size }: Load): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  await daybook.createAccounts(accounts);
  const texts = size === 1 ? singleBodies(accounts) : batchBodies("json", size, accounts);
  const load = {
    subject: daybook,
    bodies: writeBodies(join(folder, "bodies"), texts),
    path: size === 1 ? "/v1/transfers" : "/v1/transfers/batch",
    contentType: MEDIA_TYPES.json,
    size,
  };
  const arms = [
    { ...load, name: "with_reader", during: () => followEvents(daybook) },
    { ...load, name: "alone" },
  ] as const;
  await measureLoads(bench, { name, connections: [connections], arms });
  await daybook.stop();
}

/** Reads the stream from now on and discards it. @returns a function that ends it */
async function followEvents({ url, token }: Daybook): Promise<() => void> {
  const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
  const request = get(`${url}/v1/events`, { headers });
  // Ended by this side.
  request.on("error", () => {});
  await new Promise<void>((resolve) => {
    request.on("response", (response) => {
      response.on("error", () => {}).resume();
      resolve();
    });
  });
  return () => void request.destroy();
}

async function measureSmallPartner(bench: BenchContext): Promise<void> {
  const { runs, accounts, shards } = bench.options;
  const records = bench.options.quick ? RECORDS.quick : RECORDS.full;
  const daybook = await Daybook.start({ folder: bench.newFolder(), backend: "sqlite", shards });
  await daybook.createAccounts(accounts);
  const small = await daybook.newPartner("small");
  for (let i = 0; i < SMALL_PARTNER_EVENTS; i++) {
    await small.ask("POST", "/v1/accounts", { id: accountId(i), asset: "PTS/0" });
    await daybook.issue(accounts, records / SMALL_PARTNER_EVENTS, RECORDS_PER_REQUEST);
  }
  await daybook.settle();
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    // Also an event of the large partner, so that this read waits for the idle shards.
    await daybook.issue(accounts, 1, 1);
    const beganMs = performance.now();
    const { data } = await small.get<{ data: readonly unknown[] }>("/v1/events");
    times.push(performance.now() - beganMs);
    if (data.length !== SMALL_PARTNER_EVENTS) throw new Error(`${data.length} events`);
  }
  small.close();
  await daybook.stop();
  bench.emit({ name: "events.small_partner", unit: "ms", settings: { records }, runs: times });
}
