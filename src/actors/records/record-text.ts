/** Describes a record in one line of text. Pure. */

import { unreachable } from "../../errors/assert.ts";
import { printable } from "../../text/printable.ts";
import type { Command, LogRecord, Recorded } from "./command.ts";
import type { Leg, Move, Posting, TransferChanged, TransferExpired } from "./compound-command.ts";

/** Further postings are only counted. */
const POSTINGS_SHOWN = 3;

/**
 * Describes the command, such as `alice/points → bob/points 500`. Amounts are in minor units. The record of a plain
 * transfer does not contain the asset, which is that of its accounts.
 */
export function describeCommand({ command, outcome }: LogRecord): string {
  const act = command.op !== "act" && "act" in command ? command.act : undefined;
  const by = act === undefined ? "" : `, ${act.programme} ${act.act}`;
  return printable(`${describe(command, outcome)}${by}`);
}

/** Describes the outcome: the new id, or the rejection. */
export function describeOutcome({ command, outcome }: LogRecord): string {
  if (!outcome.ok) {
    return printable(`${outcome.code}${outcome.subject === null ? "" : ` (${outcome.subject})`}`);
  }
  if ("to" in outcome) return `${outcome.id}, to shard ${outcome.to} as message ${outcome.no}`;
  if ("transfer" in outcome) return describeTransfer(command, outcome);
  if ("id" in outcome) return outcome.id;
  return "";
}

function describe(command: Command, outcome: Recorded): string {
  switch (command.op) {
    case "transfer":
      return posting(command);
    case "credit":
      return `${posting(command)} (${command.id}, from shard ${command.from} as message ${command.no})`;
    case "delivered":
      return `shard ${command.to} has messages up to ${command.upTo}`;
    case "compound_transfer":
      return describeCompound(command.postings, outcome, command);
    case "post_transfer":
      return `${command.id} ${command.amount ?? "what is left"}${command.final ? ", final" : ""}`;
    case "void_transfer":
    case "expire_transfer":
    case "revert_transfer":
    case "release":
      return command.id;
    case "create_account":
      return `${command.id} ${command.asset}${describeBounds(command)}`;
    case "update_account":
      return `${command.id}${describeBounds(command)}`;
    case "set_account_status":
      return `${command.id} ${command.action}`;
    case "create_partner":
    case "update_partner":
      return [command.name, "status" in command ? command.status : undefined]
        .filter((part) => part !== undefined)
        .join(" ");
    case "create_key":
      return `${command.newKey.id} ${command.newKey.role}`;
    case "revoke_key":
      return command.keyId;
    case "act":
      return `${command.act.programme} ${command.act.act} ${command.act.subject}`;
    case "notice":
      return `${command.programme} from shard ${command.from} as message ${command.no}`;
    case "tick":
      return command.owner ?? "";
    case "set_operator_key":
      return "";
    case "reserve":
      return `${command.id} for shard ${command.from} (${command.purpose}): ${describeLegs(command.legs)}`;
    case "portion":
      return `${command.transfer.id} from shard ${command.from} as message ${command.no} (${command.purpose}): ${describeLegs(command.legs)}`;
    default:
      return unreachable(command);
  }
}

function posting({ debit, credit, amount }: Posting): string {
  return `${debit} → ${credit} ${amount}`;
}

function describeCompound(
  postings: readonly Posting[],
  outcome: Recorded,
  { pending, available }: Readonly<{ pending: boolean; available: boolean }>,
): string {
  const moves = "moves" in outcome ? outcome.moves : [];
  const shown = postings.slice(0, POSTINGS_SHOWN).map((each) => `${posting(each)}${assetOf(each, moves)}`);
  const more = postings.length - shown.length;
  return [
    shown.join("; "),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...(available ? ["at most"] : []),
    ...(pending ? ["pending"] : []),
  ].join(", ");
}

function assetOf({ debit, credit }: Posting, moves: readonly Move[]): string {
  const move = moves.find(({ account }) => account === debit || account === credit);
  return move === undefined ? "" : ` ${move.asset}`;
}

function describeTransfer(command: Command, { id, transfer }: TransferChanged | TransferExpired): string {
  const posted = transfer.status === "posted" ? ` ${transfer.postedAmount}` : "";
  const idText = "id" in command && command.id === id ? "" : `${id} `;
  return `${idText}${transfer.status}${posted}`;
}

function describeLegs(legs: readonly Leg[]): string {
  const shown = legs.slice(0, POSTINGS_SHOWN).map(({ account, amount }) => `${account} ${amount}`);
  const more = legs.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(", ") || "nothing";
}

function describeBounds(bounds: Readonly<{ floor?: number | null; ceiling?: number | null }>): string {
  const { floor, ceiling } = bounds;
  return [
    floor === undefined || floor === null ? "" : `, floor ${floor}`,
    ceiling === undefined || ceiling === null ? "" : `, ceiling ${ceiling}`,
  ].join("");
}
