/** Looks once a second whether the archive keeps up with the shards, and whether their logs have room. */
import type { ArchiveFigures } from "../../archive/service/archive-protocol.ts";
import { compareLogIds, type LogId } from "../../wal/wal.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

const EVERY_MS = 1_000;

/** Tells what is wrong, each time that it changes. Nothing is told of an archive that was well from the start. */
export function watchArchive(
  archive: Readonly<{ figures: ArchiveFigures }>,
  textOf: (figures: ArchiveFigures) => string | undefined,
  tell: (warning: string | undefined) => void,
): void {
  let told: string | undefined;
  const check = () => {
    const warning = textOf(archive.figures);
    if (warning !== told) tell(warning);
    told = warning;
  };
  check();
  setInterval(check, EVERY_MS).unref();
}

/** Which batches are damaged. */
export function damageText({ damage: { count, places } }: ArchiveFigures): string | undefined {
  if (count === 0) return undefined;
  const more = count > places.length ? ` and ${count - places.length} more` : "";
  return `the archive is damaged at ${places.join(", ")}${more}: see \`daybook archive repair\``;
}

/** What a shard had made durable by `atMs`; the archive must reach it in time. */
type Mark = Readonly<{ id: LogId; atMs: number }>;

type Follower = Readonly<{ shard: number; durable: LogId; stored: LogId | undefined }>;

export class ArchiveLag {
  readonly #lagMsMax: number;
  readonly #marks = new Map<number, Mark>();

  constructor(lagMsMax: number) {
    this.#lagMsMax = lagMsMax;
  }

  /**
   * To be called about once a second.
   *
   * @param nowMs a clock that never goes back.
   * @returns why no commands should be taken, `undefined` while the archive keeps up.
   */
  check(followers: readonly Follower[], nowMs: number): string | undefined {
    let reason: string | undefined;
    for (const { shard, durable, stored } of followers) {
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

/** An archive that is further behind would hold up the trimming of the log. */
const LAG_MS_MAX = 60_000;

/** Tells why no commands should be taken, and `undefined` once they may be again: each time that this changes. */
export function watchBackpressure(
  archive: Readonly<{ figures: ArchiveFigures }>,
  supervisor: Pick<Supervisor, "shards" | "full">,
  tell: (reason: string | undefined) => void,
): void {
  const lag = new ArchiveLag(LAG_MS_MAX);
  let told: string | undefined;
  const check = async () => {
    const stored = new Map(archive.figures.shards.map((each) => [each.shard, each.stored]));
    const followers = (await supervisor.shards()).flatMap(({ shard, figures }) =>
      figures === undefined ? [] : [{ shard, durable: figures.durable, stored: stored.get(shard) }],
    );
    const behind = lag.check(followers, performance.now());
    const reason = supervisor.full() ?? behind;
    if (reason !== told) tell(reason);
    told = reason;
  };
  setInterval(() => void check(), EVERY_MS).unref();
}
