/**
 * Series of statistics: running totals per partner, derived from log records alone. Points and amounts are in minor
 * units. Each programme has a group of series.
 */
import { isTopupAct } from "../programmes/topup/acts.ts";
import type { LogRecord } from "../records/command.ts";
import type { EventOf, EventType, LedgerEvent } from "../records/event.ts";
import { changesOf, transferOf } from "../records/record-views.ts";

/**
 * - `level`: the state at a moment.
 * - `flow`: counts what happens. Only the difference between two moments means something.
 */
export const SERIES = {
  loyalty: { kind: "level", names: ["outstanding"] },
  vouchers: { kind: "level", names: ["valid", "redeemed", "cancelled", "expired"] },
  topup: { kind: "flow", names: ["sales", "amount", "reverted_sales", "reverted_amount"] },
  wallets: {
    kind: "flow",
    names: ["deposits", "deposited", "payments", "paid", "withdrawals", "withdrawn"],
  },
} as const satisfies Record<string, Readonly<{ kind: "level" | "flow"; names: readonly string[] }>>;

export type SeriesGroup = keyof typeof SERIES;
type NamesIn<G extends SeriesGroup> = (typeof SERIES)[G]["names"][number];
export type SeriesName = { [G in SeriesGroup]: `${G}.${NamesIn<G>}` }[SeriesGroup];

export type SeriesChange = readonly [series: SeriesName, change: number];

type ChangesByEvent = { readonly [T in EventType]?: (data: EventOf<T>["data"]) => readonly SeriesChange[] };

const BY_EVENT: ChangesByEvent = {
  "voucher.issued": () => [["vouchers.valid", 1]],
  // A voucher is redeemed once its last use is taken. Expired and cancelled ones have a use left.
  "voucher.redeemed": ({ usesLeft }) => (usesLeft === 0 ? moved("vouchers.valid", "vouchers.redeemed") : []),
  "voucher.rolled_back": ({ usesLeft }) =>
    usesLeft === 1 ? moved("vouchers.redeemed", "vouchers.valid") : [],
  "voucher.cancelled": () => moved("vouchers.valid", "vouchers.cancelled"),
  "voucher.expired": () => moved("vouchers.valid", "vouchers.expired"),
  "topup.completed": ({ amount }) => counted("topup.sales", "topup.amount", amount),
  "wallet.deposited": ({ amount }) => counted("wallets.deposits", "wallets.deposited", amount),
  "wallet.sent": ({ amount }) => counted("wallets.payments", "wallets.paid", amount),
  "withdrawal.decided": ({ amount, status }) =>
    status === "confirmed" ? counted("wallets.withdrawals", "wallets.withdrawn", amount) : [],
};

/**
 * The changes of its partner's series by an accepted record.
 *
 * @param events of the record.
 */
export function seriesChangesOf(
  record: LogRecord,
  events: readonly LedgerEvent[],
  timeMs: number,
): readonly SeriesChange[] {
  return [...events.flatMap(changesByEvent), ...movedPoints(record), ...revertedSale(record, timeMs)];
}

function changesByEvent<T extends EventType>({ type, data }: EventOf<T>): readonly SeriesChange[] {
  return BY_EVENT[type]?.(data) ?? [];
}

function moved(from: SeriesName, to: SeriesName): readonly SeriesChange[] {
  return [
    [from, -1],
    [to, 1],
  ];
}

function counted(count: SeriesName, sum: SeriesName, amount: number): readonly SeriesChange[] {
  return [
    [count, 1],
    [sum, amount],
  ];
}

/** As in the summary of the programme, only acts count: other accounts may have names like those of members. */
function movedPoints(record: LogRecord): readonly SeriesChange[] {
  const act = "act" in record.command ? record.command.act : undefined;
  if (act?.programme !== "loyalty") return [];
  return changesOf(record)
    .filter(({ account, amount }) => account === act.subject && amount !== 0)
    .map(({ amount }) => ["loyalty.outstanding", amount]);
}

function revertedSale(record: LogRecord, timeMs: number): readonly SeriesChange[] {
  const { command, outcome } = record;
  if (!outcome.ok || command.op !== "revert_transfer" || !isTopupAct(command.act)) return [];
  // A revert without a phone takes back an approved credit request.
  if (command.act.act !== "take_back" || command.act.phone === undefined) return [];
  const transfer = transferOf(record, timeMs);
  const amount = transfer !== undefined && "postedAmount" in transfer ? transfer.postedAmount : 0;
  return counted("topup.reverted_sales", "topup.reverted_amount", amount);
}
