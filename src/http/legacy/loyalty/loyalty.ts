/**
 * The loyalty programme of Django REST framework: `/loyalty/partner/`, `/loyalty/client_balance/` and
 * `/loyalty/transaction/`. Lists are plain arrays. Client balances are the members whose ids are whole numbers.
 */
import type { Ledger } from "../../../gateway/ports.ts";
import type { Call, HttpAnswer } from "../../call.ts";
import type { HttpRequest } from "../../request.ts";
import { bodyOf, type Json, type LocalApi } from "../local-api.ts";
import { isRead, readJsonOrForm } from "../old-body.ts";
import { type AddOld, type OldHandler, type OldSystem, oldJson, redirect } from "../old-routes.ts";
import { nextSerial } from "../serials.ts";
import {
  badField,
  badReference,
  idIn,
  noContent,
  notFound,
  numberIn,
  REQUIRED,
  refuse,
  textIn,
} from "./rest.ts";
import { MEMBER_NUMBER_MAX, Transactions } from "./transactions.ts";

/** There is one partner, LEGACY_PARTNER. */
const PARTNER_ID = 1;
const NAME_LENGTH_MAX = 50;
/** Numbers that `/v1` has given to members itself are skipped. */
const TRIES_MAX = 100;

export function loyaltySystem({ api, ledger }: Readonly<{ api: LocalApi; ledger: Ledger }>): OldSystem {
  return {
    refuse,
    add(add) {
      addResource(add, "partner", {
        GET: (_, call) => oldJson(call, 200, [partnerJson(api)]),
      });
      addResource(add, "partner/:id", {
        GET: (request, call) => {
          if (idIn(request.param("id")) !== PARTNER_ID) throw notFound();
          return oldJson(call, 200, partnerJson(api));
        },
      });
      addResource(add, "client_balance", {
        GET: (request, call) => listBalances(api, request, call),
        POST: (request, call) => createBalance(api, request, call),
      });
      addResource(add, "client_balance/:id", {
        GET: (request, call) => readBalance(api, request, call),
        PUT: (request, call) => renameBalance(api, request, call),
        PATCH: (request, call) => renameBalance(api, request, call),
        DELETE: (request, call) => deleteBalance(api, request, call),
      });
      const transactions = new Transactions(api, ledger);
      addResource(add, "transaction", {
        GET: (request, call) => transactions.list(request, call),
        POST: (request, call) => transactions.create(request, call),
      });
      addResource(add, "transaction/:id", {
        GET: (request, call) => transactions.read(request, call),
        PUT: (request, call) => transactions.replace(request, call),
        PATCH: (request, call) => transactions.replace(request, call),
        DELETE: (request, call) => transactions.remove(request, call),
      });
      add("GET", "/loyalty/", (request, call) => {
        const base = `http://${request.header("host")}/loyalty`;
        const names = ["partner", "client_balance", "transaction"];
        return oldJson(call, 200, Object.fromEntries(names.map((name) => [name, `${base}/${name}/`])));
      });
    },
  };
}

/** Addresses end with a slash; without it a read is redirected there, as Django did, and a change finds nothing. */
function addResource(add: AddOld, name: string, handlers: Readonly<Record<string, OldHandler>>): void {
  const path = `/loyalty/${name}`;
  for (const [method, handler] of Object.entries(handlers)) {
    add(method, `${path}/`, handler);
    add(method, path, (request, call) => {
      if (!isRead(call)) throw notFound();
      const query = request.query === "" ? "" : `?${request.query}`;
      return redirect(call, `${request.path}/${query}`, 301);
    });
  }
}

function partnerJson(api: LocalApi): Json {
  return { id: PARTNER_ID, name: api.partnerName(), user: null };
}

function balanceJson(api: LocalApi, { id, name, balance }: Json): Json {
  const partner = { partner: PARTNER_ID, partner_name: api.partnerName() };
  return { id: Number(id), name, ...partner, points: balance };
}

async function listBalances(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const members = await api.all(request, call, "GET /v1/loyalty/members");
  const shown = members
    .filter(({ id }) => isNumbered(String(id)))
    .map((member) => balanceJson(api, member))
    .toSorted((a, b) => Number(a["id"]) - Number(b["id"]));
  return oldJson(call, 200, shown);
}

function isNumbered(id: string): boolean {
  return /^[1-9]\d*$/.test(id) && Number(id) <= MEMBER_NUMBER_MAX;
}

async function createBalance(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const members = await readJsonOrForm(request);
  const name = nameIn(members);
  const partner = numberIn(members, "partner");
  if (partner === undefined) throw badField("partner", REQUIRED);
  if (partner !== PARTNER_ID) throw badReference("partner", partner);
  for (let tries = 1; ; tries++) {
    const id = String(await nextSerial(api, [request, call], "members"));
    const body = name ? { id, name } : { id };
    const made = await api.send(request, call, "POST /v1/loyalty/members", { body });
    const isTaken = made.code === "member_exists" || made.code === "account_exists";
    if (!isTaken || tries === TRIES_MAX) return oldJson(call, 201, balanceJson(api, bodyOf(made)));
  }
}

async function readBalance(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  return oldJson(call, 200, balanceJson(api, await memberOf(api, request, call, idIn(request.param("id")))));
}

/** @throws Problem 404 */
async function memberOf(api: LocalApi, request: HttpRequest, call: Call, id: number): Promise<Json> {
  if (!isNumbered(String(id))) throw notFound();
  const found = await api.send(request, call, "GET /v1/loyalty/members/{id}", { path: { id: String(id) } });
  if (found.code === "member_not_found") throw notFound();
  return bodyOf(found);
}

async function renameBalance(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const id = idIn(request.param("id"));
  const members = await readJsonOrForm(request);
  const partner = numberIn(members, "partner");
  if (partner === undefined && call.method === "PUT") throw badField("partner", REQUIRED);
  if (partner !== undefined && partner !== PARTNER_ID) throw badReference("partner", partner);
  const member = await memberOf(api, request, call, id);
  const name = nameIn(members);
  if (name === undefined) return oldJson(call, 200, balanceJson(api, member));
  const renamed = await api.send(request, call, "PATCH /v1/loyalty/members/{id}", {
    path: { id: String(id) },
    body: { name: name === "" ? null : name },
  });
  return oldJson(call, 200, balanceJson(api, bodyOf(renamed)));
}

function nameIn(members: Json): string | null | undefined {
  return textIn(members, "name", NAME_LENGTH_MAX);
}

async function deleteBalance(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const id = idIn(request.param("id"));
  await memberOf(api, request, call, id);
  bodyOf(await api.send(request, call, "DELETE /v1/loyalty/members/{id}", { path: { id: String(id) } }));
  return noContent(call);
}
