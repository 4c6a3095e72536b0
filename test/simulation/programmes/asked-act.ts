/** How a client asks for an act of a programme: alone, with a transfer, or with a compound transfer. */

import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Command, Outcome } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import type { Asked } from "../client-history.ts";
import type { Question } from "../questions.ts";
import { askedOf } from "../workload.ts";

export type Keyed = Command & Readonly<{ key: string }>;

/** What a client lends for one act. */
export type Tools = Readonly<{
  partner: string;
  /** About the time of the shards. */
  nowMs: number;
  newKey: () => string;
  /** Asks until it is answered, or given up: then the outcome is not known. */
  insist: (command: Command & Readonly<{ key: string }>, then: (asked: Asked) => void) => void;
  ask: (question: Question, then: () => void) => void;
  done: () => void;
}>;

export function askAlone(tools: Tools, act: Act, learn: (effect: unknown) => void = () => {}): void {
  const command = { ...askedOf(tools.partner, tools.newKey()), op: "act", act } as Keyed;
  submit(tools, command, (outcome) => {
    if (outcome.ok && "effect" in outcome) learn(outcome.effect);
  });
}

export function askMoving(
  tools: Tools,
  act: Act,
  debit: string,
  credit: string,
  amount: number,
  learn: (id: string) => void = () => {},
  vnode = act.vnode ?? vnodeOfAccount(tools.partner, act.subject),
): void {
  const noted = { memo: null, metadata: null, occurredAtMs: null };
  const asked = askedOf(tools.partner, tools.newKey());
  const command = { ...asked, ...noted, op: "transfer", debit, credit, amount, vnode, act } as Keyed;
  submit(tools, command, (outcome) => {
    if (outcome.ok && "id" in outcome) learn(outcome.id);
  });
}

export function askCompound(
  tools: Tools,
  act: Act,
  debit: string,
  credit: string,
  amount: number,
  shape: Partial<Pick<CompoundTransfer, "pending" | "timeoutMs">>,
  learn: (id: string) => void = () => {},
): void {
  const whole = { available: false, pending: false, timeoutMs: null, ...shape };
  const noted = { memo: null, metadata: null, occurredAtMs: null };
  const vnode = vnodeOfAccount(tools.partner, act.subject);
  const asked = askedOf(tools.partner, tools.newKey());
  const postings = [{ debit, credit, amount }];
  const command = { ...asked, ...noted, ...whole, op: "compound_transfer", postings, vnode, act } as Keyed;
  submit(tools, command, (outcome) => {
    if (outcome.ok && "id" in outcome) learn(outcome.id);
  });
}

export function submit(tools: Tools, command: Command, learn: (outcome: Outcome) => void = () => {}): void {
  tools.insist(command as Keyed, ({ outcome }) => {
    if (outcome !== undefined) learn(outcome);
    tools.done();
  });
}
