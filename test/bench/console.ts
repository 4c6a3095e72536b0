/** Measures what an open console costs the load beside it, and how soon the console is there. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { launchChromium } from "../support/chromium.ts";
import { measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { Daybook, OPERATOR_KEY } from "./daybook.ts";
import { singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";

const CONNECTIONS = 64;
const SAME_ORIGIN = { "sec-fetch-site": "same-origin" };
const TICK_MS = 1_000;
/** What the overview asks for: each tick, and each third tick. */
const EACH_TICK = ["/console/live", "/console/live-shards"];
const EACH_THIRD = "/console/newest";

export async function measureConsole(bench: BenchContext): Promise<void> {
  const { accounts, shards } = bench.options;
  if (!bench.wants("console")) return;
  const daybook = await Daybook.start({ folder: bench.newFolder(), backend: "redis", shards });
  await daybook.createAccounts(accounts);
  const load = {
    subject: daybook,
    bodies: writeBodies(join(daybook.dataFolder, "bodies"), singleBodies(accounts)),
  };
  const arms = [
    { ...load, name: "open", during: () => watch(daybook.url) },
    { ...load, name: "closed" },
  ] as const;
  await measureFirstView(bench, daybook.url);
  await measureLoads(bench, { name: "console.single", connections: [CONNECTIONS], arms });
  await daybook.stop();
}

/** Asks for what the open overview asks for; a browser would take a core of its own. @returns a function that ends it */
async function watch(url: string): Promise<() => void> {
  const login = await fetch(`${url}/console/login`, {
    method: "POST",
    redirect: "manual",
    headers: SAME_ORIGIN,
    body: new URLSearchParams({ key: OPERATOR_KEY }),
  });
  const cookie = login.headers.get("set-cookie")?.split(";", 1)[0];
  if (cookie === undefined) throw new Error(`the console answers a login with ${login.status}`);
  const see = async (path: string) => {
    const answer = await fetch(url + path, { headers: { cookie } });
    if (!answer.ok) throw new Error(`${path} is answered with ${answer.status}`);
    await answer.text();
  };
  let ticks = 0;
  const timer = setInterval(() => {
    for (const path of EACH_TICK) void see(path);
    if (ticks % 3 === 0) void see(EACH_THIRD);
    ticks += 1;
  }, TICK_MS);
  await see("/console");
  return () => clearInterval(timer);
}

/** From the navigation to the first sentence of the overview, in a browser without a cache. */
async function measureFirstView(bench: BenchContext, url: string): Promise<void> {
  const browser = await launchChromium();
  const runs: number[] = [];
  for (let i = 0; i < bench.options.runs; i++) {
    const context = await browser.newContext({ baseURL: url });
    const page = await context.newPage();
    await page.goto("/console/login");
    await page.getByLabel("API key").fill(OPERATOR_KEY);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL("/console");
    const { cookies } = await context.storageState();
    await context.close();
    const fresh = await browser.newContext({ baseURL: url });
    await fresh.addCookies(cookies);
    const view = await fresh.newPage();
    await delay(TICK_MS);
    const beganMs = performance.now();
    await view.goto("/console", { waitUntil: "commit" });
    await view.locator(".headline").waitFor();
    runs.push(performance.now() - beganMs);
    await fresh.close();
  }
  await browser.close();
  bench.emit({ name: "console.first_view", unit: "ms", settings: { viewport: "1280 × 720" }, runs });
}
