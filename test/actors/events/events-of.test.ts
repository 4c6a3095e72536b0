import { describe, expect, test } from "vitest";
import { eventsOf } from "../../../src/actors/events/events-of.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import { keyless } from "../../../src/actors/records/command-header.ts";
import type { LedgerEvent } from "../../../src/actors/records/event.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

/** A ledger and the events of everything that it has logged. */
class Events {
  readonly all: LedgerEvent[] = [];
  readonly run = new LedgerRun((record) => {
    this.all.push(...eventsOf(record, record.timeMs));
  });

  do(command: Command): readonly LedgerEvent[] {
    const before = this.all.length;
    this.run.do(command);
    return this.all.slice(before);
  }

  /** Lets time pass, so that expiries are logged. */
  pass(ms: number): readonly LedgerEvent[] {
    const before = this.all.length;
    this.run.nowMs += ms;
    this.run.end();
    return this.all.slice(before);
  }
}

const header = keyless("p");
const details = { memo: "rent", metadata: '{"a":"1"}', occurredAtMs: null };

function account(id: string): Command {
  return { op: "create_account", ...header, id, asset: "USD/2", floor: 0, ceiling: null, metadata: null };
}

function transfer(debit: string, credit: string, amount: number): Command {
  const vnode = homeVnodeOf("p", debit, credit, null);
  return { op: "transfer", ...header, ...details, debit, credit, amount, vnode };
}

function pending(debit: string, credit: string, amount: number, timeoutMs: number | null): Command {
  const postings = [{ debit, credit, amount }];
  const vnode = homeVnodeOf("p", debit, credit, null);
  const flags = { available: false, pending: true, timeoutMs } as const;
  return { op: "compound_transfer", ...header, ...details, postings, ...flags, vnode };
}

function opened(): Events {
  const events = new Events();
  events.do(account("a"));
  events.do(account("b"));
  events.do(transfer("@in", "a", 100));
  return events;
}

const kindsOf = (events: readonly LedgerEvent[]) => events.map(({ type, subject }) => [type, subject]);

function idOf(events: readonly LedgerEvent[]): string {
  const [first] = events;
  if (first === undefined || !("id" in first.data)) throw new Error("no transfer");
  return first.data.id;
}

describe("events of a record", () => {
  test("a posted transfer is an event of the payer, and of the payee", () => {
    const events = opened().do(transfer("a", "b", 30));
    expect(kindsOf(events)).toEqual([
      ["transfer.posted", "a"],
      ["transfer.received", "b"],
    ]);
    expect(events[1]?.data).toMatchObject({
      account: "b",
      amount: 30,
      balance: 30,
      counterparty: "a",
      memo: "rent",
    });
  });

  test("a transfer from a system account is an event of the account that it credits, and only one", () => {
    expect(kindsOf(opened().do(transfer("@in", "b", 5)))).toEqual([["transfer.posted", "b"]]);
  });

  test("a refused transfer has an event without an id", () => {
    const events = opened().do(transfer("a", "b", 101));
    expect(kindsOf(events)).toEqual([["transfer.failed", "a"]]);
    expect(events[0]?.data).toMatchObject({ code: "insufficient_funds", postings: [{ amount: 101 }] });
  });

  test("a hold is pending, and then posted, voided or expired", () => {
    const events = opened();
    const first = idOf(events.do(pending("a", "b", 10, null)));
    expect(kindsOf(events.all.slice(-1))).toEqual([["transfer.pending", "a"]]);
    const post = {
      op: "post_transfer",
      ...header,
      id: first,
      amount: null,
      final: true,
      settled: null,
    } as const;
    expect(kindsOf(events.do(post))).toEqual([
      ["transfer.posted", "a"],
      ["transfer.received", "b"],
    ]);
    const second = idOf(events.do(pending("a", "b", 10, null)));
    const voided = events.do({ op: "void_transfer", ...header, id: second, settled: null });
    expect(kindsOf(voided)).toEqual([["transfer.voided", "a"]]);
    events.do(pending("a", "b", 10, 1_000));
    expect(kindsOf(events.pass(1_000))).toEqual([["transfer.expired", "a"]]);
  });

  test("a revert is a transfer of its own, and an event of the account that the original was about", () => {
    const events = opened();
    const id = idOf(events.do(transfer("a", "b", 30)));
    const vnode = homeVnodeOf("p", "b", "a", null);
    const reverted = events.do({ op: "revert_transfer", ...header, id, original: null, vnode });
    expect(kindsOf(reverted)).toEqual([
      ["transfer.posted", "b"],
      ["transfer.reverted", "a"],
      ["transfer.received", "a"],
    ]);
    expect(reverted[1]?.data).toMatchObject({ transfer: id });
  });

  test("a revert of an issue is about the account that got it", () => {
    const events = opened();
    const id = idOf(events.do(transfer("@in", "b", 30)));
    const vnode = homeVnodeOf("p", "b", "@in", null);
    expect(kindsOf(events.do({ op: "revert_transfer", ...header, id, original: null, vnode }))).toEqual([
      ["transfer.posted", "b"],
      ["transfer.reverted", "b"],
    ]);
  });

  test("an account is created, updated, frozen and closed", () => {
    const events = opened();
    expect(kindsOf(events.do({ op: "update_account", ...header, id: "b", floor: -5 }))).toEqual([
      ["account.updated", "b"],
    ]);
    const set = (action: "freeze" | "unfreeze" | "close") =>
      kindsOf(events.do({ op: "set_account_status", ...header, id: "b", action }));
    expect(set("freeze")).toEqual([["account.frozen", "b"]]);
    expect(set("unfreeze")).toEqual([["account.updated", "b"]]);
    expect(set("close")).toEqual([["account.closed", "b"]]);
    expect(kindsOf(events.do(account("b")))).toEqual([]);
  });
});
