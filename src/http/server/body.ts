/** Reads request bodies, within bounds of size and work. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { workSlices } from "../../gateway/work-slices.ts";
import {
  checkWork,
  DEPTH_MAX,
  type Decimals,
  exactly,
  JsonScan,
  type Survey,
  surveyOf,
} from "../input/exact-json.ts";
import { invalid, Problem } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import { IncomingBodies, IncomingBody, tooLarge } from "./incoming-bodies.ts";
import { brokenBody } from "./unreadable.ts";

export const BODY_BYTES_MAX = 1024 * 1024;
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Limit for requests without a key. */
export const LOGIN_BYTES_MAX = 16 * 1024;
/** Limit on all bodies that a gateway is receiving. */
const UNDER_WAY_BYTES_MAX = 128 * 1024 * 1024;
/**
 * Limit on the values of a body: elements and members, including lists and objects. Twice what the longest lists have;
 * the parser reads as many in some milliseconds.
 */
const VALUES_MAX = 20_000;
/** A larger body is parsed in steps, between which other requests are answered. */
const SLICED_BYTES_MIN = 64 * 1024;
/** Bytes scanned in one step: half a millisecond. */
const SCANNED_BYTES = 256 * 1024;

/** The media type in lower case, without parameters. @throws Problem 415 for a charset other than UTF-8 */
export function mediaType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === "application/json") return contentType ?? "";
  const [type = "", ...parameters] = contentType.split(";");
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=");
    if (name.trim().toLowerCase() !== "charset") continue;
    if (!/^"?utf-?8"?$/i.test(value.trim()))
      throw new Problem("unsupported_media_type", "The charset must be UTF-8.");
  }
  return type.trim().toLowerCase();
}

/** @throws Problem 415 for a compressed body; 413 as soon as the size is known, without reading the rest */
export function readBody(request: HttpRequest, bytesMax: number): Promise<Buffer> {
  const announced = request.header("content-length");
  if (announced !== undefined && Number(announced) > bytesMax) return Promise.reject(tooLarge(bytesMax));
  const coding = request.header("content-encoding");
  if (coding !== undefined && coding.trim().toLowerCase() !== "identity") {
    const detail = "Send the body without a Content-Encoding.";
    return Promise.reject(new Problem("unsupported_media_type", detail));
  }
  return readNodeBody(request.incoming, bytesMax, announced === undefined ? undefined : Number(announced));
}

const underWay = new IncomingBodies(UNDER_WAY_BYTES_MAX);
const EMPTY = Buffer.alloc(0);

/** A body that arrived with its head is complete once Node has parsed the packet, and is read directly. */
function readNodeBody(
  incoming: IncomingMessage,
  bytesMax: number,
  announced: number | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    process.nextTick(() => {
      if (!incoming.complete || brokenBody(incoming) !== undefined)
        listenToBody(incoming, bytesMax, announced, resolve, reject);
      else if (incoming.readableLength > bytesMax) reject(tooLarge(bytesMax));
      else resolve((incoming.read() as Buffer | null) ?? EMPTY);
    });
  });
}

function listenToBody(
  incoming: IncomingMessage,
  bytesMax: number,
  announced: number | undefined,
  resolve: (body: Buffer) => void,
  reject: (problem: unknown) => void,
): void {
  const broken = brokenBody(incoming);
  if (broken !== undefined) {
    reject(broken);
    return;
  }
  let singleChunk: Buffer | undefined;
  let body: IncomingBody | undefined;
  const refuse = (problem: unknown): void => {
    if (body !== undefined) underWay.remove(body);
    incoming.off("data", onData);
    incoming.pause();
    reject(problem);
  };
  const onData = (chunk: Buffer): void => {
    if (chunk.length === announced) {
      singleChunk = chunk;
      return;
    }
    // Never more memory than was announced: 3 MB must not take 4 MB.
    body ??= new IncomingBody(Math.min(bytesMax, announced || bytesMax), refuse);
    try {
      underWay.add(body, chunk);
    } catch (problem) {
      refuse(problem);
    }
  };
  incoming.on("data", onData);
  incoming.on("end", () => {
    if (body !== undefined) underWay.remove(body);
    resolve(singleChunk ?? body?.whole() ?? EMPTY);
  });
  incoming.on("error", (error) =>
    refuse(error instanceof Problem ? error : invalid("", "The body ended before it was complete.")),
  );
}

