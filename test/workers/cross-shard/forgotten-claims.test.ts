/** Names can be claimed only once. A shard remembers the newest claims, here two; older ones only the archive knows. */
import { expect, test } from "vitest";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { creditAccount, phoneAccount } from "../../../src/actors/programmes/topup/acts.ts";
import { bankAccount, bankSubject, PLATFORM_TENANT } from "../../../src/actors/programmes/wallet/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { ArchiveError } from "../../../src/archive/archive-error.ts";
import { OperatingError } from "../../../src/errors/operating-error.ts";
import { randomBytes } from "../../../src/random.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, MemoryCluster, mustPost, transfer } from "../shard/memory-shards.ts";

const CLAIMS_MAX = 2;

async function begun(archiveDelay?: () => Promise<void>) {
  const stores = [new MemoryStore("s0")];
  const options = {
    settings: { claimsMax: CLAIMS_MAX },
    random: randomBytes,
    ...(archiveDelay && { archiveDelay }),
  };
  const cluster = await MemoryCluster.start(stores, options);
  const { gateway } = cluster;
  await mustPost(gateway, account("a"));
  await mustPost(gateway, transfer("@issuance", "a", 1_000));
  const make = async () => codeOrId(await gateway.submit(transfer("a", "@sink", 1)));
  const revert = async (id: string) =>
    codeOrId(await gateway.revert({ partner: "acme", key: null, fingerprint: 0, id }));
  return { cluster, gateway, make, revert };
}

function codeOrId(answer: object): string {
  if (!("outcome" in answer)) throw new Error(JSON.stringify(answer));
  const outcome = answer.outcome as { id?: string; code?: string };
  return outcome.id ?? outcome.code ?? "";
}

test("a shard accepts reverts without limit, and does not revert again a transfer that it has forgotten", async () => {
  const { gateway, make, revert } = await begun();
  const reverts: (readonly [string, string])[] = [];
  for (let i = 0; i < 5 * CLAIMS_MAX; i++) {
    const id = await make();
    const by = await revert(id);
    expect(by).toMatch(/^tr_/);
    reverts.push([id, by]);
  }
  for (const [id, by] of reverts) {
    expect(await revert(id)).toBe("already_reverted");
    expect(await gateway.transfer("acme", id)).toMatchObject({ revertedBy: by });
  }
  expect(await gateway.transfer("acme", await make())).toMatchObject({ revertedBy: null });
});

test("the same after a restart from the log", async () => {
  const { cluster, make, revert } = await begun();
  const ids: string[] = [];
  for (let i = 0; i < 2 * CLAIMS_MAX; i++) ids.push(await make());
  for (const id of ids) await revert(id);
  await cluster.stop(0);
  await cluster.launch(0);
  for (const id of ids) expect(await revert(id)).toBe("already_reverted");
});

test.each([
  ["is behind", new OperatingError("log_unavailable", "the archive did not catch up")],
  ["is damaged", new ArchiveError("archive_corrupt", "a batch cannot be read")],
])("while the archive %s, a revert that depends on it is refused and not done", async (_, error) => {
  let failure: Error | undefined;
  const { make, revert } = await begun(async () => {
    if (failure !== undefined) throw failure;
  });
  const ids = await Promise.all(Array.from({ length: 2 * CLAIMS_MAX }, make));
  for (const id of ids) await revert(id);
  const fresh = await make();
  failure = error;
  await expect(revert(ids[0] as string)).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(revert(fresh)).rejects.toMatchObject({ code: "log_unavailable" });
  expect(await revert(ids.at(-1) as string), "what is remembered needs no archive").toBe("already_reverted");
  failure = undefined;
  expect(await revert(ids[0] as string)).toBe("already_reverted");
  expect(await revert(fresh)).toMatch(/^tr_/);
});

const UNKEYED = { key: null, fingerprint: 0 } as const;

function act(partner: string, of: Act): Command {
  return { ...UNKEYED, op: "act", partner, act: of };
}

test("a seller's reference names one sale forever", async () => {
  const { gateway } = await begun();
  const subject = creditAccount("sam");
  const vnode = vnodeOfAccount("acme", subject);
  const topup = { programme: "topup", subject } as const;
  await mustPost(
    gateway,
    act("acme", { ...topup, act: "create_seller", name: "Sam", asset: "TOP/0" } as Act),
  );
  const requested = await gateway.submit(
    act("acme", { ...topup, act: "request_credit", amount: 100, note: null } as Act),
  );
  const { request } = (requested as unknown as { outcome: { effect: { request: string } } }).outcome.effect;
  const approve = { ...topup, act: "approve", request, by: "k", amount: 100 } as Act;
  await mustPost(gateway, { ...transfer("@credit", subject, 100), vnode, act: approve });
  const sell = async (reference: string) => {
    const sale = { ...topup, act: "sale", phone: "+31", reference } as Act;
    return codeOrId(await gateway.submit({ ...transfer(subject, phoneAccount("+31"), 1), vnode, act: sale }));
  };
  const references = Array.from({ length: 3 * CLAIMS_MAX }, (_, i) => `r${i}`);
  for (const reference of references) expect(await sell(reference)).toMatch(/^tr_/);
  for (const reference of references) expect(await sell(reference)).toBe("duplicate_reference");
});

test("a bank's reference names one deposit forever", async () => {
  const { gateway } = await begun();
  await mustPost(gateway, { ...account("wallet:w"), partner: PLATFORM_TENANT });
  const deposit = async (ref: string) => {
    const of = {
      programme: "wallet",
      act: "deposit",
      subject: bankSubject("b"),
      wallet: "w",
      bank: "b",
      ref,
    };
    const command: CompoundTransfer = {
      ...UNKEYED,
      op: "compound_transfer",
      partner: PLATFORM_TENANT,
      postings: [{ debit: bankAccount("b"), credit: "wallet:w", amount: 1 }],
      available: false,
      pending: false,
      timeoutMs: null,
      memo: null,
      metadata: null,
      occurredAtMs: null,
      vnode: vnodeOfAccount(PLATFORM_TENANT, bankSubject("b")),
      act: of,
    };
    return codeOrId(await gateway.submit(command));
  };
  const refs = Array.from({ length: 3 * CLAIMS_MAX }, (_, i) => `r${i}`);
  for (const ref of refs) expect(await deposit(ref)).toMatch(/^tr_/);
  for (const ref of refs) expect(await deposit(ref)).toBe("duplicate_reference");
});

test("a member's reference names one movement forever, also in batches", async () => {
  const { gateway } = await begun();
  const subject = pointsAccount("ann");
  const vnode = vnodeOfAccount("acme", subject);
  const loyalty = { programme: "loyalty", subject } as const;
  await mustPost(gateway, act("acme", { ...loyalty, act: "create_member", name: null } as Act));
  const accrue = (reference: string) => {
    const accrual = { ...loyalty, act: "accrual", reference } as Act;
    return { ...transfer("@issuance", subject, 1), vnode, act: accrual };
  };
  const references = Array.from({ length: 3 * CLAIMS_MAX }, (_, i) => `r${i}`);
  const submit = async () => (await gateway.submitTransfers(references.map(accrue))).items;
  expect(await submit()).toEqual(references.map(() => ({ id: expect.stringMatching(/^tr_/) })));
  expect(await submit()).toEqual(references.map(() => ({ code: "duplicate_reference" })));
  expect(await gateway.account("acme", subject)).toMatchObject({ posted: references.length });
});
