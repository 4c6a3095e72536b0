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

/** What to do when a reservation is durably released. */
export type Release = Readonly<{
  onReleased: () => void;
  /** The rejection is logged, so nobody may be told of it before: it also waits for the next session. */
  isLogged: boolean;
}>;

export class PrepareClient {
  readonly #options: PrepareClientOptions;
  /** Requests of this turn; the array is part of the outbox already. */
  #requests: PrepareRequest[] = [];
  /** Parts of undecided runs, answered or not, by pin, oldest first. */
  readonly #undecided = new Map<number, RunPart>();
  /** By the id of a reservation that is being released. */
  readonly #releasing = new Map<string, Release>();
  /** Reservations of attempts from before this start that are not released; `undefined` before the first greeting. */
  #lost: Set<string> | undefined;

  constructor(options: PrepareClientOptions) {
    this.#options = options;
  }

  /** Number of parts that wait for the other shard. */
  get waiting(): number {
    return this.#undecided.size + this.#releasing.size;
  }

  /** Whether the other shard holds no reservation of an attempt from before this start. */
  get hasReleasedLost(): boolean {
    return this.#lost?.size === 0;
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
   * @param onReleased called when its reservation is durably released; immediately if there is none, or if there is no
   *   connection and the run is not logged.
   */
  release(part: RunPart, { onReleased, isLogged }: Release): void {
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
    this.#releasing.set(part.id, { onReleased, isLogged });
    session.push([PART.release, part.id]);
  }

  released(id: string): void {
    const release = this.#releasing.get(id);
    this.#releasing.delete(id);
    this.#lost?.delete(id);
    release?.onReleased();
  }

  /** A session begins. `ids`: all reservations there of attempts that are not committed. They are released. */
  greeted(ids: readonly string[]): void {
    const held = new Set(ids);
    if (!this.hasReleasedLost) this.#lost = held;
    for (const id of this.#releasing.keys()) if (!held.has(id)) this.released(id);
    for (const id of ids) this.#options.session.push([PART.release, id]);
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
    // The other side lists its reservations at the start of the next session; they are released then.
    for (const [id, { isLogged }] of this.#releasing) if (!isLogged) this.released(id);
  }
}
