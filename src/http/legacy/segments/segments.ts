/** The segments service: `/user`, `/segment` and below it. A slash at the end of a path is ignored, as it was there. */
import type { Ledger } from "../../../gateway/ports.ts";
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { invalid, PROBLEMS, Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { bodyOf, type Json, type LocalApi } from "../local-api.ts";
import { readOldBody } from "../old-body.ts";
import { type OldSystem, oldJson, withSlash } from "../old-routes.ts";
import { downloadReport, reportName } from "./report-files.ts";

type SegmentsDeps = Readonly<{ api: LocalApi; ledger: Ledger }>;

/** Shortest slug of both systems. */
const SLUG_LENGTH_MIN = 3;
/** In one change, as in `/v1`. */
const SLUGS_MAX = 1_000;
/** Segments may be deleted between the look-up of their slugs and the change. */
const LOOK_UPS_MAX = 5;

export function segmentsSystem(deps: SegmentsDeps): OldSystem {
  const { api } = deps;
  return {
    refuse,
    add(add) {
      const both = withSlash(add);
      both("POST", "/user", (request, call) => createUser(api, request, call));
      both("POST", "/segment", (request, call) => createSegment(api, request, call));
      both("DELETE", "/segment", (request, call) => deleteSegment(api, request, call));
      both("POST", "/segment/user", (request, call) => changeUser(api, request, call));
      both("GET", "/segment/user/:id", (request, call) => segmentsOf(api, request, call));
      both("GET", "/segment/history/:id", requestReport);
      both("GET", "/segment/reports/:file", (request, call) => downloadReport(request, call, deps));
    },
  };
}

async function createUser(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { id } = bodyOf(await api.send(request, call, "POST /v1/users"));
  return oldJson(call, 201, { user_id: Number(id) });
}

async function createSegment(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { members } = await readOldBody(request);
  refuseUnknown(members, ["slug", "user_percent"]);
  const slug = slugIn(members);
  const percent = positiveIn(members, "user_percent");
  const body = percent === undefined ? { slug } : { slug, user_percent: percent };
  const made = await api.send(request, call, "POST /v1/segments", { body });
  if (made.code === "segment_exists") throw new Problem("segment_exists", "segment already exists");
  return oldJson(call, 201, { created_at: bodyOf(made)["created_at"] });
}

async function deleteSegment(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { members } = await readOldBody(request);
  refuseUnknown(members, ["slug"]);
  const deleted = await api.send(request, call, "DELETE /v1/segments/{slug}", {
    path: { slug: slugIn(members) },
  });
  if (deleted.code === "segment_not_found") throw new Problem("segment_not_found", "segment not found");
  bodyOf(deleted);
  return oldJson(call, 200, { message: "ok" });
}

async function changeUser(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const { members } = await readOldBody(request);
  refuseUnknown(members, ["user_id", "add_segments", "ttl", "delete_segments"]);
  const user = positiveIn(members, "user_id");
  if (user === undefined) throw invalid("user_id", "This field is required");
  const add = slugsIn(members, "add_segments");
  const remove = slugsIn(members, "delete_segments");
  if (add.length + remove.length > SLUGS_MAX) throw invalid("", `at most ${SLUGS_MAX} slugs in all`);
  const ttlS = positiveIn(members, "ttl");
  for (let lookUp = 1; ; lookUp++) {
    const known = await knownSlugs(api, request, call, [...add, ...remove]);
    const change = {
      add: add.filter((slug) => known.has(slug)),
      remove: remove.filter((slug) => known.has(slug)),
    };
    if (change.add.length + change.remove.length === 0)
      return oldJson(call, 200, { segments_added: 0, segments_deleted: 0 });
    const body = ttlS === undefined ? change : { ...change, ttl_s: ttlS };
    const path = { id: String(user) };
    const changed = await api.send(request, call, "PATCH /v1/users/{id}/segments", { path, body });
    if (changed.code === "segment_not_found" && lookUp < LOOK_UPS_MAX) continue;
    const { added, removed } = bodyOf(changed);
    return oldJson(call, 200, { segments_added: added, segments_deleted: removed });
  }
}

/** The slugs that exist. The old system skips the others without a word, `/v1` refuses the whole change. */
async function knownSlugs(
  api: LocalApi,
  request: HttpRequest,
  call: Call,
  slugs: readonly string[],
): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  for (const slug of new Set(slugs)) {
    const { code } = await api.send(request, call, "GET /v1/segments/{slug}", { path: { slug } });
    if (code === undefined) known.add(slug);
  }
  return known;
}

