import { expect, test } from "vitest";
import { readConfig } from "../src/config.ts";

test("without anything set, the embedded log on one machine is served on loopback", () => {
  expect(readConfig({}, [])).toMatchObject({
    port: 3000,
    host: "127.0.0.1",
    walUrl: "sqlite:./data/wal",
    dataDir: "./data",
    shards: undefined,
    gateways: 1,
    allowWeakDurability: false,
  });
});

test("flags win over the environment, and an empty value counts as absent", () => {
  const config = readConfig({ PORT: "1", DATA_DIR: "/x", WAL_URL: "" }, ["--port", "2"]);
  expect(config).toMatchObject({ port: 2, walUrl: "sqlite:/x/wal" });
});

test.each([
  ["PORT", "70000"],
  ["PORT", "web"],
  ["SHARDS", "0"],
  ["SHARDS", "1.5"],
  ["GATEWAYS", "0"],
  ["GATEWAYS", "17"],
  ["ISOLATION", "fibers"],
  ["LOG_LEVEL", "loud"],
  ["OPERATOR_KEY", "too short"],
])("%s=%s is refused in one line that names it", (name, value) => {
  expect(() => readConfig({ [name]: value }, [])).toThrow(new RegExp(`^bad configuration: ${name}: .+$`));
});

test("a log in memory needs shards that are threads: a process that is killed would take it along", () => {
  const memory = { WAL_URL: "memory:", ISOLATION: "processes" };
  expect(() => readConfig(memory, [])).toThrow(/^bad configuration: ISOLATION: .+$/);
  expect(readConfig({ ...memory, ISOLATION: "threads" }, [])).toMatchObject({ isolation: "threads" });
});

test("an unknown flag is refused", () => {
  expect(() => readConfig({}, ["--prot", "1"])).toThrow("--prot");
});
