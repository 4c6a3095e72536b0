/** A signal under load: the server must end in good order. */
import { expect } from "vitest";
import { checkBooks } from "../fault/books.ts";
import { Load } from "./load.ts";
import { makePartner, operator, type ServerProcess, testServer, within } from "./server.ts";

const CALLERS = 16;

/**
 * What was done was answered, and what was answered is in the log: another server on the same settings shows it.
 *
 * @param server serves; `signal` tells it to end.
 */
export async function drainUnderLoad(server: ServerProcess, signal: () => void): Promise<void> {
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(150);
  signal();
  const { code, lines } = await within(10_000, "the server has ended", server.exited);
  await load.stop();
  expect({ code, lines }).toEqual({ code: 0, lines: [] });
  // Each caller finds its idle connection closed at most once, and then at most one that the system had taken for a server
  // that takes none any more; nothing of what was sent on them had been begun, as is seen below.
  expect(load.broken).toBeLessThanOrEqual(2 * CALLERS);
  const again = await testServer(server.settings);
  expect(await load.settle(again.url), "done, but not answered").toBe(0);
  await checkBooks(again.url, load);
}
