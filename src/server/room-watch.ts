/** Looks once a second whether the archive keeps up with the shards, and whether their logs have room. */
import type { ArchiveFigures } from "../archive/archive-protocol.ts";
import { ArchiveLag } from "../gateway/archive-lag.ts";
import type { Supervisor } from "../workers/supervisor.ts";

/** An archive that is further behind would hold up the trimming of the log. */
const LAG_MS_MAX = 60_000;
const EVERY_MS = 1_000;

/** Tells why no commands should be taken, and `undefined` once they may be again: each time that this changes. */
export function watchRoom(
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
