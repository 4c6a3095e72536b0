import { expect, test } from "vitest";
import { EventStreams, streamBounds } from "../../../src/http/events/event-streams.ts";

const FULL = "Too many streams of events are open for this caller.";

test("a partner may have a hundred streams, and another one as many", () => {
  const streams = new EventStreams();
  const ends = Array.from({ length: 100 }, () => streams.begin(streamBounds("acme")));
  expect(() => streams.checkRoom(streamBounds("acme"))).toThrow(FULL);
  expect(() => streams.checkRoom(streamBounds("other"))).not.toThrow();
  ends[0]?.();
  expect(() => streams.checkRoom(streamBounds("acme"))).not.toThrow();
});

function boundsOf(user: number) {
  return streamBounds("house", `wallet:${user}`);
}

test("a user may have five streams, and all users of a partner together a thousand", () => {
  const streams = new EventStreams();
  const ends = Array.from({ length: 5 }, () => streams.begin(boundsOf(0)));
  expect(() => streams.checkRoom(boundsOf(0))).toThrow(FULL);
  for (let i = 5; i < 1_000; i++) ends.push(streams.begin(boundsOf(i)));
  expect(() => streams.checkRoom(boundsOf(1_000))).toThrow(FULL);
  expect(() => streams.checkRoom(streamBounds("house"))).not.toThrow();
  for (const end of ends) end();
  expect(() => streams.checkRoom(boundsOf(0))).not.toThrow();
});

test("a wait ends with its work, with the error of its work, or when the streams are to end", async () => {
  const streams = new EventStreams();
  await streams.wait(Promise.resolve());
  await expect(streams.wait(Promise.reject(new Error("down")))).rejects.toThrow("down");
  const endless = [1, 2].map(() => streams.wait(new Promise(() => {})));
  expect(streams.isEnding).toBe(false);
  streams.end();
  await Promise.all(endless);
  expect(streams.isEnding).toBe(true);
  await streams.wait(new Promise(() => {}));
});
