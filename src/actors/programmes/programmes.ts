/** All programmes of one shard by name. This is the only list of the programmes that exist. */
import type { Claims } from "../ledger/limits/claims.ts";
import type { PartnerUsage } from "../quotas/usage.ts";
import type { Act, JsonValue } from "../records/act.ts";
import type { Broadcast, Fact, NoticeTaken } from "../records/command.ts";
import type { TransferView } from "../records/compound-command.ts";
import type { CreditReceived, LedgerEvent } from "../records/event.ts";
import type { Change } from "../records/record-views.ts";
import type { TimeFault } from "../records/rejection.ts";
import { LOYALTY_GROWTH, type LoyaltyActs, movedAccountsOfLoyalty } from "./loyalty/acts.ts";
import { eventsOfTotal, LOYALTY_EVENTS } from "./loyalty/events.ts";
import { Loyalty } from "./loyalty/loyalty.ts";
import { claimOfLoyalty, futureTimesOfLoyalty, takeBackLoyalty } from "./loyalty/member.ts";
import { cancelLoyalty } from "./loyalty/pending-points.ts";
import { MONITORS_GROWTH, type MonitorActs } from "./monitors/acts.ts";
import { Monitors } from "./monitors/monitors.ts";
import type {
  ActIn,
  ActTable,
  ApplyContext,
  Decision,
  DecisionContext,
  EventContext,
  EventsByAct,
  FactsByAct,
  MemoryGrowth,
  MovedAccounts,
  PersonKeysUsed,
  Programme,
  ProgrammeContext,
  RevertTerms,
  TransferWithAct,
} from "./programme.ts";
import { QUOTAS_GROWTH, type QuotasActs } from "./quotas/acts.ts";
import { PartnerQuotas } from "./quotas/partner-quotas.ts";
import { Scheduler } from "./scheduler.ts";
import { SEGMENTS_GROWTH, type SegmentsActs } from "./segments/acts.ts";
import { SEGMENT_EVENTS } from "./segments/events.ts";
import { usersOfSegments } from "./segments/membership-history.ts";
import { futureTimesOfSegments, Segments } from "./segments/segments.ts";
import {
  creditAccount,
  movedAccountsOfTopup,
  subjectsOfTopup,
  TOPUP_GROWTH,
  type TopupActs,
} from "./topup/acts.ts";
import { claimOfTopup, claimsInTopup, takeBackTopup } from "./topup/claims-and-reverts.ts";
import { TOPUP_EVENTS } from "./topup/events.ts";
import { Topup } from "./topup/topup.ts";
import { subjectsOfVouchers, VOUCHERS_FACTS, VOUCHERS_GROWTH, type VoucherActs } from "./vouchers/acts.ts";
import { VOUCHER_EVENTS } from "./vouchers/events.ts";
import { futureTimesOfVouchers, Vouchers } from "./vouchers/vouchers.ts";
import {
  movedAccountsOfWallet,
  PLATFORM_TENANT,
  subjectsOfWallet,
  takeBackWallet,
  WALLET_GROWTH,
  type WalletActs,
} from "./wallet/acts.ts";
import { receivedByWallet, revertedInWallets, WALLET_EVENTS } from "./wallet/events.ts";
import { claimOfWallet, claimsInWallet, Wallet } from "./wallet/wallet.ts";
import { WEBHOOKS_FACTS, WEBHOOKS_GROWTH, type WebhooksActs } from "./webhooks/acts.ts";
import { Webhooks } from "./webhooks/webhooks.ts";

/** A partner that hosts the users of a programme. It is created at the first start. */
export type Tenant = Readonly<{ id: string; name: string }>;

type ProgrammeDefinition<A extends ActTable = ActTable> = Readonly<{
  create: (context: ProgrammeContext) => Programme;
  growth: Readonly<Record<keyof A, MemoryGrowth>>;
  tenant?: Tenant;
  /** Begins the subjects of callers who share a partner. The gateways schedule the requests of each fairly. */
  callers?: string;
  /** The accounts of the transfer that an act must come with; `undefined` for an act without a new transfer. */
  movedAccounts?: (act: ActIn<A>) => MovedAccounts | undefined;
  /** The act that must come with the revert of a transfer. Without it the programme's transfers cannot be reverted. */
  takeBack?: (
    act: ActIn<A>,
    transfer: TransferWithAct<A[keyof A]["effect"]>,
    terms?: RevertTerms,
  ) => Act | undefined;
  /** The act that must come with the void of a pending transfer when it is reverted: as `takeBack`. */
  cancel?: Readonly<{
    name: keyof A & string;
    of: (act: ActIn<A>, transfer: TransferWithAct<A[keyof A]["effect"]>) => Act | undefined;
  }>;
  /** Acts that change the rules of an account, instead of opening or closing it. */
  accountChanges?: readonly (keyof A & string)[];
  /** The events of a revert on each shard where it moves money, besides those of its credits. */
  reverted?: (revert: TransferView, changes: readonly Change[]) => readonly LedgerEvent[];
  /** The unique name that an accepted act claims for ever; see `claims.ts`. */
  claim?: (act: ActIn<A>, partner: string) => string | undefined;
  /** The times of an act that must be later than log time, each with its path in the request. */
  futureTimes?: (act: ActIn<A>) => Iterable<readonly [path: string, atMs: number]>;
  events: EventsByAct<A>;
  /** The events of a notice with this effect. */
  noticeEvents?: (effect: JsonValue) => readonly LedgerEvent[];
  facts?: FactsByAct<A>;
  /** The event that a credit of an account is to the programme, besides `transfer.received`. */
  received?: (partner: string, received: CreditReceived, transfer?: TransferView) => LedgerEvent | undefined;
  /** Subjects whose own history includes the act, besides the history of the whole programme. */
  affectedSubjects?: (act: Act, effect: JsonValue) => readonly string[];
  /** The claimed names in a snapshot item of an older version, which stored them with their programme. */
  claimsIn?: (item: readonly JsonValue[]) => readonly string[] | undefined;
}>;

