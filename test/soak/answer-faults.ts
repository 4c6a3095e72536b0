/** Answers to one key that contradict each other or the API's guarantees, found without the books. */
import { type Answer, isDecision, outcomeText } from "../stress/operation.ts";
import type { Ask, Heard } from "./entry.ts";

/** @param heard the answers in order; at least one of them is final. */
export function answerFaults(ask: Ask, heard: readonly Heard[]): readonly string[] {
  const { key, may, mustFail, kind } = ask;
  const name = `Key ${key} (${kind})`;
  const found: string[] = [];
  const decisions = heard.filter(({ answer }) => isDecision(answer));
  const outcomes = new Map(
    decisions.map(({ answer, digest }) => [`${outcomeText(answer)} ${digest}`, answer]),
  );
  if (outcomes.size > 1)
    found.push(`${name} had ${outcomes.size} answers: ${[...outcomes.keys()].join(" and ")}.`);
  for (const answer of outcomes.values()) {
    if (answer.is === "rejected" && !may.includes(answer.code))
      found.push(`${name} was refused for ${answer.code}, for which there was no reason.`);
    if (answer.is === "accepted" && mustFail)
      found.push(`${name} asked for what cannot be, and was accepted as ${answer.id}.`);
  }
  // A batch answer does not say which of its items are replays.
  if (kind === "item") return found;
  const firsts = decisions
    .filter(({ answer }) => !isReplay(answer))
    .reduce((sum, { times }) => sum + times, 0);
  if (firsts > 1) found.push(`${name} had ${firsts} answers that do not say that they are repeats.`);
  const mayHaveBeenDone = heard.some(({ answer }) => answer.is === "unknown");
  if (firsts === 0 && !mayHaveBeenDone)
    found.push(`${name} was certainly not done by any earlier request, and its answer was a repeat.`);
  return found;
}

function isReplay(answer: Answer): boolean {
  return isDecision(answer) && answer.replayed;
}
