/** A server with wallet users, and browsers on its pages. */
import { rmSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { beforeAll, onTestFinished } from "vitest";
import { openPage, type View } from "../../support/browser.ts";
import { launchChromium } from "../../support/chromium.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { Client, OPERATOR_KEY, ServerProcess } from "../../support/server.ts";

export const PASSWORD = "correct horse battery";
export const EVIL = `<script>alert("x")</script>`;
export const PHONE: View = { width: 390 };

export type User = Readonly<{ page: Page; email: string; wallet: string }>;
type ApiUser = Readonly<{ client: Client; wallet: string; email: string }>;

/** One for all tests of a file. Its members exist once the first test begins. */
export class WalletWorld {
  server!: ServerProcess;
  browser!: Browser;
  operator!: Client;
  bank!: Client;
  /** The platform's, who hosts the wallets. */
  house!: Client;
  #made = 0;

  static shared(): WalletWorld {
    const world = new WalletWorld();
    beforeAll(() => world.#start());
    return world;
  }

  async #start(): Promise<() => Promise<void>> {
    const dir = makeScratchFolder("daybook-test");
    const server = ServerProcess.launch({ DATA_DIR: dir, SHARDS: "2", GATEWAYS: "2" });
    await server.serving();
    this.server = server;
    this.operator = new Client(server.url, OPERATOR_KEY);
    this.bank = await this.#clientOf("bank", "Northbank");
    this.house = await this.#clientOf("partner", "support");
    this.browser = await launchChromium();
    return async () => {
      await this.browser.close();
      for (const client of [this.operator, this.bank, this.house]) client.close();
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    };
  }

  async #clientOf(role: string, name: string): Promise<Client> {
    const path = "/v1/partners/house/keys";
    const { api_key: key } = await this.operator.ask<{ api_key: string }>("POST", path, { role, name });
    return new Client(this.server.url, key);
  }

  newEmail(): string {
    return `user${(this.#made += 1)}@example.com`;
  }

  /** Somebody who has opened a wallet and, unless `amount` is 0, has paid in. @param amount minor units */
  async signUp(view: View, amount = 0, name = "Ann Lee", mayInject = false): Promise<User> {
    const page = await openPage(this.browser, this.server.url, view, mayInject);
    const email = this.newEmail();
    await page.goto("/signup");
    await fillAndSend(page, { Name: name, "E-mail": email, Password: PASSWORD }, "Open wallet");
    await page.getByRole("heading", { name: "Balance" }).waitFor();
    const wallet = await page.locator(".facts .mono").innerText();
    if (amount > 0) await this.payIn(wallet, amount);
    return { page, email, wallet };
  }

  async payIn(wallet: string, amount: number): Promise<void> {
    await this.bank.ask("POST", "/v1/deposits", { wallet_id: wallet, amount, details: "Salary" });
  }

  /** Somebody without a browser. */
  async apiUser(name: string): Promise<ApiUser> {
    const email = this.newEmail();
    const open = new Client(this.server.url, "");
    const body = { name, email, password: PASSWORD };
    const user = await open.ask<{ token: string; wallet_id: string }>("POST", "/v1/wallet/signup", body);
    open.close();
    const client = new Client(this.server.url, user.token);
    onTestFinished(() => client.close());
    return { client, wallet: user.wallet_id, email };
  }
}

export async function fillAndSend(
  page: Page,
  fields: Readonly<Record<string, string>>,
  button: string,
): Promise<void> {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label).fill(text);
  await page.getByRole("button", { name: button, exact: true }).click();
}
