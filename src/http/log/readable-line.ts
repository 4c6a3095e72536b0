/** Formats a log line for a terminal. */
import { printable } from "../../text/printable.ts";

const LEVELS: ReadonlyMap<unknown, string> = new Map([
  [10, "trace"],
  [20, "debug"],
  [30, "info "],
  [40, "warn "],
  [50, "error"],
  [60, "fatal"],
]);

/** Converts one line of JSON, with or without its newline, to `12:00:00.123 warn  waiting for the log, reason: …`. */
export function readableLine(json: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const at = new Date(Number(time)).toISOString().slice(11, 23);
  const head = `${at} ${LEVELS.get(level) ?? String(level)}`;
  if (msg === "request") return `${head} ${printable(describeRequest(fields))}\n`;
  const described = Object.entries(fields).map(([name, value]) => `, ${name}: ${textOf(value)}`);
  const line = `${head} ${printable(`${textOf(msg)}${described.join("")}`)}\n`;
  return err === undefined ? line : `${line}${describeError(err)}`;
}

function describeRequest(fields: Readonly<Record<string, unknown>>): string {
  const { method, route, status, ms, partner, request_id } = fields;
  const who = partner === undefined ? "" : ` ${textOf(partner)}`;
  return `${textOf(method)} ${textOf(route)} ${textOf(status)} ${textOf(ms)} ms${who} ${textOf(request_id)}`;
}

function describeError(error: unknown): string {
  const { message, stack } = error as Readonly<{ message?: unknown; stack?: unknown }>;
  const lines = textOf(stack ?? message ?? error).split("\n");
  return lines.map((line) => `    ${printable(line)}\n`).join("");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
