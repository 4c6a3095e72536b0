import { expect, test } from "vitest";
import type { Command, Limit } from "../../../../src/actors/records/command.ts";
import { LedgerRun } from "../ledger-run.ts";

const header = { partner: "p", key: null, fingerprint: 0 } as const;
const details = { memo: null, metadata: null, occurredAtMs: null, vnode: 0 } as const;
const limit: Limit = { windowS: 60, direction: "debit", maxAmount: 10, maxCount: null };

/** An account that may be debited by 10 per minute. */
class Spender {
  readonly #run = new LedgerRun(() => {});

  constructor() {
    const account = { ...header, op: "create_account", id: "a", asset: "PTS/0", metadata: null } as const;
    this.#take({ ...account, floor: null, ceiling: null, limits: [limit] });
  }

  #take(command: Command): string {
    const { outcome } = this.#run.take({ afterMs: 1, command, which: 0 });
    return outcome.ok ? "ok" : outcome.code;
  }

  hold(amount: number): string {
    const kind = { available: false, pending: true, timeoutMs: null } as const;
    const postings = [{ debit: "a", credit: "@x", amount }];
    return this.#take({ ...header, ...details, ...kind, op: "compound_transfer", postings });
  }

  spend(amount: number): string {
    return this.#take({ ...header, ...details, op: "transfer", debit: "a", credit: "@x", amount });
  }

  post(amount: number, final: boolean): string {
    return this.#take({ ...header, op: "post_transfer", id: "", amount, final, settled: null });
  }

  void(): string {
    return this.#take({ ...header, op: "void_transfer", id: "", settled: null });
  }

  limit(...limits: readonly Limit[]): string {
    return this.#take({ ...header, op: "update_account", id: "a", limits });
  }
}

test("a final post uncounts from a limit exactly the amount that it releases", () => {
  const spender = new Spender();
  expect(spender.hold(8)).toBe("ok");
  expect(spender.spend(3)).toBe("limit_exceeded");
  expect(spender.post(5, true)).toBe("ok");
  expect(spender.spend(6)).toBe("limit_exceeded");
  expect(spender.spend(5)).toBe("ok");
});

test("a void after a change of the limit uncounts the held amount, since the window kept its counts", () => {
  const spender = new Spender();
  expect(spender.hold(8)).toBe("ok");
  expect(spender.limit({ ...limit, maxAmount: 12 })).toBe("ok");
  expect(spender.spend(5)).toBe("limit_exceeded");
  expect(spender.void()).toBe("ok");
  expect(spender.spend(12)).toBe("ok");
});

test("a void uncounts nothing from a limit that was set after the hold", () => {
  const spender = new Spender();
  expect(spender.hold(8)).toBe("ok");
  expect([spender.limit(), spender.limit(limit), spender.spend(6)]).toEqual(["ok", "ok", "ok"]);
  expect(spender.void()).toBe("ok");
  expect(spender.spend(5)).toBe("limit_exceeded");
  expect(spender.spend(4)).toBe("ok");
});
