/**
 * Routes commands and reads to their shards. Splits batches by shard, merges the answers of several shards, and
 * reads from the archive what memory no longer holds.
 */
import { vnodeOfCommand } from "../actors/ledger/command-home.ts";
import type { ListPage, ListRequest } from "../actors/programmes/paged-index.ts";
import type { Question, QuestionTo } from "../actors/programmes/programme.ts";
import { isCancelAct } from "../actors/programmes/programmes.ts";
import { growthOf } from "../actors/quotas/growth.ts";
import type { JsonValue } from "../actors/records/act.ts";
import { unpackOutcome } from "../actors/records/codec.ts";
import type { AccountView, Command, Outcome, Transfer } from "../actors/records/command.ts";
import type { CommandHeader } from "../actors/records/command-header.ts";
import type {
  CompoundTransfer,
  Origin,
  PostTransfer,
  RevertTransfer,
  VoidTransfer,
} from "../actors/records/compound-command.ts";
import type { AccountEvents } from "../actors/records/event.ts";
import type { Transfers } from "../actors/records/packed-transfers.ts";
import type {
  ActsRange,
  ArchivedRecord,
  ArchiveQueries,
  BatchPosition,
  EntriesRange,
  LogBatch,
  Page,
  RecordPosition,
  Statement,
} from "../archive/queries/query.ts";
import { assert } from "../errors/assert.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { ASK_ARCHIVE, type CommandReply, REFUSED, REPLAYED, SETTLED } from "../workers/shard/messages.ts";
import { submitBatch } from "./batches/batch.ts";
import { dryRun, dryRunBatch } from "./batches/dry-run.ts";
import { itemsOf, packTransfers } from "./batches/packed-transfers.ts";
import { type Caller, refuseGone } from "./caller.ts";
import { claimantOf, submitWithArchive } from "./claims.ts";
import { EventIds } from "./events/event-ids.ts";
import type { Cut, FeedPage, FeedRequest, RevertRequest, TransferRow } from "./ports.ts";
import {
  type AccountsRead,
  accountAt,
  accountPage,
  accountsOf,
  positionsOfAccount,
  reconciliation,
} from "./queries/accounts.ts";
import { consistentAccounts } from "./queries/cut.ts";
import { feedPage, newestEvent } from "./queries/events.ts";
import { pageOf } from "./queries/lists.ts";
import { firstCommand, type KeyScope, keyRecord, recall } from "./queries/recall.ts";
import { statementOf } from "./queries/statement.ts";
import { systemAccount, systemAccounts, trialBalance, usageOf } from "./queries/sums.ts";
import { originOfTransfer, revertOf, settledOf, transferRow, transferRows } from "./queries/transfers.ts";
import { costOfCommand, costOfRows } from "./shard-link/costs.ts";
import { flowOwnerOf, flowOwnerOfSubject, ownerOfTransfer, WHOLE } from "./shard-link/owners.ts";
import type { ShardReply } from "./shard-link/pending.ts";
import { type RefusedAnswer, refusedAnswer } from "./shard-link/refusals.ts";
import { idOf, locationOf } from "./shard-link/replies.ts";
import type { ShardLink } from "./shard-link/shard-link.ts";
import { positionText, Shards } from "./shard-link/shards.ts";

/** Records of one transfer that are shown. A pending transfer may have been posted in very many parts. */
const STORY_MAX = 100;
/** Records of one batch that are shown. */
const LOG_RECORDS_MAX = 200;

type Answer<C extends Command> =
  | Readonly<{ outcome: Outcome<C>; timeMs: number; position: string; replayed: boolean }>
  | RefusedAnswer;

export class Gateway {
  #shards = new Shards([], undefined);
  /** A reason to refuse commands that grow state, such as an archive that is too far behind; `undefined` if none. */
  #overload: () => string | undefined = () => undefined;

  #eventIds = new EventIds("");

  /** Called once the shards are known. The port is bound earlier; until this call nothing can be answered. */
  connect(links: readonly ShardLink[], archive: ArchiveQueries, overload: () => string | undefined): void {
    this.#shards = new Shards(links, archive);
    this.#overload = overload;
  }

