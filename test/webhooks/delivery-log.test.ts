import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { DeliveriesQuery } from "../../src/gateway/ports.ts";
import { DeliveryLog, type Note } from "../../src/webhooks/delivery-log.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";

const failures: unknown[] = [];

function newPath(): string {
  const folder = makeScratchFolder("daybook-deliveries");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "webhooks.sqlite");
}

function opened(path = newPath()): DeliveryLog {
  const log = new DeliveryLog(path, (error) => failures.push(error));
  onTestFinished(() => log.close());
  return log;
}

function note(id: string, more: Partial<Note> = {}): Note {
  return {
    partner: "acme",
    webhook: "wh_1",
    entry: { id, type: "transfer.posted", subject: "alice" },
    state: "delivered",
    tries: 1,
    result: { status: 200, answer: "ok" },
    atMs: 1_000,
    ...more,
  };
}

function query(more: Partial<DeliveriesQuery> = {}): DeliveriesQuery {
  return { partner: "acme", webhook: "wh_1", before: Number.MAX_SAFE_INTEGER, limit: 50, ...more };
}

function eventsIn(log: DeliveryLog, more: Partial<DeliveriesQuery> = {}): readonly string[] {
  return log.list(query(more)).map(({ event }) => event);
}

describe("list of deliveries", () => {
  test("keeps one row for each event, with its tries and the last answer", () => {
    const log = opened();
    log.note(note("ev_1", { state: "failed", result: { status: 500, answer: "no" } }));
    log.note(note("ev_2"));
    log.note(note("ev_1", { tries: 2, atMs: 5_000 }));
    const [second, first] = log.list(query());
    expect(second).toMatchObject({ event: "ev_2", tries: 1 });
    expect(first).toMatchObject({
      event: "ev_1",
      status: "delivered",
      tries: 2,
      httpStatus: 200,
      answer: "ok",
      firstAtMs: 1_000,
      lastAtMs: 5_000,
    });
    expect(log.list(query({ event: "ev_1" }))).toEqual([first]);
  });

  test("a parked event keeps its last answer", () => {
    const log = opened();
    log.note(note("ev_1", { state: "failed", tries: 20, result: { status: 410, answer: "gone" } }));
    log.note(note("ev_1", { state: "parked", tries: 20, result: undefined }));
    expect(log.list(query())).toMatchObject([{ status: "parked", httpStatus: 410, answer: "gone" }]);
  });

  test("shows a partner its own webhooks only, by status and in pages", () => {
    const log = opened();
    for (let i = 0; i < 10; i++) log.note(note(`ev_${i}`, { state: i % 2 === 0 ? "failed" : "delivered" }));
    log.note(note("ev_other", { partner: "other" }));
    expect(eventsIn(log, { partner: "other" })).toEqual(["ev_other"]);
    expect(eventsIn(log, { partner: "other", webhook: "wh_2" })).toEqual([]);
    const page = log.list(query({ status: "failed", limit: 2 }));
    expect(page.map(({ event }) => event)).toEqual(["ev_8", "ev_6"]);
    expect(eventsIn(log, { status: "failed", before: page[1]?.row ?? 0 })).toEqual(["ev_4", "ev_2", "ev_0"]);
  });

  test("keeps about the newest thousand delivered events of a webhook, and as many others", () => {
    const log = opened();
    log.note(note("ev_kept", { webhook: "wh_2" }));
    log.note(note("ev_failed", { state: "failed" }));
    for (let i = 0; i < 3_000; i++) log.note(note(`ev_${i}`));
    const rows = eventsIn(log, { status: "delivered", limit: 100_000 });
    expect(rows.length).toBeGreaterThanOrEqual(1_000);
    expect(rows.length).toBeLessThanOrEqual(1_100);
    expect(rows[0]).toBe("ev_2999");
    expect(eventsIn(log, { status: "failed" })).toEqual(["ev_failed"]);
    expect(eventsIn(log, { webhook: "wh_2" })).toEqual(["ev_kept"]);
  });

  test("forgets a deleted webhook", () => {
    const log = opened();
    log.note(note("ev_1"));
    log.note(note("ev_2", { webhook: "wh_2" }));
    log.forget("acme", "wh_1");
    expect([eventsIn(log), eventsIn(log, { webhook: "wh_2" })]).toEqual([[], ["ev_2"]]);
  });

  test("is still there after a restart, and a damaged file is replaced", () => {
    const path = newPath();
    const first = new DeliveryLog(path, () => {});
    first.note(note("ev_1"));
    first.close();
    const second = new DeliveryLog(path, () => {});
    expect(eventsIn(second)).toEqual(["ev_1"]);
    second.close();
    writeFileSync(path, "this is no database, and long enough to be taken for one".repeat(100));
    expect(eventsIn(opened(path))).toEqual([]);
  });

  test("a failure is reported once, and ends no delivery", () => {
    const log = new DeliveryLog(newPath(), (error) => failures.push(error));
    log.close();
    failures.length = 0;
    log.note(note("ev_1"));
    log.note(note("ev_2"));
    expect(failures.length).toBe(1);
  });
});
