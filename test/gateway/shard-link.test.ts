import { expect, test } from "vitest";
import { decode, encode } from "../../src/actors/pack.ts";
import { ShardLink } from "../../src/gateway/shard-link.ts";
import { REQUEST, type Request } from "../../src/shard/messages.ts";

const PACKED = new Uint8Array(1);

function connect(): { link: ShardLink; sent: Request[][] } {
  const link = new ShardLink(3, () => {});
  const sent: Request[][] = [];
  link.attach((bytes) => sent.push(decode(bytes) as Request[]));
  return { link, sent };
}

test("a thousand requests and a largest batch at once are taken; what exceeds the credits is refused, and fits again later", async () => {
  const { link } = connect();
  const taken = Array.from({ length: 1000 }, () => link.execute(REQUEST.command, PACKED, 1));
  taken.push(link.execute(REQUEST.transfers, new Uint8Array(8 << 20), 10_000));
  const results: Promise<unknown>[] = [];
  for (let i = 0; i < 5; i++) results.push(link.execute(REQUEST.transfers, PACKED, 10_000));
  const refused = (await Promise.allSettled(results.slice(-1)))[0];
  expect(refused).toMatchObject({ status: "rejected", reason: { code: "overloaded" } });
  expect(link.depth).toBeGreaterThan(1000);
  const depth = link.depth;
  link.receive(encode([1, 1, 5, [], Array.from({ length: depth }, (_, no) => [no, null])]));
  await Promise.all(taken);
  const again = link.execute(REQUEST.transfers, PACKED, 10_000);
  expect(link.depth).toBe(1);
  for (const left of [...results, again]) left.catch(() => {});
});

test("requests of one tick go out as one message", async () => {
  const { link, sent } = connect();
  const answers = [link.ask("p", ["position"]), link.execute(REQUEST.command, PACKED, 1)];
  await expect.poll(() => sent.length).toBe(1);
  expect(sent[0]?.map(([no]) => no)).toEqual([0, 1]);
  link.receive(
    encode([
      2,
      7,
      5,
      [],
      [
        [1, "b"],
        [0, "a"],
      ],
    ]),
  );
  expect(await Promise.all(answers)).toEqual([
    { at: { epoch: 2, seq: 7 }, timeMs: 5, result: "a" },
    { at: { epoch: 2, seq: 7 }, timeMs: 5, result: "b" },
  ]);
});

test("while the shard has a message in hand, the next one grows; a large one goes ahead", async () => {
  const { link, sent } = connect();
  const answers = [link.execute(REQUEST.command, PACKED, 1)];
  await expect.poll(() => sent.length).toBe(1);
  answers.push(link.execute(REQUEST.command, PACKED, 1));
  await new Promise((resolve) => setImmediate(resolve));
  answers.push(link.execute(REQUEST.command, PACKED, 1));
  expect(sent.length).toBe(1);
  link.receive(encode([1, 1, 5, [], [[0, null]]]));
  expect(sent.map((message) => message.map(([no]) => no))).toEqual([[0], [1, 2]]);
  answers.push(link.execute(REQUEST.transfers, PACKED, 1000));
  await expect.poll(() => sent.length).toBe(3);
  link.receive(encode([1, 2, 5, [], [1, 2, 3].map((no) => [no, null])]));
  await Promise.all(answers);
});

test("when the shard ends, what was sent is unknown, what was not is certainly not done, and reads are neither", async () => {
  const { link, sent } = connect();
  const command = link.execute(REQUEST.command, PACKED, 1);
  const read = link.ask("p", ["position"]);
  await expect.poll(() => sent.length).toBe(1);
  const unsent = link.execute(REQUEST.command, PACKED, 1);
  link.detach();
  await expect(command).rejects.toMatchObject({ code: "outcome_unknown" });
  await expect(read).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(unsent).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(link.ask("p", ["position"])).rejects.toMatchObject({ code: "log_unavailable" });
});

test("while the log does not answer nothing new is taken", async () => {
  const { link } = connect();
  link.setLogAvailable(false);
  await expect(link.execute(REQUEST.command, PACKED, 1)).rejects.toMatchObject({ code: "log_unavailable" });
});
