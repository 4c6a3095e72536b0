/** `/v1/partners`: partners, their keys and quotas. */
import { z } from "@hono/zod-openapi";
import { setQuotas } from "../../actors/programmes/quotas/acts.ts";
import { DEFAULT_QUOTAS } from "../../actors/quotas/default-quotas.ts";
import { actAlone, type CreatePartner, type Partner } from "../../actors/records/command.ts";
import type { Directory } from "../../gateway/ports.ts";
import { memberPartner } from "../auth.ts";
import { IDEMPOTENCY_PROBLEMS } from "../idempotency.ts";
import { Id, Name, NewId, timeTextOf, timeTextOrNull } from "../input/fields.ts";
import { fingerprintOf } from "../input/fingerprint.ts";
import { PageQuery, pageInOrderOfId } from "../input/pagination.ts";
import { IdParams } from "../input/path-id.ts";
import type { KeyRole } from "../programme.ts";
import { firstOrNew, readChange } from "../read-change.ts";
import { addListRoute, addReadRoute } from "../read-routes.ts";
import { answerOf, type Routes } from "../routes.ts";
import { readNothing } from "../server/body.ts";
import { decidedAnswer, effectOf, isDone, together } from "../write-answers.ts";
import { apiKeyFields, apiKeyMembers, createKey, makeKey, type NewKeyDeps } from "./new-key.ts";
import { addUsage, changesOf, QuotaPatch, QuotasSchema } from "./quotas.ts";

const NewPartner = z
  .strictObject({ id: NewId, name: Name })
  .openapi("NewPartner", { example: { id: "acme", name: "Acme" } });
const PartnerPatch = z
  .strictObject({
    name: Name.optional(),
    status: z.enum(["active", "suspended"]).optional(),
    quotas: QuotaPatch.optional(),
  })
  .openapi("PartnerPatch", { example: { quotas: { idempotency_keys: 1_000_000 } } });
const KeyParams = z.object({ id: Id, key_id: z.string() });

const partnerFields = {
  id: z.string(),
  name: z.string(),
  status: z.enum(["active", "suspended"]),
  created_at: z.iso.datetime(),
};
const partnerExample = { id: "acme", name: "Acme", status: "active", created_at: "2026-11-20T10:00:00.000Z" };
const PartnerSchema = z.object(partnerFields).openapi("Partner", { example: partnerExample });
const CreatedPartner = z
  .object({ ...partnerFields, key_id: z.string(), ...apiKeyFields })
  .openapi("CreatedPartner", { example: { ...partnerExample, key_id: "key_…", api_key: "dk_partner_…" } });
const PatchedPartner = z
  .object({
    ...partnerFields,
    quotas: QuotasSchema.optional().openapi({ description: "All quotas, if the request changes some." }),
  })
  .openapi("PatchedPartner", { example: partnerExample });
const SellerId = z.string().optional().openapi({ description: "Only for role `seller`: the seller's id." });

/** The scope of a key is called `seller` here and in the log: no other role has one yet. */
function keySchemas(roles: readonly KeyRole[]) {
  const role = z.enum(["partner", "read", ...roles.map(({ name }) => name)]);
  const keyFields = { id: z.string(), role, name: z.string(), seller: SellerId };
  const newKey = z
    .strictObject({
      role,
      name: Name.optional().openapi({ description: "Required for role `bank`: the bank's name." }),
      seller: Id.optional().openapi({
        description: "Required for role `seller`, and only there: the seller's id.",
      }),
    })
    .openapi("NewKey", { example: { role: "read", name: "reports" } });
  const example = { id: "key_…", role: "read", name: "reports", api_key: "dk_read_…" };
  const created = z.object({ ...keyFields, ...apiKeyFields }).openapi("CreatedKey", { example });
  const listed = z
    .object({
      ...keyFields,
      prefix: z.string(),
      created_at: z.iso.datetime(),
      last_used_at: z.iso.datetime().nullable(),
    })
    .openapi("Key");
  return { newKey, created, listed };
}

type KeyDeps = PartnersDeps & Readonly<{ schemas: ReturnType<typeof keySchemas> }>;

export type PartnersDeps = NewKeyDeps & Readonly<{ directory: Directory }>;

export function addPartners(routes: Routes, deps: PartnersDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addUpdate(routes, deps);
  addUsage(routes, deps);
  const keyDeps = { ...deps, schemas: keySchemas(deps.roles) };
  addCreateKey(routes, keyDeps);
  addKeys(routes, keyDeps);
}

function partnerView({ id, name, status, createdAtMs }: Partner): object {
  return { id, name, status, created_at: timeTextOf(createdAtMs) };
}

function partnerJson(partner: Partner): string {
  return JSON.stringify(partnerView(partner));
}

function addCreate(routes: Routes, { ledger, random }: PartnersDeps): void {
  const path = "/v1/partners";
  routes.add(
    {
      method: "post",
      path,
      access: "operator",
      group: "partners",
      summary: "Create a partner with its first key",
      body: { schema: NewPartner },
      answer: answerOf(201, "The partner and its key, which is shown once.", CreatedPartner),
      problems: ["partner_exists", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewPartner);
      const { id, name } = value;
      const first = { role: "partner", name: "first" } as const;
      const keyPair = makeKey(id, first, header.key, `POST ${path}`, random);
      const partnerHeader = { ...header, partner: id };
      const command = await firstOrNew(ledger, partnerHeader, { owner: "" }, (): CreatePartner => {
        return { op: "create_partner", ...partnerHeader, name, firstKey: keyPair.newKey };
      });
      return decidedAnswer(call, await ledger.submit(command), 201, ({ partner }, done) =>
        JSON.stringify({
          ...partnerView(partner),
          key_id: keyPair.newKey.id,
          ...apiKeyMembers(keyPair, done),
        }),
      );
    },
  );
}

