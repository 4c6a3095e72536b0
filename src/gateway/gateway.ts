/**
 * The way from a request to its shard and back: routes by vnode, splits batches, adds up what several shards
 * say, and fetches from the archive what memory does not keep.
 */
import type { Asked } from "../actors/asked.ts";
import { unpackOutcome } from "../actors/codec.ts";
import type { AccountView, Command, Outcome, Transfer } from "../actors/command.ts";
import type {
  CompoundTransfer,
  Origin,
  PostTransfer,
  RevertTransfer,
  VoidTransfer,
} from "../actors/compound-command.ts";
import { haveSameKey, vnodeOfCommand } from "../actors/home.ts";
import type { Plain, Question, QuestionTo } from "../actors/programmes/programme.ts";
import type { ListAsk, ListPart } from "../actors/programmes/register.ts";
import { growthOf } from "../actors/quotas/growth.ts";
import { rejectionOf } from "../actors/rejection.ts";
import { isSystemAccount } from "../actors/routing.ts";
import type {
  ActsRange,
  ArchivedRecord,
  ArchiveQueries,
  EntriesRange,
  Location,
  Page,
  Position,
  Statement,
} from "../archive/query.ts";
import { assert } from "../assert.ts";
import { type Caller, refuseGone } from "../caller.ts";
import { OperatingError } from "../operating-error.ts";
import {
  ASK_ARCHIVE,
  type CommandReply,
  REFUSED,
  REPLAYED,
  REQUEST,
  SETTLED,
  type TransfersReply,
  type WireItem,
} from "../shard/messages.ts";
import { accountPage, accountsOf, reconciliation } from "./accounts.ts";
import { submitWithArchive } from "./claims.ts";
import { type Cut, consistentAccounts } from "./cut.ts";
import { dryRun } from "./dry-run.ts";
import { dryRunBatch } from "./dry-run-batch.ts";
import { pageOf } from "./lists.ts";
import { accountAt } from "./past.ts";
import { firstCommand, firstRecords, type KeyScope, recall } from "./recall.ts";
import { itemCodeOf, type Refusing, refusalOf } from "./refusals.ts";
import { answersOf, idOf, locationOf } from "./replies.ts";
import type { Reached, ShardLink } from "./shard-link.ts";
import { known, positionText, Shards } from "./shards.ts";
import { systemAccount, trialBalance, usageOf } from "./sums.ts";
import {
  originOfTransfer,
  revertOf,
  settledOf,
  type TransferRow,
  transferRow,
  transferRows,
} from "./transfers.ts";
import { Turns } from "./turns.ts";

type Answer<C extends Command> =
  | Readonly<{ outcome: Outcome<C>; timeMs: number; position: string; replayed: boolean }>
  | Refusing;

type ItemAnswer = Readonly<{ id: string } | { code: string }>;

/** The items of a batch that go to one shard, and where their answers belong. */
type Portion = Readonly<{ packed: Uint8Array; places: readonly number[] }>;

export class Gateway {
  #shards = new Shards([], undefined);
  /** A reason to take nothing but what ends something, as the archive being far behind. */
  #overload: () => string | undefined = () => undefined;
  /** Lists: most of their time they wait for the archive. */
  readonly #turns = new Turns(32);

  /** Before this there is nothing that could answer; the port is bound earlier than the shards are known. */
  connect(links: readonly ShardLink[], archive: ArchiveQueries, overload: () => string | undefined): void {
    this.#shards = new Shards(links, archive);
    this.#overload = overload;
  }

