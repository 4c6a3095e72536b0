/** `/v1/topups/{id}/confirm` and `/fail`: the partner decides a top-up that the operator has not decided. */
import { z } from "@hono/zod-openapi";
import { isSaleAct, topupAct } from "../../../actors/programmes/topup/acts.ts";
import type {
  PostTransfer,
  TransferChanged,
  VoidTransfer,
} from "../../../actors/records/compound-command.ts";
import type { Answer } from "../../../gateway/ports.ts";
import { keyIdOf } from "../../auth.ts";
import type { Call } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Description } from "../../input/fields.ts";
import { Problem } from "../../problem.ts";
import { readBareChange, readChange } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import type { TopupDeps } from "./sellers.ts";
import { type Topup, TopupSchema, topupJson, topupOf } from "./topup-view.ts";

const FailBody = z
  .strictObject({ reason: Description.optional() })
  .openapi("FailTopup", { example: { reason: "The operator's support says that it was not charged" } });
export const TopupParams = z.object({ id: z.string() });

const LATER =
  "The operator is still asked: if it contradicts the decision later, nothing is moved, there is an event `topup.conflict`, " +
  "and `GET /v1/topups?status=conflict` lists the top-up.";

export function addTopupDecisions(routes: Routes, deps: TopupDeps): void {
  addConfirm(routes, deps);
  addFail(routes, deps);
}

export function topupNotFound(id: string): Problem {
  return new Problem("topup_not_found", `There is no top-up ${id}.`);
}

type Sale = Readonly<{ id: string; owner: string; subject: string }>;

/** The top-up that the path names. Nothing of this ever changes. @throws Problem 404 */
async function saleOf(request: HttpRequest, call: Call, { ledger }: TopupDeps): Promise<Sale> {
  const id = request.param("id");
  const origin = await ledger.origin(call.partner, id);
  if (origin === undefined || !isSaleAct(origin.act ?? undefined)) throw topupNotFound(id);
  return { id, owner: origin.owner, subject: origin.act?.subject ?? "" };
}

function decisionAnswer(call: Call, answer: Answer<PostTransfer | VoidTransfer>) {
  const isOver = "outcome" in answer && !answer.outcome.ok && answer.outcome.code === "transfer_not_pending";
  const decided = isOver
    ? { ...answer, outcome: { ...answer.outcome, code: "already_decided" as const } }
    : answer;
  return decidedAnswer(call, decided, 200, (changed) => topupJson(decidedTopup(changed)));
}

function decidedTopup({ transfer, effect }: TransferChanged): Topup {
  const topup = topupOf(transfer);
  if (topup === undefined) throw new Problem("internal_error");
  // The effect of both acts is the sale after the decision.
  const { sale } = effect as { sale: { reason: string | null; decidedBy: string | null } };
  return { ...topup, reason: sale.reason, decidedBy: sale.decidedBy };
}

function addConfirm(routes: Routes, deps: TopupDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/topups/{id}/confirm",
      access: "partner",
      group: "topups",
      summary: "Confirm a pending or unknown top-up: the operator has charged the phone",
      description: `Moves the held amount. ${LATER}`,
      params: TopupParams,
      answer: answerOf(200, "The top-up.", TopupSchema),
      problems: ["topup_not_found", "already_decided", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const { id, owner, subject } = await saleOf(request, call, deps);
      const act = topupAct("complete_sale", subject, { sale: id, by: keyIdOf(call) });
      const whole = { amount: null, final: true, settled: null } as const;
      const command: PostTransfer = { op: "post_transfer", ...header, id, owner, ...whole, act };
      return decisionAnswer(call, await ledger.submit(command));
    },
  );
}

function addFail(routes: Routes, deps: TopupDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/topups/{id}/fail",
      access: "partner",
      group: "topups",
      summary: "Fail a pending or unknown top-up: the operator has not charged the phone",
      description: `Releases the held amount. ${LATER}`,
      params: TopupParams,
      body: { schema: FailBody },
      answer: answerOf(200, "The top-up.", TopupSchema),
      problems: ["topup_not_found", "already_decided", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, FailBody);
      const { id, owner, subject } = await saleOf(request, call, deps);
      const { reason = null } = value;
      const act = topupAct("fail_sale", subject, { sale: id, by: keyIdOf(call), reason });
      const command: VoidTransfer = { op: "void_transfer", ...header, id, owner, settled: null, act };
      return decisionAnswer(call, await ledger.submit(command));
    },
  );
}
