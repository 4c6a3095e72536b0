import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/** Packs and reads transfers until the code is compiled, first without keys and with small amounts. */
const PROGRAM = `
  import { packCommand, readCommands } from "./src/actors/records/codec.ts";
  import { plainTransfer } from "./src/http/core/transfers/transfer-request.ts";
  const caller = { partner: "acme", method: "POST", path: "/" };
  let sum = 0;
  function move(times, amount, key) {
    for (let i = 0; i < times; i++) {
      const request = { debit_account: "@issuance", credit_account: "a/b", amount };
      const command = plainTransfer(caller, request, key === null ? null : key + i, false);
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

test("the first key, or the first large amount, does not change V8's object layout of transfers", () => {
  const args = ["--trace-migration", "--input-type=module", "-e", PROGRAM];
  const output = execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  const lines = output.split("\n");
  expect(lines.filter((line) => line.includes("[migrating]") && line.includes("fingerprint"))).toEqual([]);
  expect(output).toMatch(/^sum \d+/m);
});
