/**
 * The requesting side of compound transfers whose home is this shard: asks another shard to prepare their legs there,
 * and releases what was prepared for a transfer that is not committed. `compound-coordinator.ts` shows the protocol.
 */
import type { LegReport } from "../../actors/ledger/transfers/legs.ts";
import { assert } from "../../errors/assert.ts";
import type { Failpoints } from "../shard/failpoint.ts";
import type { RunPart } from "./compound-run.ts";
import { PART, type PrepareAnswer, type PrepareRequest, type Session } from "./peer-messages.ts";

export type PrepareClientOptions = Readonly<{
  session: Session;
  failpoints: Failpoints;
  /** The other shard has answered for a run's legs; `reports` is `undefined` if it could not, or is not reachable. */
  onAnswer: (part: RunPart, reports: readonly LegReport[] | undefined) => void;
}>;

export class PrepareClient {
  readonly #options: PrepareClientOptions;
  /** Requests of this turn; the array is part of the outbox already. */
  #requests: PrepareRequest[] = [];
  /** Parts of undecided runs, answered or not, by pin, oldest first. */
  readonly #undecided = new Map<number, RunPart>();
  /** Callbacks by the id of a reservation that is being released. */
  readonly #releasing = new Map<string, () => void>();

  constructor(options: PrepareClientOptions) {
    this.#options = options;
  }

  /** Number of parts that wait for the other shard. */
  get waiting(): number {
    return this.#undecided.size + this.#releasing.size;
  }

  /** Asks the other shard to prepare all legs that a run has there. */
  ask(part: RunPart): void {
    const { session, failpoints } = this.#options;
    failpoints.pass("before_ask_legs");
    const { run, id, legs } = part;
    const { plan, command, isDry } = run;
    assert(plan !== undefined, "a requested part was planned");
    part.pin = session.newPin();
    this.#undecided.set(part.pin, part);
    if (this.#requests.length === 0) session.push([PART.ask_legs, this.#requests]);
    const { partner } = command;
    const programme = plan.programme;
    this.#requests.push({ pin: part.pin, partner, id, purpose: plan.purpose, isDry, programme, legs });
  }

  /** The outbox was sent: the next request begins a new part. */
  flushed(): void {
    if (this.#requests.length > 0) this.#requests = [];
  }

  answered([pin, id, reports, isReserved]: PrepareAnswer): void {
    const { session, failpoints, onAnswer } = this.#options;
    const part = this.#undecided.get(pin);
    if (part === undefined) {
      // The run was abandoned before this answer arrived.
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

  /** The run is committed: its message releases what is prepared, or a pending transfer keeps its reservation. */
  committed(part: RunPart): void {
    this.#undecided.delete(part.pin);
  }

  /**
   * The run will not be committed: releases what was prepared for this part.
   *
   * @param onReleased called when its reservation is durably released, or immediately if there is none or no
   *   connection.
   */
  release(part: RunPart, onReleased: () => void): void {
    const { session, failpoints } = this.#options;
    // An answer that arrives later is released by `answered`. New requests start a new part, after the release.
    this.#undecided.delete(part.pin);
    this.#requests = [];
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

  /** Reports parts that were asked for before `sinceMs` and are not decided as unanswered. */
  expire(sinceMs: number): void {
    for (const part of this.#undecided.values()) {
      if (part.run.askedAtMs > sinceMs) return;
      this.#options.onAnswer(part, undefined);
    }
  }

  /** The channel is closed. The session's pins end with it, so undecided runs are not executed. */
  disconnected(): void {
    this.#requests = [];
    const undecided = [...this.#undecided.values()];
    this.#undecided.clear();
    for (const part of undecided) this.#options.onAnswer(part, undefined);
    // The other side lists its reservations at the start of the next session; unknown ones are released then.
    const releasing = [...this.#releasing.values()];
    this.#releasing.clear();
    for (const onReleased of releasing) onReleased();
  }
}
