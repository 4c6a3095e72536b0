/** A partner at its quota is refused, can still end what is open, and no other partner notices. */
import { rmSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { type Answer, Client, codeOf, makePartner, operator, ServerProcess } from "../support/server.ts";

const KEYS = 20;
const dir = makeScratchFolder("daybook-attack");
const settings = { DATA_DIR: dir, SHARDS: "2" };

type Used = Readonly<{ idempotency_keys: number; open_transfers: number; bytes: number }>;
type Usage = Readonly<{ used: Used; quotas: Used; shards: readonly (Used & Readonly<{ shard: number }>)[] }>;

let server: ServerProcess;
let admin: Client;

beforeAll(async () => {
  server = ServerProcess.launch(settings);
  await server.serving();
  admin = operator(server);
  return async () => {
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
});

/** A partner with an account `alice` that all its requests concern, so they go to one shard. */
class Partner {
  readonly id: string;
  readonly key: string;
  client: Client;
  #keys = 0;

  private constructor(id: string, key: string) {
    this.id = id;
    this.key = key;
    this.client = new Client(server.url, key);
  }

  static async open(id: string): Promise<Partner> {
    const partner = new Partner(id, await makePartner(admin, id));
    const body = { id: "alice", asset: "PTS/0", floor: null };
    expect(await partner.client.send("POST", "/v1/accounts", body)).toMatchObject({ status: 201 });
    return partner;
  }

  /** Sends with a new key, unless one is given. */
  async post(path: string, body: unknown, key: string | null = `key-${this.#keys++}`): Promise<Answer> {
    return this.client.send("POST", path, body, key === null ? {} : { "Idempotency-Key": key });
  }

  pay(key?: string | null): Promise<Answer> {
    return this.post("/v1/transfers", { debit_account: "alice", credit_account: "@out", amount: 1 }, key);
  }

  hold(key?: string | null): Promise<Answer> {
    const posting = { debit_account: "alice", credit_account: "@out", amount: 5 };
    return this.post("/v1/transfers", { ...posting, pending: true }, key);
  }

  usage(client = this.client): Promise<Usage> {
    return client.get(`/v1/partners/${this.id}/usage`);
  }

  allow(quotas: Readonly<Record<string, number | null>>, key?: string): Promise<Answer> {
    const headers: Record<string, string> = key === undefined ? {} : { "Idempotency-Key": key };
    return admin.send("PATCH", `/v1/partners/${this.id}`, { quotas }, headers);
  }
}

function idOf({ text }: Answer): string {
  return (JSON.parse(text) as { id: string }).id;
}

/** Usage on the shard that has most. */
function mostOf({ shards }: Usage, quota: keyof Used): number {
  return Math.max(...shards.map((used) => used[quota]));
}

test("at its quota of keys a partner is refused only new keys, and can end open transfers; other partners continue", async () => {
  const a = await Partner.open("keys-a");
  const b = await Partner.open("keys-b");
  expect(await a.allow({ idempotency_keys: KEYS })).toMatchObject({ status: 200 });
  const holds = [idOf(await a.hold()), idOf(await a.hold("second-hold")), idOf(await a.hold(null))];
  let paid = 0;
  for (; (await a.pay(`pay-${paid}`)).status === 201; paid++) expect(paid).toBeLessThan(KEYS);
  // Three holds, two of them with a key, and a reserved key for the end of each.
  expect(paid).toBe(KEYS - 5);
  expect(mostOf(await a.usage(), "idempotency_keys")).toBe(KEYS);

  const refused = await a.pay("refused");
  expect(refused.status).toBe(422);
  expect(JSON.parse(refused.text)).toMatchObject({
    code: "quota_exceeded",
    detail: expect.stringContaining(`${KEYS} of ${KEYS} idempotency keys`),
  });
  expect(codeOf(await a.hold(null))).toBe("quota_exceeded");
  const batch = await a.post(
    "/v1/transfers/batch",
    {
      transfers: [
        { debit_account: "alice", credit_account: "@out", amount: 1, idempotency_key: "in-batch" },
        { debit_account: "alice", credit_account: "@out", amount: 1 },
      ],
    },
    null,
  );
  expect(JSON.parse(batch.text)).toMatchObject({
    results: [{ status: 422, code: "quota_exceeded" }, { status: 201 }],
  });

  for (const key of ["pay-0", `pay-${paid - 1}`]) {
    const again = await a.pay(key);
    expect(again).toMatchObject({ status: 201, headers: { "idempotency-replayed": "true" } });
  }
  expect(await a.pay(null)).toMatchObject({ status: 201 });
  for (let i = 0; i < 2 * KEYS; i++) expect((await b.pay()).status).toBe(201);

  const [posted, voided] = holds;
  expect(await a.post(`/v1/transfers/${posted}/post`, { amount: 1 })).toMatchObject({ status: 200 });
  expect(await a.post(`/v1/transfers/${posted}/post`, {})).toMatchObject({ status: 200 });
  expect(await a.post(`/v1/transfers/${voided}/void`, {})).toMatchObject({ status: 200 });
  expect(await a.post("/v1/accounts/alice/freeze", {})).toMatchObject({ status: 200 });
  expect(codeOf(await a.pay("refused"))).toBe("quota_exceeded");

  expect(await a.allow({ idempotency_keys: 2 * KEYS })).toMatchObject({ status: 200 });
  expect(await a.post("/v1/accounts/alice/unfreeze", {})).toMatchObject({ status: 200 });
  const later = await a.pay("refused");
  expect(later.status).toBe(201);
  expect(later.headers["idempotency-replayed"]).toBeUndefined();
  expect((await admin.send("GET", "/metrics")).text).toMatch(
    /daybook_quota_exceeded_total\{shard="\d",quota="idempotency_keys"\} [1-9]/,
  );
});

test("at its quota of open transfers a partner can open another once one has ended", async () => {
  const a = await Partner.open("open-a");
  const b = await Partner.open("open-b");
  await a.allow({ open_transfers: 3 });
  const holds = [await a.hold(null), await a.hold(null), await a.hold(null)];
  expect(holds.map(({ status }) => status)).toEqual([201, 201, 201]);
  const refused = await a.hold("fourth");
  expect(refused.status).toBe(422);
  expect(refused.text).toContain("3 of 3 open transfers");
  expect(await a.pay()).toMatchObject({ status: 201 });
  expect(await b.hold()).toMatchObject({ status: 201 });
  await a.post(`/v1/transfers/${idOf(holds[0] as Answer)}/void`, {});
  expect(await a.hold("fourth")).toMatchObject({ status: 201 });
  expect(mostOf(await a.usage(), "open_transfers")).toBe(3);
});

test("only the operator sets quotas; a partner sees its own usage only", async () => {
  const a = await Partner.open("who-a");
  const b = await Partner.open("who-b");
  const defaults = (await a.usage()).quotas;
  const path = `/v1/partners/${a.id}`;
  expect(await a.client.send("PATCH", path, { quotas: { open_transfers: 9 } })).toMatchObject({
    status: 403,
  });
  for (const quotas of [{ open_transfers: -1 }, { open_transfers: 1.5 }, { unknown: 1 }, 7])
    expect(await admin.send("PATCH", path, { quotas }), JSON.stringify(quotas)).toMatchObject({
      status: 400,
    });
  expect(await b.client.send("GET", `${path}/usage`)).toMatchObject({ status: 404 });
  expect(await admin.send("GET", "/v1/partners/nobody/usage")).toMatchObject({ status: 404 });

  const set = await a.allow({ open_transfers: 9 }, "set-once");
  expect(JSON.parse(set.text)).toMatchObject({ id: a.id, quotas: { ...defaults, open_transfers: 9 } });
  await a.allow({ idempotency_keys: 1_000 });
  await a.allow({ open_transfers: null });
  const again = await a.allow({ open_transfers: 9 }, "set-once");
  expect(again).toMatchObject({ status: 200, text: set.text, headers: { "idempotency-replayed": "true" } });
  const usage = await a.usage(admin);
  expect(usage).toEqual(await a.usage());
  expect(usage.quotas).toEqual({ ...defaults, idempotency_keys: 1_000 });
  expect(usage.shards.map(({ shard }) => shard)).toEqual([0, 1]);
});

test("usage and quotas survive a kill of the server", async () => {
  const a = await Partner.open("killed-a");
  await a.allow({ idempotency_keys: 7, open_transfers: 2 });
  await a.hold();
  for (let i = 0; i < 5; i++) await a.pay();
  const before = await a.usage();
  expect(before.used).toMatchObject({ idempotency_keys: 7, open_transfers: 1 });
  expect(codeOf(await a.pay("refused"))).toBe("quota_exceeded");

  await server.kill();
  server = ServerProcess.launch(settings);
  await server.serving();
  admin = operator(server);
  a.client = new Client(server.url, a.key);
  expect(await a.usage()).toEqual(before);
  expect(codeOf(await a.pay("refused"))).toBe("quota_exceeded");
});
