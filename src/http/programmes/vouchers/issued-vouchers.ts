/**
 * Vouchers by the records that issued them: those of a batch, or all of a partner. The archive finds the records, also
 * those of older versions; memory needs nothing for it. Everything else is read from the vouchers as they are now, or as
 * they were when they left memory.
 */
import {
  askCodes,
  type CustomerView,
  type OwnedVoucherView,
  type VoucherEffect,
} from "../../../actors/programmes/vouchers/acts.ts";
import { PORTION_MAX } from "../../../actors/programmes/vouchers/batches.ts";
import type { ActsRange, ArchivedRecord, Page } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { invalid } from "../../problem.ts";
import type { VoucherDeps } from "./fields.ts";
import { findCustomers, findOldVouchers } from "./forgotten-vouchers.ts";
import { personIn } from "./pseudonyms.ts";

/** Records fetched at once. */
const RECORDS_MAX = 50;
/** Fetches for one page: other records of the partner's vouchers may lie between. A page may then have fewer rows. */
const FETCHES_MAX = 20;

/**
 * A place in the list: the archive's cursor before a record (empty: the first one), codes of this record to skip, and
 * codes of the list before the place.
 */
type Place = Readonly<{ archive: string; skip: number; found: number }>;

export const START: Place = { archive: "", skip: 0, found: 0 };

function cursorOf({ archive, skip, found }: Place): string {
  return `${archive}.${skip.toString(36)}.${found.toString(36)}`;
}

/** @throws Problem 400 */
export function placeOf(cursor: string): Place {
  const [archive = "", skip = "", found = ""] = cursor.split(".");
  const place = { archive, skip: Number.parseInt(skip, 36), found: Number.parseInt(found, 36) };
  if (!(place.skip >= 0 && place.found >= 0) || cursorOf(place) !== cursor)
    throw invalid("cursor", "must be the next_cursor of the previous page");
  return place;
}

/** A voucher of a batch. `email`: what names the customer; `null` if it is erased. */
export type RowView = Omit<OwnedVoucherView, "email"> & Readonly<{ email: string | null }>;

function personOfRow({ email, person }: CustomerView): Readonly<{ email: string; person?: string }> {
  return person === undefined ? { email } : { email, person };
}

export type OpensPersons = Pick<VoucherDeps["persons"], "open">;

export function emailIn(persons: OpensPersons, { email, person }: RowView): string | null {
  return email === null ? null : personIn(persons, { email, person }).email;
}

/** The codes that a record has issued, and their offer. `batch`: absent for one voucher. `undefined`: it has issued none. */
export function issuedBy({
  record: { command, outcome },
}: ArchivedRecord): Readonly<{ offer: string; codes: readonly string[]; batch?: string }> | undefined {
  if (command.op !== "act" || !("effect" in outcome)) return undefined;
  const { act } = command;
  // The shard that decided the act has logged an effect of its type.
  if (act.act === "issue" && "offer" in act)
    return { offer: String(act.offer), codes: [(outcome.effect as VoucherEffect<"issue">).code] };
  if (act.act !== "issue_portion" || !("batch" in act)) return undefined;
  const { offer, issued } = outcome.effect as VoucherEffect<"issue_portion">;
  return { offer, codes: issued.map(([, code]) => code), batch: String(act.batch) };
}

/** Which vouchers a list has, and in which order. */
type Issues = Readonly<{
  /** The codes that a record has issued, as far as the list has them. */
  codesIn: (record: ArchivedRecord) => readonly string[];
  /** Whether these are all codes that the list will ever have. Absent: it has those of all records. */
  isAll?: (found: number) => boolean;
}> &
  Pick<ActsRange, "fromMs" | "first">;

/** Reads vouchers in the order of their issue, a page at a time. */
export class IssuedVouchers {
  readonly #ledger: Ledger;
  readonly #partner: string;
  readonly #issues: Issues;

  constructor(ledger: Ledger, partner: string, issues: Issues) {
    this.#ledger = ledger;
    this.#partner = partner;
    this.#issues = issues;
  }

  async page(start: Place, limit: number): Promise<Page<RowView>> {
    const codes: string[] = [];
    const cursors: string[] = [];
    let next: Place | null = start;
    for (let fetches = 0; next !== null && fetches < FETCHES_MAX && codes.length < limit; fetches++) {
      const place: Place = next;
      // Mostly the records of a batch follow each other: at first as many as fill the page.
      const count = fetches === 0 ? Math.ceil(limit / PORTION_MAX) + 1 : RECORDS_MAX;
      const records = await this.#recordsAfter(place.archive, count);
      next = this.#take(records, place, limit, codes, cursors);
    }
    const byCode = await this.#viewsOf(codes);
    // Vouchers that were in memory when their customer was erased have no row.
    const rows = codes.flatMap((code, i) => {
      const view = byCode.get(code);
      return view === undefined ? [] : [{ view, cursor: cursors[i] ?? "" }];
    });
    return {
      data: rows.map(({ view }) => view),
      cursors: rows.map(({ cursor }) => cursor),
      nextCursor: next === null ? null : cursorOf(next),
    };
  }

  async #viewsOf(codes: readonly string[]): Promise<ReadonlyMap<string, RowView>> {
    const views = await this.#ledger.askAll(this.#partner, askCodes(codes));
    const byCode = new Map<string, RowView>(views.flat().map((view) => [view.code, view]));
    const missing = codes.filter((code) => !byCode.has(code));
    const old = await findOldVouchers(this.#ledger, this.#partner, missing);
    const names = [...old.values()].map(({ email }) => email);
    const customers = await findCustomers(this.#ledger, this.#partner, names);
    for (const [code, voucher] of old) {
      const customer = customers.get(voucher.email) ?? null;
      // A newer customer has the name of one that was erased.
      const isErased = customer === null || customer.createdAtMs > voucher.createdAtMs;
      byCode.set(code, { ...voucher, ...(isErased ? { email: null } : personOfRow(customer)) });
    }
    return byCode;
  }

  /** Adds the codes of these records up to the limit. @returns the place after them; `null` at the end of the list */
  #take(
    { data, cursors: after, nextCursor }: Page<ArchivedRecord>,
    start: Place,
    limit: number,
    codes: string[],
    cursors: string[],
  ): Place | null {
    let { archive, skip, found } = start;
    for (const [i, record] of data.entries()) {
      for (const code of this.#issues.codesIn(record).slice(skip)) {
        if (codes.length === limit) return { archive, skip, found };
        skip += 1;
        found += 1;
        codes.push(code);
        cursors.push(cursorOf({ archive, skip, found }));
      }
      if (this.#issues.isAll?.(found) === true) return null;
      archive = after[i] ?? archive;
      skip = 0;
    }
    return nextCursor === null ? null : { archive: nextCursor, skip: 0, found };
  }

  #recordsAfter(archive: string, limit: number): Promise<Page<ArchivedRecord>> {
    const { codesIn: _, isAll: __, ...range } = this.#issues;
    return this.#ledger.acts(this.#partner, "vouchers", {
      ...range,
      limit,
      cursor: archive === "" ? undefined : archive,
    });
  }
}
