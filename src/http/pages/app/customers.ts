/** `/app/customers`: customers with their vouchers, and erasing one. */
import { z } from "@hono/zod-openapi";
import { askCustomers, type CustomerView } from "../../../actors/programmes/vouchers/acts.ts";
import type { Call } from "../../call.ts";
import { Email, emailOf, emailOfPath } from "../../input/email.ts";
import { ProgrammeName } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import { Problem } from "../../problem.ts";
import { createCustomer, eraseCustomer, findCustomer } from "../../programmes/vouchers/customers.ts";
import { customerNameOf, personIn, withoutPerson } from "../../programmes/vouchers/pseudonyms.ts";
import { listVouchers } from "../../programmes/vouchers/vouchers.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { facts, nextPage, section, table } from "../base/blocks.ts";
import {
  type Fields,
  FormKey,
  filledIn,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  withNote,
} from "../base/form-attempt.ts";
import { pathOf, time } from "../base/format.ts";
import { confirmButton, errorOf, field, filters, hidden } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { type AppDeps, ROWS_SHOWN, rowsOf } from "./area.ts";
import { customerLink, issueForm, offersToChoose, voucherTable } from "./voucher-parts.ts";

const PATH = "/app/customers";
const TEXT_LENGTH_MAX = 254;
const ListQuery = z.strictObject({
  find: z.string().max(TEXT_LENGTH_MAX).default(""),
  cursor: PageQuery.shape.cursor,
  done: z.literal("erased").optional(),
});
const CustomerQuery = z.strictObject({
  cursor: PageQuery.shape.cursor,
  done: z.literal("created").optional(),
});
const NewForm = z.strictObject({ email: Email, name: ProgrammeName.optional(), form: FormKey });
const EraseForm = z.strictObject({ email: Email, form: FormKey });

export function addCustomerPages(pages: PageRoutes, deps: AppDeps): void {
  pages.page({ path: PATH, query: ListQuery }, async ({ call, query }) => {
    const page = await customersPage(call, deps, query);
    if (query.done === undefined) return page;
    return withNote(page, "The customer is erased. Name and e-mail cannot be read any more.");
  });
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, ...value } = check(NewForm, filledIn(fields));
        const shown = await withoutPerson(deps, call.partner, value);
        const header = formHeader(request, call.partner, form, shown);
        acceptedOrThrow((await createCustomer(deps, header, shown.email, value)).decided);
        return `${pathOf("app", "customers", value.email)}?done=created`;
      },
      (fields, problem) => customersPage(call, deps, { find: "" }, fields, problem),
      { customer_exists: "email" },
    ),
  );
  pages.page({ path: `${PATH}/{email}`, query: CustomerQuery }, async ({ request, call, query }) => {
    const page = await customerPage(call, deps, emailOfPath(request.param("email")), query.cursor);
    return query.done === undefined ? page : withNote(page, "The customer is created.");
  });
  // Without the e-mail in its path, which the fingerprint of the form contains.
  pages.action({ path: `${PATH}/erase` }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { email, form } = check(EraseForm, fields);
        const customer = await customerNameOf(deps, call.partner, email);
        const header = formHeader(request, call.partner, form, { email: customer });
        acceptedOrThrow(await eraseCustomer(deps, header, customer, email));
        return `${PATH}?done=erased`;
      },
      ({ email }, problem) => customerPage(call, deps, emailOfPath(email), undefined, problem),
    ),
  );
}

async function customersPage(
  call: Call,
  deps: AppDeps,
  { find, cursor }: Pick<z.infer<typeof ListQuery>, "find" | "cursor">,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { ledger, persons } = deps;
  const { data, nextCursor } =
    find === ""
      ? await rowsOf(ledger, call, askCustomers, cursor)
      : { data: await customersNamed(call, deps, find), nextCursor: null };
  const rows = data.map((customer) => ({ ...customer, ...personIn(persons, customer) }));
  return {
    title: "Customers",
    aside: html`<a class="button outline small" href="#create">Create a customer</a>`,
    body: html`${problemNote(problem)}
${filters(PATH, field({ name: "find", label: "E-mail", type: "search", value: find, isOptional: true, isBare: true }))}
${table<(typeof rows)[number]>({
  caption: "Customers",
  rows,
  empty:
    find === "" ? "There are no customers yet. Create the first one below." : `There is no customer ${find}.`,
  columns: [
    { label: "E-mail", isHead: true, cell: ({ email }) => customerLink(email) },
    { label: "Name", cell: ({ name }) => name },
    { label: "Since", cell: ({ createdAtMs }) => time(createdAtMs) },
  ],
})}
${nextPage(PATH, nextCursor, "customers")}
<div id="create">${section("Create a customer", newForm(newFormKey(deps.random), fields, problem))}</div>`,
  };
}

/** The customer with this e-mail, if there is one. */
async function customersNamed(call: Call, deps: AppDeps, text: string): Promise<readonly CustomerView[]> {
  const email = emailOf(text);
  if (email === undefined) return [];
  try {
    return [await findCustomer(deps, call.partner, email)];
  } catch (failure) {
    if (!(failure instanceof Problem) || failure.code !== "customer_not_found") throw failure;
    return [];
  }
}

function newForm(form: string, { email, name }: Fields, problem: Problem | undefined): Html {
  return html`<form method="post" action="${PATH}" class="inline">
${field({ name: "email", label: "E-mail", type: "email", value: email, error: errorOf(problem, "email") })}
${field({ name: "name", label: "Name", value: name, isOptional: true, error: errorOf(problem, "name") })}
${hidden({ form })}<button>Create customer</button></form>`;
}

async function customerPage(
  call: Call,
  deps: AppDeps,
  email: string,
  cursor: string | undefined,
  problem?: Problem,
): Promise<Page> {
  const customer = await findCustomer(deps, call.partner, email);
  const [{ data, nextCursor }, offers] = await Promise.all([
    listVouchers(deps, call, { email, status: "all", limit: ROWS_SHOWN, cursor }),
    offersToChoose(deps.ledger, call.partner),
  ]);
  const { name } = personIn(deps.persons, customer);
  const form = issueForm("/app/vouchers", newFormKey(deps.random), offers, {}, undefined, {
    first: hidden({ email }),
    button: "Issue voucher",
  });
  return {
    title: name ?? email,
    trail: [{ path: PATH, label: "Customers" }],
    aside: eraseButton(email, newFormKey(deps.random)),
    body: html`${problemNote(problem)}
${facts([
  ["E-mail", email],
  ["Name", name],
  ["Since", time(customer.createdAtMs)],
])}
${section("Vouchers", voucherTable(data, "The customer has no vouchers yet."))}
${nextPage(pathOf("app", "customers", email), nextCursor, "vouchers")}
${section("Issue a voucher", form)}`,
  };
}

function eraseButton(email: string, form: string): Fragment {
  return confirmButton({
    id: "erase",
    label: "Erase customer",
    question: html`The name and the e-mail of ${email} become unreadable for good, also in the log and its backups. The customer's vouchers can be redeemed no more. Nobody can undo this.`,
    action: `${PATH}/erase`,
    fields: { email, form },
  });
}
