/** All programmes of one shard by name. This is the only list of the programmes that exist. */
import { assert } from "../../errors/assert.ts";
import type { Claims } from "../ledger/limits/claims.ts";
import { Deadlines } from "../ledger/limits/deadlines.ts";
import { DeadlinesBySubject } from "../ledger/limits/deadlines-by-subject.ts";
import { DUE_BYTES } from "../quotas/bytes.ts";
import type { PartnerUsage } from "../quotas/usage.ts";
import type { Act, JsonValue } from "../records/act.ts";
import type { Rejected } from "../records/command.ts";
import type { CreditReceived, LedgerEvent } from "../records/event.ts";
import type { TimeFault } from "../records/rejection.ts";
import { LOYALTY_GROWTH, movedAccountsOfLoyalty } from "./loyalty/acts.ts";
import { eventsOfLoyalty } from "./loyalty/events.ts";
import { Loyalty } from "./loyalty/loyalty.ts";
import { futureTimesOfLoyalty, takeBackLoyalty } from "./loyalty/member.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  EventContext,
  MemoryGrowth,
  MovedAccounts,
  Programme,
  ProgrammeContext,
  ScheduledCommand,
  TransferWithAct,
} from "./programme.ts";
import { QUOTAS_GROWTH } from "./quotas/acts.ts";
import { PartnerQuotas } from "./quotas/partner-quotas.ts";
import { SEGMENTS_GROWTH } from "./segments/acts.ts";
import { eventsOfSegments } from "./segments/events.ts";
import { usersOfSegments } from "./segments/membership-history.ts";
import { futureTimesOfSegments, Segments } from "./segments/segments.ts";
import { movedAccountsOfTopup, TOPUP_GROWTH } from "./topup/acts.ts";
import { eventsOfTopup } from "./topup/events.ts";
import { claimOfTopup, claimsInTopup, Topup, takeBackTopup } from "./topup/topup.ts";
import { VOUCHERS_GROWTH } from "./vouchers/acts.ts";
import { eventsOfVouchers } from "./vouchers/events.ts";
import { futureTimesOfVouchers, Vouchers } from "./vouchers/vouchers.ts";
import { movedAccountsOfWallet, WALLET_GROWTH } from "./wallet/acts.ts";
import { eventsOfWallet, receivedByWallet } from "./wallet/events.ts";
import { claimOfWallet, claimsInWallet, Wallet } from "./wallet/wallet.ts";

type Counter = Pick<PartnerUsage, "count">;

const UNCOUNTED: Counter = { count: () => {} };

/** The commands of one shard that are due at some time, for all programmes. */
export class Scheduler {
  readonly #usageOf: (partner: string) => Counter;
  readonly #deadlines = new Deadlines<ScheduledCommand>();
  readonly #bySubject = new DeadlinesBySubject<ScheduledCommand>();

  /** @param usageOf counts the memory that a partner occupies. */
  constructor(usageOf: (partner: string) => Counter = () => UNCOUNTED) {
    this.#usageOf = usageOf;
  }

  get nextDueMs(): number {
    return this.#deadlines.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  add(item: ScheduledCommand): void {
    this.#deadlines.add(item);
    this.#usageOf(item.partner).count(DUE_BYTES);
    for (const key of keysOf(item)) this.#bySubject.add(key, item);
  }

  remove(item: ScheduledCommand): void {
    assert(item.place >= 0, "a command that is removed is scheduled");
    this.#deadlines.remove(item);
    this.#usageOf(item.partner).count(-DUE_BYTES);
    for (const key of keysOf(item)) this.#bySubject.removed(key);
  }

