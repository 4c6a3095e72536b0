import { expect, test } from "vitest";
import { type Answered, type Arm, measureLoads, runArm } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { type Load, type LoadGenerator, RefusedLoad } from "./loads/load.ts";
import type { LoadReport } from "./loads/load-report.ts";
import { type Figure, figureOf } from "./measurement.ts";
import { readOptions } from "./options.ts";
import type { Subject } from "./subject.ts";

const BODIES = { file: "/bodies", lengths: [1] };

/** A bench whose load generator answers with these requests per second, in this order. */
class FakeBench {
  readonly figures = new Map<string, Figure>();
  /** The urls and connections of all runs. */
  readonly runs: string[] = [];
  readonly context: BenchContext;
  readonly #rates: number[];

  constructor(rates: readonly number[], only = "") {
    this.#rates = [...rates];
    const load = { name: "fake", run: this.#run.bind(this) } as unknown as LoadGenerator;
    this.context = {
      options: readOptions(["--runs", "2", "--only", only]),
      load,
      newFolder: () => "/none",
      fsyncUs: () => 100,
      wants: (name) => name.startsWith(only),
      emit: (measured) => void this.figures.set(measured.name, figureOf(measured)),
      say: () => {},
    };
  }

  async #run({ url, connections, seconds }: Load): Promise<LoadReport> {
    this.runs.push(`${url} ${connections}`);
    const requests = (this.#rates.shift() ?? 0) * seconds;
    const report = { requests, seconds, failures: requests < 0 ? 3 : 0, p50Ms: 1, p99Ms: 2 };
    if (report.failures > 0) throw new RefusedLoad("/", report);
    return report;
  }
}

/** Uses 10 µs of CPU at each reading. */
function armOf(name: string, more: Partial<Arm> = {}): Arm {
  let us = 0;
  const subject: Subject = {
    url: name,
    token: "t",
    cpuTimes: () => new Map([["main", (us += 10)]]),
    settle: async () => {},
    check: async () => {},
    stop: async () => {},
  };
  return { name, subject, bodies: BODIES, ...more };
}

test("two loads take turns, each round in the other order, and a ratio compares the two runs of a round", async () => {
  // Two warm-ups, then a before b, then b before a.
  const bench = new FakeBench([1, 1, 100, 200, 400, 100]);
  const arms = [armOf("a"), armOf("b")] as const;
  await measureLoads(bench.context, { name: "x", connections: [64], arms });
  expect(bench.runs).toEqual(["a 64", "b 64", "a 64", "b 64", "b 64", "a 64"]);
  expect(bench.figures.get("x.64.a")).toMatchObject({ runs: [100, 100], unit: "transfers/s" });
  expect(bench.figures.get("x.64.b")).toMatchObject({ runs: [200, 400], fsync_p50_us: 100 });
  expect(bench.figures.get("x.64.ratio")).toMatchObject({ runs: [0.5, 0.25], unit: "a ÷ b" });
  expect(bench.figures.get("x.64.a.cpu")?.runs).toEqual([10 / 100, 10 / 100]);
  expect(bench.figures.get("x.64.p99.ratio")?.runs).toEqual([1, 1]);
});

test("only the selected numbers of connections are measured, after one warm-up", async () => {
  const bench = new FakeBench([1, 10, 10], "x.256");
  const arms = [armOf("a", { size: 1000 })] as const;
  await measureLoads(bench.context, { name: "x", connections: [64, 256], arms });
  expect(bench.runs).toEqual(["a 256", "a 256", "a 256"]);
  expect(bench.figures.get("x.256.a")?.value).toBe(10_000);
  expect(bench.figures.has("x.256.a.settle")).toBe(true);
  expect(bench.figures.has("x.256.ratio")).toBe(false);
});

test("what an earlier load has warmed up is not warmed up again", async () => {
  const bench = new FakeBench([10, 10]);
  await measureLoads(bench.context, { name: "x", connections: [64], arms: [armOf("a")], isWarm: true });
  expect(bench.figures.get("x.64.a")?.runs).toEqual([10, 10]);
});

test("the items of a run are counted, and those that a disconnected generator may have left", async () => {
  const answered: Answered = { items: 0, unanswered: 0 };
  const arm = armOf("a", { size: 10, answered, connections: 4 });
  await runArm(new FakeBench([100]).context, arm, 64, 2);
  expect(answered).toEqual({ items: 2000, unanswered: 40 });
});

test("a refused run fails, and its requests are counted all the same", async () => {
  const answered: Answered = { items: 0, unanswered: 0 };
  const bench = new FakeBench([-1]);
  let ended = 0;
  const during = async () => () => void (ended += 1);
  const arm = armOf("a", { answered, during });
  await expect(runArm(bench.context, arm, 2, 1)).rejects.toThrow(RefusedLoad);
  expect(answered.unanswered).toBe(5);
  expect(ended).toBe(1);
});
