/** Formats entries of the log as lines, one per record, as text or as JSON. */
import type { LogRecord } from "../../actors/records/command.ts";
import { describeCommand, describeOutcome } from "../../actors/records/record-text.ts";
import { messageOf } from "../../errors/error-message.ts";
import { plural } from "../../text/plural.ts";
import { printable } from "../../text/printable.ts";
import type { Claim } from "../../wal/wal.ts";
import { formatTime, paint } from "../terminal.ts";
import type { LogEntry } from "./entries.ts";
import { formatPosition } from "./position.ts";
import { isAll, matches, type RecordFilter, recordsOf } from "./record.ts";

const POSITION_WIDTH = 14;
const OP_WIDTH = 18;
const PARTNER_WIDTH = 12;

/** A line of a listing. `bad`: an entry that cannot be decoded. */
export type Item = Readonly<{ entry: LogEntry }> &
  (
    | Readonly<{ kind: "claim"; claim: Claim }>
    | Readonly<{ kind: "record"; index: number; record: LogRecord }>
    | Readonly<{ kind: "bad"; problem: string }>
  );

/** The lines of an entry: its claim, or its records that match the filter. */
export function itemsOf(entry: LogEntry, filter: RecordFilter): readonly Item[] {
  const { frame, problem } = entry;
  if (frame === undefined) return [{ kind: "bad", entry, problem }];
  if (frame.kind === "claim") return isAll(filter) ? [{ kind: "claim", entry, claim: frame }] : [];
  try {
    return recordsOf(frame).flatMap((record, index) =>
      matches(record, filter) ? [{ kind: "record" as const, entry, index, record }] : [],
    );
  } catch (error) {
    const reason = messageOf(error);
    return [{ kind: "bad", entry, problem: `its records cannot be read: ${reason}` }];
  }
}

/** Such as `0:3-17#2  2026-11-21T12:00:00.123Z  transfer  acme  alice → bob 500  ✓ tr_…  key order-7`. */
export function formatItem(item: Item): string {
  const { entry } = item;
  const at = formatPosition(entry.shard, entry.id);
  const time = paint("dim", formatTime(entry.timeMs));
  const place = (index: string) => `${`${at}${index}`.padEnd(POSITION_WIDTH)} ${time}`;
  switch (item.kind) {
    case "bad":
      return `${place("")}  ${paint("red", `✗ ${printable(item.problem)}`)}`;
    case "claim": {
      const { instance, shards } = item.claim.claimant;
      return `${place("")}  ${paint("magenta", "claim".padEnd(OP_WIDTH))}  by ${printable(instance)}, ${shards} ${plural(shards, "shard")}`;
    }
    case "record": {
      const { command, outcome } = item.record;
      const decided = describeOutcome(item.record);
      return [
        place(`#${item.index}`),
        paint("cyan", command.op.padEnd(OP_WIDTH)),
        printable(command.partner || "-").padEnd(PARTNER_WIDTH),
        describeCommand(item.record),
        outcome.ok ? `${paint("green", "✓")} ${decided}`.trimEnd() : paint("red", `✗ ${decided}`),
        command.key === null ? "" : paint("dim", `key ${printable(command.key)}`),
      ]
        .filter((part) => part !== "")
        .join("  ");
    }
  }
}

export function itemToJson(item: Item): string {
  const { shard, id, timeMs } = item.entry;
  const head = { position: formatPosition(shard, id), time: formatTime(timeMs), kind: item.kind };
  switch (item.kind) {
    case "bad":
      return JSON.stringify({ ...head, problem: item.problem });
    case "claim":
      return JSON.stringify({ ...head, ...item.claim.claimant });
    case "record":
      return JSON.stringify({ ...head, index: item.index, ...item.record });
  }
}
