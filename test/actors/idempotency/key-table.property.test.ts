import fc from "fast-check";
import { expect, test } from "vitest";
import { KEY_WINDOW_MS, type KeyEntry, KeyTable } from "../../../src/actors/idempotency/key-table.ts";
import type { HashSeed, ScopeHash } from "../../../src/actors/idempotency/scope-hash.ts";
import { runs } from "../ledger/property-runs.ts";

const SEED: HashSeed = [1, 2, 3, 4];
const SCOPES = Array.from({ length: 120 }, (_, i) => `acme\0alice\0${i}`);

/** Puts all scopes into two sub-tables and few probe sequences that wrap around; only the last word differs. */
class WeakHash implements ScopeHash {
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  run(scope: string): void {
    const index = Number(scope.slice(scope.lastIndexOf("\0") + 1));
    this.a = index % 8 === 0 ? 0xffffffff : 0;
    this.b = [0, 0xf0000000, 0xffffffff, 0x08000000, 0x80000000][index % 5] as number;
    this.c = index % 7 === 0 ? 0xffffffff : 0;
    this.d = index;
  }
}

type Held = Readonly<{ scope: string; entry: KeyEntry }>;

/** A naive model of the table: a list. */
class Model {
  held: Held[] = [];

  latest(scope: string): KeyEntry | undefined {
    return this.held.findLast((held) => held.scope === scope)?.entry;
  }

  find(scope: string, nowMs: number): KeyEntry | undefined {
    const entry = this.latest(scope);
    return entry !== undefined && isExpired(entry, nowMs) ? undefined : entry;
  }

  sweep(nowMs: number, max: number): void {
    const kept = this.held.findIndex(({ entry }) => !isExpired(entry, nowMs));
    this.held = this.held.slice(Math.min(max, kept < 0 ? this.held.length : kept));
  }

  entries(nowMs: number): KeyEntry[] {
    return this.held
      .filter(({ scope, entry }) => entry === this.latest(scope) && !isExpired(entry, nowMs))
      .map(({ entry }) => entry);
  }
}

function isExpired({ atSecond }: KeyEntry, nowMs: number): boolean {
  return atSecond * 1000 + KEY_WINDOW_MS < nowMs;
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant("remember" as const), first: fc.nat(119), count: fc.nat(40) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("wait" as const), hours: fc.nat(14) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("sweep" as const), max: fc.nat(60) }) },
);

class Run {
  readonly table: KeyTable;
  readonly model = new Model();
  nowMs = Date.UTC(2026, 0, 1);
  #seq = 2 ** 40;

  constructor(hash: ScopeHash | undefined) {
    this.table = hash === undefined ? new KeyTable(SEED) : new KeyTable(SEED, { hash });
  }

  /** Remembers a key only if it is unknown, as a ledger does. */
  remember(scope: string): void {
    expect(this.table.find(scope, this.nowMs)).toEqual(this.model.find(scope, this.nowMs));
    if (this.model.find(scope, this.nowMs) !== undefined) return;
    const atSecond = Math.floor(this.nowMs / 1000);
    const entry = { fingerprint: 2 ** 52 + this.#seq, atSecond, epoch: 3, seq: this.#seq++, index: 7 };
    this.table.remember(scope, entry);
    this.model.held.push({ scope, entry });
  }

  compare(): void {
    const { table, model, nowMs } = this;
    for (const scope of SCOPES) expect(table.find(scope, nowMs)).toEqual(model.find(scope, nowMs));
    // At time 0 no entry is expired, but entries replaced by later ones must still be omitted.
    for (const atMs of [0, nowMs]) {
      expect([...table.entries(atMs)].map(([, entry]) => entry)).toEqual(model.entries(atMs));
    }
    expect(table.size).toBe(new Set(model.held.map(({ scope }) => scope)).size);
  }
}

function expectModelBehaviour(hashOf: () => ScopeHash | undefined): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const run = new Run(hashOf());
      for (const each of steps) {
        if (each.op === "wait") run.nowMs += each.hours * 3_600_000;
        else if (each.op === "remember") {
          for (let i = 0; i < each.count; i++) {
            run.remember(SCOPES[(each.first + i) % SCOPES.length] as string);
          }
        } else {
          run.table.sweep(run.nowMs, each.max);
          run.model.sweep(run.nowMs, each.max);
        }
        run.compare();
      }
    }),
    { numRuns: runs(150) },
  );
}

test("in any history the key table agrees with a list", () => {
  expectModelBehaviour(() => undefined);
});

test("in any history the key table agrees with a list, even if almost all hashes collide", () => {
  expectModelBehaviour(() => new WeakHash());
});
