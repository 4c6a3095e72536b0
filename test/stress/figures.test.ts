import { expect, test } from "vitest";
import type { Answer, Operation } from "./operation.ts";
import { bystandersOf, speedOf } from "./stats.ts";

const yes: Answer = { is: "accepted", id: "tr_1", replayed: false };
const away: Answer = { is: "not_done", why: "log_unavailable" };

function asked(
  debit: string,
  credit: string,
  ...sendings: [askedMs: number, answeredMs: number, answer: Answer][]
): Operation {
  return {
    key: `${debit}-${credit}`,
    debit,
    credit,
    amount: 1,
    overspends: false,
    inBatch: false,
    sendings: sendings.map(([askedMs, answeredMs, answer]) => ({ askedMs, answeredMs, answer })),
  };
}

test("a request counts as lost by other shards if it concerns only them and fails during the outage", () => {
  const operations = [
    asked("here/a", "here/b", [120, 130, away], [140, 150, yes]),
    asked("@bank", "here/b", [90, 130, yes]),
    // Outside of the outage.
    asked("here/a", "here/c", [10, 20, away]),
    // These need the shard that is down.
    asked("here/a", "victim/a", [120, 130, away]),
    asked("victim/a", "@sales", [120, 130, away]),
  ];
  const { served, lost, losses } = bystandersOf(operations, { downMs: 100, upMs: 200 }, (account) =>
    account.startsWith("victim"),
  );
  expect({ served, lost, losses }).toEqual({
    served: 2,
    lost: 1,
    losses: ["here/a-here/b, here/a to here/b: log_unavailable"],
  });
});

test("throughput counts operations decided within the window, latency those that began and ended in it", () => {
  const operations = [
    asked("a", "b", [0, 1_100, yes]),
    asked("a", "c", [1_200, 1_204, yes], [1_300, 1_301, yes]),
    asked("a", "d", [1_990, 2_001, yes]),
    { ...asked("a", "e", [1_500, 1_900, yes]), inBatch: true },
    asked("a", "f", [1_500, 1_510, away]),
  ];
  expect(speedOf(operations, { fromMs: 1_000, toMs: 2_000 })).toEqual({
    transfers: 3,
    transfersPerSecond: 3,
    p50Ms: 4,
    p99Ms: 4,
    p999Ms: 4,
    maxMs: 4,
  });
});
