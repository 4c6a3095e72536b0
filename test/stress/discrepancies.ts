/**
 * Compares the answers with what the server has; each difference is a sentence. It has its own minimal model of a
 * ledger: the sum of the accepted transfers.
 */
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import { answerDiscrepancies } from "./answer-discrepancies.ts";
import type { Entry, Evidence, ListedTransfer } from "./evidence.ts";
import { decisionOf, type Operation } from "./operation.ts";

/** Reports of one kind; one fault may show in every account. */
const SENTENCES_MAX = 5;

type Accepted = Readonly<{ id: string; operation: Operation }>;
type Expected = { posted: number; movements: Map<string, number> };

/** @returns an empty list if the books are correct. */
export function discrepanciesOf(evidence: Evidence): readonly string[] {
  const accepted = acceptedOf(evidence.operations);
  const expected = expectedAccounts(evidence, accepted);
  const kinds = [
    answerDiscrepancies(evidence.operations),
    listDiscrepancies(evidence, accepted),
    balanceDiscrepancies(evidence, expected),
    reconciliationDiscrepancies(evidence, expected),
    [...evidence.statements].flatMap(([id, entries]) =>
      statementDiscrepancies(id, entries, expected.get(id)),
    ),
    totalDiscrepancies(evidence),
  ];
  return kinds.flatMap(shortened);
}

function acceptedOf(operations: readonly Operation[]): readonly Accepted[] {
  return operations.flatMap((operation) => {
    const answer = decisionOf(operation)?.answer;
    return answer?.is === "accepted" ? [{ id: answer.id, operation }] : [];
  });
}

function expectedAccounts(
  { accounts, systemAccounts }: Evidence,
  accepted: readonly Accepted[],
): ReadonlyMap<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const id of [...accounts.keys(), ...systemAccounts.keys()])
    expected.set(id, { posted: 0, movements: new Map() });
  for (const { id, operation } of accepted) {
    const { debit, credit, amount } = operation;
    for (const [account, signed] of [
      [debit, -amount],
      [credit, amount],
    ] as const) {
      const side = expected.get(account);
      if (side === undefined) continue;
      side.posted += signed;
      side.movements.set(id, signed);
    }
  }
  return expected;
}

/** Each accepted transfer is listed once, as requested; no other transfer is listed. */
function listDiscrepancies({ transfers, operations }: Evidence, accepted: readonly Accepted[]): string[] {
  const found: string[] = [];
  const byKey = new Map(operations.map((operation) => [operation.key, operation]));
  const byId = new Map(accepted.map((each) => [each.id, each.operation]));
  if (byId.size !== accepted.length)
    found.push(`${accepted.length} transfers were accepted under ${byId.size} ids.`);
  const seen = new Set<string>();
  for (const listed of transfers) {
    if (seen.has(listed.id)) found.push(`Transfer ${listed.id} is listed twice.`);
    seen.add(listed.id);
    const operation = byId.get(listed.id);
    if (operation === undefined) found.push(strayTransfer(listed, byKey.get(listed.memo ?? "")));
    else if (textOfListed(listed) !== textOfAsked(operation)) {
      found.push(
        `Transfer ${listed.id} was asked as ${textOfAsked(operation)}, and is ${textOfListed(listed)}.`,
      );
    }
  }
  for (const { id, operation } of accepted) {
    if (!seen.has(id))
      found.push(`Transfer ${id} (${textOfAsked(operation)}) was acknowledged, and is lost.`);
  }
  return found;
}

function strayTransfer({ id, memo }: ListedTransfer, operation: Operation | undefined): string {
  if (operation === undefined) return `Transfer ${id} is in the log, and nobody asked for it (memo ${memo}).`;
  const answer = decisionOf(operation)?.answer;
  if (answer?.is === "accepted")
    return `Key ${operation.key} was done twice: as ${answer.id}, which it was told, and as ${id}.`;
  if (answer?.is === "rejected")
    return `Key ${operation.key} was refused (${answer.code}), and is in the log as ${id}.`;
  return `Key ${operation.key} never got its answer, and is in the log as ${id}.`;
}

function textOfListed({ postings, status, memo }: ListedTransfer): string {
  const legs = postings.map(
    ({ debit_account, credit_account, amount }) => `${amount} from ${debit_account} to ${credit_account}`,
  );
  return `${legs.join(" and ")}, ${status}, "${memo}"`;
}

function textOfAsked({ debit, credit, amount, key }: Operation): string {
  return `${amount} from ${debit} to ${credit}, posted, "${key}"`;
}

