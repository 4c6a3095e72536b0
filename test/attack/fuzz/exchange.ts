/** One connection: what is sent, how it ends, and the answers, parsed as strictly as a proxy may. */
import { connect } from "node:net";
import type { GeneratorValue } from "fast-check";
import type { Requests, WireRequest } from "./requests.ts";
import { oneIn, oneOf, upTo } from "./schema-values.ts";

/**
 * How a connection ends. `half`: the client closes its sending side and waits for answers; `cut`: the same within a
 * request; `leave`: the client disconnects.
 */
type Ending = "await" | "half" | "cut" | "leave";

export type Exchange = Readonly<{
  requests: readonly WireRequest[];
  pieces: readonly Buffer[];
  ending: Ending;
}>;

export type HttpAnswer = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
}>;

export type ExchangeResult = Readonly<{ answers: readonly HttpAnswer[]; tookMs: number; isClosed: boolean }>;

/** Up to four pipelined requests, sent in pieces. */
export function nextExchange(g: GeneratorValue, requests: Requests): Exchange {
  const sent = Array.from({ length: 1 + (oneIn(g, 3) ? upTo(g, 3) : 0) }, () => requests.next(g));
  const whole = Buffer.concat(sent.map(({ bytes }) => bytes));
  const wish = oneIn(g, 5) ? oneOf<Ending>(g, ["half", "cut", "leave"]) : "await";
  const ending = wish === "await" && !sent.every(({ isExact }) => isExact) ? "half" : wish;
  const bytes = ending === "cut" || ending === "leave" ? whole.subarray(0, upTo(g, whole.length)) : whole;
  const at = oneIn(g, 4) ? upTo(g, bytes.length) : bytes.length;
  return { requests: sent, pieces: [bytes.subarray(0, at), bytes.subarray(at)], ending };
}

/** Rejects if an answer is not HTTP, and when `late` resolves. */
export function runExchange(
  url: string,
  { requests, pieces, ending }: Exchange,
  late: Promise<void>,
): Promise<ExchangeResult> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const startedMs = performance.now();
    const reader = new AnswerReader(requests.map(({ method }) => method));
    let isClosed = false;
    const settle = (failure?: unknown): void => {
      socket.destroy();
      if (failure !== undefined) reject(failure);
      else resolve({ answers: reader.answers, tookMs: performance.now() - startedMs, isClosed });
    };
    late.then(() => settle(new Error(`no end in time: ${reader.answers.length} answers`)), reject);
    socket.on("error", () => {});
    socket.on("connect", () => {
      const [first = Buffer.alloc(0), ...rest] = pieces;
      socket.write(first);
      setImmediate(() => {
        for (const piece of rest) socket.write(piece);
        if (ending === "half" || ending === "cut") socket.end();
        if (ending === "leave") setImmediate(settle);
      });
    });
    socket.on("data", (piece: Buffer) => {
      try {
        reader.add(piece, false);
      } catch (failure) {
        settle(failure);
        return;
      }
      if (ending === "await" && reader.answers.length >= requests.length) settle();
    });
    socket.on("close", () => {
      isClosed = true;
      try {
        reader.add(Buffer.alloc(0), true);
        settle();
      } catch (failure) {
        settle(failure);
      }
    });
  });
}

/** @throws Error for violations of RFC 9112 */
class AnswerReader {
  readonly answers: HttpAnswer[] = [];
  readonly #methods: readonly string[];
  #rest = Buffer.alloc(0);

  constructor(methods: readonly string[]) {
    this.#methods = methods;
  }

  add(piece: Buffer, isEnd: boolean): void {
    this.#rest = Buffer.concat([this.#rest, piece]);
    while (this.#rest.length > 0 && this.#readOne());
    if (isEnd && this.#rest.length > 0) throw new Error(`an answer ends early: ${this.#shown()}`);
  }

  #shown(): string {
    return JSON.stringify(this.#rest.toString("latin1").slice(0, 400));
  }

  #readOne(): boolean {
    const headEnd = this.#rest.indexOf("\r\n\r\n");
    if (headEnd < 0) return false;
    const [start = "", ...lines] = this.#rest.subarray(0, headEnd).toString("latin1").split("\r\n");
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(start)?.[1]);
    if (Number.isNaN(status)) throw new Error(`this begins no answer: ${this.#shown()}`);
    const headers = this.#headersOf(lines);
    const bodyStart = headEnd + 4;
    if (status < 200) {
      this.#rest = this.#rest.subarray(bodyStart);
      return true;
    }
    const hasNone = status === 204 || status === 304 || this.#isOfHead(status, headers, bodyStart);
    const read = hasNone ? { body: "", end: bodyStart } : this.#body(headers, bodyStart);
    if (read === undefined) return false;
    this.answers.push({ status, headers, body: read.body });
    this.#rest = this.#rest.subarray(read.end);
    return true;
  }

  /**
   * Whether the answer has no body because it answers a HEAD. An error that closes the connection may answer a
   * request that could not be parsed, and then has a body.
   */
  #isOfHead(status: number, headers: HttpAnswer["headers"], bodyStart: number): boolean {
    if (this.#methods[this.answers.length] !== "HEAD") return false;
    const isLast = status >= 400 && headers["connection"] === "close";
    return !(isLast && this.#rest.length > bodyStart);
  }

  #headersOf(lines: readonly string[]): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const [, name = "", value = ""] = /^([!#$%&'*+.^_`|~\w-]+): ?([\t\x20-\x7e]*)$/.exec(line) ?? [];
      if (name === "") throw new Error(`this is no header: ${JSON.stringify(line)}`);
      const key = name.toLowerCase();
      if (headers[key] !== undefined && key !== "set-cookie") throw new Error(`${name} comes twice`);
      headers[key] = value;
    }
    return headers;
  }

  #body(headers: Readonly<Record<string, string>>, start: number): { body: string; end: number } | undefined {
    const { "content-length": length, "transfer-encoding": coding } = headers;
    if ((length === undefined) === (coding === undefined)) throw new Error(`no one length: ${this.#shown()}`);
    if (length !== undefined) {
      const end = start + Number(length);
      if (this.#rest.length < end) return undefined;
      return { body: this.#rest.subarray(start, end).toString("utf8"), end };
    }
    let body = "";
    for (let at = start; ; ) {
      const lineEnd = this.#rest.indexOf("\r\n", at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(this.#rest.subarray(at, lineEnd).toString("latin1"), 16);
      const next = lineEnd + 2 + size + 2;
      if (this.#rest.length < next) return undefined;
      if (size === 0) return { body, end: next };
      body += this.#rest.subarray(lineEnd + 2, next - 2).toString("utf8");
      at = next;
    }
  }
}
