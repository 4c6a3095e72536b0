/** `/v1/monitors`: events for balances that cross a value. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../../actors/ledger/routing.ts";
import {
  askMonitor,
  askMonitors,
  MONITORS_SUBJECT,
  type MonitorView,
  monitorAct,
} from "../../../actors/programmes/monitors/acts.ts";
import {
  MONITORS_MAX,
  MONITORS_PER_ACCOUNT_MAX,
  PREFIX_MONITORS_MAX,
} from "../../../actors/programmes/monitors/monitors.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Balance, Id, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { Problem } from "../../problem.ts";
import type { HttpProgramme } from "../../programme.ts";
import { readBareChange, readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";

export type MonitorDeps = Readonly<{ ledger: Ledger }>;

/** A prefix of an id has the characters of one; the `/` may be its last character. */
const PREFIX = /^[A-Za-z0-9_.:+-][A-Za-z0-9_.:@+-]{0,126}(?:\/[A-Za-z0-9_.:@+-]{0,126})?$/;
const PREFIX_LENGTH_MAX = 128;

const Watched = Id.refine(
  (id) => typeof id !== "string" || !isSystemAccount(id),
  "must not begin with @: a system account has one balance in each vnode",
);
const Prefix = z
  .string()
  .max(PREFIX_LENGTH_MAX)
  .regex(PREFIX, "must be the beginning of an account's id")
  .openapi({ example: "shop:", description: "Watches each account whose id begins with this." });

const rule = {
  field: z.enum(["posted", "available", "held"]),
  when: z.enum(["above", "below"]).openapi({
    description: "`above`: from at most `value` to more. `below`: from at least `value` to less.",
  }),
  value: z.int().openapi({ example: 100_000 }),
};
const NewMonitor = z
  .strictObject({ account: Watched.optional(), prefix: Prefix.optional(), ...rule })
  .refine(({ account, prefix }) => (account === undefined) !== (prefix === undefined), {
    path: ["account"],
    message: "give either account or prefix",
  })
  .openapi("NewMonitor", { example: { account: "alice", field: "available", when: "below", value: 1000 } });
const MonitorSchema = z
  .object({
    id: z.string(),
    account: z.string().nullable(),
    prefix: z.string().nullable(),
    ...rule,
    value: Balance,
    created_at: z.iso.datetime(),
  })
  .openapi("Monitor", {
    example: {
      id: "mon_5f2b8c1e9a7d4036b1c2d3e4",
      account: "alice",
      prefix: null,
      field: "available",
      when: "below",
      value: 1000,
      created_at: "2026-11-20T10:00:00.000Z",
    },
  });

const answerSchema = { description: "The monitor.", content: { "application/json": MonitorSchema } };

export const MONITORS: HttpProgramme<MonitorDeps> = {
  addRoutes(routes, deps) {
    addCreate(routes, deps);
    addReads(routes, deps);
    addDelete(routes, deps);
  },
};

function monitorJson({ createdAtMs, ...monitor }: MonitorView): string {
  return JSON.stringify({ ...monitor, created_at: timeTextOf(createdAtMs) });
}

function addCreate(routes: Routes, { ledger }: MonitorDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/monitors",
      access: "partner",
      group: "events",
      summary: "Watch the balance of an account, or of each account with a prefix",
      description:
        "Each time that a balance crosses the value, there is one event `monitor.crossed`, decided with the change that " +
        "crosses. A new monitor reports nothing by itself. A partner may have " +
        `${MONITORS_MAX} monitors: ${MONITORS_PER_ACCOUNT_MAX} of one account, and ${PREFIX_MONITORS_MAX} with a prefix.`,
      body: { schema: NewMonitor },
      answer: { status: 201, ...answerSchema },
      problems: ["too_many_monitors", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value: asked, header } = await readChange(request, call, NewMonitor);
      const { account = null, prefix = null, field, when, value } = asked;
      const act = monitorAct("create_monitor", MONITORS_SUBJECT, {
        rule: { account, prefix, field, when, value },
      });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 201, (outcome) =>
        monitorJson(effectOf(act, outcome).monitor),
      );
    },
  );
}

function addReads(routes: Routes, { ledger }: MonitorDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/monitors",
      access: "partner",
      group: "events",
      summary: "List monitors, newest first",
      query: PageQuery,
      row: MonitorSchema,
    },
    (_, call, query) => ledger.list(call.partner, askMonitors, query, callerOf(call)),
    monitorJson,
  );
  addReadRoute(
    routes,
    {
      path: "/v1/monitors/{id}",
      access: "partner",
      group: "events",
      summary: "Get a monitor",
      params: IdParams,
      answer: { status: 200, ...answerSchema },
      problems: ["monitor_not_found"],
    },
    async (request, call) => {
      const id = idOf(request);
      const monitor = await ledger.ask(call.partner, askMonitor(id));
      if (monitor === null) throw new Problem("monitor_not_found", `There is no monitor ${id}.`);
      return monitor;
    },
    monitorJson,
  );
}

function addDelete(routes: Routes, { ledger }: MonitorDeps): void {
  routes.add(
    {
      method: "delete",
      path: "/v1/monitors/{id}",
      access: "partner",
      group: "events",
      summary: "Delete a monitor",
      params: IdParams,
      answer: { status: 204, description: "Deleted. Its past events stay." },
      problems: ["monitor_not_found"],
    },
    async (request, call) => {
      const id = idOf(request);
      const header = await readBareChange(request, call);
      const act = monitorAct("delete_monitor", MONITORS_SUBJECT, { id });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 204, () => null);
    },
  );
}
