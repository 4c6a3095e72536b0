/** Questions to another thread. Each has a number, under which its answer comes back, and a deadline. */
import { OperatingError } from "../../errors/operating-error.ts";

const ANSWER_MS_MAX = 5_000;
/** Under way at once; more are refused. */
const INQUIRIES_MAX = 10_000;

type Waiting = Readonly<{ resolve: (answer: unknown) => void; timer: NodeJS.Timeout }>;

export class Rpc<Question> {
  readonly #send: (no: number, question: Question) => void;
  readonly #msMax: number;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(send: (no: number, question: Question) => void, msMax: number = ANSWER_MS_MAX) {
    this.#send = send;
    this.#msMax = msMax;
  }

  /** @throws OperatingError (as a rejection) `overloaded`; `outcome_unknown`: no answer within the deadline. */
  ask(question: Question): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#waiting.size >= INQUIRIES_MAX) {
      reject(new OperatingError("overloaded", "too many requests wait for the server's main thread"));
      return promise;
    }
    const no = this.#next++;
    const timer = setTimeout(() => {
      this.#waiting.delete(no);
      reject(new OperatingError("outcome_unknown", `no answer within ${this.#msMax} ms`));
    }, this.#msMax);
    this.#waiting.set(no, { resolve, timer });
    this.#send(no, question);
    return promise;
  }

  /** An answer has come; one that is late is dropped. */
  answered(no: number, answer: unknown): void {
    const waiting = this.#waiting.get(no);
    if (waiting === undefined) return;
    this.#waiting.delete(no);
    clearTimeout(waiting.timer);
    waiting.resolve(answer);
  }
}
