import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decode, encode } from "../../../src/actors/records/pack.ts";
import { Flows } from "../../../src/gateway/shard-link/flows.ts";
import type { ShardReply } from "../../../src/gateway/shard-link/pending.ts";
import { ShardLink, type ShardLinkOptions } from "../../../src/gateway/shard-link/shard-link.ts";
import type { ChannelHandlers } from "../../../src/workers/channels/channel.ts";
import type { ChannelEnd } from "../../../src/workers/channels/open-channel.ts";
import {
  DEFERRED,
  type Reply,
  type Request,
  TO_GATEWAY,
  type ToGateway,
} from "../../../src/workers/shard/messages.ts";

const PACKED = new Uint8Array(1);

// A link judges its shard by time, which must not pass because this process waits for a processor.
beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

function command(link: ShardLink, partner = "p"): Promise<ShardReply> {
  return link.execute(PACKED, partner, "", 1);
}

/** Sends a batch as one piece. */
async function batch(link: ShardLink, count: number, packed = PACKED, partner = "p"): Promise<ShardReply> {
  return link.executeAll(partner, [{ packed, count, cost: count }])[0] as Promise<ShardReply>;
}

type Shard = Readonly<{
  link: ShardLink;
  sent: Request[][];
  say: (message: ToGateway) => void;
  reply: (replies: readonly Reply[], epoch?: number, seq?: number) => void;
  end: () => void;
}>;

