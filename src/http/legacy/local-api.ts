/** Calls the handlers of `/v1` within the process: what an adapter of old addresses asks, it asks here. */
import { IncomingMessage } from "node:http";
import type { Directory, Principal } from "../../gateway/ports.ts";
import { admit } from "../auth.ts";
import type { Call, HttpAnswer } from "../call.ts";
import { type Handler, REQUEST_MS_MAX } from "../endpoint.ts";
import { queryReader } from "../input/validation.ts";
import { PROBLEMS, Problem, type ProblemCode } from "../problem.ts";
import { HttpRequest } from "../request.ts";
import type { RouteDescription, Routes } from "../routes.ts";

export type Json = Readonly<Record<string, unknown>>;

/** `code`, `detail` and further `headers` of a refusal; `code` is `undefined` on success. */
export type LocalAnswer = Readonly<{
  status: number;
  body: Json;
  headers: Readonly<Record<string, string>>;
  code: ProblemCode | undefined;
  detail: string;
}>;

export type LocalRequest = Readonly<{
  /** Values of the parameters in the path. */
  path?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
  body?: Json | undefined;
  /** Absent: LEGACY_PARTNER itself. */
  principal?: Principal;
}>;

type LocalRoute = Readonly<{
  route: RouteDescription;
  handler: Handler;
  readQuery: (request: HttpRequest) => unknown;
}>;

/** Headers of the caller's request that handlers read: the session's cookie, and where the request comes from. */
const PASSED_ON = ["cookie", "host", "origin", "sec-fetch-site"];

/** Rows that one old request may read; the old systems had no pages. */
const ROWS_MAX = 10_000;
const PAGE_ROWS = 500;

export class LocalApi {
  readonly #routes = new Map<string, LocalRoute>();
  readonly #partner: string;
  readonly #directory: Directory;

  /** @param partner the setting LEGACY_PARTNER. @param addRoutes adds the routes that can be called. */
  constructor(partner: string, directory: Directory, addRoutes: (routes: Routes) => void) {
    this.#partner = partner;
    this.#directory = directory;
    const all: RouteDescription[] = [];
    addRoutes({
      all,
      add: (route, handler) => {
        all.push(route);
        const readQuery = queryReader(route.query);
        const known = { route: route as RouteDescription, handler: handler as Handler, readQuery };
        this.#routes.set(`${route.method.toUpperCase()} ${route.path}`, known);
      },
      methodsOf: () => [],
    });
  }

