/**
 * A model of the archive: like the real one, it pulls durable batches from each shard over a channel, and keeps them when
 * the server ends. It is also a witness: every batch that it received must stay in the log.
 */

import type { LedgerSettings } from "../../src/actors/ledger/ledger-state.ts";
import { claimOf } from "../../src/actors/ledger/limits/claim-names.ts";
import { readRecords } from "../../src/actors/records/codec.ts";
import type { TransferView } from "../../src/actors/records/compound-command.ts";
import type {
  ArchivedRecord,
  ArchiveQueries,
  BatchPosition,
  RecordPosition,
} from "../../src/archive/queries/query.ts";
import { packRequest, unpackReply } from "../../src/archive/service/feed.ts";
import { OperatingError } from "../../src/errors/operating-error.ts";
import { type Batch, compareLogIds, type LogId, type Witness } from "../../src/wal/wal.ts";
import type { ChannelEnd } from "../../src/workers/channels/open-channel.ts";
import { viewOf } from "../workers/shard/memory-shards.ts";
import type { Network } from "./sim-channel.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** One claim in memory, so that shards have to ask the archive about claimed names all the time. */
export const SIM_SETTINGS: LedgerSettings = { claimsMax: 1 };

const ASK_BYTES = 1 << 20;
const ANSWER_MS = 0.2;
const QUERY_DEADLINE_MS = 5_000;

type PendingQuery = Readonly<{ after: readonly BatchPosition[]; answer: () => void }>;

export class SimArchive {
  /** By shard: all batches received, oldest first. */
  readonly batches: Witness[][];
  protected readonly clock: VirtualClock;
  protected readonly network: Network;
  readonly #records = new Map<string, ArchivedRecord>();
  /** Records of credits and portions, by the cross-shard message that they apply. */
  readonly #parts = new Map<string, ArchivedRecord>();
  readonly #transfers = new Map<string, Readonly<{ partner: string; view: TransferView }>>();
  /** By claimed name: the transfer that has claimed it. */
  readonly #claims = new Map<string, string>();
  #pendingQueries: PendingQuery[] = [];

  constructor(shards: number, clock: VirtualClock, network: Network) {
    this.batches = Array.from({ length: shards }, () => []);
    this.clock = clock;
    this.network = network;
  }

  newest(shard: number): Witness | undefined {
    return this.batches[shard]?.at(-1);
  }

  /** The newest batch that survives a power cut; the log may be trimmed below it. */
  synced(shard: number): Witness | undefined {
    return this.newest(shard);
  }

  /** Whether all these batches have been received. */
  isCurrent(newest: readonly (LogId | undefined)[]): boolean {
    return newest.every((id, shard) => id === undefined || this.#has({ shard, ...id }));
  }

  close(): void {}

  /** Pulls from a shard that has just started; runs as the current owner. */
  follow(shard: number, end: ChannelEnd): void {
    const ask = () =>
      channel.post(packRequest({ after: this.newest(shard)?.id ?? null, bytesMax: ASK_BYTES }));
    const channel = this.network.open(end, {
      receive: (bytes) => {
        for (const batch of unpackReply(bytes)) this.take(shard, batch);
        ask();
        this.#answerReady();
      },
      closed: () => {},
    });
    ask();
  }

  queries(): ArchiveQueries {
    const records = (at: readonly RecordPosition[]) =>
      this.#ask(at, () => at.map((place) => this.#records.get(keyOf(place)) as ArchivedRecord));
    const part = ({ from, to, no }: Parameters<ArchiveQueries["part"]>[0], after: readonly BatchPosition[]) =>
      this.#ask(after, () => this.#parts.get(`${from}-${to} ${no}`));
    const transfer = (
      { partner, id }: Parameters<ArchiveQueries["transfer"]>[0],
      after: readonly BatchPosition[],
    ) =>
      this.#ask(after, () => {
        const found = this.#transfers.get(id);
        return found?.partner === partner ? found.view : undefined;
      });
    const claims = (
      { shard, names }: Parameters<ArchiveQueries["claims"]>[0],
      after: readonly BatchPosition[],
    ) =>
      this.#ask(after, () => {
        const { epoch, seq } = this.newest(shard)?.id ?? { epoch: 0, seq: 0 };
        return { by: names.map((name) => this.#claims.get(name) ?? null), epoch, seq };
      });
    return { records, part, transfer, claims } as Partial<ArchiveQueries> as ArchiveQueries;
  }

  protected take(shard: number, { id, timeMs, body, hash }: Batch): void {
    const newest = this.newest(shard);
    // Two servers may exist for a while; skips what the new one has already sent.
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
      // A record of an expiry omits what does not change.
      const whole = { ...this.#transfers.get(view.id)?.view, ...view } as TransferView;
      this.#transfers.set(view.id, { partner: command.partner, view: whole });
    });
  }

  /** Answers once all positions of `after` are received; runs as the current owner. @throws OperatingError */
  #ask<T>(after: readonly BatchPosition[], answer: () => T): Promise<T> {
    const owner = this.clock.current;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#pendingQueries.push({
      after,
      answer: () => this.clock.after(owner, ANSWER_MS, () => resolve(answer())),
    });
    this.clock.after(owner, QUERY_DEADLINE_MS, () =>
      reject(new OperatingError("log_unavailable", "the archive is behind")),
    );
    this.#answerReady();
    return promise;
  }

  #answerReady(): void {
    this.#pendingQueries = this.#pendingQueries.filter(({ after, answer }) => {
      const isReceived = after.every((position) => this.#has(position));
      if (isReceived) answer();
      return !isReceived;
    });
  }

  #has({ shard, epoch, seq }: BatchPosition): boolean {
    const newest: LogId = this.newest(shard)?.id ?? { epoch: 0, seq: 0 };
    return compareLogIds(newest, { epoch, seq }) >= 0;
  }
}

function keyOf({ shard, epoch, seq, index }: RecordPosition): string {
  return `${shard}:${epoch}-${seq} ${index}`;
}
