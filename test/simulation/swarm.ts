/**
 * What kind of run a seed is: a random part of all that can go wrong and of all that can be asked, each at a random rate.
 * Runs in which everything happens a little find less than runs in which some things happen often ("swarm testing").
 */
import type { Random } from "../support/random.ts";
import { MOMENTS, type Moment } from "./moments.ts";
import type { Delays } from "./sim-channel.ts";
import { type AppendFaults, NO_FAULTS } from "./sim-log.ts";

/** What a nemesis may do to a running server, its stores and its clocks. */
export const CALAMITIES = [
  "kill_shard",
  "kill_several",
  "kill_gateway",
  "kill_server",
  "kill_machine",
  "stop_shard",
  "pause_server",
  "second_server",
  "break_channel",
  "restart_store",
  "power_cut",
  "fill_store",
  "unreachable_store",
  "jump_clock",
  "damage_snapshot",
  "hang_shard",
  "stall_channels",
  "usurp",
] as const;
export type Calamity = (typeof CALAMITIES)[number];

/** What a nemesis may do to the shard that has reached a certain moment. */
export const STRIKES = [
  "kill",
  "kill_other",
  "kill_both",
  "hang",
  "hang_other",
  "stall_peers",
  "stall_gateways",
  "break_peers",
  "fail_append",
  "usurp",
] as const;
export type Strike = (typeof STRIKES)[number];

/** Strikes at a moment, each time with this probability. */
export type Ambush = Readonly<{ moment: Moment; strike: Strike; probability: number }>;

/** Damage to what a log has acknowledged, which must be noticed. */
export const DAMAGES = ["lost_tail", "flipped_bit", "removed_entry", "exchanged_entries"] as const;
export type Damage = (typeof DAMAGES)[number];

export const OPERATIONS = [
  "transfer",
  "cross",
  "compound",
  "pending",
  "available",
  "system",
  "post",
  "void",
  "revert",
  "batch",
  "dry_run",
  "update",
  "status",
  "create",
  "bank",
  "member",
  "repeat",
  "altered",
  "unkeyed",
  "read",
  "reads",
  "read_transfer",
  "read_system",
  "cut",
  "trial",
  "foreign",
  "make_key",
  "revoke_key",
  "use_key",
] as const;
export type Operation = (typeof OPERATIONS)[number];

export type Swarm = Readonly<{
  shards: number;
  gateways: number;
  clients: number;
  /** Between two operations of one client, at most. */
  thinkMs: number;
  /** By operation, how often it is chosen; the ones that are left out are 0. */
  weights: Readonly<Record<Operation, number>>;
  appendFaults: AppendFaults;
  channelDelays: Delays;
  storeDelays: Delays;
  /** By calamity, the same. */
  calamities: Readonly<Record<Calamity, number>>;
  /** Between two calamities, at most; none without. */
  calamityMs: number;
  /** How many failpoints a shard that starts is given, at most, and how soon they strike. */
  failpoints: number;
  failpointPasses: number;
  ambushes: readonly Ambush[];
  damage: Damage | undefined;
  /** While two servers are there, so often a client writes to the newer one and reads from the older one. */
  split: number;
  /** A snapshot is due after so many records; 0: there are none. */
  snapshotRecords: number;
  /** Clocks of shards differ by up to so much. */
  skewMs: number;
}>;

export function drawSwarm(random: Random): Swarm {
  const isCalm = random.chance(0.1);
  const some = <K extends string>(names: readonly K[], share: number) =>
    Object.fromEntries(
      names.map((name) => [name, random.chance(share) ? random.fraction() ** 2 : 0]),
    ) as Record<K, number>;
  const weights = some(OPERATIONS, 0.6);
  // There is always something to do.
  weights.cross += 0.3;
  weights.compound += 0.1;
  const faultRate = isCalm || random.chance(0.3) ? 0 : 0.1 * random.fraction();
  const faults = some(Object.keys(NO_FAULTS) as (keyof AppendFaults)[], 0.5);
  const faultSum = Object.values(faults).reduce((sum, each) => sum + each, 0.0001);
  const delays = (usualMs: number): Delays => ({
    usualMs: usualMs * (0.2 + random.fraction()),
    spikes: random.chance(0.4) ? 0.03 * random.fraction() : 0,
    spikeMs: random.chance(0.2) ? 3_000 : 100,
  });
  const damage = random.chance(0.12) ? random.oneOf(DAMAGES) : undefined;
  return {
    shards: 1 + random.below(5),
    gateways: 1 + random.below(2),
    clients: 2 + random.below(9),
    thinkMs: random.oneOf([0, 2, 10, 40]),
    weights,
    appendFaults:
      faultRate === 0
        ? NO_FAULTS
        : (Object.fromEntries(
            Object.entries(faults).map(([name, weight]) => [name, (faultRate * weight) / faultSum]),
          ) as AppendFaults),
    channelDelays: delays(0.3),
    storeDelays: delays(random.oneOf([0.5, 2, 6])),
    calamities: some(CALAMITIES, 0.4),
    calamityMs: isCalm ? 0 : random.oneOf([0, 500, 1_500, 4_000]),
    failpoints: isCalm ? 0 : random.below(4),
    failpointPasses: random.oneOf([2, 10, 40]),
    ambushes: isCalm ? [] : Array.from({ length: random.below(5) }, () => drawAmbush(random)),
    damage,
    split: random.oneOf([0.5, 0.9, 0.99]),
    // What a snapshot holds of the log is not read again, so nobody notices what becomes of it.
    snapshotRecords: damage === undefined ? random.oneOf([0, 5, 20, 60]) : 0,
    skewMs: random.chance(0.5) ? 0 : random.oneOf([5, 500, 60_000]),
  };
}

function drawAmbush(random: Random): Ambush {
  return {
    moment: random.oneOf(MOMENTS),
    strike: random.oneOf(STRIKES),
    probability: random.oneOf([0.01, 0.1, 0.5]),
  };
}
