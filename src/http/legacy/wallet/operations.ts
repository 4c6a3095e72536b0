/** Operations of the old wallet: its side of each movement, as the old list showed them. */
import { hash } from "node:crypto";
import { decimalTextOf } from "../../input/decimal.ts";
import type { Json } from "../local-api.ts";

/** 13 hexadecimal digits: 52 bits, a whole number that every JSON reader keeps. */
const HEX_DIGITS = 13;

/** The number of a wallet's side of a transfer: a hash, so it needs no table and never changes. */
export function operationIdOf(transfer: string, wallet: string): number {
  return Number.parseInt(hash("sha256", `${transfer}\0${wallet}`, "hex").slice(0, HEX_DIGITS), 16);
}

/** `number`: of the wallet. `contragent`: of the other wallet; 0 for none. */
type OperationContext = Readonly<{ wallet: string; number: number; contragent: number; scale: number }>;

/** The JSON of an entry of `/v1/wallet/entries`. */
export function operationJson(entry: Json, { wallet, number, contragent, scale }: OperationContext): string {
  const amount = Number(entry["amount"]);
  const text = decimalTextOf(Math.abs(amount), scale);
  const isOut = amount < 0;
  const generated = isOut
    ? `отправлено ${text} на кошелек ${contragent}`
    : `получено ${text} с кошелька ${contragent}`;
  const details = JSON.stringify(entry["memo"] ?? (contragent === 0 ? "" : generated));
  const opertype =
    contragent === 0 && !isOut ? "external_in" : contragent === 0 ? "external_out" : "w2w_onestep";
  return (
    `{"operation_id":${operationIdOf(String(entry["transfer_id"]), wallet)},"wallet_id":${number},` +
    `"amount":${text},"details":${details},"timestamp":${JSON.stringify(httpTimeOf(String(entry["at"])))},` +
    `"debet":${isOut},"opertype":"${opertype}","contragent_id":${contragent}}`
  );
}

/** As Flask writes times: `Wed, 16 Sep 2020 10:00:00 GMT`. */
function httpTimeOf(at: string): string {
  return new Date(at).toUTCString();
}
