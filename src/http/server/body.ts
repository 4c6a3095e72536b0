/** Reading a request's body, never more of it than allowed. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { checkWork, DEPTH_MAX, exactly, type Survey, surveyOf } from "../input/exact-json.ts";
import { invalid, Problem } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import { BodiesUnderWay, BodyUnderWay, tooLarge } from "./bodies-under-way.ts";
import { brokenBody } from "./unreadable.ts";

export const BODY_BYTES_MAX = 1024 * 1024;
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Of what anybody may send without a key. */
export const LOGIN_BYTES_MAX = 16 * 1024;
/** Of all bodies together that a gateway has begun to read. */
const UNDER_WAY_BYTES_MAX = 128 * 1024 * 1024;
/** Elements and members of a body, lists and objects included. */
const VALUES_MAX = 100_000;

/** The media type in small letters without its parameters. @throws Problem 415 for a charset other than UTF-8 */
export function mediaType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === "application/json") return contentType ?? "";
  const [type = "", ...parameters] = contentType.split(";");
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=");
    if (name.trim().toLowerCase() !== "charset") continue;
    if (!/^"?utf-?8"?$/i.test(value.trim()))
      throw new Problem("unsupported_media_type", "Only UTF-8 is understood.");
  }
  return type.trim().toLowerCase();
}

/** @throws Problem 415 for a body that is compressed; 413 as soon as it is known, with what follows unread */
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

const underWay = new BodiesUnderWay(UNDER_WAY_BYTES_MAX);
const EMPTY = Buffer.alloc(0);

/**
 * A body that came along with its head is complete when Node has read the packet, and is taken as it lies. Any other is
 * listened to.
 */
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
  let whole: Buffer | undefined;
  let body: BodyUnderWay | undefined;
  const refuse = (problem: unknown): void => {
    if (body !== undefined) underWay.remove(body);
    incoming.off("data", onData);
    incoming.pause();
    reject(problem);
  };
  const onData = (piece: Buffer): void => {
    if (piece.length === announced) {
      whole = piece;
      return;
    }
    body ??= new BodyUnderWay(bytesMax, refuse);
    try {
      underWay.add(body, piece);
    } catch (problem) {
      refuse(problem);
    }
  };
  incoming.on("data", onData);
  incoming.on("end", () => {
    if (body !== undefined) underWay.remove(body);
    resolve(whole ?? body?.whole() ?? EMPTY);
  });
  incoming.on("error", (error) =>
    refuse(error instanceof Problem ? error : invalid("", "The body ended early.")),
  );
}

/** Without the byte order mark that some programs begin with. */
export function withoutMark(body: Buffer): Buffer {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return hasMark ? body.subarray(3) : body;
}

/** @throws Problem 400 for bytes that are not UTF-8: they would be replaced silently and stand in the books so */
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

/** The same with every number as it is written, or NaN. @param decimals that a number may have. @throws Problem 400, 413 */
export function parseExactly(body: Buffer, decimals = 0): unknown {
  const survey = surveyOf(body);
  checkSurvey(survey);
  return parseSurveyed(utf8Text(body), survey, decimals);
}

/** @throws Problem 400, 413: it is deeper, or has more values, than what is taken */
export function checkSurvey(survey: Survey, depthMax = DEPTH_MAX, valuesMax = VALUES_MAX): void {
  if (survey.depth > depthMax) throw invalid("", "The body has too many levels.");
  checkWork(survey, valuesMax);
}

/** @param survey is of the text. @throws Problem 400 */
export function parseSurveyed(text: string, survey: Survey, decimals = 0): unknown {
  return exactly(parseJson(text), text, survey, decimals);
}

/** How much a JSON body may have, and how exact its numbers may be. */
export type JsonBounds = Readonly<{
  bytesMax?: number;
  /** Digits that a fraction may have. */
  decimals?: number;
  /** Asked where there is no body, which is then like an empty object. */
  mayBeEmpty?: () => boolean;
}>;

/** The JSON body of a request. @throws Problem 400, 413, 415 */
export async function readJson(
  request: HttpRequest,
  { bytesMax = BODY_BYTES_MAX, decimals = 0, mayBeEmpty = () => false }: JsonBounds = {},
): Promise<unknown> {
  const body = await readBody(request, bytesMax);
  if (body.length === 0 && mayBeEmpty()) return {};
  if (mediaType(request.header("content-type")) !== "application/json")
    throw new Problem("unsupported_media_type", "Send application/json.");
  return parseExactly(body, decimals);
}

/** A JSON body that may be left out, which is then like an empty object. @throws Problem 400, 413, 415 */
export function readOptionalJson(request: HttpRequest): Promise<unknown> {
  return readJson(request, { mayBeEmpty: () => true });
}

/** For an action that takes no members: no body at all, or an empty object. @throws Problem 400, 413, 415 */
export async function readNothing(request: HttpRequest): Promise<void> {
  const value = await readOptionalJson(request);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || Object.keys(value).length > 0) throw invalid("", "This takes no members.");
}
