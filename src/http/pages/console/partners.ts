/** `/console/partners`: partners, their keys and quotas. */
import { z } from "@hono/zod-openapi";
import { setQuotas } from "../../../actors/programmes/quotas/acts.ts";
import { DEFAULT_QUOTAS, QUOTA_NAMES, type QuotaName } from "../../../actors/quotas/default-quotas.ts";
import { actAlone, type CreatePartner, type Partner } from "../../../actors/records/command.ts";
import type { Usage } from "../../../gateway/ports.ts";
import { makeKey } from "../../core/new-key.ts";
import { Name, NewId } from "../../input/fields.ts";
import { PageQuery, pageInOrderOfId } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew } from "../../read-change.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { facts, nextPage, section, table } from "../base/blocks.ts";
import {
  type Fields,
  FormKey,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  withNote,
} from "../base/form-attempt.ts";
import { badge, count, pathOf, time } from "../base/format.ts";
import { confirmButton, errorOf, field, hidden, readForm } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { addKeys, keyPage, keySections, type Tried } from "./keys.ts";
import { partnerLink } from "./newest-transfers.ts";
import { knownPartner } from "./partner-choice.ts";

const NewPartnerForm = z.strictObject({ id: NewId, name: Name, form: FormKey });
const StatusForm = z.strictObject({ status: z.enum(["active", "suspended"]), form: FormKey });
const QuotaText = z.union([z.literal(""), z.string().regex(/^\d{1,15}$/)]);
const QuotasForm = z.strictObject({
  ...(Object.fromEntries(QUOTA_NAMES.map((name) => [name, QuotaText])) as Record<
    QuotaName,
    typeof QuotaText
  >),
  form: FormKey,
});

/** Rows of the list that is shown with a refused form. */
const ROWS = 50;
const DONE = {
  status: "The partner was changed.",
  revoked: "The key was revoked. It is refused everywhere.",
  quotas: "The quotas were changed.",
} as const;
const DoneQuery = z.strictObject({ done: z.enum(["status", "revoked", "quotas"]).optional() });

const QUOTA_LABELS: Readonly<Record<QuotaName, string>> = {
  idempotency_keys: "Idempotency keys",
  open_transfers: "Open transfers",
  bytes: "Bytes in memory",
};

export function addPartnerPages(pages: PageRoutes, deps: ConsoleDeps): void {
  addList(pages, deps);
  addPartner(pages, deps);
  addStatus(pages, deps);
  addQuotas(pages, deps);
}

function addList(pages: PageRoutes, deps: ConsoleDeps): void {
  const { ledger, directory, random } = deps;
  const list = (query: PageQuery, fields: Fields = {}, problem?: Problem): Page => {
    const { data, nextCursor } = pageInOrderOfId(directory.partners(), query);
    return {
      title: "Partners",
      body: html`${table<Partner>({
        caption: "Partners",
        rows: data,
        empty: "There are no partners yet. Create the first one below.",
        columns: [
          { label: "Partner", isHead: true, cell: ({ id }) => partnerLink(id) },
          { label: "Name", cell: ({ name }) => name },
          { label: "State", cell: partnerState },
          { label: "Keys", isNumber: true, cell: ({ id }) => count(directory.keys(id).length) },
          { label: "Created", cell: ({ createdAtMs }) => time(createdAtMs) },
        ],
      })}
${nextPage("/console/partners", nextCursor, "partners")}
${section("Create a partner", newPartnerForm(newFormKey(deps.random), fields, problem))}`,
    };
  };
  pages.page({ path: "/console/partners", query: PageQuery }, async ({ query }) => {
    await ledger.confirm();
    return list(query);
  });
  pages.action({ path: "/console/partners" }, ({ request }) =>
    tryForm(
      request,
      async (fields) => {
        const { id, name, form } = check(NewPartnerForm, fields);
        const header = formHeader(request, id, form, {});
        const first = { role: "partner", name: "first" } as const;
        const keyPair = makeKey(id, first, header.key, "POST /console/partners", random);
        const command = await firstOrNew(ledger, header, { owner: "" }, (): CreatePartner => {
          return { op: "create_partner", ...header, name, firstKey: keyPair.newKey };
        });
        const done = acceptedOrThrow(await ledger.submit(command));
        return keyPage(id, done.replayed ? null : keyPair.secret);
      },
      (fields, problem) => list({ limit: ROWS }, fields, problem),
    ),
  );
}

function newPartnerForm(form: string, fields: Fields, problem: Problem | undefined): Html {
  return html`${problemNote(problem)}
<form method="post" action="/console/partners" class="stack">
${field({ name: "id", label: "Id", value: fields["id"], hint: "Letters, digits and - _ . It cannot be changed.", error: errorOf(problem, "id") })}
${field({ name: "name", label: "Name", value: fields["name"], error: errorOf(problem, "name") })}
${hidden({ form })}<button>Create partner</button></form>`;
}

