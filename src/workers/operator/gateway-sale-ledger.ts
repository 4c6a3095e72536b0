/** The server as the asking of the operator uses it: through a gateway, as any caller. */

import { VNODES } from "../../actors/ledger/routing.ts";
import {
  askConflicts,
  askOpenSales,
  askSale,
  creditAccount,
  type OpenSale,
  type OperatorResult,
  type SaleStatus,
  type TopupAct,
  topupAct,
} from "../../actors/programmes/topup/acts.ts";
import { actAlone, type Command } from "../../actors/records/command.ts";
import { keyless } from "../../actors/records/command-header.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import type { SaleLedger } from "../../operator/sale-asker.ts";

export class GatewaySaleLedger implements SaleLedger {
  readonly shards: number;
  readonly #gateway: Pick<Gateway, "submit" | "ask" | "askAll">;

  constructor(shards: number, gateway: Pick<Gateway, "submit" | "ask" | "askAll">) {
    this.shards = shards;
    this.#gateway = gateway;
  }

  open(shard: number, limit: number, after: number): Promise<readonly OpenSale[]> {
    // The first vnode of the shard.
    const vnode = Math.ceil((shard * VNODES) / this.shards);
    return this.#gateway.ask("", askOpenSales(vnode, limit, after));
  }

  async statusOf({ partner, id }: OpenSale): Promise<SaleStatus | undefined> {
    const [sale] = await this.#gateway.ask(partner, askSale(id));
    return sale === undefined || sale.conflict !== null ? undefined : sale.status;
  }

  decide(sale: OpenSale, answer: OperatorResult, reason: string | null): Promise<boolean> {
    const { partner, id } = sale;
    const common = { ...keyless(partner), id, settled: null } as const;
    const subject = creditAccount(sale.seller);
    if (answer === "failed") {
      const act = topupAct("fail_sale", subject, { sale: id, by: null, reason });
      return this.#submit({ op: "void_transfer", ...common, act });
    }
    const act = topupAct("complete_sale", subject, { sale: id, by: null });
    return this.#submit({ op: "post_transfer", ...common, amount: null, final: true, act });
  }

  async reportUnknown(sale: OpenSale): Promise<void> {
    await this.#report(sale, topupAct("report_unknown", creditAccount(sale.seller), { sale: sale.id }));
  }

  async reportLate(sale: OpenSale, answer: OperatorResult): Promise<void> {
    await this.#report(sale, topupAct("report_late", creditAccount(sale.seller), { sale: sale.id, answer }));
  }

  async conflicts(): Promise<number> {
    const counts = await this.#gateway.askAll("", askConflicts());
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #report({ partner }: OpenSale, act: TopupAct): Promise<void> {
    await this.#submit(actAlone(keyless(partner), act));
  }

  /** @returns whether the command was accepted; a rejection means that the sale was decided before */
  async #submit(command: Command): Promise<boolean> {
    const answer = await this.#gateway.submit(command);
    if ("refused" in answer)
      throw new OperatingError("overloaded", `the answer of the operator was refused: ${answer.refused}`);
    return answer.outcome.ok;
  }
}
