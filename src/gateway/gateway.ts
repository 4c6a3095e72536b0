/**
 * The way from a request to its shard and back: routes by vnode, splits batches, adds up what several shards
 * say, and fetches from the archive what memory does not keep.
 */
import { CommandWriter, unpackOutcome } from "../actors/codec.ts";
import type { AccountView, Command, Credited, Outcome, Transfer, TransferSent } from "../actors/command.ts";
import { homeOwnerOf } from "../actors/ledger.ts";
import { decode } from "../actors/pack.ts";
import { type Refusal, rejectionOf } from "../actors/rejection.ts";
import { isSystemAccount, shardOfVnode, vnodeOf, vnodeOfAccount } from "../actors/routing.ts";
import { parseTransferId } from "../actors/transfer-id.ts";
import type {
  ArchivedRecord,
  ArchiveQueries,
  Location,
  Page,
  Position,
  Range,
  Statement,
} from "../archive/query.ts";
import { assert } from "../assert.ts";
import { OperatingError } from "../operating-error.ts";
import {
  type CommandReply,
  type Credits,
  type Query,
  type QueryResults,
  REFUSED,
  REPLAYED,
  REQUEST,
  type Refused,
  type Replayed,
  SETTLED,
  type TransfersReply,
  type WireItem,
} from "../shard/messages.ts";
import { formatLogId, type LogId } from "../wal/wal.ts";
import type { Reached, ShardLink } from "./shard-link.ts";

type Answer<C extends Command> =
  | Readonly<{ outcome: Outcome<C>; timeMs: number; position: string; replayed: boolean }>
  | Readonly<{ refused: Refusal }>;

type ItemAnswer = Readonly<{ id: string } | { code: string }>;

/** The items of a batch that go to one shard, and where their answers belong. */
type Portion = Readonly<{ packed: Uint8Array; places: readonly number[] }>;

type Found<K extends Query[0]> = Readonly<{ result: QueryResults[K]; position: Position }>;

export class Gateway {
  #links: readonly ShardLink[] = [];
  /** One per shard, empty between calls. */
  #writers: readonly CommandWriter[] = [];
  #archive: ArchiveQueries | undefined;
  /** A reason to take no commands, as the archive being far behind. */
  #overload: () => string | undefined = () => undefined;

  /** Before this there is nothing that could answer; the port is bound earlier than the shards are known. */
  connect(links: readonly ShardLink[], archive: ArchiveQueries, overload: () => string | undefined): void {
    this.#links = links;
    this.#writers = links.map(() => new CommandWriter());
    this.#archive = archive;
    this.#overload = overload;
  }

