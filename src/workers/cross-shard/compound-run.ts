/**
 * A transfer of any shape that needs other shards: asked of each, decided when the last has answered, and answered when
 * its parts are durable everywhere, or given back everywhere.
 */
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
import type { Credits } from "../shard/messages.ts";
import { type CreditPlace, type PackedCommand, PendingReply, type TimedPlace } from "./pending-reply.ts";

/** What one other shard has to do with a run. */
export type RunPart = {
  readonly run: CompoundRun;
  readonly peer: number;
  readonly id: string;
  readonly legs: readonly Leg[];
  /** The number of the question, which is also that of its pins there. */
  pin: number;
  /** Absent while it has not answered. */
  reports: readonly LegReport[] | undefined;
  isReserved: boolean;
};

export class CompoundRun extends PendingReply<LegsCommand | VoidTransfer> {
  /** Nothing is to be logged, nor kept. */
  readonly isDry: boolean;
  /** Of the attempt: the transfer's, if it comes to one. */
  id = "";
  /** How often the others were asked, since what is to be moved had changed meanwhile. */
  rounds = 0;
  plan: Plan | undefined;
  parts: readonly RunPart[] = [];
  /** It is not to be decided any more. */
  isOver = false;
  #outcome: TransferChanged | undefined;
  #place: TimedPlace | undefined;
  /** Where the messages have arrived; `null` where that is all that is known. */
  readonly #arrived = new Map<number, CreditPlace | null>();

  constructor(command: LegsCommand | VoidTransfer, packed: PackedCommand, isDry: boolean) {
    super(command, packed);
    this.isDry = isDry;
  }

  /** It is committed, and has sent messages. */
  sent(place: TimedPlace, outcome: TransferChanged): void {
    this.#place = place;
    this.#outcome = outcome;
  }

  settle(peer: number, credit: CreditPlace | undefined): void {
    const place = this.#place;
    const outcome = this.#outcome;
    assert(place !== undefined && outcome !== undefined, "what is settled was sent");
    this.#arrived.set(peer, credit ?? null);
    const { sent, moves } = outcome;
    if (this.#arrived.size < sent.length) return;
    const credits: Credits[number][] = [];
    const there: Move[] = [];
    for (const message of sent) {
      const arrived = this.#arrived.get(message.to);
      // What is given back on other shards stands in their records alone.
      if (!arrived || message.legs.length === 0) {
        this.recall(place, true);
        return;
      }
      const { shard, epoch, seq } = arrived;
      credits.push([shard, epoch, seq]);
      there.push(...movesThere(message, arrived));
    }
    this.crossed(place, credits, { ...outcome, moves: [...moves, ...there] });
  }
}

/** What a message has done there: the accounts come in the order of its legs, system accounts left out. */
function movesThere({ legs }: SentPortion, { accounts }: CreditPlace): readonly Move[] {
  const moved = legs.filter(({ account }) => !isSystemAccount(account));
  return moved.map((leg, i) => {
    const [posted = 0, held = 0, seq = 0] = accounts.slice(3 * i, 3 * i + 3);
    const { posting, account, asset, vnode, amount } = leg;
    return { posting, account, asset, vnode, amount, posted, held, seq };
  });
}
