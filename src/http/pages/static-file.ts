/** A file that does not change while the server runs: loaded, compressed and tagged once. */
import { hash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { answer, type Call, type HttpAnswer } from "../call.ts";
import type { HttpRequest } from "../request.ts";

const compress = promisify(gzip);
const ENTITY_TAG_CHARACTERS = 22;

type Contents = Readonly<{ plain: Uint8Array; zipped: Uint8Array; tag: string }>;

export type StaticFileOptions = Readonly<{
  type: string;
  /** How long a browser may cache it without revalidation, in seconds; 0: it always revalidates. */
  maxAgeS: number;
  /** Its path names this version, so that it never needs revalidation. */
  isImmutable?: boolean;
  /** Called at the first request. */
  read: () => string | Uint8Array;
}>;

export class StaticFile {
  readonly #options: StaticFileOptions;
  #contents: Promise<Contents> | undefined;

  constructor(options: StaticFileOptions) {
    this.#options = options;
  }

  /** Answers with gzip if the client accepts it; with 304 if the client has the current version. */
  async answer(request: HttpRequest, call: Call): Promise<HttpAnswer> {
    const { type, maxAgeS, isImmutable = false } = this.#options;
    const { plain, zipped, tag } = await (this.#contents ??= load(this.#options));
    const headers: Record<string, string> = {
      "Cache-Control": maxAgeS === 0 ? "no-cache" : `max-age=${maxAgeS}${isImmutable ? ", immutable" : ""}`,
      ETag: tag,
      Vary: "Accept-Encoding",
    };
    if (isKnown(request.header("if-none-match"), tag)) return answer(call, 304, null, headers);
    headers["Content-Type"] = type;
    if (!acceptsGzip(request.header("accept-encoding"))) return answer(call, 200, plain, headers);
    headers["Content-Encoding"] = "gzip";
    return answer(call, 200, zipped, headers);
  }
}

async function load({ read }: StaticFileOptions): Promise<Contents> {
  const plain = new Uint8Array(Buffer.from(read()));
  const name = hash("sha256", plain, "base64url").slice(0, ENTITY_TAG_CHARACTERS);
  // A weak tag: it identifies the content, compressed or not.
  return { plain, zipped: new Uint8Array(await compress(plain)), tag: `W/"${name}"` };
}

/** By RFC 9110, section 13.1.2. */
function isKnown(header: string | undefined, tag: string): boolean {
  const known = (header ?? "").split(",").map((each) => each.trim());
  return known.some((each) => each === "*" || each === tag || `W/${each}` === tag);
}

/** By RFC 9110, section 12.5.3: a named coding takes precedence over `*`; quality 0 means refused. */
export function acceptsGzip(header: string | undefined): boolean {
  const qualities = new Map<string, number>();
  for (const each of (header ?? "").split(",")) {
    const [coding = "", ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    qualities.set(coding, quality === undefined ? 1 : Number(quality));
  }
  return (qualities.get("gzip") ?? qualities.get("x-gzip") ?? qualities.get("*") ?? 0) > 0;
}
