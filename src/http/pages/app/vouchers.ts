/** `/app/vouchers`: vouchers, one voucher, and issuing and cancelling one. */
import { z } from "@hono/zod-openapi";
import { askOwner, askVoucher, type VoucherView } from "../../../actors/programmes/vouchers/acts.ts";
import type { ArchivedRecord, Page as Rows } from "../../../archive/queries/query.ts";
import type { Call } from "../../call.ts";
import { Email, emailOf } from "../../input/email.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import { Problem } from "../../problem.ts";
import { cancelVoucher } from "../../programmes/vouchers/codes.ts";
import { GuessLimit } from "../../programmes/vouchers/guess-limit.ts";
import {
  emailIn,
  IssuedVouchers,
  issuedBy,
  placeOf,
  START,
} from "../../programmes/vouchers/issued-vouchers.ts";
import { personIn, withoutPerson } from "../../programmes/vouchers/pseudonyms.ts";
import { issueVoucher, listVouchers, VOUCHER_STATUSES } from "../../programmes/vouchers/vouchers.ts";
import type { HttpRequest } from "../../request.ts";
import { acceptedOrThrow, effectOf } from "../../write-answers.ts";
import { facts, nextPage, section } from "../base/blocks.ts";
import {
  type FieldOf,
  type Fields,
  FormKey,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  withNote,
} from "../base/form-attempt.ts";
import { mono, pathOf, time, timeOrNone } from "../base/format.ts";
import { confirmButton, errorOf, field, filters } from "../base/forms.ts";
import { html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { type AppDeps, ROWS_SHOWN } from "./area.ts";
import {
  customerLink,
  issueForm,
  offersToChoose,
  termFields,
  termsOf,
  usesTaken,
  type VoucherRow,
  voucherStatus,
  voucherTable,
  worth,
} from "./voucher-parts.ts";

const PATH = "/app/vouchers";
const TEXT_LENGTH_MAX = 254;
/** Vouchers looked through at once for a filter, and how often for one page. */
const LOOKED_THROUGH = 100;
const LOOKS_MAX = 5;
const ListQuery = z.strictObject({
  find: z.string().max(TEXT_LENGTH_MAX).default(""),
  offer: z.string().max(TEXT_LENGTH_MAX).default(""),
  status: z.enum(["all", ...VOUCHER_STATUSES]).default("all"),
  cursor: PageQuery.shape.cursor,
});
type ListQuery = z.infer<typeof ListQuery>;
const NO_FILTER: ListQuery = { find: "", offer: "", status: "all" };
const VoucherQuery = z.strictObject({ done: z.enum(["issued", "cancelled"]).optional() });
const DONE = {
  issued: "The voucher is issued. The customer needs its code.",
  cancelled: "The voucher is cancelled.",
} as const;
const IssueForm = z.strictObject({ email: Email, ...termFields });
const CancelForm = z.strictObject({ form: FormKey });
export const ISSUE_FIELDS: FieldOf = { customer_not_found: "email", offer_not_found: "offer_name" };

type VoucherPageDeps = AppDeps & Readonly<{ guessLimit: GuessLimit }>;

export function addVoucherPages(pages: PageRoutes, appDeps: AppDeps): void {
  const deps = { ...appDeps, guessLimit: new GuessLimit(appDeps.counters) };
  pages.page({ path: PATH, query: ListQuery }, ({ call, query }) => vouchersPage(call, deps, query));
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { email, form, ...typed } = check(IssueForm, fields);
        const terms = termsOf(typed);
        const { email: customer } = await withoutPerson(deps, call.partner, { email });
        const header = formHeader(request, call.partner, form, { ...terms, email: customer });
        const of = { customer, email };
        const { act, decided } = await issueVoucher(deps, header, of, { ...terms, discount: null });
        const { code } = effectOf(act, acceptedOrThrow(decided).outcome);
        return `${pathOf("app", "vouchers", code)}?done=issued`;
      },
      (fields, problem) => vouchersPage(call, deps, NO_FILTER, fields, problem),
      ISSUE_FIELDS,
    ),
  );
  pages.page({ path: `${PATH}/{code}`, query: VoucherQuery }, async ({ request, call, query }) => {
    const page = await voucherPage(request, call, deps);
    return query.done === undefined ? page : withNote(page, DONE[query.done]);
  });
  pages.action({ path: `${PATH}/{code}/cancel` }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const header = formHeader(request, call.partner, check(CancelForm, fields).form, {});
        const { code, decided } = await cancelVoucher(deps, request, call, header);
        acceptedOrThrow(decided);
        return `${pathOf("app", "vouchers", code)}?done=cancelled`;
      },
      (_, problem) => voucherPage(request, call, deps, problem),
    ),
  );
}

