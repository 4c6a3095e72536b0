import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { workSlices } from "../../../src/gateway/work-slices.ts";
import { Email } from "../../../src/http/input/email.ts";
import { checkEach } from "../../../src/http/input/validation.ts";
import { createTestApp, problemOf } from "../test-app.ts";

afterEach(() => vi.restoreAllMocks());

/** Makes every slice end after one step. Returns the partners that waited for their next slice. */
function shortSlices(): string[] {
  const waited: string[] = [];
  vi.spyOn(workSlices, "isOver", "get").mockReturnValue(true);
  vi.spyOn(workSlices, "next").mockImplementation(async (partner) => {
    waited.push(partner);
    await nextTurn();
  });
  return waited;
}

test("elements of a list are checked in slices of the partner, and returned as the schema parses them", async () => {
  const waited = shortSlices();
  expect(await checkEach(Email, ["Ann@Example.com", "bob@example.com"], "emails", "acme")).toEqual([
    "ann@example.com",
    "bob@example.com",
  ]);
  expect(waited).toEqual(["acme", "acme"]);
});

test("faulty elements are named by their index; the check ends after twenty", async () => {
  const waited = shortSlices();
  const list = ["ann@example.com", ...Array<unknown>(100).fill(null)];
  const refused = checkEach(Email, list, "emails", "acme");
  await expect(refused).rejects.toMatchObject({
    code: "validation_failed",
    message: "emails.1: must be a string",
    errors: { length: 20, 19: { path: "emails.20", message: "must be a string" } },
  });
  expect(waited).toHaveLength(21);
});

test("the e-mails of a voucher batch are checked in slices", async () => {
  const waited = shortSlices();
  const emails = Array.from({ length: 50 }, (_, i) => (i === 40 ? "nobody" : `p${i}@example.com`));
  const json = { offer_name: "sale", expires_at: "2099-01-01T00:00:00Z", emails };
  const { request } = createTestApp();
  const problem = await problemOf(await request("POST", "/v1/voucher-batches", { key: "acme-key", json }));
  expect(problem.errors?.map(({ path }) => path)).toEqual(["emails.40"]);
  expect(waited.filter((partner) => partner === "acme")).toHaveLength(50);
});
