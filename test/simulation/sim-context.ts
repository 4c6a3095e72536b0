/** The simulated environment of a server, and the oracles that a run can violate. */

import type { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import type { Witness } from "../../src/wal/wal.ts";
import type { Failpoint } from "../../src/workers/shard/failpoint.ts";
import type { Random } from "../support/random.ts";
import type { Machine } from "./machine.ts";
import type { Moment } from "./moments.ts";
import type { SimArchive } from "./sim-archive.ts";
import type { Network } from "./sim-channel.ts";
import type { LogStore } from "./sim-log.ts";
import type { Owner, VirtualClock } from "./virtual-clock.ts";

/** The invariants that are checked; I1 to I12 are those of docs/SPEC.md. */
export type Oracle =
  | "I1 books balance"
  | "I2 floors and ceilings"
  | "I3 holds add up"
  | "programmes add up"
  | "I4 entries are contiguous"
  | "I5 acknowledged is logged once"
  | "I6 reads are in the history"
  | "I7 the chain holds"
  | "I8 messages arrive once"
  | "I9 replay is the live state"
  | "I10 resolved once"
  | "I11 one key, one outcome"
  | "I12 partners see nothing of each other"
  | "limits hold"
  | "balances stay in range"
  | "entries are bounded"
  | "revoked keys are refused"
  | "reads are not stale"
  | "cuts add up"
  | "time does not go back"
  | "log time is honest"
  | "what is over is ended"
  | "damage is noticed"
  | "weak settings are noticed"
  | "statements add up"
  | "events are complete"
  | "no false alarm"
  | "nothing throws"
  | "nothing gets stuck";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly oracle: Oracle;

  constructor(oracle: Oracle, message: string) {
    super(message);
    this.oracle = oracle;
  }
}

export type SimContext = Readonly<{
  clock: VirtualClock;
  network: Network;
  random: Random;
  stores: readonly LogStore[];
  snapshots: readonly MemorySnapshotStore[];
  archive: SimArchive;
  /** By shard: the log position that DATA_DIR remembers. */
  witnesses: (Witness | undefined)[];
  machine: Machine;
  /** The wall clock as a shard sees it. */
  timeOf: (shard: number) => number;
  newFailpoints: (shard: number) => readonly Failpoint[];
  /** A part of a server has reached a moment. @param owner default: the owner of the running code */
  onMoment: (moment: Moment, owner?: Owner) => void;
  count: (what: string) => void;
  trace: (what: string) => void;
  fail: (oracle: Oracle, message: string) => void;
}>;
