import { timeMsOf } from "./fields.ts";
import { invalid } from "./problem.ts";

/** From `from` (inclusive) to `to` (exclusive), both already known to be times. @throws Problem 400 when they cross */
export function rangeOf(
  from: string | undefined,
  to: string | undefined,
): { fromMs?: number; toMs?: number } {
  const fromMs = from === undefined ? undefined : timeMsOf(from);
  const toMs = to === undefined ? undefined : timeMsOf(to);
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs)
    throw invalid("to", "must not be before from");
  return { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}
