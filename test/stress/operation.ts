/** A transfer that somebody asked for under a key of its own, and all that was ever said about it. */

export type Wish = Readonly<{
  key: string;
  debit: string;
  credit: string;
  amount: number;
  /** More than all the money there is: accepting it would be a fault. */
  overspends: boolean;
}>;

export type Answer =
  | Readonly<{ is: "accepted"; id: string; replayed: boolean }>
  | Readonly<{ is: "rejected"; code: string; replayed: boolean }>
  /** The connection broke, or 503 `outcome_unknown`: the same key gets the one outcome. */
  | Readonly<{ is: "unknown"; why: string }>
  /** 503 `log_unavailable` or `overloaded`: certainly not done, now or later. */
  | Readonly<{ is: "not_done"; why: string }>;

/** One request, or its part in a batch. Times are ms since 1970 on the clock that all processes of a machine share. */
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

/** The first answer that settled it; `undefined` when there never was one. */
export function decisionOf(operation: Operation): Sending | undefined {
  return operation.sendings.find(({ answer }) => isDecision(answer));
}

/** What its key stands for in the answer, to be compared with other answers to the same key. */
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

/** What an answer other than 201 means to the one who asked. */
export function answerOfCode(code: string, replayed: boolean): Answer {
  if (code === OUTCOME_UNKNOWN) return { is: "unknown", why: code };
  if (NOT_DONE.has(code)) return { is: "not_done", why: code };
  return { is: "rejected", code, replayed };
}
