/**
 * Oracles on events. Every crossing in the logs has one event, in the record that crosses; and the feed that the archive
 * serves is complete and in one order, from each of its places on.
 */
import { eventsOf } from "../../src/actors/events/events-of.ts";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import type { LoyaltySettings, TotalReport } from "../../src/actors/programmes/loyalty/acts.ts";
import type { MonitorNotice } from "../../src/actors/programmes/monitors/acts.ts";
import { sellerOf, type TopupAct } from "../../src/actors/programmes/topup/acts.ts";
import type { LedgerEvent } from "../../src/actors/records/event.ts";
import type { EventRow } from "../../src/archive/queries/query.ts";
import type { ArchiveAnswers } from "../../src/archive/queries/transfer-reader.ts";
import {
  CrossingModel,
  crossingsIn,
  type ModelCrossing,
  TotalModel,
  textsOf,
} from "../actors/events/crossing-model.ts";
import type { Random } from "../support/random.ts";
import type { Logged, Replayed } from "./log-oracles.ts";
import { SIM_SETTINGS } from "./sim-archive.ts";
import type { Oracle } from "./sim-context.ts";

type Fail = (oracle: Oracle, message: string) => void;

const ORACLE = "events are complete";
/** Longer than a run, whatever its clocks do. */
const KEPT_MS = 100 * 365 * 24 * 60 * 60 * 1000;
/** Places in a feed from which it is read again. */
const RESUMES = 5;

/** What the model knows of one partner on one shard. */
type Watched = {
  readonly crossings: CrossingModel;
  readonly totals: TotalModel;
  /** Crossings of the total so far. */
  numbered: number;
  reported: number;
};

/** Compares the crossings among the events of each record with a model. */
export function checkCrossings(logs: readonly Replayed[], fail: Fail, count: (what: string) => void): void {
  for (const { shard, records } of logs) {
    const ledger = new Ledger(shard, logs.length, undefined, SIM_SETTINGS);
    const watched = new Map<string, Watched>();
    for (const record of records) {
      const { command, outcome, at, timeMs } = record;
      ledger.apply(command, outcome, { ...at, timeMs }, 0);
      const model = watched.get(command.partner) ?? newModel(command.partner);
      watched.set(command.partner, model);
      const expected = [...model.crossings.follow(ledger), ...learn(model, record, ledger, fail)];
      const events = eventsOf(record, timeMs);
      const found = crossingsIn(events);
      const [crossed, due] = [found, expected].map((each) => textsOf(each).join(", "));
      if (crossed !== due) fail(ORACLE, `${placeOf(record)} has crossed ${crossed}, and should cross ${due}`);
      checkNumbers(model, events, record, fail);
      for (const [type] of found) count(`event ${type}`);
    }
    for (const [partner, { crossings, reported }] of watched)
      checkReported(ledger, partner, crossings.points(ledger), reported, fail);
  }
}

/** The feed of each partner has all events of the logs that are final, in one order, from any of its places on. */
export function checkFeeds(
  logs: readonly Replayed[],
  answers: ArchiveAnswers,
  partners: readonly string[],
  random: Random,
  fail: Fail,
): void {
  for (const partner of partners) {
    const expected = finalEvents(logs, partner);
    const rows = readFeed(answers, logs.length, partner, null, random);
    const found = rows.map(rowText);
    const at = expected.findIndex((text, i) => text !== found[i]);
    if (at >= 0 || found.length !== expected.length) {
      const place = at < 0 ? expected.length : at;
      fail(ORACLE, `event ${place} of ${partner} is read as ${found[place]}, and is ${expected[place]}`);
    }
    for (let i = 0; i < RESUMES && rows.length > 0; i++) {
      const from = random.below(rows.length);
      const rest = readFeed(answers, logs.length, partner, rows[from] ?? null, random).map(rowText);
      if (rest.join("\n") !== found.slice(from + 1).join("\n"))
        fail(ORACLE, `after ${found[from]} ${partner} reads ${rest[0]}, and should ${found[from + 1]}`);
    }
  }
}

function newModel(partner: string): Watched {
  const crossings = new CrossingModel(partner);
  return { crossings, totals: new TotalModel(), numbered: 0, reported: 0 };
}

