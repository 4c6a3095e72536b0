/** The details of a transfer in requests, in fingerprints, and in the answers on transfers and entries. */
import { z } from "@hono/zod-openapi";
import type { TransferDetails } from "../../../actors/records/transfer-details.ts";
import { csvText } from "../../../text/csv.ts";
import {
  isMetadata,
  isText,
  MEMO_LENGTH_MAX,
  Memo,
  Metadata,
  Time,
  timeMsOrNull,
  timeTextOf,
} from "../../input/fields.ts";
import { canonicalJson } from "../../input/fingerprint.ts";

/** In requests. */
export const requestDetails = {
  memo: Memo.optional(),
  metadata: Metadata.optional(),
  occurred_at: Time.optional(),
};

type RequestDetails = z.infer<z.ZodObject<typeof requestDetails>>;

export function transferDetails({ memo, metadata, occurred_at }: RequestDetails): TransferDetails {
  return {
    memo: memo ?? null,
    metadata: metadata === undefined ? null : canonicalJson(metadata),
    occurredAtMs: timeMsOrNull(occurred_at),
  };
}

/**
 * The details with one more member of a request, on the fast path; `undefined`: use the schema.
 *
 * @param details `NO_DETAILS` at first.
 */
export function withDetail(
  details: TransferDetails,
  name: string,
  value: unknown,
): TransferDetails | undefined {
  if (name === "memo") return isText(value, MEMO_LENGTH_MAX) ? { ...details, memo: value } : undefined;
  if (name === "metadata")
    return isMetadata(value) ? { ...details, metadata: canonicalJson(value) } : undefined;
  return undefined;
}

/** The canonical text of a request. @param terms what else the request says; the details are appended to it. */
export function canonicalText(terms: unknown[], { memo, metadata, occurredAtMs }: TransferDetails): string {
  terms.push(memo, metadata, occurredAtMs);
  return JSON.stringify(terms);
}

/** In answers. */
export const answerDetails = {
  memo: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  occurred_at: z.iso.datetime().optional(),
};

/** JSON members, each with a comma after it. @param expiresAt that of a pending transfer, which stands among them. */
export function detailsJson({ memo, metadata, occurredAtMs }: TransferDetails, expiresAt = ""): string {
  return (
    `"memo":${memo === null ? "null" : JSON.stringify(memo)},"metadata":${metadata ?? "{}"},` +
    expiresAt +
    (occurredAtMs === null ? "" : `"occurred_at":"${timeTextOf(occurredAtMs)}",`)
  );
}

/** In the CSV of entries. */
export const DETAIL_COLUMNS = ["memo", "metadata"] as const;

export function detailCells({ memo, metadata }: TransferDetails): readonly string[] {
  return [csvText(memo ?? ""), csvText(metadata ?? "{}")];
}
