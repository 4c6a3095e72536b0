/** Orders in a file of JSON lines, so that the simulated operator keeps them when it is killed. */
import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import type { OrderStore, Taken } from "./simulated-operator.ts";

export function fileStore(path: string): OrderStore {
  const orders = new Map<string, Taken>();
  // The last line is incomplete if the operator was killed while it wrote it. Then nobody got an answer.
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const end = text.lastIndexOf("\n") + 1;
  if (end < text.length) truncateSync(path, Buffer.byteLength(text.slice(0, end)));
  for (const line of text.slice(0, end).split("\n")) {
    if (line === "") continue;
    const order = JSON.parse(line) as Taken; // written below
    orders.set(order.reference, order);
  }
  return {
    get: (reference) => orders.get(reference),
    add: (order) => {
      appendFileSync(path, `${JSON.stringify(order)}\n`, { flush: true });
      orders.set(order.reference, order);
    },
  };
}
