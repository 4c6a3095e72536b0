/** `/v1/customers`: the customers that vouchers are issued to. */
import { z } from "@hono/zod-openapi";
import {
  askCustomer,
  askCustomers,
  type CustomerView,
  customerSubject,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Persons } from "../../../persons/person-keys.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email, emailOfPath } from "../../input/email.ts";
import { ProgrammeName, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew, readBareChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import type { VoucherDeps } from "./fields.ts";
import { customerNameOf, personIn, readCustomerChange, withEmailOf } from "./pseudonyms.ts";

const NewCustomer = z
  .strictObject({ email: Email, name: ProgrammeName.optional() })
  .openapi("NewCustomer", { example: { email: "alice@example.com", name: "Alice" } });
const CustomerSchema = z
  .object({
    email: z.string().nullable().openapi({ description: "`null` once the customer is erased." }),
    name: z.string().nullable(),
    created_at: z.iso.datetime(),
  })
  .openapi("Customer", {
    example: { email: "alice@example.com", name: "Alice", created_at: "2026-11-20T10:00:00.000Z" },
  });
const answer = { description: "The customer.", content: { "application/json": CustomerSchema } };

export function customerNotFound(email: string): Problem {
  return new Problem("customer_not_found", `There is no customer ${email}.`);
}

export function addCustomers(routes: Routes, deps: VoucherDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addErase(routes, deps);
}

function addCreate(routes: Routes, deps: VoucherDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/customers",
      access: "partner",
      group: "vouchers",
      summary: "Create a customer",
      body: { schema: NewCustomer },
      answer: { status: 201, ...answer },
      problems: ["customer_exists", "customer_erased", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header, customer } = await readCustomerChange(request, call, deps, NewCustomer);
      const { act, decided } = await createCustomer(deps, header, customer, value);
      return decidedAnswer(call, decided, 201, (_, { timeMs }) =>
        customerJson(deps.persons, { ...act, createdAtMs: timeMs }),
      );
    },
  );
}

/** @param customer what names the customer in the ledger. */
export async function createCustomer(
  { ledger, persons }: VoucherDeps,
  header: CommandHeader,
  customer: string,
  { email, name = null }: Readonly<{ email: string; name?: string | null | undefined }>,
) {
  const subject = customerSubject(customer);
  const command = await firstOrNew(ledger, header, { owner: subject }, async () => {
    // One that is in clear exists, and this command is refused.
    const person = customer === email ? {} : { person: await persons.seal(header.partner, { email, name }) };
    return actAlone(
      header,
      voucherAct("create_customer", subject, { email: customer, name: null, ...person }),
    );
  });
  return { act: command.act, decided: withEmailOf(await ledger.submit(command), () => email) };
}

function addReads(routes: Routes, deps: VoucherDeps): void {
  const { ledger, persons } = deps;
  addListRoute(
    routes,
    {
      path: "/v1/customers",
      access: "partner",
      group: "vouchers",
      summary: "List customers, newest first",
      query: PageQuery,
      row: CustomerSchema,
    },
    (_, call, query) => ledger.list(call.partner, askCustomers, query, callerOf(call)),
    (customer) => customerJson(persons, customer),
  );
  addReadRoute(
    routes,
    {
      path: "/v1/customers/{email}",
      access: "partner",
      group: "vouchers",
      summary: "Get a customer",
      params: z.object({ email: Email }),
      answer: { status: 200, ...answer },
      problems: ["customer_not_found"],
    },
    (request, call) => findCustomer(deps, call.partner, emailOfPath(request.param("email"))),
    (customer) => customerJson(persons, customer),
  );
}

/** @throws Problem 404 */
export async function findCustomer(deps: VoucherDeps, partner: string, email: string): Promise<CustomerView> {
  const name = await customerNameOf(deps, partner, email);
  const customer = await deps.ledger.ask(partner, askCustomer(name));
  if (customer === null) throw customerNotFound(email);
  return customer;
}

function addErase(routes: Routes, deps: VoucherDeps): void {
  routes.add(
    {
      method: "delete",
      path: "/v1/customers/{email}",
      access: "partner",
      group: "vouchers",
      summary: "Erase a customer",
      description:
        "The name and the e-mail become unreadable for good: in events and lists, in the log, its archive and their backups. " +
        "The customer's vouchers can be used no more. A new customer with this e-mail has none of them.",
      params: z.object({ email: Email }),
      answer: { status: 204, description: "Erased." },
      problems: ["customer_not_found", "customer_not_encrypted", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const email = emailOfPath(request.param("email"));
      const customer = await customerNameOf(deps, call.partner, email);
      const header = await readBareChange(request, call, `/v1/customers/${customer}`);
      return decidedAnswer(call, await eraseCustomer(deps, header, customer, email), 204, () => null);
    },
  );
}

/** @param customer what names the customer in the ledger. */
export async function eraseCustomer(
  { ledger, persons }: VoucherDeps,
  header: CommandHeader,
  customer: string,
  email: string,
) {
  const act = voucherAct("erase_customer", customerSubject(customer), { email: customer });
  const decided = withEmailOf(await ledger.submit(actAlone(header, act)), () => email);
  // The gateways have destroyed the key when they got the fact. If one could not, the caller must know.
  if (isDone(decided)) persons.erase([effectOf(act, decided.outcome).key]);
  return decided;
}

function customerJson(
  persons: Pick<Persons, "open">,
  { createdAtMs, ...customer }: Omit<CustomerView, "name"> & Partial<CustomerView>,
): string {
  const { email, name } = personIn(persons, customer);
  return JSON.stringify({ email, name, created_at: timeTextOf(createdAtMs) });
}
