/** Routes that act on an existing transfer: post, void, revert. */
import { z } from "@hono/zod-openapi";
import { type CommandHeader, keyless } from "../../../actors/records/command-header.ts";
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
import { decidedAnswer } from "../../write-answers.ts";
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
      description:
        "Absent: the whole remaining amount. Less is allowed only for a transfer with one posting.",
    }),
    final: z.boolean().optional().openapi({ description: "Release the remaining amount after this post." }),
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
      description: `${action === "revert" ? "The new transfer" : "The transfer"}, and the balances of its accounts after it.`,
      content: {
        "application/json":
          action === "revert" ? z.union([TransferWithBalances, DryRun]) : TransferWithBalances,
      },
    },
    problems: [...rejections, ...IDEMPOTENCY_PROBLEMS],
  };
}

type TransferChange = CommandHeader & Readonly<{ id: string }>;

/** @param canonical the request's content besides the id. @throws Problem 404 for an id that no transfer can have */
function changeHeader(
  request: HttpRequest,
  { partner, key }: Call,
  action: Action,
  canonical: string,
): TransferChange {
  const id = transferIdOf(request);
  const fingerprint = key === null ? 0 : fingerprintOf("POST", `/v1/transfers/${id}/${action}`, canonical);
  return { partner, key, fingerprint, id };
}

/** Adds the owner of the key. An unknown transfer has none: the command will be rejected, and its key not stored. */
async function withOwner(
  ledger: Ledger,
  request: TransferChange,
): Promise<TransferChange & Readonly<{ owner?: string }>> {
  const { partner, key, id } = request;
  if (key === null) return request;
  const origin = await ledger.origin(partner, id);
  if (origin === undefined) return { ...keyless(partner), id };
  return { ...request, owner: origin.owner };
}

function addPost(routes: Routes, { ledger }: TransferActionsDeps): void {
  routes.add(
    {
      ...description(
        "post",
        "Post a pending transfer, in full or in part",
        "Allowed on a frozen debit account. If the credit account's rules refuse it, the transfer stays pending.",
        POST_REJECTIONS,
      ),
      body: { schema: PostBody },
    },
    async (request, call, { dry_run }) => {
      const { amount = null, final = false } = check(PostBody, await readOptionalJson(request));
      const change = changeHeader(request, call, "post", JSON.stringify([amount, final]));
      const post = { op: "post_transfer", amount, final, settled: null } as const;
      if (dry_run === "true")
        return dryRunAnswer(call, await ledger.dryRun({ ...change, ...post }), 200, changedJson);
      const answer = await ledger.submit({ ...(await withOwner(ledger, change)), ...post });
      return decidedAnswer(call, answer, 200, changedJson);
    },
  );
}

function addVoid(routes: Routes, { ledger }: TransferActionsDeps): void {
  routes.add(
    description(
      "void",
      "Void a pending transfer: release its remaining amount",
      "Partial posts that were made before stay.",
      VOID_REJECTIONS,
    ),
    async (request, call, { dry_run }) => {
      await readNothing(request);
      const change = changeHeader(request, call, "void", "");
      const end = { op: "void_transfer", settled: null } as const;
      if (dry_run === "true")
        return dryRunAnswer(call, await ledger.dryRun({ ...change, ...end }), 200, changedJson);
      const answer = await ledger.submit({ ...(await withOwner(ledger, change)), ...end });
      return decidedAnswer(call, answer, 200, changedJson);
    },
  );
}

function addRevert(routes: Routes, { ledger }: TransferActionsDeps): void {
  routes.add(
    description(
      "revert",
      "Revert a transfer, at most once",
      "Creates a transfer with debit and credit swapped and postings in reverse order. Limits do not count it.",
      REVERT_REJECTIONS,
    ),
    async (request, call, { dry_run }) => {
      await readNothing(request);
      const change = changeHeader(request, call, "revert", "");
      if (dry_run === "true") return dryRunAnswer(call, await ledger.dryRunRevert(change), 201, changedJson);
      const answer = await ledger.revert(change);
      return decidedAnswer(call, answer, 201, changedJson);
    },
  );
}
