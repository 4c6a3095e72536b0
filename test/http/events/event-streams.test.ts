import { expect, test } from "vitest";
import { EventStreams } from "../../../src/http/events/event-streams.ts";

test("a partner may have a hundred streams, and another one as many", () => {
  const streams = new EventStreams();
  const ends = Array.from({ length: 100 }, () => streams.begin("acme"));
  expect(() => streams.checkRoom("acme")).toThrow("Too many streams of events are open for this partner.");
  expect(() => streams.checkRoom("other")).not.toThrow();
  ends[0]?.();
  expect(() => streams.checkRoom("acme")).not.toThrow();
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
