/** Measures durable transfers per second in batches, by size, encoding and number of connections. */
import { join } from "node:path";
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { batchBodies, ENCODINGS, type Encoding, MEDIA_TYPES } from "./bodies.ts";
import { cpuPerOperation, readCpuTimes } from "./cpu-time.ts";
import { BACKENDS, type Backend, Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { type Bodies, writeBodies } from "./load.ts";
import { type Answered, verifyBooks } from "./verification.ts";

const CONNECTIONS = { quick: [4], full: [1, 2, 4, 8, 16, 32] } as const;
/** For these sizes only the best number of connections is measured in full. */
const SMALL_SIZES = { quick: [1], full: [1, 10, 100] } as const;
const LARGE_SIZE = 1000;
/** Duration of the trial of each number of connections. */
const SCAN_SECONDS = 1;

type Case = Readonly<{ name: string; backend: Backend; encoding: Encoding; size: number }>;

export async function measureBatches(bench: BenchContext): Promise<void> {
  const mode = bench.options.quick ? "quick" : "full";
  for (const backend of BACKENDS) {
    for (const encoding of ENCODINGS) {
      for (const size of SMALL_SIZES[mode]) {
        const name = `batch.${backend}.${encoding}.${size}`;
        if (bench.wants(name)) await measureBest(bench, { name, backend, encoding, size });
      }
      for (const connections of CONNECTIONS[mode]) {
        const name = `batch.${backend}.${encoding}.${LARGE_SIZE}.${connections}`;
        if (bench.wants(name)) {
          await measure(bench, { name, backend, encoding, size: LARGE_SIZE }, connections);
        }
      }
    }
  }
}

async function measureBest(bench: BenchContext, one: Case): Promise<void> {
  const subject = await Subject.start(bench, one);
  let best = { connections: 0, rate: 0 };
  for (const connections of CONNECTIONS[bench.options.quick ? "quick" : "full"]) {
    const { rate } = await subject.run(connections, SCAN_SECONDS);
    if (rate > best.rate) best = { connections, rate };
  }
  await subject.measure(best.connections);
}

async function measure(bench: BenchContext, one: Case, connections: number): Promise<void> {
  const subject = await Subject.start(bench, one);
  await subject.run(connections, warmUpSeconds(bench.options));
  await subject.measure(connections);
}

type Run = Readonly<{ rate: number; cpu: Record<string, number> }>;

/** One server with its load. */
class Subject {
  readonly #bench: BenchContext;
  readonly #case: Case;
  readonly #daybook: Daybook;
  readonly #bodies: Bodies;
  readonly #answered: Answered = { items: 0, unanswered: 0 };

  private constructor(bench: BenchContext, one: Case, daybook: Daybook, bodies: Bodies) {
    this.#bench = bench;
    this.#case = one;
    this.#daybook = daybook;
    this.#bodies = bodies;
  }

  static async start(bench: BenchContext, one: Case): Promise<Subject> {
    const { accounts, shards } = bench.options;
    const folder = bench.newFolder();
    const bodies = writeBodies(join(folder, "bodies"), batchBodies(one.encoding, one.size, accounts));
    const daybook = await Daybook.start({ folder, backend: one.backend, shards });
    await daybook.createAccounts(accounts);
    return new Subject(bench, one, daybook, bodies);
  }

  async run(connections: number, seconds: number): Promise<Run> {
    const { encoding, size } = this.#case;
    const { url, token, pid, redisPid } = this.#daybook;
    const contentType = MEDIA_TYPES[encoding];
    const plan = { url, token, path: "/v1/transfers/batch", contentType, bodies: this.#bodies, connections };
    const before = readCpuTimes(pid, redisPid);
    const report = await this.#bench.load.run({ ...plan, seconds });
    const items = report.requests * size;
    this.#answered.items += items;
    this.#answered.unanswered += connections * size;
    return { rate: items / report.seconds, cpu: cpuPerOperation(before, readCpuTimes(pid, redisPid), items) };
  }

  async measure(connections: number): Promise<void> {
    const { runs, seconds, accounts } = this.#bench.options;
    const daybook = this.#daybook;
    const rates: number[] = [];
    const fsyncUs: number[] = [];
    const catchUps: number[] = [];
    const cpu: Record<string, number>[] = [];
    for (let i = 0; i < runs; i++) {
      await daybook.catchUpMs();
      fsyncUs.push(this.#bench.fsyncUs());
      const run = await this.run(connections, seconds);
      rates.push(run.rate);
      cpu.push(run.cpu);
      catchUps.push(await daybook.catchUpMs());
    }
    // Items are independent, so a refused one would show only here.
    const rejections = await daybook.metric("daybook_rejections_total");
    if (rejections > 0) throw new Error(`${rejections} items were rejected`);
    await verifyBooks(daybook, accounts, this.#answered);
    const shards = (await daybook.shards()).length;
    await daybook.stop();

    const { name, backend, encoding, size } = this.#case;
    const settings = { backend, encoding, size, connections, accounts, seconds, shards, ...SERVER_SETTINGS };
    const { emit } = this.#bench;
    emit({ name, unit: "transfers/s", settings, runs: rates, fsyncUs });
    if (size !== LARGE_SIZE) return;
    emit({ name: `${name}.archive_lag`, unit: "ms until indexed", settings, runs: catchUps, fsyncUs });
    const totals = cpu.map((each) => each["cpu_us_total"]).filter((total) => total !== undefined);
    if (totals.length === 0) return;
    const detail = { ...settings, ...cpu.at(-1) };
    emit({ name: `${name}.cpu`, unit: "µs of CPU per transfer", settings: detail, runs: totals });
  }
}
