import { expect, test, vi } from "vitest";
import { decode, encode } from "../../src/actors/pack.ts";
import type { ChannelHandlers } from "../../src/channels/channel.ts";
import type { ChannelEnd } from "../../src/channels/open-channel.ts";
import { ShardLink } from "../../src/gateway/shard-link.ts";
import {
  AWAITED,
  REQUEST,
  type Reply,
  type Request,
  TO_GATEWAY,
  type ToGateway,
} from "../../src/shard/messages.ts";

const PACKED = new Uint8Array(1);

type Shard = Readonly<{
  link: ShardLink;
  sent: Request[][];
  say: (message: ToGateway) => void;
  reply: (replies: readonly Reply[], epoch?: number, seq?: number) => void;
  end: () => void;
}>;

/** A link to a shard that serves. */
function connect(): Shard {
  const sent: Request[][] = [];
  let handlers: ChannelHandlers | undefined;
  const link = new ShardLink({
    shard: 3,
    onFacts: () => {},
    onAllFacts: () => {},
    open: (_, given) => {
      handlers = given;
      return { post: (bytes) => sent.push(decode(bytes) as Request[]), close: () => {} };
    },
  });
  link.attach({} as ChannelEnd);
  const say = (message: ToGateway) => handlers?.receive(encode(message));
  say([TO_GATEWAY.welcome, []]);
  const reply = (replies: readonly Reply[], epoch = 1, seq = 1) =>
    say([TO_GATEWAY.replies, epoch, seq, 5, replies]);
  return { link, sent, say, reply, end: () => handlers?.closed() };
}

test("a thousand requests and a largest batch at once are taken; what exceeds the credits is refused, and fits again later", async () => {
  const { link, reply } = connect();
  const taken = Array.from({ length: 1000 }, () => link.execute(REQUEST.command, PACKED, 1));
  taken.push(link.execute(REQUEST.transfers, new Uint8Array(8 << 20), 10_000));
  const results: Promise<unknown>[] = [];
  for (let i = 0; i < 7; i++) results.push(link.execute(REQUEST.transfers, PACKED, 10_000));
  const refused = (await Promise.allSettled(results.slice(-1)))[0];
  expect(refused).toMatchObject({ status: "rejected", reason: { code: "overloaded" } });
  expect(link.depth).toBeGreaterThan(1000);
  const depth = link.depth;
  reply(Array.from({ length: depth }, (_, no) => [no, null]));
  await Promise.all(taken);
  const again = link.execute(REQUEST.transfers, PACKED, 10_000);
  expect(link.depth).toBe(1);
  for (const left of [...results, again]) left.catch(() => {});
});

test("requests of one tick go out as one message", async () => {
  const { link, sent, reply } = connect();
  const answers = [link.ask("p", ["position"]), link.execute(REQUEST.command, PACKED, 1)];
  await expect.poll(() => sent.length).toBe(1);
  expect(sent[0]?.map(([no]) => no)).toEqual([0, 1]);
  const replies: readonly Reply[] = [
    [1, "b"],
    [0, "a"],
  ];
  reply(replies, 2, 7);
  expect(await Promise.all(answers)).toEqual([
    { at: { epoch: 2, seq: 7 }, timeMs: 5, result: "a" },
    { at: { epoch: 2, seq: 7 }, timeMs: 5, result: "b" },
  ]);
});

test("while the shard has a message in hand, the next one grows; a large one goes ahead", async () => {
  const { link, sent, reply } = connect();
  const answers = [link.execute(REQUEST.command, PACKED, 1)];
  await expect.poll(() => sent.length).toBe(1);
  answers.push(link.execute(REQUEST.command, PACKED, 1));
  await new Promise((resolve) => setImmediate(resolve));
  answers.push(link.execute(REQUEST.command, PACKED, 1));
  expect(sent.length).toBe(1);
  reply([[0, null]]);
  expect(sent.map((message) => message.map(([no]) => no))).toEqual([[0], [1, 2]]);
  answers.push(link.execute(REQUEST.transfers, PACKED, 1000));
  await expect.poll(() => sent.length).toBe(3);
  reply([1, 2, 3].map((no) => [no, null]));
  await Promise.all(answers);
});

test("when the shard ends, what was sent is unknown, what was not is certainly not done, and reads are neither", async () => {
  const { link, sent, end } = connect();
  const command = link.execute(REQUEST.command, PACKED, 1);
  const read = link.ask("p", ["position"]);
  await expect.poll(() => sent.length).toBe(1);
  const unsent = link.execute(REQUEST.command, PACKED, 1);
  end();
  await expect(command).rejects.toMatchObject({ code: "outcome_unknown" });
  await expect(read).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(unsent).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(link.ask("p", ["position"])).rejects.toMatchObject({ code: "log_unavailable" });
});

test("while the log does not answer nothing new is taken", async () => {
  const { link, say } = connect();
  say([TO_GATEWAY.available, false]);
  await expect(link.execute(REQUEST.command, PACKED, 1)).rejects.toMatchObject({ code: "log_unavailable" });
});

test("a request that waits for another shard holds up nothing: what comes after it goes out", async () => {
  const { link, sent, reply } = connect();
  const crossing = [0, 1].map(() => link.execute(REQUEST.transfers, PACKED, 1000));
  await expect.poll(() => sent.length).toBe(1);
  const second = link.execute(REQUEST.transfers, PACKED, 1000);
  await expect.poll(() => sent.length).toBe(2);
  const third = link.execute(REQUEST.command, PACKED, 1);
  reply([
    [0, AWAITED],
    [1, AWAITED],
  ]);
  expect(sent.map((message) => message.map(([no]) => no))).toEqual([[0, 1], [2]]);
  reply([[2, "c"]]);
  expect(sent.at(-1)?.map(([no]) => no)).toEqual([3]);
  reply([
    [3, "d"],
    [1, "b"],
    [0, "a"],
  ]);
  const answers = await Promise.all([...crossing, second, third]);
  expect(answers.map(({ result }) => result)).toEqual(["a", "b", "c", "d"]);
  expect(link.depth).toBe(0);
});

test("when the shard takes too long new requests are refused, and taken again when it is well", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const { link, sent, reply } = connect();
    const answers = [link.execute(REQUEST.command, PACKED, 1)];
    await expect.poll(() => sent.length).toBe(1);
    vi.advanceTimersByTime(900);
    answers.push(link.execute(REQUEST.command, PACKED, 1));
    vi.advanceTimersByTime(200);
    const refused = link.execute(REQUEST.command, PACKED, 1);
    await expect(refused).rejects.toMatchObject({ code: "overloaded" });
    reply([[0, null]]);
    // The last one took too long, and the next is on its way: it is not well yet.
    await expect(link.ask("p", ["position"])).rejects.toMatchObject({ code: "overloaded" });
    reply([[1, null]]);
    answers.push(link.execute(REQUEST.command, PACKED, 1));
    reply([[2, null]]);
    await Promise.all(answers);
  } finally {
    vi.useRealTimers();
  }
});
