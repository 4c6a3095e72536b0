/** Checks once a second whether the archive keeps up with the shards, and whether their logs have room. */
import type { ArchiveStats } from "../../archive/service/archive-protocol.ts";
import { compareLogIds, type LogId } from "../../wal/wal.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

const CHECK_MS = 1_000;

/** Reports the archive's problem, or `undefined`, each time that it changes. The first report is never `undefined`. */
export function watchArchive(
  archive: Readonly<{ stats: ArchiveStats }>,
  textOf: (stats: ArchiveStats) => string | undefined,
  report: (warning: string | undefined) => void,
): void {
  let reported: string | undefined;
  const check = () => {
    const warning = textOf(archive.stats);
    if (warning !== reported) report(warning);
    reported = warning;
  };
  check();
  setInterval(check, CHECK_MS).unref();
}

/** One line that names the damaged batches; `undefined` if there are none. */
export function damageText({ damage: { count, places } }: ArchiveStats): string | undefined {
  if (count === 0) return undefined;
  const more = count > places.length ? ` and ${count - places.length} more` : "";
  return `the archive is damaged at ${places.join(", ")}${more}: see \`daybook archive repair\``;
}

/** The newest durable batch of a shard at `atMs`, which the archive must store in time. */
type Mark = Readonly<{ id: LogId; atMs: number }>;

/** `stored`: the newest batch in the archive. */
type ShardProgress = Readonly<{ shard: number; durable: LogId; stored: LogId | undefined }>;

/** Measures whether the archive is too far behind a shard, in time. */
export class ArchiveLag {
  readonly #lagMsMax: number;
  readonly #marks = new Map<number, Mark>();

  constructor(lagMsMax: number) {
    this.#lagMsMax = lagMsMax;
  }

  /**
   * Call it about once a second.
   *
   * @param nowMs a monotonic clock.
   * @returns why commands must be refused; `undefined` while the archive keeps up.
   */
  check(shards: readonly ShardProgress[], nowMs: number): string | undefined {
    let reason: string | undefined;
    for (const { shard, durable, stored } of shards) {
      const mark = this.#marks.get(shard);
      if (mark === undefined || (stored !== undefined && compareLogIds(stored, mark.id) >= 0)) {
        this.#marks.set(shard, { id: durable, atMs: nowMs });
      } else if (mark.id.epoch > 0 && nowMs - mark.atMs > this.#lagMsMax) {
        reason = `the archive is more than ${this.#lagMsMax / 1000} s behind shard ${shard}`;
      }
    }
    return reason;
  }
}

/** Bounds the lag of the archive, because the log cannot be trimmed beyond what the archive has stored. */
const LAG_MS_MAX = 60_000;

/** Reports why commands must be refused, or `undefined` when they are accepted again, each time that this changes. */
export function watchBackpressure(
  archive: Readonly<{ stats: ArchiveStats }>,
  supervisor: Pick<Supervisor, "shards" | "full">,
  report: (reason: string | undefined) => void,
): void {
  const lag = new ArchiveLag(LAG_MS_MAX);
  let reported: string | undefined;
  const check = async () => {
    const stored = new Map(archive.stats.shards.map((each) => [each.shard, each.stored]));
    const shards = (await supervisor.shards()).flatMap(({ shard, stats }) =>
      stats === undefined ? [] : [{ shard, durable: stats.durable, stored: stored.get(shard) }],
    );
    const behind = lag.check(shards, performance.now());
    const reason = supervisor.full() ?? behind;
    if (reason !== reported) report(reason);
    reported = reason;
  };
  setInterval(() => void check(), CHECK_MS).unref();
}