async function vouchersPage(
  call: Call,
  deps: VoucherPageDeps,
  query: ListQuery,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { find, offer, status } = query;
  const [{ data, nextCursor }, offers] = await Promise.all([
    foundVouchers(call, deps, query),
    offersToChoose(deps.ledger, call.partner),
  ]);
  const statuses = ["all", ...VOUCHER_STATUSES].map((value) => ({ value, label: capitalised(value) }));
  const path = `${PATH}?${new URLSearchParams({ find, offer, status }).toString()}`;
  const form = issueForm(PATH, newFormKey(deps.random), offers, fields, problem, {
    first: field({
      name: "email",
      label: "E-mail of the customer",
      type: "email",
      value: fields["email"],
      error: errorOf(problem, "email"),
    }),
    button: "Issue voucher",
  });
  return {
    title: "Vouchers",
    aside: html`<a class="button outline small" href="#issue">Issue a voucher</a> <a class="button outline small" href="/app/voucher-batches">Batches</a>`,
    body: html`${problemNote(problem)}
${filters(
  PATH,
  html`${field({ name: "find", label: "Code or e-mail", type: "search", value: find, isOptional: true, isBare: true })}${field({ name: "offer", label: "Offer", value: offer, isOptional: true, isBare: true })}${field({ name: "status", label: "State", value: status, choices: statuses })}`,
)}
${voucherTable(data, emptyText(query, nextCursor))}
${nextPage(path, nextCursor, "vouchers")}
<div id="issue">${section("Issue a voucher", form)}</div>`,
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function emptyText({ find, offer, status }: ListQuery, nextCursor: string | null): string {
  if (nextCursor !== null) return "None of the newest vouchers is like that. Older ones follow.";
  if (find !== "" || offer !== "" || status !== "all") return "No voucher is like that.";
  return "There are no vouchers yet. Issue the first one below.";
}

/** The vouchers of a customer, the one with a code, or all of them, newest first. */
async function foundVouchers(
  call: Call,
  deps: VoucherPageDeps,
  query: ListQuery,
): Promise<Pick<Rows<VoucherRow>, "data" | "nextCursor">> {
  const { find, offer, status, cursor } = query;
  const shows = (voucher: VoucherView) =>
    (offer === "" || voucher.offer === offer) && (status === "all" || voucher.status === status);
  try {
    if (find === "") return await newestVouchers(call, deps, query, shows);
    const email = emailOf(find);
    if (email === undefined) {
      const voucher = await findVoucher(call, deps, deps.guessLimit.codeIn(find, call));
      return { data: [voucher].filter(shows), nextCursor: null };
    }
    const found = await listVouchers(deps, call, { email, status, limit: ROWS_SHOWN, cursor });
    const data = found.data.filter(shows).map((voucher) => ({ ...voucher, email }));
    return { data, nextCursor: found.nextCursor };
  } catch (failure) {
    const isUnknown =
      failure instanceof Problem && ["customer_not_found", "voucher_not_found"].includes(failure.code);
    if (!isUnknown) throw failure;
    return { data: [], nextCursor: null };
  }
}

async function newestVouchers(
  call: Call,
  { ledger, persons }: VoucherPageDeps,
  { offer, cursor }: ListQuery,
  shows: (voucher: VoucherView) => boolean,
): Promise<Pick<Rows<VoucherRow>, "data" | "nextCursor">> {
  const codesIn = (record: ArchivedRecord) => {
    const issue = issuedBy(record);
    return issue === undefined || (offer !== "" && issue.offer !== offer) ? [] : issue.codes;
  };
  const issued = new IssuedVouchers(ledger, call.partner, { codesIn });
  const data: VoucherRow[] = [];
  let place = cursor === undefined ? START : placeOf(cursor);
  for (let looks = 1; ; looks++) {
    const page = await issued.page(place, looks === 1 ? ROWS_SHOWN : LOOKED_THROUGH);
    for (const [i, row] of page.data.entries()) {
      if (!shows(row)) continue;
      data.push({ ...row, email: emailIn(persons, row) });
      const isLast = i === page.data.length - 1 && page.nextCursor === null;
      if (data.length === ROWS_SHOWN) return { data, nextCursor: isLast ? null : (page.cursors[i] ?? null) };
    }
    if (page.nextCursor === null || looks === LOOKS_MAX) return { data, nextCursor: page.nextCursor };
    place = placeOf(page.nextCursor);
  }
}

type OwnedRow = VoucherView & Readonly<{ email: string | null }>;

/** The voucher with this code, in memory or archived. @throws Problem 404, 429 */
async function findVoucher(
  call: Call,
  { ledger, persons, guessLimit }: VoucherPageDeps,
  code: string,
): Promise<OwnedRow> {
  const owner = await ledger.ask(call.partner, askOwner(code));
  const voucher = owner === null ? null : await ledger.ask(call.partner, askVoucher(owner.email, code));
  if (owner !== null && voucher !== null) return { ...voucher, email: personIn(persons, owner).email };
  return { ...(await guessLimit.old(call, "", ledger, code)), email: null };
}

async function voucherPage(
  request: HttpRequest,
  call: Call,
  deps: VoucherPageDeps,
  problem?: Problem,
): Promise<Page> {
  const voucher = await findVoucher(call, deps, deps.guessLimit.codeOf(request, call));
  const { code, email, offer, discount, status, createdAtMs, expiresAtMs, usedAtMs } = voucher;
  const cancel = confirmButton({
    id: "cancel",
    label: "Cancel voucher",
    question: html`The voucher ${mono(code)}${email !== null && html` of ${email}`} can be redeemed no more. It stays cancelled for good.`,
    action: `${pathOf("app", "vouchers", code)}/cancel`,
    dismiss: "Keep it",
    fields: { form: newFormKey(deps.random) },
  });
  return {
    title: code,
    trail: [{ path: PATH, label: "Vouchers" }],
    aside: status === "valid" && cancel,
    body: html`${problemNote(problem)}
<p class="balance">${worth(discount)} <span class="unit">${offer}</span></p>
${facts([
  ["State", voucherStatus(voucher)],
  ["Customer", customerLink(email)],
  ["Uses taken", usesTaken(voucher)],
  ["Last redeemed", timeOrNone(usedAtMs)],
  ["Issued", time(createdAtMs)],
  ["Expiry", time(expiresAtMs)],
])}`,
  };
}
