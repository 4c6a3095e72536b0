/** `/v1/customers`: the customers that vouchers are issued to. */
import { z } from "@hono/zod-openapi";
import {
  askCustomer,
  type CustomerView,
  customerSubject,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email, emailOfPath } from "../../input/email.ts";
import { ProgrammeName, timeTextOf } from "../../input/fields.ts";
import { Problem } from "../../problem.ts";
import { readChange } from "../../read-change.ts";
import { addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import type { VoucherDeps } from "./fields.ts";

const NewCustomer = z
  .strictObject({ email: Email, name: ProgrammeName.optional() })
  .openapi("NewCustomer", { example: { email: "alice@example.com", name: "Alice" } });
const CustomerSchema = z
  .object({ email: z.string(), name: z.string().nullable(), created_at: z.iso.datetime() })
  .openapi("Customer", {
    example: { email: "alice@example.com", name: "Alice", created_at: "2026-11-20T10:00:00.000Z" },
  });
const answer = { description: "The customer.", content: { "application/json": CustomerSchema } };

export function customerNotFound(email: string): Problem {
  return new Problem("customer_not_found", `There is no customer ${email}.`);
}

export function addCustomers(routes: Routes, { ledger }: VoucherDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/customers",
      access: "partner",
      group: "vouchers",
      summary: "Create a customer",
      body: { schema: NewCustomer },
      answer: { status: 201, ...answer },
      problems: ["customer_exists", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewCustomer);
      const { email, name = null } = value;
      const act = voucherAct("create_customer", customerSubject(email), { email, name });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 201, (_, { timeMs }) =>
        customerJson({ email, name, createdAtMs: timeMs }),
      );
    },
  );
  addReadRoute(
    routes,
    {
      path: "/v1/customers/{email}",
      access: "partner",
      group: "vouchers",
      summary: "Get a customer",
      params: z.object({ email: Email }),
      answer: { status: 200, ...answer },
      problems: ["customer_not_found"],
    },
    async (request, call) => {
      const email = emailOfPath(request.param("email"));
      const customer = await ledger.ask(call.partner, askCustomer(email));
      if (customer === null) throw customerNotFound(email);
      return customer;
    },
    customerJson,
  );
}

function customerJson({ email, name, createdAtMs }: CustomerView): string {
  return JSON.stringify({ email, name, created_at: timeTextOf(createdAtMs) });
}
