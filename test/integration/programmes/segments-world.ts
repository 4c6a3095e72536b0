/** The segments programme on two shards without a server: acts are decided, broadcast and logged. */
import { expect } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { Programme, Question, QuestionTo } from "../../../src/actors/programmes/programme.ts";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import {
  askMemberships,
  askSegment,
  type MembershipView,
  type SegmentPart,
  type SegmentsAct,
} from "../../../src/actors/programmes/segments/acts.ts";
import type { MembershipChange } from "../../../src/actors/programmes/segments/membership-history.ts";
import { Segments } from "../../../src/actors/programmes/segments/segments.ts";
import type { Act, JsonValue } from "../../../src/actors/records/act.ts";
import type { ActAlone } from "../../../src/actors/records/command.ts";
import type { ArchivedRecord } from "../../../src/archive/queries/query.ts";
import type { Ledger } from "../../../src/gateway/ports.ts";
import { drawOf } from "../../../src/http/programmes/segments/draws.ts";
import { rowsOfRecord } from "../../../src/http/programmes/segments/reports.ts";

export const PARTNER = "acme";
const SHARDS = 2;

type Logged = Readonly<{ timeMs: number }> &
  Readonly<{ act: Act; effect: JsonValue } | { notice: JsonValue }>;
type Shard = Readonly<{ programme: Programme; scheduler: Scheduler; log: Logged[] }>;

function sevens(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(7);
}

function newShard(shard: number): Shard {
  const scheduler = new Scheduler();
  const programme = new Segments({
    shard,
    shards: SHARDS,
    account: () => undefined,
    random: sevens,
    scheduler,
  });
  return { programme, scheduler, log: [] };
}

function recordOf({ act, effect, timeMs }: Extract<Logged, { act: Act }>): ArchivedRecord {
  const command = { op: "act", partner: PARTNER, key: null, fingerprint: 0, act } as const;
  const at = { shard: 0, epoch: 1, seq: 1, index: 0 };
  return { at, timeMs, record: { command, outcome: { ok: true, effect } } };
}

export class World {
  nowMs = 1_000_000;
  readonly #shards = Array.from({ length: SHARDS }, (_, shard) => newShard(shard));

  /** Decides an act and returns its effect or its rejection. */
  submit(act: SegmentsAct): JsonValue {
    this.nowMs += 1;
    const shard = shardOfVnode(act.vnode ?? vnodeOfAccount(PARTNER, act.subject), SHARDS);
    return this.#decide(shard, act);
  }

  /** Executes all commands that are due, including the job portions of this millisecond. */
  endDue(): void {
    for (const [shard, { scheduler }] of this.#shards.entries()) {
      for (
        let item = scheduler.nextDue(this.nowMs);
        item !== undefined;
        item = scheduler.nextDue(this.nowMs)
      ) {
        const { act } = item.command() as ActAlone;
        this.#decide(shard, act);
        expect(item.place).toBe(-1);
      }
    }
  }

  /** Lets time pass until all jobs are done. */
  finishJobs(): void {
    const hasJobs = () =>
      this.#shards.some(({ programme }) => [...programme.items()].some(([kind]) => kind === "chore"));
    for (this.endDue(); hasJobs(); this.endDue()) this.nowMs += 1;
  }

  ask<R extends JsonValue>({ subject, ask }: QuestionTo<R>): R {
    return this.#answer(shardOfVnode(vnodeOfAccount(PARTNER, subject), SHARDS), ask) as R;
  }

  askAll<R extends JsonValue>({ ask }: Question<R>): readonly R[] {
    return this.#shards.map((_, shard) => this.#answer(shard, ask) as R);
  }

  memberships(user: string): readonly MembershipView[] {
    return this.ask(askMemberships(user));
  }

  segment(slug: string): readonly (SegmentPart | null)[] {
    return this.askAll(askSegment(slug));
  }

  draw(slug: string, percent: number) {
    const ledger: Pick<Ledger, "askAll"> = {
      askAll: async (_partner, question) => this.askAll(question),
    };
    return drawOf(ledger as Ledger, PARTNER, slug, percent, this.segment(slug)[0]?.percent ?? null);
  }

  items(): readonly (readonly JsonValue[])[] {
    return this.#shards.map(({ programme }) => structuredClone([...programme.items()]) as JsonValue[]);
  }

  /** The items of new shards that were restored from the items of these. */
  restored(): readonly (readonly JsonValue[])[] {
    return this.#shards.map(({ programme }, shard) => {
      const copy = newShard(shard).programme;
      for (const item of structuredClone([...programme.items()])) copy.restore(item);
      return [...copy.items()] as JsonValue[];
    });
  }

  /** The items of new shards that have replayed the log. */
  replayed(): readonly (readonly JsonValue[])[] {
    return this.#shards.map(({ log }, shard) => {
      const copy = newShard(shard).programme;
      for (const entry of log) {
        const { timeMs } = entry;
        if ("notice" in entry) copy.receiveBroadcast(entry.notice, PARTNER, timeMs);
        else copy.apply(entry.act, entry.effect, { partner: PARTNER, timeMs, transfer: null, amount: 0 });
      }
      return [...copy.items()] as JsonValue[];
    });
  }

  /** All rows of a report, oldest first. */
  rows(): readonly MembershipChange[] {
    return this.#shards
      .flatMap(({ log }) => log)
      .flatMap((entry) => ("act" in entry ? rowsOfRecord(recordOf(entry)) : []))
      .toSorted((a, b) => a.atMs - b.atMs);
  }

  #decide(shard: number, act: Act): JsonValue {
    const { programme, log } = this.#shards[shard] as Shard;
    const timeMs = this.nowMs;
    const decided = programme.decide(act, { partner: PARTNER, nowMs: timeMs, amount: 0 });
    if (!decided.ok) return decided.code;
    const effect = structuredClone(decided.effect);
    log.push({ timeMs, act, effect });
    programme.apply(act, effect, { partner: PARTNER, timeMs, transfer: null, amount: 0 });
    const { notice } = decided;
    if (notice === undefined) return effect;
    for (const [other, { programme: listener, log: itsLog }] of this.#shards.entries()) {
      if (other === shard) continue;
      itsLog.push({ timeMs, notice: structuredClone(notice) });
      listener.receiveBroadcast(structuredClone(notice), PARTNER, timeMs);
    }
    return effect;
  }

  #answer(shard: number, ask: readonly JsonValue[]): JsonValue {
    return (this.#shards[shard] as Shard).programme.answer(PARTNER, ask, this.nowMs);
  }
}
