/** One contract for both carriers of shards. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { CommandWriter } from "../../../src/actors/records/codec.ts";
import { ShardLink } from "../../../src/gateway/shard-link/shard-link.ts";
import type { Carrier, RunningShard, ShardInit } from "../../../src/workers/carriers/carrier.ts";
import { ProcessCarrier, type ProcessCarrierOptions } from "../../../src/workers/carriers/process-carrier.ts";
import { ThreadCarrier } from "../../../src/workers/carriers/thread-carrier.ts";
import { SocketFolder } from "../../../src/workers/channels/socket-folder.ts";
import { parseFailpoints } from "../../../src/workers/shard/failpoint.ts";
import type { FromShard, ToShard } from "../../../src/workers/shard/messages.ts";
import { Supervisor } from "../../../src/workers/supervisor/supervisor.ts";
import { isAlive, testFolder, within } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { account } from "../shard/memory-shards.ts";

const SHARDS = 2;
const GATEWAY = { kind: "gateway", number: 0 } as const;
const ODD = join(import.meta.dirname, "odd-process.ts");

function initOf(dataDir: string, shard = 0): ShardInit {
  return {
    shard,
    shards: SHARDS,
    generation: 1,
    instance: "one",
    walUrl: `sqlite:${dataDir}/wal`,
    walReplicas: 1,
    dataDir,
    archived: undefined,
    mayCreate: true,
    secretKey: "secret-key-for-tests-0123456789abcdef",
    allowWeakDurability: false,
    failpoints: [],
  };
}

/** A shard, its messages, and a gateway's link to it. */
class Carried {
  readonly link: ShardLink;
  readonly messages: FromShard[] = [];
  readonly running: RunningShard;

  constructor(carrier: Carrier, init: ShardInit) {
    this.link = new ShardLink({ shard: init.shard, onFacts: () => {}, onAllFacts: () => {} });
    this.running = carrier.start(init, (message) => {
      this.messages.push(message);
      if (message.type === "inspected") this.running.post({ type: "claim" });
      if (message.type === "claimed") this.running.post({ type: "proceed" });
    });
    const [here, there] = carrier.channel();
    this.running.post({ type: "channel", party: GATEWAY, end: here });
    this.link.attach(there);
  }

  async serves(): Promise<this> {
    await within(20_000, "the shard serves", Promise.race([this.link.welcomed, this.running.exited]));
    expect(this.link.serves, JSON.stringify(this.messages)).toBe(true);
    return this;
  }

  async figures() {
    this.running.post({ type: "stats" });
    await until("it reports its stats", () => this.messages.some(({ type }) => type === "stats"));
    const reported = this.messages.findLast((message) => message.type === "stats");
    return reported?.stats;
  }

  /** Opens an account. */
  ask() {
    const commands = new CommandWriter();
    commands.add(account("alice/points"));
    return this.link.execute(commands.take(), "acme", "", 1);
  }

  get exited() {
    return within(10_000, "the shard ends", this.running.exited);
  }
}

function ending<C extends Carrier>(carrier: C): C {
  onTestFinished(() => carrier.close());
  return carrier;
}

const carriers = {
  threads: () => ending(new ThreadCarrier(SHARDS)),
  processes: () => ending(new ProcessCarrier()),
};

