/** Decided credit requests leave memory after 30 days. */
import { expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { historiesOf } from "../../../src/actors/programmes/programmes.ts";
import { FORGOTTEN_PER_RECORD_MAX, SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  askRequest,
  askRequests,
  CREDIT_SOURCE,
  creditAccount,
  type RequestStatus,
  TOPUP_SUBJECT,
  type TopupAct,
  type TopupEffect,
} from "../../../src/actors/programmes/topup/acts.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import { PackedLog, restored } from "../ledger/copies.ts";
import { LedgerRun, type TimedRecord } from "../ledger/ledger-run.ts";

const PARTNER = "acme";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;

/** A partner with two sellers. Log times are full minutes at first, so that 30 days later is one too. */
class Books {
  readonly records: TimedRecord[] = [];
  readonly log = new PackedLog();
  readonly random = counted();
  readonly run: LedgerRun;

  constructor() {
    this.run = new LedgerRun((record) => {
      this.records.push(record);
      this.log.add(record);
    }, this.random);
    this.run.nowMs = Math.ceil(this.run.nowMs / MINUTE_MS) * MINUTE_MS;
    for (const id of ["a", "b"]) this.#act({ ...actOf("create_seller", id), name: id, asset: "IRT/0" });
  }

  request(seller: string, amount = 5, note: string | null = "please"): string {
    const act: TopupAct = { ...actOf("request_credit", seller), amount, note, by: "key_1" };
    return (this.#act(act) as TopupEffect<"request_credit">).request;
  }

  decide(
    seller: string,
    request: string,
    verb: "approve" | "reject" | "withdraw_request",
    amount = 5,
  ): unknown {
    const common = { subject: creditAccount(seller), programme: "topup", request, by: "key_2" } as const;
    if (verb === "reject") return this.#act({ ...common, act: verb, reason: "no" });
    if (verb === "withdraw_request") return this.#act({ ...common, act: verb });
    const act: TopupAct<"approve"> = { ...common, act: verb, amount };
    const [debit, credit] = [CREDIT_SOURCE, act.subject];
    const vnode = vnodeOfAccount(PARTNER, act.subject);
    return this.#do({ op: "transfer", ...header, ...noted, debit, credit, amount, vnode, act });
  }

  isKnown(request: string): boolean {
    return this.run.ask(PARTNER, askRequest(request, 0)) !== null;
  }

  listed(seller: string | null, status: RequestStatus | null = null): readonly string[] {
    const { rows } = this.run.ask(PARTNER, askRequests({ seller, status })([5_000, null]));
    return rows.map(([, { id }]) => id);
  }

  restart(): void {
    // What a ledger draws for itself when it is built must not change the ids that follow.
    let isBuilt = false;
    const random = (bytes: number) => (isBuilt ? this.random(bytes) : new Uint8Array(bytes));
    this.run.ledger = restored([...imageOf(this.run.ledger.state)], random);
    isBuilt = true;
  }

  /** What records have forgotten, with their times. */
  get forgotten() {
    return this.records.flatMap(({ command, outcome, timeMs }) =>
      command.op === "act" && command.act.act === "forget" && "effect" in outcome
        ? [{ act: command.act, rows: (outcome.effect as TopupEffect<"forget">).forgotten, timeMs }]
        : [],
    );
  }

  #act(act: TopupAct): unknown {
    return this.#do({ op: "act", ...header, act });
  }

  #do(command: Command): unknown {
    const { outcome } = this.run.do(command);
    if (!outcome.ok) return outcome.code;
    return "effect" in outcome ? outcome.effect : undefined;
  }
}

function actOf<A extends string>(act: A, seller: string) {
  return { programme: "topup", act, subject: creditAccount(seller) } as const;
}

/** Different bytes on each call. */
function counted(): (bytes: number) => Uint8Array {
  let count = 0;
  return (bytes) => {
    count += 1;
    return Uint8Array.from({ length: bytes }, (_, i) => (count >>> (8 * (bytes - 1 - i))) & 255);
  };
}

test("a decided credit request is forgotten 30 days after its decision, and not a millisecond before; a pending one stays", () => {
  const books = new Books();
  const pending = books.request("a");
  for (const verb of ["approve", "reject", "withdraw_request"] as const) {
    const id = books.request("a");
    books.run.nowMs = Math.ceil(books.run.nowMs / DAY_MS) * DAY_MS;
    books.decide("a", id, verb);
    const dueMs = books.run.nowMs + SETTLED_KEPT_MS;
    books.run.nowMs = dueMs - 1;
    expect(books.isKnown(id), verb).toBe(true);
    books.run.nowMs = dueMs;
    expect(books.isKnown(id), verb).toBe(false);
    for (const again of ["approve", "reject", "withdraw_request"] as const)
      expect(books.decide("a", id, again)).toBe("credit_request_not_found");
  }
  expect(books.listed("a")).toEqual([pending]);
  expect(books.listed(null, "pending")).toEqual([pending]);
  expect(books.decide("a", pending, "approve")).toMatchObject({ decided: { status: "approved" } });
});

