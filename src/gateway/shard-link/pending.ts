/** A request that waits for its answer from a shard. */
import type { OperatingError } from "../../errors/operating-error.ts";
import type { LogId } from "../../wal/wal.ts";
import type { UntracedRequest } from "../../workers/shard/messages.ts";
import type { Flow, Queued } from "./flows.ts";
import type { Message } from "./in-flight-messages.ts";

/**
 * A shard's reply. `at` and `timeMs`: position and log time at which it is durable. `result`: its shape depends on
 * the kind of request.
 */
export type ShardReply = Readonly<{ at: LogId; timeMs: number; result: unknown }>;

export interface Pending extends Queued {
  readonly request: UntracedRequest;
  /** When it was queued. Whole milliseconds, because V8 stores small integers without an allocation. */
  readonly sinceMs: number;
  /** The message it was sent with. Absent before that, and while its reply waits for another shard. */
  message: Message | undefined;
  isSent: boolean;
  /** It is not a batch, and waits for another shard or for expiries: it counts no more against its flow's bound. */
  isDeferred: boolean;
  readonly credits: number;
  readonly flow: Flow<Pending>;
  /** The same flow in the gateway's limit on requests. */
  readonly requests: Flow;
  readonly resolve: (reply: ShardReply) => void;
  readonly reject: (error: OperatingError) => void;
}
