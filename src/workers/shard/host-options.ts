/** What a shard's thread, process or test provides. */
import type { LedgerSettings } from "../../actors/ledger/ledger-state.ts";
import type { Random } from "../../actors/programmes/programme.ts";
import type { Batch, Journal, LogReplicas } from "../../wal/wal.ts";
import type { openChannel } from "../channels/open-channel.ts";
import type { Restore } from "../recovery/recover.ts";
import type { Clocks, JudgedClock, LogClock } from "./clock/log-clock.ts";
import type { Failpoint } from "./failpoint.ts";
import type { BatchBounds } from "./group-commit.ts";
import type { Heap } from "./heap-watch.ts";
import type { FromShard } from "./messages.ts";

export type HostOptions = Readonly<{
  shard: number;
  shards: number;
  journal: Journal;
  post: (message: FromShard) => void;
  /** Opens channel ends sent by the supervisor; another implementation in tests. */
  open?: typeof openChannel;
  clocks: Clocks;
  /** The main thread's judgement of the wall clock; absent: the clock is trusted as it is now. See `LogClock`. */
  judgedClock?: JudgedClock;
  threadId: number;
  failpoints: readonly Failpoint[];
  /** This server has not served this log yet, although an earlier attempt of its own may have claimed it. */
  takesOver?: boolean;
  bounds?: BatchBounds;
  /** Fills an empty ledger from the newest good snapshot; without it the whole log is replayed. */
  restore?: Restore;
  /** Secure random bytes. */
  random?: Random;
  settings?: LedgerSettings;
  /** Without it only the quotas bound the shard's memory. */
  heap?: Heap;
  /** Called with each batch when it is durable, and with the log's clock. */
  onDurable: (batch: Batch, clock: LogClock) => void;
  /** Durability settings of the log that are weaker than recommended, one line each. */
  warnings: () => readonly string[];
  /** See `LogStream.replicas`. */
  replicas?: () => LogReplicas | undefined;
}>;
