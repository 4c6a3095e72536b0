import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import type { Entry } from "../../src/archive/queries/query.ts";
import { Archive } from "../../src/archive/store.ts";
import { ArchiveModel } from "./archive-model.ts";
import { crashLog } from "./crash-log.ts";

/** Runs the child until it has stored about `batches`, and kills it at an arbitrary moment. */
async function crash(folder: string, batches: number): Promise<number> {
  const script = join(import.meta.dirname, "appending-child.ts");
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
  let reached = 0;
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    reached = Number(line);
    if (reached >= batches) child.kill("SIGKILL");
  }
  await exited;
  expect(child.signalCode).toBe("SIGKILL");
  return reached;
}

/** All entries, page by page, because the size of a page is bounded. */
function allEntries(archive: Archive, query: Readonly<{ partner: string; account: string }>): Entry[] {
  const entries: Entry[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = archive.answers.entries({ ...query, limit: 100_000, cursor });
    entries.push(...page.data);
    if (page.nextCursor === null) return entries;
    cursor = page.nextCursor;
  }
}

it("continues after kill -9 with a correct index", async () => {
  const folder = mkdtempSync(join(tmpdir(), "daybook-archive-"));
  try {
    for (const batches of [1, 40, 190, 777, 1_501]) {
      const reached = await crash(folder, batches);
      const archive = new Archive(folder, { tailEntries: 128, runsPerLevel: 3 });
      while (archive.indexSome(1_000));
      const { seq } = archive.position(0)?.id ?? { seq: 0 };
      expect(seq).toBeGreaterThanOrEqual(reached);
      const next = crashLog();
      const model = new ArchiveModel();
      for (let i = 0; i < seq; i++) model.add(next());
      for (const account of ["alice", "@issuance", "bob-3"]) {
        const query = { partner: "acme", account };
        expect(allEntries(archive, query)).toEqual(model.entries(query));
        expect(archive.answers.sum({ ...query, seq: 1e9 })).toEqual(model.sum("acme", account, 1e9));
      }
      expect(archive.answers.accountIds({ partner: "acme", prefix: "", limit: 100_000 })).toEqual(
        model.accountIds("acme", ""),
      );
      const { shard, batch } = next();
      archive.append(shard, [batch]);
      archive.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
