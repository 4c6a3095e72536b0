/** Credit requests that were decided more than 30 days ago. Only the archive has them. */
import {
  type ForgottenRequest,
  forgottenRequests,
  type RequestStatus,
  type RequestView,
  type TopupEffect,
} from "../../../actors/programmes/topup/acts.ts";
import type { JsonValue } from "../../../actors/records/act.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { type ForgottenList, findForgotten } from "../forgotten-items.ts";

/** `undefined` if it is in memory or was never made. */
export async function findOldRequest(
  ledger: Ledger,
  partner: string,
  id: string,
): Promise<RequestView | undefined> {
  const found = await findForgotten(ledger, partner, {
    programme: "topup",
    subject: id,
    itemsIn: requestsIn,
  });
  return found.find((request) => request.id === id);
}

/** @param seller `null`: all. @param status `null`: any. */
export function oldRequestsOf(
  seller: string | null,
  status: RequestStatus | null,
): ForgottenList<RequestView> {
  return {
    programme: "topup",
    subject: forgottenRequests(seller),
    itemsIn: requestsIn,
    shows: (request) =>
      (seller === null || request.seller === seller) && (status === null || request.status === status),
  };
}

/** @param effect of a record that forgets requests; the shard that decided it has logged an effect of this type */
function requestsIn(effect: JsonValue): readonly RequestView[] {
  return (effect as TopupEffect<"forget">).forgotten.map(viewOf);
}

function viewOf([id, seller, amount, note, status, createdAtMs, ...more]: ForgottenRequest): RequestView {
  const [decidedBy, decidedAtMs, reason, requestedBy] = more;
  const decided = { decidedBy, decidedAtMs, reason };
  const asked = requestedBy === null ? {} : { requestedBy };
  return { id, seller, amount, note, status, createdAtMs, ...decided, ...asked };
}
