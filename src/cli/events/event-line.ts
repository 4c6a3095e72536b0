/** An event as one line of a table: time, type, subject, and the data that tell most. */
import { printable } from "../../text/printable.ts";
import { paint } from "../terminal.ts";
import type { ListenedEvent } from "./event-source.ts";

const TIME_WIDTH = 24;
const TYPE_WIDTH = 30;
const SUBJECT_WIDTH = 28;
const DATA_CHARACTERS_MAX = 120;

/** Shown first, in this order. */
const TELLING = [
  "status",
  "code",
  "amount",
  "posted_amount",
  "balance",
  "available",
  "credit",
  "id",
] as const;
/** Told by the columns, or too long. */
const LEFT_OUT: ReadonlySet<string> = new Set(["metadata", "postings", "created_at"]);
const TROUBLE = /\.(failed|expired|frozen|depleted|unknown)$/;

export function headerLine(): string {
  return paint("bold", columns("time", "type", "subject", "data"));
}

export function eventLine({ at, type, subject, data }: ListenedEvent): string {
  const said = printable(describe(data, subject)).slice(0, DATA_CHARACTERS_MAX);
  const line = columns(at, printable(type), printable(subject), said);
  // Painted after padding, since escape sequences have no width.
  return line.replace(type, (name) => paint(TROUBLE.test(type) ? "red" : "cyan", name));
}

function columns(time: string, type: string, subject: string, data: string): string {
  return `${time.padEnd(TIME_WIDTH)}  ${type.padEnd(TYPE_WIDTH)}  ${subject.padEnd(SUBJECT_WIDTH)}  ${data}`;
}

function describe(data: ListenedEvent["data"], subject: string): string {
  const names = [...TELLING, ...Object.keys(data).filter((name) => !isTelling(name))];
  const said = names.flatMap((name) => {
    const value = data[name];
    const isPlain = typeof value === "string" || typeof value === "number";
    return isPlain && value !== "" && value !== subject && !LEFT_OUT.has(name) ? [`${name} ${value}`] : [];
  });
  return [...movesOf(data["postings"]), ...said].join(", ");
}

function isTelling(name: string): boolean {
  return (TELLING as readonly string[]).includes(name);
}

/** The first posting of a transfer, and how many more there are. */
function movesOf(postings: unknown): readonly string[] {
  if (!Array.isArray(postings) || postings.length === 0) return [];
  const [first] = postings as readonly Readonly<Record<string, unknown>>[];
  const more = postings.length === 1 ? "" : ` and ${postings.length - 1} more`;
  return [
    `${String(first?.["debit_account"])} → ${String(first?.["credit_account"])} ${String(first?.["amount"])}${more}`,
  ];
}
