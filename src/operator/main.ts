/**
 * A simulated operator of top-ups: `npm run operator -- --port 4000 --file orders.jsonl --faults "fail=0.05&delay_ms=50"`.
 * For TOPUP_OPERATOR=http://127.0.0.1:4000.
 */
import { parseArgs } from "node:util";
import { messageOf } from "../errors/error-message.ts";
import { parseFaults } from "./open-operator.ts";
import { operatorServer } from "./operator-server.ts";
import { fileStore } from "./order-file.ts";
import { memoryStore, SimulatedOperator } from "./simulated-operator.ts";

function main(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", default: "4000" },
      /** Without it, orders are in memory. */
      file: { type: "string" },
      faults: { type: "string", default: "" },
    },
  });
  const store = values.file === undefined ? memoryStore() : fileStore(values.file);
  const faults = parseFaults(new URLSearchParams(values.faults));
  const server = operatorServer(new SimulatedOperator(faults, store, Date.now), store);
  server.listen(Number(values.port), "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    process.stdout.write(`operator: http://127.0.0.1:${port}\n`);
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`operator: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
