/** The loyalty programme in the simulation: members, points that expire, and settings that every shard must know. */

import { vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import {
  askSettings,
  LOYALTY_SUBJECT,
  type LoyaltyAct,
  pointsAccount,
} from "../../src/actors/programmes/loyalty/acts.ts";
import type { Command, Transfer } from "../../src/actors/records/command.ts";
import { asCompound } from "../../src/http/core/transfers/compound-request.ts";
import type { Random } from "../support/random.ts";
import type { Logged, Replayed } from "./log-oracles.ts";
import type { Oracle } from "./sim-context.ts";

type Fail = (oracle: Oracle, message: string) => void;
type Header = Pick<Command, "partner" | "key" | "fingerprint">;

const MEMBERS = 6;

/** A random loyalty command. @param nowMs the approximate time of the shards */
export function memberCommand(random: Random, header: Header, nowMs: number): Command {
  const subject = pointsAccount(`m${random.below(MEMBERS)}`);
  const of = { programme: "loyalty", subject } as const;
  const amount = 1 + random.below(30);
  const alone = (act: LoyaltyAct): Command => ({ ...header, op: "act", act });
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
      return { ...header, op: "act", act };
    }
    case 3:
    case 4:
    case 5:
      return moving(header, { ...of, act: "redemption", ...named(random) }, subject, "@redemption", amount);
    default: {
      const waitMs = random.oneOf([20, 300, 2_000, 60_000]);
      const begin = random.chance(0.3) ? { activatesAtMs: nowMs + random.oneOf([20, 300, 2_000]) } : {};
      const beginMs = begin.activatesAtMs ?? nowMs;
      const expiry = random.chance(0.6) ? { expiresAtMs: beginMs + waitMs } : {};
      const act = { ...of, act: "accrual", ...expiry, ...begin, ...named(random) } as const;
      const given = moving(header, act, "@issuance", subject, amount);
      return begin.activatesAtMs === undefined
        ? given
        : { ...asCompound(given), pending: true, timeoutMs: null };
    }
  }
}

/** No act of a caller is logged on a subject with an expiry that was due before. */
export function checkLotExpiry(
  { ledger }: Pick<Replayed, "ledger">,
  { command, outcome, timeMs }: Logged,
  fail: Fail,
): void {
  const act = "act" in command ? (command.act as LoyaltyAct | undefined) : undefined;
  // Expiries have no key: shards make them.
  if (act === undefined || !outcome.ok || command.key === null) return;
  const due = ledger.state.programmes.scheduler.nextDueOf(command.partner, act.subject, timeMs);
  if (due !== undefined)
    fail(
      "what is over is ended",
      `${act.act} of ${act.subject} is done ${timeMs - due.endsAtMs} ms after the end of ${due.id}`,
    );
}

/** Checks balance = earned - spent - expired, lots ≤ balance, and that all shards have the same settings. */
export function checkMembers(logs: readonly Replayed[], partners: Iterable<string>, fail: Fail): void {
  const settingsByPartner = new Map<string, string>();
  const partnersToCheck = [...partners];
  for (const { shard, ledger, timeMs } of logs) {
    for (const [programme, item] of ledger.state.programmes.items()) {
      const [kind, partner, id, , , totals, lots] = item;
      if (programme !== "loyalty" || kind !== "member") continue;
      const [earned, spent, expired] = totals as readonly [number, number, number];
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
      const known = settingsByPartner.get(partner) ?? settings;
      settingsByPartner.set(partner, known);
      if (settings !== known)
        fail("programmes add up", `shard ${shard} knows the settings ${settings}, and another one ${known}`);
    }
  }
}

function named(random: Random): Readonly<{ reference?: string }> {
  return random.chance(0.3) ? { reference: `r${random.below(8)}` } : {};
}

function moving(header: Header, act: LoyaltyAct, debit: string, credit: string, amount: number): Transfer {
  const vnode = vnodeOfAccount(header.partner, act.subject);
  const noted = { memo: null, metadata: null, occurredAtMs: null };
  return { ...header, op: "transfer", debit, credit, amount, ...noted, vnode, act };
}