/** Creates a link to a fake shard that serves. */
function connect(options: Partial<ShardLinkOptions> = {}): Shard {
  const sent: Request[][] = [];
  let handlers: ChannelHandlers | undefined;
  const link = new ShardLink({
    ...options,
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

type Answering = Pick<Shard, "link" | "sent" | "reply">;

/** Answers all messages from index `from` on, until no request is left. */
async function answerAll({ link, sent, reply }: Answering, from = 0): Promise<void> {
  for (let at = from; link.depth > 0; at++) {
    await expect.poll(() => sent.length).toBeGreaterThan(at);
    reply((sent[at] as Request[]).map(([requestNumber]) => [requestNumber, null]));
  }
}

test("a thousand requests and a largest batch are accepted at once; requests beyond the credits are refused until some are free", async () => {
  const { link, sent, reply } = connect();
  const taken = Array.from({ length: 1000 }, () => command(link));
  taken.push(batch(link, 10_000, new Uint8Array(8 << 20)));
  const results: Promise<unknown>[] = [];
  for (let i = 0; i < 7; i++) results.push(batch(link, 10_000));
  for (const each of results) each.catch(() => {});
  const refused = (await Promise.allSettled(results.slice(-1)))[0];
  expect(refused).toMatchObject({ status: "rejected", reason: { code: "overloaded" } });
  expect(link.depth).toBeGreaterThan(1000);
  await answerAll({ link, sent, reply });
  await Promise.all(taken);
  const again = batch(link, 10_000);
  expect(link.depth).toBe(1);
  again.catch(() => {});
});

test("requests of one event loop turn are sent as one message", async () => {
  const { link, sent, reply } = connect();
  const answers = [link.ask("p", ["position"]), command(link)];
  await expect.poll(() => sent.length).toBe(1);
  expect(sent[0]?.map(([requestNumber]) => requestNumber)).toEqual([0, 1]);
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

test("while a message is in flight the next one grows; a large one is sent ahead", async () => {
  const { link, sent, reply } = connect();
  const answers = [command(link)];
  await expect.poll(() => sent.length).toBe(1);
  answers.push(command(link));
  await new Promise((resolve) => setImmediate(resolve));
  answers.push(command(link));
  expect(sent.length).toBe(1);
  reply([[0, null]]);
  expect(sent.map((message) => message.map(([requestNumber]) => requestNumber))).toEqual([[0], [1, 2]]);
  answers.push(batch(link, 1000));
  await expect.poll(() => sent.length).toBe(3);
  reply(
    sent
      .slice(1)
      .flat()
      .map(([requestNumber]) => [requestNumber, null]),
  );
  await Promise.all(answers);
});

test("a duplicate answer is not taken for the answer to a newer request in the same slot", async () => {
  const { link, sent, reply } = connect();
  const first = command(link);
  await expect.poll(() => sent.length).toBe(1);
  const [[requestNumber]] = sent[0] as [Request];
  reply([[requestNumber, "a"]]);
  const second = command(link);
  await expect.poll(() => sent.length).toBe(2);
  reply([[requestNumber, "a"]]);
  reply((sent[1] as Request[]).map(([its]) => [its, "b"]));
  expect(await Promise.all([first, second])).toMatchObject([{ result: "a" }, { result: "b" }]);
});

test("when the shard stops, sent commands are outcome_unknown, unsent ones and reads are log_unavailable", async () => {
  const { link, sent, end } = connect();
  const asked = command(link);
  const read = link.ask("p", ["position"]);
  await expect.poll(() => sent.length).toBe(1);
  const unsent = command(link);
  end();
  await expect(asked).rejects.toMatchObject({ code: "outcome_unknown" });
  await expect(read).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(unsent).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(link.ask("p", ["position"])).rejects.toMatchObject({ code: "log_unavailable" });
});

test("while the log does not answer, new requests are refused", async () => {
  const { link, say } = connect();
  say([TO_GATEWAY.available, false]);
  await expect(command(link)).rejects.toMatchObject({ code: "log_unavailable" });
});

test("a request that waits for another shard delays no later request", async () => {
  const { link, sent, reply } = connect();
  const crossing = [0, 1].map(() => batch(link, 1000));
  await expect.poll(() => sent.length).toBe(1);
  const second = batch(link, 1000);
  await expect.poll(() => sent.length).toBe(2);
  const third = command(link);
  reply([
    [0, DEFERRED],
    [1, DEFERRED],
  ]);
  expect(sent.map((message) => message.map(([requestNumber]) => requestNumber))).toEqual([[0, 1], [2]]);
  reply([[2, "c"]]);
  expect(sent.at(-1)?.map(([requestNumber]) => requestNumber)).toEqual([3]);
  reply([
    [3, "d"],
    [1, "b"],
    [0, "a"],
  ]);
  const answers = await Promise.all([...crossing, second, third]);
  expect(answers.map(({ result }) => result)).toEqual(["a", "b", "c", "d"]);
  expect(link.depth).toBe(0);
});

test("while the shard takes too long new requests are refused, and accepted again once it has recovered", async () => {
  const { link, sent, reply } = connect();
  const answers = [command(link)];
  await expect.poll(() => sent.length).toBe(1);
  vi.advanceTimersByTime(900);
  answers.push(command(link));
  vi.advanceTimersByTime(200);
  const refused = command(link);
  await expect(refused).rejects.toMatchObject({ code: "overloaded" });
  reply([[0, null]]);
  // The last message took too long and the next is in flight: still overloaded.
  await expect(link.ask("p", ["position"])).rejects.toMatchObject({ code: "overloaded" });
  reply([[1, null]]);
  answers.push(command(link));
  await expect.poll(() => sent.length).toBe(3);
  reply((sent[2] as Request[]).map(([requestNumber]) => [requestNumber, null]));
  await Promise.all(answers);
});

/** The partners whose requests are in a message; reads name theirs. */
const partnersIn = (message: readonly Request[] | undefined) => message?.map((request) => request[2]);

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("while one partner has many requests waiting, another partner's request is sent with the next message", async () => {
  const { link, sent, reply } = connect();
  const pieces = Array.from({ length: 40 }, () => ({ packed: PACKED, count: 512, cost: 512 }));
  const all: Promise<ShardReply>[] = [...link.executeAll("greedy", pieces)];
  await turn();
  expect(sent.map(({ length }) => length)).toEqual([4, 4]);
  all.push(link.ask("other", ["position"]));
  reply((sent[0] as Request[]).map(([requestNumber]) => [requestNumber, null]));
  expect(partnersIn(sent[2])).toContain("other");
  await answerAll({ link, sent, reply });
  expect((await Promise.all(all)).length).toBe(41);
});

test("no message exceeds 1 MiB, and a single partner may fill one", async () => {
  const { link, sent, reply } = connect();
  const packed = new Uint8Array(256 * 1024);
  const pieces = Array.from({ length: 8 }, () => ({ packed, count: 1, cost: 1 }));
  const all = link.executeAll("p", pieces);
  await turn();
  await answerAll({ link, sent, reply });
  expect(sent.map(({ length }) => length)).toEqual([4, 4]);
  await Promise.all(all);
});

test("only the partner that uses most of the credits is refused", async () => {
  const { link } = connect();
  const taken = Array.from({ length: 7 }, () => batch(link, 10_000, PACKED, "greedy"));
  for (const each of taken) each.catch(() => {});
  const greedy = batch(link, 10_000, PACKED, "greedy");
  await expect(greedy).rejects.toMatchObject({
    code: "overloaded",
    message: expect.stringContaining("your share"),
  });
  const other = batch(link, 10_000, PACKED, "other");
  other.catch(() => {});
  const depth = link.depth;
  command(link, "other").catch(() => {});
  expect(link.depth).toBe(depth + 1);
});

test("only a partner whose batches wait longer than four seconds is refused further ones", async () => {
  const { link, sent, reply } = connect();
  const piece = { packed: PACKED, count: 512, cost: 512 };
  const pieces = Array.from({ length: 80 }, () => piece);
  const all: Promise<ShardReply>[] = [...link.executeAll("greedy", pieces)];
  await turn();
  for (let at = 0; at < 9; at++) {
    // Nothing is known of how fast the shard is yet.
    if (at === 0) all.push(batch(link, 1, PACKED, "greedy"));
    vi.advanceTimersByTime(450);
    reply((sent[at] as Request[]).map(([requestNumber]) => [requestNumber, null]));
  }
  await expect(batch(link, 1, PACKED, "greedy")).rejects.toMatchObject({ code: "overloaded" });
  expect(() => link.checkShare("greedy", [piece])).toThrow("your share");
  expect(() => link.checkShare("other", [piece])).not.toThrow();
  all.push(command(link, "other"), command(link, "greedy"));
  await answerAll({ link, sent, reply }, 9);
  expect((await Promise.all(all)).length).toBe(83);
});

test("a partner's further batches are refused as soon as its queue will take longer than four seconds", async () => {
  const { link, sent, reply } = connect();
  const pieces = Array.from({ length: 80 }, () => ({ packed: PACKED, count: 512, cost: 512 }));
  const all: Promise<ShardReply>[] = [...link.executeAll("greedy", pieces)];
  await turn();
  for (let at = 0; at < 3; at++) {
    vi.advanceTimersByTime(450);
    reply((sent[at] as Request[]).map(([requestNumber]) => [requestNumber, null]));
  }
  await expect(batch(link, 1, PACKED, "greedy")).rejects.toMatchObject({ code: "overloaded" });
  all.push(batch(link, 1, PACKED, "other"), command(link, "greedy"));
  await answerAll({ link, sent, reply }, 3);
  all.push(batch(link, 1, PACKED, "greedy"));
  await answerAll({ link, sent, reply }, sent.length);
  expect((await Promise.all(all)).length).toBe(83);
});

test("batches that wait for other shards delay no single request, and no further batches are sent until then", async () => {
  const { link, sent, reply } = connect();
  const pieces = Array.from({ length: 20 }, () => ({ packed: PACKED, count: 512, cost: 512 }));
  const all: Promise<ShardReply>[] = [command(link, "other"), ...link.executeAll("p", pieces)];
  await turn();
  const early = sent.flat();
  expect(early).toHaveLength(1 + 2);
  reply(early.map(([requestNumber]) => [requestNumber, DEFERRED]));
  all.push(command(link), command(link, "other"));
  await turn();
  expect(sent.at(-1)).toHaveLength(2);
  const at = sent.length - 1;
  reply(early.map(([requestNumber]) => [requestNumber, null]));
  await answerAll({ link, sent, reply }, at);
  expect((await Promise.all(all)).length).toBe(23);
});

test("while several partners use the shard, requests of one beyond a bound wait here", async () => {
  const { link, sent, reply } = connect();
  const all = [command(link, "other"), ...Array.from({ length: 300 }, () => command(link, "greedy"))];
  await turn();
  expect(sent.map(({ length }) => length)).toEqual([1 + 128]);
  const [, ...greedy] = sent[0] as Request[];
  reply(greedy.slice(0, 100).map(([requestNumber]) => [requestNumber, null]));
  expect(sent.map(({ length }) => length)).toEqual([129]);
  await answerAll({ link, sent, reply }, 0);
  expect((await Promise.all(all)).length).toBe(301);
});

test("requests that wait for another shard delay no further ones of their partner", async () => {
  const { link, sent, reply } = connect();
  const all = [command(link, "other"), ...Array.from({ length: 128 }, () => command(link, "p"))];
  await turn();
  const early = sent.flat();
  reply(early.map(([requestNumber]) => [requestNumber, DEFERRED]));
  all.push(command(link, "p"));
  await turn();
  expect(sent.at(-1)).toHaveLength(1);
  reply(early.map(([requestNumber]) => [requestNumber, null]));
  await answerAll({ link, sent, reply }, 1);
  expect((await Promise.all(all)).length).toBe(130);
});

test("owners of one partner share the shard like partners", async () => {
  const { link, sent } = connect();
  link.ask("house", ["position"], "ann").catch(() => {});
  for (let i = 0; i < 200; i++) link.ask("house", ["position"], "bob").catch(() => {});
  await turn();
  expect(sent.map(({ length }) => length)).toEqual([1 + 128]);
});

test("when the shard stops, unsent pieces of batches are log_unavailable", async () => {
  const { link, sent, end } = connect();
  const pieces = Array.from({ length: 20 }, () => ({ packed: PACKED, count: 512, cost: 512 }));
  const all = Promise.allSettled(link.executeAll("p", pieces));
  await turn();
  const sentPieces = sent.flat().length;
  end();
  const codes = (await all).map((each) => each.status === "rejected" && each.reason.code);
  expect(codes).toEqual([
    ...Array.from({ length: sentPieces }, () => "outcome_unknown"),
    ...Array.from({ length: 20 - sentPieces }, () => "log_unavailable"),
  ]);
  expect(link.depth).toBe(0);
});

test("time in which the gateway's own thread was blocked does not count as lateness of the shard", async () => {
  let lagMs = 0;
  const { link, sent, reply } = connect({ lag: { totalMs: () => lagMs } });
  const first = command(link);
  await expect.poll(() => sent.length).toBe(1);
  vi.advanceTimersByTime(3_000);
  lagMs = 2_500;
  const second = command(link);
  reply([[0, null]]);
  reply([[1, null]]);
  await Promise.all([first, second]);
});

test("a gateway's requests at all shards together are bounded, and each partner has a share", async () => {
  const requests = new Flows(8);
  const { link } = connect({ requests });
  const other = connect({ requests });
  for (let i = 0; i < 4; i++) command(i < 2 ? link : other.link, "greedy").catch(() => {});
  await expect(command(link, "greedy")).rejects.toMatchObject({ code: "overloaded" });
  await expect(command(other.link, "greedy")).rejects.toMatchObject({ code: "overloaded" });
  command(link, "p").catch(() => {});
  expect(link.depth).toBe(3);
  expect([link.requestsOf("greedy"), link.requestsOf("p"), link.requestsOf("nobody")]).toEqual([4, 1, 0]);
});