  /** Not `async`, as the hottest call of all: each layer of promises costs every request. */
  submit<C extends Command>(command: C): Promise<Answer<C>> {
    const reason = this.#overload();
    if (reason !== undefined) return Promise.reject(new OperatingError("overloaded", reason));
    const shard = this.#shardOf(command);
    const writer = this.#writer(shard);
    writer.add(command);
    const link = this.#link(shard);
    return link
      .execute(REQUEST.command, writer.take(), 1)
      .then((reached) => this.#answer(command, shard, reached));
  }

  /** Items on a shard that cannot answer fail alone; when none could be answered the whole batch fails. */
  async submitTransfers(
    transfers: readonly Transfer[],
  ): Promise<Readonly<{ items: readonly ItemAnswer[]; positions: readonly string[] }>> {
    const reason = this.#overload();
    if (reason !== undefined) throw new OperatingError("overloaded", reason);
    const items = new Array<ItemAnswer>(transfers.length);
    const portions = this.#split(transfers);
    const positions: string[] = [];
    const failures = await Promise.all(
      [...portions].map(async ([shard, portion]) => {
        try {
          const { packed, places } = portion;
          const reached = await this.#link(shard).execute(REQUEST.transfers, packed, places.length);
          const { answers, credits } = answersOf(reached.result as TransfersReply);
          await this.#fillIn(shard, portion, answers, items);
          positions.push(positionText(shard, reached.at));
          for (const [there, epoch, seq] of credits) positions.push(positionText(there, { epoch, seq }));
          return undefined;
        } catch (error) {
          if (!(error instanceof OperatingError)) throw error;
          for (const place of portion.places) items[place] = { code: error.code };
          return error;
        }
      }),
    );
    const failed = failures.find((failure) => failure !== undefined);
    if (failed !== undefined && !failures.includes(undefined)) throw failed;
    return { items, positions };
  }

  /** Resolves once it is certain that no other server has replaced this one: then what it knows by facts is current. */
  async confirm(): Promise<void> {
    await this.#askAll("", ["position"]);
  }

  async account(partner: string, id: string): Promise<AccountView | undefined> {
    const { result } = await this.#ask(this.#shardOfAccount(partner, id), partner, ["account", id]);
    return result ?? undefined;
  }

  async accounts(partner: string, ids: readonly string[]): Promise<readonly AccountView[]> {
    const byShard = Map.groupBy(ids, (id) => this.#shardOfAccount(partner, id));
    const found = await Promise.all(
      [...byShard].map(([shard, there]) => this.#ask(shard, partner, ["accounts", there])),
    );
    const views = new Map(found.flatMap(({ result }) => result.map((view) => [view.id, view] as const)));
    return ids.map((id) => views.get(id)).filter((view) => view !== undefined);
  }

  async listAccounts(
    partner: string,
    query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
  ): Promise<Page<AccountView>> {
    const { prefix, limit, cursor } = query;
    const after = await this.#positions(partner);
    const ids = await this.#archived.accountIds(
      { partner, prefix, afterId: cursor, limit: limit + 1 },
      after,
    );
    const shown = ids.slice(0, limit);
    const nextCursor = ids.length > limit ? (shown.at(-1) ?? null) : null;
    return { data: await this.accounts(partner, shown), nextCursor };
  }

  async systemAccount(partner: string, name: string) {
    const found = await this.#askAll(partner, ["system_account", name]);
    const sums = new Map<string, { posted: bigint; held: bigint }>();
    for (const { result } of found) {
      for (const [asset, posted, held] of result ?? []) {
        const sum = sums.get(asset) ?? { posted: 0n, held: 0n };
        sums.set(asset, { posted: sum.posted + BigInt(posted), held: sum.held + BigInt(held) });
      }
    }
    if (sums.size === 0) return undefined;
    const balances: Record<string, { posted: number; held: number }> = {};
    for (const [asset, { posted, held }] of sums)
      balances[asset] = { posted: Number(posted), held: Number(held) };
    return { id: name, balances };
  }

  async entries(partner: string, account: string, range: Range): Promise<Statement | undefined> {
    const after = await this.#positionsOfAccount(partner, account);
    return after && this.#archived.entries({ ...range, partner, account }, after);
  }

  async reconciliation(partner: string, id: string) {
    const { result: account, position } = await this.#ask(this.#shardOfAccount(partner, id), partner, [
      "account",
      id,
    ]);
    if (account === null) return undefined;
    const { sum, count } = await this.#archived.sum(
      { partner, account: id, seq: account.seq },
      known([position]),
    );
    return { account, entriesSum: sum, entriesCount: count };
  }

  async transfer(partner: string, id: string): Promise<ArchivedRecord | undefined> {
    const parsed = parseTransferId(id);
    if (parsed === undefined) return undefined;
    const shard = shardOfVnode(parsed.vnode, this.#links.length);
    const { position } = await this.#ask(shard, partner, ["position"]);
    const found = await this.#archived.transfer(id, known([position]));
    // Somebody else's transfer is as good as none (I12).
    return found?.record.command.partner === partner ? found : undefined;
  }

  async transfers(
    partner: string,
    query: Range & Readonly<{ account?: string | undefined }>,
  ): Promise<Page<ArchivedRecord>> {
    return this.#archived.transfers({ ...query, partner }, await this.#positions(partner));
  }

  async trialBalance(partner: string | undefined) {
    const found = await this.#askAll(partner ?? "", ["sums", partner === undefined]);
    const assets: Record<string, { sum: bigint; inTransit: bigint; accounts: number }> = {};
    for (const { result } of found) {
      for (const [asset, sum, accounts, sent, received] of result) {
        const total = (assets[asset] ??= { sum: 0n, inTransit: 0n, accounts: 0 });
        total.sum += BigInt(sum);
        total.inTransit += BigInt(sent) - BigInt(received);
        total.accounts += accounts;
      }
    }
    const positions = known(found.map(({ position }) => position));
    return { assets, positions: positions.map((position) => positionText(position.shard, position)) };
  }

  /** Splits a batch by the shards that decide. */
  #split(transfers: readonly Transfer[]): Map<number, Portion> {
    const placesByShard = this.#links.map((): number[] => []);
    for (let place = 0; place < transfers.length; place++) {
      const transfer = transfers[place] as Transfer;
      const shard = this.#shardOf(transfer);
      this.#writer(shard).add(transfer);
      placesByShard[shard]?.push(place);
    }
    const portions = new Map<number, Portion>();
    for (const [shard, places] of placesByShard.entries()) {
      if (places.length > 0) portions.set(shard, { packed: this.#writer(shard).take(), places });
    }
    return portions;
  }

  /** A shard's answers, put where their items stand. */
  async #fillIn(
    shard: number,
    { places }: Portion,
    answers: readonly WireItem[],
    items: ItemAnswer[],
  ): Promise<void> {
    const replayed: { place: number; at: Location }[] = [];
    for (let i = 0; i < answers.length; i++) {
      const answer = answers[i] as WireItem;
      const place = places[i] as number;
      if (typeof answer === "string") items[place] = { id: answer };
      else if (typeof answer === "number") items[place] = { code: rejectionOf(answer) };
      else if (answer[0] === REFUSED) items[place] = { code: answer[1] };
      else replayed.push({ place, at: locationOf(shard, answer) });
    }
    if (replayed.length === 0) return;
    for (const { place } of replayed) items[place] = { code: "outcome_unknown" };
    const records = await this.#firstRecords(replayed.map(({ at }) => at)).catch(() => []);
    for (const [i, { record }] of records.entries()) {
      const outcome = record.outcome as Outcome<Transfer>;
      items[replayed[i]?.place as number] = outcome.ok ? { id: outcome.id } : { code: outcome.code };
    }
  }

  #answer<C extends Command>(command: C, shard: number, reached: Reached): Answer<C> | Promise<Answer<C>> {
    const reply = reached.result as CommandReply;
    if (reply instanceof Uint8Array) {
      const outcome = unpackOutcome(command, reply);
      return { outcome, timeMs: reached.timeMs, position: positionText(shard, reached.at), replayed: false };
    }
    switch (reply[0]) {
      case REFUSED:
        return { refused: refusalOf(reply[1]) };
      case REPLAYED:
        return this.#replay(command, locationOf(shard, reply), reply[4] === undefined);
      case SETTLED: {
        const [, epoch, seq, timeMs, creditShard, creditEpoch, creditSeq, packed, replayed] = reply;
        const credit = positionText(creditShard, { epoch: creditEpoch, seq: creditSeq });
        const position = `${positionText(shard, { epoch, seq })},${credit}`;
        return { outcome: unpackOutcome(command, packed), timeMs, position, replayed };
      }
    }
  }

  /** The answer to a command, from its record. */
  async #replay<C extends Command>(command: C, at: Location, replayed: boolean): Promise<Answer<C>> {
    const [first] = await this.#firstRecords([at]);
    assert(first !== undefined, "the archive answers place for place");
    const { outcome } = first.record;
    const answer = { timeMs: first.timeMs, position: positionText(at.shard, at), replayed };
    if (!("to" in outcome)) return { outcome: outcome as Outcome<C>, ...answer };
    const credit = await this.#creditOf(command.partner, outcome);
    const { posted, held, seq } = credit.record.outcome as Credited;
    const { id, debitPosted, debitHeld, debitSeq } = outcome;
    const debit = { ok: true, id, debitPosted, debitHeld, debitSeq } as const;
    return {
      ...answer,
      outcome: { ...debit, creditPosted: posted, creditHeld: held, creditSeq: seq } as Outcome<C>,
      position: `${answer.position},${positionText(credit.at.shard, credit.at)}`,
    };
  }

  /** The second half of a transfer across shards. It is durable: its shard's newest position includes it. */
  #creditOf(partner: string, { id, to }: TransferSent): Promise<ArchivedRecord> {
    return this.#recall(async () => {
      const { position } = await this.#ask(to, partner, ["position"]);
      const credit = await this.#archived.credit(id, known([position]));
      assert(credit !== undefined, "a transfer that was delivered has its credit in the log");
      return credit;
    });
  }

  #firstRecords(at: readonly Location[]): Promise<readonly ArchivedRecord[]> {
    return this.#recall(() => this.#archived.records(at));
  }

  /** @throws OperatingError `outcome_unknown`: it was done, so nothing else may be said while it cannot be read. */
  async #recall<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw new OperatingError("outcome_unknown", "the first answer to this key cannot be read yet", {
        cause: error,
      });
    }
  }

  get #archived(): ArchiveQueries {
    if (this.#archive === undefined) throw new OperatingError("log_unavailable", "the server is starting");
    return this.#archive;
  }

  #shardOf(command: Command): number {
    if (command.op === "transfer") return this.#shardOfVnode(command.vnode);
    return this.#shardOfVnode(vnodeOf(command.partner, homeOwnerOf(command)));
  }

  #shardOfAccount(partner: string, id: string): number {
    return this.#shardOfVnode(vnodeOfAccount(partner, id));
  }

  #shardOfVnode(vnode: number): number {
    return shardOfVnode(vnode, this.#links.length);
  }

  #link(shard: number): ShardLink {
    return this.#links[shard] as ShardLink;
  }

  #writer(shard: number): CommandWriter {
    return this.#writers[shard] as CommandWriter;
  }

  async #ask<Q extends Query>(shard: number, partner: string, query: Q): Promise<Found<Q[0]>> {
    const reached = await this.#link(shard).ask(partner, query);
    return { result: reached.result as QueryResults[Q[0]], position: { shard, ...reached.at } };
  }

  #askAll<Q extends Query>(partner: string, query: Q): Promise<readonly Found<Q[0]>[]> {
    return Promise.all(this.#links.map((_, shard) => this.#ask(shard, partner, query)));
  }

  /** Where all shards are: whatever was answered before is in the archive once it has reached these. */
  async #positions(partner: string): Promise<readonly Position[]> {
    return known((await this.#askAll(partner, ["position"])).map(({ position }) => position));
  }

  /** The same for one account; `undefined` when there is no such account. */
  async #positionsOfAccount(partner: string, account: string): Promise<readonly Position[] | undefined> {
    if (isSystemAccount(account)) {
      const found = await this.#askAll(partner, ["system_account", account]);
      const exists = found.some(({ result }) => result !== null);
      return exists ? known(found.map(({ position }) => position)) : undefined;
    }
    const shard = this.#shardOfAccount(partner, account);
    const { result, position } = await this.#ask(shard, partner, ["account", account]);
    return result === null ? undefined : known([position]);
  }
}

