/**
 * Monitors: events for balances that cross a value. A crossing is decided in the record that changes the balance, by
 * comparing the balance before and after it; a monitor keeps no state of its own. So a new monitor crosses nothing, and
 * a replay or a snapshot can neither lose nor repeat a crossing.
 *
 * Every shard has all monitors, because a prefix may match accounts on all of them. The partner's home shard decides
 * changes and broadcasts them.
 */
import { assert } from "../../../errors/assert.ts";
import type { Balance } from "../../ledger/account.ts";
import { shardOfVnode, vnodeOfAccount } from "../../ledger/routing.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { reject } from "../../records/command.ts";
import type { BalanceField, Crossing, CrossingSide } from "../../records/crossing.ts";
import type { Change } from "../../records/record-views.ts";
import { PagedIndex } from "../paged-index.ts";
import {
  type Answers,
  type Changes,
  type Decisions,
  type ProgrammeContext,
  TypedProgramme,
} from "../programme.ts";
import {
  MONITOR_ID_BYTES,
  MONITORS_SUBJECT,
  type MonitorActs,
  type MonitorNotice,
  type MonitorQuestions,
  type MonitorRule,
  type MonitorView,
  monitorId,
} from "./acts.ts";

/** Monitors of one partner. */
export const MONITORS_MAX = 1_000;
/**
 * Monitors of one account, and monitors with a prefix of one partner. Together they bound the monitors that a changed
 * balance is compared with.
 */
export const MONITORS_PER_ACCOUNT_MAX = 8;
export const PREFIX_MONITORS_MAX = 8;

/** Approximate size in memory. */
const MONITOR_BYTES = 400;

type Item = readonly ["monitor", partner: string, monitor: MonitorView];

/** The monitors of one partner. */
interface Watch {
  readonly byId: Map<string, MonitorView>;
  readonly list: PagedIndex<MonitorView>;
  readonly byAccount: Map<string, readonly MonitorView[]>;
  byPrefix: readonly MonitorView[];
}

const NONE: readonly MonitorView[] = [];