  /** The earliest command that is due at `nowMs`. */
  nextDue(nowMs: number): ScheduledCommand | undefined {
    const { first } = this.#deadlines;
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  /** The earliest command of one subject that is due at `nowMs`. */
  nextDueOf(partner: string, subject: string, nowMs: number): ScheduledCommand | undefined {
    const first = this.#bySubject.firstOf(`${partner}\0${subject}`);
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }
}

function keysOf({ partner, subjects }: ScheduledCommand): readonly string[] {
  return subjects.map((subject) => `${partner}\0${subject}`);
}

type ProgrammeDefinition = Readonly<{
  create: (context: ProgrammeContext) => Programme;
  /** By act; see `Growth`. */
  growth: Readonly<Record<string, MemoryGrowth>>;
  /** The accounts of the transfer that an act must come with; `undefined` for an act without a new transfer. */
  movedAccounts?: (act: Act) => MovedAccounts | undefined;
  /** The act that must come with the revert of a transfer. Without it the programme's transfers cannot be reverted. */
  takeBack?: (act: Act, transfer: TransferWithAct) => Act | undefined;
  /** The unique name that an accepted act claims for ever; see `claims.ts`. */
  claim?: (act: Act, partner: string) => string | undefined;
  /** The times of an act that must be later than log time, each with its path in the request. */
  futureTimes?: (act: Act) => Iterable<readonly [path: string, atMs: number]>;
  /** The events of an accepted act. */
  events: (act: Act, context: EventContext) => readonly LedgerEvent[];
  /** The event that a credit of an account is to the programme, besides `transfer.received`. */
  received?: (partner: string, received: CreditReceived) => LedgerEvent | undefined;
  /** Subjects whose own history includes the act, besides the history of the whole programme. */
  affectedSubjects?: (act: Act, effect: JsonValue) => readonly string[];
  /** The claimed names in a snapshot item of an older version, which stored them with their programme. */
  claimsIn?: (item: readonly JsonValue[]) => readonly string[] | undefined;
}>;

const PROGRAMMES: Readonly<Record<string, ProgrammeDefinition>> = {
  loyalty: {
    create: (context) => new Loyalty(context),
    growth: LOYALTY_GROWTH,
    events: eventsOfLoyalty,
    movedAccounts: movedAccountsOfLoyalty,
    takeBack: takeBackLoyalty,
    futureTimes: futureTimesOfLoyalty,
  },
  vouchers: {
    create: (context) => new Vouchers(context),
    growth: VOUCHERS_GROWTH,
    events: eventsOfVouchers,
    futureTimes: futureTimesOfVouchers,
  },
  topup: {
    create: (context) => new Topup(context),
    growth: TOPUP_GROWTH,
    events: eventsOfTopup,
    movedAccounts: movedAccountsOfTopup,
    takeBack: takeBackTopup,
    claim: claimOfTopup,
    claimsIn: claimsInTopup,
  },
  segments: {
    create: (context) => new Segments(context),
    growth: SEGMENTS_GROWTH,
    events: eventsOfSegments,
    futureTimes: futureTimesOfSegments,
    affectedSubjects: usersOfSegments,
  },
  wallet: {
    create: (context) => new Wallet(context),
    growth: WALLET_GROWTH,
    events: eventsOfWallet,
    received: receivedByWallet,
    movedAccounts: movedAccountsOfWallet,
    claim: claimOfWallet,
    claimsIn: claimsInWallet,
  },
  quotas: { create: () => new PartnerQuotas(), growth: QUOTAS_GROWTH, events: () => [] },
};

/** The growth of an act, alone or with a transfer; `more` for an unknown act, which is refused elsewhere. */
export function growthOfAct({ programme, act }: Act): MemoryGrowth {
  return PROGRAMMES[programme]?.growth[act] ?? "more";
}

/** The accounts of the transfer that the act must come with; `undefined` for an act without a new transfer. */
export function movedAccountsOf(act: Act): MovedAccounts | undefined {
  return PROGRAMMES[act.programme]?.movedAccounts?.(act);
}

/** The act that must come with the revert of this transfer; `undefined` if its programme allows no revert. */
export function revertActOf(act: Act, transfer: TransferWithAct): Act | undefined {
  return PROGRAMMES[act.programme]?.takeBack?.(act, transfer);
}

/** The unique name that the act claims for ever once it is accepted. */
export function claimOfAct(partner: string, act: Act): string | undefined {
  return PROGRAMMES[act.programme]?.claim?.(act, partner);
}

/** The first time of a new act that is not later than log time. Such an act is refused and not logged. */
export function timeFaultOf(act: Act, nowMs: number): TimeFault | undefined {
  for (const [path, atMs] of PROGRAMMES[act.programme]?.futureTimes?.(act) ?? [])
    if (atMs <= nowMs) return { path, message: "must be in the future" };
  return undefined;
}

/** The events of an accepted act. */
export function eventsOfAct(act: Act, context: EventContext): readonly LedgerEvent[] {
  return PROGRAMMES[act.programme]?.events(act, context) ?? [];
}

/** The events of programmes to which a credit of an account means more than `transfer.received`. */
export function eventsOfCredit(partner: string, received: CreditReceived): readonly LedgerEvent[] {
  return Object.values(PROGRAMMES).flatMap((programme) => programme.received?.(partner, received) ?? []);
}

/** The names of the histories that include an accepted act without a transfer. */
export function historiesOf(act: Act, effect: JsonValue): readonly string[] {
  const { programme } = act;
  const subjects = PROGRAMMES[programme]?.affectedSubjects?.(act, effect) ?? [];
  return [historyName(programme), ...subjects.map((subject) => historyName(programme, subject))];
}

/** @param subject without it: the history of the whole programme. */
export function historyName(programme: string, subject?: string): string {
  return subject === undefined ? programme : `${programme}\0${subject}`;
}

export class Programmes {
  readonly scheduler: Scheduler;
  /** Quotas that the operator has set for partners. */
  readonly quotas: PartnerQuotas;
  readonly #claims: Claims;
  readonly #byName: ReadonlyMap<string, Programme>;

