/** One of several shards in a test: a ledger with its log position, and accounts that need no funding. */
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import {
  decideLegs,
  decidePortion,
  decideRelease,
  decideReserve,
  decideVoidOrExpiry,
  type LegsCommand,
  NOT_OPEN,
  plan,
} from "../../../src/actors/ledger/transfers/compound.ts";
import { examine, legsOf } from "../../../src/actors/ledger/transfers/legs.ts";
import type {
  AccountView,
  Command,
  CreateAccount,
  Limit,
  Outcome,
} from "../../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  Leg,
  Portion,
  Posting,
  PostTransfer,
  Purpose,
  Reserve,
  RevertTransfer,
  TransferChanged,
  VoidTransfer,
} from "../../../src/actors/records/compound-command.ts";

const SHARDS = 2;
export const NOW_MS = 1_700_000_000_000;
export const PARTNER = "p";
export const keyless = { partner: PARTNER, key: null, fingerprint: 0 } as const;
export const noDetails = { memo: null, metadata: null, occurredAtMs: null } as const;

const OWNERS = "abcdefghijklmnopqrstuvwxyz".split("");

/** Owners whose accounts are on this shard, on different vnodes. */
export function ownersOn(shard: number): readonly string[] {
  return OWNERS.filter((owner) => shardOfVnode(vnodeOfAccount(PARTNER, owner), SHARDS) === shard);
}

export function vnodeOf(account: string): number {
  return vnodeOfAccount(PARTNER, account);
}

/** Those of the postings' legs that are on this shard. */
export function legsOn(shard: number, postings: readonly Posting[]): readonly Leg[] {
  return legsOf(PARTNER, postings).filter(({ vnode }) => shardOfVnode(vnode, SHARDS) === shard);
}

export function posting(debit: string, credit: string, amount: number): Posting {
  return { debit, credit, amount };
}

export function transferOf(
  postings: readonly Posting[],
  more: Partial<CompoundTransfer> = {},
): CompoundTransfer {
  const kind = { available: false, pending: false, timeoutMs: null } as const;
  const vnode = vnodeOf(postings[0]?.debit ?? "");
  return { op: "compound_transfer", ...keyless, ...noDetails, ...kind, postings, vnode, ...more };
}

/** Posts all of a pending transfer, unless told otherwise. */
export function postOf(more: Partial<PostTransfer> = {}): PostTransfer {
  return { op: "post_transfer", ...keyless, id: "tr_1", amount: null, final: false, settled: null, ...more };
}

export function revertOf(
  postings: readonly Posting[] | null,
  more: Partial<RevertTransfer> = {},
): RevertTransfer {
  const original = postings && { postings };
  return { op: "revert_transfer", ...keyless, id: "tr_1", original, vnode: 0, ...more };
}

export class LedgerShard {
  readonly ledger: Ledger;
  readonly #shard: number;
  #records = 0;

  constructor(shard: number, ledger = new Ledger(shard, SHARDS)) {
    this.#shard = shard;
    this.ledger = ledger;
  }

  /** Opens an account with 100 of its asset, unless told otherwise. */
  open(id: string, fields: Partial<AccountView> = {}): void {
    const rules = { asset: "PTS/0", floor: 0, ceiling: null, metadata: null } as const;
    const balance = { status: "open", posted: 100, held: 0, seq: 1, createdAtMs: 0 } as const;
    const command: CreateAccount = { op: "create_account", ...keyless, id, ...rules };
    this.apply(command, { ok: true, account: { id, ...rules, ...balance, ...fields } });
  }

  apply<O extends Outcome>(command: Command, outcome: O, timeMs = NOW_MS): O {
    this.ledger.apply(command, outcome, { epoch: 1, seq: 1, index: this.#records++, timeMs }, 0);
    return outcome;
  }

  /** Reserves the legs of another shard's transfer, as that shard has asked. */
  reserve(id: string, postings: readonly Posting[], purpose: Reserve["purpose"] = "post") {
    const from = 1 - this.#shard;
    const legs = legsOn(this.#shard, postings);
    const command: Reserve = { op: "reserve", ...keyless, id, from, purpose, legs };
    return this.apply(command, decideReserve(this.ledger.compound, command, NOW_MS));
  }

  release(id: string) {
    const command = { op: "release", ...keyless, id } as const;
    return this.apply(command, decideRelease(this.ledger.compound, command));
  }

  receive(portion: Portion) {
    return this.apply(portion, decidePortion(this.ledger.compound, portion, NOW_MS));
  }

  /** Decides a transfer, a post or a revert with the reports of another shard, and applies it if it is accepted. */
  transfer(command: LegsCommand, other?: LedgerShard, id = "tr_1") {
    const outcome = this.decide(command, other, id);
    if (outcome === NOT_OPEN) throw new Error("the transfer is not open");
    return outcome.ok ? this.apply(command, outcome) : outcome;
  }

  decide(command: LegsCommand, other?: LedgerShard, id = "tr_1") {
    const { compound } = this.ledger;
    const planned = plan(compound, command);
    if (planned === NOT_OPEN || !planned.ok) return planned;
    const reports = new Map(
      [...planned.legs]
        .filter(([shard]) => shard !== this.#shard)
        .map(([shard, legs]) => [shard, other?.reports(legs, planned.purpose) ?? []] as const),
    );
    return decideLegs(compound, command, planned, reports, id, NOW_MS);
  }

  void(id = "tr_1") {
    const command: VoidTransfer = { op: "void_transfer", ...keyless, id, settled: null };
    const outcome = decideVoidOrExpiry(this.ledger.compound, command, NOW_MS);
    if (outcome === NOT_OPEN || !outcome.ok) throw new Error("the void is refused");
    return this.apply(command, outcome);
  }

  reports(legs: readonly Leg[], purpose: Purpose) {
    return examine(this.ledger.compound.bookOf(PARTNER), legs, purpose, NOW_MS, null).reports;
  }

  /** Sum and number of what is counted against the account's limits in one direction. */
  counted(id: string, direction: Limit["direction"]): readonly [amount: number, count: number] {
    const { velocities } = this.ledger.account(PARTNER, id) ?? {};
    const buckets = velocities?.find(({ limit }) => limit.direction === direction)?.buckets ?? [];
    return [
      buckets.reduce((sum, { amount }) => sum + amount, 0),
      buckets.reduce((sum, { count }) => sum + count, 0),
    ];
  }

  /** Posted, held and reserved amount of an account. */
  balance(id: string): readonly unknown[] {
    const { posted, held, reserved } = this.ledger.account(PARTNER, id) ?? {};
    return [posted, held, reserved];
  }

  /** Posted, held and reserved amount of the slice of a system account on the vnode of another account. */
  slice(name: string, beside: string, asset = "PTS/0"): readonly unknown[] {
    const { posted, held, reserved } =
      this.ledger.compound.bookOf(PARTNER).sliceOf(name, asset, vnodeOf(beside)) ?? {};
    return [posted, held, reserved];
  }
}

/** The message by which a committed transfer moves its legs on the other shard. */
export function portionOf(
  { transfer }: Pick<TransferChanged, "transfer">,
  no: number,
  legs: Portion["legs"],
  purpose: Purpose = "post",
): Portion {
  return { op: "portion", ...keyless, from: 0, no, transfer, part: 0, purpose, legs, sentAtMs: NOW_MS };
}
