/** What clients ask of top-ups that an operator decides. */
import { phoneAccount } from "../../../src/actors/programmes/topup/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Random } from "../../support/random.ts";
import { askedOf } from "../workload.ts";
import { askAlone, askCompound, submit, type Tools } from "./asked-act.ts";

const NEWEST = 6;

export class PendingSales {
  readonly #random: Random;
  readonly #phones: number;
  readonly #known: Readonly<{ id: string; seller: string }>[] = [];

  constructor(random: Random, phones: number) {
    this.#random = random;
    this.#phones = phones;
  }

  /** Sales that an operator decides, and what the partner and the operator say of them, at any time and twice. */
  act(tools: Tools, seller: string, amount: number): void {
    const random = this.#random;
    const known = this.#known.at(-1 - random.below(NEWEST));
    if (known === undefined || random.chance(0.3)) {
      const phone = `+49${random.below(this.#phones)}`;
      const reference = random.chance(0.5) ? `r${random.below(8)}` : null;
      const of = { programme: "topup", act: "start_sale", subject: seller } as const;
      const act = { ...of, phone, amount, reference } as Act;
      const pending = { pending: true, timeoutMs: null };
      return askCompound(tools, act, seller, phoneAccount(phone), amount, pending, (id) =>
        this.#known.push({ id, seller }),
      );
    }
    const of = { programme: "topup", subject: known.seller, sale: known.id } as const;
    const answer = random.oneOf(["completed", "failed"]);
    if (random.chance(0.2)) return askAlone(tools, { ...of, act: "report_unknown" });
    if (random.chance(0.2)) return askAlone(tools, { ...of, act: "report_late", answer } as Act);
    const by = random.chance(0.5) ? null : "key";
    const over = { ...askedOf(tools.partner, tools.newKey()), id: known.id, settled: null } as const;
    if (answer === "failed")
      return submit(tools, {
        ...over,
        op: "void_transfer",
        act: { ...of, act: "fail_sale", by, reason: null } as Act,
      });
    const act = { ...of, act: "complete_sale", by } as Act;
    return submit(tools, { ...over, op: "post_transfer", amount: null, final: true, act });
  }
}
