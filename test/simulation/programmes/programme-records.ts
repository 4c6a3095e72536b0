/** Reads from the logs what the programmes were asked and have done. */
import type { LoyaltyAct } from "../../../src/actors/programmes/loyalty/acts.ts";
import type { TopupAct } from "../../../src/actors/programmes/topup/acts.ts";
import type { VoucherAct } from "../../../src/actors/programmes/vouchers/acts.ts";
import type { WalletAct } from "../../../src/actors/programmes/wallet/acts.ts";
import type { Logged, Replayed } from "../log-oracles.ts";

/** @param problem what is wrong */
export type Fail = (problem: string) => void;

type Outcome = Logged["outcome"];

/** An act that was accepted, or refused, and what it came with. */
export type Acted<A> = Readonly<{
  act: A;
  partner: string;
  timeMs: number;
  shard: number;
  /** Of the transfer that it came with. */
  transfer: string | null;
  amount: number;
  /** The transfer that that transfer reverts. */
  reverts: string | null;
  effect: unknown;
  refused: string | undefined;
}>;

type ActsOf = Readonly<{
  loyalty: LoyaltyAct;
  vouchers: VoucherAct;
  topup: TopupAct;
  wallet: WalletAct;
}>;

/** The acts of one programme in one log, in order. */
export function* actsOf<P extends keyof ActsOf>(
  { records }: Replayed,
  programme: P,
): Generator<Acted<ActsOf[P]>> {
  for (const { command, outcome, timeMs, shard } of records) {
    const act = "act" in command ? command.act : undefined;
    if (act?.programme !== programme) continue;
    const { partner } = command;
    const transfer = outcome.ok && "id" in outcome ? outcome.id : null;
    const effect = effectOf(outcome);
    const refused = outcome.ok ? undefined : outcome.code;
    const amount = "amount" in command && command.op === "transfer" ? command.amount : amountOf(outcome);
    const reverts = outcome.ok && "transfer" in outcome ? outcome.transfer.reverts : null;
    yield { act: act as ActsOf[P], partner, timeMs, shard, transfer, amount, reverts, effect, refused };
  }
}

function effectOf(outcome: Outcome): unknown {
  if (!outcome.ok) return undefined;
  if ("transfer" in outcome && "effect" in outcome.transfer) return outcome.transfer.effect;
  return "effect" in outcome ? outcome.effect : undefined;
}

/** What a compound transfer has moved by now, or holds. */
function amountOf(outcome: Outcome): number {
  if (!outcome.ok || !("transfer" in outcome)) return 0;
  const { status, postedAmount, postings } = outcome.transfer;
  return status === "pending" && postedAmount === 0
    ? postings.reduce((sum, { amount }) => sum + amount, 0)
    : postedAmount;
}

/** By shard and partner, what an account of theirs has; `undefined` where there is none. */
export function postedOf(logs: readonly Replayed[], partner: string, account: string): number | undefined {
  for (const { ledger } of logs) {
    const found = ledger.account(partner, account);
    if (found !== undefined) return found.posted;
  }
  return undefined;
}

/** What is held on an account; `undefined` where there is none. */
export function heldOf(logs: readonly Replayed[], partner: string, account: string): number | undefined {
  for (const { ledger } of logs) {
    const found = ledger.account(partner, account);
    if (found !== undefined) return found.held;
  }
  return undefined;
}

/** The sum over all slices of a system account. */
export function systemPostedOf(logs: readonly Replayed[], partner: string, account: string): number {
  let sum = 0;
  for (const { ledger } of logs)
    for (const [name, , , { posted }] of ledger.compound.bookOf(partner).slices())
      if (name === account) sum += posted;
  return sum;
}
