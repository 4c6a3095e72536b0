/**
 * The shard's end of the ways to the gateways. What every gateway must know before anybody may act on it, as a revoked
 * key, is told to all of them first, and answered to the caller when all have said that they know.
 *
 * A gateway whose channel has broken may live on, with connections and with ways to the other shards. So it is waited
 * for until it has a new channel and has confirmed everything over that, or until the supervisor says that it is gone.
 */
import type { Fact } from "../actors/command.ts";
import { encode } from "../actors/pack.ts";
import type { Channel } from "../channels/channel.ts";
import { TO_GATEWAY, type ToGateway } from "./messages.ts";

type Telling = Readonly<{ missing: Set<number>; onKnown: () => void }>;

export class Gateways {
  /** `undefined` while the channel to a gateway is broken. */
  readonly #channels = new Map<number, Channel | undefined>();
  readonly #telling = new Map<number, Telling>();
  #newestFacts = 0;
  /** Replies that wait for the welcome to be known; absent once it is. */
  #held: [gateway: number, replies: ToGateway][] | undefined = [];

  attach(gateway: number, channel: Channel): void {
    this.#channels.get(gateway)?.close();
    this.#channels.set(gateway, channel);
  }

  /** Its channel has broken. */
  detach(gateway: number, channel: Channel): void {
    if (this.#channels.get(gateway) === channel) this.#channels.set(gateway, undefined);
  }

  /** It has ended: nobody can use a key there any more. */
  gone(gateway: number): void {
    this.#channels.get(gateway)?.close();
    this.#channels.delete(gateway);
    this.#learnedBefore(gateway, Number.POSITIVE_INFINITY);
  }

  send(gateway: number, message: ToGateway): void {
    if (this.#held !== undefined && message[0] === TO_GATEWAY.replies) this.#held.push([gateway, message]);
    else this.#channels.get(gateway)?.post(encode(message));
  }

  sendAll(message: ToGateway): void {
    for (const gateway of this.#channels.keys()) this.send(gateway, message);
  }

  /** Tells a gateway that has a new channel everything: what it was told over an earlier one may not have arrived. */
  welcomeAgain(gateway: number, facts: readonly Fact[]): void {
    this.send(gateway, [TO_GATEWAY.welcome, facts]);
    const no = ++this.#newestFacts;
    this.#telling.set(no, { missing: new Set([gateway]), onKnown: () => this.#learnedBefore(gateway, no) });
    this.send(gateway, [TO_GATEWAY.facts, no, []]);
  }

  /**
   * Tells all gateways what the shard knows as it begins to serve, and answers nobody before they have taken it in: what
   * the shard before it had made durable and not told yet, as a revoked key, is answered at once when it is asked for
   * again.
   */
  welcome(facts: readonly Fact[]): void {
    this.sendAll([TO_GATEWAY.welcome, facts]);
    this.tell([], () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const [gateway, replies] of held) this.send(gateway, replies);
    });
  }

  /** Tells all gateways, and calls `onKnown` when all of them know. */
  tell(facts: readonly Fact[], onKnown: () => void): void {
    const no = ++this.#newestFacts;
    this.#telling.set(no, { missing: new Set(this.#channels.keys()), onKnown });
    this.sendAll([TO_GATEWAY.facts, no, facts]);
    this.#finish(no);
  }

  learned(gateway: number, no: number): void {
    this.#telling.get(no)?.missing.delete(gateway);
    this.#finish(no);
  }

  close(): void {
    for (const channel of this.#channels.values()) channel?.close();
    this.#channels.clear();
    this.#telling.clear();
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
