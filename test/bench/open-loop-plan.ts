import type { Bodies } from "./load.ts";

/** What the open-loop generator is told. */
export type OpenLoopPlan = Readonly<{
  url: string;
  path: string;
  contentType: string;
  token: string;
  bodies: Bodies;
  connections: number;
  /** Requests, whatever the answers do. */
  perSecond: number;
  seconds: number;
  /** At the same rate before that, sent and not counted. */
  warmUpSeconds: number;
}>;
