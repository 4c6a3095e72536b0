import { expect, test } from "vitest";
import type { Problem } from "../../../src/http/problem.ts";
import { IncomingBodies, IncomingBody, WaitingBodies } from "../../../src/http/server/incoming-bodies.ts";

const MIB = 1024 * 1024;

function bodies(heldMax: number) {
  const all = new IncomingBodies(heldMax);
  const refused: [string, string][] = [];
  const begin = (name: string, bytesMax = 8 * MIB) =>
    new IncomingBody(bytesMax, ({ code }: Problem) => refused.push([name, code]));
  return { all, refused, begin };
}

test("a body is assembled from pieces of any size", () => {
  const { all, begin } = bodies(MIB);
  const sent = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  const body = begin("one");
  for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7) % 9001)
    all.add(body, sent.subarray(at, at + size));
  expect(body.whole()).toEqual(sent);
  expect(all.held).toBeLessThan(4 * sent.length);
  all.remove(body);
  expect(all.held).toBe(0);
});

test("a body in very small pieces is refused, and one in packet-sized pieces is not", () => {
  const { all, begin } = bodies(64 * MIB);
  const drips = begin("drips");
  expect(() => {
    for (let i = 0; i < 100_000; i++) all.add(drips, Buffer.alloc(1));
  }).toThrow(/small pieces/);
  const packets = begin("packets");
  for (let i = 0; i < 5000; i++) all.add(packets, Buffer.alloc(1400));
  expect(packets.whole()).toHaveLength(5000 * 1400);
});

test("if bodies together are too large, the largest is refused and the others continue", () => {
  const { all, refused, begin } = bodies(4 * MIB);
  const [small, large, other] = [begin("small"), begin("large"), begin("other")];
  all.add(small, Buffer.alloc(1000));
  all.add(large, Buffer.alloc(3 * MIB));
  all.add(other, Buffer.alloc(2 * MIB));
  expect(refused).toEqual([["large", "overloaded"]]);
  all.add(small, Buffer.alloc(1000, 1));
  expect(small.whole()).toEqual(Buffer.concat([Buffer.alloc(1000), Buffer.alloc(1000, 1)]));
  expect(all.held).toBeLessThan(3 * MIB);
  for (const body of [small, large, other]) all.remove(body);
  expect(all.held).toBe(0);
});

test("a body above its limit is refused", () => {
  const { all, begin } = bodies(MIB);
  const body = begin("one", 100);
  all.add(body, Buffer.alloc(100));
  expect(() => all.add(body, Buffer.alloc(1))).toThrow(/at most 100 bytes/);
});

test("a partner may have as many waiting bytes as are free, and frees them when done", () => {
  const waiting = new WaitingBodies(96);
  const leaveFirst = waiting.enter("greedy", 40);
  const leaveSecond = waiting.enter("greedy", 8);
  expect(() => waiting.enter("greedy", 1)).toThrow(expect.objectContaining({ code: "overloaded" }));
  const leaveOther = waiting.enter("other", 24);
  expect(() => waiting.enter("other", 1)).toThrow(expect.objectContaining({ code: "overloaded" }));
  waiting.enter("third", 12);
  leaveFirst();
  leaveSecond();
  leaveOther();
  expect(() => waiting.enter("greedy", 85)).toThrow(expect.objectContaining({ code: "overloaded" }));
  waiting.enter("greedy", 84)();
});