export function withoutMark(body: Buffer): Buffer {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return hasMark ? body.subarray(3) : body;
}

/** @throws Problem 400 for invalid UTF-8: decoding would silently replace it, and the ledger would store that */
export function utf8Text(body: Buffer): string {
  if (!isUtf8(body)) throw invalid("", "The body is not UTF-8.");
  return withoutMark(body).toString("utf8");
}

/** @throws Problem 400 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("", text.trim() === "" ? "The body is empty." : "The body is not JSON.");
  }
}

/**
 * Parses JSON exactly: a number that is not written as allowed becomes NaN. @param decimals by member:
 * digits allowed in its fraction. @throws Problem 400, 413
 */
export function parseExactly(body: Buffer, decimals: Decimals = {}): unknown {
  const survey = surveyOf(body);
  checkSurvey(survey);
  return parseSurveyed(utf8Text(body), survey, decimals);
}

/** @throws Problem 400, 413: too many levels, or too many values */
export function checkSurvey(survey: Survey, depthMax = DEPTH_MAX, valuesMax = VALUES_MAX): void {
  if (survey.depth > depthMax) throw invalid("", "The body is nested too deeply.");
  checkWork(survey, valuesMax);
}

/** @param survey of the text. @throws Problem 400 */
export function parseSurveyed(text: string, survey: Survey, decimals: Decimals = {}): unknown {
  return exactly(parseJson(text), text, survey, decimals);
}

/** `parseExactly` in slices of the partner. @throws Problem (as a rejection) 400, 413 */
async function parseInSlices(body: Buffer, decimals: Decimals, partner: string): Promise<unknown> {
  const scan = new JsonScan(body);
  do await workSlices.next(partner);
  while (!scan.advance(SCANNED_BYTES));
  checkSurvey(scan.survey);
  await workSlices.next(partner);
  const text = utf8Text(body);
  const value = parseJson(text);
  await workSlices.next(partner);
  return exactly(value, text, scan.survey, decimals);
}

export type JsonBounds = Readonly<{
  /** Whose turn it is while a large body is parsed. */
  partner?: string;
  bytesMax?: number;
  /** By member: digits allowed in its fraction. */
  decimals?: Decimals;
  /** Called if there is no body; true: the body counts as `{}`. */
  mayBeEmpty?: () => boolean;
}>;

/** The JSON body of a request. @throws Problem 400, 413, 415 */
export async function readJson(
  request: HttpRequest,
  { bytesMax = BODY_BYTES_MAX, decimals = {}, mayBeEmpty = () => false, partner = "" }: JsonBounds = {},
): Promise<unknown> {
  const body = await readBody(request, bytesMax);
  if (body.length === 0 && mayBeEmpty()) return {};
  if (mediaType(request.header("content-type")) !== "application/json")
    throw new Problem("unsupported_media_type", "Send application/json.");
  if (body.length < SLICED_BYTES_MIN) return parseExactly(body, decimals);
  return parseInSlices(body, decimals, partner);
}

/** A JSON body that may be absent, which counts as `{}`. @throws Problem 400, 413, 415 */
export function readOptionalJson(request: HttpRequest): Promise<unknown> {
  return readJson(request, { mayBeEmpty: () => true });
}

/** For an action without members: no body, or `{}`. @throws Problem 400, 413, 415 */
export async function readNothing(request: HttpRequest): Promise<void> {
  const value = await readOptionalJson(request);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || Object.keys(value).length > 0) throw invalid("", "The body must be empty or {}.");
}
