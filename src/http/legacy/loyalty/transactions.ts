/**
 * Transactions of the old loyalty programme: accruals of points. A record never changes, so an edit reverts the accrual
 * and makes a new one, and a deletion reverts it.
 *
 * A transaction's id is the member's number and the seq of the entry in the member's account, in one whole number: it
 * needs no table, and leads back to the entry.
 */
import { loyaltyAct, memberIdOf, pointsAccount } from "../../../actors/programmes/loyalty/acts.ts";
import { keyless } from "../../../actors/records/command-header.ts";
import type { TransferView } from "../../../actors/records/compound-command.ts";
import type { Ledger, TransferRow } from "../../../gateway/ports.ts";
import { timeMsOf } from "../../../text/time-text.ts";
import { type Call, callerOf, type HttpAnswer } from "../../call.ts";
import { Problem } from "../../problem.ts";
import { transferWith } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import { isDone, refusalOf } from "../../write-answers.ts";
import { checkRows, type Json, type LocalApi } from "../local-api.ts";
import { readJsonOrForm } from "../old-body.ts";
import { oldJson } from "../old-routes.ts";
import { badField, badReference, idIn, noContent, notFound, numberIn, REQUIRED, textIn } from "./rest.ts";

const SEQ_LIMIT = 2 ** 30;
/** Larger numbers would leave no exact id to a transaction. */
export const MEMBER_NUMBER_MAX = 2 ** 23 - 1;
const MEMO_LENGTH_MAX = 300;
const PAGE_ROWS = 500;

/** What a transaction says; `occurredAtMs` is `null` if it happened when it was recorded. */
type Fields = Readonly<{ member: number; amount: number; memo: string | null; occurredAtMs: number | null }>;
type Transaction = Fields & Readonly<{ id: number; transfer: string; atMs: number }>;

export class Transactions {
  readonly #api: LocalApi;
  readonly #ledger: Ledger;

  constructor(api: LocalApi, ledger: Ledger) {
    this.#api = api;
    this.#ledger = ledger;
  }

  async list(_: HttpRequest, call: Call): Promise<HttpAnswer> {
    const found: Transaction[] = [];
    for await (const row of this.#rows(call, undefined)) {
      const transaction = transactionOf(row);
      if (transaction !== undefined) found.push(transaction);
    }
    return oldJson(call, 200, found.toReversed().map(transactionJson));
  }

  async create(request: HttpRequest, call: Call): Promise<HttpAnswer> {
    const members = await readJsonOrForm(request);
    const made = await this.#accrue(fieldsIn(members, undefined));
    return oldJson(call, 201, transactionJson(made));
  }

  async read(request: HttpRequest, call: Call): Promise<HttpAnswer> {
    return oldJson(call, 200, transactionJson(await this.#find(request, call)));
  }

  async replace(request: HttpRequest, call: Call): Promise<HttpAnswer> {
    const members = await readJsonOrForm(request);
    const found = await this.#find(request, call);
    const fields = fieldsIn(members, found, call.method === "PATCH");
    await this.#checkMember(fields.member, request, call);
    await this.#revert(found, request, call);
    return oldJson(call, 200, transactionJson(await this.#accrue(fields)));
  }

  async remove(request: HttpRequest, call: Call): Promise<HttpAnswer> {
    await this.#revert(await this.#find(request, call), request, call);
    return noContent(call);
  }

  /** Accruals, newest first, of one member or of all. @throws Problem 413 */
  async *#rows(call: Call, account: string | undefined): AsyncGenerator<TransferRow> {
    const { partner } = this.#api.principal();
    let rows = 0;
    for (let cursor: string | undefined; ; ) {
      const page = await this.#ledger.transfers(
        partner,
        { limit: PAGE_ROWS, cursor, account, shows: isAccrual },
        callerOf(call),
      );
      yield* page.data;
      rows += page.data.length;
      if (page.nextCursor === null) return;
      checkRows(account === undefined ? rows : 0, call);
      cursor = page.nextCursor;
    }
  }

  /** The transaction in the path. One that was reverted is gone. @throws Problem 404 */
  async #find(request: HttpRequest, call: Call): Promise<Transaction> {
    const id = idIn(request.param("id"));
    const account = pointsAccount(String(Math.floor(id / SEQ_LIMIT)));
    for await (const row of this.#rows(call, account)) {
      const seq = row.seqs?.[1] ?? 0;
      if (seq > id % SEQ_LIMIT) continue;
      const transaction = seq === id % SEQ_LIMIT ? transactionOf(row) : undefined;
      if (transaction !== undefined) return transaction;
      break;
    }
    throw notFound();
  }

  async #checkMember(member: number, request: HttpRequest, call: Call): Promise<void> {
    const path = { id: String(member) };
    const { code } = await this.#api.send(request, call, "GET /v1/loyalty/members/{id}", { path });
    if (code !== undefined) throw badReference("client_balance", member);
  }

