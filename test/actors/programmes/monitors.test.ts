/** The bounds of monitors, and where they are listed. Their crossings: test/actors/events/crossings.property.test.ts. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import {
  askMonitor,
  askMonitors,
  MONITORS_SUBJECT,
  type MonitorRule,
  monitorAct,
} from "../../../src/actors/programmes/monitors/acts.ts";
import {
  MONITORS_MAX,
  MONITORS_PER_ACCOUNT_MAX,
  PREFIX_MONITORS_MAX,
} from "../../../src/actors/programmes/monitors/monitors.ts";
import { actAlone } from "../../../src/actors/records/command.ts";
import { keyless } from "../../../src/actors/records/command-header.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";
import { LedgerShard, ownersOn, posting, PARTNER as SHARD_PARTNER } from "../ledger/ledger-shard.ts";

const PARTNER = "acme";
const rule = { field: "posted", when: "above", value: 1 } as const;

function watching(account: string | null, prefix: string | null = null): MonitorRule {
  return { account, prefix, ...rule };
}

/** A ledger that makes and deletes monitors. */
class Fixture {
  #bytes = 0;
  readonly run = new LedgerRun(
    () => {},
    (bytes) => {
      this.#bytes += 1;
      return Uint8Array.from({ length: bytes }, (_, i) => this.#bytes >> (8 * (i % 4)));
    },
  );

  /** @returns the id of the monitor, or why it is refused. */
  create(created: MonitorRule, partner = PARTNER): string {
    const act = monitorAct("create_monitor", MONITORS_SUBJECT, { rule: created });
    const { outcome } = this.run.do(actAlone(keyless(partner), act));
    if (!outcome.ok) return outcome.code;
    return "effect" in outcome ? (outcome.effect as { monitor: { id: string } }).monitor.id : "";
  }

  delete(id: string): void {
    this.run.do(actAlone(keyless(PARTNER), monitorAct("delete_monitor", MONITORS_SUBJECT, { id })));
  }

  get usedBytes(): number {
    return this.run.ledger.state.usageOf(PARTNER).bytes;
  }
}

describe("monitors", () => {
  test("a partner has at most a thousand; one that is deleted makes room", () => {
    const monitors = new Fixture();
    const ids = Array.from({ length: MONITORS_MAX }, (_, i) => monitors.create(watching(`a${i}`)));
    expect(new Set(ids).size).toBe(MONITORS_MAX);
    expect(monitors.create(watching("more"))).toBe("too_many_monitors");
    expect(monitors.create(watching("more"), "other")).toMatch(/^mon_/);
    monitors.delete(ids[7] ?? "");
    expect(monitors.create(watching("more"))).toMatch(/^mon_/);
  });

  test("the monitors that one balance is compared with are bounded, of its account and with a prefix", () => {
    const monitors = new Fixture();
    for (let i = 0; i < MONITORS_PER_ACCOUNT_MAX; i++) monitors.create(watching("a"));
    for (let i = 0; i < PREFIX_MONITORS_MAX; i++) monitors.create(watching(null, `p${i}`));
    expect(monitors.create(watching("a"))).toBe("too_many_monitors");
    expect(monitors.create(watching(null, "q"))).toBe("too_many_monitors");
    expect(monitors.create(watching("b"))).toMatch(/^mon_/);
  });

  test("a deleted monitor leaves nothing, and deleting it again is refused", () => {
    const monitors = new Fixture();
    const before = monitors.usedBytes;
    const ids = [monitors.create(watching("a")), monitors.create(watching(null, "p"))];
    expect(monitors.usedBytes).toBeGreaterThan(before);
    expect(monitors.run.ask(PARTNER, askMonitor(ids[0] ?? ""))).toMatchObject(watching("a"));
    for (const id of ids) monitors.delete(id);
    expect(monitors.usedBytes).toBe(before);
    expect(monitors.run.ask(PARTNER, askMonitor(ids[0] ?? ""))).toBeNull();
    expect(monitors.run.ledger.state.programmes.monitors.watches(PARTNER)).toBe(false);
    const act = monitorAct("delete_monitor", MONITORS_SUBJECT, { id: ids[0] ?? "" });
    const { outcome } = monitors.run.do(actAlone(keyless(PARTNER), act));
    expect(outcome).toMatchObject({ code: "monitor_not_found" });
  });

  test("a debit that is reserved for another shard's transfer crosses, and so does its release", () => {
    const shard = new LedgerShard(1);
    const [account = ""] = ownersOn(1);
    shard.open(account);
    for (const [id, when] of [
      ["mon_low", "below"],
      ["mon_high", "above"],
    ] as const) {
      const monitor = { id, ...watching(account), field: "available", when, value: 95, createdAtMs: 0 };
      const { programmes } = shard.ledger.state;
      programmes.receiveBroadcast("monitors", { created: monitor }, SHARD_PARTNER, 0);
    }
    const reserved = shard.reserve("tr_1", [posting(account, "@x", 6)]);
    expect(reserved.crossed).toMatchObject([{ monitor: "mon_low", account, balance: 94 }]);
    expect(shard.release("tr_1").crossed).toMatchObject([{ monitor: "mon_high", account, balance: 100 }]);
  });

  test("every shard has them, and only the partner's home shard lists them", () => {
    const home = shardOfVnode(vnodeOfAccount(PARTNER, MONITORS_SUBJECT), 2);
    const monitor = { id: "mon_1", ...watching("a"), createdAtMs: 5 };
    const { ask } = askMonitors([9, null]);
    const listed = [home, 1 - home].map((shard) => {
      const { programmes } = new Ledger(shard, 2).state;
      programmes.receiveBroadcast("monitors", { created: monitor }, PARTNER, 5);
      expect(programmes.monitors.watches(PARTNER)).toBe(true);
      return (programmes.answer("monitors", PARTNER, ask, 5) as { rows: readonly unknown[] }).rows.length;
    });
    expect(listed).toEqual([1, 0]);
  });
});
