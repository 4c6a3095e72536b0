import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { DeliveryLog, type DeliveryNote } from "../../src/webhooks/delivery-log.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";

function opened(path = join(makeScratchFolder("daybook-deliveries"), "webhooks.sqlite")): DeliveryLog {
  const log = new DeliveryLog(path);
  onTestFinished(() => log.close());
  return log;
}

function note(event: string, more: Partial<DeliveryNote> = {}): DeliveryNote {
  return {
    partner: "acme",
    webhook: "wh_1",
    event,
    type: "transfer.posted",
    subject: "alice",
    state: "delivered",
    tries: 1,
    httpStatus: 200,
    answer: "ok",
    atMs: 1_000,
    ...more,
  };
}

const ALL = { state: null, before: Number.MAX_SAFE_INTEGER, limit: 50 } as const;

describe("list of deliveries", () => {
  test("keeps one row for each event, with its tries and the last answer", () => {
    const log = opened();
    log.note(note("ev_1", { state: "failed", httpStatus: 500, answer: "no" }));
    log.note(note("ev_2"));
    log.note(note("ev_1", { tries: 2, atMs: 5_000 }));
    const [second, first] = log.list("acme", "wh_1", ALL);
    expect(second).toMatchObject({ event: "ev_2", tries: 1 });
    expect(first).toMatchObject({
      event: "ev_1",
      state: "delivered",
      tries: 2,
      httpStatus: 200,
      firstAtMs: 1_000,
      lastAtMs: 5_000,
    });
    expect(log.delivery("acme", "wh_1", first?.id ?? 0)).toEqual(first);
  });

  test("shows a partner its own webhooks only, by state and in pages", () => {
    const log = opened();
    for (let i = 0; i < 10; i++) log.note(note(`ev_${i}`, { state: i % 2 === 0 ? "failed" : "delivered" }));
    log.note(note("ev_other", { partner: "other" }));
    expect(log.list("other", "wh_1", ALL).map(({ event }) => event)).toEqual(["ev_other"]);
    expect(log.list("other", "wh_2", ALL)).toEqual([]);
    const page = log.list("acme", "wh_1", { ...ALL, state: "failed", limit: 2 });
    expect(page.map(({ event }) => event)).toEqual(["ev_8", "ev_6"]);
    const next = log.list("acme", "wh_1", { state: "failed", before: page[1]?.id ?? 0, limit: 50 });
    expect(next.map(({ event }) => event)).toEqual(["ev_4", "ev_2", "ev_0"]);
    expect(log.delivery("other", "wh_1", page[0]?.id ?? 0)).toBeUndefined();
  });

  test("keeps about the newest ten thousand rows of a webhook", () => {
    const log = opened();
    log.note(note("ev_kept", { webhook: "wh_2" }));
    for (let i = 0; i < 12_000; i++) log.note(note(`ev_${i}`));
    const rows = log.list("acme", "wh_1", { ...ALL, limit: 100_000 });
    expect(rows.length).toBeLessThanOrEqual(11_000);
    expect(rows.length).toBeGreaterThanOrEqual(10_000);
    expect(rows[0]?.event).toBe("ev_11999");
    expect(log.list("acme", "wh_2", ALL).length).toBe(1);
  });
});
