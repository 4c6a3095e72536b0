/** The supervisor with a carrier of simulated shards. */
import { expect, onTestFinished, test, vi } from "vitest";
import type { Carrier } from "../../../src/workers/carriers/carrier.ts";
import type { ChannelEnd } from "../../../src/workers/channels/open-channel.ts";
import { NO_RECOVERY } from "../../../src/workers/recovery/recover.ts";
import type { FromShard, ShardExit, ToShard } from "../../../src/workers/shard/messages.ts";
import type { ShardState } from "../../../src/workers/supervisor/supervised.ts";
import { Supervisor } from "../../../src/workers/supervisor/supervisor.ts";

const CORRUPT: ShardExit = { reason: "log_corrupt", message: "bad entry 1-1" };
const NO_END = {} as ChannelEnd;
const STATS = { type: "stats", stats: {} } as FromShard;

/** A simulated shard. It claims and starts when it may, unless it is set to be slow. */
class FakeShard {
  readonly shard: number;
  readonly received: ToShard[] = [];
  readonly exited = Promise.withResolvers<ShardExit>();
  readonly say: (message: FromShard) => void;
  hangs = false;
  /** Simulates a system call that does not return. */
  survives = false;

  constructor(shard: number, say: (message: FromShard) => void) {
    this.shard = shard;
    this.say = say;
  }

  hear(message: ToShard): void {
    this.received.push(message);
    if (this.hangs) return;
    if (message.type === "stats") this.say(STATS);
    if (message.type === "claim") this.say({ type: "claimed", epoch: 1 });
    if (message.type === "proceed") this.say({ type: "ready", recovery: NO_RECOVERY });
  }

  was(type: ToShard["type"]): boolean {
    return this.received.some((message) => message.type === type);
  }

  end(message: string): void {
    if (!this.survives) this.exited.resolve({ reason: "crashed", message });
  }
}

function supervise(
  shards: number,
  options: Readonly<{ isSlow?: boolean; fatal?: string[]; losesAlone?: boolean }> = {},
) {
  const started: FakeShard[] = [];
  const reported: string[] = [];
  const statuses: ShardState[] = [];
  const carrier: Carrier = {
    isolation: "threads",
    start({ shard }, onMessage) {
      const fake = new FakeShard(shard, onMessage);
      started.push(fake);
      if (options.isSlow !== true) queueMicrotask(() => onMessage({ type: "inspected", personKeys: [] }));
      return {
        exited: fake.exited.promise,
        post: (message) => queueMicrotask(() => fake.hear(message)),
        end: (message) => fake.end(message),
      };
    },
    channel: () => [NO_END, NO_END],
    close: async () => {},
  };
  const supervisor = new Supervisor({
    carrier,
    archived: async () => undefined,
    init: {
      shards,
      generation: 1,
      instance: "one",
      walUrl: "memory:",
      walReplicas: 1,
      dataDir: "",
      mayCreate: true,
      secretKey: "secret-key-for-tests-0123456789abcdef",
      allowWeakDurability: false,
      failpoints: [],
    },
    losesAlone: options.losesAlone ?? false,
    onFatal: (message) => {
      if (options.fatal === undefined) throw new Error(message);
      options.fatal.push(message);
    },
    report: ({ shard, status, message }) => {
      statuses.push(status);
      reported.push(`${shard} ${status}: ${message}`);
    },
  });
  return { supervisor, started, statuses, reported };
}

/** Fake timers and monotonic clock. */
function ownTime(): (ms: number) => Promise<unknown> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  return (ms) => vi.advanceTimersByTimeAsync(ms);
}

test("a failed shard that is restarted twice while its log does not answer is started once", async () => {
  const { supervisor, started, statuses } = supervise(1);
  await supervisor.start();
  started[0]?.exited.resolve(CORRUPT);
  await expect.poll(() => statuses.at(-1)).toBe("failed");

  expect(supervisor.restart(0)).toBe(true);
  expect(supervisor.restart(0)).toBe(true);
  await expect.poll(() => started.length).toBe(2);
  // When the third request is handled, everything that the second one started is done.
  expect(supervisor.restart(0)).toBe(true);
  await expect.poll(() => started[1]?.was("stop")).toBe(true);
  expect(started.length).toBe(2);
});

test("no shard claims before all have inspected their logs, and shard 0 claims first", async () => {
  const { supervisor, started } = supervise(3, { isSlow: true });
  const ready = supervisor.start();
  await expect.poll(() => started.length).toBe(3);
  const [zero, one, two] = started as [FakeShard, FakeShard, FakeShard];
  const claiming = () => started.filter((each) => each.was("claim")).map(({ shard }) => shard);
  zero.hangs = true;
  zero.say({ type: "inspected", personKeys: [] });
  one.say({ type: "inspected", personKeys: [] });
  await Promise.resolve();
  expect(claiming()).toEqual([]);
  two.say({ type: "inspected", personKeys: [] });
  await expect.poll(claiming).toEqual([0]);
  zero.hangs = false;
  zero.say({ type: "claimed", epoch: 1 });
  await ready;
  expect(claiming()).toEqual([0, 1, 2]);
});

test.each(["fenced", "log_lost_data", "archive_behind"] as const)(
  "a shard that ends as %s ends the server, in one line",
  async (reason) => {
    const fatal: string[] = [];
    const { supervisor, started } = supervise(2, { fatal });
    await supervisor.start();
    started[1]?.exited.resolve({ reason, message: "what it says" });
    await expect.poll(() => fatal).toEqual([expect.stringMatching(/^shard 1: what it says/)]);
    expect(started.length).toBe(2);
  },
);