describe.each(Object.entries(carriers))("shards as %s", (isolation, newCarrier) => {
  test("a shard starts, serves over a channel, reports its stats, and stops when it is told to", async () => {
    const carried = await new Carried(newCarrier(), initOf(testFolder())).serves();
    expect(await carried.link.ask("acme", ["position"])).toMatchObject({ result: null });
    const figures = await carried.figures();
    expect(figures).toMatchObject({ epoch: 1, accounts: 0 });
    expect(figures?.pid === process.pid).toBe(isolation === "threads");
    expect(figures?.heapBytes).toBeGreaterThan(1_000_000);
    carried.running.post({ type: "stop" });
    expect(await carried.exited).toEqual({ reason: "stopped", message: "stopped" });
    expect(carried.messages.map(({ type }) => type)).toEqual(["inspected", "claimed", "ready", "stats"]);
    await until("the other end of its channel notices", () => !carried.link.serves);
    // The shard has ended; the message must do no harm.
    carried.running.post({ type: "stop" });
  });

  test("a shard in an endless loop is killed, has exited when this is reported, and the next run continues", async () => {
    const carrier = newCarrier();
    const init = initOf(testFolder());
    const looping = new Carried(carrier, { ...init, failpoints: parseFailpoints("0:before_decide@1!") });
    await looping.serves();
    const asked = looping.ask();
    looping.running.end("it hangs");
    await expect(asked).rejects.toMatchObject({ code: "outcome_unknown" });
    expect(await looping.exited).toEqual({ reason: "crashed", message: "it hangs" });
    const next = await new Carried(carrier, init).serves();
    expect(await next.ask()).toMatchObject({ at: { epoch: 2, seq: 1 } });
  });

  test("a shard reports why it ended, and the next run continues in its place", async () => {
    const carrier = newCarrier();
    const init = initOf(testFolder());
    const missing = new Carried(carrier, { ...init, mayCreate: false });
    expect(await missing.exited).toMatchObject({ reason: "log_lost_data" });
    const nonsense = new Carried(carrier, { ...init, walUrl: "nonsense:" });
    const { reason, message } = await nonsense.exited;
    expect({ reason, message }).toMatchObject({
      reason: "crashed",
      message: expect.stringContaining("WAL_URL"),
    });

    const failing = new Carried(carrier, { ...init, failpoints: parseFailpoints("0:before_decide@1") });
    await failing.serves();
    await expect(failing.ask()).rejects.toMatchObject({ code: "outcome_unknown" });
    expect(await failing.exited).toMatchObject({
      reason: "crashed",
      message: expect.stringContaining("failpoint before_decide"),
    });
    const next = await new Carried(carrier, init).serves();
    expect(next.messages).toContainEqual({ type: "claimed", epoch: 2 });
  });

  test("a shard whose log another instance has claimed ends as fenced", async () => {
    const carrier = newCarrier();
    const init = initOf(testFolder());
    const old = await new Carried(carrier, init).serves();
    const another = new Carried(carrier, { ...init, instance: "another" });
    expect(await old.exited).toMatchObject({ reason: "fenced" });
    await another.serves();
  });

  test("closing the carrier ends all running shards", async () => {
    const carrier = newCarrier();
    const dataDir = testFolder();
    const all = [0, 1].map((shard) => new Carried(carrier, initOf(dataDir, shard)));
    await Promise.all(all.map((carried) => carried.serves()));
    const pids = await Promise.all(all.map(async (carried) => (await carried.figures())?.pid ?? 0));
    await within(5_000, "it has closed", carrier.close());
    for (const { exited } of all) expect((await exited).reason).toBe("crashed");
    if (isolation === "processes") expect(pids.filter(isAlive)).toEqual([]);
  });

  test("a channel that breaks between two running parties is replaced", async () => {
    const dataDir = testFolder();
    const carrier = newCarrier();
    const supervisor = new Supervisor({
      carrier,
      archived: async () => undefined,
      init: initOf(dataDir),
      onFatal: expect.unreachable,
      report: () => {},
    });
    const links = [0, 1].map((shard) => new ShardLink({ shard, onFacts: () => {}, onAllFacts: () => {} }));
    const [first, second] = [0, 1].map(() => Promise.withResolvers<void>());
    let attached = 0;
    supervisor.connect({
      party: GATEWAY,
      attach: (shard, end) => {
        links[shard]?.attach(end);
        if (shard === 0) attached += 1;
        if (attached === 1) first?.resolve();
        if (attached === 2) second?.resolve();
      },
    });
    await supervisor.start();
    await within(5_000, "there is a channel", first?.promise ?? Promise.resolve());
    await links[0]?.welcomed;
    // Another end in its place: the old one is closed without notice to the shard.
    links[0]?.attach(carrier.channel()[1]);
    expect(links[0]?.serves).toBe(false);
    await within(5_000, "there is another one", second?.promise ?? Promise.resolve());
    await until("it serves again", () => links[0]?.serves === true);
    expect(await links[0]?.ask("acme", ["position"])).toMatchObject({ result: null });
    expect((await supervisor.shards()).map(({ restarts }) => restarts)).toEqual([0, 0]);
    await supervisor.stop();
  });
});

