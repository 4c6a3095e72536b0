/** Answers that contradict each other or the API's guarantees, found without the books. */
import { isDecision, type Operation, outcomeText } from "./operation.ts";

/** The only rejection that the load can cause. */
const REFUSAL = "insufficient_funds";

export function answerDiscrepancies(operations: readonly Operation[]): string[] {
  const found: string[] = [];
  const keys = new Set<string>();
  for (const operation of operations) {
    const { key, overspends, sendings } = operation;
    if (keys.has(key)) found.push(`Key ${key} was given to two transfers: that is a fault of the load.`);
    keys.add(key);
    const decisions = sendings.map(({ answer }) => answer).filter(isDecision);
    const outcomes = new Map(decisions.map((answer) => [outcomeText(answer), answer]));
    if (outcomes.size === 0) found.push(unanswered(operation));
    if (outcomes.size > 1)
      found.push(`Key ${key} had ${outcomes.size} answers: ${[...outcomes.keys()].join(" and ")}.`);
    for (const answer of outcomes.values()) {
      if (answer.is === "rejected" && answer.code !== REFUSAL)
        found.push(`Key ${key} was refused for ${answer.code}, for which there was no reason.`);
      if (answer.is === "accepted" && overspends)
        found.push(
          `Key ${key} asked for more than all the money there is, and was accepted as ${answer.id}.`,
        );
    }
    if (!operation.inBatch && outcomes.size === 1) found.push(...replayDiscrepancies(operation));
  }
  return found;
}

function unanswered({ key, sendings }: Operation): string {
  const last = sendings.at(-1)?.answer;
  const said = last === undefined ? "nothing" : outcomeText(last);
  return `Key ${key} has no answer after ${sendings.length} requests; the last said ${said}.`;
}

/** A replayed answer needs an earlier request with the same key that was not certainly refused. */
function replayDiscrepancies({ key, sendings }: Operation): string[] {
  const decisions = sendings.filter(({ answer }) => isDecision(answer));
  const original = decisions.filter(({ answer }) => isDecision(answer) && !answer.replayed);
  if (original.length > 1)
    return [`Key ${key} had ${original.length} answers that do not say that they are repeats.`];
  if (decisions.length === 0 || original.length === 1) return [];
  // All answers are replays: the first answer was lost.
  const mayHaveBeenDone = sendings.some(({ answer }) => answer.is === "unknown");
  return mayHaveBeenDone
    ? []
    : [`Key ${key} was certainly not done by any earlier request, and its answer was a repeat.`];
}
