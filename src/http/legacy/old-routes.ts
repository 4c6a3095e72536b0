/** The table of old addresses: which handler answers which method and path, and how a system writes its refusals. */
import type { Call, HttpAnswer } from "../call.ts";
import { answer } from "../call.ts";
import { PROBLEMS, Problem } from "../problem.ts";
import type { HttpRequest } from "../request.ts";

export type OldHandler = (request: HttpRequest, call: Call) => Promise<HttpAnswer> | HttpAnswer;

/** Writes a refusal as the old system did. 503 never comes here: it is answered as in `/v1`. */
export type Refusal = (call: Call, problem: Problem) => HttpAnswer;

/** Adds an old address. @param path with parameters, as `/segment/user/:id`. */
export type AddOld = (method: string, path: string, handler: OldHandler) => void;

/** Adds addresses with and without a slash at the end: the old system ignored it. */
export function withSlash(add: AddOld): AddOld {
  return (method, path, handler) => {
    add(method, path, handler);
    add(method, `${path}/`, handler);
  };
}

/** An adapter of one old system. */
export type OldSystem = Readonly<{ add: (add: AddOld) => void; refuse: Refusal }>;

/** A handler whose refusals are written by `refuse`. */
export function refusing(handler: OldHandler, refuse: Refusal): OldHandler {
  return async (request, call) => {
    try {
      return await handler(request, call);
    } catch (failure) {
      if (!(failure instanceof Problem) || PROBLEMS[failure.code].status === 503) throw failure;
      return refuse(call, failure);
    }
  };
}

/** @param headers in addition to those of every answer. */
export function oldJson(
  call: Call,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): HttpAnswer {
  return answer(call, status, JSON.stringify(body), { "Content-Type": "application/json", ...headers });
}

export function redirect(
  call: Call,
  location: string,
  status = 302,
  headers: Record<string, string> = {},
): HttpAnswer {
  return answer(call, status, "", { Location: location, ...headers });
}
