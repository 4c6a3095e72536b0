/**
 * The way to one other shard, for the legs that transfers of this one have there: asks whether they may be moved, and gives
 * back what was kept for a transfer that comes to nothing.
 */
import type { LegReport } from "../../actors/ledger/transfers/legs.ts";
import { assert } from "../../errors/assert.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { RunPart } from "./compound-run.ts";
import { type LegsAnswer, type LegsAsk, PART, type Session } from "./peer-messages.ts";

export type PrepareClientOptions = Readonly<{
  session: Session;
  failpoints: Failpoints;
  /** The other shard has said all there is to say of a run's legs; without reports it could not. */
  onAnswer: (part: RunPart, reports: readonly LegReport[] | undefined) => void;
}>;

export class PrepareClient {
  readonly #options: PrepareClientOptions;
  /** What is asked in this turn. */
  #asks: LegsAsk[] = [];
  /** Parts of runs that are not decided yet, answered or not, by pin, oldest first. */
  readonly #undecided = new Map<number, RunPart>();
  /** Reservations that are to be given back, and who waits for that. */
  readonly #releasing = new Map<string, () => void>();

  constructor(options: PrepareClientOptions) {
    this.#options = options;
  }

  /** Parts that wait for the other shard. */
  get waiting(): number {
    return this.#undecided.size + this.#releasing.size;
  }

  /** Asks whether all legs of a run that are there may be moved. */
  ask(part: RunPart): void {
    const { session, failpoints } = this.#options;
    failpoints.pass("before_ask_legs");
    const { run, id, legs } = part;
    const { plan, command, isDry } = run;
    assert(plan !== undefined, "what is asked was planned");
    part.pin = session.newPin();
    this.#undecided.set(part.pin, part);
    if (this.#asks.length === 0) session.push([PART.ask_legs, this.#asks]);
    const { partner } = command;
    const programme = plan.programme;
    this.#asks.push({ pin: part.pin, partner, id, purpose: plan.purpose, isDry, programme, legs });
  }

  /** What was pushed has left: the next question begins a new part. */
  flushed(): void {
    if (this.#asks.length > 0) this.#asks = [];
  }

  answered([pin, id, reports, isReserved]: LegsAnswer): void {
    const { session, failpoints, onAnswer } = this.#options;
    const part = this.#undecided.get(pin);
    if (part === undefined) {
      // It was given back meanwhile.
      session.push(isReserved ? [PART.release, id] : [PART.unpin, pin]);
      return;
    }
    failpoints.pass("after_ask_legs");
    part.isReserved = isReserved;
    onAnswer(
      part,
      reports?.map(([asset, objection, posted, held, seq]) => ({ asset, objection, posted, held, seq })),
    );
  }

  /** The run is committed: what is kept for this part goes with a message, or stays with a pending transfer. */
  keep(part: RunPart): void {
    this.#undecided.delete(part.pin);
  }

  /**
   * The run will not be committed: what was kept for this part is given back.
   *
   * @param onReleased called when nothing is reserved for it any more, or there is no way to the other shard.
   */
  release(part: RunPart, onReleased: () => void): void {
    const { session, failpoints } = this.#options;
    // An answer that is still to come gives itself back; what is asked from here on comes after that.
    this.#undecided.delete(part.pin);
    this.#asks = [];
    if (!part.isReserved || !session.connected) {
      if (part.reports !== undefined) session.push([PART.unpin, part.pin]);
      onReleased();
      return;
    }
    failpoints.pass("before_release");
    this.#releasing.set(part.id, onReleased);
    session.push([PART.release, part.id]);
  }

  released(id: string): void {
    const onReleased = this.#releasing.get(id);
    this.#releasing.delete(id);
    onReleased?.();
  }

  /** Gives back what was asked before `sinceMs` and is not decided yet. */
  expire(sinceMs: number): void {
    for (const part of this.#undecided.values()) {
      if (part.run.askedAtMs > sinceMs) return;
      this.#options.onAnswer(part, undefined);
    }
  }

  /** There is no way to the other shard: what it keeps ends with the session, so whatever is not decided will not be done. */
  interrupt(): void {
    this.#asks = [];
    const undecided = [...this.#undecided.values()];
    this.#undecided.clear();
    for (const part of undecided) this.#options.onAnswer(part, undefined);
    // The next session begins with what the other side has reserved: it will be given back then.
    const releasing = [...this.#releasing.values()];
    this.#releasing.clear();
    for (const onReleased of releasing) onReleased();
  }
}
