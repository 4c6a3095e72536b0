import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

/** A deterministic log, the same in every process: each batch has transfers and a new account. */
export function crashLog(): () => WrittenBatch {
  const log = new LogWriter(0);
  let made = 0;
  return () => {
    log.wait(1);
    made += 1;
    return log.batch([
      log.transfer({ partner: "acme", debit: "@issuance", credit: "alice", amount: made }),
      log.transfer({ partner: "acme", debit: "alice", credit: `bob-${made % 5}`, amount: 1 }),
      log.created("acme", `account-${String(made).padStart(6, "0")}`),
    ]);
  };
}
