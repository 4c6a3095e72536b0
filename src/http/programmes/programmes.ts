/** The programmes of the API, in the order of their routes. */
import type { FeedDeps } from "../events/event-stream.ts";
import type { HttpProgramme, KeyRole } from "../programme.ts";
import type { PointsDeps } from "./loyalty/points.ts";
import { LOYALTY } from "./loyalty/routes.ts";
import { MONITORS, type MonitorDeps } from "./monitors/routes.ts";
import type { ReportsDeps } from "./segments/reports.ts";
import { SEGMENTS } from "./segments/routes.ts";
import { TOPUP } from "./topup/routes.ts";
import type { TopupDeps } from "./topup/sellers.ts";
import type { VoucherDeps } from "./vouchers/fields.ts";
import { VOUCHERS } from "./vouchers/routes.ts";
import { WALLET } from "./wallet/routes.ts";
import type { WalletDeps } from "./wallet/session.ts";
import { WEBHOOKS } from "./webhooks/routes.ts";
import type { WebhooksDeps } from "./webhooks/webhooks.ts";

export type ProgrammeDeps = PointsDeps &
  VoucherDeps &
  TopupDeps &
  ReportsDeps &
  WalletDeps &
  MonitorDeps &
  WebhooksDeps &
  FeedDeps;

export const PROGRAMMES: readonly HttpProgramme<ProgrammeDeps>[] = [
  LOYALTY,
  VOUCHERS,
  TOPUP,
  SEGMENTS,
  WALLET,
  MONITORS,
  WEBHOOKS,
];

/** Sorted by name. */
export const KEY_ROLES: readonly KeyRole[] = PROGRAMMES.flatMap(({ roles = [] }) => roles).toSorted((a, b) =>
  a.name < b.name ? -1 : 1,
);