async function segmentsOf(api: LocalApi, request: HttpRequest, call: Call): Promise<HttpAnswer> {
  const path = { id: String(intParam(request.param("id"))) };
  const { segments } = bodyOf(await api.send(request, call, "GET /v1/users/{id}/segments", { path }));
  const slugs = (segments as readonly Json[]).map(({ slug }) => ({ slug }));
  // An empty list of Go.
  return oldJson(call, 200, { segments: slugs.length === 0 ? null : slugs });
}

function requestReport(request: HttpRequest, call: Call): HttpAnswer {
  const user = intParam(request.param("id"));
  const query = new URLSearchParams(request.query);
  const [month, year] = ["month", "year"].map((name) => intParam(query.get(name) ?? "")) as [number, number];
  if (month < 1 || month > 12) throw invalid("month", "must be from 1 to 12");
  if (year < 1970 || year > 9999) throw invalid("year", "must be from 1970 to 9999");
  const name = reportName({ user: String(user), year, month }, Date.now());
  return oldJson(call, 200, { report_link: `${request.header("host")}/segment/reports/${name}` });
}

/** @throws Problem 400 */
function intParam(text: string): number {
  if (text === "") throw invalid("", "empty query param");
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw invalid("", `strconv.ParseInt: parsing ${JSON.stringify(text.slice(0, 40))}: invalid syntax`);
  return Number(text);
}

/** @throws Problem 400 */
function refuseUnknown(members: Json, known: readonly string[]): void {
  const unknown = Object.keys(members).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid("", `json: unknown field ${JSON.stringify(unknown.slice(0, 40))}`);
}

function wrongType(field: string): Problem {
  return invalid("", `body contains incorrect JSON type for field "${field}"`);
}

/** A whole number above 0; `undefined` if it is absent, or zero, which Go cannot tell apart. @throws Problem 400 */
function positiveIn(members: Json, name: string): number | undefined {
  const value = members[name] ?? 0;
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrongType(name);
  if (value < 0) throw invalid(name, "This field must be at least 1");
  return value === 0 ? undefined : value;
}

/** @throws Problem 400 */
function slugIn(members: Json): string {
  const { slug } = members;
  if (slug === undefined || slug === "") throw invalid("slug", "This field is required");
  return checkedSlug(slug, "slug");
}

/** @throws Problem 400 */
function slugsIn(members: Json, name: string): readonly string[] {
  const slugs = members[name] ?? [];
  if (!Array.isArray(slugs)) throw wrongType(name);
  return slugs.map((slug) => checkedSlug(slug, name));
}

function checkedSlug(slug: unknown, field: string): string {
  if (typeof slug !== "string") throw wrongType(field);
  if (slug.length < SLUG_LENGTH_MIN) throw invalid(field, `This field must be at least ${SLUG_LENGTH_MIN}`);
  return slug;
}

/** The old system knew 400, 404 and 500. */
function refuse(call: Call, { code, message, errors, headers }: Problem): HttpAnswer {
  if (code === "method_not_allowed") return answer(call, 405, "", { ...headers });
  const { status } = PROBLEMS[code];
  const isKept = [403, 404, 429, 500].includes(status);
  const fields = errors
    ?.filter(({ path }) => path !== "")
    .map(({ path: field, message: text }) => ({ field, message: text }));
  const error = fields !== undefined && fields.length > 0 ? fields : message;
  return oldJson(call, isKept ? status : 400, { error }, { ...headers });
}
