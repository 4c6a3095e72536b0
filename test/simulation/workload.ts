/** Random commands of the clients: every kind of transfer, with small amounts among few accounts, so that rules apply. */

import { homeVnodeOf, shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { parseTransferId } from "../../src/actors/ledger/transfer-id.ts";
import { PLATFORM_TENANT } from "../../src/actors/programmes/wallet/acts.ts";
import type { Command, CreateAccount, Limit, Transfer } from "../../src/actors/records/command.ts";
import type { CompoundTransfer, Posting } from "../../src/actors/records/compound-command.ts";
import type { Random } from "../support/random.ts";
import type { Habits, Operation } from "./swarm.ts";

/** The partner of most operations. */
export const MAIN = "p";
/** The partner that tries to read and change the data of `MAIN`. */
export const OTHER = "q";
/** Moves money only among its own accounts, so that their sum is constant. */
export const BANK = "bank";
export const BANK_FUNDS = 20;

const ASSET = "PTS/0";
const SYSTEM = ["@x", "@y"];
const WAIT_MS_MAX = 500;
const MANY = 5;
const HOT = 3;
/** The account with many holds. */
const CROWDED = "crowd";
const CROWD_WAIT_MS = 400;
/** Amounts near the bounds: 2^52 for decisions, 2^53 - 1 for balances. */
const HUGE = [2 ** 50, 2 ** 51, 2 ** 52 - 1, 2 ** 52, 2 ** 52 + 1, 2 ** 53 - 2];
/** An id that no transfer has. */
const NO_TRANSFER = "tr_0019001";

/** Ids of a partner's acknowledged transfers, oldest first. */
export type KnownTransfers = {
  readonly all: string[];
  readonly pending: string[];
  /** Expiry in ms, for transfers that have one. */
  readonly endsAtMs: Map<string, number>;
};

export class Workload {
  readonly #random: Random;
  readonly #shards: number;
  readonly #habits: Habits;
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  readonly made = new Map<string, KnownTransfers>();
  #keys = 0;

  constructor(random: Random, shards: number, habits: Habits) {
    this.#random = random;
    this.#habits = habits;
    this.#shards = shards;
    const main = [...idsOn(MAIN, shards, 2), "owner/a", "owner/b"];
    if (habits.crowd > 0) main.push(CROWDED);
    this.accounts = new Map([
      [MAIN, main],
      [OTHER, main.slice(0, 2)],
      [BANK, idsOn(BANK, shards, shards > 2 ? 1 : 2)],
      // The partner that owns the wallets.
      [PLATFORM_TENANT, []],
    ]);
    for (const partner of this.accounts.keys())
      this.made.set(partner, { all: [], pending: [], endsAtMs: new Map() });
  }

  newKey(prefix = "k"): string {
    this.#keys += 1;
    return `${prefix}${this.#keys}`;
  }

  idsOf(partner: string): readonly string[] {
    return this.accounts.get(partner) ?? [];
  }

  madeBy(partner: string): KnownTransfers {
    return this.made.get(partner) as KnownTransfers;
  }

  /** The time until the newest pending transfer expires, to send requests around the expiry; 0 if that is too far. */
  waitMs(partner: string, timeOf: (shard: number) => number): number {
    const { pending, endsAtMs } = this.madeBy(partner);
    const id = pending.at(-1) ?? NO_TRANSFER;
    const home = shardOfVnode(parseTransferId(id)?.vnode ?? 0, this.#shards);
    const ms = (endsAtMs.get(id) ?? 0) - timeOf(home);
    // A request that takes a while must be sent before the expiry.
    const early = this.#random.oneOf([0, 0, 1, 3, 10]);
    return ms > early && ms < WAIT_MS_MAX ? ms - early : 0;
  }

  /** The commands that create and fund the accounts. */
  *beginning(): Generator<Command> {
    const random = this.#random;
    for (const [partner, ids] of this.accounts) {
      for (const [i, id] of ids.entries()) {
        const isBank = partner === BANK;
        const isFree = id === CROWDED || this.#habits.isHuge;
        const rules = isBank ? { floor: 0, ceiling: null, limits: [] } : isFree ? NO_RULES : this.#rules();
        const asset = !isBank && i > 3 && random.chance(0.1) ? "USD/2" : ASSET;
        yield this.#create(partner, id, asset, rules);
        const funds = isBank ? BANK_FUNDS : random.below(20);
        const key = this.newKey("f");
        if (funds > 0) yield transferOf(partner, { debit: "@x", credit: id, amount: funds }, key);
      }
    }
  }

  /** Pending transfers that all expire at one time. */
  crowd(): readonly CompoundTransfer[] {
    const postings = [{ debit: CROWDED, credit: "@x", amount: 1 }];
    return Array.from({ length: this.#habits.crowd }, () =>
      compoundOf(MAIN, postings, this.newKey("b"), { pending: true, timeoutMs: CROWD_WAIT_MS }),
    );
  }

  /** A random command of this kind. @param key `null` for a command without an idempotency key */
  command(kind: Operation, partner: string, key: string | null): Command {
    const random = this.#random;
    switch (kind) {
      case "transfer":
      case "unkeyed":
        return transferOf(partner, this.#posting(partner), key);
      case "cross":
        return transferOf(partner, this.#crossShardPosting(partner), key);
      case "system":
        return transferOf(partner, this.#withSystem(partner), key);
      case "compound":
        return compoundOf(partner, this.#postings(partner), key, {});
      case "pending":
        return compoundOf(partner, this.#postings(partner), key, {
          pending: true,
          timeoutMs: random.oneOf(this.#habits.endsSoon ? [20, 100, 300] : [null, 20, 300, 2_000, 60_000]),
        });
      case "available":
        return compoundOf(partner, [this.#crossShardPosting(partner, 40)], key, { available: true });
      case "post": {
        const amount = random.chance(0.5) ? null : 1 + random.below(4);
        const rest = { amount, final: random.chance(0.3), settled: null };
        return { ...askedOf(partner, key), op: "post_transfer", id: this.#pending(partner), ...rest };
      }
      case "void":
        return { ...askedOf(partner, key), op: "void_transfer", id: this.#pending(partner), settled: null };
      case "revert": {
        const id = random.chance(0.05) ? NO_TRANSFER : newest(random, this.madeBy(partner).all, 6);
        return { ...askedOf(partner, key), op: "revert_transfer", id, original: null, vnode: 0 };
      }
      case "update":
        return this.#update(partner, key);
      case "status": {
        const action = random.oneOf(["freeze", "unfreeze", "unfreeze", "unfreeze", "close"] as const);
        return { ...askedOf(partner, key), op: "set_account_status", id: this.#account(partner), action };
      }
      case "create":
        return this.#create(
          partner,
          random.chance(0.5) ? this.#account(partner) : this.newKey("n"),
          ASSET,
          this.#rules(),
          key,
        );
      case "bank":
        return this.#bankCommand(key);
      default:
        throw new Error(`no command: ${kind}`);
    }
  }

  #bankCommand(key: string | null): Command {
    const kind = this.#random.oneOf([
      ...(["cross", "cross", "cross", "compound", "compound", "pending", "post", "void", "revert"] as const),
      "available",
    ] as const);
    return this.command(kind, BANK, key);
  }

  #create(
    partner: string,
    id: string,
    asset: string,
    rules: Pick<CreateAccount, "floor" | "ceiling" | "limits">,
    key: string | null = this.newKey("c"),
  ): Command {
    return { ...askedOf(partner, key), op: "create_account", id, asset, ...rules, metadata: null };
  }

  #rules(): Pick<CreateAccount, "floor" | "ceiling"> & Readonly<{ limits: readonly Limit[] }> {
    const random = this.#random;
    const { isTight, isLimited } = this.#habits;
    return {
      floor: random.chance(0.2) ? null : -random.below(6),
      ceiling: isTight ? 8 + random.below(8) : random.chance(0.4) ? null : 8 + random.below(30),
      limits:
        isLimited || random.chance(0.2)
          ? [
              {
                windowS: random.oneOf([1, 60]),
                direction: random.oneOf(["debit", "credit"] as const),
                maxAmount: random.chance(0.5) ? null : 40,
                maxCount: random.chance(0.5) ? null : 6,
              },
            ]
          : [],
    };
  }

  #update(partner: string, key: string | null): Command {
    const random = this.#random;
    const { floor, ceiling, limits } = this.#rules();
    return {
      ...askedOf(partner, key),
      op: "update_account",
      id: this.#account(partner),
      ...(random.chance(0.5) && { floor }),
      ...(random.chance(0.6) && { ceiling: random.chance(0.3) ? null : ceiling }),
      ...(random.chance(0.3) && { limits }),
      ...(random.chance(0.3) && { metadata: `{"a":"${random.below(9)}"}` }),
    };
  }

  #account(partner: string): string {
    const random = this.#random;
    const ids = this.idsOf(partner);
    // A few hot accounts are in many transfers.
    if (random.chance(0.4)) return ids[random.below(Math.min(HOT, ids.length)) * 2] ?? random.oneOf(ids);
    return partner !== BANK && random.chance(0.01) ? "none" : random.oneOf(ids);
  }

  #amount(partner: string, most = 9): number {
    if (partner !== BANK && this.#habits.isHuge && this.#random.chance(0.4)) return this.#random.oneOf(HUGE);
    return this.#random.chance(0.01) ? Number.MAX_SAFE_INTEGER : 1 + this.#random.below(most);
  }

  #posting(partner: string): Posting {
    if (partner !== BANK && this.#random.chance(0.15)) return this.#withSystem(partner);
    const [debit, credit] = [this.#account(partner), this.#account(partner)];
    return { debit, credit, amount: this.#amount(partner) };
  }

  /** A posting that is mostly between two shards. */
  #crossShardPosting(partner: string, most = 9): Posting {
    const debit = this.#account(partner);
    let credit = this.#account(partner);
    for (
      let tries = 0;
      tries < 4 && this.#shardOf(partner, debit) === this.#shardOf(partner, credit);
      tries++
    )
      credit = this.#account(partner);
    return { debit, credit, amount: this.#amount(partner, most) };
  }

  #withSystem(partner: string): Posting {
    const random = this.#random;
    const [person, system] = [this.#account(partner), random.oneOf(SYSTEM)];
    const amount = this.#amount(partner);
    return random.chance(0.6)
      ? { debit: system, credit: person, amount }
      : { debit: person, credit: system, amount };
  }

  #postings(partner: string): readonly Posting[] {
    const random = this.#random;
    const count = random.chance(0.4) ? 1 : 2 + random.below(MANY - 1);
    return Array.from({ length: count }, () => {
      const posting = random.chance(0.5) ? this.#crossShardPosting(partner) : this.#posting(partner);
      return count === 1 ? posting : { ...posting, amount: Math.min(posting.amount, 9) };
    });
  }

  #pending(partner: string): string {
    const { pending, all } = this.madeBy(partner);
    if (this.#random.chance(0.05)) return newest(this.#random, all, 3);
    return newest(this.#random, pending, this.#random.chance(0.5) ? 1 : 4);
  }

  #shardOf(partner: string, id: string): number {
    return shardOfVnode(vnodeOfAccount(partner, id), this.#shards);
  }
}

/** The fingerprint of a request body, like in the HTTP server. */
export function fingerprintOf(text: string): number {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) % 2 ** 40;
  return hash;
}

export function transferOf(partner: string, posting: Posting, key: string | null): Transfer {
  const { debit, credit } = posting;
  const vnode = homeVnodeOf(partner, debit, credit, key);
  return { ...askedOf(partner, key), ...posting, ...NO_NOTES, op: "transfer", vnode };
}

function compoundOf(
  partner: string,
  postings: readonly Posting[],
  key: string | null,
  shape: Partial<Pick<CompoundTransfer, "available" | "pending" | "timeoutMs">>,
): CompoundTransfer {
  const [{ debit, credit } = { debit: "", credit: "" }] = postings;
  const vnode = homeVnodeOf(partner, debit, credit, key);
  const whole = { available: false, pending: false, timeoutMs: null, ...shape };
  return { ...askedOf(partner, key), ...NO_NOTES, ...whole, op: "compound_transfer", postings, vnode };
}

const NO_RULES = { floor: null, ceiling: null, limits: [] } as const;
const NO_NOTES = { memo: null, metadata: null, occurredAtMs: null } as const;

export function askedOf(partner: string, key: string | null) {
  return { partner, key, fingerprint: key === null ? 0 : fingerprintOf(key) } as const;
}

function newest(random: Random, ids: readonly string[], among: number): string {
  return ids.at(-1 - random.below(Math.min(among, Math.max(1, ids.length)))) ?? NO_TRANSFER;
}

/** Account ids, `count` on each shard. */
function idsOn(partner: string, shards: number, count: number): readonly string[] {
  const found = Array.from({ length: shards }, (): string[] => []);
  for (let i = 0; found.some((ids) => ids.length < count); i++) {
    const id = `a${i}`;
    const ids = found[shardOfVnode(vnodeOfAccount(partner, id), shards)];
    if (ids !== undefined && ids.length < count) ids.push(id);
  }
  return found.flat();
}
