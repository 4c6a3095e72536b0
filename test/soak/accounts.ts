/** The accounts of a soak and their opening balances. All belong to one partner. */
import type { Ask, Posting } from "./entry.ts";

export const PARTNER = "acme";
export const ASSET = "PTS/0";
export const BANK = "@bank";
export const SALES = "@sales";

const OWNERS = 100;
export const FUNDS = 1_000;
/** More than the sum of all balances. */
export const OVERSPENT = 1_000_000_000;

/** Two accounts for each owner, so that some transfers stay on one shard. */
export const OWN: readonly string[] = Array.from({ length: OWNERS }, (_, no) => [
  `owner-${no}/a`,
  `owner-${no}/b`,
]).flat();

/** These transfer only to each other, so their sum is constant. */
export const VAULTS: readonly string[] = Array.from({ length: 8 }, (_, no) => `vault-${no}`);
export const VAULT_FUNDS = 100;

/** Accounts whose limits change continuously. */
export const LIMITED: readonly string[] = Array.from({ length: 8 }, (_, no) => `limited-${no}`);

/** Opens and funds an account, under keys that are the same in every run. */
export function* beginning(): Generator<readonly [open: Ask, fund: Ask]> {
  for (const [ids, amount] of [
    [OWN, FUNDS],
    [VAULTS, VAULT_FUNDS],
    [LIMITED, FUNDS],
  ] as const) {
    for (const id of ids) {
      const posting = { debit_account: BANK, credit_account: id, amount };
      yield [opening(`open-${id}`, id), transfer(`fund-${id}`, [posting], [])];
    }
  }
}

export function opening(key: string, id: string, exists = false): Ask {
  return {
    key,
    kind: "account",
    method: "POST",
    path: "/v1/accounts",
    body: { id, asset: ASSET },
    about: null,
    may: exists ? ["account_exists"] : [],
    mustFail: exists,
  };
}

/** The memo contains the key, so that a transfer can be found without any answer. */
export function transfer(
  key: string,
  postings: readonly Posting[],
  may: readonly string[],
  more: Readonly<{ pending?: boolean; timeout_s?: number }> = {},
): Ask {
  const body = { postings, memo: key, ...more };
  return {
    key,
    kind: "transfer",
    method: "POST",
    path: "/v1/transfers",
    body,
    about: null,
    may,
    mustFail: false,
  };
}

export function action(
  kind: "post" | "void" | "revert",
  key: string,
  about: string,
  may: readonly string[],
  body: Ask["body"] = null,
): Ask {
  return {
    key,
    kind,
    method: "POST",
    path: `/v1/transfers/${about}/${kind}`,
    body,
    about,
    may,
    mustFail: false,
  };
}