  async #revert({ transfer }: Transaction, request: HttpRequest, call: Call): Promise<void> {
    const path = { id: transfer };
    const { code, detail } = await this.#api.send(request, call, "POST /v1/transfers/{id}/revert", { path });
    if (code === "already_reverted") throw notFound();
    if (code === "insufficient_funds")
      throw new Problem(code, "Some of these points were spent: the transaction cannot be changed.");
    if (code !== undefined) throw new Problem(code, detail);
  }

  /** The route of accruals does not tell the seq, so this submits what the route would. @throws Problem */
  async #accrue(fields: Fields): Promise<Transaction> {
    const { member, amount, memo, occurredAtMs } = fields;
    const act = loyaltyAct("accrual", pointsAccount(String(member)), {});
    const header = keyless(this.#api.principal().partner);
    const answer = await this.#ledger.submit(transferWith(header, act, { amount, memo, occurredAtMs }));
    if ("refused" in answer) throw refusalOf(answer);
    if (!isDone(answer)) {
      const { code } = answer.outcome as Readonly<{ code: Problem["code"] }>;
      throw code === "member_not_found" ? badReference("client_balance", member) : new Problem(code);
    }
    const { id, creditSeq } = answer.outcome;
    return { ...fields, id: idOf(member, creditSeq), transfer: id, atMs: occurredAtMs ?? answer.timeMs };
  }
}

function idOf(member: number, seq: number): number {
  return member * SEQ_LIMIT + seq;
}

function isAccrual({ act }: TransferView): boolean {
  return act?.act === "accrual";
}

/** `undefined`: it was reverted, or its member has no number. */
function transactionOf(row: TransferRow): Transaction | undefined {
  const { act, seqs, postedAmount: amount, memo, occurredAtMs, createdAtMs, revertedBy, id: transfer } = row;
  if (act === undefined || seqs === undefined || revertedBy !== null) return undefined;
  const member = Number(memberIdOf(act.subject));
  if (!(Number.isSafeInteger(member) && member >= 1 && member <= MEMBER_NUMBER_MAX)) return undefined;
  const id = idOf(member, seqs[1]);
  return { id, transfer, member, amount, memo, occurredAtMs, atMs: occurredAtMs ?? createdAtMs };
}

function transactionJson({ id, member, amount, memo, atMs }: Transaction): Json {
  // Django writes no fraction where it is zero.
  const date_time = new Date(atMs).toISOString().replace(".000Z", "Z");
  return { id, amount, memo, date_time, client_balance: member };
}

/** @param before the transaction that is edited. @param isPart whether members may be absent. @throws FieldProblem */
function fieldsIn(members: Json, before: Transaction | undefined, isPart = false): Fields {
  const member = numberIn(members, "client_balance") ?? (isPart ? before?.member : undefined);
  if (member === undefined) throw badField("client_balance", REQUIRED);
  if (member < 1 || member > MEMBER_NUMBER_MAX) throw badReference("client_balance", member);
  const amount = numberIn(members, "amount") ?? before?.amount ?? 0;
  if (amount < 0) throw badField("amount", "Ensure this value is greater than or equal to 0.");
  if (amount === 0) throw badField("amount", "A transaction of 0 points cannot be kept.");
  const memo = textIn(members, "memo", MEMO_LENGTH_MAX);
  const time = members["date_time"];
  return {
    member,
    amount,
    memo: memo === undefined ? (before?.memo ?? null) : memo,
    occurredAtMs: time === undefined ? (before?.atMs ?? null) : timeIn(time),
  };
}

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/** A time as Django reads it: with T or a blank, without seconds or offset if need be; then it is UTC. */
function timeIn(value: unknown): number {
  const [, date, minutes, seconds = ":00", offset = "Z"] = TIME.exec(String(value)) ?? [];
  const zone = /^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  const timeMs =
    date === undefined ? undefined : timeMsOf(`${date}T${minutes}${seconds}${zone.toUpperCase()}`);
  if (timeMs === undefined)
    throw badField(
      "date_time",
      "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
    );
  return timeMs;
}
