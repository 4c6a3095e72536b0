/** The names of customers in the ledger: pseudonyms, so that a customer can be erased. */
import type { z } from "@hono/zod-openapi";
import { askCustomer } from "../../../actors/programmes/vouchers/acts.ts";
import type { Command } from "../../../actors/records/command.ts";
import type { Answer } from "../../../gateway/ports.ts";
import type { Person, Persons } from "../../../persons/person-keys.ts";
import type { Call } from "../../call.ts";
import { type Change, readChange } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import type { VoucherDeps } from "./fields.ts";

/** What names the customer in the ledger: a pseudonym, or the e-mail if an older version has created the customer. */
export async function customerNameOf(
  { ledger, persons, directory }: VoucherDeps,
  partner: string,
  email: string,
): Promise<string> {
  if (directory.hasClearCustomers(partner) && (await ledger.ask(partner, askCustomer(email))) !== null)
    return email;
  return persons.pseudonymOf(partner, email);
}

type CustomerChange<T> = Change<T> & Readonly<{ customer: string }>;
type ChangeOptions = Readonly<{ decimals?: Readonly<Record<string, number>> }>;

/**
 * `readChange` for a request that names a customer. The fingerprint, which is logged, contains keyed hashes instead of
 * personal data.
 *
 * @throws Problem 400, 413, 415
 */
export async function readCustomerChange<T extends Readonly<{ email: string; name?: string | undefined }>>(
  request: HttpRequest,
  call: Call,
  deps: VoucherDeps,
  schema: z.ZodType<T>,
  options: ChangeOptions = {},
): Promise<CustomerChange<T>> {
  let customer = "";
  const shown = async (value: T) => {
    const without = await withoutPerson(deps, call.partner, value);
    customer = without.email;
    return without;
  };
  const change = await readChange(request, call, schema, { ...options, shown });
  return { ...change, customer };
}

/** The value with keyed hashes instead of personal data. Its `email` is what names the customer in the ledger. */
export async function withoutPerson<T extends Readonly<{ email: string; name?: string | undefined }>>(
  deps: VoucherDeps,
  partner: string,
  value: T,
): Promise<T> {
  const customer = await customerNameOf(deps, partner, value.email);
  if (customer === value.email || value.name === undefined) return { ...value, email: customer };
  return { ...value, email: customer, name: deps.persons.pseudonymOf(partner, value.name) };
}

/** Personal data for an answer; `null` once the customer is erased. */
export function personIn(
  persons: Pick<Persons, "open">,
  {
    email,
    name = null,
    person,
  }: Readonly<{
    email: string;
    name?: string | null;
    person?: string | undefined;
  }>,
): Person | Readonly<{ email: null; name: null }> {
  if (person === undefined) return { email, name };
  return persons.open(person) ?? { email: null, name: null };
}

/** A rejection names a customer as the ledger does; the answer names it as the request did. */
export function withEmailOf<C extends Command>(
  answer: Answer<C>,
  emailOf: (customer: string) => string | undefined,
): Answer<C> {
  if (!("outcome" in answer) || answer.outcome.ok || answer.outcome.subject === null) return answer;
  const { subject } = answer.outcome;
  return { ...answer, outcome: { ...answer.outcome, subject: emailOf(subject) ?? subject } };
}