export class Monitors extends TypedProgramme<MonitorActs, MonitorQuestions, MonitorNotice, Item> {
  readonly #context: ProgrammeContext;
  readonly #watches = new Map<string, Watch>();

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
  }

  /** Whether the partner has monitors. On the hot path: called for each record. */
  watches(partner: string): boolean {
    return this.#watches.size > 0 && this.#watches.has(partner);
  }

  /**
   * The crossings by a record that is decided but not applied yet.
   *
   * @param changes the changes of balances by the record.
   * @param balanceOf the account as it is before the record; `undefined` for a system account, which is not watched.
   */
  crossingsBy(
    partner: string,
    changes: readonly Change[],
    balanceOf: (account: string) => Readonly<Balance> | undefined,
  ): readonly Crossing[] {
    const watch = this.#watches.get(partner);
    if (watch === undefined) return [];
    // An account may have several entries in one record: only the balance after all of them is ever seen.
    const last = new Map(changes.map((change) => [change.account, change]));
    return [...last].flatMap(([account, after]) => {
      const matching = matchingOf(watch, account);
      const before = matching.length === 0 ? undefined : balanceOf(account);
      if (before === undefined) return [];
      return matching.flatMap(({ id: monitor, field, when, value }): readonly Crossing[] => {
        const balance = fieldOf(after, field);
        const crosses = isOn(when, value, balance) && !isOn(when, value, fieldOf(before, field));
        return crosses ? [{ monitor, account, field, when, value, balance }] : [];
      });
    });
  }

  protected readonly decisions: Decisions<MonitorActs, MonitorNotice> = {
    create_monitor: ({ rule }, { partner, nowMs }) => {
      if (this.#isFull(partner, rule)) return reject("too_many_monitors", rule.account ?? rule.prefix);
      const id = monitorId(this.#context.random(MONITOR_ID_BYTES));
      const { account, prefix, field, when, value } = rule;
      const monitor = { id, account, prefix, field, when, value, createdAtMs: nowMs };
      return { ok: true, effect: { monitor }, notice: { created: monitor } };
    },
    delete_monitor: ({ id }, { partner }) =>
      this.#watches.get(partner)?.byId.has(id)
        ? { ok: true, effect: null, notice: { deleted: id } }
        : reject("monitor_not_found", id),
  };

  protected readonly changes: Changes<MonitorActs> = {
    create_monitor: (_, { monitor }, { partner }) => this.receive({ created: monitor }, partner),
    delete_monitor: ({ id }, _, { partner }) => this.receive({ deleted: id }, partner),
  };

  protected readonly answers: Answers<MonitorQuestions> = {
    monitor: (partner, [id]) => this.#watches.get(partner)?.byId.get(id) ?? null,
    monitors: (partner, page) => {
      const { shard, shards } = this.#context;
      const isHome = shardOfVnode(vnodeOfAccount(partner, MONITORS_SUBJECT), shards) === shard;
      const list = isHome ? this.#watches.get(partner)?.list : undefined;
      return (list ?? new PagedIndex<MonitorView>(shard)).list(page, (monitor) => monitor);
    },
  };

  protected override receive(notice: MonitorNotice, partner: string): void {
    if ("created" in notice) this.#add(partner, notice.created);
    else this.#remove(partner, notice.deleted);
  }

  *items(): Generator<Item> {
    for (const [partner, { byId }] of this.#watches)
      for (const monitor of byId.values()) yield ["monitor", partner, monitor];
  }

  protected restoreItem([, partner, monitor]: Item): void {
    this.#add(partner, monitor);
  }

  #isFull(partner: string, { account }: MonitorRule): boolean {
    const watch = this.#watches.get(partner);
    if (watch === undefined) return false;
    if (watch.byId.size >= MONITORS_MAX) return true;
    if (account === null) return watch.byPrefix.length >= PREFIX_MONITORS_MAX;
    return (watch.byAccount.get(account) ?? NONE).length >= MONITORS_PER_ACCOUNT_MAX;
  }

  #add(partner: string, monitor: MonitorView): void {
    let watch = this.#watches.get(partner);
    if (watch === undefined) {
      const list = new PagedIndex<MonitorView>(this.#context.shard);
      watch = { byId: new Map(), list, byAccount: new Map(), byPrefix: NONE };
      this.#watches.set(partner, watch);
    }
    const { id, account, createdAtMs } = monitor;
    watch.byId.set(id, monitor);
    watch.list.add(monitor, createdAtMs);
    if (account === null) watch.byPrefix = [...watch.byPrefix, monitor];
    else watch.byAccount.set(account, [...(watch.byAccount.get(account) ?? NONE), monitor]);
    this.#context.countBytes?.(partner, bytesOf(monitor));
  }

  #remove(partner: string, id: string): void {
    const watch = this.#watches.get(partner);
    const monitor = watch?.byId.get(id);
    assert(watch !== undefined && monitor !== undefined, "a deleted monitor exists");
    const { account } = monitor;
    const isOther = (each: MonitorView) => each !== monitor;
    watch.byId.delete(id);
    watch.list.remove(monitor);
    if (account === null) watch.byPrefix = watch.byPrefix.filter(isOther);
    else {
      const left = (watch.byAccount.get(account) ?? NONE).filter(isOther);
      if (left.length > 0) watch.byAccount.set(account, left);
      else watch.byAccount.delete(account);
    }
    this.#context.countBytes?.(partner, -bytesOf(monitor));
    if (watch.byId.size === 0) this.#watches.delete(partner);
  }
}

function matchingOf({ byAccount, byPrefix }: Watch, account: string): readonly MonitorView[] {
  const own = byAccount.get(account) ?? NONE;
  if (byPrefix.length === 0) return own;
  return [...own, ...byPrefix.filter(({ prefix }) => account.startsWith(prefix ?? ""))];
}

function fieldOf({ posted, held }: Readonly<{ posted: number; held: number }>, field: BalanceField): number {
  switch (field) {
    case "posted":
      return posted;
    case "held":
      return held;
    case "available":
      return posted - held;
  }
}

function isOn(when: CrossingSide, value: number, balance: number): boolean {
  return when === "above" ? balance > value : balance < value;
}

function bytesOf({ account, prefix }: MonitorView): number {
  return MONITOR_BYTES + textBytes(account) + textBytes(prefix);
}