  /** Not `async`, as the hottest call of all: each layer of promises costs every request. */
  submit<C extends Command>(command: C): Promise<Answer<C>> {
    const reason = this.#overload();
    if (reason !== undefined && growthOf(command) !== "never")
      return Promise.reject(new OperatingError("overloaded", reason));
    const shard = this.#shards.ofVnode(vnodeOfCommand(command));
    const writer = this.#shards.writer(shard);
    writer.add(command);
    const link = this.#shards.link(shard);
    return link
      .execute(REQUEST.command, writer.take(), 1)
      .then((reached) => this.#answer(command, shard, reached));
  }

  async revert(
    asked: Pick<RevertTransfer, "partner" | "key" | "fingerprint" | "id">,
  ): Promise<Answer<RevertTransfer>> {
    return this.submit(await revertOf(this.#shards, asked));
  }

  dryRun<C extends Command>(command: C): Promise<Outcome<C>> {
    return dryRun(this.#shards, command);
  }

  async dryRunRevert(asked: Pick<RevertTransfer, "partner" | "id">): Promise<Outcome<RevertTransfer>> {
    return this.dryRun(await revertOf(this.#shards, { ...asked, key: null, fingerprint: 0 }));
  }

  dryRunTransfers(
    partner: string,
    transfers: readonly (Transfer | CompoundTransfer)[],
  ): Promise<readonly Outcome<Transfer | CompoundTransfer>[]> {
    return dryRunBatch(this.#shards, partner, transfers);
  }

  origin(partner: string, id: string, owner: string | null = null): Promise<Origin | undefined> {
    return originOfTransfer(this.#shards, partner, id, owner);
  }

  first(asked: Asked, scope: KeyScope): Promise<Command | "reused" | undefined> {
    return firstCommand(this.#shards, asked, scope);
  }

  /** Items on a shard that cannot answer fail alone; when none could be answered the whole batch fails. */
  async submitTransfers(
    transfers: readonly (Transfer | CompoundTransfer)[],
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
          const reached = await this.#shards.link(shard).execute(REQUEST.transfers, packed, places.length);
          const { answers, credits } = answersOf(reached.result as TransfersReply);
          await this.#fillIn(shard, portion, answers, transfers, items);
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

  /** Asks a programme: of one subject its shard. */
  async ask<R extends Plain>(partner: string, { programme, subject, vnode, ask }: QuestionTo<R>): Promise<R> {
    const shard =
      vnode === undefined ? this.#shards.ofAccount(partner, subject) : this.#shards.ofVnode(vnode);
    const { result } = await this.#shards.ask(shard, partner, ["programme", programme, subject, ask]);
    return result as R;
  }

  /** The same of all shards, in their order. */
  async askAll<R extends Plain>(
    partner: string,
    { programme, subject, ask }: Question<R>,
  ): Promise<readonly R[]> {
    const found = await this.#shards.askAll(partner, ["programme", programme, subject, ask]);
    return found.map(({ result }) => result as R);
  }

  list<R extends Plain>(
    partner: string,
    question: (page: ListAsk) => Question<ListPart<R>>,
    page: Readonly<{ limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<R>> {
    // One that is all one subject's is asked of its shard alone.
    const parts = async ({ subject, ...asked }: Question<ListPart<R>>) =>
      subject === null
        ? this.askAll(partner, { subject, ...asked })
        : [await this.ask(partner, { subject, ...asked })];
    return this.#turns.run(caller, () => pageOf(parts, question, page, caller));
  }

  /** What a programme was asked for, and did, without a transfer: from the archive. */
  acts(partner: string, programme: string, range: ActsRange): Promise<Page<ArchivedRecord>> {
    return this.#turns.run(undefined, async () => {
      const after = await this.#shards.positions(partner);
      return this.#shards.archive.acts({ ...range, partner, programme }, after);
    });
  }

  /** Resolves once it is certain that no other server has replaced this one: then what it knows by facts is current. */
  async confirm(): Promise<void> {
    await this.#shards.askAll("", ["position"]);
  }

  async account(partner: string, id: string): Promise<AccountView | undefined> {
    const { result } = await this.#shards.ask(this.#shards.ofAccount(partner, id), partner, ["account", id]);
    return result ?? undefined;
  }

  accounts(partner: string, ids: readonly string[]): Promise<readonly AccountView[]> {
    return accountsOf(this.#shards, partner, ids);
  }

  accountAt(partner: string, id: string, atMs: number): Promise<AccountView | undefined> {
    return accountAt(this.#shards, partner, id, atMs);
  }

  listAccounts(
    partner: string,
    query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<AccountView>> {
    return this.#turns.run(caller, () => accountPage(this.#shards, partner, query, caller));
  }

  systemAccount(partner: string, name: string) {
    return systemAccount(this.#shards, partner, name);
  }

  entries(
    partner: string,
    account: string,
    range: EntriesRange,
    caller?: Caller,
  ): Promise<Statement | undefined> {
    return this.#turns.run(caller, async () => {
      const found = await this.#positionsOfAccount(partner, account);
      refuseGone(caller);
      return (
        found && this.#shards.archive.entries({ ...range, partner, account, seq: found.seq }, found.after)
      );
    });
  }

  reconciliation(partner: string, id: string) {
    return reconciliation(this.#shards, partner, id);
  }

  transfer(partner: string, id: string): Promise<TransferRow | undefined> {
    return transferRow(this.#shards, partner, id);
  }

  transfers(
    partner: string,
    query: Parameters<typeof transferRows>[2],
    caller?: Caller,
  ): Promise<Page<TransferRow>> {
    return this.#turns.run(caller, () => transferRows(this.#shards, partner, query, caller));
  }

  consistentAccounts(partner: string, ids: readonly string[]): Promise<Cut> {
    return consistentAccounts(this.#shards, partner, ids);
  }

  /** Of one partner; of all of them when none is named. */
  trialBalance(partner: string | undefined) {
    return trialBalance(this.#shards, partner);
  }

  usage(partner: string) {
    return usageOf(this.#shards, partner);
  }

  /** Log time of the shard of an account, or of another subject. */
  async timeMs(partner: string, subject: string): Promise<number> {
    return (await this.#shards.ask(this.#shards.ofAccount(partner, subject), partner, ["time"])).result;
  }

  /** Splits a batch by the shards that decide. */
  #split(transfers: readonly (Transfer | CompoundTransfer)[]): Map<number, Portion> {
    const placesByShard = this.#shards.links.map((): number[] => []);
    for (let place = 0; place < transfers.length; place++) {
      const transfer = transfers[place] as Transfer | CompoundTransfer;
      const shard = this.#shards.ofVnode(transfer.vnode);
      this.#shards.writer(shard).add(transfer);
      placesByShard[shard]?.push(place);
    }
    const portions = new Map<number, Portion>();
    for (const [shard, places] of placesByShard.entries()) {
      if (places.length > 0) portions.set(shard, { packed: this.#shards.writer(shard).take(), places });
    }
    return portions;
  }

  /** A shard's answers, put where their items stand. */
  async #fillIn(
    shard: number,
    { places }: Portion,
    answers: readonly WireItem[],
    transfers: readonly (Transfer | CompoundTransfer)[],
    items: ItemAnswer[],
  ): Promise<void> {
    const replayed: { place: number; at: Location }[] = [];
    for (let i = 0; i < answers.length; i++) {
      const answer = answers[i] as WireItem;
      const place = places[i] as number;
      if (typeof answer === "string") items[place] = { id: answer };
      else if (typeof answer === "number") items[place] = { code: rejectionOf(answer) };
      else if (answer[0] === REFUSED) items[place] = { code: itemCodeOf(answer) };
      else replayed.push({ place, at: locationOf(shard, answer) });
    }
    if (replayed.length === 0) return;
    for (const { place } of replayed) items[place] = { code: "outcome_unknown" };
    const records = await firstRecords(
      this.#shards,
      replayed.map(({ at }) => at),
    ).catch(() => []);
    for (const [i, found] of records.entries()) {
      const place = replayed[i]?.place as number;
      if ("damaged" in found) {
        items[place] = { code: "archive_damaged" };
        continue;
      }
      const { command, outcome } = found.record as Readonly<{ command: Command; outcome: Outcome<Transfer> }>;
      if (!haveSameKey(command, transfers[place] as Transfer | CompoundTransfer))
        items[place] = { code: "idempotency_key_reused" };
      else items[place] = outcome.ok ? { id: outcome.id } : { code: outcome.code };
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
        if (reply[1] === "not_open") return this.#settle(command);
        if (reply[1] === ASK_ARCHIVE)
          return submitWithArchive(this.#shards, shard, command, reply, (packed) =>
            this.#shards.link(shard).execute(REQUEST.command, packed, 1),
          ).then((again) => this.#answer(command, shard, again));
        return refusalOf(reply);
      case REPLAYED:
        return recall(this.#shards, command, locationOf(shard, reply)).then((recalled) => {
          // Not done, and to be done with another key: as when only the fingerprints differ.
          if (recalled === undefined) return { refused: "idempotency_key_reused" };
          return { ...recalled, replayed: reply[4] === undefined };
        });
      case SETTLED: {
        const [, epoch, seq, timeMs, credits, packed, replayed] = reply;
        const positions = [[shard, epoch, seq] as const, ...credits];
        const position = positions.map(([where, ...at]) => positionText(where, idOf(at))).join(",");
        return { outcome: unpackOutcome(command, packed), timeMs, position, replayed };
      }
    }
  }

  /** Its home does not hold the transfer open: the command goes there once more, with what became of it. */
  async #settle<C extends Command>(command: C): Promise<Answer<C>> {
    assert(
      command.op === "post_transfer" || command.op === "void_transfer",
      "only these need an open transfer",
    );
    const asked: PostTransfer | VoidTransfer = command;
    const settled = await settledOf(this.#shards, asked.partner, asked.id);
    return this.submit({ ...command, settled });
  }

  /** The same for one account, and its newest entry's seq; `undefined` when there is no such account. */
  async #positionsOfAccount(partner: string, account: string): Promise<AccountPosition | undefined> {
    if (isSystemAccount(account)) {
      const found = await this.#shards.askAll(partner, ["system_account", account]);
      const exists = found.some(({ result }) => result !== null);
      return exists ? { after: known(found.map(({ position }) => position)) } : undefined;
    }
    const shard = this.#shards.ofAccount(partner, account);
    const { result, position } = await this.#shards.ask(shard, partner, ["account", account]);
    return result === null ? undefined : { after: known([position]), seq: result.seq };
  }
}

type AccountPosition = Readonly<{ after: readonly Position[]; seq?: number }>;
