/**
 * The shard's channels to the gateways. Facts that every gateway must know, such as a revoked key, are broadcast
 * first; the caller gets its reply when all gateways have confirmed them.
 *
 * A gateway whose channel broke may still be alive, with open connections and channels to other shards. So the shard
 * waits until it has confirmed everything over a new channel, or until the supervisor reports that it has ended. A follower,
 * such as the delivery of webhooks, authenticates nobody; no caller waits for it.
 */
import type { Fact } from "../../actors/records/command.ts";
import { encode } from "../../actors/records/pack.ts";
import type { Channel } from "../channels/channel.ts";
import { TO_GATEWAY, type ToGateway } from "./messages.ts";

/** Nothing is sent over a new channel before the welcome. */
type Connection = { readonly channel: Channel; isWelcome: boolean };
type Broadcast = Readonly<{ missing: Set<number>; onKnown: () => void }>;

export class Gateways {
  /** `undefined` while the channel to a gateway is broken. */
  readonly #connections = new Map<number, Connection | undefined>();
  readonly #followers = new Set<number>();
  readonly #broadcasts = new Map<number, Broadcast>();
  #newestFacts = 0;
  #isAvailable = true;

  get numbers(): readonly number[] {
    return [...this.#connections.keys()];
  }

  attach(gateway: number, channel: Channel, follows = false): void {
    if (follows) this.#followers.add(gateway);
    this.#connections.get(gateway)?.channel.close();
    this.#connections.set(gateway, { channel, isWelcome: false });
  }

  /** Called when this channel has broken. */
  detach(gateway: number, channel: Channel): void {
    if (this.#connections.get(gateway)?.channel === channel) this.#connections.set(gateway, undefined);
  }

  /** The gateway has ended, so it accepts no more keys: no broadcast waits for it any longer. */
  remove(gateway: number): void {
    this.#connections.get(gateway)?.channel.close();
    this.#connections.delete(gateway);
    this.#followers.delete(gateway);
    this.#confirmBefore(gateway, Number.POSITIVE_INFINITY);
  }

  send(gateway: number, message: ToGateway): void {
    const connection = this.#connections.get(gateway);
    if (connection?.isWelcome) connection.channel.post(encode(message));
  }

  /** Broadcasts whether the log answers; a later gateway learns it with its welcome. */
  setAvailable(isAvailable: boolean): void {
    this.#isAvailable = isAvailable;
    this.#sendAll([TO_GATEWAY.available, isAvailable]);
  }

  /**
   * Sends a gateway all facts, and from then on the new ones. Broadcasts over an earlier channel may have been lost:
   * they count as confirmed when the welcome is, since it contains them.
   */
  welcome(gateway: number, facts: readonly Fact[]): void {
    const connection = this.#connections.get(gateway);
    if (connection === undefined) return;
    connection.isWelcome = true;
    this.send(gateway, [TO_GATEWAY.welcome, facts]);
    if (!this.#isAvailable) this.send(gateway, [TO_GATEWAY.available, false]);
    const seq = ++this.#newestFacts;
    this.#broadcasts.set(seq, {
      missing: new Set([gateway]),
      onKnown: () => this.#confirmBefore(gateway, seq),
    });
    this.send(gateway, [TO_GATEWAY.facts, seq, []]);
  }

  /** Broadcasts facts; calls `onKnown` when all gateways have confirmed these and all earlier ones. */
  tell(facts: readonly Fact[], onKnown: () => void): void {
    const seq = ++this.#newestFacts;
    const missing = this.numbers.filter((gateway) => !this.#followers.has(gateway));
    this.#broadcasts.set(seq, { missing: new Set(missing), onKnown });
    this.#sendAll([TO_GATEWAY.facts, seq, facts]);
    this.#finish(seq);
  }

  confirmed(gateway: number, seq: number): void {
    this.#broadcasts.get(seq)?.missing.delete(gateway);
    this.#finish(seq);
  }

  close(): void {
    for (const connection of this.#connections.values()) connection?.channel.close();
    this.#connections.clear();
    this.#broadcasts.clear();
  }

  #sendAll(message: ToGateway): void {
    for (const gateway of this.#connections.keys()) this.send(gateway, message);
  }

  #confirmBefore(gateway: number, end: number): void {
    for (const seq of this.#broadcasts.keys()) if (seq < end) this.confirmed(gateway, seq);
  }

  #finish(seq: number): void {
    const broadcast = this.#broadcasts.get(seq);
    if (broadcast === undefined || broadcast.missing.size > 0) return;
    this.#broadcasts.delete(seq);
    broadcast.onKnown();
  }
}
