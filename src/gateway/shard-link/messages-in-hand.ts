/** Messages that a shard has in hand, oldest first, and whether it takes too long with them. */

/** When a message takes longer there is more than the shard and its log can do. */
export const WAIT_MS_MAX = 1_000;

/** How many of its requests the shard still has in hand, and since when. */
export type Message = { unanswered: number; readonly sentMs: number };

export class MessagesInHand {
  #messages: readonly Message[] = [];
  /** How long the last one took of those that it no longer has. */
  #tookMs = 0;

  get count(): number {
    return this.#messages.length;
  }

  add(requests: number, sentMs: number): Message {
    const message: Message = { unanswered: requests, sentMs };
    this.#messages = [...this.#messages, message];
    return message;
  }

  /** One of its requests is no longer in hand. */
  answered(message: Message, nowMs: number): void {
    message.unanswered -= 1;
    if (message.unanswered > 0) return;
    this.#messages = this.#messages.filter((each) => each !== message);
    this.#tookMs = nowMs - message.sentMs;
  }

  isLate(nowMs: number): boolean {
    const [oldest] = this.#messages;
    return oldest !== undefined && Math.max(this.#tookMs, nowMs - oldest.sentMs) > WAIT_MS_MAX;
  }

  clear(): void {
    this.#messages = [];
  }
}