  /** @param usageOf counts the memory that a partner occupies. */
  constructor({
    claims,
    usageOf,
    ...shardContext
  }: Omit<ProgrammeContext, "scheduler"> &
    Readonly<{ claims: Claims; usageOf: (partner: string) => PartnerUsage }>) {
    this.scheduler = new Scheduler(usageOf);
    this.#claims = claims;
    const countBytes = (partner: string, bytes: number) => usageOf(partner).count(bytes);
    const context = { ...shardContext, countBytes, scheduler: this.scheduler };
    this.#byName = new Map(
      Object.entries(PROGRAMMES).map(([name, { create }]) => [name, create(context)] as const),
    );
    this.quotas = this.#of("quotas") as PartnerQuotas;
  }

  decide(act: Act, context: DecisionContext): AcceptedAct | Rejected {
    return this.#of(act.programme).decide(act, context);
  }

  apply(act: Act, effect: JsonValue, done: ApplyContext): void {
    this.#of(act.programme).apply(act, effect, done);
  }

  takeable(act: Act, partner: string, amount: number): number {
    return this.#of(act.programme).takeable?.(act, partner, amount) ?? amount;
  }

  receiveBroadcast(programme: string, notice: JsonValue, partner: string, timeMs: number): void {
    this.#of(programme).receiveBroadcast(notice, partner, timeMs);
  }

  answer(programme: string, partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue {
    return this.#of(programme).answer(partner, ask, nowMs);
  }

  *items(): Generator<readonly [programme: string, item: readonly JsonValue[]]> {
    for (const [name, programme] of this.#byName) for (const item of programme.items()) yield [name, item];
  }

  restore(programme: string, item: readonly JsonValue[]): void {
    const names = PROGRAMMES[programme]?.claimsIn?.(item);
    if (names === undefined) this.#of(programme).restore(item);
    else for (const name of names) this.#claims.restore(name, "");
  }

  #of(name: string): Programme {
    const programme = this.#byName.get(name);
    // The record was written by a newer version.
    if (programme === undefined) throw new TypeError(`unknown programme ${name}`);
    return programme;
  }
}
