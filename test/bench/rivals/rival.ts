/**
 * A rival ledger behind the same HTTP: `node rival.ts postgres|redis-lua socket connections`. It accepts Daybook's
 * bodies and answers in the same form, without keys, headers and access control.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { OwnerTransfer } from "./owner-transfers.ts";
import { openRival } from "./rival-kinds.ts";
import type { RivalKind } from "./rival-ledger.ts";

const ITEMS_MAX = 10_000;
/** The characters of an id; none of them needs quoting. */
const ACCOUNT_ID = /^[\w@./-]{1,100}$/;

const [, , kind, socket = "", connections] = process.argv;
const ledger = openRival(kind as RivalKind, socket, Number(connections));
const app = new Hono();

function isTransfer(value: unknown): value is OwnerTransfer {
  if (typeof value !== "object" || value === null) return false;
  const { debit_account, credit_account, amount } = value as Record<string, unknown>;
  return (
    isAccount(debit_account) &&
    isAccount(credit_account) &&
    debit_account !== credit_account &&
    Number.isSafeInteger(amount) &&
    (amount as number) > 0
  );
}

function isAccount(value: unknown): boolean {
  return typeof value === "string" && ACCOUNT_ID.test(value);
}

app.post("/v1/transfers", async (c) => {
  const asked: unknown = await c.req.json();
  if (!isTransfer(asked)) return c.json({ code: "validation_failed" }, 400);
  const done = await ledger.transfer(asked);
  if ("code" in done) return c.json(done, 422);
  const { debit_account, credit_account } = asked;
  const balances = {
    [debit_account]: { posted: done.debitPosted },
    [credit_account]: { posted: done.creditPosted },
  };
  return c.json({ id: done.id, status: "posted", ...asked, balances }, 201);
});

app.post("/v1/transfers/batch", async (c) => {
  const { transfers } = await c.req.json<{ transfers?: unknown }>();
  if (!Array.isArray(transfers) || transfers.length > ITEMS_MAX || !transfers.every(isTransfer)) {
    return c.json({ code: "validation_failed" }, 400);
  }
  const done = await ledger.transferBatch(transfers);
  return c.json({
    results: done.map((each) => ("code" in each ? { status: 422, ...each } : { status: 201, ...each })),
  });
});

app.onError((failure, c) => {
  process.stderr.write(`${failure.stack ?? failure.message}\n`);
  return c.json({ code: "internal" }, 500);
});

const listener = getRequestListener(app.fetch);
const server = createServer((request, response) => void listener(request, response));
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listens on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