function addReads(routes: Routes, { ledger, directory }: PartnersDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/partners",
      access: "operator",
      group: "partners",
      summary: "List partners, sorted by id",
      query: PageQuery,
      row: PartnerSchema,
    },
    async (_, __, query) => {
      await ledger.confirm();
      return pageInOrderOfId(directory.partners(), query);
    },
    partnerJson,
  );
  addReadRoute(
    routes,
    {
      path: "/v1/partners/{id}",
      access: "operator",
      group: "partners",
      summary: "Get a partner",
      params: IdParams,
      answer: answerOf(200, "The partner.", PartnerSchema),
      problems: ["partner_not_found"],
    },
    async (request, call) => {
      await ledger.confirm();
      return memberPartner(call, directory, request.param("id"));
    },
    partnerJson,
  );
}

function addUpdate(routes: Routes, { ledger, directory }: PartnersDeps): void {
  routes.add(
    {
      method: "patch",
      path: "/v1/partners/{id}",
      access: "operator",
      group: "partners",
      summary: "Rename, suspend or reactivate a partner, or set its quotas",
      description:
        "Name and status are changed first, then the quotas, in two steps. If only the first was done, repeat the request " +
        "with the same idempotency key to do the second.",
      params: IdParams,
      body: { schema: PartnerPatch },
      answer: answerOf(200, "The partner.", PatchedPartner),
      problems: ["partner_not_found"],
    },
    async (request, call) => {
      const id = memberPartner(call, directory, request.param("id")).id;
      const { value, header } = await readChange(request, call, PartnerPatch);
      const { name, status, quotas } = value;
      const patch = { ...(name === undefined ? {} : { name }), ...(status === undefined ? {} : { status }) };
      const answer = await ledger.submit({ op: "update_partner", ...header, partner: id, ...patch });
      if (quotas === undefined || !isDone(answer))
        return decidedAnswer(call, answer, 200, ({ partner }) => partnerJson(partner));
      const { partner } = answer.outcome;
      const act = setQuotas(id, changesOf(quotas));
      const set = await ledger.submit(actAlone({ ...header, partner: id }, act));
      return decidedAnswer(call, together(answer, set), 200, (done) =>
        JSON.stringify({
          ...partnerView(partner),
          quotas: { ...DEFAULT_QUOTAS, ...effectOf(act, done) },
        }),
      );
    },
  );
}

function addCreateKey(routes: Routes, deps: KeyDeps): void {
  const { directory, schemas } = deps;
  const path = "/v1/partners/{id}/keys";
  const route = `POST ${path}`;
  routes.add(
    {
      method: "post",
      path,
      access: "member",
      group: "partners",
      summary: "Create another key of a partner",
      params: IdParams,
      body: { schema: schemas.newKey },
      answer: answerOf(201, "The key, which is shown once.", schemas.created),
      problems: ["partner_not_found", "seller_not_found", "too_many_keys", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const partner = memberPartner(call, directory, request.param("id")).id;
      const { value, header } = await readChange(request, call, schemas.newKey);
      const made = await createKey(deps, { ...header, partner }, value, route);
      const { kind, keyPair, answer } = made;
      return decidedAnswer(call, answer, 201, ({ key: { id } }, done) =>
        JSON.stringify({ id, ...kind, ...apiKeyMembers(keyPair, done) }),
      );
    },
  );
}

function keyJson(key: ReturnType<Directory["keys"]>[number]): string {
  const { id, role, name, seller, prefix, createdAtMs, lastUsedAtMs } = key;
  return JSON.stringify({
    id,
    role,
    name,
    ...(seller !== undefined && { seller }),
    prefix,
    created_at: timeTextOf(createdAtMs),
    last_used_at: timeTextOrNull(lastUsedAtMs),
  });
}

function addKeys(routes: Routes, { ledger, directory, schemas }: KeyDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/partners/{id}/keys",
      access: "member",
      group: "partners",
      summary: "List a partner's keys, sorted by id",
      params: IdParams,
      query: PageQuery,
      row: schemas.listed,
      problems: ["partner_not_found"],
    },
    async (request, call, query) => {
      await ledger.confirm();
      const partner = memberPartner(call, directory, request.param("id")).id;
      return pageInOrderOfId(directory.keys(partner), query);
    },
    keyJson,
  );
  routes.add(
    {
      method: "delete",
      path: "/v1/partners/{id}/keys/{key_id}",
      access: "member",
      group: "partners",
      summary: "Revoke a key; it is refused everywhere once this is answered",
      params: KeyParams,
      answer: { status: 204, description: "Revoked." },
      problems: ["partner_not_found", "key_not_found"],
    },
    async (request, call) => {
      const partner = memberPartner(call, directory, request.param("id")).id;
      const keyId = request.param("key_id");
      const { key } = call;
      await readNothing(request);
      // `keyId` may be any text, even one that cannot be decoded, so the path is built from its parts.
      const path = `/v1/partners/${partner}/keys/${keyId}`;
      const fingerprint = key === null ? 0 : fingerprintOf("DELETE", path, "");
      const answer = await ledger.submit({ op: "revoke_key", partner, key, fingerprint, keyId });
      return decidedAnswer(call, answer, 204, () => null);
    },
  );
}