  /** LEGACY_PARTNER, as the holder of one of its keys. @throws Problem 403, 404 */
  principal(): Extract<Principal, { partner: string }> {
    const partner = this.#directory.partner(this.#partner);
    if (partner === undefined)
      throw new Problem(
        "partner_not_found",
        `There is no partner ${this.#partner}: see the setting LEGACY_PARTNER.`,
      );
    if (partner.status !== "active") throw new Problem("forbidden", "The partner is suspended.");
    const key = { keyId: "legacy", name: "legacy", scope: undefined, suspended: false };
    return { role: "partner", partner: this.#partner, ...key };
  }

  /** The name of LEGACY_PARTNER. @throws Problem 403, 404 */
  partnerName(): string {
    const { partner } = this.principal();
    return this.#directory.partner(partner)?.name ?? partner;
  }

  /**
   * Calls a route of `/v1`, given as in the OpenAPI document (`GET /v1/accounts/{id}`).
   *
   * @param request the caller's request. @throws Problem 503 and the like: the outcome is not known, or nothing was done
   */
  async send(
    request: HttpRequest,
    call: Call,
    target: string,
    { path = {}, query = {}, body, principal }: LocalRequest = {},
  ): Promise<LocalAnswer> {
    const known = this.#routes.get(target);
    if (known === undefined) throw new TypeError(`no route ${target}`);
    const { route, handler, readQuery } = known;
    const inner = innerRequest(request, route, path, query, body);
    const method = route.method.toUpperCase();
    const caller = route.access === "open" ? undefined : (principal ?? this.principal());
    const own: Call = {
      ...call,
      method,
      route: route.path,
      group: route.group,
      key: null,
      principal: caller,
      owner: "",
    };
    try {
      if (caller !== undefined) own.partner = call.partner = admit(caller, route.access, method);
      return answerOf(await handler(inner, own, readQuery(inner)));
    } catch (failure) {
      if (!(failure instanceof Problem) || PROBLEMS[failure.code].status === 503) throw failure;
      const { code, message: detail, headers } = failure;
      return { status: PROBLEMS[code].status, body: {}, headers: headers ?? {}, code, detail };
    }
  }

  /** All rows of a list, newest first. @throws Problem 413: they are too many for one answer; 503 */
  async all(
    request: HttpRequest,
    call: Call,
    target: string,
    asked: LocalRequest = {},
  ): Promise<readonly Json[]> {
    const rows: Json[] = [];
    for (let cursor: string | undefined; ; ) {
      const place: Readonly<Record<string, string>> = cursor === undefined ? {} : { cursor };
      const query = { ...asked.query, ...place, limit: `${PAGE_ROWS}` };
      const body = bodyOf(await this.send(request, call, target, { ...asked, query }));
      for (const row of body["data"] as readonly Json[]) rows.push(row);
      const next = body["next_cursor"];
      if (typeof next !== "string") return rows;
      checkRows(rows.length, call);
      cursor = next;
    }
  }
}

/** The body of a success. @throws Problem the refusal */
export function bodyOf({ code, body, detail, headers }: LocalAnswer): Json {
  if (code !== undefined) throw new Problem(code, detail, { headers });
  return body;
}

/** Ends a list of many pages. @throws Problem 413, or 503 if nobody waits for the answer any more */
export function checkRows(rows: number, { startedMs }: Call): void {
  if (rows >= ROWS_MAX)
    throw new Problem("body_too_large", `The list has more than ${ROWS_MAX} rows: read it in pages, at /v1.`);
  if (performance.now() - startedMs > REQUEST_MS_MAX)
    throw new Problem("overloaded", "The list took too long.");
}

function answerOf({ status, headers, body }: HttpAnswer): LocalAnswer {
  const json = typeof body === "string" && body !== "" ? (JSON.parse(body) as Json) : {};
  if (status < 400) return { status, body: json, headers, code: undefined, detail: "" };
  return {
    status,
    body: json,
    headers: {},
    code: json["code"] as ProblemCode,
    detail: String(json["detail"]),
  };
}

function innerRequest(
  outer: HttpRequest,
  { path: template, method }: RouteDescription,
  path: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string>>,
  body: Json | undefined,
): HttpRequest {
  const names = Object.keys(path);
  const values = names.map((name) => encodeURIComponent(path[name] as string));
  const filled = names.reduce((text, name, i) => text.replace(`{${name}}`, values[i] as string), template);
  const search = new URLSearchParams(query).toString();
  const url = search === "" ? filled : `${filled}?${search}`;
  const inner = HttpRequest.of(new InnerMessage(outer, method.toUpperCase(), url, body), outer.outgoing);
  if (inner === undefined) throw new TypeError(`no request target: ${url}`);
  inner.setParameters(Object.fromEntries(names.map((name, i) => [name, i])), values);
  return inner;
}

/** A complete message that did not come from the socket. */
class InnerMessage extends IncomingMessage {
  constructor({ incoming: outer }: HttpRequest, method: string, url: string, body: Json | undefined) {
    super(outer.socket);
    this.method = method;
    this.url = url;
    this.httpVersion = "1.1";
    for (const name of PASSED_ON)
      if (outer.headers[name] !== undefined) this.headers[name] = outer.headers[name];
    if (body !== undefined) {
      const bytes = Buffer.from(JSON.stringify(body), "utf8");
      this.headers["content-type"] = "application/json";
      this.headers["content-length"] = String(bytes.length);
      this.push(bytes);
    }
    this.push(null);
    this.complete = true;
  }

  /** All of it is here already; Node's own would resume the socket. */
  override _read(): void {}
}
