/** A browser on the pages of a server: logged in, with checks that hold on every page. */
import { readFileSync } from "node:fs";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";

const AXE = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

export type Scheme = "light" | "dark";
export type Cookies = Awaited<ReturnType<BrowserContext["cookies"]>>;
/** `cookies`: of a session that has begun. `isScripted`: whether scripts are switched on. */
export type View = Readonly<{ scheme?: Scheme; width?: number; cookies?: Cookies; isScripted?: boolean }>;

type Violation = Readonly<{
  id: string;
  nodes: readonly Readonly<{ html: string; failureSummary?: string }>[];
}>;

/** A page whose errors, violations of the policy and dialogs of scripts fail the test. */
export async function openPage(
  browser: Browser,
  url: string,
  { scheme = "light", width = 1280, cookies = [], isScripted = true }: View = {},
  mayInject = false,
): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    baseURL: url,
    colorScheme: scheme,
    viewport: { width, height: 800 },
    // Dialogs are there at once.
    reducedMotion: "reduce",
    // Only for axe, which is no part of the pages.
    bypassCSP: mayInject,
    javaScriptEnabled: isScripted,
  });
  await context.addCookies(cookies);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => {
    faults.push(`a script of a user asks: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    // Refusals are asked for, and a server that restarts answers with errors that pages must bear.
    const text = message.text();
    if (message.type() === "error" && !/status of [45]\d\d|ERR_CONNECTION/.test(text)) faults.push(text);
  });
  onTestFinished(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });
  return page;
}

/** Logs in at the area that `next` is in: the console, or the pages of a partner. */
export async function logIn(page: Page, key: string, next = "/console"): Promise<void> {
  const login = `/${next.split(/[/?]/)[1]}/login`;
  await page.goto(`${login}?next=${encodeURIComponent(next)}`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL((url) => url.pathname !== login);
}

/** Logs in, for pages that are opened with these cookies. */
export async function beginSession(
  browser: Browser,
  url: string,
  key: string,
  next: string,
): Promise<Cookies> {
  const context = await browser.newContext({ baseURL: url });
  await logIn(await context.newPage(), key, next);
  const cookies = await context.cookies();
  await context.close();
  return cookies;
}

const TABS_MAX = 100;

/** Presses Tab until the element with this name has the focus, which must be seen. */
export async function tabTo(
  page: Page,
  name: string | RegExp,
  role: "button" | "link" | "textbox" | "combobox" | "checkbox" | "searchbox" = "button",
): Promise<void> {
  await tabToElement(page, page.getByRole(role, { name, exact: true }).first());
}

export async function tabToElement(page: Page, wanted: Locator): Promise<void> {
  const hasFocus = () => wanted.evaluate((element) => element === element.ownerDocument.activeElement);
  for (let presses = 0; presses < TABS_MAX && !(await hasFocus()); presses++)
    await page.keyboard.press("Tab");
  expect(await hasFocus()).toBe(true);
  // As an expression: of a text that is a function nothing would be called.
  expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
}

/** What axe finds wrong with the page as it is now. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = "" }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** How far the page is wider than its window, in pixels. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth");
}
