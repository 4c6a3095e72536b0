/** Which starts of a shard count as a takeover of its log from another server. */
import { expect, test } from "vitest";
import type { Carrier, ShardInit } from "../../../src/workers/carriers/carrier.ts";
import type { ChannelEnd } from "../../../src/workers/channels/open-channel.ts";
import { NO_RECOVERY } from "../../../src/workers/recovery/recover.ts";
import type { ShardExit } from "../../../src/workers/shard/messages.ts";
import { Supervisor } from "../../../src/workers/supervisor/supervisor.ts";

const CRASHED: ShardExit = { reason: "crashed", message: "a bug" };
const NO_END = {} as ChannelEnd;
const INIT = {
  shards: 1,
  generation: 1,
  instance: "one",
  walUrl: "memory:",
  walReplicas: 1,
  dataDir: "",
  mayCreate: true,
  secretKey: "secret-key-for-tests-0123456789abcdef",
  allowWeakDurability: false,
  failpoints: [],
};

test("until a shard has served, each of its starts counts as a takeover, also if its own server has claimed the log before", async () => {
  const inits: ShardInit[] = [];
  const carrier: Carrier = {
    isolation: "threads",
    start(init, onMessage) {
      inits.push(init);
      const run = inits.length;
      const exited = Promise.withResolvers<ShardExit>();
      queueMicrotask(() => onMessage({ type: "inspected", personKeys: [] }));
      const post: ReturnType<Carrier["start"]>["post"] = ({ type }) => {
        if (type === "claim") onMessage({ type: "claimed", epoch: run });
        if (type !== "proceed") return;
        if (run === 2) onMessage({ type: "ready", recovery: NO_RECOVERY });
        if (run < 3) exited.resolve(CRASHED);
      };
      return { exited: exited.promise, post, end: () => exited.resolve(CRASHED) };
    },
    channel: () => [NO_END, NO_END],
    close: async () => {},
  };
  const ignored = { onFatal: () => {}, report: () => {} };
  const options = { carrier, archived: async () => undefined, init: INIT, ...ignored };
  await new Supervisor(options).start();
  await expect.poll(() => inits.length).toBe(3);
  expect(inits.map(({ takesOver }) => takesOver)).toEqual([true, true, false]);
});