/** A definition as it is called: with acts from the log and from gateways, which `acts.ts` of the programme has built. */
function defined<A extends ActTable>(definition: ProgrammeDefinition<A>): ProgrammeDefinition {
  const { events, facts, ...rest } = definition;
  return {
    ...rest,
    events: events as EventsByAct<ActTable>,
    ...(facts && { facts: facts as FactsByAct<ActTable> }),
  };
}

const PROGRAMMES: Readonly<Record<string, ProgrammeDefinition>> = {
  loyalty: defined<LoyaltyActs>({
    create: (context) => new Loyalty(context),
    growth: LOYALTY_GROWTH,
    events: LOYALTY_EVENTS,
    noticeEvents: eventsOfTotal,
    movedAccounts: movedAccountsOfLoyalty,
    takeBack: takeBackLoyalty,
    cancel: { name: "cancel_accrual", of: cancelLoyalty },
    claim: claimOfLoyalty,
    futureTimes: futureTimesOfLoyalty,
  }),
  vouchers: defined<VoucherActs>({
    create: (context) => new Vouchers(context),
    growth: VOUCHERS_GROWTH,
    events: VOUCHER_EVENTS,
    facts: VOUCHERS_FACTS,
    futureTimes: futureTimesOfVouchers,
    affectedSubjects: subjectsOfVouchers,
  }),
  topup: defined<TopupActs>({
    create: (context) => new Topup(context),
    growth: TOPUP_GROWTH,
    events: TOPUP_EVENTS,
    callers: creditAccount(""),
    movedAccounts: movedAccountsOfTopup,
    takeBack: takeBackTopup,
    affectedSubjects: subjectsOfTopup,
    claim: claimOfTopup,
    claimsIn: claimsInTopup,
  }),
  segments: defined<SegmentsActs>({
    create: (context) => new Segments(context),
    growth: SEGMENTS_GROWTH,
    events: SEGMENT_EVENTS,
    futureTimes: futureTimesOfSegments,
    affectedSubjects: usersOfSegments,
  }),
  wallet: defined<WalletActs>({
    create: (context) => new Wallet(context),
    growth: WALLET_GROWTH,
    events: WALLET_EVENTS,
    received: receivedByWallet,
    tenant: { id: PLATFORM_TENANT, name: "House" },
    movedAccounts: movedAccountsOfWallet,
    takeBack: takeBackWallet,
    accountChanges: ["freeze_wallet", "unfreeze_wallet", "limit_wallet"],
    reverted: revertedInWallets,
    affectedSubjects: subjectsOfWallet,
    claim: claimOfWallet,
    claimsIn: claimsInWallet,
  }),
  monitors: defined<MonitorActs>({
    create: (context) => new Monitors(context),
    growth: MONITORS_GROWTH,
    events: {},
  }),
  quotas: defined<QuotasActs>({ create: () => new PartnerQuotas(), growth: QUOTAS_GROWTH, events: {} }),
  webhooks: defined<WebhooksActs>({
    create: (context) => new Webhooks(context),
    growth: WEBHOOKS_GROWTH,
    events: {},
    facts: WEBHOOKS_FACTS,
  }),
};

export const TENANTS: readonly Tenant[] = Object.values(PROGRAMMES).flatMap(({ tenant = [] }) => tenant);

const TENANT_IDS: ReadonlySet<string> = new Set(TENANTS.map(({ id }) => id));

const CALLERS: readonly string[] = Object.values(PROGRAMMES).flatMap(({ callers = [] }) => callers);

export function isTenant(partner: string): boolean {
  return TENANT_IDS.has(partner);
}

/** Whether the subject belongs to one of several callers who share the partner. */
export function isOfCaller(partner: string, subject: string): boolean {
  return isTenant(partner) || CALLERS.some((prefix) => subject.startsWith(prefix));
}

/** The growth of an act, alone or with a transfer; `more` for an unknown act, which is refused elsewhere. */
export function growthOfAct({ programme, act }: Act): MemoryGrowth {
  return PROGRAMMES[programme]?.growth[act] ?? "more";
}

