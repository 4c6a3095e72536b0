/** An archive without disk space. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArchiveService } from "../../src/archive/service/archive-service.ts";
import { checkSpace } from "../../src/archive/service/disk-space.ts";
import { Archive } from "../../src/archive/store.ts";
import { testFolder } from "../support/server.ts";
import { until } from "../support/until.ts";

const TRIES = 2;

const full = () => Object.assign(new Error("no space left"), { code: "ENOSPC" });

test("an archive that can be opened but has no space stays suspended until it has", async () => {
  const folder = testFolder();
  let isFull = true;
  const seen: (string | null)[] = [];
  const service = new ArchiveService(
    (isAgain) => {
      if (isAgain) setImmediate(() => seen.push(service.stats().away));
      if (isAgain && isFull) throw full();
      const archive = new Archive(folder);
      if (isFull)
        archive.indexSome = () => {
          throw full();
        };
      return archive;
    },
    (error) => {
      throw error;
    },
  );
  onTestFinished(() => service.close());
  await until("it was tried again", () => seen.length >= TRIES);
  for (const away of seen) expect(away).toMatch(/^the archive is suspended .*: no space left$/);
  isFull = false;
  await until("it is available", () => service.stats().away === null);
});

test("space is looked for by writing a file, which is not left behind", () => {
  const folder = testFolder();
  const path = join(folder, "space-check");
  checkSpace(folder);
  expect(existsSync(path)).toBe(false);
  mkdirSync(path);
  expect(() => checkSpace(folder)).toThrow(/EISDIR/);
});
