/** Acts, effects and queries of monitors: rules that report when a balance crosses a value. */
import type { BalanceField, CrossingSide } from "../../records/crossing.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import { actsOf, type MemoryGrowth, questionsOf } from "../programme.ts";

/**
 * Subject of all monitors of a partner. No account can have this id, so their idempotency keys collide with no other.
 */
export const MONITORS_SUBJECT = "#monitors";

/** What a monitor watches: one account, or each account whose id begins with a prefix. The other of the two is `null`. */
export type MonitorRule = Readonly<{
  account: string | null;
  prefix: string | null;
  field: BalanceField;
  when: CrossingSide;
  value: number;
}>;

export type MonitorView = MonitorRule & Readonly<{ id: string; createdAtMs: number }>;

export type MonitorActs = {
  create_monitor: { fields: { rule: MonitorRule }; effect: { monitor: MonitorView } };
  delete_monitor: { fields: { id: string }; effect: null };
};

/** All shards have all monitors. */
export type MonitorNotice = Readonly<{ created: MonitorView }> | Readonly<{ deleted: string }>;

export const monitorAct = actsOf<MonitorActs>("monitors");

export const MONITORS_GROWTH = {
  create_monitor: "more",
  delete_monitor: "never",
} as const satisfies Record<keyof MonitorActs, MemoryGrowth>;

export type MonitorQuestions = {
  monitor: { args: readonly [id: string]; answer: MonitorView | null };
  monitors: { args: ListRequest; answer: ListPage<MonitorView> };
};

const question = questionsOf<MonitorQuestions>("monitors");

export function askMonitor(id: string) {
  return question("monitor", MONITORS_SUBJECT, [id]);
}

export function askMonitors(page: ListRequest) {
  return question("monitors", null, page);
}

/** Random bytes in the id of a monitor. */
export const MONITOR_ID_BYTES = 12;

export function monitorId(random: Uint8Array): string {
  return `mon_${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
