import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/** Moves money as a shard does, so often that all of it is compiled: first without keys and in small amounts. */
const PROGRAM = `
  import { packCommand, readCommands } from "./src/actors/records/codec.ts";
  import { plainTransfer } from "./src/http/core/transfers/transfer-request.ts";
  const asker = { partner: "acme", method: "POST", path: "/" };
  let sum = 0;
  function move(times, amount, key) {
    for (let i = 0; i < times; i++) {
      const asked = { debit_account: "@issuance", credit_account: "a/b", amount };
      const command = plainTransfer(asker, asked, key === null ? null : key + i, false);
      readCommands(packCommand(command), (read) => { sum += read.vnode + read.fingerprint + read.amount; });
      sum += command.vnode + command.fingerprint + command.amount;
    }
  }
  move(20_000, 1, null);
  move(20_000, 1, "k");
  move(20_000, 2 ** 40, "l");
  move(20_000, 1, null);
  console.log("sum", sum);
`;

test("a first key, or a first large amount, changes the layout of no transfer", () => {
  const args = ["--trace-migration", "--input-type=module", "-e", PROGRAM];
  const said = execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  const lines = said.split("\n");
  expect(lines.filter((line) => line.includes("[migrating]") && line.includes("fingerprint"))).toEqual([]);
  expect(said).toMatch(/^sum \d+/m);
});