test("the record has all that was known of each request, at most 256 of them; the next one is 1 ms later", () => {
  const books = new Books();
  const startMs = books.run.nowMs;
  const ids = Array.from({ length: FORGOTTEN_PER_RECORD_MAX + 3 }, (_, i) =>
    books.request(i % 2 ? "a" : "b"),
  );
  for (const [i, id] of ids.entries()) books.decide(i % 2 ? "a" : "b", id, i % 3 ? "reject" : "approve");
  books.run.nowMs += SETTLED_KEPT_MS;
  for (let i = 0; i < 3; i++, books.run.nowMs += 1) books.run.end();
  expect(books.forgotten.map(({ rows, timeMs }) => [rows.length, timeMs - startMs])).toEqual([
    [FORGOTTEN_PER_RECORD_MAX, SETTLED_KEPT_MS],
    [3, SETTLED_KEPT_MS + 1],
  ]);
  const rows = books.forgotten.flatMap((each) => each.rows);
  const common = [startMs, "key_2", startMs] as const;
  const rowOf = (id: unknown) => rows.find(([each]) => each === id);
  expect(rowOf(ids[0])).toEqual([ids[0], "b", 5, "please", "approved", ...common, null, "key_1"]);
  expect(rowOf(ids[1])).toEqual([ids[1], "a", 5, "please", "rejected", ...common, "no", "key_1"]);
  expect(new Set(rows.map(([id]) => id))).toEqual(new Set(ids));
  expect(books.listed(null)).toEqual([]);
  const { scheduler } = books.run.ledger.state.programmes;
  expect(scheduler.nextDueMs).toBe(Number.POSITIVE_INFINITY);
});

test("only the record that forgets requests has their ids and sellers as subjects", () => {
  const books = new Books();
  const ids = ["a", "b", "a"].map((seller) => books.request(seller));
  for (const [i, id] of ids.entries()) books.decide(i === 1 ? "b" : "a", id, "reject");
  books.run.nowMs += SETTLED_KEPT_MS;
  books.run.end();
  for (const { command, outcome } of books.records) {
    if (command.op !== "act" || !("effect" in outcome)) continue;
    const names = historiesOf(command.act, outcome.effect);
    if (command.act.act !== "forget") expect(names).toEqual(["topup"]);
    else {
      const subjects = [...ids, "forgotten-requests:a", "forgotten-requests:b", "forgotten-requests"];
      expect(names).toHaveLength(7);
      expect(new Set(names)).toEqual(new Set(["topup", ...subjects.map((subject) => `topup\0${subject}`)]));
      expect(command.act.subject).toBe(TOPUP_SUBJECT);
    }
  }
  expect(books.forgotten).toHaveLength(1);
});

test("a server that restarts in the middle writes the records that it would have written, and replay gives its state", () => {
  const logs = [Number.POSITIVE_INFINITY, 20, 45].map((restartAfter) => {
    const books = new Books();
    for (let day = 0; day < 80; day++) {
      books.run.nowMs += DAY_MS + 7;
      if (day === restartAfter) books.restart();
      if (day >= 40) {
        books.run.end();
        continue;
      }
      const [granted, rejected] = [books.request("a"), books.request("b"), books.request("a")];
      books.decide("a", granted, "approve");
      books.decide("b", rejected, day % 2 ? "reject" : "withdraw_request");
    }
    expect(books.listed("b")).toEqual([]);
    expect(books.listed("a")).toHaveLength(40);
    const { ledger } = books.run;
    for (const copy of [books.log.replayed(), restored([...imageOf(ledger.state)])])
      expect([...copy.stateLines(0)]).toEqual([...ledger.stateLines(0)]);
    return books.records;
  });
  expect(logs[0]?.some(({ command }) => command.op === "act" && command.act.act === "forget")).toBe(true);
  expect(logs[1]).toEqual(logs[0]);
  expect(logs[2]).toEqual(logs[0]);
});

test("the requests in memory and their bytes stay level over a year", () => {
  const PER_MONTH = 1_000;
  const books = new Books();
  const levels: (readonly [requests: number, bytes: number])[] = [];
  for (let month = 0; month < 12; month++) {
    for (let i = 0; i < PER_MONTH; i++) {
      books.decide("a", books.request("a"), "reject");
      books.run.nowMs += Math.floor(SETTLED_KEPT_MS / PER_MONTH);
    }
    levels.push([books.listed("a").length, books.run.ledger.state.usageOf(PARTNER).bytes]);
  }
  const [, first = [0, 0]] = levels;
  expect(first[0]).toBeGreaterThan(PER_MONTH - 5);
  for (const [requests, bytes] of levels.slice(1)) {
    expect(Math.abs(requests - first[0])).toBeLessThan(5);
    expect(Math.abs(bytes - first[1])).toBeLessThan(first[1] / 50);
  }
});
