/** How a shard reports its total of points to the partner's home shard. */
import { expect, test } from "vitest";
import { eventsOf } from "../../../src/actors/events/events-of.ts";
import type { TimedRecordPlace } from "../../../src/actors/ledger/exchange.ts";
import { ImageReader, imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { countedTransferId } from "../../../src/actors/ledger/transfer-id.ts";
import { LOYALTY_SUBJECT, loyaltyAct, pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { actAlone, type Command, type LogRecord } from "../../../src/actors/records/command.ts";
import { keyless } from "../../../src/actors/records/command-header.ts";
import type { LedgerEvent } from "../../../src/actors/records/event.ts";
import { newTransfer } from "../../../src/actors/records/plain-records.ts";
import { NO_DETAILS } from "../../../src/actors/records/transfer-details.ts";

const PARTNER = "acme";
const HOME = shardOfVnode(vnodeOfAccount(PARTNER, LOYALTY_SUBJECT), 2);
const AWAY = 1 - HOME;

/** One of two shards, with a member on it. */
class Shard {
  readonly number: number;
  readonly member: string;
  readonly records: LogRecord[] = [];
  ledger: Ledger;
  #index = 0;

  constructor(number: number) {
    this.number = number;
    this.ledger = new Ledger(number, 2);
    const ids = Array.from({ length: 99 }, (_, i) => pointsAccount(`m${i}`));
    this.member = ids.find((id) => shardOfVnode(vnodeOfAccount(PARTNER, id), 2) === number) ?? "";
    this.do(actAlone(keyless(PARTNER), loyaltyAct("create_member", this.member, { name: null })), 0);
  }

  do(command: Parameters<Ledger["decide"]>[0], timeMs: number): void {
    const outcome = this.ledger.decide(command, timeMs, (vnode) =>
      countedTransferId(vnode, 1, this.#index + 1),
    );
    if (!outcome.ok) throw new Error(outcome.code);
    const place: TimedRecordPlace = { epoch: 1, seq: 1, index: this.#index++, timeMs };
    this.ledger.apply(command, outcome, place, 0);
    this.records.push({ command, outcome });
  }

  accrue(points: number, timeMs: number): void {
    const act = loyaltyAct("accrual", this.member, {});
    const vnode = vnodeOfAccount(PARTNER, this.member);
    const move = newTransfer(PARTNER, null, 0, "@issuance", this.member, points, NO_DETAILS, vnode);
    this.do({ ...move, act }, timeMs);
  }

  /** Executes what is due. */
  run(timeMs: number): void {
    const { scheduler } = this.ledger.state.programmes;
    for (let due = scheduler.nextDue(timeMs); due; due = scheduler.nextDue(timeMs))
      this.do(due.command() as Parameters<Ledger["decide"]>[0], timeMs);
  }

  /** Hands all kept messages to the other shard, and notes that they are delivered. */
  deliverTo(other: Shard, timeMs: number): void {
    const exchange = this.ledger.exchange(other.number);
    for (const { message } of exchange.kept) if (message.op === "notice") other.do(message, timeMs);
    this.do({ op: "delivered", ...keyless(""), to: other.number, upTo: exchange.sent }, timeMs);
  }

  restart(): void {
    const ledger = new Ledger(this.number, 2);
    const reader = new ImageReader(ledger.state, { epoch: 1, seq: 1 });
    for (const block of imageOf(this.ledger.state)) reader.accept(block);
    expect([...ledger.stateLines(0)]).toEqual([...this.ledger.stateLines(0)]);
    this.ledger = ledger;
  }

  get reports(): number {
    return this.records.filter(({ command }) => isReport(command)).length;
  }

  get totals(): readonly LedgerEvent[] {
    return this.records.flatMap((record) => eventsOf(record, 0)).filter(({ type }) => type.includes("total"));
  }
}

function isReport(command: Command): boolean {
  return command.op === "act" && command.act.act === "report_total";
}

test("a changed total is reported 100 ms later, and not again until it changes", () => {
  const away = new Shard(AWAY);
  away.accrue(5, 1_000);
  away.accrue(6, 1_050);
  away.run(1_099);
  expect(away.reports).toBe(0);
  away.run(1_100);
  away.run(9_000);
  expect(away.reports).toBe(1);
  const [{ message } = { message: undefined }] = away.ledger.exchange(HOME).kept;
  expect(message).toMatchObject({ op: "notice", notice: { shard: AWAY, total: "11" } });
});

test("a shard has one report on its way; the next one has the total of its own time", () => {
  const [home, away] = [new Shard(HOME), new Shard(AWAY)];
  away.accrue(5, 0);
  away.run(100);
  for (let timeMs = 200; timeMs <= 2_000; timeMs += 100) {
    away.accrue(1, timeMs);
    away.run(timeMs);
  }
  away.restart();
  expect(away.ledger.exchange(HOME).kept.length).toBe(1);
  away.deliverTo(home, 2_000);
  away.run(2_099);
  expect(away.reports).toBe(1);
  away.run(2_100);
  const [{ message } = { message: undefined }] = away.ledger.exchange(HOME).kept;
  expect(message).toMatchObject({ notice: { total: "24" } });
});

test("the home shard adds up the totals, and its own record of a report has the event of a crossing", () => {
  const [home, away] = [new Shard(HOME), new Shard(AWAY)];
  home.accrue(60_000, 0);
  home.run(100);
  away.accrue(40_000, 100);
  away.run(200);
  away.deliverTo(home, 200);
  expect(home.totals).toEqual([]);
  away.restart();
  home.restart();
  away.accrue(1, 300);
  away.run(400);
  away.deliverTo(home, 400);
  const data = { number: 1, total: "100001", threshold: 100_000 };
  expect(home.totals).toEqual([{ type: "loyalty.total.above_threshold", subject: "loyalty", data }]);
  home.restart();
  home.accrue(1, 500);
  home.run(600);
  expect([home.totals.length, away.totals.length]).toEqual([1, 0]);
});

test("a state of a version without totals reports its points at once", () => {
  const away = new Shard(AWAY);
  away.accrue(7, 5_000);
  const stored = [...away.ledger.state.programmes.items()].find(([, item]) => item[0] === "club");
  expect(stored?.[1].length).toBe(6);
  away.restart();
  expect(away.ledger.nextExpiryMs).toBeLessThan(5_000);
  away.run(5_000);
  expect(away.reports).toBe(1);
});
