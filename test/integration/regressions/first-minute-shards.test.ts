/** A start with another number of shards than the log has is refused, and the line says that nothing is lost. */
import { expect, test } from "vitest";
import { refusedStart, testFolder, testRedis, testServer } from "../../support/server.ts";

async function settingsOn(store: string): Promise<Readonly<Record<string, string>>> {
  const DATA_DIR = testFolder();
  return store === "redis" ? { DATA_DIR, WAL_URL: (await testRedis()).url } : { DATA_DIR };
}

test.each(["sqlite", "redis"])(
  "another number of SHARDS is refused for a log of 2 shards, with the same DATA_DIR or a new one: %s",
  async (store) => {
    const settings = await settingsOn(store);
    const first = await testServer({ ...settings, SHARDS: "2" });
    first.signal("SIGTERM");
    await first.exited;
    const elsewhere = { ...settings, WAL_URL: settings["WAL_URL"] ?? `sqlite:${settings["DATA_DIR"]}/wal` };
    for (const SHARDS of ["1", "3", "64"]) {
      for (const each of [settings, { ...elsewhere, DATA_DIR: testFolder() }]) {
        const { code, lines } = await refusedStart({ ...each, SHARDS });
        expect({ code, count: lines.length }).toEqual({ code: 1, count: 1 });
        expect(lines[0]).toMatch(
          new RegExp(`was written with SHARDS=2, this server was started with SHARDS=${SHARDS}: `),
        );
        expect(lines[0]).toContain(
          "cannot be changed. Nothing is lost: start it with SHARDS=2, or without SHARDS",
        );
        expect(lines[0]).not.toMatch(/reshard|restore|lost data/);
      }
    }
    const again = await testServer(settings);
    expect(again.stdout).toContain("2 shards");
  },
);
