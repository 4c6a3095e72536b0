/** The API keys of a partner: the list, and forms that create and revoke one. */
import { z } from "@hono/zod-openapi";
import type { Directory } from "../../../gateway/ports.ts";
import { createKey } from "../../core/new-key.ts";
import { Id, Name } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import type { KeyRole } from "../../programme.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { section, table } from "../base/blocks.ts";
import { type Fields, FormKey, formHeader, newFormKey, tryForm } from "../base/form-attempt.ts";
import { mono, none, pathOf, time, timeOrNone } from "../base/format.ts";
import { confirmButton, errorOf, field, hidden, readForm } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { secretPage } from "../base/secret-page.ts";
import type { ConsoleDeps } from "./area.ts";
import { knownPartner } from "./partner-choice.ts";

function keyForm(roles: readonly KeyRole[]) {
  return z.strictObject({
    name: Name,
    role: z.enum(["partner", "read", ...roles.map(({ name }) => name)]),
    seller: z.union([z.literal(""), Id]).default(""),
    form: FormKey,
  });
}
const RevokeForm = z.strictObject({ key_id: z.string().min(1).max(200), form: FormKey });

/** A form that was refused: what was typed, and why. */
export type Tried = Readonly<{ fields: Fields; problem: Problem }>;

export function addKeys(
  pages: PageRoutes,
  deps: ConsoleDeps,
  again: (partner: string, tried: Tried) => Promise<Page>,
): void {
  const { ledger, directory } = deps;
  const KeyForm = keyForm(deps.roles);
  pages.action({ path: "/console/partners/{id}/keys" }, ({ request }) => {
    const partner = knownPartner(directory, request.param("id"));
    return tryForm(
      request,
      async (fields) => {
        const { name, role, seller, form } = check(KeyForm, fields);
        const header = formHeader(request, partner, form, {});
        const asked = { name, role, ...(seller !== "" && { seller }) };
        const { keyPair, answer } = await createKey(deps, header, asked, "POST /console/partners/{id}/keys");
        return keyPage(partner, acceptedOrThrow(answer).replayed ? null : keyPair.secret);
      },
      (fields, problem) => again(partner, { fields, problem }),
    );
  });
  pages.action({ path: "/console/partners/{id}/revoke" }, async ({ request }) => {
    const partner = knownPartner(directory, request.param("id"));
    const { key_id: keyId } = await readForm(request, RevokeForm);
    // Revoking twice does no harm, so it needs no idempotency key.
    acceptedOrThrow(await ledger.submit({ op: "revoke_key", partner, key: null, fingerprint: 0, keyId }));
    return `${pathOf("console", "partners", partner)}?done=revoked`;
  });
}

/** Keys, and a form that creates another. @param tried what was refused when it was sent. */
export function keySections({ directory, random, roles }: ConsoleDeps, partner: string, tried?: Tried): Html {
  const path = pathOf("console", "partners", partner);
  return html`${section("Keys", keyTable(directory.keys(partner), path, newFormKey(random)))}
${section("Create a key", newKeyForm(path, roles, newFormKey(random), tried))}`;
}

type ShownKey = ReturnType<Directory["keys"]>[number];

function keyTable(keys: readonly ShownKey[], path: string, form: string): Html {
  return table<ShownKey>({
    caption: "Keys",
    rows: keys.toSorted((a, b) => b.createdAtMs - a.createdAtMs),
    empty: "The partner has no key.",
    columns: [
      { label: "Key", isHead: true, cell: ({ prefix }) => mono(`${prefix}…`) },
      { label: "Name", cell: ({ name }): Fragment => (name === "" ? none() : name) },
      { label: "Role", cell: ({ role, seller }) => (seller === undefined ? role : `${role} ${seller}`) },
      { label: "Created", cell: ({ createdAtMs }) => time(createdAtMs) },
      { label: "Last used", cell: ({ lastUsedAtMs }) => timeOrNone(lastUsedAtMs) },
      {
        label: "Revoke",
        cell: ({ id, prefix }) =>
          confirmButton({
            id: `revoke-${id}`,
            label: "Revoke",
            question: html`Requests with the key ${mono(`${prefix}…`)} are refused at once, for good.`,
            action: `${path}/revoke`,
            fields: { key_id: id, form },
          }),
      },
    ],
  });
}

function newKeyForm(path: string, roles: readonly KeyRole[], form: string, tried: Tried | undefined): Html {
  const { name, role = "read", seller } = tried?.fields ?? {};
  const error = (of: string) => errorOf(tried?.problem, of);
  const choices = [
    { value: "partner", label: "partner (reads and changes)" },
    { value: "read", label: "read (only reads)" },
    ...roles.map((each) => ({ value: each.name, label: each.description ?? each.name })),
  ];
  return html`<form method="post" action="${path}/keys" class="stack">
${field({ name: "name", label: "Name", value: name, error: error("name") })}
${field({ name: "role", label: "Role", value: role, choices, error: error("role") })}
${field({ name: "seller", label: "Seller", value: seller, isOptional: true, hint: "The id of the seller, for a key of role seller.", error: error("seller") })}
${hidden({ form })}<button>Create key</button></form>`;
}

/** @param secret `null` if it was shown before. */
export function keyPage(partner: string, secret: string | null): Page {
  const path = pathOf("console", "partners", partner);
  return secretPage({
    title: "A new key",
    noun: "key",
    secret,
    more: "Only its hash is stored.",
    trail: [
      { path: "/console/partners", label: "Partners" },
      { path, label: partner },
    ],
    next: { path, label: "To the partner" },
  });
}