  /** Not `async`: this is the hottest call, and each layer of promises costs every request. */
  submit<C extends Command>(command: C): Promise<Answer<C>> {
    const reason = this.#overload();
    if (reason !== undefined && growthOf(command) !== "never")
      return Promise.reject(new OperatingError("overloaded", reason));
    const shard = this.#shards.ofVnode(vnodeOfCommand(command));
    const writer = this.#shards.writer(shard);
    writer.add(command);
    const link = this.#shards.link(shard);
    return link
      .execute(writer.take(), command.partner, flowOwnerOf(command), costOfCommand(command))
      .then((shardReply) => this.#answer(command, shard, shardReply));
  }

  async revert(request: RevertRequest): Promise<Answer<RevertTransfer | VoidTransfer>> {
    return this.submit<RevertTransfer | VoidTransfer>(await revertOf(this.#shards, request));
  }

  dryRun<C extends Command>(command: C): Promise<Outcome<C>> {
    return dryRun(this.#shards, command);
  }

  async dryRunRevert(
    request: Pick<RevertTransfer, "partner" | "id">,
  ): Promise<Outcome<RevertTransfer | VoidTransfer>> {
    return this.dryRun<RevertTransfer | VoidTransfer>(
      await revertOf(this.#shards, { ...request, key: null, fingerprint: 0 }),
    );
  }

  dryRunTransfers(
    partner: string,
    transfers: Transfers,
  ): Promise<readonly Outcome<Transfer | CompoundTransfer>[]> {
    return this.#shards.turns.dryRuns.run(partner, WHOLE, undefined, async () => {
      const items = await itemsOf(transfers, this.#shards.writers);
      return dryRunBatch(this.#shards, partner, items);
    });
  }

  origin(partner: string, id: string, owner: string | null = null): Promise<Origin | undefined> {
    return this.#shards.turns.lookUps.run(partner, ownerOfTransfer(partner, id), undefined, () =>
      originOfTransfer(this.#shards, partner, id, owner),
    );
  }

  first(header: CommandHeader, scope: KeyScope): Promise<Command | "reused" | undefined> {
    return firstCommand(this.#shards, header, scope);
  }

  async submitTransfers(transfers: Transfers): ReturnType<typeof submitBatch> {
    const reason = this.#overload();
    if (reason !== undefined) throw new OperatingError("overloaded", reason);
    const packed = "byShard" in transfers ? transfers : packTransfers(transfers, this.#shards.writers);
    return submitBatch(this.#shards, packed);
  }

  async ask<R extends JsonValue>(
    partner: string,
    { programme, subject, vnode, ask }: QuestionTo<R>,
  ): Promise<R> {
    const shard =
      vnode === undefined ? this.#shards.ofAccount(partner, subject) : this.#shards.ofVnode(vnode);
    const { result } = await this.#shards.ask(shard, partner, ["programme", programme, subject, ask]);
    return result as R;
  }

  async askAll<R extends JsonValue>(
    partner: string,
    { programme, subject, ask }: Question<R>,
  ): Promise<readonly R[]> {
    const found = await this.#shards.askAll(partner, ["programme", programme, subject, ask]);
    return found.map(({ result }) => result as R);
  }

  list<R extends JsonValue>(
    partner: string,
    question: (page: ListRequest) => Question<ListPage<R>>,
    page: Readonly<{ limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<R>> {
    // A list of one subject needs only that subject's shard.
    const parts = async ({ subject, ...rest }: Question<ListPage<R>>) =>
      subject === null
        ? this.askAll(partner, { subject, ...rest })
        : [await this.ask(partner, { subject, ...rest })];
    const owner = flowOwnerOfSubject(partner, question([1, null]).subject ?? "");
    return this.#shards.turns.pages.run(partner, owner, caller, () => pageOf(parts, question, page, caller));
  }

  acts(partner: string, programme: string, range: ActsRange): Promise<Page<ArchivedRecord>> {
    return this.#shards.turns.pages.run(partner, WHOLE, undefined, async () => {
      const after = await this.#shards.positions(partner);
      return this.#shards.archive.acts({ ...range, partner, programme }, after);
    });
  }

  async confirm(): Promise<void> {
    await this.#shards.askAll("", ["position"]);
  }

  async account(partner: string, id: string): Promise<AccountView | undefined> {
    const { result } = await this.#shards.ask(this.#shards.ofAccount(partner, id), partner, ["account", id]);
    return result ?? undefined;
  }

  accounts(partner: string, ids: readonly string[]): Promise<AccountsRead> {
    const owner = flowOwnerOfSubject(partner, ids[0] ?? "");
    return this.#shards.turns.largeReads.run(partner, owner, undefined, () =>
      accountsOf(this.#shards, partner, ids),
    );
  }

  accountAt(partner: string, id: string, atMs: number): Promise<AccountView | undefined> {
    return this.#shards.turns.moments.run(partner, flowOwnerOfSubject(partner, id), undefined, () =>
      accountAt(this.#shards, partner, id, atMs),
    );
  }

  listAccounts(
    partner: string,
    query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
    caller?: Caller,
  ): Promise<Page<AccountView>> {
    const owner = flowOwnerOfSubject(partner, query.prefix);
    return this.#shards.turns.pages.run(partner, owner, caller, () =>
      accountPage(this.#shards, partner, query, caller),
    );
  }

  systemAccount(partner: string, name: string) {
    return systemAccount(this.#shards, partner, name);
  }

  systemAccounts(partner: string, page: Readonly<{ limit: number; cursor?: string | undefined }>) {
    return systemAccounts(this.#shards, partner, page);
  }

  entries(
    partner: string,
    account: string,
    range: EntriesRange,
    caller?: Caller,
  ): Promise<Statement | undefined> {
    const owner = flowOwnerOfSubject(partner, account);
    const read = async () => {
      const found = await positionsOfAccount(this.#shards, partner, account);
      refuseGone(caller);
      if (found === undefined) return undefined;
      const query = { ...range, partner, account, seq: found.seq };
      return statementOf(this.#shards.archive, query, found.after, caller);
    };
    return this.#shards.turns.pages.run(partner, owner, caller, read, costOfRows(range.limit));
  }

  reconciliation(partner: string, id: string) {
    return this.#shards.turns.pages.run(partner, flowOwnerOfSubject(partner, id), undefined, () =>
      reconciliation(this.#shards, partner, id),
    );
  }

  transfer(partner: string, id: string): Promise<TransferRow | undefined> {
    return this.#shards.turns.lookUps.run(partner, ownerOfTransfer(partner, id), undefined, () =>
      transferRow(this.#shards, partner, id),
    );
  }

  transferRecords(partner: string, id: string): Promise<readonly ArchivedRecord[]> {
    return this.#shards.turns.lookUps.run(partner, ownerOfTransfer(partner, id), undefined, async () => {
      const after = await this.#shards.positions(partner);
      return this.#shards.archive.story({ partner, id, limit: STORY_MAX }, after);
    });
  }

  eventIds(partner: string, record: RecordPosition, count: number): readonly string[] {
    const places = Array.from({ length: count }, (_, n) => ({ ...record, n }));
    return this.#eventIds.formatAll(partner, places);
  }

  keyRecord(partner: string, key: string, scope: KeyScope): Promise<ArchivedRecord | undefined> {
    return this.#shards.turns.lookUps.run(partner, flowOwnerOfSubject(partner, scope.owner), undefined, () =>
      keyRecord(this.#shards, partner, key, scope),
    );
  }

  logBatch(position: BatchPosition): Promise<LogBatch | undefined> {
    return this.#shards.turns.lookUps.run("", WHOLE, undefined, () =>
      this.#shards.archive.batch({ ...position, limit: LOG_RECORDS_MAX }, []),
    );
  }

  transfers(
    partner: string,
    query: Parameters<typeof transferRows>[2],
    caller?: Caller,
  ): Promise<Page<TransferRow>> {
    const owner = flowOwnerOfSubject(partner, query.account ?? "");
    return this.#shards.turns.pages.run(partner, owner, caller, () =>
      transferRows(this.#shards, partner, query, caller),
    );
  }

  /** @param secretKey encrypts the ids of events. */
  setSecretKey(secretKey: string): void {
    this.#eventIds = new EventIds(secretKey);
  }

  awaitEvents(partner: string, indexed: number, waitMs: number): Promise<void> {
    return this.#shards.archive.awaitEvents(partner, indexed, waitMs);
  }

  newestEvent(partner: string, of?: AccountEvents): Promise<string | undefined> {
    return newestEvent(this.#shards, this.#eventIds, partner, of);
  }

  events(partner: string, request: FeedRequest, caller?: Caller): Promise<FeedPage> {
    return feedPage(this.#shards, this.#eventIds, partner, request, caller);
  }

  consistentAccounts(partner: string, ids: readonly string[]): Promise<Cut | undefined> {
    const owner = flowOwnerOfSubject(partner, ids[0] ?? "");
    return this.#shards.turns.cuts.run(partner, owner, undefined, () =>
      consistentAccounts(this.#shards, partner, ids),
    );
  }

  trialBalance(partner: string | undefined) {
    return this.#shards.turns.pages.run(partner ?? "", WHOLE, undefined, () =>
      trialBalance(this.#shards, partner),
    );
  }

  usage(partner: string) {
    return usageOf(this.#shards, partner);
  }

  claimant(partner: string, subject: string, name: string): Promise<string | undefined> {
    const owner = flowOwnerOfSubject(partner, subject);
    return this.#shards.turns.lookUps.run(partner, owner, undefined, () =>
      claimantOf(this.#shards, partner, subject, name),
    );
  }

  async timeMs(partner: string, subject: string): Promise<number> {
    return (await this.#shards.ask(this.#shards.ofAccount(partner, subject), partner, ["time"])).result;
  }

  #answer<C extends Command>(
    command: C,
    shard: number,
    shardReply: ShardReply,
  ): Answer<C> | Promise<Answer<C>> {
    const reply = shardReply.result as CommandReply;
    if (reply instanceof Uint8Array) {
      const outcome = unpackOutcome(command, reply);
      return {
        outcome,
        timeMs: shardReply.timeMs,
        position: positionText(shard, shardReply.at),
        replayed: false,
      };
    }
    switch (reply[0]) {
      case REFUSED:
        if (reply[1] === "not_open") return this.#settle(command);
        if (reply[1] === ASK_ARCHIVE)
          return submitWithArchive(this.#shards, shard, command, reply, (packed) =>
            this.#shards
              .link(shard)
              .execute(packed, command.partner, flowOwnerOf(command), costOfCommand(command)),
          ).then((again) => this.#answer(command, shard, again));
        return refusedAnswer(reply);
      case REPLAYED:
        return recall(this.#shards, command, locationOf(shard, reply)).then((recalled) => {
          // Another command has the same key hash. This one was not executed and needs another key, as if
          // fingerprints differed.
          if (recalled === undefined) return { refused: "idempotency_key_reused" };
          return { ...recalled, replayed: reply[4] === undefined };
        });
      case SETTLED: {
        const [, epoch, seq, timeMs, credits, packed, replayed] = reply;
        const positions = [[shard, epoch, seq] as const, ...credits];
        const position = positions.map(([place, ...id]) => positionText(place, idOf(id))).join(",");
        return { outcome: unpackOutcome(command, packed), timeMs, position, replayed };
      }
    }
  }

  /** Resubmits a post or void whose transfer is not open at its home shard, with the transfer's final status. */
  async #settle<C extends Command>(command: C): Promise<Answer<C>> {
    assert(
      command.op === "post_transfer" || command.op === "void_transfer",
      "only these need an open transfer",
    );
    const change: PostTransfer | VoidTransfer = command;
    const settled = await settledOf(this.#shards, change.partner, change.id);
    // It was posted while its revert, which would have voided it, was on its way.
    const isRevert = change.op === "void_transfer" && change.act !== undefined && isCancelAct(change.act);
    if (isRevert && settled === "posted") {
      const { partner, key, fingerprint, id } = change;
      // Outcomes of voids and reverts have one type.
      return (await this.revert({ partner, key, fingerprint, id })) as unknown as Answer<C>;
    }
    return this.submit({ ...command, settled });
  }
}
