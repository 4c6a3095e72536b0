/** What clients ask of balance monitors. */
import { MONITORS_SUBJECT } from "../../../src/actors/programmes/monitors/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Random } from "../../support/random.ts";
import { askAlone, type Tools } from "./asked-act.ts";

export class MonitorWorkload {
  readonly #random: Random;
  /** By partner: ids of monitors that may still exist, newest last. */
  readonly #known = new Map<string, string[]>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Monitors of all balances of a partner, and of members. */
  act(tools: Tools): void {
    const random = this.#random;
    const known = this.#known.get(tools.partner) ?? [];
    this.#known.set(tools.partner, known);
    const of = { programme: "monitors", subject: MONITORS_SUBJECT } as const;
    const deleted = random.chance(0.3) ? known.pop() : undefined;
    if (deleted !== undefined) return askAlone(tools, { ...of, act: "delete_monitor", id: deleted } as Act);
    const prefix = random.oneOf(["", "points:", "owner/"]);
    const target = random.chance(0.3)
      ? { account: random.oneOf(["owner/a", "points:m0"]), prefix: null }
      : { account: null, prefix };
    const field = random.oneOf(["posted", "available", "held"]);
    const rule = { ...target, field, when: random.oneOf(["above", "below"]), value: random.below(20) };
    return askAlone(tools, { ...of, act: "create_monitor", rule } as Act, (effect) => {
      known.push((effect as { monitor: { id: string } }).monitor.id);
    });
  }
}
