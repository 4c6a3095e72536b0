/** Every GET shows all writes answered before it. */
import { expect, test } from "vitest";
import { Client, makePartner, operator, testFolder, testServer } from "../support/server.ts";

const WRITERS = 6;
const WRITES = 25;
const AMOUNT = 3;

type Listed = Readonly<{ data: readonly Readonly<{ id: string; transfer_id: string; posted: number }>[] }>;

test("every read shows each write that was answered before it, with concurrent writers", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2" });
  const admin = operator(server);
  const client = new Client(server.url, await makePartner(admin));
  let issued = 0;
  let opened = 0;

  const write = async (writer: number): Promise<void> => {
    const id = `writer${writer}/a`;
    const address = `/v1/accounts/${encodeURIComponent(id)}`;
    expect((await client.send("POST", "/v1/accounts", { id, asset: "PTS/0" })).status).toBe(201);
    opened += 1;
    expect(await client.get(address)).toMatchObject({ posted: 0, seq: 0 });
    const openedBefore = opened;
    const list = await client.get<Listed>("/v1/accounts?prefix=writer");
    expect(list.data.map((account) => account.id)).toContain(id);
    expect(list.data.length).toBeGreaterThanOrEqual(openedBefore);
    for (let count = 1; count <= WRITES; count++) {
      const { status, text } = await client.send("POST", "/v1/transfers", {
        debit_account: "@issuance",
        credit_account: id,
        amount: AMOUNT,
      });
      expect(status).toBe(201);
      const transfer = (JSON.parse(text) as { id: string }).id;
      issued += AMOUNT;
      // Taken before the reads: they need not show writes that are answered while they run.
      const answered = issued;
      const [account, one, entries, transfers, all, proof, system, trial] = await Promise.all([
        client.get<{ posted: number; seq: number }>(address),
        client.get<{ id: string }>(`/v1/transfers/${transfer}`),
        client.get<Listed>(`${address}/entries?limit=1`),
        client.get<Listed>(`/v1/transfers?account=${id}&limit=1`),
        client.get<Listed>("/v1/transfers?limit=500"),
        client.get<object>(`${address}/reconciliation`),
        client.get<{ balances: Record<string, { posted: number }> }>("/v1/accounts/@issuance"),
        client.get<{ assets: Record<string, { sum: number }> }>("/v1/trial-balance"),
      ]);
      expect(account).toMatchObject({ posted: count * AMOUNT, seq: count });
      expect(one.id).toBe(transfer);
      expect(entries.data[0]?.transfer_id).toBe(transfer);
      expect(transfers.data[0]?.id).toBe(transfer);
      expect(all.data.map((listed) => listed.id)).toContain(transfer);
      expect(proof).toMatchObject({ balance: count * AMOUNT, entries_count: count, reconciled: true });
      expect(system.balances["PTS/0"]?.posted).toBeLessThanOrEqual(-answered);
      expect(trial.assets["PTS/0"]?.sum).toBe(0);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  expect(await admin.get("/v1/trial-balance")).toMatchObject({ balanced: true });
});

test("the next read shows a change of bounds, a freeze and a new partner", async () => {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2" });
  const admin = operator(server);
  const client = new Client(server.url, await makePartner(admin));
  expect((await client.send("POST", "/v1/accounts", { id: "a", asset: "PTS/0" })).status).toBe(201);
  for (let count = 1; count <= 20; count++) {
    expect((await client.send("PATCH", "/v1/accounts/a", { floor: -count })).status).toBe(200);
    expect(await client.get("/v1/accounts/a")).toMatchObject({ floor: -count });
    for (const [action, status] of [
      ["freeze", "frozen"],
      ["unfreeze", "open"],
    ]) {
      expect((await client.send("POST", `/v1/accounts/a/${action}`)).status).toBe(200);
      expect(await client.get("/v1/accounts/a")).toMatchObject({ status });
    }
    const key = await makePartner(admin, `partner${count}`);
    expect(await admin.get(`/v1/partners/partner${count}`)).toMatchObject({ id: `partner${count}` });
    expect(await new Client(server.url, key).get("/v1/accounts")).toMatchObject({ data: [] });
  }
});
