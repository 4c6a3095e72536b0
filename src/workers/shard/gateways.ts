/**
 * The shard's end of the ways to the gateways. What every gateway must know before anybody may act on it, as a revoked
 * key, is told to all of them first, and answered to the caller when all have said that they know.
 *
 * A gateway whose channel has broken may live on, with connections and with ways to the other shards. So it is waited
 * for until it has a new channel and has confirmed everything over that, or until the supervisor says that it is gone.
 */
import type { Fact } from "../../actors/records/command.ts";
import { encode } from "../../actors/records/pack.ts";
import type { Channel } from "../channels/channel.ts";
import { TO_GATEWAY, type ToGateway } from "./messages.ts";

/** A gateway that has a channel is told nothing over it before its welcome. */
type Way = { readonly channel: Channel; isWelcome: boolean };
type Telling = Readonly<{ missing: Set<number>; onKnown: () => void }>;

export class Gateways {
  /** `undefined` while the channel to a gateway is broken. */
  readonly #ways = new Map<number, Way | undefined>();
  readonly #telling = new Map<number, Telling>();
  #newestFacts = 0;
  #isAvailable = true;

  get numbers(): readonly number[] {
    return [...this.#ways.keys()];
  }

  attach(gateway: number, channel: Channel): void {
    this.#ways.get(gateway)?.channel.close();
    this.#ways.set(gateway, { channel, isWelcome: false });
  }

  /** Its channel has broken. */
  detach(gateway: number, channel: Channel): void {
    if (this.#ways.get(gateway)?.channel === channel) this.#ways.set(gateway, undefined);
  }

  /** It has ended: nobody can use a key there any more. */
  gone(gateway: number): void {
    this.#ways.get(gateway)?.channel.close();
    this.#ways.delete(gateway);
    this.#learnedBefore(gateway, Number.POSITIVE_INFINITY);
  }

  send(gateway: number, message: ToGateway): void {
    const way = this.#ways.get(gateway);
    if (way?.isWelcome) way.channel.post(encode(message));
  }

  /** Tells all whether the log answers; those to come are told with their welcome. */
  setAvailable(isAvailable: boolean): void {
    this.#isAvailable = isAvailable;
    this.#sendAll([TO_GATEWAY.available, isAvailable]);
  }

  /**
   * Tells a gateway all that the shard knows, and from then on what is new. What was told before, over an earlier channel
   * or by the shard before this one, may not have arrived: it counts as known when the welcome does.
   */
  welcome(gateway: number, facts: readonly Fact[]): void {
    const way = this.#ways.get(gateway);
    if (way === undefined) return;
    way.isWelcome = true;
    this.send(gateway, [TO_GATEWAY.welcome, facts]);
    if (!this.#isAvailable) this.send(gateway, [TO_GATEWAY.available, false]);
    const no = ++this.#newestFacts;
    this.#telling.set(no, { missing: new Set([gateway]), onKnown: () => this.#learnedBefore(gateway, no) });
    this.send(gateway, [TO_GATEWAY.facts, no, []]);
  }

  /** Tells all gateways, and calls `onKnown` when all of them know this and everything before it. */
  tell(facts: readonly Fact[], onKnown: () => void): void {
    const no = ++this.#newestFacts;
    this.#telling.set(no, { missing: new Set(this.#ways.keys()), onKnown });
    this.#sendAll([TO_GATEWAY.facts, no, facts]);
    this.#finish(no);
  }

  learned(gateway: number, no: number): void {
    this.#telling.get(no)?.missing.delete(gateway);
    this.#finish(no);
  }

  close(): void {
    for (const way of this.#ways.values()) way?.channel.close();
    this.#ways.clear();
    this.#telling.clear();
  }

  #sendAll(message: ToGateway): void {
    for (const gateway of this.#ways.keys()) this.send(gateway, message);
  }

  #learnedBefore(gateway: number, end: number): void {
    for (const no of this.#telling.keys()) if (no < end) this.learned(gateway, no);
  }

  #finish(no: number): void {
    const telling = this.#telling.get(no);
    if (telling === undefined || telling.missing.size > 0) return;
    this.#telling.delete(no);
    telling.onKnown();
  }
}
