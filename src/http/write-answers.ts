/** Turns the ledger's answer to a command into an HTTP answer. */
import { parseTransferId } from "../actors/ledger/transfer-id.ts";
import type { Act, EffectOf, JsonValue } from "../actors/records/act.ts";
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
  return problemAnswer(call, rejected.code, rejectionDetail(rejected), headers, membersOf(rejected));
}

/** Further members of a problem: the id of the transfer that used a reference first. Older records lack it. */
function membersOf({ code, subject }: Rejected): Readonly<{ id: string }> | undefined {
  const isFirst = code === "duplicate_reference" && parseTransferId(subject ?? "") !== undefined;
  return isFirst ? { id: subject ?? "" } : undefined;
}

export type Done = Readonly<{ timeMs: number; position: string; replayed: boolean }>;

export function isDone<C extends Command>(
  answer: Answer<C>,
): answer is Done & Readonly<{ outcome: Accepted[C["op"]] }> {
  return "outcome" in answer && answer.outcome.ok;
}

/** The problem for a command that was refused without being logged. */
export function refusalOf({ refused, fault, detail }: Extract<Answer, { refused: unknown }>): Problem {
  return fault === undefined ? new Problem(refused, detail) : invalid(fault.path, fault.message);
}

/** What a command was decided as. @throws Problem if it was refused or rejected */
export function acceptedOrThrow<C extends Command>(
  answer: Answer<C>,
): Done & Readonly<{ outcome: Accepted[C["op"]] }> {
  if (isDone(answer)) return answer;
  if ("refused" in answer) throw refusalOf(answer);
  const rejected = answer.outcome as Rejected;
  throw new Problem(rejected.code, rejectionDetail(rejected));
}

/** The answer to a command. `body` renders the answer on success; `null` for none. @throws Problem 400, 422 */
export function decidedAnswer<C extends Command>(
  call: Call,
  answer: Answer<C>,
  status: number,
  body: (accepted: Accepted[C["op"]], done: Done) => string | null,
): HttpAnswer {
  if ("refused" in answer) throw refusalOf(answer);
  const { outcome } = answer;
  if (outcome.ok) return writeAnswer(call, status, body(outcome, answer), answer);
  const headers: Record<string, string> = { "Daybook-Position": answer.position };
  if (answer.replayed) headers["Idempotency-Replayed"] = "true";
  return rejectionAnswer(call, outcome, headers);
}

/** The effect of an accepted act. */
export function effectOf<A extends Act>(_: A, { effect }: Readonly<{ effect?: JsonValue }>): EffectOf<A> {
  // The shard that decided the act has returned an effect of this type (`Decisions`).
  return effect as EffectOf<A>;
}

/** Combines two writes of one request. It is a replay only if both are. */
export function together<C extends Command>(first: Done, second: Answer<C>): Answer<C> {
  if ("refused" in second) return second;
  const position = `${first.position},${second.position}`;
  return { ...second, position, replayed: first.replayed && second.replayed };
}
