/** The messages that are in flight to a shard, oldest first, and whether they take too long. */

/** If a message takes longer, the load exceeds what the shard and its log can do. */
export const WAIT_MS_MAX = 1_000;

/** `unanswered`: how many of its requests the shard has not answered yet. */
export type Message = { unanswered: number; readonly sentMs: number };

export class InFlightMessages {
  #messages: readonly Message[] = [];
  /** How long the message that was completed last took. */
  #tookMs = 0;

  get count(): number {
    return this.#messages.length;
  }

  add(requests: number, sentMs: number): Message {
    const message: Message = { unanswered: requests, sentMs };
    this.#messages = [...this.#messages, message];
    return message;
  }

  /** One of its requests was answered, or now waits for another shard. */
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
