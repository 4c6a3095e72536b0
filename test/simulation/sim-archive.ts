/**
 * What the archive would answer: it pulls durable batches over a channel from each shard, as the real one does, and keeps
 * them when the server ends. It is also a witness: whatever it was given must stay in the log.
 */

import type { LedgerSettings } from "../../src/actors/ledger/ledger-state.ts";
import { claimOf } from "../../src/actors/ledger/limits/claim-names.ts";
import { readRecords } from "../../src/actors/records/codec.ts";
import type { TransferView } from "../../src/actors/records/compound-command.ts";
import type { ArchivedRecord, ArchiveQueries, Location, Position } from "../../src/archive/queries/query.ts";
import { packAsk, unpackAnswer } from "../../src/archive/service/feed.ts";
import { OperatingError } from "../../src/errors/operating-error.ts";
import { type Batch, compareLogIds, type LogId, type Witness } from "../../src/wal/wal.ts";
import type { ChannelEnd } from "../../src/workers/channels/open-channel.ts";
import { viewOf } from "../workers/shard/memory-shards.ts";
import type { Network } from "./sim-channel.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** So small that shards forget names that are taken all the time, and have to ask the archive. */
export const SIM_SETTINGS: LedgerSettings = { claimsMax: 1 };

const ASK_BYTES = 1 << 20;
const ANSWER_MS = 0.2;
const PATIENCE_MS = 5_000;

type Question = Readonly<{ after: readonly Position[]; answer: () => void }>;

export class SimArchive {
  /** By shard, all batches so far, oldest first. */
  readonly batches: Witness[][];
  protected readonly clock: VirtualClock;
  protected readonly network: Network;
  readonly #records = new Map<string, ArchivedRecord>();
  /** Credits and portions by the message that they took in. */
  readonly #parts = new Map<string, ArchivedRecord>();
  readonly #transfers = new Map<string, Readonly<{ partner: string; view: TransferView }>>();
  /** By name, who has taken it for ever. */
  readonly #claims = new Map<string, string>();
  #questions: Question[] = [];

  constructor(shards: number, clock: VirtualClock, network: Network) {
    this.batches = Array.from({ length: shards }, () => []);
    this.clock = clock;
    this.network = network;
  }

  newest(shard: number): Witness | undefined {
    return this.batches[shard]?.at(-1);
  }

  /** The newest batch that a power cut leaves: below it a log may be trimmed. */
  synced(shard: number): Witness | undefined {
    return this.newest(shard);
  }

  /** All durable batches are here, so that it can be judged. */
  isCurrent(newest: readonly (LogId | undefined)[]): boolean {
    return newest.every((id, shard) => id === undefined || this.#has({ shard, ...id }));
  }

  close(): void {}

  /** Pulls from a shard that has just started, as whoever it is that runs. */
  follow(shard: number, end: ChannelEnd): void {
    const ask = () => channel.post(packAsk({ after: this.newest(shard)?.id ?? null, bytesMax: ASK_BYTES }));
    const channel = this.network.open(end, {
      receive: (bytes) => {
        for (const batch of unpackAnswer(bytes)) this.take(shard, batch);
        ask();
        this.#answerSome();
      },
      closed: () => {},
    });
    ask();
  }

  queries(): ArchiveQueries {
    const records = (at: readonly Location[]) =>
      this.#ask(at, () => at.map((place) => this.#records.get(keyOf(place)) as ArchivedRecord));
    const part = ({ from, to, no }: Parameters<ArchiveQueries["part"]>[0], after: readonly Position[]) =>
      this.#ask(after, () => this.#parts.get(`${from}-${to} ${no}`));
    const transfer = (
      { partner, id }: Parameters<ArchiveQueries["transfer"]>[0],
      after: readonly Position[],
    ) =>
      this.#ask(after, () => {
        const found = this.#transfers.get(id);
        return found?.partner === partner ? found.view : undefined;
      });
    const claims = ({ shard, names }: Parameters<ArchiveQueries["claims"]>[0], after: readonly Position[]) =>
      this.#ask(after, () => {
        const { epoch, seq } = this.newest(shard)?.id ?? { epoch: 0, seq: 0 };
        return { by: names.map((name) => this.#claims.get(name) ?? null), epoch, seq };
      });
    return { records, part, transfer, claims } as Partial<ArchiveQueries> as ArchiveQueries;
  }

  protected take(shard: number, { id, timeMs, body, hash }: Batch): void {
    const newest = this.newest(shard);
    // Two servers may be there for a while; what the new one has given need not come from the old one again.
    if (newest !== undefined && compareLogIds(id, newest.id) <= 0) return;
    this.batches[shard]?.push({ id, hash });
    let index = 0;
    readRecords(body, (command, outcome) => {
      const at = { shard, ...id, index: index++ };
      const record: ArchivedRecord = { at, timeMs, record: { command, outcome } };
      this.#records.set(keyOf(at), record);
      if (command.op === "credit" || command.op === "portion")
        this.#parts.set(`${command.from}-${shard} ${command.no}`, record);
      const name = outcome.ok ? claimOf(command) : undefined;
      if (name !== undefined) this.#claims.set(name, "id" in outcome ? outcome.id : "");
      const view = viewOf(record);
      if (view === undefined) return;
      // A record of expiry leaves out what does not change.
      const whole = { ...this.#transfers.get(view.id)?.view, ...view } as TransferView;
      this.#transfers.set(view.id, { partner: command.partner, view: whole });
    });
  }

  /** Answers once all of `after` is here, in the turn of whoever asks. */
  #ask<T>(after: readonly Position[], answer: () => T): Promise<T> {
    const owner = this.clock.current;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#questions.push({
      after,
      answer: () => this.clock.after(owner, ANSWER_MS, () => resolve(answer())),
    });
    this.clock.after(owner, PATIENCE_MS, () =>
      reject(new OperatingError("log_unavailable", "the archive is behind")),
    );
    this.#answerSome();
    return promise;
  }

  #answerSome(): void {
    this.#questions = this.#questions.filter(({ after, answer }) => {
      const isHere = after.every((position) => this.#has(position));
      if (isHere) answer();
      return !isHere;
    });
  }

  #has({ shard, epoch, seq }: Position): boolean {
    const newest: LogId = this.newest(shard)?.id ?? { epoch: 0, seq: 0 };
    return compareLogIds(newest, { epoch, seq }) >= 0;
  }
}

function keyOf({ shard, epoch, seq, index }: Location): string {
  return `${shard}:${epoch}-${seq} ${index}`;
}