function balanceDiscrepancies(
  { accounts, systemAccounts, finals }: Evidence,
  expected: ReadonlyMap<string, Expected>,
): string[] {
  const found: string[] = [];
  for (const [id, { posted, movements }] of expected) {
    const view = accounts.get(id);
    const has = view?.posted ?? systemAccounts.get(id);
    if (has !== posted) found.push(`${id} has ${has}; what was accepted comes to ${posted}.`);
    if (view === undefined) continue;
    if (view.posted < 0) found.push(`${id} is below zero: ${view.posted}.`);
    if (view.held !== 0) found.push(`${id} has ${view.held} on hold, and nobody asked for a hold.`);
    if (view.seq !== movements.size)
      found.push(`${id} is at seq ${view.seq}; it was in ${movements.size} accepted transfers.`);
  }
  for (const [id, final] of finals) {
    const has = accounts.get(id)?.posted;
    if (has !== final) found.push(`${id} must end with exactly ${final}, and has ${has}.`);
  }
  return found;
}

function reconciliationDiscrepancies(
  { accounts, reconciliations }: Evidence,
  expected: ReadonlyMap<string, Expected>,
): string[] {
  const found: string[] = [];
  for (const id of accounts.keys()) {
    const told = reconciliations.get(id);
    const wanted = expected.get(id);
    if (told === undefined || wanted === undefined) {
      found.push(`${id} has no reconciliation.`);
      continue;
    }
    const { balance, entries_sum, entries_count, reconciled } = told;
    if (!reconciled || entries_sum !== balance)
      found.push(`${id} is not reconciled: balance ${balance}, entries ${entries_sum}.`);
    if (entries_sum !== wanted.posted || entries_count !== wanted.movements.size) {
      found.push(
        `${id} has ${entries_count} entries with a sum of ${entries_sum}; ` +
          `what was accepted is ${wanted.movements.size} with a sum of ${wanted.posted}.`,
      );
    }
  }
  return found;
}

/**
 * Entries, oldest first: contiguous, each continuing the one before, never below zero, and exactly the accepted
 * movements.
 */
function statementDiscrepancies(
  id: string,
  entries: readonly Entry[],
  expected: Expected | undefined,
): string[] {
  const found: string[] = [];
  const movements = expected?.movements ?? new Map<string, number>();
  let balance = 0;
  for (const [place, { seq, amount, balance_after, transfer_id }] of entries.entries()) {
    balance += amount;
    if (seq !== place + 1) found.push(`Entry ${place + 1} of ${id} has seq ${seq}.`);
    if (balance_after !== balance)
      found.push(`Entry ${seq} of ${id} says ${balance_after} where its entries come to ${balance}.`);
    if (balance < 0) found.push(`${id} was below zero at entry ${seq}: ${balance}.`);
    const wanted = movements.get(transfer_id);
    if (wanted !== amount)
      found.push(`Entry ${seq} of ${id} moves ${amount} by ${transfer_id}, which was to move ${wanted}.`);
  }
  if (entries.length !== movements.size)
    found.push(`${id} has ${entries.length} entries, and was in ${movements.size} accepted transfers.`);
  return found;
}

/** The outflow of the system accounts equals the sum of all other balances. */
function totalDiscrepancies({ accounts, systemAccounts, trialBalance, asset }: Evidence): string[] {
  const found: string[] = [];
  const sum = trialBalance.assets[asset];
  if (!trialBalance.balanced || sum === undefined || sum.sum + sum.in_transit !== 0) {
    found.push(`The books do not balance: ${JSON.stringify(trialBalance.assets)}.`);
  }
  // Nothing is in transit any more.
  if (sum !== undefined && sum.in_transit !== 0)
    found.push(`At rest ${sum.in_transit} are still in transit.`);
  const held = [...accounts.values()].reduce((total, { posted }) => total + posted, 0);
  const issued = -[...systemAccounts].reduce(
    (total, [id, posted]) => total + (isSystemAccount(id) ? posted : 0),
    0,
  );
  if (held !== issued) found.push(`All accounts have ${held} together; ${issued} were issued.`);
  return found;
}

function shortened(sentences: readonly string[]): readonly string[] {
  if (sentences.length <= SENTENCES_MAX) return sentences;
  const more = sentences.length - SENTENCES_MAX;
  return [...sentences.slice(0, SENTENCES_MAX), `… and ${more} more of this kind.`];
}
