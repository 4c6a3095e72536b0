/** The supervisor beside a carrier whose shards do as they are told. */
import { expect, test } from "vitest";
import type { ChannelEnd } from "../../src/channels/open-channel.ts";
import { NO_RECOVERY } from "../../src/recovery/recover.ts";
import type { ShardExit, ToShard } from "../../src/shard/messages.ts";
import type { Carrier } from "../../src/workers/carrier.ts";
import { type ShardState, Supervisor } from "../../src/workers/supervisor.ts";

const CORRUPT: ShardExit = { reason: "log_corrupt", message: "bad entry 1-1" };
const NO_END = {} as ChannelEnd;

type Started = Readonly<{ end: (exit: ShardExit) => void; told: ToShard[] }>;

test("a failed shard that is told twice to start, while its log does not answer yet, is started once", async () => {
  const started: Started[] = [];
  const statuses: ShardState[] = [];
  const carrier: Carrier = {
    isolation: "threads",
    start(_init, onMessage) {
      const { promise: exited, resolve: end } = Promise.withResolvers<ShardExit>();
      const told: ToShard[] = [];
      started.push({ end, told });
      if (started.length === 1) {
        onMessage({ type: "claimed", epoch: 1 });
        onMessage({ type: "ready", recovery: NO_RECOVERY });
      }
      return { exited, post: (message) => void told.push(message) };
    },
    channel: () => [NO_END, NO_END],
    close: async () => {},
  };
  const supervisor = new Supervisor({
    carrier,
    archived: async () => undefined,
    init: {
      shards: 1,
      generation: 1,
      instance: "one",
      walUrl: "memory:",
      dataDir: "",
      mayCreate: true,
      allowWeakDurability: false,
      failpoints: [],
    },
    onFatal: (message) => {
      throw new Error(message);
    },
    report: ({ status }) => void statuses.push(status),
  });
  await supervisor.start();
  started[0]?.end(CORRUPT);
  await expect.poll(() => statuses.at(-1)).toBe("failed");

  expect(supervisor.restart(0)).toBe(true);
  expect(supervisor.restart(0)).toBe(true);
  await expect.poll(() => started.length).toBe(2);
  // Whatever the second word has begun has had its turn by the time that the third one is heard.
  expect(supervisor.restart(0)).toBe(true);
  expect(started[1]?.told).toContainEqual({ type: "stop" });
  expect(started.length).toBe(2);
});
