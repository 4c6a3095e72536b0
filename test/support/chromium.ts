/** Chromium for tests, measurements and pictures of pages. */
import { type Browser, chromium } from "playwright-core";
import { chromiumProgram } from "./programs.ts";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Installs Chromium if it is missing and that can be done without a question. @throws Error that says what to type */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumProgram(), args: FLAGS });
}