/** Runs a program that is no shard. @returns how it ended */
async function endOf(how: string, options: ProcessCarrierOptions = {}) {
  const carrier = ending(new ProcessCarrier({ program: ODD, ...options }));
  const running = carrier.start({ ...initOf("unused"), walUrl: how }, () => {});
  const exit = await within(10_000, "it ends", running.exited);
  return exit.message;
}

describe("a shard's process", () => {
  test("that is killed has crashed, and callers that wait for it are told", async () => {
    const carried = await new Carried(ending(new ProcessCarrier()), initOf(testFolder())).serves();
    const pid = (await carried.figures())?.pid ?? 0;
    process.kill(pid, "SIGKILL");
    expect(await carried.exited).toEqual({
      reason: "crashed",
      message: `its process (pid ${pid}) was ended by SIGKILL`,
    });
    await until("the gateway has noticed", () => !carried.link.serves);
  });

  test("that was paused and replaced is fenced by its log when it continues", async () => {
    const carrier = ending(new ProcessCarrier());
    const init = initOf(testFolder());
    const halted = await new Carried(carrier, init).serves();
    const pid = (await halted.figures())?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    const next = await new Carried(carrier, { ...init, claimedEpoch: 1 }).serves();
    const asked = halted.ask();
    process.kill(pid, "SIGCONT");
    await expect(asked).rejects.toMatchObject({ code: "outcome_unknown" });
    expect(await halted.exited).toMatchObject({ reason: "fenced" });
    expect(await next.ask()).toMatchObject({ at: { epoch: 2, seq: 1 } });
  });

  test("that exits without a message has crashed", async () => {
    expect(await endOf("ends with code 7")).toMatch(/ended with code 7$/);
  });

  test("that throws an uncaught error reports it", async () => {
    const carried = await new Carried(ending(new ProcessCarrier()), initOf(testFolder())).serves();
    carried.running.post(null as unknown as ToShard);
    expect(await carried.exited).toMatchObject({
      reason: "crashed",
      message: expect.stringContaining("TypeError"),
    });
  });

  test("that never starts is killed", async () => {
    expect(await endOf("never begins", { startMsMax: 300 })).toBe("its process did not begin within 0.3 s");
  });

  test("that does not exit after its IPC channel is closed is killed", async () => {
    const carrier = ending(new ProcessCarrier({ program: ODD, endMsMax: 300 }));
    const running = carrier.start({ ...initOf("unused"), walUrl: "never begins" }, () => {});
    await within(5_000, "all have ended", carrier.close());
    expect((await running.exited).message).toBe("its process did not end within 0.3 s");
  });

  test("keeps its sockets in a folder that no other user can enter, and removes it", async () => {
    const folder = testFolder();
    vi.stubEnv("TMPDIR", folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    const carrier = new ProcessCarrier();
    const [name = ""] = readdirSync(folder);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o700);
    expect(carrier.channel()[0].path.startsWith(join(folder, name))).toBe(true);
    await carrier.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("the path of a socket is short enough, wherever the folder for temporary files is", () => {
    const folder = new SocketFolder(join(testFolder(), "a".repeat(80)));
    onTestFinished(() => folder.remove());
    expect(folder.pair()[0].path.length).toBeLessThan(100);
  });
});
