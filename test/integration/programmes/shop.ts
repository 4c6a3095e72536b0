/** Creates sellers with credit, for scenarios. */
import type { Caller, Json, TestServer } from "./test-server.ts";

export const PHONE = "+989121234567";

export type Shop = Readonly<{ id: string; path: string; key: string; caller: Caller }>;

/** Creates a seller of the partner with this credit. */
export async function openShop(house: TestServer, partner: Caller, id: string, credit = 0): Promise<Shop> {
  const { api_key: key } = await partner.post("/v1/sellers", 201, { id, name: `Shop ${id}` });
  if (credit > 0) await grant(partner, id, credit);
  return { id, path: `/v1/sellers/${id}`, key: String(key), caller: house.caller(String(key)) };
}

/** Requests credit with another key of the partner, which may approve it. Returns the path of the request. */
export async function requestCredit(partner: Caller, seller: string, amount: number): Promise<string> {
  const { id } = await (await partner.colleague()).post("/v1/credit-requests", 201, { seller, amount });
  return `/v1/credit-requests/${String(id)}`;
}

export async function grant(partner: Caller, seller: string, amount: number): Promise<void> {
  await partner.post(`${await requestCredit(partner, seller, amount)}/approve`, 200);
}

/** A successful sale, to `PHONE` by default. */
export function sell({ caller }: Shop, amount: number, more: Json = {}): Promise<Json> {
  return caller.post("/v1/topups", 201, { phone: PHONE, amount, ...more });
}
