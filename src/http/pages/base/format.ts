/** How pages write amounts, counts, times and ids. */
import type { Delivery } from "../../../gateway/ports.ts";
import { scaleOf } from "../../input/decimal.ts";
import { type Html, html } from "./html.ts";

const GROUPED = new Intl.NumberFormat("en");

/** A count with separators: 1,204. */
export function count(value: number | bigint): string {
  // No minus for a zero that was computed.
  return GROUPED.format(value === 0 ? 0 : value);
}

/**
 * An amount in minor units, in the decimals that its asset's name ends with: 2500 of USD/2 is `25.00`. Exact beyond 2^53.
 *
 * @param sign `always` writes a plus before amounts above 0.
 */
export function amountText(minor: number | bigint, asset: string, sign: "always" | "auto" = "auto"): string {
  const decimals = scaleOf(asset);
  const value = BigInt(minor);
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = count(BigInt(digits.slice(0, digits.length - decimals)));
  const text = decimals === 0 ? whole : `${whole}.${digits.slice(-decimals)}`;
  if (value < 0n) return `−${text}`;
  return sign === "always" && value > 0n ? `+${text}` : text;
}

/** The name of an asset without its decimals: USD of USD/2. */
export function assetName(asset: string): string {
  return asset.replace(/\/\d+$/, "");
}

/** An amount with the name of its asset. */
export function money(minor: number | bigint, asset: string, sign: "always" | "auto" = "auto"): Html {
  return html`<span class="num">${amountText(minor, asset, sign)}</span> <span class="unit">${assetName(asset)}</span>`;
}

/** A time in UTC, which a script shows in the zone and language of the reader. */
export function time(ms: number): Html {
  const text = new Date(ms).toISOString();
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 19)} UTC</time>`;
}

export function timeOrNone(ms: number | null | undefined): Html {
  return ms == null ? none("never") : time(ms);
}

/** A muted word where a value would be. */
export function none(text = "none"): Html {
  return html`<span class="muted">${text}</span>`;
}

/** An id or another text of machines. */
export function mono(text: string): Html {
  return html`<span class="mono">${text}</span>`;
}

const SHORT_ID_LENGTH = 16;

/** The two ends of a long id, which is whole in its title. */
export function shortId(id: string): Html {
  if (id.length <= SHORT_ID_LENGTH) return mono(id);
  return html`<span class="mono" title="${id}">${id.slice(0, 8)}…${id.slice(-4)}</span>`;
}

/** A state as a badge. The word says it; the colour only repeats it. */
export function badge(text: string, tone: "good" | "warn" | "bad" | "plain" = "plain"): Html {
  return html`<span class="badge" data-tone="${tone}">${text}</span>`;
}

const DELIVERY_TONES = { delivered: "good", failed: "warn", parked: "bad" } as const satisfies Record<
  Delivery["status"],
  string
>;

export function deliveryBadge({ status }: Delivery): Html {
  return badge(status, DELIVERY_TONES[status]);
}

/** Milliseconds: 0.4 ms, 31 ms, 2.5 s. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

export function bytes(value: number): string {
  let rest = value;
  let unit = 0;
  while (rest >= 1000 && unit < BYTE_UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? rest : rest.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** A path from its parts, each escaped: `/console/accounts/alice%2Fpoints`. */
export function pathOf(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}
