/** What each kind of command makes grow, which determines the quotas that apply to it. */
import type { MemoryGrowth } from "../programmes/programme.ts";
import { growthOfAct } from "../programmes/programmes.ts";
import type { Act } from "../records/act.ts";
import type { Command } from "../records/command.ts";

/** By op. For commands that carry an act, the growth without it. */
export const GROWTH = {
  transfer: "key",
  credit: "never",
  delivered: "never",
  act: "never",
  notice: "never",
  compound_transfer: "key",
  post_transfer: "never",
  void_transfer: "never",
  revert_transfer: "key",
  expire_transfer: "never",
  reserve: "never",
  release: "never",
  portion: "never",
  tick: "never",
  create_account: "more",
  update_account: "more",
  set_account_status: "never",
  create_partner: "more",
  update_partner: "never",
  create_key: "more",
  revoke_key: "never",
  set_operator_key: "never",
} as const satisfies Record<Command["op"], MemoryGrowth>;

export function growthOf(command: Command): MemoryGrowth {
  switch (command.op) {
    case "act":
      return growthOfAct(command.act);
    case "transfer":
      return growthWith(command.act);
    case "compound_transfer":
      return command.pending ? "hold" : growthWith(command.act);
    default:
      return GROWTH[command.op];
  }
}

/** Growth of a transfer with this act. */
function growthWith(act: Act | undefined): MemoryGrowth {
  return act === undefined ? "key" : growthOfAct(act);
}
