/** The events of a log record. Pure: live, in lists and after any replay the same record has the same events. */
import { eventsOfAct, eventsOfCredit, eventsOfNotice, eventsOfRevert } from "../programmes/programmes.ts";
import type { Act, JsonValue } from "../records/act.ts";
import type { LogRecord } from "../records/command.ts";
import type { TransferView } from "../records/compound-command.ts";
import { event, type LedgerEvent } from "../records/event.ts";
import { changesOf, isWhole, transferIdOf, transferOf } from "../records/record-views.ts";
import { failureOf, ledgerEventsOf } from "./ledger-events.ts";

/** @param timeMs log time of the record. */
export function eventsOf(record: LogRecord, timeMs: number): readonly LedgerEvent[] {
  const { command, outcome } = record;
  if (!outcome.ok) return failureOf(command, outcome);
  if (command.op === "notice") return eventsOfNotice(command.programme, effectOf(record));
  const events = ledgerEventsOf(record, timeMs);
  const revert = revertOf(record, timeMs);
  return [
    ...events,
    ...eventsOfActOf(record, timeMs),
    ...(revert === undefined ? [] : eventsOfRevert(revert, changesOf(record))),
    ...events.flatMap((each) =>
      each.type === "transfer.received" ? eventsOfCredit(command.partner, each.data, revert) : [],
    ),
    ...monitorEventsOf(record),
  ];
}

/** The revert that the record creates, or a part of which it moves. */
function revertOf(record: LogRecord, timeMs: number): TransferView | undefined {
  const { op } = record.command;
  if (op !== "revert_transfer" && op !== "portion") return undefined;
  const transfer = transferOf(record, timeMs);
  return transfer !== undefined && isWhole(transfer) && transfer.reverts !== null ? transfer : undefined;
}

function eventsOfActOf(record: LogRecord, timeMs: number): readonly LedgerEvent[] {
  const act = actOf(record);
  if (act === undefined) return [];
  const transfer = transferOf(record, timeMs) ?? null;
  return eventsOfAct(act, { effect: effectOf(record), timeMs, transfer, changes: changesOf(record) });
}

function monitorEventsOf(record: LogRecord): readonly LedgerEvent[] {
  const { outcome } = record;
  if (!("crossed" in outcome) || outcome.crossed === undefined) return [];
  const transfer = transferIdOf(record) ?? null;
  return outcome.crossed.map((crossing) =>
    event("monitor.crossed", crossing.account, { ...crossing, transfer }),
  );
}

function effectOf({ outcome }: LogRecord): JsonValue {
  return "effect" in outcome ? (outcome.effect ?? null) : null;
}

function actOf({ command }: LogRecord): Act | undefined {
  return "act" in command ? command.act : undefined;
}
