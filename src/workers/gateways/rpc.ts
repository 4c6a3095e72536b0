/** Requests to another thread. Each has a number, which its answer returns, and a deadline. */
import { OperatingError } from "../../errors/operating-error.ts";

const ANSWER_MS_MAX = 5_000;
/** Open requests; more are refused. */
const OPEN_MAX = 10_000;

type Waiting = Readonly<{ resolve: (answer: unknown) => void; timer: NodeJS.Timeout }>;

export class Rpc<Question> {
  readonly #send: (requestId: number, question: Question) => void;
  readonly #msMax: number;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(send: (requestId: number, question: Question) => void, msMax: number = ANSWER_MS_MAX) {
    this.#send = send;
    this.#msMax = msMax;
  }

  /** @throws OperatingError (as a rejection) `overloaded`; `outcome_unknown`: no answer within the deadline. */
  ask(question: Question): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#waiting.size >= OPEN_MAX) {
      reject(new OperatingError("overloaded", "too many requests wait for the server's main thread"));
      return promise;
    }
    const requestId = this.#next++;
    const timer = setTimeout(() => {
      this.#waiting.delete(requestId);
      reject(new OperatingError("outcome_unknown", `no answer within ${this.#msMax} ms`));
    }, this.#msMax);
    this.#waiting.set(requestId, { resolve, timer });
    this.#send(requestId, question);
    return promise;
  }

  /** Takes an answer. One that comes after its deadline is dropped. */
  answered(requestId: number, answer: unknown): void {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(requestId);
    clearTimeout(waiting.timer);
    waiting.resolve(answer);
  }
}