/** The answers in the order of the items, and where the credits went that crossed to other shards. */
function answersOf(reply: TransfersReply): Readonly<{ answers: readonly WireItem[]; credits: Credits }> {
  if (reply instanceof Uint8Array) return { answers: decode(reply) as WireItem[], credits: [] };
  const [packed, later, credits] = reply;
  const answers = decode(packed) as WireItem[];
  for (const [index, item] of later) answers[index] = item;
  return { answers, credits };
}

/** An empty log has no position to wait for. */
function known(positions: readonly Position[]): readonly Position[] {
  return positions.filter(({ epoch }) => epoch > 0);
}

function locationOf(shard: number, [, epoch, seq, index]: Replayed): Location {
  return { shard, epoch, seq, index };
}

function positionText(shard: number, at: LogId): string {
  return `${shard}:${formatLogId(at)}`;
}

/** @throws OperatingError `overloaded`, `log_unavailable`: it was not done, and will not be. */
function refusalOf(code: Refused[1]): Refusal {
  if (code === "overloaded")
    throw new OperatingError(
      "overloaded",
      "there is no room for it now: too many keys, or credits on their way",
    );
  if (code === "log_unavailable")
    throw new OperatingError("log_unavailable", "the shard of the credit account cannot be reached now");
  return code;
}
