/** A programme in the simulation: members who earn, spend and lose points, and settings that every shard must know. */

import { vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import {
  askSettings,
  LOYALTY_SUBJECT,
  type LoyaltyAct,
  pointsAccount,
} from "../../src/actors/programmes/loyalty/acts.ts";
import type { Command } from "../../src/actors/records/command.ts";
import type { Random } from "../support/random.ts";
import type { Logged, Replayed } from "./log-oracles.ts";
import type { Oracle } from "./surroundings.ts";

type Fail = (oracle: Oracle, message: string) => void;
type Asked = Pick<Command, "partner" | "key" | "fingerprint">;

const MEMBERS = 6;

/** What somebody asks of the programme; `nowMs` is about the time of the shards. */
export function memberCommand(random: Random, asked: Asked, nowMs: number): Command {
  const subject = pointsAccount(`m${random.below(MEMBERS)}`);
  const of = { programme: "loyalty", subject } as const;
  const amount = 1 + random.below(30);
  const alone = (act: LoyaltyAct): Command => ({ ...asked, op: "act", act });
  switch (random.below(10)) {
    case 0:
      return alone({ ...of, act: "create_member", name: null });
    case 1:
      return alone({ ...of, act: "delete_member" });
    case 2: {
      const settings = { memberThreshold: amount, totalThreshold: 10 * amount };
      const act = {
        programme: "loyalty",
        act: "change_settings",
        subject: LOYALTY_SUBJECT,
        settings,
      } as const;
      return { ...asked, op: "act", act };
    }
    case 3:
    case 4:
    case 5:
      return moving(asked, { ...of, act: "redemption" }, subject, "@redemption", amount);
    default: {
      const waitMs = random.oneOf([20, 300, 2_000, 60_000]);
      const end = random.chance(0.6) ? { expiresAtMs: nowMs + waitMs } : {};
      return moving(asked, { ...of, act: "accrual", ...end }, "@issuance", subject, amount);
    }
  }
}

/** Nothing is done with a thing whose time was over when the record was logged, but its end. */
export function checkDue(
  { ledger }: Pick<Replayed, "ledger">,
  { command, outcome, timeMs }: Logged,
  fail: Fail,
): void {
  const act = "act" in command ? (command.act as LoyaltyAct | undefined) : undefined;
  // What a shard ends by itself has no key.
  if (act === undefined || !outcome.ok || command.key === null) return;
  const due = ledger.state.programmes.due.nextDueOf(command.partner, act.subject, timeMs);
  if (due !== undefined)
    fail(
      "what is over is ended",
      `${act.act} of ${act.subject} is done ${timeMs - due.endsAtMs} ms after the end of ${due.id}`,
    );
}

/** What a member has is what was earned and not spent or lost; lots are a part of it; and all shards know the same settings. */
export function checkMembers(logs: readonly Replayed[], partners: Iterable<string>, fail: Fail): void {
  const told = new Map<string, string>();
  const partnersToCheck = [...partners];
  for (const { shard, ledger, timeMs } of logs) {
    for (const [programme, item] of ledger.state.programmes.items()) {
      const [kind, partner, id, , , figures, lots] = item;
      if (programme !== "loyalty" || kind !== "member") continue;
      const [earned, spent, expired] = figures as readonly [number, number, number];
      const posted = ledger.account(partner as string, pointsAccount(id as string))?.posted;
      const inLots = (lots as readonly (readonly [string, number])[]).reduce(
        (sum, [, points]) => sum + points,
        0,
      );
      if (posted !== earned - spent - expired || inLots > (posted ?? 0))
        fail(
          "programmes add up",
          `${JSON.stringify(id)} has ${posted}, ${inLots} in lots; ${earned} earned, ${spent} spent, ${expired} lost`,
        );
    }
    const { ask } = askSettings();
    for (const partner of partnersToCheck) {
      const settings = JSON.stringify(ledger.state.programmes.answer("loyalty", partner, ask, timeMs));
      const known = told.get(partner) ?? settings;
      told.set(partner, known);
      if (settings !== known)
        fail("programmes add up", `shard ${shard} knows the settings ${settings}, and another one ${known}`);
    }
  }
}

function moving(asked: Asked, act: LoyaltyAct, debit: string, credit: string, amount: number): Command {
  const vnode = vnodeOfAccount(asked.partner, act.subject);
  const noted = { memo: null, metadata: null, occurredAtMs: null };
  return { ...asked, op: "transfer", debit, credit, amount, ...noted, vnode, act };
}
