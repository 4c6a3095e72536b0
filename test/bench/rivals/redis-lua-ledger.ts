/**
 * A ledger on Redis with Lua scripts: balances in one hash, floors in another, and a script that checks and moves. It
 * keeps only balances: no transfers, no history, no idempotency keys.
 */
import { Redis, type Result } from "ioredis";
import type { OwnerTransfer } from "./owner-transfers.ts";
import type { Account, Moved, Refused, RivalLedger, RivalTotals } from "./rival-ledger.ts";

const BALANCES = "balances";
const FLOORS = "floors";
const FILL_PORTION = 1000;

/** `debit credit amount`. @returns both balances, or a code. The default floor is 0. */
const SINGLE = `
local debit, credit, amount = ARGV[1], ARGV[2], tonumber(ARGV[3])
local posted = redis.call('HMGET', KEYS[1], debit, credit)
if not posted[1] or not posted[2] then return 'account_not_found' end
local floor = tonumber(redis.call('HGET', KEYS[2], debit) or '0')
local left, grown = tonumber(posted[1]) - amount, tonumber(posted[2]) + amount
if left < floor then return 'insufficient_funds' end
redis.call('HSET', KEYS[1], debit, string.format('%.0f', left), credit, string.format('%.0f', grown))
return {left, grown}`;

/**
 * `count`, then the debits, the credits and the amounts. Reads every balance once before the first item and writes it
 * once after the last, in portions that fit Lua's stack. @returns a code per item, empty on success.
 */
const BATCH = `
local count = tonumber(ARGV[1])
local PORTION = 2000
local balances, floors, touched, answers = {}, {}, {}, {}
local function read(from, to)
  local posted = redis.call('HMGET', KEYS[1], unpack(ARGV, from, to))
  local floor = redis.call('HMGET', KEYS[2], unpack(ARGV, from, to))
  for i = from, to do
    balances[ARGV[i]] = tonumber(posted[i - from + 1])
    floors[ARGV[i]] = tonumber(floor[i - from + 1] or '0')
  end
end
for from = 2, 2 * count + 1, PORTION do read(from, math.min(from + PORTION - 1, 2 * count + 1)) end
for i = 1, count do
  local debit, credit, amount = ARGV[1 + i], ARGV[1 + count + i], tonumber(ARGV[1 + 2 * count + i])
  local left, grown = balances[debit], balances[credit]
  if not left or not grown then
    answers[i] = 'account_not_found'
  elseif left - amount < floors[debit] then
    answers[i] = 'insufficient_funds'
  else
    balances[debit], balances[credit] = left - amount, grown + amount
    touched[debit], touched[credit] = true, true
    answers[i] = ''
  end
end
local writes, n = {}, 0
local function write()
  if n > 0 then redis.call('HSET', KEYS[1], unpack(writes, 1, n)) end
  n = 0
end
for account in pairs(touched) do
  writes[n + 1], writes[n + 2] = account, string.format('%.0f', balances[account])
  n = n + 2
  if n >= PORTION then write() end
end
write()
return answers`;

declare module "ioredis" {
  interface RedisCommander<Context> {
    transferSingle(
      ...args: [string, string, string, string, number]
    ): Result<[debitPosted: number, creditPosted: number] | string, Context>;
    transferBatch(...args: (string | number)[]): Result<string[], Context>;
  }
}

export class RedisLuaLedger implements RivalLedger {
  readonly #redis: Redis;

  constructor(socket: string) {
    this.#redis = new Redis({ path: socket, enableAutoPipelining: true });
    this.#redis.defineCommand("transferSingle", { numberOfKeys: 2, lua: SINGLE });
    this.#redis.defineCommand("transferBatch", { numberOfKeys: 2, lua: BATCH });
  }

  async fill(accounts: readonly Account[]): Promise<void> {
    for (let i = 0; i < accounts.length; i += FILL_PORTION) {
      const portion = accounts.slice(i, i + FILL_PORTION);
      await this.#redis.hset(BALANCES, ...portion.flatMap(({ id, posted }) => [id, posted]));
    }
  }

  async transfer({ debit_account, credit_account, amount }: OwnerTransfer): Promise<Moved | Refused> {
    const said = await this.#redis.transferSingle(BALANCES, FLOORS, debit_account, credit_account, amount);
    if (typeof said === "string") return { code: said };
    const [debitPosted, creditPosted] = said;
    return { id: null, debitPosted, creditPosted };
  }

  async transferBatch(transfers: readonly OwnerTransfer[]) {
    const debits = transfers.map(({ debit_account }) => debit_account);
    const credits = transfers.map(({ credit_account }) => credit_account);
    const amounts = transfers.map(({ amount }) => amount);
    const { length } = transfers;
    const codes = await this.#redis.transferBatch(
      BALANCES,
      FLOORS,
      length,
      ...debits,
      ...credits,
      ...amounts,
    );
    return codes.map((code) => (code === "" ? { id: null } : { code }));
  }

  async settle(): Promise<void> {
    await this.#redis.ping();
  }

  async totals(): Promise<RivalTotals> {
    const all = Object.entries(await this.#redis.hgetall(BALANCES));
    const sumOf = (kind: string) =>
      all.reduce((sum, [id, posted]) => sum + (id.endsWith(kind) ? Number(posted) : 0), 0);
    return { points: sumOf("/points"), savings: sumOf("/savings"), recorded: null };
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}
