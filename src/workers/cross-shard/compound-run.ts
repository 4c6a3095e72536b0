/**
 * One compound transfer that involves other shards, from the prepare requests until its messages are durable
 * everywhere or everything that was prepared is released.
 */
import type { TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import type { LegsCommand, Plan } from "../../actors/ledger/transfers/compound.ts";
import type { LegReport } from "../../actors/ledger/transfers/legs.ts";
import type {
  Leg,
  Move,
  SentPortion,
  TransferChanged,
  VoidTransfer,
} from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import type { RemotePositions } from "../shard/messages.ts";
import { type CreditPlace, type PackedCommand, PendingReply } from "./pending-reply.ts";

/** The share of one other shard in a run. */
export type RunPart = {
  readonly run: CompoundRun;
  readonly peer: number;
  readonly id: string;
  readonly legs: readonly Leg[];
  /** The number of the prepare request, and of its pins there. */
  pin: number;
  /** `undefined` until that shard has answered. */
  reports: readonly LegReport[] | undefined;
  isReserved: boolean;
};

export class CompoundRun extends PendingReply<LegsCommand | VoidTransfer> {
  /** A dry run: nothing is logged, pinned or reserved. */
  readonly isDry: boolean;
  /** Id of the attempt; also the transfer's id if it is committed. */
  id = "";
  /** Number of prepare rounds; a new one starts when the amounts have changed before the answers arrived. */
  rounds = 0;
  plan: Plan | undefined;
  parts: readonly RunPart[] = [];
  /** The run is decided or abandoned; later answers are released. */
  isClosed = false;
  #outcome: TransferChanged | undefined;
  #place: TimedRecordPlace | undefined;
  /** By shard, where its message is durable; `null` if only a greeting reported it. */
  readonly #arrived = new Map<number, CreditPlace | null>();

  constructor(command: LegsCommand | VoidTransfer, packed: PackedCommand, isDry: boolean) {
    super(command, packed);
    this.isDry = isDry;
  }

  /** The run is committed with messages to other shards. */
  sent(place: TimedRecordPlace, outcome: TransferChanged): void {
    this.#place = place;
    this.#outcome = outcome;
  }

  settle(peer: number, credit: CreditPlace | undefined): void {
    const place = this.#place;
    const outcome = this.#outcome;
    assert(place !== undefined && outcome !== undefined, "a settled run was sent");
    this.#arrived.set(peer, credit ?? null);
    const { sent, moves } = outcome;
    if (this.#arrived.size < sent.length) return;
    const credits: RemotePositions[number][] = [];
    const remoteMoves: Move[] = [];
    for (const message of sent) {
      const arrived = this.#arrived.get(message.to);
      // A message without legs releases a reservation: its moves are only in the other shard's record.
      if (!arrived || message.legs.length === 0) {
        this.answerFromLog(place, true);
        return;
      }
      const { shard, epoch, seq } = arrived;
      credits.push([shard, epoch, seq]);
      remoteMoves.push(...movesOf(message, arrived));
    }
    this.complete(place, credits, { ...outcome, moves: [...moves, ...remoteMoves] });
  }
}

/** The moves of a message on its shard. `accounts` are in the order of its legs, system accounts left out. */
function movesOf({ legs }: SentPortion, { accounts }: CreditPlace): readonly Move[] {
  const moved = legs.filter(({ account }) => !isSystemAccount(account));
  return moved.map((leg, i) => {
    const [posted = 0, held = 0, seq = 0] = accounts.slice(3 * i, 3 * i + 3);
    const { posting, account, asset, vnode, amount } = leg;
    return { posting, account, asset, vnode, amount, posted, held, seq };
  });
}