/** The accounts of the transfer that the act must come with; `undefined` for an act without a new transfer. */
export function movedAccountsOf(act: Act): MovedAccounts | undefined {
  return PROGRAMMES[act.programme]?.movedAccounts?.(act);
}

/** The act that must come with the revert of this transfer; `undefined` if its programme allows no revert. */
export function revertActOf(act: Act, transfer: TransferWithAct, terms?: RevertTerms): Act | undefined {
  return PROGRAMMES[act.programme]?.takeBack?.(act, transfer, terms);
}

/** Whether an accepted act of this kind changes the rules of an account that stays open. */
export function changesAccount({ programme, act }: Act): boolean {
  return PROGRAMMES[programme]?.accountChanges?.includes(act) === true;
}

/** The events of a revert that came with an act of a programme, on a shard where it moves money. */
export function eventsOfRevert(revert: TransferView, changes: readonly Change[]): readonly LedgerEvent[] {
  if (revert.act === undefined) return [];
  return PROGRAMMES[revert.act.programme]?.reverted?.(revert, changes) ?? [];
}

/**
 * The act that must come with a void of this transfer, which stands for its revert while it is pending; `undefined` if
 * its programme allows none.
 */
export function cancelActOf(act: Act, transfer: TransferWithAct): Act | undefined {
  return PROGRAMMES[act.programme]?.cancel?.of(act, transfer);
}

/** Whether the void with this act stands for a revert. */
export function isCancelAct({ programme, act }: Act): boolean {
  return PROGRAMMES[programme]?.cancel?.name === act;
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
  return PROGRAMMES[act.programme]?.events[act.act]?.(act, context) ?? [];
}

/** The events of a notice, given what it has done on the shard that received it. */
export function eventsOfNotice(programme: string, effect: JsonValue): readonly LedgerEvent[] {
  return PROGRAMMES[programme]?.noticeEvents?.(effect) ?? [];
}

/** Whether records of this act alone can have events. */
export function mayHaveEvents({ programme }: Act): boolean {
  const events = PROGRAMMES[programme]?.events;
  return events === undefined || Object.keys(events).length > 0;
}

/** Whether an accepted act of this kind yields facts for the gateways. */
export function hasFacts({ programme, act }: Act): boolean {
  return PROGRAMMES[programme]?.facts?.[act] !== undefined;
}

/** The facts that an accepted act yields for the gateways. */
export function factsOfAct(act: Act, effect: JsonValue, partner: string): readonly Fact[] {
  return PROGRAMMES[act.programme]?.facts?.[act.act]?.(act, effect, partner) ?? [];
}

/** The events of programmes to which a credit of an account means more than `transfer.received`. */
export function eventsOfCredit(
  partner: string,
  received: CreditReceived,
  transfer?: TransferView,
): readonly LedgerEvent[] {
  return Object.values(PROGRAMMES).flatMap(
    (programme) => programme.received?.(partner, received, transfer) ?? [],
  );
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
  /** What partners watch: each record that changes balances is compared with it. */
  readonly monitors: Monitors;
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
    const byName = Object.entries(PROGRAMMES).map(([name, { create }]) => [name, create(context)] as const);
    this.quotas = new PartnerQuotas();
    this.monitors = new Monitors(context);
    this.#byName = new Map<string, Programme>([
      ...byName,
      ["quotas", this.quotas],
      ["monitors", this.monitors],
    ]);
  }

  decide(act: Act, context: DecisionContext): Decision {
    return this.#of(act.programme).decide(act, context);
  }

  apply(act: Act, effect: JsonValue, done: ApplyContext): void {
    this.#of(act.programme).apply(act, effect, done);
  }

  takeable(act: Act, partner: string, amount: number): number {
    return this.#of(act.programme).takeable?.(act, partner, amount) ?? amount;
  }

  /** Decides what the notice of another shard does here besides. */
  decideNotice({ programme, notice, partner }: Broadcast): NoticeTaken {
    const effect = this.#of(programme).decideNotice(notice, partner);
    return effect === null ? { ok: true } : { ok: true, effect };
  }

  /** @param effect from `decideNotice` */
  receiveBroadcast(
    programme: string,
    notice: JsonValue,
    partner: string,
    timeMs: number,
    effect: JsonValue = null,
  ): void {
    this.#of(programme).receiveBroadcast(notice, partner, timeMs, effect);
  }

  /** Shard `to` has made this shard's messages up to number `upTo` durable. */
  delivered(to: number, upTo: number, timeMs: number): void {
    for (const programme of this.#byName.values()) programme.delivered?.(to, upTo, timeMs);
  }

  answer(programme: string, partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue {
    return this.#of(programme).answer(partner, ask, nowMs);
  }

  *facts(): Generator<Fact> {
    for (const programme of this.#byName.values()) yield* programme.facts?.() ?? [];
  }

  *personKeys(): Generator<PersonKeysUsed> {
    for (const programme of this.#byName.values()) yield* programme.personKeys?.() ?? [];
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