/** Notes rules that a record changes. @returns the crossing of a report that it takes */
function learn(model: Watched, record: Logged, ledger: Ledger, fail: Fail): readonly ModelCrossing[] {
  const { command, outcome, shard } = record;
  if (!outcome.ok) return [];
  if (command.op === "notice") {
    const { programme, notice } = command;
    if (programme === "monitors") learnMonitor(model, notice as MonitorNotice);
    if (programme !== "loyalty") return [];
    const settings = notice as LoyaltySettings | TotalReport;
    if ("total" in settings) return model.totals.report(settings.shard, Number(settings.total));
    learnSettings(model, settings);
  }
  if (command.op !== "act") return [];
  const { effect } = outcome as { effect: unknown };
  switch (command.act.act) {
    case "change_settings":
      learnSettings(model, (command.act as unknown as { settings: LoyaltySettings }).settings);
      return [];
    case "update_seller":
      learnThreshold(model, command.act as TopupAct<"update_seller">);
      return [];
    case "create_monitor":
      learnMonitor(model, { created: (effect as { monitor: never }).monitor });
      return [];
    case "delete_monitor":
      learnMonitor(model, { deleted: (command.act as unknown as { id: string }).id });
      return [];
    case "report_total": {
      const total = Number((effect as TotalReport).total);
      const points = model.crossings.points(ledger);
      if (total !== points)
        fail(ORACLE, `${placeOf(record)} reports ${total}, and there are ${points} points`);
      model.reported = points;
      return "told" in outcome ? [] : model.totals.report(shard, total);
    }
    default:
      return [];
  }
}

function learnMonitor({ crossings: { monitors } }: Watched, notice: MonitorNotice): void {
  if ("created" in notice) monitors.set(notice.created.id, notice.created);
  else monitors.delete(notice.deleted);
}

function learnThreshold({ crossings }: Watched, act: TopupAct<"update_seller">): void {
  const { subject, lowCreditThreshold } = act;
  if (lowCreditThreshold === undefined) return;
  if (lowCreditThreshold === null) crossings.lowCredit.delete(sellerOf(subject));
  else crossings.lowCredit.set(sellerOf(subject), lowCreditThreshold);
}

function learnSettings(
  { crossings, totals }: Watched,
  { memberThreshold, totalThreshold }: LoyaltySettings,
): void {
  crossings.memberThreshold = memberThreshold;
  totals.threshold = totalThreshold;
}

/** Crossings of a partner's total are numbered 1, 2, 3, … */
function checkNumbers(model: Watched, events: readonly LedgerEvent[], record: Logged, fail: Fail): void {
  for (const { type, data } of events) {
    if (type !== "loyalty.total.above_threshold") continue;
    model.numbered += 1;
    if (data.number !== model.numbered)
      fail(
        ORACLE,
        `${placeOf(record)} is crossing ${data.number} of the total, and should be ${model.numbered}`,
      );
  }
}

/** A total that was not reported yet will be: a report is due, or the last one is still on its way. */
function checkReported(ledger: Ledger, partner: string, points: number, reported: number, fail: Fail): void {
  if (points === reported) return;
  for (const [, item] of ledger.state.programmes.items()) {
    if (item[0] !== "club" || item[1] !== partner) continue;
    const [, dueAtMs, messageSeq] = (item[6] ?? ["0", 0, 0]) as readonly [string, number | null, number];
    if (dueAtMs === null && messageSeq === 0)
      fail(ORACLE, `${partner} has ${points} points and has reported ${reported}, and no report is due`);
  }
}

/** All events that no shard can precede any more, oldest first. */
function finalEvents(logs: readonly Replayed[], partner: string): readonly string[] {
  const newest = logs.map(({ records }) => records.at(-1)?.timeMs ?? -1);
  const isFinal = ({ shard, timeMs }: Logged) =>
    newest.every((otherMs, other) => other === shard || otherMs > timeMs);
  const all = logs.flatMap(({ records }) => records).toSorted(compareRecords);
  const end = all.findIndex((record) => record.command.partner === partner && !isFinal(record));
  return (end < 0 ? all : all.slice(0, end))
    .filter(({ command }) => command.partner === partner)
    .flatMap((record) =>
      eventsOf(record, record.timeMs).map((event, n) => rowText({ ...placed(record, n), event })),
    );
}

function placed({ at, timeMs }: Logged, n: number): Omit<EventRow, "event"> {
  return { place: { ...at, n }, timeMs };
}

/** The order of a feed. */
function compareRecords(a: Logged, b: Logged): number {
  return (
    a.timeMs - b.timeMs ||
    a.shard - b.shard ||
    a.at.epoch - b.at.epoch ||
    a.at.seq - b.at.seq ||
    a.at.index - b.at.index
  );
}

/** Reads a feed after this row, in pages of random sizes. */
function readFeed(
  answers: ArchiveAnswers,
  shards: number,
  partner: string,
  after: EventRow | null,
  random: Random,
): readonly EventRow[] {
  const rows: EventRow[] = [];
  for (let place = after?.place ?? null; ; ) {
    const query = { partner, shards, after: place, keptMs: KEPT_MS, beforeMs: Number.POSITIVE_INFINITY };
    const page = answers.events({ ...query, limit: 1 + random.below(60) });
    rows.push(...page.rows);
    if (page.isLast || page.last === null) return rows;
    place = page.last;
  }
}

function rowText({ place: { shard, epoch, seq, index, n }, timeMs, event }: EventRow): string {
  return `${timeMs} ${shard}:${epoch}-${seq}#${index}.${n} ${event.type} ${event.subject}`;
}

function placeOf({ at: { shard, epoch, seq, index } }: Logged): string {
  return `${shard}:${epoch}-${seq}#${index}`;
}
