/** The simulated operator behind HTTP, with the protocol of `http-operator.ts`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import type { OperatorAnswer } from "./operator.ts";
import { AnswerLost, type OrderStore, type SimulatedOperator } from "./simulated-operator.ts";

const BODY_BYTES_MAX = 16_384;
const OrderBody = z.strictObject({
  reference: z.string().min(1).max(128),
  phone: z.string().min(1).max(32),
  amount: z.int().min(1),
});

export function operatorServer(operator: SimulatedOperator, store: OrderStore): Server {
  return createServer((request, response) => {
    void answer(operator, store, request, response).catch((error: unknown) => {
      // A lost answer: the caller sees a broken connection.
      if (error instanceof AnswerLost) request.socket.destroy();
      else send(response, 400, { error: "not a valid order" });
    });
  });
}

async function answer(
  operator: SimulatedOperator,
  store: OrderStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reference = decodeURIComponent((request.url ?? "/").slice(1));
  if (request.method === "GET") {
    const said = await operator.status(reference);
    if (said.result === "not_found") send(response, 404, { error: "no such order" });
    else sendAnswer(response, reference, said);
    return;
  }
  if (request.method !== "POST" || reference !== "") {
    send(response, 404, { error: "not found" });
    return;
  }
  const order = OrderBody.parse(JSON.parse(await bodyOf(request)));
  const known = store.get(order.reference);
  if (known !== undefined && (known.phone !== order.phone || known.amount !== order.amount)) {
    send(response, 409, { error: "another order has this reference" });
    return;
  }
  sendAnswer(response, order.reference, await operator.send(order));
}

/** @throws Error (as a rejection) the body is too long */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error("the body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function sendAnswer(response: ServerResponse, reference: string, said: OperatorAnswer): void {
  const reason = said.result === "failed" ? said.reason : null;
  send(response, 200, { reference, status: said.result, reason });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
