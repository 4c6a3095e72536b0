/** Checks a graceful shutdown: a signal under load. */
import { expect } from "vitest";
import { checkBooks } from "../fault/books.ts";
import { Load } from "./load.ts";
import { makePartner, operator, type ServerProcess, testServer, within } from "./server.ts";

const CALLERS = 16;

/**
 * Checks that every executed command was answered, and that every answered one is in the log: another server with the
 * same settings shows it.
 *
 * @param server is serving; `signal` tells it to stop.
 */
export async function checkDrainUnderLoad(server: ServerProcess, signal: () => void): Promise<void> {
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(150);
  signal();
  const { code, lines } = await within(10_000, "the server has ended", server.exited);
  await load.stop();
  expect({ code, lines }).toEqual({ code: 0, lines: [] });
  // Each caller finds its idle connection closed at most once, and then at most one connection that the system had
  // accepted for a server that accepts none any more. No request on them was executed, as is checked below.
  expect(load.broken).toBeLessThanOrEqual(2 * CALLERS);
  const again = await testServer(server.settings);
  expect(await load.settle(again.url), "done, but not answered").toBe(0);
  await checkBooks(again.url, load);
}
