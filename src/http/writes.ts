/** What a decision means to the one who asked. */
import type { Accepted, Command, Rejected } from "../actors/records/command.ts";
import type { Answer } from "../gateway/ports.ts";
import { type Call, type HttpAnswer, problemAnswer, writeAnswer } from "./call.ts";
import { invalid, PROBLEMS, Problem } from "./problem.ts";

function rejectionDetail({ code, subject }: Rejected): string {
  return subject === null ? PROBLEMS[code].title : `${PROBLEMS[code].title.replace(/\.$/, "")}: ${subject}.`;
}

export function rejectionAnswer(
  call: Call,
  rejected: Rejected,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return problemAnswer(call, rejected.code, rejectionDetail(rejected), headers);
}

export type Done = Readonly<{ timeMs: number; position: string; replayed: boolean }>;

/** Whether the ledger said yes. */
export function isDone<C extends Command>(
  answer: Answer<C>,
): answer is Done & Readonly<{ outcome: Accepted[C["op"]] }> {
  return "outcome" in answer && answer.outcome.ok;
}

/** A command that was refused without a trace, as a problem. */
export function refusalOf({ refused, fault, detail }: Extract<Answer, { refused: unknown }>): Problem {
  return fault === undefined ? new Problem(refused, detail) : invalid(fault.path, fault.message);
}

/** The answer when the ledger said no, `undefined` when it said yes. @throws Problem 400, 422 */
function rejectedAnswer(call: Call, answer: Answer): HttpAnswer | undefined {
  if ("refused" in answer) throw refusalOf(answer);
  const { outcome } = answer;
  if (outcome.ok) return undefined;
  const headers: Record<string, string> = { "Daybook-Position": answer.position };
  if (answer.replayed) headers["Idempotency-Replayed"] = "true";
  return rejectionAnswer(call, outcome, headers);
}

/** `body` makes the text of the good answer; `null` for one without a body. */
export function decidedAnswer<C extends Command>(
  call: Call,
  answer: Answer<C>,
  status: number,
  body: (accepted: Accepted[C["op"]], done: Done) => string | null,
): HttpAnswer {
  const rejected = rejectedAnswer(call, answer);
  if (rejected !== undefined || "refused" in answer) return rejected as HttpAnswer;
  return writeAnswer(call, status, body(answer.outcome as Accepted[C["op"]], answer), answer);
}

/** Two writes of one request as one: done before only if both were. */
export function together<C extends Command>(first: Done, second: Answer<C>): Answer<C> {
  if ("refused" in second) return second;
  const position = `${first.position},${second.position}`;
  return { ...second, position, replayed: first.replayed && second.replayed };
}
