/** The setting TOPUP_OPERATOR: `simulated:?fail=0.05&unknown=0.02&delay_ms=50`, or the address of an operator. */
import { HttpOperator } from "./http-operator.ts";
import type { TopupOperator } from "./operator.ts";
import { type Faults, memoryStore, NO_FAULTS, SimulatedOperator } from "./simulated-operator.ts";

type Location = Readonly<
  { kind: "simulated"; faults: Faults } | { kind: "http"; url: string; settleMs: number }
>;

/** By name in the setting: its fault, and its largest value. */
const FAULTS: Readonly<Record<string, readonly [fault: keyof Faults, max: number]>> = {
  fail: ["fail", 1],
  unknown: ["unknown", 1],
  unknown_ms: ["unknownMs", 86_400_000],
  duplicate: ["duplicate", 1],
  drop: ["drop", 1],
  delay_ms: ["delayMs", 60_000],
};
const SETTLE_MS_MAX = 86_400_000;

/** @throws TypeError for any other text */
export function parseOperator(text: string): Location {
  const url = URL.parse(text === "simulated" ? "simulated:" : text);
  if (url?.protocol === "simulated:" && url.pathname === "")
    return { kind: "simulated", faults: parseFaults(url.searchParams) };
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "")
    throw new TypeError("must be simulated: or http[s]://host[:port]/path");
  const settings = new URLSearchParams(url.hash.slice(1));
  const settle = settings.get("settle_ms") ?? "0";
  if ([...settings.keys()].some((name) => name !== "settle_ms") || !isNumber(settle, SETTLE_MS_MAX))
    throw new TypeError("only #settle_ms=<milliseconds> may follow the address");
  return { kind: "http", url: text, settleMs: Number(settle) };
}

/** @throws TypeError for an unknown name or a bad value */
export function parseFaults(settings: URLSearchParams): Faults {
  const faults = { ...NO_FAULTS };
  for (const [name, value] of settings) {
    const known = Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
    if (known === undefined) throw new TypeError(`a simulated operator has no ${name}`);
    const [fault, max] = known;
    if (!isNumber(value, max)) throw new TypeError(`${name} must be from 0 to ${max}`);
    faults[fault] = Number(value);
  }
  return faults;
}

export function isOperator(text: string): boolean {
  try {
    parseOperator(text);
    return true;
  } catch {
    return false;
  }
}

export function openOperator(text: string): TopupOperator {
  const location = parseOperator(text);
  return location.kind === "simulated"
    ? new SimulatedOperator(location.faults, memoryStore(), Date.now)
    : new HttpOperator(location.url, location.settleMs);
}

function isNumber(text: string, max: number): boolean {
  return /^\d+(\.\d+)?$/.test(text) && Number(text) <= max;
}
