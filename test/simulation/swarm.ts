/**
 * Swarm testing: each seed draws a random subset of faults and operations, each at a random rate. Runs in which some things
 * happen often find more bugs than runs in which everything happens a little.
 */
import type { Random } from "../support/random.ts";
import { MOMENTS, type Moment } from "./moments.ts";
import type { Delays } from "./sim-channel.ts";
import { type AppendFaults, NO_FAULTS } from "./sim-log.ts";

/** Faults that the nemesis injects at random times into servers, stores and clocks. */
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
  "sleep",
  "damage_snapshot",
  "hang_shard",
  "stall_channels",
  "usurp",
] as const;
export type Calamity = (typeof CALAMITIES)[number];

/** Faults that the nemesis injects when a shard reaches a certain moment. */
export const STRIKES = [
  "kill",
  "kill_slowly",
  "kill_other",
  "kill_both",
  "hang",
  "hang_other",
  "stall_peers",
  "stall_gateways",
  "stall_one_gateway",
  "stall_questions",
  "break_peers",
  "fail_append",
  "usurp",
] as const;
export type Strike = (typeof STRIKES)[number];

/** A strike at a moment, with this probability each time that the moment is reached. */
export type Ambush = Readonly<{ moment: Moment; strike: Strike; probability: number }>;

/** Damage to acknowledged entries of a log, which must be detected. */
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

/** Properties of a run that make the rules of accounts apply often. */
export type Habits = Readonly<{
  /** Every account has a low ceiling. */
  isTight: boolean;
  /** Every account has velocity limits. */
  isLimited: boolean;
  /** Pending transfers expire soon. */
  endsSoon: boolean;
  /** Amounts are near the end of the balance range. */
  isHuge: boolean;
  /** The number of pending transfers of one account that expire at one time. */
  crowd: number;
}>;

export type Swarm = Readonly<{
  shards: number;
  gateways: number;
  clients: number;
  /** The longest pause between two operations of a client. */
  thinkMs: number;
  /** The probability, at each retry, that a client gives up instead. */
  givesUp: number;
  /** Relative rates of the operations; 0 for operations that this run omits. */
  weights: Readonly<Record<Operation, number>>;
  appendFaults: AppendFaults;
  channelDelays: Delays;
  storeDelays: Delays;
  /** Relative rates of the calamities. */
  calamities: Readonly<Record<Calamity, number>>;
  /** The longest time between two calamities; 0: no calamities. */
  calamityMs: number;
  /** The most failpoints of a starting shard; `failpointPasses`: the most passes before they strike. */
  failpoints: number;
  failpointPasses: number;
  ambushes: readonly Ambush[];
  damage: Damage | undefined;
  habits: Habits;
  /** With two servers: the probability that a client writes to the newer one and reads from the older one. */
  split: number;
  /** Records after which a snapshot is due; 0: no snapshots. */
  snapshotRecords: number;
  /** The time that a clock read takes. */
  readingMs: number;
  /** The largest difference between the shards' clocks. */
  skewMs: number;
}>;

export function drawSwarm(random: Random): Swarm {
  const isCalm = random.chance(0.1);
  const some = <K extends string>(names: readonly K[], share: number) =>
    Object.fromEntries(
      names.map((name) => [name, random.chance(share) ? random.fraction() ** 2 : 0]),
    ) as Record<K, number>;
  const weights = some(OPERATIONS, 0.6);
  // Every run has these operations.
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
  const theme = isCalm || random.chance(0.5) ? undefined : random.oneOf(THEMES);
  const damage = theme === undefined && random.chance(0.12) ? random.oneOf(DAMAGES) : undefined;
  const drawn: Swarm = {
    shards: 1 + random.below(5),
    gateways: 1 + random.below(2),
    clients: 2 + random.below(9),
    thinkMs: random.oneOf([0, 2, 10, 40]),
    givesUp: random.oneOf([0.02, 0.02, 0.3]),
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
    habits: {
      isTight: random.chance(0.1),
      isLimited: random.chance(0.1),
      endsSoon: random.chance(0.1),
      isHuge: random.chance(0.1),
      crowd: random.chance(0.03) ? random.oneOf([300, 1_000, 4_000]) : 0,
    },
    split: random.oneOf([0.5, 0.9, 0.99]),
    // No snapshots with damage: log entries below a snapshot are not read again, so their damage stays undetected.
    snapshotRecords: damage === undefined ? random.oneOf([0, 5, 20, 60]) : 0,
    readingMs: random.oneOf([0, 0, 0.02, 0.3]),
    skewMs: random.chance(0.5) ? 0 : random.oneOf([5, 500, 60_000]),
  };
  return theme === undefined ? drawn : { ...drawn, ...theme(drawn, random) };
}

function drawAmbush(random: Random): Ambush {
  return {
    moment: random.oneOf(MOMENTS),
    strike: random.oneOf(STRIKES),
    probability: random.oneOf([0.01, 0.1, 0.5]),
  };
}

