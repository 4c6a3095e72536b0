/**
 * The details of a transfer: what its caller says about it. No rule reads them; they are logged, archived and shown.
 * `src/http/core/transfers/transfer-details.ts` has their form in requests and answers.
 */
import type { PackWriter } from "./pack-writer.ts";

export interface TransferDetails {
  readonly memo: string | null;
  /** Canonical JSON text. */
  readonly metadata: string | null;
  /** Time of the event as given by the caller, ms since 1970. */
  readonly occurredAtMs: number | null;
}

export const NO_DETAILS: TransferDetails = { memo: null, metadata: null, occurredAtMs: null };

/** The details alone, of anything that has them. */
export function detailsOf({ memo, metadata, occurredAtMs }: TransferDetails): TransferDetails {
  return { memo, metadata, occurredAtMs };
}

/** The texts among the details, which may be long. */
export function textsOf({ memo, metadata }: TransferDetails): readonly (string | null)[] {
  return [memo, metadata];
}

/** The details in packed transfers and credits, in order. */
export const DETAIL_FIELDS = [
  "memo",
  "metadata",
  "occurredAtMs",
] as const satisfies readonly (keyof TransferDetails)[];

export function writeDetails(writer: PackWriter, { memo, metadata, occurredAtMs }: TransferDetails): void {
  writer.textOrNil(memo);
  writer.textOrNil(metadata);
  writer.numberOrNil(occurredAtMs);
}
