/** The kinds of fields that requests about wallets are made of. */
import { z } from "@hono/zod-openapi";
import { isText, Memo } from "../fields.ts";

const WALLET_ID_LENGTH_MAX = 64;
const SECONDS_MAX = 366 * 24 * 60 * 60;
/** Of holds and payment requests. */
export const DEFAULT_SECONDS = 7 * 24 * 60 * 60;

/** Any text that could be one: what is none is not found. */
export const WalletId = z
  .custom<string>(
    (value) => isText(value, WALLET_ID_LENGTH_MAX) && /^\w+$/.test(value),
    `must be a wallet's id: letters, digits and _, at most ${WALLET_ID_LENGTH_MAX}`,
  )
  .openapi({ type: "string", maxLength: WALLET_ID_LENGTH_MAX, pattern: "^\\w+$", example: "wal_…" });

export const WalletMemo = Memo.optional();
export const Seconds = z.int().min(1).max(SECONDS_MAX).optional();
