/** Callers that each reach a different gateway on the same port. */
import { expect, onTestFinished } from "vitest";
import { Client } from "./server.ts";

/** The chance that a hundred connections miss one of three gateways is below 10^-17. */
const CONNECTIONS_MAX = 100;

/** Identifies the gateway that answers: its request ids share a prefix. */
async function gatewayOf(client: Client): Promise<string> {
  const { headers } = await client.send("GET", "/healthz");
  return String(headers["request-id"]).split("-")[0] ?? "";
}

/** One caller per gateway, each over one keep-alive connection. */
export async function callerPerGateway(
  url: string,
  key: string,
  gateways: number,
): Promise<readonly Client[]> {
  const callers = new Map<string, Client>();
  for (let i = 0; i < CONNECTIONS_MAX && callers.size < gateways; i++) {
    const client = new Client(url, key, 1);
    const gateway = await gatewayOf(client);
    if (callers.has(gateway)) client.close();
    else callers.set(gateway, client);
  }
  expect(callers.size).toBe(gateways);
  onTestFinished(() => {
    for (const client of callers.values()) client.close();
  });
  return [...callers.values()];
}
