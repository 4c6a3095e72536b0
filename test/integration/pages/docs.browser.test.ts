/** `/docs` in a browser, on a real server. */
import { expect, test } from "vitest";
import { openPage } from "../../support/browser.ts";
import { launchChromium } from "../../support/chromium.ts";
import { makePartner, operator, testFolder, testServer } from "../../support/server.ts";

test("the documentation is grouped and collapsed, has a filter, and keeps the key over a reload", async ({
  onTestFinished,
}) => {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "1" });
  const client = operator(server);
  const key = await makePartner(client);
  client.close();
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const page = await openPage(browser, server.url);
  await page.goto("/docs");
  const tags = page.locator(".opblock-tag");
  const operations = page.locator(".opblock-tag-section .opblock");
  await tags.first().waitFor();
  const names = await tags.evaluateAll((all) => all.map((each) => each.getAttribute("data-tag") ?? ""));
  expect(names.length).toBeGreaterThan(8);
  expect(names).toEqual(expect.arrayContaining(["accounts", "transfers", "loyalty"]));
  // The list of webhooks has no tags; nothing in it is open.
  expect([await operations.count(), await page.locator(".opblock.is-open").count()]).toEqual([0, 0]);

  await page.locator(".operation-filter-input").fill("accou");
  await expect.poll(() => tags.count()).toBe(1);
  await tags.click();
  await operations.first().waitFor();
  expect(await operations.locator("[data-path^='/v1/accounts']").count()).toBeGreaterThan(3);

  await page.getByRole("button", { name: "Authorize" }).first().click();
  await page.locator(".modal-ux input").first().fill(key);
  await page.locator(".modal-ux button.authorize").first().click();
  await page.reload();
  await tags.first().waitFor();
  expect(await page.locator(".scheme-container .authorize.locked").count()).toBe(1);
  // The address names the open tag.
  const list = page.locator("#operations-accounts-listAccounts");
  await list.click();
  await list.getByRole("button", { name: "Try it out" }).click();
  await list.getByRole("button", { name: "Execute" }).click();
  await list.locator(".live-responses-table .response-col_status").getByText("200").waitFor();
});
