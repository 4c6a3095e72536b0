/**
 * Generated requests, most of them wrong in one or two places, over raw sockets. Each is answered in valid HTTP and
 * in time, none stops or restarts anything, and refused ones leave no trace in the log. `FUZZ_SEED` repeats a run,
 * `FUZZ_SECONDS` extends it.
 */
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { PROBLEMS } from "../../src/http/problem.ts";
import { startTestServer } from "../integration/programmes/test-server.ts";
import { type Client, operator, type ShardView, shardsOf } from "../support/server.ts";
import {
  type Exchange,
  type ExchangeResult,
  type HttpAnswer,
  nextExchange,
  runExchange,
} from "./fuzz/exchange.ts";
import { Requests } from "./fuzz/requests.ts";
import { upTo } from "./fuzz/schema-values.ts";
import { makeWorld, type World } from "./fuzz/world.ts";

const SECONDS = Number(process.env["FUZZ_SECONDS"] ?? 60);
/** Without FUZZ_SECONDS it ends after this many batches of requests: a busy machine sends 2,000 in 60 s. */
const BATCHES_MAX = process.env["FUZZ_SECONDS"] === undefined ? 3_000 : 1_000_000;
const SEED = Number(process.env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** An idle machine answers within 1 s; one that runs other tests is given more. */
const ANSWER_MS_MAX = 5_000;
/** If even the simplest request is late, the machine is slow, and the others may take as long again. */
const PROBE_MS_MAX = 250;
/** Time limit for shrinking a failure. */
const SHRINK_MS_MAX = 60_000;
const AT_ONCE_MAX = 8;
/** Codes of requests that are refused before they reach an actor. */
const AT_THE_DOOR = new Set(["400", "401", "403", "405", "413", "415", "417", "429", "431"]);

const house = startTestServer({ ISOLATION: "threads", SHARDS: "2" });
let world: World;
let admin: Client;
let before: readonly ShardView[];

beforeAll(async () => {
  await house.beginStatistics();
  world = await makeWorld(house);
  admin = operator(house.server);
  before = await shardsOf(admin);
  return () => admin.close();
});

const seen = { batches: 0, refusedBatches: 0, answers: new Map<number, number>(), tookMs: [] as number[] };

function shown({ requests, ending }: Exchange): string {
  const texts = requests.map(({ bytes }) => bytes.toString("latin1").slice(0, 1500));
  return `${ending}: ${texts.join("\n--- and behind it\n")}`;
}

function checkAnswer({ status, headers, body }: HttpAnswer, isHead: boolean): void {
  // The only refusal allowed here is to wait.
  if (status >= 500) expect([status, body]).toEqual([503, expect.stringContaining('"code":"overloaded"')]);
  if (status < 400) return;
  expect(headers["content-type"]).toBe("application/problem+json");
  if (isHead) return;
  const problem = JSON.parse(body) as { code: string; status: number };
  expect(Object.keys(PROBLEMS)).toContain(problem.code);
  expect([problem.status, PROBLEMS[problem.code as keyof typeof PROBLEMS].status]).toEqual([status, status]);
}

function checkResult({ requests, ending }: Exchange, { answers, isClosed, tookMs }: ExchangeResult): void {
  answers.forEach((answer, i) => {
    checkAnswer(answer, requests[i]?.method === "HEAD");
    seen.answers.set(answer.status, (seen.answers.get(answer.status) ?? 0) + 1);
  });
  seen.tookMs.push(tookMs);
  if (ending !== "await" || answers.length >= requests.length) return;
  // Once the server has announced that it closes the connection, later requests get no answer.
  expect([isClosed, answers.at(-1)?.headers["connection"]]).toEqual([true, "close"]);
}

/** Resolves when an answer is late although the machine is not slow. */
async function late(signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < 4; tries++) {
    await setTimeout(ANSWER_MS_MAX, undefined, { signal });
    const startedMs = performance.now();
    await fetch(`${house.server.url}/healthz`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch(
      () => {},
    );
    if (performance.now() - startedMs < PROBE_MS_MAX) return;
  }
}

/** @returns whether all requests were answered and refused. */
async function send(exchanges: readonly Exchange[]): Promise<boolean> {
  const over = new AbortController();
  const isLate = late(over.signal);
  const received = await Promise.all(
    exchanges.map(async (exchange) => {
      try {
        const result = await runExchange(house.server.url, exchange, isLate);
        checkResult(exchange, result);
        return result;
      } catch (cause) {
        throw new Error(`${(cause as Error).message}\nafter ${shown(exchange)}`, { cause });
      }
    }),
  ).finally(() => over.abort());
  return received.every(({ answers }, i) => {
    const { requests, ending } = exchanges[i] as Exchange;
    const isAnswered = answers.length >= requests.length || answers.at(-1)?.headers["connection"] === "close";
    return ending === "await" && isAnswered && answers.every(({ status }) => AT_THE_DOOR.has(String(status)));
  });
}

async function positions(): Promise<readonly string[]> {
  const views = await shardsOf(admin);
  expect(views.map(({ status, restarts, epoch }) => [status, restarts, epoch])).toEqual(
    before.map(({ status, restarts, epoch }) => [status, restarts, epoch]),
  );
  return views.map(({ position }) => position);
}

/** A tick or an expiry may be logged in between: then the same requests are sent again. */
async function judge(exchanges: readonly Exchange[]): Promise<void> {
  seen.batches += 1;
  for (let tries = 1; ; tries++) {
    const was = await positions();
    const allRefused = await send(exchanges);
    const is = await positions();
    if (!allRefused) return;
    seen.refusedBatches += tries === 1 ? 1 : 0;
    if (String(is) === String(was)) return;
    if (tries === 4) throw new Error(`refused, but logged:\n${exchanges.map(shown).join("\n=== and\n")}`);
  }
}

test(
  "generated requests, most of them wrong in one or two places, are answered and harmless",
  async () => {
    const requests = new Requests(world.document, world.known, world.keysFor);
    const endMs = performance.now() + SECONDS * 1000 + SHRINK_MS_MAX;
    const batches = fc.asyncProperty(fc.gen(), async (g) => {
      const count = 1 + upTo(g, AT_ONCE_MAX - 1);
      if (performance.now() > endMs) return;
      await judge(Array.from({ length: count }, () => nextExchange(g, requests)));
    });
    const { failed, errorInstance, counterexamplePath } = await fc.check(batches, {
      seed: SEED,
      numRuns: BATCHES_MAX,
      interruptAfterTimeLimit: SECONDS * 1000,
    });
    const fault = String((errorInstance as Error | null)?.message);
    expect(failed, `FUZZ_SEED=${SEED}, ${counterexamplePath}: ${fault}`).toBe(false);
    expect(house.server.running).toBe(true);
    expect(house.server.errorLines).toEqual([]);
    expect(seen.refusedBatches).toBeGreaterThan(0);
    const sorted = seen.tookMs.toSorted((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => sorted[Math.floor(sorted.length * part)]?.toFixed(1));
    const statuses = [...seen.answers].toSorted(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`);
    process.stdout.write(
      `FUZZ_SEED=${SEED}: ${seen.batches} batches, ${seen.refusedBatches} refused; ms p50 ${p50}, p99 ${p99}, ` +
        `max ${sorted.at(-1)?.toFixed(0)}; ${statuses.join(", ")}\n`,
    );
  },
  (SECONDS + 120) * 1000,
);
