/** A separate process that makes a given number of sales, some concurrently, and reports the outcomes. */
import { setTimeout } from "node:timers/promises";

export type SellerPlan = Readonly<{ id: string; key: string }>;

export type ClientPlan = Readonly<{
  url: string;
  name: string;
  sales: number;
  lanes: number;
  sellers: readonly SellerPlan[];
  phones: readonly string[];
  amountMax: number;
}>;

/** Amounts sold by seller and by phone, and the number of sales refused for lack of credit. */
export type ClientReport = Readonly<{
  sold: Readonly<Record<string, number>>;
  charged: Readonly<Record<string, number>>;
  completed: number;
  refused: number;
}>;

const RETRY_MS = 50;

/** The status of the final outcome. An unknown outcome is retried with the same idempotency key. */
async function sell(plan: ClientPlan, { key }: SellerPlan, index: number, sale: object): Promise<number> {
  for (;;) {
    const response = await fetch(`${plan.url}/v1/topups`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${key}`,
        "Content-Type": "application/json",
        "Idempotency-Key": `${plan.name}-${index}`,
      },
      body: JSON.stringify(sale),
    });
    await response.arrayBuffer();
    if (response.status !== 503) return response.status;
    await setTimeout(RETRY_MS);
  }
}

async function work(plan: ClientPlan): Promise<ClientReport> {
  const sold: Record<string, number> = {};
  const charged: Record<string, number> = {};
  const counts = { completed: 0, refused: 0 };
  const numbers = Array.from({ length: plan.sales }, (_, index) => index).values();
  const lane = async (): Promise<void> => {
    for (const index of numbers) {
      const seller = plan.sellers[index % plan.sellers.length] as SellerPlan;
      const phone = plan.phones[(index * 7) % plan.phones.length] as string;
      const amount = 1 + ((index * 31) % plan.amountMax);
      const reference = `${plan.name}-${index}`;
      const status = await sell(plan, seller, index, { phone, amount, reference });
      if (status === 422) {
        counts.refused += 1;
        continue;
      }
      if (status !== 201) throw new Error(`a sale was answered ${status}`);
      counts.completed += 1;
      sold[seller.id] = (sold[seller.id] ?? 0) + amount;
      charged[phone] = (charged[phone] ?? 0) + amount;
    }
  };
  await Promise.all(Array.from({ length: plan.lanes }, lane));
  return { sold, charged, ...counts };
}

process.once("message", (plan) => {
  void work(plan as ClientPlan).then((report) => {
    process.send?.(report);
    process.disconnect?.();
  });
});