test("a log of a cluster that has lost data stops its shard only, until an operator restarts it", async () => {
  const { supervisor, started, reported } = supervise(2, { losesAlone: true });
  await supervisor.start();
  started[1]?.exited.resolve({
    reason: "log_lost_data",
    message: "it ends at 1-1, but has acknowledged 1-4",
  });
  await expect
    .poll(() => supervisor.unready())
    .toEqual(["shard 1 is failed: it ends at 1-1, but has acknowledged 1-4"]);
  expect(reported.at(-1)).toContain("1 failed");
  expect(started.length).toBe(2);
  supervisor.restart(1);
  await expect.poll(() => supervisor.unready()).toEqual([]);
});

test.each(["fenced", "archive_behind"] as const)("in a cluster, too, %s ends the server", async (reason) => {
  const fatal: string[] = [];
  const { supervisor, started } = supervise(2, { fatal, losesAlone: true });
  await supervisor.start();
  started[1]?.exited.resolve({ reason, message: "what it says" });
  await expect.poll(() => fatal).toEqual([expect.stringMatching(/^shard 1: what it says/)]);
});

test("if one shard refuses to start, no other has claimed its log", async () => {
  const { supervisor, started } = supervise(2, { isSlow: true });
  const ready = supervisor.start();
  const refused = Promise.allSettled([ready]);
  await expect.poll(() => started.length).toBe(2);
  started[1]?.say({ type: "inspected", personKeys: [] });
  started[0]?.exited.resolve(CORRUPT);
  expect(await refused).toMatchObject([{ reason: { message: expect.stringContaining("bad entry") } }]);
  expect(started.some((each) => each.was("claim"))).toBe(false);
});

test("a hung shard is not ready after 3 s, is killed after 10 s, and is restarted", async () => {
  const pass = ownTime();
  const { supervisor, started } = supervise(2);
  await supervisor.start();
  const silences: boolean[] = [];
  supervisor.connect({
    party: { kind: "gateway", number: 0 },
    attach: () => {},
    silent: (shard, isSilent) => void silences.push(shard === 1 && isSilent),
  });
  const shard = started[1] as FakeShard;
  await pass(60_000);
  expect(supervisor.unready()).toEqual([]);
  shard.hangs = true;
  await pass(4_000);
  expect(supervisor.unready()).toEqual([
    expect.stringMatching(/^shard 1 is hung: it has not answered for \d s$/),
  ]);
  expect(silences).toEqual([true]);
  expect((await supervisor.shards()).map(({ status, hangs }) => [status, hangs])).toEqual([
    ["ready", 0],
    ["hung", 1],
  ]);
  await pass(8_000);
  expect(started.map(({ shard: number }) => number)).toEqual([0, 1, 1]);
  expect(supervisor.unready()).toEqual([]);
});

test("a silent shard that answers before it is killed continues", async () => {
  const pass = ownTime();
  const { supervisor, started, reported } = supervise(1);
  await supervisor.start();
  const [shard] = started as [FakeShard];
  shard.hangs = true;
  await pass(6_000);
  expect(supervisor.unready()).toHaveLength(1);
  shard.say(STATS);
  expect(supervisor.unready()).toEqual([]);
  expect(reported.at(-1)).toBe("0 ready: it answers again");
  shard.hangs = false;
  await pass(60_000);
  expect(started.length).toBe(1);
});

test("a requested restart kills a hung shard immediately, and one that then falls silent soon", async () => {
  const pass = ownTime();
  const { supervisor, started } = supervise(1);
  await supervisor.start();
  (started[0] as FakeShard).hangs = true;
  await pass(5_000);
  supervisor.restart(0);
  await pass(1);
  expect(started.length).toBe(2);

  await pass(5_000);
  (started[1] as FakeShard).hangs = true;
  supervisor.restart(0);
  await pass(5_000);
  expect(started.length).toBe(3);
  expect(supervisor.unready()).toEqual([]);
});

test("a shard that hangs repeatedly stays down", async () => {
  const pass = ownTime();
  const { supervisor, started, statuses } = supervise(1);
  await supervisor.start();
  for (let hangs = 0; hangs < 6; hangs++) {
    (started.at(-1) as FakeShard).hangs = true;
    await pass(25_000);
  }
  expect(statuses.at(-1)).toBe("failed");
  expect(started.length).toBe(6);
});

test("a shard that cannot be killed is not started a second time", async () => {
  const pass = ownTime();
  const { supervisor, started } = supervise(1);
  await supervisor.start();
  Object.assign(started[0] as FakeShard, { hangs: true, survives: true });
  await pass(120_000);
  expect(started.length).toBe(1);
  expect(supervisor.unready()).toHaveLength(1);
});

test("a shard that ends for lack of file descriptors is restarted until there are some", async () => {
  const pass = ownTime();
  const { supervisor, started, statuses } = supervise(1);
  await supervisor.start();
  for (let ends = 0; ends < 20; ends++) {
    (started.at(-1) as FakeShard).exited.resolve({ reason: "exhausted", message: "EMFILE" });
    await pass(10_000);
  }
  expect(started.length).toBe(21);
  expect(statuses).not.toContain("failed");
  expect(statuses.at(-1)).toBe("ready");
});

test("a lack of file descriptors at its start does not end the server: the shard is retried", async () => {
  const pass = ownTime();
  const { supervisor, started } = supervise(1, { isSlow: true });
  const start = supervisor.start();
  await pass(1);
  started[0]?.exited.resolve({ reason: "exhausted", message: "EMFILE" });
  await pass(1_000);
  started[1]?.say({ type: "inspected", personKeys: [] });
  await pass(1);
  await start;
  expect(supervisor.unready()).toEqual([]);
});
