/** A transfer that was requested under its own key, with all answers. */

export type Wish = Readonly<{
  key: string;
  debit: string;
  credit: string;
  amount: number;
  /** More than all the money: accepting it would be a fault. */
  overspends: boolean;
}>;

export type Answer =
  | Readonly<{ is: "accepted"; id: string; replayed: boolean }>
  | Readonly<{ is: "rejected"; code: string; replayed: boolean }>
  /** The connection broke, or 503 `outcome_unknown`: the same key gets the one outcome. */
  | Readonly<{ is: "unknown"; why: string }>
  /** 503 `log_unavailable` or `overloaded`: certainly not done. */
  | Readonly<{ is: "not_done"; why: string }>;

/** One request, or its part in a batch. Times are ms since 1970, on the clock of the machine. */
export type Sending = Readonly<{ askedMs: number; answeredMs: number; answer: Answer }>;

export type Operation = Wish &
  Readonly<{
    inBatch: boolean;
    sendings: Sending[];
  }>;

export function newOperation(wish: Wish, inBatch: boolean): Operation {
  return { ...wish, inBatch, sendings: [] };
}

export function isDecision(answer: Answer): answer is Extract<Answer, { replayed: boolean }> {
  return answer.is === "accepted" || answer.is === "rejected";
}

/** The first final answer; `undefined` if there was none. */
export function decisionOf(operation: Operation): Sending | undefined {
  return operation.sendings.find(({ answer }) => isDecision(answer));
}

/** The part of the answer that must be equal in all answers to the same key. */
export function outcomeText(answer: Answer): string {
  switch (answer.is) {
    case "accepted":
      return answer.id;
    case "rejected":
      return answer.code;
    case "unknown":
    case "not_done":
      return answer.why;
  }
}

export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

const NOT_DONE: ReadonlySet<string> = new Set(["log_unavailable", "overloaded"]);
const OUTCOME_UNKNOWN = "outcome_unknown";

/** The meaning of an answer other than 201. */
export function answerOfCode(code: string, replayed: boolean): Answer {
  if (code === OUTCOME_UNKNOWN) return { is: "unknown", why: code };
  if (NOT_DONE.has(code)) return { is: "not_done", why: code };
  return { is: "rejected", code, replayed };
}
