/** What is done to a transfer that there is: post it, void it, move it back. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Asked } from "../actors/asked.ts";
import type { Rejection } from "../actors/rejection.ts";
import { readNothing, readOptionalJson } from "./body.ts";
import type { Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import { Amount } from "./fields.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { IDEMPOTENCY_PROBLEMS, idempotencyKey } from "./idempotency.ts";
import type { Ledger } from "./ports.ts";
import type { RouteDescription, Routes } from "./routes.ts";
import { TransferParams, transferIdOf } from "./transfer-address.ts";
import {
  inOrderOfPrecedence,
  POST_REJECTIONS,
  REVERT_REJECTIONS,
  VOID_REJECTIONS,
} from "./transfer-rejections.ts";
import { changedJson, TransferWithBalances } from "./transfer-view.ts";
import { check } from "./validation.ts";
import { decidedAnswer } from "./writes.ts";

const PostBody = z
  .strictObject({
    amount: Amount.optional().openapi({
      description: "All that is left when absent; less only of a transfer of one posting.",
    }),
    final: z.boolean().optional().openapi({ description: "Releases what is left after it." }),
  })
  .openapi("PostTransfer", { example: { amount: 1000, final: true } });

export type TransferActionsDeps = Readonly<{ ledger: Ledger; clock: Clock }>;

export function addTransferActions(routes: Routes, deps: TransferActionsDeps): void {
  addPost(routes, deps);
  addVoid(routes, deps);
  addRevert(routes, deps);
}

type Action = "post" | "void" | "revert";

function description(
  action: Action,
  summary: string,
  more: string,
  rejections: readonly Rejection[],
): RouteDescription {
  return {
    method: "post",
    path: `/v1/transfers/{id}/${action}`,
    access: "partner",
    group: "transfers",
    summary,
    description: `${more} ${inOrderOfPrecedence(rejections)}`,
    params: TransferParams,
    answer: {
      status: action === "revert" ? 201 : 200,
      description: `${action === "revert" ? "The new transfer" : "The transfer"}, and the balances after it.`,
      content: { "application/json": TransferWithBalances },
    },
    problems: [...rejections, ...IDEMPOTENCY_PROBLEMS],
  };
}

/** `canonical` is what was asked beside the id. @throws Problem 404 for an id that no transfer can have */
function asked(
  c: Context,
  call: Call,
  action: Action,
  key: string | null,
  canonical: string,
): Asked & Readonly<{ id: string }> {
  const id = transferIdOf(c);
  const fingerprint = key === null ? 0 : fingerprintOf("POST", `/v1/transfers/${id}/${action}`, canonical);
  return { partner: call.partner, key, fingerprint, id };
}

function addPost(routes: Routes, { ledger, clock }: TransferActionsDeps): void {
  routes.add(
    {
      ...description(
        "post",
        "Post a pending transfer, in full or in part",
        "Allowed on a frozen debit account. The credit account's rules may refuse it: then it stays pending.",
        POST_REJECTIONS,
      ),
      body: { schema: PostBody },
    },
    async (c, call) => {
      const key = idempotencyKey(c, clock.nowMs());
      const { amount = null, final = false } = check(PostBody, await readOptionalJson(c));
      const answer = await ledger.submit({
        op: "post_transfer",
        ...asked(c, call, "post", key, JSON.stringify([amount, final])),
        amount,
        final,
        settled: null,
      });
      return decidedAnswer(call, answer, 200, changedJson);
    },
  );
}

function addVoid(routes: Routes, { ledger, clock }: TransferActionsDeps): void {
  routes.add(
    description(
      "void",
      "Release what is left of a pending transfer",
      "Also after partial posts, which stay.",
      VOID_REJECTIONS,
    ),
    async (c, call) => {
      const key = idempotencyKey(c, clock.nowMs());
      await readNothing(c);
      const answer = await ledger.submit({
        op: "void_transfer",
        ...asked(c, call, "void", key, ""),
        settled: null,
      });
      return decidedAnswer(call, answer, 200, changedJson);
    },
  );
}

function addRevert(routes: Routes, { ledger, clock }: TransferActionsDeps): void {
  routes.add(
    description(
      "revert",
      "Move it back, once",
      "A new transfer: the postings swapped, in reverse order. Limits do not count it.",
      REVERT_REJECTIONS,
    ),
    async (c, call) => {
      const key = idempotencyKey(c, clock.nowMs());
      await readNothing(c);
      const answer = await ledger.revert(asked(c, call, "revert", key, ""));
      return decidedAnswer(call, answer, 201, changedJson);
    },
  );
}