/** Situations that need several conditions at once, which random draws seldom combine. */
const THEMES: readonly ((drawn: Swarm, random: Random) => Partial<Swarm>)[] = [
  // Credits in flight while sessions end, and other transfers that need the same ceiling.
  ({ weights, habits, shards }) => ({
    shards: Math.min(3, Math.max(2, shards)),
    weights: { ...weights, ...NO_READS, cross: 2, system: 2, update: 0.3 },
    habits: { ...habits, isTight: true },
    ambushes: [
      { moment: "before_send", strike: "kill_both", probability: 0.05 },
      { moment: "after_send", strike: "break_peers", probability: 0.05 },
      { moment: "before_send", strike: "kill_slowly", probability: 0.05 },
      { moment: "claim", strike: "hang", probability: 0.3 },
    ],
    clients: 8,
    thinkMs: 40,
    // Otherwise all clients would wait for the shard that is down.
    givesUp: 0.5,
    calamityMs: 0,
    failpoints: 0,
  }),
  // Two servers, of which the older one does not know yet that it was replaced.
  ({ weights, calamities, storeDelays }, random) => ({
    weights: {
      ...weights,
      cross: 0.5,
      transfer: 1,
      read: 2,
      reads: 0.5,
      use_key: 0.3,
      revoke_key: 0.2,
      make_key: 0.2,
    },
    calamities: { ...noneOf(calamities), usurp: 1 },
    calamityMs: 800,
    clients: 8,
    // So slow that both servers live for longer than a lease.
    thinkMs: 300,
    // With delay spikes, the store's replies are outdated when they arrive.
    storeDelays: random.chance(0.5) ? storeDelays : { usualMs: 1, spikes: 0.05, spikeMs: 3_000 },
    failpoints: 0,
    ambushes: [],
    split: 0.99,
  }),
  // Cuts for which some shards are asked late.
  ({ weights, shards }) => ({
    shards: Math.max(3, shards),
    weights: { ...noneOf(weights), bank: 2, cut: 1, cross: 0.1 },
    ambushes: [
      // The other shards are captured and continue before this one is captured.
      { moment: "cut_halt", strike: "stall_questions", probability: 0.1 },
      { moment: "cut_capture", strike: "hang_other", probability: 0.02 },
    ],
    thinkMs: 10,
    calamityMs: 0,
    failpoints: 0,
  }),
  // Velocity limits, and transfers across several shards.
  ({ weights, habits, shards }) => ({
    shards: Math.max(2, shards),
    weights: {
      ...weights,
      ...NO_READS,
      compound: 1,
      pending: 0.5,
      post: 0.3,
      void: 0.3,
      cross: 0.3,
      system: 0.5,
    },
    habits: { ...habits, isLimited: true },
  }),
  // Clients that retry while their transfers are in flight, and then read the accounts at once.
  ({ weights, shards }) => ({
    shards: Math.max(2, shards),
    weights: { ...weights, batch: 2, cross: 1, repeat: 0.5 },
    ambushes: [
      { moment: "before_send", strike: "stall_peers", probability: 0.1 },
      { moment: "before_acknowledge", strike: "stall_peers", probability: 0.05 },
    ],
    failpoints: 0,
  }),
  // Revoked API keys, and gateways that receive the revocation late.
  ({ weights }) => ({
    gateways: 2,
    weights: { ...weights, make_key: 1, revoke_key: 1, use_key: 0.5 },
    ambushes: [
      // The revocation is durable, but only one gateway knows it; the restarted shard informs the other one late.
      { moment: "tell_facts", strike: "kill", probability: 0.3 },
      { moment: "welcome", strike: "stall_one_gateway", probability: 0.7 },
      { moment: "before_append", strike: "stall_gateways", probability: 0.03 },
    ],
    failpoints: 0,
  }),
  // Ceilings lowered while a shard does not know yet which credits are committed to it.
  ({ weights, habits, shards }) => ({
    shards: Math.min(3, Math.max(2, shards)),
    weights: { ...weights, ...NO_READS, cross: 2, update: 2 },
    habits: { ...habits, isTight: true, isHuge: false },
    ambushes: [{ moment: "before_send", strike: "kill_both", probability: 0.1 }],
    clients: 8,
    thinkMs: 40,
    givesUp: 0.5,
    calamityMs: 0,
    failpoints: 0,
  }),
  // Transfers that expire while they are being posted.
  ({ weights, habits, shards }) => ({
    shards: Math.max(2, shards),
    weights: { ...weights, pending: 2, post: 2, void: 0.2, system: 0.3 },
    habits: { ...habits, endsSoon: true },
    channelDelays: { usualMs: 3, spikes: 0, spikeMs: 0 },
  }),
];

const NO_READS = {
  read: 0,
  reads: 0,
  read_transfer: 0,
  read_system: 0,
  cut: 0,
  trial: 0,
  foreign: 0,
  dry_run: 0,
};

/** All rates set to 0. */
function noneOf<K extends string>(rates: Readonly<Record<K, number>>): Record<K, number> {
  return Object.fromEntries(Object.keys(rates).map((name) => [name, 0])) as Record<K, number>;
}
