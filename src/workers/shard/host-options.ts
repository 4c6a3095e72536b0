/** All that a shard needs from whoever carries it. */
import type { LedgerSettings } from "../../actors/ledger/ledger-state.ts";
import type { Random } from "../../actors/programmes/programme.ts";
import type { Batch, Journal } from "../../wal/wal.ts";
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
  /** Opens the ends of channels that the supervisor sends. */
  open?: typeof openChannel;
  clocks: Clocks;
  /** How the wall clock is to be taken; absent: as it is now. Logged times follow it: see `LogClock`. */
  judgedClock?: JudgedClock;
  threadId: number;
  failpoints: readonly Failpoint[];
  /** This server has not served this log yet, although an earlier try of its own may have claimed it. */
  takesOver?: boolean;
  bounds?: BatchBounds;
  /** Fills an empty ledger from the newest good snapshot; without it all of the log is replayed. */
  restore?: Restore;
  /** Secure random bytes. */
  random?: Random;
  settings?: LedgerSettings;
  /** Without it the shard takes whatever the quotas allow. */
  heap?: Heap;
  /** Told of each batch once it is durable, and of the clock that the log is written by. */
  onDurable: (batch: Batch, clock: LogClock) => void;
  /** Settings of the log that are weaker than they should be, by the operator's choice. */
  warnings: () => readonly string[];
}>;