function partnerState({ status }: Partner): Html {
  return badge(status, status === "active" ? "good" : "bad");
}

function addPartner(pages: PageRoutes, deps: ConsoleDeps): void {
  pages.page({ path: "/console/partners/{id}", query: DoneQuery }, async ({ request, query: { done } }) => {
    await deps.ledger.confirm();
    const page = await partnerPage(deps, knownPartner(deps.directory, request.param("id")));
    return done === undefined ? page : withNote(page, DONE[done]);
  });
  addKeys(pages, deps, (id, tried) => partnerPage(deps, id, tried));
}

async function partnerPage(deps: ConsoleDeps, id: string, triedKey?: Tried): Promise<Page> {
  const { ledger, directory, random } = deps;
  const partner = directory.partner(id);
  if (partner === undefined) throw new Problem("partner_not_found");
  const usage = await ledger.usage(id);
  const path = pathOf("console", "partners", id);
  return {
    title: id,
    trail: [{ path: "/console/partners", label: "Partners" }],
    aside: statusButton(partner, newFormKey(random)),
    body: html`${problemNote(triedKey?.problem)}${facts([
      ["Name", partner.name],
      ["State", partnerState(partner)],
      ["Created", time(partner.createdAtMs)],
      [
        "See",
        html`<a href="/console/accounts?partner=${encodeURIComponent(id)}">Accounts</a>, <a href="/console/system-accounts?partner=${encodeURIComponent(id)}">system accounts</a>, <a href="/console/transfers?partner=${encodeURIComponent(id)}">transfers</a>, <a href="/console/balance?partner=${encodeURIComponent(id)}">trial balance</a>`,
      ],
    ])}
${keySections(deps, id, triedKey)}
${section("Quotas", quotaForm(path, usage, newFormKey(random)))}`,
  };
}

function statusButton({ id, status }: Partner, form: string): Html {
  const isActive = status === "active";
  return confirmButton({
    id: "status",
    label: isActive ? "Suspend" : "Reactivate",
    question: isActive
      ? `All keys of ${id} are refused until it is active again.`
      : `The keys of ${id} are accepted again.`,
    action: `${pathOf("console", "partners", id)}/status`,
    fields: { status: isActive ? "suspended" : "active", form },
    isDanger: isActive,
  });
}

function addStatus(pages: PageRoutes, { ledger, directory }: ConsoleDeps): void {
  pages.action({ path: "/console/partners/{id}/status" }, async ({ request }) => {
    const partner = knownPartner(directory, request.param("id"));
    const { status, form } = await readForm(request, StatusForm);
    const header = formHeader(request, "", form, {});
    acceptedOrThrow(await ledger.submit({ op: "update_partner", ...header, partner, status }));
    return `${pathOf("console", "partners", partner)}?done=status`;
  });
}

function quotaForm(path: string, { quotas, shards }: Usage, form: string): Html {
  return html`${table<QuotaName>({
    caption: "Usage",
    rows: QUOTA_NAMES,
    empty: "",
    columns: [
      { label: "Quota", isHead: true, cell: (name) => QUOTA_LABELS[name] },
      {
        label: "Used, the fullest shard",
        isNumber: true,
        cell: (name) => count(Math.max(0, ...shards.map((shard) => shard[name]))),
      },
      { label: "Allowed on each shard", isNumber: true, cell: (name) => count(quotas[name]) },
    ],
  })}
<details><summary>Change quotas</summary><form method="post" action="${path}/quotas" class="stack">
${QUOTA_NAMES.map((name) =>
  field({
    name,
    label: QUOTA_LABELS[name],
    value: quotas[name] === DEFAULT_QUOTAS[name] ? "" : String(quotas[name]),
    isOptional: true,
    hint: `Empty: the default, ${count(DEFAULT_QUOTAS[name])}.`,
  }),
)}${hidden({ form })}<button>Set quotas</button></form></details>`;
}

function addQuotas(pages: PageRoutes, { ledger, directory }: ConsoleDeps): void {
  pages.action({ path: "/console/partners/{id}/quotas" }, async ({ request }) => {
    const partner = knownPartner(directory, request.param("id"));
    const { form, ...texts } = await readForm(request, QuotasForm);
    const changes = Object.fromEntries(
      QUOTA_NAMES.map((name) => [name, texts[name] === "" ? null : Number(texts[name])]),
    );
    const header = formHeader(request, partner, form, {});
    acceptedOrThrow(await ledger.submit(actAlone(header, setQuotas(partner, changes))));
    return `${pathOf("console", "partners", partner)}?done=quotas`;
  });
}
