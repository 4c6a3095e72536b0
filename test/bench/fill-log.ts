/** Fills the log with transfers in batches. */
import type { BenchContext } from "./bench-context.ts";
import type { Daybook } from "./daybook.ts";
import { MEDIA_TYPES } from "./loads/bodies.ts";
import type { Bodies } from "./loads/load.ts";

const CONNECTIONS = 4;
const ROUND_SECONDS = { quick: 1, full: 5 } as const;

export type Filling = Readonly<{
  /** Of batches. */
  bodies: Bodies;
  /** Until the server has decided so many commands. */
  commands: number;
  keyed?: boolean;
}>;

/** @returns how many commands the server has decided. */
export async function fillLog(bench: BenchContext, daybook: Daybook, filling: Filling): Promise<number> {
  const { bodies, commands, keyed = false } = filling;
  const { url, token } = daybook;
  const decided = () => daybook.metric("daybook_commands_total");
  const seconds = bench.options.quick ? ROUND_SECONDS.quick : ROUND_SECONDS.full;
  const load = { url, token, path: "/v1/transfers/batch", contentType: MEDIA_TYPES.json, bodies, keyed };
  for (let count = await decided(); ; count = await decided()) {
    if (count >= commands) return count;
    await bench.load.run({ ...load, connections: CONNECTIONS, seconds });
    bench.say(`  ${count} of ${commands} commands`);
  }
}
