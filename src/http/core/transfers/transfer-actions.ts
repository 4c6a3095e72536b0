/** What is done to a transfer that there is: post it, void it, move it back. */
import { z } from "@hono/zod-openapi";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Rejection } from "../../../actors/records/rejection.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount } from "../../input/fields.ts";
import { fingerprintOf } from "../../input/fingerprint.ts";
import { TransferParams, transferIdOf } from "../../input/path-id.ts";
import { check } from "../../input/validation.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { readNothing, readOptionalJson } from "../../server/body.ts";
import { decidedAnswer } from "../../writes.ts";
import { DryRunQuery, dryRunAnswer } from "./dry-run.ts";
import {
  inOrderOfPrecedence,
  POST_REJECTIONS,
  REVERT_REJECTIONS,
  VOID_REJECTIONS,
} from "./transfer-rejections.ts";
import { changedJson, DryRun, TransferWithBalances } from "./transfer-view.ts";

const PostBody = z
  .strictObject({
    amount: Amount.optional().openapi({
      description: "All that is left when absent; less only of a transfer of one posting.",
    }),
    final: z.boolean().optional().openapi({ description: "Releases what is left after it." }),
  })
  .openapi("PostTransfer", { example: { amount: 1000, final: true } });

export type TransferActionsDeps = Readonly<{ ledger: Ledger }>;

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
): RouteDescription<typeof DryRunQuery> {
  return {
    method: "post",
    path: `/v1/transfers/{id}/${action}`,
    access: "partner",
    group: "transfers",
    summary,
    description: `${more} ${inOrderOfPrecedence(rejections)}`,
    params: TransferParams,
    query: DryRunQuery,
    answer: {
      status: action === "revert" ? 201 : 200,
      description: `${action === "revert" ? "The new transfer" : "The transfer"}, and the balances after it.`,
      content: {
        "application/json":
          action === "revert" ? z.union([TransferWithBalances, DryRun]) : TransferWithBalances,
      },
    },
    problems: [...rejections, ...IDEMPOTENCY_PROBLEMS],
  };
}

type OfTransfer = CommandHeader & Readonly<{ id: string }>;

/** `canonical` is what was asked beside the id. @throws Problem 404 for an id that no transfer can have */
function asked(request: HttpRequest, { partner, key }: Call, action: Action, canonical: string): OfTransfer {
  const id = transferIdOf(request);
  const fingerprint = key === null ? 0 : fingerprintOf("POST", `/v1/transfers/${id}/${action}`, canonical);
  return { partner, key, fingerprint, id };
}

/** Adds the owner of the key. An unknown transfer has none: it is refused, and the key is not stored. */
async function ofOwner(
  ledger: Ledger,
  request: OfTransfer,
): Promise<OfTransfer & Readonly<{ owner?: string }>> {
  const { partner, key, id } = request;
  if (key === null) return request;
  const origin = await ledger.origin(partner, id);
  if (origin === undefined) return { partner, key: null, fingerprint: 0, id };
  return { ...request, owner: origin.owner };
}

function addPost(routes: Routes, { ledger }: TransferActionsDeps): void {
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
    async (request, call, { dry_run }) => {
      const { amount = null, final = false } = check(PostBody, await readOptionalJson(request));
      const change = asked(request, call, "post", JSON.stringify([amount, final]));
      const post = { op: "post_transfer", amount, final, settled: null } as const;
      if (dry_run === "true")
        return dryRunAnswer(call, await ledger.dryRun({ ...change, ...post }), 200, changedJson);
      const answer = await ledger.submit({ ...(await ofOwner(ledger, change)), ...post });
      return decidedAnswer(call, answer, 200, changedJson);
    },
  );
}

function addVoid(routes: Routes, { ledger }: TransferActionsDeps): void {
  routes.add(
    description(
      "void",
      "Release what is left of a pending transfer",
      "Also after partial posts, which stay.",
      VOID_REJECTIONS,
    ),
    async (request, call, { dry_run }) => {
      await readNothing(request);
      const change = asked(request, call, "void", "");
      const end = { op: "void_transfer", settled: null } as const;
      if (dry_run === "true")
        return dryRunAnswer(call, await ledger.dryRun({ ...change, ...end }), 200, changedJson);
      const answer = await ledger.submit({ ...(await ofOwner(ledger, change)), ...end });
      return decidedAnswer(call, answer, 200, changedJson);
    },
  );
}

function addRevert(routes: Routes, { ledger }: TransferActionsDeps): void {
  routes.add(
    description(
      "revert",
      "Move it back, once",
      "A new transfer: the postings swapped, in reverse order. Limits do not count it.",
      REVERT_REJECTIONS,
    ),
    async (request, call, { dry_run }) => {
      await readNothing(request);
      const change = asked(request, call, "revert", "");
      if (dry_run === "true") return dryRunAnswer(call, await ledger.dryRunRevert(change), 201, changedJson);
      const answer = await ledger.revert(change);
      return decidedAnswer(call, answer, 201, changedJson);
    },
  );
}
