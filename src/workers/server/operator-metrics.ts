/** Metrics of the operator of top-ups, and of the top-ups that wait for it. */
import { ANSWER_BOUNDS_S, RESULTS } from "../../operator/operator-stats.ts";
import type { OperatorStatus } from "../operator/operator-desk.ts";
import { type Histogram, histogram, type Metric, scalars } from "./prometheus-text.ts";

const OF_ANSWERS: readonly Metric<number>[] = [
  ["daybook_operator_answers_total", "Requests to the operator of top-ups, by its answer", Number],
];
const OF_OPERATOR: readonly Metric<OperatorStatus>[] = [
  ["daybook_topups_pending", "Top-ups that the operator has not decided", (of) => of.pending],
  ["daybook_topups_unknown", "Top-ups of which the operator does not say what became", (of) => of.unknown],
  [
    "daybook_topup_unknown_age_seconds",
    "Age of the oldest top-up of which the operator does not say what became",
    (of) => of.oldestUnknownMs / 1000,
  ],
];
const OF_CONFLICTS: readonly Metric<number>[] = [
  ["daybook_topup_conflicts", "Top-ups of which the operator contradicts the partner's decision", Number],
];

const ANSWERS: Histogram = {
  name: "daybook_operator_answer_seconds",
  help: "Time until the operator of top-ups answered, or did not",
  bounds: ANSWER_BOUNDS_S,
};

/** @param operator `undefined`: nothing is shown. */
export function renderOperator(operator: OperatorStatus | undefined): string {
  const all = operator === undefined ? [] : [operator];
  return [
    scalars(
      OF_ANSWERS,
      all.flatMap(({ answers }) => RESULTS.map((result) => [{ result }, answers[result]] as const)),
    ),
    histogram(
      ANSWERS,
      all.map(({ buckets, seconds }) => [{}, buckets, seconds]),
    ),
    scalars(
      OF_OPERATOR,
      all.map((of) => [{}, of]),
    ),
    scalars(
      OF_CONFLICTS,
      all.flatMap(({ conflicts }) => (conflicts === undefined ? [] : [[{}, conflicts] as const])),
    ),
  ].join("");
}
